/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One JSON object per line, each with a "type". Readers take what they know:
 * new types and fields may come, these stay.
 */
#include "reports/bindings.h"
#include "reports/depgraph-json.h"
#include "reports/report-ops.h"

static void begin(struct json *json, const struct report_context *context, const char *type)
{
	json_init(json, context->out, false);
	json_object_begin(json);
	json_field(json, "type", type);
}

/* "file" is what the loader maps at start; others are "run-time-file". */
static void put_file(const struct report_context *context, const struct graph *graph,
		     const struct graph_file *f)
{
	struct json json;

	begin(&json, context, f->row.loaded ? "file" : "run-time-file");
	depgraph_json_file(&json, graph, f);
	json_object_end(&json);
}

static void put_edge(const struct report_context *context, const struct graph *graph,
		     const struct graph_edge *e)
{
	struct json json;

	begin(&json, context, "edge");
	depgraph_json_edge(&json, graph, e);
	json_object_end(&json);
}

static void put_open(const struct report_context *context, const struct graph_file *f)
{
	struct json json;

	begin(&json, context, "open");
	json_field(&json, "path", f->row.path);
	json_field_uint(&json, "sites", (uint64_t)f->row.open_sites);
	json_object_end(&json);
}

static void put_component(const struct report_context *context, const struct graph *graph,
			  const struct dep_component *c)
{
	struct json json;

	begin(&json, context, "component");
	depgraph_json_component(&json, graph, c);
	json_object_end(&json);
}

static void put_warning(const struct report_context *context, const struct store_warning *w)
{
	struct json json;

	begin(&json, context, "warning");
	json_field(&json, "code", w->code);
	json_field(&json, "subject", w->subject);
	json_field(&json, "text", w->text);
	json_object_end(&json);
}

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	struct error *err = NULL;

	for (size_t i = 0; i < graph->n_files; i++)
		put_file(context, graph, &graph->files[i]);
	for (size_t i = 0; i < graph->n_edges; i++)
		put_edge(context, graph, &graph->edges[i]);
	if (context->options.bindings)
		err = bindings_write(context, graph, true);
	for (size_t i = 0; !err && i < graph->n_files; i++)
		if (graph->files[i].row.open_sites > 0)
			put_open(context, &graph->files[i]);
	for (size_t i = 0; !err && i < graph->n_components; i++)
		put_component(context, graph, &graph->components[i]);
	for (size_t i = 0; !err && i < graph->n_warnings; i++)
		put_warning(context, &graph->warnings[i]);
	return err;
}

const struct report_format report_format_jsonl = {
	.name = "jsonl",
	.summary = "one JSON object per line",
	.extension = "jsonl",
	.depgraph = write_depgraph,
};
