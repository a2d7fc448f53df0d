/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/image/x86-length.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * An opcode's entry: the low nibble is the number of immediate bytes, and one
 * of these may be added. With SPECIAL the low bits name a case of its own.
 */
enum {
	MODRM = 0x10, /* a ModRM byte follows, and with it SIB and displacement */
	WIDE = 0x20,  /* mov reg, imm: the immediate has eight bytes with REX.W */
	SIZED = 0x40, /* the immediate has two bytes with 66 (and no REX.W) */
	SPECIAL = 0x80,
	IMMEDIATE = 0x0f,
};

/* Short names for the tables: M with ModRM, b/w/z immediates of 1, 2, 4 (or 2) bytes. */
enum {
	n_ = 0,
	b_ = 1,
	w_ = 2,
	wb = 3, /* enter */
	z_ = 4 | SIZED,
	j_ = 4, /* near branch: 66 does not change it */
	v_ = 4 | SIZED | WIDE,
	M_ = MODRM,
	Mb = MODRM | 1,
	Mz = MODRM | 4 | SIZED,
	/* the special cases */
	xx = SPECIAL, /* undefined */
	px,	      /* legacy prefix */
	rx,	      /* REX prefix */
	es,	      /* 0F: next map */
	v2,	      /* C5: two-byte VEX */
	v3,	      /* C4: three-byte VEX */
	ev,	      /* 62: EVEX */
	xo,	      /* 8F: XOP or pop */
	mo,	      /* mov with a 64-bit offset: eight bytes, four with 67 */
	g3,	      /* F6, F7: test has an immediate, the other members do not */
	gr,	      /* a group with undefined members, no immediate */
	gb,	      /* the same with imm8 */
	gz,	      /* the same with imm32/16 */
	cr,	      /* mov to and from control registers: always a register */
	e8,	      /* 0F 38: next map */
	ea,	      /* 0F 3A: next map */
	sa,	      /* 0F 78: vmread, or extrq/insertq with two immediates */
};

/* SDM vol. 2, table A-2. */
static const uint8_t one_byte[256] = {
	M_, M_, M_, M_, b_, z_, xx, xx, M_, M_, M_, M_, b_, z_, xx, es, /* 00 */
	M_, M_, M_, M_, b_, z_, xx, xx, M_, M_, M_, M_, b_, z_, xx, xx, /* 10 */
	M_, M_, M_, M_, b_, z_, px, xx, M_, M_, M_, M_, b_, z_, px, xx, /* 20 */
	M_, M_, M_, M_, b_, z_, px, xx, M_, M_, M_, M_, b_, z_, px, xx, /* 30 */
	rx, rx, rx, rx, rx, rx, rx, rx, rx, rx, rx, rx, rx, rx, rx, rx, /* 40 */
	n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, /* 50 */
	xx, xx, ev, M_, px, px, px, px, z_, Mz, b_, Mb, n_, n_, n_, n_, /* 60 */
	b_, b_, b_, b_, b_, b_, b_, b_, b_, b_, b_, b_, b_, b_, b_, b_, /* 70 */
	Mb, Mz, xx, Mb, M_, M_, M_, M_, M_, M_, M_, M_, gr, gr, gr, xo, /* 80 */
	n_, n_, n_, n_, n_, n_, n_, n_, n_, n_, xx, n_, n_, n_, n_, n_, /* 90 */
	mo, mo, mo, mo, n_, n_, n_, n_, b_, z_, n_, n_, n_, n_, n_, n_, /* a0 */
	b_, b_, b_, b_, b_, b_, b_, b_, v_, v_, v_, v_, v_, v_, v_, v_, /* b0 */
	Mb, Mb, w_, n_, v3, v2, gb, gz, wb, n_, w_, n_, n_, b_, xx, n_, /* c0 */
	M_, M_, M_, M_, xx, xx, xx, n_, M_, M_, M_, M_, M_, M_, M_, M_, /* d0 */
	b_, b_, b_, b_, b_, b_, b_, b_, j_, j_, xx, b_, n_, n_, n_, n_, /* e0 */
	px, n_, px, px, n_, n_, g3, g3, n_, n_, n_, n_, n_, n_, gr, gr, /* f0 */
};

