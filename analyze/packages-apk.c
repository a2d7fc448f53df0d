/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The database of Alpine's apk: one file of records, each line a letter, ':' and
 * a value. P: package, V: version, A: architecture, F: folder, R: file in it.
 */
#include <string.h>

#include "analyze/packages-internal.h"

static const char database[] = "/lib/apk/db/installed";

struct apk_record {
	const char *name, *version, *arch;
	size_t name_len, version_len, arch_len;
	struct buf path; /* folder, then the file */
	size_t folder;	 /* bytes of 'path' that are the folder and its '/' */
	struct owner *owner;
};

static struct error *apk_file(struct packages *packages, struct wanted *wanted,
			      struct apk_record *r, const char *name, size_t len)
{
	r->path.len = r->folder;
	buf_add(&r->path, name, len);
	struct error *err = buf_error(&r->path);
	if (err || !r->name)
		return err;
	struct candidate *c = wanted_find(wanted, r->path.data, r->path.len);
	if (c && !r->owner) {
		r->owner = owner_create(packages, r->name, r->name_len, "apk", database);
		if (!r->owner)
			return &error_no_memory;
		r->owner->version = arena_strndup(&packages->arena, r->version, r->version_len);
		r->owner->arch = arena_strndup(&packages->arena, r->arch, r->arch_len);
		if (!r->owner->version || !r->owner->arch)
			return &error_no_memory;
	}
	candidates_give(c, r->owner);
	return NULL;
}

static struct error *apk_line(struct packages *packages, struct wanted *wanted,
			      struct apk_record *r, const char *line, size_t len)
{
	if (!len) { /* the record ends */
		r->name = NULL;
		r->owner = NULL;
		r->version = r->arch = "";
		r->version_len = r->arch_len = 0;
		return NULL;
	}
	if (len < 2 || line[1] != ':')
		return NULL;
	const char *value = line + 2;
	len -= 2;
	switch (line[0]) {
	case 'P':
		r->name = value;
		r->name_len = len;
		break;
	case 'V':
		r->version = value;
		r->version_len = len;
		break;
	case 'A':
		r->arch = value;
		r->arch_len = len;
		break;
	case 'F':
		buf_clear(&r->path);
		buf_addc(&r->path, '/');
		buf_add(&r->path, value, len);
		buf_adds(&r->path, len ? "/" : "");
		r->folder = r->path.len;
		return buf_error(&r->path);
	case 'R':
		return r->folder ? apk_file(packages, wanted, r, value, len) : NULL;
	default:
		break;
	}
	return NULL;
}

struct error *apk_search(struct packages *packages, struct wanted *wanted)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct apk_record r = { .version = "", .arch = "" };
	bool found;

	struct error *err = packages_read(packages, -1, database, &b, &found);
	if (err || !found)
		return err;
	const char *p = b.data, *end = b.data + b.len;
	while (!err && p < end) {
		const char *eol = memchr(p, '\n', end - p);
		size_t len = (eol ? eol : end) - p;
		err = apk_line(packages, wanted, &r, p, len);
		p += len + 1;
	}
	buf_deinit(&r.path);
	return err;
}
