/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is opened at run time: names from the code and notes of every mapped file
 * (analyze/dlopen.h) and modules of known plug-in folders (analyze/plugins.h)
 * become edges; with --follow the files behind them are mapped as well, with all
 * that they need, as if the program had opened them.
 */
#ifndef ANALYZE_RUNTIME_H
#define ANALYZE_RUNTIME_H

#include "analyze/depgraph-internal.h"

/* Adds the edges of all closures. Call when all SOURCEs are mapped. */
struct error *runtime_scan(struct depgraph *dg) must_check;

/* Frees the facts of all files. */
void runtime_destroy(struct depgraph *dg);

#endif
