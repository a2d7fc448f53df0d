/* SPDX-License-Identifier: BSD-2-Clause */
/* Static archives against binutils: ar makes them, nm says what is in them. */
#include "tests/lib/unit.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/image/members.h"

static char folder[64];
static int nwarnings;

static void on_message(struct log *log, enum log_level level, const char *text)
{
	(void)log;
	assert_true(level == LOG_WARNING);
	assert_true(*text);
	nwarnings++;
}

static struct log sink = { .message = on_message };

/* Runs a shell command in the scratch folder. */
static void shell(const char *format, ...)
{
	char command[4096];
	va_list ap;

	int len = snprintf(command, sizeof(command), "cd '%s' && ", folder);
	va_start(ap, format);
	vsnprintf(command + len, sizeof(command) - (size_t)len, format, ap);
	va_end(ap);
	if (system(command))
		fail_msg("failed: %s", command);
}

static const char *in(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", name[0] == '/' ? "" : folder, name);
	return path;
}

static struct image_members *opens(const char *name)
{
	struct image_members *m;

	nwarnings = 0;
	assert_ok(image_members_open(in(name), name, &sink, &m));
	return m;
}

/* --- lines, to compare as multisets --- */

struct lines {
	char **items;
	size_t n, cap;
};

static void add_line(struct lines *l, const char *format, ...)
{
	char *line;
	va_list ap;

	va_start(ap, format);
	assert_true(vasprintf(&line, format, ap) >= 0);
	va_end(ap);
	assert_ok(array_grow(&l->items, &l->cap, l->n + 1, sizeof(*l->items)));
	l->items[l->n++] = line;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void compare(struct lines *ours, struct lines *theirs)
{
	if (ours->n)
		qsort(ours->items, ours->n, sizeof(char *), by_text);
	if (theirs->n)
		qsort(theirs->items, theirs->n, sizeof(char *), by_text);
	for (size_t i = 0; i < ours->n && i < theirs->n; i++)
		assert_string_equal(ours->items[i], theirs->items[i]);
	assert_int_equal(ours->n, theirs->n);
	for (size_t i = 0; i < ours->n; i++) {
		free(ours->items[i]);
		free(theirs->items[i]);
	}
	free(ours->items);
	free(theirs->items);
}

/* "member D|U|w name" of every global symbol. */
static void our_symbols(const struct image_members *m, struct lines *ret)
{
	for (size_t i = 0; i < m->nmembers; i++) {
		const struct image_member *e = &m->members[i];
		for (size_t k = 0; k < e->ndefined; k++)
			add_line(ret, "%s D %s", e->name, e->defined[k].name);
		for (size_t k = 0; k < e->nundefined; k++)
			add_line(ret, "%s %c %s", e->name,
				 e->undefined[k].bind == STB_WEAK ? 'w' : 'U',
				 e->undefined[k].name);
	}
}

/* nm -A -g -P: "x.a[member.o]: name T 0 0", or "x.a[member.o]: name U         " */
static void nm_symbols(const char *path, struct lines *ret)
{
	char command[512], line[65536];

	snprintf(command, sizeof(command), "nm -A -g -P --no-demangle '%s' 2>/dev/null", path);
	FILE *f = popen(command, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *member = strchr(line, '['), *end = member ? strstr(member, "]: ") : NULL;
		if (!end)
			continue;
		*end = '\0';
		member++;
		/* It shows where the files of a thin archive are. */
		size_t len = strlen(folder);
		if (!strncmp(member, folder, len) && member[len] == '/')
			member += len + 1;
		char *name = end + 3, *type = strchr(name, ' ');
		assert_non_null(type);
		*type++ = '\0';
		/* Common symbols are 'C'; lower case u and i are definitions too. */
		char what = *type == 'U' ? 'U' : *type == 'w' || *type == 'v' ? 'w' : 'D';
		add_line(ret, "%s %c %s", member, what, name);
	}
	pclose(f);
}

/* The symbol index says what a linker takes: "name in member.o". */
static size_t check_index(const struct image_members *m, const char *path)
{
	char command[512], line[65536];
	size_t n = 0;

	snprintf(command, sizeof(command), "nm --print-armap '%s' 2>/dev/null", path);
	FILE *f = popen(command, "re");
	assert_non_null(f);
	bool index = false;
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, " in ");
		if (!strncmp(line, "Archive index:", 14)) {
			index = true;
			continue;
		}
		if (index && line[0] == '\n')
			break;
		if (!index || !at)
			continue;
		*at = '\0';
		at[4 + strcspn(at + 4, "\n")] = '\0';
		const struct image_member *e = image_members_find(m, line);
		if (!e)
			fail_msg("%s: the index has %s, we do not", path, line);
		/* Of a name that several define, the first counts; nm prints them all. */
		bool defines = false;
		for (size_t i = 0; i < m->nmembers && !defines; i++)
			for (size_t k = 0; k < m->members[i].ndefined && !defines; k++)
				defines = !strcmp(m->members[i].name, at + 4) &&
					  !strcmp(m->members[i].defined[k].name, line);
		assert_true(defines);
		n++;
	}
	pclose(f);
	return n;
}

