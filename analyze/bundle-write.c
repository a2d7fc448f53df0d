/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/bundle.h"
#include "core/base/cleanup.h"
#include "core/image/tar.h"

enum { COPY_BLOCK = 1 << 20 };

/* What programs need of a mode: readable by all, executable if it was, nobody's to write but ours.
 */
static mode_t bundle_mode(mode_t mode)
{
	return mode & 0111 ? 0755 : 0644;
}

static struct error *source_mode(const struct bundle_item *item, mode_t *ret)
{
	struct stat st;
	if (stat(item->source, &st))
		return error_os(errno, "cannot open '%s'", item->source);
	*ret = bundle_mode(st.st_mode);
	return NULL;
}

/*
 * Lists are sorted each by itself; an archive holds folders first, then files
 * and links in one order.
 */
static struct error *write_archive(const struct bundle *b, const char *out, int64_t mtime,
				   struct log *log)
{
	_cleanup_tar_ struct tar *tar = NULL;
	struct error *err = tar_create(out, mtime, &tar);

	for (size_t i = 0; !err && i < b->nfolders; i++)
		err = tar_add_folder(tar, b->folders[i] + 1, 0755);
	for (size_t i = 0, l = 0; !err && i + l < b->nitems + b->nlinks;) {
		if (l < b->nlinks &&
		    (i == b->nitems || strcmp(b->links[l].target, b->items[i].target) < 0)) {
			err = tar_add_link(tar, b->links[l].target + 1, b->links[l].text);
			l++;
			continue;
		}
		mode_t mode = 0;
		err = log_check_stop(log);
		if (!err)
			err = source_mode(&b->items[i], &mode);
		if (!err)
			err = tar_add_file(tar, b->items[i].target + 1, b->items[i].source, mode);
		log_progress(log, "bundling", "files", ++i, b->nitems);
	}
	return err ? err : tar_finish(tar);
}

/*
 * Opens the folder that 'target' stands in, below 'root', without following any
 * link: the tree is ours, but somebody else may write into it meanwhile.
 */
static struct error *open_parent(int root, const char *target, int *ret)
{
	_cleanup_close_ int fd = dup(root);
	if (fd < 0)
		return error_os(errno, "cannot open the folder of '%s'", target);
	for (const char *c = target + 1, *end; (end = strchr(c, '/')); c = end + 1) {
		char name[NAME_MAX + 1];
		if ((size_t)(end - c) >= sizeof(name))
			return error_os(ENAMETOOLONG, "cannot create '%s'", target);
		memcpy(name, c, end - c);
		name[end - c] = '\0';
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return error_os(errno, "cannot open the folder of '%s'", target);
		close(fd);
		fd = next;
	}
	*ret = fd;
	fd = -1;
	return NULL;
}

static const char *base_name(const char *target)
{
	return strrchr(target, '/') + 1;
}

static struct error *write_all(int fd, const char *data, size_t len, const char *target)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_os(errno, "cannot write '%s'", target);
		data += n;
		len -= n;
	}
	return NULL;
}

/* Copies the bytes; the kernel does it where both file systems can. */
static struct error *copy_bytes(int from, int to, const struct bundle_item *item)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, COPY_BLOCK << 4, 0);
		if (n == 0)
			return NULL;
		if (n < 0 && errno != EINTR)
			break;
	}
	if (errno == ENOSPC || errno == EIO || errno == EDQUOT)
		return error_os(errno, "cannot write '%s'", item->target);
	/* Not possible between these two: go on from where it stopped. */
	_cleanup_free_ char *block = malloc(COPY_BLOCK);
	if (!block)
		return &error_no_memory;
	for (;;) {
		ssize_t n = read(from, block, COPY_BLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_os(errno, "cannot read '%s'", item->source);
		if (!n)
			return NULL;
		struct error *err = write_all(to, block, n, item->target);
		if (err)
			return err;
	}
}

static struct error *write_item(int root, const struct bundle_item *item)
{
	_cleanup_close_ int from = open(item->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_close_ int parent = -1, to = -1;
	struct stat st;

	if (from < 0 || fstat(from, &st))
		return error_os(errno, "cannot open '%s'", item->source);
	if (!S_ISREG(st.st_mode))
		return error_create(ERROR_BAD_DATA, "'%s' is not a regular file", item->source);
	struct error *err = open_parent(root, item->target, &parent);
	if (err)
		return err;
	to = openat(parent, base_name(item->target),
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return error_os(errno, "cannot create '%s'", item->target);
	err = copy_bytes(from, to, item);
	if (!err && fchmod(to, bundle_mode(st.st_mode)))
		err = error_os(errno, "cannot write '%s'", item->target);
	return err;
}

static struct error *write_link(int root, const struct bundle_link *link)
{
	_cleanup_close_ int parent = -1;
	struct error *err = open_parent(root, link->target, &parent);
	if (!err && symlinkat(link->text, parent, base_name(link->target)))
		err = error_os(errno, "cannot create the link '%s'", link->target);
	return err;
}

static struct error *make_folder(int root, const char *target)
{
	_cleanup_close_ int parent = -1;
	struct error *err = open_parent(root, target, &parent);
	if (!err && mkdirat(parent, base_name(target), 0755))
		err = error_os(errno, "cannot create the folder '%s'", target);
	return err;
}

/* The folder to write into, which is new or empty. */
static struct error *open_root(const char *out, int *ret)
{
	if (mkdir(out, 0755) && errno != EEXIST)
		return error_os(errno, "cannot create the folder '%s'", out);
	_cleanup_close_ int fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int copy = fd < 0 ? -1 : dup(fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int errnum = errno;
		if (copy >= 0)
			close(copy);
		return error_os(errnum, "cannot open the folder '%s'", out);
	}
	bool empty = true;
	for (const struct dirent *e; empty && (e = readdir(dir));)
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	closedir(dir);
	if (!empty)
		return error_create(ERROR_USAGE, "the folder '%s' is not empty", out);
	*ret = fd;
	fd = -1;
	return NULL;
}

static struct error *write_folder(const struct bundle *b, const char *out, struct log *log)
{
	_cleanup_close_ int root = -1;
	struct error *err = open_root(out, &root);

	for (size_t i = 0; !err && i < b->nfolders; i++)
		err = make_folder(root, b->folders[i]);
	for (size_t i = 0; !err && i < b->nitems; i++) {
		err = log_check_stop(log);
		if (!err)
			err = write_item(root, &b->items[i]);
		log_progress(log, "bundling", "files", i + 1, b->nitems);
	}
	for (size_t i = 0; !err && i < b->nlinks; i++)
		err = write_link(root, &b->links[i]);
	return root < 0 ? err : error_prefix(err, "'%s' is incomplete", out);
}

struct error *bundle_write(const struct bundle *bundle, const char *out, int64_t mtime,
			   struct log *log)
{
	if (tar_is_name(out))
		return write_archive(bundle, out, mtime, log);
	return write_folder(bundle, out, log);
}

struct error *bundle_source_date(int64_t *ret)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	int64_t value = 0;
	if (text && *text) {
		char *end;
		errno = 0;
		value = strtoll(text, &end, 10);
		if (errno || *end || value < 0)
			return error_create(ERROR_USAGE,
					    "SOURCE_DATE_EPOCH is not a number of seconds: '%s'",
					    text);
	}
	*ret = value;
	return NULL;
}
