/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the functions of an image begin and end: from the sorted table of
 * .eh_frame_hdr (found by PT_GNU_EH_FRAME, so that no section headers are
 * needed) with the lengths that .eh_frame gives; from the symbol tables where
 * unwind information is missing; else the gap between its neighbours.
 *
 * Nothing is copied or sorted at opening: a lookup is a binary search in the
 * file's own table. The table is hostile: its size is cut to the file, and an
 * entry is believed only where its FDE agrees with it.
 *
 * Sources: LSB 5.0 core, "Exception Frames" (.eh_frame, .eh_frame_hdr, DW_EH_PE
 * encodings); DWARF 5, 6.4 (call frame instructions); gABI chapter 4 (symbols).
 */
#ifndef CORE_IMAGE_FUNCTIONS_H
#define CORE_IMAGE_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/image/image.h"

/* How the bounds are known. */
enum function_source {
	FUNCTION_FDE,	 /* unwind information */
	FUNCTION_SYMBOL, /* a symbol with a size, or up to the next symbol */
	FUNCTION_GAP,	 /* between functions: where code begins in it is not known */
};

struct function {
	uint64_t start, end;
	enum function_source source;
	/*
	 * A part of a function that another part jumps into (gcc's .cold): its
	 * unwind information begins with a frame already set up.
	 */
	bool is_part;
};

/* Borrows the image, which must outlive it. */
struct functions {
	const struct image *image;
	const unsigned char *table; /* pairs of int32: start, FDE; relative to 'base' */
	size_t n;
	uint64_t base; /* address of .eh_frame_hdr */
};

/* Reads the header; a file without a (usable) table is no error: n is 0. */
void functions_init(struct functions *f, const struct image *image);

/* Start of entry 'index' < n of the table, as the file has it. */
uint64_t functions_start(const struct functions *f, size_t index);

/*
 * The function around an address, or false where the address is in no
 * executable segment. Symbols are walked (not sorted) if there is no FDE.
 */
bool functions_find(const struct functions *f, uint64_t address, struct function *ret);

struct function_name {
	uint64_t address;
	const char *name; /* borrowed from the image; NULL: no symbol covers the address */
	uint64_t start;	  /* of the symbol */
};

/*
 * Fills in names for many addresses in one walk over the symbol tables (.symtab
 * and .dynsym). Reorders the array by address.
 */
void functions_names(const struct functions *f, struct function_name *names, size_t n);

/*
 * The address of a function that the file defines by this name (.dynsym, then
 * .symtab), or 0.
 */
uint64_t functions_address_of(const struct functions *f, const char *name);

#endif
