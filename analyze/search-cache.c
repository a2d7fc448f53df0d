/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /etc/ld.so.cache, read as glibc's elf/dl-cache.c reads it: the format since
 * 2.2 ("glibc-ld.so.cache1.1"), alone or behind the libc5 one. The file is
 * untrusted: every index is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/search-internal.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"

static const char old_magic[] = "ld.so-1.7.0";
static const char new_magic[] = "glibc-ld.so.cache1.1";

enum {
	OLD_HEADER = 16, /* magic, padding, nlibs */
	OLD_ENTRY = 12,	 /* flags, key, value */
	NEW_HEADER = 48, /* magic+version 20, nlibs, len_strings, flags+pad, extension, unused */
	NEW_ENTRY = 24,	 /* flags, key, value, osversion, hwcap */
	EXTENSION_MAGIC = 0xeaa42174,
	TAG_GLIBC_HWCAPS = 1,
};

/* Bits of the hwcap word of an entry (sysdeps/generic/dl-cache.h). */
static const uint64_t hwcap_extension = 1ull << 62;
static const uint32_t isa_level_mask = (1u << 10) - 1;

struct search_cache {
	const unsigned char *data; /* the whole file */
	size_t size;
	const unsigned char *strings; /* offsets of keys and values count from here */
	size_t strings_size;
	const unsigned char *entries;
	uint32_t n;
	size_t entry_size;
	uint32_t flags; /* that an entry of this machine has */
	int isa_level;
	bool legacy;		   /* the loader looks at legacy hwcap bits */
	uint64_t hwcaps;	   /* the bits that this machine has */
	const unsigned char *caps; /* glibc-hwcaps section: string offsets from data */
	uint32_t ncaps;
};

