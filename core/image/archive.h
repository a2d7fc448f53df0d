/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Archives as input: Python wheels and other zip files, Debian packages, tar
 * files of any compression, image layers, and whole images (OCI layout or
 * 'docker save') in a tar. What matters for a dependency graph is unpacked to a
 * private temporary folder, one folder per image layer; everything else is read
 * over and forgotten.
 *
 * Kept: ELF files and static archives (known by their first bytes), symbolic
 * and hard links, folders, whiteouts, the first 64 KiB of other files whose
 * name says shared library (a loader stumbles over them), and by name
 *   NAME.dist-info/{METADATA,RECORD,WHEEL,sboms/...}      of a wheel,
 *   etc/ld.so.{cache,conf,preload}, etc/ld.so.conf.d/...,
 *   etc/ld-musl-ARCH.path,
 *   var/lib/dpkg/{status,status.d/...,info/NAME.{list,md5sums}},
 *   lib/apk/db/installed.
 *
 * Archives are hostile. Nothing is written outside of the temporary folder: no
 * ".." component is accepted, links are never followed out of a layer, and
 * devices are not made. All work is bounded by struct image_archive_limits.
 * What was left out is said by a warning.
 *
 * Sources: PEP 427 and PEP 770 (wheels), deb(5), OCI image-spec (image-layout,
 * index, manifest, layer), Docker image specification v1.2 (manifest.json).
 */
#ifndef CORE_IMAGE_ARCHIVE_H
#define CORE_IMAGE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/log.h"

enum image_archive_kind {
	IMAGE_ARCHIVE_NONE,
	IMAGE_ARCHIVE_ZIP,
	IMAGE_ARCHIVE_WHEEL,
	IMAGE_ARCHIVE_DEB,
	IMAGE_ARCHIVE_TAR,
	IMAGE_ARCHIVE_OCI, /* image layout or 'docker save', in a tar */
};

/* "zip" "wheel" "deb" "tar" "oci" */
const char *image_archive_kind_name(enum image_archive_kind kind);

/*
 * Guesses from the first bytes of a regular file whether image_archive_open()
 * would try it. ZIP stands for wheels and TAR for images too. NONE where the
 * file cannot be read, and for static archives.
 */
enum image_archive_kind image_archive_detect(const char *path);

/*
 * Bounds; 0 means the default, which is written behind each. Memory is bounded
 * by them too: about 150 bytes for each member that is kept and 32 for any
 * other, 512 MiB for the dictionary of xz and 128 MiB for that of zstd.
 */
struct image_archive_limits {
	uint64_t total_bytes;  /* unpacked to disk, spooled layers included: 32 GiB */
	uint64_t member_bytes; /* of one unpacked member; a larger one is left out: 8 GiB */
	uint64_t read_bytes;   /* decompressed, also what is only read over: 256 GiB */
	uint64_t ratio;	       /* decompressed bytes per compressed byte, counted after
				  the first 256 MiB of each stream: 250 */
	uint64_t members;      /* in all layers together: 2^21 */
	unsigned int path;     /* bytes of a member's path: 3000 */
	unsigned int layers;   /* of an image: 512 */
	unsigned int warnings; /* told one by one, the rest is only counted: 1000 */
};

/*
 * Something that was left out or changed. The code is stable:
 *   unsafe-member     '..', or a way through a link that leaves the layer
 *   absolute-member   leading '/' removed (*)
 *   special-member    device, FIFO or socket left out (*)
 *   duplicate-member  the name was there before; the last one counts
 *   long-name         path longer than the bound or than the file system takes
 *   dangling-link     hard link to a member that is not there
 *   encrypted         data cannot be read without a password
 *   unsupported       a zip member compressed with LZMA, which bounds no memory
 *   too-large         member left out by member_bytes
 *   limit             a bound was reached; the rest was not read
 *   truncated         the archive ends too early
 *   corrupt           checksum or structure wrong
 *   missing-layer     the manifest names a layer that is not there
 *   wrong-digest      a layer's SHA-256 is not what its name says
 *   several-images    only one image of several was read
 *   bad-metadata      package metadata cannot be parsed
 *   more-warnings     so many were not told
 * All but those with (*) make the result incomplete. 'member' and 'text' may
 * hold bytes from the archive: escape them (log_message() does).
 */
struct image_archive_warning {
	const char *code;
	const char *archive; /* the name given to image_archive_open() */
	const char *member;  /* "" where it is about the archive */
	const char *text;    /* a sentence that names both; no full stop */
	bool incomplete;
};

struct image_archive_sink {
	void (*warn)(struct image_archive_sink *sink, const struct image_archive_warning *warning);
};

enum image_archive_file_kind {
	IMAGE_ARCHIVE_ELF,
	IMAGE_ARCHIVE_STATIC, /* static archive: see members.h */
	IMAGE_ARCHIVE_SBOM,   /* .dist-info/sboms/... */
	IMAGE_ARCHIVE_OTHER,  /* the other files that are kept */
};

/* An unpacked file that is still visible when all layers lie over each other. */
struct image_archive_file {
	const char *member; /* "/usr/lib/x.so": its path in the tree */
	const char *path;   /* where it lies on this machine */
	uint64_t size;	    /* of the member, also where only its beginning was kept */
	mode_t mode;	    /* permission bits as the archive has them */
	unsigned int layer;
	enum image_archive_file_kind kind;
};

struct image_archive {
	enum image_archive_kind kind;
	const char *path;   /* as given */
	const char *name;   /* as given */
	const char *prefix; /* for tree_add_layer(): NAME "!" */
	bool incomplete;    /* a warning said what is missing */

	/* Folders for tree_add_layer(), in this order. At least one. */
	const char *const *layers;
	size_t nlayers;

	/* Sorted by member name as bytes. */
	const struct image_archive_file *files;
	size_t nfiles;

	/* Of a wheel or Debian package; NULL where unknown. */
	const char *package_type; /* purl type: "pypi" or "deb" */
	const char *package_name;
	const char *package_version;
	const char *package_arch; /* of a Debian package */

	uint64_t members;	 /* seen */
	uint64_t unpacked_bytes; /* on disk */
	uint64_t read_bytes;	 /* decompressed */
	uint64_t nwarnings;

	struct image_archive_private *priv; /* of core/image alone */
};

/*
 * Unpacks 'path'. 'name' is how messages call it (NULL: as 'path'); the
 * temporary folder is made in $TMPDIR or /tmp and removed by
 * image_archive_destroy(), or here on failure. 'limits', 'sink' and 'log' may
 * be NULL; log->stopped is polled, so that Ctrl-C ends in 'stop' with the
 * folder removed.
 *
 * Errors: os; bad-data where nothing of the archive can be read; unsupported
 * where it is of another kind; stop. A partly readable archive is no error:
 * see 'incomplete'.
 */
struct error *image_archive_open(const char *path, const char *name,
				 const struct image_archive_limits *limits,
				 struct image_archive_sink *sink, struct log *log,
				 struct image_archive **ret) must_check;
void image_archive_destroy(struct image_archive *archive);

static inline void image_archive_cleanup(struct image_archive **archive)
{
	image_archive_destroy(*archive);
}
#define _cleanup_image_archive_ __attribute__((cleanup(image_archive_cleanup)))

#endif
