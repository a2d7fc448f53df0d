/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/rows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/text.h"
#include "reports/report.h"

void rows_init(struct rows *rows, const struct rows_column *columns, size_t n_columns)
{
	*rows = (struct rows) { .columns = columns, .n_columns = n_columns };
}

void rows_deinit(struct rows *rows)
{
	free(rows->cells);
	*rows = (struct rows) { 0 };
}

struct error *rows_begin(struct rows *rows)
{
	struct error *err;
	size_t need = (rows->n + 1) * rows->n_columns;

	err = array_grow(&rows->cells, &rows->cap, need, sizeof(*rows->cells));
	if (err)
		return err;
	memset(rows->cells + rows->n * rows->n_columns, 0, rows->n_columns * sizeof(*rows->cells));
	rows->n++;
	rows->at = 0;
	return NULL;
}

static void add_cell(struct rows *rows, struct rows_cell cell)
{
	assert(rows->n && rows->at < rows->n_columns);
	rows->cells[(rows->n - 1) * rows->n_columns + rows->at++] = cell;
}

void rows_text(struct rows *rows, const char *text)
{
	add_cell(rows, (struct rows_cell) { .text = text, .set = text != NULL });
}

void rows_number(struct rows *rows, uint64_t number)
{
	add_cell(rows, (struct rows_cell) { .number = number, .set = true });
}

void rows_empty(struct rows *rows)
{
	add_cell(rows, (struct rows_cell) { 0 });
}

static bool is_number(enum rows_type type)
{
	return type == ROWS_COUNT || type == ROWS_BYTES;
}

/* --- CSV --- */

/*
 * Control characters and broken bytes as \xNN. A leading '=', '+', '-' or '@'
 * makes spreadsheets compute: an apostrophe in front stops that.
 */
static void csv_text(struct out *out, struct buf *scratch, const char *s)
{
	buf_clear(scratch);
	if (strchr("=+-@", s[0]) && s[0])
		buf_addc(scratch, '\'');
	buf_add_escaped(scratch, s);
	if (!scratch->data || !strpbrk(scratch->data, ",\"' \t")) {
		out_add(out, scratch->data, scratch->len);
		return;
	}
	out_addc(out, '"');
	for (size_t i = 0; i < scratch->len; i++) {
		if (scratch->data[i] == '"')
			out_addc(out, '"');
		out_addc(out, scratch->data[i]);
	}
	out_addc(out, '"');
}

void rows_write_csv(const struct rows *rows, struct out *out)
{
	_cleanup_buf_ struct buf scratch = { 0 };

	for (size_t c = 0; c < rows->n_columns; c++) {
		out_adds(out, c ? "," : "");
		out_adds(out, rows->columns[c].name);
	}
	out_addc(out, '\n');
	for (size_t r = 0; r < rows->n; r++) {
		for (size_t c = 0; c < rows->n_columns; c++) {
			const struct rows_cell *cell = &rows->cells[r * rows->n_columns + c];
			if (c)
				out_addc(out, ',');
			if (!cell->set)
				continue;
			if (is_number(rows->columns[c].type))
				out_addu(out, cell->number);
			else
				csv_text(out, &scratch, cell->text);
		}
		out_addc(out, '\n');
	}
	if (scratch.failed)
		out->buf.failed = true;
}

/* --- The table on a terminal --- */

struct table {
	const struct rows *rows;
	const struct report_options *options;
	struct out *out;
	size_t *widths;
	struct buf scratch;
};

/* Columns of a terminal, for text that text_escape() made: one per character. */
static size_t display_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* What stands in a cell, in t->scratch. */
static const char *cell_text(struct table *t, size_t row, size_t column)
{
	const struct rows_cell *cell = &t->rows->cells[row * t->rows->n_columns + column];
	char bytes[32];

	buf_clear(&t->scratch);
	if (!cell->set)
		return "";
	switch (t->rows->columns[column].type) {
	case ROWS_TEXT:
	case ROWS_PATH:
		buf_add_escaped(&t->scratch, cell->text);
		break;
	case ROWS_COUNT:
		buf_addu(&t->scratch, cell->number);
		break;
	case ROWS_BYTES:
		buf_adds(&t->scratch, text_bytes(bytes, sizeof(bytes), cell->number));
		break;
	}
	return t->scratch.data ? t->scratch.data : "";
}

static void measure(struct table *t)
{
	const struct rows *rows = t->rows;
	size_t total = 0, text = 0, widest = 0;

	for (size_t c = 0; c < rows->n_columns; c++) {
		if (!rows->columns[c].head)
			continue;
		t->widths[c] = display_width(rows->columns[c].head);
		for (size_t r = 0; r < rows->n; r++) {
			size_t w = display_width(cell_text(t, r, c));
			if (w > t->widths[c])
				t->widths[c] = w;
		}
		total += t->widths[c] + 2;
		if (!is_number(rows->columns[c].type) && t->widths[c] > widest) {
			widest = t->widths[c];
			text = c;
		}
	}
	/* The widest text gives way, to 16 columns at least. */
	size_t limit = t->options->width;
	if (limit && total - 2 > limit && widest > 16) {
		size_t over = total - 2 - limit;
		t->widths[text] = widest - 16 > over ? widest - over : 16;
	}
}

static const char *skip_characters(const char *s, size_t n)
{
	while (*s && n--) {
		s++;
		while (((unsigned char)*s & 0xc0) == 0x80)
			s++;
	}
	return s;
}

static void put_padding(struct out *out, size_t n)
{
	while (n--)
		out_addc(out, ' ');
}

static void put_cell(struct table *t, size_t column, const char *text, bool last)
{
	size_t width = t->widths[column], have = display_width(text);
	const char *dots = t->options->ascii ? "~" : "\xe2\x80\xa6";

	if (is_number(t->rows->columns[column].type) && have < width)
		put_padding(t->out, width - have);
	if (have <= width) {
		out_adds(t->out, text);
	} else if (t->rows->columns[column].type == ROWS_PATH) {
		out_adds(t->out, dots);
		out_adds(t->out, skip_characters(text, have - width + 1));
	} else {
		out_add(t->out, text, (size_t)(skip_characters(text, width - 1) - text));
		out_adds(t->out, dots);
	}
	if (last)
		return;
	if (!is_number(t->rows->columns[column].type) && have < width)
		put_padding(t->out, width - have);
	out_add(t->out, "  ", 2);
}

static size_t last_column(const struct rows *rows)
{
	size_t last = 0;

	for (size_t c = 0; c < rows->n_columns; c++)
		if (rows->columns[c].head)
			last = c;
	return last;
}

struct error *rows_write_table(const struct rows *rows, const struct report_options *options,
			       struct out *out)
{
	_cleanup_free_ size_t *widths = calloc(rows->n_columns, sizeof(*widths));
	struct table t = { .rows = rows, .options = options, .out = out, .widths = widths };
	size_t last = last_column(rows);

	if (!widths)
		return &error_no_memory;
	buf_init(&t.scratch);
	measure(&t);
	out_adds(out, options->color ? "\033[1m" : "");
	for (size_t c = 0; c <= last; c++)
		if (rows->columns[c].head)
			put_cell(&t, c, rows->columns[c].head, c == last);
	out_adds(out, options->color ? "\033[0m\n" : "\n");
	for (size_t r = 0; r < rows->n; r++) {
		for (size_t c = 0; c <= last; c++)
			if (rows->columns[c].head)
				put_cell(&t, c, cell_text(&t, r, c), c == last);
		out_addc(out, '\n');
	}
	struct error *err = buf_error(&t.scratch);
	buf_deinit(&t.scratch);
	return err;
}
