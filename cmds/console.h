/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log sink of the command line: messages and progress on standard error.
 *
 * Progress has the share done, the rate and the time left: redrawn in place on
 * a terminal, else one line in 10 seconds. CI and TERM=dumb count as no
 * terminal. May be used from several threads.
 */
#ifndef CMDS_CONSOLE_H
#define CMDS_CONSOLE_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmds/options.h"
#include "core/base/log.h"

struct console {
	struct log log; /* first: components get &console.log */
	const char *program;
	const volatile sig_atomic_t *stop; /* set by the signal handler of main.c */
	bool quiet, verbose, progress, terminal;
	unsigned int color; /* enum color_mode */
	pthread_mutex_t lock;
	bool drawn;		/* a progress line is on the screen */
	char what[64];		/* the task that is going on */
	uint64_t started, last; /* ns of CLOCK_MONOTONIC: of the task, of the last line */
	uint64_t first;		/* 'done' when the task began */
	uint64_t warnings;	/* how many were logged, shown or not */
};

/* 'program' and 'stop' must live as long as the console. */
void console_init(struct console *console, const char *program, const volatile sig_atomic_t *stop);
void console_deinit(struct console *console);

/* Applies -q, -v, --no-progress and --color. */
void console_configure(struct console *console, const struct options_common *common);

/* Takes a progress line off the screen, before something else is written there. */
void console_clear(struct console *console);

/* Whether what goes to this descriptor may be coloured (--color, NO_COLOR, TERM, CI). */
bool console_has_color(const struct console *console, int fd);

#endif
