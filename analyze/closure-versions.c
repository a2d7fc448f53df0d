/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol versions that a file needs of another, looked at before anything is
 * bound: glibc's _dl_check_map_versions() (elf/dl-version.c of 2.36).
 */
#include <string.h>

#include "analyze/closure-internal.h"

static const struct image_version *find_version(const struct image *image, const char *name,
						uint32_t hash)
{
	for (size_t i = 0; i < image->nversions; i++) {
		const struct image_version *v = &image->versions[i];
		if (v->name && !v->file && (v->hash == hash || v->base) && !strcmp(v->name, name))
			return v;
	}
	return NULL;
}

static bool defines_versions(const struct image *image)
{
	for (size_t i = 0; i < image->nversions; i++)
		if (image->versions[i].name && !image->versions[i].file)
			return true;
	return false;
}

/* What a file needs of another by version, and the loader will not find there. */
static struct error *check_versions(struct closure *c, const struct closure_link *link)
{
	const struct image *image = link->file->image;
	const struct image *lost = NULL;

	for (size_t i = 0; i < image->nversions; i++) {
		const struct image_version *v = &image->versions[i];
		uint32_t at = v->file ? closure_find_name(c, v->file) : NO_LINK;
		if (at == NO_LINK || c->links[at]->file->image == lost)
			continue;
		const struct image *from = c->links[at]->file->image;
		struct error *err = NULL;
		if (!defines_versions(from)) {
			/* glibc says so and then fails an assertion: nothing starts. */
			lost = from;
			err = fgraph_warn(c->graph, "no-versions", link->file->path, true,
					  "'%s' asks '%s' for versions of symbols, and that has "
					  "none: the loader fails",
					  link->file->path, c->links[at]->file->path);
		} else if (!v->weak && !find_version(from, v->name, v->hash)) {
			err = fgraph_warn(c->graph, "version-absent", link->file->path, false,
					  "'%s' needs version '%s', which '%s' does not define: "
					  "the loader refuses it",
					  link->file->path, v->name, c->links[at]->file->path);
		}
		if (err)
			return err;
	}
	return NULL;
}

struct error *closure_check_versions(struct closure *c, size_t first)
{
	struct error *err = NULL;

	for (size_t i = first; i < c->n && !err && c->libc == SEARCH_GLIBC; i++)
		err = check_versions(c, c->links[i]);
	return err;
}
