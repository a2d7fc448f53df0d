/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/text.h"
#include "core/store/store-internal.h"

enum {
	/* Rows and seconds after which a batch is committed: what a killed writer may lose. */
	BATCH_ROWS = 8192,
	BATCH_SECONDS = 1,
	BUSY_MILLISECONDS = 10000,
};

static const char *const statement_sql[STORE_STATEMENTS] = {
	[STORE_ADD_INPUT] =
		"INSERT INTO input VALUES(?1, (SELECT coalesce(max(n), 0) + 1 FROM input"
		" WHERE run = ?1), ?2, ?3, ?4, ?5, ?6)",
	[STORE_ADD_WARNING] =
		"INSERT INTO warning VALUES(?1, (SELECT coalesce(max(n), 0) + 1 FROM warning"
		" WHERE run = ?1), ?2, ?3, ?4)",
	[STORE_ADD_FILE] = "INSERT INTO dep_file VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
			   "?,?,?,?,?,?)",
	[STORE_ADD_EDGE] = "INSERT INTO dep_edge VALUES(?,?,?,?,?,?,?,?)",
	[STORE_ADD_TRIED] = "INSERT INTO dep_tried VALUES(?1, ?2, (SELECT coalesce(max(n), 0) + 1"
			    " FROM dep_tried WHERE run = ?1 AND edge = ?2), ?3, ?4, ?5)",
	[STORE_ADD_COMPONENT] = "INSERT INTO dep_component VALUES(?,?,?,?,?,?,?,?,?)",
	[STORE_ADD_BINDING] = "INSERT INTO dep_binding VALUES(?,?,?,?,?,?,?)",
	[STORE_ADD_SYMBOL] = "INSERT INTO symbol(name) VALUES(?)",
	[STORE_FIND_SYMBOL] = "SELECT id FROM symbol WHERE name = ?",
};

struct error *store_error(struct store *store, int rc, const char *text)
{
	const char *path = store->path ? store->path : "memory";

	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return &error_no_memory;
	case SQLITE_NOTADB:
		return error_create(ERROR_BAD_DATA,
				    "%s store '%s': not a uniscope store (not a database)", text,
				    path);
	case SQLITE_CORRUPT:
		return error_create(ERROR_BAD_DATA, "%s store '%s': the database is damaged (%s)",
				    text, path, sqlite3_errmsg(store->db));
	case SQLITE_ERROR:
	case SQLITE_MISMATCH:
	case SQLITE_CONSTRAINT:
		return error_create(ERROR_BAD_DATA, "%s store '%s': %s", text, path,
				    sqlite3_errmsg(store->db));
	case SQLITE_BUSY:
		return error_create(ERROR_OS, "%s store '%s': another process is writing to it",
				    text, path);
	default:
		break;
	}
	int errnum = sqlite3_system_errno(store->db);
	if (errnum)
		return error_os(errnum, "%s store '%s'", text, path);
	return error_create(ERROR_OS, "%s store '%s': %s", text, path, sqlite3_errmsg(store->db));
}

struct error *store_exec(struct store *store, const char *sql)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? NULL : store_error(store, rc, "cannot use");
}

struct error *store_prepare(struct store *store, const char *sql, sqlite3_stmt **ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return store_error(store, rc, "cannot use");
	*ret = stmt;
	return NULL;
}

struct error *store_statement(struct store *store, enum store_statement which, sqlite3_stmt **ret)
{
	sqlite3_stmt **slot = &store->statements[which];

	if (*slot) {
		sqlite3_reset(*slot);
		sqlite3_clear_bindings(*slot);
	} else {
		int rc = sqlite3_prepare_v3(store->db, statement_sql[which], -1,
					    SQLITE_PREPARE_PERSISTENT, slot, NULL);
		if (rc != SQLITE_OK)
			return store_error(store, rc, "cannot write");
	}
	*ret = *slot;
	return NULL;
}

static bool batch_is_long(const struct store *store)
{
	struct timespec now;

	if (store->batch_rows >= BATCH_ROWS)
		return true;
	if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now))
		return false;
	return now.tv_sec - store->batch_began.tv_sec > BATCH_SECONDS;
}

static struct error *begin_batch(struct store *store)
{
	if (store->in_transaction)
		return NULL;
	struct error *err = store_exec(store, "BEGIN IMMEDIATE");
	if (err)
		return err;
	store->in_transaction = true;
	store->batch_rows = 0;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &store->batch_began);
	return NULL;
}

