/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol bindings: lent by the writer, written row by row only where the store
 * is persistent. Names are interned: 150,000 bindings have 30,000 names.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/map.h"
#include "core/store/dep.h"
#include "core/store/store-internal.h"

struct writer {
	struct store *store;
	int64_t run;
	int64_t n;
	bool known;	/* the table held names before: look them up there too */
	struct map ids; /* name -> id, as a pointer */
	struct arena names;
};

static struct error *find_symbol(struct writer *w, const char *name, int64_t *ret)
{
	struct error *err;
	sqlite3_stmt *stmt;
	bool more = false;

	*ret = 0;
	if (!w->known)
		return NULL;
	err = store_statement(w->store, STORE_FIND_SYMBOL, &stmt);
	if (err)
		return err;
	store_bind_name(stmt, 1, name);
	err = store_step(w->store, stmt, &more);
	if (!err && more)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return err;
}

static struct error *add_symbol(struct writer *w, const char *name, int64_t *ret)
{
	struct error *err;
	sqlite3_stmt *stmt;

	err = store_statement(w->store, STORE_ADD_SYMBOL, &stmt);
	if (err)
		return err;
	store_bind_name(stmt, 1, name);
	err = store_write_row(w->store, stmt);
	if (!err)
		*ret = sqlite3_last_insert_rowid(w->store->db);
	return err;
}

static struct error *intern(struct writer *w, const char *name, int64_t *ret)
{
	struct error *err;
	size_t len = strlen(name);
	void *found = map_get(&w->ids, name, len);
	int64_t id;

	if (found) {
		*ret = (intptr_t)found;
		return NULL;
	}
	err = find_symbol(w, name, &id);
	if (!err && !id)
		err = add_symbol(w, name, &id);
	if (err)
		return err;
	const char *copy = arena_strndup(&w->names, name, len);
	if (!copy)
		return &error_no_memory;
	*ret = id;
	return map_put(&w->ids, copy, len, (void *)(intptr_t)id);
}

static struct error *write_binding(const struct dep_binding *row, void *arg)
{
	struct writer *w = arg;
	struct error *err;
	sqlite3_stmt *stmt;
	int64_t symbol, version = 0;

	err = intern(w, row->symbol, &symbol);
	if (!err && row->version)
		err = intern(w, row->version, &version);
	if (!err)
		err = store_statement(w->store, STORE_ADD_BINDING, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, w->run);
	sqlite3_bind_int64(stmt, 2, ++w->n);
	sqlite3_bind_int64(stmt, 3, row->from);
	if (row->to)
		sqlite3_bind_int64(stmt, 4, row->to);
	sqlite3_bind_int64(stmt, 5, symbol);
	if (version)
		sqlite3_bind_int64(stmt, 6, version);
	sqlite3_bind_int(stmt, 7, row->weak);
	return store_write_row(w->store, stmt);
}

static struct error *has_symbols(struct store *store, bool *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;

	err = store_prepare(store, "SELECT 1 FROM symbol LIMIT 1", &stmt);
	return err ? err : store_step(store, stmt, ret);
}

static struct error *write_bindings(struct store *store, int64_t run,
				    struct dep_binding_source *source)
{
	struct error *err;
	struct writer w = { .store = store, .run = run };

	err = has_symbols(store, &w.known);
	if (err)
		return err;
	map_init(&w.ids);
	arena_init(&w.names);
	err = source->each(source, write_binding, &w);
	map_deinit(&w.ids);
	arena_deinit(&w.names);
	return err ? err : store_commit(store);
}

struct error *dep_set_bindings(struct store *store, int64_t run, struct dep_binding_source *source)
{
	if (store->path) {
		struct error *err = write_bindings(store, run, source);
		if (err)
			return err;
	}
	struct store_loan *loan = malloc(sizeof(*loan));
	if (!loan)
		return &error_no_memory;
	*loan = (struct store_loan) { .next = store->loans, .run = run, .source = source };
	store->loans = loan;
	return NULL;
}

static const char select_bindings[] =
	"SELECT b.src, b.dst, s.name, v.name, b.weak FROM dep_binding b"
	" JOIN symbol s ON s.id = b.symbol LEFT JOIN symbol v ON v.id = b.version"
	" WHERE b.run = ? ORDER BY b.n";

struct error *dep_each_binding(struct store *store, int64_t run,
			       struct error *(*fn)(const struct dep_binding *row, void *arg),
			       void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	for (const struct store_loan *loan = store->loans; loan; loan = loan->next)
		if (loan->run == run)
			return loan->source->each(loan->source, fn, arg);
	err = store_prepare(store, select_bindings, &stmt);
	if (!err)
		sqlite3_bind_int64(stmt, 1, run);
	while (!err) {
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		struct dep_binding row = {
			.from = store_id(stmt, 0),
			.to = store_id(stmt, 1),
			.symbol = store_text_or_empty(stmt, 2),
			.version = store_text(stmt, 3),
			.weak = sqlite3_column_int(stmt, 4),
		};
		err = fn(&row, arg);
	}
	return err;
}
