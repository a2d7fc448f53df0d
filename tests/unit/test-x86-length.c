/* SPDX-License-Identifier: BSD-2-Clause */
/* Encodings whose length the manuals fix, and the edges of the input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/image/x86-length.h"

struct encoding {
	unsigned int length; /* 0: not an instruction */
	const char *bytes;   /* of 16, the rest is 0x90 */
	const char *text;
};

static const struct encoding encodings[] = {
	{ 1, "\xc3", "ret" },
	{ 2, "\x31\xc0", "xor eax, eax" },
	{ 3, "\x48\x89\xe5", "mov rbp, rsp" },
	{ 5, "\xe8\1\2\3\4", "call" },
	{ 6, "\x66\xe8\1\2\3\4", "data16 call: 66 is ignored" },
	{ 6, "\x0f\x84\1\2\3\4", "je near" },
	{ 7, "\x66\x0f\x84\1\2\3\4", "data16 je" },
	{ 6, "\xff\x15\1\2\3\4", "call [rip+x]" },
	{ 7, "\x48\x8d\x3d\1\2\3\4", "lea rdi, [rip+x]" },
	{ 4, "\x48\x8b\x04\x24", "mov rax, [rsp]" },
	{ 8, "\x48\x8b\x04\xe5\1\2\3\4", "mov rax, [riz*8+disp32]: SIB with base 5" },
	{ 5, "\x48\x8b\x44\x24\x08", "mov rax, [rsp+8]" },
	{ 8, "\x48\x8b\x84\x24\1\2\3\4", "mov rax, [rsp+disp32]" },
	{ 5, "\xb8\1\2\3\4", "mov eax, imm32" },
	{ 4, "\x66\xb8\1\2", "mov ax, imm16" },
	{ 10, "\x48\xb8\1\2\3\4\5\6\7\x08", "movabs rax, imm64" },
	{ 11, "\x66\x48\xb8\1\2\3\4\5\6\7\x08", "the same with 66: REX.W wins" },
	{ 6, "\x41\xb8\1\2\3\4", "mov r8d, imm32" },
	{ 9, "\xa1\1\2\3\4\5\6\7\x08", "movabs eax, [moffs64]" },
	{ 6, "\x67\xa1\1\2\3\4", "mov eax, [moffs32]" },
	{ 3, "\xf6\xc1\x01", "test cl, 1" },
	{ 2, "\xf6\xd1", "not cl" },
	{ 6, "\xf7\xc1\1\2\3\4", "test ecx, imm32" },
	{ 5, "\x66\xf7\xc1\1\2", "test cx, imm16" },
	{ 7, "\x48\xf7\xc1\1\2\3\4", "test rcx, imm32" },
	{ 4, "\xc8\1\2\3", "enter" },
	{ 3, "\xc2\1\2", "ret imm16" },
	{ 4, "\x66\xc2\1\2", "data16 ret imm16" },
	{ 5, "\x66\xc7\xc0\1\2", "mov ax, imm16 by C7" },
	{ 6, "\xc7\xf8\1\2\3\4", "xbegin" },
	{ 3, "\xc6\xf8\1", "xabort" },
	{ 0, "\xc7\xc8\1\2\3\4", "C7 /1" },
	{ 4, "\xf3\x0f\x1e\xfa", "endbr64" },
	{ 11, "\x66\x66\x2e\x0f\x1f\x84\x00\0\0\0\0", "a long nop" },
	{ 3, "\x0f\x20\x05", "mov from cr0: mod is ignored" },
	{ 3, "\x0f\x78\xc8", "vmread" },
	{ 6, "\x66\x0f\x78\xc0\1\2", "extrq with two immediates (SSE4a)" },
	{ 6, "\xf2\x0f\x78\xc0\1\2", "insertq with two immediates (SSE4a)" },
	{ 4, "\x0f\x0f\xc8\x9e", "pfadd (3DNow!)" },
	{ 6, "\x66\x0f\x3a\x0f\xc1\x08", "palignr" },
	{ 5, "\x66\x0f\x38\x00\xc1", "pshufb" },
	{ 3, "\xc5\xf8\x77", "vzeroupper" },
	{ 4, "\xc5\xf8\x28\xc1", "vmovaps" },
	{ 5, "\xc5\xf9\x70\xc1\x1b", "vpshufd: imm8 in map 1" },
	{ 6, "\xc4\xe3\x75\x18\xc2\x01", "vinsertf128: imm8 in map 3" },
	{ 5, "\xc4\xe2\x7d\x58\xc1", "vpbroadcastd: map 2" },
	{ 0, "\x66\xc5\xf8\x28\xc1", "VEX after 66" },
	{ 0, "\x48\xc5\xf8\x28\xc1", "VEX after REX" },
	{ 6, "\x62\xf1\x7c\x48\x28\xc1", "vmovaps zmm (EVEX)" },
	{ 7, "\x62\xf1\x7d\x48\x70\xc1\x1b", "vpshufd zmm (EVEX)" },
	{ 7, "\x62\xf3\xf5\x48\x03\xc2\x01", "valignq: EVEX map 3" },
	{ 6, "\x62\xf5\x74\x48\x58\xc2", "vaddph: EVEX map 5" },
	{ 6, "\x62\xf6\x75\x48\x98\xc2", "vfmadd132ph: EVEX map 6" },
	{ 0, "\x62\xf1\x78\x48\x28\xc1", "EVEX with P1 bit 2 clear" },
	{ 6, "\x8f\xe8\x78\xc0\xc1\x02", "vprotb (XOP map 8)" },
	{ 5, "\x8f\xe9\x78\x90\xc1", "vprotb (XOP map 9)" },
	{ 9, "\x8f\xea\x78\x10\xc1\1\2\3\4", "bextr imm32 (XOP map 10)" },
	{ 2, "\x8f\xc0", "pop rax by 8F /0" },
	{ 0, "\x8f\xcd", "8F with map 13" },
	{ 0, "\x06", "push es" },
	{ 0, "\x9a\1\2\3\4\5\6", "call far" },
	{ 0, "\x82\xc0\1", "82" },
	{ 0, "\xd6", "D6" },
	{ 0, "\x48\x8d\xc0", "lea with a register" },
	{ 2, "\x0f\x05", "syscall" },
	{ 3, "\x66\x48\x90", "data16 rex.W nop" },
	{ 5, "\x48\x66\xb8\1\2", "REX before 66 does not count" },
	{ 15, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", "15 bytes" },
	{ 0, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", "16 bytes" },
};

static size_t count(void)
{
	return sizeof(encodings) / sizeof(encodings[0]);
}

/* Bytes up to the end of the literal; zero bytes inside count by the wanted length. */
static void fill(unsigned char *code, size_t size, const struct encoding *e)
{
	size_t given = strlen(e->bytes);
	memset(code, 0x90, size);
	memcpy(code, e->bytes, e->length > given ? e->length : given);
}

static void lengths(void **state)
{
	unsigned char code[64];

	(void)state;
	for (size_t i = 0; i < count(); i++) {
		fill(code, sizeof(code), &encodings[i]);
		unsigned int got = x86_length(code, code + sizeof(code));
		if (got != encodings[i].length)
			fail_msg("%s: want %u, got %u", encodings[i].text, encodings[i].length,
				 got);
	}
}

/* Each instruction at the end of a page, cut at each place; what lies behind traps. */
static void never_past_the_end(void **state)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *map, *end;

	(void)state;
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
	end = map + page;
	for (size_t i = 0; i < count(); i++) {
		unsigned char code[64];
		fill(code, sizeof(code), &encodings[i]);
		for (size_t left = 0; left <= 40; left++) {
			unsigned int want = encodings[i].length;
			memcpy(end - left, code, left);
			if (want > left)
				want = 0;
			if (x86_length(end - left, end) != want)
				fail_msg("%s with %zu bytes: want %u, got %u", encodings[i].text,
					 left, want, x86_length(end - left, end));
		}
	}
	munmap(map, 2 * page);
}

static void walk(void **state)
{
	/* mov eax, imm32 that looks like a call; invalid byte; call */
	static const unsigned char code[] = "\xb8\xe8\1\2\3\x06\xe8\1\2\3\4\xc3";
	const unsigned char *end = code + sizeof(code) - 1;
	size_t bad = 0;

	(void)state;
	assert_ptr_equal(x86_walk(code, code + 1, end, &bad), code);
	assert_int_equal(bad, 0);
	assert_ptr_equal(x86_walk(code, code + 6, end, &bad), code + 6);
	assert_int_equal(bad, 1);
	assert_ptr_equal(x86_walk(code, code + 8, end, NULL), code + 6);
	assert_ptr_equal(x86_walk(code, code + 11, end, NULL), code + 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(never_past_the_end),
		cmocka_unit_test(walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
