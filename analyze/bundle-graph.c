/* SPDX-License-Identifier: BSD-2-Clause */
/* From a dependency graph to the plain inputs of bundle_create(). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/bundle.h"
#include "analyze/depgraph-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/* Bounds of a folder that is added; a Python installation has 10^4 files. */
enum { MAX_DEPTH = 64, MAX_FILES = 1000000 };

struct list {
	struct depgraph *dg;
	struct bundle_file *files;
	size_t n, cap;
};

static struct error *list_add(struct list *list, const struct bundle_file *file)
{
	if (list->n >= MAX_FILES)
		return error_create(ERROR_NO_MEMORY, "cannot bundle more than %d files", MAX_FILES);
	struct error *err = array_grow(&list->files, &list->cap, list->n + 1, sizeof(*file));
	if (!err)
		list->files[list->n++] = *file;
	return err;
}

/* --- What the closures map --- */

/* Whether $ORIGIN helps to find what this file needs. */
static bool uses_origin(const struct fgraph_file *file)
{
	const char *paths[] = { file->image->rpath, file->image->runpath };
	for (size_t i = 0; i < 2; i++)
		if (paths[i] && (strstr(paths[i], "$ORIGIN") || strstr(paths[i], "${ORIGIN}")))
			return true;
	return false;
}

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(text, prefix, len) ? NULL : text + len;
}

/*
 * How a name was found, from the words of the search. "RUNPATH of 'x'" with
 * $ORIGIN depends on where x itself is taken from, which may be another name
 * inside: the link in a default folder.
 */
static enum bundle_found how_found(const struct closure *c, const struct closure_find *find)
{
	const char *owner = after(find->source, "RPATH of '");
	if (!owner)
		owner = after(find->source, "RUNPATH of '");
	if (strchr(find->name, '/'))
		return BUNDLE_KEPT;
	if (!owner)
		return BUNDLE_SEARCHED;
	for (size_t i = 0; i < c->n; i++) {
		const struct fgraph_file *f = c->links[i]->file;
		const char *rest = after(owner, f->path);
		if (rest && !strcmp(rest, "'"))
			return uses_origin(f) ? BUNDLE_ORIGIN : BUNDLE_KEPT;
	}
	return BUNDLE_ORIGIN;
}

/* 'path' is how the loader names it in 'tree'. */
static struct error *add_path(struct list *list, const struct tree *tree, const char *path,
			      const char *source, const char *name, enum bundle_found found)
{
	struct tree_entry entry;
	if (tree_resolve(tree, path, &entry))
		return error_create(ERROR_NOT_FOUND, "cannot bundle '%s': it is gone", path);
	char *real = arena_strdup(&list->dg->arena, entry.realpath);
	if (path[0] != '/') {
		/* A relative name is one from here: that is what the loader opens. */
		_cleanup_free_ char *cwd = getcwd(NULL, 0);
		path = cwd ? arena_printf(&list->dg->arena, "%s/%s", cwd, path) : NULL;
	}
	if (!real || !path)
		return &error_no_memory;
	struct bundle_file f = {
		.path = path, .realpath = real, .source = source, .name = name, .found = found
	};
	return list_add(list, &f);
}

/*
 * All names that the loader will search for again inside: each search that found
 * something, and what is mapped without one (the program, the loader).
 */
static struct error *add_closure(struct list *list, const struct closure *c)
{
	const struct tree *tree = search_tree(c->search);
	struct error *err = NULL;
	_cleanup_free_ bool *searched = calloc(c->n + 1, 1);
	bool has_interp = c->n && c->links[0]->file->image->interp;

	if (!searched)
		return &error_no_memory;
	for (size_t i = 0; i < c->n; i++)
		has_interp = has_interp || c->links[i]->file == c->interp;
	if (c->interp && has_interp)
		err = add_path(list, tree, search_interp(c->search), c->interp->disk_path, NULL,
			       BUNDLE_INTERP);
	for (size_t i = 0; !err && i < c->nfinds; i++) {
		const struct closure_find *f = &c->finds[i];
		searched[f->link] = true;
		err = add_path(list, tree, f->path, c->links[f->link]->file->disk_path, f->name,
			       how_found(c, f));
	}
	for (size_t i = 0; !err && i < c->n; i++) {
		const struct fgraph_file *file = c->links[i]->file;
		if (searched[i] || (i && file == c->interp))
			continue;
		bool program = !i && image_is_program(file->image);
		err = add_path(list, tree, c->links[i]->path, file->disk_path, NULL,
			       program ? BUNDLE_PROGRAM : BUNDLE_KEPT);
	}
	return err;
}

/* --- What the user adds --- */

