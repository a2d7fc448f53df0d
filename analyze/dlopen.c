/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/dlopen.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/dlopen-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/* dlopen(3), dlsym(3); __libc_dlopen_mode is glibc's own before 2.34. */
static const struct dlopen_callee standard[] = {
	{ .name = "dlopen", .reg = INSN_RDI, .direct = true },
	{ .name = "dlmopen", .reg = INSN_RSI, .direct = true },
	{ .name = "__libc_dlopen_mode", .reg = INSN_RDI, .direct = true },
	{ .name = "dlsym", .reg = INSN_RSI, .counted = true },
	{ .name = "dlvsym", .reg = INSN_RSI, .counted = true },
};

const char *dlopen_kind_name(enum dlopen_kind kind)
{
	static const char *const names[] = {
		[DLOPEN_CONSTANT] = "constant", [DLOPEN_TABLE] = "table",
		[DLOPEN_NOTE] = "note",		[DLOPEN_CANDIDATE] = "candidate",
		[DLOPEN_PATTERN] = "pattern",
	};
	return names[kind];
}

/* A name once per call, as the surest kind; the strings are borrowed or from the arena. */
struct error *dlopen_add_ref(struct dlopen_search *s, const char *name, enum dlopen_kind kind,
			     uint64_t address, const char *how)
{
	struct dlopen_facts *facts = s->facts;
	struct error *err;

	if (facts->nrefs == DLOPEN_MAX_REFS)
		return NULL;
	for (size_t i = facts->nrefs; i && facts->nrefs - i < 4096; i--) {
		const struct dlopen_ref *ref = &facts->refs[i - 1];
		if (ref->kind <= kind && ref->address == address && !strcmp(ref->name, name))
			return NULL;
	}
	if ((err = array_grow(&facts->refs, &s->refs_cap, facts->nrefs + 1, sizeof(*facts->refs))))
		return err;
	facts->refs[facts->nrefs++] =
		(struct dlopen_ref) { .name = name, .kind = kind, .address = address, .how = how };
	return NULL;
}

struct error *dlopen_add_open(struct dlopen_search *s, uint64_t address, const char *callee,
			      const char *how)
{
	struct dlopen_facts *facts = s->facts;
	struct error *err;

	for (size_t i = 0; i < facts->nopen; i++) {
		if (facts->open[i].address == address)
			return NULL;
	}
	if ((err = array_grow(&facts->open, &s->open_cap, facts->nopen + 1, sizeof(*facts->open))))
		return err;
	facts->open[facts->nopen++] =
		(struct dlopen_site) { .address = address, .callee = callee, .how = how };
	return NULL;
}

/* --- which functions open files here --- */

/* Which of the names the file imports, for all of them in one walk. */
static void find_imports(const struct image *image, const char *const *names, size_t n, bool *found)
{
	for (size_t i = 1; i < image->nsyms; i++) {
		if (image->syms[i].st_shndx != SHN_UNDEF)
			continue;
		const char *symbol = image_symbol_name(image, i);
		for (size_t k = 0; k < n; k++) {
			if (*symbol == *names[k] && !strcmp(symbol, names[k]))
				found[k] = true;
		}
	}
}

/* Where the file itself has a function: libc exports it, a static program has it in .symtab. */
static uint64_t defined_at(const struct dlopen_search *s, const char *name)
{
	const struct image *image = s->image;
	struct image_query query = image_query_make(name);
	struct image_lookup walk;

	if (image_may_define(image, &query)) {
		image_lookup_start(&walk, image, &query);
		for (size_t i; (i = image_lookup_next(&walk));) {
			if (image->syms[i].st_shndx != SHN_UNDEF)
				return image->syms[i].st_value;
		}
	}
	if (image->interp || image->ndeps)
		return 0;
	return functions_address_of(&s->functions, name);
}

