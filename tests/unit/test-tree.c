/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

#include "core/base/buf.h"
#include "core/image/tree.h"

/* A scratch folder; every test lays out its layers below it. */
struct scratch {
	char path[256];
	struct tree *tree;
};

/* "DIR/", "FILE" or "LINK -> TARGET", with the folders above it. */
static void make(const struct scratch *s, const char *what)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", s->path, what);
	char *target = strstr(path, " -> ");
	if (target) {
		*target = '\0';
		target += 4;
	}
	for (char *p = path + strlen(s->path) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
		*p = '/';
	}
	if (target) {
		assert_int_equal(symlink(target, path), 0);
	} else if (path[strlen(path) - 1] != '/') {
		int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, what, strlen(what)), (ssize_t)strlen(what));
		close(fd);
	}
}

static void ok(struct error *err)
{
	if (err)
		fail_msg("%s", error_get_message(err));
}

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));
	char template[] = "/tmp/test-tree.XXXXXX";

	assert_non_null(s);
	assert_non_null(mkdtemp(template));
	char *real = realpath(template, NULL);
	assert_non_null(real);
	snprintf(s->path, sizeof(s->path), "%s", real);
	free(real);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;
	char command[512];

	tree_destroy(s->tree);
	snprintf(command, sizeof(command), "rm -rf '%s'", s->path);
	assert_int_equal(system(command), 0);
	free(s);
	return 0;
}

static struct error *add(struct scratch *s, const char *name)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/%s", s->path, name);
	return tree_add_layer(s->tree, folder, name);
}

static void layers(struct scratch *s, const char *a, const char *b, const char *c)
{
	const char *const names[] = { a, b, c };

	ok(tree_create(&s->tree));
	for (int i = 0; i < 3; i++)
		if (names[i])
			ok(add(s, names[i]));
}

static void finds(const struct scratch *s, const char *path, const char *layer, const char *real)
{
	struct tree_entry entry;
	char on_host[PATH_MAX];
	struct stat st;

	int errnum = tree_resolve(s->tree, path, &entry);
	if (errnum)
		fail_msg("%s: %s", path, strerror(errnum));
	assert_string_equal(entry.realpath, real);
	assert_string_equal(entry.prefix, layer);
	assert_string_equal(tree_prefix_of(s->tree, path), layer);
	snprintf(on_host, sizeof(on_host), "%s/%s%s", s->path, layer, real[1] ? real : "");
	assert_string_equal(entry.path, on_host);
	assert_int_equal(lstat(on_host, &st), 0);
	assert_int_equal(st.st_ino, entry.st.st_ino);
	assert_int_equal(st.st_dev, entry.st.st_dev);
	assert_int_equal(tree_find(s->tree, path, &entry), 0);
	assert_int_equal(st.st_ino, entry.st.st_ino);
}

static void misses(const struct scratch *s, const char *path, int errnum)
{
	struct tree_entry entry;

	int got = tree_find(s->tree, path, &entry);
	if (got != errnum)
		fail_msg("%s: %s instead of %s", path, strerror(got), strerror(errnum));
	assert_int_equal(tree_resolve(s->tree, path, &entry), errnum);
}

struct names {
	struct buf text;
	int left;
};

static bool add_name(const char *name, void *arg)
{
	struct names *names = arg;

	buf_addf(&names->text, "%s ", name);
	return --names->left != 0;
}

static void lists(const struct scratch *s, const char *path, const char *expect)
{
	struct names names = { .left = -1 };

	assert_int_equal(tree_list(s->tree, path, add_name, &names), 0);
	assert_string_equal(names.text.data ? names.text.data : "", expect);
	buf_deinit(&names.text);
}

