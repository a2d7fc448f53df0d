/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/depgraph-rows.h"

#include <string.h>

#include "core/base/map.h"

static const struct rows_column columns[] = {
	{ "status", "STATUS", ROWS_TEXT },
	{ "name", NULL, ROWS_TEXT },
	{ "path", "FILE", ROWS_PATH },
	{ "loaded_bytes", "LOADED", ROWS_BYTES },
	{ "file_bytes", NULL, ROWS_BYTES },
	{ "cost_bytes", "ADDS", ROWS_BYTES },
	{ "cost_files", "FILES", ROWS_COUNT },
	{ "cost_symbols", NULL, ROWS_COUNT },
	{ "needs", "NEEDS", ROWS_COUNT },
	{ "needed_by", "BY", ROWS_COUNT },
	{ "symbols_bound_to", NULL, ROWS_COUNT },
	{ "open_sites", "OPEN", ROWS_COUNT },
	{ "port_relation", NULL, ROWS_TEXT },
	{ "port", "PORT", ROWS_TEXT },
	{ "port_version", NULL, ROWS_TEXT },
	{ "package", "PACKAGE", ROWS_TEXT },
	{ "package_version", NULL, ROWS_TEXT },
	{ "soname", NULL, ROWS_TEXT },
	{ "realpath", NULL, ROWS_PATH },
	{ "machine", NULL, ROWS_TEXT },
	{ "build_id", NULL, ROWS_TEXT },
};

static struct error *add_file(struct rows *rows, const struct graph_file *f)
{
	const struct dep_file *r = &f->row;
	const char *relation = graph_relation(r);
	struct error *err = rows_begin(rows);

	if (err)
		return err;
	rows_text(rows, r->root ? "source" : r->loaded ? "loaded" : "run-time");
	rows_text(rows, f->name);
	rows_text(rows, r->path);
	rows_number(rows, r->loaded_bytes);
	rows_number(rows, r->file_bytes);
	rows_number(rows, r->cost_bytes);
	rows_number(rows, r->cost_files);
	if (r->cost_symbols >= 0)
		rows_number(rows, (uint64_t)r->cost_symbols);
	else
		rows_empty(rows);
	rows_number(rows, f->n_out);
	rows_number(rows, f->n_in);
	rows_number(rows, r->symbols_bound_to);
	if (r->open_sites >= 0)
		rows_number(rows, (uint64_t)r->open_sites);
	else
		rows_empty(rows);
	rows_text(rows, relation);
	rows_text(rows, strcmp(relation, "none") ? r->port : "no port known");
	rows_text(rows, r->port_version);
	rows_text(rows, r->package);
	rows_text(rows, r->package_version);
	rows_text(rows, r->soname);
	rows_text(rows, r->realpath);
	rows_text(rows, r->machine);
	rows_text(rows, r->build_id);
	return NULL;
}

static struct error *add_missing(struct rows *rows, const struct graph *g)
{
	struct error *err = NULL;
	struct map seen;

	map_init(&seen);
	for (size_t i = 0; !err && i < g->n_edges; i++) {
		const struct graph_edge *e = &g->edges[i];
		size_t len = strlen(e->row.name);
		if (e->to != GRAPH_NONE || !graph_kind_loads(e->row.kind) ||
		    map_get(&seen, e->row.name, len))
			continue;
		err = map_put(&seen, e->row.name, len, &seen);
		if (!err)
			err = rows_begin(rows);
		if (err)
			break;
		rows_text(rows, "not found");
		rows_text(rows, e->row.name);
		rows_text(rows, e->row.name);
	}
	map_deinit(&seen);
	return err;
}

struct error *depgraph_rows(const struct graph *graph, struct rows *rows)
{
	struct error *err = NULL;

	rows_init(rows, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; !err && i < graph->n_files; i++)
		err = add_file(rows, &graph->files[i]);
	return err ? err : add_missing(rows, graph);
}