/* After 0F: SDM vol. 2, table A-3. */
static const uint8_t two_byte[256] = {
	gr, gr, M_, M_, xx, n_, n_, n_, n_, n_, xx, n_, xx, M_, n_, Mb, /* 00 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* 10 */
	cr, cr, cr, cr, xx, xx, xx, xx, M_, M_, M_, M_, M_, M_, M_, M_, /* 20 */
	n_, n_, n_, n_, n_, n_, xx, n_, e8, xx, ea, xx, xx, xx, xx, xx, /* 30 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* 40 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* 50 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* 60 */
	Mb, Mb, Mb, Mb, M_, M_, M_, n_, sa, M_, xx, xx, M_, M_, M_, M_, /* 70 */
	j_, j_, j_, j_, j_, j_, j_, j_, j_, j_, j_, j_, j_, j_, j_, j_, /* 80 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* 90 */
	n_, n_, n_, M_, Mb, M_, M_, M_, n_, n_, n_, M_, Mb, M_, M_, M_, /* a0 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, gb, M_, M_, M_, M_, M_, /* b0 */
	M_, M_, Mb, M_, Mb, Mb, Mb, gr, n_, n_, n_, n_, n_, n_, n_, n_, /* c0 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* d0 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* e0 */
	M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, M_, /* f0 */
};

/* Defined opcodes of a map, a bit each: row of sixteen, bit 0 is column 0. */

/* After 0F 38: SDM vol. 2, table A-4. All have ModRM and no immediate. */
static const uint16_t map_0f38[16] = {
	[0x0] = 0x0fff, [0x1] = 0x70b1, [0x2] = 0x0f3f, [0x3] = 0xffbf, [0x4] = 0x0003,
	[0x8] = 0x0c07, [0xc] = 0xbf00, [0xd] = 0xf900, [0xf] = 0x1f63,
};

/* After 0F 3A: table A-5. All have ModRM and imm8. */
static const uint16_t map_0f3a[16] = {
	[0x0] = 0xff00, [0x1] = 0x00f0, [0x2] = 0x0007, [0x4] = 0x0017,
	[0x6] = 0x000f, [0xc] = 0xd000, [0xd] = 0x8000, [0xf] = 0x0001,
};

/*
 * Bytes of ModRM, SIB and displacement by ModRM (SDM vol. 2, table 2-2), the ModRM
 * byte included. 0x80: the SIB byte adds a displacement if its base is 5 (table 2-3).
 */
static const uint8_t operand_length[256] = {
	1, 1, 1, 1, 0x82, 5, 1, 1, 1, 1, 1, 1, 0x82, 5, 1, 1, /* mod 0 */
	1, 1, 1, 1, 0x82, 5, 1, 1, 1, 1, 1, 1, 0x82, 5, 1, 1, 1, 1, 1, 1, 0x82, 5, 1, 1,
	1, 1, 1, 1, 0x82, 5, 1, 1, 1, 1, 1, 1, 0x82, 5, 1, 1, 1, 1, 1, 1, 0x82, 5, 1, 1,
	2, 2, 2, 2, 3,	  2, 2, 2, 2, 2, 2, 2, 3,    2, 2, 2, /* mod 1 */
	2, 2, 2, 2, 3,	  2, 2, 2, 2, 2, 2, 2, 3,    2, 2, 2, 2, 2, 2, 2, 3,	2, 2, 2,
	2, 2, 2, 2, 3,	  2, 2, 2, 2, 2, 2, 2, 3,    2, 2, 2, 2, 2, 2, 2, 3,	2, 2, 2,
	5, 5, 5, 5, 6,	  5, 5, 5, 5, 5, 5, 5, 6,    5, 5, 5, /* mod 2 */
	5, 5, 5, 5, 6,	  5, 5, 5, 5, 5, 5, 5, 6,    5, 5, 5, 5, 5, 5, 5, 6,	5, 5, 5,
	5, 5, 5, 5, 6,	  5, 5, 5, 5, 5, 5, 5, 6,    5, 5, 5, 5, 5, 5, 5, 6,	5, 5, 5,
	1, 1, 1, 1, 1,	  1, 1, 1, 1, 1, 1, 1, 1,    1, 1, 1, /* mod 3 */
	1, 1, 1, 1, 1,	  1, 1, 1, 1, 1, 1, 1, 1,    1, 1, 1, 1, 1, 1, 1, 1,	1, 1, 1,
	1, 1, 1, 1, 1,	  1, 1, 1, 1, 1, 1, 1, 1,    1, 1, 1, 1, 1, 1, 1, 1,	1, 1, 1,
};

/* The members of the groups that have undefined ones (SDM vol. 2, table A-6), a bit each. */
struct group {
	uint8_t opcode;
	bool two_byte;
	uint8_t memory, reg; /* by ModRM.reg, for a memory and a register operand */
};

