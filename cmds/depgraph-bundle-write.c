/* SPDX-License-Identifier: BSD-2-Clause */
/* What 'depgraph bundle' wrote: a table for people, a document for programs. */
#include <string.h>

#include "cmds/depgraph-bundle.h"
#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/image/tar.h"
#include "reports/envelope.h"
#include "reports/report.h"
#include "reports/rows.h"

static const struct rows_column columns[] = {
	{ "bytes", "BYTES", ROWS_BYTES },
	{ "file", "FILE", ROWS_PATH },
	{ "from", "FROM", ROWS_PATH },
};

/* Files and links in one order. */
static struct error *add_rows(struct rows *rows, const struct bundle_answer *a)
{
	const struct bundle *b = a->bundle;
	struct error *err = NULL;

	for (size_t i = 0, l = 0; !err && i + l < b->nitems + b->nlinks;) {
		err = rows_begin(rows);
		if (err)
			break;
		if (l < b->nlinks &&
		    (i == b->nitems || strcmp(b->links[l].target, b->items[i].target) < 0)) {
			rows_empty(rows);
			rows_text(rows, b->links[l].target);
			rows_text(rows, b->links[l].text);
			l++;
			continue;
		}
		rows_number(rows, a->bytes[i]);
		rows_text(rows, b->items[i].target);
		rows_text(rows, b->items[i].source);
		i++;
	}
	return err;
}

static void put_name(struct out *out, struct buf *scratch, const char *name)
{
	buf_clear(scratch);
	buf_add_escaped(scratch, name);
	out_add(out, scratch->data, scratch->len);
}

struct error *bundle_write_table(const struct bundle_answer *a, struct output *output)
{
	struct report_options options = { .color = output->color,
					  .ascii = !output_takes_utf8(),
					  .width = output_width(output) };
	_cleanup_rows_ struct rows rows = { 0 };
	_cleanup_buf_ struct buf scratch = { 0 };
	struct out *out = &output->out;
	char size[32];

	rows_init(&rows, columns, sizeof(columns) / sizeof(columns[0]));
	struct error *err = add_rows(&rows, a);
	if (!err)
		err = rows_write_table(&rows, &options, out);
	if (err)
		return err;
	out_addf(out, "\n%zu files, %s, and %zu links in '", a->bundle->nitems,
		 text_bytes(size, sizeof(size), a->total), a->bundle->nlinks);
	put_name(out, &scratch, a->path);
	out_adds(out, "'\n");
	if (a->manifest) {
		const struct bundle_manifest_kind *kind = bundle_manifest_find(a->manifest_kind);
		put_name(out, &scratch, a->manifest);
		out_addf(out, ": %s\n", kind->summary);
	}
	return buf_error(&scratch);
}

static void put_lists(struct json *json, const struct bundle_answer *a)
{
	const struct bundle *b = a->bundle;

	json_key(json, "files");
	json_array_begin(json);
	for (size_t i = 0; i < b->nitems; i++) {
		json_object_begin(json);
		json_field(json, "path", b->items[i].target);
		json_field(json, "source", b->items[i].source);
		json_field_uint(json, "bytes", a->bytes[i]);
		json_object_end(json);
	}
	json_array_end(json);
	json_key(json, "links");
	json_array_begin(json);
	for (size_t i = 0; i < b->nlinks; i++) {
		json_object_begin(json);
		json_field(json, "path", b->links[i].target);
		json_field(json, "text", b->links[i].text);
		json_field(json, "to", b->links[i].to);
		json_object_end(json);
	}
	json_array_end(json);
	json_key(json, "not_found");
	json_array_begin(json);
	for (size_t i = 0; i < a->nmissing; i++) {
		json_object_begin(json);
		json_field(json, "name", a->missing[i].name);
		json_field(json, "needed_by", a->missing[i].by->path);
		json_object_end(json);
	}
	json_array_end(json);
}

struct error *bundle_write_json(const struct bundle_answer *a, struct out *out)
{
	struct envelope_run run = { a->store, a->run, NULL };
	struct json json;

	json_init(&json, out, true);
	struct error *err = envelope_begin(&json, "uniscope.depgraph-bundle/1", &run, 1);
	if (err)
		return err;
	json_object_begin(&json);
	json_field(&json, "path", a->path);
	json_field_bool(&json, "archive", tar_is_name(a->path));
	json_field(&json, "program", a->bundle->program);
	json_field_uint(&json, "bytes", a->total);
	json_key(&json, "manifest");
	if (a->manifest) {
		json_object_begin(&json);
		json_field(&json, "kind", a->manifest_kind);
		json_field(&json, "path", a->manifest);
		json_object_end(&json);
	} else {
		json_none(&json);
	}
	put_lists(&json, a);
	json_object_end(&json);
	return envelope_end(&json, &run, 1);
}
