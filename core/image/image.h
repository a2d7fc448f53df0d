/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A binary: an ELF file (ELF64 or ELF32, little-endian), read the way a dynamic
 * loader reads it: from the program headers and the dynamic section, which are
 * what runs. Section headers may be missing or lie; what needs them says so.
 *
 * Every table is checked against the file when the image is opened: later
 * accesses through these members and functions stay inside the mapping. ELF32
 * tables are widened to their ELF64 form, so that users see one shape.
 *
 * Names (const char *) are borrowed from the image and die with it. They are
 * bytes from a file: escape them before showing them.
 *
 * Sources: System V gABI chapters 4 and 5; "GNU hash" as in glibc
 * elf/dl-lookup.c; symbol versions as in "ELF Symbol Versioning" (U. Drepper).
 */
#ifndef CORE_IMAGE_IMAGE_H
#define CORE_IMAGE_IMAGE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"

#ifndef DT_RELRSZ
#define DT_RELRSZ  35
#define DT_RELR	   36
#define DT_RELRENT 37
#endif

/* What a loader does with a relocation type, for all machines alike. */
enum image_reloc_class {
	IMAGE_RELOC_NONE,      /* no symbol lookup, nothing to do */
	IMAGE_RELOC_RELATIVE,  /* base + addend; no lookup */
	IMAGE_RELOC_IRELATIVE, /* calls the resolver at the addend; no lookup */
	IMAGE_RELOC_SYMBOL,    /* looks the symbol up (absolute, GLOB_DAT, ...) */
	IMAGE_RELOC_PLT,       /* the same; undefined symbols with a value do not
				  match: JUMP_SLOT and the TLS kinds */
	IMAGE_RELOC_COPY,      /* the same; the executable itself does not match */
	IMAGE_RELOC_UNKNOWN,   /* not a dynamic relocation of this machine */
};

/* A machine, as far as a dynamic loader differs between machines. */
struct image_machine {
	uint16_t id;	      /* EM_* */
	uint8_t elf_class;    /* ELFCLASS64 or ELFCLASS32 */
	const char *name;     /* "x86_64", as in uname -m */
	const char *triplet;  /* Debian's multiarch folder */
	const char *lib;      /* what $LIB becomes upstream: "lib64" or "lib" */
	const char *interp;   /* glibc's loader */
	uint32_t cache_flags; /* ld.so.cache entry flags (glibc dl-cache.h) */
	bool uses_rela;
	enum image_reloc_class (*reloc_class)(uint32_t type);
};

/* The table entry of a machine, or NULL where the machine is not known. */
const struct image_machine *image_machine_find(uint16_t id, uint8_t elf_class);

/* One DT_NEEDED, DT_FILTER or DT_AUXILIARY, in file order. */
struct image_dep {
	int64_t tag;
	const char *name;
};

/* A version that a file defines or needs; the index is what .gnu.version holds. */
struct image_version {
	const char *name; /* NULL: no such index */
	const char *file; /* vn_file for a needed version, NULL for a defined one */
	uint32_t hash;
	bool hidden; /* VER_NEED's vna_other & 0x8000 */
	bool weak;   /* VER_FLG_WEAK */
	bool base;   /* VER_FLG_BASE */
};

enum image_hash_kind { IMAGE_HASH_NONE, IMAGE_HASH_GNU, IMAGE_HASH_SYSV };

/* The checked hash table; bytes are read unaligned. Public for the inline test below. */
struct image_hash_table {
	enum image_hash_kind kind;
	uint32_t nbuckets;
	uint32_t symoffset;	    /* GNU: first symbol in the table */
	uint32_t bloom_mask;	    /* words - 1 */
	uint32_t bloom_shift;	    /* less than 64 (ELF64) or 32 */
	uint64_t nchain;	    /* entries of 'chain' inside the file */
	const unsigned char *bloom; /* words of 8 (ELF64) or 4 bytes */
	const unsigned char *buckets;
	const unsigned char *chain;
};

