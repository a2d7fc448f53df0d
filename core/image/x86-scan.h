/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who refers to an address: a search through the executable segments of an
 * x86-64 image for four bytes that hold the distance to it, which is how call,
 * jmp, jcc and RIP-relative operands name a place (Intel SDM vol. 2, 2.2.1.6).
 *
 * Low-level: compares bytes at memory speed and decodes nothing. What it finds
 * need not be an instruction; a false hit is rare (one in 2^32 positions), and
 * the caller confirms each by decoding the function around it.
 */
#ifndef CORE_IMAGE_X86_SCAN_H
#define CORE_IMAGE_X86_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/image/image.h"

struct x86_scan_hit {
	uint64_t address; /* of the four bytes */
	uint64_t target;
};

/*
 * The four bytes end the instruction (all branches; operands without an
 * immediate). An operand that an immediate follows is not found.
 */
enum x86_scan_flags {
	X86_SCAN_ABSOLUTE = 1 << 0, /* also where the bytes are the address itself (non-PIE) */
	X86_SCAN_RANGE = 1 << 1,    /* targets are pairs: any address from the first up to
				       the second, which is left out; and ABSOLUTE is not
				       supported */
	X86_SCAN_PORTABLE = 1 << 2, /* no vector instructions: for tests */
};

/*
 * Calls 'fn' for each hit, segment by segment; within a segment the order is not
 * defined. Pages that were read are dropped on the way, so that of a large file
 * little stays in memory; the last ones stay for the next search, until the caller
 * calls image_drop_pages(). Stops at the first error.
 */
struct error *x86_scan(const struct image *image, const uint64_t *targets, size_t ntargets,
		       unsigned int flags,
		       struct error *(*fn)(const struct x86_scan_hit *hit, void *arg),
		       void *arg) must_check;

#endif
