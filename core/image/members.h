/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A static archive, member by member: which symbols each defines, and which it
 * needs. That is what decides which members a link takes.
 *
 * Read are GNU and BSD archives, with their long names and 32- or 64-bit symbol
 * indexes, and thin archives, whose members are files of their own (also nested
 * in other archives). The symbols come from the members, not from the index.
 *
 * Sources: System V gABI chapter 4 (symbol table); "ar" of BSD and GNU binutils
 * (ar(5), bfd/archive.c's description of thin archives).
 */
#ifndef CORE_IMAGE_MEMBERS_H
#define CORE_IMAGE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/log.h"

struct image_member_symbol {
	const char *name;
	uint64_t size;
	uint8_t type;	 /* STT_* */
	uint8_t bind;	 /* STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE */
	uint8_t visible; /* STV_* */
	bool common;	 /* a tentative definition */
};

enum image_member_kind {
	IMAGE_MEMBER_OBJECT, /* an ELF file whose symbols were read */
	IMAGE_MEMBER_LTO,    /* compiler's intermediate code: its symbols are not in
				the symbol table (slim GCC objects, LLVM bitcode) */
	IMAGE_MEMBER_OTHER,  /* not an object file */
	IMAGE_MEMBER_BROKEN, /* an ELF file that cannot be read; a warning said why */
};

struct image_member {
	const char *name;
	uint64_t size;	  /* bytes */
	const void *data; /* they themselves; NULL: in a file of its own (thin archive) */
	enum image_member_kind kind;
	uint16_t machine; /* EM_*, of an object */

	/* In the order of the symbol table. Local symbols are left out. */
	const struct image_member_symbol *defined;
	size_t ndefined;
	const struct image_member_symbol *undefined;
	size_t nundefined;
};

struct image_members {
	const char *path;
	const char *name;
	bool thin;
	bool object;	 /* no archive: an object file by itself */
	bool has_index;	 /* a symbol index, which linkers ask for */
	bool incomplete; /* a warning said what is missing */
	const struct image_member *members;
	size_t nmembers;
	size_t ndefined, nundefined; /* over all members */

	struct image_members_private *priv; /* of core/image alone */
};

enum {
	IMAGE_MEMBERS_MAX = 1 << 21,	     /* members */
	IMAGE_MEMBERS_MAX_SYMBOLS = 1 << 26, /* defined and undefined, of all members */
	IMAGE_MEMBERS_MAX_NAME = 1 << 16,    /* bytes of a symbol's or member's name */
};

/* Whether a file begins like a static archive, thin or not. Needs 8 bytes. */
bool image_members_is_archive(const void *data, size_t size);

/*
 * Reads a static archive, or an object file as an archive of one. 'name' is how messages call it
 * (NULL: as 'path'). Damage, missing files of thin archives and bounds are warnings in 'log' (which
 * may be NULL), and make the result incomplete. Errors: os; bad-data where it is no archive or its
 * first header cannot be read; stop.
 */
struct error *image_members_open(const char *path, const char *name, struct log *log,
				 struct image_members **ret) must_check;

/* The same for bytes in memory, which are borrowed. A thin archive's files are not opened. */
struct error *image_members_open_memory(const void *data, size_t size, const char *name,
					struct log *log, struct image_members **ret) must_check;
void image_members_destroy(struct image_members *members);

static inline void image_members_cleanup(struct image_members **members)
{
	image_members_destroy(*members);
}
#define _cleanup_image_members_ __attribute__((cleanup(image_members_cleanup)))

/*
 * The member that a linker takes for an undefined symbol: the first that
 * defines it; NULL where none does.
 */
const struct image_member *image_members_find(const struct image_members *members,
					      const char *symbol);

#endif
