/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 'depgraph diff' for programs: one document, docs/schemas/depgraph-diff-1.schema.json,
 * or one object on each line.
 */
#include "cmds/depgraph-diff.h"
#include "core/base/json.h"
#include "core/store/store.h"
#include "reports/envelope.h"

static void put_number(struct json *json, const char *key, bool known, uint64_t n)
{
	json_key(json, key);
	if (known)
		json_uint(json, n);
	else
		json_none(json);
}

static void put_totals(struct json *json, const struct diff_answer *a, const struct diff_totals *t)
{
	json_field_uint(json, "files", t->files);
	json_field_uint(json, "loaded_files", t->loaded_files);
	json_field_uint(json, "file_bytes", t->file_bytes);
	json_field_uint(json, "loaded_bytes", t->loaded_bytes);
	put_number(json, "symbols", a->symbols, t->symbols);
	json_field_uint(json, "not_found", t->missing);
}

static void put_entry(struct json *json, const char *key, const struct diff_entry *e)
{
	json_key(json, key);
	if (!e) {
		json_none(json);
		return;
	}
	json_object_begin(json);
	json_field(json, "path", e->path);
	json_field(json, "realpath", e->realpath);
	json_field(json, "soname", e->soname);
	json_field_bool(json, "root", e->root);
	json_field_bool(json, "loaded", e->loaded);
	json_field_uint(json, "bytes", e->file_bytes);
	json_field_uint(json, "loaded_bytes", e->loaded_bytes);
	json_field(json, "build_id", e->build_id);
	json_key(json, "package");
	if (e->package) {
		json_object_begin(json);
		json_field(json, "name", e->package);
		json_field(json, "version", e->package_version);
		json_field(json, "type", e->package_type);
		json_object_end(json);
	} else {
		json_none(json);
	}
	json_object_end(json);
}

static void put_file(struct json *json, const struct diff_file *f)
{
	json_field(json, "status", diff_status_name(f->status));
	json_field(json, "name", f->name);
	json_key(json, "changed");
	json_array_begin(json);
	for (unsigned int bit = 0; bit < DIFF_FIELDS; bit++)
		if (f->fields & 1u << bit)
			json_str(json, diff_field_name(bit));
	json_array_end(json);
	put_entry(json, "a", f->a);
	put_entry(json, "b", f->b);
}

static void put_users(struct json *json, const struct diff_users *users)
{
	json_key(json, "needed_by");
	json_array_begin(json);
	for (size_t i = 0; i < users->n; i++)
		json_str(json, users->files[i]->path);
	json_array_end(json);
}

static void put_symbol(struct json *json, const struct diff_symbol *s)
{
	json_field(json, "status", diff_status_name(s->status));
	json_field(json, "symbol", s->name);
	json_field(json, "version", s->version);
	json_field_bool(json, "weak", s->weak);
	json_field(json, "bound_to", s->bound_to ? s->bound_to->path : NULL);
	put_users(json, &s->users);
}

static void put_missing(struct json *json, const struct diff_missing *m)
{
	json_field(json, "status", diff_status_name(m->status));
	json_field(json, "name", m->name);
	put_users(json, &m->users);
}

static void put_counts(struct json *json, const char *key, const struct diff_counts *c)
{
	json_key(json, key);
	json_object_begin(json);
	json_field_uint(json, "same", c->same);
	json_field_uint(json, "added", c->added);
	json_field_uint(json, "removed", c->removed);
	json_field_uint(json, "changed", c->changed);
	json_object_end(json);
}

static void put_lists(struct json *json, const struct diff *d)
{
	json_key(json, "files");
	json_array_begin(json);
	for (size_t i = 0; i < d->nfiles; i++) {
		json_object_begin(json);
		put_file(json, &d->files[i]);
		json_object_end(json);
	}
	json_array_end(json);
	json_key(json, "symbols");
	json_array_begin(json);
	for (size_t i = 0; i < d->nsymbols; i++) {
		json_object_begin(json);
		put_symbol(json, &d->symbols[i]);
		json_object_end(json);
	}
	json_array_end(json);
	json_key(json, "not_found");
	json_array_begin(json);
	for (size_t i = 0; i < d->nmissing; i++) {
		json_object_begin(json);
		put_missing(json, &d->missing[i]);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_results(struct json *json, const struct diff_answer *a)
{
	const struct diff *d = a->diff;

	json_object_begin(json);
	json_key(json, "totals");
	json_object_begin(json);
	json_key(json, "a");
	json_object_begin(json);
	put_totals(json, a, &d->a);
	json_object_end(json);
	json_key(json, "b");
	json_object_begin(json);
	put_totals(json, a, &d->b);
	json_object_end(json);
	json_object_end(json);
	json_key(json, "counts");
	json_object_begin(json);
	put_counts(json, "files", &d->file_counts);
	put_counts(json, "symbols", &d->symbol_counts);
	put_counts(json, "not_found", &d->missing_counts);
	json_object_end(json);
	put_lists(json, d);
	json_object_end(json);
}

struct error *diff_write_json(const struct diff_answer *a, struct out *out)
{
	struct envelope_run runs[] = { { a->a.store, a->a.run, "a" },
				       { a->b.store, a->b.run, "b" } };
	struct json json;

	json_init(&json, out, true);
	struct error *err = envelope_begin(&json, "uniscope.depgraph-diff/1", runs, 2);
	if (err)
		return err;
	put_results(&json, a);
	return envelope_end(&json, runs, 2);
}

/* --- Lines --- */

static void begin_line(struct json *json, struct out *out, const char *type)
{
	json_init(json, out, false);
	json_object_begin(json);
	json_field(json, "type", type);
}

static void put_totals_line(const struct diff_answer *a, const struct diff_totals *totals,
			    const char *side, struct out *out)
{
	struct json json;

	begin_line(&json, out, "totals");
	json_field(&json, "side", side);
	put_totals(&json, a, totals);
	json_object_end(&json);
}

struct warnings {
	struct out *out;
	const char *side;
};

static struct error *put_warning_line(const struct store_warning *row, void *arg)
{
	const struct warnings *w = arg;
	struct json json;

	begin_line(&json, w->out, "warning");
	json_field(&json, "side", w->side);
	json_field(&json, "code", row->code);
	json_field(&json, "subject", row->subject);
	json_field(&json, "text", row->text);
	json_object_end(&json);
	return NULL;
}

struct error *diff_write_jsonl(const struct diff_answer *a, struct out *out)
{
	const struct diff *d = a->diff;
	struct warnings of_a = { out, "a" }, of_b = { out, "b" };
	struct json json;

	put_totals_line(a, &d->a, "a", out);
	put_totals_line(a, &d->b, "b", out);
	for (size_t i = 0; i < d->nfiles; i++) {
		begin_line(&json, out, "file");
		put_file(&json, &d->files[i]);
		json_object_end(&json);
	}
	for (size_t i = 0; i < d->nsymbols; i++) {
		begin_line(&json, out, "symbol");
		put_symbol(&json, &d->symbols[i]);
		json_object_end(&json);
	}
	for (size_t i = 0; i < d->nmissing; i++) {
		begin_line(&json, out, "not_found");
		put_missing(&json, &d->missing[i]);
		json_object_end(&json);
	}
	struct error *err = store_each_warning(a->a.store, a->a.run, put_warning_line, &of_a);
	return err ? err : store_each_warning(a->b.store, a->b.run, put_warning_line, &of_b);
}
