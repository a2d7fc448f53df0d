/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Section headers and notes. Sections are not what a loader reads: a table that
 * is missing or broken means "no sections", never an error of the image.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/image/image-internal.h"

/* e_shnum may be extended by section 0; a table of more is taken for broken. */
enum { MAX_SECTIONS = 1 << 20 };

static struct image_section get_section(const struct image *image, const unsigned char *p,
					uint32_t *name)
{
	*name = read_u32(p);
	if (image->elf_class == ELFCLASS64)
		return (struct image_section) { .type = read_u32(p + 4),
						.flags = read_u64(p + 8),
						.address = read_u64(p + 16),
						.offset = read_u64(p + 24),
						.size = read_u64(p + 32),
						.link = read_u32(p + 40),
						.info = read_u32(p + 44),
						.entsize = read_u64(p + 56) };
	return (struct image_section) { .type = read_u32(p + 4),
					.flags = read_u32(p + 8),
					.address = read_u32(p + 12),
					.offset = read_u32(p + 16),
					.size = read_u32(p + 20),
					.link = read_u32(p + 24),
					.info = read_u32(p + 28),
					.entsize = read_u32(p + 36) };
}

static void read_sections(struct image *image)
{
	struct image_private *p = image->priv;
	uint64_t entsize = image->elf_class == ELFCLASS64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	uint64_t n = p->shnum, strndx = p->shstrndx;
	uint32_t name;

	p->sections_read = true;
	if (!p->shoff || !checked_range(p->shoff, entsize, image->size))
		return;
	const unsigned char *table = image->data + p->shoff;
	struct image_section first = get_section(image, table, &name);
	if (!n)
		n = first.size; /* gABI: extended numbering */
	if (strndx == SHN_XINDEX)
		strndx = first.link;
	if (!n || n > MAX_SECTIONS || !checked_range(p->shoff, n * entsize, image->size))
		return;
	p->sections = arena_alloc(&p->arena, n * sizeof(*p->sections));
	if (!p->sections)
		return;
	const char *strings = NULL;
	uint64_t strings_size = 0;
	if (strndx < n) {
		struct image_section s = get_section(image, table + strndx * entsize, &name);
		if (s.type == SHT_STRTAB && checked_range(s.offset, s.size, image->size)) {
			strings = (const char *)image->data + s.offset;
			const char *last = s.size ? memrchr(strings, '\0', s.size) : NULL;
			strings_size = last ? (uint64_t)(last - strings) + 1 : 0;
		}
	}
	for (uint64_t i = 0; i < n; i++) {
		p->sections[i] = get_section(image, table + i * entsize, &name);
		p->sections[i].name = name < strings_size ? strings + name : "";
	}
	p->nsections = n;
}

size_t image_section_count(const struct image *image)
{
	/* Read on first use: most files of a closure are never asked. */
	if (!image->priv->sections_read)
		read_sections((struct image *)image);
	return image->priv->nsections;
}

bool image_section_get(const struct image *image, size_t index, struct image_section *ret)
{
	if (index >= image_section_count(image))
		return false;
	*ret = image->priv->sections[index];
	return true;
}

bool image_section_find(const struct image *image, const char *name, struct image_section *ret)
{
	for (size_t i = 0; i < image_section_count(image); i++) {
		if (!strcmp(image->priv->sections[i].name, name)) {
			*ret = image->priv->sections[i];
			return true;
		}
	}
	return false;
}

const void *image_section_data(const struct image *image, const struct image_section *section)
{
	if (section->type == SHT_NOBITS ||
	    !checked_range(section->offset, section->size, image->size))
		return NULL;
	return image->data + section->offset;
}

typedef struct error *(*note_fn)(const char *owner, uint32_t type, const void *desc, size_t len,
				 void *arg);

/* gABI "Note Section"; 'align' 8 only for PT_GNU_PROPERTY-like segments. */
static struct error *walk_notes(const unsigned char *p, uint64_t size, uint64_t align, note_fn fn,
				void *arg)
{
	while (size >= 12) {
		uint64_t namesz = read_u32(p), descsz = read_u32(p + 4);
		uint32_t type = read_u32(p + 8);
		uint64_t desc_at = (12 + namesz + align - 1) & ~(align - 1);
		uint64_t end = (desc_at + descsz + align - 1) & ~(align - 1);
		if (desc_at + descsz > size)
			return NULL; /* a note that is cut off ends the list */
		const char *owner = (const char *)p + 12;
		if (namesz && owner[namesz - 1] == '\0') {
			struct error *err = fn(owner, type, p + desc_at, descsz, arg);
			if (err)
				return err;
		}
		if (end >= size)
			return NULL;
		p += end;
		size -= end;
	}
	return NULL;
}

static bool is_in_note_segment(const struct image *image, const struct image_section *s)
{
	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type == PT_NOTE && s->offset >= h->p_offset &&
		    s->offset - h->p_offset < h->p_filesz)
			return true;
	}
	return false;
}

struct error *image_each_note(const struct image *image, note_fn fn, void *arg)
{
	struct error *err;
	struct image_section s;

	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type != PT_NOTE || !checked_range(h->p_offset, h->p_filesz, image->size))
			continue;
		err = walk_notes(image->data + h->p_offset, h->p_filesz, h->p_align == 8 ? 8 : 4,
				 fn, arg);
		if (err)
			return err;
	}
	for (size_t i = 0; image_section_get(image, i, &s); i++) {
		const void *data = image_section_data(image, &s);
		if (s.type != SHT_NOTE || !data || is_in_note_segment(image, &s))
			continue;
		err = walk_notes(data, s.size, 4, fn, arg);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *take_build_id(const char *owner, uint32_t type, const void *desc, size_t len,
				   void *arg)
{
	struct image *image = arg;
	const unsigned char *p = desc;

	if (strcmp(owner, "GNU") || type != NT_GNU_BUILD_ID || !len || len > 64)
		return NULL;
	char *hex = arena_alloc(&image->priv->arena, len * 2 + 1);
	if (!hex)
		return &error_no_memory;
	for (size_t i = 0; i < len; i++)
		snprintf(hex + i * 2, 3, "%02x", p[i]);
	image->priv->build_id = hex;
	return &error_stop;
}

const char *image_build_id(const struct image *image)
{
	struct image_private *p = image->priv;

	if (!p->build_id_read) {
		p->build_id_read = true;
		error_destroy(image_each_note(image, take_build_id, (void *)image));
	}
	return p->build_id;
}
