/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dependency graph in memory, as the formats need it: the rows of the store,
 * with indexes instead of ids, and what follows from them.
 */
#ifndef REPORTS_GRAPH_H
#define REPORTS_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/store/dep.h"
#include "core/store/store.h"

#define GRAPH_NONE UINT32_MAX

struct graph_file {
	struct dep_file row;
	const char *name;	   /* the last part of the path: for labels */
	uint32_t first_out, n_out; /* in graph.out */
	uint32_t first_in, n_in;   /* in graph.in */
	uint32_t parent;	   /* edge by which it is reached first, the shortest way from a
				      root; GRAPH_NONE: a root, or not reached */
	uint32_t depth;		   /* edges from a root; GRAPH_NONE: not reached */
	uint32_t dominator;	   /* the nearest file without which it would not be there;
				      GRAPH_NONE: nothing single brings it */
	uint32_t cycle;		   /* number of its strongly connected component */
	uint32_t missing;	   /* number of its needed libraries that were not found */
};

struct graph_edge {
	struct dep_edge row;
	uint32_t from, to; /* indexes of files; to GRAPH_NONE: not found */
	uint32_t first_tried, n_tried;
};

struct graph_totals {
	uint64_t files, loaded_files, late_files; /* late: opened at run time */
	uint64_t file_bytes, loaded_bytes;	  /* of the loaded ones */
	uint64_t edges, not_found; /* not_found: distinct names that the loader needs */
	uint64_t dlopen_edges, open_files, open_sites;
	uint64_t open_unknown; /* files in which nobody looked for dlopen sites */
	uint64_t ported, stand_ins, core, no_port; /* of all files */
	uint64_t loaded_no_port, loaded_open_unknown;
	uint64_t packages;
};

struct graph {
	struct arena arena;
	struct graph_file *files;
	size_t n_files, cap_files;
	struct graph_edge *edges; /* in order of id */
	size_t n_edges, cap_edges;
	uint32_t *out, *in; /* indexes of edges, grouped by file */
	struct dep_tried *tried;
	size_t n_tried, cap_tried;
	struct dep_component *components;
	size_t n_components, cap_components;
	struct store_input *inputs;
	size_t n_inputs, cap_inputs;
	struct store_warning *warnings;
	size_t n_warnings, cap_warnings;
	uint32_t n_cycles;
	struct graph_totals totals;
};

/* Reads a run. bad-data where an edge names a file that the run does not have. */
struct error *graph_load(struct store *store, int64_t run, struct graph **ret) must_check;
void graph_destroy(struct graph *graph);

static inline void graph_cleanup(struct graph **graph)
{
	graph_destroy(*graph);
}
#define _cleanup_graph_ __attribute__((cleanup(graph_cleanup)))

/* The index of a file by its id, or GRAPH_NONE. */
uint32_t graph_find_file(const struct graph *graph, uint32_t id);

/* Whether the loader maps the target of such an edge at start. */
bool graph_kind_loads(enum dep_edge_kind kind);

/* --- graph-order.c: what graph_load() fills in; private to it --- */
struct error *graph_find_parents(struct graph *graph) must_check;
struct error *graph_find_dominators(struct graph *graph) must_check;
struct error *graph_find_cycles(struct graph *graph) must_check;

/* The last part of a path; never empty unless the path is. */
const char *graph_basename(const char *path);

/* "port", "stand-in", "core" or "none"; what is not set counts as "none". */
const char *graph_relation(const struct dep_file *file);

#endif
