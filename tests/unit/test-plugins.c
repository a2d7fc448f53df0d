/* SPDX-License-Identifier: BSD-2-Clause */
/* Plug-in folders, in a root file system that the test lays out. */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "analyze/plugins.h"
#include "core/base/buf.h"

struct scratch {
	char path[64];
	struct tree *tree;
};

static void shell(const struct scratch *s, const char *script)
{
	char command[4096];

	snprintf(command, sizeof(command), "cd '%s' && { %s; }", s->path, script);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	snprintf(s->path, sizeof(s->path), "/tmp/uniscope-plugins.XXXXXX");
	assert_non_null(mkdtemp(s->path));
	shell(s, "mkdir -p root/etc root/lib/gconv root/lib/ossl-modules root/opt/x/1.0/deep/er && "
		 "cd root && touch lib/libc.so.6 lib/libcrypto.so.3 lib/libnss_files.so.2 "
		 "lib/libnss_dns.so.2 lib/libnss_unused.so.2 lib/gconv/A.so lib/gconv/B.so "
		 "lib/gconv/gconv-modules lib/ossl-modules/legacy.so lib/libgcc_s.so.1 "
		 "opt/x/1.0/deep/one.so opt/x/1.0/deep/er/two.so opt/x/1.0/no.txt && "
		 "ln -s legacy.so lib/ossl-modules/link.so && ln -s ../.. opt/x/1.0/deep/loop && "
		 "ln -s /lib/libc.so.6 lib/gconv/absolute.so && mkdir lib/gconv/folder.so && "
		 "printf '# x: bad\\npasswd: files [NOTFOUND=return] absent\\n"
		 "hosts:\\tfiles dns # unused\\nno colon unused\\n' >etc/nsswitch.conf");
	char root[128];
	snprintf(root, sizeof(root), "%s/root", s->path);
	assert_ok(tree_create(&s->tree));
	assert_ok(tree_add_layer(s->tree, root, ""));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;
	char command[128];

	tree_destroy(s->tree);
	snprintf(command, sizeof(command), "rm -rf '%s'", s->path);
	int status = system(command);
	free(s);
	return status;
}

static struct error *list(const struct plugin *plugin, void *arg)
{
	buf_addf(arg, "%s %s\n", plugin->kind, plugin->path);
	assert_string_equal(plugin->name, strrchr(plugin->path, '/') + 1);
	assert_true(*plugin->why && *plugin->provenance);
	return NULL;
}

static void expect(const struct scratch *s, const struct plugins *plugins, const char *path,
		   const char *soname, const char *want)
{
	const struct plugins_query query = { .path = path, .soname = soname, .triplet = "t" };
	struct buf got;

	buf_init(&got);
	assert_ok(plugins_find(plugins, s->tree, &query, list, &got));
	assert_string_equal(got.data ? got.data : "", want);
	buf_deinit(&got);
}

static void builtin(void **state)
{
	const struct scratch *s = *state;
	_cleanup_plugins_ struct plugins *plugins = NULL;

	assert_ok(plugins_create(NULL, 0, &plugins));
	expect(s, plugins, "/lib/libc.so.6", "libc.so.6",
	       "nss /lib/libnss_files.so.2\nnss /lib/libnss_dns.so.2\n"
	       "gconv /lib/gconv/A.so\ngconv /lib/gconv/B.so\ngconv /lib/gconv/absolute.so\n"
	       "gcc-unwind /lib/libgcc_s.so.1\n");
	/* by soname where the file has another name; a link is no second module */
	expect(s, plugins, "/lib/other-name", "libcrypto.so.3",
	       "openssl-provider /lib/ossl-modules/legacy.so\n");
	expect(s, plugins, "/lib/libz.so.1", "libz.so.1", "");
}

static void of_the_user(void **state)
{
	const struct scratch *s = *state;
	_cleanup_plugins_ struct plugins *plugins = NULL;
	char path[128];
	const char *file = path;

	shell(s, "printf '# mine\\nx\\t*/bin/x|libx.so\\t/opt/x/[0-9]*/**\\t*.so\\ta book\\n"
		 "y\\tliby.so\\t$ORIGIN/../opt/x/1.0\\tno*\\tanother\\n' >user.tsv");
	snprintf(path, sizeof(path), "%s/user.tsv", s->path);
	assert_ok(plugins_create(&file, 1, &plugins));
	expect(s, plugins, "/usr/bin/x", NULL,
	       "x /opt/x/1.0/deep/one.so\nx /opt/x/1.0/deep/er/two.so\n");
	expect(s, plugins, "/bin/x-not", NULL, "");
	expect(s, plugins, "/lib/liby.so", NULL, "y /lib/../opt/x/1.0/no.txt\n");
}

static void bad_files(void **state)
{
	const struct scratch *s = *state;
	struct plugins *plugins = NULL;
	char path[128];
	const char *file = path;

	snprintf(path, sizeof(path), "%s/bad.tsv", s->path);
	assert_error(plugins_create(&file, 1, &plugins), ERROR_OS, NULL);
	shell(s, "printf 'a\\tb\\n' >bad.tsv");
	assert_error(plugins_create(&file, 1, &plugins), ERROR_BAD_DATA, NULL);
	shell(s, "printf 'a\\tb\\trelative\\td\\te\\n' >bad.tsv");
	assert_error(plugins_create(&file, 1, &plugins), ERROR_BAD_DATA, NULL);
	shell(s, "printf 'a\\tb\\t/c\\td\\te\\tf\\n' >bad.tsv");
	assert_error(plugins_create(&file, 1, &plugins), ERROR_BAD_DATA, NULL);
	shell(s, "printf 'a\\0b' >bad.tsv");
	assert_error(plugins_create(&file, 1, &plugins), ERROR_BAD_DATA, NULL);
	shell(s, "rm bad.tsv && mkfifo bad.tsv");
	assert_error(plugins_create(&file, 1, &plugins), ERROR_BAD_DATA, NULL);
	assert_null(plugins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builtin),
		cmocka_unit_test(of_the_user),
		cmocka_unit_test(bad_files),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
