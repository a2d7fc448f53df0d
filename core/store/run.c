/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs, their inputs and their warnings. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/store/store-internal.h"
#include "core/store/store.h"

struct error *store_run_begin(struct store *store, struct store_run *run)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	char started[32];
	struct tm tm;
	time_t now = time(NULL);

	if (!run->started) {
		gmtime_r(&now, &tm);
		strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	}
	err = store_prepare(store,
			    "INSERT INTO run(command, version, arguments, state, started)"
			    " VALUES(?, ?, ?, 'running', ?)",
			    &stmt);
	if (err)
		return err;
	store_bind_name(stmt, 1, run->command ? run->command : "");
	store_bind_name(stmt, 2, run->version ? run->version : "");
	store_bind_name(stmt, 3, run->arguments ? run->arguments : "[]");
	store_bind_name(stmt, 4, run->started ? run->started : started);
	err = store_write_row(store, stmt);
	if (err)
		return err;
	run->id = sqlite3_last_insert_rowid(store->db);
	/* So that others see the run from the first moment. */
	return store->path ? store_commit(store) : NULL;
}

struct error *store_run_finish(struct store *store, int64_t run, const char *state)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;

	err = store_prepare(store, "UPDATE run SET state = ? WHERE id = ?", &stmt);
	if (err)
		return err;
	store_bind_name(stmt, 1, state);
	sqlite3_bind_int64(stmt, 2, run);
	err = store_write_row(store, stmt);
	return err ? err : store_commit(store);
}

static void read_run(sqlite3_stmt *stmt, struct store_run *ret)
{
	*ret = (struct store_run) {
		.id = sqlite3_column_int64(stmt, 0),
		.command = store_text_or_empty(stmt, 1),
		.version = store_text_or_empty(stmt, 2),
		.arguments = store_text_or_empty(stmt, 3),
		.state = store_text_or_empty(stmt, 4),
		.started = store_text_or_empty(stmt, 5),
	};
}

/* A copy that lives in the store, so that no statement is left open. */
static struct error *keep(struct store *store, size_t which, const char **text)
{
	char *copy = strdup(*text);

	if (!copy)
		return &error_no_memory;
	free(store->run_text[which]);
	store->run_text[which] = copy;
	*text = copy;
	return NULL;
}

struct error *store_run_get(struct store *store, int64_t run, struct store_run *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	struct store_run row;
	bool more = false;

	err = store_prepare(
		store,
		"SELECT id, command, version, arguments, state, started FROM run WHERE id = ?",
		&stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, run);
	err = store_step(store, stmt, &more);
	if (err)
		return err;
	if (!more)
		return error_create(ERROR_NOT_FOUND, "no run %lld in the store", (long long)run);
	read_run(stmt, &row);
	const char **texts[] = { &row.command, &row.version, &row.arguments, &row.state,
				 &row.started };
	for (size_t i = 0; !err && i < STORE_RUN_TEXTS; i++)
		err = keep(store, i, texts[i]);
	if (!err)
		*ret = row;
	return err;
}

struct error *store_each_run(struct store *store,
			     struct error *(*fn)(const struct store_run *row, void *arg), void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	err = store_prepare(
		store,
		"SELECT id, command, version, arguments, state, started FROM run ORDER BY id DESC",
		&stmt);
	while (!err) {
		struct store_run row;
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		read_run(stmt, &row);
		err = fn(&row, arg);
	}
	return err;
}

struct error *store_add_input(struct store *store, int64_t run, const struct store_input *row)
{
	struct error *err;
	sqlite3_stmt *stmt;

	err = store_statement(store, STORE_ADD_INPUT, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, run);
	store_bind_name(stmt, 2, row->spec);
	store_bind_name(stmt, 3, row->path);
	store_bind_name(stmt, 4, row->kind);
	store_bind_name(stmt, 5, row->sha256);
	store_bind_uint(stmt, 6, row->bytes);
	return store_write_row(store, stmt);
}

struct error *store_each_input(struct store *store, int64_t run,
			       struct error *(*fn)(const struct store_input *row, void *arg),
			       void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	err = store_prepare(
		store, "SELECT spec, path, kind, sha256, bytes FROM input WHERE run = ? ORDER BY n",
		&stmt);
	if (!err)
		sqlite3_bind_int64(stmt, 1, run);
	while (!err) {
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		struct store_input row = {
			.spec = store_text_or_empty(stmt, 0),
			.path = store_text_or_empty(stmt, 1),
			.kind = store_text_or_empty(stmt, 2),
			.sha256 = store_text(stmt, 3),
			.bytes = store_uint(stmt, 4),
		};
		err = fn(&row, arg);
	}
	return err;
}

struct error *store_add_warning(struct store *store, int64_t run, const struct store_warning *row)
{
	struct error *err;
	sqlite3_stmt *stmt;

	err = store_statement(store, STORE_ADD_WARNING, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, run);
	store_bind_name(stmt, 2, row->code);
	store_bind_name(stmt, 3, row->subject ? row->subject : "");
	store_bind_name(stmt, 4, row->text);
	return store_write_row(store, stmt);
}

struct error *store_each_warning(struct store *store, int64_t run,
				 struct error *(*fn)(const struct store_warning *row, void *arg),
				 void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	err = store_prepare(
		store, "SELECT code, subject, text FROM warning WHERE run = ? ORDER BY n", &stmt);
	if (!err)
		sqlite3_bind_int64(stmt, 1, run);
	while (!err) {
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		struct store_warning row = {
			.code = store_text_or_empty(stmt, 0),
			.subject = store_text_or_empty(stmt, 1),
			.text = store_text_or_empty(stmt, 2),
		};
		err = fn(&row, arg);
	}
	return err;
}
