/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a dynamic loader looks for a library: the search rules of glibc's ld.so
 * (ld.so(8); elf/dl-load.c, dl-cache.c, dl-hwcaps.c of 2.36) and of musl
 * (ldso/dynlink.c of 1.2.3), without running anything.
 *
 * What the rules leave to the build of the loader is read from the loader
 * itself, where the tree holds one: its default folders, what $LIB means, and
 * whether it still knows the folders of legacy hardware capabilities (before
 * glibc 2.37).
 */
#ifndef ANALYZE_SEARCH_H
#define ANALYZE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/image/image.h"
#include "core/image/tree.h"

enum search_libc { SEARCH_GLIBC, SEARCH_MUSL };

struct search_options {
	enum search_libc libc;
	const char *library_path; /* LD_LIBRARY_PATH, or NULL */
	bool no_cache;		  /* as --inhibit-cache */
	int isa_level;		  /* x86-64-vN folders up to this N; -1: this machine's */
	const char *interp;	  /* the loader's path in the tree; NULL: the machine's default */
};

struct search;
struct search_dir;

/* 'tree' is borrowed and must outlive the search. */
struct error *search_create(const struct tree *tree, const struct image_machine *machine,
			    const struct search_options *options, struct search **ret) must_check;
void search_destroy(struct search *search);

const struct tree *search_tree(const struct search *search);

/* The path of the dynamic loader in the tree. Borrowed. */
const char *search_interp(const struct search *search);

/* Default folders, in order, NULL-terminated. Borrowed. */
const char *const *search_default_dirs(const struct search *search);

/*
 * What a mapped file contributes to the search: its RPATH and RUNPATH,
 * expanded. Lives in the search's memory.
 */
struct search_paths;

/*
 * 'path' is how the loader names the file; its folder, made absolute, is $ORIGIN.
 * 'label' is how messages call it; borrowed for the life of the search.
 */
struct error *search_paths_create(struct search *search, const struct image *image,
				  const char *path, const char *label,
				  struct search_paths **ret) must_check;

/* A file and, up the chain, whoever caused each to be loaded first (l_loader). */
struct search_chain {
	struct search_paths *paths;
	const struct search_chain *loader; /* NULL at the main program */
};

enum search_verdict {
	SEARCH_TAKE,
	SEARCH_SKIP,  /* go on, as for another machine's library */
	SEARCH_FATAL, /* the loader would give up here */
};

struct search_visitor {
	/*
	 * Judges a file that exists. 'reason' may be set for SKIP and FATAL
	 * (static string or valid until the next call).
	 */
	enum search_verdict (*verify)(struct search_visitor *visitor, const char *path,
				      const struct tree_entry *entry, const char **reason);
	/* The search before this one is repeated: 'tried' is told what it was told then. */
	bool again;
	/* Told of each place where the library was not: in the loader's order. May be NULL. */
	void (*tried)(struct search_visitor *visitor, const char *place, const char *source,
		      const char *reason);
};

struct search_result {
	char path[4096];    /* as the loader names it */
	const char *source; /* "RPATH of 'x'", "ld.so.cache", ...; lives in the search */
	struct tree_entry entry;
	bool fatal; /* not found because the loader gives up at the last place tried */
};

/*
 * Finds what DT_NEEDED, dlopen or LD_PRELOAD names. 'main' is the main
 * program's paths (its RPATH is tried for every requester without RUNPATH).
 * Returns false when the loader would not find or not take it.
 */
bool search_find(struct search *search, const char *name, const struct search_chain *requester,
		 struct search_paths *main_program, struct search_visitor *visitor,
		 struct search_result *ret);

/* Expands $ORIGIN, $LIB and $PLATFORM in a name; NULL where the loader would give up. */
const char *search_expand(struct search *search, const struct search_paths *paths,
			  const char *text);

#endif
