/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole analysis: SOURCEs become roots, roots become closures, closures
 * become a graph with bindings and costs, and that becomes rows of a store.
 *
 *	depgraph_create(options)      reads everything
 *	depgraph_write(graph, store)  writes one run
 */
#ifndef ANALYZE_DEPGRAPH_H
#define ANALYZE_DEPGRAPH_H

#include "analyze/closure.h"
#include "analyze/fgraph.h"

struct ports;
struct store;

enum depgraph_libc { DEPGRAPH_LIBC_AUTO, DEPGRAPH_LIBC_GLIBC, DEPGRAPH_LIBC_MUSL };

/* Which run-time edges are followed as if the program had taken them. */
enum depgraph_follow {
	DEPGRAPH_FOLLOW_DLOPEN = 1 << 0,
	DEPGRAPH_FOLLOW_CANDIDATES = 1 << 1,
	DEPGRAPH_FOLLOW_PLUGINS = 1 << 2,
};

struct depgraph_options {
	const char *sysroot; /* look files up below this folder; NULL: this machine */
	enum depgraph_libc libc;
	const char *library_path; /* NULL: LD_LIBRARY_PATH where there is no sysroot */
	const char *const *preloads;
	size_t npreloads;
	const char *host_exe; /* SOURCEs are modules that this program opens */
	bool no_cache;	      /* as if there were no ld.so.cache */
	int isa_level;	      /* x86-64-vN; -1: this machine's */
	bool clean_env;	      /* LD_LIBRARY_PATH and LD_PRELOAD of the environment do not count */
	bool bindings;
	bool runtime; /* look for dlopen and plug-ins */
	unsigned int follow;
	const char *const *plugin_maps; /* more plug-in points */
	size_t nplugin_maps;
	bool hashes;		   /* SHA-256 of the inputs */
	bool packages;		   /* who installed each file */
	const struct ports *ports; /* NULL: not asked */
	bool keep_on_stop;	   /* Ctrl-C: finish with what was found until then */
	struct log *log;
};

struct depgraph;

/*
 * Analyses SOURCEs. An input that cannot be read is an error when it is the
 * only one, else a warning (the answer is incomplete).
 */
struct error *depgraph_create(const struct depgraph_options *options, const char *const *sources,
			      size_t nsources, struct depgraph **ret) must_check;
void depgraph_destroy(struct depgraph *dg);

static inline void depgraph_cleanup(struct depgraph **dg)
{
	depgraph_destroy(*dg);
}
#define _cleanup_depgraph_ __attribute__((cleanup(depgraph_cleanup)))

struct fgraph *depgraph_get_graph(const struct depgraph *dg);

/* Whether the user asked to stop, and the graph holds what was found until then. */
bool depgraph_is_interrupted(const struct depgraph *dg);

/* Whether a warning says that the answer lacks something. */
bool depgraph_is_incomplete(const struct depgraph *dg);

/* Names that were needed at start and not found. */
size_t depgraph_count_missing(const struct depgraph *dg);

/* Tells the log of each of them, for commands that do not show the graph. */
void depgraph_log_missing(const struct depgraph *dg);

/*
 * Writes inputs, warnings, files, edges and bindings of a run. The bindings are
 * lent: 'dg' must outlive the store.
 */
struct error *depgraph_write(struct depgraph *dg, struct store *store, int64_t run) must_check;

/*
 * Resolves bindings after all, where options.bindings did not ask for them. They
 * are then lent to a run that depgraph_write() wrote before.
 */
struct error *depgraph_bind(struct depgraph *dg, struct store *store, int64_t run) must_check;

/* Where the loader of the first closure looks without any path, for bundles. */
const char *const *depgraph_default_dirs(const struct depgraph *dg);

#endif
