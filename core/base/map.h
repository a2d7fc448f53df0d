/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash map from byte strings to 'void *'. Keys are borrowed: they must live
 * as long as the map (an arena is a good place). Iteration is in the order of
 * insertion, so that two runs give the same output.
 */
#ifndef CORE_BASE_MAP_H
#define CORE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct map_entry {
	const char *key;
	size_t len;
	uint64_t hash;
	void *value;
};

struct map {
	struct map_entry *entries; /* in order of insertion */
	size_t n, cap;
	uint32_t *slots; /* index + 1 into entries, 0 is free */
	size_t nslots;	 /* a power of two */
};

void map_init(struct map *m);
void map_deinit(struct map *m);

/* The value of a key, or NULL. */
void *map_get(const struct map *m, const char *key, size_t len);

/* Sets or replaces a value. At most 2^31 keys. */
struct error *map_put(struct map *m, const char *key, size_t len, void *value) must_check;

#endif
