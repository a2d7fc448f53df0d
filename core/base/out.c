/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH_AT = 256 * 1024 };

void out_init_fd(struct out *out, int fd, const char *name)
{
	*out = (struct out) { .fd = fd, .name = name };
}

void out_init_memory(struct out *out)
{
	*out = (struct out) { .fd = -1, .name = "memory" };
}

void out_deinit(struct out *out)
{
	buf_deinit(&out->buf);
}

static void flush(struct out *out)
{
	size_t done = 0;

	while (done < out->buf.len && !out->errnum) {
		ssize_t n = write(out->fd, out->buf.data + done, out->buf.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			out->errnum = errno;
		else
			done += (size_t)n;
	}
	out->buf.len = 0;
}

struct error *out_finish(struct out *out)
{
	if (out->fd >= 0)
		flush(out);
	if (out->buf.failed)
		return &error_no_memory;
	if (out->errnum && out->errnum != EPIPE)
		return error_os(out->errnum, "cannot write '%s'", out->name);
	return NULL;
}

void out_add(struct out *out, const void *data, size_t len)
{
	buf_add(&out->buf, data, len);
	if (out->fd >= 0 && out->buf.len >= FLUSH_AT)
		flush(out);
}

void out_adds(struct out *out, const char *s)
{
	out_add(out, s, strlen(s));
}

void out_addc(struct out *out, char c)
{
	out_add(out, &c, 1);
}

void out_addu(struct out *out, uint64_t value)
{
	buf_addu(&out->buf, value);
}

void out_addf(struct out *out, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	int len = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < sizeof(text)) {
		out_add(out, text, (size_t)len);
		return;
	}
	if (len < 0 || !buf_reserve(&out->buf, (size_t)len)) {
		out->buf.failed = true;
		return;
	}
	va_start(ap, format);
	vsnprintf(out->buf.data + out->buf.len, (size_t)len + 1, format, ap);
	va_end(ap);
	out->buf.len += (size_t)len;
}
