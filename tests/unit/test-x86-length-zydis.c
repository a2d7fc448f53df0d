/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The length decoder against Zydis: systematic and random encodings, and the
 * boundaries of every instruction in the executable sections of libraries of
 * this machine. Whatever Zydis accepts must have the same length here; what it
 * refuses may be accepted (see x86-length.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<Zydis/Zydis.h>)

#include <glob.h>

#include <Zydis/Zydis.h>
#include <cmocka.h>

#include "core/image/image.h"
#include "core/image/x86-length.h"

enum { BUFFER = 48, SHOWN = 5 };

/*
 * Knights Corner's instructions (MVEX and its VEX jumps) exist in no x86-64
 * processor that runs libraries; Zydis knows them regardless of its KNC mode.
 */
static bool is_knights_corner(const unsigned char *p, size_t length, ZydisInstructionEncoding kind)
{
	if (kind == ZYDIS_INSTRUCTION_ENCODING_MVEX)
		return true;
	if (kind != ZYDIS_INSTRUCTION_ENCODING_VEX)
		return false;
	for (size_t i = 0; i + 3 < length; i++) { /* behind other prefixes */
		unsigned int opcode = p[i] == 0xc5 ? p[i + 2] : p[i + 3];
		if (p[i] == 0xc5 || (p[i] == 0xc4 && (p[i + 1] & 0x1f) <= 1))
			return (opcode & 0xfe) == 0x84 || (opcode & 0xfe) == 0x74;
	}
	return false;
}

static unsigned int zydis_length(const ZydisDecoder *decoder, const unsigned char *p, size_t size,
				 bool *ignore)
{
	ZydisDecodedInstruction z;
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder, NULL, p, size, &z)))
		return 0;
	if (ignore)
		*ignore = is_knights_corner(p, z.length, z.encoding);
	return z.length;
}

