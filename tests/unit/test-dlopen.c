/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * samples/dlopen-forms.c, compiled here in many ways. Two judges: what the source
 * says reaches dlopen(), and what the dynamic loader reports when it runs
 * (LD_DEBUG=files): each name that was opened must be a fact of its call, or
 * some call must be open.
 */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "analyze/dlopen.h"
#include "core/base/cleanup.h"

/* Names that reach dlopen() by constants alone, and must be found as facts everywhere. */
static const char *const constant_names[] = {
	"libform-direct.so.1",	"libform-tail.so",	"libform-ternary-a.so",
	"libform-ternary-b.so", "libform-switch-0.so",	"libform-switch-1.so",
	"libform-switch-2.so",	"libform-switch-56.so", "libform-copies.so",
	"libform-ended-0.so",	"libform-ended-1.so",	"libform-ended-2.so",
	"libform-counted-0.so", "libform-counted-4.so", "libform-wrapped-0.so",
	"libform-wrapped-1.so", "libform-wrapped-2.so", "libform-twice.so",
	"libform-pointer-0.so", "libform-pointer-1.so", "libform-dlmopen.so",
	"libform-cold-0.so",	"libform-cold-1.so",	"libform-cold-2.so",
	"libform-default.so",	"libform-unfilled.so",	"libform-exported.so",
};

/* The same where the optimizer has done its part. */
static const char *const optimized_names[] = {
	"libform-indexed-0.so", "libform-indexed-2.so", "libform-struct-0.so",
	"libform-struct-2.so",	"libform-local-0.so",	"libform-local-2.so",
};

struct build {
	const char *flags;
	bool library;	/* not a program: main() is a function like any other */
	bool optimized; /* the second list is wanted as well */
	bool stripped;
	bool no_run;   /* static: the loader reports nothing */
	bool no_relro; /* tables with relocations stay writable: no facts */
};

static const struct build builds[] = {
	{ .flags = "-O0" },
	{ .flags = "-O1" },
	{ .flags = "-O2", .optimized = true },
	{ .flags = "-O3", .optimized = true },
	{ .flags = "-Os" },
	{ .flags = "-O0 -no-pie -fno-pie" },
	{ .flags = "-O2 -no-pie -fno-pie", .optimized = true },
	{ .flags = "-O2 -no-pie -fno-pie -fno-plt", .optimized = true },
	{ .flags = "-O2 -fno-plt", .optimized = true },
	{ .flags = "-O1 -fno-plt" },
	{ .flags = "-O2 -fcf-protection=full -Wl,-z,ibtplt", .optimized = true },
	{ .flags = "-O2 -Wl,-z,now", .stripped = true },
	{ .flags = "-O2 -Wl,-z,lazy", .stripped = true },
	{ .flags = "-O2 -Wl,-z,noseparate-code", .stripped = true },
	{ .flags = "-O2 -Wl,-z,norelro", .no_relro = true },
	{ .flags = "-O2 -fuse-ld=gold", .optimized = true },
	{ .flags = "-O2 -fuse-ld=lld", .optimized = true },
	{ .flags = "-O2 -fuse-ld=mold", .optimized = true },
	{ .flags = "-O2 -fPIC -shared", .library = true, .no_run = true },
	{ .flags = "-O2 -fPIC -shared -fno-plt", .library = true, .no_run = true },
	{ .flags = "-O2 -static", .no_run = true },
	{ .flags = "-O2 -static-pie -fPIE", .no_run = true },
};

struct scratch {
	char path[64];
};

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));
	snprintf(s->path, sizeof(s->path), "/tmp/uniscope-dlopen.XXXXXX");
	assert_non_null(mkdtemp(s->path));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", s->path);
	int status = system(command);
	free(s);
	return status;
}

/* Compiles; false where this machine cannot (a linker or library that is not there). */
static bool compile(const struct scratch *s, const char *compiler, const struct build *b)
{
	const char *source = getenv("SRCDIR");
	char command[1024];

	snprintf(command, sizeof(command),
		 "%s -w %s '%s/samples/dlopen-forms.c' -o '%s/out' -ldl >'%s/log' 2>&1%s%s%s",
		 compiler, b->flags, source ? source : ".", s->path, s->path,
		 b->stripped ? " && strip '" : "", b->stripped ? s->path : "",
		 b->stripped ? "/out'" : "");
	return system(command) == 0;
}

static const struct dlopen_ref *find(const struct dlopen_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->nrefs; i++) {
		if (facts->refs[i].kind <= DLOPEN_TABLE && !strcmp(facts->refs[i].name, name))
			return &facts->refs[i];
	}
	return NULL;
}