static struct error *add_if_used(struct dlopen_search *s, const struct dlopen_callee *callee,
				 bool imported)
{
	struct dlopen_callee c = *callee;

	if (imported)
		return dlopen_add_callee(s, &c, NULL);
	c.address = defined_at(s, c.name);
	if (!c.address)
		return NULL;
	/* glibc's NSS and gconv do not go through the exported function. */
	struct error *err = !strcmp(c.name, "dlopen")
				    ? dlopen_add_open(s, c.address, c.name,
						      "what the C library opens by itself is "
						      "not seen")
				    : NULL;
	return err ? err : dlopen_add_callee(s, &c, NULL);
}

static struct error *add_known(struct dlopen_search *s, const struct dlopen_wrapper *known,
			       size_t n, const bool *imported)
{
	static const uint8_t order[] = { INSN_RDI, INSN_RSI, INSN_RDX,
					 INSN_RCX, INSN_R8,  INSN_R8 + 1 };
	struct error *err;

	for (size_t i = 0; i < n; i++) {
		struct dlopen_callee c = { .name = known[i].symbol, .direct = true };
		if (known[i].argument > 5 || !imported[i])
			continue;
		c.reg = order[known[i].argument];
		if ((err = dlopen_add_callee(s, &c, NULL)))
			return err;
	}
	return NULL;
}

/*
 * A static program that was stripped has its dlopen inside, if any, and no name
 * tells where: whether it opens files cannot be known, which is not "it does not".
 */
static bool hides_callees(const struct image *image)
{
	struct image_section section;

	if (!image_is_program(image) || image->interp || image->ndeps)
		return false;
	for (size_t i = 0; image_section_get(image, i, &section); i++)
		if (section.type == SHT_SYMTAB)
			return false;
	return true;
}

static struct error *find_callees(struct dlopen_search *s, const struct dlopen_wrapper *known,
				  size_t nknown)
{
	enum { STANDARD = sizeof(standard) / sizeof(standard[0]) };
	struct error *err;

	_cleanup_free_ const char **names = calloc(STANDARD + nknown, sizeof(*names));
	_cleanup_free_ bool *imported = calloc(STANDARD + nknown, sizeof(*imported));
	if (!names || !imported)
		return &error_no_memory;
	for (size_t i = 0; i < STANDARD; i++)
		names[i] = standard[i].name;
	for (size_t i = 0; i < nknown; i++)
		names[STANDARD + i] = known[i].symbol;
	find_imports(s->image, names, STANDARD + nknown, imported);
	for (size_t i = 0; i < STANDARD; i++) {
		if (standard[i].counted && s->flags & DLOPEN_NO_DLSYM)
			continue;
		if ((err = add_if_used(s, &standard[i], imported[i])))
			return err;
	}
	if ((err = add_known(s, known, nknown, imported + STANDARD)))
		return err;
	for (size_t i = 0; i < s->ncallees; i++)
		s->facts->imports |= s->callees[i].direct;
	if (s->facts->imports || !hides_callees(s->image))
		return NULL;
	s->facts->imports = true;
	return dlopen_add_open(s, 0, "dlopen", "a static program without symbols");
}

/* --- the code --- */

static struct error *read_code(struct dlopen_search *s)
{
	size_t callee = 0, place = 0, use = 0;
	struct error *err;

	/* Each round looks for the callers of the wrappers that the last one found. */
	while (callee < s->ncallees) {
		size_t ncallees = s->ncallees;
		if ((err = dlopen_find_places(s, callee)) || (err = dlopen_find_uses(s, place)))
			return err;
		callee = ncallees;
		place = s->nplaces;
		size_t nuses = s->nuses;
		if ((err = dlopen_follow(s, use)))
			return err;
		use = nuses;
	}
	if (s->truncated &&
	    (err = dlopen_add_open(s, 0, "dlopen", "there are more calls than are looked at")))
		return err;
	return dlopen_finish_wrappers(s);
}

/* --- names of functions, all at once --- */