struct image {
	char *path; /* where the bytes were read */
	char *name; /* how messages and reports call it */
	const unsigned char *data;
	uint64_t size;
	dev_t dev;
	ino_t ino;

	uint8_t elf_class; /* ELFCLASS64 or ELFCLASS32 */
	uint8_t osabi;
	uint16_t type; /* ET_* */
	uint16_t machine_id;
	const struct image_machine *machine; /* NULL: unknown */
	uint64_t entry;
	const Elf64_Phdr *phdrs;
	size_t nphdrs;

	const char *interp;    /* PT_INTERP, or NULL */
	uint64_t loaded_bytes; /* sum of p_memsz of PT_LOAD, saturated */

	/* The dynamic section; all zero where there is none. */
	bool has_dynamic;
	const char *soname, *rpath, *runpath; /* NULL: not there */
	const struct image_dep *deps;
	size_t ndeps;
	uint64_t flags, flags_1; /* DT_FLAGS, DT_FLAGS_1 */
	bool symbolic;		 /* DT_SYMBOLIC or DF_SYMBOLIC */

	/* Dynamic symbols. Index 0 is the reserved one. */
	const Elf64_Sym *syms;
	size_t nsyms;
	const char *strtab;
	uint64_t strtab_size;	/* strtab[strtab_size - 1] is NUL, or there are no strings */
	const uint16_t *versym; /* NULL: the file has no versions; else nsyms entries */
	struct image_version *versions; /* by version index */
	size_t nversions;
	struct image_hash_table hash;

	struct image_private *priv; /* of core/image alone */
};

/*
 * Opens a file and reads its headers. 'name' is how messages call it (NULL: as
 * 'path'). Only regular files are read, and none is waited for. Errors:
 * bad-data ("'x.so': e_phoff ... lies outside the file"), os, unsupported (big
 * endian).
 */
struct error *image_open(const char *path, const char *name, struct image **ret) must_check;

/* The same for bytes in memory, which are borrowed (fuzzing, archive members). */
struct error *image_open_memory(const void *data, size_t size, const char *name,
				struct image **ret) must_check;

void image_destroy(struct image *image);

static inline void image_cleanup(struct image **image)
{
	image_destroy(*image);
}
#define _cleanup_image_ __attribute__((cleanup(image_cleanup)))

/* Whether the bytes begin like an ELF file. Needs 4 bytes. */
bool image_is_elf(const void *data, size_t size);

/* Whether this is a program (as against a library): ET_EXEC, or DF_1_PIE, or PT_INTERP. */
bool image_is_program(const struct image *image);

/*
 * The file bytes behind [address, address + len) of one PT_LOAD, or NULL where
 * the file has none (outside, or bss).
 */
const void *image_at(const struct image *image, uint64_t address, uint64_t len);

/* The NUL-terminated string at an address, or NULL if it is not ended inside the file. */
const char *image_string_at(const struct image *image, uint64_t address);

/* A name from the dynamic string table; "" where the offset is outside. */
const char *image_name(const struct image *image, uint64_t offset);

/* The name of a dynamic symbol. 'index' < nsyms. */
static inline const char *image_symbol_name(const struct image *image, size_t index)
{
	return image_name(image, image->syms[index].st_name);
}

/*
 * The version of a dynamic symbol, or NULL where it has none (file without
 * versions, local or global index, or an index the file does not describe).
 */
const struct image_version *image_symbol_version(const struct image *image, size_t index);

/* --- Lookup by name, exactly as the dynamic loader's hash tables answer it --- */

/* A name with its hashes, computed once for a whole scope. */
struct image_query {
	const char *name;
	uint32_t gnu, sysv;
};

uint32_t image_gnu_hash(const char *name);
uint32_t image_sysv_hash(const char *name);

static inline struct image_query image_query_make(const char *name)
{
	struct image_query q = { name, image_gnu_hash(name), image_sysv_hash(name) };
	return q;
}

