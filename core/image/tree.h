/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where files are looked up: the machine's own root, another root (--sysroot),
 * or layers over one of these (what an archive held). Paths are absolute and as
 * the program inside sees them; symbolic links are followed inside the tree, so
 * that an absolute link in a root file system does not lead out of it.
 *
 * Low-level: knows nothing of ELF or of search rules.
 */
#ifndef CORE_IMAGE_TREE_H
#define CORE_IMAGE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "core/base/error.h"

struct tree;

/*
 * The machine's own root as the only layer; lookups are plain system calls. A
 * layer may be put over it: then lookups go as in any other layered tree.
 */
struct error *tree_create_host(struct tree **ret) must_check;

/* An empty tree for layers. */
struct error *tree_create(struct tree **ret) must_check;
void tree_destroy(struct tree *tree);

static inline void tree_cleanup(struct tree **tree)
{
	tree_destroy(*tree);
}
#define _cleanup_tree_ __attribute__((cleanup(tree_cleanup)))

enum { TREE_MAX_LAYERS = 1024 };

/*
 * Puts a folder on top: a name is looked up in the newest layer first. 'prefix'
 * is how names of this layer are shown ("x.whl!" gives "x.whl!/lib/y.so"; ""
 * for a sysroot).
 *
 * A folder that several layers have is one folder with the entries of all of
 * them; anything else hides what lower layers have under its name. A file
 * ".wh.NAME" hides NAME of the lower layers, ".wh..wh..opq" hides all that they
 * have in its folder (OCI image-spec layer.md, "Whiteouts"); such files are
 * themselves never found. The machine's own root has no whiteouts.
 */
struct error *tree_add_layer(struct tree *tree, const char *folder, const char *prefix) must_check;

/* Whether the machine's own root is the only layer. */
bool tree_is_host(const struct tree *tree);

struct tree_entry {
	char path[4096];     /* where to open it on this machine */
	char realpath[4096]; /* inside the tree, without symbolic links */
	const char *prefix;  /* of the layer it was found in; borrowed from the tree */
	struct stat st;	     /* st_dev and st_ino tell files apart, also over layers */
};

/*
 * Finds a path. Returns 0, or an errno value: ENOENT, ENOTDIR, EACCES, ELOOP
 * (more than 40 links, as Linux), ENAMETOOLONG... 'ret' is then unspecified.
 * Does not allocate. realpath is filled only by tree_resolve(); tree_find() is
 * the fast form without it: one stat() on the machine's own root.
 *
 * Outside the machine's own root every component is looked at by itself, ".."
 * stops at the root of the tree, and no link leads out of it.
 */
int tree_find(const struct tree *tree, const char *path, struct tree_entry *ret);
int tree_resolve(const struct tree *tree, const char *path, struct tree_entry *ret);

/* The target of a symbolic link itself (not followed); 0 or errno. */
int tree_readlink(const struct tree *tree, const char *path, char *target, size_t size);

/*
 * How a path of the tree is shown to people: this prefix + path. The prefix of
 * the layer that has it; "" where no layer has it. Borrowed from the tree.
 */
const char *tree_prefix_of(const struct tree *tree, const char *path);

/*
 * Calls 'fn' with the name of each entry of a folder, merged over the layers,
 * sorted. Returns 0 or errno of opening; stops when fn returns false.
 */
int tree_list(const struct tree *tree, const char *path, bool (*fn)(const char *name, void *arg),
	      void *arg);

#endif
