/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analyze/flow-internal.h"
#include "core/base/array.h"
#include "core/base/checked.h"

static const Elf64_Phdr *segment_of(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type == PT_LOAD && address - h->p_vaddr < h->p_filesz)
			return h;
	}
	return NULL;
}

bool flow_is_mapped(const struct image *image, uint64_t address)
{
	return segment_of(image, address);
}

bool flow_is_read_only(const struct image *image, uint64_t address)
{
	const Elf64_Phdr *segment = segment_of(image, address);

	if (!segment)
		return false;
	if (!(segment->p_flags & PF_W))
		return true;
	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type == PT_GNU_RELRO && address - h->p_vaddr < h->p_memsz)
			return true;
	}
	return false;
}

static struct error *keep(struct flow_window *w, const struct flow_reloc *reloc)
{
	struct error *err;

	if (reloc->offset - w->start >= FLOW_WINDOW)
		return NULL;
	if ((err = array_grow(&w->relocs, &w->cap, w->n + 1, sizeof(*w->relocs))))
		return err;
	w->relocs[w->n++] = *reloc;
	size_t word = (reloc->offset - w->start) / 8;
	if (w->first[word])
		w->relocs[w->last[word] - 1].next = w->n;
	else
		w->first[word] = w->n;
	w->last[word] = w->n;
	return NULL;
}

static struct error *keep_reloc(const struct image_reloc *reloc, void *arg)
{
	return keep(arg, &(struct flow_reloc) { .offset = reloc->offset,
						.type = reloc->type,
						.symbol = reloc->symbol,
						.addend = reloc->addend });
}

static struct error *keep_relr(uint64_t address, void *arg)
{
	return keep(arg, &(struct flow_reloc) { .offset = address, .relr = true });
}

static struct error *window_of(struct flow *flow, uint64_t address, struct flow_window **ret)
{
	uint64_t start = address & ~(uint64_t)(FLOW_WINDOW - 1);
	struct error *err;

	for (struct flow_window *w = flow->windows; w; w = w->next) {
		if (w->start == start) {
			*ret = w;
			return NULL;
		}
	}
	struct flow_window *w = calloc(1, sizeof(*w));
	if (!w)
		return &error_no_memory;
	w->start = start;
	w->next = flow->windows;
	flow->windows = w; /* owned from here on, whatever happens */
	err = image_each_reloc(flow->image, 0, keep_reloc, w);
	if (!err)
		err = image_each_relr(flow->image, keep_relr, w);
	w->broken = err;
	*ret = w;
	if (!err || error_get_code(err) == ERROR_NO_MEMORY)
		return err;
	error_destroy(err);
	return NULL;
}

/* What a relocation yields: 'value' is what the file has there. */
static enum flow_word_kind relocated(const struct image *image, const struct flow_reloc *reloc,
				     uint64_t *value)
{
	const Elf64_Sym *sym = &image->syms[reloc->symbol];

	if (reloc->relr)
		return FLOW_WORD_CONST;
	switch (reloc->type) {
	case R_X86_64_RELATIVE:
		*value = reloc->addend;
		return FLOW_WORD_CONST;
	case R_X86_64_64:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		if (!reloc->symbol || ELF64_ST_TYPE(sym->st_info) == STT_GNU_IFUNC ||
		    ELF64_ST_TYPE(sym->st_info) == STT_TLS)
			return FLOW_WORD_NONE;
		if (sym->st_shndx == SHN_UNDEF) {
			*value = reloc->symbol;
			return reloc->addend && reloc->type == R_X86_64_64 ? FLOW_WORD_NONE
									   : FLOW_WORD_IMPORT;
		}
		*value = sym->st_value + (reloc->type == R_X86_64_64 ? reloc->addend : 0);
		return FLOW_WORD_CONST;
	default:
		return FLOW_WORD_NONE;
	}
}

struct error *flow_word(struct flow *flow, uint64_t address, enum flow_word_kind *kind,
			uint64_t *ret)
{
	const void *bytes = image_at(flow->image, address, 8);
	struct flow_window *window;
	struct error *err;
	uint64_t value;

	*kind = FLOW_WORD_NONE;
	if (!bytes)
		return NULL;
	memcpy(&value, bytes, sizeof(value));
	if ((err = window_of(flow, address, &window)))
		return err;
	if (window->broken)
		return NULL;
	enum flow_word_kind found = FLOW_WORD_CONST;
	uint64_t word = (address - window->start) / 8;
	/* Relocations of unaligned words may reach in from the neighbours. */
	for (uint64_t i = word ? word - 1 : 0; i <= word + 1 && i < FLOW_WINDOW_WORDS; i++) {
		for (uint32_t k = window->first[i]; k; k = window->relocs[k - 1].next) {
			const struct flow_reloc *r = &window->relocs[k - 1];
			if (r->offset + 8 <= address || r->offset >= address + 8)
				continue;
			found = r->offset == address ? relocated(flow->image, r, &value)
						     : FLOW_WORD_NONE;
			if (found == FLOW_WORD_NONE)
				return NULL;
		}
	}
	*ret = value;
	/* A slot that is bound lazily is writable and still holds nothing else. */
	if (found == FLOW_WORD_CONST && !flow_is_read_only(flow->image, address))
		found = FLOW_WORD_VARIABLE;
	*kind = found;
	return NULL;
}
