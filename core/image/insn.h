/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an x86-64 instruction does to the general registers, as far as following
 * constants through a function needs it. Capstone decodes; what it does not know
 * (4.0.2 lacks newer vector instructions) still has its length, and counts as
 * writing every register.
 */
#ifndef CORE_IMAGE_INSN_H
#define CORE_IMAGE_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/* The general registers by their number in the encoding (SDM vol. 2, table 2-2 and 3-1). */
enum insn_reg {
	INSN_RAX,
	INSN_RCX,
	INSN_RDX,
	INSN_RBX,
	INSN_RSP,
	INSN_RBP,
	INSN_RSI,
	INSN_RDI,
	INSN_R8,
	INSN_R15 = 15,
	INSN_REGS = 16,
	INSN_NO_REG = 0xff,
};

enum insn_op {
	INSN_OTHER, /* only 'writes' is known */
	INSN_MOV,
	INSN_MOVSXD, /* sign extension from 32 bits */
	INSN_LEA,
	INSN_ADD,
	INSN_SUB,
	INSN_AND,
	INSN_XOR,
	INSN_SHL,
	INSN_IMUL,	    /* ops[0] = ops[1] * immediate */
	INSN_VECTOR_MOVE,   /* 16 bytes between vector registers and memory */
	INSN_VECTOR_LOW,    /* eight bytes into or out of the low half; the high one is cleared */
	INSN_VECTOR_HIGH,   /* movhps, movhpd: eight bytes into or out of the high half */
	INSN_VECTOR_UNPACK, /* punpcklqdq: the low halves of two into one */
	INSN_CMP,
	INSN_TEST,
	INSN_CMOV,
	INSN_XCHG,
	INSN_PUSH,
	INSN_POP,
	INSN_LEAVE,
	INSN_CALL,
	INSN_JMP,
	INSN_JCC, /* 'condition' says when; also loop, jrcxz */
	INSN_RET,
	INSN_STOP, /* ud2, hlt, int3: does not go on */
};

enum insn_operand_kind {
	INSN_NONE,
	INSN_REG, /* a general register, all or the low part of it */
	INSN_IMM, /* also the target of a direct branch */
	INSN_MEM,
	INSN_VECTOR,  /* xmm0 to xmm15 */
	INSN_FOREIGN, /* another vector, mask, segment or high-byte register */
};

/* Conditions by their number in the encoding (SDM vol. 2, B.1.4.7); the rest is not followed. */
enum insn_condition {
	INSN_IF_B = 2,
	INSN_IF_AE,
	INSN_IF_E,
	INSN_IF_NE,
	INSN_IF_BE,
	INSN_IF_A,
	INSN_IF_L = 12,
	INSN_IF_GE,
	INSN_IF_LE,
	INSN_IF_G,
	INSN_IF_OTHER = 16,
};

struct insn_operand {
	uint8_t kind;
	uint8_t size; /* bytes */
	uint8_t reg;
	uint8_t base, index, scale; /* of INSN_MEM; INSN_NO_REG: none */
	bool absolute;		    /* 'value' is the address: RIP-relative, or no base */
	bool segment;		    /* fs: or gs: */
	int64_t value;		    /* immediate, displacement, or with 'absolute' an address */
};

struct insn {
	uint64_t address;
	uint8_t length;
	uint8_t op;
	uint8_t nops;
	uint8_t condition;   /* of INSN_JCC: enum insn_condition */
	uint16_t writes;     /* general registers it changes, a bit each, explicit and implicit */
	bool writes_memory;  /* ops[0] is a memory operand that is written */
	bool writes_vectors; /* some vector register, not described by 'op' */
	struct insn_operand ops[3];
};

struct insn_decoder;

struct error *insn_decoder_create(struct insn_decoder **ret) must_check;
void insn_decoder_destroy(struct insn_decoder *decoder);

static inline void insn_decoder_cleanup(struct insn_decoder **decoder)
{
	insn_decoder_destroy(*decoder);
}
#define _cleanup_insn_decoder_ __attribute__((cleanup(insn_decoder_cleanup)))

/*
 * Decodes the instruction at 'code', which lies at 'address'. Reads nothing at or
 * after 'end'. False where there is none (x86_length() says 0).
 */
bool insn_decode(struct insn_decoder *decoder, const unsigned char *code, const unsigned char *end,
		 uint64_t address, struct insn *ret);

#endif
