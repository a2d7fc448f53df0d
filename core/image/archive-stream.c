/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libarchive on a file or on a member of another archive. Compressed bytes are
 * unpacked by a reader of their own below that of the members: so every byte of
 * a bomb is counted, also those that are only read over, and what follows the
 * last member is read too, because the checksums stand there. gzip is done with
 * zlib, because libarchive does not verify its checksum (RFC 1952, 2.3.1).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/image/archive-internal.h"

static const uint64_t RATIO_FLOOR = (uint64_t)256 << 20;

/* --- bytes --- */

/* Counts decompressed bytes against the bounds. */
static void count_out(struct stream *s, uint64_t n)
{
	const struct image_archive_limits *limits = &s->ia->priv->limits;
	uint64_t in = s->in, most;

	s->out += n;
	s->ia->read_bytes += n;
	if (s->fd >= 0 && in > s->size)
		in = s->size; /* parts that were read twice */
	if (s->ia->read_bytes > limits->read_bytes)
		archive_stop_at_limit(s->ia, "", "decompressed bytes", limits->read_bytes);
	else if (s->out > RATIO_FLOOR && checked_mul(in, limits->ratio, &most) &&
		 s->out - RATIO_FLOOR > most)
		archive_stop_at_limit(s->ia, "", "decompressed bytes per compressed byte",
				      limits->ratio);
}

/* Fills s->raw; the number of bytes, 0 at the end, -1 with libarchive's error set. */
static ssize_t read_raw(struct stream *s, struct archive *a)
{
	ssize_t n = (ssize_t)s->pending;

	s->pending = 0;
	if (n)
		return n;
	if (s->parent) {
		n = archive_read_data(s->parent, s->raw, STREAM_BUFFER);
		if (n < 0) {
			const char *why = archive_error_string(s->parent);
			archive_set_error(a, archive_errno(s->parent), "%s", why ? why : "damaged");
			n = -1;
		}
	} else {
		do
			n = read(s->fd, s->raw, STREAM_BUFFER);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			archive_set_error(a, errno, "cannot read");
	}
	if (n > 0) {
		s->position += (uint64_t)n;
		s->in += (uint64_t)n;
	}
	s->at_end = !n;
	return n;
}

/* Starts the next gzip member; false where what follows is padding. */
static bool gzip_restart(struct stream *s)
{
	if (s->z.avail_in < 1 || s->z.next_in[0] != 0x1f)
		return false;
	return inflateReset(&s->z) == Z_OK;
}

static la_ssize_t read_gzip(struct stream *s, struct archive *a, const void **ret)
{
	s->z.next_out = s->plain;
	s->z.avail_out = STREAM_BUFFER;
	while (s->z.avail_out == STREAM_BUFFER) {
		if (!s->z.avail_in) {
			ssize_t n = read_raw(s, a);
			if (n < 0)
				return -1;
			if (!n && s->gzip_between)
				break;
			if (!n) {
				archive_set_error(a, EILSEQ, "truncated gzip data");
				return -1;
			}
			s->z.next_in = s->raw;
			s->z.avail_in = (uInt)n;
		}
		if (s->gzip_between && !gzip_restart(s)) {
			s->z.avail_in = 0;
			continue;
		}
		s->gzip_between = false;
		int r = inflate(&s->z, Z_NO_FLUSH);
		if (r == Z_STREAM_END) {
			s->gzip_between = true;
		} else if (r != Z_OK && r != Z_BUF_ERROR) {
			archive_set_error(a, EILSEQ, "bad gzip data: %s",
					  s->z.msg ? s->z.msg : "not gzip");
			return -1;
		}
	}
	*ret = s->plain;
	return (la_ssize_t)(STREAM_BUFFER - s->z.avail_out);
}

/* Bytes for the reader of the compression. */
static la_ssize_t raw_callback(struct archive *a, void *data, const void **ret)
{
	struct stream *s = data;

	*ret = s->raw;
	return read_raw(s, a);
}

static la_ssize_t read_filter(struct stream *s, struct archive *a, const void **ret)
{
	la_ssize_t n = archive_read_data(s->filter, s->plain, STREAM_BUFFER);
	if (n < 0) {
		const char *why = archive_error_string(s->filter);
		archive_set_error(a, archive_errno(s->filter), "%s", why ? why : "damaged");
		return -1;
	}
	*ret = s->plain;
	return n;
}