struct error *store_commit(struct store *store)
{
	if (!store->in_transaction)
		return NULL;
	struct error *err = store_exec(store, "COMMIT");
	if (!err)
		store->in_transaction = false;
	return err;
}

struct error *store_write_row(struct store *store, sqlite3_stmt *stmt)
{
	struct error *err;

	if (!store->writable)
		return error_create(ERROR_UNSUPPORTED, "cannot write store '%s': opened to read",
				    store->path);
	err = begin_batch(store);
	if (err)
		return err;
	int rc = sqlite3_step(stmt);
	if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
		err = store_error(store, rc, "cannot write");
		sqlite3_reset(stmt);
		return err;
	}
	sqlite3_reset(stmt);
	store->batch_rows++;
	return store->path && batch_is_long(store) ? store_commit(store) : NULL;
}

struct error *store_step(struct store *store, sqlite3_stmt *stmt, bool *more)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_error(store, rc, "cannot read");
	*more = rc == SQLITE_ROW;
	return NULL;
}

static bool is_utf8(const char *s, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if ((unsigned char)s[at] < 0x80) {
			at++;
			continue;
		}
		unsigned int n = text_utf8(s + at, len - at, NULL);
		if (!n)
			return false;
		at += n;
	}
	return true;
}

void store_bind_name(sqlite3_stmt *stmt, int index, const char *s)
{
	if (!s)
		return; /* bindings begin as NULL */
	size_t len = strlen(s);
	if (is_utf8(s, len))
		sqlite3_bind_text64(stmt, index, s, len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_blob64(stmt, index, s, len, SQLITE_STATIC);
}

void store_bind_uint(sqlite3_stmt *stmt, int index, uint64_t value)
{
	sqlite3_bind_int64(stmt, index, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

const char *store_text(sqlite3_stmt *stmt, int column)
{
	return (const char *)sqlite3_column_text(stmt, column);
}

const char *store_text_or_empty(sqlite3_stmt *stmt, int column)
{
	const char *s = store_text(stmt, column);

	return s ? s : "";
}

uint64_t store_uint(sqlite3_stmt *stmt, int column)
{
	int64_t value = sqlite3_column_int64(stmt, column);

	return value < 0 ? 0 : (uint64_t)value;
}

uint32_t store_id(sqlite3_stmt *stmt, int column)
{
	int64_t value = sqlite3_column_int64(stmt, column);

	return value < 0 || value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* --- Opening --- */

static struct error *read_number(struct store *store, const char *sql, int64_t *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = false;

	err = store_prepare(store, sql, &stmt);
	if (!err)
		err = store_step(store, stmt, &more);
	if (!err)
		*ret = more ? sqlite3_column_int64(stmt, 0) : 0;
	return err;
}

/*
 * A damaged or hostile file may have views or nothing where tables belong; a
 * recursive view would never end.
 */
static struct error *check_tables(struct store *store)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;

	err = store_prepare(store, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?",
			    &stmt);
	for (size_t i = 0; !err && store_tables[i]; i++) {
		bool more = false;
		sqlite3_reset(stmt);
		sqlite3_bind_text(stmt, 1, store_tables[i], -1, SQLITE_STATIC);
		err = store_step(store, stmt, &more);
		if (!err && !more)
			err = error_create(ERROR_BAD_DATA, "cannot use store '%s': no table '%s'",
					   store->path, store_tables[i]);
	}
	return err;
}

/* Says what the file is. 'version' 0: empty, to be filled. */
static struct error *identify(struct store *store, int64_t *version)
{
	struct error *err;
	int64_t application, objects;

	err = read_number(store, "PRAGMA application_id", &application);
	if (!err)
		err = read_number(store, "PRAGMA user_version", version);
	if (!err)
		err = read_number(store, "SELECT count(*) FROM sqlite_schema", &objects);
	if (err)
		return err;
	if (!application && !*version && !objects)
		return NULL;
	if (application != STORE_APPLICATION_ID)
		return error_create(ERROR_BAD_DATA,
				    "cannot use '%s': a database of another program"
				    " (application_id 0x%08x)",
				    store->path, (unsigned int)application);
	if (*version < 1)
		return error_create(ERROR_BAD_DATA,
				    "cannot use store '%s': impossible version %lld", store->path,
				    (long long)*version);
	if (*version > STORE_VERSION)
		return error_create(ERROR_UNSUPPORTED,
				    "cannot use store '%s': written by a newer uniscope (store"
				    " version %lld, this one knows %d)",
				    store->path, (long long)*version, STORE_VERSION);
	return NULL;
}

/* An older store that must not be changed is migrated in a private copy. */
static struct error *migrate_copy(struct store *store)
{
	sqlite3 *copy = NULL;
	int rc = sqlite3_open_v2("", &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_backup *backup = sqlite3_backup_init(copy, "main", store->db, "main");
		rc = backup ? sqlite3_backup_step(backup, -1) : SQLITE_NOMEM;
		sqlite3_backup_finish(backup);
	}
	if (rc != SQLITE_DONE) {
		sqlite3_close(copy);
		return store_error(store, rc, "cannot read");
	}
	sqlite3_close(store->db);
	store->db = copy;
	return store_migrate(store, store_steps, STORE_VERSION);
}

static struct error *prepare_file(struct store *store)
{
	struct error *err;
	int64_t version = 0;

	sqlite3_busy_timeout(store->db, BUSY_MILLISECONDS);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	err = identify(store, &version);
	if (err)
		return err;
	if (!version && !store->writable)
		return error_create(ERROR_BAD_DATA, "cannot use store '%s': the file is empty",
				    store->path);
	if (store->writable)
		err = store_exec(store, "PRAGMA synchronous = NORMAL");
	if (!err && version < STORE_VERSION)
		err = store->writable ? store_migrate(store, store_steps, STORE_VERSION)
				      : migrate_copy(store);
	if (!err)
		err = check_tables(store);
	if (!err && !store->writable)
		err = store_exec(store, "PRAGMA query_only = 1");
	return err;
}

static struct error *prepare_memory(struct store *store)
{
	struct error *err;

	/* Nothing to recover after a failure: rows need no journal. */
	err = store_exec(store, "PRAGMA journal_mode = OFF; PRAGMA temp_store = MEMORY");
	return err ? err : store_migrate(store, store_steps, STORE_VERSION);
}

/*
 * A store that is only read is still opened for writing where that is allowed:
 * what a killed writer left half done must be rolled back by somebody.
 */
static int open_file(struct store *store)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (store->writable)
		flags |= SQLITE_OPEN_CREATE;
	return sqlite3_open_v2(store->path, &store->db, flags, NULL);
}

static void cleanup_store(struct store **store)
{
	store_destroy(*store);
}

struct error *store_open(const char *path, unsigned int flags, struct store **ret)
{
	__attribute__((cleanup(cleanup_store))) struct store *store = calloc(1, sizeof(*store));
	struct error *err;
	int rc;

	if (!store)
		return &error_no_memory;
	store->writable = !path || (flags & STORE_OPEN_CREATE);
	if (path) {
		/* Else SQLite would take an empty name, or "file:...", for something else. */
		bool plain = path[0] == '/' || path[0] == '.';
		if (!path[0])
			return error_create(ERROR_USAGE, "cannot open a store without a name");
		if (asprintf(&store->path, "%s%s", plain ? "" : "./", path) < 0) {
			store->path = NULL;
			return &error_no_memory;
		}
		rc = open_file(store);
	} else {
		rc = sqlite3_open_v2(
			":memory:", &store->db,
			SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	}
	if (rc != SQLITE_OK)
		return store->db ? store_error(store, rc, "cannot open") : &error_no_memory;
	err = path ? prepare_file(store) : prepare_memory(store);
	if (err)
		return err;
	*ret = cleanup_release(&store);
	return NULL;
}

void store_destroy(struct store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < STORE_STATEMENTS; i++)
		sqlite3_finalize(store->statements[i]);
	/* What was written belongs to the store even where the run was not finished. */
	if (store->in_transaction && store->path)
		sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	sqlite3_close_v2(store->db);
	while (store->loans) {
		struct store_loan *next = store->loans->next;
		free(store->loans);
		store->loans = next;
	}
	for (size_t i = 0; i < STORE_RUN_TEXTS; i++)
		free(store->run_text[i]);
	free(store->path);
	free(store);
}

bool store_is_persistent(const struct store *store)
{
	return store->path != NULL;
}
