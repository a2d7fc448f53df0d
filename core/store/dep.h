/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of a dependency graph. Ids are small positive integers, given by the
 * writer in the order in which the loader maps the files; 0 means none.
 *
 * Bindings are many (10^5 to 10^7): the writer lends them as a source that can
 * be walked, and they are written to the database only where it is persistent.
 * Readers use dep_each_binding() and need not know.
 */
#ifndef CORE_STORE_DEP_H
#define CORE_STORE_DEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct store;

struct dep_file {
	uint32_t id;
	uint32_t input;	      /* 1-based index of the input it came with */
	bool root;	      /* what the user asked about */
	bool loaded;	      /* the loader maps it at start; else opened at run time */
	const char *path;     /* as the loader names it; unique in a run */
	const char *realpath; /* without symbolic links */
	const char *soname;   /* NULL: none */
	const char *kind;     /* program library static member object */
	const char *machine;  /* x86_64 ... */
	uint64_t file_bytes, loaded_bytes;
	const char *build_id;	     /* hex or NULL */
	const char *sha256;	     /* of the file, hex; NULL: not computed */
	const char *interp;	     /* PT_INTERP or NULL */
	const char *package;	     /* who installed it: "libc6", or NULL */
	const char *package_version; /* or NULL */
	const char *package_type;    /* purl type, with namespace where it has one:
					deb/debian, pypi; or NULL */
	const char *port;	     /* Unikraft library that stands for it, or NULL */
	const char *port_version;    /* or NULL */
	const char *port_relation;   /* port: the same code; stand-in: another
					implementation of the interface; core: part
					of Unikraft itself; none: no port known;
					NULL: not looked for */
	const char *port_note;	     /* or NULL */
	int64_t open_sites; /* dlopen sites whose argument is not constant; -1: not looked for */
	/* What the closure would lose with this file: itself and what only it brings. */
	uint64_t cost_files, cost_bytes;
	int64_t cost_symbols;	   /* -1: bindings were not computed */
	uint64_t symbols_bound_to; /* its definitions that somebody uses */
};

enum dep_edge_kind {
	DEP_NEEDED,    /* DT_NEEDED */
	DEP_INTERP,    /* PT_INTERP */
	DEP_PRELOAD,   /* LD_PRELOAD, --preload, ld.so.preload */
	DEP_FILTER,    /* DT_FILTER, DT_AUXILIARY */
	DEP_DLOPEN,    /* constant argument found in the code, or .note.dlopen */
	DEP_CANDIDATE, /* a string that looks like a library */
	DEP_PLUGIN,    /* a file in a folder that the file is known to load from */
	DEP_MEMBER,    /* static archive: this member needs a symbol of that one */
	DEP_KINDS,
};

/* "needed" "interp" "preload" "filter" "dlopen" "candidate" "plugin" "member" */
const char *dep_edge_kind_name(enum dep_edge_kind kind);

struct dep_edge {
	uint32_t id;
	uint32_t from, to; /* to 0: not found */
	const char *name;  /* what was asked for */
	enum dep_edge_kind kind;
	const char *how;  /* how it is known: "DT_NEEDED", "constant argument",
			     ".note.dlopen feature zstd", "found in RUNPATH of ..." */
	uint64_t address; /* of the call, 0: none */
};

/* A place where the loader looked for an edge that was not found, in order. */
struct dep_tried {
	uint32_t edge;
	const char *place;  /* a path */
	const char *source; /* RPATH of 'x', LD_LIBRARY_PATH, ld.so.cache, default */
	const char *reason; /* no such file, wrong ELF class, ... */
};

/*
 * Something that is inside a file or an input without being a file of the graph:
 * what a wheel's .dist-info/sboms/ says is linked statically.
 */
struct dep_component {
	uint32_t id;
	uint32_t file;	  /* that it is linked into; 0: somewhere in the input */
	uint32_t input;	  /* 1-based index */
	const char *type; /* of CycloneDX: library application framework ... */
	const char *name;
	const char *version; /* or NULL */
	const char *purl;    /* package URL, or NULL */
	const char *source;  /* the file that says so */
};

struct dep_binding {
	uint32_t from, to; /* to 0: unresolved */
	const char *symbol;
	const char *version; /* NULL: unversioned reference */
	bool weak;	     /* the reference is weak */
};

/* A symbol that a static archive's member defines (bindings say who uses it). */

struct dep_binding_source {
	/* Calls 'fn' for each binding, in a stable order; strings valid during the call. */
	struct error *(*each)(struct dep_binding_source *source,
			      struct error *(*fn)(const struct dep_binding *row, void *arg),
			      void *arg);
	uint64_t count;
};

struct error *dep_add_file(struct store *store, int64_t run, const struct dep_file *row) must_check;
struct error *dep_add_edge(struct store *store, int64_t run, const struct dep_edge *row) must_check;
struct error *dep_add_tried(struct store *store, int64_t run,
			    const struct dep_tried *row) must_check;

struct error *dep_add_component(struct store *store, int64_t run,
				const struct dep_component *row) must_check;

/*
 * Lends the bindings of a run; 'source' must live until the store is destroyed.
 * A persistent store writes them now.
 */
struct error *dep_set_bindings(struct store *store, int64_t run,
			       struct dep_binding_source *source) must_check;

/* Readers; rows in order of id. Strings are valid during the call. */
struct error *dep_each_file(struct store *store, int64_t run,
			    struct error *(*fn)(const struct dep_file *row, void *arg),
			    void *arg) must_check;
struct error *dep_each_edge(struct store *store, int64_t run,
			    struct error *(*fn)(const struct dep_edge *row, void *arg),
			    void *arg) must_check;
/* Of one edge, or of all with edge 0. */
struct error *dep_each_tried(struct store *store, int64_t run, uint32_t edge,
			     struct error *(*fn)(const struct dep_tried *row, void *arg),
			     void *arg) must_check;
struct error *dep_each_component(struct store *store, int64_t run,
				 struct error *(*fn)(const struct dep_component *row, void *arg),
				 void *arg) must_check;
struct error *dep_each_binding(struct store *store, int64_t run,
			       struct error *(*fn)(const struct dep_binding *row, void *arg),
			       void *arg) must_check;

#endif
