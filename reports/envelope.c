/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/envelope.h"

static struct error *put_input(const struct store_input *row, void *arg)
{
	struct json *json = arg;

	json_object_begin(json);
	json_field(json, "path", row->path);
	json_field(json, "spec", row->spec);
	json_field(json, "kind", row->kind);
	json_field(json, "sha256", row->sha256);
	json_field_uint(json, "bytes", row->bytes);
	json_object_end(json);
	return NULL;
}

static struct error *put_warning(const struct store_warning *row, void *arg)
{
	struct json *json = arg;

	json_object_begin(json);
	json_field(json, "code", row->code);
	json_field(json, "subject", row->subject);
	json_field(json, "text", row->text);
	json_object_end(json);
	return NULL;
}

struct error *envelope_begin(struct json *json, const struct report_context *context,
			     const char *schema)
{
	struct error *err;

	json_object_begin(json);
	json_field(json, "schema", schema);
	json_key(json, "tool");
	json_object_begin(json);
	json_field(json, "name", "uniscope");
	json_field(json, "version", context->info.version);
	json_field(json, "command", context->info.command);
	json_field(json, "state", context->info.state);
	json_object_end(json);
	json_key(json, "inputs");
	json_array_begin(json);
	err = store_each_input(context->store, context->run, put_input, json);
	if (err)
		return err;
	json_array_end(json);
	json_key(json, "results");
	return NULL;
}

struct error *envelope_end(struct json *json, const struct report_context *context)
{
	struct error *err;

	json_key(json, "warnings");
	json_array_begin(json);
	err = store_each_warning(context->store, context->run, put_warning, json);
	if (err)
		return err;
	json_array_end(json);
	json_object_end(json);
	return NULL;
}
