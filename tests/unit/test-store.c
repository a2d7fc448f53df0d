/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/out.h"
#include "core/store/dep.h"
#include "core/store/store-internal.h"
#include "core/store/store.h"
#include "tests/lib/sample-graph.h"

/* Each test has a folder of its own and works in it. */
static int make_folder(void **state)
{
	char *folder = strdup("/tmp/test-store-XXXXXX");

	if (!folder || !mkdtemp(folder) || chdir(folder))
		return -1;
	*state = folder;
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	int rc = chdir("/") || system(command);
	free(*state);
	return rc;
}

static void ok(struct error *err)
{
	if (err)
		print_error("%s\n", error_get_message(err));
	assert_null(err);
}

static void fails(struct error *err, enum error_code code, const char *text)
{
	assert_non_null(err);
	if (error_get_code(err) != code || !strstr(error_get_message(err), text))
		print_error("unexpected: %s\n", error_get_message(err));
	assert_int_equal(error_get_code(err), code);
	assert_non_null(strstr(error_get_message(err), text));
	error_destroy(err);
}

static struct error *print_file(const struct dep_file *r, void *arg)
{
	out_addf(arg, "file %u %u %d %d %s %s %s %s %s %s %s %s|", r->id, r->input, r->root,
		 r->loaded, r->path, r->realpath, r->soname ? r->soname : "-", r->kind, r->machine,
		 r->build_id ? r->build_id : "-", r->interp ? r->interp : "-",
		 r->sha256 ? r->sha256 : "-");
	out_addf(arg, "%s %s %s %s %s %s %s|", r->package ? r->package : "-",
		 r->package_version ? r->package_version : "-",
		 r->package_type ? r->package_type : "-", r->port ? r->port : "-",
		 r->port_version ? r->port_version : "-", r->port_relation ? r->port_relation : "-",
		 r->port_note ? r->port_note : "-");
	out_addf(arg, "%lu %lu %ld %lu %lu %ld %lu\n", r->file_bytes, r->loaded_bytes,
		 r->open_sites, r->cost_files, r->cost_bytes, r->cost_symbols, r->symbols_bound_to);
	return NULL;
}

static struct error *print_edge(const struct dep_edge *r, void *arg)
{
	out_addf(arg, "edge %u %u %u %s %s %s %lx\n", r->id, r->from, r->to, r->name,
		 dep_edge_kind_name(r->kind), r->how, r->address);
	return NULL;
}

static struct error *print_component(const struct dep_component *r, void *arg)
{
	out_addf(arg, "component %u %u %u %s %s %s %s %s\n", r->id, r->file, r->input, r->type,
		 r->name, r->version ? r->version : "-", r->purl ? r->purl : "-", r->source);
	return NULL;
}

static struct error *print_tried(const struct dep_tried *r, void *arg)
{
	out_addf(arg, "tried %u %s %s %s\n", r->edge, r->place, r->source, r->reason);
	return NULL;
}

static struct error *print_binding(const struct dep_binding *r, void *arg)
{
	out_addf(arg, "binding %u %u %s %s %d\n", r->from, r->to, r->symbol,
		 r->version ? r->version : "-", r->weak);
	return NULL;
}

static struct error *print_input(const struct store_input *r, void *arg)
{
	out_addf(arg, "input %s %s %s %s %lu\n", r->spec, r->path, r->kind,
		 r->sha256 ? r->sha256 : "-", r->bytes);
	return NULL;
}

static struct error *print_warning(const struct store_warning *r, void *arg)
{
	out_addf(arg, "warning %s %s %s\n", r->code, r->subject, r->text);
	return NULL;
}

/* Everything of a run as text, which the caller frees. */
static char *dump(struct store *store, int64_t run)
{
	struct out out;
	struct store_run info;
	char *text;

	out_init_memory(&out);
	ok(store_run_get(store, run, &info));
	out_addf(&out, "run %s %s %s %s %s\n", info.command, info.version, info.arguments,
		 info.state, info.started);
	ok(store_each_input(store, run, print_input, &out));
	ok(store_each_warning(store, run, print_warning, &out));
	ok(dep_each_file(store, run, print_file, &out));
	ok(dep_each_edge(store, run, print_edge, &out));
	ok(dep_each_tried(store, run, 0, print_tried, &out));
	ok(dep_each_component(store, run, print_component, &out));
	ok(dep_each_binding(store, run, print_binding, &out));
	ok(buf_take(&out.buf, &text));
	return text;
}

