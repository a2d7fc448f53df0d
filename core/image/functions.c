/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/image/functions.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"

/* DW_EH_PE: the low nibble is the format, the high one what it is relative to. */
enum {
	PE_ABSPTR = 0x00,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_FORMAT = 0x0f,
	PE_DATAREL = 0x30,
	PE_OMIT = 0xff,
};

/* A CFA offset of 8 is that of a function's first instruction: only the return address. */
enum { ENTRY_CFA_OFFSET = 8, ENTRY_CFA_REGISTER = 7 };

/* Bytes of the file that are read front to back; reading past the end makes it 'bad'. */
struct reader {
	const unsigned char *p, *end;
	bool bad;
};

static uint64_t take(struct reader *r, unsigned int size)
{
	uint64_t value = 0;

	if ((size_t)(r->end - r->p) < size) {
		r->bad = true;
		r->p = r->end;
		return 0;
	}
	memcpy(&value, r->p, size);
	r->p += size;
	return value;
}

static uint64_t take_uleb(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint64_t byte = take(r, 1);
		value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	r->bad = true;
	return value;
}

/* Size of a DW_EH_PE format, or 0 (LEB128 and unknown ones, which no producer uses here). */
static unsigned int pe_size(unsigned int encoding)
{
	switch (encoding & PE_FORMAT) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return 8;
	case PE_UDATA4:
	case PE_SDATA4:
		return 4;
	case PE_UDATA2:
	case PE_SDATA2:
		return 2;
	default:
		return 0;
	}
}

void functions_init(struct functions *f, const struct image *image)
{
	*f = (struct functions) { .image = image };
	if (image->elf_class != ELFCLASS64)
		return;
	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type != PT_GNU_EH_FRAME)
			continue;
		const unsigned char *data = image_at(image, h->p_vaddr, h->p_filesz);
		/* Version 1, eh_frame_ptr, a count of four bytes, a sorted table: what ld,
		   gold, lld and mold write. Anything else has no table to search. */
		if (!data || h->p_filesz < 12 || data[0] != 1 || pe_size(data[1]) != 4 ||
		    data[2] != PE_UDATA4 || data[3] != (PE_DATAREL | PE_SDATA4))
			return;
		uint32_t count;
		memcpy(&count, data + 8, sizeof(count));
		size_t room = (h->p_filesz - 12) / 8;
		f->table = data + 12;
		f->n = count < room ? count : room;
		f->base = h->p_vaddr;
		return;
	}
}

static uint64_t table_at(const struct functions *f, size_t index, unsigned int column)
{
	int32_t value;
	memcpy(&value, f->table + index * 8 + column * 4, sizeof(value));
	return f->base + value;
}

uint64_t functions_start(const struct functions *f, size_t index)
{
	return table_at(f, index, 0);
}

/* The number of entries whose start is not above the address. */
static size_t entries_up_to(const struct functions *f, uint64_t address)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (functions_start(f, middle) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What is behind an address in its segment, at most 'limit' bytes. */
static struct reader reader_at(const struct image *image, uint64_t address, uint64_t limit)
{
	struct reader r = { .bad = true };

	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type != PT_LOAD || address - h->p_vaddr >= h->p_filesz)
			continue;
		uint64_t left = h->p_filesz - (address - h->p_vaddr);
		if (left > limit)
			left = limit;
		r.p = image_at(image, address, left);
		if (r.p) {
			r.end = r.p + left;
			r.bad = false;
		}
		break;
	}
	return r;
}

struct cie {
	unsigned int encoding; /* of pc_begin and pc_range */
	bool augmented;	       /* FDEs have augmentation data */
};

/* The instructions before the first DW_CFA_advance_loc; returns whether they move the CFA. */
static bool moves_cfa(struct reader r)
{
	while (!r.bad && r.p < r.end) {
		unsigned int op = take(&r, 1);
		if (op >= 0xc0 || op == 0x00) /* restore, nop */
			continue;
		if (op >= 0x80) { /* offset: a saved register */
			take_uleb(&r);
			continue;
		}
		if (op == 0x0e) /* def_cfa_offset */
			return take_uleb(&r) != ENTRY_CFA_OFFSET;
		if (op == 0x0c) { /* def_cfa */
			uint64_t reg = take_uleb(&r), offset = take_uleb(&r);
			if (reg != ENTRY_CFA_REGISTER || offset != ENTRY_CFA_OFFSET)
				return true;
			continue;
		}
		return op == 0x0d || op == 0x0f; /* def_cfa_register, def_cfa_expression */
	}
	return false;
}

