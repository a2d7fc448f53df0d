/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How components speak to the user without printing: a sink that main.c (or a
 * test) supplies. Warnings are counted; some of them make an answer incomplete.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

enum log_level {
	LOG_DEBUG,   /* shown with -v */
	LOG_INFO,    /* advice; not shown with -q */
	LOG_WARNING, /* the answer may surprise */
	LOG_ERROR,
};

/*
 * A sink. Embed it and set the functions; both may be NULL. Messages are one
 * line without line break, already escaped.
 */
struct log {
	void (*message)(struct log *log, enum log_level level, const char *text);
	/*
	 * Work in progress: 'done' of 'total' units ('total' 0: unknown). The sink
	 * decides whether and when to draw. Called often; must be cheap.
	 */
	void (*progress)(struct log *log, const char *what, const char *unit, uint64_t done,
			 uint64_t total);
	/* Whether the user asked to stop (Ctrl-C); polled by long loops. */
	bool (*stopped)(struct log *log);
};

void log_message(struct log *log, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Logs an error as a warning and destroys it. */
void log_error(struct log *log, enum log_level level, struct error *err);

void log_progress(struct log *log, const char *what, const char *unit, uint64_t done,
		  uint64_t total);

/* &error_stop if the user asked to stop, else NULL. */
struct error *log_check_stop(struct log *log) must_check;

#endif
