/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a file costs: what the closure would lose without it, as nix-tree counts
 * it. That is the file and everything that is reached only through it: its
 * subtree in the dominator tree of what is loaded at start (K. Cooper, T.
 * Harvey, K. Kennedy: A Simple, Fast Dominance Algorithm, 2001). A host
 * program is there in any case: what it loads by itself is no cost of a module.
 */
#ifndef ANALYZE_COST_H
#define ANALYZE_COST_H

#include "analyze/fgraph.h"

/*
 * Sets cost_files and cost_bytes (loaded bytes) of every loaded file, and with
 * 'bindings' cost_symbols: the definitions in that subtree that somebody uses.
 */
struct error *cost_compute(struct fgraph *graph, bool bindings) must_check;

#endif
