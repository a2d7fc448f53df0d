/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of a command, each described once. The table drives the parser, the
 * -h text and the completion of the shells, and tests compare it with the man
 * page. Values go into a struct of the command, which starts out as zeros:
 *
 *	struct values {
 *		bool bindings;
 *		const char *sysroot;
 *		unsigned int libc;
 *		struct option_list maps;
 *	};
 *	static const char *const libcs[] = { "glibc", "musl", NULL };
 *	static const struct option_spec options[] = {
 *		{ .name = "bindings", .kind = OPTION_FLAG, .help = "bind every symbol",
 *		  .offset = offsetof(struct values, bindings) },
 *		{ .name = "sysroot", .kind = OPTION_STRING, .argument = "DIR",
 *		  .help = "look files up below DIR", .complete = COMPLETE_FOLDER,
 *		  .offset = offsetof(struct values, sysroot) },
 *		{ .name = "libc", .kind = OPTION_CHOICE, .argument = "NAME", .choices = libcs,
 *		  .help = "follow this libc's loader", .offset = offsetof(struct values, libc) },
 *		{ .name = "map", .kind = OPTION_LIST, .argument = "FILE",
 *		  .help = "more micro-libraries", .offset = offsetof(struct values, maps) },
 *		{ 0 }
 *	};
 */
#ifndef CMDS_OPTIONS_H
#define CMDS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct command;

/* What an option stores, at its offset. */
enum option_kind {
	OPTION_FLAG = 1, /* bool: true when given */
	OPTION_STRING,	 /* const char *: the last one given, borrowed from argv */
	OPTION_UINT,	 /* uint64_t: between min and max (max 0: no limit) */
	OPTION_CHOICE,	 /* unsigned int: index into choices; the first is the default */
	OPTION_LIST,	 /* struct option_list: every one given, in order */
	OPTION_HELP,	 /* nothing: -h */
};

/* What a shell offers for the argument. */
enum option_complete {
	COMPLETE_NONE,
	COMPLETE_FILE,
	COMPLETE_FOLDER,
};

struct option_spec {
	const char *name; /* without the dashes; NULL ends a table */
	char letter;	  /* short form, 0: none */
	enum option_kind kind;
	enum option_complete complete;
	size_t offset;
	const char *argument;	    /* "FILE" in -h; NULL for flags */
	const char *help;	    /* one line, lower case, no full stop */
	const char *const *choices; /* OPTION_CHOICE: ended by NULL */
	uint64_t min, max;	    /* OPTION_UINT */
};

struct option_list {
	const char **items; /* borrowed from argv */
	size_t n, cap;
};

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* One -o FMT[=FILE], or FILE where its extension names the format. */
struct output_request {
	const char *format; /* as in command->formats */
	unsigned int index; /* in command->formats */
	const char *file;   /* borrowed; NULL: standard output */
};

/* The options that commands share; which of them exist is said by command->flags. */
struct options_common {
	bool quiet, verbose, no_progress;
	unsigned int color; /* enum color_mode */
	const char *store;  /* NULL: in memory */
	uint64_t jobs;	    /* threads to use; never 0 */
	struct option_list output_texts;
	struct output_request *outputs; /* at least one where the command has formats */
	size_t noutputs;
};

/*
 * Parses a command line: argv[0] is ignored, 'values' is the command's zeroed
 * struct, 'operands' becomes the index of the first operand in argv, which is
 * reordered. 'help' becomes true for -h; nothing is checked then. Errors: usage,
 * no-memory. The results need options_deinit() in any case.
 */
struct error *options_parse(const struct command *command, int argc, char **argv,
			    struct options_common *common, void *values, int *operands,
			    bool *help) must_check;
void options_deinit(const struct command *command, struct options_common *common, void *values);

/*
 * Calls 'fn' for each option of a command, its own first, then the common ones.
 */
void options_each(const struct command *command,
		  void (*fn)(const struct option_spec *option, void *arg), void *arg);

#endif
