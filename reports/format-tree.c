/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of a dependency graph. Each file is opened up once, on the shortest
 * way from a root, and marked elsewhere: a libtorch has more ways than a
 * terminal has lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/text.h"
#include "reports/graph.h"
#include "reports/report-ops.h"

struct glyphs {
	const char *branch, *last, *bar, *gap;
};

static const struct glyphs unicode = { "\xe2\x94\x9c\xe2\x94\x80\xe2\x94\x80 ",
				       "\xe2\x94\x94\xe2\x94\x80\xe2\x94\x80 ", "\xe2\x94\x82   ",
				       "    " };
static const struct glyphs ascii = { "|-- ", "`-- ", "|   ", "    " };

enum { MAX_INDENT = 60 };

enum tone { TONE_NONE, TONE_DIM, TONE_BAD, TONE_NOTE, TONE_BOLD };

struct level {
	uint32_t file, next; /* next: of its out edges */
};

struct tree {
	const struct report_context *context;
	const struct graph *graph;
	struct out *out;
	const struct glyphs *glyphs;
	struct buf scratch;
	struct level *levels; /* the way from the root to here */
	size_t n_levels, cap_levels;
	bool repeated;
};

static void tone(struct tree *t, enum tone tone)
{
	static const char *const codes[] = { "\033[0m", "\033[2m", "\033[1;31m", "\033[33m",
					     "\033[1m" };

	if (t->context->options.color)
		out_adds(t->out, codes[tone]);
}

static void put_name(struct tree *t, const char *s)
{
	buf_clear(&t->scratch);
	buf_add_escaped(&t->scratch, s);
	out_add(t->out, t->scratch.data, t->scratch.len);
}

static void put_bytes(struct tree *t, uint64_t bytes)
{
	char text[32];

	out_adds(t->out, text_bytes(text, sizeof(text), bytes));
}

/*
 * What goes before a line below the last level. A chain may have 65,536 steps: what is deeper
 * than a screen is wide gets a number, or the text would grow with the square of the steps.
 */
static void put_bars(struct tree *t, size_t n)
{
	for (size_t i = 0; i < n && i < MAX_INDENT; i++) {
		const struct level *l = &t->levels[i];
		bool more = l->next < t->graph->files[l->file].n_out;
		out_adds(t->out, more ? t->glyphs->bar : t->glyphs->gap);
	}
	if (n > MAX_INDENT)
		out_addf(t->out, "[%zu] ", n + 1);
}

static void put_port(struct tree *t, const struct dep_file *r)
{
	const char *relation = graph_relation(r);

	if (!strcmp(relation, "none")) {
		tone(t, TONE_NOTE);
		out_adds(t->out, "  [no port known]");
		tone(t, TONE_NONE);
		return;
	}
	out_adds(t->out, !strcmp(relation, "port")	 ? "  [port: "
			 : !strcmp(relation, "stand-in") ? "  [stand-in: "
							 : "  [core: ");
	put_name(t, r->port ? r->port : "?");
	if (r->port_version) {
		out_addc(t->out, ' ');
		put_name(t, r->port_version);
	}
	out_addc(t->out, ']');
}

static void put_cost(struct tree *t, const struct dep_file *r)
{
	tone(t, TONE_DIM);
	out_adds(t->out, "  ");
	put_bytes(t, r->loaded_bytes);
	/* What it adds alone, where that is more than itself. */
	if (r->cost_files > 1) {
		out_addf(t->out, ", brings %llu files, ", (unsigned long long)r->cost_files);
		put_bytes(t, r->cost_bytes);
	}
	tone(t, TONE_NONE);
}

static void put_open(struct tree *t, const struct dep_file *r)
{
	if (r->open_sites <= 0)
		return;
	tone(t, TONE_NOTE);
	out_addf(t->out, "  [open: %lld dlopen site%s not constant]", (long long)r->open_sites,
		 r->open_sites == 1 ? "" : "s");
	tone(t, TONE_NONE);
}

