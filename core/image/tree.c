/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/image/tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/array.h"
#include "core/base/map.h"

enum { MAX_LINKS = 40, PATH_SIZE = sizeof(((struct tree_entry *)0)->path) };

static const char whiteout[] = ".wh.";
static const char opaque[] = ".wh..wh..opq";

struct layer {
	char *folder; /* without links, without '/' at the end: "" is the machine's root */
	size_t len;
	char *prefix;
	bool plain;  /* has no whiteouts */
	bool opaque; /* at its root */
};

struct tree {
	bool host;
	struct layer *layers; /* oldest first */
	size_t n, cap;
};

struct error *tree_create(struct tree **ret)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return &error_no_memory;
	*ret = tree;
	return NULL;
}

void tree_destroy(struct tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->n; i++) {
		free(tree->layers[i].folder);
		free(tree->layers[i].prefix);
	}
	free(tree->layers);
	free(tree);
}

/* Takes 'folder', which may be NULL: out of memory. */
static struct error *add_layer(struct tree *tree, char *folder, const char *prefix)
{
	struct layer layer = { .folder = folder, .prefix = strdup(prefix) };
	struct error *err = NULL;

	if (!layer.folder || !layer.prefix)
		err = &error_no_memory;
	else
		err = array_grow(&tree->layers, &tree->cap, tree->n + 1, sizeof(layer));
	if (err) {
		free(layer.folder);
		free(layer.prefix);
		return err;
	}
	layer.len = strlen(layer.folder);
	tree->layers[tree->n++] = layer;
	return NULL;
}

struct error *tree_create_host(struct tree **ret)
{
	_cleanup_tree_ struct tree *tree = NULL;

	struct error *err = tree_create(&tree);
	if (!err)
		err = add_layer(tree, strdup(""), "");
	if (err)
		return err;
	tree->host = true;
	tree->layers[0].plain = true;
	*ret = tree;
	tree = NULL;
	return NULL;
}

/* "folder" + "path" + "/" + "name", where path is "" or begins with '/'. */
static bool join(char *dst, const struct layer *layer, const char *path, size_t path_len,
		 const char *before, const char *name, size_t name_len)
{
	size_t before_len = strlen(before);
	size_t len = layer->len + path_len + 1 + before_len + name_len;

	if (len >= PATH_SIZE)
		return false;
	memcpy(dst, layer->folder, layer->len);
	dst += layer->len;
	memcpy(dst, path, path_len);
	dst += path_len;
	*dst++ = '/';
	memcpy(dst, before, before_len);
	dst += before_len;
	memcpy(dst, name, name_len);
	dst[name_len] = '\0';
	return true;
}

/* Whether a layer has this whiteout in a folder. */
static bool has_whiteout(const struct layer *layer, const char *path, size_t path_len,
			 const char *before, const char *name, size_t name_len)
{
	char at[PATH_SIZE];
	struct stat st;

	if (layer->plain || !join(at, layer, path, path_len, before, name, name_len))
		return false;
	return !lstat(at, &st);
}

struct error *tree_add_layer(struct tree *tree, const char *folder, const char *prefix)
{
	struct stat st;

	if (tree->n >= TREE_MAX_LAYERS)
		return error_create(ERROR_NO_MEMORY, "cannot add '%s': more than %d layers", folder,
				    TREE_MAX_LAYERS);
	char *real = realpath(folder, NULL);
	if (!real)
		return error_os(errno, "cannot open folder '%s'", folder);
	if (stat(real, &st) || !S_ISDIR(st.st_mode)) {
		free(real);
		return error_os(ENOTDIR, "cannot open folder '%s'", folder);
	}
	if (!strcmp(real, "/"))
		real[0] = '\0';
	struct error *err = add_layer(tree, real, prefix);
	if (err)
		return err;
	struct layer *layer = &tree->layers[tree->n - 1];
	layer->plain = !layer->len;
	layer->opaque = has_whiteout(layer, "", 0, "", opaque, sizeof(opaque) - 1);
	tree->host = false;
	return NULL;
}

bool tree_is_host(const struct tree *tree)
{
	return tree->host;
}

