/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that the files of a scope define, by hash: one table instead of one per
 * file. A loader asks each file in turn; with hundreds of files that is most of
 * the time of a lookup. The answer is the same: entries keep the order of the
 * scope and, within a file, of its chain, and only what a walk from the file's
 * own buckets reaches is in the table. Private to analyze/lookup.c.
 */
#ifndef ANALYZE_LOOKUP_INDEX_H
#define ANALYZE_LOOKUP_INDEX_H

#include "core/image/image.h"

struct lookup_entry {
	uint32_t hash;	/* as the chain stores it: the lowest bit is not the name's */
	uint32_t place; /* of the file in the scope */
	uint32_t symbol;
	uint32_t bucket; /* of the file's table, which led here */
};

struct lookup_index {
	struct lookup_entry *entries; /* by slot, then in order of the scope */
	uint32_t *slots;	      /* first entry of each slot; nslots + 1 */
	uint32_t nslots;	      /* a power of two */
};

/*
 * Indexes the files of a scope. 'ret' stays empty (entries NULL) where a file
 * has another table than GNU's, or the table would be larger than it is worth.
 */
struct error *lookup_index_init(struct lookup_index *index, const struct image *const *images,
				size_t n) must_check;
void lookup_index_deinit(struct lookup_index *index);

static inline uint32_t lookup_slot(const struct lookup_index *index, uint32_t hash)
{
	/* The lowest bit of a stored hash marks the end of a chain. */
	return (hash >> 1) * 0x9e3779b1u >> 7 & (index->nslots - 1);
}

#endif
