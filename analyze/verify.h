/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether glibc's loader would map a file as a library: the tests of
 * open_verify() and _dl_map_object_from_fd() (elf/dl-load.c, 2.36) that an ELF
 * reader has no reason to make. Low-level.
 */
#ifndef ANALYZE_VERIFY_H
#define ANALYZE_VERIFY_H

#include "core/image/image.h"

/* NULL: it would. Else why the loader gives up at it; a static string. */
const char *verify_library(const struct image *image);

/* The same for musl's map_library() (ldso/dynlink.c, 1.2.3), which tests less. */
const char *verify_library_musl(const struct image *image);

#endif