static void test_memory_and_file_hold_the_same(void **state)
{
	struct sample sample = { .files = 40, .bindings = 500, .hostile = true };
	struct store *store;
	int64_t run;

	(void)state;
	ok(store_open(NULL, 0, &store));
	assert_false(store_is_persistent(store));
	ok(sample_fill(&sample, store, &run));
	char *memory = dump(store, run);
	store_destroy(store);
	ok(store_open("x.db", STORE_OPEN_CREATE, &store));
	assert_true(store_is_persistent(store));
	ok(sample_fill(&sample, store, &run));
	store_destroy(store);
	ok(store_open("x.db", STORE_OPEN_READ, &store));
	char *file = dump(store, run);
	store_destroy(store);
	assert_string_equal(memory, file);
	assert_non_null(strstr(memory, "\nbinding "));
	assert_non_null(strstr(memory, "\ncomponent 2 0 1 odd eigen - - x.cdx.json\n"));
	assert_non_null(strstr(memory, "broken\x80"));
	free(memory);
	free(file);
}

static void test_every_column_comes_back(void **state)
{
	struct store *store;
	struct store_run run = { .command = "c", .version = "v", .arguments = "[]" };
	struct dep_file row = {
		.id = 7,
		.input = 3,
		.root = true,
		.loaded = true,
		.path = "p",
		.realpath = "r",
		.soname = "s",
		.kind = "program",
		.machine = "m",
		.file_bytes = 1,
		.loaded_bytes = UINT64_MAX,
		.build_id = "b",
		.sha256 = "h",
		.interp = "i",
		.package = "pk",
		.package_version = "pv",
		.package_type = "pt",
		.port = "po",
		.port_version = "ov",
		.port_relation = "core",
		.port_note = "n",
		.open_sites = 4,
		.cost_files = 5,
		.cost_bytes = 6,
		.cost_symbols = -1,
		.symbols_bound_to = 8,
	};

	(void)state;
	ok(store_open(NULL, 0, &store));
	ok(store_run_begin(store, &run));
	ok(dep_add_file(store, run.id, &row));
	struct out out;
	out_init_memory(&out);
	ok(dep_each_file(store, run.id, print_file, &out));
	assert_string_equal(out.buf.data,
			    "file 7 3 1 1 p r s program m b i h|pk pv pt po ov core n|"
			    "1 9223372036854775807 4 5 6 -1 8\n");
	out_deinit(&out);
	store_destroy(store);
}

static struct error *print_run(const struct store_run *r, void *arg)
{
	out_addf(arg, "%ld:%s ", r->id, r->state);
	return NULL;
}

static void test_runs_are_listed_newest_first(void **state)
{
	struct store *store;
	struct store_run run = { .command = "c", .version = "v", .arguments = "[]" };
	struct out out;

	(void)state;
	out_init_memory(&out);
	ok(store_open("x.db", STORE_OPEN_CREATE, &store));
	ok(store_run_begin(store, &run));
	ok(store_run_finish(store, run.id, "done"));
	ok(store_run_begin(store, &run));
	ok(store_each_run(store, print_run, &out));
	assert_string_equal(out.buf.data, "2:running 1:done ");
	fails(store_run_get(store, 3, &run), ERROR_NOT_FOUND, "no run 3");
	out_deinit(&out);
	store_destroy(store);
}

