/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/diff.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/diff-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

const char *diff_status_name(enum diff_status status)
{
	static const char *const names[] = { "removed", "added", "changed" };

	return names[status];
}

const char *diff_field_name(unsigned int bit)
{
	static const char *const names[DIFF_FIELDS] = { "bytes",   "loaded_bytes", "build_id",
							"package", "contents",	   "when",
							"soname" };

	return names[bit];
}

/* --- Files --- */

struct files {
	struct diff *diff;
	struct diff_reader *a, *b;
	struct map by_name; /* of side b: name -> struct same_name */
	size_t cap;
};

/* Entries of side b that share a name. */
struct same_name {
	uint32_t first, last; /* index + 1 */
};

static const char *match_name(const struct diff_entry *e)
{
	return e->soname ? e->soname : e->name;
}

static bool same_text(const char *x, const char *y)
{
	return x == y || (x && y && !strcmp(x, y));
}

static unsigned int compare(const struct files *f, const struct diff_entry *x,
			    const struct diff_entry *y)
{
	unsigned int fields = 0;

	if (x->file_bytes != y->file_bytes)
		fields |= DIFF_BYTES;
	if (x->loaded_bytes != y->loaded_bytes)
		fields |= DIFF_LOADED;
	if (!same_text(x->build_id, y->build_id))
		fields |= DIFF_BUILD_ID;
	if (!same_text(x->package, y->package) ||
	    !same_text(x->package_version, y->package_version))
		fields |= DIFF_PACKAGE;
	if (x->loaded != y->loaded)
		fields |= DIFF_WHEN;
	if (!same_text(x->soname, y->soname))
		fields |= DIFF_SONAME;
	if (!(fields & (DIFF_BYTES | DIFF_BUILD_ID)) && !diff_same_bytes(f->a, x, f->b, y))
		fields |= DIFF_CONTENTS;
	return fields;
}

static struct error *add_file(struct files *f, const struct diff_entry *a,
			      const struct diff_entry *b)
{
	struct diff *d = f->diff;
	struct diff_file row = { .a = a, .b = b, .name = match_name(b ? b : a) };

	row.status = !a ? DIFF_ADDED : !b ? DIFF_REMOVED : DIFF_CHANGED;
	if (a && b) {
		row.fields = compare(f, a, b);
		if (!row.fields) {
			d->file_counts.same++;
			return NULL;
		}
	}
	d->file_counts.added += !a;
	d->file_counts.removed += !b;
	d->file_counts.changed += a && b;
	struct error *err = array_grow(&d->files, &f->cap, d->nfiles + 1, sizeof(row));
	if (!err)
		d->files[d->nfiles++] = row;
	return err;
}

static struct error *pair(struct files *f, size_t i, size_t k)
{
	f->a->taken[i] = f->b->taken[k] = true;
	return add_file(f, &f->a->entries[i], &f->b->entries[k]);
}

/* Lists of the entries of side b by name; 'next' is index + 1 of the next with that name. */
static struct error *index_names(struct files *f, uint32_t *next)
{
	for (uint32_t i = 0; i < f->b->n; i++) {
		const char *name = match_name(&f->b->entries[i]);
		struct same_name *s = map_get(&f->by_name, name, strlen(name));
		if (s) {
			next[s->last - 1] = i + 1;
			s->last = i + 1;
			continue;
		}
		s = arena_alloc(f->b->arena, sizeof(*s));
		if (!s)
			return &error_no_memory;
		s->first = s->last = i + 1;
		struct error *err = map_put(&f->by_name, name, strlen(name), s);
		if (err)
			return err;
	}
	return NULL;
}

/*
 * Pairs what has one name: first where the path is the same, too, then in order.
 * What is taken leaves its list, so that many files of one name cost no more
 * than their number squared in the worst case.
 */
