/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports: a run in the store becomes a file. A report is a pure function of
 * the store: two calls give the same bytes; times are never written.
 *
 * Names in a run come from binaries and are hostile: every format escapes them
 * its own way.
 */
#ifndef REPORTS_REPORT_H
#define REPORTS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/out.h"

struct store;

/* What one node of a picture stands for (dot, svg, and the graph of html). */
enum report_collapse {
	REPORT_COLLAPSE_AUTO,	 /* files, with many plug-ins of one file as one; above 1,000
				    nodes packages, then cycles */
	REPORT_COLLAPSE_NONE,	 /* always files, however long the layout takes */
	REPORT_COLLAPSE_PACKAGE, /* the package that installed them */
	REPORT_COLLAPSE_CYCLE,	 /* strongly connected component */
	REPORT_COLLAPSE_PORT,	 /* the Unikraft library that stands for them */
};

/* All zero is a good default. */
struct report_options {
	bool bindings;	    /* jsonl, json: symbol bindings too */
	bool color;	    /* tree, table: terminal colours */
	bool ascii;	    /* tree, table: the terminal cannot show box drawing characters */
	unsigned int width; /* tree, table: columns of the terminal; 0: no limit */
	enum report_collapse collapse;
	unsigned int layout_seconds; /* time limit of the layout program; 0: 20 s */
	const char *dot;	     /* the layout program; NULL: "dot" found in PATH */
	struct log *log;	     /* advice, such as a layout that took too long; may be NULL */
};

/* A format, for help and completion. */
struct report_format;
const char *report_format_name(const struct report_format *format);
const char *report_format_summary(const struct report_format *format);
/* The usual end of file names, without dot, or NULL where there is none. */
const char *report_format_extension(const struct report_format *format);

/* The formats in the order of help; NULL past the last one. */
const struct report_format *report_format_at(size_t index);

/* The format of a name, or NULL. */
const struct report_format *report_format_find(const char *name);

/* The format that the end of a file name stands for ("x.cdx.json"), or NULL. */
const struct report_format *report_format_of_file(const char *path);

/* The collapse of a name ("auto" "none" "package" "cycle" "port"); false: no such name. */
bool report_collapse_find(const char *name, enum report_collapse *ret);

/*
 * Writes a run. 'options' NULL is all zero. out_finish() stays the caller's.
 * Errors: usage (no such format), unsupported (the format cannot show this kind
 * of run; svg where the layout takes too long), not-found (no such run; svg without a
 * layout program), and those of
 * the store. Where the layout fails, html is written without the graph and a
 * warning goes to the log.
 */
struct error *report_write(const char *format, struct store *store, int64_t run,
			   const struct report_options *options, struct out *out) must_check;

#endif
