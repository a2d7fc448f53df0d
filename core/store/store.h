/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store: one SQLite database that components write rows into and reports
 * read. A one-shot command keeps it in memory; --store FILE keeps it on disk.
 *
 * The file says what it is by application_id and user_version; older versions
 * are migrated when they are opened for writing, newer ones are refused. Tables
 * are private. The views v1_* are documented in docs/STORE.md and stay.
 *
 * A run is written in one transaction per batch of rows and ends with
 * store_run_finish(); a writer that is killed leaves a readable store with a
 * run whose state is 'running'.
 */
#ifndef CORE_STORE_STORE_H
#define CORE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct store;

enum { STORE_APPLICATION_ID = 0x554e5343, /* "UNSC" */ STORE_VERSION = 2 };

enum store_open_flags {
	STORE_OPEN_READ = 1 << 0,   /* must exist; nothing is changed */
	STORE_OPEN_CREATE = 1 << 1, /* for writing; made where it does not exist */
};

/* path NULL: in memory, for writing. */
struct error *store_open(const char *path, unsigned int flags, struct store **ret) must_check;
void store_destroy(struct store *store);

static inline void store_cleanup(struct store **store)
{
	store_destroy(*store);
}
#define _cleanup_store_ __attribute__((cleanup(store_cleanup)))

/* Whether rows outlive the process (so that large tables are worth writing). */
bool store_is_persistent(const struct store *store);

struct store_run {
	int64_t id;	       /* set by store_run_begin */
	const char *command;   /* "depgraph report" */
	const char *version;   /* of the tool */
	const char *arguments; /* JSON array of strings */
	const char *state;     /* running, done, incomplete, interrupted */
	const char *started;   /* ISO 8601 UTC; in the store only, never in a report */
};

/* Begins a run and gives its id. */
struct error *store_run_begin(struct store *store, struct store_run *run) must_check;
struct error *store_run_finish(struct store *store, int64_t run, const char *state) must_check;
/* Strings are valid until the next call, or until the store is destroyed. */
struct error *store_run_get(struct store *store, int64_t run, struct store_run *ret) must_check;
/* Newest first. Strings are valid during the call. */
struct error *store_each_run(struct store *store,
			     struct error *(*fn)(const struct store_run *row, void *arg),
			     void *arg) must_check;

struct store_input {
	const char *spec;   /* what the user typed */
	const char *path;   /* the file or folder it means */
	const char *kind;   /* elf dir wheel deb tar oci ar */
	const char *sha256; /* hex, or NULL: a folder, or not computed */
	uint64_t bytes;
};

struct error *store_add_input(struct store *store, int64_t run,
			      const struct store_input *row) must_check;
struct error *store_each_input(struct store *store, int64_t run,
			       struct error *(*fn)(const struct store_input *row, void *arg),
			       void *arg) must_check;

/* Warnings are part of the answer: what is missing, and why. */
struct store_warning {
	const char *code;    /* "not-found", "bad-data", "unsafe-member", ... */
	const char *subject; /* the file it is about, or "" */
	const char *text;
};

struct error *store_add_warning(struct store *store, int64_t run,
				const struct store_warning *row) must_check;
struct error *store_each_warning(struct store *store, int64_t run,
				 struct error *(*fn)(const struct store_warning *row, void *arg),
				 void *arg) must_check;

#endif