/* False where the table certainly does not hold the name. Cheap: one or two words. */
static inline bool image_may_define(const struct image *image, const struct image_query *query)
{
	const struct image_hash_table *t = &image->hash;

	if (t->kind != IMAGE_HASH_GNU)
		return t->kind == IMAGE_HASH_SYSV;
	if (image->elf_class == ELFCLASS64) {
		uint64_t word;
		__builtin_memcpy(&word, t->bloom + 8ull * (query->gnu / 64 & t->bloom_mask), 8);
		return word >> (query->gnu & 63) &
		       word >> ((uint64_t)query->gnu >> t->bloom_shift & 63) & 1;
	}
	uint32_t word;
	__builtin_memcpy(&word, t->bloom + 4ull * (query->gnu / 32 & t->bloom_mask), 4);
	return word >> (query->gnu & 31) & word >> (query->gnu >> t->bloom_shift & 31) & 1;
}

/* A walk over the symbols that have exactly the name asked for, in chain order. */
struct image_lookup {
	const struct image *image;
	const struct image_query *query;
	uint64_t next; /* GNU: chain index; SysV: symbol index */
	uint64_t left; /* steps left, so that a cyclic chain ends */
};

/* Starts a walk. 'query' is borrowed. Use image_may_define() first: it is cheaper. */
void image_lookup_start(struct image_lookup *walk, const struct image *image,
			const struct image_query *query);

/* The next symbol's index, or 0 at the end. */
size_t image_lookup_next(struct image_lookup *walk);

/* --- Relocations --- */

struct image_reloc {
	uint64_t offset;
	uint32_t type;
	uint32_t symbol; /* 0: none; always < nsyms */
	int64_t addend;	 /* 0 for Elf_Rel: it lies in the file at 'offset' */
};

enum image_relocs_flags {
	/* Leave out the leading relative ones that DT_RELACOUNT counts. */
	IMAGE_RELOCS_SYMBOLIC = 1 << 0,
};

/*
 * Calls 'fn' for each relocation of DT_REL(A) and DT_JMPREL, in the order in
 * which glibc applies them. RELR is not included. Stops at the first error.
 */
struct error *image_each_reloc(const struct image *image, unsigned int flags,
			       struct error *(*fn)(const struct image_reloc *reloc, void *arg),
			       void *arg) must_check;

/* Calls 'fn' with the address of each word that DT_RELR relocates. */
struct error *image_each_relr(const struct image *image,
			      struct error *(*fn)(uint64_t address, void *arg),
			      void *arg) must_check;

/* --- Sections and notes (section headers where present) --- */

struct image_section {
	const char *name;
	uint32_t type;
	uint64_t flags, address, offset, size;
	uint32_t link, info;
	uint64_t entsize;
};

/* Number of sections; 0 where the table is missing or broken. */
size_t image_section_count(const struct image *image);
/* Fills 'ret'; false where 'index' is outside. */
bool image_section_get(const struct image *image, size_t index, struct image_section *ret);
/* The first section of a name; false where there is none. */
bool image_section_find(const struct image *image, const char *name, struct image_section *ret);
/* Its bytes in the file, or NULL (SHT_NOBITS, outside). */
const void *image_section_data(const struct image *image, const struct image_section *section);

/*
 * Calls 'fn' for each note of the PT_NOTE segments, and of SHT_NOTE sections
 * that no segment covers (.note.dlopen may be such a one). 'owner' is
 * NUL-terminated.
 */
struct error *image_each_note(const struct image *image,
			      struct error *(*fn)(const char *owner, uint32_t type,
						  const void *desc, size_t len, void *arg),
			      void *arg) must_check;

/* The build-id as lower case hex, or NULL. Borrowed. */
const char *image_build_id(const struct image *image);

/*
 * Tells the kernel that the bytes read so far are not needed for a while, so
 * that a large closure does not hold all of its files in memory. They are read
 * again when touched.
 */
void image_drop_pages(const struct image *image);

#endif
