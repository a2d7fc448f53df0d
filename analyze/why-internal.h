/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to analyze/why*.c. */
#ifndef ANALYZE_WHY_INTERNAL_H
#define ANALYZE_WHY_INTERNAL_H

#include "analyze/why.h"
#include "core/base/arena.h"
#include "core/base/map.h"
#include "core/store/store.h"

enum { WHY_TIERS = 3, WHY_STAGES = 2 * WHY_TIERS };

#define WHY_FAR UINT32_MAX

/* Distances from a set of files, over the edges of one tier and those below it. */
struct why_stage {
	enum why_when when;
	uint32_t *dist;	 /* by node; WHY_FAR: not reached */
	uint64_t *count; /* shortest chains to it, saturated */
};

/* A name that some file asked for, and the node that it got. */
struct why_asked {
	const char *name;
	uint32_t node;
};

struct why {
	struct arena arena;
	struct store *store;
	int64_t run;
	struct why_node *nodes; /* files, then names that were not found */
	size_t nnodes, nodes_cap, nfiles;
	uint32_t *ids; /* row id of each file, ascending */
	size_t ids_cap;
	struct map missing;	/* name -> index + 1 of its node */
	struct why_edge *edges; /* by from, then as the file asks */
	size_t nedges, edges_cap;
	uint32_t *in;		 /* indexes of edges, by where they lead */
	struct why_asked *asked; /* of all edges of the run */
	size_t nasked, asked_cap;
	struct dep_tried *tried; /* by edge row */
	size_t ntried, tried_cap;
	struct why_stage *stages[WHY_STAGES]; /* computed when they are asked for */
};

static inline uint32_t why_index(const struct why *why, const struct why_node *node)
{
	return (uint32_t)(node - why->nodes);
}

/* The node of a row id, or NULL. */
struct why_node *why_node_of(const struct why *why, uint32_t id);

/* What edges of a kind need. */
enum why_when why_kind_when(enum dep_edge_kind kind);

/*
 * Fills a target for a node. With 'itself' a SOURCE is explained by being one,
 * else by the other SOURCEs.
 */
struct error *why_reach(struct why *why, const struct why_node *node, bool itself,
			struct why_target *ret) must_check;

#endif
