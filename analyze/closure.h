/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one process would have mapped: the list of link maps that a dynamic
 * loader builds for a program (or for a library, as ldd does), in its order,
 * with the scopes in which symbols are looked up.
 *
 * glibc: elf/dl-deps.c (_dl_map_object_deps), dl-load.c (_dl_map_object),
 * dl-open.c, dl-sort-maps.c. musl: ldso/dynlink.c (load_library, load_deps).
 */
#ifndef ANALYZE_CLOSURE_H
#define ANALYZE_CLOSURE_H

#include "analyze/fgraph.h"
#include "analyze/search.h"

/* One mapped file (struct link_map). */
struct closure_link {
	struct fgraph_file *file;
	const char *path;	   /* l_name, absolute inside the tree or as typed */
	struct search_chain chain; /* its paths, and its loader's chain */
	uint32_t *needed;	   /* links, in order of DT_NEEDED */
	size_t nneeded;
	uint32_t group; /* which searchlist brought it: 0 start, else a dlopen */
};

/* A search that found a mapped file: what a loader would do again for this name. */
struct closure_find {
	const char *name;   /* asked for, expanded */
	const char *path;   /* where the search found it */
	const char *source; /* "RPATH of 'x'", "ld.so.cache", ... */
	uint32_t link;
};

/* One searchlist: at start, or of one dlopen. */
struct closure_group {
	uint32_t *scope; /* links in breadth-first order */
	size_t nscope;
	uint32_t *init_order; /* l_initfini: dependencies last; relocated from its end */
};

struct closure_options {
	const char *const *preloads; /* paths or names */
	size_t npreloads;
};

struct closure {
	struct fgraph *graph;
	struct search *search;
	enum search_libc libc;
	struct closure_link **links; /* in order of loading */
	size_t n, cap;
	struct closure_group *groups;
	size_t ngroups, groups_cap;
	struct closure_find *finds; /* in order of searching */
	size_t nfinds, finds_cap;
	struct map names;	    /* l_name, l_libname and sonames -> index of link + 1 */
	struct map inodes;	    /* fgraph_file -> index of link + 1 */
	struct fgraph_file *interp; /* the dynamic loader, or NULL: none in the tree */
};

enum { CLOSURE_MAX_LINKS = 65536 };

/*
 * Maps a root and all it needs at start. 'root' is in the graph already.
 * Missing libraries become edges without target, with every place tried.
 * 'closure' is to be freed with closure_deinit() even after an error.
 */
struct error *closure_init(struct closure *closure, struct fgraph *graph, struct search *search,
			   enum search_libc libc, struct fgraph_file *root,
			   const struct closure_options *options) must_check;
void closure_deinit(struct closure *closure);

/*
 * As dlopen(name) called by the code of link 'caller': adds a group. The edge
 * (from the caller, of this kind and evidence) is added as well. 'ret' gets the
 * link, or UINT32_MAX where it was not found.
 */
struct error *closure_dlopen(struct closure *closure, uint32_t caller, const char *name,
			     enum dep_edge_kind kind, const char *how, uint64_t address,
			     uint32_t *ret) must_check;

/* Finds a name as closure_dlopen() would, without mapping it: the edge alone. */
struct error *closure_find(struct closure *closure, uint32_t caller, const char *name,
			   enum dep_edge_kind kind, const char *how, uint64_t address) must_check;

#endif
