/* SPDX-License-Identifier: BSD-2-Clause */
/* 'depgraph why' for people. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmds/depgraph-why.h"
#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/map.h"

enum { MAX_INDENT = 60 };

struct text {
	const struct why_answer *answer;
	struct output *output;
	struct out *out;
	struct buf scratch;
	const char *corner;
	struct map seen;	      /* edges whose places were shown */
	const struct why_edge **last; /* the chain before: what it shares is not repeated */
	size_t nlast, cap;
};

static void put_name(struct text *t, const char *name)
{
	buf_clear(&t->scratch);
	buf_add_escaped(&t->scratch, name);
	out_add(t->out, t->scratch.data, t->scratch.len);
}

enum tone { TONE_NONE, TONE_DIM, TONE_BAD, TONE_BOLD };

static void tone(struct text *t, enum tone tone)
{
	static const char *const codes[] = { "\033[0m", "\033[2m", "\033[1;31m", "\033[1m" };

	if (t->output->color)
		out_adds(t->out, codes[tone]);
}

static const char *title(const struct why_node *node)
{
	return node->path ? node->path : node->name;
}

static void put_gap(struct text *t, size_t depth)
{
	for (size_t i = 0; i < depth && i < MAX_INDENT; i++)
		out_adds(t->out, "   ");
}

/* A chain may have 65,536 steps: what is deeper than a screen is wide gets a number. */
static void put_indent(struct text *t, size_t depth)
{
	put_gap(t, depth - 1);
	if (depth > MAX_INDENT)
		out_addf(t->out, "[%zu] ", depth);
	out_adds(t->out, t->corner);
}

/* "(DT_NEEDED, found by /etc/ld.so.cache)", "(dlopen: constant argument at 0x1234)" */
static void put_how(struct text *t, const struct why_edge *e)
{
	tone(t, TONE_DIM);
	out_adds(t->out, "  (");
	if (e->kind != DEP_NEEDED)
		out_adds(t->out, dep_edge_kind_name(e->kind));
	if (e->to->path && strcmp(e->name, e->to->name) != 0 && strcmp(e->name, e->to->path) != 0) {
		out_adds(t->out, e->kind != DEP_NEEDED ? " as '" : "as '");
		put_name(t, e->name);
		out_adds(t->out, "': ");
	} else if (e->kind != DEP_NEEDED) {
		out_adds(t->out, ": ");
	}
	put_name(t, e->how);
	if (e->address)
		out_addf(t->out, " at 0x%" PRIx64, e->address);
	out_addc(t->out, ')');
	tone(t, TONE_NONE);
}

static void put_edge(struct text *t, const struct why_edge *e, size_t depth)
{
	put_indent(t, depth);
	if (e->to->path) {
		put_name(t, e->to->path);
	} else {
		tone(t, TONE_BAD);
		put_name(t, e->to->name);
		out_adds(t->out, "  not found");
		tone(t, TONE_NONE);
	}
	put_how(t, e);
	out_addc(t->out, '\n');
}

/* Where the loader looked for what it did not find; once for each file that asks. */
static struct error *put_tried(struct text *t, const struct why_edge *e, size_t depth)
{
	size_t n;
	const struct dep_tried *tried = why_get_tried(t->answer->why, e, &n);

	if (e->to->path || map_get(&t->seen, (const char *)&e->id, sizeof(e->id)))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		tone(t, TONE_DIM);
		put_gap(t, depth);
		out_adds(t->out, "tried ");
		put_name(t, tried[i].place);
		out_adds(t->out, " (");
		put_name(t, tried[i].source);
		out_adds(t->out, "): ");
		put_name(t, tried[i].reason);
		out_addc(t->out, '\n');
		tone(t, TONE_NONE);
	}
	return map_put(&t->seen, (const char *)&e->id, sizeof(e->id), t);
}

static struct error *put_chain(const struct why_chain *chain, void *arg)
{
	struct text *t = arg;
	size_t same = 0;
	struct error *err;

	while (same < t->nlast && same < chain->n && t->last[same] == chain->edges[same])
		same++;
	if (!t->nlast || t->last[0]->from != chain->edges[0]->from) {
		put_name(t, title(chain->edges[0]->from));
		out_addc(t->out, '\n');
	}
	for (size_t i = same; i < chain->n; i++)
		put_edge(t, chain->edges[i], i + 1);
	err = put_tried(t, chain->edges[chain->n - 1], chain->n + 1);
	if (!err)
		err = array_grow(&t->last, &t->cap, chain->n, sizeof(*t->last));
	if (err)
		return err;
	memcpy(t->last, chain->edges, chain->n * sizeof(*t->last));
	t->nlast = chain->n;
	return NULL;
}

