/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of a table, whatever they are about: what the table on a terminal and
 * CSV have in common.
 */
#ifndef REPORTS_ROWS_H
#define REPORTS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/out.h"

struct report_options;

enum rows_type {
	ROWS_TEXT,
	ROWS_PATH,  /* text of which the end matters when it must be cut */
	ROWS_COUNT, /* a number */
	ROWS_BYTES, /* a number, shown as "1.2 MiB" to people */
};

struct rows_column {
	const char *name; /* of CSV: a promise */
	const char *head; /* of the table; NULL: CSV only */
	enum rows_type type;
};

struct rows_cell {
	const char *text;
	uint64_t number;
	bool set; /* else empty */
};

struct rows {
	const struct rows_column *columns;
	size_t n_columns;
	struct rows_cell *cells; /* n * n_columns */
	size_t n, cap;
	size_t at; /* column of the row that is being added */
};

void rows_init(struct rows *rows, const struct rows_column *columns, size_t n_columns);
void rows_deinit(struct rows *rows);

static inline void rows_cleanup(struct rows *rows)
{
	rows_deinit(rows);
}
#define _cleanup_rows_ __attribute__((cleanup(rows_cleanup)))

/* A new row; its cells follow from left to right. Those not given are empty. */
struct error *rows_begin(struct rows *rows) must_check;
/* The string is borrowed; NULL is an empty cell. */
void rows_text(struct rows *rows, const char *text);
void rows_number(struct rows *rows, uint64_t number);
void rows_empty(struct rows *rows);

/* RFC 4180, with a header line and LF; cells that a spreadsheet would run are disarmed. */
void rows_write_csv(const struct rows *rows, struct out *out);

/* Aligned columns for people. */
struct error *rows_write_table(const struct rows *rows, const struct report_options *options,
			       struct out *out) must_check;

#endif
