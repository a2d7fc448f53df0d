/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which edges a picture can do without: nearly everything needs libc, and says
 * so again although what it needs already does. Such an edge is marked
 * 'implied'; the layout leaves it out, which makes the picture three times
 * smaller and readable. It is still drawn, faintly, and shown when asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "reports/picture.h"

enum { MAX_NODES = 8192 }; /* n^2 bits: 8 MiB */

struct reach {
	uint64_t *bits; /* n rows: what a node reaches by edges that the loader follows */
	size_t words;
};

static bool has(const struct reach *r, uint32_t from, uint32_t to)
{
	return r->bits[from * r->words + to / 64] >> (to % 64) & 1;
}

static bool follow(const struct reach *r, const struct picture_edge *e)
{
	uint64_t *to = &r->bits[e->from * r->words];
	const uint64_t *more = &r->bits[e->to * r->words];
	bool changed = !has(r, e->from, e->to);

	to[e->to / 64] |= 1ull << (e->to % 64);
	for (size_t i = 0; i < r->words; i++) {
		changed = changed || (more[i] & ~to[i]);
		to[i] |= more[i];
	}
	return changed;
}

/* Edges come in the order of the loader, deep ones late: backwards is quick. */
static void fill(const struct picture *p, const struct reach *r)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = p->n_edges; i-- > 0;)
			if (graph_kind_loads(p->edges[i].kind) && follow(r, &p->edges[i]))
				changed = true;
	}
}

/*
 * Whether 'e' is implied by the edge 'other' of the same file. Neither may run
 * inside a cycle with an end of 'e': two edges could then imply each other.
 */
static bool implies(const struct reach *r, const struct picture_edge *other,
		    const struct picture_edge *e)
{
	uint32_t via = other->to;

	return via != e->to && graph_kind_loads(other->kind) && has(r, via, e->to) &&
	       !has(r, via, e->from) && !has(r, e->to, via);
}

static void mark(struct picture *p, const struct reach *r, const uint32_t *first,
		 const uint32_t *by_from)
{
	for (size_t i = 0; i < p->n_edges; i++) {
		struct picture_edge *e = &p->edges[i];
		if (e->kind == DEP_DLOPEN || has(r, e->to, e->from))
			continue;
		for (uint32_t k = first[e->from]; !e->implied && k < first[e->from + 1]; k++)
			e->implied = implies(r, &p->edges[by_from[k]], e);
	}
}

struct error *picture_reduce(struct picture *p)
{
	struct reach r = { .words = p->n_nodes / 64 + 1 };
	_cleanup_free_ uint32_t *first = calloc(p->n_nodes + 2, sizeof(*first));
	_cleanup_free_ uint32_t *by_from = calloc(p->n_edges + 1, sizeof(*by_from));

	if (!first || !by_from)
		return &error_no_memory;
	if (p->n_nodes > MAX_NODES)
		return NULL;
	_cleanup_free_ uint64_t *bits = calloc(p->n_nodes + 1, r.words * sizeof(*bits));
	if (!bits)
		return &error_no_memory;
	r.bits = bits;
	fill(p, &r);
	picture_group_edges(p, first, by_from);
	mark(p, &r, first, by_from);
	return NULL;
}
