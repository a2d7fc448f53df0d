/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dependency graph of one or more SOURCEs: the files, who asks for whom and
 * how that is known. Closures (analyze/closure.h) fill it the way a loader maps
 * files; bindings and costs are computed over it.
 *
 * A file is one inode: two names of it are one node. Ids count from 1 in the
 * order in which files are met, which for one SOURCE is the loader's order.
 */
#ifndef ANALYZE_FGRAPH_H
#define ANALYZE_FGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze/search.h"
#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/image/image.h"
#include "core/image/tree.h"
#include "core/store/dep.h"

struct dlopen_facts;
struct image_member;

struct fgraph_file {
	uint32_t id;
	uint32_t input;		 /* 1-based index of the SOURCE it came with */
	const struct tree *tree; /* where it was found */
	struct image *image;	 /* NULL: known by name only (plug-ins, candidates) */
	const char *path;	 /* as the loader names it, with the prefix of its layer */
	const char *tree_path;	 /* the same without prefix, absolute */
	const char *disk_path;	 /* where the bytes are on this machine */
	const char *realpath;	 /* inside the tree; set by fgraph_resolve_paths() */
	uint64_t bytes;		 /* of the file */
	const struct image_member *member; /* of a static archive; NULL: a file of its own */
	const char *how_found;		   /* "ld.so.cache", "RUNPATH of 'x'"...; "" for roots */
	bool root;
	bool host;   /* the program of --host-exe: there without the SOURCEs */
	bool loaded; /* mapped at start, as against opened at run time */

	struct dlopen_facts *dlopens; /* of analyze/runtime.c; NULL: not looked at */
	uint64_t open_sites;	      /* calls of dlopen whose argument is not known */

	/* Paths that the file contributes to searches, by the search they belong to. */
	const struct search *paths_search;
	const char *paths_path;
	struct search_paths *paths;

	/* Results of bindings and cost. */
	uint64_t bound_to; /* distinct definitions that somebody uses */
	uint64_t cost_files, cost_bytes;
	int64_t cost_symbols;
};

struct fgraph_edge {
	uint32_t from, to; /* ids; to 0: not found */
	const char *name;
	enum dep_edge_kind kind;
	const char *how;
	uint64_t address;
	bool wanted_at_start; /* NEEDED of a file that is loaded at start */
};

struct fgraph_tried {
	uint32_t edge; /* index into edges */
	const char *place, *source, *reason;
};

struct fgraph_warning {
	const char *code, *subject, *text;
	bool incomplete; /* the answer lacks something because of it */
};

struct fgraph {
	struct arena arena;
	struct log *log;

	struct fgraph_file **files;
	size_t nfiles, files_cap;
	struct map by_inode; /* dev+ino -> struct fgraph_file */

	struct fgraph_edge *edges;
	size_t nedges, edges_cap;
	struct map edge_keys; /* from, to, kind, name -> seen */

	struct fgraph_tried *tried;
	size_t ntried, tried_cap;
	bool tried_left_out; /* there were more */

	struct fgraph_warning *warnings;
	size_t nwarnings, warnings_cap;
};

/* 'log' is borrowed. The trees of files must outlive the graph. */
struct error *fgraph_create(struct log *log, struct fgraph **ret) must_check;
void fgraph_destroy(struct fgraph *graph);

/*
 * The file of a tree entry; opened and added when it is new. 'path' is how the
 * loader names it. Errors of opening are returned, and the file is then not
 * added; a file of another machine than 'want' (NULL: any) is 'not-found'.
 */
struct error *fgraph_open_file(struct fgraph *graph, const struct tree *tree, const char *path,
			       const struct tree_entry *entry, const struct image_machine *want,
			       struct fgraph_file **ret) must_check;

/* The same without opening it: for files that are only named. */
struct error *fgraph_name_file(struct fgraph *graph, const struct tree *tree, const char *path,
			       const struct tree_entry *entry, struct fgraph_file **ret) must_check;

/* A member of a static archive, as "libx.a(y.o)". 'bytes' is its size. */
struct error *fgraph_add_member(struct fgraph *graph, const char *path, uint64_t bytes,
				const struct image_member *member,
				struct fgraph_file **ret) must_check;

/* By id, which must be valid. */
static inline struct fgraph_file *fgraph_get_file(const struct fgraph *graph, uint32_t id)
{
	return graph->files[id - 1];
}

/*
 * Adds an edge unless it is there; 'ret' (may be NULL) gets its index, and
 * whether it is new. Strings are copied.
 */
struct error *fgraph_add_edge(struct fgraph *graph, const struct fgraph_edge *edge, uint32_t *ret,
			      bool *is_new) must_check;

/*
 * Adds a place where the target of an edge was looked for in vain. Beyond
 * FGRAPH_MAX_TRIED of them the rest is left out, and a warning says so.
 */
enum { FGRAPH_MAX_TRIED = 1 << 20 };
struct error *fgraph_add_tried(struct fgraph *graph, uint32_t edge, const char *place,
			       const char *source, const char *reason) must_check;

/* Also tells the log. */
struct error *fgraph_warn(struct fgraph *graph, const char *code, const char *subject,
			  bool incomplete, const char *format, ...) must_check
	__attribute__((format(printf, 5, 6)));

/* Whether any warning makes the answer incomplete. */
bool fgraph_is_incomplete(const struct fgraph *graph);

/* Fills realpath of every file. */
struct error *fgraph_resolve_paths(struct fgraph *graph) must_check;

/*
 * Gives new ids: files in the order of 'order' (an id each, without repeats)
 * first, the others behind them in their old order. To be called when all
 * edges are there.
 */
struct error *fgraph_renumber(struct fgraph *graph, const uint32_t *order, size_t n) must_check;

#endif
