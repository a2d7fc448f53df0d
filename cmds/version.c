/* SPDX-License-Identifier: BSD-2-Clause */
#include "version.h"

#include "cmds/command.h"
#include "cmds/output.h"

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	_cleanup_output_ struct output output = { 0 };

	(void)argc, (void)argv;
	output_open_stdout(ctx, &output);
	out_adds(&output.out, "uniscope " UNISCOPE_VERSION "\n");
	return output_finish(&output);
}

const struct command command_version = {
	.name = "version",
	.summary = "show the version",
	.run = run,
};
