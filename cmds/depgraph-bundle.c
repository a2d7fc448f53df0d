/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/depgraph-bundle.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmds/depgraph-options.h"
#include "cmds/depgraph-run.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"
#include "core/image/tar.h"

struct bundle_values {
	struct graph_values graph;
	const char *out;
	unsigned int manifest;
	struct option_list add;
	bool allow_missing;
};

enum { SHOWN_MISSING = 5 };

static const char *const manifests[] = { "none", "ops", "kraft", NULL };
static const char *const formats[] = { "table", "json", NULL };

static const struct option_spec options[] = {
	{ .name = "out",
	  .kind = OPTION_STRING,
	  .argument = "PATH",
	  .complete = COMPLETE_FILE,
	  .help = "a new or empty folder; or .tar, .tar.gz, .tar.xz, .tar.zst",
	  .offset = offsetof(struct bundle_values, out) },
	{ .name = "add",
	  .kind = OPTION_LIST,
	  .argument = "FILE",
	  .complete = COMPLETE_FILE,
	  .help = "also this file or folder; libraries with what they need",
	  .offset = offsetof(struct bundle_values, add) },
	{ .name = "allow-missing",
	  .kind = OPTION_FLAG,
	  .help = "lay out the rest when a library is missing (exit 4)",
	  .offset = offsetof(struct bundle_values, allow_missing) },
	{ .name = "manifest",
	  .kind = OPTION_CHOICE,
	  .argument = "KIND",
	  .choices = manifests,
	  .help = "also write what Nanos' ops or kraft needs",
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

/* Whether a name asks for an archive of a sort that is not written; it would be a folder's. */
static bool is_other_archive(const char *path)
{
	static const char *const suffixes[] = { ".zip",	 ".cpio", ".cpio.gz", ".7z",	 ".txz",
						".tzst", ".tbz2", ".tar.bz2", ".tar.lz4" };
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i]);
		if (len > n && !strcmp(path + len - n, suffixes[i]))
			return true;
	}
	return false;
}

/* What is wrong with the command line, before anything is done. */
static struct error *check_values(const struct bundle_values *v, int64_t *date)
{
	const struct bundle_manifest_kind *kind = bundle_manifest_find(manifests[v->manifest]);

	if (!v->out)
		return error_create(ERROR_USAGE, "where to? --out names a folder or an archive");
	if (is_other_archive(v->out))
		return error_create(ERROR_USAGE,
				    "'%s': archives are .tar, .tar.gz, .tar.xz or .tar.zst; "
				    "a folder of such a name ends in '/'",
				    v->out);
	if (kind && !kind->takes_archive && tar_is_name(v->out))
		return error_create(ERROR_USAGE, "%s needs a folder, not the archive '%s'",
				    kind->name, v->out);
	return bundle_source_date(date);
}

/* --- What is not in it --- */

static struct error *find_missing(const struct fgraph *graph, struct bundle_answer *answer)
{
	answer->missing = calloc(graph->nedges + 1, sizeof(*answer->missing));
	if (!answer->missing)
		return &error_no_memory;
	for (size_t i = 0; i < graph->nedges; i++) {
		const struct fgraph_edge *e = &graph->edges[i];
		if (!e->to && e->kind <= DEP_FILTER)
			answer->missing[answer->nmissing++] = (struct bundle_missing) {
				e->name, fgraph_get_file(graph, e->from)
			};
	}
	return NULL;
}

static struct error *missing_error(const struct bundle_answer *answer, enum error_code code,
				   const char *what)
{
	_cleanup_buf_ struct buf list = { 0 };

	for (size_t i = 0; i < answer->nmissing && i < SHOWN_MISSING; i++)
		buf_addf(&list, "%s'%s' (needed by '%s')", i ? ", " : "", answer->missing[i].name,
			 answer->missing[i].by->path);
	if (answer->nmissing > SHOWN_MISSING)
		buf_addf(&list, " and %zu more", answer->nmissing - SHOWN_MISSING);
	struct error *err = buf_error(&list);
	return err ? err : error_create(code, "not found: %s; %s", list.data, what);
}

/* Says what may be opened at run time and is not in the bundle. */
static struct error *advise(struct command_context *ctx, const struct fgraph *graph,
			    const struct bundle *bundle)
{
	size_t counts[DEP_KINDS] = { 0 };
	struct error *err = NULL;
	struct map inside;

	map_init(&inside);
	for (size_t i = 0; !err && i < bundle->nitems; i++)
		err = map_put(&inside, bundle->items[i].source, strlen(bundle->items[i].source),
			      &inside);
	for (size_t i = 0; !err && i < graph->nedges; i++) {
		const struct fgraph_edge *e = &graph->edges[i];
		bool late = e->kind == DEP_DLOPEN || e->kind == DEP_CANDIDATE ||
			    e->kind == DEP_PLUGIN;
		if (!late || !e->to)
			continue;
		const char *path = fgraph_get_file(graph, e->to)->disk_path;
		if (map_get(&inside, path, strlen(path)))
			continue;
		counts[e->kind]++;
		err = map_put(&inside, path, strlen(path), &inside);
	}
	map_deinit(&inside);
	for (int kind = DEP_DLOPEN; !err && kind <= DEP_PLUGIN; kind++)
		if (counts[kind])
			log_message(ctx->log, LOG_INFO,
				    "%zu %s files may be opened at run time and are not in it: "
				    "--follow %s brings them",
				    counts[kind], dep_edge_kind_name(kind),
				    dep_edge_kind_name(kind));
	return err;
}

