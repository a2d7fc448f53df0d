/* SPDX-License-Identifier: BSD-2-Clause */
#include <jansson.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "analyze/dlopen-internal.h"

/* --- .note.dlopen: https://uapi-group.org/specifications/specs/elf_dlopen_metadata/ --- */

enum { NOTE_DLOPEN = 0x407c0c0a, MAX_NOTE = 1 << 20 };

static const char *note_how(struct dlopen_search *s, const json_t *entry)
{
	const char *feature = json_string_value(json_object_get(entry, "feature"));
	const char *priority = json_string_value(json_object_get(entry, "priority"));
	const char *how = arena_printf(s->arena, ".note.dlopen%s%s%s%s%s",
				       feature ? " feature " : "", feature ? feature : "",
				       priority ? " (" : "", priority ? priority : "",
				       priority ? ")" : "");
	return how ? how : ".note.dlopen";
}

static struct error *note_name(struct dlopen_search *s, const json_t *name, const char *how)
{
	const char *text = json_string_value(name);
	char *copy;

	if (!text || !*text || strlen(text) != json_string_length(name) ||
	    strlen(text) >= DLOPEN_MAX_NAME)
		return NULL;
	copy = arena_strdup(s->arena, text);
	if (!copy)
		return &error_no_memory;
	return dlopen_add_ref(s, copy, DLOPEN_NOTE, 0, how);
}

static struct error *note_entry(struct dlopen_search *s, const json_t *entry)
{
	const json_t *names = json_object_get(entry, "soname");
	const char *how = note_how(s, entry);
	struct error *err;

	if (json_is_string(names))
		return note_name(s, names, how);
	for (size_t i = 0; i < json_array_size(names); i++) {
		if ((err = note_name(s, json_array_get(names, i), how)))
			return err;
	}
	return NULL;
}

static struct error *read_note(const char *owner, uint32_t type, const void *desc, size_t len,
			       void *arg)
{
	struct dlopen_search *s = arg;
	struct error *err = NULL;

	if (type != NOTE_DLOPEN || strcmp(owner, "FDO") || len > MAX_NOTE)
		return NULL;
	/* Ended by a NUL and padded with more. What is no JSON says nothing. */
	json_t *root = json_loadb(desc, strnlen(desc, len), 0, NULL);
	for (size_t i = 0; !err && i < json_array_size(root); i++)
		err = note_entry(s, json_array_get(root, i));
	json_decref(root);
	return err;
}

struct error *dlopen_read_notes(struct dlopen_search *s)
{
	return image_each_note(s->image, read_note, s);
}

/* --- strings --- */

static bool is_name_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '+' || c == '.' || c == '@' || c == '~' || c == ',';
}

/* ".so" and then nothing, or versions: ".1", ".1.2.3", ".1d". */
static bool ends_library(const char *p)
{
	if (strncmp(p, ".so", 3))
		return false;
	for (p += 3; *p == '.';) {
		if (!((p[1] >= '0' && p[1] <= '9') || (p[1] >= 'a' && p[1] <= 'z')))
			return false;
		for (p++; *p && *p != '.';) {
			if (!is_name_char(*p++))
				return false;
		}
	}
	return !*p;
}

bool dlopen_is_library_name(const char *name)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *p = base;

	if (slash && name[0] != '/')
		return false; /* relative to a folder that only the program knows */
	for (const char *c = name; *c && c < base; c++) {
		if (*c != '/' && !is_name_char(*c))
			return false;
	}
	if (!is_name_char(*p) || strchr(".-_+~,@", *p))
		return false; /* the end of a name that is put together */
	for (; is_name_char(*p); p++) {
		if (*p == '.' && p != base && ends_library(p))
			return true;
	}
	return false;
}

/* The same with parts that are filled in: printf conversions, mkstemp's XXXXXX. */
static bool is_pattern(const char *name)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	bool conversion = strstr(name, "XXXXXX");

	for (const char *p = name; *p; p++) {
		conversion |= *p == '%' && p[1] && strchr("sducix0123456789.*l", p[1]);
		if (*p == '.' && p > base && conversion && ends_library(p))
			return true;
		if (*p != '%' && *p != '/' && *p != '*' && *p != '$' && !is_name_char(*p))
			return false;
	}
	return false;
}

static bool is_proven(const struct dlopen_search *s, size_t nproven, const char *name)
{
	for (size_t i = 0; i < nproven; i++) {
		if (!strcmp(s->facts->refs[i].name, name))
			return true;
	}
	return s->image->soname && !strcmp(s->image->soname, name);
}

