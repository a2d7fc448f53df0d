/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of an archive, decompressed. This is a reader of its own below that
 * of the members: so every byte of a bomb is counted, also those that are only
 * read over, and what follows the last member is read too, because the
 * checksums stand there.
 *
 * gzip is done with zlib, because libarchive does not verify its checksum (RFC
 * 1952, 2.3.1); xz and lzma with liblzma, because libarchive sets no bound on
 * the memory that their dictionaries ask for. The rest is libarchive's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/image/archive-internal.h"

static const uint64_t RATIO_FLOOR = (uint64_t)256 << 20;
/* xz -9 needs 65 MiB, and hardly anybody asks for more. */
static const uint64_t LZMA_MEMORY = (uint64_t)512 << 20;

void stream_count(struct stream *s, uint64_t n)
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

static la_ssize_t lzma_error(struct archive *a, lzma_ret r)
{
	switch (r) {
	case LZMA_MEMLIMIT_ERROR:
		archive_set_error(a, ENOMEM, "needs more than %" PRIu64 " MiB to be decompressed",
				  LZMA_MEMORY >> 20);
		break;
	case LZMA_BUF_ERROR:
		archive_set_error(a, EILSEQ, "truncated xz data");
		break;
	case LZMA_MEM_ERROR:
		archive_set_error(a, ENOMEM, "out of memory");
		break;
	default:
		archive_set_error(a, EILSEQ, "bad xz data");
	}
	return -1;
}

static la_ssize_t read_lzma(struct stream *s, struct archive *a, const void **ret)
{
	s->lzma.next_out = s->plain;
	s->lzma.avail_out = STREAM_BUFFER;
	while (s->lzma.avail_out == STREAM_BUFFER && !s->lzma_done) {
		if (!s->lzma.avail_in && !s->at_end) {
			ssize_t n = read_raw(s, a);
			if (n < 0)
				return -1;
			s->lzma.next_in = s->raw;
			s->lzma.avail_in = (size_t)n;
		}
		lzma_ret r = lzma_code(&s->lzma, s->at_end ? LZMA_FINISH : LZMA_RUN);
		s->lzma_done = r == LZMA_STREAM_END;
		if (r != LZMA_OK && r != LZMA_STREAM_END)
			return lzma_error(a, r);
	}
	*ret = s->plain;
	return (la_ssize_t)(STREAM_BUFFER - s->lzma.avail_out);
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

la_ssize_t stream_bytes(struct archive *a, void *data, const void **ret)
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
	switch (s->decoder) {
	case DECODER_NONE:
		return raw_callback(a, data, ret);
	case DECODER_GZIP:
		n = read_gzip(s, a, ret);
		break;
	case DECODER_LZMA:
		n = read_lzma(s, a, ret);
		break;
	default:
		n = read_filter(s, a, ret);
	}
	if (n > 0)
		stream_count(s, (uint64_t)n);
	return n;
}

/* How something is compressed that begins with these bytes. */
static enum stream_decoder find_decoder(const unsigned char *p, size_t n)
{
	static const struct {
		const char *magic;
		size_t len;
		enum stream_decoder decoder;
	} magics[] = {
		{ "\x1f\x8b", 2, DECODER_GZIP },
		{ "\xfd"
		  "7zXZ",
		  6, DECODER_LZMA },
		{ "\x5d\0\0", 3, DECODER_LZMA }, /* lzma, with a dictionary of 64 KiB or more */
		{ "LZIP", 4, DECODER_LZMA },
		{ "BZh", 3, DECODER_FILTER },
		{ "\x28\xb5\x2f\xfd", 4, DECODER_FILTER }, /* zstd */
		{ "\x04\x22\x4d\x18", 4, DECODER_FILTER }, /* lz4 */
		{ "\x1f\x9d", 2, DECODER_FILTER },	   /* compress */
	};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (n >= magics[i].len && !memcmp(p, magics[i].magic, magics[i].len))
			return magics[i].decoder;
	return DECODER_NONE;
}

struct error *stream_error(const struct stream *s, struct archive *a)
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
	s->decoder = DECODER_FILTER;
	s->filter = a;
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_compress(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	if (archive_read_open(a, s, NULL, raw_callback, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return stream_error(s, a);
	return NULL;
}

struct error *stream_start_decoder(struct stream *s)
{
	ssize_t n;

	if (s->parent) {
		n = read_raw(s, s->handle);
		s->pending = n > 0 ? (size_t)n : 0;
	} else {
		n = pread(s->fd, s->raw, 16, 0);
	}
	enum stream_decoder decoder = n > 0 ? find_decoder(s->raw, (size_t)n) : DECODER_NONE;
	if (decoder == DECODER_NONE)
		return NULL;
	s->plain = malloc(STREAM_BUFFER);
	if (!s->plain)
		return &error_no_memory;
	if (decoder == DECODER_FILTER)
		return start_filter(s);
	if (decoder == DECODER_GZIP && inflateInit2(&s->z, 15 + 16) != Z_OK)
		return &error_no_memory;
	if (decoder == DECODER_LZMA &&
	    lzma_auto_decoder(&s->lzma, LZMA_MEMORY, LZMA_CONCATENATED) != LZMA_OK)
		return &error_no_memory;
	s->decoder = decoder;
	return NULL;
}

void stream_stop_decoder(struct stream *s)
{
	if (s->filter)
		archive_read_free(s->filter);
	if (s->decoder == DECODER_GZIP)
		inflateEnd(&s->z);
	if (s->decoder == DECODER_LZMA)
		lzma_end(&s->lzma);
}
