/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to core/image/image*.c. */
#ifndef CORE_IMAGE_IMAGE_INTERNAL_H
#define CORE_IMAGE_IMAGE_INTERNAL_H

#include "core/base/arena.h"
#include "core/image/image.h"

/* One relocation table: bytes in the file, and how an entry looks. */
struct image_reloc_table {
	const unsigned char *data;
	uint64_t count;
	bool rela;
	uint64_t skip; /* DT_RELACOUNT / DT_RELCOUNT: leading relative entries */
};

struct image_private {
	struct arena arena;
	bool mapped;
	uint64_t phoff, shoff;
	uint32_t phnum, shnum, shstrndx;

	const Elf64_Phdr **loads; /* the PT_LOAD entries */
	size_t nloads;

	struct image_reloc_table relocs[3]; /* REL, RELA, JMPREL in glibc's order */
	unsigned int nrelocs;
	uint64_t relr, relr_size; /* DT_RELR, DT_RELRSZ */

	bool sections_read;
	struct image_section *sections;
	size_t nsections;

	bool build_id_read;
	char *build_id;
};

/* "'libx.so': <text>" with code bad-data. */
struct error *image_bad(const struct image *image, const char *format, ...) must_check
	__attribute__((format(printf, 2, 3)));

/* Reads PT_DYNAMIC and all that hangs on it. */
struct error *image_read_dynamic(struct image *image) must_check;
/* Symbol table, versions and hash tables, from the tags of the dynamic section. */
struct image_dynamic_tags;
struct error *image_read_symbols(struct image *image,
				 const struct image_dynamic_tags *tags) must_check;
struct error *image_read_versions(struct image *image,
				  const struct image_dynamic_tags *tags) must_check;
struct error *image_read_relocs(struct image *image,
				const struct image_dynamic_tags *tags) must_check;

/* The last value of each tag that is looked at, as glibc's elf_get_dynamic_info keeps them. */
struct image_dynamic_tags {
	uint64_t strtab, strsz, symtab, syment, hash, gnu_hash;
	uint64_t versym, verneed, verneednum, verdef, verdefnum;
	uint64_t rela, relasz, relaent, relacount, rel, relsz, relent, relcount;
	uint64_t jmprel, pltrelsz, pltrel, relr, relrsz, relrent;
	uint64_t soname, rpath, runpath;
	bool has_strtab, has_symtab, has_hash, has_gnu_hash, has_versym;
	bool has_soname, has_rpath, has_runpath;
};

/*
 * Bytes in the file from an address to the end of its segment, NULL and 0 where
 * there are none.
 */
const unsigned char *image_tail_at(const struct image *image, uint64_t address, uint64_t *len);

static inline uint16_t read_u16(const unsigned char *p)
{
	uint16_t v;
	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t read_u32(const unsigned char *p)
{
	uint32_t v;
	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t read_u64(const unsigned char *p)
{
	uint64_t v;
	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

#endif
