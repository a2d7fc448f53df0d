/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to analyze/diff*.c. */
#ifndef ANALYZE_DIFF_INTERNAL_H
#define ANALYZE_DIFF_INTERNAL_H

#include "analyze/diff.h"
#include "core/base/arena.h"
#include "core/base/map.h"

/* One who needs something; a list in order of arrival. */
struct diff_user {
	uint32_t file; /* index of the entry */
	struct diff_user *next;
};

/* A symbol or a library that one side needs. */
struct diff_need {
	const char *name, *version;
	bool weak;
	uint32_t bound_to; /* index + 1 of the entry, 0: none */
	struct diff_user *first, *last;
	size_t nusers;
};

struct diff_reader {
	const struct diff_side *side;
	struct arena *arena;
	struct diff_totals *totals;
	struct diff_entry *entries; /* in order of ids */
	size_t n, cap;
	struct map symbols; /* "name\0version" -> struct diff_need */
	struct map missing; /* name -> struct diff_need */
	bool *taken;	    /* by entry: matched with one of the other side */
};

struct diff_private {
	struct arena arena;
	struct diff_reader a, b;
};

/* Reads the rows of a side; 'side', 'arena' and 'totals' are set. */
struct error *diff_read(struct diff_reader *reader, bool symbols) must_check;
void diff_reader_deinit(struct diff_reader *reader);

/* Whether two files hold the same bytes; those that cannot be read do not. */
bool diff_same_bytes(const struct diff_reader *a, const struct diff_entry *x,
		     const struct diff_reader *b, const struct diff_entry *y);

#endif
