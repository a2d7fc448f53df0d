/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analyze/dlopen-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/image/x86-length.h"
#include "core/image/x86-scan.h"

struct error *dlopen_add_callee(struct dlopen_search *s, const struct dlopen_callee *callee,
				size_t *ret)
{
	struct error *err;

	if ((err = array_grow(&s->callees, &s->callees_cap, s->ncallees + 1, sizeof(*callee))))
		return err;
	s->callees[s->ncallees] = *callee;
	if (ret)
		*ret = s->ncallees;
	s->ncallees++;
	return NULL;
}

static struct error *add_place(struct dlopen_search *s, uint64_t address, size_t callee, bool slot)
{
	struct error *err;

	for (size_t i = 0; i < s->nplaces; i++) {
		if (s->places[i].address == address && s->places[i].slot == slot &&
		    s->places[i].callee == callee)
			return NULL;
	}
	if ((err = array_grow(&s->places, &s->places_cap, s->nplaces + 1, sizeof(*s->places))))
		return err;
	s->places[s->nplaces++] =
		(struct dlopen_place) { .address = address, .callee = callee, .slot = slot };
	return NULL;
}

static const struct dlopen_place *place_at(const struct dlopen_search *s, uint64_t address)
{
	for (size_t i = 0; i < s->nplaces; i++) {
		if (s->places[i].address == address)
			return &s->places[i];
	}
	return NULL;
}

/* --- places: slots, stubs, definitions --- */

/* The dynamic symbols that name a callee; few, so that relocations are matched quickly. */
struct named_symbol {
	uint32_t symbol;
	size_t callee;
};

struct slots {
	struct dlopen_search *s;
	struct named_symbol *symbols;
	size_t nsymbols, cap;
	uint32_t lowest, highest;
	struct dlopen_place *lazy; /* JUMP_SLOTs: only stubs use them */
	size_t nlazy, lazy_cap;
	struct error *err;
};

static struct error *match_symbols(struct slots *t, size_t first)
{
	const struct dlopen_search *s = t->s;
	struct error *err;

	t->lowest = UINT32_MAX;
	for (size_t i = 1; i < s->image->nsyms; i++) {
		const Elf64_Sym *sym = &s->image->syms[i];
		/* Names are looked at for undefined symbols, and of a wrapper by its address. */
		const char *name = sym->st_shndx == SHN_UNDEF ? image_symbol_name(s->image, i)
							      : NULL;
		for (size_t c = first; c < s->ncallees; c++) {
			const struct dlopen_callee *callee = &s->callees[c];
			if (name ? callee->address || strcmp(name, callee->name)
				 : !callee->address || sym->st_value != callee->address)
				continue;
			if ((err = array_grow(&t->symbols, &t->cap, t->nsymbols + 1,
					      sizeof(*t->symbols))))
				return err;
			t->symbols[t->nsymbols++] = (struct named_symbol) { .symbol = i,
									    .callee = c };
			if (i < t->lowest)
				t->lowest = i;
			t->highest = i;
			break;
		}
	}
	return NULL;
}

static struct error *look_at_reloc(const struct image_reloc *reloc, void *arg)
{
	struct slots *t = arg;
	struct error *err;

	if (reloc->symbol < t->lowest || reloc->symbol > t->highest)
		return NULL;
	for (size_t i = 0; i < t->nsymbols; i++) {
		size_t callee = t->symbols[i].callee;
		if (t->symbols[i].symbol != reloc->symbol)
			continue;
		switch (reloc->type) {
		case R_X86_64_JUMP_SLOT:
			if ((err = array_grow(&t->lazy, &t->lazy_cap, t->nlazy + 1,
					      sizeof(*t->lazy))))
				return err;
			t->lazy[t->nlazy++] = (struct dlopen_place) { .address = reloc->offset,
								      .callee = callee,
								      .slot = true };
			return NULL;
		case R_X86_64_GLOB_DAT:
			return add_place(t->s, reloc->offset, callee, true);
		case R_X86_64_64: /* a pointer in data: who calls through it is not known */
			if (t->s->callees[callee].counted)
				return NULL;
			t->s->callees[callee].taken = true;
			if (!t->s->callees[callee].direct)
				return NULL;
			return dlopen_add_open(t->s, reloc->offset, t->s->callees[callee].name,
					       "its address is stored in data");
		default:
			return NULL;
		}
	}
	return NULL;
}

/*
 * Where a stub that jumps through a slot begins: at the jump, or at the slot's
 * 16-byte entry if only endbr64, bnd or a mov of the entry's number come before
 * (psABI .plt.sec; mold's and lld's .plt).
 */
