/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to core/image/archive*.c. libarchive owns the names archive_*. */
#ifndef CORE_IMAGE_ARCHIVE_INTERNAL_H
#define CORE_IMAGE_ARCHIVE_INTERNAL_H

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <lzma.h>
#include <zlib.h>

#include "core/base/arena.h"
#include "core/base/map.h"
#include "core/image/archive.h"

/* A set of names, by 64-bit hash: says "seen before" in 16 to 32 bytes per name. */
struct name_set {
	uint64_t *slots;
	size_t n, size;
};

void name_set_deinit(struct name_set *set);
bool name_set_has(const struct name_set *set, const char *name, size_t len);
/* '*ret' (may be NULL) says whether the name was there before. */
struct error *name_set_add(struct name_set *set, const char *name, size_t len,
			   bool *ret) must_check;

/* What an image in a tar is made of: blobs and manifests, kept aside until the end. */
struct spooled {
	const char *path;   /* where it lies; NULL for a link */
	const char *target; /* of a link, normalised; NULL for a file */
	uint64_t size;
	bool binary; /* begins like something that a plain archive would keep */
};

struct image_archive_private {
	struct arena arena;
	struct image_archive_limits limits;
	struct image_archive_sink *sink;
	struct log *log;
	char *folder;  /* the temporary folder; NULL: not made */
	bool stopped;  /* a bound was reached: nothing more is read */
	uint64_t told; /* warnings told one by one */

	struct image_archive_file *files;
	size_t nfiles, files_cap;
	const char **layers;
	size_t nlayers, layers_cap;
	struct name_set lower; /* names that finished layers have, and the folders of these */

	struct map spool; /* normalised member name -> struct spooled */
};

