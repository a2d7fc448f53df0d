/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/arena.h"
#include "core/base/array.h"
#include "core/base/checked.h"
#include "core/base/map.h"

struct pair {
	const char *key;
	uintptr_t value;
};

static int compare_pairs(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* Random puts, beside the C library's search tree. */
static void same_as_tsearch(void **state)
{
	struct arena arena;
	struct map map;
	void *root = NULL;
	size_t distinct = 0;

	(void)state;
	arena_init(&arena);
	map_init(&map);
	srandom(2);
	for (uintptr_t i = 1; i < 50000; i++) {
		struct pair *pair = arena_alloc(&arena, sizeof(*pair));
		assert_non_null(pair);
		pair->key = arena_printf(&arena, "symbol%ld", random() % 20000);
		pair->value = i;
		assert_ok(map_put(&map, pair->key, strlen(pair->key), (void *)i));
		struct pair **node = tsearch(pair, &root, compare_pairs);
		distinct += *node == pair;
		(*node)->value = i;
	}
	assert_int_equal(map.n, distinct);
	for (int i = 0; i < 20000; i++) {
		char key[32];
		snprintf(key, sizeof(key), "symbol%d", i);
		struct pair probe = { .key = key };
		struct pair **node = tfind(&probe, &root, compare_pairs);
		void *expected = node ? (void *)(*node)->value : NULL;
		assert_ptr_equal(map_get(&map, key, strlen(key)), expected);
	}
	while (root)
		tdelete(*(void **)root, &root, compare_pairs);
	map_deinit(&map);
	arena_deinit(&arena);
}

static void keys_are_bytes(void **state)
{
	struct map map;
	int a, b;

	(void)state;
	map_init(&map);
	assert_null(map_get(&map, "x", 1));
	assert_ok(map_put(&map, "a\0b", 3, &a));
	assert_ok(map_put(&map, "", 0, &b));
	assert_null(map_get(&map, "a", 1));
	assert_ptr_equal(map_get(&map, "a\0b", 3), &a);
	assert_ptr_equal(map_get(&map, "", 0), &b);
	assert_ok(map_put(&map, "a\0b", 3, &b));
	assert_int_equal(map.n, 2);
	assert_ptr_equal(map.entries[0].value, &b);
	assert_int_equal(map.entries[0].len, 3);
	map_deinit(&map);
}

static void arenas(void **state)
{
	struct arena arena;
	char *texts[1000];

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < 1000; i++) {
		unsigned char *block = arena_alloc(&arena, i * 7);
		assert_non_null(block);
		assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < i * 7; j++)
			assert_int_equal(block[j], 0);
		memset(block, 0xff, i * 7);
		texts[i] = arena_printf(&arena, "text %zu", i);
		assert_non_null(arena_strndup(&arena, "cut off", i % 8));
	}
	assert_non_null(arena_alloc(&arena, 1 << 20));
	assert_null(arena_alloc(&arena, SIZE_MAX - 8));
	assert_null(arena_strndup(&arena, "", SIZE_MAX));
	for (size_t i = 0; i < 1000; i++) {
		char expected[32];
		snprintf(expected, sizeof(expected), "text %zu", i);
		assert_string_equal(texts[i], expected);
	}
	arena_deinit(&arena);
	assert_string_equal(arena_strdup(&arena, "again"), "again");
	arena_deinit(&arena);
}

static void arrays(void **state)
{
	uint64_t *items = NULL;
	size_t cap = 0;

	(void)state;
	for (size_t n = 0; n < 10000; n++) {
		assert_ok(array_grow(&items, &cap, n + 1, sizeof(*items)));
		assert_true(cap > n);
		items[n] = n * n;
	}
	for (size_t n = 0; n < 10000; n++)
		assert_int_equal(items[n], n * n);
	uint64_t *same = items;
	size_t before = cap;
	assert_error(array_grow(&items, &cap, SIZE_MAX / 4, sizeof(*items)), ERROR_NO_MEMORY, NULL);
	assert_ptr_equal(items, same);
	assert_int_equal(cap, before);
	free(items);
}

static void checked(void **state)
{
	uint64_t r = 7;

	(void)state;
	assert_true(checked_add(1, 2, &r) && r == 3);
	assert_false(checked_add(UINT64_MAX, 1, &r));
	assert_int_equal(r, 3);
	assert_true(checked_mul(UINT32_MAX, UINT32_MAX, &r) && r == 0xfffffffe00000001);
	assert_false(checked_mul(1ull << 32, 1ull << 32, &r));
	assert_int_equal(r, 0xfffffffe00000001);
	assert_true(checked_range(0, 0, 0));
	assert_true(checked_range(10, 0, 10));
	assert_true(checked_range(3, 7, 10));
	assert_false(checked_range(3, 8, 10));
	assert_false(checked_range(11, 0, 10));
	assert_false(checked_range(1, UINT64_MAX, 10));
	assert_false(checked_range(UINT64_MAX, 1, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_tsearch), cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(arenas),	   cmocka_unit_test(arrays),
		cmocka_unit_test(checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
