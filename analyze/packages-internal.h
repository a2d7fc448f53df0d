/* SPDX-License-Identifier: BSD-2-Clause */
/* Between packages.c and the readers of single databases; nobody else includes this. */
#ifndef ANALYZE_PACKAGES_INTERNAL_H
#define ANALYZE_PACKAGES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "analyze/packages.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/map.h"

struct packages {
	const struct tree *tree;
	struct log *log;
	struct arena arena; /* everything that is given out */
};

/* A package that owns something we asked for. */
struct owner {
	const char *name, *version, *arch; /* the last two NULL: not known (yet) */
	const char *type, *source;
};

/* One name under which the file of a query may stand in a database. */
struct candidate {
	const char *path;
	size_t query;
	unsigned int rank;	   /* smaller is better */
	const char *only;	   /* a diversion: only this package counts, or NULL */
	const char *except;	   /* a diversion: this package does not count, or NULL */
	const struct owner *owner; /* found, or NULL */
	struct candidate *next;	   /* of the same path */
	struct candidate *newer;   /* of all */
};

enum { WANTED_FILTER_BITS = 16 };

/* What a pass looks for. */
struct wanted {
	struct arena arena;
	struct candidate *all;
	struct map by_path; /* to the first candidate of a path */
	/* Bloom filter over length and last bytes: most lines of a database fail it. */
	uint8_t filter[(1 << WANTED_FILTER_BITS) / 8];
};

/* A new name to look for, in the arena of 'wanted'; what 'c' points to is borrowed. */
struct error *wanted_add(struct wanted *wanted, const struct candidate *c) must_check;

/* Where a path of at least 8 bytes stands in the filter. */
static inline uint32_t wanted_key(const char *path, size_t len)
{
	uint64_t tail;
	memcpy(&tail, path + len - 8, 8);
	return (tail ^ len) * 0x9e3779b97f4a7c15 >> (64 - WANTED_FILTER_BITS);
}

/* The first candidate of a path that a database names, or NULL. */
static inline struct candidate *wanted_find(const struct wanted *wanted, const char *path,
					    size_t len)
{
	if (len >= 8) {
		uint32_t key = wanted_key(path, len);
		if (!(wanted->filter[key / 8] & 1 << key % 8))
			return NULL;
	}
	return map_get(&wanted->by_path, path, len);
}

/* A package owns the path of these candidates. */
void candidates_give(struct candidate *first, const struct owner *owner);

/* A new owner in packages->arena, or NULL when out of memory. */
struct owner *owner_create(struct packages *packages, const char *name, size_t len,
			   const char *type, const char *source);

/*
 * Reads a regular file of the tree into 'ret' (cleared first). *found says
 * whether there is one; what cannot be read is logged and not found. 'folder' is
 * the open folder of 'path' in the newest layer that has it, or -1.
 */
struct error *packages_read(struct packages *packages, int folder, const char *path,
			    struct buf *ret, bool *found) must_check;

/* The databases. Each adds its owners to the candidates of 'wanted'. */
struct error *dpkg_search(struct packages *packages, struct wanted *wanted) must_check;
struct error *apk_search(struct packages *packages, struct wanted *wanted) must_check;

/*
 * The value of a header line ("Version: 1.0") in a block that ends at an empty
 * line or at 'len'; NULL where there is none. Not NUL-terminated.
 */
const char *header_value(const char *block, size_t len, const char *key, size_t *value_len);

#endif