static const char *name_of(const struct function_name *names, size_t n, uint64_t address)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (names[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && names[low].address == address ? names[low].name : NULL;
}

static struct error *name_functions(struct dlopen_search *s)
{
	struct dlopen_facts *facts = s->facts;
	size_t n = 0;

	if (!facts->nrefs && !facts->nopen)
		return NULL;
	struct function_name *names = calloc(facts->nrefs + facts->nopen, sizeof(*names));
	if (!names)
		return &error_no_memory;
	for (size_t i = 0; i < facts->nrefs; i++) {
		if (facts->refs[i].address)
			names[n++].address = facts->refs[i].address;
	}
	for (size_t i = 0; i < facts->nopen; i++)
		names[n++].address = facts->open[i].address;
	functions_names(&s->functions, names, n);
	for (size_t i = 0; i < facts->nrefs; i++) {
		if (facts->refs[i].address)
			facts->refs[i].function = name_of(names, n, facts->refs[i].address);
	}
	for (size_t i = 0; i < facts->nopen; i++)
		facts->open[i].function = name_of(names, n, facts->open[i].address);
	free(names);
	return NULL;
}

static int by_kind(const void *a, const void *b)
{
	const struct dlopen_ref *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int open_by_address(const void *a, const void *b)
{
	const struct dlopen_site *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

/* What a broken file makes impossible is not known; that is no error of the caller's. */
static struct error *give_up(struct dlopen_search *s, struct error *err)
{
	if (error_get_code(err) != ERROR_BAD_DATA)
		return err;
	error_destroy(err);
	return dlopen_add_open(s, 0, "dlopen", "the relocations of the file are broken");
}

static struct error *search(struct dlopen_search *s, const struct dlopen_wrapper *known,
			    size_t nknown)
{
	struct dlopen_facts *facts = s->facts;
	struct error *err;

	if ((err = dlopen_read_notes(s)) || (err = find_callees(s, known, nknown)))
		return err;
	if (s->image->machine_id == EM_X86_64 && s->image->elf_class == ELFCLASS64 &&
	    !(s->flags & DLOPEN_NO_CODE)) {
		facts->analysed = true;
		if ((err = read_code(s)) && (err = give_up(s, err)))
			return err;
	}
	if (facts->imports && !(s->flags & DLOPEN_NO_CANDIDATES) &&
	    (err = dlopen_read_candidates(s)))
		return err;
	if (facts->imports && !facts->analysed &&
	    (err = dlopen_add_open(s, 0, "dlopen", "the code of this file was not read")))
		return err;
	if ((err = name_functions(s)))
		return err;
	if (facts->nrefs)
		qsort(facts->refs, facts->nrefs, sizeof(*facts->refs), by_kind);
	if (facts->nopen)
		qsort(facts->open, facts->nopen, sizeof(*facts->open), open_by_address);
	return NULL;
}

struct error *dlopen_find(const struct image *image, unsigned int flags,
			  const struct dlopen_wrapper *known, size_t nknown,
			  struct dlopen_facts **ret)
{
	struct dlopen_search s = { .image = image, .flags = flags };
	struct error *err;

	struct dlopen_facts *facts = calloc(1, sizeof(*facts));
	struct dlopen_private *priv = calloc(1, sizeof(*priv));
	if (!facts || !priv) {
		free(facts);
		free(priv);
		return &error_no_memory;
	}
	facts->priv = priv;
	arena_init(&priv->arena);
	s.facts = facts;
	s.arena = &priv->arena;
	functions_init(&s.functions, image);
	err = search(&s, known, nknown);
	if (facts->imports)
		image_drop_pages(image);
	flow_destroy(s.flow);
	free(s.callees);
	free(s.places);
	free(s.uses);
	free(s.pending);
	if (err) {
		dlopen_facts_destroy(facts);
		return err;
	}
	*ret = facts;
	return NULL;
}

void dlopen_facts_destroy(struct dlopen_facts *facts)
{
	if (!facts)
		return;
	arena_deinit(&facts->priv->arena);
	free(facts->priv);
	free(facts->refs);
	free(facts->open);
	free(facts->wrappers);
	free(facts);
}