static struct error *pair_names(struct files *f, uint32_t *next, bool same_path)
{
	for (size_t i = 0; i < f->a->n; i++) {
		const struct diff_entry *e = &f->a->entries[i];
		const char *name = match_name(e);
		struct same_name *s = map_get(&f->by_name, name, strlen(name));
		if (f->a->taken[i] || !s)
			continue;
		uint32_t at = s->first;
		while (at && (f->b->taken[at - 1] ||
			      (same_path && strcmp(f->b->entries[at - 1].path, e->path) != 0)))
			at = next[at - 1];
		if (!at)
			continue;
		if (at == s->first)
			s->first = next[at - 1];
		struct error *err = pair(f, i, at - 1);
		if (err)
			return err;
	}
	return NULL;
}

/* The SOURCE of a side that has found nothing, if there is exactly one. */
static bool lonely_source(const struct diff_reader *r, size_t *ret)
{
	size_t sources = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (!r->entries[i].root)
			continue;
		sources++;
		*ret = i;
	}
	return sources == 1 && !r->taken[*ret];
}

static struct error *compare_files(struct files *f)
{
	_cleanup_free_ uint32_t *next = calloc(f->b->n + 1, sizeof(*next));
	struct error *err;
	size_t i, k;

	if (!next)
		return &error_no_memory;
	err = index_names(f, next);
	if (!err)
		err = pair_names(f, next, true);
	if (!err)
		err = pair_names(f, next, false);
	if (!err && lonely_source(f->a, &i) && lonely_source(f->b, &k))
		err = pair(f, i, k);
	for (i = 0; !err && i < f->a->n; i++)
		if (!f->a->taken[i])
			err = add_file(f, &f->a->entries[i], NULL);
	for (i = 0; !err && i < f->b->n; i++)
		if (!f->b->taken[i])
			err = add_file(f, NULL, &f->b->entries[i]);
	return err;
}

static int by_status(const void *x, const void *y)
{
	const struct diff_file *p = x, *q = y;
	int order = (int)p->status - (int)q->status;

	if (!order)
		order = strcmp(p->name, q->name);
	return order ? order : strcmp((p->a ? p->a : p->b)->path, (q->a ? q->a : q->b)->path);
}

/* --- Needs --- */

static struct error *list_users(const struct diff_reader *r, const struct diff_need *need,
				struct diff_users *ret)
{
	size_t n = 0;

	ret->files = arena_alloc(r->arena, (need->nusers + 1) * sizeof(*ret->files));
	if (!ret->files)
		return &error_no_memory;
	for (const struct diff_user *u = need->first; u; u = u->next)
		ret->files[n++] = &r->entries[u->file];
	ret->n = n;
	return NULL;
}

/* Calls 'fn' for each need of one side that the other has not; returns how many it has. */
static struct error *each_new(const struct diff_reader *r, const struct map *have,
			      const struct map *other, enum diff_status status, size_t *same,
			      struct error *(*fn)(const struct diff_reader *r,
						  const struct diff_need *need,
						  enum diff_status status, void *arg),
			      void *arg)
{
	for (size_t i = 0; i < have->n; i++) {
		const struct map_entry *e = &have->entries[i];
		if (map_get(other, e->key, e->len)) {
			++*same;
			continue;
		}
		struct error *err = fn(r, e->value, status, arg);
		if (err)
			return err;
	}
	return NULL;
}

struct lists {
	struct diff *diff;
	size_t symbols_cap, missing_cap;
};

static void count(struct diff_counts *counts, enum diff_status status)
{
	counts->added += status == DIFF_ADDED;
	counts->removed += status == DIFF_REMOVED;
}

static struct error *add_symbol(const struct diff_reader *r, const struct diff_need *need,
				enum diff_status status, void *arg)
{
	struct lists *l = arg;
	struct diff *d = l->diff;
	struct diff_symbol row = { .status = status,
				   .name = need->name,
				   .version = need->version,
				   .weak = need->weak,
				   .bound_to = need->bound_to ? &r->entries[need->bound_to - 1]
							      : NULL };
	struct error *err = list_users(r, need, &row.users);

