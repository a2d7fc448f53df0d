/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors. A function that can fail returns 'struct error *'; NULL is success
 * and results go through the last parameter, which is untouched on failure.
 * Whoever receives an error owns it: return it, destroy it, or log it.
 *
 * Wording: lower case, no full stop, what failed first, subject in single
 * quotes: cannot open 'app.elf': no such file. Names that come from files are
 * escaped here, so that a message is always safe to print.
 */
#ifndef CORE_BASE_ERROR_H
#define CORE_BASE_ERROR_H

#include <stdarg.h>
#include <stdint.h>

/* What a caller would do differently; not where it happened. */
enum error_code {
	ERROR_NO_MEMORY,   /* allocation failed, or a documented bound was reached */
	ERROR_OS,	   /* a system call failed; error_errno() says how */
	ERROR_BAD_DATA,	   /* a file or packet is not what it claims to be */
	ERROR_FAULT,	   /* an address cannot be read */
	ERROR_NOT_FOUND,   /* what was asked for is not there */
	ERROR_UNSUPPORTED, /* understood, but this tool or machine cannot do it */
	ERROR_USAGE,	   /* the command line is wrong */
	ERROR_STOP,	   /* the user, or a callback, asked to stop */
	ERROR_GATE,	   /* the answer is complete and a gate the user set failed */
	ERROR_INCOMPLETE,  /* the answer was given, but lacks what a warning named */
};

struct error;

#define must_check __attribute__((warn_unused_result))

/* Static singletons: returning them allocates nothing; destroying them is allowed. */
extern struct error error_no_memory, error_not_found, error_stop;

/* A new error. Falls back to &error_no_memory. Never returns NULL. */
struct error *error_create(enum error_code code, const char *format, ...) must_check
	__attribute__((format(printf, 2, 3)));

/* The same for a failed system call: ": <strerror>" is added to the text. */
struct error *error_os(int errnum, const char *format, ...) must_check
	__attribute__((format(printf, 2, 3)));

/*
 * A new error with the code of 'err' and "<text>: " before its message. Takes
 * 'err', which may be NULL: then the result is NULL.
 */
struct error *error_prefix(struct error *err, const char *format, ...) must_check
	__attribute__((format(printf, 2, 3)));

/* Frees an error; NULL and the singletons are fine. */
void error_destroy(struct error *err);

enum error_code error_get_code(const struct error *err);

/* errno of ERROR_OS, else 0. */
int error_get_errno(const struct error *err);

/* The message, borrowed until the error is destroyed. */
const char *error_get_message(const struct error *err);

#endif
