/* SPDX-License-Identifier: BSD-2-Clause */
/* The members of one archive: what is kept, and what becomes of the rest. */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/image/archive-internal.h"
#include "core/image/image.h"

/* What is kept of a file that is not ELF though its name says so, and of texts. */
static const uint64_t MAX_STUB = 64 * 1024, MAX_TEXT = (uint64_t)256 << 20;

/* One archive on its way into one place. */
struct unpack {
	struct image_archive *ia;
	struct stream *s;
	struct place *p;
	struct place *spool;   /* for the parts of an image; NULL: none */
	char name[PATH_MAX];   /* of the member, normalised */
	char target[PATH_MAX]; /* of a hard link, normalised */
	unsigned char *buffer;
	unsigned char head[16]; /* its first bytes */
	size_t nhead;
};

enum keep {
	KEEP_NOTHING,
	KEEP_ALL,
	KEEP_STUB, /* its first bytes */
	KEEP_SPOOL,
};

/* What is kept by its first bytes. */
static bool is_binary(const unsigned char *head, size_t n, enum image_archive_file_kind *kind)
{
	if (n >= 4 && image_is_elf(head, n))
		*kind = IMAGE_ARCHIVE_ELF;
	else if (n >= 8 && (!memcmp(head, "!<arch>\n", 8) || !memcmp(head, "!<thin>\n", 8)))
		*kind = IMAGE_ARCHIVE_STATIC;
	else
		return false;
	return true;
}

