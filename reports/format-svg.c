/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/picture.h"
#include "reports/report-ops.h"

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	_cleanup_picture_ struct picture *picture = NULL;
	struct error *err;
	char note[128];

	err = picture_create_placed(graph, &context->options, &picture);
	if (err)
		return err;
	if (picture_note(picture, note, sizeof(note))[0])
		log_message(context->options.log, LOG_INFO, "%s", note);
	picture_write_svg(picture, context->out, true);
	return NULL;
}

const struct report_format report_format_svg = {
	.name = "svg",
	.summary = "a picture, laid out by dot",
	.extension = "svg",
	.depgraph = write_depgraph,
};
