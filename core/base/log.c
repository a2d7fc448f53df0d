/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

void log_message(struct log *log, enum log_level level, const char *format, ...)
{
	char text[4096], safe[4096];
	va_list ap;

	if (!log || !log->message)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	text_escape(safe, sizeof(safe), text, strlen(text));
	log->message(log, level, safe);
}

void log_error(struct log *log, enum log_level level, struct error *err)
{
	if (log && log->message)
		log->message(log, level, error_get_message(err));
	error_destroy(err);
}

void log_progress(struct log *log, const char *what, const char *unit, uint64_t done,
		  uint64_t total)
{
	if (log && log->progress)
		log->progress(log, what, unit, done, total);
}

struct error *log_check_stop(struct log *log)
{
	return log && log->stopped && log->stopped(log) ? &error_stop : NULL;
}
