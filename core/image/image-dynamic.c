/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dynamic section. A loader finds it in memory, by p_vaddr; a file whose
 * PT_DYNAMIC is in no PT_LOAD (an unloaded image) is read by p_offset.
 */
#include <string.h>

#include "core/base/array.h"
#include "core/base/checked.h"
#include "core/image/image-internal.h"

/* 2^20 entries are 16 MB: far more than any linker writes. */
enum { MAX_DYN = 1 << 20 };

struct dyn {
	int64_t tag;
	uint64_t val;
};

static struct dyn get_dyn(const struct image *image, const unsigned char *p)
{
	if (image->elf_class == ELFCLASS64)
		return (struct dyn) { (int64_t)read_u64(p), read_u64(p + 8) };
	return (struct dyn) { (int32_t)read_u32(p), read_u32(p + 4) };
}

static void take_tag(struct image *image, struct image_dynamic_tags *t, struct dyn d)
{
	switch (d.tag) {
#define TAG(TAG, member)                                                                           \
	case TAG:                                                                                  \
		t->member = d.val;                                                                 \
		break
#define TAG_HAS(TAG, member)                                                                       \
	case TAG:                                                                                  \
		t->member = d.val;                                                                 \
		t->has_##member = true;                                                            \
		break
		TAG_HAS(DT_STRTAB, strtab);
		TAG(DT_STRSZ, strsz);
		TAG_HAS(DT_SYMTAB, symtab);
		TAG(DT_SYMENT, syment);
		TAG_HAS(DT_HASH, hash);
		TAG_HAS(DT_GNU_HASH, gnu_hash);
		TAG_HAS(DT_VERSYM, versym);
		TAG(DT_VERNEED, verneed);
		TAG(DT_VERNEEDNUM, verneednum);
		TAG(DT_VERDEF, verdef);
		TAG(DT_VERDEFNUM, verdefnum);
		TAG(DT_RELA, rela);
		TAG(DT_RELASZ, relasz);
		TAG(DT_RELAENT, relaent);
		TAG(DT_RELACOUNT, relacount);
		TAG(DT_REL, rel);
		TAG(DT_RELSZ, relsz);
		TAG(DT_RELENT, relent);
		TAG(DT_RELCOUNT, relcount);
		TAG(DT_JMPREL, jmprel);
		TAG(DT_PLTRELSZ, pltrelsz);
		TAG(DT_PLTREL, pltrel);
		TAG(DT_RELR, relr);
		TAG(DT_RELRSZ, relrsz);
		TAG(DT_RELRENT, relrent);
		TAG_HAS(DT_SONAME, soname);
		TAG_HAS(DT_RPATH, rpath);
		TAG_HAS(DT_RUNPATH, runpath);
#undef TAG
#undef TAG_HAS
	case DT_SYMBOLIC:
		image->symbolic = true;
		break;
	case DT_FLAGS:
		image->flags = d.val;
		image->symbolic |= (d.val & DF_SYMBOLIC) != 0;
		break;
	case DT_FLAGS_1:
		image->flags_1 = d.val;
		break;
	}
}

/* The bytes of PT_DYNAMIC, or NULL. */
static const unsigned char *find_dynamic(const struct image *image, uint64_t *size)
{
	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type != PT_DYNAMIC)
			continue;
		uint64_t have;
		const unsigned char *p = image_tail_at(image, h->p_vaddr, &have);
		if (!p && checked_range(h->p_offset, h->p_filesz, image->size)) {
			p = image->data + h->p_offset;
			have = h->p_filesz;
		}
		*size = have < h->p_filesz || !h->p_filesz ? have : h->p_filesz;
		return p;
	}
	*size = 0;
	return NULL;
}

