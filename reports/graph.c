/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/graph.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"

const char *graph_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

const char *graph_relation(const struct dep_file *file)
{
	static const char *const known[] = { "port", "stand-in", "core" };

	for (size_t i = 0; file->port_relation && i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(file->port_relation, known[i]))
			return known[i];
	return "none";
}

bool graph_kind_loads(enum dep_edge_kind kind)
{
	return kind == DEP_NEEDED || kind == DEP_INTERP || kind == DEP_PRELOAD ||
	       kind == DEP_FILTER || kind == DEP_MEMBER;
}

/* --- Copies of rows: the store lends its strings only during the call --- */

static struct error *keep(struct graph *g, const char **s)
{
	if (!*s)
		return NULL;
	*s = arena_strdup(&g->arena, *s);
	return *s ? NULL : &error_no_memory;
}

static struct error *keep_all(struct graph *g, const char **const *strings)
{
	struct error *err = NULL;

	for (; !err && *strings; strings++)
		err = keep(g, *strings);
	return err;
}

#define KEEP(g, ...) keep_all((g), (const char **const[]) { __VA_ARGS__, NULL })

static struct error *add_file(const struct dep_file *row, void *arg)
{
	struct graph *g = arg;
	struct error *err;

	if (g->n_files >= GRAPH_NONE - 1)
		return &error_no_memory;
	err = array_grow(&g->files, &g->cap_files, g->n_files + 1, sizeof(*g->files));
	if (err)
		return err;
	struct graph_file *f = &g->files[g->n_files++];
	*f = (struct graph_file) {
		.row = *row, .parent = GRAPH_NONE, .depth = GRAPH_NONE, .dominator = GRAPH_NONE
	};
	struct dep_file *r = &f->row;
	err = KEEP(g, &r->path, &r->realpath, &r->soname, &r->kind, &r->machine, &r->build_id,
		   &r->sha256, &r->interp, &r->package, &r->package_version, &r->package_type,
		   &r->port, &r->port_version, &r->port_relation, &r->port_note);
	if (!err)
		f->name = graph_basename(r->path);
	return err;
}

