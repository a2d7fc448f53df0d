/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The length of an x86-64 instruction (long mode, 64-bit code segment): where
 * the next one begins, and nothing else. About thirty times faster than a
 * disassembler, so that whole libraries can be walked.
 *
 * Low-level: bytes in, a number out; no memory, no state.
 *
 * Source: Intel SDM vol. 2, chapter 2 (instruction format: 2.1 legacy, 2.2.1
 * REX, 2.3 VEX, 2.7 EVEX) and appendix A (opcode maps, tables ); AMD
 * APM vol. 3 and 6 for what only AMD has (XOP, 3DNow!, SSE4a).
 *
 * What is called an instruction:
 * - The one-byte, 0F, 0F 38 and 0F 3A maps know which opcodes (and which members
 *   of the opcode groups) are defined. VEX, EVEX and XOP opcodes are not
 *   compared with a list: the map alone fixes the length, and so instructions
 *   that are newer than this file are walked over correctly.
 * - Rules that forbid an encoding without changing its length (LOCK on something
 *   that is not a read-modify-write, reserved register numbers) are not checked.
 * - 66 before a near branch is ignored, as Intel's processors do; AMD's take a
 *   16-bit displacement. No compiler writes it.
 * - REX2 and the EVEX extensions of APX are not decoded.
 */
#ifndef CORE_IMAGE_X86_LENGTH_H
#define CORE_IMAGE_X86_LENGTH_H

#include <stddef.h>

enum { X86_LENGTH_MAX = 15 };

/*
 * Length of the instruction at 'code', 1 to 15; 0 where there is none: undefined,
 * longer than 15 bytes, or not complete before 'end'. Reads nothing at or after
 * 'end'; 'code' <= 'end'.
 */
unsigned int x86_length(const unsigned char *code, const unsigned char *end);

/*
 * Walks from 'code' until an instruction starts at or covers 'target', and
 * returns where the last one starts: 'target' itself if that is the start of an
 * instruction. 'code' <= 'target' < 'end'. A byte that begins no instruction is
 * skipped alone. 'bad' counts these if it is not NULL.
 */
const unsigned char *x86_walk(const unsigned char *code, const unsigned char *target,
			      const unsigned char *end, size_t *bad);

#endif
