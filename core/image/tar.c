/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/image/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"

struct tar {
	struct archive *archive;
	char *path, *temporary;
	int fd;
	int64_t mtime;
	bool finished;
	char block[1 << 17];
};

static const struct suffix {
	const char *text;
	int (*add_filter)(struct archive *archive);
} suffixes[] = {
	{ .text = ".tar", .add_filter = archive_write_add_filter_none },
	{ .text = ".tar.gz", .add_filter = archive_write_add_filter_gzip },
	{ .text = ".tgz", .add_filter = archive_write_add_filter_gzip },
	{ .text = ".tar.xz", .add_filter = archive_write_add_filter_xz },
	{ .text = ".tar.zst", .add_filter = archive_write_add_filter_zstd },
};

static const struct suffix *find_suffix(const char *path)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t n = strlen(suffixes[i].text);
		if (len > n && !strcmp(path + len - n, suffixes[i].text))
			return &suffixes[i];
	}
	return NULL;
}

bool tar_is_name(const char *path)
{
	return find_suffix(path);
}

static struct error *tar_error(const struct tar *tar)
{
	int errnum = archive_errno(tar->archive);
	const char *text = archive_error_string(tar->archive);
	if (errnum == ENOMEM)
		return &error_no_memory;
	/* "Write error" is all that libarchive says of write(2). */
	if (text && strcmp(text, "Write error") != 0)
		return error_create(ERROR_OS, "cannot write '%s': %s", tar->path, text);
	return error_os(errnum, "cannot write '%s'", tar->path);
}

static struct error *open_archive(struct tar *tar)
{
	const struct suffix *suffix = find_suffix(tar->path);
	if (!suffix)
		return error_create(ERROR_USAGE, "'%s' has not the name of a tar archive",
				    tar->path);
	tar->fd = mkostemp(tar->temporary, O_CLOEXEC);
	if (tar->fd < 0)
		return error_os(errno, "cannot create '%s'", tar->path);
	struct archive *a = tar->archive;
	/*
	 * GNU's format has names as they are: pax wants UTF-8, and refuses what the locale
	 * cannot convert to it. gzip's header would hold the time of writing.
	 */
	if (suffix->add_filter(a) < ARCHIVE_WARN || archive_write_set_format_gnutar(a) ||
	    archive_write_set_options(a, "gzip:!timestamp") == ARCHIVE_FATAL ||
	    archive_write_set_bytes_in_last_block(a, 1) || archive_write_open_fd(a, tar->fd))
		return tar_error(tar);
	return NULL;
}

struct error *tar_create(const char *path, int64_t mtime, struct tar **ret)
{
	_cleanup_tar_ struct tar *tar = calloc(1, sizeof(*tar));
	if (!tar)
		return &error_no_memory;
	tar->fd = -1;
	tar->mtime = mtime;
	tar->path = strdup(path);
	tar->archive = archive_write_new();
	if (!tar->path || !tar->archive || asprintf(&tar->temporary, "%s.XXXXXX", path) < 0) {
		tar->temporary = NULL;
		return &error_no_memory;
	}
	struct error *err = open_archive(tar);
	if (err)
		return err;
	*ret = cleanup_release(&tar);
	return NULL;
}

void tar_destroy(struct tar *tar)
{
	if (!tar)
		return;
	archive_write_free(tar->archive);
	if (tar->fd >= 0) {
		close(tar->fd);
		if (!tar->finished)
			unlink(tar->temporary);
	}
	free(tar->temporary);
	free(tar->path);
	free(tar);
}

/* Writes the header of a member; 'link' is NULL where it is none. */
static struct error *add_header(struct tar *tar, const char *name, const char *link,
				unsigned int type, mode_t mode, int64_t size)
{
	struct archive_entry *entry = archive_entry_new();
	if (!entry)
		return &error_no_memory;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, mode);
	archive_entry_set_mtime(entry, tar->mtime, 0);
	archive_entry_set_uid(entry, 0);
	archive_entry_set_gid(entry, 0);
	archive_entry_set_size(entry, size);
	if (link)
		archive_entry_set_symlink(entry, link);
	int status = archive_write_header(tar->archive, entry);
	archive_entry_free(entry);
	return status == ARCHIVE_OK ? NULL : tar_error(tar);
}

struct error *tar_add_folder(struct tar *tar, const char *name, mode_t mode)
{
	return add_header(tar, name, NULL, AE_IFDIR, mode, 0);
}

struct error *tar_add_link(struct tar *tar, const char *name, const char *text)
{
	return add_header(tar, name, text, AE_IFLNK, 0777, 0);
}

static struct error *copy_data(struct tar *tar, int fd, const char *source, int64_t size)
{
	while (size > 0) {
		ssize_t n = read(fd, tar->block, sizeof(tar->block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_os(errno, "cannot read '%s'", source);
		if (!n)
			return error_create(ERROR_BAD_DATA, "'%s' became shorter while it was read",
					    source);
		n = n > size ? size : n;
		if (archive_write_data(tar->archive, tar->block, n) != n)
			return tar_error(tar);
		size -= n;
	}
	return NULL;
}

struct error *tar_add_file(struct tar *tar, const char *name, const char *source, mode_t mode)
{
	_cleanup_close_ int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		return error_os(errno, "cannot open '%s'", source);
	if (!S_ISREG(st.st_mode))
		return error_create(ERROR_BAD_DATA, "'%s' is not a regular file", source);
	struct error *err = add_header(tar, name, NULL, AE_IFREG, mode, st.st_size);
	return err ? err : copy_data(tar, fd, source, st.st_size);
}

struct error *tar_finish(struct tar *tar)
{
	if (archive_write_close(tar->archive) != ARCHIVE_OK)
		return tar_error(tar);
	/* mkostemp made it for the owner alone. */
	mode_t mask = umask(0);
	umask(mask);
	if (fchmod(tar->fd, 0666 & ~mask) || rename(tar->temporary, tar->path))
		return error_os(errno, "cannot write '%s'", tar->path);
	tar->finished = true;
	return NULL;
}