static bool has_kind(const struct dlopen_facts *facts, const char *name, enum dlopen_kind kind)
{
	for (size_t i = 0; i < facts->nrefs; i++) {
		if (facts->refs[i].kind == kind && !strcmp(facts->refs[i].name, name))
			return true;
	}
	return false;
}

static void check_names(const struct dlopen_facts *facts, const char *what,
			const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!find(facts, names[i]))
			fail_msg("%s: '%s' was not found", what, names[i]);
	}
}

/* What must never be taken for a fact, and what must be open. */
static void check_unknown(const struct dlopen_facts *facts, const char *what, const struct build *b)
{
	static const char *const never[] = { "libform-variable.so", "not-a-library.so",
					     "libform-filled.so", "libform-composed-%s.so" };

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (find(facts, never[i]))
			fail_msg("%s: '%s' is no fact", what, never[i]);
	}
	if (!has_kind(facts, "libform-variable.so", DLOPEN_CANDIDATE))
		fail_msg("%s: the variable's value is no candidate", what);
	if (!has_kind(facts, "libform-composed-%s.so", DLOPEN_PATTERN))
		fail_msg("%s: no pattern", what);
	/* variable, environment, composed, through_pointer; form_open where it is exported */
	if (facts->nopen < 4u + b->library)
		fail_msg("%s: %zu open sites", what, facts->nopen);
	if (b->optimized && !b->library && facts->nopen > 5)
		fail_msg("%s: %zu open sites", what, facts->nopen);
	assert_true(facts->imports && facts->analysed);
	assert_true(facts->self >= 1);
	if (facts->dlsym_sites < 1)
		fail_msg("%s: no dlsym", what);
}

/* "file=libform-direct.so.1 [0];  dynamically loaded by ./out [0]" */
static void check_run(const struct scratch *s, const struct dlopen_facts *facts, const char *what)
{
	char command[256], line[1024];
	size_t opened = 0;

	snprintf(command, sizeof(command),
		 "LD_DEBUG=files '%s/out' 2>&1 >/dev/null | grep 'dynamically loaded by'", s->path);
	FILE *f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *name = strstr(line, "file=");
		assert_non_null(name);
		name += 5;
		name[strcspn(name, " ")] = '\0';
		opened++;
		/* The four that cannot be known are their site's, which is open. */
		if (find(facts, name) || has_kind(facts, name, DLOPEN_CANDIDATE) ||
		    !strncmp(name, "libform-composed-", 17))
			continue;
		fail_msg("%s: '%s' was opened and is not explained", what, name);
	}
	pclose(f);
	if (opened < 30)
		fail_msg("%s: the loader saw only %zu", what, opened);
}

static void check_build(const struct scratch *s, const char *compiler, const struct build *b)
{
	_cleanup_dlopen_facts_ struct dlopen_facts *facts = NULL;
	_cleanup_image_ struct image *image = NULL;
	char what[256], path[128];

	snprintf(what, sizeof(what), "%s %s", compiler, b->flags);
	if (!compile(s, compiler, b)) {
		print_message("not built here: %s\n", what);
		return;
	}
	snprintf(path, sizeof(path), "%s/out", s->path);
	assert_ok(image_open(path, NULL, &image));
	assert_ok(dlopen_find(image, 0, NULL, 0, &facts));
	if (!b->no_relro)
		check_names(facts, what, constant_names,
			    sizeof(constant_names) / sizeof(constant_names[0]) - b->library);
	if (b->optimized)
		check_names(facts, what, optimized_names,
			    sizeof(optimized_names) / sizeof(optimized_names[0]));
	check_unknown(facts, what, b);
	if (!b->no_run)
		check_run(s, facts, what);
	print_message("%s: %zu calls, %zu constant, %zu open\n", what, facts->sites,
		      facts->constant, facts->nopen);
}

static void forms_gcc(void **state)
{
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
		check_build(*state, "gcc", &builds[i]);
}

