/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"

/* What stands at a path. */
struct node {
	const char *path;
	const char *source;    /* a file: its bytes; else NULL */
	const struct node *to; /* a link: where it leads; else NULL */
	const char *text;      /* of the link */
};

/* The private part: everything that the lists borrow. */
struct bundle_private {
	struct arena arena;
	struct map nodes; /* path to struct node */
	struct map files; /* real path to the node of the file */
	struct log *log;
};

static struct error *add_node(struct bundle_private *p, const char *path, struct node **ret)
{
	struct node *node = arena_alloc(&p->arena, sizeof(*node));
	if (!node)
		return &error_no_memory;
	node->path = path;
	*ret = node;
	return map_put(&p->nodes, path, strlen(path), node);
}

/* Notes that a path is a folder; what is there already is checked at the end. */
static struct error *need_folder(struct bundle_private *p, const char *path, size_t len)
{
	struct node *node;
	if (!len || map_get(&p->nodes, path, len))
		return NULL;
	char *copy = arena_strndup(&p->arena, path, len);
	return copy ? add_node(p, copy, &node) : &error_no_memory;
}

/*
 * Takes ".", ".." and double slashes out of an absolute path. The bundle has no
 * links to folders, so ".." is what it seems to be; a folder that a path only
 * passes ("/opt/bin/../lib") must exist all the same.
 */
static struct error *normalise(struct bundle_private *p, const char *path, const char **ret)
{
	if (!path || path[0] != '/')
		return error_create(ERROR_BAD_DATA, "cannot bundle '%s': not an absolute path",
				    path ? path : "");
	char *out = arena_alloc(&p->arena, strlen(path) + 2);
	if (!out)
		return &error_no_memory;
	size_t len = 0;
	for (const char *c = path; *c;) {
		c += strspn(c, "/");
		size_t n = strcspn(c, "/");
		if (n == 2 && !memcmp(c, "..", 2)) {
			struct error *err = need_folder(p, out, len);
			if (err)
				return err;
			while (len && out[--len] != '/')
				;
		} else if (n && !(n == 1 && *c == '.')) {
			out[len++] = '/';
			memcpy(out + len, c, n);
			len += n;
		}
		c += n;
	}
	if (!len)
		return error_create(ERROR_BAD_DATA, "cannot bundle '%s': not a file", path);
	out[len] = '\0';
	*ret = out;
	return NULL;
}

/* "../../usr/lib/x" from "/lib/y/x" to "/usr/lib/x". */
static char *relative(struct arena *arena, const char *from, const char *to)
{
	size_t common = 0, up = 0;
	for (size_t i = 0; from[i] && from[i] == to[i]; i++)
		if (from[i] == '/')
			common = i + 1;
	for (const char *c = from + common; *c; c++)
		up += *c == '/';
	char *text = arena_alloc(arena, up * 3 + strlen(to + common) + 1);
	if (!text)
		return NULL;
	for (size_t i = 0; i < up; i++)
		memcpy(text + 3 * i, "../", 3);
	memcpy(text + 3 * up, to + common, strlen(to + common) + 1);
	return text;
}

/* The file behind a node: itself, or what a link leads to; NULL for a folder. */
static const struct node *file_of(const struct node *node)
{
	return node->to ? node->to : node->source ? node : NULL;
}

/* Places a link to a file. 'quiet': where the name is taken, that is how it is. */
static struct error *add_link(struct bundle_private *p, const char *path, const struct node *to,
			      bool quiet)
{
	struct node *node = map_get(&p->nodes, path, strlen(path));
	if (node && file_of(node)) {
		if (file_of(node) != to && !quiet)
			log_message(p->log, LOG_WARNING,
				    "'%s' is asked for as '%s', but that name leads to '%s'",
				    to->source, path, file_of(node)->source);
		return NULL;
	}
	struct error *err = node ? NULL : add_node(p, path, &node);
	if (err)
		return err;
	node->to = to;
	node->text = relative(&p->arena, path, to->path);
	return node->text ? NULL : &error_no_memory;
}

/* Puts a file at a path. */
static struct error *add_file(struct bundle_private *p, const char *path, const char *key,
			      const char *source)
{
	struct node *node = map_get(&p->nodes, path, strlen(path));
	struct error *err = NULL;
	if (node && node->source) {
		if (strcmp(node->source, source) != 0)
			log_message(p->log, LOG_WARNING, "both '%s' and '%s' are to stand at '%s'",
				    node->source, source, path);
	} else if (!node) {
		err = add_node(p, path, &node);
	}
	if (err)
		return err;
	if (!node->source) {
		node->source = arena_strdup(&p->arena, source);
		if (!node->source)
			return &error_no_memory;
	}
	return map_put(&p->files, key, strlen(key), node);
}

/* Whether a path lies in a default folder; what is below one is a hwcaps folder. */
static bool in_default_folder(const char *path, const char *const *folders, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(folders[i]);
		while (len && folders[i][len - 1] == '/')
			len--;
		if (strncmp(path, folders[i], len) != 0 || path[len] != '/')
			continue;
		const char *rest = path + len + 1;
		if (!strchr(rest, '/') || !strncmp(rest, "glibc-hwcaps/", 13) ||
		    !strncmp(rest, "tls/", 4))
			return true;
	}
	return false;
}

