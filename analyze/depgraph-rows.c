/* SPDX-License-Identifier: BSD-2-Clause */
/* From the graph to the rows of a store. */
#include <stdlib.h>
#include <string.h>

#include "analyze/depgraph-internal.h"
#include "analyze/ports.h"
#include "core/base/cleanup.h"
#include "core/store/dep.h"
#include "core/store/store.h"

static const char *kind_of(const struct fgraph_file *file)
{
	const struct image *image = file->image;

	if (file->member)
		return "member";
	if (!image)
		return "library";
	if (image->type == ET_REL)
		return "object";
	if (!image_is_program(image))
		return "library";
	return image->interp || image->ndeps ? "program" : "static";
}

static struct error *write_inputs(struct depgraph *dg, struct store *store, int64_t run)
{
	for (size_t i = 0; i < dg->nsources; i++) {
		const struct source *s = &dg->sources[i];
		struct store_input row = { .spec = s->spec,
					   .path = s->path,
					   .kind = s->kind ? s->kind : "elf",
					   .sha256 = s->sha256[0] ? s->sha256 : NULL,
					   .bytes = s->bytes };
		struct error *err = store_add_input(store, run, &row);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *write_warnings(struct depgraph *dg, struct store *store, int64_t run,
				    size_t first)
{
	for (size_t i = first; i < dg->graph->nwarnings; i++) {
		const struct fgraph_warning *w = &dg->graph->warnings[i];
		struct store_warning row = { w->code, w->subject, w->text };
		struct error *err = store_add_warning(store, run, &row);
		if (err)
			return err;
	}
	return NULL;
}

/* Files that are neither loaded nor named by an edge were only met on the way. */
static void mark_wanted(const struct fgraph *graph, bool *wanted)
{
	for (size_t i = 0; i < graph->nfiles; i++)
		wanted[i] = graph->files[i]->loaded || graph->files[i]->root;
	for (size_t i = 0; i < graph->nedges; i++)
		if (graph->edges[i].to)
			wanted[graph->edges[i].to - 1] = true;
}

/* The port of a file; a note says where its version is far from the file's. */
static struct error *fill_port(struct depgraph *dg, const struct fgraph_file *file,
			       struct dep_file *row)
{
	struct port_match match;

	if (!dg->options.ports || file->member)
		return NULL;
	ports_find_file(dg->options.ports, file->image ? file->image->soname : NULL,
			file->tree_path, &match);
	row->port = match.library;
	row->port_version = match.version;
	row->port_relation = port_relation_name(match.relation);
	row->port_note = match.note;
	if (!ports_version_is_far(&match, row->package_version))
		return NULL;
	row->port_note = arena_printf(&dg->arena, "another major version: the file is of %s%s%s",
				      row->package_version, match.note ? "; " : "",
				      match.note ? match.note : "");
	return row->port_note ? NULL : &error_no_memory;
}

static struct error *write_files(struct depgraph *dg, struct store *store, int64_t run,
				 const bool *wanted)
{
	struct error *err;
	_cleanup_owners_ struct owners owners = { 0 };

	err = owners_init(&owners, dg);
	for (size_t i = 0; !err && i < dg->graph->nfiles; i++) {
		const struct fgraph_file *file = dg->graph->files[i];
		const struct image *image = file->image;
		const struct package_info *package = &owners.info[i];
		if (!wanted[i])
			continue;
		struct dep_file row = {
			.id = file->id,
			.input = file->input,
			.root = file->root,
			.loaded = file->loaded,
			.path = file->path,
			.realpath = file->realpath,
			.soname = image ? image->soname : NULL,
			.kind = kind_of(file),
			.machine = image && image->machine ? image->machine->name : "",
			.file_bytes = file->bytes,
			.loaded_bytes = image	       ? image->loaded_bytes
					: file->member ? file->bytes
						       : 0,
			.build_id = image ? image_build_id(image) : NULL,
			.interp = image ? image->interp : NULL,
			.package = package->name,
			.package_version = package->version,
			.package_type = package->type,
			/* NULL: not asked, as of members of archives */
			.port_relation = dg->options.ports && !file->member ? "none" : NULL,
			.open_sites = file->dlopens ? (int64_t)file->open_sites : -1,
			.cost_files = file->cost_files,
			.cost_bytes = file->cost_bytes,
			.cost_symbols = file->cost_symbols,
			.symbols_bound_to = file->bound_to,
		};
		err = fill_port(dg, file, &row);
		if (!err)
			err = dep_add_file(store, run, &row);
	}
	return err;
}

static struct error *write_edges(struct depgraph *dg, struct store *store, int64_t run)
{
	struct error *err;

	for (size_t i = 0; i < dg->graph->nedges; i++) {
		const struct fgraph_edge *e = &dg->graph->edges[i];
		struct dep_edge row = { .id = (uint32_t)i + 1,
					.from = e->from,
					.to = e->to,
					.name = e->name,
					.kind = e->kind,
					.how = e->how,
					.address = e->address };
		err = dep_add_edge(store, run, &row);
		if (err)
			return err;
	}
	for (size_t i = 0; i < dg->graph->ntried; i++) {
		const struct fgraph_tried *t = &dg->graph->tried[i];
		struct dep_tried row = { t->edge + 1, t->place, t->source, t->reason };
		err = dep_add_tried(store, run, &row);
		if (err)
			return err;
	}
	return NULL;
}

struct error *depgraph_write_bindings(struct depgraph *dg, struct store *store, int64_t run,
				      size_t first_warning)
{
	struct dep_binding_source *source = dg->bindings ? bindings_get_source(dg->bindings) : NULL;
	struct error *err = write_warnings(dg, store, run, first_warning);

	if (dg->nmembers)
		source = members_get_source(dg, source);
	return err || !source ? err : dep_set_bindings(store, run, source);
}

struct error *depgraph_write(struct depgraph *dg, struct store *store, int64_t run)
{
	struct error *err;
	_cleanup_free_ bool *wanted = calloc(dg->graph->nfiles + 1, 1);

	if (!wanted)
		return &error_no_memory;
	mark_wanted(dg->graph, wanted);
	err = write_inputs(dg, store, run);
	if (!err)
		err = write_files(dg, store, run, wanted);
	if (!err)
		err = write_edges(dg, store, run);
	if (!err)
		err = sbom_write(dg, store, run);
	return err ? err : depgraph_write_bindings(dg, store, run, 0);
}