uint32_t graph_find_file(const struct graph *g, uint32_t id)
{
	size_t low = 0, high = g->n_files;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (g->files[mid].row.id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < g->n_files && g->files[low].row.id == id ? (uint32_t)low : GRAPH_NONE;
}

static struct error *add_edge(const struct dep_edge *row, void *arg)
{
	struct graph *g = arg;
	struct error *err;
	uint32_t from = graph_find_file(g, row->from),
		 to = row->to ? graph_find_file(g, row->to) : GRAPH_NONE;

	if (from == GRAPH_NONE || (row->to && to == GRAPH_NONE))
		return error_create(ERROR_BAD_DATA, "edge %u of the run names a file it lacks",
				    row->id);
	if (g->n_edges >= GRAPH_NONE - 1)
		return &error_no_memory;
	err = array_grow(&g->edges, &g->cap_edges, g->n_edges + 1, sizeof(*g->edges));
	if (err)
		return err;
	struct graph_edge *e = &g->edges[g->n_edges++];
	*e = (struct graph_edge) { .row = *row, .from = from, .to = to };
	return KEEP(g, &e->row.name, &e->row.how);
}

/* Rows are in order of edge, as the edges are. */
static struct error *add_tried(const struct dep_tried *row, void *arg)
{
	struct graph *g = arg;
	struct error *err;

	err = array_grow(&g->tried, &g->cap_tried, g->n_tried + 1, sizeof(*g->tried));
	if (err)
		return err;
	struct dep_tried *t = &g->tried[g->n_tried++];
	*t = *row;
	return KEEP(g, &t->place, &t->source, &t->reason);
}

static struct error *add_component(const struct dep_component *row, void *arg)
{
	struct graph *g = arg;
	struct error *err;

	if (row->file && graph_find_file(g, row->file) == GRAPH_NONE)
		return error_create(ERROR_BAD_DATA, "component %u of the run names a file it lacks",
				    row->id);
	err = array_grow(&g->components, &g->cap_components, g->n_components + 1,
			 sizeof(*g->components));
	if (err)
		return err;
	struct dep_component *c = &g->components[g->n_components++];
	*c = *row;
	return KEEP(g, &c->type, &c->name, &c->version, &c->purl, &c->source);
}

static struct error *add_input(const struct store_input *row, void *arg)
{
	struct graph *g = arg;
	struct error *err;

	err = array_grow(&g->inputs, &g->cap_inputs, g->n_inputs + 1, sizeof(*g->inputs));
	if (err)
		return err;
	struct store_input *i = &g->inputs[g->n_inputs++];
	*i = *row;
	return KEEP(g, &i->spec, &i->path, &i->kind, &i->sha256);
}

static struct error *add_warning(const struct store_warning *row, void *arg)
{
	struct graph *g = arg;
	struct error *err;

	err = array_grow(&g->warnings, &g->cap_warnings, g->n_warnings + 1, sizeof(*g->warnings));
	if (err)
		return err;
	struct store_warning *w = &g->warnings[g->n_warnings++];
	*w = *row;
	return KEEP(g, &w->code, &w->subject, &w->text);
}

/* --- What follows from the rows --- */

static struct error *group_edges(struct graph *g)
{
	g->out = arena_alloc(&g->arena, (g->n_edges + 1) * sizeof(*g->out));
	g->in = arena_alloc(&g->arena, (g->n_edges + 1) * sizeof(*g->in));
	if (!g->out || !g->in)
		return &error_no_memory;
	for (size_t i = 0; i < g->n_edges; i++) {
		g->files[g->edges[i].from].n_out++;
		if (g->edges[i].to != GRAPH_NONE)
			g->files[g->edges[i].to].n_in++;
	}
	uint32_t out = 0, in = 0;
	for (size_t i = 0; i < g->n_files; i++) {
		g->files[i].first_out = out;
		g->files[i].first_in = in;
		out += g->files[i].n_out;
		in += g->files[i].n_in;
		g->files[i].n_out = g->files[i].n_in = 0;
	}
	for (uint32_t i = 0; i < g->n_edges; i++) {
		struct graph_file *f = &g->files[g->edges[i].from];
		g->out[f->first_out + f->n_out++] = i;
		if (g->edges[i].to == GRAPH_NONE)
			continue;
		f = &g->files[g->edges[i].to];
		g->in[f->first_in + f->n_in++] = i;
	}
	return NULL;
}

static void assign_tried(struct graph *g)
{
	size_t at = 0;

	for (size_t i = 0; i < g->n_edges; i++) {
		struct graph_edge *e = &g->edges[i];
		while (at < g->n_tried && g->tried[at].edge < e->row.id)
			at++;
		e->first_tried = (uint32_t)at;
		while (at < g->n_tried && g->tried[at].edge == e->row.id)
			at++;
		e->n_tried = (uint32_t)at - e->first_tried;
	}
}

static struct error *count_name(struct map *seen, const char *name, uint64_t *count)
{
	size_t len = strlen(name);

	if (map_get(seen, name, len))
		return NULL;
	++*count;
	return map_put(seen, name, len, seen);
}

static void count_file(struct graph_totals *t, const struct dep_file *row)
{
	const char *relation = graph_relation(row);

	t->files++;
	t->late_files += !row->loaded;
	if (row->loaded) {
		t->loaded_files++;
		if (__builtin_add_overflow(t->file_bytes, row->file_bytes, &t->file_bytes))
			t->file_bytes = UINT64_MAX;
		if (__builtin_add_overflow(t->loaded_bytes, row->loaded_bytes, &t->loaded_bytes))
			t->loaded_bytes = UINT64_MAX;
	}
	t->open_files += row->open_sites > 0;
	t->open_sites += row->open_sites > 0 ? (uint64_t)row->open_sites : 0;
	t->open_unknown += row->open_sites < 0;
	t->ported += !strcmp(relation, "port");
	t->stand_ins += !strcmp(relation, "stand-in");
	t->core += !strcmp(relation, "core");
	t->no_port += !strcmp(relation, "none");
	t->loaded_no_port += row->loaded && !strcmp(relation, "none");
	t->loaded_open_unknown += row->loaded && row->open_sites < 0;
}

static struct error *count_all(struct graph *g)
{
	struct error *err = NULL;
	struct graph_totals *t = &g->totals;
	struct map names, packages;

	map_init(&names);
	map_init(&packages);
	for (size_t i = 0; !err && i < g->n_files; i++) {
		count_file(t, &g->files[i].row);
		if (g->files[i].row.package)
			err = count_name(&packages, g->files[i].row.package, &t->packages);
	}
	t->edges = g->n_edges;
	for (size_t i = 0; !err && i < g->n_edges; i++) {
		const struct graph_edge *e = &g->edges[i];
		t->dlopen_edges += e->row.kind == DEP_DLOPEN;
		if (e->to != GRAPH_NONE || !graph_kind_loads(e->row.kind))
			continue;
		g->files[e->from].missing++;
		err = count_name(&names, e->row.name, &t->not_found);
	}
	map_deinit(&names);
	map_deinit(&packages);
	return err;
}

struct error *graph_load(struct store *store, int64_t run, struct graph **ret)
{
	_cleanup_graph_ struct graph *g = calloc(1, sizeof(*g));
	struct error *err;

	if (!g)
		return &error_no_memory;
	arena_init(&g->arena);
	err = store_each_input(store, run, add_input, g);
	if (!err)
		err = store_each_warning(store, run, add_warning, g);
	if (!err)
		err = dep_each_file(store, run, add_file, g);
	if (!err)
		err = dep_each_edge(store, run, add_edge, g);
	if (!err)
		err = dep_each_tried(store, run, 0, add_tried, g);
	if (!err)
		err = dep_each_component(store, run, add_component, g);
	if (!err)
		err = group_edges(g);
	if (!err)
		err = graph_find_parents(g);
	if (!err)
		err = graph_find_dominators(g);
	if (!err)
		err = graph_find_cycles(g);
	if (!err)
		err = count_all(g);
	if (err)
		return err;
	assign_tried(g);
	*ret = cleanup_release(&g);
	return NULL;
}

void graph_destroy(struct graph *g)
{
	if (!g)
		return;
	free(g->files);
	free(g->edges);
	free(g->tried);
	free(g->components);
	free(g->inputs);
	free(g->warnings);
	arena_deinit(&g->arena);
	free(g);
}