/* How the edge is known, where that is not DT_NEEDED. */
static void put_kind(struct tree *t, const struct dep_edge *r)
{
	if (r->kind == DEP_NEEDED)
		return;
	tone(t, TONE_NOTE);
	out_addf(t->out, "  (%s", dep_edge_kind_name(r->kind));
	if (r->how && r->how[0]) {
		out_adds(t->out, ": ");
		put_name(t, r->how);
	}
	if (r->address)
		out_addf(t->out, " at 0x%llx", (unsigned long long)r->address);
	out_addc(t->out, ')');
	tone(t, TONE_NONE);
}

static void put_missing(struct tree *t, const struct graph_edge *e)
{
	bool must = graph_kind_loads(e->row.kind);

	tone(t, must ? TONE_BAD : TONE_NOTE);
	put_name(t, e->row.name);
	out_adds(t->out, "  not found, wanted by ");
	put_name(t, t->graph->files[e->from].row.path);
	tone(t, TONE_NONE);
	put_kind(t, &e->row);
	if (!must && e->n_tried)
		out_addf(t->out, ", %u place%s tried", e->n_tried, e->n_tried == 1 ? "" : "s");
	out_addc(t->out, '\n');
	for (uint32_t i = 0; must && i < e->n_tried; i++) {
		const struct dep_tried *tried = &t->graph->tried[e->first_tried + i];
		put_bars(t, t->n_levels);
		tone(t, TONE_DIM);
		out_adds(t->out, "    tried ");
		put_name(t, tried->place);
		out_adds(t->out, " (");
		put_name(t, tried->source);
		out_adds(t->out, "): ");
		put_name(t, tried->reason);
		tone(t, TONE_NONE);
		out_addc(t->out, '\n');
	}
}

/* The line of a file; 'name': how it was asked for, NULL for a root. */
static void put_file(struct tree *t, const struct graph_edge *e, uint32_t file, bool open_up)
{
	const struct graph_file *f = &t->graph->files[file];

	if (!e)
		tone(t, TONE_BOLD);
	else if (!open_up)
		tone(t, TONE_DIM);
	if (e && strcmp(e->row.name, f->row.path)) {
		put_name(t, e->row.name);
		out_adds(t->out, " => ");
	}
	put_name(t, f->row.path);
	if (e && !open_up) {
		out_adds(t->out, " (*)");
		t->repeated = true;
	}
	tone(t, TONE_NONE);
	if (e)
		put_kind(t, &e->row);
	if (open_up) {
		put_cost(t, &f->row);
		put_port(t, &f->row);
		put_open(t, &f->row);
	}
	out_addc(t->out, '\n');
}

static struct error *push(struct tree *t, uint32_t file)
{
	struct error *err;

	err = array_grow(&t->levels, &t->cap_levels, t->n_levels + 1, sizeof(*t->levels));
	if (!err)
		t->levels[t->n_levels++] = (struct level) { .file = file };
	return err;
}

/* From this many on, plug-ins of one sort are one line. */
enum { GROUPED_PLUGINS = 3 };

/* Bytes of the folder in a path, without the last '/'. */
static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

static bool same_folder(const char *a, const char *b)
{
	size_t len = folder_length(a);
	return len == folder_length(b) && !strncmp(a, b, len);
}

/*
 * Whether an edge is to a plug-in of the same sort ("gconv: ..."), below which
 * nothing hangs.
 */
static bool is_plain_plugin(const struct tree *t, uint32_t edge, const char *how)
{
	const struct graph_edge *e = &t->graph->edges[edge];
	size_t len = how ? strcspn(how, ":") + 1 : 0;

	return e->row.kind == DEP_PLUGIN && e->to != GRAPH_NONE && !t->graph->files[e->to].n_out &&
	       e->row.how && how && !strncmp(e->row.how, how, len);
}

/*
 * The line for a run of plug-ins that begins with 'edge', which is skipped;
 * false where they are too few for that.
 */
