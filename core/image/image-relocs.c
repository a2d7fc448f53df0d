/* SPDX-License-Identifier: BSD-2-Clause */
/* Relocation tables: DT_REL, DT_RELA, DT_JMPREL and DT_RELR. */
#include "core/base/checked.h"
#include "core/image/image-internal.h"

static uint64_t entry_size(const struct image *image, bool rela)
{
	if (image->elf_class == ELFCLASS64)
		return rela ? sizeof(Elf64_Rela) : sizeof(Elf64_Rel);
	return rela ? sizeof(Elf32_Rela) : sizeof(Elf32_Rel);
}

static struct error *add_table(struct image *image, const char *tag, uint64_t address,
			       uint64_t bytes, bool rela, uint64_t skip)
{
	struct image_private *p = image->priv;

	if (!bytes)
		return NULL;
	const unsigned char *data = image_at(image, address, bytes);
	if (!data)
		return image_bad(image, "%s 0x%llx with 0x%llx bytes lies outside the segments",
				 tag, (unsigned long long)address, (unsigned long long)bytes);
	uint64_t count = bytes / entry_size(image, rela);
	p->relocs[p->nrelocs++] = (struct image_reloc_table) {
		.data = data, .count = count, .rela = rela, .skip = skip < count ? skip : count
	};
	return NULL;
}

struct error *image_read_relocs(struct image *image, const struct image_dynamic_tags *t)
{
	struct error *err;
	struct {
		const char *name;
		uint64_t entsize, want;
	} const sizes[] = {
		{ "DT_RELAENT", t->relaent, entry_size(image, true) },
		{ "DT_RELENT", t->relent, entry_size(image, false) },
	};

	for (size_t i = 0; i < 2; i++)
		if (sizes[i].entsize && sizes[i].entsize != sizes[i].want)
			return image_bad(image, "%s is %llu, not %llu", sizes[i].name,
					 (unsigned long long)sizes[i].entsize,
					 (unsigned long long)sizes[i].want);
	uint64_t relasz = t->relasz, relsz = t->relsz, end;
	/* As glibc's _ELF_DYNAMIC_DO_RELOC: JMPREL may be the tail of the other table. */
	if (t->pltrelsz && checked_add(t->jmprel, t->pltrelsz, &end)) {
		if (t->pltrel == DT_RELA && t->rela + relasz == end && relasz >= t->pltrelsz)
			relasz -= t->pltrelsz;
		else if (t->pltrel == DT_REL && t->rel + relsz == end && relsz >= t->pltrelsz)
			relsz -= t->pltrelsz;
	}
	err = add_table(image, "DT_REL", t->rel, relsz, false, t->relcount);
	if (err)
		return err;
	err = add_table(image, "DT_RELA", t->rela, relasz, true, t->relacount);
	if (err)
		return err;
	err = add_table(image, "DT_JMPREL", t->jmprel, t->pltrelsz, t->pltrel == DT_RELA, 0);
	if (err)
		return err;
	if (t->relrsz && !image_at(image, t->relr, t->relrsz))
		return image_bad(image,
				 "DT_RELR 0x%llx with 0x%llx bytes lies outside the segments",
				 (unsigned long long)t->relr, (unsigned long long)t->relrsz);
	image->priv->relr = t->relr;
	image->priv->relr_size = t->relrsz;
	return NULL;
}

static struct image_reloc get_reloc(const struct image *image, const unsigned char *p, bool rela)
{
	if (image->elf_class == ELFCLASS64) {
		uint64_t info = read_u64(p + 8);
		return (struct image_reloc) { .offset = read_u64(p),
					      .type = (uint32_t)info,
					      .symbol = (uint32_t)(info >> 32),
					      .addend = rela ? (int64_t)read_u64(p + 16) : 0 };
	}
	uint32_t info = read_u32(p + 4);
	return (struct image_reloc) { .offset = read_u32(p),
				      .type = info & 0xff,
				      .symbol = info >> 8,
				      .addend = rela ? (int32_t)read_u32(p + 8) : 0 };
}

struct error *image_each_reloc(const struct image *image, unsigned int flags,
			       struct error *(*fn)(const struct image_reloc *reloc, void *arg),
			       void *arg)
{
	const struct image_private *priv = image->priv;

	for (unsigned int k = 0; k < priv->nrelocs; k++) {
		const struct image_reloc_table *t = &priv->relocs[k];
		uint64_t size = entry_size(image, t->rela);
		for (uint64_t i = flags & IMAGE_RELOCS_SYMBOLIC ? t->skip : 0; i < t->count; i++) {
			struct image_reloc r = get_reloc(image, t->data + i * size, t->rela);
			if (r.symbol >= image->nsyms && r.symbol)
				return image_bad(
					image, "relocation %llu names symbol %u of a table of %zu",
					(unsigned long long)i, r.symbol, image->nsyms);
			struct error *err = fn(&r, arg);
			if (err)
				return err;
		}
	}
	return NULL;
}

/*
 * RELR (gABI, SHT_RELR): an even word is an address to relocate; an odd one is
 * a bitmap over the words that follow the last address.
 */
struct error *image_each_relr(const struct image *image,
			      struct error *(*fn)(uint64_t address, void *arg), void *arg)
{
	bool is64 = image->elf_class == ELFCLASS64;
	uint64_t word = is64 ? 8 : 4, where = 0;
	const unsigned char *p = image_at(image, image->priv->relr, image->priv->relr_size);
	struct error *err;

	if (!p)
		return NULL;
	for (uint64_t i = 0; i < image->priv->relr_size / word; i++) {
		uint64_t entry = is64 ? read_u64(p + i * 8) : read_u32(p + i * 4);
		if (!(entry & 1)) {
			err = fn(entry, arg);
			if (err)
				return err;
			where = entry + word;
			continue;
		}
		for (unsigned int bit = 1; bit < word * 8; bit++) {
			if (!(entry >> bit & 1))
				continue;
			err = fn(where + (bit - 1) * word, arg);
			if (err)
				return err;
		}
		where += (word * 8 - 1) * word;
	}
	return NULL;
}