/*
 * A walk from the root, one component at a time. 'path' is where it stands:
 * canonical, "" at the root. A layer has this folder as a real folder down to
 * depth live[layer]; below that something of it, or of a newer layer, hides it.
 * So ".." need not look anything up.
 */
struct walk {
	const struct tree *tree;
	char *path; /* PATH_SIZE bytes */
	size_t len;
	unsigned int depth;
	unsigned int links;
	bool is_dir;
	bool known;   /* 'st' and 'layer' are of 'path' */
	size_t layer; /* the newest that has 'path' */
	struct stat st;
	uint16_t live[TREE_MAX_LAYERS];
};

static const uint16_t DEAD = UINT16_MAX;

static bool is_live(const struct walk *w, size_t layer, unsigned int depth)
{
	return w->live[layer] != DEAD && w->live[layer] >= depth;
}

static void walk_to_root(struct walk *w)
{
	bool hidden = false;

	w->len = 0;
	w->path[0] = '\0';
	w->depth = 0;
	w->is_dir = true;
	w->known = false;
	for (size_t i = w->tree->n; i-- > 0;) {
		w->live[i] = hidden ? DEAD : 0;
		hidden = hidden || w->tree->layers[i].opaque;
	}
}

static void walk_up(struct walk *w)
{
	if (!w->depth)
		return;
	while (w->path[--w->len] != '/')
		;
	w->path[w->len] = '\0';
	w->depth--;
	w->is_dir = true;
	w->known = false;
}

/* Whether any layer below 'layer' can still have something in this folder. */
static bool live_below(const struct walk *w, size_t layer)
{
	for (size_t i = 0; i < layer; i++)
		if (is_live(w, i, w->depth))
			return true;
	return false;
}

static bool is_whiteout_name(const char *name, size_t len)
{
	return len >= sizeof(whiteout) - 1 && !memcmp(name, whiteout, sizeof(whiteout) - 1);
}

/* What one layer says of a name: its stat or errno, and whether it hides lower layers. */
static int look_in_layer(const struct walk *w, size_t i, const char *name, size_t len,
			 struct stat *st, bool *hides)
{
	const struct layer *layer = &w->tree->layers[i];
	char at[PATH_SIZE];

	*hides = false;
	if (!join(at, layer, w->path, w->len, "", name, len))
		return ENAMETOOLONG;
	if (!layer->plain && is_whiteout_name(name, len))
		return ENOENT;
	int errnum = lstat(at, st) ? errno : 0;
	if (!errnum && !S_ISDIR(st->st_mode)) {
		*hides = true;
	} else if (!layer->plain && live_below(w, i)) {
		size_t at_len = w->len + 1 + len;
		*hides = has_whiteout(layer, w->path, w->len, whiteout, name, len) ||
			 (!errnum && has_whiteout(layer, at + layer->len, at_len, "", opaque,
						  sizeof(opaque) - 1));
	}
	return errnum;
}

/* Steps into a name of the current folder, without following it. 0 or errno. */
static int walk_down(struct walk *w, const char *name, size_t len)
{
	bool found = false, hidden = false;

	if (w->len + 1 + len >= PATH_SIZE)
		return ENAMETOOLONG;
	for (size_t i = w->tree->n; i-- > 0;) {
		struct stat st;
		bool hides;

		if (!is_live(w, i, w->depth))
			continue;
		w->live[i] = (uint16_t)w->depth;
		if (hidden)
			continue;
		int errnum = look_in_layer(w, i, name, len, &st, &hides);
		if (errnum && errnum != ENOENT && !found)
			return errnum;
		if (!errnum && !found) {
			found = true;
			w->layer = i;
			w->st = st;
		}
		if (!errnum && S_ISDIR(st.st_mode))
			w->live[i]++;
		hidden = hides || (errnum && errnum != ENOENT);
	}
	if (!found)
		return ENOENT;
	w->path[w->len++] = '/';
	memcpy(w->path + w->len, name, len);
	w->len += len;
	w->path[w->len] = '\0';
	w->depth++;
	w->is_dir = S_ISDIR(w->st.st_mode);
	w->known = true;
	return 0;
}

