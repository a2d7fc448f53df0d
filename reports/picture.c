/* SPDX-License-Identifier: BSD-2-Clause */
/* What a picture shows: nodes, groups of files, and the edges between them. */
#include "reports/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"
#include "core/base/text.h"

enum {
	LAYOUT_SECONDS = 20,
	FOLD_PLUGINS = 6, /* so many of one file, and they are one node */
};

const char *picture_shape_name(enum picture_shape shape)
{
	static const char *const names[PICTURE_SHAPES] = {
		[PICTURE_PORT] = "port",	   [PICTURE_STAND_IN] = "stand-in",
		[PICTURE_CORE] = "core",	   [PICTURE_NO_PORT] = "no-port",
		[PICTURE_NOT_FOUND] = "not-found",
	};

	return names[shape];
}

static enum picture_shape shape_of(const struct dep_file *r)
{
	const char *relation = graph_relation(r);

	return !strcmp(relation, "port")       ? PICTURE_PORT
	       : !strcmp(relation, "stand-in") ? PICTURE_STAND_IN
	       : !strcmp(relation, "core")     ? PICTURE_CORE
					       : PICTURE_NO_PORT;
}

/* --- Groups --- */

/* What a file is grouped by; two files with the same key share a node. */
static const char *group_key(struct picture *p, const struct graph_file *f,
			     enum report_collapse collapse)
{
	const struct dep_file *r = &f->row;

	if (collapse == REPORT_COLLAPSE_PORT && shape_of(r) != PICTURE_NO_PORT)
		return arena_printf(&p->arena, "port:%s", r->port ? r->port : "?");
	if (collapse == REPORT_COLLAPSE_CYCLE)
		return arena_printf(&p->arena, "cycle:%u", f->cycle);
	if (r->package)
		return arena_printf(&p->arena, "package:%s", r->package);
	return arena_printf(&p->arena, "folder:%.*s", (int)(f->name - r->path), r->path);
}

static const char *group_label(struct picture *p, const struct graph_file *f,
			       enum report_collapse collapse)
{
	const struct dep_file *r = &f->row;

	if (collapse == REPORT_COLLAPSE_PORT && shape_of(r) != PICTURE_NO_PORT)
		return r->port ? r->port : "?";
	if (collapse == REPORT_COLLAPSE_CYCLE)
		return f->name;
	if (r->package)
		return r->package;
	return arena_strndup(&p->arena, r->path, (size_t)(f->name - r->path));
}

/*
 * Plug-ins hang on one file and need nobody as far as is known: a wall of 300
 * boxes for libc's character sets says less than one. The file they hang on, or
 * GRAPH_NONE.
 */
static uint32_t plugin_of(const struct graph *g, const struct graph_file *f)
{
	uint32_t owner = GRAPH_NONE;

	if (f->row.loaded || f->row.root || f->n_out)
		return GRAPH_NONE;
	for (uint32_t i = 0; i < f->n_in; i++) {
		const struct graph_edge *e = &g->edges[g->in[f->first_in + i]];
		bool weak = e->row.kind == DEP_PLUGIN || e->row.kind == DEP_CANDIDATE;
		if (!weak || (owner != GRAPH_NONE && owner != e->from))
			return GRAPH_NONE;
		owner = e->from;
	}
	return owner;
}

/* How many plug-ins each file has, in zeroed 'count'. */
static void count_plugins(const struct graph *g, uint32_t *count)
{
	for (size_t i = 0; i < g->n_files; i++) {
		uint32_t owner = plugin_of(g, &g->files[i]);
		if (owner != GRAPH_NONE)
			count[owner]++;
	}
}

static struct error *new_node(struct picture *p, const char *label, uint32_t *ret)
{
	struct error *err;

	if (!label)
		return &error_no_memory;
	err = array_grow(&p->nodes, &p->cap_nodes, p->n_nodes + 1, sizeof(*p->nodes));
	if (err)
		return err;
	p->nodes[p->n_nodes] =
		(struct picture_node) { .label = label, .shape = PICTURE_PORT, .late = true };
	*ret = (uint32_t)p->n_nodes++;
	return NULL;
}

static void add_saturated(uint64_t *sum, uint64_t more)
{
	if (__builtin_add_overflow(*sum, more, sum))
		*sum = UINT64_MAX;
}

