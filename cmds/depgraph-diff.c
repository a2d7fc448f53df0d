/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/depgraph-diff.h"

#include <string.h>

#include "cmds/depgraph-options.h"
#include "cmds/depgraph-run.h"

enum fail_on { FAIL_NEVER, FAIL_ADDED, FAIL_CHANGED, FAIL_ANY };
enum { MAX_SYMBOLS = 20 };

struct diff_values {
	struct graph_values graph;
	const char *sysroot_a, *sysroot_b;
	bool no_bindings;
	uint64_t max;
	unsigned int fail_on;
};

static const char *const fail_ons[] = { "never", "added", "changed", "any", NULL };
static const char *const formats[] = { "table", "json", "jsonl", "csv", NULL };

static const struct option_spec options[] = {
	{ .name = "sysroot-a",
	  .kind = OPTION_STRING,
	  .argument = "DIR",
	  .complete = COMPLETE_FOLDER,
	  .help = "as --sysroot, for A alone",
	  .offset = offsetof(struct diff_values, sysroot_a) },
	{ .name = "sysroot-b",
	  .kind = OPTION_STRING,
	  .argument = "DIR",
	  .complete = COMPLETE_FOLDER,
	  .help = "as --sysroot, for B alone",
	  .offset = offsetof(struct diff_values, sysroot_b) },
	{ .name = "no-bindings",
	  .kind = OPTION_FLAG,
	  .help = "do not compare symbols: faster",
	  .offset = offsetof(struct diff_values, no_bindings) },
	{ .name = "max",
	  .kind = OPTION_UINT,
	  .argument = "N",
	  .min = 1,
	  .max = UINT32_MAX,
	  .help = "table: show at most N symbols (20)",
	  .offset = offsetof(struct diff_values, max) },
	{ .name = "fail-on",
	  .kind = OPTION_CHOICE,
	  .argument = "WHAT",
	  .choices = fail_ons,
	  .help = "exit with 3 for such a difference",
	  .offset = offsetof(struct diff_values, fail_on) },
	GRAPH_OPTIONS(struct diff_values, graph),
	{ 0 },
};

static struct error *write_outputs(struct command_context *ctx, const struct diff_answer *answer)
{
	for (size_t i = 0; i < ctx->common.noutputs; i++) {
		const struct output_request *request = &ctx->common.outputs[i];
		_cleanup_output_ struct output output = { 0 };
		struct error *err = output_open(ctx, request, &output);
		if (err)
			return err;
		if (!strcmp(request->format, "json"))
			err = diff_write_json(answer, &output.out);
		else if (!strcmp(request->format, "jsonl"))
			err = diff_write_jsonl(answer, &output.out);
		else if (!strcmp(request->format, "csv"))
			err = diff_write_csv(answer, &output.out);
		else
			err = diff_write_table(answer, &output);
		if (!err)
			err = output_finish(&output);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *verdict(const struct diff *d, unsigned int fail_on)
{
	size_t added = d->file_counts.added + d->symbol_counts.added + d->missing_counts.added;
	size_t removed = d->file_counts.removed + d->symbol_counts.removed +
			 d->missing_counts.removed;
	size_t changed = d->file_counts.changed;

	if ((fail_on == FAIL_ADDED || fail_on == FAIL_ANY) && added)
		return error_create(
			ERROR_GATE, "added: %zu files, %zu symbols, %zu missing libraries",
			d->file_counts.added, d->symbol_counts.added, d->missing_counts.added);
	if ((fail_on == FAIL_CHANGED || fail_on == FAIL_ANY) && changed)
		return error_create(ERROR_GATE, "%zu files have changed", changed);
	if (fail_on == FAIL_ANY && removed)
		return error_create(ERROR_GATE,
				    "removed: %zu files, %zu symbols, %zu missing libraries",
				    d->file_counts.removed, d->symbol_counts.removed,
				    d->missing_counts.removed);
	return NULL;
}

/* One side: its graph, and a run of it in the store. */
static struct error *read_side(const struct command_context *ctx, struct store *store,
			       const struct depgraph_options *how, const char *sysroot,
			       const char *source, struct depgraph **dg, struct diff_side *ret)
{
	struct depgraph_options o = *how;

	if (sysroot)
		o.sysroot = sysroot;
	struct error *err = depgraph_create(&o, &source, 1, dg);
	if (err)
		return err;
	ret->store = store;
	ret->graph = depgraph_get_graph(*dg);
	return depgraph_run_write(ctx, store, "depgraph diff", *dg, &ret->run);
}

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	const struct diff_values *v = ctx->values;
	_cleanup_depgraph_ struct depgraph *a = NULL, *b = NULL;
	_cleanup_store_ struct store *store = NULL; /* borrows the bindings of both */
	_cleanup_diff_ struct diff *diff = NULL;
	struct diff_answer answer = { .source_a = argv[0],
				      .source_b = argv[1],
				      .symbols = !v->no_bindings,
				      .max_symbols = v->max ? v->max : MAX_SYMBOLS };
	struct depgraph_options o;
	struct error *err;

	(void)argc;
	err = graph_values_apply(ctx, &v->graph, &o);
	if (err)
		return err;
	o.bindings = !v->no_bindings;
	o.packages = true;
	for (size_t i = 0; i < ctx->common.noutputs; i++)
		o.hashes |= !strcmp(ctx->common.outputs[i].format, "json");
	err = store_open(NULL, STORE_OPEN_CREATE, &store);
	if (!err)
		err = read_side(ctx, store, &o, v->sysroot_a, argv[0], &a, &answer.a);
	if (!err)
		err = read_side(ctx, store, &o, v->sysroot_b, argv[1], &b, &answer.b);
	if (!err)
		err = diff_create(&answer.a, &answer.b, answer.symbols, &diff);
	answer.diff = diff;
	if (!err)
		err = write_outputs(ctx, &answer);
	if (!err)
		err = verdict(diff, v->fail_on);
	if (!err)
		err = depgraph_run_verdict(a);
	return err ? err : depgraph_run_verdict(b);
}

const struct command command_depgraph_diff = {
	.name = "diff",
	.summary = "compare two graphs: files, symbols and bytes that came and went",
	.arguments = "A B",
	.min_arguments = 2,
	.max_arguments = 2,
	.formats = formats,
	.options = options,
	.values_size = sizeof(struct diff_values),
	.run = run,
};