/* Tells a warning; 'format' is the part after "'ARCHIVE': 'MEMBER': ". */
void archive_warn(struct image_archive *ia, const char *code, const char *member,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A bound was reached: warns once and stops all reading. */
void archive_stop_at_limit(struct image_archive *ia, const char *member, const char *what,
			   uint64_t bound);

/* --- archive-bytes.c, archive-stream.c: one archive's bytes, and libarchive on them --- */

enum { STREAM_BUFFER = 256 * 1024 };

enum stream_decoder { DECODER_NONE, DECODER_GZIP, DECODER_LZMA, DECODER_FILTER };

struct stream {
	struct image_archive *ia;
	struct archive *handle; /* libarchive's reader of this stream */
	struct archive *filter; /* libarchive's reader of the compression below, or NULL */
	struct archive *parent; /* the bytes are the current member of this; NULL: of 'fd' */
	int fd;
	uint64_t size, position; /* of 'fd' */
	uint64_t in, out;	 /* bytes read from below; decompressed bytes */
	uint64_t entries;
	bool at_end;	    /* all bytes were read */
	bool zip_in_turn;   /* no central directory: members follow each other */
	bool broken;	    /* a fatal error was told; nothing more can be read */
	struct error *stop; /* the user asked to stop within a call of libarchive */
	size_t pending;	    /* bytes of 'raw' that were read to see what they are */
	unsigned char *raw, *plain;
	enum stream_decoder decoder;
	z_stream z;
	bool gzip_between; /* one gzip member has ended, another may follow */
	lzma_stream lzma;
	bool lzma_done;
};

/* Finds out how the bytes are compressed. */
struct error *stream_start_decoder(struct stream *s) must_check;
void stream_stop_decoder(struct stream *s);
/* Decompressed bytes: libarchive's read callback; 'data' is the stream. */
la_ssize_t stream_bytes(struct archive *a, void *data, const void **ret);
/* Counts decompressed bytes against the bounds. */
void stream_count(struct stream *s, uint64_t n);
/* Why libarchive could not go on with 'a', as an error about the whole archive. */
struct error *stream_error(const struct stream *s, struct archive *a) must_check;

enum stream_format { STREAM_ZIP, STREAM_TAR, STREAM_AR };

/* Opens a file, or (path NULL) the current member of 'parent'. */
struct error *stream_open(struct stream *s, struct image_archive *ia, const char *path,
			  struct stream *parent, enum stream_format format) must_check;
void stream_close(struct stream *s);
#define _cleanup_stream_ __attribute__((cleanup(stream_close)))

/*
 * The next member, or NULL at the end, which is also reached after a bound or
 * after damage (told as a warning). An error where not even the first member
 * can be read.
 */
struct error *stream_next(struct stream *s, struct archive_entry **ret) must_check;

/*
 * Bytes of the current member. '*ret' is 0 at its end. '*damaged' says that the
 * rest of it cannot be read; a warning was told.
 */
struct error *stream_read(struct stream *s, const char *member, void *data, size_t size,
			  size_t *ret, bool *damaged) must_check;

/* Why the current member must not be decompressed, or NULL. */
const char *stream_refuses_member(const struct stream *s);

/* Reads over the rest of the current member. */
struct error *stream_skip(struct stream *s) must_check;

/* --- archive-place.c: writing below a folder, and nowhere else --- */

struct place {
	struct image_archive *ia;
	const char *folder;
	int fd;
	unsigned int layer;
	struct name_set seen;  /* members other than folders */
	char parent[PATH_MAX]; /* whose descriptor is kept in parent_fd */
	int parent_fd;
};

/* Makes a folder NAME in the temporary folder and opens it. */
struct error *place_init(struct place *p, struct image_archive *ia, const char *name) must_check;
void place_deinit(struct place *p);
#define _cleanup_place_ __attribute__((cleanup(place_deinit)))

/*
 * Normalises a member's name: no leading, doubled or trailing '/', no "."; ""
 * is the root. Returns NULL, or the code of the warning to tell. 'absolute'
 * (may be NULL) says whether a leading '/' was removed.
 */
const char *place_normalise(const char *name, size_t bound, char *dst, bool *absolute);

/*
 * Each makes something at a normalised path, with the folders above it. A path
 * that leads through a link out of the place, or is otherwise refused by the
 * file system for being what it is, gives a warning and 'false' in '*ret'; only
 * failures of the machine (no space) are errors.
 */
struct error *place_folder(struct place *p, const char *path, bool *ret) must_check;
struct error *place_file(struct place *p, const char *path, int *ret_fd, bool *ret) must_check;
struct error *place_link(struct place *p, const char *path, const char *target,
			 bool *ret) must_check;
/* A hard link; '*ret_fd' is the file opened for reading, -1 where it is no regular file. */
struct error *place_hard_link(struct place *p, const char *path, const char *target, int *ret_fd,
			      bool *ret) must_check;
/* Removes a file that was made before. */
void place_remove(struct place *p, const char *path);
/* Makes the whiteout of a path. */
struct error *place_whiteout(struct place *p, const char *path) must_check;

/* --- archive-unpack.c: the members of one archive, into one layer --- */

/*
 * Unpacks what matters. Where 'spool' is given, the parts of an image go there
 * instead, and ia->priv->spool says which is which.
 */
struct error *archive_unpack(struct stream *s, struct place *p, struct place *spool) must_check;

/* --- archive-deb.c --- */

/* Unpacks the data of a Debian package and reads its control file. */
struct error *archive_unpack_deb(struct stream *s, struct place *p) must_check;

/* --- archive-oci.c --- */

/* Whether the spool holds an image. */
bool archive_spool_is_image(const struct image_archive *ia);

struct image_layer {
	const char *path;   /* of the spooled blob */
	const char *name;   /* for messages */
	const char *sha256; /* its hex digest where the name says so, or NULL */
};

/* Its layers, lowest first. The array is the caller's to free, the strings are the arena's. */
struct error *archive_image_layers(struct image_archive *ia, struct image_layer **ret,
				   size_t *ret_n) must_check;

/* --- archive-metadata.c: who this is --- */

/* "Name: value" of a header block (RFC 822 style), in the arena, or NULL. */
const char *archive_field(struct image_archive *ia, const char *text, const char *name);
/* Name and version of a wheel from its METADATA file, unpacked at 'path'. */
struct error *archive_read_metadata(struct image_archive *ia, const char *path,
				    const char *member) must_check;
/* The same of a Debian package from the text of its control file. */
void archive_read_control(struct image_archive *ia, const char *text);

#endif
