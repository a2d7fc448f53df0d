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

#include "analyze/ports.h"

static struct ports *open_ports(const char *map)
{
	struct ports *ports = NULL;
	struct error *err = ports_create(&map, map ? 1 : 0, &ports);
	if (err)
		fail_msg("%s", error_get_message(err));
	return ports;
}

/* A file that holds 'text'; its name stays valid until the next call. */
static const char *write_map(const char *text)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/test-ports-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

struct expected {
	const char *name, *library, *version, *relation;
};

static void check(const struct ports *ports, const struct expected *e)
{
	struct port_match m;
	ports_find(ports, e->name, &m);
	if (strcmp(m.library ? m.library : "-", e->library) ||
	    strcmp(m.version ? m.version : "-", e->version) ||
	    strcmp(port_relation_name(m.relation), e->relation))
		fail_msg("%s: %s %s %s", e->name, m.library, m.version,
			 port_relation_name(m.relation));
}

static void test_embedded_table(void **state)
{
	(void)state;
	static const struct expected table[] = {
		{ "libz.so.1", "zlib", "1.2.13", "port" },
		{ "/usr/lib/x86_64-linux-gnu/libz.so.1.2.13", "zlib", "1.2.13", "port" },
		{ "libz.so", "zlib", "1.2.13", "port" },
		{ "libz-ng.so.2", "-", "-", "none" },
		{ "libssl.so.3", "openssl", "1.1.1c", "port" },
		{ "libc.so.6", "musl", "1.2.3", "stand-in" },
		{ "libdl.so.2", "posix-libdl", "-", "core" },
		{ "libstdc++.so.6", "libcxx+libcxxabi", "14.0.6", "stand-in" },
		{ "libgcc_s.so.1", "libunwind+compiler-rt", "14.0.6", "stand-in" },
		{ "libunwind.so.8", "libunwind", "14.0.6", "stand-in" },
		{ "libunwind.so.1", "libunwind", "14.0.6", "port" },
		{ "libprotobuf.so.32", "protobuf", "3.10.0", "port" },
		{ "libpython3.11.so.1.0", "python3", "3.10.11", "port" },
		{ "python3.11", "python3", "3.10.11", "port" },
		{ "python3.11-config", "-", "-", "none" },
		{ "libsqlite3.so.0", "sqlite", "3.40.1", "port" },
		{ "libhiredis.so.0.14", "redis", "-", "port" },
		{ "libpcre2-8.so.0", "-", "-", "none" },
		{ "libopenblas.so.0", "-", "-", "none" },
		{ "libboost_regex.so.1.74.0", "boost", "1.71.0", "port" },
		{ "libboost_python311.so.1.74.0", "-", "-", "none" },
		{ "libtorch_cpu.so.1.13", "-", "-", "none" },
		{ "libz-dd453c56.so.1.2.11", "zlib", "1.2.13", "port" },
		{ "/x/numpy.libs/libgfortran-040039e1.so.5.0.0", "-", "-", "none" },
		{ "/usr/lib/python3/dist-packages/numpy/core/x.so", "python-numpy", "1.25.0",
		  "port" },
	};
	struct ports *ports = open_ports(NULL);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		check(ports, &table[i]);
	ports_destroy(ports);
}

static void test_evidence(void **state)
{
	(void)state;
	struct ports *ports = open_ports(NULL);
	struct port_match m;
	assert_true(ports_find(ports, "libopenblas.so.0", &m));
	assert_non_null(m.note);
	assert_string_equal(m.file, "unikraft-map.tsv");
	assert_true(m.line > 0);
	assert_false(ports_find(ports, "libnothing.so", &m));
	assert_null(m.file);
	/* The soname goes before the path; a file without one is known by its path. */
	assert_true(ports_find_file(ports, "libz.so.1", "/opt/libbz2.so", &m));
	assert_string_equal(m.library, "zlib");
	assert_true(ports_find_file(ports, NULL, "/opt/libbz2.so", &m));
	assert_string_equal(m.library, "bzip2");
	ports_destroy(ports);
}

static void test_user_map(void **state)
{
	(void)state;
	const char *path = write_map("# mine\n"
				     "\n"
				     "libz.so.*\tzlib@1.3.1\tport\n"
				     "libtorch*.so*\t\ttorch@1.13\tport\tours  \r\n"
				     "libxml2.so*\tlibcxx+mine@7\tstand-in\n"
				     "libc.so.6\t-\tnone\tno");
	static const struct expected table[] = {
		{ "libz.so.1", "zlib", "1.3.1", "port" },
		{ "libz.so", "zlib", "1.2.13", "port" },
		{ "libtorch_cpu.so.1.13", "torch", "1.13", "port" },
		{ "libxml2.so.2", "libcxx+mine", "14.0.6+7", "stand-in" },
		{ "libc.so.6", "-", "-", "none" },
	};
	struct ports *ports = open_ports(path);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		check(ports, &table[i]);
	struct port_match m;
	ports_find(ports, "libtorch.so", &m);
	assert_string_equal(m.note, "ours");
	assert_string_equal(m.file, path);
	assert_int_equal(m.line, 4);
	ports_destroy(ports);
	unlink(path);
}

static void test_bad_maps(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} table[] = {
		{ "a\tzlib\n", "line 1: a line is glob" },
		{ "\n# x\na\tzlib\tPort\n", "line 3: the relation is not" },
		{ "a\tnowhere\tport\n", "line 1: not in the table of libraries" },
		{ "a\t-\tport\n", "line 1: a port needs the name" },
		{ "a\tzlib\tnone\n", "line 1: the relation none has no library" },
		{ "a\t@1\tport\n", "line 1: the library has no name" },
		{ "a\t+\tport\n", "line 1: the library has no name" },
		{ "a\tzlib\tport\tnote\tmore\n", "line 1: a line is glob" },
		{ "1\t2\t3\t4\t5\t6\t7\t8\t9\n", "line 1: more fields" },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct ports *ports = NULL;
		const char *path = write_map(table[i].text);
		struct error *err = ports_create(&path, 1, &ports);
		assert_non_null(err);
		assert_null(ports);
		assert_int_equal(error_get_code(err), ERROR_BAD_DATA);
		if (!strstr(error_get_message(err), table[i].message) ||
		    !strstr(error_get_message(err), path))
			fail_msg("%s", error_get_message(err));
		error_destroy(err);
		unlink(path);
	}
	const char *missing = "/nonexistent/map";
	struct ports *ports = NULL;
	struct error *err = ports_create(&missing, 1, &ports);
	assert_int_equal(error_get_code(err), ERROR_OS);
	error_destroy(err);
}

static void test_far_versions(void **state)
{
	(void)state;
	struct port_match m = { .relation = PORT_SAME, .version = "1.1.1c" };
	assert_true(ports_version_is_far(&m, "3.0.17-1~deb12u2"));
	assert_false(ports_version_is_far(&m, "1:1.2.13.dfsg-1"));
	assert_false(ports_version_is_far(&m, "abc"));
	assert_false(ports_version_is_far(&m, NULL));
	m.version = "0.42.2";
	assert_true(ports_version_is_far(&m, "0.40"));
	assert_false(ports_version_is_far(&m, "0.42.9"));
	m.version = "commit 1234";
	assert_false(ports_version_is_far(&m, "2"));
	m.relation = PORT_STAND_IN;
	m.version = "1";
	assert_false(ports_version_is_far(&m, "2"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_embedded_table), cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_user_map),       cmocka_unit_test(test_bad_maps),
		cmocka_unit_test(test_far_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
