/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/fgraph.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

struct error *fgraph_create(struct log *log, struct fgraph **ret)
{
	struct fgraph *graph = calloc(1, sizeof(*graph));

	if (!graph)
		return &error_no_memory;
	arena_init(&graph->arena);
	map_init(&graph->by_inode);
	map_init(&graph->edge_keys);
	graph->log = log;
	*ret = graph;
	return NULL;
}

void fgraph_destroy(struct fgraph *graph)
{
	if (!graph)
		return;
	for (size_t i = 0; i < graph->nfiles; i++)
		image_destroy(graph->files[i]->image);
	map_deinit(&graph->by_inode);
	map_deinit(&graph->edge_keys);
	free(graph->files);
	free(graph->edges);
	free(graph->tried);
	free(graph->warnings);
	arena_deinit(&graph->arena);
	free(graph);
}

struct inode_key {
	uint64_t dev, ino;
};

static struct error *add_file(struct fgraph *graph, const struct tree *tree, const char *path,
			      const struct tree_entry *entry, const struct inode_key *key,
			      struct fgraph_file **ret)
{
	struct arena *a = &graph->arena;
	struct error *err;
	struct fgraph_file *file = arena_alloc(a, sizeof(*file));
	struct inode_key *kept = arena_alloc(a, sizeof(*kept));

	err = array_grow(&graph->files, &graph->files_cap, graph->nfiles + 1, sizeof(file));
	if (err)
		return err;
	if (!file || !kept)
		return &error_no_memory;
	file->tree = tree;
	file->path = arena_printf(a, "%s%s", entry->prefix, path);
	file->tree_path = arena_strdup(a, path);
	file->disk_path = arena_strdup(a, entry->path);
	file->bytes = (uint64_t)entry->st.st_size;
	file->how_found = "";
	file->cost_symbols = -1;
	if (!file->path || !file->tree_path || !file->disk_path)
		return &error_no_memory;
	*kept = *key;
	err = map_put(&graph->by_inode, (const char *)kept, sizeof(*kept), file);
	if (err)
		return err;
	graph->files[graph->nfiles++] = file;
	file->id = (uint32_t)graph->nfiles;
	*ret = file;
	return NULL;
}

/* glibc's open_verify(): libraries of another class or machine are passed over. */
static struct error *check_machine(const struct image *image, const struct image_machine *want)
{
	if (!want || image->machine == want)
		return NULL;
	if (image->elf_class != want->elf_class)
		return error_create(ERROR_NOT_FOUND, "wrong ELF class");
	return error_create(ERROR_NOT_FOUND, "built for another machine");
}

struct error *fgraph_open_file(struct fgraph *graph, const struct tree *tree, const char *path,
			       const struct tree_entry *entry, const struct image_machine *want,
			       struct fgraph_file **ret)
{
	struct error *err;
	struct inode_key key = { (uint64_t)entry->st.st_dev, (uint64_t)entry->st.st_ino };
	_cleanup_image_ struct image *image = NULL;

	struct fgraph_file *file = map_get(&graph->by_inode, (const char *)&key, sizeof(key));
	if (file && file->image) {
		err = check_machine(file->image, want);
		if (err)
			return err;
		*ret = file;
		return NULL;
	}
	char name[8192];
	snprintf(name, sizeof(name), "%s%s", entry->prefix, path);
	err = image_open(entry->path, name, &image);
	if (err)
		return err;
	err = check_machine(image, want);
	if (err)
		return err;
	if (!file) {
		err = add_file(graph, tree, path, entry, &key, &file);
		if (err)
			return err;
	}
	file->image = cleanup_release(&image);
	*ret = file;
	return NULL;
}

struct error *fgraph_name_file(struct fgraph *graph, const struct tree *tree, const char *path,
			       const struct tree_entry *entry, struct fgraph_file **ret)
{
	struct inode_key key = { (uint64_t)entry->st.st_dev, (uint64_t)entry->st.st_ino };
	struct fgraph_file *file = map_get(&graph->by_inode, (const char *)&key, sizeof(key));

	if (!file)
		return add_file(graph, tree, path, entry, &key, ret);
	*ret = file;
	return NULL;
}