/* A shared library comes with what it needs, as if the program opened it. */
static struct error *open_library(struct list *list, const struct tree *tree, const char *path,
				  const struct tree_entry *entry)
{
	struct depgraph *dg = list->dg;
	struct closure *c = dg->closures[0];
	struct fgraph_file *file;
	uint32_t link;

	struct error *err = fgraph_open_file(dg->graph, tree, path, entry,
					     c->links[0]->file->image->machine, &file);
	if (err && error_get_code(err) == ERROR_NO_MEMORY)
		return err;
	if (err) {
		/* Not for this loader: a file like others. */
		error_destroy(err);
		return NULL;
	}
	if (file->image->type != ET_DYN || image_is_program(file->image)) {
		if (file->image->ndeps)
			log_message(dg->options.log, LOG_INFO,
				    "'%s' is a program: give it as a SOURCE to have what it needs",
				    path);
		return NULL;
	}
	char *name = strchr(path, '/') ? arena_strdup(&dg->arena, path)
				       : arena_printf(&dg->arena, "./%s", path);
	if (!name)
		return &error_no_memory;
	return closure_dlopen(c, 0, name, DEP_DLOPEN, "added to the bundle", 0, &link);
}

static struct error *add_extra(struct list *list, const struct tree *tree, const char *path,
			       unsigned int depth);

struct folder {
	struct list *list;
	const struct tree *tree;
	const char *path;
	unsigned int depth;
	struct error *err;
};

static bool add_entry(const char *name, void *arg)
{
	struct folder *f = arg;
	const char *slash = f->path[strlen(f->path) - 1] == '/' ? "" : "/";
	char *path = arena_printf(&f->list->dg->arena, "%s%s%s", f->path, slash, name);

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return true;
	f->err = path ? add_extra(f->list, f->tree, path, f->depth + 1) : &error_no_memory;
	return !f->err;
}

static struct error *add_folder(struct list *list, const struct tree *tree, const char *path,
				unsigned int depth)
{
	struct folder f = { list, tree, path, depth, NULL };
	char target[4096];

	if (depth > MAX_DEPTH)
		return error_create(ERROR_NO_MEMORY, "cannot bundle '%s': deeper than %d folders",
				    path, MAX_DEPTH);
	if (depth && !tree_readlink(tree, path, target, sizeof(target))) {
		log_message(list->dg->options.log, LOG_WARNING,
			    "'%s' is a link to a folder and was left out", path);
		return NULL;
	}
	int errnum = tree_list(tree, path, add_entry, &f);
	if (!f.err && errnum)
		f.err = error_os(errnum, "cannot read '%s'", path);
	return f.err;
}

static struct error *add_extra(struct list *list, const struct tree *tree, const char *path,
			       unsigned int depth)
{
	struct tree_entry entry;
	struct error *err = log_check_stop(list->dg->options.log);
	if (err)
		return err;
	int errnum = tree_find(tree, path, &entry);
	if (errnum && depth) {
		log_message(list->dg->options.log, LOG_WARNING,
			    "'%s' leads nowhere and was left out", path);
		return NULL;
	}
	if (errnum)
		return error_os(errnum, "cannot add '%s'", path);
	if (S_ISDIR(entry.st.st_mode))
		return add_folder(list, tree, path, depth);
	if (!S_ISREG(entry.st.st_mode)) {
		if (!depth)
			return error_create(ERROR_BAD_DATA,
					    "cannot add '%s': neither a file nor a folder", path);
		log_message(list->dg->options.log, LOG_WARNING,
			    "'%s' is no regular file and was left out", path);
		return NULL;
	}
	char *source = arena_strdup(&list->dg->arena, entry.path);
	if (!source)
		return &error_no_memory;
	err = add_path(list, tree, path, source, NULL, BUNDLE_KEPT);
	return err ? err : open_library(list, tree, path, &entry);
}

struct error *bundle_from_depgraph(struct depgraph *dg, const char *const *extra, size_t nextra,
				   struct bundle **ret)
{
	static const char *const musl[] = { "/lib", "/usr/local/lib", "/usr/lib", NULL };
	struct list list = { .dg = dg };
	const char *const *folders = depgraph_default_dirs(dg);
	struct error *err = NULL;
	size_t n = 0;

	if (!dg->nclosures)
		return error_create(ERROR_BAD_DATA, "'%s': nothing in it that a loader maps",
				    dg->sources[0].spec);
	for (size_t i = 0; !err && i < nextra; i++)
		err = add_extra(&list, dg->sources[0].tree, extra[i], 0);
	for (size_t i = 0; !err && i < dg->nclosures; i++)
		err = add_closure(&list, dg->closures[i]);
	/* What musl's path file says is a setting of the machine, and stays there. */
	if (!folders[0] || dg->closures[0]->libc == SEARCH_MUSL)
		folders = musl;
	while (folders[n])
		n++;
	if (!err)
		err = bundle_create(list.files, list.n, folders, n, dg->options.log, ret);
	free(list.files);
	return err;
}