static void sql(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void make_store(const char *path)
{
	struct sample sample = { .files = 20, .bindings = 50 };
	struct store *store;
	int64_t run;

	ok(store_open(path, STORE_OPEN_CREATE, &store));
	ok(sample_fill(&sample, store, &run));
	store_destroy(store);
}

static void test_newer_store_is_refused(void **state)
{
	struct store *store = NULL;

	(void)state;
	make_store("x.db");
	sql("x.db", "PRAGMA user_version = 99");
	fails(store_open("x.db", STORE_OPEN_CREATE, &store), ERROR_UNSUPPORTED,
	      "written by a newer uniscope (store version 99");
	fails(store_open("x.db", STORE_OPEN_READ, &store), ERROR_UNSUPPORTED, "newer uniscope");
	sql("x.db", "PRAGMA user_version = -1");
	fails(store_open("x.db", STORE_OPEN_READ, &store), ERROR_BAD_DATA, "impossible version -1");
	assert_null(store);
}

static void test_foreign_files_are_refused(void **state)
{
	struct store *store = NULL;

	(void)state;
	sql("other.db", "PRAGMA application_id = 77; CREATE TABLE t(x)");
	fails(store_open("other.db", STORE_OPEN_CREATE, &store), ERROR_BAD_DATA,
	      "another program (application_id 0x0000004d)");
	sql("plain.db", "CREATE TABLE t(x)");
	fails(store_open("plain.db", STORE_OPEN_CREATE, &store), ERROR_BAD_DATA, "another program");
	write_file("text", "This is a letter to you, and not a database at all.\n", 51);
	fails(store_open("text", STORE_OPEN_READ, &store), ERROR_BAD_DATA, "not a database");
	fails(store_open("text", STORE_OPEN_CREATE, &store), ERROR_BAD_DATA, "not a database");
	write_file("empty", "", 0);
	fails(store_open("empty", STORE_OPEN_READ, &store), ERROR_BAD_DATA, "the file is empty");
	fails(store_open("missing.db", STORE_OPEN_READ, &store), ERROR_OS, "missing.db");
	assert_int_not_equal(access("missing.db", F_OK), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	fails(store_open("folder", STORE_OPEN_CREATE, &store), ERROR_OS, "folder");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	struct error *err = store_open("fifo", STORE_OPEN_READ, &store);
	assert_non_null(err);
	error_destroy(err);
	fails(store_open("", STORE_OPEN_CREATE, &store), ERROR_USAGE, "without a name");
	assert_null(store);
}

/* A file that says it is a store, and has a view without end where a table belongs. */
static void test_views_in_place_of_tables_are_refused(void **state)
{
	struct store *store = NULL;

	(void)state;
	make_store("x.db");
	sql("x.db", "DROP TABLE dep_file; CREATE VIEW dep_file AS WITH RECURSIVE c(x) AS"
		    " (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS run, x AS id FROM c");
	fails(store_open("x.db", STORE_OPEN_READ, &store), ERROR_BAD_DATA, "no table 'dep_file'");
	assert_null(store);
}

static struct error *ignore_file(const struct dep_file *row, void *arg)
{
	(void)row;
	(void)arg;
	return NULL;
}

static struct error *ignore_edge(const struct dep_edge *row, void *arg)
{
	(void)row;
	(void)arg;
	return NULL;
}

static struct error *ignore_binding(const struct dep_binding *row, void *arg)
{
	(void)row;
	(void)arg;
	return NULL;
}

/* Every page of a store destroyed in turn: an error or an answer, never a crash. */
static void test_damaged_store_is_an_error(void **state)
{
	static char good[1 << 20], bad[1 << 20];
	unsigned int errors = 0;

	(void)state;
	make_store("x.db");
	FILE *f = fopen("x.db", "r");
	assert_non_null(f);
	size_t len = fread(good, 1, sizeof(good), f);
	fclose(f);
	assert_in_range(len, 8192, sizeof(good) - 1);
	for (size_t at = 0; at < len; at += 512) {
		memcpy(bad, good, len);
		memset(bad + at, at & 1024 ? 0xff : 0xa5, len - at < 300 ? len - at : 300);
		write_file("bad.db", bad, len);
		struct store *store = NULL;
		struct error *err = store_open("bad.db", STORE_OPEN_READ, &store);
		if (!err)
			err = dep_each_file(store, 1, ignore_file, NULL);
		if (!err)
			err = dep_each_edge(store, 1, ignore_edge, NULL);
		if (!err)
			err = dep_each_binding(store, 1, ignore_binding, NULL);
		errors += err != NULL;
		error_destroy(err);
		store_destroy(store);
	}
	assert_in_range(errors, 3, len);
	for (size_t cut = 1; cut < len; cut += 3001) {
		write_file("bad.db", good, cut);
		struct store *store = NULL;
		struct error *err = store_open("bad.db", STORE_OPEN_READ, &store);
		if (!err)
			err = dep_each_file(store, 1, ignore_file, NULL);
		error_destroy(err);
		store_destroy(store);
	}
}

/* --- Migration --- */

static void number(struct store *store, const char *query, int64_t expect)
{
	sqlite3_stmt *stmt;
	bool more;

	ok(store_prepare(store, query, &stmt));
	ok(store_step(store, stmt, &more));
	assert_true(more);
	assert_int_equal(sqlite3_column_int64(stmt, 0), expect);
	sqlite3_finalize(stmt);
}

static void test_steps_are_taken_one_by_one(void **state)
{
	static const struct store_step steps[] = {
		{ .sql = "CREATE TABLE a(x)" },
		{ .sql = "ALTER TABLE a ADD COLUMN y DEFAULT 5" },
		{ .sql = "INSERT INTO a VALUES(9, 9); this is not sql" },
	};
	struct store store = { .writable = true };

	(void)state;
	assert_int_equal(sqlite3_open("m.db", &store.db), SQLITE_OK);
	ok(store_migrate(&store, steps, 1));
	number(&store, "PRAGMA user_version", 1);
	number(&store, "PRAGMA application_id", STORE_APPLICATION_ID);
	ok(store_exec(&store, "INSERT INTO a VALUES(1)"));
	ok(store_migrate(&store, steps, 2));
	number(&store, "PRAGMA user_version", 2);
	number(&store, "SELECT y FROM a", 5);
	/* A step that fails leaves the version before it, whole. */
	fails(store_migrate(&store, steps, 3), ERROR_BAD_DATA, "syntax error");
	number(&store, "PRAGMA user_version", 2);
	number(&store, "SELECT count(*) FROM a", 1);
	ok(store_migrate(&store, steps, 2));
	number(&store, "SELECT count(*) FROM a", 1);
	sqlite3_close(store.db);
}

/* A store as version 1 left it, with a run in it. */
static void make_old_store(const char *path)
{
	struct store store = { .writable = true, .path = (char *)path };

	assert_int_equal(sqlite3_open(path, &store.db), SQLITE_OK);
	ok(store_migrate(&store, store_steps, 1));
	ok(store_exec(&store,
		      "INSERT INTO run VALUES(1, 'depgraph report', 'v', '[]', 'done', 't');"
		      "INSERT INTO input VALUES(1, 1, 's', 'p', 'elf', NULL, 7)"));
	sqlite3_close(store.db);
}

static struct error *count_component(const struct dep_component *row, void *arg)
{
	(void)row;
	++*(unsigned int *)arg;
	return NULL;
}

static void test_older_store_is_migrated_when_written_to(void **state)
{
	const struct dep_component row = { .id = 1, .type = "library", .name = "n" };
	struct store *store;
	unsigned int components = 0;

	(void)state;
	make_old_store("old.db");
	ok(store_open("old.db", STORE_OPEN_CREATE, &store));
	number(store, "PRAGMA user_version", STORE_VERSION);
	ok(dep_add_component(store, 1, &row));
	store_destroy(store);
	ok(store_open("old.db", STORE_OPEN_READ, &store));
	ok(dep_each_component(store, 1, count_component, &components));
	assert_int_equal(components, 1);
	number(store, "SELECT count(*) FROM v1_components", 1);
	number(store, "SELECT bytes FROM v1_inputs", 7);
	store_destroy(store);
}

static void test_older_store_is_read_without_a_change(void **state)
{
	struct store *store;
	struct store_run run;
	unsigned int components = 0;
	sqlite3 *db;
	sqlite3_stmt *stmt;

	(void)state;
	make_old_store("old.db");
	ok(store_open("old.db", STORE_OPEN_READ, &store));
	ok(store_run_get(store, 1, &run));
	assert_string_equal(run.command, "depgraph report");
	ok(dep_each_component(store, 1, count_component, &components));
	assert_int_equal(components, 0);
	store_destroy(store);
	assert_int_equal(sqlite3_open("old.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), 1);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

/* --- A writer that is killed --- */

/* Rows of one batch; a batch that takes a second is shorter, and none does here. */
enum { BATCH = 8192 };

struct counts {
	uint32_t files;
	bool gap;
};

static struct error *count_file(const struct dep_file *row, void *arg)
{
	struct counts *c = arg;

	c->gap = c->gap || row->id != c->files + 1;
	c->files++;
	return NULL;
}

static void write_forever(int ready)
{
	struct store *store;
	struct store_run run = { .command = "c", .version = "v", .arguments = "[]" };

	if (store_open("k.db", STORE_OPEN_CREATE, &store) || store_run_begin(store, &run))
		_exit(1);
	for (uint32_t id = 1;; id++) {
		char path[64];
		snprintf(path, sizeof(path), "/lib/file-%u.so", id);
		struct dep_file row = { .id = id, .path = path };
		if (dep_add_file(store, run.id, &row))
			_exit(1);
		if (id == 1 && write(ready, "x", 1) != 1)
			_exit(1);
	}
}

static void kill_writer_after(unsigned int microseconds, uint32_t *files)
{
	struct store *store;
	struct store_run run;
	struct counts counts = { 0 };
	int fds[2], status;
	char c;

	unlink("k.db");
	unlink("k.db-journal");
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (!pid)
		write_forever(fds[1]);
	assert_true(pid > 0);
	assert_int_equal(read(fds[0], &c, 1), 1);
	usleep(microseconds);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	close(fds[0]);
	close(fds[1]);
	ok(store_open("k.db", STORE_OPEN_READ, &store));
	ok(store_run_get(store, 1, &run));
	assert_string_equal(run.state, "running");
	ok(dep_each_file(store, 1, count_file, &counts));
	assert_false(counts.gap);
	*files = counts.files;
	store_destroy(store);
	/* And the next writer can go on. */
	ok(store_open("k.db", STORE_OPEN_CREATE, &store));
	run = (struct store_run) { .command = "c", .version = "v", .arguments = "[]" };
	ok(store_run_begin(store, &run));
	assert_int_equal(run.id, 2);
	store_destroy(store);
}

static void test_killed_writer_leaves_a_readable_store(void **state)
{
	uint32_t files, most = 0;

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		kill_writer_after(i * i * 1500, &files);
		assert_int_equal(files % BATCH, 0);
		if (files > most)
			most = files;
	}
	assert_true(most > 0); /* complete batches are there */
}

static void test_reader_cannot_write(void **state)
{
	struct store *store;
	struct dep_file row = { .id = 99, .path = "x" };

	(void)state;
	make_store("x.db");
	ok(store_open("x.db", STORE_OPEN_READ, &store));
	fails(dep_add_file(store, 1, &row), ERROR_UNSUPPORTED, "opened to read");
	store_destroy(store);
}

static void test_bindings_of_two_runs_share_names(void **state)
{
	struct store *store;

	(void)state;
	make_store("x.db");
	ok(store_open("x.db", STORE_OPEN_READ, &store));
	sqlite3_stmt *stmt;
	bool more;
	ok(store_prepare(store, "SELECT count(*) FROM symbol", &stmt));
	ok(store_step(store, stmt, &more));
	int64_t names = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	store_destroy(store);
	make_store("x.db");
	ok(store_open("x.db", STORE_OPEN_READ, &store));
	number(store, "SELECT count(*) FROM symbol", names);
	number(store, "SELECT count(*) FROM v1_bindings", 100);
	number(store, "SELECT count(DISTINCT run) FROM v1_bindings", 2);
	store_destroy(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)
		T(test_memory_and_file_hold_the_same),
		T(test_every_column_comes_back),
		T(test_runs_are_listed_newest_first),
		T(test_newer_store_is_refused),
		T(test_foreign_files_are_refused),
		T(test_views_in_place_of_tables_are_refused),
		T(test_damaged_store_is_an_error),
		T(test_steps_are_taken_one_by_one),
		T(test_older_store_is_migrated_when_written_to),
		T(test_older_store_is_read_without_a_change),
		T(test_killed_writer_leaves_a_readable_store),
		T(test_reader_cannot_write),
		T(test_bindings_of_two_runs_share_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
