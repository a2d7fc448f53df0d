/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analyze/flow-internal.h"

enum {
	MAX_STEP = 1 << 20, /* larger multiples are no table */
	MAX_FRAME = 1 << 30,
	MIN_STRIDE = 4,	 /* a jump table's entry */
	WIDEN_AFTER = 3, /* equidistant addresses that become a stride */
};

bool flow_is_open(const struct flow_value *value)
{
	for (size_t i = 0; i < value->n; i++) {
		if (value->atoms[i].kind != FLOW_CONST)
			return true;
	}
	return false;
}

const struct flow_atom *flow_only(const struct flow_value *a, enum flow_kind kind)
{
	return a->n == 1 && a->atoms[0].kind == kind ? &a->atoms[0] : NULL;
}

static int compare(const struct flow_atom *x, const struct flow_atom *y)
{
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->step != y->step)
		return x->step < y->step ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

/* Sets are small and nearly sorted. */
static void sort(struct flow_atom *atoms, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct flow_atom atom = atoms[i];
		size_t k = i;
		for (; k && compare(&atom, &atoms[k - 1]) < 0; k--)
			atoms[k] = atoms[k - 1];
		atoms[k] = atom;
	}
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t r = a % b;
		a = b;
		b = r;
	}
	return a;
}

/* Whether 'a' lies on the stride; then the stride is made to begin at the lower of both. */
static bool on_stride(struct flow_atom *stride, const struct flow_atom *a)
{
	if (a->kind != FLOW_CONST && !(a->kind == FLOW_STRIDE && a->step == stride->step))
		return false;
	if ((uint64_t)(a->value - stride->value) % stride->step)
		return false;
	if (a->value < stride->value)
		stride->value = a->value;
	return true;
}

/* Sorted atoms without what others contain. */
static size_t reduce(struct flow_atom *atoms, size_t n)
{
	struct flow_atom *multiple = NULL;
	size_t out = 0;

	if (n && atoms[n - 1].kind == FLOW_LOST) { /* the last by order */
		atoms[0] = atoms[n - 1];
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		bool drop = out && !compare(&atoms[out - 1], &atoms[i]);
		if (atoms[i].kind == FLOW_MULTIPLE) {
			if (multiple)
				multiple->step = gcd(multiple->step, atoms[i].step);
			drop = multiple;
		}
		if (drop)
			continue;
		atoms[out++] = atoms[i];
		if (atoms[i].kind == FLOW_MULTIPLE)
			multiple = &atoms[out - 1];
	}
	for (size_t i = 0; i < out; i++) {
		if (atoms[i].kind != FLOW_STRIDE)
			continue;
		size_t keep = 0;
		struct flow_atom stride = atoms[i];
		bool placed = false;
		for (size_t k = 0; k < out; k++) {
			if (k == i) {
				placed = true;
				atoms[keep++] = stride;
			} else if (!on_stride(placed ? &atoms[keep - 1] : &stride, &atoms[k])) {
				atoms[keep++] = atoms[k];
			}
		}
		if (keep == out)
			continue;
		out = keep;
		sort(atoms, out);
		i = -1; /* begin again: few atoms, and each round removes one */
	}
	return out;
}

static const struct flow_value *intern(struct flow *flow, const struct flow_atom *atoms, size_t n)
{
	size_t size = n * sizeof(*atoms);
	struct flow_value *value = map_get(&flow->values, (const char *)atoms, size);

	if (value)
		return value;
	if (flow->values.n >= FLOW_MAX_VALUES)
		return flow->unknown;
	value = arena_alloc(&flow->arena, sizeof(*value) + size);
	if (!value) {
		flow->failed = true;
		return flow->unknown;
	}
	value->n = n;
	memcpy(value->atoms, atoms, size);
	struct error *err = map_put(&flow->values, (const char *)value->atoms, size, value);
	if (err) {
		error_destroy(err);
		flow->failed = true;
		return flow->unknown;
	}
	return value;
}

