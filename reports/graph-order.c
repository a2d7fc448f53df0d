/* SPDX-License-Identifier: BSD-2-Clause */
/* Shortest ways, dominators and cycles of a graph. No recursion: chains may be long. */
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "reports/graph.h"

/* --- Shortest ways from the roots --- */

struct queue {
	uint32_t *items;
	size_t head, tail;
};

static void visit(struct graph *g, struct queue *q, uint32_t edge, bool loads_only)
{
	const struct graph_edge *e = &g->edges[edge];

	if (e->to == GRAPH_NONE || g->files[e->to].depth != GRAPH_NONE)
		return;
	if (loads_only && !graph_kind_loads(e->row.kind))
		return;
	g->files[e->to].depth = g->files[e->from].depth + 1;
	g->files[e->to].parent = edge;
	q->items[q->tail++] = e->to;
}

/*
 * First by what the loader follows: a library that is needed two steps away is
 * not explained by a candidate string one step away.
 */
struct error *graph_find_parents(struct graph *g)
{
	_cleanup_free_ uint32_t *items = calloc(g->n_files + 1, sizeof(*items));
	struct queue q = { .items = items };

	if (!items)
		return &error_no_memory;
	for (uint32_t i = 0; i < g->n_files; i++) {
		if (g->files[i].row.root) {
			g->files[i].depth = 0;
			q.items[q.tail++] = i;
		}
	}
	for (int pass = 0; pass < 2; pass++) {
		for (q.head = 0; q.head < q.tail; q.head++) {
			const struct graph_file *f = &g->files[q.items[q.head]];
			for (uint32_t i = 0; i < f->n_out; i++)
				visit(g, &q, g->out[f->first_out + i], !pass);
		}
	}
	return NULL;
}

/* --- Depth-first numbers --- */

struct frame {
	uint32_t file, next; /* next: of its out edges */
};

/*
 * Whether an edge counts for dominators: what the loader maps at start is not
 * brought by anything that is only opened later.
 */
static bool brings(const struct graph *g, const struct graph_edge *e)
{
	if (e->to == GRAPH_NONE)
		return false;
	if (!g->files[e->to].row.loaded)
		return true;
	return g->files[e->from].row.loaded && graph_kind_loads(e->row.kind);
}

struct dominators {
	struct graph *g;
	uint32_t *order;  /* files by the end of their visit; the last is visited first */
	uint32_t *number; /* of a file in 'order', GRAPH_NONE: not visited */
	uint32_t n;
	uint32_t *idom; /* by number; n stands for the top above all roots */
	struct frame *stack;
};

static void walk_from(struct dominators *d, uint32_t root)
{
	struct graph *g = d->g;
	size_t depth = 0;

	if (d->number[root] != GRAPH_NONE)
		return;
	d->number[root] = 0;
	d->stack[depth++] = (struct frame) { .file = root };
	while (depth) {
		struct frame *f = &d->stack[depth - 1];
		const struct graph_file *file = &g->files[f->file];
		if (f->next == file->n_out) {
			d->number[f->file] = d->n;
			d->order[d->n++] = f->file;
			depth--;
			continue;
		}
		const struct graph_edge *e = &g->edges[g->out[file->first_out + f->next++]];
		if (!brings(g, e) || d->number[e->to] != GRAPH_NONE)
			continue;
		d->number[e->to] = 0;
		d->stack[depth++] = (struct frame) { .file = e->to };
	}
}

static uint32_t common(const uint32_t *idom, uint32_t a, uint32_t b)
{
	while (a != b) {
		while (a < b)
			a = idom[a];
		while (b < a)
			b = idom[b];
	}
	return a;
}

/* The new dominator of a number, from those of its predecessors. */
static uint32_t join(const struct dominators *d, uint32_t number)
{
	const struct graph *g = d->g;
	const struct graph_file *f = &g->files[d->order[number]];
	uint32_t best = f->row.root ? d->n : GRAPH_NONE;

	for (uint32_t i = 0; i < f->n_in; i++) {
		const struct graph_edge *e = &g->edges[g->in[f->first_in + i]];
		uint32_t p = d->number[e->from];
		if (!brings(g, e) || p == GRAPH_NONE || d->idom[p] == GRAPH_NONE)
			continue;
		best = best == GRAPH_NONE ? p : common(d->idom, best, p);
	}
	return best;
}

