/* SPDX-License-Identifier: BSD-2-Clause */
/* One document; docs/schemas/depgraph-1.schema.json describes it. */
#include "reports/bindings.h"
#include "reports/depgraph-json.h"
#include "reports/envelope.h"
#include "reports/report-ops.h"

static struct error *put_results(struct json *json, const struct report_context *context,
				 const struct graph *graph)
{
	struct error *err = NULL;

	json_object_begin(json);
	json_key(json, "totals");
	depgraph_json_totals(json, &graph->totals);
	json_key(json, "files");
	json_array_begin(json);
	for (size_t i = 0; i < graph->n_files; i++) {
		json_object_begin(json);
		depgraph_json_file(json, graph, &graph->files[i]);
		json_object_end(json);
	}
	json_array_end(json);
	json_key(json, "edges");
	json_array_begin(json);
	for (size_t i = 0; i < graph->n_edges; i++) {
		json_object_begin(json);
		depgraph_json_edge(json, graph, &graph->edges[i]);
		json_object_end(json);
	}
	json_array_end(json);
	json_key(json, "components");
	json_array_begin(json);
	for (size_t i = 0; i < graph->n_components; i++) {
		json_object_begin(json);
		depgraph_json_component(json, graph, &graph->components[i]);
		json_object_end(json);
	}
	json_array_end(json);
	if (context->options.bindings) {
		json_key(json, "bindings");
		json_array_begin(json);
		err = bindings_write(context, graph, false);
		json_array_end(json);
	}
	json_object_end(json);
	return err;
}

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	struct envelope_run run = { context->store, context->run, NULL };
	struct error *err;
	struct json json;

	json_init(&json, context->out, true);
	err = envelope_begin(&json, "uniscope.depgraph/1", &run, 1);
	if (!err)
		err = put_results(&json, context, graph);
	return err ? err : envelope_end(&json, &run, 1);
}

const struct report_format report_format_json = {
	.name = "json",
	.summary = "one JSON document with everything",
	.extension = "json",
	.depgraph = write_depgraph,
};
