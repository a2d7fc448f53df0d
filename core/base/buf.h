/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growable byte string. 'data' is NUL-terminated whenever it is not NULL; the
 * NUL is not counted in 'len'. Appending cannot be checked at each call: a
 * failed allocation makes the buffer 'failed', it then ignores what is added,
 * and buf_error() reports it once at the end.
 */
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
	bool failed;
};

void buf_init(struct buf *b);
void buf_deinit(struct buf *b);

/* Empty and usable again; keeps the memory, forgets a failure. */
void buf_clear(struct buf *b);

/* &error_no_memory if any call failed since init or clear, else NULL. */
struct error *buf_error(const struct buf *b) must_check;

/* The string, owned by the caller; the buffer is empty afterwards. "" if nothing was added. */
struct error *buf_take(struct buf *b, char **ret) must_check;

/* Room for 'more' bytes; false if there is none (and the buffer is failed). */
bool buf_reserve(struct buf *b, size_t more);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_addu(struct buf *b, uint64_t value);
/* text_escape() of a name from a file. */
void buf_add_escaped(struct buf *b, const char *s);

static inline void buf_cleanup(struct buf *b)
{
	buf_deinit(b);
}
#define _cleanup_buf_ __attribute__((cleanup(buf_cleanup)))

#endif
