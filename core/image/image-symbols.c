/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynamic symbols and the hash tables over them. The number of dynamic symbols
 * stands nowhere in what a loader reads; it is the largest of what the section
 * header, the hash tables and the layout say, and never beyond the segment.
 */
#include <string.h>

#include "core/base/checked.h"
#include "core/image/image-internal.h"

uint32_t image_gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		h = h * 33 + *p;
	return h;
}

/* gABI figure 5-13. */
uint32_t image_sysv_hash(const char *name)
{
	uint32_t h = 0;

	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		h = (h << 4) + *p;
		uint32_t g = h & 0xf0000000;
		h ^= g >> 24;
		h &= ~g;
	}
	return h;
}

/* https://flapenguin.me/elf-dt-gnu-hash describes what glibc's setup_hash() reads. */
static struct error *read_gnu_hash(struct image *image, uint64_t address)
{
	struct image_hash_table *t = &image->hash;
	uint64_t have, need = 16, word = image->elf_class == ELFCLASS64 ? 8 : 4;
	const unsigned char *p = image_tail_at(image, address, &have);

	if (!p || have < need)
		return image_bad(image, "DT_GNU_HASH 0x%llx lies outside the segments",
				 (unsigned long long)address);
	uint32_t nbuckets = read_u32(p), symoffset = read_u32(p + 4);
	uint32_t nbloom = read_u32(p + 8), shift = read_u32(p + 12);
	if (!nbuckets)
		return NULL; /* an empty table: nothing is found in it */
	if (!nbloom || (nbloom & (nbloom - 1)))
		return image_bad(image,
				 "the Bloom filter of DT_GNU_HASH has %u words, no power of 2",
				 nbloom);
	need += nbloom * word + (uint64_t)nbuckets * 4;
	if (have < need)
		return image_bad(image,
				 "DT_GNU_HASH with %u buckets and %u filter words does not fit "
				 "its segment",
				 nbuckets, nbloom);
	*t = (struct image_hash_table) {
		.kind = IMAGE_HASH_GNU,
		.nbuckets = nbuckets,
		.symoffset = symoffset,
		.bloom_mask = nbloom - 1,
		/* glibc shifts an uint_fast32_t, and processors take the count modulo its width. */
		.bloom_shift = shift & (image->elf_class == ELFCLASS64 ? 63 : 31),
		.nchain = (have - need) / 4,
		.bloom = p + 16,
		.buckets = p + 16 + nbloom * word,
		.chain = p + need,
	};
	return NULL;
}

static struct error *read_sysv_hash(struct image *image, uint64_t address)
{
	uint64_t have;
	const unsigned char *p = image_tail_at(image, address, &have);

	if (!p || have < 8)
		return image_bad(image, "DT_HASH 0x%llx lies outside the segments",
				 (unsigned long long)address);
	uint64_t nbuckets = read_u32(p), nchain = read_u32(p + 4);
	if (have / 4 < 2 + nbuckets + nchain)
		return image_bad(
			image, "DT_HASH with nbucket %llu and nchain %llu does not fit its segment",
			(unsigned long long)nbuckets, (unsigned long long)nchain);
	if (!nbuckets)
		return NULL;
	image->hash = (struct image_hash_table) {
		.kind = IMAGE_HASH_SYSV,
		.nbuckets = (uint32_t)nbuckets,
		.nchain = nchain,
		.buckets = p + 8,
		.chain = p + 8 + nbuckets * 4,
	};
	return NULL;
}

/* One past the last symbol that the GNU table chains, found like glibc's debuggers do. */
static uint64_t gnu_hash_count(const struct image *image)
{
	const struct image_hash_table *t = &image->hash;
	uint64_t last = 0;

	for (uint32_t i = 0; i < t->nbuckets; i++) {
		uint32_t b = read_u32(t->buckets + 4ull * i);
		if (b > last)
			last = b;
	}
	if (last < t->symoffset)
		return t->symoffset;
	for (uint64_t i = last - t->symoffset; i < t->nchain; i++, last++)
		if (read_u32(t->chain + 4 * i) & 1)
			break;
	return last + 1;
}

/* The .dynsym section's entries, if it is the table that DT_SYMTAB names. */
static uint64_t section_count(const struct image *image, uint64_t symtab, uint64_t entsize)
{
	struct image_section s;

	for (size_t i = 0; i < image_section_count(image); i++)
		if (image_section_get(image, i, &s) && s.type == SHT_DYNSYM && s.address == symtab)
			return s.size / entsize;
	return 0;
}

static const Elf64_Sym *widen_syms(struct image *image, const unsigned char *p, uint64_t n)
{
	Elf64_Sym *syms = arena_alloc(&image->priv->arena, n * sizeof(*syms));

	for (uint64_t i = 0; syms && i < n; i++) {
		Elf32_Sym s;
		memcpy(&s, p + i * sizeof(s), sizeof(s));
		syms[i] = (Elf64_Sym) { .st_name = s.st_name,
					.st_info = s.st_info,
					.st_other = s.st_other,
					.st_shndx = s.st_shndx,
					.st_value = s.st_value,
					.st_size = s.st_size };
	}
	return syms;
}