static void put_count(struct text *t, uint64_t n, const char *what)
{
	out_addf(t->out, "%s%" PRIu64 " %s%s", n == UINT64_MAX ? "at least " : "", n, what,
		 n == 1 ? "" : "s");
}

/* "2 shortest chains of 3 steps, at start" */
static void put_length(struct text *t, const struct why_target *target)
{
	static const char *const when[] = { "at start", "through dlopen",
					    "through what may be opened at run time" };

	put_count(t, target->chains, "shortest chain");
	out_adds(t->out, " of ");
	put_count(t, target->steps, "step");
	out_addf(t->out, ", %s", when[target->when]);
}

static struct error *put_target(struct text *t, const struct why_target *target)
{
	tone(t, TONE_BOLD);
	put_name(t, title(target->node));
	tone(t, TONE_NONE);
	if (!target->node->path)
		out_adds(t->out, " was not found");
	if (target->node->root)
		out_adds(t->out, target->steps ? " (a SOURCE itself)" : " is SOURCE itself");
	if (!target->reached)
		out_adds(t->out, ": nothing in the graph leads to it");
	if (target->steps) {
		out_adds(t->out, ": ");
		put_length(t, target);
	}
	if (target->chains > t->answer->max)
		out_addf(t->out, "; %" PRIu64 " shown, --max shows more", t->answer->max);
	out_addc(t->out, '\n');
	t->nlast = 0;
	return why_each_chain(t->answer->why, target, t->answer->max, put_chain, t);
}

static struct error *put_reference(struct text *t, const struct why_reference *r)
{
	tone(t, TONE_BOLD);
	put_name(t, r->file.node->path);
	tone(t, TONE_NONE);
	out_adds(t->out, " refers to ");
	put_name(t, r->symbol);
	if (r->version) {
		out_addc(t->out, '@');
		put_name(t, r->version);
	}
	out_adds(t->out, r->weak ? " (weak), " : ", ");
	if (r->bound_to) {
		out_adds(t->out, "bound to ");
		put_name(t, r->bound_to == r->file.node ? "itself" : r->bound_to->path);
	} else {
		tone(t, r->weak ? TONE_DIM : TONE_BAD);
		out_adds(t->out, "not found");
		tone(t, TONE_NONE);
	}
	if (!r->file.reached)
		out_adds(t->out, "; nothing in the graph leads to this file");
	if (!r->file.steps && r->file.reached)
		out_adds(t->out, "; it is SOURCE itself");
	if (r->file.steps) {
		out_adds(t->out, "; ");
		put_length(t, &r->file);
		if (r->file.chains > 1)
			out_adds(t->out, ", the first");
		out_addc(t->out, ':');
	}
	out_addc(t->out, '\n');
	t->nlast = 0;
	return why_each_chain(t->answer->why, &r->file, 1, put_chain, t);
}

static struct error *put_references(struct text *t)
{
	const struct why_answer *a = t->answer;
	struct error *err = NULL;

	put_name(t, a->text);
	out_addf(t->out, ": %zu reference%s", a->nreferences, a->nreferences == 1 ? "" : "s");
	if (a->nreferences > a->max)
		out_addf(t->out, "; %" PRIu64 " shown, --max shows more", a->max);
	out_addc(t->out, '\n');
	for (size_t i = 0; !err && i < a->nreferences && i < a->max; i++) {
		out_addc(t->out, '\n');
		err = put_reference(t, &a->references[i]);
	}
	return err;
}

struct error *why_write_tree(const struct why_answer *answer, struct output *output)
{
	struct text t = { .answer = answer, .output = output, .out = &output->out };
	struct error *err = NULL;

	buf_init(&t.scratch);
	map_init(&t.seen);
	t.corner = output_takes_utf8() ? "\xe2\x94\x94\xe2\x94\x80 " : "`- ";
	for (size_t i = 0; !err && i < answer->ntargets; i++) {
		if (i)
			out_addc(t.out, '\n');
		err = put_target(&t, &answer->targets[i]);
	}
	if (!err && answer->nreferences)
		err = put_references(&t);
	if (!err)
		err = buf_error(&t.scratch);
	buf_deinit(&t.scratch);
	map_deinit(&t.seen);
	free(t.last);
	return err;
}
