/* SPDX-License-Identifier: BSD-2-Clause */
/* 'depgraph diff' as rows: tables for people, CSV for spreadsheets. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmds/depgraph-diff.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/text.h"
#include "reports/report.h"
#include "reports/rows.h"

enum { SHOWN_USERS = 3 };

/* --- What both have --- */

/* "bytes, build_id" */
static struct error *field_list(struct arena *arena, const struct diff_file *f,
				const char *separator, const char **ret)
{
	_cleanup_buf_ struct buf text = { 0 };

	for (unsigned int bit = 0; bit < DIFF_FIELDS; bit++)
		if (f->fields & 1u << bit)
			buf_addf(&text, "%s%s", text.len ? separator : "", diff_field_name(bit));
	struct error *err = buf_error(&text);
	if (err)
		return err;
	*ret = arena_strdup(arena, text.data ? text.data : "");
	return *ret ? NULL : &error_no_memory;
}

/* --- CSV: all that differs, one line each --- */

static const struct rows_column csv_columns[] = {
	{ "what", NULL, ROWS_TEXT },
	{ "status", NULL, ROWS_TEXT },
	{ "name", NULL, ROWS_TEXT },
	{ "version", NULL, ROWS_TEXT },
	{ "weak", NULL, ROWS_COUNT },
	{ "changed", NULL, ROWS_TEXT },
	{ "path_a", NULL, ROWS_PATH },
	{ "path_b", NULL, ROWS_PATH },
	{ "file_bytes_a", NULL, ROWS_BYTES },
	{ "file_bytes_b", NULL, ROWS_BYTES },
	{ "loaded_bytes_a", NULL, ROWS_BYTES },
	{ "loaded_bytes_b", NULL, ROWS_BYTES },
	{ "build_id_a", NULL, ROWS_TEXT },
	{ "build_id_b", NULL, ROWS_TEXT },
	{ "package_a", NULL, ROWS_TEXT },
	{ "package_b", NULL, ROWS_TEXT },
	{ "package_version_a", NULL, ROWS_TEXT },
	{ "package_version_b", NULL, ROWS_TEXT },
	{ "bound_to", NULL, ROWS_PATH },
	{ "needed_by", NULL, ROWS_TEXT },
};

enum { CSV_FILE_CELLS = 18 };

static void put_size(struct rows *rows, const struct diff_entry *e, uint64_t bytes)
{
	if (e)
		rows_number(rows, bytes);
	else
		rows_empty(rows);
}

static struct error *csv_file(struct rows *rows, struct arena *arena, const struct diff_file *f)
{
	const struct diff_entry *a = f->a, *b = f->b;
	const char *fields;
	struct error *err = field_list(arena, f, " ", &fields);

	if (!err)
		err = rows_begin(rows);
	if (err)
		return err;
	rows_text(rows, "file");
	rows_text(rows, diff_status_name(f->status));
	rows_text(rows, f->name);
	rows_empty(rows);
	rows_empty(rows);
	rows_text(rows, f->fields ? fields : NULL);
	rows_text(rows, a ? a->path : NULL);
	rows_text(rows, b ? b->path : NULL);
	put_size(rows, a, a ? a->file_bytes : 0);
	put_size(rows, b, b ? b->file_bytes : 0);
	put_size(rows, a, a ? a->loaded_bytes : 0);
	put_size(rows, b, b ? b->loaded_bytes : 0);
	rows_text(rows, a ? a->build_id : NULL);
	rows_text(rows, b ? b->build_id : NULL);
	rows_text(rows, a ? a->package : NULL);
	rows_text(rows, b ? b->package : NULL);
	rows_text(rows, a ? a->package_version : NULL);
	rows_text(rows, b ? b->package_version : NULL);
	return NULL;
}

/* All users in one cell; a ';' in a name is a name with a ';'. */
static struct error *user_list(struct arena *arena, const struct diff_users *users,
			       const char **ret)
{
	_cleanup_buf_ struct buf text = { 0 };

	for (size_t i = 0; i < users->n; i++) {
		buf_adds(&text, i ? ";" : "");
		buf_adds(&text, users->files[i]->path);
	}
	struct error *err = buf_error(&text);
	if (err)
		return err;
	*ret = arena_strdup(arena, text.data ? text.data : "");
	return *ret ? NULL : &error_no_memory;
}

