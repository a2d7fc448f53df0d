/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer of 'depgraph why', and the formats that it is written in. */
#ifndef CMDS_DEPGRAPH_WHY_H
#define CMDS_DEPGRAPH_WHY_H

#include "analyze/why.h"
#include "cmds/output.h"
#include "core/store/store.h"

struct why_answer {
	struct store *store;
	int64_t run;
	struct why *why;
	const char *text; /* TARGET as it was typed */
	uint64_t max;	  /* chains of a file, references to a symbol */
	struct why_target *targets;
	size_t ntargets;
	struct why_reference *references; /* where the text names a symbol */
	size_t nreferences;
};

struct error *why_write_tree(const struct why_answer *answer, struct output *output) must_check;
struct error *why_write_json(const struct why_answer *answer, struct out *out) must_check;
struct error *why_write_jsonl(const struct why_answer *answer, struct out *out) must_check;

#endif