const struct flow_value *flow_make(struct flow *flow, struct flow_atom *atoms, size_t n)
{
	sort(atoms, n);
	n = reduce(atoms, n);
	if (n > FLOW_MAX_ATOMS) {
		/* Nothing may be added again later, or a loop would never come to rest. */
		flow->overflow = true;
		memset(atoms, 0, sizeof(*atoms));
		atoms[0].kind = FLOW_LOST;
		n = 1;
	}
	return intern(flow, atoms, n);
}

const struct flow_value *flow_atom(struct flow *flow, enum flow_kind kind, uint32_t step,
				   int64_t value)
{
	struct flow_atom atom;

	memset(&atom, 0, sizeof(atom));
	atom.kind = kind;
	atom.step = step;
	atom.value = value;
	return intern(flow, &atom, 1);
}

const struct flow_value *flow_const(struct flow *flow, int64_t value)
{
	return flow_atom(flow, FLOW_CONST, 0, value);
}

/* A number as one of the values of a counter; zero (step 0) is a multiple of any step. */
static void count(struct flow_atom *a)
{
	uint64_t size = a->value < 0 ? -(uint64_t)a->value : (uint64_t)a->value;

	if (size > MAX_STEP)
		size = size & -size;
	a->kind = FLOW_MULTIPLE;
	a->step = size > MAX_STEP ? MAX_STEP : size;
	a->value = 0;
}

static uint64_t distance(const struct flow_atom *a, const struct flow_atom *b)
{
	return (uint64_t)b->value - (uint64_t)a->value;
}

/* Names of equal length lie at equal distances as well, and are no table. */
static bool is_text(const struct flow *flow, uint64_t address)
{
	const char *s = image_string_at(flow->image, address);
	unsigned int n = 0;

	while (s && s[n] >= ' ' && s[n] < 0x7f && n < 4)
		n++;
	return n == 4;
}

/*
 * At a join: numbers at equal distances come from a loop. Addresses are a table
 * that it walks, other numbers a counter.
 */
static void widen(struct flow *flow, struct flow_atom *atoms, size_t n)
{
	bool counter = n && atoms[n - 1].kind == FLOW_MULTIPLE;
	size_t run = 0;

	for (size_t i = 1; i < n && atoms[i].kind == FLOW_CONST; i++) {
		uint64_t step = distance(&atoms[i - 1], &atoms[i]);
		bool same = i > 1 && step == distance(&atoms[i - 2], &atoms[i - 1]);
		run = same ? run + 1 : 1;
		if (run + 1 < WIDEN_AFTER || step > MAX_STEP)
			continue;
		struct flow_atom *first = &atoms[i - run];
		if (flow_is_mapped(flow->image, first->value)) {
			if (step % 8 || first->value % 8 || is_text(flow, first->value))
				continue;
			first->kind = FLOW_STRIDE;
			first->step = step;
			return;
		}
		counter = true;
		break;
	}
	/* One counter takes in all numbers that are no addresses; so the set cannot grow on. */
	for (size_t i = 0; counter && i < n; i++) {
		if (atoms[i].kind == FLOW_CONST && !flow_is_mapped(flow->image, atoms[i].value))
			count(&atoms[i]);
	}
}

/* Whether all atoms of 'b' are atoms of 'a'. Both are sorted. */
static bool contains(const struct flow_value *a, const struct flow_value *b)
{
	size_t i = 0;

	if (b->n > a->n)
		return false;
	for (size_t k = 0; k < b->n; k++, i++) {
		while (i < a->n && compare(&a->atoms[i], &b->atoms[k]) < 0)
			i++;
		if (i == a->n || compare(&a->atoms[i], &b->atoms[k]))
			return false;
	}
	return true;
}

/* Both sets in one, sorted; what is in both is there once. */
static size_t merge(struct flow_atom *to, const struct flow_value *a, const struct flow_value *b)
{
	size_t i = 0, k = 0, n = 0;

	while (i < a->n && k < b->n) {
		int order = compare(&a->atoms[i], &b->atoms[k]);
		to[n++] = order <= 0 ? a->atoms[i] : b->atoms[k];
		i += order <= 0;
		k += order >= 0;
	}
	while (i < a->n)
		to[n++] = a->atoms[i++];
	while (k < b->n)
		to[n++] = b->atoms[k++];
	return n;
}

