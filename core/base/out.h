/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A buffered byte sink: a file descriptor or memory. Like struct buf it
 * remembers its first failure; out_finish() reports it. A reader that has gone
 * (EPIPE) is not a failure: the rest is dropped silently.
 */
#ifndef CORE_BASE_OUT_H
#define CORE_BASE_OUT_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/error.h"

struct out {
	int fd;		  /* -1: everything stays in 'buf' */
	const char *name; /* for messages; borrowed */
	struct buf buf;
	int errnum; /* of the first failed write */
};

/* A sink on a descriptor, which stays the caller's. */
void out_init_fd(struct out *out, int fd, const char *name);
/* A sink that collects in out->buf. */
void out_init_memory(struct out *out);
void out_deinit(struct out *out);

/* Writes what is left and reports the first failure. */
struct error *out_finish(struct out *out) must_check;

void out_add(struct out *out, const void *data, size_t len);
void out_adds(struct out *out, const char *s);
void out_addc(struct out *out, char c);
void out_addu(struct out *out, uint64_t value);
void out_addf(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
