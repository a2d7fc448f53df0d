/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/bundle.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

static const char *const folders[] = { "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib",
				       "/usr/lib" };
enum { NFOLDERS = sizeof(folders) / sizeof(*folders) };

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-bundle-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int run(const char *format, ...)
{
	char command[2048];
	va_list args;
	va_start(args, format);
	int n = snprintf(command, sizeof(command), "cd %s && ", dir);
	vsnprintf(command + n, sizeof(command) - n, format, args);
	va_end(args);
	return system(command);
}

static int remove_dir(void **state)
{
	(void)state;
	return run("cd / && rm -rf '%s'", dir);
}

static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned int next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

/* Counts what the planner warns of. */
struct counting_log {
	struct log log;
	unsigned int n;
};

static void count_message(struct log *log, enum log_level level, const char *text)
{
	(void)level;
	(void)text;
	((struct counting_log *)log)->n++;
}

static struct bundle *plan(const struct bundle_file *files, size_t n, unsigned int warnings)
{
	struct counting_log log = { .log = { .message = count_message } };
	struct bundle *b = NULL;
	struct error *err = bundle_create(files, n, folders, NFOLDERS, &log.log, &b);
	if (err)
		fail_msg("%s", error_get_message(err));
	assert_int_equal(log.n, warnings);
	return b;
}

/* "F /usr\nf /usr/x\nl /y -> usr/x\n": all lists, each in its order. */
static void check_plan(const struct bundle *b, const char *expected)
{
	struct buf text = { 0 };
	for (size_t i = 0; i < b->nfolders; i++)
		buf_addf(&text, "F %s\n", b->folders[i]);
	for (size_t i = 0; i < b->nitems; i++)
		buf_addf(&text, "f %s\n", b->items[i].target);
	for (size_t i = 0; i < b->nlinks; i++)
		buf_addf(&text, "l %s -> %s\n", b->links[i].target, b->links[i].text);
	assert_string_equal(text.data ? text.data : "", expected);
	buf_deinit(&text);
}

static void test_plan(void **state)
{
	(void)state;
	static const struct bundle_file files[] = {
		{ .path = "/srv/app/bin/prog",
		  .realpath = "/srv/app-1/bin/prog",
		  .source = "s1",
		  .found = BUNDLE_PROGRAM },
		{ .path = "/lib64/ld.so",
		  .realpath = "/usr/lib/x86_64-linux-gnu/ld.so",
		  .source = "s2",
		  .found = BUNDLE_INTERP },
		/* The loader as a library of others. */
		{ .path = "/lib/x86_64-linux-gnu/ld.so",
		  .realpath = "/usr/lib/x86_64-linux-gnu/ld.so",
		  .source = "s2",
		  .name = "ld.so",
		  .found = BUNDLE_SEARCHED },
		{ .path = "/lib/x86_64-linux-gnu/libc.so.6",
		  .realpath = "/usr/lib/x86_64-linux-gnu/libc.so.6",
		  .source = "s3",
		  .name = "libc.so.6",
		  .found = BUNDLE_SEARCHED },
		{ .path = "/srv/app/bin/../lib/libo.so.1",
		  .realpath = "/srv/app-1/lib/libo.so.1.2",
		  .source = "s4",
		  .name = "libo.so.1",
		  .found = BUNDLE_ORIGIN },
		{ .path = "/opt/r/libr.so",
		  .source = "s5",
		  .name = "libr.so",
		  .found = BUNDLE_KEPT },
		{ .path = "/opt/x/libx.so.1",
		  .realpath = "/opt/x/libx.so.1.0",
		  .source = "s6",
		  .name = "libx.so.1",
		  .found = BUNDLE_SEARCHED },
		{ .path = "/usr/lib/glibc-hwcaps/x86-64-v3/libh.so",
		  .source = "s7",
		  .name = "libh.so",
		  .found = BUNDLE_SEARCHED },
		{ .path = "/opt/x/glibc-hwcaps/x86-64-v3/libg.so",
		  .source = "s8",
		  .name = "libg.so",
		  .found = BUNDLE_SEARCHED },
	};
	struct bundle *b = plan(files, sizeof(files) / sizeof(*files), 0);
	assert_string_equal(b->program, "/srv/app/bin/prog");
	check_plan(b,
		   "F /lib\nF /lib/x86_64-linux-gnu\nF /lib64\nF /opt\nF /opt/r\nF /opt/x\n"
		   "F /opt/x/glibc-hwcaps\nF /opt/x/glibc-hwcaps/x86-64-v3\nF /srv\n"
		   "F /srv/app\nF /srv/app-1\nF /srv/app-1/bin\nF /srv/app-1/lib\n"
		   "F /srv/app/bin\nF /srv/app/lib\nF /usr\nF /usr/lib\n"
		   "F /usr/lib/glibc-hwcaps\nF /usr/lib/glibc-hwcaps/x86-64-v3\n"
		   "F /usr/lib/x86_64-linux-gnu\n"
		   "f /lib64/ld.so\nf /opt/r/libr.so\n"
		   "f /opt/x/glibc-hwcaps/x86-64-v3/libg.so\nf /opt/x/libx.so.1.0\n"
		   "f /srv/app-1/bin/prog\nf /srv/app-1/lib/libo.so.1.2\n"
		   "f /usr/lib/glibc-hwcaps/x86-64-v3/libh.so\n"
		   "f /usr/lib/x86_64-linux-gnu/libc.so.6\n"
		   "l /lib/x86_64-linux-gnu/ld.so -> ../../lib64/ld.so\n"
		   "l /lib/x86_64-linux-gnu/libc.so.6 -> ../../usr/lib/x86_64-linux-gnu/libc.so.6\n"
		   "l /lib/x86_64-linux-gnu/libg.so -> "
		   "../../opt/x/glibc-hwcaps/x86-64-v3/libg.so\n"
		   "l /lib/x86_64-linux-gnu/libo.so.1 -> ../../srv/app-1/lib/libo.so.1.2\n"
		   "l /lib/x86_64-linux-gnu/libx.so.1 -> ../../opt/x/libx.so.1.0\n"
		   "l /opt/x/libx.so.1 -> libx.so.1.0\n"
		   "l /srv/app/bin/prog -> ../../app-1/bin/prog\n"
		   "l /srv/app/lib/libo.so.1 -> ../../app-1/lib/libo.so.1.2\n"
		   "l /usr/lib/x86_64-linux-gnu/ld.so -> ../../../lib64/ld.so\n");
	bundle_destroy(b);
}