static const struct flow_value *join(struct flow *flow, const struct flow_value *a,
				     const struct flow_value *b)
{
	struct flow_atom atoms[2 * FLOW_MAX_ATOMS];

	if (contains(a, b))
		return a;
	if (contains(b, a))
		return b;
	size_t n = merge(atoms, a, b);
	if (flow->widen) {
		n = reduce(atoms, n);
		widen(flow, atoms, n);
	}
	return flow_make(flow, atoms, n);
}

const struct flow_value *flow_join(struct flow *flow, const struct flow_value *a,
				   const struct flow_value *b)
{
	uintptr_t hash = ((uintptr_t)a >> 4) * 31 + ((uintptr_t)b >> 4);
	struct flow_joined *known = &flow->joins[(hash ^ hash >> 10) & (FLOW_JOINS - 1)];

	if (a == b)
		return a;
	if (known->a == a && known->b == b)
		return known->value;
	const struct flow_value *value = join(flow, a, b);
	/* An overflow has to be noted each time. */
	if (!flow_only(value, FLOW_LOST))
		*known = (struct flow_joined) { .a = a, .b = b, .value = value };
	return value;
}

static struct flow_atom anything(void)
{
	return (struct flow_atom) { .kind = FLOW_MULTIPLE, .step = 1 };
}

static struct flow_atom add(struct flow *flow, struct flow_atom a, struct flow_atom b)
{
	struct flow_atom t;

	if (a.kind == FLOW_LOST)
		a = anything();
	if (b.kind == FLOW_LOST)
		b = anything();
	if (b.kind == FLOW_CONST || (a.kind == FLOW_MULTIPLE && b.kind != FLOW_CONST)) {
		t = a;
		a = b;
		b = t;
	}
	if (a.kind == FLOW_CONST) {
		switch (b.kind) {
		case FLOW_STACK:
		case FLOW_FRAME:
			/* No frame is that large; and offsets can be counted with. */
			b.value = (uint64_t)b.value + (uint64_t)a.value;
			return b.value > MAX_FRAME || b.value < -MAX_FRAME ? anything() : b;
		case FLOW_CONST:
		case FLOW_STRIDE:
			b.value = (uint64_t)b.value + (uint64_t)a.value;
			return b;
		case FLOW_MULTIPLE:
			if (!a.value)
				return b;
			if (b.step < MIN_STRIDE || !flow_is_mapped(flow->image, a.value))
				return anything();
			b.kind = FLOW_STRIDE;
			b.value = a.value;
			return b;
		case FLOW_OFFSETS:
			/* Entries of a position-independent jump table count from its start. */
			if (a.value != b.value)
				return anything();
			b.kind = FLOW_TARGETS;
			return b;
		default:
			return a.value ? anything() : b;
		}
	}
	if (b.kind == FLOW_MULTIPLE && (a.kind == FLOW_STACK || a.kind == FLOW_FRAME)) {
		uint32_t frame = flow_frame_of(&a);
		uint32_t step = a.kind == FLOW_FRAME ? gcd(flow_frame_step(&a), b.step) : b.step;
		a.kind = FLOW_FRAME;
		a.step = step << 1 | frame;
		return a;
	}
	if (a.kind == FLOW_MULTIPLE && b.kind == FLOW_MULTIPLE) {
		a.step = gcd(a.step, b.step);
		return a;
	}
	if ((a.kind == FLOW_STRIDE && b.kind == FLOW_MULTIPLE) ||
	    (a.kind == FLOW_MULTIPLE && b.kind == FLOW_STRIDE)) {
		uint32_t step = gcd(a.step, b.step);
		if (step < MIN_STRIDE)
			return anything();
		a.value = a.kind == FLOW_STRIDE ? a.value : b.value;
		a.kind = FLOW_STRIDE;
		a.step = step;
		return a;
	}
	return anything();
}

static struct flow_atom negate(struct flow_atom a)
{
	if (a.kind == FLOW_CONST)
		a.value = -(uint64_t)a.value;
	else if (a.kind != FLOW_MULTIPLE)
		a = anything();
	return a;
}

