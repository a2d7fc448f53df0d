/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analyze/flow-internal.h"

/* System V ABI, AMD64 supplement, 3.2.1 and 3.2.3. */
enum {
	ARGUMENTS = 1 << INSN_RDI | 1 << INSN_RSI | 1 << INSN_RDX | 1 << INSN_RCX | 1 << INSN_R8 |
		    1 << (INSN_R8 + 1),
	CALL_CHANGES = ARGUMENTS | 1 << INSN_RAX | 3 << (INSN_R8 + 2),
	ENTRY_ALIGNMENT = 8, /* rsp modulo 16 at a function's entry */
};

static void forget_vectors(struct flow *flow, struct flow_state *state)
{
	for (unsigned int i = 0; i < FLOW_VECTORS; i++)
		state->vectors[i][0] = state->vectors[i][1] = flow->unknown;
}

void flow_state_init(struct flow *flow, struct flow_state *state, bool entry)
{
	memset(state, 0, offsetof(struct flow_state, slots));
	for (unsigned int r = 0; r < INSN_REGS; r++)
		state->regs[r] = entry && ARGUMENTS >> r & 1 ? flow_atom(flow, FLOW_ARGUMENT, 0, r)
							     : flow->unknown;
	if (entry)
		state->regs[INSN_RSP] = flow_atom(flow, FLOW_STACK, 0, 0);
	forget_vectors(flow, state);
	state->escaped[0] = state->escaped[1] = INT64_MAX;
}

const struct flow_value *flow_get(const struct flow_state *state, enum insn_reg reg)
{
	return state->regs[reg];
}

/* --- slots --- */

static bool is_before(const struct flow_slot *slot, uint32_t frame, int64_t offset)
{
	return slot->frame < frame || (slot->frame == frame && slot->offset < offset);
}

static bool is_at(const struct flow_slot *slot, uint32_t frame, int64_t offset)
{
	return slot->frame == frame && slot->offset == offset;
}

