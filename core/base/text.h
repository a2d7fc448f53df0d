/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that comes from files is hostile: it may hold escape sequences, line
 * breaks or broken UTF-8. These helpers make it safe to show.
 */
#ifndef CORE_BASE_TEXT_H
#define CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes 'len' bytes of 'src' to 'dst' (of 'size' > 0 bytes, always ended by
 * NUL): valid printable UTF-8 as it is; control characters, bidirectional
 * overrides and bytes that are not UTF-8 as \xNN. What does not fit is cut at
 * a character. Returns the length written, without the NUL.
 */
size_t text_escape(char *dst, size_t size, const char *src, size_t len);

/*
 * Length in bytes of the UTF-8 character at 'src' (1 to 4, of at most 'len'
 * bytes), or 0 where there is none: overlong, surrogate, cut off or stray. The
 * code point goes to 'ret' if that is not NULL.
 */
unsigned int text_utf8(const char *src, size_t len, unsigned int *ret);

/* Whether a code point may be sent to a terminal or into a page as it is. */
bool text_is_printable(unsigned int code_point);

/* "301.2 MiB": bytes for people. Returns 'dst'. */
char *text_bytes(char *dst, size_t size, unsigned long long bytes);

#endif