struct csv_need {
	const char *what, *name, *version, *bound_to;
	enum diff_status status;
	const struct diff_users *users;
	bool symbol, weak;
};

static struct error *csv_need(struct rows *rows, struct arena *arena, const struct csv_need *n)
{
	const char *users;
	struct error *err = user_list(arena, n->users, &users);

	if (!err)
		err = rows_begin(rows);
	if (err)
		return err;
	rows_text(rows, n->what);
	rows_text(rows, diff_status_name(n->status));
	rows_text(rows, n->name);
	rows_text(rows, n->version);
	if (n->symbol)
		rows_number(rows, n->weak);
	else
		rows_empty(rows);
	for (size_t i = 5; i < CSV_FILE_CELLS; i++)
		rows_empty(rows);
	rows_text(rows, n->bound_to);
	rows_text(rows, users);
	return NULL;
}

static struct error *csv_rows(struct rows *rows, struct arena *arena, const struct diff *d)
{
	struct error *err = NULL;

	for (size_t i = 0; !err && i < d->nfiles; i++)
		err = csv_file(rows, arena, &d->files[i]);
	for (size_t i = 0; !err && i < d->nsymbols; i++) {
		const struct diff_symbol *s = &d->symbols[i];
		struct csv_need need = { .what = "symbol",
					 .name = s->name,
					 .version = s->version,
					 .bound_to = s->bound_to ? s->bound_to->path : NULL,
					 .status = s->status,
					 .users = &s->users,
					 .symbol = true,
					 .weak = s->weak };
		err = csv_need(rows, arena, &need);
	}
	for (size_t i = 0; !err && i < d->nmissing; i++) {
		const struct diff_missing *m = &d->missing[i];
		struct csv_need need = { .what = "not_found",
					 .name = m->name,
					 .status = m->status,
					 .users = &m->users };
		err = csv_need(rows, arena, &need);
	}
	return err;
}

struct error *diff_write_csv(const struct diff_answer *answer, struct out *out)
{
	_cleanup_rows_ struct rows rows = { 0 };
	struct arena arena;

	arena_init(&arena);
	rows_init(&rows, csv_columns, sizeof(csv_columns) / sizeof(csv_columns[0]));
	struct error *err = csv_rows(&rows, &arena, answer->diff);
	if (!err)
		rows_write_csv(&rows, out);
	arena_deinit(&arena);
	return err;
}

/* --- Text --- */

static const struct rows_column total_columns[] = {
	{ "", "", ROWS_TEXT },
	{ "a", "A", ROWS_TEXT },
	{ "b", "B", ROWS_TEXT },
	{ "change", "CHANGE", ROWS_TEXT },
};

static const struct rows_column file_columns[] = {
	{ "status", "STATUS", ROWS_TEXT }, { "file", "FILE", ROWS_PATH },
	{ "a", "LOADED A", ROWS_TEXT },	   { "b", "LOADED B", ROWS_TEXT },
	{ "change", "CHANGE", ROWS_TEXT }, { "what", "WHAT", ROWS_TEXT },
};

struct text {
	const struct diff_answer *answer;
	struct output *output;
	struct out *out;
	struct arena arena;
	struct buf scratch;
	bool failed; /* out of memory for a cell */
};

static const char *cell(struct text *t, const char *text)
{
	t->failed |= !text;
	return text;
}

static void put_name(struct text *t, const char *name)
{
	buf_clear(&t->scratch);
	buf_add_escaped(&t->scratch, name);
	out_add(t->out, t->scratch.data, t->scratch.len);
}

/* "+1.2 MiB", "-3", "0"; 'bytes': with a unit */
static const char *change(struct text *t, uint64_t a, uint64_t b, bool bytes)
{
	char text[32];
	uint64_t n = a < b ? b - a : a - b;

	if (!n)
		return "0";
	if (bytes)
		text_bytes(text, sizeof(text), n);
	else
		snprintf(text, sizeof(text), "%" PRIu64, n);
	return cell(t, arena_printf(&t->arena, "%s%s", a < b ? "+" : "-", text));
}

