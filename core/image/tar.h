/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a tar archive whose bytes depend on its contents alone: owner 0, one
 * time for all members, no other attributes. The format is GNU's, in which a
 * name may have any bytes. The caller adds members in a
 * fixed order; parents of a member are the caller's business.
 *
 * A small wrapper around libarchive, whose headers stay in core/image.
 */
#ifndef CORE_IMAGE_TAR_H
#define CORE_IMAGE_TAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"

struct tar;

/* Whether a file name asks for an archive: .tar, or .tar.gz .tgz .tar.xz .tar.zst. */
bool tar_is_name(const char *path);

/*
 * Begins an archive beside 'path'; it takes that name in tar_finish(), so that
 * what stands there is either the old file or a complete new one. The name says
 * whether it is compressed. 'mtime' in seconds since 1970.
 */
struct error *tar_create(const char *path, int64_t mtime, struct tar **ret) must_check;

/* Without tar_finish() before it, nothing is left of the archive. */
void tar_destroy(struct tar *tar);

static inline void tar_cleanup(struct tar **tar)
{
	tar_destroy(*tar);
}
#define _cleanup_tar_ __attribute__((cleanup(tar_cleanup)))

/* Members; names are relative ("usr/lib/libz.so.1"), modes permission bits. */
struct error *tar_add_folder(struct tar *tar, const char *name, mode_t mode) must_check;
struct error *tar_add_link(struct tar *tar, const char *name, const char *text) must_check;

/* Copies a regular file of this machine. */
struct error *tar_add_file(struct tar *tar, const char *name, const char *source,
			   mode_t mode) must_check;

/* Completes the archive. */
struct error *tar_finish(struct tar *tar) must_check;

#endif
