/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/depgraph-options.h"

#include <string.h>

const char *const depgraph_libcs[] = { "auto", "glibc", "musl", NULL };

static struct error *parse_follow(const struct option_list *list, unsigned int *ret)
{
	static const struct {
		const char *name;
		unsigned int flag;
	} kinds[] = {
		{ "dlopen", DEPGRAPH_FOLLOW_DLOPEN },
		{ "candidate", DEPGRAPH_FOLLOW_CANDIDATES },
		{ "plugin", DEPGRAPH_FOLLOW_PLUGINS },
	};

	for (size_t i = 0; i < list->n; i++) {
		unsigned int flag = 0;
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (!strcmp(list->items[i], kinds[k].name))
				flag = kinds[k].flag;
		if (!flag)
			return error_create(ERROR_USAGE,
					    "'%s' is no kind that --follow knows: dlopen, "
					    "candidate, plugin",
					    list->items[i]);
		*ret |= flag;
	}
	return NULL;
}

struct error *graph_values_apply(const struct command_context *ctx,
				 const struct graph_values *values, struct depgraph_options *ret)
{
	struct depgraph_options o = {
		.sysroot = values->sysroot,
		.libc = (enum depgraph_libc)values->libc,
		.library_path = values->library_path,
		.preloads = values->preloads.items,
		.npreloads = values->preloads.n,
		.host_exe = values->host_exe,
		.no_cache = values->no_cache,
		.isa_level = values->cpu ? (int)values->cpu : -1,
		.clean_env = values->clean_env,
		.runtime = !values->no_dlopen,
		.plugin_maps = values->plugin_maps.items,
		.nplugin_maps = values->plugin_maps.n,
		.log = ctx->log,
	};
	struct error *err = parse_follow(&values->follow, &o.follow);

	if (err)
		return err;
	*ret = o;
	return NULL;
}
