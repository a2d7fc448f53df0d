/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of a dependency graph. */
#include "core/store/dep.h"

#include <stdlib.h>
#include <string.h>

#include "core/store/store-internal.h"

static const char *const kind_names[DEP_KINDS] = {
	[DEP_NEEDED] = "needed", [DEP_INTERP] = "interp", [DEP_PRELOAD] = "preload",
	[DEP_FILTER] = "filter", [DEP_DLOPEN] = "dlopen", [DEP_CANDIDATE] = "candidate",
	[DEP_PLUGIN] = "plugin", [DEP_MEMBER] = "member",
};

const char *dep_edge_kind_name(enum dep_edge_kind kind)
{
	return kind_names[kind];
}

struct error *dep_add_file(struct store *store, int64_t run, const struct dep_file *row)
{
	struct error *err;
	sqlite3_stmt *stmt;
	int at = 1;

	err = store_statement(store, STORE_ADD_FILE, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, at++, run);
	sqlite3_bind_int64(stmt, at++, row->id);
	sqlite3_bind_int64(stmt, at++, row->input);
	sqlite3_bind_int(stmt, at++, row->root);
	sqlite3_bind_int(stmt, at++, row->loaded);
	store_bind_name(stmt, at++, row->path);
	store_bind_name(stmt, at++, row->realpath ? row->realpath : row->path);
	store_bind_name(stmt, at++, row->soname);
	store_bind_name(stmt, at++, row->kind ? row->kind : "");
	store_bind_name(stmt, at++, row->machine ? row->machine : "");
	store_bind_uint(stmt, at++, row->file_bytes);
	store_bind_uint(stmt, at++, row->loaded_bytes);
	store_bind_name(stmt, at++, row->build_id);
	store_bind_name(stmt, at++, row->interp);
	store_bind_name(stmt, at++, row->package);
	store_bind_name(stmt, at++, row->package_version);
	store_bind_name(stmt, at++, row->package_type);
	store_bind_name(stmt, at++, row->port);
	store_bind_name(stmt, at++, row->port_version);
	store_bind_name(stmt, at++, row->port_relation);
	store_bind_name(stmt, at++, row->port_note);
	if (row->open_sites >= 0)
		sqlite3_bind_int64(stmt, at, row->open_sites);
	at++;
	store_bind_uint(stmt, at++, row->cost_files);
	store_bind_uint(stmt, at++, row->cost_bytes);
	if (row->cost_symbols >= 0)
		sqlite3_bind_int64(stmt, at, row->cost_symbols);
	at++;
	store_bind_uint(stmt, at++, row->symbols_bound_to);
	store_bind_name(stmt, at++, row->sha256);
	return store_write_row(store, stmt);
}

struct error *dep_add_edge(struct store *store, int64_t run, const struct dep_edge *row)
{
	struct error *err;
	sqlite3_stmt *stmt;

	err = store_statement(store, STORE_ADD_EDGE, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_int64(stmt, 2, row->id);
	sqlite3_bind_int64(stmt, 3, row->from);
	if (row->to)
		sqlite3_bind_int64(stmt, 4, row->to);
	store_bind_name(stmt, 5, row->name);
	store_bind_name(stmt, 6, dep_edge_kind_name(row->kind));
	store_bind_name(stmt, 7, row->how ? row->how : "");
	if (row->address)
		sqlite3_bind_int64(stmt, 8, (int64_t)row->address);
	return store_write_row(store, stmt);
}

struct error *dep_add_tried(struct store *store, int64_t run, const struct dep_tried *row)
{
	struct error *err;
	sqlite3_stmt *stmt;

	err = store_statement(store, STORE_ADD_TRIED, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_int64(stmt, 2, row->edge);
	store_bind_name(stmt, 3, row->place);
	store_bind_name(stmt, 4, row->source ? row->source : "");
	store_bind_name(stmt, 5, row->reason ? row->reason : "");
	return store_write_row(store, stmt);
}

struct error *dep_add_component(struct store *store, int64_t run, const struct dep_component *row)
{
	struct error *err;
	sqlite3_stmt *stmt;

