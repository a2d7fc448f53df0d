/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing below a folder. The names come from an archive: the kernel is asked
 * to keep every lookup beneath the folder (openat2, Linux 5.6); where it cannot,
 * no link is followed at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/cleanup.h"
#include "core/image/archive-internal.h"

/* --- names --- */

void name_set_deinit(struct name_set *set)
{
	free(set->slots);
	*set = (struct name_set) { 0 };
}

static uint64_t name_hash(const char *name, size_t len)
{
	uint64_t hash = XXH3_64bits(name, len);
	return hash ? hash : 1; /* 0 is a free slot */
}

static size_t name_slot(const struct name_set *set, uint64_t hash)
{
	size_t at = hash & (set->size - 1);

	while (set->slots[at] && set->slots[at] != hash)
		at = (at + 1) & (set->size - 1);
	return at;
}

bool name_set_has(const struct name_set *set, const char *name, size_t len)
{
	return set->size && set->slots[name_slot(set, name_hash(name, len))];
}

static struct error *name_set_grow(struct name_set *set)
{
	struct name_set bigger = { .size = set->size ? set->size * 2 : 256 };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return &error_no_memory;
	for (size_t i = 0; i < set->size; i++)
		if (set->slots[i])
			bigger.slots[name_slot(&bigger, set->slots[i])] = set->slots[i];
	bigger.n = set->n;
	free(set->slots);
	*set = bigger;
	return NULL;
}

struct error *name_set_add(struct name_set *set, const char *name, size_t len, bool *ret)
{
	if (set->n * 2 >= set->size) {
		struct error *err = name_set_grow(set);
		if (err)
			return err;
	}
	uint64_t hash = name_hash(name, len);
	size_t at = name_slot(set, hash);
	if (ret)
		*ret = set->slots[at];
	if (!set->slots[at]) {
		set->slots[at] = hash;
		set->n++;
	}
	return NULL;
}

const char *place_normalise(const char *name, size_t bound, char *dst, bool *absolute)
{
	size_t out = 0;

	if (absolute)
		*absolute = name[0] == '/';
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && name[0] == '.' && name[1] == '.')
			return "unsafe-member";
		if (len > NAME_MAX || out + 1 + len > bound)
			return "long-name";
		if (len && !(len == 1 && name[0] == '.')) {
			if (out)
				dst[out++] = '/';
			memcpy(dst + out, name, len);
			out += len;
		}
		name += len;
		name += strspn(name, "/");
	}
	dst[out] = '\0';
	return NULL;
}

/* --- opening folders --- */

/* A folder below 'root' without openat2: no component may be a link. */
static int open_without_links(int root, const char *path)
{
	int at = root;

	while (*path) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(path, "/");

		memcpy(name, path, len);
		name[len] = '\0';
		path += len + (path[len] == '/');
		struct stat st;
		int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int errnum = fd < 0 ? errno : 0;
		if (errnum == ENOTDIR && !fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) &&
		    S_ISLNK(st.st_mode))
			errnum = ELOOP;
		if (at != root)
			close(at);
		if (errnum) {
			errno = errnum;
			return -1;
		}
		at = fd;
	}
	return at;
}

/* A folder below 'root', "" being root itself; -1 and errno. */
static int open_folder(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (!*path)
		return fcntl(root, F_DUPFD_CLOEXEC, 0);
	do
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_without_links(root, path);
	return (int)fd;
}

/* Makes a folder and all above it, and opens it; -1 and errno. */
static int make_folder(int root, const char *path)
{
	char part[PATH_MAX];
	int fd = open_folder(root, path);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = open_folder(root, "");
	for (size_t done = 0; fd >= 0 && path[done];) {
		size_t len = strcspn(path + done, "/");
		char name[NAME_MAX + 1];

		memcpy(name, path + done, len);
		name[len] = '\0';
		done += len;
		int made = mkdirat(fd, name, 0700);
		int errnum = errno;
		close(fd);
		if (made && errnum != EEXIST) {
			errno = errnum;
			return -1;
		}
		memcpy(part, path, done);
		part[done] = '\0';
		fd = open_folder(root, part);
		done += path[done] == '/';
	}
	return fd;
}

/*
 * The folder that a path lies in, made where it is missing, and the last
 * component. The descriptor is the place's. Members of one folder follow each
 * other, so it is kept. 0 or errno.
 */
static int parent_of(struct place *p, const char *path, int *ret_fd, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*ret_name = slash ? slash + 1 : path;
	if (p->parent_fd < 0 || strncmp(p->parent, path, len) || p->parent[len]) {
		if (p->parent_fd >= 0)
			close(p->parent_fd);
		memcpy(p->parent, path, len);
		p->parent[len] = '\0';
		p->parent_fd = make_folder(p->fd, p->parent);
		if (p->parent_fd < 0)
			return errno;
	}
	*ret_fd = p->parent_fd;
	return 0;
}

/* What a failure to make something says of its member, or an error of the machine. */
static struct error *refused(struct place *p, const char *path, int errnum, bool *ret)
{
	*ret = false;
	switch (errnum) {
	case EXDEV:
	case ELOOP:
		archive_warn(p->ia, "unsafe-member", path, "leads out of the archive, left out");
		return NULL;
	case ENOENT:
		archive_warn(p->ia, "unsafe-member", path, "leads through a link to nothing");
		return NULL;
	case ENAMETOOLONG:
		archive_warn(p->ia, "long-name", path, "name too long, left out");
		return NULL;
	case ENOTDIR:
	case EEXIST:
	case EISDIR:
	case ENOTEMPTY:
		archive_warn(p->ia, "duplicate-member", path,
			     "another member is in its way, left out");
		return NULL;
	case EINVAL:
	case EILSEQ:
	case EMLINK:
		archive_warn(p->ia, "unsafe-member", path, "the file system refuses it, left out");
		return NULL;
	default:
		return error_os(errnum, "cannot unpack '%s' of '%s' to '%s'", path, p->ia->name,
				p->folder);
	}
}