/* Bytes for the reader of the members. */
static la_ssize_t read_callback(struct archive *a, void *data, const void **ret)
{
	struct stream *s = data;
	la_ssize_t n;

	error_destroy(s->stop);
	s->stop = log_check_stop(s->ia->priv->log);
	if (s->stop || s->ia->priv->stopped) {
		archive_set_error(a, EINTR, "stopped");
		return -1;
	}
	if (s->fd >= 0)
		log_progress(s->ia->priv->log, s->ia->name, "B", s->position, s->size);
	if (!s->gzip && !s->filter)
		return raw_callback(a, data, ret);
	n = s->gzip ? read_gzip(s, a, ret) : read_filter(s, a, ret);
	if (n > 0)
		count_out(s, (uint64_t)n);
	return n;
}

static la_int64_t skip_callback(struct archive *a, void *data, la_int64_t request)
{
	struct stream *s = data;

	/* Never beyond the end: a lying size must look like a truncated file. */
	if (request < 0 || s->position >= s->size)
		return 0;
	uint64_t n = (uint64_t)request;
	if (n > s->size - s->position)
		n = s->size - s->position;
	if (lseek(s->fd, (off_t)(s->position + n), SEEK_SET) < 0) {
		archive_set_error(a, errno, "cannot seek");
		return -1;
	}
	s->position += n;
	return (la_int64_t)n;
}

static la_int64_t seek_callback(struct archive *a, void *data, la_int64_t offset, int whence)
{
	struct stream *s = data;

	off_t at = lseek(s->fd, offset, whence);
	if (at < 0) {
		archive_set_error(a, errno, "cannot seek");
		return ARCHIVE_FATAL;
	}
	s->position = (uint64_t)at;
	s->at_end = false;
	return at;
}

/* --- opening --- */

/* Where the central directory begins, by the 64-bit record that the locator points to. */
static uint64_t zip64_directory(const struct stream *s, const unsigned char *locator)
{
	unsigned char record[56];
	uint64_t at, offset;

	memcpy(&at, locator + 8, sizeof(at));
	if (at > INT64_MAX || pread(s->fd, record, sizeof(record), (off_t)at) != sizeof(record) ||
	    memcmp(record, "PK\6\6", 4))
		return UINT64_MAX;
	memcpy(&offset, record + 48, sizeof(offset));
	return offset;
}

/*
 * Checks the end of a zip file (APPNOTE.TXT 4.3.14 to 4.3.16). libarchive keeps
 * the central directory in memory, an entry for every 46 bytes between its
 * beginning and the end record, whatever the counts say. Where it finds no end
 * record in the last 16 KiB it reads the members in turn, without seeking.
 */
static struct error *check_zip_end(struct stream *s)
{
	enum { RECORD = 22, LOCATOR = 20, ENTRY = 46, TAIL = 65535 + RECORD, SEEN = 16 * 1024 };
	uint64_t start = s->size > TAIL ? s->size - TAIL : 0;
	_cleanup_free_ unsigned char *tail = malloc(TAIL);

	if (!tail)
		return &error_no_memory;
	ssize_t i = pread(s->fd, tail, TAIL, (off_t)start) - RECORD;
	while (i >= 0 && memcmp(tail + i, "PK\5\6", 4))
		i--;
	s->zip_in_turn = i < 0 || start + (uint64_t)i + SEEN < s->size;
	if (i < 0)
		archive_warn(s->ia, "truncated", "", "a zip file without its central directory");
	if (s->zip_in_turn)
		return NULL;
	uint32_t size, offset;
	memcpy(&size, tail + i + 12, sizeof(size));
	memcpy(&offset, tail + i + 16, sizeof(offset));
	uint64_t end = start + (uint64_t)i, begin = UINT64_MAX;
	if (offset != UINT32_MAX)
		begin = offset;
	if (size != UINT32_MAX && size <= end && end - size < begin)
		begin = end - size;
	if (i >= LOCATOR && !memcmp(tail + i - LOCATOR, "PK\6\7", 4)) {
		uint64_t begin64 = zip64_directory(s, tail + i - LOCATOR);
		begin = begin64 < begin ? begin64 : begin;
	}
	if (begin < end && (end - begin) / ENTRY > s->ia->priv->limits.members)
		return error_create(ERROR_BAD_DATA, "'%s': more than %" PRIu64 " members",
				    s->ia->name, s->ia->priv->limits.members);
	return NULL;
}

