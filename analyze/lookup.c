/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/lookup-index.h"

/* What a reference asks for (struct r_found_version and the arguments of do_lookup_x). */
struct question {
	struct image_query query;
	const struct image_version *version; /* NULL: unversioned */
	bool plt;			     /* ELF_RTYPE_CLASS_PLT */
	bool copy;			     /* ELF_RTYPE_CLASS_COPY */
	uint32_t link;			     /* who asks */
	uint32_t symbol;
};

struct answer {
	uint32_t link; /* UINT32_MAX: none */
	uint32_t symbol;
};

struct scope {
	const struct image **images;
	const uint32_t *links;
	size_t n;
	struct lookup_index index; /* made on first use */
	bool indexed;
};

struct unique {
	uint32_t link, symbol;
};

struct lookup {
	const struct closure *closure;
	struct scope *scopes; /* one per group */
	struct map uniques;   /* name -> struct unique */
	struct arena arena;
	bool sysv; /* some file has no GNU hash table: names need the old hash too */
};

static const struct answer no_answer = { UINT32_MAX, 0 };

struct error *lookup_create(const struct closure *closure, struct lookup **ret)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return &error_no_memory;
	arena_init(&l->arena);
	map_init(&l->uniques);
	l->closure = closure;
	l->scopes = arena_alloc(&l->arena, (closure->ngroups + 1) * sizeof(*l->scopes));
	for (size_t g = 0; l->scopes && g < closure->ngroups; g++) {
		const struct closure_group *group = &closure->groups[g];
		struct scope *s = &l->scopes[g];
		s->images = arena_alloc(&l->arena, (group->nscope + 1) * sizeof(*s->images));
		if (!s->images) {
			lookup_destroy(l);
			return &error_no_memory;
		}
		s->links = group->scope;
		s->n = group->nscope;
		for (size_t i = 0; i < s->n; i++) {
			s->images[i] = closure->links[group->scope[i]]->file->image;
			l->sysv |= s->images[i]->hash.kind == IMAGE_HASH_SYSV;
		}
	}
	if (!l->scopes) {
		lookup_destroy(l);
		return &error_no_memory;
	}
	*ret = l;
	return NULL;
}

void lookup_destroy(struct lookup *l)
{
	if (!l)
		return;
	for (size_t g = 0; l->scopes && g < l->closure->ngroups; g++)
		lookup_index_deinit(&l->scopes[g].index);
	map_deinit(&l->uniques);
	arena_deinit(&l->arena);
	free(l);
}

struct fgraph_file *lookup_file(const struct lookup *l, uint32_t link)
{
	return l->closure->links[link]->file;
}

static bool is_local_visibility(const Elf64_Sym *s)
{
	unsigned int v = ELF64_ST_VISIBILITY(s->st_other);

	return v == STV_HIDDEN || v == STV_INTERNAL;
}

/* --- glibc --- */

enum match { MATCH_NO, MATCH_YES, MATCH_MAYBE };

/* check_match() but for the name, which the walk over the chain has compared. */
static enum match match_glibc(const struct image *image, size_t index, const struct question *q)
{
	static const unsigned int allowed = 1 << STT_NOTYPE | 1 << STT_OBJECT | 1 << STT_FUNC |
					    1 << STT_COMMON | 1 << STT_TLS | 1 << STT_GNU_IFUNC;
	const Elf64_Sym *s = &image->syms[index];
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	if (!s->st_value && s->st_shndx != SHN_ABS && type != STT_TLS)
		return MATCH_NO;
	if (q->plt && s->st_shndx == SHN_UNDEF)
		return MATCH_NO; /* a canonical PLT entry satisfies data references only */
	if (!(1u << type & allowed))
		return MATCH_NO;
	if (!image->versym)
		return MATCH_YES;
	unsigned int raw = image->versym[index], ndx = raw & 0x7fff;
	bool hidden = raw & 0x8000;
	if (!q->version) {
		if (ndx < 3)
			return MATCH_YES;
		return hidden ? MATCH_NO : MATCH_MAYBE;
	}
	static const struct image_version none = { 0 };
	const struct image_version *have = ndx < image->nversions ? &image->versions[ndx] : &none;
	if (have->hash == q->version->hash && have->name && !strcmp(have->name, q->version->name))
		return MATCH_YES;
	/* A base or global definition fits any version that is not hidden. */
	return q->version->hidden || have->hash || hidden ? MATCH_NO : MATCH_YES;
}

/* The definition in one file, or 0: the chain walk of do_lookup_x(). */
static size_t find_in_glibc(const struct image *image, const struct question *q)
{
	struct image_lookup walk;
	size_t index, only = 0;
	unsigned int versions = 0;

	image_lookup_start(&walk, image, &q->query);
	while ((index = image_lookup_next(&walk))) {
		enum match m = match_glibc(image, index, q);
		if (m == MATCH_YES)
			return index;
		if (m == MATCH_MAYBE && !versions++)
			only = index;
	}
	/* One default version and no other: no ambiguity for an unversioned reference. */
	return versions == 1 ? only : 0;
}

