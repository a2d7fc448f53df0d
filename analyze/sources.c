/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SOURCEs: what the user names becomes files to start from, and a tree to look
 * further files up in.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/depgraph-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/sha256.h"

/* Bounds of a folder source; a distribution's root file system has 10^5 files. */
enum { MAX_DEPTH = 64, MAX_ROOTS = 200000 };

struct error *depgraph_add_root(struct depgraph *dg, struct fgraph_file *file, uint32_t source)
{
	if (file->root)
		return NULL;
	struct error *err = array_grow(&dg->roots, &dg->roots_cap, dg->nroots + 1,
				       sizeof(*dg->roots));
	if (err)
		return err;
	file->root = true;
	file->input = source + 1;
	dg->roots[dg->nroots++] = (struct root) { file, source };
	return NULL;
}

/* --- Folders --- */

struct folder_walk {
	struct depgraph *dg;
	uint32_t source;
	const char *folder; /* on this machine */
	char **paths;
	size_t n, cap;
	bool too_many;
};

/* *errnum gets why a file cannot be read, 0 if it can. */
static bool is_elf_file(int dirfd, const char *name, int *errnum)
{
	unsigned char magic[4];
	_cleanup_close_ int fd = openat(dirfd, name,
					O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);

	*errnum = fd < 0 ? errno : 0;
	return fd >= 0 && pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       image_is_elf(magic, sizeof(magic));
}

static struct error *keep_path(struct folder_walk *w, const char *dir, const char *name)
{
	struct error *err = array_grow(&w->paths, &w->cap, w->n + 1, sizeof(*w->paths));

	if (err)
		return err;
	w->paths[w->n] = arena_printf(&w->dg->arena, "%s/%s", dir, name);
	return w->paths[w->n++] ? NULL : &error_no_memory;
}

static struct error *warn_unreadable(struct depgraph *dg, int errnum, const char *dir,
				     const char *name)
{
	struct error *err = error_os(errnum, "cannot read '%s/%s'", dir, name);
	struct error *warned = fgraph_warn(dg->graph, "unreadable", name, true, "%s",
					   error_get_message(err));

	error_destroy(err);
	return warned;
}

static struct error *walk_folder(struct folder_walk *w, const char *dir, unsigned int depth);

static struct error *walk_entry(struct folder_walk *w, int dirfd, const char *dir, const char *name,
				unsigned int depth)
{
	struct stat st;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return NULL;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL; /* gone meanwhile */
	if (S_ISREG(st.st_mode)) {
		int errnum;
		bool elf = is_elf_file(dirfd, name, &errnum);
		if (errnum && errnum != ENOENT)
			return warn_unreadable(w->dg, errnum, dir, name);
		if (!elf)
			return NULL;
		if (w->n < MAX_ROOTS)
			return keep_path(w, dir, name);
		w->too_many = true;
	}
	if (!S_ISDIR(st.st_mode))
		return NULL;
	char *below = arena_printf(&w->dg->arena, "%s/%s", dir, name);
	return below ? walk_folder(w, below, depth + 1) : &error_no_memory;
}

static struct error *walk_folder(struct folder_walk *w, const char *dir, unsigned int depth)
{
	struct error *err = log_check_stop(w->dg->options.log);
	_cleanup_close_ int fd = -1;

	if (err)
		return err;
	if (depth > MAX_DEPTH)
		return fgraph_warn(w->dg->graph, "too-deep", dir, true,
				   "'%s' is deeper than %d folders and was skipped", dir,
				   MAX_DEPTH);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		err = error_os(errno, "cannot read '%s'", dir);
		if (!depth)
			return err;
		struct error *warned = fgraph_warn(w->dg->graph, "unreadable", dir, true, "%s",
						   error_get_message(err));
		error_destroy(err);
		return warned;
	}
	int dfd = fd;
	fd = -1; /* d owns it */
	struct dirent *e;
	while (!err && (e = readdir(d)))
		err = walk_entry(w, dfd, dir, e->d_name, depth);
	closedir(d);
	return err;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool sources_has_loader(const struct tree *tree)
{
	static const char *const loaders[] = {
		"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux.so.2",
		"/lib/ld-linux-aarch64.so.1",  "/lib/ld-linux-riscv64-lp64d.so.1",
		"/lib/ld-musl-x86_64.so.1",    "/lib/ld-musl-i386.so.1",
		"/lib/ld-musl-aarch64.so.1"
	};
	struct tree_entry entry;

	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
		if (!tree_find(tree, loaders[i], &entry) && S_ISREG(entry.st.st_mode))
			return true;
	return false;
}

