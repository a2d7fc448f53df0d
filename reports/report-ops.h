/* SPDX-License-Identifier: BSD-2-Clause */
/* For report.c and the formats. One file per format; escaping stays in it. */
#ifndef REPORTS_REPORT_OPS_H
#define REPORTS_REPORT_OPS_H

#include "core/store/store.h"
#include "reports/report.h"

struct graph;

/* What a format writes, and where to. */
struct report_context {
	struct store *store;
	int64_t run;
	struct store_run info;
	struct report_options options;
	struct out *out;
};

struct report_format {
	const char *name;
	const char *summary;
	const char *extension; /* with dot inside where it has two parts; NULL: none */
	/*
	 * Writes a dependency graph. Optional: report_write() says "unsupported"
	 * where it is NULL. Other kinds of run get a member of their own.
	 */
	struct error *(*depgraph)(const struct report_context *context, const struct graph *graph);
};

extern const struct report_format report_format_tree, report_format_table, report_format_json,
	report_format_jsonl, report_format_csv, report_format_dot, report_format_svg,
	report_format_html, report_format_cyclonedx;

#endif
