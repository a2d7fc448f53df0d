/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every JSON document of ours begins and ends with:
 * {"schema":...,"tool":...,"inputs":[...],"results":<yours>,"warnings":[...]}
 */
#ifndef REPORTS_ENVELOPE_H
#define REPORTS_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/json.h"

struct store;

/* A run that the document is about. */
struct envelope_run {
	struct store *store;
	int64_t run;
	const char *side; /* of a comparison: "a", "b"; inputs and warnings say it; or NULL */
};

/* Up to the key "results"; its value follows. At least one run. */
struct error *envelope_begin(struct json *json, const char *schema, const struct envelope_run *runs,
			     size_t n) must_check;

/* The warnings and the end. */
struct error *envelope_end(struct json *json, const struct envelope_run *runs, size_t n) must_check;

#endif
