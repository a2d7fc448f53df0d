/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char data[];
};

/* Blocks grow, so that an arena of few bytes, of which there may be many, is not a large one. */
enum { FIRST_BLOCK = 1024, LARGEST_BLOCK = 64 * 1024 };

void arena_init(struct arena *a)
{
	*a = (struct arena) { 0 };
}

void arena_deinit(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	*a = (struct arena) { 0 };
}

static void *take(struct arena *a, size_t size, size_t align)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size_t at = (a->used + align - 1) & ~(align - 1);
	if (!a->blocks || at > a->size || size > a->size - at) {
		size_t want = a->size ? 2 * a->size : FIRST_BLOCK;
		if (want > LARGEST_BLOCK)
			want = LARGEST_BLOCK;
		if (want < size)
			want = size;
		struct arena_block *b = calloc(1, sizeof(*b) + want);
		if (!b)
			return NULL;
		b->next = a->blocks;
		a->blocks = b;
		a->size = want;
		at = 0;
	}
	a->used = at + size;
	return a->blocks->data + at;
}

void *arena_alloc(struct arena *a, size_t size)
{
	return take(a, size, alignof(max_align_t));
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *p = take(a, len + 1, 1);
	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int len = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (len < 0)
		return NULL;
	char *p = take(a, (size_t)len + 1, 1);
	if (p) {
		va_start(ap, format);
		vsnprintf(p, (size_t)len + 1, format, ap);
		va_end(ap);
	}
	return p;
}