static void test_host_is_plain_system_calls(void **state)
{
	struct scratch *s = *state;
	static const char *const paths[] = { "/usr/lib/../bin/sh", "/lib64/ld-linux-x86-64.so.2",
					     "/proc/self/exe", "/etc", "/" };

	ok(tree_create_host(&s->tree));
	assert_true(tree_is_host(s->tree));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct tree_entry entry;
		struct stat st;
		char real[PATH_MAX];

		if (stat(paths[i], &st))
			continue;
		assert_non_null(realpath(paths[i], real));
		assert_int_equal(tree_find(s->tree, paths[i], &entry), 0);
		assert_string_equal(entry.path, paths[i]);
		assert_int_equal(entry.st.st_ino, st.st_ino);
		assert_int_equal(tree_resolve(s->tree, paths[i], &entry), 0);
		assert_string_equal(entry.realpath, real);
		assert_string_equal(entry.prefix, "");
		assert_string_equal(tree_prefix_of(s->tree, paths[i]), "");
	}
	misses(s, "/nonexistent/x", ENOENT);
	misses(s, "/etc/passwd/x", ENOTDIR);
	misses(s, "", ENOENT);
}

/* The walk over the host's root as a layer must agree with the kernel. */
static void test_walk_equals_realpath(void **state)
{
	struct scratch *s = *state;
	static const char *const paths[] = {
		"/usr/lib/../bin/sh", "/lib64/ld-linux-x86-64.so.2",
		"/etc/alternatives",  "/usr/bin/awk",
		"/bin/../../../etc/", "/etc/passwd/..",
		"/nonexistent/..",    "/etc/passwd/",
		"//usr//./lib/.",     "/",
	};

	ok(tree_create(&s->tree));
	ok(tree_add_layer(s->tree, "/", ""));
	assert_false(tree_is_host(s->tree));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct tree_entry entry;
		char real[PATH_MAX];
		int errnum = realpath(paths[i], real) ? 0 : errno;

		assert_int_equal(tree_resolve(s->tree, paths[i], &entry), errnum);
		if (!errnum) {
			assert_string_equal(entry.realpath, real);
			assert_string_equal(entry.path, real);
		}
	}
}

static void test_links_stay_inside(void **state)
{
	struct scratch *s = *state;
	char target[64];

	make(s, "root/usr/lib/libc.so.6");
	make(s, "root/lib -> usr/lib");
	make(s, "root/abs -> /usr/lib/libc.so.6");
	make(s, "root/up -> ../../../../../../usr/lib/libc.so.6");
	make(s, "root/usr/deep -> ../../../../../../../lib");
	make(s, "root/out -> /outside");
	make(s, "root/out2 -> ../outside");
	make(s, "root/slash -> /");
	make(s, "outside");
	layers(s, "root", NULL, NULL);

	finds(s, "/lib/libc.so.6", "root", "/usr/lib/libc.so.6");
	finds(s, "/abs", "root", "/usr/lib/libc.so.6");
	finds(s, "/up", "root", "/usr/lib/libc.so.6");
	finds(s, "/usr/deep/libc.so.6", "root", "/usr/lib/libc.so.6");
	finds(s, "/slash/slash/slash/abs", "root", "/usr/lib/libc.so.6");
	finds(s, "/../..", "root", "/");
	finds(s, "/lib/..", "root", "/usr");
	misses(s, "/out", ENOENT);
	misses(s, "/out2", ENOENT);
	misses(s, "/../outside", ENOENT);
	misses(s, "/abs/", ENOTDIR);
	misses(s, "/abs/..", ENOTDIR);
	misses(s, "", ENOENT);

	assert_int_equal(tree_readlink(s->tree, "/slash/abs", target, sizeof(target)), 0);
	assert_string_equal(target, "/usr/lib/libc.so.6");
	assert_int_equal(tree_readlink(s->tree, "/abs", target, 18), ENAMETOOLONG);
	assert_int_equal(tree_readlink(s->tree, "/usr", target, sizeof(target)), EINVAL);
	assert_int_equal(tree_readlink(s->tree, "/nothing", target, sizeof(target)), ENOENT);
}