/* The first slot that is not before (frame, offset). */
static size_t slot_position(const struct flow_state *state, uint32_t frame, int64_t offset)
{
	size_t low = 0, high = state->nslots;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (is_before(&state->slots[middle], frame, offset))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct flow_slot *slot_at(struct flow_state *state, uint32_t frame, int64_t offset)
{
	size_t i = slot_position(state, frame, offset);

	if (i < state->nslots && is_at(&state->slots[i], frame, offset))
		return &state->slots[i];
	return NULL;
}

static void slots_remove(struct flow_state *state, size_t from, size_t to)
{
	memmove(&state->slots[from], &state->slots[to],
		(state->nslots - to) * sizeof(state->slots[0]));
	state->nslots -= to - from;
}

/* Forgets what [offset, offset + size) overlaps. */
static void slots_kill(struct flow_state *state, uint32_t frame, int64_t offset, uint64_t size)
{
	size_t from = slot_position(state, frame, offset - 7), to;

	for (to = from; to < state->nslots && state->slots[to].frame == frame &&
			state->slots[to].offset < offset + (int64_t)size;)
		to++;
	if (to > from)
		slots_remove(state, from, to);
}

static void slot_set(struct flow_state *state, uint32_t frame, int64_t offset,
		     const struct flow_value *value)
{
	slots_kill(state, frame, offset, 8);
	if (state->nslots == FLOW_MAX_SLOTS)
		return; /* not known is never wrong */
	size_t i = slot_position(state, frame, offset);
	memmove(&state->slots[i + 1], &state->slots[i],
		(state->nslots - i) * sizeof(state->slots[0]));
	state->slots[i] = (struct flow_slot) { .frame = frame, .offset = offset, .value = value };
	state->nslots++;
}

/* Somebody else may write to what escaped: the values stay possible, others become so. */
static void slots_disturb(struct flow *flow, struct flow_state *state)
{
	for (size_t i = 0; i < state->nslots; i++) {
		struct flow_slot *s = &state->slots[i];
		if (s->frame < 2 && s->offset >= state->escaped[s->frame])
			s->value = flow_join(flow, s->value, flow->unknown);
	}
}

static void escape(struct flow_state *state, const struct flow_value *value)
{
	for (size_t i = 0; i < value->n; i++) {
		const struct flow_atom *a = &value->atoms[i];
		if (a->kind != FLOW_STACK && a->kind != FLOW_FRAME)
			continue;
		/* From an element of unknown number everything can be reached. */
		int64_t lowest = a->kind == FLOW_STACK ? a->value : INT64_MIN;
		if (lowest < state->escaped[flow_frame_of(a)])
			state->escaped[flow_frame_of(a)] = lowest;
	}
}

/* --- memory --- */

static const struct flow_value *load_const(struct flow *flow, uint64_t address)
{
	enum flow_word_kind kind;
	uint64_t word;
	struct error *err = flow_word(flow, address, &kind, &word);

	if (err) {
		error_destroy(err);
		flow->failed = true;
		return flow->unknown;
	}
	switch (kind) {
	case FLOW_WORD_CONST:
		return flow_const(flow, word);
	case FLOW_WORD_VARIABLE:
		return flow_atom(flow, FLOW_INITIAL, 0, word);
	case FLOW_WORD_IMPORT:
		return flow_atom(flow, FLOW_IMPORT, 0, word);
	default:
		return flow->unknown;
	}
}

/* An element of an array in the frame: one of the slots that are known, or something else. */
static const struct flow_value *load_element(struct flow *flow, const struct flow_state *state,
					     const struct flow_atom *address)
{
	const struct flow_value *value = flow->unknown;

	for (size_t i = 0; i < state->nslots; i++) {
		const struct flow_slot *s = &state->slots[i];
		if (s->frame == flow_frame_of(address) && s->offset >= address->value &&
		    !((s->offset - address->value) %
		      (flow_frame_step(address) ? flow_frame_step(address) : 1)))
			value = flow_join(flow, value, s->value);
	}
	return value;
}

static const struct flow_value *load_atom(struct flow *flow, const struct flow_state *state,
					  const struct flow_atom *address)
{
	const struct flow_slot *slot;

	switch (address->kind) {
	case FLOW_CONST:
		return load_const(flow, address->value);
	case FLOW_STRIDE:
		return address->step >= 8
			       ? flow_atom(flow, FLOW_TABLE, address->step, address->value)
			       : flow->unknown;
	case FLOW_STACK:
		slot = slot_at((struct flow_state *)state, address->step, address->value);
		return slot ? slot->value : flow->unknown;
	case FLOW_FRAME:
		return load_element(flow, state, address);
	default:
		return flow->unknown;
	}
}

/* A signed word of 32 bits: of a jump table, or of a table of distances. */
static const struct flow_value *load_offsets(struct flow *flow, const struct flow_value *address)
{
	const struct flow_atom *a = flow_only(address, FLOW_STRIDE);
	struct flow_atom atoms[FLOW_MAX_ATOMS];

	if (a && a->step == 4 && flow_is_read_only(flow->image, a->value))
		return flow_atom(flow, FLOW_OFFSETS, 4, a->value);
	for (size_t i = 0; i < address->n; i++) {
		const void *bytes = image_at(flow->image, address->atoms[i].value, 4);
		int32_t value;
		if (address->atoms[i].kind != FLOW_CONST || !bytes ||
		    !flow_is_read_only(flow->image, address->atoms[i].value))
			return flow->unknown;
		memcpy(&value, bytes, sizeof(value));
		atoms[i] = (struct flow_atom) { .kind = FLOW_CONST, .value = value };
	}
	return flow_make(flow, atoms, address->n);
}

static const struct flow_value *load(struct flow *flow, const struct flow_state *state,
				     const struct insn_operand *op)
{
	const struct flow_value *address, *value = NULL;

	if (op->segment || op->size != 8)
		return flow->unknown;
	address = flow_address(flow, state, op);
	for (size_t i = 0; i < address->n; i++) {
		const struct flow_value *v = load_atom(flow, state, &address->atoms[i]);
		value = value ? flow_join(flow, value, v) : v;
	}
	return value;
}

/* Into an element of an array in the frame: any slot may be meant, before and behind. */
static void store_element(struct flow *flow, struct flow_state *state,
			  const struct flow_atom *address, const struct flow_value *value,
			  uint64_t size)
{
	uint32_t step = flow_frame_step(address);

	for (size_t i = 0; i < state->nslots; i++) {
		struct flow_slot *s = &state->slots[i];
		if (s->frame != flow_frame_of(address))
			continue;
		bool whole = size == 8 && step >= 8 && !((s->offset - address->value) % step);
		s->value = flow_join(flow, s->value, whole ? value : flow->unknown);
	}
}

static void store(struct flow *flow, struct flow_state *state, const struct insn_operand *op,
		  const struct flow_value *value)
{
	const struct flow_value *address = op->segment ? flow->unknown
						       : flow_address(flow, state, op);
	const struct flow_atom *only = flow_only(address, FLOW_STACK);
	uint64_t size = op->size ? op->size : 64;

	escape(state, value); /* whoever reads it there has the address */
	if (only) {
		if (size == 8)
			slot_set(state, only->step, only->value, value);
		else
			slots_kill(state, only->step, only->value, size);
		return;
	}
	for (size_t i = 0; i < address->n; i++) {
		const struct flow_atom *a = &address->atoms[i];
		struct flow_slot *slot;
		if (a->kind == FLOW_FRAME)
			store_element(flow, state, a, value, size);
		else if (a->kind != FLOW_STACK)
			slots_disturb(flow, state);
		if (a->kind != FLOW_STACK)
			continue;
		slot = slot_at(state, a->step, a->value);
		if (slot && size == 8)
			slot->value = flow_join(flow, slot->value, value);
		else
			slots_kill(state, a->step, a->value, size);
	}
}

const struct flow_value *flow_address(struct flow *flow, const struct flow_state *state,
				      const struct insn_operand *op)
{
	const struct flow_value *sum = flow_const(flow, op->value);

	if (op->base != INSN_NO_REG && op->base == op->index)
		return flow_sum(flow, sum, flow_times(flow, state->regs[op->base], op->scale + 1),
				false);
	/* The base first: a displacement means nothing without it. */
	if (!op->absolute)
		sum = flow_sum(flow, sum,
			       op->base == INSN_NO_REG ? flow->unknown : state->regs[op->base],
			       false);
	if (op->index != INSN_NO_REG)
		sum = flow_sum(flow, sum, flow_times(flow, state->regs[op->index], op->scale),
			       false);
	return sum;
}

const struct flow_value **flow_place(struct flow *flow, struct flow_state *state,
				     const struct insn_operand *op)
{
	struct flow_slot *slot;

	if (op->kind == INSN_REG)
		return &state->regs[op->reg];
	if (op->kind != INSN_MEM || op->segment || op->size != 8)
		return NULL;
	const struct flow_atom *a = flow_only(flow_address(flow, state, op), FLOW_STACK);
	slot = a ? slot_at(state, a->step, a->value) : NULL;
	return slot ? &slot->value : NULL;
}

const struct flow_value *flow_get_operand(struct flow *flow, const struct flow_state *state,
					  const struct insn_operand *op)
{
	return flow_operand(flow, state, op);
}

const struct flow_value *flow_operand(struct flow *flow, const struct flow_state *state,
				      const struct insn_operand *op)
{
	switch (op->kind) {
	case INSN_REG:
		if (op->size == 8)
			return state->regs[op->reg];
		return op->size == 4 ? flow_low32(flow, state->regs[op->reg], false)
				     : flow->unknown;
	case INSN_IMM:
		return flow_const(flow, op->value);
	case INSN_MEM:
		return load(flow, state, op);
	default:
		return flow->unknown;
	}
}

/* --- instructions --- */

static void set(struct flow *flow, struct flow_state *state, const struct insn_operand *op,
		const struct flow_value *value)
{
	if (op->kind == INSN_MEM)
		store(flow, state, op, value);
	else if (op->kind == INSN_REG && op->size == 8)
		state->regs[op->reg] = value;
	else if (op->kind == INSN_REG)
		state->regs[op->reg] = op->size == 4 ? flow_low32(flow, value, false)
						     : flow->unknown;
}

static void adjust_stack(struct flow *flow, struct flow_state *state, int64_t by)
{
	state->regs[INSN_RSP] = flow_sum(flow, state->regs[INSN_RSP], flow_const(flow, by), false);
}

static struct insn_operand stack_top(void)
{
	return (struct insn_operand) {
		.kind = INSN_MEM, .size = 8, .base = INSN_RSP, .index = INSN_NO_REG
	};
}

static void push(struct flow *flow, struct flow_state *state, const struct flow_value *value)
{
	struct insn_operand top = stack_top();
	adjust_stack(flow, state, -8);
	store(flow, state, &top, value);
}

static const struct flow_value *pop(struct flow *flow, struct flow_state *state)
{
	struct insn_operand top = stack_top();
	const struct flow_value *value = load(flow, state, &top);
	adjust_stack(flow, state, 8);
	return value;
}

/* and rsp, -16 is exact, since the ABI fixes rsp modulo 16; more opens a second frame. */
static const struct flow_value *align(struct flow *flow, const struct flow_value *value,
				      int64_t mask)
{
	const struct flow_atom *a = flow_only(value, FLOW_STACK);

	if (!a || mask >= 0 || mask < -4096 || (-mask & (-mask - 1)))
		return flow->unknown;
	if (a->step == 0 && -mask <= 16) {
		int64_t address = a->value + ENTRY_ALIGNMENT;
		return flow_atom(flow, FLOW_STACK, 0, (address & mask) - ENTRY_ALIGNMENT);
	}
	return flow_atom(flow, FLOW_STACK, 1, 0);
}

static void call(struct flow *flow, struct flow_state *state)
{
	for (unsigned int r = 0; r < INSN_REGS; r++) {
		if (ARGUMENTS >> r & 1)
			escape(state, state->regs[r]);
		if (CALL_CHANGES >> r & 1)
			state->regs[r] = flow->unknown;
	}
	forget_vectors(flow, state);
	slots_disturb(flow, state);
}

static bool same_register(const struct insn *insn)
{
	return insn->ops[0].kind == INSN_REG && insn->ops[1].kind == INSN_REG &&
	       insn->ops[0].reg == insn->ops[1].reg && insn->ops[0].size >= 4;
}

static const struct flow_value *arithmetic(struct flow *flow, const struct flow_state *state,
					   const struct insn *insn)
{
	const struct insn_operand *ops = insn->ops;
	const struct flow_value *a = flow_operand(flow, state, &ops[0]);
	const struct flow_value *b = insn->nops > 1 ? flow_operand(flow, state, &ops[1])
						    : flow->unknown;
	const struct flow_atom *c = flow_only(b, FLOW_CONST);

	switch (insn->op) {
	case INSN_ADD:
		return flow_sum(flow, a, b, false);
	case INSN_SUB:
		return same_register(insn) ? flow->zero : flow_sum(flow, a, b, true);
	case INSN_XOR:
		return same_register(insn) ? flow->zero : flow->unknown;
	case INSN_AND:
		return c && ops[0].size == 8 ? align(flow, a, c->value) : flow->unknown;
	case INSN_SHL:
		return c && c->value >= 0 && c->value < 32
			       ? flow_times(flow, a, (int64_t)1 << c->value)
			       : flow->unknown;
	case INSN_IMUL:
		return ops[2].kind == INSN_IMM ? flow_times(flow, b, ops[2].value) : flow->unknown;
	default:
		return flow->unknown;
	}
}

/* Registers that a computation reads which is not followed: an address in them is out of sight. */
static void escape_inputs(const struct insn *insn, struct flow_state *state)
{
	for (unsigned int i = 0; i < insn->nops; i++) {
		const struct insn_operand *op = &insn->ops[i];
		if (op->kind == INSN_REG)
			escape(state, state->regs[op->reg]);
	}
}

static void move(struct flow *flow, const struct insn *insn, struct flow_state *state)
{
	const struct insn_operand *to = &insn->ops[0], *from = &insn->ops[1];
	const struct flow_value *value, *other;

	switch (insn->op) {
	case INSN_MOVSXD:
		if (from->kind == INSN_MEM && from->size == 4 && !from->segment)
			value = load_offsets(flow, flow_address(flow, state, from));
		else
			value = from->kind == INSN_REG
					? flow_low32(flow, state->regs[from->reg], true)
					: flow->unknown;
		break;
	case INSN_LEA:
		value = flow_address(flow, state, from);
		if (flow_only(value, FLOW_MULTIPLE) || flow_only(value, FLOW_LOST)) {
			if (from->base != INSN_NO_REG)
				escape(state, state->regs[from->base]);
			if (from->index != INSN_NO_REG)
				escape(state, state->regs[from->index]);
		}
		break;
	case INSN_CMOV:
		value = flow_join(flow, flow_operand(flow, state, to),
				  flow_operand(flow, state, from));
		break;
	case INSN_XCHG:
		value = flow_operand(flow, state, from);
		other = flow_operand(flow, state, to);
		set(flow, state, from, other);
		break;
	default:
		value = flow_operand(flow, state, from);
		break;
	}
	set(flow, state, to, value);
}

/* --- vectors: two pointers at a time, as compilers fill local tables --- */

static void forget_vector(struct flow *flow, const struct insn *insn, struct flow_state *state)
{
	const struct insn_operand *to = &insn->ops[0];

	if (!insn->nops || to->kind == INSN_FOREIGN)
		forget_vectors(flow, state); /* ymm and zmm contain xmm */
	else if (to->kind == INSN_VECTOR)
		state->vectors[to->reg][0] = state->vectors[to->reg][1] = flow->unknown;
}

/* One half of an operand of 16 bytes, or an operand of eight bytes as the low half. */
static const struct flow_value *half(struct flow *flow, const struct flow_state *state,
				     const struct insn_operand *op, unsigned int high)
{
	struct insn_operand part = *op;

	if (op->kind == INSN_VECTOR)
		return state->vectors[op->reg][high];
	if (op->kind == INSN_MEM) {
		part.size = 8;
		part.value += 8 * high;
		return flow_operand(flow, state, &part);
	}
	return op->kind == INSN_REG && op->size == 8 && !high ? state->regs[op->reg]
							      : flow->unknown;
}

static void set_half(struct flow *flow, struct flow_state *state, const struct insn_operand *op,
		     unsigned int high, const struct flow_value *value)
{
	struct insn_operand part = *op;

	if (op->kind == INSN_VECTOR) {
		state->vectors[op->reg][high] = value;
		return;
	}
	part.size = 8;
	part.value += 8 * high;
	set(flow, state, &part, value);
}

/* False where the form of the instruction is another one. */
static bool vector(struct flow *flow, const struct insn *insn, struct flow_state *state)
{
	const struct insn_operand *to = &insn->ops[0], *from = &insn->ops[insn->nops - 1];
	const struct flow_value *low, *high;

	for (unsigned int i = 0; i < insn->nops; i++) {
		if (insn->ops[i].kind == INSN_FOREIGN || insn->ops[i].kind == INSN_NONE)
			return false;
	}
	if (insn->nops < 2 ||
	    (to->kind != INSN_VECTOR && to->kind != INSN_MEM && to->kind != INSN_REG))
		return false;
	switch (insn->op) {
	case INSN_VECTOR_MOVE:
		if (insn->nops != 2)
			return false;
		low = half(flow, state, from, 0);
		high = half(flow, state, from, 1);
		set_half(flow, state, to, 0, low);
		set_half(flow, state, to, 1, high);
		return true;
	case INSN_VECTOR_LOW:
		/* movsd between registers keeps the high half, vmovsd merges three */
		if (insn->nops != 2)
			return false;
		low = half(flow, state, from, 0);
		if (to->kind == INSN_VECTOR)
			state->vectors[to->reg][1] = from->kind == INSN_VECTOR ? flow->unknown
									       : flow->zero;
		set_half(flow, state, to, 0, low);
		return true;
	case INSN_VECTOR_HIGH:
		if (to->kind == INSN_VECTOR) {
			low = state->vectors[insn->ops[insn->nops - 2].reg][0];
			high = half(flow, state, from, 0);
			state->vectors[to->reg][0] = low;
			state->vectors[to->reg][1] = high;
			return true;
		}
		if (to->kind == INSN_MEM && from->kind == INSN_VECTOR && insn->nops == 2) {
			set_half(flow, state, to, 0, state->vectors[from->reg][1]);
			return true;
		}
		return false;
	default:
		if (to->kind != INSN_VECTOR || insn->ops[insn->nops - 2].kind != INSN_VECTOR)
			return false;
		low = half(flow, state, &insn->ops[insn->nops - 2], 0);
		high = half(flow, state, from, 0);
		state->vectors[to->reg][0] = low;
		state->vectors[to->reg][1] = high;
		return true;
	}
}

/* What is not followed: the registers are anything, and so is the memory it writes. */
static void other(struct flow *flow, const struct insn *insn, struct flow_state *state)
{
	escape_inputs(insn, state);
	for (unsigned int r = 0; r < INSN_REGS; r++) {
		if (insn->writes >> r & 1)
			state->regs[r] = flow->unknown;
	}
	if (insn->writes_vectors)
		forget_vector(flow, insn, state);
	for (unsigned int i = 0; insn->writes_memory && i < insn->nops; i++) {
		if (insn->ops[i].kind == INSN_MEM)
			store(flow, state, &insn->ops[i], flow->unknown);
	}
}

void flow_step(struct flow *flow, const struct insn *insn, struct flow_state *state)
{
	switch (insn->op) {
	case INSN_MOV:
	case INSN_MOVSXD:
	case INSN_LEA:
	case INSN_CMOV:
	case INSN_XCHG:
		if (insn->nops == 2) {
			move(flow, insn, state);
			return;
		}
		break;
	case INSN_ADD:
	case INSN_SUB:
	case INSN_AND:
	case INSN_XOR:
	case INSN_SHL:
	case INSN_IMUL:
		if (insn->nops) {
			const struct flow_value *value = arithmetic(flow, state, insn);
			if (flow_only(value, FLOW_MULTIPLE) || flow_only(value, FLOW_LOST))
				escape_inputs(insn, state);
			set(flow, state, &insn->ops[0], value);
			return;
		}
		break;
	case INSN_VECTOR_MOVE:
	case INSN_VECTOR_LOW:
	case INSN_VECTOR_HIGH:
	case INSN_VECTOR_UNPACK:
		if (vector(flow, insn, state))
			return;
		forget_vectors(flow, state);
		break;
	case INSN_CMP:
	case INSN_TEST:
		return;
	case INSN_PUSH:
		push(flow, state, flow_operand(flow, state, &insn->ops[0]));
		return;
	case INSN_POP: {
		const struct flow_value *value = pop(flow, state);
		set(flow, state, &insn->ops[0], value);
		return;
	}
	case INSN_LEAVE:
		state->regs[INSN_RSP] = state->regs[INSN_RBP];
		state->regs[INSN_RBP] = pop(flow, state);
		return;
	case INSN_CALL:
		call(flow, state);
		return;
	default:
		break;
	}
	other(flow, insn, state);
}

/* --- joins --- */

/* Whether 'value' became another one by the join with 'other'. */
static inline bool join_into(struct flow *flow, const struct flow_value **value,
			     const struct flow_value *other)
{
	if (*value == other)
		return false;
	const struct flow_value *v = flow_join(flow, *value, other);
	bool changed = v != *value;
	*value = v;
	return changed;
}

static bool join_slots(struct flow *flow, struct flow_state *into, const struct flow_state *from)
{
	bool changed = false;
	size_t out = 0, k = 0;

	/* Both are sorted. */
	for (size_t i = 0; i < into->nslots; i++) {
		struct flow_slot s = into->slots[i];
		while (k < from->nslots && is_before(&from->slots[k], s.frame, s.offset))
			k++;
		bool both = k < from->nslots && is_at(&from->slots[k], s.frame, s.offset);
		changed |= join_into(flow, &s.value, both ? from->slots[k].value : flow->unknown);
		if (s.value != flow->unknown)
			into->slots[out++] = s;
	}
	into->nslots = out;
	/* What only 'from' knows is one of the possible values. */
	k = 0;
	for (size_t i = 0; i < from->nslots; i++) {
		const struct flow_slot *f = &from->slots[i];
		while (k < into->nslots && is_before(&into->slots[k], f->frame, f->offset))
			k++;
		if ((k < into->nslots && is_at(&into->slots[k], f->frame, f->offset)) ||
		    into->nslots == FLOW_MAX_SLOTS)
			continue;
		const struct flow_value *v = flow_join(flow, f->value, flow->unknown);
		if (v == flow->unknown)
			continue;
		slot_set(into, f->frame, f->offset, v);
		k = 0; /* slots that overlap are gone */
		changed = true;
	}
	return changed;
}

bool flow_state_join(struct flow *flow, struct flow_state *into, const struct flow_state *from)
{
	bool changed = false;

	for (unsigned int r = 0; r < INSN_REGS; r++) {
		changed |= join_into(flow, &into->regs[r], from->regs[r]);
	}
	for (unsigned int i = 0; i < 2 * FLOW_VECTORS; i++) {
		changed |= join_into(flow, &into->vectors[i / 2][i % 2],
				     from->vectors[i / 2][i % 2]);
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (from->escaped[i] < into->escaped[i]) {
			into->escaped[i] = from->escaped[i];
			changed = true;
		}
	}
	return join_slots(flow, into, from) || changed;
}
