/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"

void buf_init(struct buf *b)
{
	*b = (struct buf) { 0 };
}

void buf_deinit(struct buf *b)
{
	free(b->data);
	*b = (struct buf) { 0 };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

struct error *buf_error(const struct buf *b)
{
	return b->failed ? &error_no_memory : NULL;
}

struct error *buf_take(struct buf *b, char **ret)
{
	if (!buf_reserve(b, 0))
		return &error_no_memory;
	*ret = b->data;
	buf_init(b);
	return NULL;
}

bool buf_reserve(struct buf *b, size_t more)
{
	if (b->failed)
		return false;
	if (b->data && more < b->cap - b->len)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap - b->len <= more) {
		if (cap > SIZE_MAX / 2) {
			b->failed = true;
			return false;
		}
		cap *= 2;
	}
	char *data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	data[b->len] = '\0';
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len || !buf_reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int len = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (len < 0 || !buf_reserve(b, (size_t)len)) {
		b->failed = true;
		return;
	}
	va_start(ap, format);
	vsnprintf(b->data + b->len, (size_t)len + 1, format, ap);
	va_end(ap);
	b->len += (size_t)len;
}

void buf_addu(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_add_escaped(struct buf *b, const char *s)
{
	size_t len = strlen(s);

	/* Each byte becomes at most four; the NUL needs one more. */
	if (len > SIZE_MAX / 4 - 1 || !buf_reserve(b, len * 4 + 1)) {
		b->failed = true;
		return;
	}
	b->len += text_escape(b->data + b->len, len * 4 + 1, s, len);
}
