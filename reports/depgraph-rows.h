/* SPDX-License-Identifier: BSD-2-Clause */
/* A dependency graph as rows: one per file, then one per library that was not found. */
#ifndef REPORTS_DEPGRAPH_ROWS_H
#define REPORTS_DEPGRAPH_ROWS_H

#include "reports/graph.h"
#include "reports/rows.h"

/* Strings are borrowed from 'graph'. */
struct error *depgraph_rows(const struct graph *graph, struct rows *rows) must_check;

#endif
