/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way in which programs name a library that they open at run time. None of
 * the libraries exists: what counts is the name that reaches dlopen(). Each
 * function has names of its own, so that a test can tell the forms apart.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))
#define EXPORT	 __attribute__((visibility("default")))
#define KEEP(x)	 __asm__ volatile("" : "+r"(x))

static NOINLINE void use(void *handle)
{
	KEEP(handle);
}

static NOINLINE void direct(void)
{
	use(dlopen("libform-direct.so.1", RTLD_LAZY));
}

static NOINLINE void *tail(void)
{
	return dlopen("libform-tail.so", RTLD_NOW);
}

static NOINLINE void ternary(int x)
{
	use(dlopen(x ? "libform-ternary-a.so" : "libform-ternary-b.so", RTLD_LAZY));
}

static NOINLINE void branches(int x)
{
	const char *name;

	switch (x) {
	case 0:
		name = "libform-switch-0.so";
		break;
	case 1:
		name = "libform-switch-1.so";
		puts("one");
		break;
	case 2:
		name = "libform-switch-2.so";
		putchar('\n');
		break;
	case 5:
		puts("five");
		/* fall through */
	case 6:
		name = "libform-switch-56.so";
		break;
	default:
		return;
	}
	use(dlopen(name, RTLD_LAZY));
}

static NOINLINE void copies(int x)
{
	const char *name = "libform-copies.so";
	char text[64];

	for (int i = 0; i < x; i++) {
		snprintf(text, sizeof(text), "%d", i);
		puts(text);
	}
	use(dlopen(name, RTLD_LAZY));
}

static const char *const ended[] = { "libform-ended-0.so", "libform-ended-1.so",
				     "libform-ended-2.so", NULL };

static NOINLINE void table_ended(void)
{
	for (const char *const *p = ended; *p; p++)
		use(dlopen(*p, RTLD_LAZY));
}

static const char *const counted[] = { "libform-counted-0.so", "libform-counted-1.so",
				       "libform-counted-2.so", "libform-counted-3.so",
				       "libform-counted-4.so" };

static NOINLINE void table_counted(void)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		use(dlopen(counted[i], RTLD_LAZY));
}

static NOINLINE void table_indexed(unsigned int x)
{
	static const char *const indexed[] = { "libform-indexed-0.so", "libform-indexed-1.so",
					       "libform-indexed-2.so" };
	if (x < 3)
		use(dlopen(indexed[x], RTLD_LAZY));
}

static const struct entry {
	long number;
	const char *name;
	long flags;
} entries[] = {
	{ 7, "libform-struct-0.so", RTLD_LAZY },
	{ 8, "libform-struct-1.so", RTLD_NOW },
	{ 9, "libform-struct-2.so", RTLD_LAZY },
};

static NOINLINE void table_struct(void)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		use(dlopen(entries[i].name, (int)entries[i].flags));
}

static NOINLINE void table_local(void)
{
	const char *names[] = { "libform-local-0.so", "libform-local-1.so", "libform-local-2.so" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		use(dlopen(names[i], RTLD_LAZY));
}

static NOINLINE void *load(const char *name)
{
	void *handle = dlopen(name, RTLD_LAZY);
	if (!handle)
		puts(name);
	return handle;
}

static NOINLINE void wrapped(int x)
{
	use(load("libform-wrapped-0.so"));
	if (x)
		use(load(x > 1 ? "libform-wrapped-1.so" : "libform-wrapped-2.so"));
}

static NOINLINE void *load_outer(int number, const char *other, const char *name)
{
	printf("%d %s\n", number, other);
	return load(name);
}

static NOINLINE void wrapped_twice(void)
{
	use(load_outer(3, "not-a-library.so", "libform-twice.so"));
}

static NOINLINE void pointer(void)
{
	void *(*function)(const char *, int) = dlopen;

	use(function("libform-pointer-0.so", RTLD_LAZY));
	use(function("libform-pointer-1.so", RTLD_LAZY));
}

static NOINLINE void other_space(void)
{
	use(dlmopen(LM_ID_BASE, "libform-dlmopen.so", RTLD_LAZY));
}

static NOINLINE void program(void)
{
	use(dlopen(NULL, RTLD_LAZY));
}

static __attribute__((cold, noinline)) void rare(const char *what)
{
	fputs(what, stderr);
}

static NOINLINE void cold(int x)
{
	const char *name = "libform-cold-0.so";

	if (__builtin_expect(x == 77, 0)) {
		rare("first");
		name = "libform-cold-1.so";
	}
	puts("between");
	use(dlopen(name, RTLD_LAZY));
	if (__builtin_expect(x == 78, 0)) {
		rare("second");
		use(dlopen(x > 5 ? "libform-cold-2.so" : "libform-cold-3.so", RTLD_LAZY));
	}
}

/* --- what cannot be known --- */

const char *variable_name = "libform-variable.so";

static NOINLINE void variable(void)
{
	use(dlopen(variable_name, RTLD_LAZY));
}

static NOINLINE void environment(void)
{
	const char *name = getenv("FORM_LIBRARY");
	use(dlopen(name ? name : "libform-default.so", RTLD_LAZY));
}

static NOINLINE void composed(const char *what)
{
	char name[256];

	snprintf(name, sizeof(name), "libform-composed-%s.so", what);
	use(dlopen(name, RTLD_LAZY));
}

static NOINLINE void fill(const char **name)
{
	if (getenv("FORM_LIBRARY"))
		*name = getenv("FORM_LIBRARY");
	else
		*name = "libform-filled.so";
}

static NOINLINE void through_pointer(void)
{
	const char *name = "libform-unfilled.so";

	fill(&name);
	use(dlopen(name, RTLD_LAZY));
}

EXPORT NOINLINE void *form_open(int flags, const char *name)
{
	return dlopen(name, flags);
}

int main(int argc, char **argv)
{
	direct();
	use(tail());
	for (int i = 0; i < 4; i++)
		ternary(i & 1);
	for (int i = 0; i < 8; i++)
		branches(i);
	copies(argc);
	table_ended();
	table_counted();
	for (unsigned int i = 0; i < 4; i++)
		table_indexed(i);
	table_struct();
	table_local();
	for (int i = 0; i < 3; i++)
		wrapped(i);
	wrapped_twice();
	pointer();
	other_space();
	program();
	cold(argc + 76);
	cold(argc);
	variable();
	environment();
	composed(argc > 1 ? argv[1] : "x");
	through_pointer();
	use(form_open(RTLD_LAZY, "libform-exported.so"));
	use(dlsym(RTLD_DEFAULT, "form_open"));
	return 0;
}
