/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol bindings as lines. There may be millions: paths are quoted once per
 * file, and lines are put together in a buffer of our own.
 */
#ifndef REPORTS_BINDINGS_H
#define REPORTS_BINDINGS_H

#include "reports/graph.h"
#include "reports/report-ops.h"

/*
 * Writes all bindings of the run as JSON objects: lines with a "type" (jsonl), or
 * the elements of an array that has been begun ('lines' false).
 */
struct error *bindings_write(const struct report_context *context, const struct graph *graph,
			     bool lines) must_check;

#endif
