/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to core/store (and its unit test): the one place that knows SQLite. */
#ifndef CORE_STORE_STORE_INTERNAL_H
#define CORE_STORE_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/base/error.h"
#include "core/store/dep.h"
#include "core/store/store.h"

/* Statements that are used row by row; prepared when first used. */
enum store_statement {
	STORE_ADD_INPUT,
	STORE_ADD_WARNING,
	STORE_ADD_FILE,
	STORE_ADD_EDGE,
	STORE_ADD_TRIED,
	STORE_ADD_COMPONENT,
	STORE_ADD_BINDING,
	STORE_ADD_SYMBOL,
	STORE_FIND_SYMBOL,
	STORE_STATEMENTS,
};

/* Bindings that a writer has lent. */
struct store_loan {
	struct store_loan *next;
	int64_t run;
	struct dep_binding_source *source;
};

enum { STORE_RUN_TEXTS = 5 };

struct store {
	sqlite3 *db;
	char *path; /* NULL: in memory */
	bool writable;
	sqlite3_stmt *statements[STORE_STATEMENTS];
	struct store_loan *loans;
	char *run_text[STORE_RUN_TEXTS]; /* of the run that was asked for last */
	bool in_transaction;
	unsigned int batch_rows; /* written since the transaction began */
	struct timespec batch_began;
};

/* --- schema.c --- */

/* One step brings the schema from version i to i + 1. */
struct store_step {
	const char *sql;
};

/* STORE_VERSION steps. */
extern const struct store_step store_steps[];

/* The views v1_*, made anew after each migration. */
extern const char store_views[];

/* The tables that a store of STORE_VERSION must have; NULL at the end. */
extern const char *const store_tables[];

/*
 * Brings a database from the version it has to version 'n' (steps[n - 1] is the
 * last), each step in a transaction of its own: where one fails, the version
 * before it stays.
 */
struct error *store_migrate(struct store *store, const struct store_step *steps, int n) must_check;

/* --- store.c --- */

/* What SQLite said last, as an error: "<text> '<path>': <message>". */
struct error *store_error(struct store *store, int rc, const char *text) must_check;

struct error *store_exec(struct store *store, const char *sql) must_check;

/* A statement, reset and without bindings. Borrowed. */
struct error *store_statement(struct store *store, enum store_statement which,
			      sqlite3_stmt **ret) must_check;

/* A statement of the caller's own, for readers. */
struct error *store_prepare(struct store *store, const char *sql, sqlite3_stmt **ret) must_check;

/*
 * Runs a statement that writes one row, inside the batch that is open; begins
 * one where there is none, and commits where it has become long.
 */
struct error *store_write_row(struct store *store, sqlite3_stmt *stmt) must_check;

/* Commits what is open. */
struct error *store_commit(struct store *store) must_check;

/* The next row: NULL at a row or at the end ('more' says which). */
struct error *store_step(struct store *store, sqlite3_stmt *stmt, bool *more) must_check;

static inline void store_stmt_cleanup(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}
#define _cleanup_stmt_ __attribute__((cleanup(store_stmt_cleanup)))

/*
 * Text from a file: TEXT where it is UTF-8, else BLOB, so that programs which
 * insist on UTF-8 can read the database too. NULL becomes NULL. The string is
 * borrowed until the statement is reset.
 */
void store_bind_name(sqlite3_stmt *stmt, int index, const char *s);

/* An unsigned number; values above 2^63-1 are saturated. */
void store_bind_uint(sqlite3_stmt *stmt, int index, uint64_t value);

/* A text column: NULL where it is NULL. Borrowed until the next step. */
const char *store_text(sqlite3_stmt *stmt, int column);
/* The same with "" instead of NULL, for columns that cannot be NULL in a sound store. */
const char *store_text_or_empty(sqlite3_stmt *stmt, int column);
/* A number column; negative ones become 0. */
uint64_t store_uint(sqlite3_stmt *stmt, int column);
/* An id column; what does not fit becomes 0. */
uint32_t store_id(sqlite3_stmt *stmt, int column);

#endif