struct error *sources_add_path(struct depgraph *dg, uint32_t index, const char *path)
{
	const struct tree *tree = dg->sources[index].tree;
	struct tree_entry entry;
	struct fgraph_file *file;

	if (tree_find(tree, path, &entry))
		return NULL; /* gone meanwhile */
	struct error *err = fgraph_open_file(dg->graph, tree, path, &entry, NULL, &file);
	if (err && error_get_code(err) == ERROR_NO_MEMORY)
		return err;
	if (err) {
		struct error *warned = fgraph_warn(dg->graph, "bad-data", path, true, "%s",
						   error_get_message(err));
		error_destroy(err);
		return warned;
	}
	/* Objects and core files are no things that a loader maps. */
	if (file->image->type != ET_EXEC && file->image->type != ET_DYN)
		return NULL;
	return depgraph_add_root(dg, file, index);
}

static struct error *add_folder_roots(struct folder_walk *w, bool inside)
{
	size_t skip = inside ? strlen(w->folder) : 0;

	for (size_t i = 0; i < w->n; i++) {
		struct error *err = log_check_stop(w->dg->options.log);
		if (err)
			return err;
		log_progress(w->dg->options.log, "opening", "files", i, w->n);
		err = sources_add_path(w->dg, w->source, w->paths[i] + skip);
		if (err)
			return err;
	}
	return NULL;
}

/* A folder with a loader in its place is searched inside; another is part of its tree. */
static struct error *choose_tree(struct depgraph *dg, struct source *source, bool *inside)
{
	_cleanup_tree_ struct tree *tree = NULL;
	struct error *err;

	*inside = false;
	if (dg->options.sysroot)
		return NULL;
	err = tree_create(&tree);
	if (!err)
		err = tree_add_layer(tree, source->path, "");
	if (err || !sources_has_loader(tree))
		return err;
	source->own_tree = cleanup_release(&tree);
	source->tree = source->own_tree;
	*inside = true;
	log_message(dg->options.log, LOG_INFO,
		    "'%s' holds a dynamic loader: libraries are looked up inside it", source->path);
	return NULL;
}

static struct error *read_folder(struct depgraph *dg, uint32_t index)
{
	struct source *source = &dg->sources[index];
	struct folder_walk w = { .dg = dg, .source = index, .folder = source->path };
	struct error *err;
	bool inside;

	err = choose_tree(dg, source, &inside);
	if (err)
		return err;
	err = walk_folder(&w, source->path, 0);
	if (!err && w.too_many)
		err = fgraph_warn(dg->graph, "too-many", source->path, true,
				  "'%s' has more than %d ELF files; the rest was skipped",
				  source->path, MAX_ROOTS);
	if (!err) {
		if (w.n)
			qsort(w.paths, w.n, sizeof(*w.paths), compare_paths);
		err = add_folder_roots(&w, inside);
	}
	free(w.paths);
	return err;
}

/* --- Files --- */

static struct error *read_elf(struct depgraph *dg, uint32_t index)
{
	struct source *source = &dg->sources[index];
	struct tree_entry entry;
	struct fgraph_file *file;
	struct error *err;

	int errnum = tree_find(source->tree, source->path, &entry);
	if (errnum)
		return error_os(errnum, "cannot open '%s'", source->path);
	err = fgraph_open_file(dg->graph, source->tree, source->path, &entry, NULL, &file);
	if (err)
		return err;
	return depgraph_add_root(dg, file, index);
}