static struct error *find_unique(struct lookup *l, const struct question *q, struct answer found,
				 struct answer *ret)
{
	size_t len = strlen(q->query.name);
	struct unique *u = map_get(&l->uniques, q->query.name, len);

	*ret = found;
	if (u) {
		if (!q->copy)
			*ret = (struct answer) { u->link, u->symbol };
		return NULL;
	}
	u = arena_alloc(&l->arena, sizeof(*u));
	if (!u)
		return &error_no_memory;
	/* With a COPY relocation the program's copy becomes the one definition. */
	*u = q->copy ? (struct unique) { q->link, q->symbol }
		     : (struct unique) { found.link, found.symbol };
	return map_put(&l->uniques, q->query.name, len, u);
}

/*
 * What do_lookup_x() does with a match: 'done' where the search ends. Hidden
 * and local definitions are passed over.
 */
static struct error *take_match(struct lookup *l, const struct image *image,
				const struct question *q, struct answer found, struct answer *ret,
				bool *done)
{
	const Elf64_Sym *s = &image->syms[found.symbol];

	*done = false;
	if (is_local_visibility(s))
		return NULL;
	switch (ELF64_ST_BIND(s->st_info)) {
	case STB_GLOBAL:
	case STB_WEAK:
		*ret = found;
		*done = true;
		return NULL;
	case STB_GNU_UNIQUE:
		*done = true;
		return find_unique(l, q, found, ret);
	default:
		return NULL;
	}
}

/* do_lookup_x() over one scope, file by file; *ret stays 'none' where nothing is found. */
static struct error *search_files(struct lookup *l, const struct scope *scope,
				  const struct question *q, struct answer *ret)
{
	bool done;

	for (size_t i = 0; i < scope->n; i++) {
		const struct image *image = scope->images[i];
		if (!image_may_define(image, &q->query) || (q->copy && scope->links[i] == 0))
			continue;
		size_t index = find_in_glibc(image, q);
		if (!index)
			continue;
		struct answer found = { scope->links[i], (uint32_t)index };
		struct error *err = take_match(l, image, q, found, ret, &done);
		if (err || done)
			return err;
	}
	return NULL;
}

/* find_in_glibc() over the entries of one file; moves 'at' behind them. */
static size_t find_in_entries(const struct image *image, const struct question *q,
			      const struct lookup_entry **at, const struct lookup_entry *end)
{
	uint32_t place = (*at)->place, bucket = q->query.gnu % image->hash.nbuckets;
	size_t found = 0, only = 0;
	unsigned int versions = 0;

	for (; *at < end && (*at)->place == place; ++*at) {
		const struct lookup_entry *e = *at;
		if (found || (e->hash ^ q->query.gnu) >> 1 || e->bucket != bucket ||
		    strcmp(image_symbol_name(image, e->symbol), q->query.name))
			continue;
		enum match m = match_glibc(image, e->symbol, q);
		if (m == MATCH_YES)
			found = e->symbol;
		else if (m == MATCH_MAYBE && !versions++)
			only = e->symbol;
	}
	return found ? found : versions == 1 ? only : 0;
}

/* The same as search_files(), from the index. */
static struct error *search_index(struct lookup *l, const struct scope *scope,
				  const struct question *q, struct answer *ret)
{
	const struct lookup_index *index = &scope->index;
	uint32_t slot = lookup_slot(index, q->query.gnu);
	const struct lookup_entry *at = index->entries + index->slots[slot];
	const struct lookup_entry *end = index->entries + index->slots[slot + 1];
	bool done;

	while (at < end) {
		if ((at->hash ^ q->query.gnu) >> 1) {
			at++;
			continue;
		}
		uint32_t place = at->place;
		const struct image *image = scope->images[place];
		size_t symbol = find_in_entries(image, q, &at, end);
		if (!symbol || (q->copy && scope->links[place] == 0) ||
		    !image_may_define(image, &q->query))
			continue;
		struct answer found = { scope->links[place], (uint32_t)symbol };
		struct error *err = take_match(l, image, q, found, ret, &done);
		if (err || done)
			return err;
	}
	return NULL;
}

static struct error *search_scope(struct lookup *l, struct scope *scope, const struct question *q,
				  struct answer *ret)
{
	if (!scope->indexed) {
		struct error *err = lookup_index_init(&scope->index, scope->images, scope->n);
		if (err)
			return err;
		scope->indexed = true;
	}
	return scope->index.entries ? search_index(l, scope, q, ret)
				    : search_files(l, scope, q, ret);
}