/* Where the walk stands on this machine. */
static bool walk_host_path(const struct walk *w, char *dst)
{
	const struct layer *layer = &w->tree->layers[w->layer];

	if (layer->len + w->len + 1 >= PATH_SIZE)
		return false;
	memcpy(dst, layer->folder, layer->len);
	memcpy(dst + layer->len, w->path, w->len + 1);
	if (!dst[0])
		memcpy(dst, "/", 2);
	return true;
}

/* Replaces the link that the walk stands at by its target: 'rest' becomes target + rest. */
static int follow(struct walk *w, char *rest, const char *after)
{
	char at[PATH_SIZE], target[PATH_SIZE];
	size_t after_len = strlen(after);

	if (++w->links > MAX_LINKS)
		return ELOOP;
	if (!walk_host_path(w, at))
		return ENAMETOOLONG;
	ssize_t len = readlink(at, target, sizeof(target));
	if (len < 0)
		return errno;
	if (!len)
		return ENOENT;
	if ((size_t)len + after_len >= PATH_SIZE)
		return ENAMETOOLONG;
	memmove(rest + len, after, after_len + 1);
	memcpy(rest, target, (size_t)len);
	if (target[0] == '/')
		walk_to_root(w);
	else
		walk_up(w);
	return 0;
}

/* Finds 'st' of a folder that was reached by going up. */
static int walk_settle(struct walk *w)
{
	char at[PATH_SIZE];

	if (w->known)
		return 0;
	for (size_t i = w->tree->n; i-- > 0;) {
		if (!is_live(w, i, w->depth))
			continue;
		w->layer = i;
		if (!walk_host_path(w, at))
			return ENAMETOOLONG;
		if (lstat(at, &w->st))
			return errno;
		w->known = true;
		return 0;
	}
	return ENOENT; /* a tree without layers */
}

/* Walks 'path' from the root; 'rest' is a buffer of PATH_SIZE. */
static int walk(struct walk *w, const char *path, char *rest, bool follow_last)
{
	size_t path_len = strlen(path);

	if (!path_len)
		return ENOENT;
	if (path_len >= PATH_SIZE)
		return ENAMETOOLONG;
	memcpy(rest, path, path_len + 1);
	walk_to_root(w);
	char *p = rest;
	while (*p) {
		if (!w->is_dir)
			return ENOTDIR;
		size_t slashes = strspn(p, "/");
		char *name = p + slashes;
		size_t len = strcspn(name, "/");
		p = name + len;
		if (!len || (len == 1 && name[0] == '.'))
			continue;
		if (len == 2 && name[0] == '.' && name[1] == '.') {
			walk_up(w);
			continue;
		}
		int errnum = walk_down(w, name, len);
		if (errnum)
			return errnum;
		if (!S_ISLNK(w->st.st_mode) || (!*p && !follow_last))
			continue;
		errnum = follow(w, rest, p);
		if (errnum)
			return errnum;
		p = rest;
	}
	return walk_settle(w);
}

static int find_in_layers(const struct tree *tree, const char *path, struct tree_entry *ret)
{
	struct walk w = { .tree = tree, .path = ret->realpath };

	/* ret->path serves as the buffer of what is left to walk. */
	int errnum = walk(&w, path, ret->path, true);
	if (errnum)
		return errnum;
	if (!walk_host_path(&w, ret->path))
		return ENAMETOOLONG;
	if (!w.len)
		memcpy(ret->realpath, "/", 2);
	ret->st = w.st;
	ret->prefix = tree->layers[w.layer].prefix;
	return 0;
}

int tree_find(const struct tree *tree, const char *path, struct tree_entry *ret)
{
	if (!tree->host)
		return find_in_layers(tree, path, ret);
	if (stat(path, &ret->st))
		return errno;
	size_t len = strlen(path);
	if (len >= sizeof(ret->path))
		return ENAMETOOLONG;
	memcpy(ret->path, path, len + 1);
	ret->prefix = tree->layers[0].prefix;
	return 0;
}

int tree_resolve(const struct tree *tree, const char *path, struct tree_entry *ret)
{
	if (!tree->host)
		return find_in_layers(tree, path, ret);
	if (!realpath(path, ret->realpath))
		return errno;
	return tree_find(tree, ret->realpath, ret);
}

