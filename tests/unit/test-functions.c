/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounds and names of functions against readelf, on libraries of this machine. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "core/image/functions.h"
#include "core/image/image.h"

static const char *const libraries[] = { "libc.so.6", "libcrypto.so.3", "libstdc++.so.6",
					 "libm.so.6" };

static FILE *readelf(const char *options, const char *path)
{
	char command[512];

	snprintf(command, sizeof(command), "readelf -W %s '%s' 2>/dev/null", options, path);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	return f;
}

/* Whether another symbol or entry begins inside is not the question: the FDE decides. */
static size_t check_bounds(const char *path, const struct functions *functions)
{
	FILE *f = readelf("--debug-dump=frames", path);
	char line[512];
	size_t n = 0;

	while (fgets(line, sizeof(line), f)) {
		const char *pc = strstr(line, " FDE ") ? strstr(line, "pc=") : NULL;
		unsigned long start, end;
		struct function got;
		if (!pc || sscanf(pc, "pc=%lx..%lx", &start, &end) != 2 || start == end)
			continue;
		const uint64_t places[] = { start, start + (end - start) / 2, end - 1 };
		for (size_t i = 0; i < 3; i++) {
			assert_true(functions_find(functions, places[i], &got));
			if (got.start != start || got.end != end || got.source != FUNCTION_FDE)
				fail_msg("%s: 0x%lx: want 0x%lx to 0x%lx, got 0x%lx to 0x%lx", path,
					 (unsigned long)places[i], start, end,
					 (unsigned long)got.start, (unsigned long)got.end);
		}
		n++;
	}
	pclose(f);
	return n;
}

/* Names: of several for one address any will do, but it must be one of readelf's. */
static size_t check_names(const char *path, const struct functions *functions)
{
	FILE *f = readelf("--dyn-syms", path);
	char line[512], name[256], type[32], bind[32], index[32];
	size_t n = 0;

	while (fgets(line, sizeof(line), f) && n < 200) {
		unsigned long value, size;
		if (sscanf(line, " %*u: %lx %lu %31s %31s %*s %31s %255s", &value, &size, type,
			   bind, index, name) != 6 ||
		    strcmp(type, "FUNC") || !strcmp(index, "UND") || !size)
			continue;
		struct function_name got = { .address = value + size / 2 };
		name[strcspn(name, "@")] = '\0';
		functions_names(functions, &got, 1);
		assert_non_null(got.name);
		assert_true(got.start <= value + size / 2);
		if (strcmp(got.name, name))
			assert_true(got.start >= value); /* an alias, or one inside */
		else
			assert_int_equal(got.start, value);
		n++;
	}
	pclose(f);
	return n;
}

static void against_readelf(void **state)
{
	size_t done = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		_cleanup_image_ struct image *image = NULL;
		struct functions functions;
		char path[256];
		snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/%s", libraries[i]);
		struct error *err = image_open(path, NULL, &image);
		if (err) {
			error_destroy(err);
			continue;
		}
		functions_init(&functions, image);
		size_t bounds = check_bounds(path, &functions);
		size_t names = check_names(path, &functions);
		print_message("%s: %zu functions, %zu names\n", path, bounds, names);
		assert_true(bounds > 100 && names > 50);
		done++;
	}
	if (!done)
		skip();
}

static void without_a_table(void **state)
{
	static const unsigned char nothing[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	unsigned char file[64] = { 0 };
	_cleanup_image_ struct image *image = NULL;
	struct functions functions;
	struct function got;

	(void)state;
	memcpy(file, nothing, sizeof(nothing));
	assert_ok(image_open_memory(file, sizeof(file), "nothing", &image));
	functions_init(&functions, image);
	assert_int_equal(functions.n, 0);
	assert_false(functions_find(&functions, 0, &got));
	assert_int_equal(functions_address_of(&functions, "main"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_readelf),
		cmocka_unit_test(without_a_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