static struct error *open_file(struct stream *s, const char *path)
{
	struct stat st;

	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (s->fd < 0 || fstat(s->fd, &st))
		return error_os(errno, "cannot open '%s'", s->ia->name);
	if (!S_ISREG(st.st_mode))
		return error_create(ERROR_BAD_DATA, "'%s': not a regular file", s->ia->name);
	s->size = (uint64_t)st.st_size;
	return NULL;
}

/* Whether these are the first bytes of something compressed that is known here. */
static bool is_compressed(const unsigned char *p, size_t n)
{
	static const struct {
		const char *magic;
		size_t len;
	} magics[] = {
		{ "BZh", 3 },
		{ "\x1f\x9d", 2 },
		{ "\x04\x22\x4d\x18", 4 },
		{ "LZIP", 4 },
		{ "\x5d\0\0", 3 },
		{ "\xfd"
		  "7zXZ",
		  6 },
		{ "\x28\xb5\x2f\xfd", 4 },
	};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (n >= magics[i].len && !memcmp(p, magics[i].magic, magics[i].len))
			return true;
	return false;
}

static struct error *start_gzip(struct stream *s)
{
	if (inflateInit2(&s->z, 15 + 16) != Z_OK)
		return &error_no_memory;
	s->gzip = true;
	return NULL;
}

/* Why libarchive could not, as an error about the whole archive. */
static struct error *stream_error(const struct stream *s, struct archive *a)
{
	const char *why = archive_error_string(a);

	if (s->at_end && !s->in)
		return error_create(ERROR_BAD_DATA, "'%s': empty", s->ia->name);
	return error_create(ERROR_BAD_DATA, "'%s': cannot be read as an archive: %s%s", s->ia->name,
			    s->at_end ? "truncated: " : "", why ? why : "damaged");
}

static struct error *start_filter(struct stream *s)
{
	struct archive_entry *entry;
	struct archive *a = archive_read_new();

