/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to analyze/depgraph*.c and analyze/sources.c. */
#ifndef ANALYZE_DEPGRAPH_INTERNAL_H
#define ANALYZE_DEPGRAPH_INTERNAL_H

#include "analyze/bindings.h"
#include "analyze/depgraph.h"
#include "analyze/packages.h"
#include "core/image/archive.h"
#include "core/image/members.h"

/* One SOURCE: what it is, and where its files are looked up. */
struct source {
	const char *spec; /* as typed */
	const char *path; /* without the kind in front */
	const char *kind; /* elf dir wheel deb tar oci ar */
	uint64_t bytes;
	char sha256[65]; /* "" where it was not computed */
	const struct tree *tree;
	struct tree *own_tree;	       /* NULL: the common one */
	struct image_archive *archive; /* NULL: none; its files are in own_tree */
	struct image_members *members; /* NULL: no static archive */
};

/* One file to start from. */
struct root {
	struct fgraph_file *file;
	uint32_t source; /* index */
};

struct search_entry {
	const struct tree *tree;
	const struct image_machine *machine;
	enum search_libc libc;
	const char *interp;
	struct search *search;
};

struct depgraph {
	struct depgraph_options options;
	struct arena arena;
	struct fgraph *graph;
	struct tree *tree; /* the machine's, or the sysroot */

	struct source *sources;
	size_t nsources;
	size_t nmembers; /* of all static archives */
	struct member_rows *member_rows;

	struct root *roots;
	size_t nroots, roots_cap;

	struct search_entry *searches;
	size_t nsearches, searches_cap;

	struct closure **closures;
	size_t nclosures, closures_cap;
	struct bindings *bindings;
	bool interrupted;
};

/* analyze/sources.c */
struct error *sources_read(struct depgraph *dg, const char *const *specs, size_t n) must_check;
void sources_destroy(struct depgraph *dg);

/* analyze/members.c: a static archive, whose members become files of the graph. */
struct error *sources_read_members(struct depgraph *dg, uint32_t index,
				   const char *disk_path) must_check;

/*
 * Which member needs what from which: edges, and rows behind the bindings. Call
 * when the files have their ids.
 */
struct error *members_bind(struct depgraph *dg) must_check;
void members_destroy(struct depgraph *dg);

/* The rows of members; NULL where there are none. They come after 'before', if given. */
struct dep_binding_source *members_get_source(struct depgraph *dg,
					      struct dep_binding_source *before);

/* analyze/sbom.c: what SBOMs of wheels say is linked statically, as components of a run. */
struct error *sbom_write(struct depgraph *dg, struct store *store, int64_t run) must_check;

/* analyze/sources-archive.c: unpacks a SOURCE and adds its programs and libraries as roots. */
struct error *sources_read_archive(struct depgraph *dg, uint32_t index,
				   const char *disk_path) must_check;

/* Opens a file of the source's tree as a root; what cannot be opened is a warning. */
struct error *sources_add_path(struct depgraph *dg, uint32_t index, const char *path) must_check;

/* Whether a dynamic loader is in its place in a tree: a root file system of its own. */
bool sources_has_loader(const struct tree *tree);

/* analyze/depgraph-rows.c: the bindings, and the warnings from an index on. */
struct error *depgraph_write_bindings(struct depgraph *dg, struct store *store, int64_t run,
				      size_t first_warning) must_check;

/* Adds a root; the same file is one root only. */
struct error *depgraph_add_root(struct depgraph *dg, struct fgraph_file *file,
				uint32_t source) must_check;

/* analyze/depgraph-owners.c: who installed each file. Empty where nobody asked. */
struct owners {
	struct package_info *info; /* by file id - 1; borrowed strings */
	struct packages **packages;
	size_t npackages, cap;
};

/* To be freed with owners_deinit() even after an error. */
struct error *owners_init(struct owners *owners, struct depgraph *dg) must_check;
void owners_deinit(struct owners *owners);
#define _cleanup_owners_ __attribute__((cleanup(owners_deinit)))

#endif