/* The shape of a group is that of its worst file: what lacks a port must show. */
static void join_node(struct picture_node *n, const struct graph_file *f, bool alone)
{
	enum picture_shape shape = shape_of(&f->row);

	n->shape = n->n_files && n->shape > shape ? n->shape : shape;
	n->n_files++;
	n->n_no_port += shape == PICTURE_NO_PORT;
	n->root = n->root || f->row.root;
	n->late = n->late && !f->row.loaded;
	if (f->row.open_sites > 0)
		add_saturated(&n->open_sites, (uint64_t)f->row.open_sites);
	add_saturated(&n->cost, alone ? f->row.cost_bytes : f->row.loaded_bytes);
}

static struct error *group_node(struct picture *p, const char *key, const char *label,
				struct map *groups, uint32_t *ret)
{
	struct error *err;

	if (!key)
		return &error_no_memory;
	void *found = map_get(groups, key, strlen(key));
	if (found) {
		*ret = (uint32_t)((uintptr_t)found - 1);
		return NULL;
	}
	err = new_node(p, label, ret);
	return err ? err : map_put(groups, key, strlen(key), (void *)(uintptr_t)(*ret + 1));
}

/* 'plugin_counts': how many each file has, where they are to be one node; or NULL. */
static struct error *add_file_node(struct picture *p, const struct graph *g, uint32_t file,
				   const uint32_t *plugin_counts, enum report_collapse collapse,
				   struct map *groups)
{
	const struct graph_file *f = &g->files[file];
	uint32_t owner = plugin_counts ? plugin_of(g, f) : GRAPH_NONE;
	uint32_t plugins = owner == GRAPH_NONE ? 0 : plugin_counts[owner];
	struct error *err;
	uint32_t node = 0;

	if (plugins < FOLD_PLUGINS)
		plugins = 0;
	if (plugins) {
		const char *key = arena_printf(&p->arena, "plugins:%u", owner);
		p->folded = true;
		err = group_node(
			p, key,
			arena_printf(&p->arena, "%u plug-ins of %s", plugins, g->files[owner].name),
			groups, &node);
	} else if (collapse == REPORT_COLLAPSE_NONE) {
		err = new_node(p, f->name, &node);
	} else {
		err = group_node(p, group_key(p, f, collapse), group_label(p, f, collapse), groups,
				 &node);
	}
	if (err)
		return err;
	join_node(&p->nodes[node], f, collapse == REPORT_COLLAPSE_NONE && !plugins);
	p->node_of[file] = node;
	return NULL;
}

static struct error *add_file_nodes(struct picture *p, const struct graph *g,
				    const uint32_t *plugin_counts, enum report_collapse collapse)
{
	struct error *err = NULL;
	struct map groups;

	map_init(&groups);
	p->n_nodes = 0;
	p->folded = false;
	p->collapse = collapse;
	for (uint32_t i = 0; !err && i < g->n_files; i++)
		err = add_file_node(p, g, i, plugin_counts, collapse, &groups);
	map_deinit(&groups);
	return err;
}

static int by_cost(const void *a, const void *b)
{
	const struct picture_node *const *x = a, *const *y = b;

	if ((*x)->cost != (*y)->cost)
		return (*x)->cost < (*y)->cost ? 1 : -1;
	return *x < *y ? -1 : 1;
}

static void merge_nodes(struct picture_node *into, const struct picture_node *n)
{
	into->shape = into->n_files && into->shape > n->shape ? into->shape : n->shape;
	into->n_files += n->n_files;
	into->n_no_port += n->n_no_port;
	into->root = into->root || n->root;
	into->late = into->late && n->late;
	add_saturated(&into->open_sites, n->open_sites);
	add_saturated(&into->cost, n->cost);
}

/* Where even the groups are too many, the cheapest become one node. */
static struct error *cut_cheapest(struct picture *p, const struct graph *g)
{
	size_t n = p->n_nodes, keep = p->max - 1;

	if (n <= p->max)
		return NULL;
	_cleanup_free_ struct picture_node **order = calloc(n, sizeof(*order));
	_cleanup_free_ struct picture_node *nodes = calloc(keep + 1, sizeof(*nodes));
	_cleanup_free_ uint32_t *renamed = calloc(n, sizeof(*renamed));

