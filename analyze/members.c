/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static archives in the graph: each member is a file, an edge says that one
 * member needs a symbol of another, a row says which. A symbol is taken from the
 * first member that defines it: of the same archive, else of the other archives
 * in the order in which they were named, as with ld --start-group.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/depgraph-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

struct member_row {
	uint32_t from, to; /* file ids; to 0: of no archive */
	const char *symbol;
	bool weak;
};

struct member_rows {
	struct dep_binding_source source; /* first: what the store gets */
	struct dep_binding_source *before;
	struct member_row *rows;
	size_t n, cap;
	struct map *defined; /* by source: symbol -> struct fgraph_file of the first member */
};

static struct error *each_row(struct dep_binding_source *source,
			      struct error *(*fn)(const struct dep_binding *row, void *arg),
			      void *arg)
{
	struct member_rows *m = (struct member_rows *)source;
	struct error *err = m->before ? m->before->each(m->before, fn, arg) : NULL;

	for (size_t i = 0; !err && i < m->n; i++) {
		struct dep_binding row = { .from = m->rows[i].from,
					   .to = m->rows[i].to,
					   .symbol = m->rows[i].symbol,
					   .weak = m->rows[i].weak };
		err = fn(&row, arg);
	}
	return err;
}

struct dep_binding_source *members_get_source(struct depgraph *dg,
					      struct dep_binding_source *before)
{
	struct member_rows *m = dg->member_rows;

	m->before = before;
	m->source.count = m->n + (before ? before->count : 0);
	return &m->source;
}

void members_destroy(struct depgraph *dg)
{
	struct member_rows *m = dg->member_rows;

	if (!m)
		return;
	for (size_t i = 0; m->defined && i < dg->nsources; i++)
		map_deinit(&m->defined[i]);
	free(m->defined);
	free(m->rows);
	free(m);
}

/* "libx.a(y.o)"; members of one name are told apart by a number. */
static struct error *member_path(struct depgraph *dg, const struct source *source, const char *name,
				 struct map *seen, const char **ret)
{
	uintptr_t count = (uintptr_t)map_get(seen, name, strlen(name)) + 1;
	struct error *err = map_put(seen, name, strlen(name), (void *)count);

	if (err)
		return err;
	if (source->members->object) {
		*ret = source->path;
		return NULL;
	}
	*ret = count == 1 ? arena_printf(&dg->arena, "%s(%s)", source->path, name)
			  : arena_printf(&dg->arena, "%s(%s:%lu)", source->path, name,
					 (unsigned long)count);
	return *ret ? NULL : &error_no_memory;
}

static struct error *add_member(struct depgraph *dg, uint32_t index,
				const struct image_member *member, struct map *seen)
{
	struct map *defined = &dg->member_rows->defined[index];
	struct fgraph_file *file;
	const char *path;

	struct error *err = member_path(dg, &dg->sources[index], member->name, seen, &path);
	if (!err)
		err = fgraph_add_member(dg->graph, path, member->size, member, &file);
	if (err)
		return err;
	file->input = index + 1;
	file->root = file->loaded = true;
	dg->nmembers++;
	for (size_t i = 0; !err && i < member->ndefined; i++) {
		const char *name = member->defined[i].name;
		if (!map_get(defined, name, strlen(name)))
			err = map_put(defined, name, strlen(name), file);
	}
	return err;
}

struct error *sources_read_members(struct depgraph *dg, uint32_t index, const char *disk_path)
{
	struct source *source = &dg->sources[index];
	struct map seen;
	struct error *err;

	source->kind = "ar";
	err = image_members_open(disk_path, source->path, dg->options.log, &source->members);
	if (err)
		return err;
	if (!dg->member_rows) {
		dg->member_rows = calloc(1, sizeof(*dg->member_rows));
		if (!dg->member_rows)
			return &error_no_memory;
		dg->member_rows->source.each = each_row;
		dg->member_rows->defined = calloc(dg->nsources, sizeof(struct map));
		if (!dg->member_rows->defined)
			return &error_no_memory;
	}
	if (source->members->incomplete) {
		err = fgraph_warn(dg->graph, "bad-member", source->path, true,
				  "'%s': some members could not be read", source->path);
		if (err)
			return err;
	}
	map_init(&seen);
	for (size_t i = 0; !err && i < source->members->nmembers; i++)
		err = add_member(dg, index, &source->members->members[i], &seen);
	map_deinit(&seen);
	return err;
}

static struct fgraph_file *find_definition(const struct depgraph *dg, uint32_t own,
					   const char *symbol)
{
	const struct map *defined = dg->member_rows->defined;
	size_t len = strlen(symbol);
	struct fgraph_file *file = map_get(&defined[own], symbol, len);

	for (size_t i = 0; !file && i < dg->nsources; i++)
		file = map_get(&defined[i], symbol, len);
	return file;
}

static struct error *bind_reference(struct depgraph *dg, const struct fgraph_file *file,
				    const struct image_member_symbol *s)
{
	struct member_rows *m = dg->member_rows;
	struct fgraph_file *to = find_definition(dg, file->input - 1, s->name);
	struct error *err = array_grow(&m->rows, &m->cap, m->n + 1, sizeof(*m->rows));

	if (err)
		return err;
	m->rows[m->n++] = (struct member_row) { .from = file->id,
						.to = to ? to->id : 0,
						.symbol = s->name,
						.weak = s->bind == STB_WEAK };
	return NULL;
}

struct target {
	uint32_t to;
	const char *symbol;
	size_t count;
};

static int compare_targets(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return (x->to > y->to) - (x->to < y->to);
}

/* One edge for each other member, however many symbols it gives. */
static struct error *add_edges(struct depgraph *dg, const struct fgraph_file *file, size_t first)
{
	struct member_rows *m = dg->member_rows;
	size_t n = 0;

	_cleanup_free_ struct target *targets = calloc(m->n - first + 1, sizeof(*targets));
	if (!targets)
		return &error_no_memory;
	for (size_t i = first; i < m->n; i++)
		if (m->rows[i].to && m->rows[i].to != file->id)
			targets[n++] = (struct target) { m->rows[i].to, m->rows[i].symbol, 1 };
	qsort(targets, n, sizeof(*targets), compare_targets);
	for (size_t i = 0, k; i < n; i = k) {
		for (k = i; k < n && targets[k].to == targets[i].to; k++)
			;
		char how[64];
		snprintf(how, sizeof(how), k - i == 1 ? "%zu symbol" : "%zu symbols", k - i);
		struct fgraph_edge e = { .from = file->id,
					 .to = targets[i].to,
					 .name = targets[i].symbol,
					 .kind = DEP_MEMBER,
					 .how = how };
		fgraph_get_file(dg->graph, e.to)->bound_to += k - i;
		struct error *err = fgraph_add_edge(dg->graph, &e, NULL, NULL);
		if (err)
			return err;
	}
	return NULL;
}

struct error *members_bind(struct depgraph *dg)
{
	struct error *err = NULL;

	for (size_t i = 0; !err && i < dg->graph->nfiles; i++) {
		const struct fgraph_file *file = dg->graph->files[i];
		size_t first = dg->member_rows->n;
		if (!file->member)
			continue;
		for (size_t k = 0; !err && k < file->member->nundefined; k++)
			err = bind_reference(dg, file, &file->member->undefined[k]);
		if (!err)
			err = add_edges(dg, file, first);
	}
	return err;
}
