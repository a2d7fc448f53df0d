/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer of 'depgraph diff', and the formats that it is written in. */
#ifndef CMDS_DEPGRAPH_DIFF_H
#define CMDS_DEPGRAPH_DIFF_H

#include "analyze/diff.h"
#include "cmds/output.h"

struct diff_answer {
	struct diff_side a, b;
	const char *source_a, *source_b; /* as they were typed */
	const struct diff *diff;
	bool symbols;	      /* they were compared */
	uint64_t max_symbols; /* shown to people */
};

struct error *diff_write_table(const struct diff_answer *answer, struct output *output) must_check;
struct error *diff_write_csv(const struct diff_answer *answer, struct out *out) must_check;
struct error *diff_write_json(const struct diff_answer *answer, struct out *out) must_check;
struct error *diff_write_jsonl(const struct diff_answer *answer, struct out *out) must_check;

#endif
