/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which libraries does a file open at run time, and how is that known?
 *
 * For x86-64 the code is read: every place that calls dlopen() or one of its
 * kin is found and its argument is followed back through the function and, where
 * the function passes its own argument on, to its callers in the file. For other
 * machines only notes and strings are read, and 'analysed' says so.
 *
 * Nothing is guessed silently: a name is a fact (constant, table, note) or a
 * candidate; a call whose argument is not known completely is an open site.
 */
#ifndef ANALYZE_DLOPEN_H
#define ANALYZE_DLOPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/image/image.h"

enum dlopen_kind {
	DLOPEN_CONSTANT,  /* the argument of a call, found in the code */
	DLOPEN_TABLE,	  /* an entry of a read-only table that the argument comes from */
	DLOPEN_NOTE,	  /* .note.dlopen says so */
	DLOPEN_CANDIDATE, /* a string that looks like a library, without proof */
	DLOPEN_PATTERN,	  /* the same with printf conversions: "lib%s.so"; no file's name */
};

/* "constant" "table" "note" "candidate" "pattern" */
const char *dlopen_kind_name(enum dlopen_kind kind);

/* A name that is opened. Names are bytes from the file: escape them before showing. */
struct dlopen_ref {
	const char *name;
	enum dlopen_kind kind;
	uint64_t address;     /* of the call, 0: none */
	const char *function; /* the call is in, NULL: no symbol */
	const char *how;      /* "constant argument", "constant table", "argument of 'load'
				 passed on to dlopen", ".note.dlopen feature zstd (suggested)" ... */
};

/* A call whose argument is not, or not completely, known. */
struct dlopen_site {
	uint64_t address;
	const char *function; /* NULL: no symbol */
	const char *callee;   /* "dlopen", or the function that passes it on */
	const char *how;      /* why it is open */
};

/* An exported function that passes an argument on: its callers in other files open files. */
struct dlopen_wrapper {
	const char *symbol;
	unsigned int argument; /* 0 to 5: rdi, rsi, rdx, rcx, r8, r9 */
};

struct dlopen_facts {
	struct dlopen_ref *refs; /* by kind, then as found; a name once per kind and call */
	size_t nrefs;
	struct dlopen_site *open;
	size_t nopen;
	struct dlopen_wrapper *wrappers;
	size_t nwrappers;

	bool imports;	    /* dlopen or its kin can be called at all (imported or defined) */
	bool analysed;	    /* the code was read; false: another machine, every call is open */
	size_t sites;	    /* calls of dlopen, dlmopen, __libc_dlopen_mode */
	size_t constant;    /* of these, with an argument that is known completely */
	size_t self;	    /* of these, with NULL or "" among the values: the program itself */
	size_t dlsym_sites; /* calls of dlsym, dlvsym */

	struct dlopen_private *priv;
};

enum dlopen_flags {
	DLOPEN_NO_CODE = 1 << 0,       /* notes and strings only */
	DLOPEN_NO_CANDIDATES = 1 << 1, /* do not search strings */
	DLOPEN_NO_DLSYM = 1 << 2,      /* do not count calls of dlsym: less to search for */
};

/*
 * Reads one file. 'known' are functions of other files that pass an argument on
 * (dlopen_facts.wrappers of those); they are treated like dlopen. Strings are
 * valid until dlopen_facts_destroy() and as long as the image.
 * Errors: no-memory. What a hostile file breaks makes calls open.
 */
struct error *dlopen_find(const struct image *image, unsigned int flags,
			  const struct dlopen_wrapper *known, size_t nknown,
			  struct dlopen_facts **ret) must_check;
void dlopen_facts_destroy(struct dlopen_facts *facts);

static inline void dlopen_facts_cleanup(struct dlopen_facts **facts)
{
	dlopen_facts_destroy(*facts);
}
#define _cleanup_dlopen_facts_ __attribute__((cleanup(dlopen_facts_cleanup)))

/* Whether a string looks like the file name of a shared object: "libx.so.1", "/a/b.so". */
bool dlopen_is_library_name(const char *name);

#endif
