/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analyze/flow-internal.h"
#include "core/base/array.h"
#include "core/image/x86-length.h"

/*
 * A function is walked by the lengths of its instructions, which is cheap, to
 * learn where control goes; only what can lead to a wanted instruction is
 * followed, and decoded when it is reached. Edges are never missing: a jump whose target is not in
 * the instruction may lead anywhere.
 */
enum { MAX_ROUNDS = 64 };

/* The last instruction that starts at or before an address, or FLOW_NO_INDEX. */
static ssize_t index_before(const struct flow *flow, uint64_t address)
{
	size_t low = 0, high = flow->ninsns;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (flow->spots[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return (ssize_t)low - 1;
}

ssize_t flow_index_at(const struct flow *flow, uint64_t address)
{
	ssize_t i = index_before(flow, address);
	return i >= 0 && flow->spots[i].address == address ? i : FLOW_NO_INDEX;
}

/* --- where control goes --- */

/* What an instruction is for control flow, and where a direct jump goes. */
struct transfer {
	uint8_t op;
	bool direct;
	uint64_t target;
};

static bool is_prefix(unsigned char c)
{
	return c == 0x26 || c == 0x2e || c == 0x36 || c == 0x3e || (c >= 0x64 && c <= 0x67) ||
	       c == 0xf0 || c == 0xf2 || c == 0xf3;
}

/* Forms without prefixes, by their opcode (SDM vol. 2, tables ). */
static bool plain_transfer(const unsigned char *p, unsigned int length, struct transfer *ret)
{
	int32_t distance = 0;

	if ((*p & 0xf0) == 0x70 || *p == 0xeb) {
		ret->op = *p == 0xeb ? INSN_JMP : INSN_JCC;
		distance = (signed char)p[1];
	} else if (*p == 0xe9 || (*p == 0x0f && (p[1] & 0xf0) == 0x80)) {
		ret->op = *p == 0xe9 ? INSN_JMP : INSN_JCC;
		memcpy(&distance, p + length - 4, sizeof(distance));
	} else {
		if (*p == 0xc3)
			ret->op = INSN_RET;
		else if (*p == 0xcc || (*p == 0x0f && p[1] == 0x0b))
			ret->op = INSN_STOP;
		else
			return false;
		return true;
	}
	ret->direct = true;
	ret->target = distance;
	return true;
}

/* Whether an opcode may change the flow of control in a way that is rare: it is decoded. */
static bool is_rare_transfer(const unsigned char *p)
{
	switch (*p) {
	case 0xc2: /* ret n */
	case 0xc3:
	case 0xcc:
	case 0xe0: /* loop, jrcxz */
	case 0xe1:
	case 0xe2:
	case 0xe3:
	case 0xe9:
	case 0xeb:
	case 0xf4: /* hlt */
		return true;
	case 0xc6: /* xabort, xbegin */
	case 0xc7:
		return p[1] == 0xf8;
	case 0xff: /* far calls and jumps, and near ones with prefixes */
		return (p[1] & 0x38) >= 0x10 && (p[1] & 0x38) <= 0x28;
	case 0x0f:
		return (p[1] & 0xf0) == 0x80 || p[1] == 0x0b;
	default:
		return (*p & 0xf0) == 0x70;
	}
}

static void transfer_of(struct flow *flow, const unsigned char *code, unsigned int length,
			uint64_t address, struct transfer *ret)
{
	const unsigned char *p = code;
	struct insn insn;

	*ret = (struct transfer) { .op = INSN_OTHER };
	if (plain_transfer(p, length, ret)) {
		ret->target += address + length;
		return;
	}
	while (is_prefix(*p) && p < code + length - 1)
		p++;
	bool prefix = p > code;
	if ((*p & 0xf0) == 0x40 && p < code + length - 1)
		p++;
	if (!is_rare_transfer(p))
		return;
	if (!prefix && *p == 0xff && (p[1] & 0x38) == 0x20) {
		ret->op = INSN_JMP;
	} else if (!prefix && *p == 0xff && (p[1] & 0x38) == 0x10) {
		ret->op = INSN_CALL;
	} else if (insn_decode(flow->decoder, code, code + length, address, &insn)) {
		ret->op = insn.op;
		ret->direct = insn.nops && insn.ops[0].kind == INSN_IMM;
		ret->target = insn.ops[0].value;
	}
}

/* Until link_jumps() 'target' of a spot is the distance. */
static void set_transfer(struct flow_spot *spot, const struct transfer *t)
{
	uint64_t distance = t->target - (spot->address + spot->length);

	spot->op = t->op;
	spot->direct = t->direct && (int32_t)distance == (int64_t)distance;
	spot->target = distance;
}

static struct error *walk_range(struct flow *flow, const struct flow_range *range)
{
	const unsigned char *code = image_at(flow->image, range->start, range->end - range->start);
	const unsigned char *start = code, *end = code + (range->end - range->start);
	struct transfer t;
	struct error *err;

	while (code && code < end) {
		unsigned int length = x86_length(code, end);
		if (!length) {
			code++;
			continue;
		}
		if (flow->ninsns == FLOW_MAX_INSNS)
			return error_create(ERROR_UNSUPPORTED,
					    "more than %u instructions in a function",
					    FLOW_MAX_INSNS);
		if ((err = array_grow(&flow->spots, &flow->spots_cap, flow->ninsns + 1,
				      sizeof(*flow->spots))))
			return err;
		struct flow_spot *spot = &flow->spots[flow->ninsns++];
		*spot = (struct flow_spot) { .address = range->start + (code - start),
					     .length = length };
		transfer_of(flow, code, length, spot->address, &t);
		set_transfer(spot, &t);
		code += length;
	}
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct flow_spot *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

/* Parts come in any order; walked by address, only those that overlap have to be sorted. */
static struct error *walk_ranges(struct flow *flow, const struct flow_range *ranges, size_t n)
{
	const struct flow_range *last = NULL;
	uint64_t end = 0;
	bool sorted = true;
	struct error *err;

	flow->ninsns = 0;
	for (size_t done = 0; done < n; done++) {
		const struct flow_range *next = NULL;
		for (size_t i = 0; i < n; i++) {
			bool left = !last || ranges[i].start > last->start ||
				    (ranges[i].start == last->start && &ranges[i] > last);
			if (left && (!next || ranges[i].start < next->start))
				next = &ranges[i];
		}
		last = next;
		sorted &= next->start >= end;
		end = next->end;
		if ((err = walk_range(flow, next)))
			return err;
	}
	if (!sorted)
		qsort(flow->spots, flow->ninsns, sizeof(*flow->spots), by_address);
	return NULL;
}

static void link_jumps(struct flow *flow)
{
	for (size_t i = 0; i < flow->ninsns; i++) {
		struct flow_spot *spot = &flow->spots[i];
		int32_t distance = spot->target;
		spot->target = FLOW_OUTSIDE;
		if (spot->op != INSN_JMP && spot->op != INSN_JCC)
			continue;
		if (!spot->direct) {
			spot->target = FLOW_ANYWHERE;
			continue;
		}
		ssize_t target = flow_index_at(flow, spot->address + spot->length + distance);
		if (target >= 0)
			spot->target = target;
	}
}

/* --- what is needed --- */

/* Whether control may go from a spot to one that is needed. */
static bool leads_on(const struct flow *flow, size_t i)
{
	const struct flow_spot *spot = &flow->spots[i];

	if (spot->target == FLOW_ANYWHERE ||
	    (spot->target < flow->ninsns && flow->spots[spot->target].needed))
		return true;
	if (flow_ends_block(spot))
		return false;
	ssize_t next = flow_follower(flow, i);
	return next != FLOW_NO_INDEX && flow->spots[next].needed;
}

/* Backwards, again for each loop that is left upwards. */
static void find_needed(struct flow *flow, const uint64_t *wanted, size_t nwanted, bool calls)
{
	bool changed = true;

	for (size_t i = 0; i < nwanted; i++) {
		ssize_t index = flow_index_at(flow, wanted[i]);
		if (index >= 0)
			flow->spots[index].needed = true;
	}
	for (size_t i = 0; calls && i < flow->ninsns; i++)
		flow->spots[i].needed |= flow->spots[i].op == INSN_CALL;
	for (unsigned int round = 0; changed; round++) {
		changed = false;
		for (size_t i = flow->ninsns; i--;) {
			struct flow_spot *spot = &flow->spots[i];
			if (spot->needed || (round < MAX_ROUNDS && !leads_on(flow, i)))
				continue;
			spot->needed = true;
			changed = true;
		}
	}
}

const struct insn *flow_insn(struct flow *flow, size_t i)
{
	struct flow_spot *spot = &flow->spots[i];
	struct insn *insn = &flow->insns[i];

	if (spot->decoded)
		return insn;
	spot->decoded = true;
	*insn = (struct insn) { .address = spot->address, .length = spot->length };
	const unsigned char *code = image_at(flow->image, spot->address, spot->length);
	/* It has a length, so it is an instruction. */
	if (code && !insn_decode(flow->decoder, code, code + spot->length, spot->address, insn))
		insn->op = INSN_STOP;
	return insn;
}

static void mark_leaders(struct flow *flow)
{
	for (size_t i = 0; i < flow->ninsns; i++) {
		const struct flow_spot *spot = &flow->spots[i];
		if (spot->needed && spot->target < flow->ninsns)
			flow->leader[spot->target] = true;
		if (i + 1 < flow->ninsns && (spot->op == INSN_JCC || flow_ends_block(spot) ||
					     flow_follower(flow, i) == FLOW_NO_INDEX))
			flow->leader[i + 1] = true;
	}
	if (flow->ninsns)
		flow->leader[0] = true;
}

struct error *flow_read_code(struct flow *flow, const struct flow_range *ranges, size_t n,
			     const uint64_t *wanted, size_t nwanted, bool calls)
{
	struct error *err;

	if ((err = walk_ranges(flow, ranges, n)))
		return err;
	link_jumps(flow);
	find_needed(flow, wanted, nwanted, calls);
	size_t count = flow->ninsns ? flow->ninsns : 1;
	/* 'leader' and 'queued' share one allocation. */
	if ((err = array_grow(&flow->insns, &flow->insns_cap, count, sizeof(*flow->insns))) ||
	    (err = array_grow(&flow->leader, &flow->flags_cap, 2 * count, sizeof(bool))) ||
	    (err = array_grow(&flow->states, &flow->states_cap, count, sizeof(*flow->states))) ||
	    (err = array_grow(&flow->queue, &flow->queue_cap, count, sizeof(*flow->queue))))
		return err;
	memset(flow->leader, 0, 2 * count * sizeof(bool));
	flow->queued = flow->leader + count;
	mark_leaders(flow);
	return NULL;
}
