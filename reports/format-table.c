/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/depgraph-rows.h"
#include "reports/report-ops.h"

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	_cleanup_rows_ struct rows rows = { 0 };
	struct error *err;

	err = depgraph_rows(graph, &rows);
	return err ? err : rows_write_table(&rows, &context->options, context->out);
}

const struct report_format report_format_table = {
	.name = "table",
	.summary = "one line per file, for people",
	.extension = NULL,
	.depgraph = write_depgraph,
};
