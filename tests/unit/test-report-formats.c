/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports of made-up graphs. With arguments it is a helper of the scripts in
 * tests/reports: test-report-formats FORMAT FILES [bindings=N] [hostile]
 * [no-packages] [store=FILE] [collapse=NAME] [dot=PROGRAM] [seconds=N] writes one to
 * stdout; with FILES 0 it is run 1 of a store that exists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/out.h"
#include "reports/graph.h"
#include "reports/report.h"
#include "tests/lib/sample-graph.h"

static void ok(struct error *err)
{
	if (err)
		print_error("%s\n", error_get_message(err));
	assert_null(err);
}

static char *write_text(struct store *store, int64_t run, const char *format,
			const struct report_options *options)
{
	struct out out;
	char *text;

	out_init_memory(&out);
	ok(report_write(format, store, run, options, &out));
	ok(out_finish(&out));
	ok(buf_take(&out.buf, &text));
	return text;
}

static void test_formats_are_listed(void **state)
{
	const struct report_format *f;
	size_t n = 0;

	(void)state;
	for (; (f = report_format_at(n)); n++) {
		assert_ptr_equal(report_format_find(report_format_name(f)), f);
		assert_non_null(report_format_summary(f));
	}
	assert_true(n >= 5);
	assert_null(report_format_find("nonsense"));
	assert_string_equal(report_format_name(report_format_of_file("/a/b.jsonl")), "jsonl");
	assert_string_equal(report_format_name(report_format_of_file("b.json")), "json");
	assert_null(report_format_of_file("json"));
	assert_null(report_format_of_file(".json"));
	assert_null(report_format_of_file("a.xyz"));
}

static void test_every_format_is_the_same_twice_and_from_a_file(void **state)
{
	const struct report_options options = { .bindings = true };
	struct sample sample = { .files = 60, .bindings = 300, .hostile = true };
	struct store *memory, *file;
	int64_t run, again;
	char path[] = "/tmp/test-report-XXXXXX";

	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	ok(store_open(NULL, 0, &memory));
	ok(sample_fill(&sample, memory, &run));
	ok(store_open(path, STORE_OPEN_CREATE, &file));
	ok(sample_fill(&sample, file, &again));
	store_destroy(file);
	ok(store_open(path, STORE_OPEN_READ, &file));
	for (size_t i = 0; report_format_at(i); i++) {
		const char *format = report_format_name(report_format_at(i));
		char *a = write_text(memory, run, format, &options);
		char *b = write_text(memory, run, format, &options);
		char *c = write_text(file, again, format, &options);
		assert_string_equal(a, b);
		assert_string_equal(a, c);
		assert_true(strlen(a) > 1000);
		free(a);
		free(b);
		free(c);
	}
	store_destroy(memory);
	store_destroy(file);
	remove(path);
	close(fd);
}

static void test_wrong_uses_are_errors(void **state)
{
	struct store *store;
	struct store_run run = { .command = "dedup scan", .version = "v", .arguments = "[]" };
	struct out out;

	(void)state;
	out_init_memory(&out);
	ok(store_open(NULL, 0, &store));
	ok(store_run_begin(store, &run));
	struct error *err = report_write("nonsense", store, run.id, NULL, &out);
	assert_int_equal(error_get_code(err), ERROR_USAGE);
	error_destroy(err);
	err = report_write("json", store, run.id, NULL, &out);
	assert_int_equal(error_get_code(err), ERROR_UNSUPPORTED);
	error_destroy(err);
	err = report_write("json", store, 77, NULL, &out);
	assert_int_equal(error_get_code(err), ERROR_NOT_FOUND);
	error_destroy(err);
	assert_int_equal(out.buf.len, 0);
	out_deinit(&out);
	store_destroy(store);
}

/* --- The order of graphs --- */

struct builder {
	struct store *store;
	struct store_run run;
	uint32_t edges;
};

static void begin(struct builder *b, unsigned int files, unsigned int late)
{
	*b = (struct builder) {
		.run = { .command = "depgraph report", .version = "v", .arguments = "[]" }
	};
	ok(store_open(NULL, 0, &b->store));
	ok(store_run_begin(b->store, &b->run));
	for (uint32_t i = 1; i <= files; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/l/%c", 'a' + (int)i - 1);
		struct dep_file row = { .id = i,
					.root = i == 1,
					.loaded = i <= files - late,
					.path = path,
					.kind = "library",
					.machine = "x86_64",
					.loaded_bytes = 100,
					.cost_files = 1,
					.cost_symbols = -1,
					.open_sites = -1 };
		ok(dep_add_file(b->store, b->run.id, &row));
	}
}