/* "elf:x" and the like; a bare name is looked at. */
static const char *split_kind(const char *spec, const char **kind)
{
	static const char *const kinds[] = { "elf", "dir", "wheel", "deb", "tar", "oci", "ar" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i]);
		if (!strncmp(spec, kinds[i], len) && spec[len] == ':') {
			*kind = kinds[i];
			return spec + len + 1;
		}
	}
	*kind = NULL;
	return spec;
}

/* "!<arch>" and not a Debian package, which begins so too; or an object file. */
static bool is_static_archive(const char *path)
{
	unsigned char magic[18];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	ssize_t n = fd >= 0 ? pread(fd, magic, sizeof(magic), 0) : -1;
	if (n == sizeof(magic) && image_is_elf(magic, sizeof(magic)))
		return magic[16] == ET_REL && !magic[17]; /* e_type, little-endian */
	return n >= 8 && image_members_is_archive(magic, (size_t)n) &&
	       image_archive_detect(path) == IMAGE_ARCHIVE_NONE;
}

static struct error *hash_input(struct source *source, const char *disk_path)
{
	_cleanup_close_ int fd = open(disk_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_os(errno, "cannot open '%s'", source->path);
	return sha256_file(fd, source->path, source->sha256);
}

static struct error *read_source(struct depgraph *dg, uint32_t index, const char *spec)
{
	struct source *source = &dg->sources[index];
	struct tree_entry entry;
	struct error *err;

	source->spec = spec;
	source->path = split_kind(spec, &source->kind);
	source->tree = dg->tree;
	int errnum = tree_find(dg->tree, source->path, &entry);
	if (errnum)
		return error_os(errnum, "cannot open '%s'", source->path);
	if (source->kind && S_ISDIR(entry.st.st_mode) != !strcmp(source->kind, "dir"))
		return error_create(ERROR_BAD_DATA, "'%s' is %s folder, and '%s:' was asked for",
				    source->path, S_ISDIR(entry.st.st_mode) ? "a" : "no",
				    source->kind);
	if (S_ISDIR(entry.st.st_mode)) {
		size_t len = strlen(source->path);
		while (len > 1 && source->path[len - 1] == '/')
			len--;
		source->path = arena_strndup(&dg->arena, source->path, len);
		if (!source->path)
			return &error_no_memory;
		source->kind = "dir";
		return read_folder(dg, index);
	}
	source->bytes = (uint64_t)entry.st.st_size;
	if (dg->options.hashes && S_ISREG(entry.st.st_mode)) {
		err = hash_input(source, entry.path);
		if (err)
			return err;
	}
	if (source->kind ? !strcmp(source->kind, "ar") : is_static_archive(entry.path))
		return sources_read_members(dg, index, entry.path);
	bool archive = source->kind && strcmp(source->kind, "elf") != 0;
	if (!source->kind)
		archive = image_archive_detect(entry.path) != IMAGE_ARCHIVE_NONE;
	if (archive)
		return sources_read_archive(dg, index, entry.path);
	source->kind = "elf";
	return read_elf(dg, index);
}

struct error *sources_read(struct depgraph *dg, const char *const *specs, size_t n)
{
	struct error *err;

	dg->sources = calloc(n, sizeof(*dg->sources));
	if (!dg->sources)
		return &error_no_memory;
	dg->nsources = n;
	for (size_t i = 0; i < n; i++) {
		err = read_source(dg, (uint32_t)i, specs[i]);
		if (!err)
			continue;
		enum error_code code = error_get_code(err);
		if (n == 1 || code == ERROR_NO_MEMORY || code == ERROR_STOP || code == ERROR_USAGE)
			return err;
		struct error *warned = fgraph_warn(dg->graph, "unreadable", specs[i], true, "%s",
						   error_get_message(err));
		error_destroy(err);
		if (warned)
			return warned;
	}
	if (!dg->nroots && !dg->nmembers)
		return error_create(ERROR_NOT_FOUND, "'%s': no ELF program or library in it",
				    specs[0]);
	return NULL;
}

void sources_destroy(struct depgraph *dg)
{
	for (size_t i = 0; i < dg->nsources; i++) {
		tree_destroy(dg->sources[i].own_tree);
		image_archive_destroy(dg->sources[i].archive);
		image_members_destroy(dg->sources[i].members);
	}
	free(dg->sources);
}
