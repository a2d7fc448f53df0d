/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands. Each is described once, by a 'const struct command' in its own
 * cmds/<name>.c, and listed once, in main.c. From that come the help texts,
 * the completion of the shells, the man list and the tests that compare them.
 *
 * A command writes data to standard output (see cmds/output.h), says everything
 * else through ctx->log, and returns its errors: main.c alone turns an error
 * into text and an exit code. docs/HOWTO-ADD-COMMAND.md walks through one.
 */
#ifndef CMDS_COMMAND_H
#define CMDS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "cmds/console.h"
#include "cmds/options.h"
#include "core/base/error.h"
#include "core/base/log.h"

struct command;

/* Another name of the program, and the command that it stands for. */
struct command_alias {
	const char *program; /* NULL ends a table */
	const char *command; /* which need not exist yet */
};

struct command_context {
	struct log *log;
	struct console *console;
	const struct command *const *commands; /* the whole table, ended by NULL */
	const struct command_alias *aliases;   /* ended by { 0 } */
	const struct command *command;	       /* the one that runs */
	const char *name;		       /* "uniscope depgraph report" */
	struct options_common common;
	void *values; /* the command's own options: values_size bytes */
	/* The whole command line as it was typed, for the store's record of runs. */
	int full_argc;
	char **full_argv;
};

enum command_flags {
	COMMAND_STORE = 1 << 0, /* takes --store */
	COMMAND_JOBS = 1 << 1,	/* takes --jobs */
	COMMAND_NAMES = 1 << 2, /* its operands are names of commands */
};

struct command {
	const char *name;
	const char *summary; /* one line, lower case, no full stop */
	unsigned int flags;
	/* Operands as -h shows them: "SOURCE...", "SOURCE TARGET"; NULL: none. */
	const char *arguments;
	unsigned int min_arguments, max_arguments; /* max 0 with arguments: no limit */
	const char *const *words;	   /* operands that a shell may offer; NULL: files */
	const char *const *formats;	   /* what -o accepts, the default first; NULL: no -o */
	const struct option_spec *options; /* own options, or NULL */
	size_t values_size;		   /* of the struct that 'options' fill */
	/*
	 * Runs the command on its operands (argv[0] to argv[argc - 1]); their number
	 * has been checked. NULL where there are sub-commands.
	 */
	struct error *(*run)(struct command_context *ctx, int argc, char **argv);
	const struct command *const *children; /* sub-commands, ended by NULL; or NULL */
};

/* The command of a name in a table, or NULL. */
const struct command *command_find(const struct command *const *commands, const char *name);
const struct command *command_find_child(const struct command *command, const char *name);

/*
 * Runs a command: follows sub-commands from argv[1] on, parses options, checks
 * the number of operands. argv[0] is ignored; 'name' is how the user called the
 * command ("uniscope depgraph", or "depgraph"). ctx has log, console, commands,
 * aliases and the full command line; the rest is filled here.
 */
struct error *command_run(struct command_context *ctx, const struct command *command,
			  const char *name, int argc, char **argv) must_check;

/*
 * The usage line of a command without "usage: " and line break, and the whole
 * -h text. 'name' is "uniscope depgraph report".
 */
struct buf;
void command_usage(const struct command *command, const char *name, struct buf *buf);
void command_help(const struct command *command, const char *name, struct buf *buf);

/* The text of 'uniscope help'. */
void command_overview(const struct command *const *commands, struct buf *buf);

/* The commands themselves. */
extern const struct command command_depgraph;
extern const struct command command_completion;
extern const struct command command_doctor;
extern const struct command command_help_command;
extern const struct command command_version;

#endif
