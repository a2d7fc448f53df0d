/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/flow.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/flow-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

enum { MAX_JUMP_TABLE = 4096 };

struct error *flow_create(const struct image *image, struct flow **ret)
{
	struct error *err;
	struct flow *flow = calloc(1, sizeof(*flow));

	if (!flow)
		return &error_no_memory;
	flow->image = image;
	arena_init(&flow->arena);
	map_init(&flow->values);
	/* flow_make() falls back to 'unknown', so this one is made by hand. */
	struct flow_value *unknown = arena_alloc(&flow->arena,
						 sizeof(*unknown) + sizeof(struct flow_atom));
	if (!unknown) {
		flow_destroy(flow);
		return &error_no_memory;
	}
	unknown->n = 1;
	unknown->atoms[0] = (struct flow_atom) { .kind = FLOW_MULTIPLE, .step = 1 };
	flow->unknown = unknown;
	if ((err = map_put(&flow->values, (const char *)unknown->atoms, sizeof(struct flow_atom),
			   unknown)) ||
	    (err = insn_decoder_create(&flow->decoder))) {
		flow_destroy(flow);
		return err;
	}
	flow->zero = flow_const(flow, 0);
	*ret = flow;
	return NULL;
}

void flow_destroy(struct flow *flow)
{
	if (!flow)
		return;
	while (flow->windows) {
		struct flow_window *next = flow->windows->next;
		free(flow->windows->relocs);
		free(flow->windows);
		flow->windows = next;
	}
	insn_decoder_destroy(flow->decoder);
	map_deinit(&flow->values);
	arena_deinit(&flow->arena);
	for (size_t i = 0; i < flow->pool_size; i++)
		free(flow->pool[i]);
	free(flow->pool);
	free(flow->insns);
	free(flow->spots);
	free(flow->states);
	free(flow->leader);
	free(flow->queue);
	free(flow);
}

/* --- the fixpoint --- */

/*
 * Blocks are run in order of address, which is nearly that of the control flow:
 * what a block gets from others is complete more often when it is run. The
 * queue is a binary heap.
 */
static void enqueue(struct flow *flow, size_t i)
{
	if (flow->queued[i])
		return;
	flow->queued[i] = true;
	size_t at = flow->nqueue++;
	while (at && flow->queue[(at - 1) / 2] > i) {
		flow->queue[at] = flow->queue[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	flow->queue[at] = i;
}

static size_t dequeue(struct flow *flow)
{
	size_t first = flow->queue[0], at = 0;
	uint32_t last = flow->queue[--flow->nqueue];

	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < flow->nqueue && flow->queue[child + 1] < flow->queue[child])
			child++;
		if (child >= flow->nqueue || flow->queue[child] >= last)
			break;
		flow->queue[at] = flow->queue[child];
		at = child;
	}
	flow->queue[at] = last;
	flow->queued[first] = false;
	return first;
}

/* A new block inside one that ran already: that one has to hand its state over. */
static void split_block(struct flow *flow, size_t i)
{
	flow->leader[i] = true;
	while (i && flow_follower(flow, i - 1) == (ssize_t)i &&
	       !flow_ends_block(&flow->spots[i - 1])) {
		i--;
		if (!flow->leader[i])
			continue;
		if (flow->states[i])
			enqueue(flow, i);
		return;
	}
}

/* States of earlier runs are used again; their bytes are what they were. */
static struct flow_state *new_state(struct flow *flow)
{
	struct error *err;

	if (flow->nstates == flow->pool_size) {
		struct flow_state *state = NULL;
		if ((err = array_grow(&flow->pool, &flow->pool_cap, flow->pool_size + 1,
				      sizeof(*flow->pool)))) {
			error_destroy(err);
			return NULL;
		}
		state = malloc(sizeof(*state));
		if (!state)
			return NULL;
		flow->pool[flow->pool_size++] = state;
	}
	return flow->pool[flow->nstates++];
}

static void propagate(struct flow *flow, size_t to, const struct flow_state *state)
{
	if (!flow->spots[to].needed)
		return;
	if (!flow->leader[to])
		split_block(flow, to);
	if (!flow->states[to]) {
		if (flow->nstates == FLOW_MAX_STATES) {
			flow->steps = FLOW_MAX_STEPS + 1; /* ends the run */
			return;
		}
		flow->states[to] = new_state(flow);
		if (!flow->states[to]) {
			flow->failed = true;
			return;
		}
		flow_state_copy(flow->states[to], state);
	} else if (!flow_state_join(flow, flow->states[to], state)) {
		return;
	}
	enqueue(flow, to);
}

