/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analyze/dlopen-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/text.h"

/* The uses inside one function, while it is followed. */
struct group {
	struct dlopen_search *s;
	size_t first, n; /* in s->uses */
	uint64_t entry;
	bool addresses;	     /* a slot's content is loaded: calls through registers count */
	bool indirect_found; /* such a call was found */
};

/* What was learned about one call. */
struct verdict {
	struct dlopen_search *s;
	uint64_t address;
	size_t callee;
	const char *open; /* why it is open, NULL: it is not */
	bool self;
	bool passed_on;
};

/* A name is printable text: what is not is no name, whatever points at it. */
static const char *name_at(const struct image *image, uint64_t address)
{
	const char *s = image_string_at(image, address);
	size_t length = s ? strnlen(s, DLOPEN_MAX_NAME) : 0;

	if (!s || length == DLOPEN_MAX_NAME)
		return NULL;
	for (size_t i = 0; i < length;) {
		unsigned int code_point, size = text_utf8(s + i, length - i, &code_point);
		if (!size || !text_is_printable(code_point))
			return NULL;
		i += size;
	}
	return s;
}

static const char *how_passed(struct verdict *v, const char *what)
{
	const struct dlopen_callee *callee = &v->s->callees[v->callee];
	const char *text;

	if (callee->direct)
		return what;
	text = arena_printf(v->s->arena, "%s of '%s', which passes it on", what, callee->name);
	return text ? text : what;
}

static struct error *add_name(struct verdict *v, const char *name, enum dlopen_kind kind,
			      const char *what)
{
	if (!*name) {
		v->self = true;
		return NULL;
	}
	return dlopen_add_ref(v->s, name, kind, v->address, how_passed(v, what));
}

static struct error *look_at_constant(struct verdict *v, uint64_t address)
{
	const char *name;

	if (!address) {
		v->self = true;
		return NULL;
	}
	name = name_at(v->s->image, address);
	if (!name) {
		v->open = "the argument is a fixed address without text";
		return NULL;
	}
	if (flow_is_read_only(v->s->image, address))
		return add_name(v, name, DLOPEN_CONSTANT, "constant argument");
	v->open = "the argument is a buffer that can be written";
	return *name ? add_name(v, name, DLOPEN_CANDIDATE, "first content of a buffer") : NULL;
}

static struct error *look_at_initial(struct verdict *v, uint64_t address)
{
	const char *name = address ? name_at(v->s->image, address) : NULL;

	v->open = "the argument is a variable";
	return name && *name ? add_name(v, name, DLOPEN_CANDIDATE, "first value of a variable")
			     : NULL;
}

/* The end of the data object that an address lies in, by symbol; 0: not known. */
static uint64_t object_end(const struct image *image, uint64_t address)
{
	struct image_section table;

	for (size_t i = 1; i < image->nsyms; i++) {
		const Elf64_Sym *sym = &image->syms[i];
		if (ELF64_ST_TYPE(sym->st_info) == STT_OBJECT && sym->st_shndx != SHN_UNDEF &&
		    address - sym->st_value < sym->st_size)
			return sym->st_value + sym->st_size;
	}
	if (!image_section_find(image, ".symtab", &table))
		return 0;
	const unsigned char *data = image_section_data(image, &table);
	for (uint64_t i = 0; data && i < table.size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym sym;
		memcpy(&sym, data + i * sizeof(sym), sizeof(sym));
		if (ELF64_ST_TYPE(sym.st_info) == STT_OBJECT &&
		    address - sym.st_value < sym.st_size)
			return sym.st_value + sym.st_size;
	}
	return 0;
}

/*
 * An entry of a table: a pointer, or (clang's relative tables) the distance from
 * the table's start to the text. False where the table ends; 'ret' 0: empty.
 */
