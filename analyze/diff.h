/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What came and went between two dependency graphs, a and b: files, needed
 * symbols, libraries that are not found, bytes. Works on the rows of two runs in
 * the store.
 *
 * Files are the same where their sonames are, else (one has none) where their
 * names are; of several with one name those with the same path go together, then
 * in order. Where each side has a single SOURCE and neither has found its like,
 * the two are taken as one file under two names.
 *
 * A symbol is needed where a file refers to it and is bound to another file, or to
 * none: what a file finds in itself is no dependency, nor is what a library could
 * find in itself, were there not another definition before it in the scope.
 */
#ifndef ANALYZE_DIFF_H
#define ANALYZE_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct fgraph;
struct store;

struct diff_side {
	struct store *store;
	int64_t run;
	/*
	 * The graph that the run was written from: files of one size and build-id
	 * are then compared byte by byte, and what libraries define themselves is
	 * known. NULL: such files count as equal, and so do members of thin archives
	 * of one size in any case.
	 */
	const struct fgraph *graph;
};

enum diff_status { DIFF_REMOVED, DIFF_ADDED, DIFF_CHANGED };

/* "removed" "added" "changed" */
const char *diff_status_name(enum diff_status status);

/* What of a file differs. */
enum diff_field {
	DIFF_BYTES = 1 << 0,	/* of the file */
	DIFF_LOADED = 1 << 1,	/* bytes in memory */
	DIFF_BUILD_ID = 1 << 2, /* the build-id */
	DIFF_PACKAGE = 1 << 3,	/* the package or its version */
	DIFF_CONTENTS = 1 << 4, /* the bytes, though size and build-id are the same */
	DIFF_WHEN = 1 << 5,	/* loaded at start, or opened at run time */
	DIFF_SONAME = 1 << 6,	/* of two files that were matched as SOURCEs */
	DIFF_FIELDS = 7,	/* how many there are */
};

/* "bytes" "loaded_bytes" "build_id" "package" "contents" "when" "soname"; by bit number */
const char *diff_field_name(unsigned int bit);

struct diff_entry { /* a file of one side */
	uint32_t id;
	const char *path, *realpath, *soname, *name; /* name: the last part of the path */
	bool root, loaded;
	uint64_t file_bytes, loaded_bytes;
	const char *build_id, *package, *package_version, *package_type; /* or NULL */
};

struct diff_file {
	enum diff_status status;
	const char *name;		/* what it was matched by */
	const struct diff_entry *a, *b; /* NULL: not on this side */
	unsigned int fields;		/* of DIFF_CHANGED */
};

/* Files of one side that need something, in order of their ids. */
struct diff_users {
	const struct diff_entry **files;
	size_t n;
};

struct diff_symbol {
	enum diff_status status;
	const char *name, *version;	   /* version NULL: none */
	bool weak;			   /* every reference is */
	const struct diff_entry *bound_to; /* of the first user; NULL: unresolved */
	struct diff_users users;
};

struct diff_missing { /* a library that the loader does not find */
	enum diff_status status;
	const char *name;
	struct diff_users users;
};

struct diff_totals {
	uint64_t files, loaded_files;
	uint64_t file_bytes, loaded_bytes; /* of what is loaded at start; saturated */
	uint64_t symbols;		   /* needed ones, by name and version */
	uint64_t missing;		   /* names */
};

struct diff_counts {
	size_t same, added, removed, changed;
};

/* Lists hold what differs alone: what was removed first, then by name. */
struct diff {
	struct diff_totals a, b;
	struct diff_file *files;
	size_t nfiles;
	struct diff_symbol *symbols;
	size_t nsymbols;
	struct diff_missing *missing;
	size_t nmissing;
	struct diff_counts file_counts, symbol_counts, missing_counts;
	struct diff_private *priv;
};

/*
 * Compares. With 'symbols' the bindings of both runs are read. Strings live until
 * diff_destroy().
 */
struct error *diff_create(const struct diff_side *a, const struct diff_side *b, bool symbols,
			  struct diff **ret) must_check;
void diff_destroy(struct diff *diff);

static inline void diff_cleanup(struct diff **diff)
{
	diff_destroy(*diff);
}
#define _cleanup_diff_ __attribute__((cleanup(diff_cleanup)))

#endif
