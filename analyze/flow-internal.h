/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to analyze/flow*.c. */
#ifndef ANALYZE_FLOW_INTERNAL_H
#define ANALYZE_FLOW_INTERNAL_H

#include "analyze/flow.h"
#include "core/base/arena.h"
#include "core/base/map.h"

enum {
	FLOW_MAX_VALUES = 1 << 15, /* different values of one file */
	FLOW_JOINS = 1 << 10,	   /* joins that are remembered; a power of two */
	FLOW_VECTORS = 16,
};

/* 'step' of FLOW_FRAME holds the step and which frame. */
static inline uint32_t flow_frame_step(const struct flow_atom *a)
{
	return a->step >> 1;
}

static inline uint32_t flow_frame_of(const struct flow_atom *a)
{
	return a->kind == FLOW_FRAME ? a->step & 1 : a->step;
}

/* A stack slot of eight bytes: where it is, and what it holds. */
struct flow_slot {
	uint32_t frame;
	int64_t offset;
	const struct flow_value *value;
};

/* Slots that are not listed hold anything. Sorted by frame and offset. */
struct flow_state {
	const struct flow_value *regs[INSN_REGS];
	const struct flow_value *vectors[FLOW_VECTORS][2]; /* low and high eight bytes */
	/* Slots at and above this offset may be changed by whoever got their address. */
	int64_t escaped[2];
	size_t nslots;
	struct flow_slot slots[FLOW_MAX_SLOTS]; /* the last member: only those in use are copied */
};

static inline void flow_state_copy(struct flow_state *to, const struct flow_state *from)
{
	__builtin_memcpy(to, from,
			 offsetof(struct flow_state, slots) +
				 from->nslots * sizeof(from->slots[0]));
}

/* A relocation of the words around an address that was asked for. */
struct flow_reloc {
	uint64_t offset;
	uint32_t type, symbol;
	int64_t addend;
	bool relr;
	uint32_t next; /* in the same word, in the order of the file: index + 1, 0: none */
};

/*
 * A file may have 10^6 relocations and a function asks for a handful of words:
 * those around a word that was asked for are kept, one walk for each window.
 */
enum { FLOW_WINDOW = 1 << 16, FLOW_WINDOW_WORDS = FLOW_WINDOW / 8 };

struct flow_window {
	uint64_t start;
	struct flow_reloc *relocs;
	size_t n, cap;
	uint32_t first[FLOW_WINDOW_WORDS], last[FLOW_WINDOW_WORDS]; /* index + 1 */
	bool broken; /* the relocations cannot be read: no word is known */
	struct flow_window *next;
};

/*
 * Where an instruction lies and how control leaves it: known of all
 * instructions, while only those that are reached are decoded.
 */
struct flow_spot {
	uint64_t address;
	uint32_t target; /* of a jump: an index, or one of the two below */
	uint8_t length;
	uint8_t op;  /* enum insn_op: JMP, JCC, RET, STOP; of others it may be OTHER */
	bool direct; /* a jump with its target in the instruction */
	bool needed, decoded;
};

enum {
	FLOW_NO_INDEX = -1,
	FLOW_ANYWHERE = UINT32_MAX - 1, /* through a register or memory */
	FLOW_OUTSIDE = UINT32_MAX,	/* to another function; and of what is no jump */
};

/* What flow_join() said; values live as long as the flow. */
struct flow_joined {
	const struct flow_value *a, *b, *value;
};

struct flow {
	const struct image *image;
	struct insn_decoder *decoder;
	struct arena arena;
	struct map values;
	bool failed;   /* out of memory; reported at the end of a run */
	bool overflow; /* a value had more than FLOW_MAX_ATOMS */
	bool widen;    /* joins make strides early */
	const struct flow_value *unknown, *zero;
	struct flow_window *windows;
	struct flow_joined joins[FLOW_JOINS]; /* with 'widen' as it is */

