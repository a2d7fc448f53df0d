/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/depgraph-options.h"

static const struct command *const children[] = {
	&command_depgraph_report,
	&command_depgraph_why,
	&command_depgraph_diff,
	&command_depgraph_bundle,
	NULL,
};

const struct command command_depgraph = {
	.name = "depgraph",
	.summary = "the dependency graph of a library, program, archive or folder",
	.children = children,
};
