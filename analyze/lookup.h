/* SPDX-License-Identifier: BSD-2-Clause */
/* Symbol lookup in the scopes of a closure. Private to analyze/; see bindings.h. */
#ifndef ANALYZE_LOOKUP_H
#define ANALYZE_LOOKUP_H

#include "analyze/closure.h"

struct lookup;

/* The closure is borrowed. */
struct error *lookup_create(const struct closure *closure, struct lookup **ret) must_check;
void lookup_destroy(struct lookup *lookup);

static inline void lookup_cleanup(struct lookup **lookup)
{
	lookup_destroy(*lookup);
}
#define _cleanup_lookup_ __attribute__((cleanup(lookup_cleanup)))

struct fgraph_file *lookup_file(const struct lookup *lookup, uint32_t link);

struct lookup_result {
	struct fgraph_file *file; /* NULL: not found */
	uint32_t symbol;	  /* in its symbol table */
};

/*
 * What the loader binds a relocation of 'link' to that names 'symbol' of its
 * table: _dl_lookup_symbol_x() or find_sym(). Fails only when out of memory.
 */
struct error *lookup_symbol(struct lookup *lookup, uint32_t link, uint32_t symbol,
			    enum image_reloc_class class, struct lookup_result *ret) must_check;

#endif
