/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/depgraph-why.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "cmds/depgraph-options.h"
#include "cmds/depgraph-run.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

enum as { AS_AUTO, AS_FILE, AS_SYMBOL };
enum { MAX_CHAINS = 100, MAX_NEAR = 5 };

struct why_values {
	struct graph_values graph;
	unsigned int as;
	uint64_t max;
};

static const char *const kinds[] = { "auto", "file", "symbol", NULL };
static const char *const formats[] = { "tree", "json", "jsonl", NULL };

static const struct option_spec options[] = {
	{ .name = "as",
	  .kind = OPTION_CHOICE,
	  .argument = "KIND",
	  .choices = kinds,
	  .help = "what TARGET is",
	  .offset = offsetof(struct why_values, as) },
	{ .name = "max",
	  .kind = OPTION_UINT,
	  .argument = "N",
	  .min = 1,
	  .max = UINT32_MAX,
	  .help = "show at most N chains, or references to a symbol (100)",
	  .offset = offsetof(struct why_values, max) },
	GRAPH_OPTIONS(struct why_values, graph),
	{ 0 },
};

static struct error *write_outputs(struct command_context *ctx, const struct why_answer *answer)
{
	for (size_t i = 0; i < ctx->common.noutputs; i++) {
		const struct output_request *request = &ctx->common.outputs[i];
		_cleanup_output_ struct output output = { 0 };
		struct error *err = output_open(ctx, request, &output);
		if (err)
			return err;
		if (!strcmp(request->format, "json"))
			err = why_write_json(answer, &output.out);
		else if (!strcmp(request->format, "jsonl"))
			err = why_write_jsonl(answer, &output.out);
		else
			err = why_write_tree(answer, &output);
		if (!err)
			err = output_finish(&output);
		if (err)
			return err;
	}
	return NULL;
}

/* A file that defines a symbol, though nobody may refer to it. */
static const struct fgraph_file *find_definition(const struct fgraph *graph, const char *name)
{
	struct image_query query = image_query_make(name);
	struct image_lookup walk;

	for (size_t i = 0; i < graph->nfiles; i++) {
		const struct image *image = graph->files[i]->image;
		if (!image || !graph->files[i]->loaded || !image_may_define(image, &query))
			continue;
		image_lookup_start(&walk, image, &query);
		for (size_t k; (k = image_lookup_next(&walk));)
			if (image->syms[k].st_shndx != SHN_UNDEF)
				return graph->files[i];
	}
	return NULL;
}

/* What TARGET could have meant. */
static struct error *not_found(const struct why_answer *answer, unsigned int as, const char *source)
{
	static const char *const what[] = { "file, missing library or symbol",
					    "file or missing library", "symbol" };
	const char *names[MAX_NEAR];
	_cleanup_buf_ struct buf list = { 0 };
	size_t n;

	struct error *err = why_near(answer->why, answer->text, as != AS_FILE, names, MAX_NEAR, &n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		buf_addf(&list, "%s%s", i ? ", " : "; near: ", names[i]);
	err = buf_error(&list);
	if (err)
		return err;
	return error_create(ERROR_NOT_FOUND, "'%s' is no %s in the graph of '%s'%s", answer->text,
			    what[as], source, list.data ? list.data : "");
}

static struct error *find(const struct why_values *v, struct depgraph *dg,
			  struct why_answer *answer, const char *source)
{
	struct error *err = NULL;

	if (v->as != AS_SYMBOL) {
		/* Inside a sysroot a path means another file than here. */
		_cleanup_free_ char *canonical = !v->graph.sysroot && strchr(answer->text, '/')
							 ? realpath(answer->text, NULL)
							 : NULL;
		err = why_find(answer->why, answer->text, canonical, &answer->targets,
			       &answer->ntargets);
		if (err || answer->ntargets || v->as == AS_FILE)
			return err || answer->ntargets ? err : not_found(answer, v->as, source);
	}
	/* Bindings cost more than all the rest: only now. */
	err = depgraph_bind(dg, answer->store, answer->run);
	if (!err)
		err = why_find_symbol(answer->why, answer->text, &answer->references,
				      &answer->nreferences);
	if (err || answer->nreferences)
		return err;
	const struct fgraph_file *file = find_definition(depgraph_get_graph(dg), answer->text);
	if (file)
		return error_create(ERROR_NOT_FOUND, "no file refers to '%s', which '%s' defines",
				    answer->text, file->path);
	return not_found(answer, v->as, source);
}

static struct error *answer(struct command_context *ctx, struct depgraph *dg, struct store *store,
			    const char *source, const char *target)
{
	const struct why_values *v = ctx->values;
	_cleanup_why_ struct why *why = NULL;
	struct why_answer a = { .store = store, .text = target };
	struct error *err;

	a.max = v->max ? v->max : MAX_CHAINS;
	err = depgraph_run_write(ctx, store, "depgraph why", dg, &a.run);
	if (!err)
		err = why_create(store, a.run, &why);
	a.why = why;
	if (!err)
		err = find(v, dg, &a, source);
	if (!err)
		err = write_outputs(ctx, &a);
	free(a.targets);
	free(a.references);
	return err ? err : depgraph_run_verdict(dg);
}

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	const struct why_values *v = ctx->values;
	_cleanup_depgraph_ struct depgraph *dg = NULL;
	_cleanup_store_ struct store *store =
		NULL; /* goes before the graph, whose bindings it borrows */
	struct depgraph_options o;
	struct error *err;

	err = graph_values_apply(ctx, &v->graph, &o);
	if (err)
		return err;
	for (size_t i = 0; i < ctx->common.noutputs; i++)
		o.hashes |= !strcmp(ctx->common.outputs[i].format, "json");
	err = depgraph_create(&o, (const char *const *)argv, (size_t)argc - 1, &dg);
	if (!err)
		err = store_open(NULL, STORE_OPEN_CREATE, &store);
	return err ? err : answer(ctx, dg, store, argv[0], argv[argc - 1]);
}

const struct command command_depgraph_why = {
	.name = "why",
	.summary = "show every shortest chain to a file, a missing library or a symbol",
	.arguments = "SOURCE... TARGET",
	.min_arguments = 2,
	.formats = formats,
	.options = options,
	.values_size = sizeof(struct why_values),
	.run = run,
};