static uint64_t count_symbols(const struct image *image, const struct image_dynamic_tags *t,
			      uint64_t entsize)
{
	uint64_t n = section_count(image, t->symtab, entsize);

	if (n)
		return n;
	if (image->hash.kind == IMAGE_HASH_SYSV)
		return image->hash.nchain;
	if (t->has_hash) {
		/* Both tables: DT_HASH's nchain is the number of symbols. */
		const unsigned char *p = image_at(image, t->hash, 8);
		if (p)
			return read_u32(p + 4);
	}
	if (image->hash.kind == IMAGE_HASH_GNU)
		n = gnu_hash_count(image);
	/* The table of strings follows the symbols in every linker's output. */
	if (t->has_strtab && t->strtab > t->symtab) {
		uint64_t layout = (t->strtab - t->symtab) / entsize;
		if (layout > n)
			n = layout;
	}
	return n;
}

struct error *image_read_symbols(struct image *image, const struct image_dynamic_tags *t)
{
	struct error *err = NULL;
	uint64_t have;
	uint64_t entsize = image->elf_class == ELFCLASS64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

	if (!t->has_symtab)
		return NULL;
	if (t->syment && t->syment != entsize)
		return image_bad(image, "DT_SYMENT is %llu, not %llu",
				 (unsigned long long)t->syment, (unsigned long long)entsize);
	const unsigned char *p = image_tail_at(image, t->symtab, &have);
	if (!p)
		return image_bad(image, "DT_SYMTAB 0x%llx lies outside the segments",
				 (unsigned long long)t->symtab);
	/* glibc's setup_hash: the GNU table, where there is one, is the only one used. */
	if (t->has_gnu_hash)
		err = read_gnu_hash(image, t->gnu_hash);
	else if (t->has_hash)
		err = read_sysv_hash(image, t->hash);
	if (err)
		return err;
	uint64_t n = count_symbols(image, t, entsize);
	if (n > have / entsize)
		n = have / entsize;
	if (image->elf_class == ELFCLASS64 && (uintptr_t)p % _Alignof(Elf64_Sym) == 0) {
		image->syms = (const Elf64_Sym *)p;
	} else if (image->elf_class == ELFCLASS64) {
		Elf64_Sym *copy = arena_alloc(&image->priv->arena, n * sizeof(*copy) + 1);
		if (!copy)
			return &error_no_memory;
		memcpy(copy, p, n * sizeof(*copy));
		image->syms = copy;
	} else {
		image->syms = widen_syms(image, p, n ? n : 1);
		if (!image->syms)
			return &error_no_memory;
	}
	image->nsyms = n;
	return NULL;
}

void image_lookup_start(struct image_lookup *walk, const struct image *image,
			const struct image_query *query)
{
	const struct image_hash_table *t = &image->hash;

	*walk = (struct image_lookup) { .image = image, .query = query };
	if (t->kind == IMAGE_HASH_GNU) {
		uint32_t b = read_u32(t->buckets + 4ull * (query->gnu % t->nbuckets));
		if (!b || b < t->symoffset)
			return;
		walk->next = b - t->symoffset;
		walk->left = t->nchain;
	} else if (t->kind == IMAGE_HASH_SYSV) {
		walk->next = read_u32(t->buckets + 4ull * (query->sysv % t->nbuckets));
		walk->left = t->nchain;
	}
}

static size_t next_gnu(struct image_lookup *walk)
{
	const struct image *image = walk->image;
	const struct image_hash_table *t = &image->hash;

	while (walk->left && walk->next < t->nchain) {
		uint32_t h = read_u32(t->chain + 4 * walk->next);
		uint64_t index = walk->next + t->symoffset;
		walk->next++;
		walk->left = h & 1 ? 0 : walk->left - 1;
		if (!((h ^ walk->query->gnu) >> 1) && index < image->nsyms &&
		    !strcmp(image_symbol_name(image, index), walk->query->name))
			return index;
	}
	return 0;
}

static size_t next_sysv(struct image_lookup *walk)
{
	const struct image *image = walk->image;
	const struct image_hash_table *t = &image->hash;

	while (walk->left && walk->next && walk->next < t->nchain) {
		uint64_t index = walk->next;
		walk->next = read_u32(t->chain + 4 * index);
		walk->left--;
		if (index < image->nsyms &&
		    !strcmp(image_symbol_name(image, index), walk->query->name))
			return index;
	}
	return 0;
}

size_t image_lookup_next(struct image_lookup *walk)
{
	return walk->image->hash.kind == IMAGE_HASH_GNU ? next_gnu(walk) : next_sysv(walk);
}