	if (!err)
		err = array_grow(&d->symbols, &l->symbols_cap, d->nsymbols + 1, sizeof(row));
	if (err)
		return err;
	d->symbols[d->nsymbols++] = row;
	count(&d->symbol_counts, status);
	return NULL;
}

static struct error *add_missing(const struct diff_reader *r, const struct diff_need *need,
				 enum diff_status status, void *arg)
{
	struct lists *l = arg;
	struct diff *d = l->diff;
	struct diff_missing row = { .status = status, .name = need->name };
	struct error *err = list_users(r, need, &row.users);

	if (!err)
		err = array_grow(&d->missing, &l->missing_cap, d->nmissing + 1, sizeof(row));
	if (err)
		return err;
	d->missing[d->nmissing++] = row;
	count(&d->missing_counts, status);
	return NULL;
}

static int compare_versions(const char *x, const char *y)
{
	if (!x || !y)
		return !y - !x;
	return strcmp(x, y);
}

static int by_symbol(const void *x, const void *y)
{
	const struct diff_symbol *p = x, *q = y;
	int order = (int)p->status - (int)q->status;

	if (!order)
		order = strcmp(p->name, q->name);
	return order ? order : compare_versions(p->version, q->version);
}

static int by_missing(const void *x, const void *y)
{
	const struct diff_missing *p = x, *q = y;
	int order = (int)p->status - (int)q->status;

	return order ? order : strcmp(p->name, q->name);
}

static struct error *compare_needs(struct diff *d)
{
	const struct diff_reader *a = &d->priv->a, *b = &d->priv->b;
	struct lists l = { .diff = d };
	struct error *err;
	size_t again = 0;

	err = each_new(a, &a->symbols, &b->symbols, DIFF_REMOVED, &d->symbol_counts.same,
		       add_symbol, &l);
	if (!err)
		err = each_new(b, &b->symbols, &a->symbols, DIFF_ADDED, &again, add_symbol, &l);
	if (!err)
		err = each_new(a, &a->missing, &b->missing, DIFF_REMOVED, &d->missing_counts.same,
			       add_missing, &l);
	if (!err)
		err = each_new(b, &b->missing, &a->missing, DIFF_ADDED, &again, add_missing, &l);
	return err;
}

static void sort_lists(struct diff *d)
{
	if (d->nfiles)
		qsort(d->files, d->nfiles, sizeof(*d->files), by_status);
	if (d->nsymbols)
		qsort(d->symbols, d->nsymbols, sizeof(*d->symbols), by_symbol);
	if (d->nmissing)
		qsort(d->missing, d->nmissing, sizeof(*d->missing), by_missing);
}

struct error *diff_create(const struct diff_side *a, const struct diff_side *b, bool symbols,
			  struct diff **ret)
{
	_cleanup_diff_ struct diff *d = calloc(1, sizeof(*d));
	struct diff_private *p = calloc(1, sizeof(*p));
	struct error *err;

	if (!d || !p) {
		free(p);
		return &error_no_memory;
	}
	d->priv = p;
	arena_init(&p->arena);
	p->a = (struct diff_reader) { .side = a, .arena = &p->arena, .totals = &d->a };
	p->b = (struct diff_reader) { .side = b, .arena = &p->arena, .totals = &d->b };
	err = diff_read(&p->a, symbols);
	if (!err)
		err = diff_read(&p->b, symbols);
	if (!err) {
		struct files f = { .diff = d, .a = &p->a, .b = &p->b };
		map_init(&f.by_name);
		err = compare_files(&f);
		map_deinit(&f.by_name);
	}
	if (!err)
		err = compare_needs(d);
	if (err)
		return err;
	sort_lists(d);
	*ret = cleanup_release(&d);
	return NULL;
}

void diff_destroy(struct diff *d)
{
	if (!d)
		return;
	free(d->files);
	free(d->symbols);
	free(d->missing);
	if (d->priv) {
		diff_reader_deinit(&d->priv->a);
		diff_reader_deinit(&d->priv->b);
		arena_deinit(&d->priv->arena);
	}
	free(d->priv);
	free(d);
}
