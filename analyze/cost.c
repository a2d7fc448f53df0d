/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/cost.h"

#include <stdlib.h>

#include "core/base/cleanup.h"

/* Node 0 is a root above all SOURCEs; the others are file ids. */
struct flow {
	size_t n;
	uint32_t *first; /* index into 'to' of each node's successors; n + 1 entries */
	uint32_t *to;
	uint32_t *pred_first, *pred; /* the same for predecessors */
	uint32_t *order;	     /* reverse postorder */
	uint32_t *position;	     /* of a node in 'order'; UINT32_MAX: not reached */
	size_t reached;
	uint32_t *idom;
};

static void free_flow(struct flow *f)
{
	free(f->first);
	free(f->to);
	free(f->pred_first);
	free(f->pred);
	free(f->order);
	free(f->position);
	free(f->idom);
}
#define _cleanup_flow_ __attribute__((cleanup(free_flow)))

static bool counts(const struct fgraph *graph, const struct fgraph_edge *e)
{
	return e->to && e->wanted_at_start && e->kind <= DEP_FILTER &&
	       fgraph_get_file(graph, e->to)->loaded;
}

/* Calls for each arc: from the node above to every root and host, and for each edge. */
static void each_arc(const struct fgraph *graph,
		     void (*fn)(struct flow *f, uint32_t from, uint32_t to), struct flow *f)
{
	for (size_t i = 0; i < graph->nfiles; i++)
		if ((graph->files[i]->root || graph->files[i]->host) && graph->files[i]->loaded)
			fn(f, 0, (uint32_t)i + 1);
	for (size_t i = 0; i < graph->nedges; i++)
		if (counts(graph, &graph->edges[i]))
			fn(f, graph->edges[i].from, graph->edges[i].to);
}

static void count_arc(struct flow *f, uint32_t from, uint32_t to)
{
	f->first[from + 1]++;
	f->pred_first[to + 1]++;
}

/* first[from] is the next free place while filling, and moves to the end of the node. */
static void place_arc(struct flow *f, uint32_t from, uint32_t to)
{
	f->to[f->first[from]++] = to;
	f->pred[f->pred_first[to]++] = from;
}

static struct error *build(const struct fgraph *graph, struct flow *f)
{
	f->n = graph->nfiles + 1;
	size_t arcs = graph->nfiles + graph->nedges;
	f->first = calloc(f->n + 2, sizeof(uint32_t));
	f->pred_first = calloc(f->n + 2, sizeof(uint32_t));
	f->to = calloc(arcs + 1, sizeof(uint32_t));
	f->pred = calloc(arcs + 1, sizeof(uint32_t));
	f->order = calloc(f->n, sizeof(uint32_t));
	f->position = malloc(f->n * sizeof(uint32_t));
	f->idom = malloc(f->n * sizeof(uint32_t));
	if (!f->first || !f->pred_first || !f->to || !f->pred || !f->order || !f->position ||
	    !f->idom)
		return &error_no_memory;
	each_arc(graph, count_arc, f);
	for (size_t i = 0; i < f->n; i++) {
		f->first[i + 1] += f->first[i];
		f->pred_first[i + 1] += f->pred_first[i];
	}
	each_arc(graph, place_arc, f);
	/* Filling moved every start to the start of the next node: move them back. */
	for (size_t i = f->n; i-- > 0;) {
		f->first[i + 1] = f->first[i];
		f->pred_first[i + 1] = f->pred_first[i];
	}
	f->first[0] = f->pred_first[0] = 0;
	return NULL;
}

struct frame {
	uint32_t node, next;
};

static struct error *number(struct flow *f)
{
	_cleanup_free_ struct frame *stack = calloc(f->n, sizeof(*stack));
	_cleanup_free_ bool *seen = calloc(f->n, 1);
	size_t depth = 0, head = f->n;

	if (!stack || !seen)
		return &error_no_memory;
	for (size_t i = 0; i < f->n; i++)
		f->position[i] = f->idom[i] = UINT32_MAX;
	stack[depth++] = (struct frame) { 0, f->first[0] };
	seen[0] = true;
	while (depth) {
		struct frame *top = &stack[depth - 1];
		if (top->next == f->first[top->node + 1]) {
			f->order[--head] = top->node;
			depth--;
			continue;
		}
		uint32_t to = f->to[top->next++];
		if (seen[to])
			continue;
		seen[to] = true;
		stack[depth++] = (struct frame) { to, f->first[to] };
	}
	f->reached = f->n - head;
	for (size_t i = 0; i < f->reached; i++) {
		f->order[i] = f->order[head + i];
		f->position[f->order[i]] = (uint32_t)i;
	}
	return NULL;
}

static uint32_t intersect(const struct flow *f, uint32_t a, uint32_t b)
{
	while (a != b) {
		while (f->position[a] > f->position[b])
			a = f->idom[a];
		while (f->position[b] > f->position[a])
			b = f->idom[b];
	}
	return a;
}

static void dominate(struct flow *f)
{
	bool changed = true;

	f->idom[0] = 0;
	while (changed) {
		changed = false;
		for (size_t i = 1; i < f->reached; i++) {
			uint32_t node = f->order[i], idom = UINT32_MAX;
			for (uint32_t k = f->pred_first[node]; k < f->pred_first[node + 1]; k++) {
				uint32_t p = f->pred[k];
				if (f->idom[p] == UINT32_MAX)
					continue;
				idom = idom == UINT32_MAX ? p : intersect(f, p, idom);
			}
			if (f->idom[node] != idom) {
				f->idom[node] = idom;
				changed = true;
			}
		}
	}
}

struct error *cost_compute(struct fgraph *graph, bool bindings)
{
	_cleanup_flow_ struct flow f = { 0 };
	struct error *err = build(graph, &f);

	if (!err)
		err = number(&f);
	if (err)
		return err;
	dominate(&f);
	for (size_t i = 0; i < graph->nfiles; i++) {
		struct fgraph_file *file = graph->files[i];
		bool in = f.position[i + 1] != UINT32_MAX;
		file->cost_files = in;
		file->cost_bytes = in && file->image ? file->image->loaded_bytes : 0;
		file->cost_symbols = !bindings ? -1 : in ? (int64_t)file->bound_to : 0;
	}
	/* Backwards in reverse postorder: a node comes after all that it dominates. */
	for (size_t i = f.reached; i-- > 1;) {
		uint32_t above = f.idom[f.order[i]];
		if (!above)
			continue;
		struct fgraph_file *file = fgraph_get_file(graph, f.order[i]);
		struct fgraph_file *up = fgraph_get_file(graph, above);
		up->cost_files += file->cost_files;
		up->cost_bytes += file->cost_bytes;
		if (bindings)
			up->cost_symbols += file->cost_symbols;
	}
	return NULL;
}