static uint64_t stub_start(const struct image *image, uint64_t jump)
{
	uint64_t start = jump & ~(uint64_t)15;
	const unsigned char *code = image_at(image, start, jump - start + 6);
	const unsigned char *end = code + (jump - start);

	if (!code)
		return jump;
	for (const unsigned char *p = code; p < end;) {
		unsigned int length = x86_length(p, end + 6);
		bool endbr = length == 4 && p[0] == 0xf3 && p[1] == 0x0f && p[2] == 0x1e;
		bool number = length == 6 && p[0] == 0x41 && p[1] == 0xbb;
		if (!endbr && !number)
			return jump;
		p += length;
	}
	return start;
}

static bool in_plt(const struct dlopen_search *s, uint64_t address)
{
	for (size_t i = 0; i < image_section_count(s->image); i++) {
		struct image_section section;
		if (image_section_get(s->image, i, &section) && section.flags & SHF_EXECINSTR &&
		    address - section.address < section.size)
			return !strncmp(section.name, ".plt", 4);
	}
	return false;
}

struct stubs {
	struct dlopen_search *s;
	const struct dlopen_place *slots;
	size_t nslots;
	bool *found; /* per slot */
};

static struct error *look_at_stub(struct stubs *t, uint64_t address, uint64_t target)
{
	struct error *err;

	/* ff 25: jmp [rip + x], perhaps behind f2 (bnd); or 4c 8b 1d: mov r11, [rip + x] (lld) */
	const unsigned char *code = image_at(t->s->image, address - 2, 6);
	const unsigned char *before = image_at(t->s->image, address - 3, 1);
	if (!code)
		return NULL;
	bool jump = code[0] == 0xff && code[1] == 0x25;
	bool load = before && *before == 0x4c && code[0] == 0x8b && code[1] == 0x1d;
	if (!jump && !load)
		return NULL;
	uint64_t start = address - (load || (before && *before == 0xf2) ? 3 : 2);
	for (size_t i = 0; i < t->nslots; i++) {
		if (t->slots[i].address != target)
			continue;
		t->found[i] = true;
		if ((err = add_place(t->s, stub_start(t->s->image, start), t->slots[i].callee,
				     false)))
			return err;
	}
	return NULL;
}

static struct error *stub_hit(const struct x86_scan_hit *hit, void *arg)
{
	return look_at_stub(arg, hit->address, hit->target);
}

/* Sections named .plt* are small; a file without sections is searched as a whole. */
static struct error *search_plt(struct stubs *t, const struct image_section *section)
{
	const unsigned char *code = image_section_data(t->s->image, section);
	struct error *err;

	if (!code)
		return NULL;
	for (uint64_t i = 2; i + 4 <= section->size; i++) {
		int32_t distance;
		/* the byte before the distance is 25 (jmp) or 1d (mov r11) */
		if (code[i - 1] != 0x25 && code[i - 1] != 0x1d)
			continue;
		memcpy(&distance, code + i, sizeof(distance));
		uint64_t target = section->address + i + 4 + distance;
		if ((err = look_at_stub(t, section->address + i, target)))
			return err;
	}
	return NULL;
}

static struct error *find_stubs(struct dlopen_search *s, const struct dlopen_place *slots, size_t n,
				bool *found)
{
	struct stubs t = { .s = s, .slots = slots, .nslots = n, .found = found };
	struct error *err;
	bool any = false;

	for (size_t i = 0; i < image_section_count(s->image); i++) {
		struct image_section section;
		if (!image_section_get(s->image, i, &section) || !(section.flags & SHF_EXECINSTR) ||
		    strncmp(section.name, ".plt", 4))
			continue;
		any = true;
		if ((err = search_plt(&t, &section)))
			return err;
	}
	if (any || image_section_count(s->image))
		return NULL;
	_cleanup_free_ uint64_t *targets = calloc(n + 1, sizeof(*targets));
	if (!targets)
		return &error_no_memory;
	for (size_t i = 0; i < n; i++)
		targets[i] = slots[i].address;
	return x86_scan(s->image, targets, n, 0, stub_hit, &t);
}

static struct error *find_slots(struct slots *t, size_t first)
{
	struct dlopen_search *s = t->s;
	size_t nplaces = s->nplaces;
	struct error *err;