static void test_conflicts(void **state)
{
	(void)state;
	static const struct bundle_file two[] = {
		{ .path = "/lib/x86_64-linux-gnu/libx.so",
		  .source = "a",
		  .name = "libx.so",
		  .found = BUNDLE_SEARCHED },
		{ .path = "/opt/x/libx.so",
		  .source = "b",
		  .name = "libx.so",
		  .found = BUNDLE_SEARCHED },
	};
	static const char expected[] = "F /lib\nF /lib/x86_64-linux-gnu\nF /opt\nF /opt/x\n"
				       "f /lib/x86_64-linux-gnu/libx.so\nf /opt/x/libx.so\n";
	struct bundle *b = plan(two, 2, 1);
	check_plan(b, expected);
	bundle_destroy(b);

	static const struct bundle_file bad[][2] = {
		{ { .path = "relative", .source = "a" }, { .path = "/x", .source = "b" } },
		{ { .path = "/a/b", .source = "a" }, { .path = "/a/b/c", .source = "b" } },
		{ { .path = "/a/..", .source = "a" }, { .path = "/x", .source = "b" } },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct error *err = bundle_create(bad[i], 2, folders, NFOLDERS, NULL, &b);
		assert_non_null(err);
		assert_int_equal(error_get_code(err), ERROR_BAD_DATA);
		error_destroy(err);
	}
}

static void write_ok(const struct bundle *b, const char *out)
{
	struct error *err = bundle_write(b, out, 86400, NULL);
	if (err)
		fail_msg("%s", error_get_message(err));
}

