/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/packages.h"
#include "core/image/image.h"
#include "core/image/tree.h"

static char root[64];

static void run(const char *format, const char *a)
{
	char command[8192];
	snprintf(command, sizeof(command), format, a);
	assert_int_equal(system(command), 0);
}

/* Writes a file of the test root; its folders are made. */
static void put(const char *path, const char *text)
{
	char at[512];
	snprintf(at, sizeof(at), "%s%s", root, path);
	run("mkdir -p \"$(dirname '%s')\"", at);
	FILE *f = fopen(at, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_root(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test-packages-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	run("mkdir -p %s/usr/lib", root);
	run("ln -s usr/lib %s/lib", root);
	put("/var/lib/dpkg/status", "Package: libone\nStatus: install ok installed\n"
				    "Architecture: amd64\nVersion: 1:1.0-1\n\n"
				    "Package: multi\nArchitecture: i386\nVersion: 3\n\n"
				    "Package: multi\nArchitecture: amd64\nVersion: 4\n"
				    "Description: x\n Package: libone\n\n"
				    "Package: real\nVersion: 7\n\n"
				    "Package: diverter\nArchitecture: all\nVersion: 9");
	put("/var/lib/dpkg/info/libone.list", "/.\n/usr\n/lib/libone.so.1\n/lib/libone.so.1.0\n"
					      "/usr/bin/shared\n/usr/bin/tool\n");
	put("/var/lib/dpkg/info/multi:amd64.list", "/usr/lib/amd64/libm.so\n/usr/bin/shared");
	put("/var/lib/dpkg/info/multi:i386.list", "/usr/lib/i386/libm.so\n");
	put("/var/lib/dpkg/info/real.list", "/opt/real/libblas.so.3\n");
	put("/var/lib/dpkg/info/linker.list", "/usr/lib/libblas.so.3\n");
	put("/var/lib/dpkg/info/diverter.list", "/usr/bin/tool\n");
	put("/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.orig\ndiverter\n"
					"/usr/bin/shared\n/usr/bin/shared.mine\n:\n");
	put("/var/lib/dpkg/status.d/small", "Package: small\nVersion: 0.5\nArchitecture: arm64\n");
	put("/var/lib/dpkg/status.d/small.md5sums",
	    "0123456789abcdef0123456789abcdef  usr/lib/small/libsmall.so\n");
	put("/lib/apk/db/installed", "C:Q1\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\n"
				     "R:ld-musl-x86_64.so.1\na:0:0:755\nF:\nR:top-level-file\n\n"
				     "P:zlib\nV:1.3\nF:usr/lib\nR:libz-apk.so.1\n");
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	run("rm -rf '%s'", root);
	return 0;
}

struct expected {
	const char *path, *realpath, *name, *version, *arch, *type;
};

static const char *or_dash(const char *s)
{
	return s ? s : "-";
}

static void test_databases(void **state)
{
	(void)state;
	static const struct expected table[] = {
		/* The list says /lib, the file is asked for by either name. */
		{ "/lib/libone.so.1", "/usr/lib/libone.so.1.0", "libone", "1:1.0-1", "amd64",
		  "deb" },
		{ "/usr/lib/libone.so.1.0", NULL, "libone", "1:1.0-1", "amd64", "deb" },
		{ "/usr/lib/amd64/libm.so", NULL, "multi", "4", "amd64", "deb" },
		{ "/usr/lib/i386/libm.so", NULL, "multi", "3", "i386", "deb" },
		/* A link of one package to a file of another. */
		{ "/usr/lib/libblas.so.3", "/opt/real/libblas.so.3", "real", "7", "-", "deb" },
		{ "/usr/lib/libblas.so.3", NULL, "linker", "-", "-", "deb" },
		/* Diverted by a package: the others' file has moved. */
		{ "/usr/bin/tool", NULL, "diverter", "9", "all", "deb" },
		{ "/usr/bin/tool.orig", NULL, "libone", "1:1.0-1", "amd64", "deb" },
		/* Diverted by the administrator: nobody owns what stands there now. */
		{ "/usr/bin/shared", NULL, "-", "-", "-", "-" },
		{ "/usr/bin/shared.mine", NULL, "libone", "1:1.0-1", "amd64", "deb" },
		{ "/usr/lib/small/libsmall.so", NULL, "small", "0.5", "arm64", "deb" },
		{ "/lib/ld-musl-x86_64.so.1", NULL, "musl", "1.2.5-r0", "x86_64", "apk" },
		{ "/top-level-file", NULL, "musl", "1.2.5-r0", "x86_64", "apk" },
		{ "/usr/lib/libz-apk.so.1", NULL, "zlib", "1.3", "", "apk" },
		{ "/usr/lib/unknown.so", NULL, "-", "-", "-", "-" },
		{ "/x", NULL, "-", "-", "-", "-" },
	};
	enum { N = sizeof(table) / sizeof(*table) };
	struct package_query queries[N] = { 0 };
	struct packages *packages;
	struct tree *tree;

	for (size_t i = 0; i < N; i++) {
		queries[i].path = table[i].path;
		queries[i].realpath = table[i].realpath;
	}
	assert_null(tree_create(&tree));
	assert_null(tree_add_layer(tree, root, ""));
	assert_null(packages_create(tree, NULL, &packages));
	assert_null(packages_find(packages, queries, N));
	for (size_t i = 0; i < N; i++) {
		const struct package_info *p = &queries[i].ret;
		if (strcmp(or_dash(p->name), table[i].name) ||
		    strcmp(or_dash(p->version), table[i].version) ||
		    strcmp(or_dash(p->arch), table[i].arch) ||
		    strcmp(or_dash(p->type), table[i].type))
			fail_msg("%s: %s %s %s %s", table[i].path, p->name, p->version, p->arch,
				 p->type);
	}
	packages_destroy(packages);
	tree_destroy(tree);
}

static void test_no_database(void **state)
{
	(void)state;
	struct package_query query = { .path = "/lib/x.so" };
	struct packages *packages;

	assert_null(packages_create(NULL, NULL, &packages));
	assert_null(packages_find(packages, &query, 1));
	assert_null(query.ret.name);
	assert_null(packages_find(packages, NULL, 0));
	packages_destroy(packages);
}

static void test_metadata(void **state)
{
	(void)state;
	static const char metadata[] = "Metadata-Version: 2.1\nName: torch\r\nversion:  2.1.0 \n"
				       "\nName: not this\n";
	static const char control[] = "Package: libx\nVersion: 1-2\nArchitecture: any\n";
	struct package_info info;
	struct packages *packages;

	assert_null(packages_create(NULL, NULL, &packages));
	assert_null(packages_from_metadata(packages, metadata, strlen(metadata), "pypi", "x.whl",
					   &info));
	assert_string_equal(info.name, "torch");
	assert_string_equal(info.version, "2.1.0");
	assert_string_equal(info.type, "pypi");
	assert_string_equal(info.source, "x.whl");
	assert_null(
		packages_from_metadata(packages, control, strlen(control), "deb", "x.deb", &info));
	assert_string_equal(info.name, "libx");
	assert_string_equal(info.arch, "any");
	assert_null(packages_from_metadata(packages, "\nName: x", 8, "pypi", "x", &info));
	assert_null(info.name);
	packages_destroy(packages);
}

static void test_note(void **state)
{
	(void)state;
	struct package_info info;
	struct packages *packages;
	struct image *image;
	char path[128];

	if (system("command -v gcc >/dev/null"))
		skip();
	put("/note.s", ".section .note.package, \"a\", @note\n"
		       ".balign 4\n.long 4, 2f - 1f, 0xcafe1a7e\n.asciz \"FDO\"\n"
		       "1: .asciz \"{\\\"type\\\":\\\"rpm\\\",\\\"name\\\":\\\"bash\\\","
		       "\\\"version\\\":\\\"5.2\\\"}\"\n2: .balign 4\n");
	run("cd %s && gcc -nostdlib -shared -o note.so note.s", root);
	snprintf(path, sizeof(path), "%s/note.so", root);
	assert_null(image_open(path, NULL, &image));
	assert_null(packages_create(NULL, NULL, &packages));
	assert_null(packages_from_note(packages, image, &info));
	assert_string_equal(info.name, "bash");
	assert_string_equal(info.version, "5.2");
	assert_string_equal(info.type, "rpm");
	assert_null(info.arch);
	image_destroy(image);
	packages_destroy(packages);
}

/* The real files of 300 names of this machine belong to whom dpkg says. */
static void test_like_dpkg(void **state)
{
	(void)state;
	enum { N = 300 };
	static struct package_query queries[N];
	static char owners[N][256];
	struct packages *packages;
	struct tree *tree;
	size_t n = 0;
	char line[4096];

	if (system("command -v dpkg >/dev/null && test -s /var/lib/dpkg/status"))
		skip();
	/* dpkg knows a file by one of its two names in a merged /usr. */
	FILE *f = popen(
		"LC_ALL=C; export LC_ALL\n"
		"find /usr/bin /usr/lib -xdev -type f 2>/dev/null | sort |"
		" awk 'NR % 41 == 7' | head -n 300 >/tmp/test-packages.$$\n"
		"{ cat /tmp/test-packages.$$; sed -n 's,^/usr,,p' /tmp/test-packages.$$; } |"
		" xargs dpkg -S 2>/dev/null | grep -v '^diversion ' >/tmp/test-owners.$$\n"
		"while read -r p; do awk -v p=\"$p\" -v q=\"${p#/usr}\" -F': ' '"
		" $2 == p || $2 == q { print $2 == p, p, $1 }'"
		" /tmp/test-owners.$$ | sort -r | head -n 1 | grep . || echo \"0 $p -\"\n"
		"done </tmp/test-packages.$$; rm -f /tmp/test-packages.$$ /tmp/test-owners.$$",
		"r");
	assert_non_null(f);
	while (n < N && fgets(line, sizeof(line), f)) {
		char path[2048];
		if (sscanf(line, "%*d %2047s %255[^\n]", path, owners[n]) != 2)
			continue;
		queries[n++].path = strdup(path);
	}
	assert_int_equal(pclose(f), 0);
	assert_true(n > 50); /* a minimal system has few */
	assert_null(tree_create_host(&tree));
	assert_null(packages_create(tree, NULL, &packages));
	assert_null(packages_find(packages, queries, n));
	for (size_t i = 0; i < n; i++) {
		/* "a:amd64, b": any of several owners. */
		char want[300], got[300];
		snprintf(want, sizeof(want), " %.255s,", owners[i]);
		for (char *p = want; (p = strchr(p, ':'));)
			memmove(p, p + strcspn(p, ","), strlen(p + strcspn(p, ",")) + 1);
		snprintf(got, sizeof(got), " %s,", or_dash(queries[i].ret.name));
		if (!strstr(want, got))
			fail_msg("%s: '%s', dpkg says '%s'", queries[i].path, got, want);
		free((void *)queries[i].path);
	}
	packages_destroy(packages);
	tree_destroy(tree);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_databases, make_root, remove_root),
		cmocka_unit_test(test_no_database),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test_setup_teardown(test_note, make_root, remove_root),
		cmocka_unit_test(test_like_dpkg),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