static void equals_nm(const char *name)
{
	struct image_members *m = opens(name);
	struct lines ours = { 0 }, theirs = { 0 };

	assert_int_equal(nwarnings, 0);
	assert_false(m->incomplete);
	our_symbols(m, &ours);
	nm_symbols(in(name), &theirs);
	compare(&ours, &theirs);
	image_members_destroy(m);
}

/* --- what there is on this machine --- */

static void test_system_archives_equal_nm(void **state)
{
	static const char *const names[] = {
		"libc.a",	    "libm-2.36.a", "libmvec.a",	   "libz.a",	   "libpthread.a",
		"libc_nonshared.a", "libelf.a",	   "libarchive.a", "libsqlite3.a", "libxxhash.a",
	};
	char path[256];
	int n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/%s", names[i]);
		if (access(path, R_OK))
			continue;
		equals_nm(path);
		n++;
	}
	FILE *f = popen("gcc -print-file-name=libstdc++.a", "re");
	if (f && fgets(path, sizeof(path), f) && path[0] == '/') {
		path[strcspn(path, "\n")] = '\0';
		equals_nm(path);
		n++;
	}
	if (f)
		pclose(f);
	if (!n)
		skip();
}

static void test_index(void **state)
{
	(void)state;
	shell("for i in 1 2 3; do echo \"int f$i(void){return 0;} int twice$i; "
	      "__attribute__((weak)) int shared(void){return $i;}\" >i$i.c; "
	      "gcc -fcommon -c i$i.c; done; ar rcs index.a i1.o i2.o i3.o");
	struct image_members *m = opens("index.a");
	assert_true(m->has_index);
	assert_int_equal(check_index(m, in("index.a")), 9);
	assert_string_equal(image_members_find(m, "shared")->name, "i1.o");
	assert_string_equal(image_members_find(m, "f3")->name, "i3.o");
	assert_null(image_members_find(m, "nothing"));
	image_members_destroy(m);
	shell("rm -f plain.a; ar rcS plain.a i1.o");
	m = opens("plain.a");
	assert_false(m->has_index);
	assert_int_equal(m->nmembers, 1);
	image_members_destroy(m);
}

/* --- the ways in which names are written --- */

