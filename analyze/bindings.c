/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/bindings.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/lookup.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

struct row {
	uint32_t symbol; /* in the symbol table of the file that refers */
	uint32_t to;	 /* file id, 0: unresolved */
};

/* The rows of one file, and which of its definitions are used. */
struct file_rows {
	struct row *rows;
	size_t n, cap;
	unsigned char *used; /* bit per symbol */
	bool mixed;	     /* rows of several closures: to be sorted */
};

struct bindings {
	struct dep_binding_source source; /* first: what the store gets */
	struct fgraph *graph;
	struct file_rows *files; /* by id - 1 */
	size_t nfiles;
};

/* What relocations do with a symbol, one bit each. */
enum { SEEN_SYMBOL = 1, SEEN_PLT = 2, SEEN_COPY = 4 };

static struct error *each_row(struct dep_binding_source *source,
			      struct error *(*fn)(const struct dep_binding *row, void *arg),
			      void *arg)
{
	struct bindings *b = (struct bindings *)source;

	for (size_t i = 0; i < b->nfiles; i++) {
		const struct image *image = b->graph->files[i]->image;
		for (size_t k = 0; k < b->files[i].n; k++) {
			const struct row *r = &b->files[i].rows[k];
			const struct image_version *v = image_symbol_version(image, r->symbol);
			struct dep_binding row = {
				.from = (uint32_t)i + 1,
				.to = r->to,
				.symbol = image_symbol_name(image, r->symbol),
				.version = v ? v->name : NULL,
				.weak = ELF64_ST_BIND(image->syms[r->symbol].st_info) == STB_WEAK,
			};
			struct error *err = fn(&row, arg);
			if (err)
				return err;
		}
	}
	return NULL;
}

struct error *bindings_create(struct fgraph *graph, struct bindings **ret)
{
	struct bindings *b = calloc(1, sizeof(*b));

	if (!b)
		return &error_no_memory;
	b->graph = graph;
	b->source.each = each_row;
	*ret = b;
	return NULL;
}

void bindings_destroy(struct bindings *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->nfiles; i++) {
		free(b->files[i].rows);
		free(b->files[i].used);
	}
	free(b->files);
	free(b);
}

struct dep_binding_source *bindings_get_source(struct bindings *b)
{
	return &b->source;
}

/* Room for every file that the graph has by now. */
static struct error *grow_files(struct bindings *b)
{
	size_t n = b->graph->nfiles;

	if (n <= b->nfiles)
		return NULL;
	struct file_rows *files = realloc(b->files, n * sizeof(*files));
	if (!files)
		return &error_no_memory;
	memset(files + b->nfiles, 0, (n - b->nfiles) * sizeof(*files));
	b->files = files;
	b->nfiles = n;
	return NULL;
}

struct marker {
	const struct image *image;
	unsigned char *seen;
};

static struct error *mark(const struct image_reloc *reloc, void *arg)
{
	struct marker *m = arg;

	if (!reloc->symbol)
		return NULL;
	switch (m->image->machine->reloc_class(reloc->type)) {
	case IMAGE_RELOC_SYMBOL:
		m->seen[reloc->symbol] |= SEEN_SYMBOL;
		break;
	case IMAGE_RELOC_PLT:
		m->seen[reloc->symbol] |= SEEN_PLT;
		break;
	case IMAGE_RELOC_COPY:
		m->seen[reloc->symbol] |= SEEN_COPY;
		break;
	case IMAGE_RELOC_NONE:
	case IMAGE_RELOC_RELATIVE:
	case IMAGE_RELOC_IRELATIVE:
	case IMAGE_RELOC_UNKNOWN:
		break;
	}
	return NULL;
}

static struct error *add_row(struct file_rows *rows, uint32_t symbol, uint32_t to)
{
	struct error *err = array_grow(&rows->rows, &rows->cap, rows->n + 1, sizeof(*rows->rows));

	if (err)
		return err;
	rows->rows[rows->n++] = (struct row) { symbol, to };
	return NULL;
}

static struct error *mark_used(struct bindings *b, const struct lookup_result *r)
{
	struct file_rows *rows = &b->files[r->file->id - 1];

	if (!rows->used) {
		rows->used = calloc(1, r->file->image->nsyms / 8 + 1);
		if (!rows->used)
			return &error_no_memory;
	}
	rows->used[r->symbol / 8] |= (unsigned char)(1 << r->symbol % 8);
	return NULL;
}

