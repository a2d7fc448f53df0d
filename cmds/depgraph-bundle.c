/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <string.h>

#include "analyze/bundle.h"
#include "cmds/depgraph-options.h"
#include "core/base/cleanup.h"

struct bundle_values {
	struct graph_values graph;
	const char *out;
	unsigned int manifest;
};

static const char *const manifests[] = { "none", "ops", "kraft", NULL };

static const struct option_spec options[] = {
	{ .name = "out",
	  .kind = OPTION_STRING,
	  .argument = "PATH",
	  .complete = COMPLETE_FILE,
	  .help = "an empty or new folder, or a name with .tar, .tar.gz, .tar.xz, .tar.zst",
	  .offset = offsetof(struct bundle_values, out) },
	{ .name = "manifest",
	  .kind = OPTION_CHOICE,
	  .argument = "KIND",
	  .choices = manifests,
	  .help = "also write what Nanos' ops or kraft needs beside it",
	  .offset = offsetof(struct bundle_values, manifest) },
	GRAPH_OPTIONS(struct bundle_values, graph),
	{ 0 },
};

/* Whether the first program of the graph can be loaded anywhere. */
static bool is_pie(const struct depgraph *dg)
{
	const struct fgraph *graph = depgraph_get_graph(dg);
	for (size_t i = 0; i < graph->nfiles; i++)
		if (graph->files[i]->root && graph->files[i]->image)
			return graph->files[i]->image->type == ET_DYN;
	return false;
}

static struct error *write_manifest(struct command_context *ctx, const struct depgraph *dg,
				    const struct bundle *bundle)
{
	const struct bundle_values *v = ctx->values;
	const struct bundle_manifest_kind *kind = bundle_manifest_find(manifests[v->manifest]);
	_cleanup_free_ char *path = NULL;

	if (!kind)
		return NULL;
	struct error *err = bundle_write_manifest(bundle, kind, v->out, is_pie(dg), &path);
	if (!err)
		log_message(ctx->log, LOG_INFO, "wrote '%s': %s", path, kind->summary);
	return err;
}

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	const struct bundle_values *v = ctx->values;
	_cleanup_depgraph_ struct depgraph *dg = NULL;
	_cleanup_bundle_ struct bundle *bundle = NULL;
	struct depgraph_options o;
	int64_t date;

	if (!v->out)
		return error_create(ERROR_USAGE, "where to? --out names a folder or an archive");
	struct error *err = bundle_source_date(&date);
	if (!err)
		err = graph_values_apply(ctx, &v->graph, &o);
	if (!err)
		err = depgraph_create(&o, (const char *const *)argv, (size_t)argc, &dg);
	if (err)
		return err;
	depgraph_log_missing(dg);
	err = bundle_from_depgraph(dg, &bundle);
	if (!err)
		err = bundle_write(bundle, v->out, date, ctx->log);
	if (err)
		return err;
	log_message(ctx->log, LOG_INFO, "wrote %zu files and %zu links to '%s'", bundle->nitems,
		    bundle->nlinks, v->out);
	err = write_manifest(ctx, dg, bundle);
	if (!err && (depgraph_is_incomplete(dg) || depgraph_count_missing(dg)))
		err = error_create(ERROR_INCOMPLETE,
				   "the bundle is incomplete: see the warnings above");
	return err;
}

const struct command command_depgraph_bundle = {
	.name = "bundle",
	.summary = "lay a closure out as a root file system that a loader accepts",
	.arguments = "SOURCE...",
	.min_arguments = 1,
	.options = options,
	.values_size = sizeof(struct bundle_values),
	.run = run,
};
