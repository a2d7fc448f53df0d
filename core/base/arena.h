/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is freed all at once: names and small records of an analysis.
 * Pointers stay valid until arena_deinit().
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <stddef.h>

#include "core/base/error.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t used, size; /* of the newest block */
};

void arena_init(struct arena *a);
void arena_deinit(struct arena *a);

/* 'size' zeroed bytes, aligned for any type; NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t size) must_check;

/* Copies, NUL-terminated; NULL when out of memory. */
char *arena_strdup(struct arena *a, const char *s) must_check;
char *arena_strndup(struct arena *a, const char *s, size_t len) must_check;
char *arena_printf(struct arena *a, const char *format, ...) must_check
	__attribute__((format(printf, 2, 3)));

#endif
