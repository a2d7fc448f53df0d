/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to analyze/search*.c. */
#ifndef ANALYZE_SEARCH_INTERNAL_H
#define ANALYZE_SEARCH_INTERNAL_H

#include "analyze/search.h"
#include "core/base/map.h"

enum { MAX_CAPS = 32 };

/* A folder of some path list; one object per name, as in glibc's dl_all_dirs. */
struct search_dir {
	const char *name;	    /* ends with '/', or "" for the current folder */
	signed char caps[MAX_CAPS]; /* of each capability folder: 0 unknown, 1 there, -1 not */
	uint64_t found_missing[MAX_CAPS]; /* the search that found it missing */
};

struct search_dirs {
	struct search_dir **items;
	size_t n;
};

struct search_paths {
	const char *label;
	const char *path;   /* absolute, as the loader names the file */
	const char *origin; /* $ORIGIN */
	bool has_runpath, nodeflib;
	struct search_dirs rpath, runpath;
	const char *rpath_source, *runpath_source;
};

struct search {
	struct arena arena;
	const struct tree *tree;
	const struct image_machine *machine;
	enum search_libc libc;
	const char *interp;
	const char *lib, *platform; /* what $LIB and $PLATFORM mean */

	/* Folders below each search folder, most preferred first: "glibc-hwcaps/x86-64-v3/". */
	const char *caps[MAX_CAPS];
	size_t ncaps;
	int isa_level;
	bool legacy; /* folders of legacy capabilities are known (glibc < 2.37) */

	struct map dirs; /* name -> struct search_dir */
	struct search_dirs env, defaults;
	const char *env_list;	/* LD_LIBRARY_PATH; parsed for one $ORIGIN at a time */
	const char *env_origin; /* NULL: not parsed yet */
	uint64_t searches;	/* counts the searches, repeats left out */
	const char **default_names;

	struct search_cache *cache; /* NULL: none, or not to be used */
};

/* /etc/ld.so.cache */
struct search_cache;
struct error *search_cache_open(const struct search *search, struct search_cache **ret) must_check;
void search_cache_destroy(struct search_cache *cache);
/* The file that the cache names for a soname, or NULL. Borrowed. */
const char *search_cache_find(const struct search_cache *cache, const char *name);

/* What the loader's own file says (search-profile.c). */
struct search_profile {
	const char *dirs[16]; /* in the search's arena; NULL-terminated */
	bool found;	      /* a loader was read */
	bool legacy_caps;     /* glibc < 2.37 */
};
struct error *search_read_profile(struct search *search, struct search_profile *ret) must_check;
/* glibc's GLRO(dl_hwcap) and its index of GLRO(dl_platform), as cache entries hold them. */
uint64_t search_hwcap_bits(const struct search *search);
/* Fills search->caps, isa_level and platform. */
struct error *search_read_caps(struct search *search, int isa_level, bool legacy) must_check;

#endif
