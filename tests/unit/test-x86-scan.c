/* SPDX-License-Identifier: BSD-2-Clause */
/* The search against a loop that says what it means, on random bytes. */
#include "tests/lib/unit.h"

#include <elf.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/image/image.h"
#include "core/image/x86-scan.h"

enum { HEAD = 64 + 56, BASE = 0x400000, MAX_TARGETS = 12 };

struct found {
	struct x86_scan_hit *hits;
	size_t n, cap;
};

static struct error *note(const struct x86_scan_hit *hit, void *arg)
{
	struct found *f = arg;
	struct error *err = array_grow(&f->hits, &f->cap, f->n + 1, sizeof(*hit));
	if (!err)
		f->hits[f->n++] = *hit;
	return err;
}

static int by_address(const void *a, const void *b)
{
	const struct x86_scan_hit *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

static uint32_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* An ELF file of one executable segment that holds everything. */
static unsigned char *make_file(size_t size, uint64_t *seed)
{
	unsigned char *file = calloc(1, size);
	Elf64_Ehdr e = { .e_ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
			 .e_type = ET_DYN,
			 .e_machine = EM_X86_64,
			 .e_version = 1,
			 .e_phoff = 64,
			 .e_ehsize = 64,
			 .e_phentsize = 56,
			 .e_phnum = 1 };
	Elf64_Phdr p = { .p_type = PT_LOAD,
			 .p_flags = PF_R | PF_X,
			 .p_vaddr = BASE,
			 .p_filesz = size,
			 .p_memsz = size };

	for (size_t i = 0; i < size; i++)
		file[i] = random_next(seed);
	memcpy(file, &e, sizeof(e));
	memcpy(file + 64, &p, sizeof(p));
	return file;
}

/* Writes the distance to a target at a random place. */
static void plant(unsigned char *file, size_t size, uint64_t target, bool absolute, uint64_t *seed)
{
	size_t at = HEAD + random_next(seed) % (size - HEAD - 4);
	uint32_t value = absolute ? target : target - (BASE + at + 4);
	memcpy(file + at, &value, sizeof(value));
}

static void expect(struct found *want, const unsigned char *file, size_t size,
		   const uint64_t *targets, size_t n, unsigned int flags)
{
	size_t step = flags & X86_SCAN_RANGE ? 2 : 1;

	for (size_t i = 0; i + 4 <= size; i++) {
		struct x86_scan_hit hit = { .address = BASE + i };
		int32_t value;
		memcpy(&value, file + i, sizeof(value));
		uint64_t relative = hit.address + 4 + value;
		for (size_t t = 0; t + step <= n; t += step) {
			uint64_t end = step == 2 ? targets[t + 1] : targets[t] + 1;
			bool absolute = flags & X86_SCAN_ABSOLUTE && (uint32_t)value == targets[t];
			if (!absolute && (relative < targets[t] || relative >= end))
				continue;
			hit.target = absolute ? targets[t] : relative;
			assert_null(note(&hit, want));
			break;
		}
	}
}

static void compare(const struct image *image, const struct found *want, const uint64_t *targets,
		    size_t n, unsigned int flags)
{
	struct found got = { 0 };

	assert_ok(x86_scan(image, targets, n, flags, note, &got));
	if (got.n)
		qsort(got.hits, got.n, sizeof(*got.hits), by_address);
	/* With both kinds, one place may be hit twice: once for each. */
	size_t unique = 0;
	for (size_t i = 0; i < got.n; i++) {
		if (!i || got.hits[i].address != got.hits[i - 1].address)
			got.hits[unique++] = got.hits[i];
	}
	assert_int_equal(unique, want->n);
	for (size_t i = 0; i < unique; i++) {
		assert_int_equal(got.hits[i].address, want->hits[i].address);
		assert_int_equal(got.hits[i].target, want->hits[i].target);
	}
	free(got.hits);
}

static void check(size_t size, size_t n, unsigned int flags, uint64_t *seed)
{
	_cleanup_image_ struct image *image = NULL;
	uint64_t targets[MAX_TARGETS];
	struct found want = { 0 };

	unsigned char *file = make_file(size, seed);
	for (size_t i = 0; i < n; i++)
		targets[i] = BASE + random_next(seed) % size;
	for (size_t i = 0; flags & X86_SCAN_RANGE && i + 1 < n; i += 2)
		targets[i + 1] = targets[i] + 1 + random_next(seed) % 300;
	for (size_t i = 0; i < 20; i++)
		plant(file, size, targets[i % n], flags & X86_SCAN_ABSOLUTE && i & 1, seed);
	assert_ok(image_open_memory(file, size, "random", &image));
	expect(&want, file, size, targets, n, flags);
	assert_true(want.n > 0);
	compare(image, &want, targets, n, flags);
	compare(image, &want, targets, n, flags | X86_SCAN_PORTABLE);
	free(want.hits);
	free(file);
}

static void single_addresses(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t n = 1; n <= MAX_TARGETS; n++) {
		for (size_t size = 700; size < 700 + 70; size += 7)
			check(size, n, 0, &seed);
		check(300007, n, 0, &seed); /* more than one chunk */
		check(2000, n, X86_SCAN_ABSOLUTE, &seed);
	}
}

static void ranges(void **state)
{
	uint64_t seed = 2;

	(void)state;
	for (size_t n = 2; n <= MAX_TARGETS; n += 2) {
		for (size_t size = 900; size < 900 + 70; size += 7)
			check(size, n, X86_SCAN_RANGE, &seed);
		check(300007, n, X86_SCAN_RANGE, &seed);
	}
}

static struct error *stop(const struct x86_scan_hit *hit, void *arg)
{
	(void)hit;
	++*(size_t *)arg;
	return &error_stop;
}

static void stops_at_an_error(void **state)
{
	_cleanup_image_ struct image *image = NULL;
	uint64_t seed = 3, target = BASE + 500;
	size_t calls = 0;

	(void)state;
	unsigned char *file = make_file(4000, &seed);
	for (size_t i = 0; i < 10; i++)
		plant(file, 4000, target, false, &seed);
	assert_ok(image_open_memory(file, 4000, "random", &image));
	assert_ptr_equal(x86_scan(image, &target, 1, 0, stop, &calls), &error_stop);
	assert_int_equal(calls, 1);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_addresses),
		cmocka_unit_test(ranges),
		cmocka_unit_test(stops_at_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
