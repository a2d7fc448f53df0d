/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/image/image-internal.h"

/* Program headers in one file: PN_XNUM allows 2^32, no real file has a thousand. */
enum { MAX_PHDRS = 65536 };

struct error *image_bad(const struct image *image, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return error_create(ERROR_BAD_DATA, "'%s': %s", image->name, text);
}

bool image_is_elf(const void *data, size_t size)
{
	return size >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

static struct error *read_ident(struct image *image)
{
	const unsigned char *e = image->data;

	if (!image_is_elf(e, image->size))
		return image_bad(image, "not an ELF file");
	if (image->size < EI_NIDENT)
		return image_bad(image, "e_ident is cut off after %llu bytes",
				 (unsigned long long)image->size);
	if (e[EI_CLASS] != ELFCLASS64 && e[EI_CLASS] != ELFCLASS32)
		return image_bad(image, "e_ident[EI_CLASS] is %u, neither 32 nor 64 bit",
				 e[EI_CLASS]);
	if (e[EI_DATA] == ELFDATA2MSB)
		return error_create(ERROR_UNSUPPORTED,
				    "'%s': big-endian ELF files are not supported", image->name);
	if (e[EI_DATA] != ELFDATA2LSB)
		return image_bad(image, "e_ident[EI_DATA] is %u, an unknown byte order",
				 e[EI_DATA]);
	if (e[EI_VERSION] != EV_CURRENT)
		return image_bad(image, "e_ident[EI_VERSION] is %u, not 1", e[EI_VERSION]);
	image->elf_class = e[EI_CLASS];
	image->osabi = e[EI_OSABI];
	return NULL;
}

static struct error *read_header(struct image *image)
{
	struct image_private *p = image->priv;
	const unsigned char *e = image->data;
	bool is64 = image->elf_class == ELFCLASS64;
	uint64_t need = is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	uint64_t phsize = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (image->size < need)
		return image_bad(image, "the ELF header is cut off after %llu bytes",
				 (unsigned long long)image->size);
	image->type = read_u16(e + 16);
	image->machine_id = read_u16(e + 18);
	image->entry = is64 ? read_u64(e + 24) : read_u32(e + 24);
	p->phoff = is64 ? read_u64(e + 32) : read_u32(e + 28);
	p->shoff = is64 ? read_u64(e + 40) : read_u32(e + 32);
	const unsigned char *tail = e + (is64 ? 54 : 42); /* e_phentsize and on */
	uint16_t phentsize = read_u16(tail);
	p->phnum = read_u16(tail + 2);
	p->shnum = read_u16(tail + 6);
	p->shstrndx = read_u16(tail + 8);
	image->machine = image_machine_find(image->machine_id, image->elf_class);

	/* gABI: with PN_XNUM the number is in sh_info of section 0. */
	uint64_t shsize = is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	if (p->phnum == PN_XNUM && p->shoff && checked_range(p->shoff, shsize, image->size))
		p->phnum = read_u32(e + p->shoff + (is64 ? 44 : 28));
	if (!p->phnum)
		return NULL;
	if (phentsize != phsize)
		return image_bad(image, "e_phentsize is %u, not %llu", phentsize,
				 (unsigned long long)phsize);
	if (p->phnum > MAX_PHDRS)
		return image_bad(image, "e_phnum is %u, more than %u", p->phnum, MAX_PHDRS);
	if (!checked_range(p->phoff, p->phnum * phsize, image->size))
		return image_bad(image, "e_phoff 0x%llx with %u entries lies outside the file",
				 (unsigned long long)p->phoff, p->phnum);
	return NULL;
}

static void widen_phdr(Elf64_Phdr *ret, const unsigned char *p)
{
	Elf32_Phdr h;

	memcpy(&h, p, sizeof(h));
	*ret = (Elf64_Phdr) { .p_type = h.p_type,
			      .p_flags = h.p_flags,
			      .p_offset = h.p_offset,
			      .p_vaddr = h.p_vaddr,
			      .p_paddr = h.p_paddr,
			      .p_filesz = h.p_filesz,
			      .p_memsz = h.p_memsz,
			      .p_align = h.p_align };
}

static struct error *check_load(const struct image *image, size_t index)
{
	const Elf64_Phdr *h = &image->phdrs[index];
	uint64_t end;

	if (!checked_range(h->p_offset, h->p_filesz, image->size))
		return image_bad(image,
				 "p_offset 0x%llx + p_filesz 0x%llx of segment %zu reaches beyond "
				 "the end of the file (0x%llx)",
				 (unsigned long long)h->p_offset, (unsigned long long)h->p_filesz,
				 index, (unsigned long long)image->size);
	if (!checked_add(h->p_vaddr, h->p_memsz > h->p_filesz ? h->p_memsz : h->p_filesz, &end))
		return image_bad(image, "p_vaddr + p_memsz of segment %zu overflows", index);
	return NULL;
}

static struct error *read_phdrs(struct image *image)
{
	struct image_private *p = image->priv;
	struct error *err;

	Elf64_Phdr *phdrs = arena_alloc(&p->arena, p->phnum * sizeof(*phdrs));
	p->loads = arena_alloc(&p->arena, p->phnum * sizeof(*p->loads));
	if (!phdrs || !p->loads)
		return &error_no_memory;
	const unsigned char *table = image->data + p->phoff;
	for (size_t i = 0; i < p->phnum; i++) {
		if (image->elf_class == ELFCLASS64)
			memcpy(&phdrs[i], table + i * sizeof(phdrs[i]), sizeof(phdrs[i]));
		else
			widen_phdr(&phdrs[i], table + i * sizeof(Elf32_Phdr));
	}
	image->phdrs = phdrs;
	image->nphdrs = p->phnum;
	for (size_t i = 0; i < p->phnum; i++) {
		const Elf64_Phdr *h = &phdrs[i];
		if (h->p_type == PT_LOAD) {
			err = check_load(image, i);
			if (err)
				return err;
			p->loads[p->nloads++] = h;
			if (!checked_add(image->loaded_bytes, h->p_memsz, &image->loaded_bytes))
				image->loaded_bytes = UINT64_MAX;
		} else if (h->p_type == PT_INTERP && !image->interp) {
			if (!h->p_filesz || !checked_range(h->p_offset, h->p_filesz, image->size))
				return image_bad(image, "PT_INTERP lies outside the file");
			const char *s = (const char *)image->data + h->p_offset;
			if (!memchr(s, '\0', h->p_filesz))
				return image_bad(image, "the PT_INTERP string has no end");
			image->interp = s;
		}
	}
	return NULL;
}

/* Fills 'image' from image->data. */
static struct error *parse(struct image *image)
{
	struct error *err;

	err = read_ident(image);
	if (err)
		return err;
	err = read_header(image);
	if (err)
		return err;
	if (image->priv->phnum) {
		err = read_phdrs(image);
		if (err)
			return err;
	}
	return image_read_dynamic(image);
}

static struct error *create(const char *path, const char *name, struct image **ret)
{
	struct image *image = calloc(1, sizeof(*image));
	if (!image)
		return &error_no_memory;
	image->priv = calloc(1, sizeof(*image->priv));
	image->path = strdup(path);
	image->name = strdup(name);
	if (!image->priv || !image->path || !image->name) {
		image_destroy(image);
		return &error_no_memory;
	}
	arena_init(&image->priv->arena);
	*ret = image;
	return NULL;
}

struct error *image_open(const char *path, const char *name, struct image **ret)
{
	struct error *err;
	_cleanup_image_ struct image *image = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	err = create(path, name ? name : path, &image);
	if (err)
		return err;
	/* Never wait for a FIFO or a device, and never become its reader. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_os(errno, "cannot open '%s'", image->name);
	if (!S_ISREG(st.st_mode))
		return image_bad(image, "not a regular file");
	if (!st.st_size)
		return image_bad(image, "the file is empty");
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_os(errno, "cannot map '%s'", image->name);
	image->data = data;
	image->size = (uint64_t)st.st_size;
	image->dev = st.st_dev;
	image->ino = st.st_ino;
	image->priv->mapped = true;
	err = parse(image);
	if (err)
		return err;
	*ret = cleanup_release(&image);
	return NULL;
}

struct error *image_open_memory(const void *data, size_t size, const char *name, struct image **ret)
{
	struct error *err;
	_cleanup_image_ struct image *image = NULL;

	err = create(name, name, &image);
	if (err)
		return err;
	if (!size)
		return image_bad(image, "the file is empty");
	image->data = data;
	image->size = size;
	err = parse(image);
	if (err)
		return err;
	*ret = cleanup_release(&image);
	return NULL;
}

void image_destroy(struct image *image)
{
	if (!image)
		return;
	if (image->priv) {
		if (image->priv->mapped)
			munmap((void *)image->data, image->size);
		arena_deinit(&image->priv->arena);
		free(image->priv);
	}
	free(image->path);
	free(image->name);
	free(image);
}

bool image_is_program(const struct image *image)
{
	if (image->type == ET_EXEC)
		return true;
	return image->type == ET_DYN &&
	       ((image->flags_1 & DF_1_PIE) || (image->interp && !image->soname));
}

/* Later segments are mapped over earlier ones (MAP_FIXED), so the last match wins. */
static const Elf64_Phdr *find_load(const struct image *image, uint64_t address)
{
	const struct image_private *p = image->priv;

	for (size_t i = p->nloads; i-- > 0;) {
		const Elf64_Phdr *h = p->loads[i];
		if (address >= h->p_vaddr && address - h->p_vaddr < h->p_filesz)
			return h;
	}
	return NULL;
}

const unsigned char *image_tail_at(const struct image *image, uint64_t address, uint64_t *len)
{
	const Elf64_Phdr *h = find_load(image, address);

	if (!h) {
		*len = 0;
		return NULL;
	}
	*len = h->p_filesz - (address - h->p_vaddr);
	return image->data + h->p_offset + (address - h->p_vaddr);
}

const void *image_at(const struct image *image, uint64_t address, uint64_t len)
{
	uint64_t have;
	const unsigned char *p = image_tail_at(image, address, &have);

	return p && len <= have ? p : NULL;
}

const char *image_string_at(const struct image *image, uint64_t address)
{
	uint64_t have;
	const unsigned char *p = image_tail_at(image, address, &have);

	return p && memchr(p, '\0', have) ? (const char *)p : NULL;
}

const char *image_name(const struct image *image, uint64_t offset)
{
	return offset < image->strtab_size ? image->strtab + offset : "";
}

void image_drop_pages(const struct image *image)
{
	if (image->priv->mapped)
		madvise((void *)image->data, image->size, MADV_DONTNEED);
}
