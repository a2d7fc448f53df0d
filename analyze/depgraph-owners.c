/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who installed the files of a graph. Each file is looked up where it was
 * found: what came out of a wheel or a Debian package belongs to that, what came
 * out of an image is in the image's own database, and the rest is in that of the
 * machine or sysroot. A name in an archive never asks the machine's database: the
 * file there is another one.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/depgraph-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/* Bytes of the layer's prefix in the path of a file; 0: it is not in an archive. */
static size_t prefix_length(const struct fgraph_file *file)
{
	size_t path = strlen(file->path), inside = strlen(file->tree_path);
	return path > inside && !strcmp(file->path + path - inside, file->tree_path) ? path - inside
										     : 0;
}

static const struct source *source_of(const struct depgraph *dg, const struct fgraph_file *file)
{
	for (size_t i = 0; i < dg->nsources; i++)
		if (dg->sources[i].own_tree && dg->sources[i].own_tree == file->tree)
			return &dg->sources[i];
	return NULL;
}

/* The prefix of the layer that holds the package database of a tree; NULL: none does. */
static const char *database_prefix(const struct tree *tree)
{
	static const char *const paths[] = { "/var/lib/dpkg/status", "/var/lib/dpkg/status.d",
					     "/lib/apk/db/installed" };
	const char *prefix = NULL;
	struct tree_entry entry;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (!tree_find(tree, paths[i], &entry) && (!prefix || entry.prefix[0]))
			prefix = entry.prefix;
	return prefix;
}

/* Whether a package database came with the layers of an archive. */
static bool has_own_database(const struct tree *tree)
{
	const char *prefix = database_prefix(tree);
	return prefix && prefix[0];
}

/* The tree whose database knows a file; NULL: none does. */
static const struct tree *database_of(const struct depgraph *dg, const struct fgraph_file *file)
{
	const struct source *source = source_of(dg, file);
	if (prefix_length(file))
		return has_own_database(file->tree) ? file->tree : NULL;
	return source && !source->archive ? file->tree : dg->tree;
}

/* The wheel or Debian package that a file came out of. */
static bool archive_package(const struct depgraph *dg, const struct fgraph_file *file,
			    struct package_info *ret)
{
	const struct source *source = source_of(dg, file);
	const struct image_archive *archive = source ? source->archive : NULL;
	if (!prefix_length(file) || !archive || !archive->package_name)
		return false;
	*ret = (struct package_info) { .name = archive->package_name,
				       .version = archive->package_version,
				       .arch = archive->package_arch,
				       .type = archive->package_type,
				       .source = archive->name };
	return true;
}

/* One database and the files to ask it for. */
struct asking {
	const struct tree *tree;
	struct package_query *queries;
	size_t *files; /* index of each query's file */
	size_t n;
};

/*
 * The vendor of a tree's packages for package URLs, "debian": ID of
 * os-release(5), if that came with the database. "" where it is not known.
 * 'size' is that of 'ret'.
 */
static void read_vendor(const struct tree *tree, char *ret, size_t size)
{
	struct tree_entry entry;
	char line[256];

	ret[0] = '\0';
	const char *prefix = tree ? database_prefix(tree) : NULL;
	if (!prefix || tree_find(tree, "/etc/os-release", &entry) || !S_ISREG(entry.st.st_mode) ||
	    strcmp(entry.prefix, prefix))
		return;
	_cleanup_fclose_ FILE *f = fopen(entry.path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *id = line + 3;
		if (strncmp(line, "ID=", 3))
			continue;
		id += *id == '"';
		size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789._-");
		if (len < size) {
			memcpy(ret, id, len);
			ret[len] = '\0';
		}
		return;
	}
}

/* "deb" of a machine that is Debian is "deb/debian": the purl specification wants a vendor. */
static struct error *add_vendor(struct depgraph *dg, const struct asking *a)
{
	const char *type = NULL, *full = NULL;
	char vendor[64];

