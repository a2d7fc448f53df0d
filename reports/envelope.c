/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/envelope.h"

#include <string.h>

#include "core/store/store.h"

struct rows {
	struct json *json;
	const char *side;
};

static void begin_row(const struct rows *rows)
{
	json_object_begin(rows->json);
	if (rows->side)
		json_field(rows->json, "side", rows->side);
}

static struct error *put_input(const struct store_input *row, void *arg)
{
	const struct rows *rows = arg;
	struct json *json = rows->json;

	begin_row(rows);
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
	const struct rows *rows = arg;
	struct json *json = rows->json;

	begin_row(rows);
	json_field(json, "code", row->code);
	json_field(json, "subject", row->subject);
	json_field(json, "text", row->text);
	json_object_end(json);
	return NULL;
}

/* One tool made all runs; their state is the first that is not "done". */
static struct error *put_tool(struct json *json, const struct envelope_run *runs, size_t n)
{
	json_key(json, "tool");
	json_object_begin(json);
	json_field(json, "name", "uniscope");
	for (size_t i = 0; i < n; i++) {
		struct store_run info;
		struct error *err = store_run_get(runs[i].store, runs[i].run, &info);
		if (err)
			return err;
		if (!i) {
			json_field(json, "version", info.version);
			json_field(json, "command", info.command);
		}
		if (i + 1 == n || strcmp(info.state, "done") != 0) {
			json_field(json, "state", info.state);
			break;
		}
	}
	json_object_end(json);
	return NULL;
}

struct error *envelope_begin(struct json *json, const char *schema, const struct envelope_run *runs,
			     size_t n)
{
	struct error *err;

	json_object_begin(json);
	json_field(json, "schema", schema);
	err = put_tool(json, runs, n);
	if (err)
		return err;
	json_key(json, "inputs");
	json_array_begin(json);
	for (size_t i = 0; !err && i < n; i++) {
		struct rows rows = { json, runs[i].side };
		err = store_each_input(runs[i].store, runs[i].run, put_input, &rows);
	}
	json_array_end(json);
	json_key(json, "results");
	return err;
}

struct error *envelope_end(struct json *json, const struct envelope_run *runs, size_t n)
{
	struct error *err = NULL;

	json_key(json, "warnings");
	json_array_begin(json);
	for (size_t i = 0; !err && i < n; i++) {
		struct rows rows = { json, runs[i].side };
		err = store_each_warning(runs[i].store, runs[i].run, put_warning, &rows);
	}
	json_array_end(json);
	json_object_end(json);
	return err;
}