struct error *fgraph_add_member(struct fgraph *graph, const char *path, uint64_t bytes,
				const struct image_member *member, struct fgraph_file **ret)
{
	struct arena *a = &graph->arena;
	struct fgraph_file *file = arena_alloc(a, sizeof(*file));
	struct error *err = array_grow(&graph->files, &graph->files_cap, graph->nfiles + 1,
				       sizeof(file));

	if (err)
		return err;
	if (!file)
		return &error_no_memory;
	file->path = arena_strdup(a, path);
	if (!file->path)
		return &error_no_memory;
	file->tree_path = file->disk_path = file->realpath = file->path;
	file->bytes = bytes;
	file->member = member;
	file->how_found = "";
	file->cost_symbols = -1;
	graph->files[graph->nfiles++] = file;
	file->id = (uint32_t)graph->nfiles;
	*ret = file;
	return NULL;
}

struct error *fgraph_add_edge(struct fgraph *graph, const struct fgraph_edge *edge, uint32_t *ret,
			      bool *is_new)
{
	struct error *err;
	struct arena *a = &graph->arena;

	/* The index + 1 is the value, so that NULL means "not there". */
	char *key = arena_printf(a, "%u %u %d %s", edge->from, edge->to, edge->kind, edge->name);
	if (!key)
		return &error_no_memory;
	uintptr_t have = (uintptr_t)map_get(&graph->edge_keys, key, strlen(key));
	if (is_new)
		*is_new = !have;
	if (have) {
		if (ret)
			*ret = (uint32_t)(have - 1);
		return NULL;
	}
	err = array_grow(&graph->edges, &graph->edges_cap, graph->nedges + 1, sizeof(*edge));
	if (err)
		return err;
	err = map_put(&graph->edge_keys, key, strlen(key), (void *)(graph->nedges + 1));
	if (err)
		return err;
	struct fgraph_edge e = *edge;
	e.name = arena_strdup(a, edge->name);
	e.how = arena_strdup(a, edge->how ? edge->how : "");
	if (!e.name || !e.how)
		return &error_no_memory;
	if (ret)
		*ret = (uint32_t)graph->nedges;
	graph->edges[graph->nedges++] = e;
	return NULL;
}

struct error *fgraph_add_tried(struct fgraph *graph, uint32_t edge, const char *place,
			       const char *source, const char *reason)
{
	struct error *err;

	if (graph->ntried == FGRAPH_MAX_TRIED) {
		if (graph->tried_left_out)
			return NULL;
		graph->tried_left_out = true;
		return fgraph_warn(
			graph, "too-many", fgraph_get_file(graph, 1)->path, true,
			"more than %d places were searched in vain; the rest is not told",
			FGRAPH_MAX_TRIED);
	}
	struct fgraph_tried t = { .edge = edge,
				  .place = arena_strdup(&graph->arena, place),
				  .source = arena_strdup(&graph->arena, source),
				  .reason = arena_strdup(&graph->arena, reason) };
	if (!t.place || !t.source || !t.reason)
		return &error_no_memory;
	err = array_grow(&graph->tried, &graph->tried_cap, graph->ntried + 1, sizeof(t));
	if (err)
		return err;
	graph->tried[graph->ntried++] = t;
	return NULL;
}