static void test_kinds_of_symbols(void **state)
{
	(void)state;
	shell("cat >k.c <<'END'\n"
	      "extern int needed, maybe __attribute__((weak));\n"
	      "int common;\n"
	      "static int local = 1;\n"
	      "int *use(void) { return &needed + local + (&maybe != 0); }\n"
	      "__attribute__((weak)) int weak = 3;\n"
	      "__attribute__((visibility(\"hidden\"))) int hidden = 4;\n"
	      "_Thread_local int tls = 5;\n"
	      "static void *pick(void) { return use; }\n"
	      "void ifunc(void) __attribute__((ifunc(\"pick\")));\n"
	      "END\n"
	      "gcc -fcommon -c k.c && ar rcs k.a k.o");
	equals_nm("k.a");
	struct image_members *m = opens("k.a");
	const struct image_member *e = &m->members[0];
	assert_int_equal(m->nmembers, 1);
	assert_int_equal(e->kind, IMAGE_MEMBER_OBJECT);
	int seen = 0;
	for (size_t i = 0; i < e->ndefined; i++) {
		const struct image_member_symbol *s = &e->defined[i];
		if (!strcmp(s->name, "common") && s->common && s->size == 4)
			seen |= 1;
		if (!strcmp(s->name, "weak") && s->bind == STB_WEAK && !s->common)
			seen |= 2;
		if (!strcmp(s->name, "hidden") && s->visible == STV_HIDDEN)
			seen |= 4;
		if (!strcmp(s->name, "tls") && s->type == STT_TLS)
			seen |= 8;
		if (!strcmp(s->name, "ifunc") && s->type == STT_GNU_IFUNC)
			seen |= 16;
		assert_string_not_equal(s->name, "local");
	}
	assert_int_equal(seen, 31);
	image_members_destroy(m);
}