	err = store_statement(store, STORE_ADD_COMPONENT, &stmt);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_int64(stmt, 2, row->id);
	if (row->file)
		sqlite3_bind_int64(stmt, 3, row->file);
	sqlite3_bind_int64(stmt, 4, row->input);
	store_bind_name(stmt, 5, row->type);
	store_bind_name(stmt, 6, row->name);
	store_bind_name(stmt, 7, row->version);
	store_bind_name(stmt, 8, row->purl);
	store_bind_name(stmt, 9, row->source ? row->source : "");
	return store_write_row(store, stmt);
}

/* --- Readers --- */

static const char select_files[] =
	"SELECT id, input, root, loaded, path, realpath, soname, kind, machine, file_bytes,"
	" loaded_bytes, build_id, interp, package, package_version, package_type, port,"
	" port_version, port_relation, port_note, open_sites, cost_files, cost_bytes,"
	" cost_symbols, symbols_bound_to, sha256 FROM dep_file WHERE run = ? ORDER BY id";

static void read_file(sqlite3_stmt *stmt, struct dep_file *ret)
{
	*ret = (struct dep_file) {
		.id = store_id(stmt, 0),
		.input = store_id(stmt, 1),
		.root = sqlite3_column_int(stmt, 2),
		.loaded = sqlite3_column_int(stmt, 3),
		.path = store_text_or_empty(stmt, 4),
		.realpath = store_text_or_empty(stmt, 5),
		.soname = store_text(stmt, 6),
		.kind = store_text_or_empty(stmt, 7),
		.machine = store_text_or_empty(stmt, 8),
		.file_bytes = store_uint(stmt, 9),
		.loaded_bytes = store_uint(stmt, 10),
		.build_id = store_text(stmt, 11),
		.interp = store_text(stmt, 12),
		.package = store_text(stmt, 13),
		.package_version = store_text(stmt, 14),
		.package_type = store_text(stmt, 15),
		.port = store_text(stmt, 16),
		.port_version = store_text(stmt, 17),
		.port_relation = store_text(stmt, 18),
		.port_note = store_text(stmt, 19),
		.open_sites = -1,
		.cost_files = store_uint(stmt, 21),
		.cost_bytes = store_uint(stmt, 22),
		.cost_symbols = -1,
		.symbols_bound_to = store_uint(stmt, 24),
		.sha256 = store_text(stmt, 25),
	};
	if (sqlite3_column_type(stmt, 20) == SQLITE_INTEGER)
		ret->open_sites = (int64_t)store_uint(stmt, 20);
	if (sqlite3_column_type(stmt, 23) == SQLITE_INTEGER)
		ret->cost_symbols = (int64_t)store_uint(stmt, 23);
}

struct error *dep_each_file(struct store *store, int64_t run,
			    struct error *(*fn)(const struct dep_file *row, void *arg), void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	err = store_prepare(store, select_files, &stmt);
	if (!err)
		sqlite3_bind_int64(stmt, 1, run);
	while (!err) {
		struct dep_file row;
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		read_file(stmt, &row);
		err = fn(&row, arg);
	}
	return err;
}

static struct error *find_kind(struct store *store, const char *name, enum dep_edge_kind *ret)
{
	for (unsigned int i = 0; i < DEP_KINDS; i++) {
		if (!strcmp(kind_names[i], name)) {
			*ret = i;
			return NULL;
		}
	}
	return error_create(ERROR_BAD_DATA, "cannot read store '%s': unknown edge kind '%s'",
			    store->path ? store->path : "memory", name);
}

struct error *dep_each_edge(struct store *store, int64_t run,
			    struct error *(*fn)(const struct dep_edge *row, void *arg), void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	err = store_prepare(store,
			    "SELECT id, src, dst, name, how, address, kind FROM dep_edge"
			    " WHERE run = ? ORDER BY id",
			    &stmt);
	if (!err)
		sqlite3_bind_int64(stmt, 1, run);
	while (!err) {
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		struct dep_edge row = {
			.id = store_id(stmt, 0),
			.from = store_id(stmt, 1),
			.to = store_id(stmt, 2),
			.name = store_text_or_empty(stmt, 3),
			.how = store_text_or_empty(stmt, 4),
			.address = (uint64_t)sqlite3_column_int64(stmt, 5),
		};
		err = find_kind(store, store_text_or_empty(stmt, 6), &row.kind);
		if (!err)
			err = fn(&row, arg);
	}
	return err;
}

struct error *dep_each_tried(struct store *store, int64_t run, uint32_t edge,
			     struct error *(*fn)(const struct dep_tried *row, void *arg), void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	err = store_prepare(store,
			    edge ? "SELECT edge, place, source, reason FROM dep_tried"
				   " WHERE run = ? AND edge = ? ORDER BY n"
				 : "SELECT edge, place, source, reason FROM dep_tried"
				   " WHERE run = ? ORDER BY edge, n",
			    &stmt);
	if (!err) {
		sqlite3_bind_int64(stmt, 1, run);
		if (edge)
			sqlite3_bind_int64(stmt, 2, edge);
	}
	while (!err) {
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		struct dep_tried row = {
			.edge = store_id(stmt, 0),
			.place = store_text_or_empty(stmt, 1),
			.source = store_text_or_empty(stmt, 2),
			.reason = store_text_or_empty(stmt, 3),
		};
		err = fn(&row, arg);
	}
	return err;
}

struct error *dep_each_component(struct store *store, int64_t run,
				 struct error *(*fn)(const struct dep_component *row, void *arg),
				 void *arg)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = true;

	err = store_prepare(store,
			    "SELECT id, file, input, type, name, version, purl, source"
			    " FROM dep_component WHERE run = ? ORDER BY id",
			    &stmt);
	if (!err)
		sqlite3_bind_int64(stmt, 1, run);
	while (!err) {
		err = store_step(store, stmt, &more);
		if (err || !more)
			break;
		struct dep_component row = {
			.id = store_id(stmt, 0),
			.file = store_id(stmt, 1),
			.input = store_id(stmt, 2),
			.type = store_text_or_empty(stmt, 3),
			.name = store_text_or_empty(stmt, 4),
			.version = store_text(stmt, 5),
			.purl = store_text(stmt, 6),
			.source = store_text_or_empty(stmt, 7),
		};
		err = fn(&row, arg);
	}
	return err;
}
