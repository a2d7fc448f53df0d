/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/log.h"

static void messages(void **state)
{
	(void)state;
	struct error *err = error_create(ERROR_BAD_DATA, "'%s': e_phoff %d", "a\033[m.so", 7);
	assert_error(err, ERROR_BAD_DATA, "'a\\x1b[m.so': e_phoff 7");

	err = error_os(ENOENT, "cannot open '%s'", "x");
	assert_int_equal(error_get_errno(err), ENOENT);
	assert_error(err, ERROR_OS, "cannot open 'x': no such file or directory");
}

static void prefixes(void **state)
{
	(void)state;
	assert_null(error_prefix(NULL, "nothing"));
	struct error *err = error_prefix(error_os(EACCES, "cannot open 'b'"), "in '%s'", "a");
	assert_int_equal(error_get_errno(err), EACCES);
	assert_error(err, ERROR_OS, "in 'a': cannot open 'b': permission denied");

	/* What must not allocate, or is no failure, stays what it is. */
	assert_ptr_equal(error_prefix(&error_no_memory, "x"), &error_no_memory);
	assert_ptr_equal(error_prefix(&error_stop, "x"), &error_stop);
	assert_error(error_prefix(&error_not_found, "'%s'", "f"), ERROR_NOT_FOUND,
		     "'f': not found");
}

static void long_messages(void **state)
{
	static char name[20000];

	(void)state;
	memset(name, '\001', sizeof(name) - 1);
	struct error *err = error_create(ERROR_OS, "%s", name);
	for (int i = 0; i < 3; i++)
		err = error_prefix(err, "%s", name);
	size_t len = strlen(error_get_message(err));
	assert_true(len > 1000 && len < 4096);
	assert_int_equal(len % 4, 0);
	error_destroy(err);
	err = error_os(ENOSPC, "%s", name);
	assert_int_equal(error_get_errno(err), ENOSPC);
	error_destroy(err);
}

static void singletons(void **state)
{
	(void)state;
	error_destroy(NULL);
	for (int i = 0; i < 2; i++) {
		error_destroy(&error_no_memory);
		error_destroy(&error_not_found);
		error_destroy(&error_stop);
	}
	assert_string_equal(error_get_message(&error_no_memory), "out of memory");
	assert_int_equal(error_get_code(&error_stop), ERROR_STOP);
}

struct sink {
	struct log log;
	char text[256];
	enum log_level level;
	bool stop;
};

static void sink_message(struct log *log, enum log_level level, const char *text)
{
	struct sink *sink = (struct sink *)log;

	sink->level = level;
	snprintf(sink->text, sizeof(sink->text), "%s", text);
}

static bool sink_stopped(struct log *log)
{
	return ((struct sink *)log)->stop;
}

static void logging(void **state)
{
	struct sink sink = { .log = { .message = sink_message, .stopped = sink_stopped } };
	struct log deaf = { 0 };

	(void)state;
	log_message(&sink.log, LOG_WARNING, "'%s' is odd", "a\nb");
	assert_string_equal(sink.text, "'a\\x0ab' is odd");
	assert_int_equal(sink.level, LOG_WARNING);
	log_error(&sink.log, LOG_ERROR, error_create(ERROR_FAULT, "bad %s", "place"));
	assert_string_equal(sink.text, "bad place");
	assert_int_equal(sink.level, LOG_ERROR);

	assert_ok(log_check_stop(&sink.log));
	sink.stop = true;
	assert_ptr_equal(log_check_stop(&sink.log), &error_stop);

	log_message(&deaf, LOG_ERROR, "nobody hears");
	log_progress(&deaf, "work", "files", 1, 2);
	assert_ok(log_check_stop(&deaf));
	assert_ok(log_check_stop(NULL));
	log_error(NULL, LOG_ERROR, error_create(ERROR_FAULT, "freed all the same"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),	 cmocka_unit_test(prefixes),
		cmocka_unit_test(long_messages), cmocka_unit_test(singletons),
		cmocka_unit_test(logging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
