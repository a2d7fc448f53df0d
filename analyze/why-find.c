/* SPDX-License-Identifier: BSD-2-Clause */
/* What a TARGET means: files, names that were not found, symbols; and what is like it. */
#include <stdlib.h>
#include <string.h>

#include "analyze/why-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/* --- Files --- */

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Whether a path ends with the text, at the begin of a name. */
static bool ends_with(const char *path, const char *text)
{
	size_t len = path ? strlen(path) : 0, tail = strlen(text);

	if (!tail || tail > len || strcmp(path + len - tail, text) != 0)
		return false;
	if (tail == len)
		return true;
	char before = path[len - tail - 1];
	return text[0] == '/' ? before == '!' : before == '/' || before == '!';
}

static bool is_path_of(const struct why_node *node, const char *text, const char *canonical)
{
	return node->path && (same(node->path, text) || same(node->realpath, text) ||
			      same(node->path, canonical) || same(node->realpath, canonical));
}

static bool is_name_of(const struct why_node *node, const char *text)
{
	if (!node->path)
		return ends_with(node->name, text);
	return same(node->soname, text) || ends_with(node->path, text) ||
	       ends_with(node->realpath, text);
}

/* An exact path means that file alone; other texts mean all that have the name. */
static void match_nodes(const struct why *why, const char *text, const char *canonical,
			bool *matches)
{
	bool any = false;

	for (size_t i = 0; i < why->nnodes; i++) {
		matches[i] = is_path_of(&why->nodes[i], text, canonical);
		any |= matches[i];
	}
	if (any)
		return;
	for (size_t i = 0; i < why->nnodes; i++)
		matches[i] = is_name_of(&why->nodes[i], text);
	for (size_t i = 0; i < why->nasked; i++)
		if (!strcmp(why->asked[i].name, text))
			matches[why->asked[i].node] = true;
}

struct error *why_find(struct why *why, const char *text, const char *canonical,
		       struct why_target **ret, size_t *nret)
{
	_cleanup_free_ bool *matches = calloc(why->nnodes + 1, 1);
	_cleanup_free_ struct why_target *targets = NULL;
	size_t n = 0, cap = 0;
	struct error *err;

	if (!matches)
		return &error_no_memory;
	match_nodes(why, text, canonical, matches);
	for (size_t i = 0; i < why->nnodes; i++) {
		if (!matches[i])
			continue;
		err = array_grow(&targets, &cap, n + 1, sizeof(*targets));
		if (!err)
			err = why_reach(why, &why->nodes[i], false, &targets[n++]);
		if (err)
			return err;
	}
	*ret = cleanup_release(&targets);
	*nret = n;
	return NULL;
}

/* --- Symbols --- */

struct symbol_search {
	struct why *why;
	const char *text;
	size_t name_len;     /* of text, up to an '@' */
	const char *version; /* NULL: any */
	struct why_reference *found;
	size_t n, cap;
};

static bool wanted(const struct symbol_search *s, const struct dep_binding *row)
{
	if (!strcmp(row->symbol, s->text))
		return true;
	return s->version && !strncmp(row->symbol, s->text, s->name_len) &&
	       !row->symbol[s->name_len] && same(row->version, s->version);
}

static struct error *keep_reference(const struct dep_binding *row, void *arg)
{
	struct symbol_search *s = arg;
	struct arena *arena = &s->why->arena;
	struct error *err;

	if (!wanted(s, row))
		return NULL;
	const struct why_node *from = why_node_of(s->why, row->from);
	if (!from)
		return error_create(ERROR_BAD_DATA, "a binding of the run names a file it lacks");
	err = array_grow(&s->found, &s->cap, s->n + 1, sizeof(*s->found));
	if (err)
		return err;
	struct why_reference r = { .weak = row->weak,
				   .bound_to = row->to ? why_node_of(s->why, row->to) : NULL,
				   .symbol = arena_strdup(arena, row->symbol) };
	if (row->version)
		r.version = arena_strdup(arena, row->version);
	if (!r.symbol || (row->version && !r.version))
		return &error_no_memory;
	err = why_reach(s->why, from, true, &r.file);
	if (!err)
		s->found[s->n++] = r;
	return err;
}

struct error *why_find_symbol(struct why *why, const char *text, struct why_reference **ret,
			      size_t *nret)
{
	struct symbol_search s = { .why = why, .text = text, .name_len = strcspn(text, "@") };
	struct error *err;

	if (text[s.name_len]) {
		s.version = text + s.name_len + 1;
		s.version += *s.version == '@';
	}
	err = dep_each_binding(why->store, why->run, keep_reference, &s);
	if (err) {
		free(s.found);
		return err;
	}
	*ret = s.found;
	*nret = s.n;
	return NULL;
}

/* --- Names that are like a text --- */

/* What is longer is no typing error of something; keeps the work bounded. */
enum { NEAR_MAX_LEN = 512, NEAR_MAX_DISTANCE = 3, NEAR_NO = 1000 };

struct near_name {
	const char *name;
	unsigned int score;
	size_t difference; /* of the lengths */
};