/* "A Simple, Fast Dominance Algorithm", Cooper, Harvey and Kennedy, 2001. */
static void iterate(struct dominators *d)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = d->n; i-- > 0;) {
			uint32_t best = join(d, i);
			if (best != d->idom[i]) {
				d->idom[i] = best;
				changed = true;
			}
		}
	}
}

struct error *graph_find_dominators(struct graph *g)
{
	size_t n = g->n_files + 1;
	_cleanup_free_ uint32_t *order = calloc(n, sizeof(*order));
	_cleanup_free_ uint32_t *number = calloc(n, sizeof(*number));
	_cleanup_free_ uint32_t *idom = calloc(n, sizeof(*idom));
	_cleanup_free_ struct frame *stack = calloc(n, sizeof(*stack));
	struct dominators d = {
		.g = g, .order = order, .number = number, .idom = idom, .stack = stack
	};

	if (!order || !number || !idom || !stack)
		return &error_no_memory;
	for (size_t i = 0; i < n; i++)
		number[i] = idom[i] = GRAPH_NONE;
	for (uint32_t i = 0; i < g->n_files; i++)
		if (g->files[i].row.root)
			walk_from(&d, i);
	idom[d.n] = d.n;
	iterate(&d);
	for (uint32_t i = 0; i < d.n; i++)
		if (idom[i] < d.n)
			g->files[order[i]].dominator = order[idom[i]];
	return NULL;
}

/* --- Cycles (strongly connected components): Tarjan, 1972 --- */

struct tarjan {
	struct graph *g;
	uint32_t *index, *low; /* index GRAPH_NONE: not visited */
	bool *on_stack;
	uint32_t *stack;
	size_t depth;
	uint32_t next;
	struct frame *frames;
};

static void close_component(struct tarjan *t, uint32_t file)
{
	uint32_t member;

	do {
		member = t->stack[--t->depth];
		t->on_stack[member] = false;
		t->g->files[member].cycle = t->g->n_cycles;
	} while (member != file);
	t->g->n_cycles++;
}

static size_t enter(struct tarjan *t, uint32_t file, size_t n)
{
	t->index[file] = t->low[file] = t->next++;
	t->stack[t->depth++] = file;
	t->on_stack[file] = true;
	t->frames[n] = (struct frame) { .file = file };
	return n + 1;
}

static void tarjan_from(struct tarjan *t, uint32_t start)
{
	const struct graph *g = t->g;
	size_t n = enter(t, start, 0);

	while (n) {
		struct frame *f = &t->frames[n - 1];
		const struct graph_file *file = &g->files[f->file];
		if (f->next < file->n_out) {
			uint32_t to = g->edges[g->out[file->first_out + f->next++]].to;
			if (to == GRAPH_NONE)
				continue;
			if (t->index[to] == GRAPH_NONE)
				n = enter(t, to, n);
			else if (t->on_stack[to] && t->index[to] < t->low[f->file])
				t->low[f->file] = t->index[to];
			continue;
		}
		if (t->low[f->file] == t->index[f->file])
			close_component(t, f->file);
		if (--n && t->low[f->file] < t->low[t->frames[n - 1].file])
			t->low[t->frames[n - 1].file] = t->low[f->file];
	}
}

struct error *graph_find_cycles(struct graph *g)
{
	size_t n = g->n_files + 1;
	_cleanup_free_ uint32_t *index = calloc(n, sizeof(*index));
	_cleanup_free_ uint32_t *low = calloc(n, sizeof(*low));
	_cleanup_free_ uint32_t *stack = calloc(n, sizeof(*stack));
	_cleanup_free_ bool *on_stack = calloc(n, sizeof(*on_stack));
	_cleanup_free_ struct frame *frames = calloc(n, sizeof(*frames));
	struct tarjan t = { .g = g,
			    .index = index,
			    .low = low,
			    .on_stack = on_stack,
			    .stack = stack,
			    .frames = frames };

	if (!index || !low || !stack || !on_stack || !frames)
		return &error_no_memory;
	for (size_t i = 0; i < n; i++)
		index[i] = GRAPH_NONE;
	for (uint32_t i = 0; i < g->n_files; i++)
		if (index[i] == GRAPH_NONE)
			tarjan_from(&t, i);
	return NULL;
}
