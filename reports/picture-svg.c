/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Draws a placed picture as SVG. Class names carry the meaning; colours come
 * from the style sheet, and every meaning has a shape and a word, too.
 */
#include <string.h>

#include "assets.h"
#include "reports/picture.h"

struct svg {
	const struct picture *p;
	struct out *out;
	struct buf scratch;
};

/* Coordinates with one decimal: small, and finer than a pixel. */
static void number(struct svg *s, double value)
{
	long tenths = (long)(value * 10 + (value < 0 ? -0.5 : 0.5));

	if (tenths < 0) {
		out_addc(s->out, '-');
		tenths = -tenths;
	}
	out_addu(s->out, (uint64_t)tenths / 10);
	if (tenths % 10) {
		out_addc(s->out, '.');
		out_addc(s->out, (char)('0' + tenths % 10));
	}
}

static void whole(struct svg *s, double value)
{
	number(s, (double)(long)(value + (value < 0 ? -0.5 : 0.5)));
}

static void point(struct svg *s, char command, double x, double y)
{
	if (command)
		out_addc(s->out, command);
	number(s, x);
	out_addc(s->out, ' ');
	number(s, y);
}

/* 'text' is what text_escape() made: no control characters, valid UTF-8. */
static void put_text(struct svg *s, const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++) {
		switch (text->data[i]) {
		case '<':
			out_adds(s->out, "&lt;");
			break;
		case '>':
			out_adds(s->out, "&gt;");
			break;
		case '&':
			out_adds(s->out, "&amp;");
			break;
		case '"':
			out_adds(s->out, "&quot;");
			break;
		default:
			out_addc(s->out, text->data[i]);
		}
	}
}

/* An edge that the layout did not place: from the right side to the left side. */
static void put_straight(struct svg *s, const struct picture_node *from,
			 const struct picture_node *to)
{
	double x1 = from->at.x + from->width / 2, x2 = to->at.x - to->width / 2;
	double bend = (x2 - x1) / 3;

	out_addc(s->out, 'M');
	whole(s, x1);
	out_addc(s->out, ' ');
	whole(s, from->at.y);
	out_addc(s->out, 'c');
	whole(s, bend);
	out_adds(s->out, " 0 ");
	whole(s, x2 - x1 - bend);
	out_addc(s->out, ' ');
	whole(s, to->at.y - from->at.y);
	out_addc(s->out, ' ');
	whole(s, x2 - x1);
	out_addc(s->out, ' ');
	whole(s, to->at.y - from->at.y);
}

static void put_edge(struct svg *s, const struct picture_edge *e)
{
	const char *kind = s->p->nodes[e->to].shape == PICTURE_NOT_FOUND ? "lost"
			   : graph_kind_loads(e->kind)			 ? "needs"
			   : e->kind == DEP_DLOPEN			 ? "opens"
									 : "maybe";

	out_addf(s->out, "<path class=\"e %s%s\" data-f=\"%u\" data-t=\"%u\" d=\"", kind,
		 e->implied ? " implied" : "", e->from, e->to);
	if (e->implied)
		put_straight(s, &s->p->nodes[e->from], &s->p->nodes[e->to]);
	for (size_t i = 0; i < e->n_points; i++) {
		out_addc(s->out, i == 0 ? 'M' : i == 1 ? 'C' : ' ');
		whole(s, e->points[i].x);
		out_addc(s->out, ' ');
		whole(s, e->points[i].y);
	}
	out_adds(s->out, "\"/>\n");
}

/* A box with cut corners: an octagon, or a hexagon where the cut is half the height. */
static void put_cut_box(struct svg *s, double w, double h, double cut)
{
	double x = w / 2, y = h / 2;

	out_adds(s->out, "<path class=\"s\" d=\"");
	point(s, 'M', -x + cut, -y);
	point(s, 'L', x - cut, -y);
	point(s, 'L', x, -y + cut);
	point(s, 'L', x, y - cut);
	point(s, 'L', x - cut, y);
	point(s, 'L', -x + cut, y);
	point(s, 'L', -x, y - cut);
	point(s, 'L', -x, -y + cut);
	out_adds(s->out, "Z\"/>");
}