/* As many links as the kernel follows, and no more. */
static void test_loops_end(void **state)
{
	struct scratch *s = *state;
	char path[PATH_MAX];
	struct stat st;

	make(s, "root/a -> b");
	make(s, "root/b -> a");
	make(s, "root/self -> self/x");
	make(s, "root/l0");
	for (int i = 1; i <= 41; i++) {
		snprintf(path, sizeof(path), "root/l%d -> l%d", i, i - 1);
		make(s, path);
	}
	layers(s, "root", NULL, NULL);
	misses(s, "/a", ELOOP);
	misses(s, "/self", ELOOP);
	finds(s, "/l40", "root", "/l0");
	misses(s, "/l41", ELOOP);
	snprintf(path, sizeof(path), "%s/root/l40", s->path);
	assert_int_equal(stat(path, &st), 0);
	snprintf(path, sizeof(path), "%s/root/l41", s->path);
	assert_int_equal(stat(path, &st), -1);
}

static void test_long_names(void **state)
{
	struct scratch *s = *state;
	struct tree_entry entry;
	char path[3 * PATH_MAX];

	make(s, "root/a/");
	make(s, "root/self -> .");
	make(s, "root/grow -> self/self/self/self/self/grow");
	layers(s, "root", NULL, NULL);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[300] = '\0';
	misses(s, path, ENAMETOOLONG);
	path[300] = 'x';
	path[sizeof(path) - 1] = '\0';
	misses(s, path, ENAMETOOLONG);
	/* Just below the limit, with many components up and down. */
	for (size_t i = 0; i + 6 < PATH_MAX; i += 5)
		memcpy(path + i, "/a/..", 6);
	assert_int_equal(tree_resolve(s->tree, path, &entry), 0);
	assert_string_equal(entry.realpath, "/");
	misses(s, "/grow", ELOOP);
}

static void test_layers_merge(void **state)
{
	struct scratch *s = *state;
	struct names names = { .left = 2 };

	make(s, "low/lib/only-low");
	make(s, "low/lib/both");
	make(s, "low/lib/sub/deep");
	make(s, "low/link -> /lib/only-top");
	make(s, "top/lib/only-top");
	make(s, "top/lib/both");
	make(s, "top/back -> lib/only-low");
	layers(s, "low", "top", NULL);

	finds(s, "/lib/only-low", "low", "/lib/only-low");
	finds(s, "/lib/both", "top", "/lib/both");
	finds(s, "/lib/sub/deep", "low", "/lib/sub/deep");
	finds(s, "/link", "top", "/lib/only-top");
	finds(s, "/back", "low", "/lib/only-low");
	finds(s, "/lib/sub/../both", "top", "/lib/both");
	finds(s, "/lib/sub/..", "top", "/lib");
	lists(s, "/lib", "both only-low only-top sub ");
	lists(s, "/", "back lib link ");
	assert_int_equal(tree_list(s->tree, "/lib", add_name, &names), 0);
	assert_string_equal(names.text.data, "both only-low ");
	buf_deinit(&names.text);
	assert_int_equal(tree_list(s->tree, "/lib/both", add_name, NULL), ENOTDIR);
	assert_int_equal(tree_list(s->tree, "/nothing", add_name, NULL), ENOENT);
}

static void test_other_kinds_hide(void **state)
{
	struct scratch *s = *state;

	make(s, "outside/secret");
	make(s, "low/d/x");
	make(s, "low/e -> ../outside");
	make(s, "mid/d");
	make(s, "mid/f/y");
	make(s, "top/d/z");
	make(s, "top/e/own");
	make(s, "top/f -> d");
	layers(s, "low", "mid", "top");

	finds(s, "/d/z", "top", "/d/z");
	misses(s, "/d/x", ENOENT); /* mid's file ends low's folder */
	finds(s, "/e/own", "top", "/e/own");
	misses(s, "/e/secret", ENOENT); /* low's link is not a folder to merge with */
	lists(s, "/e", "own ");
	finds(s, "/f/z", "top", "/d/z");
	misses(s, "/f/y", ENOENT);
}

