/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/image/insn.h"

#include <stdlib.h>

#include <capstone/capstone.h>

#include "core/image/x86-length.h"

struct insn_decoder {
	csh handle;
	cs_insn *insn;
};

struct error *insn_decoder_create(struct insn_decoder **ret)
{
	struct insn_decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return &error_no_memory;
	cs_err code = cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle);
	if (code == CS_ERR_OK)
		code = cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
	if (code == CS_ERR_OK && !(decoder->insn = cs_malloc(decoder->handle)))
		code = CS_ERR_MEM;
	if (code != CS_ERR_OK) {
		insn_decoder_destroy(decoder);
		return error_create(code == CS_ERR_MEM ? ERROR_NO_MEMORY : ERROR_UNSUPPORTED,
				    "capstone: %s", cs_strerror(code));
	}
	*ret = decoder;
	return NULL;
}

void insn_decoder_destroy(struct insn_decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->insn)
		cs_free(decoder->insn, 1);
	if (decoder->handle)
		cs_close(&decoder->handle);
	free(decoder);
}

/* The general register that a capstone register is (a part of); AH..BH are not followed. */
static uint8_t general(unsigned int reg)
{
	static const uint8_t map[X86_REG_ENDING] = {
		[X86_REG_AL] = 1 + INSN_RAX,
		[X86_REG_AX] = 1 + INSN_RAX,
		[X86_REG_EAX] = 1 + INSN_RAX,
		[X86_REG_RAX] = 1 + INSN_RAX,
		[X86_REG_CL] = 1 + INSN_RCX,
		[X86_REG_CX] = 1 + INSN_RCX,
		[X86_REG_ECX] = 1 + INSN_RCX,
		[X86_REG_RCX] = 1 + INSN_RCX,
		[X86_REG_DL] = 1 + INSN_RDX,
		[X86_REG_DX] = 1 + INSN_RDX,
		[X86_REG_EDX] = 1 + INSN_RDX,
		[X86_REG_RDX] = 1 + INSN_RDX,
		[X86_REG_BL] = 1 + INSN_RBX,
		[X86_REG_BX] = 1 + INSN_RBX,
		[X86_REG_EBX] = 1 + INSN_RBX,
		[X86_REG_RBX] = 1 + INSN_RBX,
		[X86_REG_SPL] = 1 + INSN_RSP,
		[X86_REG_SP] = 1 + INSN_RSP,
		[X86_REG_ESP] = 1 + INSN_RSP,
		[X86_REG_RSP] = 1 + INSN_RSP,
		[X86_REG_BPL] = 1 + INSN_RBP,
		[X86_REG_BP] = 1 + INSN_RBP,
		[X86_REG_EBP] = 1 + INSN_RBP,
		[X86_REG_RBP] = 1 + INSN_RBP,
		[X86_REG_SIL] = 1 + INSN_RSI,
		[X86_REG_SI] = 1 + INSN_RSI,
		[X86_REG_ESI] = 1 + INSN_RSI,
		[X86_REG_RSI] = 1 + INSN_RSI,
		[X86_REG_DIL] = 1 + INSN_RDI,
		[X86_REG_DI] = 1 + INSN_RDI,
		[X86_REG_EDI] = 1 + INSN_RDI,
		[X86_REG_RDI] = 1 + INSN_RDI,
		[X86_REG_R8B] = 9,
		[X86_REG_R8W] = 9,
		[X86_REG_R8D] = 9,
		[X86_REG_R8] = 9,
		[X86_REG_R9B] = 10,
		[X86_REG_R9W] = 10,
		[X86_REG_R9D] = 10,
		[X86_REG_R9] = 10,
		[X86_REG_R10B] = 11,
		[X86_REG_R10W] = 11,
		[X86_REG_R10D] = 11,
		[X86_REG_R10] = 11,
		[X86_REG_R11B] = 12,
		[X86_REG_R11W] = 12,
		[X86_REG_R11D] = 12,
		[X86_REG_R11] = 12,
		[X86_REG_R12B] = 13,
		[X86_REG_R12W] = 13,
		[X86_REG_R12D] = 13,
		[X86_REG_R12] = 13,
		[X86_REG_R13B] = 14,
		[X86_REG_R13W] = 14,
		[X86_REG_R13D] = 14,
		[X86_REG_R13] = 14,
		[X86_REG_R14B] = 15,
		[X86_REG_R14W] = 15,
		[X86_REG_R14D] = 15,
		[X86_REG_R14] = 15,
		[X86_REG_R15B] = 16,
		[X86_REG_R15W] = 16,
		[X86_REG_R15D] = 16,
		[X86_REG_R15] = 16,
	};
	return reg < X86_REG_ENDING && map[reg] ? map[reg] - 1 : INSN_NO_REG;
}