/* What is kept by name; see archive.h. */
static bool is_known_text(const char *name, enum image_archive_file_kind *kind)
{
	static const char *const patterns[] = {
		"*.dist-info/METADATA",	    "*.dist-info/RECORD",
		"*.dist-info/WHEEL",	    "etc/ld.so.cache",
		"etc/ld.so.conf",	    "etc/ld.so.preload",
		"etc/ld.so.conf.d/*",	    "etc/ld-musl-*.path",
		"var/lib/dpkg/status",	    "var/lib/dpkg/status.d/*",
		"var/lib/dpkg/info/*.list", "var/lib/dpkg/info/*.md5sums",
		"lib/apk/db/installed",
	};

	*kind = IMAGE_ARCHIVE_OTHER;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (!fnmatch(patterns[i], name, FNM_PATHNAME | FNM_NOESCAPE))
			return true;
	*kind = IMAGE_ARCHIVE_SBOM;
	return !fnmatch("*.dist-info/sboms/*", name, FNM_PATHNAME | FNM_NOESCAPE) ||
	       !fnmatch("*.dist-info/sboms/*/*", name, FNM_PATHNAME | FNM_NOESCAPE);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* A name that a loader might be asked for: x.so, x.so.1.2 */
static bool is_library_name(const char *name)
{
	const char *so = strstr(base_of(name), ".so");
	return so && (!so[3] || so[3] == '.');
}

/* The parts of an OCI layout and of 'docker save', old and new. */
static bool is_image_part(const char *name)
{
	static const char *const patterns[] = { "oci-layout", "index.json", "manifest.json",
						"blobs/*/*", "*/layer.tar" };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (!fnmatch(patterns[i], name, FNM_PATHNAME | FNM_NOESCAPE))
			return true;
	return false;
}

static enum keep what_to_keep(struct unpack *u, enum image_archive_file_kind *kind)
{
	*kind = IMAGE_ARCHIVE_OTHER;
	if (u->spool && is_image_part(u->name))
		return KEEP_SPOOL;
	if (is_binary(u->head, u->nhead, kind) || is_known_text(u->name, kind))
		return KEEP_ALL;
	*kind = IMAGE_ARCHIVE_OTHER;
	if (!strncmp(base_of(u->name), ".wh.", 4))
		return KEEP_STUB;
	return is_library_name(u->name) ? KEEP_STUB : KEEP_NOTHING;
}

/* --- files --- */

static struct error *add_file(struct unpack *u, const struct image_archive_file *file)
{
	struct image_archive_private *priv = u->ia->priv;

	struct error *err = array_grow(&priv->files, &priv->files_cap, priv->nfiles + 1,
				       sizeof(*priv->files));
	if (err)
		return err;
	struct image_archive_file *f = &priv->files[priv->nfiles];
	*f = *file;
	f->member = arena_printf(&priv->arena, "/%s", u->name);
	if (!f->member)
		return &error_no_memory;
	f->layer = u->p->layer;
	priv->nfiles++;
	return NULL;
}

static bool is_zero(const unsigned char *data, size_t n)
{
	return !n || (!data[0] && !memcmp(data, data + 1, n - 1));
}

/* Writes a block, or leaves a hole where it is zero. 0 or errno. */
static int write_block(int fd, const unsigned char *data, size_t n, uint64_t at)
{
	if (n >= 4096 && is_zero(data, n))
		return 0;
	while (n) {
		ssize_t k = pwrite(fd, data, n, (off_t)at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return errno;
		data += k;
		at += (uint64_t)k;
		n -= (size_t)k;
	}
	return 0;
}

/*
 * Copies the member to 'fd', 'most' bytes of it at most. '*ret_ok' is false
 * where it is damaged or too large: a warning was told.
 */
static struct error *copy_data(struct unpack *u, int fd, uint64_t most, uint64_t bound,
			       uint64_t *ret_size, bool *ret_ok)
{
	const struct image_archive_limits *limits = &u->ia->priv->limits;
	uint64_t size = u->nhead;
	bool damaged = false;

	*ret_ok = false;
	int errnum = write_block(fd, u->head, u->nhead, 0);
	while (!errnum && size < most) {
		size_t n;
		struct error *err = stream_read(u->s, u->name, u->buffer, STREAM_BUFFER, &n,
						&damaged);
		if (err || damaged)
			return err;
		if (!n)
			break;
		if (n > most - size)
			n = (size_t)(most - size);
		if (size + n > bound) {
			archive_warn(u->ia, "too-large", u->name,
				     "more than %" PRIu64 " bytes, left out", bound);
			return NULL;
		}
		if (u->ia->unpacked_bytes + size + n > limits->total_bytes) {
			archive_stop_at_limit(u->ia, u->name, "unpacked bytes",
					      limits->total_bytes);
			return NULL;
		}
		errnum = write_block(fd, u->buffer, n, size);
		size += n;
	}
	if (!errnum && ftruncate(fd, (off_t)size))
		errnum = errno;
	if (errnum)
		return error_os(errnum, "cannot unpack '%s' of '%s'", u->name, u->ia->name);
	u->ia->unpacked_bytes += size;
	*ret_size = size;
	*ret_ok = true;
	return NULL;
}

/* Makes 'path' in a place from the member's data. */
static struct error *write_member(struct unpack *u, struct place *p, const char *path,
				  struct image_archive_file *file, uint64_t most, bool *ret)
{
	uint64_t bound = u->ia->priv->limits.member_bytes;
	_cleanup_close_ int fd = -1;

	if ((file->kind == IMAGE_ARCHIVE_OTHER || file->kind == IMAGE_ARCHIVE_SBOM) && p == u->p &&
	    bound > MAX_TEXT)
		bound = MAX_TEXT;
	if (file->size > bound && bound < most) {
		*ret = false;
		archive_warn(u->ia, "too-large", u->name,
			     "%" PRIu64 " bytes, the bound is %" PRIu64 ", left out", file->size,
			     bound);
		return NULL;
	}
	struct error *err = place_file(p, path, &fd, ret);
	if (err || !*ret)
		return err;
	uint64_t said = file->size;
	err = copy_data(u, fd, most, bound, &file->size, ret);
	if (err)
		return err;
	if (!*ret) {
		place_remove(p, path);
		return NULL;
	}
	if (file->size == most && said > most)
		file->size = said;
	if (fchmod(fd, file->mode | 0600))
		return error_os(errno, "cannot unpack '%s' of '%s'", u->name, u->ia->name);
	return NULL;
}

static struct error *keep_file(struct unpack *u, struct image_archive_file *file, uint64_t most)
{
	bool ok;

	struct error *err = write_member(u, u->p, u->name, file, most, &ok);
	if (err || !ok || !strncmp(base_of(u->name), ".wh.", 4))
		return err;
	return add_file(u, file);
}

static struct error *spool_put(struct unpack *u, const struct spooled *what)
{
	struct image_archive_private *priv = u->ia->priv;

	struct spooled *entry = arena_alloc(&priv->arena, sizeof(*entry));
	char *key = arena_strdup(&priv->arena, u->name);
	if (!entry || !key)
		return &error_no_memory;
	*entry = *what;
	return map_put(&priv->spool, key, strlen(key), entry);
}

/* Keeps a part of an image aside, under a number. */
static struct error *spool_file(struct unpack *u, struct image_archive_file *file)
{
	struct image_archive_private *priv = u->ia->priv;
	enum image_archive_file_kind kind;
	char number[32];
	bool ok;

	snprintf(number, sizeof(number), "%zu", priv->spool.n);
	struct error *err = write_member(u, u->spool, number, file, UINT64_MAX, &ok);
	if (err || !ok)
		return err;
	struct spooled entry = {
		.path = arena_printf(&priv->arena, "%s/%s", u->spool->folder, number),
		.size = file->size,
		.binary = is_binary(u->head, u->nhead, &kind),
	};
	return entry.path ? spool_put(u, &entry) : &error_no_memory;
}

/* A name that is not kept: what it hides must not be seen. */
static struct error *leave_out(struct unpack *u, bool before)
{
	const struct name_set *lower = &u->ia->priv->lower;

	if (before)
		place_remove(u->p, u->name);
	if (!u->p->layer || !name_set_has(lower, u->name, strlen(u->name)))
		return NULL;
	return place_whiteout(u->p, u->name);
}

/* Notes a name that is no folder; '*ret': it was there before. */
static struct error *note_name(struct unpack *u, bool *ret)
{
	struct error *err = name_set_add(&u->p->seen, u->name, strlen(u->name), ret);
	if (!err && *ret)
		archive_warn(u->ia, "duplicate-member", u->name,
			     "more than once in the archive, the last one counts");
	return err;
}

static struct error *unpack_file(struct unpack *u, struct archive_entry *entry)
{
	struct image_archive_file file = { .mode = archive_entry_perm(entry) & 0777 };
	bool damaged = false, before;

	struct error *err = note_name(u, &before);
	if (err)
		return err;
	if (archive_entry_is_encrypted(entry)) {
		archive_warn(u->ia, "encrypted", u->name, "encrypted, left out");
		return leave_out(u, before);
	}
	const char *refused = stream_refuses_member(u->s);
	if (refused) {
		archive_warn(u->ia, "unsupported", u->name, "%s, left out", refused);
		return leave_out(u, before);
	}
	if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0)
		file.size = (uint64_t)archive_entry_size(entry);
	u->nhead = 0;
	if (file.size || !archive_entry_size_is_set(entry))
		err = stream_read(u->s, u->name, u->head, sizeof(u->head), &u->nhead, &damaged);
	if (err || damaged)
		return err;
	switch (what_to_keep(u, &file.kind)) {
	case KEEP_ALL:
		return keep_file(u, &file, UINT64_MAX);
	case KEEP_STUB:
		return keep_file(u, &file, MAX_STUB);
	case KEEP_SPOOL:
		return spool_file(u, &file);
	case KEEP_NOTHING:
		break;
	}
	return leave_out(u, before);
}

/* --- links --- */

/* Where a link of 'docker save' leads to, by its text alone; false: outside. */
static bool spool_target(const char *name, const char *target, char *dst)
{
	char path[2 * PATH_MAX];
	size_t out = 0;

	snprintf(path, sizeof(path), "%.*s%s", (int)(base_of(name) - name), name, target);
	dst[0] = '\0';
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !memcmp(p, "..", 2)) {
			char *slash = strrchr(dst, '/');
			if (!out)
				return false;
			out = slash ? (size_t)(slash - dst) : 0;
		} else if (len && !(len == 1 && *p == '.')) {
			if (out + 1 + len >= PATH_MAX)
				return false;
			if (out)
				dst[out++] = '/';
			memcpy(dst + out, p, len);
			out += len;
		}
		dst[out] = '\0';
		p += len;
		p += strspn(p, "/");
	}
	return true;
}

