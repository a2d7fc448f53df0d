/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an ELF file or a static archive: everything the readers offer is called. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/image/image.h"
#include "core/image/members.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read goes here, so that the compiler cannot leave the reading out. */
static volatile uint64_t sum;

static void touch_string(const char *s)
{
	if (s)
		sum += strlen(s);
}

static void touch_bytes(const void *p, uint64_t size)
{
	const unsigned char *bytes = p;

	/* Both ends are enough for a sanitizer. */
	if (p && size)
		sum += bytes[0] + bytes[size - 1];
}

static struct error *on_reloc(const struct image_reloc *reloc, void *arg)
{
	const struct image *image = arg;

	/* What the header promises. */
	if (reloc->symbol && reloc->symbol >= image->nsyms)
		abort();
	touch_bytes(image_at(image, reloc->offset, 8), 8);
	sum += (uint64_t)reloc->addend + reloc->type;
	return NULL;
}

static struct error *on_relr(uint64_t address, void *arg)
{
	touch_bytes(image_at(arg, address, 4), 4);
	return NULL;
}

static struct error *on_note(const char *owner, uint32_t type, const void *desc, size_t len,
			     void *arg)
{
	(void)arg;
	touch_string(owner);
	touch_bytes(desc, len);
	sum += type;
	return NULL;
}

/* Lookups of a name end, and find only symbols of this name. */
static void look_up(const struct image *image, const char *name)
{
	struct image_query query = image_query_make(name);
	struct image_lookup walk;
	size_t at;

	sum += image_may_define(image, &query);
	image_lookup_start(&walk, image, &query);
	while ((at = image_lookup_next(&walk)) != 0)
		if (at >= image->nsyms || strcmp(image_symbol_name(image, at), name) != 0)
			abort();
}

static void read_symbols(const struct image *image)
{
	for (size_t i = 0; i < image->nsyms; i++) {
		const struct image_version *v = image_symbol_version(image, i);
		touch_string(image_symbol_name(image, i));
		sum += image->syms[i].st_value + image->syms[i].st_size;
		if (v) {
			touch_string(v->name);
			touch_string(v->file);
		}
		if (image->versym)
			sum += image->versym[i];
		if (i < 64)
			look_up(image, image_symbol_name(image, i));
	}
	look_up(image, "");
	look_up(image, "printf");
	for (size_t i = 0; i < image->nversions; i++) {
		touch_string(image->versions[i].name);
		touch_string(image->versions[i].file);
	}
}

static void read_sections(const struct image *image)
{
	struct image_section s;
	size_t n = image_section_count(image);

	for (size_t i = 0; i < n; i++) {
		if (!image_section_get(image, i, &s))
			abort();
		touch_string(s.name);
		touch_bytes(image_section_data(image, &s), s.size);
	}
	if (image_section_get(image, n, &s))
		abort();
	if (image_section_find(image, ".text", &s))
		touch_bytes(image_section_data(image, &s), s.size);
}

static void read_image(const struct image *image)
{
	touch_string(image->interp);
	touch_string(image->soname);
	touch_string(image->rpath);
	touch_string(image->runpath);
	for (size_t i = 0; i < image->ndeps; i++)
		touch_string(image->deps[i].name);
	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		touch_bytes(image_at(image, h->p_vaddr, h->p_filesz), h->p_filesz);
		touch_bytes(image_at(image, h->p_vaddr, 1), 1);
		touch_string(image_string_at(image, h->p_vaddr));
	}
	sum += image_is_program(image);
	touch_string(image_string_at(image, image->entry));
	touch_string(image_name(image, UINT64_MAX));
	read_symbols(image);
	read_sections(image);
	error_destroy(image_each_reloc(image, 0, on_reloc, (void *)image));
	error_destroy(image_each_reloc(image, IMAGE_RELOCS_SYMBOLIC, on_reloc, (void *)image));
	error_destroy(image_each_relr(image, on_relr, (void *)image));
	error_destroy(image_each_note(image, on_note, NULL));
	touch_string(image_build_id(image));
}

static void read_members(const uint8_t *data, size_t size)
{
	_cleanup_image_members_ struct image_members *m = NULL;

	struct error *err = image_members_open_memory(data, size, "fuzz.a", NULL, &m);
	error_destroy(err);
	if (err)
		return;
	for (size_t i = 0; i < m->nmembers; i++) {
		const struct image_member *e = &m->members[i];
		touch_string(e->name);
		for (size_t k = 0; k < e->nundefined; k++)
			touch_string(e->undefined[k].name);
		for (size_t k = 0; k < e->ndefined; k++)
			if (!image_members_find(m, e->defined[k].name))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_image_ struct image *image = NULL;

	if (image_members_is_archive(data, size)) {
		read_members(data, size);
		return 0;
	}
	struct error *err = image_open_memory(data, size, "fuzz", &image);
	if (err)
		touch_string(error_get_message(err));
	else
		read_image(image);
	error_destroy(err);
	return 0;
}
