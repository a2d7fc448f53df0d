/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"

void json_init(struct json *json, struct out *out, bool pretty)
{
	*json = (struct json) { .out = out, .pretty = pretty };
	json->first[0] = true;
}

static void newline(struct json *json)
{
	if (!json->pretty)
		return;
	out_addc(json->out, '\n');
	for (unsigned int i = 0; i < json->depth; i++)
		out_add(json->out, "  ", 2);
}

/* What goes before a value or a key. */
static void separate(struct json *json)
{
	if (json->after_key) {
		json->after_key = false;
		return;
	}
	if (!json->depth)
		return;
	if (!json->first[json->depth])
		out_addc(json->out, ',');
	json->first[json->depth] = false;
	newline(json);
}

static void begin(struct json *json, char c)
{
	separate(json);
	out_addc(json->out, c);
	assert(json->depth + 1 < JSON_MAX_DEPTH);
	json->first[++json->depth] = true;
}

static void end(struct json *json, char c)
{
	assert(json->depth > 0);
	bool empty = json->first[json->depth--];
	if (!empty)
		newline(json);
	out_addc(json->out, c);
	if (!json->depth)
		out_addc(json->out, '\n');
}

void json_object_begin(struct json *json)
{
	begin(json, '{');
}

void json_object_end(struct json *json)
{
	end(json, '}');
}

void json_array_begin(struct json *json)
{
	begin(json, '[');
}

void json_array_end(struct json *json)
{
	end(json, ']');
}

void json_key(struct json *json, const char *key)
{
	separate(json);
	json_quote(json->out, key);
	out_add(json->out, ": ", json->pretty ? 2 : 1);
	json->after_key = true;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void json_quote(struct out *out, const char *s)
{
	size_t len = strlen(s), run;
	char code[8];

	out_addc(out, '"');
	while (len) {
		for (run = 0; run < len && is_plain((unsigned char)s[run]); run++)
			;
		out_add(out, s, run);
		s += run;
		len -= run;
		if (!len)
			break;
		unsigned int c, n = text_utf8(s, len, &c);
		if (!n) {
			out_add(out, "\xef\xbf\xbd", 3);
			n = 1;
		} else if (c == '"' || c == '\\') {
			out_addc(out, '\\');
			out_addc(out, (char)c);
		} else if (c < 0x80 || c == 0x2028 || c == 0x2029) {
			snprintf(code, sizeof(code), "\\u%04x", c & 0xffff);
			out_add(out, code, 6);
		} else {
			out_add(out, s, n);
		}
		s += n;
		len -= n;
	}
	out_addc(out, '"');
}

void json_str(struct json *json, const char *s)
{
	separate(json);
	if (s)
		json_quote(json->out, s);
	else
		out_add(json->out, "null", 4);
}

void json_uint(struct json *json, uint64_t value)
{
	separate(json);
	out_addu(json->out, value);
}

void json_int(struct json *json, int64_t value)
{
	separate(json);
	if (value < 0)
		out_addc(json->out, '-');
	out_addu(json->out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_bool(struct json *json, bool value)
{
	separate(json);
	out_adds(json->out, value ? "true" : "false");
}

void json_none(struct json *json)
{
	separate(json);
	out_add(json->out, "null", 4);
}

void json_field(struct json *json, const char *key, const char *s)
{
	json_key(json, key);
	json_str(json, s);
}

void json_field_uint(struct json *json, const char *key, uint64_t value)
{
	json_key(json, key);
	json_uint(json, value);
}

void json_field_bool(struct json *json, const char *key, bool value)
{
	json_key(json, key);
	json_bool(json, value);
}
