/* SPDX-License-Identifier: BSD-2-Clause */
/* The graph in Graphviz' language (https://graphviz.org/doc/info/lang.html). */
#include <string.h>

#include "reports/picture.h"
#include "reports/report-ops.h"

struct look {
	const char *shape, *style;
};

static const struct look looks[PICTURE_SHAPES] = {
	[PICTURE_PORT] = { "box", "rounded" },
	[PICTURE_STAND_IN] = { "box", "rounded,dashed" },
	[PICTURE_CORE] = { "component", "solid" },
	[PICTURE_NO_PORT] = { "octagon", "solid" },
	[PICTURE_NOT_FOUND] = { "hexagon", "dashed" },
};

/* dot takes backslashes as commands and "&lt;" as "<", also in quoted strings. */
static void put_string(struct out *out, struct buf *scratch, const char *s)
{
	buf_clear(scratch);
	buf_add_escaped(scratch, s);
	for (size_t i = 0; i < scratch->len; i++) {
		char c = scratch->data[i];
		if (c == '&') {
			out_adds(out, "&amp;");
			continue;
		}
		if (c == '"' || c == '\\')
			out_addc(out, '\\');
		out_addc(out, c);
	}
}

static void put_node(struct out *out, struct buf *scratch, const struct picture *p, size_t index)
{
	const struct picture_node *n = &p->nodes[index];
	const struct look *look = &looks[n->shape];

	out_addf(out, "n%zu [label=\"", index);
	put_string(out, scratch, n->label);
	out_adds(out, "\\n");
	put_string(out, scratch, n->detail);
	out_addf(out, "\", shape=%s, style=\"%s%s\", fontsize=%.0f, class=\"%s\"];\n", look->shape,
		 look->style, n->root ? ",bold" : "", n->font, picture_shape_name(n->shape));
}

static void put_edge(struct out *out, const struct picture *p, const struct picture_edge *e)
{
	const char *style = graph_kind_loads(e->kind) ? "solid"
			    : e->kind == DEP_DLOPEN   ? "dashed"
						      : "dotted";

	out_addf(out, "n%u -> n%u [style=%s, class=\"%s\"];\n", e->from, e->to,
		 p->nodes[e->to].shape == PICTURE_NOT_FOUND ? "dashed, color=red" : style,
		 dep_edge_kind_name(e->kind));
}

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	_cleanup_picture_ struct picture *p = NULL;
	_cleanup_buf_ struct buf scratch = { 0 };
	struct out *out = context->out;
	struct error *err;
	char note[128];

	err = picture_create(graph, context->options.collapse, PICTURE_MAX_NODES, &p);
	if (err)
		return err;
	out_adds(out, "// Rounded box: ported to Unikraft (dashed: another implementation stands\n"
		      "// in for it); component: part of Unikraft; octagon: no port known;\n"
		      "// hexagon: not found. Edges: solid: loaded at start; dashed: dlopen;\n"
		      "// dotted: candidate or plug-in.\n");
	if (picture_note(p, note, sizeof(note))[0])
		out_addf(out, "// Note: %s.\n", note);
	out_adds(out, "digraph dependencies {\n"
		      "graph [rankdir=LR, nodesep=0.12, ranksep=0.7];\n"
		      "node [fontname=\"Helvetica\", margin=\"0.08,0.03\"];\n"
		      "edge [arrowsize=0.5];\n");
	for (size_t i = 0; i < p->n_nodes; i++)
		put_node(out, &scratch, p, i);
	for (size_t i = 0; i < p->n_edges; i++)
		put_edge(out, p, &p->edges[i]);
	out_adds(out, "}\n");
	return buf_error(&scratch);
}

const struct report_format report_format_dot = {
	.name = "dot",
	.summary = "the graph in Graphviz' language",
	.extension = "dot",
	.depgraph = write_depgraph,
};