static void propagate_address(struct flow *flow, uint64_t address, const struct flow_state *state)
{
	ssize_t i = flow_index_at(flow, address);
	if (i >= 0)
		propagate(flow, i, state);
}

/* A jump that was not understood, inside the function: wherever no other way leads. */
static void propagate_anywhere(struct flow *flow, const struct flow_state *state)
{
	for (size_t i = 1; i < flow->ninsns; i++) {
		if (flow_ends_block(&flow->spots[i - 1]))
			propagate(flow, i, state);
	}
}

/* The entries of a jump table, up to the first that is not inside the function. */
static void propagate_table(struct flow *flow, const struct flow_atom *table,
			    const struct flow_state *state)
{
	for (unsigned int i = 0; i < MAX_JUMP_TABLE; i++) {
		uint64_t at = (uint64_t)table->value + (uint64_t)i * table->step, target;
		enum flow_word_kind kind;
		if (table->kind == FLOW_TARGETS) {
			const void *bytes = image_at(flow->image, at, 4);
			int32_t offset;
			if (!bytes)
				return;
			memcpy(&offset, bytes, sizeof(offset));
			target = table->value + (int64_t)offset;
		} else {
			struct error *err = flow_word(flow, at, &kind, &target);
			if (err) {
				error_destroy(err);
				flow->failed = true;
				return;
			}
			if (kind != FLOW_WORD_CONST)
				return;
		}
		if (flow_index_at(flow, target) < 0)
			return;
		propagate_address(flow, target, state);
	}
}

static void indirect_jump(struct flow *flow, const struct insn *insn,
			  const struct flow_state *state)
{
	const struct flow_value *target = flow_operand(flow, state, &insn->ops[0]);
	const struct flow_atom *rsp = flow_only(state->regs[INSN_RSP], FLOW_STACK);
	bool tail_call = rsp && rsp->step == 0 && rsp->value == 0;

	for (size_t i = 0; i < target->n; i++) {
		const struct flow_atom *a = &target->atoms[i];
		if (a->kind == FLOW_CONST)
			propagate_address(flow, a->value, state);
		else if (a->kind == FLOW_TARGETS || a->kind == FLOW_TABLE)
			propagate_table(flow, a, state);
		else if (!tail_call)
			propagate_anywhere(flow, state);
	}
}

/*
 * What a comparison says about what it looked at, on one of the two ways: false
 * where that is never taken. 'ret' is where the state has the value, NULL: nothing is said.
 */
static bool refine(struct flow *flow, const struct insn *compare, unsigned int condition,
		   struct flow_state *state, const struct flow_value ***ret,
		   const struct flow_value **value)
{
	const struct insn_operand *a = &compare->ops[0], *b = &compare->ops[1];
	const struct flow_value *limit;

	*ret = NULL;
	if (compare->nops != 2 || (a->kind != INSN_REG && a->kind != INSN_MEM))
		return true;
	if (compare->op == INSN_CMP)
		limit = flow_operand(flow, state, b);
	else if (a->kind == INSN_REG && b->kind == INSN_REG && b->reg == a->reg &&
		 (condition | 1) == INSN_IF_NE)
		limit = flow->zero;
	else
		return true;
	*ret = flow_place(flow, state, a);
	if (!*ret)
		return true;
	*value = flow_filter(flow, **ret, limit, condition, a->size);
	return *value;
}

/* Changes the state only while it hands it over. */
static void branch(struct flow *flow, const struct insn *compare, const struct insn *insn,
		   struct flow_state *state, bool taken, ssize_t target)
{
	const struct flow_value **place = NULL, *value = NULL, *before = NULL;
	unsigned int condition = insn->condition;

	if (target < 0 || !flow->spots[target].needed)
		return;
	if (compare && condition != INSN_IF_OTHER &&
	    !refine(flow, compare, taken ? condition : condition ^ 1, state, &place, &value))
		return;
	if (place) {
		before = *place;
		*place = value;
	}
	propagate(flow, target, state);
	if (place)
		*place = before;
}

