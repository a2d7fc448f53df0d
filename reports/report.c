/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/report.h"

#include <string.h>

#include "reports/graph.h"
#include "reports/report-ops.h"

/* All formats, in the order of help. */
static const struct report_format *const formats[] = {
	&report_format_tree,  &report_format_table, &report_format_json,
	&report_format_jsonl, &report_format_csv,   &report_format_dot,
	&report_format_svg,   &report_format_html,  &report_format_cyclonedx,
};

enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

static const struct {
	const char *name;
	enum report_collapse collapse;
} collapses[] = {
	{ "auto", REPORT_COLLAPSE_AUTO },	{ "none", REPORT_COLLAPSE_NONE },
	{ "package", REPORT_COLLAPSE_PACKAGE }, { "cycle", REPORT_COLLAPSE_CYCLE },
	{ "port", REPORT_COLLAPSE_PORT },
};

const char *report_format_name(const struct report_format *format)
{
	return format->name;
}

const char *report_format_summary(const struct report_format *format)
{
	return format->summary;
}

const char *report_format_extension(const struct report_format *format)
{
	return format->extension;
}

const struct report_format *report_format_at(size_t index)
{
	return index < FORMATS ? formats[index] : NULL;
}

const struct report_format *report_format_find(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const struct report_format *report_format_of_file(const char *path)
{
	const struct report_format *best = NULL;
	size_t best_len = 0, len = strlen(path);

	/* The longest end wins: "x.cdx.json" is not plain JSON. */
	for (size_t i = 0; i < FORMATS; i++) {
		const char *end = formats[i]->extension;
		size_t n = end ? strlen(end) : 0;
		if (!n || n + 1 >= len || path[len - n - 1] != '.' || strcmp(path + len - n, end))
			continue;
		if (n > best_len) {
			best = formats[i];
			best_len = n;
		}
	}
	return best;
}

bool report_collapse_find(const char *name, enum report_collapse *ret)
{
	for (size_t i = 0; i < sizeof(collapses) / sizeof(collapses[0]); i++) {
		if (!strcmp(collapses[i].name, name)) {
			*ret = collapses[i].collapse;
			return true;
		}
	}
	return false;
}

/* Whether the run was made by a command, whatever its verb. */
static bool is_of_command(const struct store_run *run, const char *command)
{
	size_t len = strlen(command);

	return !strncmp(run->command, command, len) &&
	       (!run->command[len] || run->command[len] == ' ');
}

static struct error *write_depgraph(const struct report_context *context,
				    const struct report_format *format)
{
	_cleanup_graph_ struct graph *graph = NULL;
	struct error *err;

	err = graph_load(context->store, context->run, &graph);
	return err ? err : format->depgraph(context, graph);
}

struct error *report_write(const char *name, struct store *store, int64_t run,
			   const struct report_options *options, struct out *out)
{
	const struct report_format *format = report_format_find(name);
	struct report_context context = { .store = store, .run = run, .out = out };
	struct error *err;

	if (!format)
		return error_create(ERROR_USAGE, "no such format: '%s'", name);
	if (options)
		context.options = *options;
	err = store_run_get(store, run, &context.info);
	if (err)
		return err;
	if (is_of_command(&context.info, "depgraph") && format->depgraph)
		return write_depgraph(&context, format);
	return error_create(ERROR_UNSUPPORTED, "format '%s' cannot show a run of '%s'", name,
			    context.info.command);
}
