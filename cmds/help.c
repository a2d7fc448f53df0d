/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/command.h"
#include "cmds/output.h"

static struct error *add_text(struct command_context *ctx, int argc, char **argv, struct buf *text)
{
	_cleanup_buf_ struct buf name = { 0 };

	if (!argc) {
		command_overview(ctx->commands, text);
		return NULL;
	}
	const struct command *command = command_find(ctx->commands, argv[0]);
	buf_addf(&name, "uniscope %s", argv[0]);
	for (int i = 1; command && i < argc; i++) {
		command = command_find_child(command, argv[i]);
		buf_addf(&name, " %s", argv[i]);
	}
	struct error *err = buf_error(&name);
	if (err)
		return err;
	if (!command)
		return error_create(ERROR_USAGE, "unknown command '%s'", name.data);
	command_help(command, name.data, text);
	return NULL;
}

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	_cleanup_output_ struct output output = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	struct error *err = add_text(ctx, argc, argv, &text);
	if (!err)
		err = buf_error(&text);
	if (err)
		return err;
	output_open_stdout(ctx, &output);
	out_add(&output.out, text.data, text.len);
	return output_finish(&output);
}

const struct command command_help_command = {
	.name = "help",
	.summary = "list the commands, or describe one",
	.arguments = "[COMMAND...]",
	.flags = COMMAND_NAMES,
	.run = run,
};