const struct flow_value *flow_sum(struct flow *flow, const struct flow_value *a,
				  const struct flow_value *b, bool subtract)
{
	struct flow_atom atoms[FLOW_MAX_ATOMS];
	size_t n = 0;

	/* Of two sets, not every pair is possible: sums of the wrong ones would be inventions. */
	if (a->n > 1 && b->n > 1)
		return flow->unknown;
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++)
			atoms[n++] = add(flow, a->atoms[i],
					 subtract ? negate(b->atoms[k]) : b->atoms[k]);
	}
	return flow_make(flow, atoms, n);
}

const struct flow_value *flow_times(struct flow *flow, const struct flow_value *a, int64_t factor)
{
	struct flow_atom atoms[FLOW_MAX_ATOMS];

	if (factor == 1)
		return a;
	for (size_t i = 0; i < a->n; i++) {
		atoms[i] = a->atoms[i];
		if (atoms[i].kind == FLOW_CONST) {
			atoms[i].value = (uint64_t)atoms[i].value * (uint64_t)factor;
			continue;
		}
		uint32_t step = atoms[i].kind == FLOW_MULTIPLE ? atoms[i].step : 1;
		atoms[i] = anything();
		if (factor > 0 && factor <= MAX_STEP && step * (uint64_t)factor <= MAX_STEP)
			atoms[i].step = step * factor;
	}
	return flow_make(flow, atoms, a->n);
}

const struct flow_value *flow_low32(struct flow *flow, const struct flow_value *a, bool sign)
{
	struct flow_atom atoms[FLOW_MAX_ATOMS];

	for (size_t i = 0; i < a->n; i++) {
		atoms[i] = a->atoms[i];
		uint64_t low = (uint32_t)atoms[i].value;
		switch (atoms[i].kind) {
		case FLOW_CONST:
			atoms[i].value = sign ? (int32_t)low : (int64_t)low;
			break;
		case FLOW_MULTIPLE: /* a power of two divides 2^32 as well */
			if (atoms[i].step & (atoms[i].step - 1))
				atoms[i].step &= -atoms[i].step;
			break;
		default:
			atoms[i] = anything();
			break;
		}
	}
	return flow_make(flow, atoms, a->n);
}

static bool holds(int64_t a, int64_t b, unsigned int condition, unsigned int size)
{
	if (size == 4) {
		a = (int32_t)a;
		b = (int32_t)b;
	}
	uint64_t ua = size == 4 ? (uint32_t)a : (uint64_t)a;
	uint64_t ub = size == 4 ? (uint32_t)b : (uint64_t)b;
	switch (condition) {
	case INSN_IF_B:
		return ua < ub;
	case INSN_IF_AE:
		return ua >= ub;
	case INSN_IF_E:
		return ua == ub;
	case INSN_IF_NE:
		return ua != ub;
	case INSN_IF_BE:
		return ua <= ub;
	case INSN_IF_A:
		return ua > ub;
	case INSN_IF_L:
		return a < b;
	case INSN_IF_GE:
		return a >= b;
	case INSN_IF_LE:
		return a <= b;
	case INSN_IF_G:
		return a > b;
	default:
		return true;
	}
}

const struct flow_value *flow_filter(struct flow *flow, const struct flow_value *a,
				     const struct flow_value *b, unsigned int condition,
				     unsigned int size)
{
	const struct flow_atom *limit = b->n == 1 ? &b->atoms[0] : NULL;
	struct flow_atom atoms[FLOW_MAX_ATOMS];
	size_t n = 0;

	/* Numbers compare with numbers, and places in a frame with places in the same. */
	if (!limit || (limit->kind != FLOW_CONST && limit->kind != FLOW_STACK) ||
	    (size != 8 && (size != 4 || limit->kind != FLOW_CONST)))
		return a;
	for (size_t i = 0; i < a->n; i++) {
		const struct flow_atom *atom = &a->atoms[i];
		if (atom->kind != limit->kind || atom->step != limit->step ||
		    holds(atom->value, limit->value, condition, size))
			atoms[n++] = *atom;
	}
	return n == a->n ? a : n ? flow_make(flow, atoms, n) : NULL;
}