/* Executes from a leader to the end of its block. */
static void run_block(struct flow *flow, size_t i)
{
	const struct insn *compare = NULL;
	struct flow_state state;

	flow_state_copy(&state, flow->states[i]);
	for (;;) {
		const struct insn *insn = flow_insn(flow, i);
		flow->steps++;
		if (insn->op == INSN_JMP) {
			if (insn->ops[0].kind != INSN_IMM)
				indirect_jump(flow, insn, &state);
			else if (flow->spots[i].target < FLOW_ANYWHERE)
				propagate(flow, flow->spots[i].target, &state);
			return;
		}
		if (insn->op == INSN_JCC) {
			if (flow->spots[i].target < FLOW_ANYWHERE)
				branch(flow, compare, insn, &state, true, flow->spots[i].target);
			branch(flow, compare, insn, &state, false, flow_follower(flow, i));
			return;
		}
		if (flow_ends_block(&flow->spots[i]))
			return;
		flow_step(flow, insn, &state);
		compare = insn->op == INSN_CMP || insn->op == INSN_TEST ? insn : NULL;
		ssize_t next = flow_follower(flow, i);
		if (next == FLOW_NO_INDEX || !flow->spots[next].needed)
			return;
		i = next;
		if (flow->leader[i]) {
			propagate(flow, i, &state);
			return;
		}
	}
}

static struct error *drain(struct flow *flow)
{
	while (flow->nqueue) {
		run_block(flow, dequeue(flow));
		if (flow->failed)
			return &error_no_memory;
		if (flow->overflow && !flow->widen)
			return NULL; /* the second way will do it */
		if (flow->steps > FLOW_MAX_STEPS || flow->total + flow->steps > FLOW_MAX_TOTAL)
			return error_create(ERROR_UNSUPPORTED, "a function is too complex");
	}
	return NULL;
}

static bool reached(const struct flow *flow, size_t i)
{
	for (;;) {
		if (flow->states[i])
			return true;
		if (flow->leader[i] || !i || flow_follower(flow, i - 1) != (ssize_t)i)
			return false;
		i--;
	}
}

/* An instruction to which no way was found: its block begins with nothing known. */
static struct error *force(struct flow *flow, uint64_t address)
{
	ssize_t i = flow_index_at(flow, address);
	struct flow_state state;

	if (i < 0 || reached(flow, i))
		return NULL;
	/* Back to where the unreached code begins: behind a jump, a return, or at the start. */
	while (i > 0 && flow_follower(flow, i - 1) == i && !flow_ends_block(&flow->spots[i - 1]) &&
	       !reached(flow, i - 1))
		i--;
	flow_state_init(flow, &state, false);
	propagate(flow, i, &state);
	return drain(flow);
}

static struct error *pass(struct flow *flow, uint64_t entry, const uint64_t *wanted, size_t nwanted)
{
	struct flow_state state;
	struct error *err;

	memset(flow->states, 0, flow->ninsns * sizeof(*flow->states));
	memset(flow->queued, 0, flow->ninsns * sizeof(*flow->queued));
	flow->nqueue = 0;
	flow->total += flow->steps;
	flow->steps = 0;
	flow->nstates = 0;
	flow->overflow = false;
	flow_state_init(flow, &state, true);
	propagate_address(flow, entry, &state);
	if ((err = drain(flow)))
		return err;
	if (flow->overflow && !flow->widen)
		return NULL;
	for (size_t i = 0; i < nwanted; i++) {
		if ((err = force(flow, wanted[i])))
			return err;
	}
	return NULL;
}

static void set_widen(struct flow *flow, bool widen)
{
	if (flow->widen != widen)
		memset(flow->joins, 0, sizeof(flow->joins));
	flow->widen = widen;
}

struct error *flow_run(struct flow *flow, const struct flow_range *ranges, size_t nranges,
		       const uint64_t *wanted, size_t nwanted, bool calls)
{
	struct error *err;

	if (!nranges)
		return NULL;
	if ((err = flow_read_code(flow, ranges, nranges, wanted, nwanted, calls)))
		return err;
	/* Loops with a known end are exact; where one has none, tables are strides. */
	set_widen(flow, false);
	if ((err = pass(flow, ranges[0].start, wanted, nwanted)))
		return err;
	if (!flow->overflow)
		return NULL;
	set_widen(flow, true);
	return pass(flow, ranges[0].start, wanted, nwanted);
}

struct error *flow_visit(struct flow *flow,
			 struct error *(*fn)(const struct insn *insn,
					     const struct flow_state *state, void *arg),
			 void *arg)
{
	struct flow_state state;
	struct error *err;
	bool live = false;

	for (size_t i = 0; i < flow->ninsns; i++) {
		live &= flow->spots[i].needed;
		if (flow->leader[i]) {
			live = flow->states[i];
			if (live)
				flow_state_copy(&state, flow->states[i]);
		}
		if (!live)
			continue;
		const struct insn *insn = flow_insn(flow, i);
		if ((err = fn(insn, &state, arg)))
			return err;
		flow_step(flow, insn, &state);
		live = !flow_ends_block(&flow->spots[i]) && insn->op != INSN_JCC &&
		       flow_follower(flow, i) != FLOW_NO_INDEX;
	}
	return flow->failed ? &error_no_memory : NULL;
}