static struct error *table_entry(struct verdict *v, const struct flow_atom *table, uint64_t at,
				 bool *there, uint64_t *ret)
{
	enum flow_word_kind kind;
	struct error *err;

	if (table->kind == FLOW_TARGETS) {
		const void *bytes = image_at(v->s->image, at, 4);
		int32_t distance;
		*there = bytes;
		if (bytes) {
			memcpy(&distance, bytes, sizeof(distance));
			*ret = table->value + (int64_t)distance;
		}
		return NULL;
	}
	if ((err = flow_word(v->s->flow, at, &kind, ret)))
		return err;
	*there = kind == FLOW_WORD_CONST;
	return NULL;
}

/*
 * A table that is walked. Its end is that of the
 * object, a null pointer, or the first entry that is no text. Only in the first
 * two cases nothing else can follow: else the site stays open, and the names
 * are candidates.
 */
static struct error *look_at_table(struct verdict *v, const struct flow_atom *table)
{
	const char *names[DLOPEN_MAX_TABLE];
	uint64_t end = object_end(v->s->image, table->value);
	enum dlopen_kind kind = DLOPEN_CANDIDATE;
	struct error *err;
	size_t n = 0;

	for (uint64_t at = table->value; n < DLOPEN_MAX_TABLE; at += table->step) {
		uint64_t word;
		bool there;
		if (end && at >= end) {
			kind = DLOPEN_TABLE;
			break;
		}
		if ((err = table_entry(v, table, at, &there, &word)))
			return err;
		if (!there)
			break;
		if (!word) {
			kind = DLOPEN_TABLE;
			if (end)
				continue; /* an empty place among others */
			break;
		}
		const char *name = name_at(v->s->image, word);
		if (!name || !flow_is_read_only(v->s->image, word)) {
			kind = DLOPEN_CANDIDATE;
			break;
		}
		names[n++] = name;
	}
	if (kind != DLOPEN_TABLE)
		v->open = "the argument comes from a table whose end is not known";
	for (size_t i = 0; i < n; i++) {
		if (kind == DLOPEN_CANDIDATE && !dlopen_is_library_name(names[i]))
			continue;
		if ((err = add_name(v, names[i], kind, "constant table")))
			return err;
	}
	return NULL;
}

static bool is_exported(const struct image *image, uint64_t address, const char **name)
{
	for (size_t i = 1; i < image->nsyms; i++) {
		const Elf64_Sym *sym = &image->syms[i];
		if (sym->st_shndx != SHN_UNDEF && sym->st_value == address &&
		    ELF64_ST_BIND(sym->st_info) != STB_LOCAL &&
		    ELF64_ST_TYPE(sym->st_info) == STT_FUNC) {
			*name = image_symbol_name(image, i);
			return true;
		}
	}
	return false;
}

/* The function around passes its own argument on: its callers are the next to be looked at. */
static struct error *look_at_argument(struct verdict *v, uint64_t entry, uint8_t reg)
{
	struct dlopen_search *s = v->s;
	struct dlopen_callee c = {
		.name = NULL, .reg = reg, .address = entry, .depth = s->callees[v->callee].depth + 1
	};
	struct error *err;
	size_t index;

	for (index = 0; index < s->ncallees; index++) {
		if (s->callees[index].address == entry && s->callees[index].reg == reg)
			break;
	}
	if (index == s->ncallees) {
		if (c.depth > DLOPEN_MAX_DEPTH) {
			v->open = "passed on by too many functions";
			return NULL;
		}
		c.exported = is_exported(s->image, entry, &c.name);
		if (!c.name) {
			struct function_name name = { .address = entry };
			functions_names(&s->functions, &name, 1);
			c.name = name.name;
		}
		if (!c.name)
			c.name = arena_printf(s->arena, "0x%llx", (unsigned long long)entry);
		if (!c.name)
			return &error_no_memory;
		if ((err = dlopen_add_callee(s, &c, &index)))
			return err;
	}
	if ((err = array_grow(&s->pending, &s->pending_cap, s->npending + 1, sizeof(*s->pending))))
		return err;
	s->pending[s->npending++] = (struct dlopen_pending) { .address = v->address,
							      .callee = v->callee,
							      .wrapper = index };
	v->passed_on = true;
	return NULL;
}

