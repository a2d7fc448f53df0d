/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schema. Steps that have been released are never edited: a new version is
 * a new step. docs/STORE.md documents the views, which are the promise.
 */
#include "core/store/store-internal.h"

#include <stdio.h>

/* Symbol names repeat in many bindings and many runs: they are stored once. */
static const char version_1[] =
	"CREATE TABLE run(id INTEGER PRIMARY KEY, command TEXT NOT NULL, version TEXT NOT NULL,"
	" arguments TEXT NOT NULL, state TEXT NOT NULL, started TEXT NOT NULL);"
	"CREATE TABLE input(run INTEGER NOT NULL, n INTEGER NOT NULL, spec NOT NULL, path NOT NULL,"
	" kind TEXT NOT NULL, sha256 TEXT, bytes INTEGER NOT NULL,"
	" PRIMARY KEY(run, n)) WITHOUT ROWID;"
	"CREATE TABLE warning(run INTEGER NOT NULL, n INTEGER NOT NULL, code TEXT NOT NULL,"
	" subject NOT NULL, text NOT NULL, PRIMARY KEY(run, n)) WITHOUT ROWID;"
	"CREATE TABLE dep_file(run INTEGER NOT NULL, id INTEGER NOT NULL, input INTEGER NOT NULL,"
	" root INTEGER NOT NULL, loaded INTEGER NOT NULL, path NOT NULL, realpath NOT NULL,"
	" soname, kind TEXT NOT NULL, machine TEXT NOT NULL, file_bytes INTEGER NOT NULL,"
	" loaded_bytes INTEGER NOT NULL, build_id TEXT, interp, package, package_version,"
	" package_type, port, port_version, port_relation TEXT, port_note,"
	" open_sites INTEGER, cost_files INTEGER NOT NULL, cost_bytes INTEGER NOT NULL,"
	" cost_symbols INTEGER, symbols_bound_to INTEGER NOT NULL, sha256 TEXT,"
	" PRIMARY KEY(run, id)) WITHOUT ROWID;"
	"CREATE TABLE dep_edge(run INTEGER NOT NULL, id INTEGER NOT NULL, src INTEGER NOT NULL,"
	" dst INTEGER, name NOT NULL, kind TEXT NOT NULL, how NOT NULL, address INTEGER,"
	" PRIMARY KEY(run, id)) WITHOUT ROWID;"
	"CREATE TABLE dep_tried(run INTEGER NOT NULL, edge INTEGER NOT NULL, n INTEGER NOT NULL,"
	" place NOT NULL, source NOT NULL, reason NOT NULL,"
	" PRIMARY KEY(run, edge, n)) WITHOUT ROWID;"
	"CREATE TABLE symbol(id INTEGER PRIMARY KEY, name NOT NULL UNIQUE);"
	"CREATE TABLE dep_binding(run INTEGER NOT NULL, n INTEGER NOT NULL, src INTEGER NOT NULL,"
	" dst INTEGER, symbol INTEGER NOT NULL, version INTEGER, weak INTEGER NOT NULL,"
	" PRIMARY KEY(run, n)) WITHOUT ROWID;";

/* What a wheel says is linked into its files. */
static const char version_2[] =
	"CREATE TABLE dep_component(run INTEGER NOT NULL, id INTEGER NOT NULL, file INTEGER,"
	" input INTEGER NOT NULL, type TEXT NOT NULL, name NOT NULL, version, purl,"
	" source NOT NULL, PRIMARY KEY(run, id)) WITHOUT ROWID;";

const struct store_step store_steps[] = {
	{ .sql = version_1 },
	{ .sql = version_2 },
};
_Static_assert(sizeof(store_steps) / sizeof(store_steps[0]) == STORE_VERSION,
	       "each version has a step");

const char *const store_tables[] = {
	"run",	     "input",  "warning",     "dep_file",      "dep_edge",
	"dep_tried", "symbol", "dep_binding", "dep_component", NULL,
};