static void forms_clang(void **state)
{
	if (system("clang --version >/dev/null 2>&1")) {
		print_message("clang is not installed\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
		check_build(*state, "clang", &builds[i]);
}

/* A caller in another file: the wrapper that one file exports is known for the next. */
static void across_files(void **state)
{
	const struct scratch *s = *state;
	const struct dlopen_wrapper known = { .symbol = "form_open", .argument = 1 };
	_cleanup_dlopen_facts_ struct dlopen_facts *facts = NULL;
	_cleanup_image_ struct image *image = NULL;
	char command[1024], path[128];

	snprintf(command, sizeof(command),
		 "echo 'void *form_open(int, const char *); void *f(void) { return "
		 "form_open(1, \"libform-across.so\"); }' | gcc -O1 -fPIC -shared -x c - -o "
		 "'%s/across.so'",
		 s->path);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/across.so", s->path);
	assert_ok(image_open(path, NULL, &image));
	assert_ok(dlopen_find(image, 0, NULL, 0, &facts));
	assert_false(facts->imports);
	assert_int_equal(facts->nrefs, 0);
	dlopen_facts_destroy(facts);
	facts = NULL;
	assert_ok(dlopen_find(image, 0, &known, 1, &facts));
	assert_non_null(find(facts, "libform-across.so"));
	assert_int_equal(facts->nopen, 0);
}

/* A library tells which of its functions pass their argument on. */
static void wrappers(void **state)
{
	const struct scratch *s = *state;
	const struct build library = { .flags = "-O2 -fPIC -shared" };
	_cleanup_dlopen_facts_ struct dlopen_facts *facts = NULL;
	_cleanup_image_ struct image *image = NULL;
	char path[128];

	assert_true(compile(s, "gcc", &library));
	snprintf(path, sizeof(path), "%s/out", s->path);
	assert_ok(image_open(path, NULL, &image));
	assert_ok(dlopen_find(image, 0, NULL, 0, &facts));
	assert_int_equal(facts->nwrappers, 1);
	assert_string_equal(facts->wrappers[0].symbol, "form_open");
	assert_int_equal(facts->wrappers[0].argument, 1);
}

/* .note.dlopen, as written by systemd's macros; the second entry is broken. */
static void notes(void **state)
{
	const struct scratch *s = *state;
	_cleanup_dlopen_facts_ struct dlopen_facts *facts = NULL;
	_cleanup_image_ struct image *image = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/note.c", s->path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("__asm__(\".pushsection .note.dlopen,\\\"a\\\",@note\\n.balign 4\\n\"\n"
	      "\".long 4, 2f-1f, 0x407c0c0a\\n.asciz \\\"FDO\\\"\\n\"\n"
	      "\"1: .asciz \\\"[{\\\\\\\"feature\\\\\\\":\\\\\\\"zstd\\\\\\\",\"\n"
	      "\"\\\\\\\"priority\\\\\\\":\\\\\\\"suggested\\\\\\\",\"\n"
	      "\"\\\\\\\"soname\\\\\\\":[\\\\\\\"libzstd.so.1\\\\\\\",\\\\\\\"libzstd.so\\\\\\\"]},"
	      "\"\n"
	      "\"{\\\\\\\"soname\\\\\\\":[17,\\\\\\\"\\\\\\\"]}]\\\"\\n2: .balign "
	      "4\\n.popsection\");\n",
	      f);
	fclose(f);
	char command[512];
	snprintf(command, sizeof(command), "gcc -shared '%s' -o '%s/note.so'", path, s->path);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/note.so", s->path);
	assert_ok(image_open(path, NULL, &image));
	assert_ok(dlopen_find(image, 0, NULL, 0, &facts));
	assert_int_equal(facts->nrefs, 2);
	assert_true(has_kind(facts, "libzstd.so.1", DLOPEN_NOTE));
	assert_true(has_kind(facts, "libzstd.so", DLOPEN_NOTE));
	assert_string_equal(facts->refs[0].how, ".note.dlopen feature zstd (suggested)");
}

static void names(void **state)
{
	(void)state;
	assert_true(dlopen_is_library_name("libz.so"));
	assert_true(dlopen_is_library_name("libz.so.1.2.3"));
	assert_true(dlopen_is_library_name("libstdc++.so.6"));
	assert_true(dlopen_is_library_name("/usr/lib/x.so"));
	assert_true(dlopen_is_library_name("libfoo-1.2.so.3d"));
	assert_false(dlopen_is_library_name("lib/x.so"));
	assert_false(dlopen_is_library_name(".so"));
	assert_false(dlopen_is_library_name("_suffix.so"));
	assert_false(dlopen_is_library_name("libz.sorry"));
	assert_false(dlopen_is_library_name("libz.so."));
	assert_false(dlopen_is_library_name("lib%s.so"));
	assert_false(dlopen_is_library_name("cannot open libz.so"));
	assert_false(dlopen_is_library_name(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),       cmocka_unit_test(forms_gcc),
		cmocka_unit_test(forms_clang), cmocka_unit_test(across_files),
		cmocka_unit_test(wrappers),    cmocka_unit_test(notes),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
