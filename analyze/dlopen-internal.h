/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to analyze/dlopen*.c. */
#ifndef ANALYZE_DLOPEN_INTERNAL_H
#define ANALYZE_DLOPEN_INTERNAL_H

#include "analyze/dlopen.h"
#include "analyze/flow.h"
#include "core/base/arena.h"
#include "core/image/functions.h"

enum {
	DLOPEN_MAX_SITES = 1 << 12,    /* calls that are looked at in one file */
	DLOPEN_MAX_REFS = 1 << 16,     /* names of one file */
	DLOPEN_MAX_DEPTH = 5,	       /* wrappers of wrappers */
	DLOPEN_MAX_FUNCTION = 1 << 20, /* bytes of a function that is followed */
	DLOPEN_MAX_TABLE = 1024,       /* entries of a table of names */
	DLOPEN_MAX_NAME = 4096,
};

/* A function whose argument names a file: dlopen itself or one that passes it on. */
struct dlopen_callee {
	const char *name;
	uint8_t reg;  /* enum insn_reg of the argument */
	bool counted; /* only counted: dlsym */
	bool direct;  /* dlopen, dlmopen, ...: not a wrapper */
	unsigned int depth;
	uint64_t address; /* where it is defined in this file, or 0 */
	/* of a wrapper: */
	size_t callers; /* calls found */
	bool taken;	/* its address is used otherwise */
	bool exported;
	bool open_caller; /* a caller whose own argument is open */
	bool visiting;	  /* while its callers are asked: it calls itself */
};

/* An address that means a callee: its code, a stub that jumps to it, or a slot with its address. */
struct dlopen_place {
	uint64_t address;
	size_t callee;
	bool slot;
};

enum dlopen_use { DLOPEN_USE_CALL, DLOPEN_USE_JUMP, DLOPEN_USE_ADDRESS };

struct dlopen_use_site {
	uint64_t address; /* of the instruction */
	size_t callee;
	enum dlopen_use use;
	struct function function;
	bool done;
};

/* A call whose argument is (also) that of the function it is in: its callers decide. */
struct dlopen_pending {
	uint64_t address;
	size_t callee;	/* what is called */
	size_t wrapper; /* the function around, as a callee */
	bool open;	/* already listed as open for another reason */
};

struct dlopen_private {
	struct arena arena;
};

struct dlopen_search {
	const struct image *image;
	unsigned int flags;
	struct functions functions;
	struct flow *flow; /* made when the first function is followed */
	struct arena *arena;
	struct dlopen_facts *facts;
	size_t refs_cap, open_cap, wrappers_cap;

	struct dlopen_callee *callees;
	size_t ncallees, callees_cap;
	struct dlopen_place *places;
	size_t nplaces, places_cap;
	struct dlopen_use_site *uses;
	size_t nuses, uses_cap;
	bool truncated; /* there were more calls than DLOPEN_MAX_SITES */
	struct dlopen_pending *pending;
	size_t npending, pending_cap;
};

/* --- places and uses (dlopen-sites.c) --- */

struct error *dlopen_add_callee(struct dlopen_search *s, const struct dlopen_callee *callee,
				size_t *ret) must_check;

/* Finds slots, stubs and definitions of the callees from index 'first' on. */
struct error *dlopen_find_places(struct dlopen_search *s, size_t first) must_check;

/* Finds the instructions that use the places from index 'first' on. */
struct error *dlopen_find_uses(struct dlopen_search *s, size_t first) must_check;

/*
 * Other ranges that belong to a function: parts it jumps to and parts that jump
 * to it. ret[0] is the range with the entry.
 */
enum { DLOPEN_MAX_PARTS = 16 };
struct error *dlopen_find_parts(struct dlopen_search *s, const struct function *function,
				struct flow_range *ret, size_t *nret) must_check;

/* --- arguments (dlopen-arguments.c) --- */

/* Follows the arguments of the uses from index 'first' on; adds refs, sites, new callees. */
struct error *dlopen_follow(struct dlopen_search *s, size_t first) must_check;

/* Says of each wrapper whether its callers explain it; adds open sites and facts.wrappers. */
struct error *dlopen_finish_wrappers(struct dlopen_search *s) must_check;

/* --- facts (dlopen.c) --- */

struct error *dlopen_add_ref(struct dlopen_search *s, const char *name, enum dlopen_kind kind,
			     uint64_t address, const char *how) must_check;
struct error *dlopen_add_open(struct dlopen_search *s, uint64_t address, const char *callee,
			      const char *how) must_check;

/* --- what is not code (dlopen-strings.c) --- */

struct error *dlopen_read_notes(struct dlopen_search *s) must_check;
struct error *dlopen_read_candidates(struct dlopen_search *s) must_check;

#endif