	if (!order || !nodes || !renamed)
		return &error_no_memory;
	for (size_t i = 0; i < n; i++)
		order[i] = &p->nodes[i];
	qsort(order, n, sizeof(*order), by_cost);
	nodes[keep] = (struct picture_node) { .late = true };
	for (size_t i = 0; i < n; i++) {
		size_t to = i < keep ? i : keep;
		renamed[order[i] - p->nodes] = (uint32_t)to;
		if (i < keep)
			nodes[to] = *order[i];
		else
			merge_nodes(&nodes[to], order[i]);
	}
	nodes[keep].label = arena_printf(&p->arena, "%zu cheaper nodes", n - keep);
	if (!nodes[keep].label)
		return &error_no_memory;
	memcpy(p->nodes, nodes, (keep + 1) * sizeof(*nodes));
	p->n_nodes = keep + 1;
	p->cut = true;
	for (size_t i = 0; i < g->n_files; i++)
		p->node_of[i] = renamed[p->node_of[i]];
	return NULL;
}

static struct error *choose_nodes(struct picture *p, const struct graph *g,
				  enum report_collapse collapse)
{
	static const enum report_collapse tries[] = { REPORT_COLLAPSE_NONE, REPORT_COLLAPSE_PACKAGE,
						      REPORT_COLLAPSE_CYCLE };
	struct error *err = NULL;
	_cleanup_free_ uint32_t *plugins = calloc(g->n_files + 1, sizeof(*plugins));

	if (!plugins)
		return &error_no_memory;
	count_plugins(g, plugins);
	if (collapse != REPORT_COLLAPSE_AUTO)
		return add_file_nodes(p, g, NULL, collapse);
	size_t least = SIZE_MAX;
	enum report_collapse best = REPORT_COLLAPSE_NONE;
	for (size_t i = 0; !err && i < sizeof(tries) / sizeof(tries[0]); i++) {
		err = add_file_nodes(p, g, plugins, tries[i]);
		/* One node for everything says nothing: folders of what has no package. */
		bool useful = tries[i] == REPORT_COLLAPSE_NONE || p->n_nodes > 10;
		if (!err && p->n_nodes <= p->max && useful)
			return NULL;
		if (useful && p->n_nodes < least) {
			least = p->n_nodes;
			best = tries[i];
		}
	}
	if (!err)
		err = add_file_nodes(p, g, plugins, best);
	return err ? err : cut_cheapest(p, g);
}

/* --- Edges --- */

struct edges {
	struct picture *p;
	struct map known;   /* (from, to) -> index + 1 */
	struct map missing; /* name -> node + 1 */
};

/* The kind that says most about an edge: the loader follows it anyway. */
static unsigned int weakness(enum dep_edge_kind kind)
{
	return graph_kind_loads(kind) ? 0 : (unsigned int)kind;
}

static struct error *add_edge(struct edges *e, uint32_t from, uint32_t to, enum dep_edge_kind kind)
{
	struct picture *p = e->p;
	struct error *err;
	uint32_t pair[2] = { from, to };

	if (from == to)
		return NULL;
	void *found = map_get(&e->known, (char *)pair, sizeof(pair));
	if (found) {
		struct picture_edge *old = &p->edges[(uintptr_t)found - 1];
		if (weakness(kind) < weakness(old->kind))
			old->kind = kind;
		return NULL;
	}
	err = array_grow(&p->edges, &p->cap_edges, p->n_edges + 1, sizeof(*p->edges));
	if (err)
		return err;
	p->edges[p->n_edges++] = (struct picture_edge) { .from = from, .to = to, .kind = kind };
	const char *key = arena_strndup(&p->arena, (char *)pair, sizeof(pair));
	if (!key)
		return &error_no_memory;
	return map_put(&e->known, key, sizeof(pair), (void *)(uintptr_t)p->n_edges);
}

static struct error *missing_node(struct edges *e, const char *name, bool must, uint32_t *ret)
{
	struct error *err;
	size_t len = strlen(name);
	void *found = map_get(&e->missing, name, len);

	if (found) {
		*ret = (uint32_t)((uintptr_t)found - 1);
		e->p->nodes[*ret].late = e->p->nodes[*ret].late && !must;
		return NULL;
	}
	err = new_node(e->p, name, ret);
	if (err)
		return err;
	e->p->nodes[*ret].shape = PICTURE_NOT_FOUND;
	e->p->nodes[*ret].late = !must;
	return map_put(&e->missing, name, len, (void *)(uintptr_t)(*ret + 1));
}

