/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who installed a file: the package databases of a root file system, read as
 * files (no package manager runs), and what a file or an archive says of itself.
 *
 *   dpkg   /var/lib/dpkg/info/NAME.list and /var/lib/dpkg/status, as dpkg-query(1)
 *          --search; diversions (dpkg-divert(1)) are obeyed. Also the
 *          /var/lib/dpkg/status.d of images without dpkg.
 *   apk    /lib/apk/db/installed (apk-package(5))
 *   note   .note.package of the file: owner "FDO", type 0xcafe1a7e, JSON
 *          (systemd.io/ELF_PACKAGE_METADATA)
 *   wheel and deb: METADATA and control, which the caller found in the archive
 */
#ifndef ANALYZE_PACKAGES_H
#define ANALYZE_PACKAGES_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/base/log.h"

struct image;
struct packages;
struct tree;

/* Strings live until packages_destroy(); NULL where something is not known. */
struct package_info {
	const char *name;    /* "libc6"; NULL: no owner is known */
	const char *version; /* "2.36-9+deb12u10" */
	const char *arch;    /* "amd64" */
	const char *type;    /* as in a package URL: deb apk rpm pypi ... */
	const char *source;  /* how it is known: the file that says it, or ".note.package" */
};

struct package_query {
	const char *path;	 /* in the tree, absolute */
	const char *realpath;	 /* without symbolic links, or NULL: as 'path' */
	struct package_info ret; /* filled by packages_find() */
};

/*
 * Reads nothing yet. 'tree' must live as long; NULL: there is no root, and
 * packages_find() finds nothing. 'log' (may be NULL) gets a warning for each
 * database file that cannot be read.
 */
struct error *packages_create(const struct tree *tree, struct log *log,
			      struct packages **ret) must_check;
void packages_destroy(struct packages *packages);

static inline void packages_cleanup(struct packages **packages)
{
	packages_destroy(*packages);
}
#define _cleanup_packages_ __attribute__((cleanup(packages_cleanup)))

/*
 * Fills 'ret' of all queries in one pass over the databases: ask for a whole
 * closure at once. The real file counts before the name it was found under, so
 * that a link of update-alternatives gives the package of what it leads to; in a
 * tree where /lib is a link to /usr/lib both names of a file are known. Of
 * several owners the first by name is given.
 */
struct error *packages_find(struct packages *packages, struct package_query *queries,
			    size_t n) must_check;

/* What .note.package of a file says; ret->name is NULL where it has none or a broken one. */
struct error *packages_from_note(struct packages *packages, const struct image *image,
				 struct package_info *ret) must_check;

/*
 * The package that a block of header lines describes: METADATA of a wheel
 * (Name, Version) with type "pypi", control of a .deb (Package, Version,
 * Architecture) with type "deb". ret->name is NULL where there is none.
 * 'source' is copied.
 */
struct error *packages_from_metadata(struct packages *packages, const char *text, size_t len,
				     const char *type, const char *source,
				     struct package_info *ret) must_check;

#endif