static void test_write(void **state)
{
	(void)state;
	assert_int_equal(run("printf data >src && chmod 4751 src && printf x >lib"), 0);
	const struct bundle_file files[] = {
		{ .path = "/bin/prog", .realpath = "/usr/bin/prog", .source = at("src") },
		{ .path = "/opt/x/l.so", .source = at("lib"), .found = BUNDLE_SEARCHED },
	};
	struct bundle *b = plan(files, 2, 0);
	write_ok(b, at("out"));
	assert_int_equal(run("test \"$(cat out/bin/prog)\" = data"), 0);
	assert_int_equal(run("test \"$(readlink out/bin/prog)\" = ../usr/bin/prog"), 0);
	assert_int_equal(run("test \"$(stat -c %%a out/usr/bin/prog)\" = 755"), 0);
	assert_int_equal(run("test \"$(stat -c %%a out/opt/x/l.so)\" = 644"), 0);
	assert_int_equal(run("test \"$(cat out/lib/x86_64-linux-gnu/l.so)\" = x"), 0);

	/* A folder with anything in it is left alone. */
	struct error *err = bundle_write(b, at("out"), 0, NULL);
	assert_int_equal(error_get_code(err), ERROR_USAGE);
	error_destroy(err);

	/* Two archives are the same bytes; compressed ones too, and they hold the folder. */
	write_ok(b, at("a.tar"));
	write_ok(b, at("a.tar.gz"));
	assert_int_equal(run("sleep 1; touch src lib; cp a.tar b.tar; cp a.tar.gz b.tar.gz"), 0);
	write_ok(b, at("a.tar"));
	write_ok(b, at("a.tar.gz"));
	assert_int_equal(run("cmp a.tar b.tar && cmp a.tar.gz b.tar.gz"), 0);
	assert_int_equal(run("mkdir t && tar -C t -xzf a.tar.gz && diff -r --no-dereference t out"),
			 0);
	assert_int_equal(run("test \"$(tar --numeric-owner -tvf a.tar --utc | grep -c "
			     "' 0/0 .* 1970-01-02 00:00 ')\" = $(tar -tf a.tar | wc -l)"),
			 0);

	/* A source that is gone leaves no archive. */
	assert_int_equal(run("rm lib a.tar"), 0);
	err = bundle_write(b, at("a.tar"), 0, NULL);
	assert_int_equal(error_get_code(err), ERROR_OS);
	error_destroy(err);
	assert_int_equal(run("test ! -e a.tar && test -z \"$(ls | grep a.tar.[^g])\""), 0);
	bundle_destroy(b);
}

static void test_manifests(void **state)
{
	(void)state;
	const struct bundle_file files[] = {
		{ .path = "/bin/Prog x", .source = "s", .found = BUNDLE_PROGRAM },
	};
	struct bundle *b = plan(files, 1, 0), *none = plan(NULL, 0, 0);
	const struct bundle_manifest_kind *ops = bundle_manifest_find("ops");
	const struct bundle_manifest_kind *kraft = bundle_manifest_find("kraft");
	char *path = NULL;

	assert_null(bundle_manifest_find("docker"));
	assert_null(bundle_write_manifest(b, ops, at("root/"), true, &path));
	assert_string_equal(path, at("root.json"));
	assert_int_equal(run("test \"$(jq -c . root.json)\" = '{\"Program\":\"/bin/Prog x\","
			     "\"TargetRoot\":\"root\",\"MapDirs\":{\"/*\":\"/\"}}'"),
			 0);
	free(path);
	assert_null(bundle_write_manifest(b, kraft, at("root.tar"), false, &path));
	assert_string_equal(path, at("Kraftfile"));
	free(path);
	assert_int_equal(run("grep -qx 'spec: v0.6' Kraftfile && grep -qx 'name: \"prog-x\"' "
			     "Kraftfile && grep -qx 'rootfs: \"./root.tar\"' Kraftfile && "
			     "grep -qx 'cmd: \\[\"/bin/Prog x\"\\]' Kraftfile && "
			     "grep -q '^# .*position-independent' Kraftfile"),
			 0);

	struct error *err = bundle_write_manifest(b, kraft, at("root"), true, &path);
	assert_int_equal(error_get_code(err), ERROR_OS); /* it exists */
	error_destroy(err);
	err = bundle_write_manifest(b, ops, at("root.tar"), true, &path);
	assert_int_equal(error_get_code(err), ERROR_USAGE);
	error_destroy(err);
	err = bundle_write_manifest(none, ops, at("x"), true, &path);
	assert_int_equal(error_get_code(err), ERROR_USAGE);
	error_destroy(err);
	bundle_destroy(b);
	bundle_destroy(none);
}

static void test_source_date(void **state)
{
	(void)state;
	int64_t date = 7;
	unsetenv("SOURCE_DATE_EPOCH");
	assert_null(bundle_source_date(&date));
	assert_int_equal(date, 0);
	setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
	assert_null(bundle_source_date(&date));
	assert_int_equal(date, 1700000000);
	setenv("SOURCE_DATE_EPOCH", "17x", 1);
	struct error *err = bundle_source_date(&date);
	assert_int_equal(error_get_code(err), ERROR_USAGE);
	error_destroy(err);
	unsetenv("SOURCE_DATE_EPOCH");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test_setup_teardown(test_write, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_manifests, make_dir, remove_dir),
		cmocka_unit_test(test_source_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
