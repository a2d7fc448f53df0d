/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol versions: .gnu.version, .gnu.version_r, .gnu.version_d, read as glibc's
 * _dl_check_map_versions() reads them.
 */
#include <string.h>

#include "core/base/checked.h"
#include "core/image/image-internal.h"

/* An index has 15 bits; more entries than that repeat themselves. */
enum { MAX_STEPS = 1 << 18 };

typedef struct error *(*version_fn)(struct image *image, unsigned int index,
				    const struct image_version *version);

static struct error *outside(const struct image *image, const char *tag, uint64_t address)
{
	return image_bad(image, "an entry of %s at 0x%llx lies outside the segments", tag,
			 (unsigned long long)address);
}

static struct error *each_needed(struct image *image, const struct image_dynamic_tags *t,
				 version_fn fn)
{
	struct error *err;
	uint64_t at = t->verneed;
	unsigned int steps = 0;

	for (uint64_t i = 0; i < t->verneednum; i++) {
		const unsigned char *need = image_at(image, at, sizeof(Elf64_Verneed));
		if (!need)
			return outside(image, "DT_VERNEED", at);
		unsigned int count = read_u16(need + 2);
		const char *file = image_name(image, read_u32(need + 4));
		uint64_t aux_at = at + read_u32(need + 8);
		for (unsigned int k = 0; k < count; k++) {
			const unsigned char *aux = image_at(image, aux_at, sizeof(Elf64_Vernaux));
			if (!aux)
				return outside(image, "DT_VERNEED", aux_at);
			if (++steps > MAX_STEPS)
				return image_bad(image, "DT_VERNEED has more than %d entries",
						 MAX_STEPS);
			unsigned int other = read_u16(aux + 6);
			struct image_version v = {
				.name = image_name(image, read_u32(aux + 8)),
				.file = file,
				.hash = read_u32(aux),
				.hidden = (other & 0x8000) != 0,
				.weak = (read_u16(aux + 4) & VER_FLG_WEAK) != 0,
			};
			err = fn(image, other & 0x7fff, &v);
			if (err)
				return err;
			uint32_t next = read_u32(aux + 12);
			if (!next)
				break;
			aux_at += next;
		}
		uint32_t next = read_u32(need + 12);
		if (!next)
			break;
		at += next;
	}
	return NULL;
}

static struct error *each_defined(struct image *image, const struct image_dynamic_tags *t,
				  version_fn fn)
{
	struct error *err;
	uint64_t at = t->verdef;

	for (uint64_t i = 0; i < t->verdefnum; i++) {
		const unsigned char *def = image_at(image, at, sizeof(Elf64_Verdef));
		if (!def)
			return outside(image, "DT_VERDEF", at);
		if (i > MAX_STEPS)
			return image_bad(image, "DT_VERDEF has more than %d entries", MAX_STEPS);
		uint64_t aux_at = at + read_u32(def + 12);
		const unsigned char *aux = image_at(image, aux_at, sizeof(Elf64_Verdaux));
		if (!aux)
			return outside(image, "DT_VERDEF", aux_at);
		unsigned int flags = read_u16(def + 2);
		struct image_version v = {
			.name = image_name(image, read_u32(aux)),
			.hash = flags & VER_FLG_BASE ? 0 : read_u32(def + 8),
			.base = (flags & VER_FLG_BASE) != 0,
			.weak = (flags & VER_FLG_WEAK) != 0,
		};
		err = fn(image, read_u16(def + 4) & 0x7fff, &v);
		if (err)
			return err;
		uint32_t next = read_u32(def + 16);
		if (!next)
			break;
		at += next;
	}
	return NULL;
}

static struct error *note_highest(struct image *image, unsigned int index,
				  const struct image_version *version)
{
	(void)version;
	if (index >= image->nversions)
		image->nversions = index + 1;
	return NULL;
}

static struct error *keep(struct image *image, unsigned int index,
			  const struct image_version *version)
{
	/* glibc keeps the last entry of an index, and no base definition over it. */
	if (!version->base || !image->versions[index].name)
		image->versions[index] = *version;
	return NULL;
}

static struct error *each_version(struct image *image, const struct image_dynamic_tags *t,
				  version_fn fn)
{
	struct error *err = NULL;

	if (t->verneed)
		err = each_needed(image, t, fn);
	if (!err && t->verdef)
		err = each_defined(image, t, fn);
	return err;
}

struct error *image_read_versions(struct image *image, const struct image_dynamic_tags *t)
{
	struct error *err;

	if (!t->has_versym || !image->nsyms || (!t->verneed && !t->verdef))
		return NULL;
	err = each_version(image, t, note_highest);
	if (err)
		return err;
	if (image->nversions < 2) { /* index 0 and 1 alone: no versions */
		image->nversions = 0;
		return NULL;
	}
	const unsigned char *p = image_at(image, t->versym, image->nsyms * 2);
	if (!p)
		return image_bad(image, "DT_VERSYM 0x%llx does not hold %zu entries",
				 (unsigned long long)t->versym, image->nsyms);
	struct arena *arena = &image->priv->arena;
	image->versions = arena_alloc(arena, image->nversions * sizeof(*image->versions));
	if (!image->versions)
		return &error_no_memory;
	if ((uintptr_t)p % _Alignof(uint16_t)) {
		uint16_t *copy = arena_alloc(arena, image->nsyms * 2);
		if (!copy)
			return &error_no_memory;
		memcpy(copy, p, image->nsyms * 2);
		p = (const unsigned char *)copy;
	}
	image->versym = (const uint16_t *)p;
	return each_version(image, t, keep);
}

const struct image_version *image_symbol_version(const struct image *image, size_t index)
{
	if (!image->versym)
		return NULL;
	unsigned int v = image->versym[index] & 0x7fff;
	if (v >= image->nversions || !image->versions[v].name || !image->versions[v].hash)
		return NULL;
	return &image->versions[v];
}
