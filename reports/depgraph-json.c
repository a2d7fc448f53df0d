/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/depgraph-json.h"

static const char *path_of(const struct graph *graph, uint32_t file)
{
	return file == GRAPH_NONE ? NULL : graph->files[file].row.path;
}

static void put_package(struct json *json, const struct dep_file *r)
{
	json_key(json, "package");
	if (!r->package) {
		json_none(json);
		return;
	}
	json_object_begin(json);
	json_field(json, "name", r->package);
	json_field(json, "version", r->package_version);
	json_field(json, "type", r->package_type);
	json_object_end(json);
}

static void put_port(struct json *json, const struct dep_file *r)
{
	json_key(json, "port");
	if (!r->port_relation) { /* nobody asked: that is not "none" */
		json_none(json);
		return;
	}
	json_object_begin(json);
	json_field(json, "relation", graph_relation(r));
	json_field(json, "name", r->port);
	json_field(json, "version", r->port_version);
	json_field(json, "note", r->port_note);
	json_object_end(json);
}

static void put_cost(struct json *json, const struct dep_file *r)
{
	json_key(json, "cost");
	json_object_begin(json);
	json_field_uint(json, "files", r->cost_files);
	json_field_uint(json, "bytes", r->cost_bytes);
	json_key(json, "symbols");
	if (r->cost_symbols < 0)
		json_none(json);
	else
		json_uint(json, (uint64_t)r->cost_symbols);
	json_object_end(json);
}

void depgraph_json_file(struct json *json, const struct graph *graph, const struct graph_file *f)
{
	const struct dep_file *r = &f->row;

	json_field(json, "path", r->path);
	json_field(json, "soname", r->soname);
	json_field_uint(json, "bytes", r->file_bytes);
	json_field_uint(json, "loaded_bytes", r->loaded_bytes);
	json_field(json, "realpath", r->realpath);
	json_field(json, "kind", r->kind);
	json_field(json, "machine", r->machine);
	json_field_bool(json, "root", r->root);
	json_field_bool(json, "loaded", r->loaded);
	json_field_uint(json, "input", r->input);
	json_field(json, "build_id", r->build_id);
	json_field(json, "sha256", r->sha256);
	json_field(json, "interp", r->interp);
	put_package(json, r);
	put_port(json, r);
	put_cost(json, r);
	json_field_uint(json, "symbols_bound_to", r->symbols_bound_to);
	json_key(json, "open_sites");
	if (r->open_sites < 0)
		json_none(json);
	else
		json_uint(json, (uint64_t)r->open_sites);
	json_field(json, "brought_by", path_of(graph, f->dominator));
}

void depgraph_json_edge(struct json *json, const struct graph *graph, const struct graph_edge *e)
{
	json_field(json, "from", path_of(graph, e->from));
	json_field(json, "to", path_of(graph, e->to));
	json_field(json, "name", e->row.name);
	json_field(json, "kind", dep_edge_kind_name(e->row.kind));
	json_field(json, "how", e->row.how);
	json_key(json, "address");
	if (e->row.address)
		json_uint(json, e->row.address);
	else
		json_none(json);
	if (e->to != GRAPH_NONE)
		return;
	json_key(json, "tried");
	json_array_begin(json);
	for (uint32_t i = 0; i < e->n_tried; i++) {
		const struct dep_tried *t = &graph->tried[e->first_tried + i];
		json_object_begin(json);
		json_field(json, "place", t->place);
		json_field(json, "source", t->source);
		json_field(json, "reason", t->reason);
		json_object_end(json);
	}
	json_array_end(json);
}

void depgraph_json_component(struct json *json, const struct graph *graph,
			     const struct dep_component *c)
{
	json_field(json, "name", c->name);
	json_field(json, "version", c->version);
	json_field(json, "component_type", c->type);
	json_field(json, "purl", c->purl);
	json_field(json, "file", c->file ? path_of(graph, graph_find_file(graph, c->file)) : NULL);
	json_field_uint(json, "input", c->input);
	json_field(json, "source", c->source);
}

void depgraph_json_totals(struct json *json, const struct graph_totals *t)
{
	json_object_begin(json);
	json_field_uint(json, "files", t->files);
	json_field_uint(json, "loaded_files", t->loaded_files);
	json_field_uint(json, "run_time_files", t->late_files);
	json_field_uint(json, "file_bytes", t->file_bytes);
	json_field_uint(json, "loaded_bytes", t->loaded_bytes);
	json_field_uint(json, "edges", t->edges);
	json_field_uint(json, "not_found", t->not_found);
	json_field_uint(json, "dlopen_edges", t->dlopen_edges);
	json_field_uint(json, "open_files", t->open_files);
	json_field_uint(json, "open_sites", t->open_sites);
	json_field_uint(json, "open_unknown_files", t->open_unknown);
	json_field_uint(json, "packages", t->packages);
	json_field_uint(json, "ported", t->ported);
	json_field_uint(json, "stand_ins", t->stand_ins);
	json_field_uint(json, "core", t->core);
	json_field_uint(json, "no_port", t->no_port);
	json_field_uint(json, "loaded_no_port", t->loaded_no_port);
	json_field_uint(json, "loaded_open_unknown_files", t->loaded_open_unknown);
	json_object_end(json);
}