static struct error *add_edges(struct picture *p, const struct graph *g)
{
	struct error *err = NULL;
	struct edges e = { .p = p };

	map_init(&e.known);
	map_init(&e.missing);
	for (size_t i = 0; !err && i < g->n_edges; i++) {
		const struct graph_edge *row = &g->edges[i];
		bool loads = graph_kind_loads(row->row.kind);
		uint32_t to;
		/* A string that led nowhere is no finding; the table of edges has it. */
		if (row->to == GRAPH_NONE && !loads && row->row.kind != DEP_DLOPEN)
			continue;
		if (row->to == GRAPH_NONE)
			err = missing_node(&e, row->row.name, loads, &to);
		else
			to = p->node_of[row->to];
		if (!err)
			err = add_edge(&e, p->node_of[row->from], to, row->row.kind);
	}
	map_deinit(&e.known);
	map_deinit(&e.missing);
	return err;
}

void picture_group_edges(const struct picture *p, uint32_t *first, uint32_t *by_from)
{
	for (size_t i = 0; i < p->n_edges; i++)
		first[p->edges[i].from + 2]++;
	for (size_t i = 2; i < p->n_nodes + 2; i++)
		first[i] += first[i - 1];
	for (uint32_t i = 0; i < p->n_edges; i++)
		by_from[first[p->edges[i].from + 1]++] = i;
}

/* --- Words and sizes --- */

static const char *describe_port(struct picture *p, const struct graph *g, uint32_t file)
{
	const struct dep_file *r = &g->files[file].row;
	enum picture_shape shape = shape_of(r);

	if (shape == PICTURE_NO_PORT)
		return "no port";
	return arena_printf(&p->arena, "%s: %s%s%s", picture_shape_name(shape),
			    r->port ? r->port : "?", r->port_version ? " " : "",
			    r->port_version ? r->port_version : "");
}

static struct error *describe(struct picture *p, const struct graph *g)
{
	char bytes[32], open[64];

	for (size_t i = 0; i < g->n_files; i++) {
		struct picture_node *n = &p->nodes[p->node_of[i]];
		if (n->n_files == 1)
			n->detail = describe_port(p, g, (uint32_t)i);
	}
	for (size_t i = 0; i < p->n_nodes; i++) {
		struct picture_node *n = &p->nodes[i];
		if (n->shape == PICTURE_NOT_FOUND) {
			n->detail = n->late ? "not found (run time)" : "not found";
			continue;
		}
		if (n->n_files > 1 && n->n_no_port)
			n->detail = arena_printf(&p->arena, "%u of %u files: no port", n->n_no_port,
						 n->n_files);
		else if (n->n_files > 1)
			n->detail = arena_printf(&p->arena, "%u files, all %s", n->n_files,
						 picture_shape_name(n->shape));
		open[0] = '\0';
		if (n->open_sites)
			snprintf(open, sizeof(open), ", open: %llu",
				 (unsigned long long)n->open_sites);
		text_bytes(bytes, sizeof(bytes), n->cost);
		n->detail = arena_printf(&p->arena, "%s, %s%s%s", n->detail ? n->detail : "?",
					 bytes, n->late ? ", run time" : "", open);
		if (!n->detail)
			return &error_no_memory;
	}
	return NULL;
}

static size_t count_characters(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += ((unsigned char)b->data[i] & 0xc0) != 0x80;
	return n;
}

/* Newton's, for 0..1: not worth a library. */
static double square_root(double x)
{
	double r = 1;

	for (int i = 0; i < 24; i++)
		r = (r + x / r) / 2;
	return r;
}

/*
 * Area grows with cost: the largest label is four times as high as the smallest. The
 * root costs everything and would make all others alike: it does not count.
 */
static struct error *measure(struct picture *p)
{
	_cleanup_buf_ struct buf label = { 0 };
	uint64_t most = 1;

	for (size_t i = 0; i < p->n_nodes; i++)
		if (!p->nodes[i].root && p->nodes[i].cost > most)
			most = p->nodes[i].cost;
	for (size_t i = 0; i < p->n_nodes; i++) {
		struct picture_node *n = &p->nodes[i];
		double share = (double)n->cost / (double)most;
		n->scale = share > 1 ? 1 : square_root(share);
		n->font = 10 + 30 * n->scale;
		picture_short_label(n->label, 28, &label);
		/* Characters are about 0.6 em wide in the fonts that browsers have. */
		double first = 0.6 * n->font * (double)count_characters(&label);
		picture_short_label(n->detail, 56, &label);
		double second = 0.58 * 0.7 * n->font * (double)count_characters(&label);
		n->width = (first > second ? first : second) + 16;
		n->height = n->font * 2.5 + 4;
	}
	return buf_error(&label);
}