static void edge(struct builder *b, char from, char to, enum dep_edge_kind kind)
{
	char name[2] = { to, '\0' };
	struct dep_edge row = { .id = ++b->edges,
				.from = (uint32_t)(from - 'a' + 1),
				.to = to == '?' ? 0 : (uint32_t)(to - 'a' + 1),
				.name = name,
				.kind = kind,
				.how = "x" };
	ok(dep_add_edge(b->store, b->run.id, &row));
}

static char letter(uint32_t file)
{
	return file == GRAPH_NONE ? '-' : (char)('a' + file);
}

static void test_dominators_parents_and_cycles(void **state)
{
	struct builder b;
	struct graph *g;
	char dominators[8] = "", parents[8] = "";

	(void)state;
	/* a -> b -> d, a -> c -> d, d -> e -> f -> e; g only by dlopen of c, and of nobody else */
	begin(&b, 7, 1);
	edge(&b, 'a', 'b', DEP_NEEDED);
	edge(&b, 'a', 'c', DEP_NEEDED);
	edge(&b, 'b', 'd', DEP_NEEDED);
	edge(&b, 'c', 'd', DEP_NEEDED);
	edge(&b, 'd', 'e', DEP_NEEDED);
	edge(&b, 'e', 'f', DEP_NEEDED);
	edge(&b, 'f', 'e', DEP_NEEDED);
	edge(&b, 'c', 'g', DEP_DLOPEN);
	/* neither changes who brings what the loader maps */
	edge(&b, 'a', 'e', DEP_CANDIDATE);
	edge(&b, 'g', 'f', DEP_NEEDED);
	ok(graph_load(b.store, b.run.id, &g));
	for (size_t i = 0; i < g->n_files; i++) {
		uint32_t parent = g->files[i].parent;
		dominators[i] = letter(g->files[i].dominator);
		parents[i] = parent == GRAPH_NONE ? '-' : letter(g->edges[parent].from);
	}
	assert_string_equal(dominators, "-aaadec");
	assert_string_equal(parents, "-aabdec");
	assert_int_equal(g->n_cycles, 6);
	assert_int_equal(g->files[4].cycle, g->files[5].cycle);
	assert_int_not_equal(g->files[4].cycle, g->files[3].cycle);
	assert_int_equal(g->files[4].depth, 3);
	graph_destroy(g);
	store_destroy(b.store);
}

static void test_tree_says_where_it_looked(void **state)
{
	const struct report_options options = { .ascii = true };
	struct builder b;

	(void)state;
	begin(&b, 3, 0);
	edge(&b, 'a', 'b', DEP_NEEDED);
	edge(&b, 'a', 'c', DEP_NEEDED);
	edge(&b, 'b', 'c', DEP_NEEDED);
	edge(&b, 'b', '?', DEP_NEEDED);
	edge(&b, 'c', 'b', DEP_DLOPEN);
	struct dep_tried tried = { .edge = 4,
				   .place = "/x/\033[31m?",
				   .source = "RUNPATH of '/l/b'",
				   .reason = "no such file" };
	ok(dep_add_tried(b.store, b.run.id, &tried));
	char *text = write_text(b.store, b.run.id, "tree", &options);
	assert_string_equal(text,
			    "/l/a  100 B  [no port known]\n"
			    "|-- b => /l/b  100 B  [no port known]\n"
			    "|   |-- c => /l/c (*)\n"
			    "|   `-- ?  not found, wanted by /l/b\n"
			    "|           tried /x/\\x1b[31m? (RUNPATH of '/l/b'): no such file\n"
			    "`-- c => /l/c  100 B  [no port known]\n"
			    "    `-- b => /l/b (*)  (dlopen: x)\n"
			    "(*) opened up elsewhere, on the shortest way to it\n"
			    "\n"
			    "3 files, 300 B loaded; 1 not found; dlopen was not looked for; no "
			    "port known for 3 of 3\n");
	free(text);
	store_destroy(b.store);
}