static bool read_cie(const struct image *image, uint64_t address, struct cie *ret)
{
	struct reader r = reader_at(image, address, 4096);
	uint64_t length = take(&r, 4), id = take(&r, 4);

	if (r.bad || length == UINT32_MAX || id || length < 4)
		return false;
	if ((uint64_t)(r.end - r.p) > length - 4)
		r.end = r.p + length - 4;
	unsigned int version = take(&r, 1);
	const char *augmentation = (const char *)r.p;
	const void *nul = memchr(r.p, 0, r.end - r.p);
	if (!nul)
		return false;
	r.p = (const unsigned char *)nul + 1;
	take_uleb(&r); /* code alignment */
	take_uleb(&r); /* data alignment: signed, of which only the length matters */
	if (version == 1)
		take(&r, 1);
	else
		take_uleb(&r);
	*ret = (struct cie) { .encoding = PE_ABSPTR };
	if (*augmentation != 'z')
		return !r.bad && !*augmentation;
	ret->augmented = true;
	take_uleb(&r);
	for (const char *a = augmentation + 1; *a && !r.bad; a++) {
		if (*a == 'R')
			ret->encoding = take(&r, 1);
		else if (*a == 'L')
			take(&r, 1);
		else if (*a == 'P')
			take(&r, pe_size(take(&r, 1)));
		else if (*a != 'S' && *a != 'B')
			return false;
	}
	return !r.bad;
}

/* The range of the FDE at an address, if it begins at 'start'. */
static bool read_fde(const struct image *image, uint64_t address, uint64_t start,
		     struct function *ret)
{
	struct reader r = reader_at(image, address, 1 << 16);
	uint64_t length = take(&r, 4), id = take(&r, 4), end;
	struct cie cie;

	if (r.bad || length == UINT32_MAX || length < 4 || !id)
		return false;
	if ((uint64_t)(r.end - r.p) > length - 4)
		r.end = r.p + length - 4;
	if (!read_cie(image, address + 4 - id, &cie))
		return false;
	unsigned int size = pe_size(cie.encoding);
	take(&r, size); /* pc_begin: the table has it */
	uint64_t range = take(&r, size);
	if (!size || r.bad || !range || !checked_add(start, range, &end))
		return false;
	if (cie.augmented) {
		uint64_t skip = take_uleb(&r);
		if (skip > (uint64_t)(r.end - r.p))
			return false;
		r.p += skip;
	}
	*ret = (struct function) {
		.start = start, .end = end, .source = FUNCTION_FDE, .is_part = moves_cfa(r)
	};
	return true;
}

/* --- symbols --- */

typedef void symbol_fn(const Elf64_Sym *sym, const char *name, void *arg);

static bool is_code(const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);
	return sym->st_shndx != SHN_UNDEF && sym->st_value &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC);
}

/* Function symbols of .dynsym, then of .symtab; without section headers the first only. */
static void each_symbol(const struct image *image, symbol_fn *fn, void *arg)
{
	struct image_section table, strings;

	for (size_t i = 1; i < image->nsyms; i++) {
		if (is_code(&image->syms[i]))
			fn(&image->syms[i], image_symbol_name(image, i), arg);
	}
	if (image->elf_class != ELFCLASS64 || !image_section_find(image, ".symtab", &table) ||
	    !image_section_get(image, table.link, &strings))
		return;
	const unsigned char *data = image_section_data(image, &table);
	const char *text = image_section_data(image, &strings);
	if (!data || !text || !strings.size || text[strings.size - 1])
		return;
	for (uint64_t i = 1; i < table.size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym sym;
		memcpy(&sym, data + i * sizeof(sym), sizeof(sym));
		if (is_code(&sym) && sym.st_name < strings.size)
			fn(&sym, text + sym.st_name, arg);
	}
}

struct around {
	uint64_t address;
	uint64_t start, size; /* of the nearest symbol not above the address */
	uint64_t next;	      /* start of the nearest one above it */
};