static struct error *look_at_atom(struct verdict *v, uint64_t entry, const struct flow_atom *a)
{
	switch (a->kind) {
	case FLOW_CONST:
		return look_at_constant(v, a->value);
	case FLOW_INITIAL:
		return look_at_initial(v, a->value);
	case FLOW_TABLE:
	case FLOW_TARGETS:
		return look_at_table(v, a);
	case FLOW_ARGUMENT:
		return look_at_argument(v, entry, a->value);
	case FLOW_STACK:
		v->open = "the argument is text that is made at run time";
		return NULL;
	default:
		if (!v->open)
			v->open = "the argument is not constant";
		return NULL;
	}
}

static struct error *judge(struct dlopen_search *s, uint64_t address, size_t callee, uint64_t entry,
			   const struct flow_value *value, const char *open)
{
	struct verdict v = { .s = s, .address = address, .callee = callee, .open = open };
	size_t npending = s->npending;
	struct error *err;

	for (size_t i = 0; value && i < value->n; i++) {
		if ((err = look_at_atom(&v, entry, &value->atoms[i])))
			return err;
	}
	struct dlopen_callee *c = &s->callees[callee]; /* may have moved */
	if (c->direct) {
		s->facts->sites++;
		s->facts->self += v.self;
		s->facts->constant += !v.open && !v.passed_on;
	}
	c->callers++;
	if (!v.open)
		return NULL;
	c->open_caller = true;
	for (size_t i = npending; i < s->npending; i++)
		s->pending[i].open = true;
	return dlopen_add_open(s, address, c->name, v.open);
}

/* The callee that a value means, or SIZE_MAX. */
static size_t callee_of(const struct dlopen_search *s, const struct flow_value *value)
{
	for (size_t i = 0; i < value->n; i++) {
		const struct flow_atom *a = &value->atoms[i];
		for (size_t c = 0; c < s->ncallees; c++) {
			const struct dlopen_callee *callee = &s->callees[c];
			if (a->kind == FLOW_IMPORT && !callee->address &&
			    !strcmp(image_symbol_name(s->image, a->value), callee->name))
				return c;
			if (a->kind == FLOW_CONST && callee->address == (uint64_t)a->value &&
			    callee->address)
				return c;
		}
		for (size_t p = 0; p < s->nplaces && a->kind == FLOW_CONST; p++) {
			if (s->places[p].address == (uint64_t)a->value && !s->places[p].slot)
				return s->places[p].callee;
		}
	}
	return SIZE_MAX;
}

static struct error *look_at_insn(const struct insn *insn, const struct flow_state *state,
				  void *arg)
{
	struct group *g = arg;
	struct dlopen_search *s = g->s;
	struct error *err;
	bool known = false;

	if (insn->op != INSN_CALL && insn->op != INSN_JMP && insn->op != INSN_JCC)
		return NULL;
	for (size_t i = g->first; i < g->first + g->n; i++) {
		struct dlopen_use_site *use = &s->uses[i];
		if (use->address != insn->address || use->use == DLOPEN_USE_ADDRESS || use->done)
			continue;
		use->done = true;
		known = true;
		if (s->callees[use->callee].counted)
			continue;
		if ((err = judge(s, use->address, use->callee, g->entry,
				 flow_get(state, s->callees[use->callee].reg), NULL)))
			return err;
	}
	if (known || !g->addresses || insn->op == INSN_JCC || insn->ops[0].kind == INSN_IMM)
		return NULL;
	size_t callee = callee_of(s, flow_get_operand(s->flow, state, &insn->ops[0]));
	if (callee == SIZE_MAX)
		return NULL;
	g->indirect_found = true;
	if (s->callees[callee].counted) {
		s->facts->dlsym_sites++;
		return NULL;
	}
	return judge(s, insn->address, callee, g->entry, flow_get(state, s->callees[callee].reg),
		     NULL);
}

