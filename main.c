/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command table and nothing clever: names of the program, signals, and the
 * one place where an error becomes text and an exit code.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmds/command.h"
#include "cmds/output.h"
#include "cmds/sigbus.h"

static const struct command *const commands[] = {
	&command_depgraph,   &command_doctor,  &command_help_command,
	&command_completion, &command_version, NULL,
};

/* Other names of the program, and the command that each of them stands for. */
static const struct command_alias aliases[] = {
	{ .program = "unitrace", .command = "trace" },
	{ .program = "depgraph", .command = "depgraph" },
	{ .program = "dedup", .command = "dedup" },
	{ 0 },
};

enum exit_code {
	EXIT_OK = 0,
	EXIT_ERROR = 1,	     /* could not do it */
	EXIT_USAGE = 2,	     /* wrong command line */
	EXIT_GATE = 3,	     /* done, and a gate that the user set failed */
	EXIT_INCOMPLETE = 4, /* done, but something was left out */
	EXIT_INTERRUPTED = 130,
};

static volatile sig_atomic_t stop;

static void request_stop(int signum)
{
	(void)signum;
	stop = 1;
}

static void install_signals(void)
{
	/* The first Ctrl-C asks, the second one finds the default action and ends. */
	struct sigaction ask = {
		.sa_handler = request_stop,
		.sa_flags = (int)(SA_RESTART | SA_RESETHAND),
	};
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &ask, NULL);
	sigaction(SIGTERM, &ask, NULL);
	/* A write that fails says so. */
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	sigbus_install();
}

static int exit_code(const struct error *err)
{
	switch (error_get_code(err)) {
	case ERROR_USAGE:
		return EXIT_USAGE;
	case ERROR_GATE:
		return EXIT_GATE;
	case ERROR_INCOMPLETE:
		return EXIT_INCOMPLETE;
	case ERROR_STOP:
		return EXIT_INTERRUPTED;
	case ERROR_NO_MEMORY:
	case ERROR_OS:
	case ERROR_BAD_DATA:
	case ERROR_FAULT:
	case ERROR_NOT_FOUND:
	case ERROR_UNSUPPORTED:
		break;
	}
	return EXIT_ERROR;
}

static int finish(struct log *log, struct error *err)
{
	if (!err)
		return EXIT_OK;
	int code = exit_code(err);
	if (code == EXIT_INTERRUPTED) {
		error_destroy(err);
		err = error_create(ERROR_STOP, "interrupted; the answer was not completed");
	}
	/* A failed gate and an incomplete answer are no failure of the tool. */
	bool done = code == EXIT_GATE || code == EXIT_INCOMPLETE;
	log_error(log, done ? LOG_WARNING : LOG_ERROR, err);
	return code;
}

static struct error *list_commands(struct command_context *ctx)
{
	_cleanup_output_ struct output output = { 0 };

	output_open_stdout(ctx, &output);
	for (size_t i = 0; commands[i]; i++)
		out_addf(&output.out, "%s\n", commands[i]->name);
	return output_finish(&output);
}

/* The program by its main name: the command, or one of a few options, is argv[1]. */
static struct error *run_uniscope(struct command_context *ctx, int argc, char **argv)
{
	char help[] = "help", version[] = "version", name[64];

	if (argc < 2)
		return error_create(ERROR_USAGE, "no command given (see 'uniscope help')");
	if (!strcmp(argv[1], "--list-commands"))
		return list_commands(ctx);
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
		argv[1] = help;
	else if (!strcmp(argv[1], "--version"))
		argv[1] = version;
	else if (argv[1][0] == '-')
		return error_create(ERROR_USAGE,
				    "unknown option '%s'; options follow the command "
				    "(see 'uniscope help')",
				    argv[1]);
	const struct command *command = command_find(commands, argv[1]);
	if (!command)
		return error_create(ERROR_USAGE, "unknown command '%s' (see 'uniscope help')",
				    argv[1]);
	snprintf(name, sizeof(name), "uniscope %s", command->name);
	return command_run(ctx, command, name, argc - 1, argv + 1);
}

static struct error *run_alias(struct command_context *ctx, const char *program, const char *name,
			       int argc, char **argv)
{
	const struct command *command = command_find(commands, name);

	if (!command)
		return error_create(ERROR_USAGE,
				    "'%s' stands for 'uniscope %s', which this version does not "
				    "have (see 'uniscope help')",
				    program, name);
	return command_run(ctx, command, program, argc, argv);
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *program = slash ? slash + 1 : argc > 0 ? argv[0] : "uniscope";
	const char *command = NULL;
	struct console console;

	for (size_t i = 0; aliases[i].program; i++) {
		if (!strcmp(aliases[i].program, program)) {
			program = aliases[i].program;
			command = aliases[i].command;
		}
	}
	/* Only what a terminal can show depends on it: numbers stay as they are. */
	setlocale(LC_CTYPE, "");
	install_signals();
	console_init(&console, command ? program : "uniscope", &stop);
	struct command_context ctx = {
		.log = &console.log,
		.console = &console,
		.commands = commands,
		.aliases = aliases,
		.full_argc = argc,
		.full_argv = argv,
	};
	struct error *err = command ? run_alias(&ctx, program, command, argc, argv)
				    : run_uniscope(&ctx, argc, argv);
	int code = finish(&console.log, err);
	console_deinit(&console);
	return code;
}
