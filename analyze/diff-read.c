/* SPDX-License-Identifier: BSD-2-Clause */
/* One side of a comparison: rows of the store, and bytes of files. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/diff-internal.h"
#include "analyze/fgraph.h"
#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/image/members.h"
#include "core/store/dep.h"

enum { COMPARE_BLOCK = 1 << 16 };

static struct error *keep(struct diff_reader *r, const char **s)
{
	if (!*s)
		return NULL;
	*s = arena_strdup(r->arena, *s);
	return *s ? NULL : &error_no_memory;
}

static void add_saturated(uint64_t *sum, uint64_t more)
{
	if (__builtin_add_overflow(*sum, more, sum))
		*sum = UINT64_MAX;
}

static struct error *add_file(const struct dep_file *row, void *arg)
{
	struct diff_reader *r = arg;
	struct error *err = array_grow(&r->entries, &r->cap, r->n + 1, sizeof(*r->entries));

	if (err)
		return err;
	struct diff_entry *e = &r->entries[r->n];
	*e = (struct diff_entry) {
		.id = row->id,
		.path = row->path,
		.realpath = row->realpath,
		.soname = row->soname && *row->soname ? row->soname : NULL,
		.root = row->root,
		.loaded = row->loaded,
		.file_bytes = row->file_bytes,
		.loaded_bytes = row->loaded_bytes,
		.build_id = row->build_id,
		.package = row->package,
		.package_version = row->package_version,
		.package_type = row->package_type,
	};
	const char **const strings[] = { &e->path,	  &e->realpath, &e->soname,
					 &e->build_id,	  &e->package,	&e->package_version,
					 &e->package_type };
	for (size_t i = 0; !err && i < sizeof(strings) / sizeof(strings[0]); i++)
		err = keep(r, strings[i]);
	if (err)
		return err;
	const char *slash = strrchr(e->path, '/');
	e->name = slash && slash[1] ? slash + 1 : e->path;
	r->n++;
	r->totals->files++;
	if (row->loaded) {
		r->totals->loaded_files++;
		add_saturated(&r->totals->file_bytes, row->file_bytes);
		add_saturated(&r->totals->loaded_bytes, row->loaded_bytes);
	}
	return NULL;
}

/* The index + 1 of the entry of an id; 0: none. */
static uint32_t find_entry(const struct diff_reader *r, uint32_t id)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (r->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->n && r->entries[low].id == id ? (uint32_t)low + 1 : 0;
}

static struct error *add_user(struct diff_reader *r, struct diff_need *need, uint32_t id)
{
	uint32_t file = find_entry(r, id);

	if (!file)
		return error_create(ERROR_BAD_DATA, "the run names file %u, which it lacks", id);
	if (need->last && need->last->file == file - 1)
		return NULL;
	struct diff_user *user = arena_alloc(r->arena, sizeof(*user));
	if (!user)
		return &error_no_memory;
	user->file = file - 1;
	if (need->last)
		need->last->next = user;
	else
		need->first = user;
	need->last = user;
	need->nusers++;
	return NULL;
}

/* The need of a key, which is copied when it is new. */
static struct error *get_need(struct diff_reader *r, struct map *map, const char *key, size_t len,
			      struct diff_need **ret)
{
	struct diff_need *need = map_get(map, key, len);
	struct error *err;

	if (!need) {
		need = arena_alloc(r->arena, sizeof(*need));
		char *copy = arena_alloc(r->arena, len + 1);
		if (!need || !copy)
			return &error_no_memory;
		memcpy(copy, key, len);
		need->name = copy;
		need->weak = true;
		err = map_put(map, copy, len, need);
		if (err)
			return err;
	}
	*ret = need;
	return NULL;
}

static struct error *add_edge(const struct dep_edge *row, void *arg)
{
	struct diff_reader *r = arg;
	struct diff_need *need;
	bool loads = row->kind == DEP_NEEDED || row->kind == DEP_INTERP ||
		     row->kind == DEP_PRELOAD || row->kind == DEP_FILTER;

	if (row->to || !loads)
		return NULL;
	struct error *err = get_need(r, &r->missing, row->name, strlen(row->name), &need);
	return err ? err : add_user(r, need, row->from);
}

/*
 * Whether a file has itself what it refers to, so that another one only came
 * first in the scope. Not so a program: it comes first itself, and where it is
 * bound to another file all the same, its own symbol is the copy it gets (COPY).
 */
