/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/depgraph-run.h"

#include "core/base/json.h"
#include "core/base/out.h"
#include "version.h"

static struct error *begin(const struct command_context *ctx, struct store *store,
			   const char *command, int64_t *ret)
{
	struct out text;
	struct json json;
	struct error *err;

	out_init_memory(&text);
	json_init(&json, &text, false);
	json_array_begin(&json);
	for (int i = 0; i < ctx->full_argc; i++)
		json_str(&json, ctx->full_argv[i]);
	json_array_end(&json);
	err = out_finish(&text);
	if (!err) {
		struct store_run run = { .command = command,
					 .version = UNISCOPE_VERSION,
					 .arguments = text.buf.data };
		err = store_run_begin(store, &run);
		if (!err)
			*ret = run.id;
	}
	out_deinit(&text);
	return err;
}

struct error *depgraph_run_write(const struct command_context *ctx, struct store *store,
				 const char *command, struct depgraph *dg, int64_t *ret)
{
	int64_t id;
	struct error *err = begin(ctx, store, command, &id);

	if (!err)
		err = depgraph_write(dg, store, id);
	if (!err)
		err = store_run_finish(store, id,
				       depgraph_is_interrupted(dg)  ? "interrupted"
				       : depgraph_is_incomplete(dg) ? "incomplete"
								    : "done");
	if (!err)
		*ret = id;
	return err;
}

struct error *depgraph_run_verdict(const struct depgraph *dg)
{
	if (depgraph_is_interrupted(dg))
		return error_create(ERROR_STOP,
				    "interrupted: the answer holds what was found until then");
	if (!depgraph_is_incomplete(dg))
		return NULL;
	return error_create(ERROR_INCOMPLETE, "the answer is incomplete: see the warnings above");
}
