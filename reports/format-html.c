/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One self-contained page. The data goes in as JSON, which reports/assets/
 * depgraph.js shows; the picture is drawn here, so that it also prints.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "assets.h"
#include "core/base/json.h"
#include "reports/depgraph-json.h"
#include "reports/page.h"
#include "reports/picture.h"
#include "reports/report-ops.h"

struct depgraph_page {
	struct page page; /* first */
	const struct report_context *context;
	const struct graph *graph;
	struct picture *picture; /* NULL: no layout */
	char no_layout[512];	 /* why */
};

/* --- The data: short keys, because there may be thousands of files --- */

/* The arguments are a JSON array in the store; what is not one is shown as it is. */
static void put_command(struct json *json, const char *arguments)
{
	json_t *array = json_loads(arguments, 0, NULL);
	size_t n = json_array_size(array);

	json_key(json, "command");
	json_array_begin(json);
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(array, i));
		if (s)
			json_str(json, s);
	}
	if (!n)
		json_str(json, arguments);
	json_array_end(json);
	json_decref(array);
}

static void put_inputs(struct json *json, const struct graph *g)
{
	json_key(json, "inputs");
	json_array_begin(json);
	for (size_t i = 0; i < g->n_inputs; i++) {
		json_object_begin(json);
		json_field(json, "path", g->inputs[i].path);
		json_field(json, "kind", g->inputs[i].kind);
		json_field(json, "sha256", g->inputs[i].sha256);
		json_field_uint(json, "bytes", g->inputs[i].bytes);
		json_object_end(json);
	}
	json_array_end(json);
	json_key(json, "warnings");
	json_array_begin(json);
	for (size_t i = 0; i < g->n_warnings; i++) {
		json_object_begin(json);
		json_field(json, "code", g->warnings[i].code);
		json_field(json, "subject", g->warnings[i].subject);
		json_field(json, "text", g->warnings[i].text);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_index(struct json *json, const char *key, uint32_t index)
{
	json_key(json, key);
	json_int(json, index == GRAPH_NONE ? -1 : (int64_t)index);
}

static void put_optional(struct json *json, const char *key, const char *value)
{
	if (value && value[0])
		json_field(json, key, value);
}

static void put_file(struct json *json, const struct depgraph_page *d, size_t index)
{
	const struct graph_file *f = &d->graph->files[index];
	const struct dep_file *r = &f->row;

	json_object_begin(json);
	json_field(json, "path", r->path);
	if (r->soname && strcmp(r->soname, f->name))
		json_field(json, "soname", r->soname);
	put_optional(json, "pkg", r->package);
	put_optional(json, "pkgv", r->package_version);
	json_field(json, "rel", graph_relation(r));
	put_optional(json, "port", r->port);
	put_optional(json, "portv", r->port_version);
	put_optional(json, "note", r->port_note);
	put_optional(json, "build", r->build_id);
	json_field_uint(json, "lb", r->loaded_bytes);
	json_field_uint(json, "cb", r->cost_bytes);
	json_field_uint(json, "cf", r->cost_files);
	json_key(json, "cs");
	json_int(json, r->cost_symbols);
	json_key(json, "open");
	json_int(json, r->open_sites);
	json_field_bool(json, "root", r->root);
	json_field_bool(json, "loaded", r->loaded);
	put_index(json, "dom", f->dominator);
	put_index(json, "via", f->parent);
	json_field_uint(json, "cycle", f->cycle);
	json_field_uint(json, "node", d->picture ? d->picture->node_of[index] : 0);
	json_object_end(json);
}

/*
 * [from, to, kind], and what is not said by that: name, how, address, tried. Of a
 * library that is only opened at run time it is enough to know how many places.
 */
static void put_edge(struct json *json, const struct graph *g, const struct graph_edge *e)
{
	bool plain = e->to != GRAPH_NONE && e->row.kind == DEP_NEEDED;

	json_array_begin(json);
	json_uint(json, e->from);
	json_int(json, e->to == GRAPH_NONE ? -1 : (int64_t)e->to);
	json_uint(json, e->row.kind);
	if (!plain) {
		json_str(json, e->row.name);
		json_str(json, e->row.how);
		json_uint(json, e->row.address);
	}
	if (e->to == GRAPH_NONE && e->n_tried && !graph_kind_loads(e->row.kind)) {
		json_uint(json, e->n_tried);
	} else if (e->to == GRAPH_NONE && e->n_tried) {
		json_array_begin(json);
		for (uint32_t i = 0; i < e->n_tried; i++) {
			const struct dep_tried *t = &g->tried[e->first_tried + i];
			json_array_begin(json);
			json_str(json, t->place);
			json_str(json, t->source);
			json_str(json, t->reason);
			json_array_end(json);
		}
		json_array_end(json);
	}
	json_array_end(json);
}

static void put_graph(struct json *json, const struct depgraph_page *d)
{
	const struct graph *g = d->graph;

	json_key(json, "files");
	json_array_begin(json);
	for (size_t i = 0; i < g->n_files; i++)
		put_file(json, d, i);
	json_array_end(json);
	json_key(json, "kinds");
	json_array_begin(json);
	for (unsigned int i = 0; i < DEP_KINDS; i++)
		json_str(json, dep_edge_kind_name(i));
	json_array_end(json);
	json_key(json, "loads");
	json_array_begin(json);
	for (unsigned int i = 0; i < DEP_KINDS; i++)
		json_bool(json, graph_kind_loads(i));
	json_array_end(json);
	json_key(json, "edges");
	json_array_begin(json);
	for (size_t i = 0; i < g->n_edges; i++)
		put_edge(json, g, &g->edges[i]);
	json_array_end(json);
}

static void put_picture(struct json *json, const struct depgraph_page *d)
{
	const struct picture *p = d->picture;
	char note[128];

	json_key(json, "nodes");
	json_array_begin(json);
	for (size_t i = 0; p && i < p->n_nodes; i++)
		json_str(json, p->nodes[i].label);
	json_array_end(json);
	json_field(json, "note", p ? picture_note(p, note, sizeof(note)) : "");
	json_field(json, "no_layout", d->no_layout);
}

static struct error *write_data(struct page *page, struct out *out)
{
	const struct depgraph_page *d = (const struct depgraph_page *)page;
	struct json json;

	json_init(&json, out, false);
	json_object_begin(&json);
	json_field(&json, "tool", d->context->info.version);
	json_field(&json, "state", d->context->info.state);
	put_command(&json, d->context->info.arguments);
	put_inputs(&json, d->graph);
	json_key(&json, "totals");
	depgraph_json_totals(&json, &d->graph->totals);
	put_graph(&json, d);
	put_picture(&json, d);
	json_object_end(&json);
	return NULL;
}

static struct error *write_graph(struct page *page, struct out *out)
{
	const struct depgraph_page *d = (const struct depgraph_page *)page;

	if (d->picture)
		picture_write_svg(d->picture, out, false);
	return NULL;
}

/* A page without its graph is still worth having; the reason goes into it. */
static struct error *try_layout(struct depgraph_page *d)
{
	struct error *err;

	err = picture_create_placed(d->graph, &d->context->options, &d->picture);
	if (!err)
		return NULL;
	enum error_code code = error_get_code(err);
	if (code != ERROR_UNSUPPORTED && code != ERROR_NOT_FOUND && code != ERROR_OS)
		return err;
	snprintf(d->no_layout, sizeof(d->no_layout), "%s", error_get_message(err));
	log_error(d->context->options.log, LOG_WARNING, err);
	return NULL;
}

static struct page_text text_of(const char *start, const char *end)
{
	return (struct page_text) { .data = start, .len = (size_t)(end - start) };
}

#define ASSET(name) text_of(asset_##name##_start, asset_##name##_end)

static struct error *write_page(struct depgraph_page *d, struct out *out)
{
	_cleanup_buf_ struct buf style = { 0 }, title = { 0 };

	buf_add(&style, ASSET(page_css).data, ASSET(page_css).len);
	buf_add(&style, ASSET(graph_css).data, ASSET(graph_css).len);
	for (size_t i = 0; i < d->graph->n_inputs && i < 3; i++) {
		buf_adds(&title, i ? ", " : "");
		buf_adds(&title, graph_basename(d->graph->inputs[i].path));
	}
	buf_adds(&title, title.len ? " - dependencies" : "dependencies");
	if (style.failed || title.failed)
		return &error_no_memory;
	d->page = (struct page) {
		.template = ASSET(page_html),
		.style = text_of(style.data, style.data + style.len),
		.library = ASSET(d3_min_js),
		.script = ASSET(depgraph_js),
		.title = title.data,
		.graph = write_graph,
		.data = write_data,
	};
	return page_write(&d->page, out);
}

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	struct depgraph_page d = { .context = context, .graph = graph };
	struct error *err;

	err = try_layout(&d);
	if (!err)
		err = write_page(&d, context->out);
	picture_destroy(d.picture);
	return err;
}

const struct report_format report_format_html = {
	.name = "html",
	.summary = "a page to look at and to share, in one file",
	.extension = "html",
	.depgraph = write_depgraph,
};