int tree_readlink(const struct tree *tree, const char *path, char *target, size_t size)
{
	char at[PATH_SIZE], canonical[PATH_SIZE];

	if (!size)
		return ENAMETOOLONG;
	if (!tree->host) {
		struct walk w = { .tree = tree, .path = canonical };
		int errnum = walk(&w, path, at, false);
		if (errnum)
			return errnum;
		if (!S_ISLNK(w.st.st_mode))
			return EINVAL;
		if (!walk_host_path(&w, at))
			return ENAMETOOLONG;
		path = at;
	}
	ssize_t len = readlink(path, target, size);
	if (len < 0)
		return errno;
	if ((size_t)len >= size)
		return ENAMETOOLONG;
	target[len] = '\0';
	return 0;
}

const char *tree_prefix_of(const struct tree *tree, const char *path)
{
	struct tree_entry entry;

	/* The host's prefix is "", so nothing need be looked up there. */
	return tree->host || tree_find(tree, path, &entry) ? "" : entry.prefix;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct map_entry *)a)->key, ((const struct map_entry *)b)->key);
}

/*
 * The names of a folder while its layers are gone through, newest first. A name
 * maps to 'shown', or to 'gone' where a whiteout of a newer layer hides it.
 */
struct listing {
	struct arena arena;
	struct map names;
	struct map gone; /* names that whiteouts named so far */
	char shown;	 /* only its address counts */
};

static int put_name(struct listing *l, struct map *map, const char *name, void *value)
{
	size_t len = strlen(name);

	if (map_get(map, name, len))
		return 0;
	char *copy = arena_strndup(&l->arena, name, len);
	struct error *err = copy ? map_put(map, copy, len, value) : &error_no_memory;
	error_destroy(err);
	return err ? ENOMEM : 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Adds the names that one layer has in a folder. */
static int list_layer(struct listing *l, const struct layer *layer, const char *folder)
{
	__attribute__((cleanup(close_dir))) DIR *dir = opendir(folder);
	const struct dirent *entry;

	if (!dir)
		return errno;
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		int errnum = 0;

		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (layer->plain || !is_whiteout_name(name, strlen(name)))
			errnum = put_name(l, &l->names, name, &l->shown);
		else if (name[sizeof(whiteout) - 1])
			errnum = put_name(l, &l->gone, name + sizeof(whiteout) - 1, &l->gone);
		if (errnum)
			return errnum;
	}
	return errno;
}

static int list_layers(struct listing *l, const struct walk *w)
{
	char at[PATH_SIZE];

	for (size_t i = w->tree->n; i-- > 0;) {
		size_t k = l->gone.n;

		if (!is_live(w, i, w->depth))
			continue;
		if (!join(at, &w->tree->layers[i], w->path, w->len, "", "", 0))
			return ENAMETOOLONG;
		int errnum = list_layer(l, &w->tree->layers[i], at);
		/* A layer's whiteouts hide what older layers have, not what it has itself. */
		for (; k < l->gone.n && !errnum; k++)
			errnum = put_name(l, &l->names, l->gone.entries[k].key, &l->gone);
		if (errnum)
			return errnum;
	}
	return 0;
}

static int list_folder(struct listing *l, const struct tree *tree, const char *path)
{
	char rest[PATH_SIZE], canonical[PATH_SIZE];
	struct walk w = { .tree = tree, .path = canonical };

	if (tree->host)
		return list_layer(l, &tree->layers[0], path);
	int errnum = walk(&w, path, rest, true);
	if (errnum)
		return errnum;
	return w.is_dir ? list_layers(l, &w) : ENOTDIR;
}

int tree_list(const struct tree *tree, const char *path, bool (*fn)(const char *name, void *arg),
	      void *arg)
{
	struct listing l;

	map_init(&l.gone);
	map_init(&l.names);
	arena_init(&l.arena);
	int errnum = list_folder(&l, tree, path);
	if (!errnum && l.names.n) {
		/* The map is not looked into any more: its entries may change places. */
		qsort(l.names.entries, l.names.n, sizeof(*l.names.entries), by_name);
		for (size_t i = 0; i < l.names.n; i++)
			if (l.names.entries[i].value == &l.shown &&
			    !fn(l.names.entries[i].key, arg))
				break;
	}
	map_deinit(&l.gone);
	map_deinit(&l.names);
	arena_deinit(&l.arena);
	return errnum;
}