static void test_names(void **state)
{
	(void)state;
	shell("echo 'int a;' >a.c; gcc -c a.c; "
	      "for n in x 123456789012345 1234567890123456 "
	      "a-very-long-name-that-needs-the-table-of-names 'with blank'; "
	      "do cp a.o \"$n\"; done; rm -f n.a; "
	      "ar rcs n.a x 123456789012345 1234567890123456 "
	      "a-very-long-name-that-needs-the-table-of-names 'with blank'; "
	      "echo text >t.txt; ar rc n.a t.txt");
	struct image_members *m = opens("n.a");
	static const char *const names[] = {
		"x",
		"123456789012345",
		"1234567890123456",
		"a-very-long-name-that-needs-the-table-of-names",
		"with blank",
		"t.txt",
	};
	assert_int_equal(m->nmembers, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(m->members[i].name, names[i]);
	assert_int_equal(m->members[5].kind, IMAGE_MEMBER_OTHER);
	assert_int_equal(m->members[5].size, 5);
	assert_int_equal(nwarnings, 0);
	image_members_destroy(m);
}

static void test_thin(void **state)
{
	(void)state;
	shell("mkdir -p sub; echo 'int in_sub(void){return 0;}' >sub/s.c; gcc -c sub/s.c -o "
	      "sub/s.o; "
	      "echo 'int a(void){return 0;}' >a.c; gcc -c a.c; "
	      "echo 'int b(void); int c(void){return b();}' >c.c; gcc -c c.c; "
	      "cp c.o name-of-more-than-15-bytes.o; rm -f inner.a thin.a; "
	      "ar rcs inner.a a.o name-of-more-than-15-bytes.o; "
	      "ar rcsT thin.a sub/s.o inner.a");
	equals_nm("thin.a");
	struct image_members *m = opens("thin.a");
	assert_true(m->thin);
	assert_int_equal(m->nmembers, 3);
	assert_string_equal(image_members_find(m, "in_sub")->name, "sub/s.o");
	assert_non_null(image_members_find(m, "c"));
	assert_int_equal(image_members_find(m, "c")->nundefined, 1);
	image_members_destroy(m);
	shell("rm sub/s.o");
	m = opens("thin.a");
	assert_true(m->incomplete);
	assert_int_equal(nwarnings, 1);
	assert_int_equal(m->members[0].kind, IMAGE_MEMBER_BROKEN);
	assert_non_null(image_members_find(m, "c"));
	image_members_destroy(m);
}

/* One member as an archive of hand: name field, contents. */
static void put(struct buf *b, const char *name, const void *data, size_t len)
{
	buf_addf(b, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0644, len);
	buf_add(b, data, len);
	if (len & 1)
		buf_addc(b, '\n');
}

static void test_bsd_names(void **state)
{
	struct image_members *m;
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_adds(&b, "!<arch>\n");
	put(&b, "__.SYMDEF SORTED", "\0\0\0\0", 4);
	put(&b, "short.o", "x", 1);
	put(&b, "#1/20", "a long name.o\0\0\0\0\0\0\0text", 24);
	put(&b, "#1/13", "odd length.ooxyz", 16);
	nwarnings = 0;
	assert_ok(image_members_open_memory(b.data, b.len, "bsd.a", &sink, &m));
	assert_int_equal(m->nmembers, 3);
	assert_true(m->has_index);
	assert_string_equal(m->members[0].name, "short.o");
	assert_string_equal(m->members[1].name, "a long name.o");
	assert_int_equal(m->members[1].size, 4);
	assert_string_equal(m->members[2].name, "odd length.oo");
	assert_int_equal(m->members[2].size, 3);
	assert_int_equal(nwarnings, 0);
	image_members_destroy(m);
	buf_deinit(&b);
}

static void test_64_bit_index(void **state)
{
	struct image_members *m;
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_adds(&b, "!<arch>\n");
	put(&b, "/SYM64/", "\0\0\0\0\0\0\0\0", 8);
	put(&b, "x.o/", "data", 4);
	assert_ok(image_members_open_memory(b.data, b.len, "sym64.a", &sink, &m));
	assert_true(m->has_index);
	assert_int_equal(m->nmembers, 1);
	image_members_destroy(m);
	buf_deinit(&b);
}

static void test_intermediate_code(void **state)
{
	(void)state;
	shell("echo 'int lto(void){return 0;}' >l.c; gcc -flto -fno-fat-lto-objects -c l.c; "
	      "gcc -flto -ffat-lto-objects -c l.c -o fat.o; "
	      "printf 'BC\\300\\336xxxx' >bitcode.o; rm -f l.a; ar rcS l.a l.o fat.o bitcode.o");
	struct image_members *m = opens("l.a");
	assert_int_equal(m->nmembers, 3);
	assert_int_equal(m->members[0].kind, IMAGE_MEMBER_LTO);
	assert_int_equal(m->members[1].kind, IMAGE_MEMBER_OBJECT);
	assert_int_equal(m->members[2].kind, IMAGE_MEMBER_LTO);
	image_members_destroy(m);
}

/* --- hostile --- */

static void refuses(const char *data, size_t len, const char *message)
{
	struct image_members *m;

	assert_error(image_members_open_memory(data, len, "x.a", &sink, &m), ERROR_BAD_DATA,
		     message);
}

static void test_not_archives(void **state)
{
	struct image_members *m;

	(void)state;
	refuses("", 0, "'x.a': not a static archive");
	refuses("!<arch>", 7, "'x.a': not a static archive");
	refuses("!<arch>\nx", 9, "'x.a': truncated: a member's header is cut off");
	assert_ok(image_members_open_memory("!<arch>\n", 8, "x.a", NULL, &m));
	assert_int_equal(m->nmembers, 0);
	assert_null(image_members_find(m, "x"));
	image_members_destroy(m);
	assert_error(image_members_open("/", NULL, NULL, &m), ERROR_BAD_DATA,
		     "'/': not a regular file");
	assert_error(image_members_open("/nonexistent", NULL, NULL, &m), ERROR_OS,
		     "cannot open '/nonexistent': no such file or directory");
}

static void hostile(const char *name, const char *size, const char *data, size_t len)
{
	struct image_members *m;
	struct buf b;

	buf_init(&b);
	buf_adds(&b, "!<arch>\n");
	put(&b, "//", "long name.o/\nunended", 19);
	buf_addf(&b, "%-16s%-12d%-6d%-6d%-8o%-10s`\n", name, 0, 0, 0, 0644, size);
	buf_add(&b, data, len);
	nwarnings = 0;
	assert_ok(image_members_open_memory(b.data, b.len, "x.a", &sink, &m));
	if (!m->incomplete || !nwarnings)
		fail_msg("name '%s' size '%s' went unnoticed", name, size);
	image_members_destroy(m);
	buf_deinit(&b);
}

static void test_hostile_headers(void **state)
{
	(void)state;
	hostile("x/", "9999999999", "abc", 3);
	hostile("x/", "-1", "abc", 3);
	hostile("x/", "", "abc", 3);
	hostile("x/", "1 1", "abc", 3);
	hostile("x/", "0x10", "abc", 3);
	hostile("/99999999999999", "3", "abc", 3);
	hostile("/13", "3", "abc", 3);
	hostile("/x", "3", "abc", 3);
	hostile("#1/4", "3", "abc", 3);
	hostile("#1/99999999999", "3", "abc", 3);
	hostile("x.o/", "64", "\177ELF", 4);
	char bad[64] = "\177ELF\2\1\1";
	memset(bad + 16, 0xff, 48);
	hostile("x.o/", "64", bad, sizeof(bad));
}

/* An object is cut and changed at every byte; nothing must break. */
static void test_damaged_objects(void **state)
{
	struct image_members *m;

	(void)state;
	shell("echo 'int needed(void); int f(void){return needed();}' >d.c; gcc -c d.c; "
	      "rm -f d.a; ar rcs d.a d.o");
	FILE *f = fopen(in("d.a"), "re");
	char *data = malloc(1 << 16);
	assert_non_null(f);
	assert_non_null(data);
	size_t len = fread(data, 1, 1 << 16, f);
	fclose(f);
	for (size_t cut = 0; cut < len; cut++) {
		struct error *err = image_members_open_memory(data, cut, "d.a", NULL, &m);
		if (!err)
			image_members_destroy(m);
		error_destroy(err);
	}
	for (size_t at = 8; at < len; at++) {
		static const char values[] = { 0, 1, '9', 0x7f, (char)0x80, (char)0xff };
		char before = data[at];
		for (size_t i = 0; i < sizeof(values); i++) {
			data[at] = values[i];
			struct error *err = image_members_open_memory(data, len, "d.a", NULL, &m);
			if (!err)
				image_members_destroy(m);
			error_destroy(err);
		}
		data[at] = before;
	}
	free(data);
}

static void test_a_million_members(void **state)
{
	struct image_members *m;
	const size_t n = 1000000;
	struct buf b;

	(void)state;
	buf_init(&b);
	buf_adds(&b, "!<arch>\n");
	for (size_t i = 0; i < n; i++)
		put(&b, "x.o/", "ab", 2);
	assert_ok(buf_error(&b));
	assert_ok(image_members_open_memory(b.data, b.len, "x.a", NULL, &m));
	assert_int_equal(m->nmembers, n);
	assert_false(m->incomplete);
	image_members_destroy(m);
	buf_deinit(&b);
}

/* Headers of 60 bytes that all point to one long name. */
static void test_names_are_bounded(void **state)
{
	struct image_members *m;
	char *name = malloc(60000);
	struct buf b;

	(void)state;
	assert_non_null(name);
	memset(name, 'n', 60000);
	memcpy(name + 59998, "/\n", 2);
	buf_init(&b);
	buf_adds(&b, "!<arch>\n");
	put(&b, "//", name, 60000);
	for (size_t i = 0; i < 100000; i++)
		put(&b, "/0", "", 0);
	nwarnings = 0;
	assert_ok(image_members_open_memory(b.data, b.len, "x.a", &sink, &m));
	assert_true(m->incomplete);
	assert_int_equal(nwarnings, 1);
	assert_true(m->nmembers < 2000);
	image_members_destroy(m);
	buf_deinit(&b);
	free(name);
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test-members.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system_archives_equal_nm),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_kinds_of_symbols),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_thin),
		cmocka_unit_test(test_bsd_names),
		cmocka_unit_test(test_64_bit_index),
		cmocka_unit_test(test_intermediate_code),
		cmocka_unit_test(test_not_archives),
		cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_damaged_objects),
		cmocka_unit_test(test_a_million_members),
		cmocka_unit_test(test_names_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
