/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a wheel, Debian package, tar file or image. Beside memory
 * errors, these are failures: something left in the temporary folder, or
 * written beside it.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/image/archive.h"
#include "core/image/tree.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* base/in/tmp is the TMPDIR: a few ".." more than enough do not leave base unnoticed. */
static char base[64];

static const struct image_archive_limits limits = {
	.total_bytes = 8 << 20,
	.member_bytes = 4 << 20,
	.read_bytes = 32 << 20,
	.members = 2000,
	.layers = 8,
	.warnings = 20,
};

static void clean_up(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/in/tmp", base);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/in", base);
	rmdir(path);
	rmdir(base);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[128];

	(void)argc;
	(void)argv;
	/* In memory where that is possible: thousands of folders a second. */
	snprintf(base, sizeof(base), "%s/uniscope-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(base))
		abort();
	snprintf(path, sizeof(path), "%s/in", base);
	if (mkdir(path, 0700))
		abort();
	snprintf(path, sizeof(path), "%s/in/tmp", base);
	if (mkdir(path, 0700) || setenv("TMPDIR", path, 1))
		abort();
	atexit(clean_up);
	return 0;
}

static int entries(const char *below)
{
	char path[128];
	int n = -2; /* "." and ".." */

	snprintf(path, sizeof(path), "%s/%s", base, below);
	DIR *dir = opendir(path);
	if (!dir)
		abort();
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void warn(struct image_archive_sink *sink, const struct image_archive_warning *w)
{
	(void)sink;
	if (!*w->code || !strstr(w->text, w->archive))
		abort();
}

static bool count_name(const char *name, void *arg)
{
	*(size_t *)arg += strlen(name);
	return true;
}

/* Every file must be found through the tree, where the archive says it is. */
static void look(const struct image_archive *ia)
{
	_cleanup_tree_ struct tree *tree = NULL;
	static struct tree_entry entry;
	size_t length = 0;

	if (!ia->nlayers)
		abort();
	struct error *err = tree_create(&tree);
	for (size_t i = 0; i < ia->nlayers && !err; i++)
		err = tree_add_layer(tree, ia->layers[i], ia->prefix);
	if (err)
		abort();
	tree_list(tree, "/", count_name, &length);
	for (size_t i = 0; i < ia->nfiles; i++) {
		const struct image_archive_file *f = &ia->files[i];
		if (tree_resolve(tree, f->member, &entry) || strcmp(entry.path, f->path) ||
		    strcmp(entry.realpath, f->member))
			abort();
		if (i && strcmp(ia->files[i - 1].member, f->member) >= 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_archive_sink sink = { .warn = warn };
	struct image_archive *ia = NULL;
	char path[64];

	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct error *err = image_archive_open(path, "fuzz", &limits, &sink, NULL, &ia);
	if (!err)
		look(ia);
	error_destroy(err);
	image_archive_destroy(ia);
	close(fd);
	if (entries(".") != 1 || entries("in") != 1 || entries("in/tmp") != 0)
		abort();
	return 0;
}
