/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/bindings.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/json.h"

struct text {
	const char *data;
	size_t len;
};

struct writer {
	const struct report_context *context;
	const struct graph *graph;
	struct out *out;
	bool lines;
	bool first;
	struct text *paths; /* of a file by id: quoted; ids are small */
	size_t n_paths;
	struct buf quoted; /* all quoted paths */
	struct buf line;
	unsigned int since_stop;
};

static struct error *quote_paths(struct writer *w)
{
	const struct graph *g = w->graph;
	uint32_t last = g->n_files ? g->files[g->n_files - 1].row.id : 0;
	struct out quoted;

	/* Ids are given in order; a store where they are not would cost memory. */
	if (last > g->n_files + 1024 * 1024)
		return error_create(ERROR_BAD_DATA, "file ids of the run are not small");
	w->n_paths = (size_t)last + 1;
	w->paths = calloc(w->n_paths, sizeof(*w->paths));
	if (!w->paths)
		return &error_no_memory;
	out_init_memory(&quoted);
	for (size_t i = 0; i < g->n_files; i++) {
		size_t at = quoted.buf.len;
		json_quote(&quoted, g->files[i].row.path);
		w->paths[g->files[i].row.id].len = quoted.buf.len - at;
	}
	w->quoted = quoted.buf;
	if (w->quoted.failed)
		return &error_no_memory;
	size_t at = 0;
	for (size_t i = 0; i < g->n_files; i++) {
		struct text *p = &w->paths[g->files[i].row.id];
		p->data = w->quoted.data + at;
		at += p->len;
	}
	return NULL;
}

/* What a string of JSON may hold as it is; json_quote() takes care of the rest. */
static bool is_plain(const char *s, size_t len)
{
	static const bool special[256] = { ['"'] = true, ['\\'] = true, ['<'] = true,
					   ['>'] = true, ['&'] = true,	['\x7f'] = true };
	unsigned int bad = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		bad |= special[c] | (c < 0x20) | (c >> 7);
	}
	return !bad;
}

static char *put(char *at, const char *s, size_t len)
{
	memcpy(at, s, len);
	return at + len;
}

#define PUT(at, literal) put((at), "" literal "", sizeof(literal) - 1)

/* Names that need escapes are rare: they take the slow way. */
static struct error *write_slowly(struct writer *w, const struct dep_binding *row)
{
	struct json json;
	struct out *out = w->out;

	out_adds(out, w->lines ? "{\"type\":\"binding\",\"from\":" : "{\"from\":");
	out_add(out, w->paths[row->from].data, w->paths[row->from].len);
	out_adds(out, ",\"symbol\":");
	json_quote(out, row->symbol);
	out_adds(out, ",\"version\":");
	json_init(&json, out, false);
	json_str(&json, row->version);
	out_adds(out, ",\"to\":");
	if (row->to)
		out_add(out, w->paths[row->to].data, w->paths[row->to].len);
	else
		out_adds(out, "null");
	out_adds(out, row->weak ? ",\"weak\":true}" : ",\"weak\":false}");
	out_adds(out, w->lines ? "\n" : "");
	return NULL;
}

static void write_fast(struct writer *w, const struct dep_binding *row, size_t symbol_len,
		       size_t version_len)
{
	const struct text *from = &w->paths[row->from], *to = &w->paths[row->to];
	size_t need = from->len + to->len + symbol_len + version_len + 128;

	w->line.len = 0;
	if (!buf_reserve(&w->line, need))
		return;
	char *at = w->line.data;
	at = w->lines ? PUT(at, "{\"type\":\"binding\",\"from\":") : PUT(at, "{\"from\":");
	at = put(at, from->data, from->len);
	at = PUT(at, ",\"symbol\":\"");
	at = put(at, row->symbol, symbol_len);
	if (row->version) {
		at = PUT(at, "\",\"version\":\"");
		at = put(at, row->version, version_len);
		at = PUT(at, "\",\"to\":");
	} else {
		at = PUT(at, "\",\"version\":null,\"to\":");
	}
	at = row->to ? put(at, to->data, to->len) : PUT(at, "null");
	at = row->weak ? PUT(at, ",\"weak\":true}") : PUT(at, ",\"weak\":false}");
	if (w->lines)
		*at++ = '\n';
	out_add(w->out, w->line.data, (size_t)(at - w->line.data));
}

static struct error *write_row(const struct dep_binding *row, void *arg)
{
	struct writer *w = arg;

	if (row->from >= w->n_paths || !w->paths[row->from].data || row->to >= w->n_paths ||
	    (row->to && !w->paths[row->to].data))
		return error_create(ERROR_BAD_DATA, "a binding of the run names a file it lacks");
	if (!w->lines && !w->first)
		out_add(w->out, ",\n", 2);
	w->first = false;
	if (++w->since_stop >= 65536) {
		w->since_stop = 0;
		struct error *err = log_check_stop(w->context->options.log);
		if (err)
			return err;
	}
	size_t symbol = strlen(row->symbol), version = row->version ? strlen(row->version) : 0;
	if (!is_plain(row->symbol, symbol) || !is_plain(row->version, version))
		return write_slowly(w, row);
	write_fast(w, row, symbol, version);
	return NULL;
}

struct error *bindings_write(const struct report_context *context, const struct graph *graph,
			     bool lines)
{
	struct error *err;
	struct writer w = { .context = context,
			    .graph = graph,
			    .out = context->out,
			    .lines = lines,
			    .first = true };

	err = quote_paths(&w);
	if (!err)
		err = dep_each_binding(context->store, context->run, write_row, &w);
	if (!err)
		err = buf_error(&w.line);
	free(w.paths);
	buf_deinit(&w.quoted);
	buf_deinit(&w.line);
	return err;
}
