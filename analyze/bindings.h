/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who needs which symbol from whom: the lookups that a dynamic loader makes
 * when it relocates everything at start (LD_BIND_NOW), answered without running
 * it. glibc: elf/dl-lookup.c (do_lookup_x, check_match, do_lookup_unique,
 * _dl_lookup_symbol_x) of 2.36; musl: find_sym() and do_relocs() of 1.2.3.
 *
 * The dynamic loader's own relocations are not among them, as in 'ldd -r'.
 *
 * A row is one (file, symbol) that a relocation names. Rows of one file are in
 * order of its symbol table; files in order of their ids.
 */
#ifndef ANALYZE_BINDINGS_H
#define ANALYZE_BINDINGS_H

#include "analyze/closure.h"
#include "core/store/dep.h"

struct bindings;

/* 'graph' is borrowed and must outlive the bindings. */
struct error *bindings_create(struct fgraph *graph, struct bindings **ret) must_check;
void bindings_destroy(struct bindings *bindings);

/*
 * Resolves all that the closure relocates: groups in order, each in the order
 * of the loader. Rows that another closure gave already are not given twice.
 */
struct error *bindings_add_closure(struct bindings *bindings,
				   const struct closure *closure) must_check;

/* Sets bound_to of the graph's files. Call after the last closure. */
struct error *bindings_finish(struct bindings *bindings) must_check;

/* For the store; valid as long as the bindings. */
struct dep_binding_source *bindings_get_source(struct bindings *bindings);

#endif
