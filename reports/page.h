/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A self-contained HTML page: a template with marks like @@TITLE@@, style and
 * scripts inside, and a content security policy that allows nothing but these,
 * by their SHA-256. Whatever else is in the page is text.
 */
#ifndef REPORTS_PAGE_H
#define REPORTS_PAGE_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/base/out.h"

struct page_text {
	const char *data;
	size_t len;
};

struct page {
	struct page_text template, style, library, script;
	const char *title; /* hostile */
	/* Write what stands at @@GRAPH@@ (markup) and at @@DATA@@ (JSON). */
	struct error *(*graph)(struct page *page, struct out *out);
	struct error *(*data)(struct page *page, struct out *out);
};

struct error *page_write(struct page *page, struct out *out) must_check;

#endif