static uint32_t u32(const unsigned char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t u64(const unsigned char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static const char *string_at(const unsigned char *base, size_t size, uint32_t offset)
{
	if (offset >= size || !memchr(base + offset, '\0', size - offset))
		return NULL;
	return (const char *)base + offset;
}

/* The directory of extensions at the offset that the header names. */
static void read_extensions(struct search_cache *c, uint32_t offset)
{
	if (!offset || offset % 4 || !checked_range(offset, 8, c->size) ||
	    u32(c->data + offset) != EXTENSION_MAGIC)
		return;
	uint32_t n = u32(c->data + offset + 4);
	for (uint32_t i = 0; i < n && i < 64; i++) {
		uint64_t at = offset + 8ull + 16ull * i; /* tag, flags, offset, size */
		if (!checked_range(at, 16, c->size))
			return;
		uint32_t where = u32(c->data + at + 8), size = u32(c->data + at + 12);
		if (u32(c->data + at) == TAG_GLIBC_HWCAPS && checked_range(where, size, c->size)) {
			c->caps = c->data + where;
			c->ncaps = size / 4;
		}
	}
}

static bool read_new(struct search_cache *c, size_t offset)
{
	const unsigned char *p = c->data + offset;

	if (!checked_range(offset, NEW_HEADER, c->size) ||
	    memcmp(p, new_magic, sizeof(new_magic) - 1))
		return false;
	/* Byte order of the integers: 0 unset, 2 little, 3 big. */
	unsigned int endian = p[28] & 3;
	if (endian == 1 || endian == 3)
		return false;
	c->n = u32(p + 20);
	if ((c->size - offset - NEW_HEADER) / NEW_ENTRY < c->n)
		return false;
	c->entries = p + NEW_HEADER;
	c->entry_size = NEW_ENTRY;
	c->strings = p;
	c->strings_size = c->size - offset;
	if (!offset)
		read_extensions(c, u32(p + 32));
	return true;
}

static bool read_any(struct search_cache *c)
{
	if (c->size >= NEW_HEADER && read_new(c, 0))
		return true;
	if (c->size < OLD_HEADER || memcmp(c->data, old_magic, sizeof(old_magic) - 1))
		return false;
	c->n = u32(c->data + 12);
	if ((c->size - OLD_HEADER) / OLD_ENTRY < c->n)
		return false;
	size_t end = OLD_HEADER + (size_t)c->n * OLD_ENTRY;
	if (read_new(c, (end + 7) & ~(size_t)7))
		return true;
	c->n = u32(c->data + 12);
	c->entries = c->data + OLD_HEADER;
	c->entry_size = OLD_ENTRY;
	c->strings = c->data + end;
	c->strings_size = c->size - end;
	return true;
}

struct error *search_cache_open(const struct search *search, struct search_cache **ret)
{
	struct tree_entry entry;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (tree_find(search->tree, "/etc/ld.so.cache", &entry))
		return &error_not_found;
	fd = open(entry.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !st.st_size)
		return &error_not_found;
	struct search_cache *c = calloc(1, sizeof(*c));
	if (!c)
		return &error_no_memory;
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		free(c);
		return error_os(errno, "cannot map '%s'", entry.path);
	}
	c->data = data;
	c->size = (size_t)st.st_size;
	c->flags = search->machine->cache_flags;
	c->isa_level = search->isa_level;
	c->legacy = search->legacy;
	c->hwcaps = search_hwcap_bits(search);
	if (!read_any(c)) {
		search_cache_destroy(c);
		return error_create(ERROR_BAD_DATA, "'%s': not a cache that ld.so would use",
				    entry.path);
	}
	*ret = c;
	return NULL;
}

void search_cache_destroy(struct search_cache *cache)
{
	if (!cache)
		return;
	munmap((void *)cache->data, cache->size);
	free(cache);
}

static int number(const char **p)
{
	unsigned int v = 0;

	while (**p >= '0' && **p <= '9')
		v = v * 10 + (unsigned int)(*(*p)++ - '0');
	return (int)v;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* glibc's _dl_cache_libcmp: numbers compare as numbers; the cache is sorted so. */
static int compare(const char *a, const char *b)
{
	while (*a) {
		if (is_digit(*a)) {
			if (!is_digit(*b))
				return 1;
			int x = number(&a), y = number(&b);
			if (x != y)
				return x < y ? -1 : 1;
		} else if (is_digit(*b)) {
			return -1;
		} else if (*a != *b) {
			return *a - *b;
		} else {
			a++;
			b++;
		}
	}
	return *a - *b;
}

static const unsigned char *entry_at(const struct search_cache *c, uint32_t i)
{
	return c->entries + (size_t)i * c->entry_size;
}

static const char *key_at(const struct search_cache *c, uint32_t i)
{
	return string_at(c->strings, c->strings_size, u32(entry_at(c, i) + 4));
}

/* Preference of a named hwcap of the cache: 0 not usable here, lower is better. */
static unsigned int cap_priority(const struct search_cache *c, uint32_t index)
{
	static const char prefix[] = "x86-64-v";

	if (index >= c->ncaps)
		return 0;
	const char *name = string_at(c->data, c->size, u32(c->caps + 4ull * index));
	if (!name || strncmp(name, prefix, sizeof(prefix) - 1))
		return 0;
	int level = name[sizeof(prefix) - 1] - '0';
	if (name[sizeof(prefix)] || level < 2 || level > c->isa_level)
		return 0;
	return (unsigned int)(10 - level);
}

struct best {
	const char *value;
	unsigned int priority;
};

/* Looks at one entry of the right name; true: nothing better can follow. */
static bool consider(const struct search_cache *c, const unsigned char *e, struct best *best)
{
	const char *value = string_at(c->strings, c->strings_size, u32(e + 8));
	bool named = false;

	if (u32(e) != c->flags || !value)
		return false;
	if (c->entry_size == NEW_ENTRY) {
		uint64_t hwcap = u64(e + 16);
		named = (hwcap >> 32 & ~(uint64_t)isa_level_mask) == hwcap_extension >> 32;
		if (!named && best->value)
			return true; /* named ones come first; the best of them wins */
		/* Legacy capabilities: every bit must be one that this machine has. */
		if (!named && (c->legacy ? hwcap & ~c->hwcaps : hwcap))
			return false;
		if (named) {
			/* 0: baseline, 1: x86-64-v2, ... */
			int isa = (int)(hwcap >> 32 & isa_level_mask);
			unsigned int priority = cap_priority(c, (uint32_t)hwcap);
			if ((isa && isa + 1 > c->isa_level) || !priority)
				return false;
			if (best->value && priority >= best->priority)
				return false;
			best->priority = priority;
		}
	}
	best->value = value;
	return !named;
}

const char *search_cache_find(const struct search_cache *c, const char *name)
{
	int64_t left = 0, right = (int64_t)c->n - 1;
	struct best best = { NULL, 0 };

	while (left <= right) {
		int64_t middle = (left + right) / 2;
		const char *key = key_at(c, (uint32_t)middle);
		if (!key)
			return NULL;
		int cmp = compare(name, key);
		if (cmp < 0) { /* the file is sorted downwards */
			left = middle + 1;
			continue;
		}
		if (cmp > 0) {
			right = middle - 1;
			continue;
		}
		while (middle > 0) {
			key = key_at(c, (uint32_t)middle - 1);
			if (!key || compare(name, key))
				break;
			middle--;
		}
		for (; middle <= right; middle++) {
			key = key_at(c, (uint32_t)middle);
			if (!key || compare(name, key) ||
			    consider(c, entry_at(c, (uint32_t)middle), &best))
				break;
		}
		break;
	}
	return best.value;
}
