/* SPDX-License-Identifier: BSD-2-Clause */
/* libarchive on a file or on a member of another archive. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/image/archive-internal.h"

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
		err = stream_start_decoder(s);
		if (err)
			return err;
	}
	choose_format(s, format);
	archive_read_set_read_callback(s->handle, stream_bytes);
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
	stream_stop_decoder(s);
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
		n = stream_bytes(s->handle, s, &data);
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
		stream_count(s, (uint64_t)n);
	*damaged = s->ia->priv->stopped;
	return NULL;
}

const char *stream_refuses_member(const struct stream *s)
{
	const char *format = archive_format_name(s->handle);

	/* The only place where libarchive says how a member of a zip file is compressed. */
	if (archive_format(s->handle) != ARCHIVE_FORMAT_ZIP || !format)
		return NULL;
	if (strstr(format, "(lzma)") || strstr(format, "(xz)"))
		return "compressed with LZMA, which may need any amount of memory";
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
	if (stream_refuses_member(s)) {
		/* Where the next one begins is found by decompressing this one. */
		archive_warn(s->ia, "unsupported", "", "what follows is lost");
		s->broken = true;
		return NULL;
	}
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
		stream_count(s, size);
		if (s->ia->priv->stopped)
			return NULL;
	}
}