	if ((err = match_symbols(t, first)))
		return err;
	if (!t->nsymbols)
		return NULL;
	if ((err = image_each_reloc(s->image, IMAGE_RELOCS_SYMBOLIC, look_at_reloc, t)))
		return err;
	/* GLOB_DAT slots have stubs as well (.plt.got), and code may use both. */
	for (size_t i = nplaces, n = s->nplaces; i < n; i++) {
		if ((err = array_grow(&t->lazy, &t->lazy_cap, t->nlazy + 1, sizeof(*t->lazy))))
			return err;
		t->lazy[t->nlazy++] = s->places[i];
	}
	_cleanup_free_ bool *found = calloc(t->nlazy + 1, sizeof(*found));
	if (!found)
		return &error_no_memory;
	if ((err = find_stubs(s, t->lazy, t->nlazy, found)))
		return err;
	/* A lazy slot without a stub: code must use it directly. */
	for (size_t i = 0; i < t->nlazy; i++) {
		if (!found[i] && (err = add_place(s, t->lazy[i].address, t->lazy[i].callee, true)))
			return err;
	}
	return NULL;
}

struct error *dlopen_find_places(struct dlopen_search *s, size_t first)
{
	struct slots t = { .s = s };
	struct error *err;

	for (size_t i = first; i < s->ncallees; i++) {
		if (s->callees[i].address && (err = add_place(s, s->callees[i].address, i, false)))
			return err;
	}
	err = find_slots(&t, first);
	free(t.symbols);
	free(t.lazy);
	return err;
}

/* --- uses --- */

struct instruction {
	uint64_t address;
	unsigned int length;
	unsigned char bytes[X86_LENGTH_MAX + 2];
};

/*
 * The instruction that ends with 'size' bytes at a hit, by decoding its function from the start
 * (the bytes may be data, or the middle of another instruction). In a gap the
 * start of code is not known: there the opcode before the hit has to do.
 */
static bool confirm(const struct image *image, const struct function *f, uint64_t hit,
		    unsigned int size, struct instruction *ret)
{
	const unsigned char *code = image_at(image, f->start, f->end - f->start);

	memset(ret, 0, sizeof(*ret));
	if (!code || hit < f->start || f->end - hit < size)
		return false;
	const unsigned char *end = code + (f->end - f->start), *at = code + (hit - f->start);
	const unsigned char *p = x86_walk(code, at, end, NULL);
	unsigned int length = x86_length(p, end);
	if (p + length != at + size && f->source == FUNCTION_GAP) {
		for (p = at - 1; p >= code && at - p <= 3; p--) {
			length = x86_length(p, end);
			if (p + length == at + size && (*p == 0xe8 || *p == 0xe9 || *p == 0xff))
				break;
		}
		if (p < code)
			return false;
	}
	if (!length || p + length != at + size)
		return false;
	ret->address = f->start + (p - code);
	ret->length = length;
	memcpy(ret->bytes, p, length);
	return true;
}

/* A near or a short branch. */
static bool is_branch(const unsigned char *p, enum dlopen_use *ret)
{
	bool jcc = (*p & 0xf0) == 0x70 || (*p == 0x0f && (p[1] & 0xf0) == 0x80);

	*ret = *p == 0xe8 ? DLOPEN_USE_CALL : DLOPEN_USE_JUMP;
	return *p == 0xe8 || *p == 0xe9 || *p == 0xeb || jcc;
}

/* Whether the last four bytes are an address: an immediate, or a displacement without registers. */
static bool is_absolute(const struct instruction *i, const unsigned char *opcode)
{
	unsigned char before = i->bytes[i->length - 5];
	bool immediate = (*opcode & 0xf8) == 0xb8 || *opcode == 0x68 || *opcode == 0xc7 ||
			 *opcode == 0x3d || *opcode == 0x81;
	return immediate || before == 0x25;
}

/*
 * What the instruction does with the place; false: nothing that matters (a
 * comparison), or the four bytes are no address at all.
 */
static bool classify(const struct instruction *i, const struct dlopen_place *place,
		     enum dlopen_use *ret)
{
	const unsigned char *p = i->bytes;
	unsigned int left = i->length;

	/* prefixes: 66, f2 (bnd), 3e (notrack), segment; then REX */
	while (left > 5 && (*p == 0x66 || *p == 0xf2 || *p == 0xf3 || *p == 0x3e || *p == 0x2e)) {
		p++;
		left--;
	}
	if (left > 5 && (*p & 0xf0) == 0x40) {
		p++;
		left--;
	}
	if (is_branch(p, ret))
		return !place->slot;
	if (left < 5)
		return false;
	uint32_t value;
	memcpy(&value, i->bytes + i->length - 4, sizeof(value));
	bool relative = (i->bytes[i->length - 5] & 0xc7) == 0x05;
	if (!relative && !(value == place->address && is_absolute(i, p)))
		return false;
	*ret = DLOPEN_USE_ADDRESS;
	if (!place->slot)
		return true;
	if (*p == 0xff && (p[1] == 0x15 || p[1] == 0x25))
		*ret = p[1] == 0x15 ? DLOPEN_USE_CALL : DLOPEN_USE_JUMP;
	/* cmp and test with the slot, for a weak symbol: read the address and drop it */
	return *p != 0x39 && *p != 0x3b && *p != 0x83 && *p != 0x85;
}