struct near {
	struct why *why;
	const char *text;
	size_t len;
	struct near_name *best;
	size_t n, max;
	bool failed;
};

/*
 * Edit distance (insert, delete, replace, swap neighbours: V. Levenshtein, F.
 * Damerau) if it is at most NEAR_MAX_DISTANCE, else NEAR_NO. Rows of the whole
 * width: names are short.
 */
static unsigned int distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned short rows[3][NEAR_MAX_LEN + 1];
	unsigned short *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t k = 0; k <= m; k++)
		last[k] = (unsigned short)k;
	memcpy(before, last, sizeof(rows[0]));
	for (size_t i = 1; i <= n; i++) {
		unsigned int least = row[0] = (unsigned short)i;
		for (size_t k = 1; k <= m; k++) {
			unsigned int d = last[k - 1] + (a[i - 1] != b[k - 1]);
			if (last[k] + 1u < d)
				d = last[k] + 1u;
			if (row[k - 1] + 1u < d)
				d = row[k - 1] + 1u;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    before[k - 2] + 1u < d)
				d = before[k - 2] + 1u;
			row[k] = (unsigned short)d;
			if (d < least)
				least = d;
		}
		if (least > NEAR_MAX_DISTANCE)
			return NEAR_NO;
		unsigned short *free_row = before;
		before = last;
		last = row;
		row = free_row;
	}
	return last[m] <= NEAR_MAX_DISTANCE ? last[m] : NEAR_NO;
}

/* The length without the version of a library: "libz.so.1" counts as "libz.so". */
static size_t stem(const char *name, size_t len)
{
	const char *so = strstr(name, ".so.");

	return so ? (size_t)(so + 3 - name) : len;
}

/* The less, the nearer: another case, a beginning, a typing error, a part. */
static unsigned int score_of(const struct near *near, const char *name, size_t len)
{
	size_t shorter = len < near->len ? len : near->len;

	if (!strcasecmp(name, near->text))
		return 0;
	if (shorter >= 3 && !strncmp(name, near->text, shorter))
		return 1;
	/* A distance of the whole length would be no likeness. */
	unsigned int d = NEAR_NO;
	size_t a = stem(name, len), b = stem(near->text, near->len);
	if ((a < b ? b - a : a - b) <= NEAR_MAX_DISTANCE)
		d = distance(name, a, near->text, b);
	if (d <= near->len / 3)
		return d + 1;
	if (near->len >= 3 && strstr(name, near->text))
		return NEAR_MAX_DISTANCE + 2;
	return NEAR_NO;
}

static bool is_nearer(const struct near_name *a, const struct near_name *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	if (a->difference != b->difference)
		return a->difference < b->difference;
	return strcmp(a->name, b->name) < 0;
}

/* Keeps the best ones, in order. 'copy': the name is lent for this call alone. */
static void offer(struct near *near, const char *name, bool copy)
{
	size_t len = name ? strlen(name) : 0;

	if (!len || len > NEAR_MAX_LEN || near->len > NEAR_MAX_LEN)
		return;
	struct near_name new = { name, score_of(near, name, len),
				 len < near->len ? near->len - len : len - near->len };
	if (new.score == NEAR_NO ||
	    (near->n == near->max && !is_nearer(&new, &near->best[near->n - 1])))
		return;
	size_t at = 0;
	for (size_t i = 0; i < near->n; i++)
		if (!strcmp(near->best[i].name, name))
			return;
	while (at < near->n && is_nearer(&near->best[at], &new))
		at++;
	if (copy)
		new.name = arena_strdup(&near->why->arena, name);
	if (!new.name) {
		near->failed = true;
		return;
	}
	near->n -= near->n == near->max;
	memmove(near->best + at + 1, near->best + at, (near->n - at) * sizeof(*near->best));
	near->best[at] = new;
	near->n++;
}

static struct error *offer_symbol(const struct dep_binding *row, void *arg)
{
	struct near *near = arg;

	offer(near, row->symbol, true);
	return near->failed ? &error_no_memory : NULL;
}

struct error *why_near(struct why *why, const char *text, bool symbols, const char **ret,
		       size_t max, size_t *nret)
{
	_cleanup_free_ struct near_name *best = calloc(max + 1, sizeof(*best));
	struct near near = { .why = why, .text = text, .best = best, .max = max };
	struct error *err = NULL;

	if (!best)
		return &error_no_memory;
	/* Of a path only the name can be like another name. */
	const char *slash = strrchr(text, '/');
	if (slash && slash[1])
		near.text = slash + 1;
	near.len = strlen(near.text);
	for (size_t i = 0; max && i < why->nnodes; i++) {
		offer(&near, why->nodes[i].name, false);
		offer(&near, why->nodes[i].soname, false);
	}
	if (max && symbols)
		err = dep_each_binding(why->store, why->run, offer_symbol, &near);
	if (err || near.failed)
		return err ? err : &error_no_memory;
	for (size_t i = 0; i < near.n; i++)
		ret[i] = best[i].name;
	*nret = near.n;
	return NULL;
}
