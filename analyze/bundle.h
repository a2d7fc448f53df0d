/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A closure laid out as a root file system that a dynamic loader accepts
 * without ld.so.cache, LD_LIBRARY_PATH or anything else of the machine it came
 * from:
 *
 *   - each file stands at its real path, and a link leads to it from each name
 *     the loader used; the interpreter itself stands at its PT_INTERP path;
 *   - what was found by a search that will not happen inside (LD_LIBRARY_PATH,
 *     ld.so.cache or a path file naming other folders) gets a link in the first
 *     default folder as well. So does what $ORIGIN of the program found, where
 *     that name is free: without /proc a program does not know its origin;
 *   - links are relative and lead to a file in one step, and no folder is a link,
 *     so that the result works under a chroot, on a file system without links to
 *     folders, and for tools that copy it file by file.
 *
 * Everything is decided from plain inputs; files are read when it is written.
 */
#ifndef ANALYZE_BUNDLE_H
#define ANALYZE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/out.h"

/* How the loader came to a file. */
enum bundle_found {
	BUNDLE_PROGRAM,	 /* it is what the user asked for */
	BUNDLE_INTERP,	 /* PT_INTERP */
	BUNDLE_KEPT,	 /* RPATH, RUNPATH, a name with a '/': found the same way inside */
	BUNDLE_ORIGIN,	 /* RPATH or RUNPATH with $ORIGIN of the program */
	BUNDLE_SEARCHED, /* any other search; default folders are recognised by the path */
};

/* A file of the closure, once for each name it was asked for. */
struct bundle_file {
	const char *path;     /* as the loader names it: absolute, may hold "/../" */
	const char *realpath; /* inside its root, without links; NULL: as 'path' */
	const char *source;   /* where its bytes are on this machine */
	const char *name;     /* what was asked for: "libz.so.1"; NULL: by path */
	enum bundle_found found;
};

struct bundle_item {
	const char *source; /* on this machine */
	const char *target; /* absolute, inside */
};

struct bundle_link {
	const char *target; /* absolute, inside */
	const char *text;   /* relative */
	const char *to;	    /* the absolute target of the item that it leads to */
};

/* All lists are sorted by target; strings live until bundle_destroy(). */
struct bundle {
	struct bundle_item *items;
	size_t nitems;
	struct bundle_link *links;
	size_t nlinks;
	const char **folders; /* all, parents before what is in them; without "/" */
	size_t nfolders;
	const char *program; /* path of the first BUNDLE_PROGRAM inside, or NULL */
	struct bundle_private *priv;
};

/*
 * Decides what stands where. 'default_folders' are those of the loader that will
 * run inside, in its order, at least one. Two different files that claim one
 * name are a warning on 'log' (may be NULL), and the first keeps it. Errors:
 * bad-data where a path is not absolute or would be both a file and a folder.
 */
struct error *bundle_create(const struct bundle_file *files, size_t n,
			    const char *const *default_folders, size_t nfolders, struct log *log,
			    struct bundle **ret) must_check;
void bundle_destroy(struct bundle *bundle);

/*
 * The same for all that the closures of a graph map: what is loaded at start and
 * what options.follow added. 'extra' are more files and folders, as paths in the
 * tree of the first SOURCE, which stand at their paths inside; shared libraries
 * among them come with what they need, which is looked up as if the first
 * program opened them (and what is missing then is in the graph).
 */
struct depgraph;
struct error *bundle_from_depgraph(struct depgraph *dg, const char *const *extra, size_t nextra,
				   struct bundle **ret) must_check;

static inline void bundle_cleanup(struct bundle **bundle)
{
	bundle_destroy(*bundle);
}
#define _cleanup_bundle_ __attribute__((cleanup(bundle_cleanup)))

/*
 * Writes it: a tar archive where 'out' has the name of one (see core/image/tar.h),
 * else a folder, which must be empty or not exist. Nothing outside of it is
 * touched. 'mtime' is the time of all members of an archive; an archive depends on
 * contents and this alone. Progress goes to 'log' (may be NULL).
 */
struct error *bundle_write(const struct bundle *bundle, const char *out, int64_t mtime,
			   struct log *log) must_check;

/* SOURCE_DATE_EPOCH of the environment, 0 without it; usage error if it is no number. */
struct error *bundle_source_date(int64_t *ret) must_check;

/* --- what a unikernel's own tool needs to take the bundle --- */

struct bundle_manifest_kind {
	const char *name; /* "ops", "kraft": for --manifest */
	const char *summary;
	bool takes_archive; /* else the bundle must be a folder */
	/* The file name, where it is always the same; NULL: the bundle's name + ".json". */
	const char *file;
	struct error *(*write)(const struct bundle *bundle, const char *root, bool pie,
			       struct out *out);
};

/* All kinds, ended by one without a name. */
extern const struct bundle_manifest_kind bundle_manifest_kinds[];

/* The kind of a name, or NULL. */
const struct bundle_manifest_kind *bundle_manifest_find(const char *name);

/*
 * Writes the manifest beside the bundle at 'out' (a Kraftfile in the same folder,
 * "bundle.json" for "bundle"). 'pie' says whether the program is position
 * independent. An existing file is not overwritten. The path that was written
 * goes to 'path' (owned by the caller). Errors: usage (an archive where a folder is
 * needed, no program), os.
 */
struct error *bundle_write_manifest(const struct bundle *bundle,
				    const struct bundle_manifest_kind *kind, const char *out,
				    bool pie, char **path) must_check;

#endif
