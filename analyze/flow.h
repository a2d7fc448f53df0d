/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which values can a register hold at a place in a function? Constants are
 * followed through registers, stack slots, read-only data and joins of the
 * control flow (x86-64 only).
 *
 * A value is a set of atoms. What could not be followed is an atom too
 * (flow_is_open()): the other atoms are then some of the possible values, not
 * all. Loops are run until nothing changes; a table that is walked becomes one
 * atom. Everything is bounded by the constants below; beyond them a value
 * becomes open, never wrong.
 *
 * Assumptions, those of the System V ABI (AMD64 supplement, 3.2): a call changes
 * rax, rcx, rdx, rsi, rdi, r8 to r11 and memory whose address it was given, and
 * nothing else of the caller.
 */
#ifndef ANALYZE_FLOW_H
#define ANALYZE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/image/image.h"
#include "core/image/insn.h"

enum flow_kind {
	FLOW_CONST,    /* the number 'value' */
	FLOW_ARGUMENT, /* what register 'value' (enum insn_reg) held at entry */
	FLOW_STACK,    /* address: the stack pointer at entry + 'value' (frame 'step') */
	FLOW_FRAME,    /* address: such a place + k * 'step' (of a frame), with unknown k */
	FLOW_STRIDE,   /* address: 'value' + k * 'step', with unknown k */
	FLOW_TABLE,    /* the eight bytes that lie at such an address */
	FLOW_INITIAL,  /* 'value' is what a writable variable holds at start */
	FLOW_OFFSETS,  /* a signed word from the jump table at 'value' */
	FLOW_TARGETS,  /* a code address from the jump table at 'value' */
	FLOW_IMPORT,   /* the address of dynamic symbol 'value', from another file */
	FLOW_MULTIPLE, /* unknown, but a multiple of 'step'; with step 1: anything */
	FLOW_LOST,     /* there were too many: anything, and no other atom is kept */
};

struct flow_atom {
	uint32_t kind, step;
	int64_t value;
};

/* Immutable, sorted, each set exists once: equal values have equal pointers. */
struct flow_value {
	size_t n;
	struct flow_atom atoms[];
};

enum {
	FLOW_MAX_ATOMS = 64,
	FLOW_MAX_SLOTS = 128,	   /* stack slots known at one place */
	FLOW_MAX_STATES = 1 << 14, /* blocks of one function */
	FLOW_MAX_INSNS = 1 << 17,  /* instructions of one function */
	FLOW_MAX_STEPS = 1 << 20,  /* instructions executed to reach the fixpoint */
	FLOW_MAX_TOTAL = 1 << 24,  /* the same for all functions of a file */
};

/* Whether the value may also be something that is not listed. */
bool flow_is_open(const struct flow_value *value);

struct flow;
struct flow_state;

/* The image must outlive the flow. */
struct error *flow_create(const struct image *image, struct flow **ret) must_check;
void flow_destroy(struct flow *flow);

static inline void flow_cleanup(struct flow **flow)
{
	flow_destroy(*flow);
}
#define _cleanup_flow_ __attribute__((cleanup(flow_cleanup)))

struct flow_range {
	uint64_t start, end;
};

/*
 * Follows a function: it is entered at the start of the first range; the others
 * are parts that it jumps into and out of. 'wanted' are addresses of
 * instructions that must be visited even if no path to them was found (a jump
 * table that is not understood, an exception handler): all is unknown there.
 * Only what can lead to one of them is followed; with 'calls' also what can lead
 * to a call through a register or memory.
 * Errors: no-memory; unsupported where the function is too large.
 */
struct error *flow_run(struct flow *flow, const struct flow_range *ranges, size_t nranges,
		       const uint64_t *wanted, size_t nwanted, bool calls) must_check;

/*
 * Calls 'fn' for each instruction that was followed, with the state before it, in
 * order of address. Both are valid during the call. Stops at the first error.
 */
struct error *flow_visit(struct flow *flow,
			 struct error *(*fn)(const struct insn *insn,
					     const struct flow_state *state, void *arg),
			 void *arg) must_check;

/* What a register holds; valid until flow_destroy(). */
const struct flow_value *flow_get(const struct flow_state *state, enum insn_reg reg);

/* The same for any operand that is read. */
const struct flow_value *flow_get_operand(struct flow *flow, const struct flow_state *state,
					  const struct insn_operand *op);

enum flow_word_kind {
	FLOW_WORD_NONE,	    /* not in the file, or another module decides */
	FLOW_WORD_CONST,    /* read-only once the program runs */
	FLOW_WORD_VARIABLE, /* writable: this is its first value */
	FLOW_WORD_IMPORT,   /* filled with the address of a dynamic symbol: its index */
};

/* The eight bytes at an address as the program finds them: relocated, link-time addresses. */
struct error *flow_word(struct flow *flow, uint64_t address, enum flow_word_kind *kind,
			uint64_t *ret) must_check;

/* Whether the bytes at an address are in the file and never change. */
bool flow_is_read_only(const struct image *image, uint64_t address);

#endif