static void start(ZydisDecoder *decoder)
{
	assert_true(ZYAN_SUCCESS(
		ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
}

static uint32_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static size_t compare(const ZydisDecoder *decoder, const unsigned char *p, size_t *accepted)
{
	bool ignore = false;
	unsigned int want = zydis_length(decoder, p, X86_LENGTH_MAX, &ignore);
	unsigned int got = x86_length(p, p + BUFFER);
	if (!want || ignore)
		return 0;
	++*accepted;
	if (want == got)
		return 0;
	print_message("want %u, got %u:", want, got);
	for (int i = 0; i < X86_LENGTH_MAX; i++)
		print_message(" %02x", p[i]);
	print_message("\n");
	return 1;
}

/* Every opcode of the four legacy maps with every ModRM byte behind common prefixes. */
static void systematic(void **state)
{
	static const char *const prefixes[] = { "",	    "\x66",	"\xf2",	    "\xf3",
						"\x48",	    "\x67",	"\xf0",	    "\x2e",
						"\x66\x48", "\x48\x66", "\x67\x48", "\xf3\x44",
						"\x66\xf2" };
	static const char *const maps[] = { "", "\x0f", "\x0f\x38", "\x0f\x3a" };
	ZydisDecoder decoder;
	uint64_t seed = 1;
	size_t wrong = 0, accepted = 0;

	(void)state;
	start(&decoder);
	for (size_t i = 0; i < 13 * 4 * 65536; i++) {
		unsigned char p[BUFFER], *q = p;
		for (size_t k = 0; k < BUFFER; k++)
			p[k] = random_next(&seed);
		const char *prefix = prefixes[i / 65536 / 4], *map = maps[i / 65536 % 4];
		q = mempcpy(q, prefix, strlen(prefix));
		q = mempcpy(q, map, strlen(map));
		q[0] = i >> 8;
		q[1] = i;
		wrong += compare(&decoder, p, &accepted);
		assert_true(wrong < SHOWN);
	}
	assert_int_equal(wrong, 0);
	assert_true(accepted > 1000000);
}

/* Random bytes; every other time behind a VEX, EVEX or XOP byte. */
static void random_bytes(void **state)
{
	static const unsigned char lead[] = { 0xc4, 0xc5, 0x62, 0x8f };
	ZydisDecoder decoder;
	uint64_t seed = 2;
	size_t wrong = 0, accepted = 0;

	(void)state;
	start(&decoder);
	for (size_t i = 0; i < 4000000; i++) {
		unsigned char p[BUFFER];
		for (size_t k = 0; k < BUFFER; k++)
			p[k] = random_next(&seed);
		if (i & 1)
			p[0] = lead[i >> 1 & 3];
		wrong += compare(&decoder, p, &accepted);
		assert_true(wrong < SHOWN);
	}
	assert_int_equal(wrong, 0);
	assert_true(accepted > 1000000);
}

/*
 * Both walk the bytes alone. Where Zydis finds no instruction, data stands in
 * the code (or an encoding that it does not know): both then step a byte, and
 * the difference counts as one of data until they meet again.
 */
struct walk {
	size_t instructions, data, differences;
};

static void walk_code(const ZydisDecoder *decoder, const unsigned char *p, size_t size,
		      struct walk *w)
{
	size_t zydis = 0, ours = 0;
	bool in_data = false;

	while (zydis < size) {
		if (zydis == ours) {
			bool ignore = false;
			unsigned int z = zydis_length(decoder, p + zydis, size - zydis, &ignore);
			unsigned int o = x86_length(p + ours, p + size);
			if (z != o && z && !ignore && !in_data && w->differences++ < SHOWN)
				print_message("at %#zx: want %u, got %u\n", zydis, z, o);
			if (!z)
				w->data++;
			if (z == o)
				w->instructions++;
			in_data = !z;
			zydis += z ? z : 1;
			ours += o ? o : 1;
		} else if (zydis < ours) {
			unsigned int z = zydis_length(decoder, p + zydis, size - zydis, NULL);
			zydis += z ? z : 1;
		} else {
			unsigned int o = x86_length(p + ours, p + size);
			ours += o ? o : 1;
		}
	}
}

static void check_library(const ZydisDecoder *decoder, const char *path)
{
	_cleanup_image_ struct image *image = NULL;
	struct walk w = { 0 };
	struct error *err = image_open(path, NULL, &image);

	assert_null(err);
	for (size_t i = 0; i < image_section_count(image); i++) {
		struct image_section s;
		assert_true(image_section_get(image, i, &s));
		const void *data = image_section_data(image, &s);
		if (s.flags & SHF_EXECINSTR && data)
			walk_code(decoder, data, s.size, &w);
	}
	print_message("%-55s %9zu instructions, %zu bytes of data\n", path, w.instructions, w.data);
	assert_int_equal(w.differences, 0);
	assert_true(w.instructions > 1000);
}

/* Ten and more libraries of different compilers and assemblers; each where installed. */
static void libraries(void **state)
{
	static const char *const patterns[] = {
		"libc.so.6",	    "libm.so.6",	"libstdc++.so.6",
		"libcrypto.so.3",   "libx265.so.*",	"libx264.so.*",
		"libavcodec.so.*",  "libdav1d.so.*",	"libopenblas*/libopenblas*.so.0",
		"libdnnl.so.*.*",   "libgmp.so.10",	"libz.so.1",
		"libsqlite3.so.0",  "libgnutls.so.30",	"libzstd.so.1",
		"libcapstone.so.4", "libprotobuf.so.*", "libpython3.*.so.1.0",
		"libfftw3f.so.3",   "libgcrypt.so.20",	"libvpx.so.*",
		"libxml2.so.2",	    "libsodium.so.23",	"libLLVM-14.so.1",
	};
	ZydisDecoder decoder;
	size_t done = 0;

	(void)state;
	start(&decoder);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		char pattern[256];
		glob_t found;
		snprintf(pattern, sizeof(pattern), "/usr/lib/x86_64-linux-gnu/%s", patterns[i]);
		if (glob(pattern, 0, NULL, &found))
			continue;
		check_library(&decoder, found.gl_pathv[0]);
		globfree(&found);
		done++;
	}
	print_message("%zu libraries\n", done);
	if (!done) {
		print_message("no library found in /usr/lib/x86_64-linux-gnu\n");
		skip();
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(systematic),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(libraries),
	};
	if (argc > 1) { /* any other files, by hand */
		ZydisDecoder decoder;
		start(&decoder);
		for (int i = 1; i < argc; i++)
			check_library(&decoder, argv[i]);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	puts("1..0 # skip libzydis-dev was not installed at build");
	return 77;
}

#endif