/* Removes what a name stands for, if it is a file, a link or an empty folder. */
static int remove_at(struct place *p, int fd, const char *name)
{
	if (unlinkat(fd, name, 0)) {
		if (errno == ENOENT)
			return 0;
		if (errno != EISDIR && errno != EPERM)
			return errno;
		if (unlinkat(fd, name, AT_REMOVEDIR))
			return errno;
	}
	/* It may have been a part of the path that is remembered. */
	memcpy(p->parent, "/", 2);
	return 0;
}

/* --- making things --- */

struct error *place_init(struct place *p, struct image_archive *ia, const char *name)
{
	*p = (struct place) { .ia = ia, .fd = -1, .parent_fd = -1 };
	p->folder = arena_printf(&ia->priv->arena, "%s/%s", ia->priv->folder, name);
	if (!p->folder)
		return &error_no_memory;
	if (!mkdir(p->folder, 0700))
		p->fd = open(p->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->fd < 0)
		return error_os(errno, "cannot make folder '%s'", p->folder);
	return NULL;
}

void place_deinit(struct place *p)
{
	name_set_deinit(&p->seen);
	if (p->parent_fd >= 0)
		close(p->parent_fd);
	if (p->fd >= 0)
		close(p->fd);
	*p = (struct place) { .fd = -1, .parent_fd = -1 };
}

struct error *place_folder(struct place *p, const char *path, bool *ret)
{
	*ret = true;
	int fd = make_folder(p->fd, path);
	if (fd < 0)
		return refused(p, path, errno, ret);
	close(fd);
	return NULL;
}

struct error *place_file(struct place *p, const char *path, int *ret_fd, bool *ret)
{
	const char *name;
	int at;

	*ret = true;
	int errnum = parent_of(p, path, &at, &name);
	if (!errnum)
		errnum = remove_at(p, at, name);
	if (errnum)
		return refused(p, path, errnum, ret);
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refused(p, path, errno, ret);
	*ret_fd = fd;
	return NULL;
}

struct error *place_link(struct place *p, const char *path, const char *target, bool *ret)
{
	const char *name;
	int at;

	*ret = true;
	int errnum = parent_of(p, path, &at, &name);
	if (!errnum)
		errnum = remove_at(p, at, name);
	if (!errnum && symlinkat(target, at, name))
		errnum = errno;
	return errnum ? refused(p, path, errnum, ret) : NULL;
}

static int link_to(struct place *p, const char *path, const char *target)
{
	const char *slash = strrchr(target, '/');
	char folder[PATH_MAX];
	const char *name;
	struct stat st;
	int at;

	size_t len = slash ? (size_t)(slash - target) : 0;
	memcpy(folder, target, len);
	folder[len] = '\0';
	_cleanup_close_ int from = open_folder(p->fd, folder);
	if (from < 0)
		return errno == ENOENT ? ESRCH : errno;
	const char *old = slash ? slash + 1 : target;
	if (fstatat(from, old, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? ESRCH : errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	int errnum = parent_of(p, path, &at, &name);
	if (errnum || !linkat(from, old, at, name, 0))
		return errnum;
	if (errno != EEXIST)
		return errno;
	errnum = remove_at(p, at, name);
	if (!errnum && linkat(from, old, at, name, 0))
		errnum = errno == ENOENT ? ESRCH : errno; /* it was a link to itself */
	return errnum;
}

struct error *place_hard_link(struct place *p, const char *path, const char *target, int *ret_fd,
			      bool *ret)
{
	const char *name;
	int at;

	*ret = true;
	*ret_fd = -1;
	int errnum = link_to(p, path, target);
	if (errnum == ESRCH) {
		/* A link to something that was read over is nothing to keep either. */
		*ret = false;
		if (!name_set_has(&p->seen, target, strlen(target)))
			archive_warn(p->ia, "dangling-link", path,
				     "hard link to '%s', which is not there", target);
		return NULL;
	}
	if (errnum)
		return refused(p, path, errnum, ret);
	errnum = parent_of(p, path, &at, &name);
	if (errnum)
		return refused(p, path, errnum, ret);
	/* A link to a symbolic link is one itself, and there is nothing to read. */
	*ret_fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	return NULL;
}

void place_remove(struct place *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	size_t len = slash ? (size_t)(slash - path) : 0;

	memcpy(folder, path, len);
	folder[len] = '\0';
	_cleanup_close_ int fd = open_folder(p->fd, folder);
	if (fd >= 0)
		unlinkat(fd, slash ? slash + 1 : path, 0);
}

struct error *place_whiteout(struct place *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash + 1 - path) : 0;
	char name[PATH_MAX];
	bool made;
	int fd;

	int n = snprintf(name, sizeof(name), "%.*s.wh.%s", len, path, path + len);
	if (n < 0 || (size_t)n >= sizeof(name))
		return NULL;
	struct error *err = place_file(p, name, &fd, &made);
	if (!err && made)
		close(fd);
	return err;
}