static struct error *add_use(struct dlopen_search *s, const struct dlopen_use_site *use)
{
	struct error *err;

	if (s->nuses == DLOPEN_MAX_SITES) {
		s->truncated = true;
		return NULL;
	}
	if ((err = array_grow(&s->uses, &s->uses_cap, s->nuses + 1, sizeof(*use))))
		return err;
	s->uses[s->nuses++] = *use;
	return NULL;
}

/* Hits are only gathered while the text is searched: what is done with them reads other pages. */
struct hits {
	struct x86_scan_hit *items;
	size_t n, cap;
	bool truncated;
};

static struct error *gather(const struct x86_scan_hit *hit, void *arg)
{
	struct hits *hits = arg;
	struct error *err;

	if (hits->n == DLOPEN_MAX_SITES) {
		hits->truncated = true;
		return NULL;
	}
	if ((err = array_grow(&hits->items, &hits->cap, hits->n + 1, sizeof(*hit))))
		return err;
	hits->items[hits->n++] = *hit;
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct x86_scan_hit *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

/* mov reg, imm64: clang's way to an address without optimization. */
static bool is_movabs(const struct instruction *i, uint64_t address)
{
	uint64_t value;

	if (i->length != 10 || (i->bytes[0] & 0xf8) != 0x48 || (i->bytes[1] & 0xf8) != 0xb8)
		return false;
	memcpy(&value, i->bytes + 2, sizeof(value));
	return value == address;
}

static struct error *use_hit(struct dlopen_search *s, const struct x86_scan_hit *hit,
			     unsigned int size, size_t first)
{
	const struct dlopen_place *place = place_at(s, hit->target);
	struct dlopen_use_site use = { 0 };
	struct instruction insn;
	struct error *err;

	if (!place || in_plt(s, hit->address) ||
	    !functions_find(&s->functions, hit->address, &use.function))
		return NULL;
	if (confirm(s->image, &use.function, hit->address, size, &insn)) {
		if (!classify(&insn, place, &use.use))
			return NULL;
	} else if (s->image->type == ET_EXEC &&
		   confirm(s->image, &use.function, hit->address, 8, &insn) &&
		   is_movabs(&insn, hit->target)) {
		use.use = DLOPEN_USE_ADDRESS;
	} else {
		return NULL;
	}
	use.address = insn.address;
	/* Without sections a stub is only known as one of the places. */
	if (place->slot && use.use == DLOPEN_USE_JUMP &&
	    place_at(s, stub_start(s->image, insn.address)))
		return NULL;
	/* One function may pass on several of its arguments: a callee for each. */
	for (size_t i = first; i < s->nplaces; i++) {
		if (s->places[i].address != hit->target)
			continue;
		use.callee = s->places[i].callee;
		if ((err = add_use(s, &use)))
			return err;
	}
	return NULL;
}

/* Short jumps (one byte of distance) to a function right before or behind. */
static struct error *find_short(struct dlopen_search *s, uint64_t target, size_t first)
{
	struct error *err;

	for (int distance = -128; distance <= 127; distance++) {
		struct x86_scan_hit hit = { .address = target - distance - 1, .target = target };
		const unsigned char *code = image_at(s->image, hit.address - 1, 2);
		if (!code || (*code != 0xeb && (*code & 0xf0) != 0x70) ||
		    (signed char)code[1] != distance)
			continue;
		if ((err = use_hit(s, &hit, 1, first)))
			return err;
	}
	return NULL;
}

struct error *dlopen_find_uses(struct dlopen_search *s, size_t first)
{
	struct hits hits = { 0 };
	size_t n = s->nplaces - first;
	struct error *err;