static void test_plugins_are_one_node(void **state)
{
	const struct report_options none = { .collapse = REPORT_COLLAPSE_NONE };
	struct builder b;

	(void)state;
	begin(&b, 20, 17);
	edge(&b, 'a', 'b', DEP_NEEDED);
	edge(&b, 'b', 'c', DEP_NEEDED);
	for (char c = 'd'; c <= 'k'; c++)
		edge(&b, 'b', c, DEP_PLUGIN);
	for (char c = 'l'; c <= 'o'; c++)
		edge(&b, 'c', c, DEP_CANDIDATE);
	/* wanted by two, or needing something: not only a plug-in */
	edge(&b, 'c', 'd', DEP_CANDIDATE);
	edge(&b, 'e', 'c', DEP_NEEDED);
	char *text = write_text(b.store, b.run.id, "dot", NULL);
	assert_non_null(strstr(text, "6 plug-ins of b\\n"));
	assert_null(strstr(text, "plug-ins of c"));
	assert_non_null(strstr(text, "the plug-ins of one file are one node"));
	free(text);
	text = write_text(b.store, b.run.id, "dot", &none);
	assert_null(strstr(text, "plug-ins of b"));
	free(text);
	store_destroy(b.store);
}

static void test_edges_to_nowhere_are_an_error(void **state)
{
	struct builder b;
	struct graph *g = NULL;

	(void)state;
	begin(&b, 2, 0);
	edge(&b, 'a', 'x', DEP_NEEDED);
	struct error *err = graph_load(b.store, b.run.id, &g);
	assert_non_null(err);
	assert_int_equal(error_get_code(err), ERROR_BAD_DATA);
	assert_null(g);
	error_destroy(err);
	store_destroy(b.store);
}

/* --- The helper of scripts --- */

static void print_log(struct log *log, enum log_level level, const char *text)
{
	(void)log;
	(void)level;
	fprintf(stderr, "log: %s\n", text);
}

static struct error *write_sample(int argc, char **argv)
{
	struct log log = { .message = print_log };
	struct report_options options = { .log = &log };
	struct sample sample = { .files = (unsigned int)strtoul(argv[2], NULL, 10) };
	struct store *store;
	struct error *err;
	struct out out;
	const char *path = NULL;
	int64_t run = 1;

	for (int i = 3; i < argc; i++) {
		if (!strncmp(argv[i], "bindings=", 9))
			sample.bindings = strtoull(argv[i] + 9, NULL, 10);
		else if (!strcmp(argv[i], "hostile"))
			sample.hostile = true;
		else if (!strcmp(argv[i], "no-packages"))
			sample.no_packages = true;
		else if (!strncmp(argv[i], "store=", 6))
			path = argv[i] + 6;
		else if (!strncmp(argv[i], "dot=", 4))
			options.dot = argv[i] + 4;
		else if (!strncmp(argv[i], "seconds=", 8))
			options.layout_seconds = (unsigned int)strtoul(argv[i] + 8, NULL, 10);
		else if (strncmp(argv[i], "collapse=", 9) ||
			 !report_collapse_find(argv[i] + 9, &options.collapse))
			return error_create(ERROR_USAGE, "what is '%s'", argv[i]);
	}
	options.bindings = sample.bindings;
	err = store_open(path, sample.files ? STORE_OPEN_CREATE : STORE_OPEN_READ, &store);
	if (err)
		return err;
	if (sample.files)
		err = sample_fill(&sample, store, &run);
	out_init_fd(&out, 1, "stdout");
	if (!err)
		err = report_write(argv[1], store, run, &options, &out);
	if (!err)
		err = out_finish(&out);
	out_deinit(&out);
	store_destroy(store);
	return err;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats_are_listed),
		cmocka_unit_test(test_every_format_is_the_same_twice_and_from_a_file),
		cmocka_unit_test(test_wrong_uses_are_errors),
		cmocka_unit_test(test_dominators_parents_and_cycles),
		cmocka_unit_test(test_tree_says_where_it_looked),
		cmocka_unit_test(test_plugins_are_one_node),
		cmocka_unit_test(test_edges_to_nowhere_are_an_error),
	};

	if (argc >= 3) {
		struct error *err = write_sample(argc, argv);
		if (err)
			fprintf(stderr, "error: %s\n", error_get_message(err));
		int code = err ? 1 : 0;
		error_destroy(err);
		return code;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