static const char *size(struct text *t, uint64_t n, bool bytes)
{
	char text[32];

	if (!bytes)
		return cell(t, arena_printf(&t->arena, "%" PRIu64, n));
	return cell(t, arena_strdup(&t->arena, text_bytes(text, sizeof(text), n)));
}

static struct error *add_total(struct text *t, struct rows *rows, const char *name, uint64_t a,
			       uint64_t b, bool bytes)
{
	struct error *err = rows_begin(rows);

	if (err)
		return err;
	rows_text(rows, name);
	rows_text(rows, size(t, a, bytes));
	rows_text(rows, size(t, b, bytes));
	rows_text(rows, change(t, a, b, bytes));
	return NULL;
}

static struct report_options table_options(const struct text *t)
{
	return (struct report_options) { .color = t->output->color,
					 .ascii = !output_takes_utf8(),
					 .width = output_width(t->output) };
}

static struct error *put_totals(struct text *t)
{
	const struct diff_totals *a = &t->answer->diff->a, *b = &t->answer->diff->b;
	struct report_options options = table_options(t);
	_cleanup_rows_ struct rows rows = { 0 };
	struct error *err;

	rows_init(&rows, total_columns, sizeof(total_columns) / sizeof(total_columns[0]));
	err = add_total(t, &rows, "files", a->files, b->files, false);
	if (!err)
		err = add_total(t, &rows, "loaded at start", a->loaded_files, b->loaded_files,
				false);
	if (!err)
		err = add_total(t, &rows, "their size", a->file_bytes, b->file_bytes, true);
	if (!err)
		err = add_total(t, &rows, "in memory", a->loaded_bytes, b->loaded_bytes, true);
	if (!err && t->answer->symbols)
		err = add_total(t, &rows, "needed symbols", a->symbols, b->symbols, false);
	if (!err && (a->missing || b->missing))
		err = add_total(t, &rows, "not found", a->missing, b->missing, false);
	return err ? err : rows_write_table(&rows, &options, t->out);
}

/* What has changed, and the versions of a package. */
static struct error *what_of(struct text *t, const struct diff_file *f, const char **ret)
{
	struct error *err = field_list(&t->arena, f, ", ", ret);

	if (err || !(f->fields & DIFF_PACKAGE))
		return err;
	const char *x = f->a->package_version, *y = f->b->package_version;
	const char *p = f->a->package, *q = f->b->package;
	bool same = p && q && !strcmp(p, q);
	*ret = arena_printf(&t->arena, "%s: %s%s%s -> %s%s%s", *ret, same || !p ? "" : p,
			    same || !p ? "" : " ", x ? x : "none", same || !q ? "" : q,
			    same || !q ? "" : " ", y ? y : "none");
	return *ret ? NULL : &error_no_memory;
}

/* The path; both where two SOURCEs of different names were matched. */
static const char *path_of(struct text *t, const struct diff_file *f)
{
	if (!f->a || !f->b || !strcmp(f->a->name, f->b->name))
		return (f->b ? f->b : f->a)->path;
	return cell(t, arena_printf(&t->arena, "%s -> %s", f->a->path, f->b->path));
}

static struct error *add_file(struct text *t, struct rows *rows, const struct diff_file *f)
{
	uint64_t a = f->a ? f->a->loaded_bytes : 0, b = f->b ? f->b->loaded_bytes : 0;
	const char *what;
	struct error *err = what_of(t, f, &what);

	if (!err)
		err = rows_begin(rows);
	if (err)
		return err;
	rows_text(rows, diff_status_name(f->status));
	rows_text(rows, path_of(t, f));
	rows_text(rows, f->a ? size(t, a, true) : NULL);
	rows_text(rows, f->b ? size(t, b, true) : NULL);
	rows_text(rows, change(t, a, b, true));
	rows_text(rows, what);
	return NULL;
}

static void put_counts(struct text *t, const char *what, const struct diff_counts *c, bool changes)
{
	out_addf(t->out, "\n%s: %zu added, %zu removed", what, c->added, c->removed);
	if (changes)
		out_addf(t->out, ", %zu changed", c->changed);
	out_addf(t->out, ", %zu the same\n", c->same);
}

static struct error *put_files(struct text *t)
{
	const struct diff *d = t->answer->diff;
	struct report_options options = table_options(t);
	_cleanup_rows_ struct rows rows = { 0 };
	struct error *err = NULL;