static void look_around(const Elf64_Sym *sym, const char *name, void *arg)
{
	struct around *a = arg;

	(void)name;
	if (sym->st_value > a->address) {
		if (sym->st_value < a->next)
			a->next = sym->st_value;
	} else if (sym->st_value > a->start ||
		   (sym->st_value == a->start && sym->st_size > a->size)) {
		a->start = sym->st_value;
		a->size = sym->st_size;
	}
}

/* --- lookup --- */

static bool executable(const struct image *image, uint64_t address, uint64_t *start, uint64_t *end)
{
	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type == PT_LOAD && h->p_flags & PF_X &&
		    address - h->p_vaddr < h->p_filesz) {
			*start = h->p_vaddr;
			*end = h->p_vaddr + h->p_filesz;
			return true;
		}
	}
	return false;
}

/* A section is a narrower frame than its segment, where there are sections. */
static void narrow_to_section(const struct image *image, uint64_t address, uint64_t *start,
			      uint64_t *end)
{
	for (size_t i = 0; i < image_section_count(image); i++) {
		struct image_section s;
		if (image_section_get(image, i, &s) && s.flags & SHF_ALLOC && s.size &&
		    address - s.address < s.size) {
			if (s.address > *start)
				*start = s.address;
			if (s.address + s.size < *end)
				*end = s.address + s.size;
			return;
		}
	}
}

bool functions_find(const struct functions *f, uint64_t address, struct function *ret)
{
	struct function before = { 0 };
	uint64_t start, end;

	if (!executable(f->image, address, &start, &end))
		return false;
	size_t index = entries_up_to(f, address);
	if (index &&
	    read_fde(f->image, table_at(f, index - 1, 1), functions_start(f, index - 1), &before)) {
		if (address < before.end && before.end <= end && before.start >= start) {
			*ret = before;
			return true;
		}
		if (before.end > start && before.end <= address)
			start = before.end;
	}
	narrow_to_section(f->image, address, &start, &end);
	if (index < f->n && functions_start(f, index) > address && functions_start(f, index) < end)
		end = functions_start(f, index);

	struct around a = { .address = address, .next = end };
	each_symbol(f->image, look_around, &a);
	*ret = (struct function) { .start = start, .end = end, .source = FUNCTION_GAP };
	if (a.start >= start && a.start && (!a.size || address - a.start < a.size)) {
		ret->start = a.start;
		ret->end = a.size && a.size < end - a.start ? a.start + a.size : a.next;
		ret->source = FUNCTION_SYMBOL;
	} else if (a.start >= start && a.size && a.start + a.size > start) {
		ret->start = a.start + a.size; /* behind a symbol that ends before the address */
		ret->end = a.next;
	} else {
		ret->end = a.next;
	}
	return true;
}

struct naming {
	struct function_name *names;
	size_t n;
};

static void give_name(const Elf64_Sym *sym, const char *name, void *arg)
{
	struct naming *naming = arg;
	uint64_t size = sym->st_size ? sym->st_size : 1;
	size_t low = 0, high = naming->n;

	while (low < high) { /* the first address that is not below the symbol */
		size_t middle = low + (high - low) / 2;
		if (naming->names[middle].address < sym->st_value)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < naming->n && naming->names[low].address - sym->st_value < size; low++) {
		if (naming->names[low].name && naming->names[low].start >= sym->st_value)
			continue; /* the innermost, and the first of several */
		naming->names[low].name = name;
		naming->names[low].start = sym->st_value;
	}
}

static int by_address(const void *a, const void *b)
{
	const struct function_name *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

void functions_names(const struct functions *f, struct function_name *names, size_t n)
{
	struct naming naming = { .names = names, .n = n };

	if (!n)
		return;
	qsort(names, n, sizeof(*names), by_address);
	for (size_t i = 0; i < n; i++)
		names[i].name = NULL;
	each_symbol(f->image, give_name, &naming);
}

struct wanted {
	const char *name;
	uint64_t address;
};

static void match_name(const Elf64_Sym *sym, const char *name, void *arg)
{
	struct wanted *w = arg;
	if (!w->address && !strcmp(name, w->name))
		w->address = sym->st_value;
}

uint64_t functions_address_of(const struct functions *f, const char *name)
{
	struct wanted w = { .name = name };
	each_symbol(f->image, match_name, &w);
	return w.address;
}