/* --- What is in it --- */

static struct error *measure(struct bundle_answer *answer)
{
	const struct bundle *b = answer->bundle;
	struct stat st;

	answer->bytes = calloc(b->nitems + 1, sizeof(*answer->bytes));
	if (!answer->bytes)
		return &error_no_memory;
	for (size_t i = 0; i < b->nitems; i++) {
		if (stat(b->items[i].source, &st))
			return error_os(errno, "cannot open '%s'", b->items[i].source);
		answer->bytes[i] = (uint64_t)st.st_size;
		answer->total += answer->bytes[i];
	}
	return NULL;
}

static struct error *write_outputs(struct command_context *ctx, const struct bundle_answer *answer)
{
	for (size_t i = 0; i < ctx->common.noutputs; i++) {
		const struct output_request *request = &ctx->common.outputs[i];
		_cleanup_output_ struct output output = { 0 };
		struct error *err = output_open(ctx, request, &output);
		if (err)
			return err;
		if (!strcmp(request->format, "json"))
			err = bundle_write_json(answer, &output.out);
		else
			err = bundle_write_table(answer, &output);
		if (!err)
			err = output_finish(&output);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *lay_out(struct command_context *ctx, struct depgraph *dg, int64_t date,
			     struct bundle_answer *answer)
{
	const struct bundle_values *v = ctx->values;
	const struct bundle_manifest_kind *kind = bundle_manifest_find(manifests[v->manifest]);
	_cleanup_free_ char *manifest = NULL;

	struct error *err = bundle_write(answer->bundle, v->out, date, ctx->log);
	if (!err && kind)
		err = bundle_write_manifest(answer->bundle, kind, v->out, is_pie(dg), &manifest);
	if (!err)
		err = measure(answer);
	if (!err)
		err = advise(ctx, depgraph_get_graph(dg), answer->bundle);
	if (err)
		return err;
	answer->path = v->out;
	answer->manifest = manifest;
	answer->manifest_kind = kind ? kind->name : NULL;
	err = write_outputs(ctx, answer);
	answer->manifest = NULL;
	return err;
}

/* The graph is complete only when the bundle is made: what --add names may lack something. */
static struct error *make(struct command_context *ctx, struct depgraph *dg, struct store *store,
			  int64_t date)
{
	const struct bundle_values *v = ctx->values;
	_cleanup_bundle_ struct bundle *bundle = NULL;
	struct bundle_answer answer = { .store = store };

	struct error *err = bundle_from_depgraph(dg, v->add.items, v->add.n, &bundle);
	answer.bundle = bundle;
	if (!err)
		err = find_missing(depgraph_get_graph(dg), &answer);
	if (!err && answer.nmissing && !v->allow_missing)
		err = missing_error(&answer, ERROR_NOT_FOUND,
				    "nothing was written, --allow-missing lays out the rest");
	if (!err)
		err = depgraph_run_write(ctx, store, "depgraph bundle", dg, &answer.run);
	if (!err)
		err = lay_out(ctx, dg, date, &answer);
	if (!err && answer.nmissing)
		err = missing_error(&answer, ERROR_INCOMPLETE, "the bundle is incomplete");
	free(answer.bytes);
	free(answer.missing);
	return err ? err : depgraph_run_verdict(dg);
}

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	const struct bundle_values *v = ctx->values;
	_cleanup_depgraph_ struct depgraph *dg = NULL;
	_cleanup_store_ struct store *store = NULL; /* goes before the graph */
	struct depgraph_options o;
	int64_t date;

	struct error *err = check_values(v, &date);
	if (!err)
		err = graph_values_apply(ctx, &v->graph, &o);
	if (err)
		return err;
	for (size_t i = 0; i < ctx->common.noutputs; i++)
		o.hashes |= !strcmp(ctx->common.outputs[i].format, "json");
	err = depgraph_create(&o, (const char *const *)argv, (size_t)argc, &dg);
	if (!err)
		err = store_open(NULL, STORE_OPEN_CREATE, &store);
	return err ? err : make(ctx, dg, store, date);
}

const struct command command_depgraph_bundle = {
	.name = "bundle",
	.summary = "lay a closure out as a root file system that a loader accepts",
	.arguments = "SOURCE...",
	.min_arguments = 1,
	.formats = formats,
	.options = options,
	.values_size = sizeof(struct bundle_values),
	.run = run,
};
