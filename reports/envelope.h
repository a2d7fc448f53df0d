/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every JSON document of ours begins and ends with:
 * {"schema":...,"tool":...,"inputs":[...],"results":<yours>,"warnings":[...]}
 */
#ifndef REPORTS_ENVELOPE_H
#define REPORTS_ENVELOPE_H

#include "core/base/json.h"
#include "reports/report-ops.h"

/* Up to the key "results"; its value follows. */
struct error *envelope_begin(struct json *json, const struct report_context *context,
			     const char *schema) must_check;

/* The warnings and the end. */
struct error *envelope_end(struct json *json, const struct report_context *context) must_check;

#endif
