/* SPDX-License-Identifier: BSD-2-Clause */
/* Against the examples of FIPS 180-2, and against sha256sum. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/sha256.h"

static void test_bytes(void **state)
{
	static const unsigned char abc[4] = { 0xba, 0x78, 0x16, 0xbf };
	unsigned char digest[SHA256_SIZE];

	(void)state;
	assert_null(sha256_bytes("abc", 3, digest));
	assert_memory_equal(digest, abc, sizeof(abc));
}

static void test_file(void **state)
{
	char ours[SHA256_HEX_SIZE], theirs[SHA256_HEX_SIZE] = "";

	(void)state;
	int fd = open("/proc/self/exe", O_RDONLY);
	assert_true(fd >= 0);
	assert_null(sha256_file(fd, "self", ours));
	close(fd);
	char command[64];
	snprintf(command, sizeof(command), "sha256sum /proc/%d/exe", (int)getpid());
	FILE *p = popen(command, "r");
	assert_non_null(p);
	assert_int_equal(fread(theirs, 1, 64, p), 64);
	pclose(p);
	assert_string_equal(ours, theirs);
}

static void test_folder_is_an_error(void **state)
{
	char hex[SHA256_HEX_SIZE];

	(void)state;
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	struct error *err = sha256_file(fd, "/", hex);
	assert_non_null(err);
	assert_string_equal(error_get_message(err), "cannot read '/': is a directory");
	error_destroy(err);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_folder_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
