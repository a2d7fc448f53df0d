/* SPDX-License-Identifier: BSD-2-Clause */
/* From a dependency graph to the plain inputs of bundle_create(). */
#include <string.h>

#include "analyze/bundle.h"
#include "analyze/depgraph-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

struct list {
	struct depgraph *dg;
	struct bundle_file *files;
	size_t n, cap;
};

static struct error *list_add(struct list *list, const struct bundle_file *file)
{
	struct error *err = array_grow(&list->files, &list->cap, list->n + 1, sizeof(*file));
	if (!err)
		list->files[list->n++] = *file;
	return err;
}

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* Whether $ORIGIN helps to find what this file needs. */
static bool uses_origin(const struct fgraph_file *file)
{
	const char *paths[] = { file->image->rpath, file->image->runpath };
	for (size_t i = 0; i < 2; i++)
		if (paths[i] && (strstr(paths[i], "$ORIGIN") || strstr(paths[i], "${ORIGIN}")))
			return true;
	return false;
}

/*
 * How a file was found, from the words of the search. "RUNPATH of 'x'" with
 * $ORIGIN depends on where x itself is taken from, which may be another name
 * inside: the link in a default folder.
 */
static enum bundle_found how_found(const struct closure *c, const struct fgraph_file *file)
{
	const char *how = file->how_found;
	if (file->root)
		return image_is_program(file->image) ? BUNDLE_PROGRAM : BUNDLE_KEPT;
	if (!starts_with(how, "RPATH of '") && !starts_with(how, "RUNPATH of '"))
		return BUNDLE_SEARCHED;
	const char *owner = strchr(how, '\'') + 1;
	for (size_t i = 0; i < c->n; i++) {
		const struct fgraph_file *f = c->links[i]->file;
		if (starts_with(owner, f->path) && !strcmp(owner + strlen(f->path), "'"))
			return uses_origin(f) ? BUNDLE_ORIGIN : BUNDLE_KEPT;
	}
	return BUNDLE_ORIGIN;
}

/*
 * Other names that a file was asked for by, which the loader had to search for:
 * it knows a mapped file by its soname, but else opens what it is told to.
 */
static struct error *add_names(struct list *list, const struct bundle_file *file,
			       const struct fgraph_file *of)
{
	const struct fgraph *graph = list->dg->graph;
	const char *base = strrchr(file->path, '/') + 1;

	for (size_t i = 0; i < graph->nedges; i++) {
		const struct fgraph_edge *e = &graph->edges[i];
		if (e->to != of->id || strchr(e->name, '/') || !strcmp(e->name, base) ||
		    (of->image->soname && !strcmp(e->name, of->image->soname)))
			continue;
		struct bundle_file other = *file;
		other.name = e->name;
		other.path = arena_printf(&list->dg->arena, "%.*s%s", (int)(base - file->path),
					  file->path, e->name);
		if (!other.path)
			return &error_no_memory;
		struct error *err = list_add(list, &other);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *add_link_map(struct list *list, const char *path,
				  const struct fgraph_file *file, enum bundle_found found)
{
	struct tree_entry entry;
	if (tree_resolve(file->tree, path, &entry))
		return error_create(ERROR_NOT_FOUND, "cannot bundle '%s': it is gone", file->path);
	char *real = arena_strdup(&list->dg->arena, entry.realpath);
	if (path[0] != '/') {
		/* A relative name is one from here: that is what the loader opens. */
		_cleanup_free_ char *cwd = getcwd(NULL, 0);
		path = cwd ? arena_printf(&list->dg->arena, "%s/%s", cwd, path) : NULL;
	}
	if (!real || !path)
		return &error_no_memory;
	struct bundle_file f = {
		.path = path, .realpath = real, .source = file->disk_path, .found = found
	};
	struct error *err = list_add(list, &f);
	return err ? err : add_names(list, &f, file);
}

static struct error *add_closure(struct list *list, const struct closure *c)
{
	struct error *err = NULL;
	bool has_interp = c->n && c->links[0]->file->image->interp;
	for (size_t i = 0; i < c->n; i++)
		has_interp = has_interp || c->links[i]->file == c->interp;
	if (c->interp && has_interp)
		err = add_link_map(list, search_interp(c->search), c->interp, BUNDLE_INTERP);
	for (size_t i = 0; !err && i < c->n; i++) {
		const struct fgraph_file *file = c->links[i]->file;
		err = add_link_map(list, file->tree_path, file, how_found(c, file));
	}
	return err;
}

struct error *bundle_from_depgraph(struct depgraph *dg, struct bundle **ret)
{
	static const char *const musl[] = { "/lib", "/usr/local/lib", "/usr/lib", NULL };
	struct list list = { .dg = dg };
	const char *const *folders = depgraph_default_dirs(dg);
	size_t n = 0;

	struct error *err = NULL;
	for (size_t i = 0; !err && i < dg->nclosures; i++)
		err = add_closure(&list, dg->closures[i]);
	/* What musl's path file says is a setting of the machine, and stays there. */
	if (!folders[0] || (dg->nclosures && dg->closures[0]->libc == SEARCH_MUSL))
		folders = musl;
	while (folders[n])
		n++;
	if (!err)
		err = bundle_create(list.files, list.n, folders, n, dg->options.log, ret);
	free(list.files);
	return err;
}