struct error *picture_create(const struct graph *graph, enum report_collapse collapse, size_t max,
			     struct picture **ret)
{
	_cleanup_picture_ struct picture *p = calloc(1, sizeof(*p));
	struct error *err;

	if (!p)
		return &error_no_memory;
	arena_init(&p->arena);
	p->max = max;
	p->node_of = calloc(graph->n_files + 1, sizeof(*p->node_of));
	if (!p->node_of)
		return &error_no_memory;
	err = choose_nodes(p, graph, collapse);
	if (!err)
		err = add_edges(p, graph);
	if (!err)
		err = picture_reduce(p);
	if (!err)
		err = describe(p, graph);
	if (!err)
		err = measure(p);
	if (err)
		return err;
	*ret = cleanup_release(&p);
	return NULL;
}

struct error *picture_create_placed(const struct graph *graph, const struct report_options *options,
				    struct picture **ret)
{
	/* What may be tried, and its share of the time. */
	static const struct {
		size_t max;
		unsigned int tenths;
	} tries[] = { { PICTURE_MAX_NODES, 5 }, { 300, 3 }, { 100, 2 } };
	enum report_collapse collapse = options->collapse;
	unsigned int limit = options->layout_seconds ? options->layout_seconds : LAYOUT_SECONDS;
	size_t n = sizeof(tries) / sizeof(tries[0]);

	for (size_t i = 0;; i++) {
		_cleanup_picture_ struct picture *p = NULL;
		bool last = collapse != REPORT_COLLAPSE_AUTO || i + 1 == n;
		unsigned int share = (limit * tries[i].tenths + 9) / 10;
		struct error *err = picture_create(graph, collapse, tries[i].max, &p);
		if (err)
			return err;
		err = picture_layout(p, options, last && !i ? limit : share);
		if (!err)
			*ret = cleanup_release(&p);
		if (!err || last || error_get_code(err) != ERROR_UNSUPPORTED)
			return err;
		error_destroy(err);
	}
}

void picture_destroy(struct picture *p)
{
	if (!p)
		return;
	free(p->nodes);
	free(p->edges);
	free(p->node_of);
	arena_deinit(&p->arena);
	free(p);
}

const char *picture_note(const struct picture *p, char *dst, size_t size)
{
	const char *by = p->collapse == REPORT_COLLAPSE_PACKAGE ? "package"
			 : p->collapse == REPORT_COLLAPSE_CYCLE ? "cycle"
								: "port";
	const char *fold = p->folded ? "the plug-ins of one file are one node" : "";

	if (p->collapse != REPORT_COLLAPSE_NONE)
		snprintf(dst, size, "the graph is collapsed by %s%s%s%s", by,
			 p->cut ? ", and the cheapest nodes are one" : "", p->folded ? "; " : "",
			 fold);
	else if (p->cut)
		snprintf(dst, size, "the graph shows the %zu most expensive nodes one by one%s%s",
			 p->max - 1, p->folded ? "; " : "", fold);
	else
		snprintf(dst, size, "%s", fold);
	return dst;
}

/* The offset in bytes of a character. */
static size_t character_at(const char *s, size_t len, size_t character)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80 && n++ == character)
			return i;
	return len;
}

void picture_short_label(const char *label, size_t max, struct buf *ret)
{
	_cleanup_buf_ struct buf full = { 0 };

	buf_clear(ret);
	buf_add_escaped(&full, label ? label : "");
	ret->failed = ret->failed || full.failed;
	if (!full.data)
		return;
	size_t n = count_characters(&full), tail = max / 3;
	if (n <= max) {
		buf_add(ret, full.data, full.len);
		return;
	}
	size_t rest = character_at(full.data, full.len, n - tail);
	buf_add(ret, full.data, character_at(full.data, full.len, max - tail - 1));
	buf_adds(ret, "\xe2\x80\xa6");
	buf_add(ret, full.data + rest, full.len - rest);
}
