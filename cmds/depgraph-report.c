/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "cmds/depgraph-options.h"
#include "cmds/depgraph-run.h"
#include "cmds/output.h"
#include "core/store/store.h"
#include "reports/report.h"

enum fail_on { FAIL_NEVER, FAIL_MISSING };

struct report_values {
	struct graph_values graph;
	bool bindings, no_bindings;
	unsigned int collapse, fail_on;
	uint64_t layout_seconds;
};

static const char *const collapses[] = { "auto", "none", "package", "cycle", "port", NULL };
static const char *const fail_ons[] = { "never", "missing", NULL };
static const char *const formats[] = { "tree", "table", "json", "jsonl",     "csv",
				       "dot",  "svg",	"html", "cyclonedx", NULL };

static const struct option_spec options[] = {
	{ .name = "bindings",
	  .kind = OPTION_FLAG,
	  .help = "also write every symbol binding (json, jsonl)",
	  .offset = offsetof(struct report_values, bindings) },
	{ .name = "no-bindings",
	  .kind = OPTION_FLAG,
	  .help = "do not resolve symbols: faster, but no cost in symbols",
	  .offset = offsetof(struct report_values, no_bindings) },
	{ .name = "collapse",
	  .kind = OPTION_CHOICE,
	  .argument = "HOW",
	  .choices = collapses,
	  .help = "what one node of a picture stands for",
	  .offset = offsetof(struct report_values, collapse) },
	{ .name = "layout-time",
	  .kind = OPTION_UINT,
	  .argument = "SECONDS",
	  .min = 1,
	  .max = 3600,
	  .help = "time limit of dot for svg and html (20)",
	  .offset = offsetof(struct report_values, layout_seconds) },
	{ .name = "fail-on",
	  .kind = OPTION_CHOICE,
	  .argument = "WHAT",
	  .choices = fail_ons,
	  .help = "exit with 3 when a library is missing",
	  .offset = offsetof(struct report_values, fail_on) },
	GRAPH_OPTIONS(struct report_values, graph),
	{ 0 },
};

static bool wants(const struct command_context *ctx, const char *format)
{
	for (size_t i = 0; i < ctx->common.noutputs; i++)
		if (!strcmp(ctx->common.outputs[i].format, format))
			return true;
	return false;
}

/* jsonl is the fast stream: what it does not say is not computed for it. */
static bool only_jsonl(const struct command_context *ctx)
{
	for (size_t i = 0; i < ctx->common.noutputs; i++)
		if (strcmp(ctx->common.outputs[i].format, "jsonl"))
			return false;
	return ctx->common.noutputs > 0 && !ctx->common.store;
}

static struct error *write_outputs(struct command_context *ctx, struct store *store, int64_t run)
{
	const struct report_values *v = ctx->values;
	struct error *err;

	for (size_t i = 0; i < ctx->common.noutputs; i++) {
		const struct output_request *request = &ctx->common.outputs[i];
		_cleanup_output_ struct output output = { 0 };
		err = output_open(ctx, request, &output);
		if (err)
			return err;
		struct report_options o = {
			.bindings = v->bindings,
			.color = output.color,
			.ascii = !output_takes_utf8(),
			.width = output_width(&output),
			.layout_seconds = (unsigned int)v->layout_seconds,
			.log = ctx->log,
		};
		if (!report_collapse_find(collapses[v->collapse], &o.collapse))
			return error_create(ERROR_USAGE, "'%s' is no way to collapse a graph",
					    collapses[v->collapse]);
		err = report_write(request->format, store, run, &o, &output.out);
		if (!err)
			err = output_finish(&output);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *verdict(const struct depgraph *dg, const struct report_values *v)
{
	size_t missing = depgraph_count_missing(dg);

	if (v->fail_on == FAIL_MISSING && missing && !depgraph_is_interrupted(dg))
		return error_create(ERROR_GATE, "%zu needed libraries are missing", missing);
	return depgraph_run_verdict(dg);
}

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	const struct report_values *v = ctx->values;
	_cleanup_store_ struct store *store = NULL;
	_cleanup_depgraph_ struct depgraph *dg = NULL;
	_cleanup_ports_ struct ports *ports = NULL;
	struct depgraph_options o;
	struct error *err;
	int64_t id;

	bool lean = only_jsonl(ctx);
	err = graph_values_apply(ctx, &v->graph, &o);
	if (!err && !lean)
		err = ports_create(v->graph.maps.items, v->graph.maps.n, &ports);
	if (err)
		return err;
	o.bindings = v->bindings || (!v->no_bindings && !lean);
	o.hashes = wants(ctx, "json") || wants(ctx, "html") || wants(ctx, "cyclonedx") ||
		   ctx->common.store;
	o.packages = !lean;
	o.ports = ports;
	o.keep_on_stop = true;
	err = depgraph_create(&o, (const char *const *)argv, (size_t)argc, &dg);
	if (err)
		return err;
	err = store_open(ctx->common.store, STORE_OPEN_CREATE, &store);
	if (!err)
		err = depgraph_run_write(ctx, store, "depgraph report", dg, &id);
	if (!err)
		err = write_outputs(ctx, store, id);
	store_destroy(store);
	store = NULL; /* before the graph, whose bindings it borrows */
	return err ? err : verdict(dg, v);
}

const struct command command_depgraph_report = {
	.name = "report",
	.summary = "show the graph: files, who needs whom, what each one costs",
	.flags = COMMAND_STORE,
	.arguments = "SOURCE...",
	.min_arguments = 1,
	.formats = formats,
	.options = options,
	.values_size = sizeof(struct report_values),
	.run = run,
};
