/* SPDX-License-Identifier: BSD-2-Clause */
/* What 'depgraph bundle' did, and the formats that it is written in. */
#ifndef CMDS_DEPGRAPH_BUNDLE_H
#define CMDS_DEPGRAPH_BUNDLE_H

#include "analyze/bundle.h"
#include "analyze/depgraph.h"
#include "cmds/output.h"
#include "core/store/store.h"

/* A library that is needed and was not found, once for each file that needs it. */
struct bundle_missing {
	const char *name;
	const struct fgraph_file *by;
};

struct bundle_answer {
	struct store *store;
	int64_t run;
	const struct bundle *bundle;
	const char *path;     /* of the bundle */
	const char *manifest; /* its path, or NULL: none */
	const char *manifest_kind;
	uint64_t *bytes; /* of each item */
	uint64_t total;
	struct bundle_missing *missing;
	size_t nmissing;
};

struct error *bundle_write_table(const struct bundle_answer *answer,
				 struct output *output) must_check;
struct error *bundle_write_json(const struct bundle_answer *answer, struct out *out) must_check;

#endif