struct candidates {
	struct dlopen_search *s;
	size_t nproven; /* refs that were there before */
};

/* Looks at the string around a ".so". */
static struct error *look_at_string(struct candidates *c, const char *start, const char *at,
				    const char *end)
{
	const char *first = at;
	struct error *err;

	while (first > start && at - first < DLOPEN_MAX_NAME && first[-1])
		first--;
	/* Only what begins after a NUL, or where the data begins, is a string of its own. */
	if (first > start && first[-1])
		return NULL;
	if (!memchr(at, 0, end - at < DLOPEN_MAX_NAME ? end - at : DLOPEN_MAX_NAME))
		return NULL;
	if (is_proven(c->s, c->nproven, first))
		return NULL;
	if (dlopen_is_library_name(first) && !strstr(first, "XXXXXX"))
		err = dlopen_add_ref(c->s, first, DLOPEN_CANDIDATE, 0, "string in read-only data");
	else if (is_pattern(first))
		err = dlopen_add_ref(c->s, first, DLOPEN_PATTERN, 0, "string in read-only data");
	else
		err = NULL;
	return err;
}

/* The next ".so": most of the bytes are no text, so two of the three are compared at once. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) static const char *find_so_avx2(const char *p, const char *end)
{
	const __m256i s = _mm256_set1_epi8('s'), o = _mm256_set1_epi8('o');

	for (; end - p >= 34; p += 32) {
		__m256i second = _mm256_loadu_si256((const __m256i *)(p + 1));
		__m256i third = _mm256_loadu_si256((const __m256i *)(p + 2));
		__m256i both = _mm256_and_si256(_mm256_cmpeq_epi8(second, s),
						_mm256_cmpeq_epi8(third, o));
		for (unsigned int m = _mm256_movemask_epi8(both); m; m &= m - 1) {
			const char *at = p + __builtin_ctz(m);
			if (*at == '.')
				return at;
		}
	}
	return memmem(p, end - p, ".so", 3);
}
#endif

static const char *find_so(const char *p, const char *end)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return find_so_avx2(p, end);
#endif
	return memmem(p, end - p, ".so", 3);
}

static struct error *look_at_data(struct candidates *c, const char *data, uint64_t size)
{
	const char *end = data + size;
	struct error *err;

	for (const char *p = data; (p = find_so(p, end)); p += 3) {
		/* most hits are words in texts */
		if (p + 3 < end && (p[3] == '\0' || p[3] == '.') &&
		    (err = look_at_string(c, data, p, end)))
			return err;
	}
	return NULL;
}

/* .rodata and its like; a file without sections: what is not writable, but no names of the
   dynamic section. */
static struct error *look_at_segments(struct candidates *c)
{
	const struct image *image = c->s->image;
	struct error *err;

	for (size_t i = 0; i < image->nphdrs; i++) {
		const Elf64_Phdr *h = &image->phdrs[i];
		if (h->p_type != PT_LOAD || h->p_flags & PF_W)
			continue;
		const char *data = image_at(image, h->p_vaddr, h->p_filesz);
		if (!data)
			continue;
		const char *end = data + h->p_filesz, *strings = image->strtab;
		if (strings && strings >= data && strings < end) {
			if ((err = look_at_data(c, data, strings - data)))
				return err;
			data = strings + image->strtab_size;
		}
		if (data < end && (err = look_at_data(c, data, end - data)))
			return err;
	}
	return NULL;
}

struct error *dlopen_read_candidates(struct dlopen_search *s)
{
	struct candidates c = { .s = s, .nproven = s->facts->nrefs };
	bool any = false;
	struct error *err;

	for (size_t i = 0; i < image_section_count(s->image); i++) {
		struct image_section section;
		if (!image_section_get(s->image, i, &section) || section.type != SHT_PROGBITS ||
		    !(section.flags & SHF_ALLOC) || section.flags & (SHF_WRITE | SHF_EXECINSTR))
			continue;
		/* Unwind tables and the like hold no strings and are large. */
		if (!strncmp(section.name, ".eh_frame", 9) || !strcmp(section.name, ".interp"))
			continue;
		any = true;
		const char *data = image_section_data(s->image, &section);
		if (data && (err = look_at_data(&c, data, section.size)))
			return err;
	}
	if (!any && (err = look_at_segments(&c)))
		return err;
	return NULL;
}