	put_counts(t, "files", &d->file_counts, true);
	if (!d->nfiles)
		return NULL;
	rows_init(&rows, file_columns, sizeof(file_columns) / sizeof(file_columns[0]));
	for (size_t i = 0; !err && i < d->nfiles; i++)
		err = add_file(t, &rows, &d->files[i]);
	return err ? err : rows_write_table(&rows, &options, t->out);
}

static void put_users(struct text *t, const struct diff_users *users)
{
	out_adds(t->out, "  needed by ");
	for (size_t i = 0; i < users->n && i < SHOWN_USERS; i++) {
		out_adds(t->out, i ? ", " : "");
		put_name(t, users->files[i]->name);
	}
	if (users->n > SHOWN_USERS)
		out_addf(t->out, " and %zu more", users->n - SHOWN_USERS);
}

static void put_symbol(struct text *t, const struct diff_symbol *s)
{
	out_adds(t->out, s->status == DIFF_ADDED ? "+ " : "- ");
	put_name(t, s->name);
	if (s->version) {
		out_addc(t->out, '@');
		put_name(t, s->version);
	}
	out_adds(t->out, s->weak ? " (weak)" : "");
	put_users(t, &s->users);
	if (s->bound_to) {
		out_adds(t->out, ", bound to ");
		put_name(t, s->bound_to->name);
	} else {
		out_adds(t->out, ", bound to nothing");
	}
	out_addc(t->out, '\n');
}

/* The cap is shared: half for what went, what it leaves for what came. */
static void put_symbols(struct text *t)
{
	const struct diff *d = t->answer->diff;
	size_t removed = d->symbol_counts.removed, added = d->symbol_counts.added;
	size_t max = t->answer->max_symbols < d->nsymbols ? (size_t)t->answer->max_symbols
							  : d->nsymbols;
	size_t of_removed = max / 2 + max % 2;

	if (of_removed > removed)
		of_removed = removed;
	if (max - of_removed > added)
		of_removed = max - added;
	put_counts(t, "needed symbols", &d->symbol_counts, false);
	for (size_t i = 0; i < of_removed; i++)
		put_symbol(t, &d->symbols[i]);
	if (removed > of_removed)
		out_addf(t->out, "- and %zu more\n", removed - of_removed);
	for (size_t i = 0; i < max - of_removed; i++)
		put_symbol(t, &d->symbols[removed + i]);
	if (added > max - of_removed)
		out_addf(t->out, "+ and %zu more\n", added - (max - of_removed));
}

static void put_missing(struct text *t)
{
	const struct diff *d = t->answer->diff;

	if (!d->a.missing && !d->b.missing)
		return;
	put_counts(t, "not found", &d->missing_counts, false);
	for (size_t i = 0; i < d->nmissing; i++) {
		out_adds(t->out, d->missing[i].status == DIFF_ADDED ? "+ " : "- ");
		put_name(t, d->missing[i].name);
		put_users(t, &d->missing[i].users);
		out_addc(t->out, '\n');
	}
}

static struct error *put_all(struct text *t)
{
	const struct diff *d = t->answer->diff;

	out_adds(t->out, "A  ");
	put_name(t, t->answer->source_a);
	out_adds(t->out, "\nB  ");
	put_name(t, t->answer->source_b);
	out_adds(t->out, "\n\n");
	struct error *err = put_totals(t);
	if (!err && !d->nfiles && !d->nsymbols && !d->nmissing) {
		out_adds(t->out, "\nno difference\n");
		return NULL;
	}
	if (!err)
		err = put_files(t);
	if (err)
		return err;
	if (t->answer->symbols)
		put_symbols(t);
	put_missing(t);
	return NULL;
}

struct error *diff_write_table(const struct diff_answer *answer, struct output *output)
{
	struct text t = { .answer = answer, .output = output, .out = &output->out };

	arena_init(&t.arena);
	buf_init(&t.scratch);
	struct error *err = put_all(&t);
	if (!err)
		err = t.failed ? &error_no_memory : buf_error(&t.scratch);
	arena_deinit(&t.arena);
	buf_deinit(&t.scratch);
	return err;
}
