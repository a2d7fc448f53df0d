/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/text.h"

/* RFC 3629, section 3. */
static unsigned int encode(unsigned int c, char *dst)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return 1;
	}
	unsigned int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (unsigned int i = n - 1; i > 0; i--, c >>= 6)
		dst[i] = (char)(0x80 | (c & 0x3f));
	dst[0] = (char)((0xf0u << (4 - n) & 0xff) | c);
	return n;
}

static void every_code_point(void **state)
{
	char text[4];

	(void)state;
	for (unsigned int c = 0; c < 0x110000; c++) {
		unsigned int got = 0, n = encode(c, text);
		if (c >= 0xd800 && c < 0xe000) {
			assert_int_equal(text_utf8(text, n, &got), 0);
			continue;
		}
		assert_int_equal(text_utf8(text, n, &got), n);
		assert_int_equal(got, c);
		for (unsigned int len = 0; len < n; len++)
			assert_int_equal(text_utf8(text, len, NULL), 0);
	}
}

/* Any four bytes: the C library's decoder must agree on what the first character is. */
static void same_as_iconv(void **state)
{
	iconv_t cd = iconv_open("UTF-32LE", "UTF-8");

	(void)state;
	assert_true(cd != (iconv_t)-1);
	srandom(1);
	for (int i = 0; i < 400000; i++) {
		unsigned char bytes[4];
		uint32_t expected = 0;
		unsigned int got = 0;
		for (int j = 0; j < 4; j++)
			bytes[j] = (unsigned char)(j && random() % 8 ? 0x80 | random() % 64
								     : random());
		unsigned int n = text_utf8((char *)bytes, 4, &got);
		char *in = (char *)bytes, *out = (char *)&expected;
		size_t in_left = 4, out_left = 4;
		iconv(cd, NULL, NULL, NULL, NULL);
		iconv(cd, &in, &in_left, &out, &out_left);
		unsigned int used = out_left ? 0 : (unsigned int)(4 - in_left);
		if (n != used || (n && got != expected))
			fail_msg("%02x %02x %02x %02x: %u of %u bytes, U+%04X, expected U+%04X",
				 bytes[0], bytes[1], bytes[2], bytes[3], n, used, got, expected);
	}
	iconv_close(cd);
}

static void escape_equals(const char *src, size_t len, size_t size, const char *expected)
{
	char dst[128];

	memset(dst, '#', sizeof(dst));
	assert_true(size < sizeof(dst));
	size_t n = text_escape(dst, size, src, len);
	assert_string_equal(dst, expected);
	assert_int_equal(n, strlen(expected));
	assert_int_equal(dst[size], '#');
}

static void escapes(void **state)
{
	(void)state;
	escape_equals("", 0, 1, "");
	escape_equals("libx.so", 7, 100, "libx.so");
	escape_equals("a\0b", 3, 100, "a\\x00b");
	escape_equals("\033[2J", 4, 100, "\\x1b[2J");
	escape_equals("gr\xc3\xbc\xc3\x9f", 6, 100, "gr\xc3\xbc\xc3\x9f");
	escape_equals("\xc3", 1, 100, "\\xc3");
	escape_equals("\xe2\x80\xae", 3, 100, "\\xe2\\x80\\xae"); /* right-to-left override */
	escape_equals("\xc2\x9b", 2, 100, "\\xc2\\x9b");	  /* CSI as one character */
	escape_equals("\xed\xa0\x80", 3, 100, "\\xed\\xa0\\x80"); /* a surrogate */
	/* Cut at a character, never in the middle. */
	escape_equals("abc", 3, 3, "ab");
	escape_equals("a\xc3\xbc", 3, 3, "a");
	escape_equals("\001", 1, 4, "");
	escape_equals("\001", 1, 5, "\\x01");
}

static void bytes_for_people(void **state)
{
	char text[32];

	(void)state;
	assert_string_equal(text_bytes(text, sizeof(text), 0), "0 B");
	assert_string_equal(text_bytes(text, sizeof(text), 1023), "1023 B");
	assert_string_equal(text_bytes(text, sizeof(text), 1024), "1.0 KiB");
	assert_string_equal(text_bytes(text, sizeof(text), 315831091), "301.2 MiB");
	assert_string_equal(text_bytes(text, sizeof(text), UINT64_MAX), "16.0 EiB");
}

static void growable(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	char *taken = NULL;

	(void)state;
	buf_add(&b, "", 0);
	assert_null(b.data);
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i);
	buf_addu(&b, UINT64_MAX);
	buf_addc(&b, '\n');
	assert_ok(buf_error(&b));
	assert_int_equal(b.len, strlen(b.data));
	assert_int_equal(b.len, 10 * 2 + 90 * 3 + 900 * 4 + 20 + 1);
	assert_string_equal(b.data + b.len - 25, "999,18446744073709551615\n");
	assert_ok(buf_take(&b, &taken));
	assert_memory_equal(taken, "0,1,2,", 6);
	free(taken);
	assert_null(b.data);
	assert_ok(buf_take(&b, &taken));
	assert_string_equal(taken, "");
	free(taken);
	buf_add_escaped(&b, "\001\002");
	assert_string_equal(b.data, "\\x01\\x02");
	buf_clear(&b);
	assert_string_equal(b.data, "");
}

static void no_room(void **state)
{
	_cleanup_buf_ struct buf b = { 0 };
	char *taken = NULL;

	(void)state;
	buf_adds(&b, "kept");
	assert_false(buf_reserve(&b, SIZE_MAX));
	buf_adds(&b, "ignored");
	assert_string_equal(b.data, "kept");
	assert_ptr_equal(buf_error(&b), &error_no_memory);
	assert_ptr_equal(buf_take(&b, &taken), &error_no_memory);
	assert_null(taken);
	buf_clear(&b);
	buf_adds(&b, "again");
	assert_ok(buf_error(&b));
	assert_string_equal(b.data, "again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point), cmocka_unit_test(same_as_iconv),
		cmocka_unit_test(escapes),	    cmocka_unit_test(bytes_for_people),
		cmocka_unit_test(growable),	    cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
