/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a command's data goes: standard output, or a file that appears under
 * its name only when it is complete.
 *
 *	_cleanup_output_ struct output output = { 0 };
 *	struct error *err = output_open(ctx, &ctx->common.outputs[i], &output);
 *	if (err)
 *		return err;
 *	... write to &output.out ...
 *	return output_finish(&output);
 */
#ifndef CMDS_OUTPUT_H
#define CMDS_OUTPUT_H

#include <stdbool.h>

#include "cmds/command.h"
#include "core/base/error.h"
#include "core/base/out.h"

struct output {
	struct out out;
	bool open; /* 'out' and 'fd' are in use */
	int fd;
	bool terminal;		 /* whether people read this as it comes */
	bool color;		 /* whether it may be coloured */
	char *temporary, *final; /* NULL: written in place */
};

/* Opens a destination. Takes a progress line off the screen first where it is the screen. */
struct error *output_open(struct command_context *ctx, const struct output_request *request,
			  struct output *ret) must_check;
/* Standard output, whatever -o says. */
void output_open_stdout(struct command_context *ctx, struct output *ret);

/* Whether two names are of one regular file, which need not be there yet. */
bool output_is_same(const char *a, const char *b);

/* Columns of the terminal that it goes to; 0: it goes elsewhere. */
unsigned int output_width(const struct output *output);
/* Whether the user's terminal shows UTF-8. */
bool output_takes_utf8(void);

/* Writes what is left and gives the file its name. */
struct error *output_finish(struct output *output) must_check;

/* Frees; a file that was not finished is removed. */
void output_deinit(struct output *output);

#define _cleanup_output_ __attribute__((cleanup(output_deinit)))

#endif