const char store_views[] =
	"DROP VIEW IF EXISTS v1_runs;"
	"CREATE VIEW v1_runs AS"
	" SELECT id AS run, command, version, arguments, state, started FROM run;"
	"DROP VIEW IF EXISTS v1_inputs;"
	"CREATE VIEW v1_inputs AS SELECT run, n, spec, path, kind, sha256, bytes FROM input;"
	"DROP VIEW IF EXISTS v1_warnings;"
	"CREATE VIEW v1_warnings AS SELECT run, n, code, subject, text FROM warning;"
	"DROP VIEW IF EXISTS v1_files;"
	"CREATE VIEW v1_files AS SELECT run, id AS file, input, root, loaded, path, realpath,"
	" soname, kind, machine, file_bytes, loaded_bytes, build_id, sha256, interp, package,"
	" package_version, package_type, port, port_version, port_relation, port_note, open_sites,"
	" cost_files, cost_bytes, cost_symbols, symbols_bound_to FROM dep_file;"
	"DROP VIEW IF EXISTS v1_edges;"
	"CREATE VIEW v1_edges AS SELECT e.run, e.id AS edge, e.src AS from_file,"
	" f.path AS from_path, e.dst AS to_file, t.path AS to_path, e.name, e.kind, e.how,"
	" e.address FROM dep_edge e"
	" LEFT JOIN dep_file f ON f.run = e.run AND f.id = e.src"
	" LEFT JOIN dep_file t ON t.run = e.run AND t.id = e.dst;"
	"DROP VIEW IF EXISTS v1_tried;"
	"CREATE VIEW v1_tried AS SELECT run, edge, n, place, source, reason FROM dep_tried;"
	"DROP VIEW IF EXISTS v1_components;"
	"CREATE VIEW v1_components AS SELECT c.run, c.id AS component, c.input,"
	" c.file, f.path AS file_path, c.type, c.name, c.version, c.purl, c.source"
	" FROM dep_component c LEFT JOIN dep_file f ON f.run = c.run AND f.id = c.file;"
	"DROP VIEW IF EXISTS v1_bindings;"
	"CREATE VIEW v1_bindings AS SELECT b.run, b.src AS from_file, f.path AS from_path,"
	" s.name AS symbol, v.name AS version, b.dst AS to_file, t.path AS to_path, b.weak"
	" FROM dep_binding b JOIN symbol s ON s.id = b.symbol"
	" LEFT JOIN symbol v ON v.id = b.version"
	" LEFT JOIN dep_file f ON f.run = b.run AND f.id = b.src"
	" LEFT JOIN dep_file t ON t.run = b.run AND t.id = b.dst;";

static struct error *migrate_one(struct store *store, const struct store_step *step, int version)
{
	struct error *err;
	char pragma[128];

	err = store_exec(store, step->sql);
	if (err)
		return err;
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		 STORE_APPLICATION_ID, version);
	return store_exec(store, pragma);
}

static struct error *version_of(struct store *store, int *ret)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error *err;
	bool more = false;

	err = store_prepare(store, "PRAGMA user_version", &stmt);
	if (!err)
		err = store_step(store, stmt, &more);
	if (!err)
		*ret = more ? sqlite3_column_int(stmt, 0) : 0;
	return err;
}

struct error *store_migrate(struct store *store, const struct store_step *steps, int n)
{
	struct error *err = NULL;

	for (bool done = false; !err && !done;) {
		int version = 0;
		/* The lock first: another process may be migrating the same file. */
		err = store_exec(store, "BEGIN IMMEDIATE");
		if (err)
			return err;
		err = version_of(store, &version);
		if (!err && (version < 0 || version >= n))
			done = true;
		else if (!err)
			err = migrate_one(store, &steps[version], version + 1);
		/* Views are part of the newest version; nobody queries those in memory. */
		if (!err && !done && version + 1 == n && store->path && steps == store_steps)
			err = store_exec(store, store_views);
		if (!err)
			err = store_exec(store, "COMMIT");
		if (err)
			sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		else
			done = done || version + 1 >= n;
	}
	return err;
}