static struct error *unpack_link(struct unpack *u, struct archive_entry *entry)
{
	const char *target = archive_entry_symlink(entry);
	char path[PATH_MAX];
	bool before, ok;

	struct error *err = note_name(u, &before);
	if (err)
		return err;
	if (!target || !*target || strlen(target) >= PATH_MAX) {
		archive_warn(u->ia, "corrupt", u->name, "a symbolic link without a usable target");
		return leave_out(u, before);
	}
	if (u->spool && is_image_part(u->name) && spool_target(u->name, target, path)) {
		struct spooled link = { .target = arena_strdup(&u->ia->priv->arena, path) };
		return link.target ? spool_put(u, &link) : &error_no_memory;
	}
	return place_link(u->p, u->name, target, &ok);
}

static struct error *unpack_hard_link(struct unpack *u, struct archive_entry *entry)
{
	struct image_archive_file file = { .kind = IMAGE_ARCHIVE_OTHER };
	_cleanup_close_ int fd = -1;
	unsigned char head[16];
	bool before, ok;
	struct stat st;

	struct error *err = note_name(u, &before);
	if (err)
		return err;
	const char *code = place_normalise(archive_entry_hardlink(entry), u->ia->priv->limits.path,
					   u->target, NULL);
	if (code || !u->target[0]) {
		archive_warn(u->ia, code ? code : "unsafe-member", u->name,
			     "hard link to '%s', left out", archive_entry_hardlink(entry));
		return leave_out(u, before);
	}
	err = place_hard_link(u->p, u->name, u->target, &fd, &ok);
	if (err)
		return err;
	if (!ok)
		return leave_out(u, before);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return NULL;
	ssize_t n = pread(fd, head, sizeof(head), 0);
	is_binary(head, n > 0 ? (size_t)n : 0, &file.kind);
	file.size = (uint64_t)st.st_size;
	file.mode = st.st_mode & 0777;
	return add_file(u, &file);
}

