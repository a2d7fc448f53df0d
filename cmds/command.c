/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmds/output.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 79 };

const struct command *command_find(const struct command *const *commands, const char *name)
{
	for (; *commands; commands++) {
		if (!strcmp((*commands)->name, name))
			return *commands;
	}
	return NULL;
}

const struct command *command_find_child(const struct command *command, const char *name)
{
	for (const struct command *const *c = command->children; c && *c; c++) {
		if (!strcmp((*c)->name, name))
			return *c;
	}
	return NULL;
}

void command_usage(const struct command *command, const char *name, struct buf *buf)
{
	if (command->children) {
		buf_addf(buf, "%s ", name);
		for (const struct command *const *c = command->children; c && *c; c++)
			buf_addf(buf, "%s%s", c == command->children ? "" : "|", (*c)->name);
		buf_adds(buf, " ...");
		return;
	}
	buf_addf(buf, "%s [options]", name);
	if (command->arguments)
		buf_addf(buf, " %s", command->arguments);
}

/* Text from HELP_COLUMN on, broken at blanks so that lines fit HELP_WIDTH. */
static void add_wrapped(struct buf *buf, const char *text)
{
	size_t room = HELP_WIDTH - HELP_COLUMN;

	while (strlen(text) > room) {
		size_t cut = room;
		while (cut && text[cut] != ' ')
			cut--;
		if (!cut)
			cut = strcspn(text, " ");
		if (!text[cut])
			break;
		buf_addf(buf, "%.*s\n%*s", (int)cut, text, HELP_COLUMN, "");
		text += cut + 1;
	}
	buf_adds(buf, text);
	buf_addc(buf, '\n');
}

/* "  left    right" with the right part in its own column. */
static void add_row(struct buf *buf, const char *left, const char *right)
{
	int used = (int)strlen(left);

	if (used + 4 > HELP_COLUMN)
		buf_addf(buf, "  %s\n%*s", left, HELP_COLUMN, "");
	else
		buf_addf(buf, "  %-*s", HELP_COLUMN - 2, left);
	add_wrapped(buf, right);
}

static void add_words(struct buf *buf, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		buf_addf(buf, "%s%s", i ? ", " : "", words[i]);
}

struct help {
	const struct command *command;
	struct buf *buf;
};

static void add_option(const struct option_spec *option, void *arg)
{
	struct help *help = arg;
	_cleanup_buf_ struct buf text = { 0 };
	char left[128], letter[8] = "    ";

	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name,
		 option->argument ? " " : "", option->argument ? option->argument : "");
	buf_adds(&text, option->help);
	if (option->kind == OPTION_CHOICE) {
		buf_adds(&text, ": ");
		add_words(&text, option->choices);
	}
	if (!strcmp(option->name, "output")) {
		buf_adds(&text, "; formats: ");
		add_words(&text, help->command->formats);
	}
	if (text.failed)
		help->buf->failed = true;
	else
		add_row(help->buf, left, text.data);
}

void command_help(const struct command *command, const char *name, struct buf *buf)
{
	struct help help = { .command = command, .buf = buf };

	buf_adds(buf, "usage: ");
	command_usage(command, name, buf);
	buf_addf(buf, "\n\n%s\n", command->summary);
	if (command->children) {
		buf_adds(buf, "\ncommands:\n");
		for (const struct command *const *c = command->children; c && *c; c++) {
			add_row(buf, (*c)->name, (*c)->summary);
		}
		buf_addf(buf, "\n'%s COMMAND -h' says more.\n", name);
		return;
	}
	buf_adds(buf, "\noptions:\n");
	options_each(command, add_option, &help);
}

void command_overview(const struct command *const *commands, struct buf *buf)
{
	buf_adds(buf, "usage: uniscope COMMAND [options] [--] ...\n\ncommands:\n");
	for (; *commands; commands++) {
		add_row(buf, (*commands)->name, (*commands)->summary);
	}
	buf_adds(buf, "\n'uniscope COMMAND -h' and the man page uniscope(1) say more.\n");
}

static struct error *show_help(struct command_context *ctx)
{
	_cleanup_output_ struct output output = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	command_help(ctx->command, ctx->name, &text);
	struct error *err = buf_error(&text);
	if (err)
		return err;
	output_open_stdout(ctx, &output);
	out_add(&output.out, text.data, text.len);
	return output_finish(&output);
}

/* Adds what to do next to an error about the command line. */
static struct error *usage_error(const struct command_context *ctx, struct error *err)
{
	if (!err || error_get_code(err) != ERROR_USAGE)
		return err;
	struct error *ret = error_create(ERROR_USAGE, "%s (see '%s -h')", error_get_message(err),
					 ctx->name);
	error_destroy(err);
	return ret;
}

static struct error *check_operands(const struct command *command, int n)
{
	unsigned int count = (unsigned int)n;

	if (!command->arguments && n)
		return error_create(ERROR_USAGE, "this command takes no operands");
	if (count < command->min_arguments)
		return error_create(ERROR_USAGE, "%s: %s", n ? "too few operands" : "nothing given",
				    command->arguments);
	if (command->arguments && command->max_arguments && count > command->max_arguments)
		return error_create(ERROR_USAGE, "too many operands: %s", command->arguments);
	return NULL;
}

static struct error *run_leaf(struct command_context *ctx, int argc, char **argv)
{
	const struct command *command = ctx->command;
	bool help = false;
	int first = 0;

	struct error *err = options_parse(command, argc, argv, &ctx->common, ctx->values, &first,
					  &help);
	if (!err && help)
		return show_help(ctx);
	if (!err)
		err = check_operands(command, argc - first);
	if (err)
		return usage_error(ctx, err);
	console_configure(ctx->console, &ctx->common);
	return usage_error(ctx, command->run(ctx, argc - first, argv + first));
}

/* A command that has sub-commands, and argv[1] that should be one. */
static struct error *need_child(struct command_context *ctx, int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
		return show_help(ctx);
	if (argc > 1)
		return usage_error(ctx, error_create(ERROR_USAGE, "unknown command '%s'", argv[1]));
	return usage_error(ctx, error_create(ERROR_USAGE, "no command given"));
}

struct error *command_run(struct command_context *ctx, const struct command *command,
			  const char *name, int argc, char **argv)
{
	_cleanup_buf_ struct buf full = { 0 };

	buf_adds(&full, name);
	while (command->children && argc > 1) {
		const struct command *child = command_find_child(command, argv[1]);
		if (!child)
			break;
		command = child;
		argc--, argv++;
		buf_addf(&full, " %s", command->name);
	}
	struct error *err = buf_error(&full);
	if (err)
		return err;
	_cleanup_free_ void *values = calloc(1, command->values_size + 1);
	if (!values)
		return &error_no_memory;
	ctx->command = command;
	ctx->name = full.data;
	ctx->values = values;
	err = command->children ? need_child(ctx, argc, argv) : run_leaf(ctx, argc, argv);
	options_deinit(command, &ctx->common, values);
	ctx->name = NULL;
	ctx->values = NULL;
	return err;
}