static bool defines_itself(const struct diff_reader *r, const struct dep_binding *row)
{
	const struct image *image = r->side->graph
					    ? fgraph_get_file(r->side->graph, row->from)->image
					    : NULL;
	struct image_query query = image_query_make(row->symbol);
	struct image_lookup walk;

	if (!image || image_is_program(image) || !image_may_define(image, &query))
		return false;
	image_lookup_start(&walk, image, &query);
	for (size_t i; (i = image_lookup_next(&walk));) {
		const struct image_version *v = image_symbol_version(image, i);
		if (image->syms[i].st_shndx == SHN_UNDEF)
			continue;
		if (!row->version || !v || !v->name || !strcmp(v->name, row->version))
			return true;
	}
	return false;
}

struct symbol_reader {
	struct diff_reader *reader;
	struct buf key;
};

static struct error *add_binding(const struct dep_binding *row, void *arg)
{
	struct symbol_reader *s = arg;
	struct diff_reader *r = s->reader;
	size_t len = strlen(row->symbol);
	struct diff_need *need;

	if (row->to == row->from || (row->to && defines_itself(r, row)))
		return NULL;
	/* "name" or "name\0version": no version is another symbol than an empty one. */
	buf_clear(&s->key);
	buf_add(&s->key, row->symbol, len);
	if (row->version) {
		buf_addc(&s->key, '\0');
		buf_adds(&s->key, row->version);
	}
	struct error *err = buf_error(&s->key);
	if (!err)
		err = get_need(r, &r->symbols, s->key.data ? s->key.data : "", s->key.len, &need);
	if (err)
		return err;
	if (row->version)
		need->version = need->name + len + 1;
	if (!need->first)
		need->bound_to = row->to ? find_entry(r, row->to) : 0;
	need->weak = need->weak && row->weak;
	return add_user(r, need, row->from);
}

struct error *diff_read(struct diff_reader *r, bool symbols)
{
	struct store *store = r->side->store;
	struct error *err;

	err = dep_each_file(store, r->side->run, add_file, r);
	if (!err)
		err = dep_each_edge(store, r->side->run, add_edge, r);
	if (!err && symbols) {
		struct symbol_reader s = { .reader = r };
		buf_init(&s.key);
		err = dep_each_binding(store, r->side->run, add_binding, &s);
		buf_deinit(&s.key);
	}
	if (err)
		return err;
	r->totals->missing = r->missing.n;
	r->totals->symbols = r->symbols.n;
	r->taken = calloc(r->n + 1, 1);
	return r->taken ? NULL : &error_no_memory;
}

void diff_reader_deinit(struct diff_reader *r)
{
	free(r->entries);
	free(r->taken);
	map_deinit(&r->symbols);
	map_deinit(&r->missing);
}

/* --- Bytes --- */

static bool same_on_disk(const char *x, const char *y)
{
	_cleanup_close_ int a = open(x, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_close_ int b = open(y, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *blocks = malloc(2 * (size_t)COMPARE_BLOCK);
	struct stat sa, sb;

	if (a < 0 || b < 0 || !blocks || fstat(a, &sa) || fstat(b, &sb) || !S_ISREG(sa.st_mode) ||
	    !S_ISREG(sb.st_mode))
		return false;
	if (sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino)
		return true;
	for (off_t at = 0;;) {
		ssize_t n = pread(a, blocks, COMPARE_BLOCK, at);
		ssize_t m = n < 0 ? -1 : pread(b, blocks + COMPARE_BLOCK, COMPARE_BLOCK, at);
		if (m < 0 || n != m || memcmp(blocks, blocks + COMPARE_BLOCK, (size_t)n) != 0)
			return false;
		if (!n)
			return true;
		at += n;
	}
}

/* Objects of thin archives lie elsewhere: there the size must do. */
static bool same_members(const struct image_member *x, const struct image_member *y)
{
	return x->size == y->size && (!x->data || !y->data || !memcmp(x->data, y->data, x->size));
}

bool diff_same_bytes(const struct diff_reader *a, const struct diff_entry *x,
		     const struct diff_reader *b, const struct diff_entry *y)
{
	if (!a->side->graph || !b->side->graph)
		return true;
	const struct fgraph_file *f = fgraph_get_file(a->side->graph, x->id);
	const struct fgraph_file *g = fgraph_get_file(b->side->graph, y->id);
	if (f->member && g->member)
		return same_members(f->member, g->member);
	if (!f->image || !g->image)
		return same_on_disk(f->disk_path, g->disk_path);
	if (f->image->size != g->image->size)
		return false;
	if (f->image->ino == g->image->ino && f->image->dev == g->image->dev)
		return true;
	bool same = !memcmp(f->image->data, g->image->data, f->image->size);
	image_drop_pages(f->image);
	image_drop_pages(g->image);
	return same;
}
