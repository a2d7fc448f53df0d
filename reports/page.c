/* SPDX-License-Identifier: BSD-2-Clause */
#include "reports/page.h"

#include <string.h>

#include "core/base/sha256.h"

/* RFC 4648, of a digest. */
static void put_base64(struct out *out, const unsigned char *data)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < SHA256_SIZE; i += 3) {
		size_t left = SHA256_SIZE - i;
		unsigned int v = (unsigned int)data[i] << 16;
		if (left > 1)
			v |= (unsigned int)data[i + 1] << 8;
		if (left > 2)
			v |= data[i + 2];
		out_addc(out, digits[v >> 18]);
		out_addc(out, digits[v >> 12 & 63]);
		out_addc(out, left > 1 ? digits[v >> 6 & 63] : '=');
		out_addc(out, left > 2 ? digits[v & 63] : '=');
	}
}

static struct error *put_hash(struct out *out, const struct page_text *text)
{
	unsigned char digest[SHA256_SIZE];
	struct error *err = sha256_bytes(text->data, text->len, digest);

	if (err)
		return err;
	out_adds(out, " 'sha256-");
	put_base64(out, digest);
	out_addc(out, '\'');
	return NULL;
}

/* Content Security Policy Level 3: https://www.w3.org/TR/CSP3/ */
static struct error *put_policy(const struct page *page, struct out *out)
{
	struct error *err;

	out_adds(out, "default-src 'none'; base-uri 'none'; form-action 'none'; script-src");
	err = put_hash(out, &page->library);
	if (!err)
		err = put_hash(out, &page->script);
	out_adds(out, "; style-src");
	return err ? err : put_hash(out, &page->style);
}

static struct error *put_title(const struct page *page, struct out *out)
{
	_cleanup_buf_ struct buf safe = { 0 };

	buf_add_escaped(&safe, page->title);
	for (size_t i = 0; i < safe.len; i++) {
		if (safe.data[i] == '<')
			out_adds(out, "&lt;");
		else if (safe.data[i] == '&')
			out_adds(out, "&amp;");
		else
			out_addc(out, safe.data[i]);
	}
	return buf_error(&safe);
}

static bool is_mark(const char *mark, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(mark, name, len);
}

static struct error *put_mark(struct page *page, const char *mark, size_t len, struct out *out)
{
	const struct {
		const char *name;
		const struct page_text *text;
	} texts[] = { { "STYLE", &page->style },
		      { "LIBRARY", &page->library },
		      { "SCRIPT", &page->script } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (is_mark(mark, len, texts[i].name)) {
			out_add(out, texts[i].text->data, texts[i].text->len);
			return NULL;
		}
	}
	if (is_mark(mark, len, "POLICY"))
		return put_policy(page, out);
	if (is_mark(mark, len, "TITLE"))
		return put_title(page, out);
	if (is_mark(mark, len, "GRAPH"))
		return page->graph(page, out);
	if (is_mark(mark, len, "DATA"))
		return page->data(page, out);
	return error_create(ERROR_BAD_DATA, "unknown mark '%.*s' in a page", (int)len, mark);
}

struct error *page_write(struct page *page, struct out *out)
{
	const char *at = page->template.data, *end = at + page->template.len;
	struct error *err = NULL;

	while (!err && at < end) {
		const char *mark = memmem(at, (size_t)(end - at), "@@", 2);
		out_add(out, at, (size_t)((mark ? mark : end) - at));
		if (!mark)
			break;
		mark += 2;
		const char *close = memmem(mark, (size_t)(end - mark), "@@", 2);
		if (!close)
			return error_create(ERROR_BAD_DATA, "a mark in a page has no end");
		err = put_mark(page, mark, (size_t)(close - mark), out);
		at = close + 2;
	}
	return err;
}
