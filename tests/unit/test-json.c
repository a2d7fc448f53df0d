/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON writer and the output sinks; jansson reads what they wrote. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/json.h"

static void write_document(struct out *out, bool pretty)
{
	struct json json;

	json_init(&json, out, pretty);
	json_object_begin(&json);
	json_field(&json, "text", "a \"quoted\" \\ </script>\n");
	json_field(&json, "none", NULL);
	json_field_uint(&json, "bytes", 9007199254740993);
	json_key(&json, "list");
	json_array_begin(&json);
	json_int(&json, INT64_MIN);
	json_int(&json, 0);
	json_bool(&json, true);
	json_none(&json);
	json_array_begin(&json);
	json_array_end(&json);
	json_object_begin(&json);
	json_object_end(&json);
	json_array_end(&json);
	json_field_bool(&json, "done", false);
	json_object_end(&json);
}

static void documents(void **state)
{
	(void)state;
	for (int pretty = 0; pretty < 2; pretty++) {
		struct out out;
		json_error_t error;
		out_init_memory(&out);
		write_document(&out, pretty);
		assert_ok(out_finish(&out));
		assert_int_equal(out.buf.data[out.buf.len - 1], '\n');
		assert_ptr_equal(strstr(out.buf.data, "</"), NULL);
		json_t *got = json_loadb(out.buf.data, out.buf.len, 0, &error);
		if (!got)
			fail_msg("line %d: %s\n%s", error.line, error.text, out.buf.data);
		json_t *expected = json_pack("{s:s, s:n, s:I, s:[I, i, b, n, [], {}], s:b}", "text",
					     "a \"quoted\" \\ </script>\n", "none", "bytes",
					     (json_int_t)9007199254740993, "list",
					     (json_int_t)INT64_MIN, 0, 1, "done", 0);
		assert_true(json_equal(got, expected));
		json_decref(got);
		json_decref(expected);
		out_deinit(&out);
	}
}

static void one_line(void **state)
{
	struct out out;

	(void)state;
	out_init_memory(&out);
	write_document(&out, false);
	assert_ptr_equal(strchr(out.buf.data, '\n'), out.buf.data + out.buf.len - 1);
	out_deinit(&out);
}

/* Random bytes become valid JSON, and valid UTF-8 survives as it was. */
static void strings(void **state)
{
	(void)state;
	srandom(3);
	for (int i = 0; i < 20000; i++) {
		char bytes[24];
		struct out out;
		bool ascii = i % 2;
		size_t len = (size_t)random() % sizeof(bytes);
		for (size_t j = 0; j < len; j++)
			bytes[j] = (char)(1 + random() % (ascii ? 127 : 255));
		bytes[len] = '\0';
		out_init_memory(&out);
		json_quote(&out, bytes);
		assert_ok(out_finish(&out));
		assert_null(strpbrk(out.buf.data, "<>&\n"));
		json_t *got = json_loadb(out.buf.data, out.buf.len, JSON_DECODE_ANY, NULL);
		if (!got)
			fail_msg("not JSON: %s", out.buf.data);
		json_t *same = json_string(bytes);
		if (ascii)
			assert_non_null(same);
		if (same)
			assert_string_equal(json_string_value(got), bytes);
		json_decref(same);
		json_decref(got);
		out_deinit(&out);
	}
}

static void line_separators(void **state)
{
	struct out out;

	(void)state;
	out_init_memory(&out);
	json_quote(&out, "\xe2\x80\xa8\xe2\x80\xa9\xff");
	assert_string_equal(out.buf.data, "\"\\u2028\\u2029\xef\xbf\xbd\"");
	out_deinit(&out);
}

static void to_descriptors(void **state)
{
	char path[] = "/tmp/test-out-XXXXXX", back[16];
	struct out out;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	out_init_fd(&out, fd, path);
	for (int i = 0; i < 100000; i++)
		out_addf(&out, "line %05d\n", i);
	/* Longer than what is formatted on the stack. */
	static char wide[2001];
	memset(wide, 'w', 2000);
	out_addf(&out, "%s", wide);
	assert_ok(out_finish(&out));
	assert_int_equal(lseek(fd, 0, SEEK_END), 100000 * 11 + 2000);
	assert_int_equal(pread(fd, back, 11, 99999 * 11), 11);
	assert_memory_equal(back, "line 99999\n", 11);
	out_deinit(&out);
	close(fd);
	unlink(path);

	fd = open("/dev/full", O_WRONLY);
	if (fd >= 0) {
		out_init_fd(&out, fd, "full");
		out_adds(&out, "x");
		assert_error(out_finish(&out), ERROR_OS,
			     "cannot write 'full': no space left on device");
		out_deinit(&out);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),	  cmocka_unit_test(one_line),
		cmocka_unit_test(strings),	  cmocka_unit_test(line_separators),
		cmocka_unit_test(to_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