static uint16_t written(unsigned int reg)
{
	switch (reg) {
	case X86_REG_AH:
		return 1 << INSN_RAX;
	case X86_REG_BH:
		return 1 << INSN_RBX;
	case X86_REG_CH:
		return 1 << INSN_RCX;
	case X86_REG_DH:
		return 1 << INSN_RDX;
	default: {
		uint8_t g = general(reg);
		return g == INSN_NO_REG ? 0 : 1 << g;
	}
	}
}

/* What compilers use to put two pointers into memory at once. */
static unsigned int vector_op_of(unsigned int id)
{
	switch (id) {
	case X86_INS_MOVAPS:
	case X86_INS_MOVUPS:
	case X86_INS_MOVAPD:
	case X86_INS_MOVUPD:
	case X86_INS_MOVDQA:
	case X86_INS_MOVDQU:
	case X86_INS_VMOVAPS:
	case X86_INS_VMOVUPS:
	case X86_INS_VMOVAPD:
	case X86_INS_VMOVUPD:
	case X86_INS_VMOVDQA:
	case X86_INS_VMOVDQU:
		return INSN_VECTOR_MOVE;
	case X86_INS_MOVQ:
	case X86_INS_VMOVQ:
	case X86_INS_MOVSD:
	case X86_INS_VMOVSD:
		return INSN_VECTOR_LOW;
	case X86_INS_MOVHPS:
	case X86_INS_MOVHPD:
	case X86_INS_VMOVHPS:
	case X86_INS_VMOVHPD:
		return INSN_VECTOR_HIGH;
	case X86_INS_PUNPCKLQDQ:
	case X86_INS_VPUNPCKLQDQ:
	case X86_INS_UNPCKLPD:
	case X86_INS_MOVLHPS:
		return INSN_VECTOR_UNPACK;
	default:
		return INSN_OTHER;
	}
}

static unsigned int op_of(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		return INSN_MOV;
	case X86_INS_MOVSXD:
		return INSN_MOVSXD;
	case X86_INS_LEA:
		return INSN_LEA;
	case X86_INS_ADD:
		return INSN_ADD;
	case X86_INS_SUB:
		return INSN_SUB;
	case X86_INS_AND:
		return INSN_AND;
	case X86_INS_XOR:
		return INSN_XOR;
	case X86_INS_CMP:
		return INSN_CMP;
	case X86_INS_TEST:
		return INSN_TEST;
	case X86_INS_SHL:
	case X86_INS_SAL:
		return INSN_SHL;
	case X86_INS_IMUL:
		return insn->detail->x86.op_count == 3 ? INSN_IMUL : INSN_OTHER;
	case X86_INS_XCHG:
		return INSN_XCHG;
	case X86_INS_PUSH:
		return INSN_PUSH;
	case X86_INS_POP:
		return INSN_POP;
	case X86_INS_LEAVE:
		return INSN_LEAVE;
	case X86_INS_CALL:
		return INSN_CALL;
	case X86_INS_JMP:
		return INSN_JMP;
	case X86_INS_RET:
		return INSN_RET;
	case X86_INS_UD2:
	case X86_INS_HLT:
	case X86_INS_INT3:
		return INSN_STOP;
	case X86_INS_LOOP:
	case X86_INS_LOOPE:
	case X86_INS_LOOPNE:
		return INSN_JCC;
	case X86_INS_CMOVA:
	case X86_INS_CMOVAE:
	case X86_INS_CMOVB:
	case X86_INS_CMOVBE:
	case X86_INS_CMOVE:
	case X86_INS_CMOVG:
	case X86_INS_CMOVGE:
	case X86_INS_CMOVL:
	case X86_INS_CMOVLE:
	case X86_INS_CMOVNE:
	case X86_INS_CMOVNO:
	case X86_INS_CMOVNP:
	case X86_INS_CMOVNS:
	case X86_INS_CMOVO:
	case X86_INS_CMOVP:
	case X86_INS_CMOVS:
		return INSN_CMOV;
	default:
		break;
	}
	for (unsigned int i = 0; i < insn->detail->groups_count; i++) {
		if (insn->detail->groups[i] == X86_GRP_JUMP)
			return INSN_JCC;
	}
	return vector_op_of(insn->id);
}

static void translate_mem(const cs_insn *insn, const x86_op_mem *mem, struct insn_operand *ret)
{
	ret->kind = INSN_MEM;
	ret->segment = mem->segment == X86_REG_FS || mem->segment == X86_REG_GS;
	ret->base = mem->base == X86_REG_INVALID ? INSN_NO_REG : general(mem->base);
	ret->index = mem->index == X86_REG_INVALID ? INSN_NO_REG : general(mem->index);
	ret->scale = mem->scale;
	ret->value = mem->disp;
	if (mem->base == X86_REG_RIP) {
		ret->absolute = true;
		ret->value += insn->address + insn->size;
	} else if (mem->base == X86_REG_INVALID) {
		ret->absolute = true;
	}
	if (mem->index == X86_REG_RIZ)
		ret->index = INSN_NO_REG;
}