/* Uses that were not visited, and addresses that are used in a way that was not followed. */
static struct error *leftover(struct group *g, const char *why)
{
	struct dlopen_search *s = g->s;
	struct error *err;

	for (size_t i = g->first; i < g->first + g->n; i++) {
		struct dlopen_use_site *use = &s->uses[i];
		struct dlopen_callee *c = &s->callees[use->callee];
		if (use->done || c->counted)
			continue;
		use->done = true;
		if (use->use != DLOPEN_USE_ADDRESS) {
			if ((err = judge(s, use->address, use->callee, g->entry, NULL, why)))
				return err;
			continue;
		}
		if (g->indirect_found)
			continue;
		c->taken = true;
		if (c->direct && (err = dlopen_add_open(s, use->address, c->name,
							"its address is used as a value")))
			return err;
	}
	return NULL;
}

static struct error *follow_group(struct group *g)
{
	struct dlopen_search *s = g->s;
	const struct function *f = &s->uses[g->first].function;
	struct flow_range ranges[DLOPEN_MAX_PARTS];
	bool wanted_any = false;
	struct error *err;
	size_t nranges;

	_cleanup_free_ uint64_t *wanted = calloc(g->n, sizeof(*wanted));
	if (!wanted)
		return &error_no_memory;
	for (size_t i = 0; i < g->n; i++) {
		const struct dlopen_use_site *use = &s->uses[g->first + i];
		wanted[i] = use->address;
		wanted_any |= !s->callees[use->callee].counted;
		g->addresses |= use->use == DLOPEN_USE_ADDRESS;
	}
	if (!wanted_any)
		return NULL;
	if (f->end - f->start > DLOPEN_MAX_FUNCTION)
		return leftover(g, "the function is too large to be followed");
	if (!s->flow && (err = flow_create(s->image, &s->flow)))
		return err;
	if ((err = dlopen_find_parts(s, f, ranges, &nranges)))
		return err;
	g->entry = ranges[0].start;
	err = flow_run(s->flow, ranges, nranges, wanted, g->n, g->addresses);
	if (err && error_get_code(err) == ERROR_UNSUPPORTED) {
		error_destroy(err);
		return leftover(g, "the function is too complex to be followed");
	}
	if (err || (err = flow_visit(s->flow, look_at_insn, g)))
		return err;
	return leftover(g, "the function could not be followed up to the call");
}