/* Each file goes to its real path; an interpreter to the path that programs name. */
static struct error *place_files(struct bundle_private *p, const struct bundle_file *files,
				 size_t n)
{
	for (int interp = 1; interp >= 0; interp--) {
		for (size_t i = 0; i < n; i++) {
			const struct bundle_file *f = &files[i];
			const char *path, *key;
			if ((f->found == BUNDLE_INTERP) != interp)
				continue;
			struct error *err = normalise(p, f->realpath ? f->realpath : f->path, &key);
			if (!err)
				err = normalise(p, interp ? f->path : key, &path);
			if (!err && !map_get(&p->files, key, strlen(key)))
				err = add_file(p, path, key, f->source);
			if (err)
				return err;
		}
	}
	return NULL;
}

/* The link in the first default folder for what was found elsewhere. */
static struct error *place_default(struct bundle_private *p, const struct bundle_file *f,
				   const char *path, const struct node *file,
				   const char *const *folders, size_t n)
{
	const char *name = f->name ? f->name : strrchr(path, '/') + 1;
	bool wanted = f->found == BUNDLE_SEARCHED || f->found == BUNDLE_ORIGIN;
	if (!wanted || strchr(name, '/') || !*name || in_default_folder(path, folders, n))
		return NULL;
	char *text = arena_printf(&p->arena, "%s/%s", folders[0], name);
	if (!text)
		return &error_no_memory;
	const char *link;
	struct error *err = normalise(p, text, &link);
	return err ? err : add_link(p, link, file, f->found == BUNDLE_ORIGIN);
}

/* Links from all names to the files. Names that were used go before those we add. */
static struct error *place_links(struct bundle_private *p, const struct bundle_file *files,
				 size_t n, const char *const *folders, size_t nfolders)
{
	for (int added = 0; added <= 1; added++) {
		for (size_t i = 0; i < n; i++) {
			const struct bundle_file *f = &files[i];
			const char *path, *key;
			struct error *err = normalise(p, f->path, &path);
			if (!err)
				err = normalise(p, f->realpath ? f->realpath : f->path, &key);
			if (err)
				return err;
			const struct node *file = map_get(&p->files, key, strlen(key));
			if (added)
				err = place_default(p, f, path, file, folders, nfolders);
			else
				err = add_link(p, path, file, false);
			if (!err && !added)
				err = add_link(p, key, file, true);
			if (err)
				return err;
		}
	}
	return NULL;
}

/* Adds the folders above everything; a file cannot have something in it. */
static struct error *place_folders(struct bundle_private *p)
{
	/* The map grows while it is walked: folders that are added are walked too. */
	for (size_t i = 0; i < p->nodes.n; i++) {
		const char *path = p->nodes.entries[i].key;
		size_t len = strrchr(path, '/') - path;
		const struct node *parent = map_get(&p->nodes, path, len);
		if (parent && file_of(parent))
			return error_create(ERROR_BAD_DATA,
					    "cannot bundle '%s': '%s' is a file, not a folder",
					    path, parent->path);
		struct error *err = need_folder(p, path, len);
		if (err)
			return err;
	}
	return NULL;
}

static int by_path(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	return strcmp((*x)->path, (*y)->path);
}

/* Fills the public lists from the nodes. */
static struct error *make_lists(struct bundle *b)
{
	const struct map *nodes = &b->priv->nodes;
	_cleanup_free_ const struct node **sorted = calloc(nodes->n + 1, sizeof(*sorted));
	b->items = calloc(nodes->n + 1, sizeof(*b->items));
	b->links = calloc(nodes->n + 1, sizeof(*b->links));
	b->folders = calloc(nodes->n + 1, sizeof(*b->folders));
	if (!sorted || !b->items || !b->links || !b->folders)
		return &error_no_memory;
	for (size_t i = 0; i < nodes->n; i++)
		sorted[i] = nodes->entries[i].value;
	qsort(sorted, nodes->n, sizeof(*sorted), by_path);
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node *node = sorted[i];
		if (node->source)
			b->items[b->nitems++] = (struct bundle_item) { .source = node->source,
								       .target = node->path };
		else if (node->to)
			b->links[b->nlinks++] = (struct bundle_link) { .target = node->path,
								       .text = node->text,
								       .to = node->to->path };
		else
			b->folders[b->nfolders++] = node->path;
	}
	return NULL;
}

static struct error *find_program(struct bundle *b, const struct bundle_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (files[i].found == BUNDLE_PROGRAM)
			return normalise(b->priv, files[i].path, &b->program);
	return NULL;
}

struct error *bundle_create(const struct bundle_file *files, size_t n,
			    const char *const *default_folders, size_t nfolders, struct log *log,
			    struct bundle **ret)
{
	_cleanup_bundle_ struct bundle *b = calloc(1, sizeof(*b));
	struct bundle_private *p = calloc(1, sizeof(*p));
	if (!b || !p) {
		free(p);
		return &error_no_memory;
	}
	b->priv = p;
	p->log = log;
	arena_init(&p->arena);
	map_init(&p->nodes);
	map_init(&p->files);
	struct error *err = place_files(p, files, n);
	if (!err)
		err = place_links(p, files, n, default_folders, nfolders);
	if (!err)
		err = place_folders(p);
	if (!err)
		err = find_program(b, files, n);
	if (!err)
		err = make_lists(b);
	if (err)
		return err;
	*ret = cleanup_release(&b);
	return NULL;
}

void bundle_destroy(struct bundle *b)
{
	if (!b)
		return;
	if (b->priv) {
		map_deinit(&b->priv->files);
		map_deinit(&b->priv->nodes);
		arena_deinit(&b->priv->arena);
	}
	free(b->items);
	free(b->links);
	free(b->folders);
	free(b->priv);
	free(b);
}