	read_vendor(a->tree, vendor, sizeof(vendor));
	for (size_t i = 0; vendor[0] && i < a->n; i++) {
		struct package_info *info = &a->queries[i].ret;
		if (!info->type || strchr(info->type, '/'))
			continue;
		if (!type || strcmp(info->type, type)) {
			type = info->type;
			full = arena_printf(&dg->arena, "%s/%s", type, vendor);
			if (!full)
				return &error_no_memory;
		}
		info->type = full;
	}
	return NULL;
}

static struct error *ask(struct depgraph *dg, struct owners *o, struct asking *a)
{
	struct error *err = array_grow(&o->packages, &o->cap, o->npackages + 1,
				       sizeof(*o->packages));
	if (err)
		return err;
	err = packages_create(a->tree, dg->options.log, &o->packages[o->npackages]);
	if (err)
		return err;
	err = packages_find(o->packages[o->npackages++], a->queries, a->n);
	if (!err)
		err = add_vendor(dg, a);
	for (size_t i = 0; !err && i < a->n; i++)
		o->info[a->files[i]] = a->queries[i].ret;
	return err;
}

/* Asks one database for all of its files that are still without an owner. */
static struct error *ask_tree(struct depgraph *dg, struct owners *o,
			      const struct tree *const *trees, const struct tree *tree)
{
	const struct fgraph *graph = dg->graph;
	_cleanup_free_ struct package_query *queries = calloc(graph->nfiles + 1, sizeof(*queries));
	_cleanup_free_ size_t *files = calloc(graph->nfiles + 1, sizeof(*files));
	struct asking a = { .tree = tree, .queries = queries, .files = files };

	if (!queries || !files)
		return &error_no_memory;
	for (size_t i = 0; i < graph->nfiles; i++) {
		const struct fgraph_file *file = graph->files[i];
		size_t prefix = prefix_length(file);
		if (trees[i] != tree)
			continue;
		const char *real = file->realpath;
		if (real && prefix)
			real = strncmp(real, file->path, prefix) ? NULL : real + prefix;
		queries[a.n] = (struct package_query) { .path = file->tree_path, .realpath = real };
		files[a.n++] = i;
	}
	return ask(dg, o, &a);
}

/* What files say of themselves, for those that no database knows. */
static struct error *ask_notes(const struct depgraph *dg, struct owners *o)
{
	const struct fgraph *graph = dg->graph;
	struct error *err = array_grow(&o->packages, &o->cap, o->npackages + 1,
				       sizeof(*o->packages));
	if (!err)
		err = packages_create(NULL, dg->options.log, &o->packages[o->npackages]);
	if (err)
		return err;
	struct packages *packages = o->packages[o->npackages++];
	for (size_t i = 0; !err && i < graph->nfiles; i++)
		if (!o->info[i].name && graph->files[i]->image)
			err = packages_from_note(packages, graph->files[i]->image, &o->info[i]);
	return err;
}

struct error *owners_init(struct owners *o, struct depgraph *dg)
{
	const struct fgraph *graph = dg->graph;
	_cleanup_free_ const struct tree **trees = calloc(graph->nfiles + 1, sizeof(*trees));
	struct error *err = NULL;

	*o = (struct owners) { .info = calloc(graph->nfiles + 1, sizeof(*o->info)) };
	if (!trees || !o->info)
		return &error_no_memory;
	if (!dg->options.packages)
		return NULL;
	for (size_t i = 0; i < graph->nfiles; i++)
		if (!archive_package(dg, graph->files[i], &o->info[i]))
			trees[i] = database_of(dg, graph->files[i]);
	for (size_t i = 0; !err && i < graph->nfiles; i++) {
		size_t first = 0;
		while (trees[first] != trees[i])
			first++;
		if (trees[i] && first == i)
			err = ask_tree(dg, o, trees, trees[i]);
	}
	return err ? err : ask_notes(dg, o);
}

void owners_deinit(struct owners *o)
{
	for (size_t i = 0; i < o->npackages; i++)
		packages_destroy(o->packages[i]);
	free(o->packages);
	free(o->info);
}
