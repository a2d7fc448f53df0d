/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/map.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/array.h"

void map_init(struct map *m)
{
	*m = (struct map) { 0 };
}

void map_deinit(struct map *m)
{
	free(m->entries);
	free(m->slots);
	*m = (struct map) { 0 };
}

/* The slot of a key, or the free slot where it would go. nslots must not be 0. */
static size_t find_slot(const struct map *m, const char *key, size_t len, uint64_t hash)
{
	size_t at = hash & (m->nslots - 1);

	while (m->slots[at]) {
		const struct map_entry *e = &m->entries[m->slots[at] - 1];
		if (e->hash == hash && e->len == len && !memcmp(e->key, key, len))
			break;
		at = (at + 1) & (m->nslots - 1);
	}
	return at;
}

void *map_get(const struct map *m, const char *key, size_t len)
{
	if (!m->nslots)
		return NULL;
	size_t at = find_slot(m, key, len, XXH3_64bits(key, len));
	return m->slots[at] ? m->entries[m->slots[at] - 1].value : NULL;
}

static struct error *grow(struct map *m)
{
	size_t nslots = m->nslots ? m->nslots * 2 : 16;

	if (m->n >= UINT32_MAX / 2)
		return &error_no_memory;
	uint32_t *slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return &error_no_memory;
	for (size_t i = 0; i < m->n; i++) {
		size_t at = m->entries[i].hash & (nslots - 1);
		while (slots[at])
			at = (at + 1) & (nslots - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(m->slots);
	m->slots = slots;
	m->nslots = nslots;
	return NULL;
}

struct error *map_put(struct map *m, const char *key, size_t len, void *value)
{
	struct error *err;
	uint64_t hash = XXH3_64bits(key, len);

	if (m->n * 2 >= m->nslots) {
		err = grow(m);
		if (err)
			return err;
	}
	size_t at = find_slot(m, key, len, hash);
	if (m->slots[at]) {
		m->entries[m->slots[at] - 1].value = value;
		return NULL;
	}
	err = array_grow(&m->entries, &m->cap, m->n + 1, sizeof(*m->entries));
	if (err)
		return err;
	m->entries[m->n] =
		(struct map_entry) { .key = key, .len = len, .hash = hash, .value = value };
	m->slots[at] = (uint32_t)++m->n;
	return NULL;
}
