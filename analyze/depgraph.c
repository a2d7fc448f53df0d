/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/depgraph.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/cost.h"
#include "analyze/depgraph-internal.h"
#include "analyze/runtime.h"
#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

/* --- Which loader --- */

static enum search_libc guess_libc(const struct depgraph *dg, const struct image *image)
{
	if (dg->options.libc)
		return dg->options.libc == DEPGRAPH_LIBC_MUSL ? SEARCH_MUSL : SEARCH_GLIBC;
	if (image->interp)
		return strstr(image->interp, "ld-musl") ? SEARCH_MUSL : SEARCH_GLIBC;
	for (size_t i = 0; i < image->ndeps; i++) {
		const char *name = image->deps[i].name;
		/* Alpine's name of musl's libc, and musl's own soname. */
		if (!strncmp(name, "libc.musl-", 10) || !strcmp(name, "libc.so"))
			return SEARCH_MUSL;
	}
	return SEARCH_GLIBC;
}

static bool same_string(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* One search for all roots that share tree, machine, libc and loader. */
static struct error *get_search(struct depgraph *dg, const struct tree *tree,
				const struct image *image, enum search_libc libc,
				struct search **ret)
{
	struct error *err;
	const char *interp = image->interp && image_is_program(image) ? image->interp : NULL;

	for (size_t i = 0; i < dg->nsearches; i++) {
		struct search_entry *e = &dg->searches[i];
		if (e->tree == tree && e->machine == image->machine && e->libc == libc &&
		    same_string(e->interp, interp)) {
			*ret = e->search;
			return NULL;
		}
	}
	err = array_grow(&dg->searches, &dg->searches_cap, dg->nsearches + 1,
			 sizeof(*dg->searches));
	if (err)
		return err;
	struct search_options options = { .libc = libc,
					  .library_path = dg->options.library_path,
					  .no_cache = dg->options.no_cache,
					  .isa_level = dg->options.isa_level,
					  .interp = interp };
	struct search_entry e = { .tree = tree, .machine = image->machine, .libc = libc };
	if (interp) {
		e.interp = arena_strdup(&dg->arena, interp);
		if (!e.interp)
			return &error_no_memory;
	}
	err = search_create(tree, image->machine, &options, &e.search);
	if (err)
		return err;
	dg->searches[dg->nsearches++] = e;
	*ret = e.search;
	return NULL;
}

/* --- Preloads --- */

struct preloads {
	const char **names;
	size_t n, cap;
};

static struct error *add_preloads(struct depgraph *dg, struct preloads *p, const char *list)
{
	for (const char *s = list; *s;) {
		size_t len = strcspn(s, " :\t\n");
		if (len) {
			struct error *err = array_grow(&p->names, &p->cap, p->n + 1,
						       sizeof(*p->names));
			if (err)
				return err;
			p->names[p->n] = arena_strndup(&dg->arena, s, len);
			if (!p->names[p->n++])
				return &error_no_memory;
		}
		s += len + (s[len] != '\0');
	}
	return NULL;
}

/* /etc/ld.so.preload: names of glibc's do_preload(), with comments. */
static struct error *read_preload_file(struct depgraph *dg, const struct tree *tree,
				       struct preloads *p)
{
	struct tree_entry entry;
	char line[4096];
	struct error *err = NULL;

	if (tree_find(tree, "/etc/ld.so.preload", &entry) || !S_ISREG(entry.st.st_mode))
		return NULL;
	_cleanup_fclose_ FILE *f = fopen(entry.path, "re");
	while (!err && f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#")] = '\0';
		err = add_preloads(dg, p, line);
	}
	return err;
}

static struct error *collect_preloads(struct depgraph *dg, const struct tree *tree,
				      enum search_libc libc, struct preloads *p)
{
	const char *env = getenv("LD_PRELOAD");
	struct error *err = NULL;

	if (env && !dg->options.clean_env && tree_is_host(tree))
		err = add_preloads(dg, p, env);
	for (size_t i = 0; !err && i < dg->options.npreloads; i++)
		err = add_preloads(dg, p, dg->options.preloads[i]);
	if (!err && libc == SEARCH_GLIBC)
		err = read_preload_file(dg, tree, p);
	return err;
}

/* --- Closures --- */

static struct error *add_closure(struct depgraph *dg, struct closure **ret)
{
	struct error *err = array_grow(&dg->closures, &dg->closures_cap, dg->nclosures + 1,
				       sizeof(*dg->closures));
	if (err)
		return err;
	struct closure *c = calloc(1, sizeof(*c));
	if (!c)
		return &error_no_memory;
	dg->closures[dg->nclosures++] = c;
	*ret = c;
	return NULL;
}

/* The host program of --host-exe: a path, or a name as a shell would find it. */
static struct error *find_host(struct depgraph *dg, const struct tree *tree,
			       struct fgraph_file **ret)
{
	static const char *const folders[] = { "", "/usr/local/bin/", "/usr/bin/", "/bin/" };
	const char *name = dg->options.host_exe;
	struct tree_entry entry;

	for (size_t i = strchr(name, '/') ? 0 : 1; i < 4; i++) {
		char *path = arena_printf(&dg->arena, "%s%s", folders[i], name);
		if (!path)
			return &error_no_memory;
		if (!tree_find(tree, path, &entry))
			return fgraph_open_file(dg->graph, tree, path, &entry, NULL, ret);
		if (!i)
			break;
	}
	return error_create(ERROR_NOT_FOUND, "cannot find the host program '%s'", name);
}

/* The closure of a module is that of its host, and the module opened by it. */
static struct error *open_in_host(struct depgraph *dg, struct closure *c, const struct root *root)
{
	const char *path = root->file->tree_path;
	uint32_t link;

	if (!strchr(path, '/')) {
		path = arena_printf(&dg->arena, "./%s", path);
		if (!path)
			return &error_no_memory;
	}
	size_t edge = dg->graph->nedges;
	struct error *err = closure_dlopen(c, 0, path, DEP_DLOPEN, "opened by the host program", 0,
					   &link);
	for (size_t i = 0; !err && i < c->n; i++)
		c->links[i]->file->loaded = true;
	/* What the module needs counts as what a library needs that is loaded at start. */
	for (; !err && edge < dg->graph->nedges; edge++)
		dg->graph->edges[edge].wanted_at_start = true;
	c->links[0]->file->host = true;
	return err;
}

static struct error *build_closure(struct depgraph *dg, const struct root *root)
{
	struct fgraph_file *start = root->file;
	const struct image *image = start->image;
	const struct tree *tree = dg->sources[root->source].tree;
	struct error *err;
	struct search *search;
	struct closure *c;

	if (!image->machine)
		return fgraph_warn(dg->graph, "unsupported", start->path, true,
				   "'%s' is for machine %u (%s), whose loader is not known: it was "
				   "skipped",
				   start->path, image->machine_id,
				   image->elf_class == ELFCLASS64 ? "64 bit" : "32 bit");
	if (dg->options.host_exe) {
		err = find_host(dg, tree, &start);
		if (err)
			return err;
	}
	enum search_libc libc = guess_libc(dg, start->image);
	err = get_search(dg, tree, start->image, libc, &search);
	if (err)
		return err;
	struct preloads preloads = { 0 };
	err = collect_preloads(dg, tree, libc, &preloads);
	if (!err)
		err = add_closure(dg, &c);
	if (!err) {
		struct closure_options options = { .preloads = preloads.names,
						   .npreloads = preloads.n };
		err = closure_init(c, dg->graph, search, libc, start, &options);
	}
	free(preloads.names);
	if (!err && dg->options.host_exe)
		err = open_in_host(dg, c, root);
	return err;
}

static struct error *build_closures(struct depgraph *dg)
{
	struct error *err;

	for (size_t i = 0; i < dg->nroots; i++) {
		err = log_check_stop(dg->options.log);
		if (err)
			return err;
		log_progress(dg->options.log, "resolving", "files", i, dg->nroots);
		err = build_closure(dg, &dg->roots[i]);
		if (err)
			return err;
	}
	return NULL;
}

/* Ids in the order in which the loaders map the files, SOURCE after SOURCE. */
static struct error *number_files(struct depgraph *dg)
{
	size_t total = 0, n = 0;

	for (size_t i = 0; i < dg->nclosures; i++)
		total += dg->closures[i]->n;
	_cleanup_free_ uint32_t *order = calloc(total + 1, sizeof(*order));
	if (!order)
		return &error_no_memory;
	for (size_t i = 0; i < dg->nclosures; i++)
		for (size_t k = 0; k < dg->closures[i]->n; k++)
			order[n++] = dg->closures[i]->links[k]->file->id;
	return fgraph_renumber(dg->graph, order, n);
}

static struct error *bind_closures(struct depgraph *dg)
{
	struct error *err = bindings_create(dg->graph, &dg->bindings);

	for (size_t i = 0; !err && i < dg->nclosures; i++)
		err = bindings_add_closure(dg->bindings, dg->closures[i]);
	if (err && error_get_code(err) != ERROR_STOP)
		return err;
	struct error *finished = bindings_finish(dg->bindings);
	if (finished)
		error_destroy(err);
	return finished ? finished : err;
}

struct error *depgraph_bind(struct depgraph *dg, struct store *store, int64_t run)
{
	size_t warned = dg->graph->nwarnings;

	if (dg->bindings)
		return NULL;
	struct error *err = bind_closures(dg);
	return err ? err : depgraph_write_bindings(dg, store, run, warned);
}

/*
 * Ctrl-C: where the caller wants that, what was found until then is finished. A
 * second one ends the program.
 */
static struct error *keep(struct depgraph *dg, struct error *err)
{
	if (!err || error_get_code(err) != ERROR_STOP || !dg->options.keep_on_stop || !dg->nroots)
		return err;
	error_destroy(err);
	dg->interrupted = true;
	dg->options.log->stopped = NULL; /* what is left is short, and is not to be cut */
	for (size_t i = 0; i < dg->nroots; i++)
		dg->roots[i].file->loaded = true;
	for (size_t i = 0; i < dg->nclosures; i++)
		for (size_t k = 0; k < dg->closures[i]->n; k++)
			dg->closures[i]->links[k]->file->loaded = true;
	return fgraph_warn(dg->graph, "interrupted", "", true,
			   "interrupted: the answer holds what was found until then");
}

/* The phases that take time; each is left out once the user asked to stop. */
static struct error *search_everything(struct depgraph *dg, const char *const *sources,
				       size_t nsources)
{
	struct error *err = keep(dg, sources_read(dg, sources, nsources));

	if (!err && !dg->interrupted)
		err = keep(dg, build_closures(dg));
	if (!err && !dg->interrupted && dg->options.runtime)
		err = keep(dg, runtime_scan(dg));
	if (!err)
		err = number_files(dg);
	if (!err && !dg->interrupted && dg->options.bindings)
		err = keep(dg, bind_closures(dg));
	return err;
}

static struct error *build(struct depgraph *dg, const char *const *sources, size_t nsources)
{
	struct error *err;

	if (dg->options.sysroot) {
		err = tree_create(&dg->tree);
		if (!err)
			err = tree_add_layer(dg->tree, dg->options.sysroot, "");
	} else {
		err = tree_create_host(&dg->tree);
	}
	if (!err)
		err = fgraph_create(dg->options.log, &dg->graph);
	if (!err)
		err = search_everything(dg, sources, nsources);
	if (!err && dg->nmembers)
		err = members_bind(dg);
	if (!err)
		err = cost_compute(dg->graph, dg->options.bindings && !dg->interrupted);
	if (!err)
		err = fgraph_resolve_paths(dg->graph);
	return err;
}

struct error *depgraph_create(const struct depgraph_options *options, const char *const *sources,
			      size_t nsources, struct depgraph **ret)
{
	struct depgraph *dg = calloc(1, sizeof(*dg));

	if (!dg)
		return &error_no_memory;
	arena_init(&dg->arena);
	dg->options = *options;
	if (!options->library_path && !options->clean_env && !options->sysroot)
		dg->options.library_path = getenv("LD_LIBRARY_PATH");
	struct error *err = build(dg, sources, nsources);
	if (err) {
		depgraph_destroy(dg);
		return err;
	}
	*ret = dg;
	return NULL;
}

void depgraph_destroy(struct depgraph *dg)
{
	if (!dg)
		return;
	bindings_destroy(dg->bindings);
	for (size_t i = 0; i < dg->nclosures; i++) {
		closure_deinit(dg->closures[i]);
		free(dg->closures[i]);
	}
	free(dg->closures);
	for (size_t i = 0; i < dg->nsearches; i++)
		search_destroy(dg->searches[i].search);
	free(dg->searches);
	free(dg->roots);
	members_destroy(dg);
	runtime_destroy(dg);
	fgraph_destroy(dg->graph);
	sources_destroy(dg);
	tree_destroy(dg->tree);
	arena_deinit(&dg->arena);
	free(dg);
}

struct fgraph *depgraph_get_graph(const struct depgraph *dg)
{
	return dg->graph;
}

bool depgraph_is_interrupted(const struct depgraph *dg)
{
	return dg->interrupted;
}

bool depgraph_is_incomplete(const struct depgraph *dg)
{
	return fgraph_is_incomplete(dg->graph);
}

size_t depgraph_count_missing(const struct depgraph *dg)
{
	size_t n = 0;

	for (size_t i = 0; i < dg->graph->nedges; i++) {
		const struct fgraph_edge *e = &dg->graph->edges[i];
		n += !e->to && e->kind <= DEP_FILTER;
	}
	return n;
}

void depgraph_log_missing(const struct depgraph *dg)
{
	for (size_t i = 0; i < dg->graph->nedges; i++) {
		const struct fgraph_edge *e = &dg->graph->edges[i];
		if (!e->to && e->kind <= DEP_FILTER)
			log_message(dg->options.log, LOG_WARNING,
				    "'%s' needs '%s', which was not found",
				    fgraph_get_file(dg->graph, e->from)->path, e->name);
	}
}

const char *const *depgraph_default_dirs(const struct depgraph *dg)
{
	static const char *const none[] = { NULL };

	return dg->nsearches ? search_default_dirs(dg->searches[0].search) : none;
}