/* --- all members --- */

static struct error *unpack_special(struct unpack *u)
{
	bool before;

	struct error *err = note_name(u, &before);
	if (err)
		return err;
	archive_warn(u->ia, "special-member", u->name, "a device, FIFO or socket, left out");
	return leave_out(u, before);
}

/* The normalised name of a member in u->name; false where it is not to be unpacked. */
static bool take_name(struct unpack *u, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	bool absolute;

	if (!name)
		name = archive_entry_pathname_utf8(entry);
	if (!name) {
		archive_warn(u->ia, "corrupt", "", "a member whose name cannot be read, left out");
		return false;
	}
	const char *code = place_normalise(name, u->ia->priv->limits.path, u->name, &absolute);
	if (code) {
		archive_warn(u->ia, code, name, "%s, left out",
			     !strcmp(code, "long-name") ? "name too long" : "'..' in its name");
		return false;
	}
	if (absolute)
		archive_warn(u->ia, "absolute-member", name, "leading '/' removed");
	return u->name[0];
}

static struct error *unpack_entry(struct unpack *u, struct archive_entry *entry)
{
	bool ok;

	if (!take_name(u, entry))
		return NULL;
	if (archive_entry_hardlink(entry))
		return unpack_hard_link(u, entry);
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return unpack_file(u, entry);
	case AE_IFLNK:
		return unpack_link(u, entry);
	case AE_IFDIR:
		return place_folder(u->p, u->name, &ok);
	default:
		return unpack_special(u);
	}
}

struct error *archive_unpack(struct stream *s, struct place *p, struct place *spool)
{
	_cleanup_free_ struct unpack *u = calloc(1, sizeof(*u));
	_cleanup_free_ unsigned char *buffer = malloc(STREAM_BUFFER);
	struct archive_entry *entry;
	struct error *err;

	if (!u || !buffer)
		return &error_no_memory;
	*u = (struct unpack) { .ia = s->ia, .s = s, .p = p, .spool = spool, .buffer = buffer };
	for (;;) {
		err = stream_next(s, &entry);
		if (err || !entry)
			return err;
		err = unpack_entry(u, entry);
		if (!err)
			err = stream_skip(s);
		if (err)
			return err;
	}
}