static const struct group groups[] = {
	{ .opcode = 0x8c, .memory = 0x3f, .reg = 0x3f }, /* mov from segment registers */
	{ .opcode = 0x8d, .memory = 0xff, .reg = 0x00 }, /* lea */
	{ .opcode = 0x8e, .memory = 0x3d, .reg = 0x3d }, /* mov to segment registers, not cs */
	{ .opcode = 0xc6, .memory = 0x01, .reg = 0x81 }, /* mov; xabort */
	{ .opcode = 0xc7, .memory = 0x01, .reg = 0x81 }, /* mov; xbegin */
	{ .opcode = 0xfe, .memory = 0x03, .reg = 0x03 },
	{ .opcode = 0xff, .memory = 0x7f, .reg = 0x57 }, /* far branches need memory */
	{ .opcode = 0x00, .two_byte = true, .memory = 0x7f, .reg = 0x7f },
	{ .opcode = 0x01, .two_byte = true, .memory = 0xff, .reg = 0xff },
	{ .opcode = 0xba, .two_byte = true, .memory = 0xf0, .reg = 0xf0 },
	{ .opcode = 0xc7, .two_byte = true, .memory = 0xfa, .reg = 0xf8 },
};

/* What the prefixes say, as far as it changes a length. */
struct prefixes {
	bool operand_size; /* 66 */
	bool address_size; /* 67 */
	bool repeat;	   /* F2 or F3 */
	bool lock;
	uint8_t rex; /* 0: none */
};

static bool map_has(const uint16_t *map, unsigned int opcode)
{
	return map[opcode >> 4] >> (opcode & 15) & 1;
}

static unsigned int operand(const uint8_t *modrm)
{
	unsigned int length = operand_length[modrm[0]];
	if (length & 0x80)
		return (modrm[1] & 7) == 5 ? 6 : 2;
	return length;
}

/* What follows the opcode, for an entry that is not SPECIAL. */
static unsigned int tail(unsigned int entry, const uint8_t *after, const struct prefixes *prefixes)
{
	unsigned int length = entry & IMMEDIATE;
	bool wide = prefixes->rex & 8;
	if (entry & WIDE && wide)
		length = 8;
	else if (entry & SIZED && prefixes->operand_size && !wide)
		length = 2;
	if (entry & MODRM)
		length += operand(after);
	return length;
}

static bool group_has(unsigned int opcode, bool two, unsigned int modrm)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].opcode == opcode && groups[i].two_byte == two)
			return (modrm >= 0xc0 ? groups[i].reg : groups[i].memory) >>
				       (modrm >> 3 & 7) &
			       1;
	}
	return false;
}

/*
 * VEX, EVEX and XOP: the opcode map fixes what follows. In map 1 (0F) the
 * immediates are where the legacy map has them. Returns a plain entry or xx.
 */
static unsigned int vector_entry(unsigned int map, unsigned int opcode, bool vex)
{
	switch (map) {
	case 1:
		if (opcode == 0x77 && vex)
			return n_; /* vzeroupper, vzeroall */
		return MODRM | (two_byte[opcode] == Mb ? 1 : 0);
	case 2:
		return M_;
	case 3:
		return Mb;
	case 5: /* AVX512-FP16: EVEX only */
	case 6:
		return vex ? xx : M_;
	case 7: /* urdmsr, uwrmsr, rdmsr, wrmsrns with an immediate number */
		return opcode == 0xf6 || opcode == 0xf8 ? MODRM | 4 : xx;
	default:
		return xx;
	}
}

/* The length of a vector instruction; 'p' is at C5, C4, 62 or (for XOP) 8F. */
static unsigned int vector_length(const uint8_t *p, const struct prefixes *prefixes)
{
	unsigned int entry, head;

	/* SDM vol. 2, 2.3.2 to 2.3.5: any of 66, F2, F3, LOCK and REX is #UD. */
	if (prefixes->operand_size || prefixes->repeat || prefixes->lock || prefixes->rex)
		return 0;
	switch (p[0]) {
	case 0xc5:
		head = 3;
		entry = vector_entry(1, p[2], true);
		break;
	case 0xc4:
		head = 4;
		entry = vector_entry(p[1] & 0x1f, p[3], true);
		break;
	case 0x62: /* 2.7.1: bit 3 of P0 is 0, bit 2 of P1 is 1 */
		if (p[1] & 8 || !(p[2] & 4))
			return 0;
		head = 5;
		entry = vector_entry(p[1] & 7, p[4], false);
		break;
	default: /* AMD APM vol. 6, 1.5: maps 8 (imm8), 9 and 10 (imm32) */
		head = 4;
		switch (p[1] & 0x1f) {
		case 8:
			entry = Mb;
			break;
		case 9:
			entry = M_;
			break;
		case 10:
			entry = MODRM | 4;
			break;
		default:
			entry = xx;
			break;
		}
		break;
	}
	if (entry & SPECIAL)
		return 0;
	return head + tail(entry, p + head, &(struct prefixes) { 0 });
}