	if (!a)
		return &error_no_memory;
	s->filter = a;
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_compress(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_lzip(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	if (archive_read_open(a, s, NULL, raw_callback, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return stream_error(s, a);
	return NULL;
}

/* Finds out how the bytes are compressed. */
static struct error *start_unpacking(struct stream *s)
{
	const unsigned char *head = s->raw;
	ssize_t n;

	if (s->parent) {
		n = read_raw(s, s->handle);
		s->pending = n > 0 ? (size_t)n : 0;
	} else {
		n = pread(s->fd, s->raw, 16, 0);
	}
	bool gzip = n >= 2 && head[0] == 0x1f && head[1] == 0x8b;
	if (!gzip && (n <= 0 || !is_compressed(head, (size_t)n)))
		return NULL;
	s->plain = malloc(STREAM_BUFFER);
	if (!s->plain)
		return &error_no_memory;
	return gzip ? start_gzip(s) : start_filter(s);
}

static void choose_format(struct stream *s, enum stream_format format)
{
	struct archive *a = s->handle;

	switch (format) {
	case STREAM_ZIP:
		archive_read_support_format_zip(a);
		return;
	case STREAM_AR:
		archive_read_support_format_ar(a);
		return;
	case STREAM_TAR:
		break;
	}
	archive_read_support_format_tar(a);
}

struct error *stream_open(struct stream *s, struct image_archive *ia, const char *path,
			  struct stream *parent, enum stream_format format)
{
	struct error *err;

	*s = (struct stream) { .ia = ia, .fd = -1, .parent = parent ? parent->handle : NULL };
	s->raw = malloc(STREAM_BUFFER);
	s->handle = archive_read_new();
	if (!s->raw || !s->handle)
		return &error_no_memory;
	if (!parent) {
		err = open_file(s, path);
		if (!err && format == STREAM_ZIP)
			err = check_zip_end(s);
		if (err)
			return err;
	}
	if (format == STREAM_TAR) {
		err = start_unpacking(s);
		if (err)
			return err;
	}
	choose_format(s, format);
	archive_read_set_read_callback(s->handle, read_callback);
	if (!parent && !s->plain) {
		archive_read_set_seek_callback(s->handle, seek_callback);
		archive_read_set_skip_callback(s->handle, skip_callback);
	}
	archive_read_set_callback_data(s->handle, s);
	if (archive_read_open1(s->handle) == ARCHIVE_OK)
		return NULL;
	return s->stop ? cleanup_release(&s->stop) : stream_error(s, s->handle);
}

void stream_close(struct stream *s)
{
	if (s->handle)
		archive_read_free(s->handle);
	if (s->filter)
		archive_read_free(s->filter);
	if (s->gzip)
		inflateEnd(&s->z);
	if (s->fd >= 0)
		close(s->fd);
	error_destroy(s->stop);
	free(s->raw);
	free(s->plain);
	*s = (struct stream) { .fd = -1 };
}

/* --- members --- */

/* Tells that the stream is damaged; nothing more can be read from it if 'fatal'. */
static struct error *tell_damage(struct stream *s, const char *member, bool fatal)
{
	const char *why = archive_error_string(s->handle);

	s->broken = s->broken || fatal;
	if (s->stop)
		return cleanup_release(&s->stop);
	if (!s->ia->priv->stopped)
		archive_warn(s->ia, s->at_end ? "truncated" : "corrupt", member, "%s%s",
			     why ? why : "damaged", fatal ? "; what follows is lost" : "");
	return NULL;
}

/* Reads what follows the last member of a compressed archive: the checksums. */
static struct error *drain(struct stream *s)
{
	const void *data;
	la_ssize_t n;

	if (!s->plain)
		return NULL;
	do
		n = read_callback(s->handle, s, &data);
	while (n > 0);
	return n < 0 ? tell_damage(s, "", true) : NULL;
}

struct error *stream_next(struct stream *s, struct archive_entry **ret)
{
	struct image_archive *ia = s->ia;

	*ret = NULL;
	while (!ia->priv->stopped && !s->broken) {
		struct archive_entry *entry;
		struct error *err = log_check_stop(ia->priv->log);
		if (err)
			return err;
		int r = archive_read_next_header(s->handle, &entry);
		if (r == ARCHIVE_EOF)
			return drain(s);
		if (r == ARCHIVE_FATAL && !s->entries && !s->stop && !ia->priv->stopped)
			return stream_error(s, s->handle);
		if (r == ARCHIVE_FATAL)
			return tell_damage(s, "", true);
		if (++ia->members > ia->priv->limits.members) {
			archive_stop_at_limit(ia, "", "members", ia->priv->limits.members);
			break;
		}
		s->entries++;
		/* A warning of tar is about an attribute or a character set; of zip, the
		 * two copies of the header contradict each other. */
		if (r == ARCHIVE_RETRY || r == ARCHIVE_FAILED ||
		    (r == ARCHIVE_WARN && archive_format(s->handle) == ARCHIVE_FORMAT_ZIP))
			err = tell_damage(s, "", false);
		if (err)
			return err;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			continue;
		*ret = entry;
		return NULL;
	}
	return NULL;
}

struct error *stream_read(struct stream *s, const char *member, void *data, size_t size,
			  size_t *ret, bool *damaged)
{
	la_ssize_t n;

	*ret = 0;
	*damaged = false;
	struct error *err = log_check_stop(s->ia->priv->log);
	if (err)
		return err;
	do
		n = archive_read_data(s->handle, data, size);
	while (n == ARCHIVE_RETRY);
	if (n < 0) {
		*damaged = true;
		return tell_damage(s, member, n == ARCHIVE_FATAL);
	}
	*ret = (size_t)n;
	/* Without a reader below, this is where bytes are decompressed (zip). */
	if (!s->plain)
		count_out(s, (uint64_t)n);
	*damaged = s->ia->priv->stopped;
	return NULL;
}

struct error *stream_skip(struct stream *s)
{
	const void *block;
	size_t size;
	la_int64_t offset;

	if (s->broken || s->ia->priv->stopped)
		return NULL;
	if (!s->zip_in_turn)
		return archive_read_data_skip(s->handle) == ARCHIVE_FATAL ? tell_damage(s, "", true)
									  : NULL;
	/* libarchive would decompress the whole member within one call. */
	for (;;) {
		struct error *err = log_check_stop(s->ia->priv->log);
		if (err)
			return err;
		int r = archive_read_data_block(s->handle, &block, &size, &offset);
		if (r == ARCHIVE_FATAL)
			return tell_damage(s, "", true);
		if (r != ARCHIVE_OK && r != ARCHIVE_RETRY)
			return NULL; /* the end, or a checksum of what does not matter */
		count_out(s, size);
		if (s->ia->priv->stopped)
			return NULL;
	}
}
