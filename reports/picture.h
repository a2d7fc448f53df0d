/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is drawn: a graph of files, or of groups of files where there are too
 * many. picture_create() decides what a node stands for, picture_layout() asks
 * the layout program where it goes, picture_write_svg() draws it.
 */
#ifndef REPORTS_PICTURE_H
#define REPORTS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/out.h"
#include "reports/graph.h"
#include "reports/report.h"

/* More nodes than this make no picture: they are collapsed. */
enum { PICTURE_MAX_NODES = 1000 };

/* Told by shape and by text, not by colour alone. */
enum picture_shape {
	PICTURE_PORT,
	PICTURE_STAND_IN,
	PICTURE_CORE,
	PICTURE_NO_PORT, /* also a group with at least one file without port */
	PICTURE_NOT_FOUND,
	PICTURE_SHAPES,
};

/* "port" "stand-in" "core" "no-port" "not-found": class names, and keys of legends */
const char *picture_shape_name(enum picture_shape shape);

struct picture_point {
	double x, y; /* points (1/72 inch), y downwards */
};

struct picture_node {
	const char *label;  /* hostile; not shortened */
	const char *detail; /* what the shape says, in words; parts of it are hostile */
	enum picture_shape shape;
	bool root, late; /* late: only opened at run time */
	uint64_t open_sites;
	uint32_t n_files, n_no_port;
	uint64_t cost; /* bytes: decides the size */
	double scale;  /* 0..1, by cost */
	double font;   /* of the label, points */
	double width, height;
	struct picture_point at; /* centre; after the layout */
};

struct picture_edge {
	uint32_t from, to;
	enum dep_edge_kind kind; /* the strongest one of those it stands for */
	bool implied;		 /* there is a longer way anyway; not part of the layout */
	const struct picture_point *points;
	size_t n_points; /* 1 + 3 * n of a Bezier curve; 0: no layout */
};

struct picture {
	struct arena arena;
	enum report_collapse collapse; /* what was done; never AUTO */
	bool cut;		       /* the cheapest groups are one node, too */
	bool folded;		       /* plug-ins of one file are one node */
	size_t max;
	struct picture_node *nodes;
	size_t n_nodes, cap_nodes;
	struct picture_edge *edges;
	size_t n_edges, cap_edges;
	uint32_t *node_of; /* by index of the file */
	bool placed;
	double width, height;
};

/* Names are borrowed from 'graph'. With AUTO there are about 'max' nodes at most. */
struct error *picture_create(const struct graph *graph, enum report_collapse collapse, size_t max,
			     struct picture **ret) must_check;

/*
 * A picture with a layout. With REPORT_COLLAPSE_AUTO a graph that dot cannot lay
 * out in time is tried again with fewer nodes, within the time limit as a whole.
 */
struct error *picture_create_placed(const struct graph *graph, const struct report_options *options,
				    struct picture **ret) must_check;
void picture_destroy(struct picture *picture);

static inline void picture_cleanup(struct picture **picture)
{
	picture_destroy(*picture);
}
#define _cleanup_picture_ __attribute__((cleanup(picture_cleanup)))

/* "the graph is collapsed by package; ..."; "" where each file is a node. Returns 'dst'. */
const char *picture_note(const struct picture *picture, char *dst, size_t size);

/*
 * Fills in where things go, by running "dot" for at most 'seconds'. Errors:
 * not-found (no such program), unsupported (time is over, it failed), stop.
 */
struct error *picture_layout(struct picture *picture, const struct report_options *options,
			     unsigned int seconds) must_check;

/* --- picture-reduce.c --- */

/* Marks the edges that are implied by others. */
struct error *picture_reduce(struct picture *picture) must_check;

/*
 * The edges by their start: those of node n are by_from[first[n]] up to
 * by_from[first[n + 1] - 1]. 'first' has n_nodes + 2 zeroed elements, 'by_from'
 * n_edges.
 */
void picture_group_edges(const struct picture *picture, uint32_t *first, uint32_t *by_from);

/* The <svg> element of a placed picture. 'alone': with its own style, as a file. */
void picture_write_svg(const struct picture *picture, struct out *out, bool alone);

/* A label of at most 'max' characters: "libnvidia…so.1". Escaped by text_escape(). */
void picture_short_label(const char *label, size_t max, struct buf *ret);

#endif
