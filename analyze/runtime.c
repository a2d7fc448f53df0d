/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/dlopen.h"
#include "analyze/plugins.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

struct runtime {
	struct depgraph *dg;
	struct plugins *plugins;
	/* Exported functions of any mapped file that pass an argument on to dlopen. */
	struct dlopen_wrapper *wrappers;
	size_t nwrappers, cap;
	struct map wrapper_names;
};

static void free_runtime(struct runtime *r)
{
	plugins_destroy(r->plugins);
	map_deinit(&r->wrapper_names);
	free(r->wrappers);
}
#define _cleanup_runtime_ __attribute__((cleanup(free_runtime)))

/* --- Facts of files --- */

static struct error *add_wrappers(struct runtime *r, const struct dlopen_facts *facts)
{
	for (size_t i = 0; i < facts->nwrappers; i++) {
		const char *name = facts->wrappers[i].symbol;
		if (map_get(&r->wrapper_names, name, strlen(name)))
			continue;
		struct error *err = array_grow(&r->wrappers, &r->cap, r->nwrappers + 1,
					       sizeof(*r->wrappers));
		if (!err)
			err = map_put(&r->wrapper_names, name, strlen(name), r);
		if (err)
			return err;
		r->wrappers[r->nwrappers++] = facts->wrappers[i];
	}
	return NULL;
}

static bool calls_wrapper(const struct runtime *r, const struct image *image)
{
	for (size_t i = 1; i < image->nsyms; i++) {
		const char *name = image_symbol_name(image, i);
		if (image->syms[i].st_shndx == SHN_UNDEF && *name &&
		    map_get(&r->wrapper_names, name, strlen(name)))
			return true;
	}
	return false;
}

static struct error *read_file(struct runtime *r, struct fgraph_file *file, bool again)
{
	unsigned int flags = DLOPEN_NO_DLSYM;
	struct dlopen_facts *facts;
	struct error *err;

	if (!file->image || (file->dlopens && !again))
		return NULL;
	err = dlopen_find(file->image, flags, r->wrappers, again ? r->nwrappers : 0, &facts);
	if (err)
		return err;
	dlopen_facts_destroy(file->dlopens);
	file->dlopens = facts;
	file->open_sites = facts->nopen;
	if (facts->imports && !facts->analysed && !facts->nopen)
		file->open_sites = 1; /* code that is not read is at least one unknown */
	return again ? NULL : add_wrappers(r, facts);
}

/* All files first: which functions are wrappers is known only then. */
static struct error *read_files(struct runtime *r)
{
	struct fgraph *graph = r->dg->graph;
	struct error *err;

	for (size_t i = 0; i < graph->nfiles; i++) {
		err = log_check_stop(graph->log);
		if (err)
			return err;
		log_progress(graph->log, "looking for dlopen", "files", i, graph->nfiles);
		err = read_file(r, graph->files[i], false);
		if (err)
			return err;
	}
	for (size_t i = 0; r->nwrappers && i < graph->nfiles; i++) {
		if (!graph->files[i]->image || !calls_wrapper(r, graph->files[i]->image))
			continue;
		err = read_file(r, graph->files[i], true);
		if (err)
			return err;
	}
	return NULL;
}

/* --- Edges --- */

static struct error *open_name(struct runtime *r, struct closure *c, uint32_t link,
			       const char *name, enum dep_edge_kind kind, const char *how,
			       uint64_t address)
{
	unsigned int follow = r->dg->options.follow;
	unsigned int flag = kind == DEP_DLOPEN	    ? DEPGRAPH_FOLLOW_DLOPEN
			    : kind == DEP_CANDIDATE ? DEPGRAPH_FOLLOW_CANDIDATES
						    : DEPGRAPH_FOLLOW_PLUGINS;
	uint32_t opened;

	if (!(follow & flag))
		return closure_find(c, link, name, kind, how, address);
	return closure_dlopen(c, link, name, kind, how, address, &opened);
}

static struct error *add_refs(struct runtime *r, struct closure *c, uint32_t link)
{
	const struct dlopen_facts *facts = c->links[link]->file->dlopens;
	struct error *err = NULL;

	for (size_t i = 0; facts && !err && i < facts->nrefs; i++) {
		const struct dlopen_ref *ref = &facts->refs[i];
		if (ref->kind == DLOPEN_PATTERN || !*ref->name)
			continue;
		bool candidate = ref->kind == DLOPEN_CANDIDATE;
		err = open_name(r, c, link, ref->name, candidate ? DEP_CANDIDATE : DEP_DLOPEN,
				ref->how, ref->address);
	}
	return err;
}

struct plugin_walk {
	struct runtime *r;
	struct closure *c;
	uint32_t link;
};

static struct error *add_plugin(const struct plugin *plugin, void *arg)
{
	struct plugin_walk *w = arg;
	struct depgraph *dg = w->r->dg;
	const struct tree *tree = search_tree(w->c->search);
	struct fgraph_file *file;
	struct tree_entry entry;

	if (dg->options.follow & DEPGRAPH_FOLLOW_PLUGINS)
		return open_name(w->r, w->c, w->link, plugin->path, DEP_PLUGIN, plugin->why, 0);
	/* Named, not opened: a folder may hold hundreds. */
	if (tree_find(tree, plugin->path, &entry) || !S_ISREG(entry.st.st_mode))
		return NULL;
	struct error *err = fgraph_name_file(dg->graph, tree, plugin->path, &entry, &file);
	if (err)
		return err;
	struct fgraph_edge e = { .from = w->c->links[w->link]->file->id,
				 .to = file->id,
				 .name = plugin->path,
				 .kind = DEP_PLUGIN,
				 .how = plugin->why };
	return fgraph_add_edge(dg->graph, &e, NULL, NULL);
}

static struct error *add_plugins(struct runtime *r, struct closure *c, uint32_t link)
{
	const struct fgraph_file *file = c->links[link]->file;
	struct plugin_walk w = { r, c, link };
	struct plugins_query query = { .path = file->tree_path,
				       .soname = file->image->soname,
				       .triplet = file->image->machine
							  ? file->image->machine->triplet
							  : NULL };

	return plugins_find(r->plugins, search_tree(c->search), &query, add_plugin, &w);
}

/* What is mapped on the way is looked at in turn: c->n grows. */
static struct error *add_edges(struct runtime *r, struct closure *c)
{
	struct error *err = NULL;

	for (uint32_t i = 0; !err && i < c->n; i++) {
		err = log_check_stop(r->dg->options.log);
		if (!err)
			err = read_file(r, c->links[i]->file, false);
		if (!err)
			err = add_refs(r, c, i);
		if (!err)
			err = add_plugins(r, c, i);
	}
	return err;
}

struct error *runtime_scan(struct depgraph *dg)
{
	_cleanup_runtime_ struct runtime r = { .dg = dg };
	struct error *err;

	map_init(&r.wrapper_names);
	err = plugins_create(dg->options.plugin_maps, dg->options.nplugin_maps, &r.plugins);
	if (!err)
		err = read_files(&r);
	for (size_t i = 0; !err && i < dg->nclosures; i++)
		err = add_edges(&r, dg->closures[i]);
	return err;
}

void runtime_destroy(struct depgraph *dg)
{
	for (size_t i = 0; dg->graph && i < dg->graph->nfiles; i++)
		dlopen_facts_destroy(dg->graph->files[i]->dlopens);
}