/* The scopes of a file: itself for DT_SYMBOLIC, those at start, those of its dlopen. */
static struct error *search_scopes(struct lookup *l, const struct question *q, struct answer *ret)
{
	const struct closure_link *link = l->closure->links[q->link];
	struct error *err;

	*ret = no_answer;
	if (link->file->image->symbolic && q->link) {
		const struct image *self = link->file->image;
		const struct scope own = { .images = &self, .links = &q->link, .n = 1 };
		err = search_files(l, &own, q, ret);
		if (err || ret->link != UINT32_MAX)
			return err;
	}
	err = search_scope(l, &l->scopes[0], q, ret);
	if (err || ret->link != UINT32_MAX || !link->group)
		return err;
	return search_scope(l, &l->scopes[link->group], q, ret);
}

/* The rule for protected references at the end of _dl_lookup_symbol_x(). */
static struct error *keep_protected(struct lookup *l, struct question *q, struct answer *ret)
{
	struct answer self = { q->link, q->symbol };

	if (ret->link == q->link)
		return NULL;
	if (!q->plt) {
		struct answer other;
		q->plt = true;
		struct error *err = search_scopes(l, q, &other);
		if (err)
			return err;
		if (other.link == UINT32_MAX || other.link == q->link)
			return NULL;
	}
	*ret = self;
	return NULL;
}

static struct error *lookup_glibc(struct lookup *l, struct question *q, struct answer *ret)
{
	const struct image *image = l->closure->links[q->link]->file->image;
	struct error *err;

	q->version = image_symbol_version(image, q->symbol);
	err = search_scopes(l, q, ret);
	if (err || ret->link == UINT32_MAX)
		return err;
	if (ELF64_ST_VISIBILITY(image->syms[q->symbol].st_other) == STV_PROTECTED)
		return keep_protected(l, q, ret);
	return NULL;
}

/* --- musl --- */

/* The conditions of find_sym2(); versions count only in that hidden ones are no match. */
static bool match_musl(const struct image *image, size_t index, const struct question *q)
{
	static const unsigned int types = 1 << STT_NOTYPE | 1 << STT_OBJECT | 1 << STT_FUNC |
					  1 << STT_COMMON | 1 << STT_TLS;
	static const unsigned int binds = 1 << STB_GLOBAL | 1 << STB_WEAK | 1 << STB_GNU_UNIQUE;
	const Elf64_Sym *s = &image->syms[index];
	unsigned int type = ELF64_ST_TYPE(s->st_info);

	if (!s->st_shndx && (q->plt || type == STT_TLS))
		return false;
	if (!s->st_value && type != STT_TLS)
		return false;
	return 1u << type & types && 1u << ELF64_ST_BIND(s->st_info) & binds;
}

static void search_musl(const struct scope *scope, const struct question *q, struct answer *ret)
{
	for (size_t i = 0; i < scope->n; i++) {
		const struct image *image = scope->images[i];
		struct image_lookup walk;
		size_t index;
		if (!image_may_define(image, &q->query))
			continue;
		/* A COPY relocation is looked up behind the program (head->syms_next). */
		if (q->copy && scope->links[i] == 0)
			continue;
		image_lookup_start(&walk, image, &q->query);
		/* gnu_lookup() and sysv_lookup() give the first that is not hidden. */
		while ((index = image_lookup_next(&walk)))
			if (!image->versym || !(image->versym[index] & 0x8000))
				break;
		if (index && match_musl(image, index, q)) {
			*ret = (struct answer) { scope->links[i], (uint32_t)index };
			return;
		}
	}
}

static void lookup_musl(struct lookup *l, struct question *q, struct answer *ret)
{
	*ret = no_answer;
	search_musl(&l->scopes[0], q, ret);
	uint32_t group = l->closure->links[q->link]->group;
	if (ret->link == UINT32_MAX && group)
		search_musl(&l->scopes[group], q, ret);
}

struct error *lookup_symbol(struct lookup *l, uint32_t link, uint32_t symbol,
			    enum image_reloc_class class, struct lookup_result *ret)
{
	const struct image *image = l->closure->links[link]->file->image;
	const char *name = image_symbol_name(image, symbol);
	struct question q = {
		.query = { name, image_gnu_hash(name), l->sysv ? image_sysv_hash(name) : 0 },
		.plt = class == IMAGE_RELOC_PLT,
		.copy = class == IMAGE_RELOC_COPY,
		.link = link,
		.symbol = symbol,
	};
	struct answer answer;

	if (l->closure->libc == SEARCH_MUSL) {
		lookup_musl(l, &q, &answer);
	} else {
		struct error *err = lookup_glibc(l, &q, &answer);
		if (err)
			return err;
	}
	if (answer.link == UINT32_MAX)
		*ret = (struct lookup_result) { NULL, 0 };
	else
		*ret = (struct lookup_result) { lookup_file(l, answer.link), answer.symbol };
	return NULL;
}