static bool put_plugins(struct tree *t, uint32_t edge)
{
	struct level *l = &t->levels[t->n_levels - 1];
	const struct graph_file *f = &t->graph->files[l->file];
	const struct dep_edge *first = &t->graph->edges[edge].row, *last = first;
	uint32_t n = 0, folders = 1, at = l->next - 1; /* 'edge' itself */

	while (at + n < f->n_out) {
		uint32_t next = t->graph->out[f->first_out + at + n];
		if (!is_plain_plugin(t, next, first->how))
			break;
		folders += !same_folder(last->name, t->graph->edges[next].row.name);
		last = &t->graph->edges[next].row;
		n++;
	}
	if (n < GROUPED_PLUGINS)
		return false;
	l->next = at + n;
	put_bars(t, t->n_levels - 1);
	out_adds(t->out, l->next == f->n_out ? t->glyphs->last : t->glyphs->branch);
	tone(t, TONE_NOTE);
	out_addf(t->out, "%u modules that may be opened  (plugin: ", n);
	put_name(t, first->how);
	if (folders > 1)
		out_addf(t->out, " and %u more folder%s", folders - 1, folders == 2 ? "" : "s");
	out_addc(t->out, ')');
	tone(t, TONE_NONE);
	out_addc(t->out, '\n');
	return true;
}

static struct error *put_edge(struct tree *t, uint32_t edge)
{
	const struct graph_edge *e = &t->graph->edges[edge];
	const struct level *l = &t->levels[t->n_levels - 1];
	bool last = l->next == t->graph->files[l->file].n_out;

	if (e->row.kind == DEP_PLUGIN && put_plugins(t, edge))
		return NULL;

	put_bars(t, t->n_levels - 1);
	out_adds(t->out, last ? t->glyphs->last : t->glyphs->branch);
	if (e->to == GRAPH_NONE) {
		put_missing(t, e);
		return NULL;
	}
	bool open_up = t->graph->files[e->to].parent == edge;
	put_file(t, e, e->to, open_up);
	return open_up ? push(t, e->to) : NULL;
}

static struct error *put_root(struct tree *t, uint32_t root)
{
	struct error *err;

	put_file(t, NULL, root, true);
	err = push(t, root);
	while (!err && t->n_levels) {
		struct level *l = &t->levels[t->n_levels - 1];
		const struct graph_file *f = &t->graph->files[l->file];
		if (l->next == f->n_out) {
			t->n_levels--;
			continue;
		}
		err = put_edge(t, t->graph->out[f->first_out + l->next++]);
		if (!err)
			err = log_check_stop(t->context->options.log);
	}
	return err;
}

static void put_totals(struct tree *t)
{
	const struct graph_totals *n = &t->graph->totals;

	if (t->repeated)
		out_adds(t->out, "(*) opened up elsewhere, on the shortest way to it\n");
	out_addf(t->out, "\n%llu files, ", (unsigned long long)n->loaded_files);
	put_bytes(t, n->loaded_bytes);
	out_adds(t->out, " loaded");
	if (n->late_files)
		out_addf(t->out, "; %llu more may be opened at run time",
			 (unsigned long long)n->late_files);
	if (n->not_found)
		out_addf(t->out, "; %llu not found", (unsigned long long)n->not_found);
	if (n->open_sites)
		out_addf(t->out, "; open: %llu dlopen sites in %llu files",
			 (unsigned long long)n->open_sites, (unsigned long long)n->open_files);
	if (n->loaded_open_unknown == n->loaded_files)
		out_adds(t->out, "; dlopen was not looked for");
	else if (n->loaded_open_unknown)
		out_addf(t->out, "; dlopen was not looked for in %llu files",
			 (unsigned long long)n->loaded_open_unknown);
	out_addf(t->out, "; no port known for %llu of %llu", (unsigned long long)n->loaded_no_port,
		 (unsigned long long)n->loaded_files);
	if (n->late_files)
		out_addf(t->out, " (and for %llu of the %llu more)",
			 (unsigned long long)(n->no_port - n->loaded_no_port),
			 (unsigned long long)n->late_files);
	out_addc(t->out, '\n');
}

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	struct error *err = NULL;
	struct tree t = { .context = context,
			  .graph = graph,
			  .out = context->out,
			  .glyphs = context->options.ascii ? &ascii : &unicode };

	buf_init(&t.scratch);
	for (uint32_t i = 0; !err && i < graph->n_files; i++)
		if (graph->files[i].row.root)
			err = put_root(&t, i);
	if (!err) {
		put_totals(&t);
		err = buf_error(&t.scratch);
	}
	buf_deinit(&t.scratch);
	free(t.levels);
	return err;
}

const struct report_format report_format_tree = {
	.name = "tree",
	.summary = "who brings what, for people",
	.extension = "txt",
	.depgraph = write_depgraph,
};