static void put_box(struct svg *s, double w, double h, double radius)
{
	out_adds(s->out, "<rect class=\"s\" x=\"");
	number(s, -w / 2);
	out_adds(s->out, "\" y=\"");
	number(s, -h / 2);
	out_adds(s->out, "\" width=\"");
	number(s, w);
	out_adds(s->out, "\" height=\"");
	number(s, h);
	out_adds(s->out, "\" rx=\"");
	number(s, radius);
	out_adds(s->out, "\"/>");
}

static void put_shape(struct svg *s, const struct picture_node *n)
{
	double w = n->width, h = n->height;

	switch (n->shape) {
	case PICTURE_NO_PORT:
		put_cut_box(s, w, h, 7);
		break;
	case PICTURE_NOT_FOUND:
		put_cut_box(s, w, h, h / 2);
		break;
	case PICTURE_CORE:
		put_box(s, w, h, 0);
		put_box(s, w - 6, h, 0); /* a second line at both sides */
		break;
	default:
		put_box(s, w, h, 8);
	}
}

static void put_label(struct svg *s, const char *text, size_t max, double font, double y,
		      const char *class)
{
	picture_short_label(text, max, &s->scratch);
	out_addf(s->out, "<text class=\"%s\" y=\"", class);
	number(s, y);
	out_adds(s->out, "\" font-size=\"");
	number(s, font);
	out_adds(s->out, "\">");
	put_text(s, &s->scratch);
	out_adds(s->out, "</text>");
}

static void put_node(struct svg *s, size_t index)
{
	const struct picture_node *n = &s->p->nodes[index];

	out_addf(s->out, "<g class=\"n %s%s%s%s\" data-n=\"%zu\" transform=\"translate(",
		 picture_shape_name(n->shape), n->root ? " root" : "", n->late ? " late" : "",
		 n->open_sites ? " open" : "", index);
	number(s, n->at.x);
	out_addc(s->out, ' ');
	number(s, n->at.y);
	out_adds(s->out, ")\"><title>");
	buf_clear(&s->scratch);
	buf_add_escaped(&s->scratch, n->label);
	buf_adds(&s->scratch, ": ");
	buf_add_escaped(&s->scratch, n->detail);
	put_text(s, &s->scratch);
	out_adds(s->out, "</title>");
	put_shape(s, n);
	put_label(s, n->label, 28, n->font, -n->font * 0.08, "l");
	put_label(s, n->detail, 56, n->font * 0.7, n->font * 0.88, "d");
	out_adds(s->out, "</g>\n");
}

void picture_write_svg(const struct picture *p, struct out *out, bool alone)
{
	struct svg s = { .p = p, .out = out };
	double margin = 12;

	out_adds(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" viewBox=\"");
	point(&s, 0, -margin, -margin);
	out_addc(out, ' ');
	point(&s, 0, p->width + 2 * margin, p->height + 2 * margin);
	if (alone) {
		out_adds(out, "\" width=\"");
		number(&s, p->width + 2 * margin);
		out_adds(out, "\" height=\"");
		number(&s, p->height + 2 * margin);
	}
	out_adds(out, "\" role=\"img\" aria-label=\"Dependency graph\">\n");
	if (alone) {
		out_adds(out, "<title>Dependency graph</title>\n<style>");
		out_add(out, asset_graph_css_start,
			(size_t)(asset_graph_css_end - asset_graph_css_start));
		out_adds(out, "</style>\n");
	}
	out_adds(out, "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\""
		      " markerWidth=\"5\" markerHeight=\"5\" orient=\"auto-start-reverse\">"
		      "<path class=\"tip\" d=\"M0 0L8 4L0 8Z\"/></marker></defs>\n"
		      "<g class=\"all\">\n<g class=\"edges\">\n");
	for (size_t i = 0; i < p->n_edges; i++)
		put_edge(&s, &p->edges[i]);
	out_adds(out, "</g>\n<g class=\"nodes\">\n");
	for (size_t i = 0; i < p->n_nodes; i++)
		put_node(&s, i);
	out_adds(out, "</g>\n</g>\n</svg>\n");
	if (s.scratch.failed)
		out->buf.failed = true;
	buf_deinit(&s.scratch);
}