/* SPECIAL entries, with 'p' at the opcode byte. Returns the length from there, or 0. */
static unsigned int special_length(const uint8_t *p, const struct prefixes *prefixes, bool two)
{
	unsigned int modrm = p[1];
	unsigned int entry = two ? two_byte[p[0]] : one_byte[p[0]];

	switch (entry) {
	case v2:
	case v3:
	case ev:
		return vector_length(p, prefixes);
	case xo:
		if ((modrm & 0x1f) >= 8)
			return vector_length(p, prefixes);
		return (modrm >> 3 & 7) == 0 ? 1 + operand(p + 1) : 0;
	case mo:
		return prefixes->address_size ? 5 : 9;
	case g3:
		if (modrm >> 3 & 6)
			return 1 + operand(p + 1);
		return 1 + tail(p[0] == 0xf6 ? Mb : Mz, p + 1, prefixes);
	case gr:
		return group_has(p[0], two, modrm) ? 1 + operand(p + 1) : 0;
	case gb:
		return group_has(p[0], two, modrm) ? 2 + operand(p + 1) : 0;
	case gz:
		return group_has(p[0], two, modrm) ? 1 + tail(Mz, p + 1, prefixes) : 0;
	case cr:
		return 2; /* SDM: the mod bits are ignored */
	case e8:
		return map_has(map_0f38, p[1]) ? 2 + operand(p + 2) : 0;
	case ea:
		return map_has(map_0f3a, p[1]) ? 3 + operand(p + 2) : 0;
	case sa:
		return 1 + operand(p + 1) + (prefixes->operand_size || prefixes->repeat ? 2 : 0);
	default:
		return 0;
	}
}

/* Any instruction. At least 32 bytes can be read at 'p'. */
static unsigned int slow_length(const uint8_t *p)
{
	struct prefixes prefixes = { 0 };
	const uint8_t *q = p;

	for (;; q++) {
		unsigned int kind = one_byte[*q];
		if (q - p >= X86_LENGTH_MAX)
			return 0;
		if (kind == rx) {
			prefixes.rex = *q;
			continue;
		}
		if (kind != px)
			break;
		prefixes.rex = 0; /* 2.2.1: counts only right before the opcode */
		if (*q == 0x66)
			prefixes.operand_size = true;
		else if (*q == 0x67)
			prefixes.address_size = true;
		else if (*q == 0xf2 || *q == 0xf3)
			prefixes.repeat = true;
		else if (*q == 0xf0)
			prefixes.lock = true;
	}

	bool two = *q == 0x0f;
	if (two)
		q++;
	unsigned int entry = two ? two_byte[*q] : one_byte[*q];
	unsigned int length = entry & SPECIAL ? special_length(q, &prefixes, two)
					      : 1 + tail(entry, q + 1, &prefixes);
	if (!length || q - p + length > X86_LENGTH_MAX)
		return 0;
	return q - p + length;
}

/*
 * The common case with as few branches on data as possible: an optional REX, an
 * opcode of the first two maps, ModRM. Whatever else there is goes the slow way.
 */
static inline __attribute__((always_inline)) unsigned int fast_length(const uint8_t *p)
{
	unsigned int rex = (p[0] & 0xf0) == 0x40;
	const uint8_t *q = p + rex;
	unsigned int entry = one_byte[*q];

	if (entry == es)
		entry = two_byte[*++q];
	if (__builtin_expect(entry & SPECIAL, 0))
		return slow_length(p);
	unsigned int rm = operand_length[q[1]] & -(entry >> 4 & 1);
	unsigned int length = (q - p) + 1 + (entry & IMMEDIATE) + (rm & 0x7f);
	if (__builtin_expect(rm & 0x80, 0) && (q[2] & 7) == 5)
		length += 4;
	if (__builtin_expect(entry & WIDE, 0))
		length += rex * (p[0] & 8) >> 1;
	return length;
}

/* Near the end: the bytes that are missing are zero, and none of them may be used. */
static unsigned int edge_length(const uint8_t *code, size_t left)
{
	uint8_t copy[32] = { 0 };
	memcpy(copy, code, left);
	unsigned int length = fast_length(copy);
	return length <= left ? length : 0;
}

unsigned int x86_length(const unsigned char *code, const unsigned char *end)
{
	if (__builtin_expect(end - code < 32, 0))
		return code < end ? edge_length(code, end - code) : 0;
	return fast_length(code);
}

const unsigned char *x86_walk(const unsigned char *code, const unsigned char *target,
			      const unsigned char *end, size_t *bad)
{
	for (;;) {
		unsigned int length = x86_length(code, end);
		if (!length) {
			length = 1;
			if (bad)
				++*bad;
		}
		if ((size_t)(target - code) < length)
			return code;
		code += length;
	}
}