struct error *fgraph_warn(struct fgraph *graph, const char *code, const char *subject,
			  bool incomplete, const char *format, ...)
{
	struct error *err;
	char text[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	struct fgraph_warning w = { .code = code,
				    .subject = arena_strdup(&graph->arena, subject),
				    .text = arena_strdup(&graph->arena, text),
				    .incomplete = incomplete };
	if (!w.subject || !w.text)
		return &error_no_memory;
	err = array_grow(&graph->warnings, &graph->warnings_cap, graph->nwarnings + 1, sizeof(w));
	if (err)
		return err;
	graph->warnings[graph->nwarnings++] = w;
	log_message(graph->log, LOG_WARNING, "%s", text);
	return NULL;
}

bool fgraph_is_incomplete(const struct fgraph *graph)
{
	for (size_t i = 0; i < graph->nwarnings; i++)
		if (graph->warnings[i].incomplete)
			return true;
	return false;
}

/* Folders that were resolved: most files of a graph share a few. */
struct resolved {
	const struct tree *tree;
	char realpath[]; /* with a '/' at the end */
};

static const char *resolve_folder(struct fgraph *graph, struct map *folders,
				  const struct tree *tree, const char *path, size_t len)
{
	struct tree_entry entry;
	char folder[4096];

	if (len >= sizeof(folder))
		return NULL;
	memcpy(folder, path, len);
	folder[len] = '\0';
	struct resolved *r = map_get(folders, path, len);
	if (r && r->tree == tree)
		return r->realpath;
	if (tree_resolve(tree, len ? folder : "/", &entry))
		return NULL;
	size_t size = strlen(entry.realpath);
	r = arena_alloc(&graph->arena, sizeof(*r) + size + 2);
	if (!r)
		return NULL;
	r->tree = tree;
	memcpy(r->realpath, entry.realpath, size + 1);
	if (r->realpath[size - 1] != '/')
		memcpy(r->realpath + size, "/", 2);
	struct error *err = map_put(folders, path, len, r);
	if (err) {
		error_destroy(err); /* resolved again next time */
		return r->realpath;
	}
	return r->realpath;
}

/*
 * The real path of a file in a resolved folder, for the usual case: the name is
 * no link, or links lead to other names of the same folder ("libx.so.1" to
 * "libx.so.1.2"). NULL: to be resolved from the start.
 */
static char *follow_in_folder(struct fgraph *graph, const struct tree *tree, const char *folder,
			      const char *name)
{
	char target[4096], path[8192];

	for (unsigned int i = 0; i < 8; i++) {
		if ((size_t)snprintf(path, sizeof(path), "%s%s", folder, name) >= 4096)
			return NULL;
		int errnum = tree_readlink(tree, path, target, sizeof(target));
		if (errnum == EINVAL)
			return arena_strdup(&graph->arena, path);
		if (errnum || strchr(target, '/') || !strcmp(target, "..") || !strcmp(target, "."))
			return NULL;
		name = target;
	}
	return NULL;
}

static struct error *resolve_file(struct fgraph *graph, struct map *folders,
				  struct fgraph_file *file)
{
	const char *path = file->tree_path, *slash = strrchr(path, '/');
	struct tree_entry entry;

	if (path[0] == '/' && tree_is_host(file->tree)) {
		const char *folder = resolve_folder(graph, folders, file->tree, path,
						    (size_t)(slash - path));
		file->realpath = folder ? follow_in_folder(graph, file->tree, folder, slash + 1)
					: NULL;
		if (file->realpath)
			return NULL;
	}
	if (tree_resolve(file->tree, path, &entry)) {
		file->realpath = file->path; /* gone meanwhile: the name is what is left */
		return NULL;
	}
	file->realpath = arena_printf(&graph->arena, "%s%s", entry.prefix, entry.realpath);
	return file->realpath ? NULL : &error_no_memory;
}

struct error *fgraph_resolve_paths(struct fgraph *graph)
{
	struct error *err = NULL;
	struct map folders;

	map_init(&folders);
	for (size_t i = 0; !err && i < graph->nfiles; i++)
		if (!graph->files[i]->realpath)
			err = resolve_file(graph, &folders, graph->files[i]);
	map_deinit(&folders);
	return err;
}

struct error *fgraph_renumber(struct fgraph *graph, const uint32_t *order, size_t n)
{
	struct fgraph_file **old = graph->files,
			   **files = calloc(graph->files_cap + 1, sizeof(*files));
	_cleanup_free_ uint32_t *ids = calloc(graph->nfiles + 1, sizeof(*ids));
	size_t next = 0;

	if (!files || !ids) {
		free(files);
		return &error_no_memory;
	}
	for (size_t i = 0; i < n; i++) {
		if (ids[order[i]])
			continue;
		files[next++] = old[order[i] - 1];
		ids[order[i]] = (uint32_t)next;
	}
	for (size_t i = 0; i < graph->nfiles; i++) {
		if (ids[i + 1])
			continue;
		files[next++] = old[i];
		ids[i + 1] = (uint32_t)next;
	}
	for (size_t i = 0; i < graph->nfiles; i++)
		files[i]->id = (uint32_t)i + 1;
	for (size_t i = 0; i < graph->nedges; i++) {
		graph->edges[i].from = ids[graph->edges[i].from];
		graph->edges[i].to = ids[graph->edges[i].to];
	}
	/* Edges are added by key; keys hold the old ids. */
	map_deinit(&graph->edge_keys);
	free(old);
	graph->files = files;
	return NULL;
}