static int by_function(const void *a, const void *b)
{
	const struct dlopen_use_site *x = a, *y = b;
	if (x->function.start != y->function.start)
		return x->function.start < y->function.start ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

struct error *dlopen_follow(struct dlopen_search *s, size_t first)
{
	struct error *err;

	if (s->nuses == first)
		return NULL;
	qsort(s->uses + first, s->nuses - first, sizeof(*s->uses), by_function);
	for (size_t i = first; i < s->nuses; i++) {
		const struct dlopen_use_site *use = &s->uses[i];
		if (s->callees[use->callee].counted && use->use != DLOPEN_USE_ADDRESS)
			s->facts->dlsym_sites++;
	}
	for (size_t i = first, end = s->nuses; i < end;) {
		struct group g = { .s = s, .first = i, .entry = s->uses[i].function.start };
		while (i < end && s->uses[i].function.start == g.entry)
			i++;
		g.n = i - g.first;
		if ((err = follow_group(&g)))
			return err;
	}
	return NULL;
}

/* --- wrappers --- */

static void mark_taken(struct dlopen_search *s, uint64_t value)
{
	for (size_t i = 0; i < s->ncallees; i++) {
		if (s->callees[i].address && s->callees[i].address == value)
			s->callees[i].taken = true;
	}
}

static struct error *pointer_reloc(const struct image_reloc *reloc, void *arg)
{
	struct dlopen_search *s = arg;

	if (reloc->type == R_X86_64_RELATIVE)
		mark_taken(s, reloc->addend);
	else if (reloc->type == R_X86_64_64 && reloc->symbol)
		mark_taken(s, s->image->syms[reloc->symbol].st_value + reloc->addend);
	return NULL;
}

static struct error *pointer_relr(uint64_t address, void *arg)
{
	struct dlopen_search *s = arg;
	const void *bytes = image_at(s->image, address, 8);
	uint64_t value;

	if (bytes) {
		memcpy(&value, bytes, sizeof(value));
		mark_taken(s, value);
	}
	return NULL;
}

/* A program at a fixed address has no relocations for its pointers: any word may be one. */
static void pointer_words(struct dlopen_search *s)
{
	for (size_t i = 0; i < s->image->nphdrs; i++) {
		const Elf64_Phdr *h = &s->image->phdrs[i];
		if (h->p_type != PT_LOAD || h->p_flags & PF_X)
			continue;
		const unsigned char *data = image_at(s->image, h->p_vaddr, h->p_filesz);
		for (uint64_t k = 0; data && k + 8 <= h->p_filesz; k += 8) {
			uint64_t value;
			memcpy(&value, data + k, sizeof(value));
			mark_taken(s, value);
		}
	}
}

/* Why the callers do not explain the argument of a wrapper; NULL: they do. */
static const char *wrapper_open(struct dlopen_search *s, size_t wrapper)
{
	struct dlopen_callee *c = &s->callees[wrapper];
	const char *why = NULL;

	if (c->exported)
		return "the argument is that of an exported function";
	if (c->taken)
		return "the argument is that of a function whose address is taken";
	if (!c->callers)
		return "the argument is that of a function without known callers";
	if (c->open_caller)
		return "the argument is that of a function with a caller that is open";
	if (c->visiting)
		return NULL;
	c->visiting = true;
	for (size_t i = 0; i < s->npending && !why; i++) {
		if (s->pending[i].callee == wrapper)
			why = wrapper_open(s, s->pending[i].wrapper);
	}
	c->visiting = false;
	return why;
}

static struct error *add_wrapper(struct dlopen_search *s, const struct dlopen_callee *c)
{
	static const uint8_t order[] = { INSN_RDI, INSN_RSI, INSN_RDX,
					 INSN_RCX, INSN_R8,  INSN_R8 + 1 };
	struct dlopen_facts *facts = s->facts;
	struct dlopen_wrapper w = { .symbol = c->name };
	struct error *err;

	while (w.argument < 5 && order[w.argument] != c->reg)
		w.argument++;
	if ((err = array_grow(&facts->wrappers, &s->wrappers_cap, facts->nwrappers + 1, sizeof(w))))
		return err;
	facts->wrappers[facts->nwrappers++] = w;
	return NULL;
}

struct error *dlopen_finish_wrappers(struct dlopen_search *s)
{
	struct error *err;

	if (!s->npending)
		return NULL;
	if ((err = image_each_reloc(s->image, 0, pointer_reloc, s)) ||
	    (err = image_each_relr(s->image, pointer_relr, s)))
		return err;
	if (s->image->type == ET_EXEC)
		pointer_words(s);
	for (size_t i = 0; i < s->npending; i++) {
		const struct dlopen_pending *p = &s->pending[i];
		const char *why = p->open ? NULL : wrapper_open(s, p->wrapper);
		if (why && (err = dlopen_add_open(s, p->address, s->callees[p->callee].name, why)))
			return err;
		/* A call that several arguments reach counts once: where the next is another. */
		bool last = i + 1 == s->npending || s->pending[i + 1].address != p->address;
		if (!why && !p->open && last && s->callees[p->callee].direct)
			s->facts->constant++;
	}
	for (size_t i = 0; i < s->ncallees; i++) {
		if (s->callees[i].exported && !s->callees[i].direct &&
		    (err = add_wrapper(s, &s->callees[i])))
			return err;
	}
	return NULL;
}