static void test_whiteouts(void **state)
{
	struct scratch *s = *state;

	make(s, "low/lib/gone");
	make(s, "low/lib/kept");
	make(s, "low/lib/again");
	make(s, "low/dir/a");
	make(s, "low/opq/a");
	make(s, "low/opq/sub/b");
	make(s, "mid/lib/.wh.gone");
	make(s, "mid/lib/.wh.again");
	make(s, "mid/.wh.dir");
	make(s, "mid/dir/new");
	make(s, "mid/opq/.wh..wh..opq");
	make(s, "mid/opq/c");
	make(s, "mid/opq/sub/d");
	make(s, "top/lib/again");
	layers(s, "low", "mid", "top");

	misses(s, "/lib/gone", ENOENT);
	finds(s, "/lib/kept", "low", "/lib/kept");
	finds(s, "/lib/again", "top", "/lib/again");
	misses(s, "/dir/a", ENOENT);
	finds(s, "/dir/new", "mid", "/dir/new");
	misses(s, "/opq/a", ENOENT);
	misses(s, "/opq/sub/b", ENOENT);
	finds(s, "/opq/sub/d", "mid", "/opq/sub/d");
	finds(s, "/lib/../opq/../lib/kept", "low", "/lib/kept");
	misses(s, "/lib/.wh.gone", ENOENT);
	misses(s, "/opq/.wh..wh..opq", ENOENT);
	lists(s, "/lib", "again kept ");
	lists(s, "/dir", "new ");
	lists(s, "/opq", "c sub ");
	lists(s, "/", "dir lib opq ");
}

static void test_opaque_root(void **state)
{
	struct scratch *s = *state;

	make(s, "low/a");
	make(s, "top/.wh..wh..opq");
	make(s, "top/b");
	layers(s, "low", "top", NULL);
	misses(s, "/a", ENOENT);
	finds(s, "/b", "top", "/b");
	lists(s, "/", "b ");
}

static void test_host_below(void **state)
{
	struct scratch *s = *state;
	struct tree_entry entry;

	make(s, "over/etc/own");
	make(s, "over/passwd -> /etc/passwd");
	ok(tree_create_host(&s->tree));
	ok(add(s, "over"));
	assert_false(tree_is_host(s->tree));
	finds(s, "/etc/own", "over", "/etc/own");
	assert_int_equal(tree_find(s->tree, "/passwd", &entry), 0);
	assert_string_equal(entry.path, "/etc/passwd");
	assert_string_equal(entry.prefix, "");
}

static void test_bad_layers(void **state)
{
	struct scratch *s = *state;

	make(s, "file");
	make(s, "dir/");
	ok(tree_create(&s->tree));
	misses(s, "/", ENOENT);
	misses(s, "/x", ENOENT);
	struct error *err = add(s, "file");
	assert_int_equal(error_get_errno(err), ENOTDIR);
	error_destroy(err);
	err = add(s, "nothing");
	assert_int_equal(error_get_errno(err), ENOENT);
	error_destroy(err);
	for (int i = 0; i < TREE_MAX_LAYERS; i++)
		ok(add(s, "dir"));
	finds(s, "/", "dir", "/");
	err = add(s, "dir");
	assert_int_equal(error_get_code(err), ERROR_NO_MEMORY);
	error_destroy(err);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_host_is_plain_system_calls),
		TEST(test_walk_equals_realpath),
		TEST(test_links_stay_inside),
		TEST(test_loops_end),
		TEST(test_long_names),
		TEST(test_layers_merge),
		TEST(test_other_kinds_hide),
		TEST(test_whiteouts),
		TEST(test_opaque_root),
		TEST(test_host_below),
		TEST(test_bad_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