/* The lookups of one symbol: one for each class of relocation that names it. */
static struct error *bind_symbol(struct bindings *b, struct lookup *lookup, uint32_t link,
				 uint32_t symbol, unsigned int seen)
{
	static const struct {
		unsigned int bit;
		enum image_reloc_class class;
	} classes[] = {
		{ SEEN_SYMBOL, IMAGE_RELOC_SYMBOL },
		{ SEEN_PLT, IMAGE_RELOC_PLT },
		{ SEEN_COPY, IMAGE_RELOC_COPY },
	};
	struct fgraph_file *from = lookup_file(lookup, link);
	struct error *err;
	uint32_t given[3];
	size_t n = 0;

	for (size_t i = 0; i < 3; i++) {
		struct lookup_result r;
		uint32_t to = 0;
		if (!(seen & classes[i].bit))
			continue;
		err = lookup_symbol(lookup, link, symbol, classes[i].class, &r);
		if (err)
			return err;
		if (r.file) {
			to = r.file->id;
			err = mark_used(b, &r);
			if (err)
				return err;
		}
		bool again = false;
		for (size_t k = 0; k < n; k++)
			again |= given[k] == to;
		if (again)
			continue;
		given[n++] = to;
		err = add_row(&b->files[from->id - 1], symbol, to);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *bind_file(struct bindings *b, struct lookup *lookup, uint32_t link)
{
	struct error *err;
	struct fgraph_file *file = lookup_file(lookup, link);
	const struct image *image = file->image;
	struct file_rows *rows = &b->files[file->id - 1];

	_cleanup_free_ unsigned char *seen = calloc(image->nsyms + 1, 1);
	if (!seen)
		return &error_no_memory;
	struct marker m = { image, seen };
	err = image_each_reloc(image, IMAGE_RELOCS_SYMBOLIC, mark, &m);
	if (err && error_get_code(err) == ERROR_BAD_DATA) {
		struct error *warned = fgraph_warn(b->graph, "bad-data", file->path, true, "%s",
						   error_get_message(err));
		error_destroy(err);
		err = warned;
	}
	if (err)
		return err;
	rows->mixed |= rows->n > 0;
	for (size_t i = 1; i < image->nsyms; i++) {
		const Elf64_Sym *s = &image->syms[i];
		unsigned int visibility = ELF64_ST_VISIBILITY(s->st_other);
		/* RESOLVE_MAP: these are never looked up. */
		if (!seen[i] || ELF64_ST_BIND(s->st_info) == STB_LOCAL ||
		    visibility == STV_HIDDEN || visibility == STV_INTERNAL)
			continue;
		err = bind_symbol(b, lookup, link, (uint32_t)i, seen[i]);
		if (err)
			return err;
	}
	return NULL;
}

/*
 * glibc's loader is relocated by itself before anything else, and again at the
 * end when it starts a program (four symbols of libc, in 2.36); 'ldd -r', which
 * these rows equal, does neither.
 */
static bool is_loader(const struct closure *closure, uint32_t link)
{
	return link && closure->links[link]->file == closure->interp;
}

struct error *bindings_add_closure(struct bindings *b, const struct closure *closure)
{
	struct error *err;
	_cleanup_lookup_ struct lookup *lookup = NULL;
	_cleanup_free_ bool *done = calloc(closure->n + 1, 1);
	size_t count = 0;

	if (!done)
		return &error_no_memory;
	if (!closure->links[0]->file->image->machine)
		return fgraph_warn(b->graph, "unsupported", closure->links[0]->path, true,
				   "'%s': relocations of machine %u are not known",
				   closure->links[0]->path,
				   closure->links[0]->file->image->machine_id);
	err = grow_files(b);
	if (err)
		return err;
	err = lookup_create(closure, &lookup);
	if (err)
		return err;
	for (size_t g = 0; g < closure->ngroups; g++) {
		const struct closure_group *group = &closure->groups[g];
		for (size_t i = group->nscope; i-- > 0;) {
			uint32_t link = group->init_order[i];
			if (done[link] || is_loader(closure, link))
				continue;
			done[link] = true;
			err = log_check_stop(b->graph->log);
			if (err)
				return err;
			log_progress(b->graph->log, "binding", "files", count++, closure->n);
			err = bind_file(b, lookup, link);
			if (err)
				return err;
		}
	}
	return NULL;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->symbol != y->symbol)
		return x->symbol < y->symbol ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

static void unite(struct file_rows *rows)
{
	size_t n = 0;

	qsort(rows->rows, rows->n, sizeof(*rows->rows), compare_rows);
	for (size_t i = 0; i < rows->n; i++)
		if (!n || compare_rows(&rows->rows[n - 1], &rows->rows[i]))
			rows->rows[n++] = rows->rows[i];
	rows->n = n;
	rows->mixed = false;
}

struct error *bindings_finish(struct bindings *b)
{
	struct error *err = grow_files(b);

	if (err)
		return err;
	b->source.count = 0;
	for (size_t i = 0; i < b->nfiles; i++) {
		struct file_rows *rows = &b->files[i];
		struct fgraph_file *file = b->graph->files[i];
		if (rows->mixed)
			unite(rows);
		b->source.count += rows->n;
		file->bound_to = 0;
		for (size_t k = 0; rows->used && k < file->image->nsyms / 8 + 1; k++)
			file->bound_to += (unsigned int)__builtin_popcount(rows->used[k]);
	}
	return NULL;
}