	/* of the current function */
	struct flow_spot *spots; /* sorted by address */
	struct insn *insns;	 /* of the spots; see flow_insn() */
	size_t ninsns, spots_cap, insns_cap;
	struct flow_state **states; /* before each instruction that begins a block, else NULL */
	size_t states_cap;
	bool *leader, *queued;
	size_t flags_cap;
	uint32_t *queue;
	size_t queue_cap, nqueue;
	uint64_t steps;
	uint64_t total;		  /* of earlier runs */
	struct flow_state **pool; /* the first 'nstates' are in use */
	size_t nstates, pool_size, pool_cap;
};

/* --- instructions (flow-code.c) --- */

/* Finds the instructions of a function and those that flow_run() needs. */
struct error *flow_read_code(struct flow *flow, const struct flow_range *ranges, size_t n,
			     const uint64_t *wanted, size_t nwanted, bool calls) must_check;
/* An instruction, decoded when it is asked for; valid until the next function. */
const struct insn *flow_insn(struct flow *flow, size_t i);
/* The instruction that starts at an address, or FLOW_NO_INDEX. */
ssize_t flow_index_at(const struct flow *flow, uint64_t address);

/* The next instruction of the same range, or FLOW_NO_INDEX. */
static inline ssize_t flow_follower(const struct flow *flow, size_t i)
{
	return i + 1 < flow->ninsns && flow->spots[i + 1].address ==
					       flow->spots[i].address + flow->spots[i].length
		       ? (ssize_t)i + 1
		       : FLOW_NO_INDEX;
}

/* Control does not go on behind it. */
static inline bool flow_ends_block(const struct flow_spot *spot)
{
	return spot->op == INSN_JMP || spot->op == INSN_RET || spot->op == INSN_STOP;
}

/* --- values (flow-values.c) --- */

/* The value of these atoms; sorts them in place. Never NULL: open where memory is short. */
const struct flow_value *flow_make(struct flow *flow, struct flow_atom *atoms, size_t n);
const struct flow_value *flow_const(struct flow *flow, int64_t value);
const struct flow_value *flow_atom(struct flow *flow, enum flow_kind kind, uint32_t step,
				   int64_t value);
const struct flow_value *flow_join(struct flow *flow, const struct flow_value *a,
				   const struct flow_value *b);
const struct flow_value *flow_sum(struct flow *flow, const struct flow_value *a,
				  const struct flow_value *b, bool subtract);
const struct flow_value *flow_times(struct flow *flow, const struct flow_value *a, int64_t factor);
/* The low 32 bits, zero- or sign-extended. */
const struct flow_value *flow_low32(struct flow *flow, const struct flow_value *a, bool sign);
/* The atoms of 'a' for which 'a <condition> b' may hold; NULL: none, the way is never taken. */
const struct flow_value *flow_filter(struct flow *flow, const struct flow_value *a,
				     const struct flow_value *b, unsigned int condition,
				     unsigned int size);
/* The only atom of a value, if it is of this kind; else NULL. */
const struct flow_atom *flow_only(const struct flow_value *a, enum flow_kind kind);

/* --- one instruction (flow-step.c) --- */

void flow_state_init(struct flow *flow, struct flow_state *state, bool entry);
/* Changes 'state' to what holds after the instruction. */
void flow_step(struct flow *flow, const struct insn *insn, struct flow_state *state);
/* Joins 'from' into 'into'; returns whether that changed. */
bool flow_state_join(struct flow *flow, struct flow_state *into, const struct flow_state *from);
const struct flow_value *flow_operand(struct flow *flow, const struct flow_state *state,
				      const struct insn_operand *op);
/* Where the state keeps the value of a register or of one known stack slot; else NULL. */
const struct flow_value **flow_place(struct flow *flow, struct flow_state *state,
				     const struct insn_operand *op);
const struct flow_value *flow_address(struct flow *flow, const struct flow_state *state,
				      const struct insn_operand *op);

/* --- memory of the file (flow-memory.c) --- */

bool flow_is_mapped(const struct image *image, uint64_t address);

#endif
