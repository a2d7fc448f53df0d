/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/depgraph-rows.h"
#include "reports/report-ops.h"

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	_cleanup_rows_ struct rows rows = { 0 };
	struct error *err;

	err = depgraph_rows(graph, &rows);
	if (!err)
		rows_write_csv(&rows, context->out);
	return err;
}

const struct report_format report_format_csv = {
	.name = "csv",
	.summary = "one line per file, for spreadsheets",
	.extension = "csv",
	.depgraph = write_depgraph,
};
