/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/lookup-index.h"

#include <stdlib.h>
#include <string.h>

/* 2^25 definitions are 512 MB of entries; beyond that each file is asked. */
enum { MAX_ENTRIES = 1 << 25 };

static uint32_t word(const unsigned char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

typedef void (*entry_fn)(struct lookup_index *index, const struct lookup_entry *entry);

static void count_entry(struct lookup_index *index, const struct lookup_entry *entry)
{
	index->slots[lookup_slot(index, entry->hash) + 1]++;
}

/* While filling, slots[i] is the next free place of slot i. */
static void place_entry(struct lookup_index *index, const struct lookup_entry *entry)
{
	index->entries[index->slots[lookup_slot(index, entry->hash)]++] = *entry;
}

/*
 * Walks every chain from its bucket. Chains of a well-formed table do not
 * overlap; where they do (hostile files) the walk ends at 'budget' steps, and
 * the index is not used.
 */
static bool walk(struct lookup_index *index, const struct image *image, uint32_t place,
		 uint64_t *budget, entry_fn fn)
{
	const struct image_hash_table *t = &image->hash;

	for (uint32_t b = 0; b < t->nbuckets; b++) {
		uint32_t first = word(t->buckets + 4ull * b);
		if (first < t->symoffset || !first)
			continue;
		for (uint64_t i = first - t->symoffset; i < t->nchain; i++) {
			uint32_t hash = word(t->chain + 4 * i);
			if (i + t->symoffset >= image->nsyms)
				break;
			if (!*budget)
				return false;
			--*budget;
			struct lookup_entry e = { hash, place, (uint32_t)(i + t->symoffset), b };
			fn(index, &e);
			if (hash & 1)
				break;
		}
	}
	return true;
}

static bool walk_all(struct lookup_index *index, const struct image *const *images, size_t n,
		     entry_fn fn)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t budget = images[i]->nsyms;
		if (images[i]->hash.kind == IMAGE_HASH_GNU &&
		    !walk(index, images[i], (uint32_t)i, &budget, fn))
			return false;
	}
	return true;
}

struct error *lookup_index_init(struct lookup_index *index, const struct image *const *images,
				size_t n)
{
	uint64_t total = 0;

	*index = (struct lookup_index) { 0 };
	for (size_t i = 0; i < n; i++) {
		if (images[i]->hash.kind == IMAGE_HASH_SYSV)
			return NULL;
		if (images[i]->hash.kind == IMAGE_HASH_GNU &&
		    images[i]->nsyms > images[i]->hash.symoffset)
			total += images[i]->nsyms - images[i]->hash.symoffset;
	}
	if (total > MAX_ENTRIES)
		return NULL;
	index->nslots = 64;
	while (index->nslots < total)
		index->nslots *= 2;
	index->slots = calloc((size_t)index->nslots + 2, sizeof(*index->slots));
	if (!index->slots)
		return &error_no_memory;
	if (!walk_all(index, images, n, count_entry)) {
		lookup_index_deinit(index);
		return NULL;
	}
	for (uint32_t i = 0; i < index->nslots; i++)
		index->slots[i + 1] += index->slots[i];
	index->entries =
		malloc(((size_t)index->slots[index->nslots] + 1) * sizeof(*index->entries));
	if (!index->entries) {
		lookup_index_deinit(index);
		return &error_no_memory;
	}
	walk_all(index, images, n, place_entry);
	/* Every start moved to the start of the next slot: move them back. */
	memmove(index->slots + 1, index->slots, index->nslots * sizeof(*index->slots));
	index->slots[0] = 0;
	return NULL;
}

void lookup_index_deinit(struct lookup_index *index)
{
	free(index->entries);
	free(index->slots);
	*index = (struct lookup_index) { 0 };
}