static struct error *read_strings(struct image *image, const struct image_dynamic_tags *t)
{
	if (!t->has_strtab || !t->strsz)
		return NULL;
	const char *s = image_at(image, t->strtab, t->strsz);
	if (!s)
		return image_bad(image,
				 "DT_STRTAB 0x%llx with DT_STRSZ 0x%llx lies outside the segments",
				 (unsigned long long)t->strtab, (unsigned long long)t->strsz);
	/* Strings end inside the table: what follows its last NUL is no string. */
	const char *last = memrchr(s, '\0', t->strsz);
	if (!last)
		return image_bad(image, "the string table (DT_STRTAB) has no end");
	image->strtab = s;
	image->strtab_size = (uint64_t)(last - s) + 1;
	return NULL;
}

static bool is_dep(int64_t tag)
{
	return tag == DT_NEEDED || tag == DT_FILTER || tag == DT_AUXILIARY;
}

static struct error *check_name(const struct image *image, const char *tag, uint64_t offset)
{
	if (offset < image->strtab_size)
		return NULL;
	return image_bad(image, "%s 0x%llx lies outside the string table", tag,
			 (unsigned long long)offset);
}

static struct error *read_deps(struct image *image, const unsigned char *p, uint64_t count,
			       size_t entsize, size_t ndeps)
{
	struct error *err;
	struct image_dep *deps = arena_alloc(&image->priv->arena, ndeps * sizeof(*deps));

	if (!deps)
		return &error_no_memory;
	size_t n = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct dyn d = get_dyn(image, p + i * entsize);
		if (d.tag == DT_NULL)
			break;
		if (!is_dep(d.tag))
			continue;
		err = check_name(image, d.tag == DT_NEEDED ? "DT_NEEDED" : "DT_FILTER", d.val);
		if (err)
			return err;
		deps[n++] = (struct image_dep) { d.tag, image_name(image, d.val) };
	}
	image->deps = deps;
	image->ndeps = n;
	return NULL;
}

static struct error *read_names(struct image *image, const struct image_dynamic_tags *t)
{
	const struct {
		const char *tag;
		bool has;
		uint64_t offset;
		const char **ret;
	} names[] = {
		{ "DT_SONAME", t->has_soname, t->soname, &image->soname },
		{ "DT_RPATH", t->has_rpath, t->rpath, &image->rpath },
		{ "DT_RUNPATH", t->has_runpath, t->runpath, &image->runpath },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!names[i].has)
			continue;
		struct error *err = check_name(image, names[i].tag, names[i].offset);
		if (err)
			return err;
		*names[i].ret = image_name(image, names[i].offset);
	}
	/* glibc's decompose_rpath: with a RUNPATH the RPATH does not exist. */
	if (image->runpath)
		image->rpath = NULL;
	return NULL;
}

struct error *image_read_dynamic(struct image *image)
{
	struct image_dynamic_tags tags = { 0 };
	struct error *err;
	uint64_t size;
	size_t entsize = image->elf_class == ELFCLASS64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	const unsigned char *p = find_dynamic(image, &size);
	size_t ndeps = 0;

	if (!p)
		return NULL;
	uint64_t count = size / entsize;
	if (count > MAX_DYN)
		return image_bad(image, "PT_DYNAMIC has %llu entries, more than %d",
				 (unsigned long long)count, MAX_DYN);
	image->has_dynamic = true;
	for (uint64_t i = 0; i < count; i++) {
		struct dyn d = get_dyn(image, p + i * entsize);
		if (d.tag == DT_NULL)
			break;
		ndeps += is_dep(d.tag);
		take_tag(image, &tags, d);
	}
	err = read_strings(image, &tags);
	if (err)
		return err;
	err = read_names(image, &tags);
	if (err)
		return err;
	if (ndeps) {
		err = read_deps(image, p, count, entsize, ndeps);
		if (err)
			return err;
	}
	err = image_read_symbols(image, &tags);
	if (err)
		return err;
	err = image_read_versions(image, &tags);
	if (err)
		return err;
	return image_read_relocs(image, &tags);
}