static void translate(const cs_insn *insn, const cs_x86_op *op, struct insn_operand *ret)
{
	*ret = (struct insn_operand) {
		.size = op->size, .reg = INSN_NO_REG, .base = INSN_NO_REG, .index = INSN_NO_REG
	};
	switch (op->type) {
	case X86_OP_REG:
		ret->reg = general(op->reg);
		ret->kind = ret->reg == INSN_NO_REG ? INSN_FOREIGN : INSN_REG;
		if (op->reg >= X86_REG_XMM0 && op->reg <= X86_REG_XMM15) {
			ret->kind = INSN_VECTOR;
			ret->reg = op->reg - X86_REG_XMM0;
		}
		break;
	case X86_OP_IMM:
		ret->kind = INSN_IMM;
		ret->value = op->imm;
		break;
	case X86_OP_MEM:
		translate_mem(insn, &op->mem, ret);
		break;
	default:
		ret->kind = INSN_FOREIGN;
		break;
	}
}

/*
 * Whether the first operand is changed. Capstone's access flags are wrong for
 * some instructions; all but these few change theirs.
 */
static bool only_reads(unsigned int id)
{
	switch (id) {
	case X86_INS_CMP:
	case X86_INS_TEST:
	case X86_INS_BT:
	case X86_INS_PUSH:
	case X86_INS_CALL:
	case X86_INS_JMP:
	case X86_INS_NOP:
	case X86_INS_UCOMISS:
	case X86_INS_UCOMISD:
	case X86_INS_COMISS:
	case X86_INS_COMISD:
		return true;
	default:
		return false;
	}
}

/* The low nibble of 7x and 0F 8x; loop and jrcxz have none. */
static uint8_t condition_of(const cs_insn *insn)
{
	const uint8_t *opcode = insn->detail->x86.opcode;
	if ((opcode[0] & 0xf0) == 0x70)
		return opcode[0] & 15;
	if (opcode[0] == 0x0f && (opcode[1] & 0xf0) == 0x80)
		return opcode[1] & 15;
	return INSN_IF_OTHER;
}

/* The stack pointer apart: instructions that change it are old, and capstone knows them. */
static void unknown(struct insn *ret)
{
	ret->writes = 0xffff & ~(1 << INSN_RSP);
	ret->writes_vectors = true;
}

static void describe(struct insn_decoder *decoder, const cs_insn *insn, struct insn *ret)
{
	const cs_x86 *x86 = &insn->detail->x86;
	cs_regs reads, writes;
	uint8_t nreads = 0, nwrites = 0;

	ret->op = op_of(insn);
	ret->nops = x86->op_count < 3 ? x86->op_count : 3;
	for (unsigned int i = 0; i < ret->nops; i++)
		translate(insn, &x86->operands[i], &ret->ops[i]);
	if (cs_regs_access(decoder->handle, insn, reads, &nreads, writes, &nwrites) != CS_ERR_OK) {
		unknown(ret);
	} else {
		for (unsigned int i = 0; i < nwrites; i++)
			ret->writes |= written(writes[i]);
	}
	if (ret->op == INSN_JCC)
		ret->condition = condition_of(insn);
	if (!ret->nops || only_reads(insn->id) || ret->op == INSN_JCC)
		return;
	if (ret->ops[0].kind == INSN_MEM)
		ret->writes_memory = true;
	else if (x86->operands[0].type == X86_OP_REG)
		ret->writes |= written(x86->operands[0].reg);
	ret->writes_vectors = ret->op == INSN_OTHER && !ret->writes;
	if (ret->op == INSN_XCHG || insn->id == X86_INS_XADD) {
		if (x86->operands[1].type == X86_OP_REG)
			ret->writes |= written(x86->operands[1].reg);
		ret->writes_memory |= ret->ops[1].kind == INSN_MEM;
	}
}

bool insn_decode(struct insn_decoder *decoder, const unsigned char *code, const unsigned char *end,
		 uint64_t address, struct insn *ret)
{
	unsigned int length = x86_length(code, end);
	const uint8_t *p = code;
	size_t size = length;
	uint64_t at = address;

	if (!length)
		return false;
	*ret = (struct insn) { .address = address, .length = length };
	/* endbr64 and notrack confuse capstone 4: the first does nothing, the second is a prefix.
	 */
	if (length == 4 && code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa)
		return true;
	if (cs_disasm_iter(decoder->handle, &p, &size, &at, decoder->insn) &&
	    decoder->insn->size == length)
		describe(decoder, decoder->insn, ret);
	else
		unknown(ret);
	return true;
}
