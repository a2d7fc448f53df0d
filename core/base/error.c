/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

struct error {
	enum error_code code;
	int errnum;
	const char *message; /* in the singletons a literal, else behind the struct */
};

struct error error_no_memory = { .code = ERROR_NO_MEMORY, .message = "out of memory" };
struct error error_not_found = { .code = ERROR_NOT_FOUND, .message = "not found" };
struct error error_stop = { .code = ERROR_STOP, .message = "stopped" };

enum { MAX_MESSAGE = 4096 };

static struct error *make(enum error_code code, int errnum, const char *text)
{
	char safe[MAX_MESSAGE];

	size_t len = text_escape(safe, sizeof(safe), text, strlen(text));
	struct error *err = malloc(sizeof(*err) + len + 1);
	if (!err)
		return &error_no_memory;
	char *message = (char *)(err + 1);
	memcpy(message, safe, len + 1);
	*err = (struct error) { .code = code, .errnum = errnum, .message = message };
	return err;
}

struct error *error_create(enum error_code code, const char *format, ...)
{
	char text[MAX_MESSAGE];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return make(code, 0, text);
}

struct error *error_os(int errnum, const char *format, ...)
{
	char text[MAX_MESSAGE], reason[128];
	va_list ap;

	va_start(ap, format);
	int len = vsnprintf(text, sizeof(text) - sizeof(reason) - 2, format, ap);
	va_end(ap);
	if (len < 0)
		text[0] = '\0';
	const char *why = strerror_r(errnum, reason, sizeof(reason));
	strncat(text, ": ", sizeof(text) - strlen(text) - 1);
	size_t at = strlen(text);
	strncat(text, why, sizeof(text) - at - 1);
	if (text[at] >= 'A' && text[at] <= 'Z')
		text[at] += 'a' - 'A';
	return make(ERROR_OS, errnum, text);
}

struct error *error_prefix(struct error *err, const char *format, ...)
{
	char text[MAX_MESSAGE];
	va_list ap;

	if (!err || err == &error_no_memory || err == &error_stop)
		return err;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	size_t used = strlen(text);
	snprintf(text + used, sizeof(text) - used, ": %s", err->message);
	struct error *ret = make(err->code, err->errnum, text);
	error_destroy(err);
	return ret;
}

void error_destroy(struct error *err)
{
	if (err && err != &error_no_memory && err != &error_not_found && err != &error_stop)
		free(err);
}

enum error_code error_get_code(const struct error *err)
{
	return err->code;
}

int error_get_errno(const struct error *err)
{
	return err->errnum;
}

const char *error_get_message(const struct error *err)
{
	return err->message;
}
