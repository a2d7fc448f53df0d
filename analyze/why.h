/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why is something in a dependency graph? Every shortest chain from what the
 * user asked about to a file, to a library that was not found, or to the files
 * that refer to a symbol. Works on the rows of a run in the store.
 *
 * A chain that the loader follows at start counts before one that needs a
 * dlopen() in the code, and that before one that rests on a candidate string or
 * a plug-in folder: only where there is no chain of the first sort is one of the
 * next looked for. Chains are shortest among those of their sort. With
 * --host-exe, what no SOURCE leads to is explained from the host program.
 *
 * Two chains differ in their files: of several edges between the same two files
 * the best known one stands for all.
 */
#ifndef ANALYZE_WHY_H
#define ANALYZE_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/store/dep.h"

struct store;
struct why;

/* A file, or a name that was not found. Strings live until why_destroy(). */
struct why_node {
	const char *path;   /* NULL: not found */
	const char *name;   /* the last part of the path, or the name that was not found */
	const char *soname; /* or NULL */
	const char *realpath;
	bool root, loaded;
	uint32_t first_out, n_out; /* edges from it, of why_edge_at() */
	uint32_t first_in, n_in;   /* edges to it, private */
};

struct why_edge {
	const struct why_node *from, *to;
	const char *name, *how; /* what was asked for, and how that is known */
	enum dep_edge_kind kind;
	uint64_t address; /* of the call, 0: none */
	uint32_t id;	  /* of the row */
};

/* Which edges the chains need. */
enum why_when {
	WHY_START,  /* those that the loader follows by itself */
	WHY_DLOPEN, /* dlopen, too */
	WHY_MAYBE,  /* candidates and plug-in folders, too */
};

/* "start" "dlopen" "maybe" */
const char *why_when_name(enum why_when when);

struct why_target {
	const struct why_node *node;
	bool reached; /* false: nothing leads there; then the rest is 0 */
	enum why_when when;
	uint32_t steps;	 /* edges of each shortest chain; 0: it is SOURCE itself */
	uint64_t chains; /* how many there are, 0 for 0 steps; UINT64_MAX: at least that */
	const struct why_stage *stage; /* private */
};

/* A file that refers to a symbol. */
struct why_reference {
	struct why_target file;		 /* may be a SOURCE itself: 0 steps */
	const struct why_node *bound_to; /* NULL: unresolved */
	const char *symbol;
	const char *version; /* NULL: the reference has none */
	bool weak;
};

/* Reads files and edges of a run. */
struct error *why_create(struct store *store, int64_t run, struct why **ret) must_check;
void why_destroy(struct why *why);

static inline void why_cleanup(struct why **why)
{
	why_destroy(*why);
}
#define _cleanup_why_ __attribute__((cleanup(why_cleanup)))

/*
 * Targets that a text names: a path or the end of one, a soname, a file name, a
 * name that was asked for, found or not. 'canonical' (may be NULL) is the same as
 * an absolute path without links. A file that is a SOURCE itself is explained
 * from the other SOURCEs, if there are any. The list is the caller's to free();
 * what it points to lives until why_destroy().
 */
struct error *why_find(struct why *why, const char *text, const char *canonical,
		       struct why_target **ret, size_t *nret) must_check;

/*
 * Who refers to a symbol, "name" or "name@VERSION" ("name@@VERSION" is the same),
 * by the bindings of the run, in the order of files. As above.
 */
struct error *why_find_symbol(struct why *why, const char *text, struct why_reference **ret,
			      size_t *nret) must_check;

/* A chain: 'n' edges, each from where the one before leads. */
struct why_chain {
	const struct why_edge *const *edges;
	size_t n;
};

/*
 * Calls 'fn' for each shortest chain to a target, at most 'max' times: in the
 * order of SOURCEs, then of what each file asks for. Chains with a common
 * beginning follow each other.
 */
struct error *why_each_chain(struct why *why, const struct why_target *target, uint64_t max,
			     struct error *(*fn)(const struct why_chain *chain, void *arg),
			     void *arg) must_check;

/* Places where the loader looked for an edge that leads to nothing. Until why_destroy(). */
const struct dep_tried *why_get_tried(const struct why *why, const struct why_edge *edge,
				      size_t *n);

/*
 * Up to 'max' names that are like 'text', the nearest first: of files, of what was
 * not found and, with 'symbols', of symbols that are referred to. The strings
 * live until why_destroy(), the list 'ret' has room for 'max'.
 */
struct error *why_near(struct why *why, const char *text, bool symbols, const char **ret,
		       size_t max, size_t *nret) must_check;

#endif
