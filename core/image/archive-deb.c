/* SPDX-License-Identifier: BSD-2-Clause */
/* A Debian package: an ar archive of debian-binary, control.tar.* and data.tar.* (deb(5)). */
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/image/archive-internal.h"

enum { MAX_CONTROL = 1 << 20 };

/* Reads the member 'control' of the tar that is the current member of 's'. */
static struct error *read_control(struct stream *s)
{
	_cleanup_stream_ struct stream tar = { .fd = -1 };
	_cleanup_free_ char *text = malloc(MAX_CONTROL + 1);
	struct archive_entry *entry;
	char name[PATH_MAX];
	bool damaged = false;
	size_t n = 0, len = 0;

	if (!text)
		return &error_no_memory;
	struct error *err = stream_open(&tar, s->ia, NULL, s, STREAM_TAR);
	if (err)
		return err;
	for (;;) {
		err = stream_next(&tar, &entry);
		if (err || !entry)
			break;
		const char *path = archive_entry_pathname(entry);
		if (path && !place_normalise(path, PATH_MAX, name, NULL) &&
		    !strcmp(name, "control") && archive_entry_filetype(entry) == AE_IFREG)
			break;
		err = stream_skip(&tar);
		if (err)
			return err;
	}
	while (!err && entry && !damaged && len < MAX_CONTROL) {
		err = stream_read(&tar, "control", text + len, MAX_CONTROL - len, &n, &damaged);
		if (!n)
			break;
		len += n;
	}
	text[len] = '\0';
	if (!err)
		archive_read_control(s->ia, text);
	return err;
}

static struct error *unpack_data(struct stream *s, struct place *p)
{
	_cleanup_stream_ struct stream tar = { .fd = -1 };

	struct error *err = stream_open(&tar, s->ia, NULL, s, STREAM_TAR);
	return err ? err : archive_unpack(&tar, p, NULL);
}

struct error *archive_unpack_deb(struct stream *s, struct place *p)
{
	bool data = false, control = false;
	struct archive_entry *entry;

	for (;;) {
		struct error *err = stream_next(s, &entry);
		if (err)
			return err;
		if (!entry)
			break;
		const char *name = archive_entry_pathname(entry);
		if (name && !strncmp(name, "control.tar", 11) && !control) {
			control = true;
			err = read_control(s);
		} else if (name && !strncmp(name, "data.tar", 8) && !data) {
			data = true;
			err = unpack_data(s, p);
		}
		if (err && error_get_code(err) == ERROR_BAD_DATA) {
			archive_warn(s->ia, "corrupt", name, "%s", error_get_message(err));
			error_destroy(err);
			err = NULL;
		}
		if (!err)
			err = stream_skip(s);
		if (err)
			return err;
	}
	if (!data && !s->ia->incomplete)
		return error_create(ERROR_BAD_DATA, "'%s': a Debian package without data.tar",
				    s->ia->name);
	return NULL;
}
