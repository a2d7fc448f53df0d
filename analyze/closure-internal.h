/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to analyze/closure*.c. */
#ifndef ANALYZE_CLOSURE_INTERNAL_H
#define ANALYZE_CLOSURE_INTERNAL_H

#include "analyze/closure.h"

enum { NO_LINK = UINT32_MAX };

/* The link that has a name (path, soname, or what it was asked for by), or NO_LINK. */
uint32_t closure_find_name(const struct closure *closure, const char *name);

/*
 * Warns of each version that a file needs and the loader will not find, for the
 * links from 'first' on. musl does not look at versions.
 */
struct error *closure_check_versions(struct closure *closure, size_t first) must_check;

#endif
