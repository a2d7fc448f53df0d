/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 'depgraph why' for programs: one document, docs/schemas/depgraph-why-1.schema.json,
 * or one object on each line.
 */
#include "cmds/depgraph-why.h"
#include "core/base/json.h"
#include "core/base/map.h"
#include "reports/envelope.h"

static void put_edge(struct json *json, const struct why_edge *e)
{
	json_object_begin(json);
	json_field(json, "from", e->from->path);
	json_field(json, "to", e->to->path);
	json_field(json, "name", e->name);
	json_field(json, "kind", dep_edge_kind_name(e->kind));
	json_field(json, "how", e->how);
	json_key(json, "address");
	if (e->address)
		json_uint(json, e->address);
	else
		json_none(json);
	json_object_end(json);
}

static struct error *put_chain(const struct why_chain *chain, void *arg)
{
	struct json *json = arg;

	json_array_begin(json);
	for (size_t i = 0; i < chain->n; i++)
		put_edge(json, chain->edges[i]);
	json_array_end(json);
	return NULL;
}

/* How far away, and by how many ways. */
static void put_length(struct json *json, const struct why_target *target)
{
	json_field_bool(json, "reached", target->reached);
	json_field(json, "when", target->reached ? why_when_name(target->when) : NULL);
	json_field_uint(json, "steps", target->steps);
	json_field_uint(json, "chains_total", target->chains);
	json_field_bool(json, "chains_total_exact", target->chains != UINT64_MAX);
}

static void put_target(struct json *json, const struct why_target *target)
{
	json_field(json, "path", target->node->path);
	json_field(json, "name", target->node->name);
	json_field(json, "soname", target->node->soname);
	json_field_bool(json, "source", target->node->root);
	put_length(json, target);
}

/* The places of each file that asks for what was not found. */
struct tried {
	struct json *json;
	const struct why_answer *answer;
	struct map seen;
};

static struct error *put_tried(const struct why_chain *chain, void *arg)
{
	struct tried *t = arg;
	const struct why_edge *e = chain->edges[chain->n - 1];
	size_t n;

	if (map_get(&t->seen, (const char *)&e->id, sizeof(e->id)))
		return NULL;
	const struct dep_tried *places = why_get_tried(t->answer->why, e, &n);
	for (size_t i = 0; i < n; i++) {
		json_object_begin(t->json);
		json_field(t->json, "from", e->from->path);
		json_field(t->json, "place", places[i].place);
		json_field(t->json, "source", places[i].source);
		json_field(t->json, "reason", places[i].reason);
		json_object_end(t->json);
	}
	return map_put(&t->seen, (const char *)&e->id, sizeof(e->id), t);
}

static struct error *put_places(struct json *json, const struct why_answer *answer,
				const struct why_target *target)
{
	struct tried t = { .json = json, .answer = answer };
	struct error *err = NULL;

	map_init(&t.seen);
	json_key(json, "tried");
	json_array_begin(json);
	if (!target->node->path)
		err = why_each_chain(answer->why, target, answer->max, put_tried, &t);
	json_array_end(json);
	map_deinit(&t.seen);
	return err;
}

static struct error *put_reference(struct json *json, const struct why_answer *answer,
				   const struct why_reference *r)
{
	struct error *err = NULL;

	json_field(json, "path", r->file.node->path);
	json_field(json, "symbol", r->symbol);
	json_field(json, "version", r->version);
	json_field_bool(json, "weak", r->weak);
	json_field(json, "bound_to", r->bound_to ? r->bound_to->path : NULL);
	put_length(json, &r->file);
	json_key(json, "chain");
	if (r->file.steps)
		err = why_each_chain(answer->why, &r->file, 1, put_chain, json);
	else {
		json_array_begin(json);
		json_array_end(json);
	}
	return err;
}

static struct error *put_targets(struct json *json, const struct why_answer *a)
{
	struct error *err = NULL;

	json_array_begin(json);
	for (size_t i = 0; !err && i < a->ntargets; i++) {
		json_object_begin(json);
		put_target(json, &a->targets[i]);
		json_key(json, "chains");
		json_array_begin(json);
		err = why_each_chain(a->why, &a->targets[i], a->max, put_chain, json);
		json_array_end(json);
		if (!err)
			err = put_places(json, a, &a->targets[i]);
		json_object_end(json);
	}
	json_array_end(json);
	return err;
}

static struct error *put_references(struct json *json, const struct why_answer *a)
{
	struct error *err = NULL;

	json_array_begin(json);
	for (size_t i = 0; !err && i < a->nreferences && i < a->max; i++) {
		json_object_begin(json);
		err = put_reference(json, a, &a->references[i]);
		json_object_end(json);
	}
	json_array_end(json);
	return err;
}

struct error *why_write_json(const struct why_answer *a, struct out *out)
{
	struct envelope_run run = { a->store, a->run, NULL };
	struct json json;
	struct error *err;

	json_init(&json, out, true);
	err = envelope_begin(&json, "uniscope.depgraph-why/1", &run, 1);
	if (err)
		return err;
	json_object_begin(&json);
	json_field(&json, "target", a->text);
	json_field(&json, "match", a->nreferences ? "symbol" : "file");
	json_field_uint(&json, "max", a->max);
	json_key(&json, "targets");
	err = put_targets(&json, a);
	json_field_uint(&json, "references_total", a->nreferences);
	json_key(&json, "references");
	if (!err)
		err = put_references(&json, a);
	json_object_end(&json);
	return err ? err : envelope_end(&json, &run, 1);
}

/* --- Lines --- */

struct lines {
	struct out *out;
	const struct why_target *target;
};

static void begin_line(struct json *json, struct out *out, const char *type)
{
	json_init(json, out, false);
	json_object_begin(json);
	json_field(json, "type", type);
}

static struct error *put_chain_line(const struct why_chain *chain, void *arg)
{
	const struct lines *lines = arg;
	struct json json;

	begin_line(&json, lines->out, "chain");
	json_field(&json, "path", lines->target->node->path);
	json_field(&json, "name", lines->target->node->name);
	json_key(&json, "steps");
	struct error *err = put_chain(chain, &json);
	json_object_end(&json);
	return err;
}

static struct error *put_warning_line(const struct store_warning *row, void *arg)
{
	struct json json;

	begin_line(&json, arg, "warning");
	json_field(&json, "code", row->code);
	json_field(&json, "subject", row->subject);
	json_field(&json, "text", row->text);
	json_object_end(&json);
	return NULL;
}

struct error *why_write_jsonl(const struct why_answer *a, struct out *out)
{
	struct error *err = NULL;
	struct json json;

	for (size_t i = 0; !err && i < a->ntargets; i++) {
		struct lines lines = { out, &a->targets[i] };
		begin_line(&json, out, "target");
		put_target(&json, &a->targets[i]);
		err = put_places(&json, a, &a->targets[i]);
		json_object_end(&json);
		if (!err)
			err = why_each_chain(a->why, &a->targets[i], a->max, put_chain_line,
					     &lines);
	}
	for (size_t i = 0; !err && i < a->nreferences && i < a->max; i++) {
		begin_line(&json, out, "reference");
		err = put_reference(&json, a, &a->references[i]);
		json_object_end(&json);
	}
	return err ? err : store_each_warning(a->store, a->run, put_warning_line, out);
}
