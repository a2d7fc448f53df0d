/* SPDX-License-Identifier: BSD-2-Clause */
/* Made-up dependency graphs, to test reports without an analysis. */
#ifndef TESTS_LIB_SAMPLE_GRAPH_H
#define TESTS_LIB_SAMPLE_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/store/dep.h"
#include "core/store/store.h"

struct sample {
	unsigned int files; /* at least 5 */
	uint64_t bindings;
	bool hostile;	  /* names that try to break out of every format */
	bool no_packages; /* nobody installed the files */
	struct dep_binding_source source;
};

/* Names that sample_fill() uses when 'hostile'; NULL at the end. */
extern const char *const sample_hostile_names[];

/* Writes a finished run. 'sample' must live as long as the store. */
struct error *sample_fill(struct sample *sample, struct store *store, int64_t *run) must_check;

#endif
