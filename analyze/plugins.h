/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders from which a file is known to load modules, whose names stand in no
 * code: NSS, gconv, OpenSSL providers, extension modules of interpreters...
 * The knowledge is a plain table (analyze/tables/plugins.tsv, embedded at build;
 * it describes its format) that files of the user extend. What is found there
 * may be loaded; whether it is, depends on configuration and use.
 */
#ifndef ANALYZE_PLUGINS_H
#define ANALYZE_PLUGINS_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/image/tree.h"

enum { PLUGINS_MAX_FOUND = 1 << 16 }; /* modules of one file; more is an error */

struct plugins;

/*
 * Reads the embedded table and 'n' files of the user in the same format. Errors:
 * os, and bad-data that names file and line.
 */
struct error *plugins_create(const char *const *user_files, size_t n,
			     struct plugins **ret) must_check;
void plugins_destroy(struct plugins *plugins);

static inline void plugins_cleanup(struct plugins **plugins)
{
	plugins_destroy(*plugins);
}
#define _cleanup_plugins_ __attribute__((cleanup(plugins_cleanup)))

/* A module that exists. Strings are valid during the call. */
struct plugin {
	const char *path;	/* in the tree, not resolved further */
	const char *name;	/* its last part */
	const char *kind;	/* first column of the table: "gconv" */
	const char *why;	/* "gconv: modules in /usr/lib/x86_64-linux-gnu/gconv" */
	const char *provenance; /* last column: where this is documented */
};

/* What is asked about. */
struct plugins_query {
	const char *path;    /* absolute, in the tree */
	const char *soname;  /* NULL: none */
	const char *triplet; /* for $TRIPLET, "x86_64-linux-gnu"; NULL: lines with it are skipped */
};

/*
 * Calls 'fn' for each module that the tree has for a file, sorted by folder and
 * name, each file once. Stops at the first error. Folders that are missing or
 * cannot be read have no modules. Errors: no-memory, those of 'fn'.
 */
struct error *plugins_find(const struct plugins *plugins, const struct tree *tree,
			   const struct plugins_query *query,
			   struct error *(*fn)(const struct plugin *plugin, void *arg),
			   void *arg) must_check;

#endif
