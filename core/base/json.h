/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A streaming JSON writer (RFC 8259): rows of large arrays go out one by one.
 * Strings are names from files: what is not UTF-8 becomes U+FFFD, and '<', '>',
 * '&' and U+2028/2029 are escaped, so that the text may stand inside a
 * <script> element. Commas and indentation are the writer's business.
 *
 * jansson has json_string() and json_null(): ours are json_str() and json_none().
 */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/out.h"

enum { JSON_MAX_DEPTH = 32 };

struct json {
	struct out *out;
	bool pretty; /* two spaces; else everything on one line */
	unsigned int depth;
	bool first[JSON_MAX_DEPTH];
	bool after_key;
};

void json_init(struct json *json, struct out *out, bool pretty);

void json_object_begin(struct json *json);
void json_object_end(struct json *json);
void json_array_begin(struct json *json);
void json_array_end(struct json *json);
void json_key(struct json *json, const char *key);

void json_str(struct json *json, const char *s); /* NULL becomes null */
void json_uint(struct json *json, uint64_t value);
void json_int(struct json *json, int64_t value);
void json_bool(struct json *json, bool value);
void json_none(struct json *json);

/* key and value in one call */
void json_field(struct json *json, const char *key, const char *s);
void json_field_uint(struct json *json, const char *key, uint64_t value);
void json_field_bool(struct json *json, const char *key, bool value);

/* The quoted string alone, for writers that build their own lines. */
void json_quote(struct out *out, const char *s);

#endif
