/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of a dependency graph as JSON: what json, jsonl and html have in common. */
#ifndef REPORTS_DEPGRAPH_JSON_H
#define REPORTS_DEPGRAPH_JSON_H

#include "core/base/json.h"
#include "reports/graph.h"

/* The members of an object that has been begun. */
void depgraph_json_file(struct json *json, const struct graph *graph, const struct graph_file *f);
void depgraph_json_edge(struct json *json, const struct graph *graph, const struct graph_edge *e);

void depgraph_json_component(struct json *json, const struct graph *graph,
			     const struct dep_component *component);

void depgraph_json_totals(struct json *json, const struct graph_totals *totals);

#endif