	_cleanup_free_ uint64_t *targets = calloc(n + 1, sizeof(*targets));
	if (!targets)
		return &error_no_memory;
	for (size_t i = 0; i < n; i++)
		targets[i] = s->places[first + i].address;
	unsigned int flags = s->image->type == ET_EXEC ? X86_SCAN_ABSOLUTE : 0;
	err = x86_scan(s->image, targets, n, flags, gather, &hits);
	s->truncated |= hits.truncated;
	if (hits.n)
		qsort(hits.items, hits.n, sizeof(*hits.items), by_address);
	for (size_t i = 0; !err && i < hits.n; i++)
		err = use_hit(s, &hits.items[i], 4, first);
	for (size_t i = first; !err && i < s->nplaces; i++) {
		bool again = false; /* the same address, for another argument */
		for (size_t k = first; k < i; k++)
			again |= s->places[k].address == s->places[i].address;
		if (!s->places[i].slot && !again)
			err = find_short(s, s->places[i].address, first);
	}
	free(hits.items);
	return err;
}

/* --- parts of functions --- */

/* Calls 'fn' for each direct jump of a range; stops when it returns false. */
static void each_jump(const struct image *image, const struct flow_range *range,
		      bool (*fn)(uint64_t target, void *arg), void *arg)
{
	const unsigned char *code = image_at(image, range->start, range->end - range->start);
	const unsigned char *end = code + (range->end - range->start);

	for (const unsigned char *p = code; p && p < end;) {
		unsigned int length = x86_length(p, end);
		uint64_t next = range->start + (p - code) + length;
		int32_t distance;
		bool jump = length == 5 && *p == 0xe9;
		bool jcc = length == 6 && *p == 0x0f && (p[1] & 0xf0) == 0x80;
		bool is_short = length == 2 && (*p == 0xeb || (*p & 0xf0) == 0x70);
		if (jump || jcc)
			memcpy(&distance, p + length - 4, sizeof(distance));
		else
			distance = (signed char)p[1];
		if ((jump || jcc || is_short) && !fn(next + distance, arg))
			return;
		p += length ? length : 1;
	}
}

struct parts {
	struct dlopen_search *s;
	struct flow_range *ranges;
	size_t n;
	struct flow_range inside; /* for jumps_into */
	bool found;
};

static bool range_of(const struct parts *t, uint64_t address)
{
	for (size_t i = 0; i < t->n; i++) {
		if (address - t->ranges[i].start < t->ranges[i].end - t->ranges[i].start)
			return true;
	}
	return false;
}

static bool jumps_into(uint64_t target, void *arg)
{
	struct parts *t = arg;
	t->found = target > t->inside.start && target < t->inside.end;
	return !t->found;
}

/* A jump out of a range leads to a part if that has a frame set up, or jumps back in. */
static bool add_part(uint64_t target, void *arg)
{
	struct parts *t = arg;
	struct function f;

	if (t->n == DLOPEN_MAX_PARTS)
		return false;
	if (range_of(t, target) || !functions_find(&t->s->functions, target, &f) ||
	    f.source != FUNCTION_FDE || f.end - f.start > DLOPEN_MAX_FUNCTION)
		return true;
	struct flow_range range = { .start = f.start, .end = f.end };
	t->inside = t->ranges[0];
	t->found = f.is_part;
	if (!t->found)
		each_jump(t->s->image, &range, jumps_into, t);
	if (t->found)
		t->ranges[t->n++] = range;
	return true;
}

/* The function that jumps into a part: the first one that is not a part itself. */
static struct error *find_owner(struct dlopen_search *s, const struct function *part,
				struct function *ret)
{
	uint64_t range[2] = { part->start, part->end };
	struct hits hits = { 0 };
	struct error *err = x86_scan(s->image, range, 2, X86_SCAN_RANGE, gather, &hits);

	for (size_t i = 0; !err && i < hits.n; i++) {
		uint64_t hit = hits.items[i].address;
		struct instruction insn;
		struct function f;
		enum dlopen_use use;
		if (hit - part->start < part->end - part->start ||
		    !functions_find(&s->functions, hit, &f) || f.source != FUNCTION_FDE ||
		    f.is_part || !confirm(s->image, &f, hit, 4, &insn) ||
		    !is_branch(insn.bytes, &use) || use != DLOPEN_USE_JUMP)
			continue;
		*ret = f;
		break;
	}
	free(hits.items);
	return err;
}

struct error *dlopen_find_parts(struct dlopen_search *s, const struct function *function,
				struct flow_range *ret, size_t *nret)
{
	struct function owner = *function;
	struct error *err;

	if (function->is_part && (err = find_owner(s, function, &owner)))
		return err;
	struct parts t = { .s = s, .ranges = ret, .n = 1 };
	ret[0] = (struct flow_range) { .start = owner.start, .end = owner.end };
	if (owner.start != function->start)
		ret[t.n++] = (struct flow_range) { .start = function->start, .end = function->end };
	for (size_t i = 0; i < t.n && i < DLOPEN_MAX_PARTS; i++)
		each_jump(s->image, &ret[i], add_part, &t);
	*nret = t.n;
	return NULL;
}
