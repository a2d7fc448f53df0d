/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The headers of ar are read here and not through a library: libelf knows
 * neither thin archives nor BSD's long names, libarchive no thin archives.
 */
#include "core/image/members.h"

#include <ar.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/array.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"
#include "core/image/image.h"

static const char thin_magic[] = "!<thin>\n";

/* Bytes of names that are believed, for each byte that is there to hold them. */
static const uint64_t NAMES_PER_BYTE = 8, NAMES_FLOOR = 1 << 20;

struct mapping {
	const unsigned char *data;
	size_t size;
};

/* Symbols of a member, as indexes while the arrays still grow. */
struct extent {
	size_t defined, undefined;
};

/* The bytes of an archive, and what is needed to read its headers. */
struct ar {
	struct mapping file;
	struct mapping names; /* the member "//" */
	bool thin;
	struct arena *arena;
	uint64_t *names_left; /* bytes of members' names that are still believed */
};

struct image_members_private {
	struct arena arena;
	struct ar ar;
	bool mapped;
	struct log *log;
	uint64_t names_left;

	struct image_member *members;
	size_t members_cap;
	struct extent *extents;
	size_t extents_cap;
	struct image_member_symbol *defined, *undefined;
	size_t defined_cap, undefined_cap;
	struct map definers; /* symbol -> member index + 1 */
};

/* One header, and where its data lies. */
struct header {
	const char *name; /* as written, trimmed; in the arena */
	uint64_t size;	  /* of the data, without a BSD name */
	uint64_t data;	  /* offset */
	uint64_t next;	  /* offset of the next header */
	uint64_t origin;  /* of a thin member nested in another archive, else 0 */
	enum { PLAIN, INDEX, NAMES } kind;
};

static void warn(struct image_members *m, const char *member, const char *what)
{
	m->incomplete = true;
	if (*member)
		log_message(m->priv->log, LOG_WARNING, "'%s': '%s': %s", m->name, member, what);
	else
		log_message(m->priv->log, LOG_WARNING, "'%s': %s", m->name, what);
}

bool image_members_is_archive(const void *data, size_t size)
{
	return size >= SARMAG &&
	       (!memcmp(data, ARMAG, SARMAG) || !memcmp(data, thin_magic, SARMAG));
}

/* --- symbols of one object --- */

static struct error *add_symbol(struct image_member_symbol **items, size_t *cap, size_t *n,
				const struct image_member_symbol *symbol)
{
	struct error *err = array_grow(items, cap, *n + 1, sizeof(**items));
	if (!err)
		(*items)[(*n)++] = *symbol;
	return err;
}

static Elf64_Sym read_symbol(const struct image *image, const unsigned char *p)
{
	Elf64_Sym s;
	Elf32_Sym narrow;

	if (image->elf_class == ELFCLASS64) {
		memcpy(&s, p, sizeof(s));
		return s;
	}
	memcpy(&narrow, p, sizeof(narrow));
	return (Elf64_Sym) { .st_name = narrow.st_name,
			     .st_info = narrow.st_info,
			     .st_other = narrow.st_other,
			     .st_shndx = narrow.st_shndx,
			     .st_value = narrow.st_value,
			     .st_size = narrow.st_size };
}

/* The symbol table and its strings; false where there is none that can be read. */
static bool find_symbols(const struct image *image, struct image_section *ret,
			 struct mapping *strings)
{
	uint64_t entsize = image->elf_class == ELFCLASS64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct image_section s;

	for (size_t i = 0; image_section_get(image, i, ret); i++) {
		if (ret->type != SHT_SYMTAB)
			continue;
		if (ret->entsize != entsize || !image_section_data(image, ret) ||
		    !image_section_get(image, ret->link, &s) || s.type != SHT_STRTAB)
			return false;
		strings->data = image_section_data(image, &s);
		strings->size = s.size;
		return strings->data;
	}
	return false;
}

/* A name of the string table; NULL where it is outside, too long or has no end. */
static const char *symbol_name(const struct mapping *strings, uint32_t at)
{
	if (at >= strings->size)
		return NULL;
	const char *name = (const char *)strings->data + at;
	size_t most = strings->size - at;
	size_t len = strnlen(name, most < IMAGE_MEMBERS_MAX_NAME ? most : IMAGE_MEMBERS_MAX_NAME);
	return len < most && len < IMAGE_MEMBERS_MAX_NAME ? name : NULL;
}

static struct error *take_symbol(struct image_members *m, const Elf64_Sym *s, const char *name)
{
	struct image_members_private *p = m->priv;
	struct image_member_symbol symbol = {
		.name = name,
		.size = s->st_size,
		.type = ELF64_ST_TYPE(s->st_info),
		.bind = ELF64_ST_BIND(s->st_info),
		.visible = ELF64_ST_VISIBILITY(s->st_other),
		.common = s->st_shndx == SHN_COMMON || ELF64_ST_TYPE(s->st_info) == STT_COMMON,
	};

	if (s->st_shndx == SHN_UNDEF)
		return add_symbol(&p->undefined, &p->undefined_cap, &m->nundefined, &symbol);
	struct error *err = add_symbol(&p->defined, &p->defined_cap, &m->ndefined, &symbol);
	if (err || map_get(&p->definers, name, strlen(name)))
		return err;
	return map_put(&p->definers, name, strlen(name), (void *)(m->nmembers + 1));
}

static struct error *read_symbols(struct image_members *m, const struct image *image,
				  struct image_member *member, bool copy)
{
	uint64_t entsize = image->elf_class == ELFCLASS64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	struct image_section table;
	struct mapping strings;
	bool bad = false;

	if (!find_symbols(image, &table, &strings)) {
		if (image_section_find(image, ".symtab", &table)) {
			member->kind = IMAGE_MEMBER_BROKEN;
			warn(m, member->name, "its symbol table cannot be read");
		}
		return NULL; /* stripped: nothing to link with */
	}
	const unsigned char *data = image_section_data(image, &table);
	/* Names may overlap, so that few bytes hold many long ones. */
	uint64_t budget = NAMES_PER_BYTE * strings.size + NAMES_FLOOR;
	for (uint64_t i = 1; i < table.size / entsize; i++) {
		Elf64_Sym s = read_symbol(image, data + i * entsize);
		unsigned int bind = ELF64_ST_BIND(s.st_info);

		if (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE)
			continue;
		const char *name = symbol_name(&strings, s.st_name);
		size_t len = name ? strlen(name) : 0;
		bad = bad || !name;
		if (!len)
			continue;
		if (len > budget) {
			warn(m, member->name, "corrupt: far more names than its string table has");
			return NULL;
		}
		budget -= len;
		if (copy)
			name = arena_strndup(&m->priv->arena, name, len);
		if (!name)
			return &error_no_memory;
		if (m->ndefined + m->nundefined >= IMAGE_MEMBERS_MAX_SYMBOLS) {
			warn(m, member->name, "too many symbols, the rest was not read");
			return NULL;
		}
		struct error *err = take_symbol(m, &s, name);
		if (err)
			return err;
	}
	if (bad)
		warn(m, member->name, "a symbol's name lies outside of the string table");
	return NULL;
}

/* GCC's slim objects say so by a symbol; fat ones have real code beside. */
static bool is_slim(const struct image_members *m, const struct extent *from)
{
	for (size_t i = from->defined; i < m->ndefined; i++)
		if (!strcmp(m->priv->defined[i].name, "__gnu_lto_slim"))
			return true;
	return false;
}

/* Reads what a member is. Its bytes outlive the call unless 'copy'. */
static struct error *read_member(struct image_members *m, struct image_member *member,
				 const struct mapping *bytes, const struct extent *from, bool copy)
{
	_cleanup_image_ struct image *image = NULL;

	member->kind = IMAGE_MEMBER_OTHER;
	if (bytes->size >= 4 && !memcmp(bytes->data, "BC\xc0\xde", 4))
		member->kind = IMAGE_MEMBER_LTO;
	if (bytes->size < 4 || !image_is_elf(bytes->data, bytes->size))
		return NULL;
	struct error *err = image_open_memory(bytes->data, bytes->size, member->name, &image);
	if (err) {
		if (error_get_code(err) == ERROR_NO_MEMORY)
			return err;
		member->kind = IMAGE_MEMBER_BROKEN;
		m->incomplete = true;
		log_error(m->priv->log, LOG_WARNING, error_prefix(err, "'%s'", m->name));
		return NULL;
	}
	member->kind = IMAGE_MEMBER_OBJECT;
	member->machine = image->machine_id;
	err = read_symbols(m, image, member, copy);
	if (!err && is_slim(m, from))
		member->kind = IMAGE_MEMBER_LTO;
	return err;
}

/* --- headers --- */

/* A decimal field, padded with blanks; false where it is none. */
static bool read_number(const char *field, size_t len, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < len && field[i] >= '0' && field[i] <= '9')
		value = value * 10 + (uint64_t)(field[i++] - '0');
	if (!i || i > 18)
		return false;
	for (size_t k = i; k < len; k++)
		if (field[k] != ' ')
			return false;
	*ret = value;
	return true;
}

/* "/OFFSET" or "/OFFSET:ORIGIN": a name in "//", ended by "/\n" (BSD: by NUL). */
static const char *long_name(const struct ar *ar, struct header *h, const char *field)
{
	char digits[17] = { 0 }, *end;

	memcpy(digits, field + 1, 15);
	unsigned long long at = strtoull(digits, &end, 10);
	if (end == digits)
		return NULL;
	if (*end == ':')
		h->origin = strtoull(end + 1, &end, 10);
	if (at >= ar->names.size)
		return NULL;
	const char *name = (const char *)ar->names.data + at;
	size_t len = 0, most = ar->names.size - at;
	while (len < most && len < IMAGE_MEMBERS_MAX_NAME && name[len] != '\n' && name[len])
		len++;
	if (len == most || len == IMAGE_MEMBERS_MAX_NAME)
		return NULL;
	if (len && name[len - 1] == '/')
		len--;
	return arena_strndup(ar->arena, name, len);
}

/* The name of a header, and what kind of member it says. NULL: broken, or no memory. */
static const char *read_name(const struct ar *ar, struct header *h, const char *field)
{
	const struct mapping *file = &ar->file;
	size_t len = sizeof(((struct ar_hdr *)0)->ar_name);
	uint64_t bsd;

	while (len && field[len - 1] == ' ')
		len--;
	if (len > 3 && !memcmp(field, "#1/", 3) && read_number(field + 3, 13, &bsd)) {
		if (ar->thin || bsd > h->size || bsd > IMAGE_MEMBERS_MAX_NAME ||
		    !checked_range(h->data, bsd, file->size))
			return NULL;
		field = (const char *)file->data + h->data;
		len = strnlen(field, bsd);
		h->data += bsd;
		h->size -= bsd;
	} else if (len == 2 && !memcmp(field, "//", 2)) {
		h->kind = NAMES;
	} else if ((len == 1 && field[0] == '/') || (len == 7 && !memcmp(field, "/SYM64/", 7))) {
		h->kind = INDEX;
	} else if (len > 1 && field[0] == '/') {
		return long_name(ar, h, field);
	} else if (len && field[len - 1] == '/') {
		len--;
	}
	if (len >= 9 && !memcmp(field, "__.SYMDEF", 9))
		h->kind = INDEX;
	return arena_strndup(ar->arena, field, len);
}

/* Reads the header at an offset. What is wrong with it, or NULL. */
static const char *read_header(const struct ar *ar, uint64_t at, struct header *ret)
{
	const struct mapping *file = &ar->file;
	struct ar_hdr raw;

	if (!checked_range(at, sizeof(raw), file->size))
		return "truncated: a member's header is cut off";
	memcpy(&raw, file->data + at, sizeof(raw));
	*ret = (struct header) { .data = at + sizeof(raw) };
	if (memcmp(raw.ar_fmag, ARFMAG, 2) || !read_number(raw.ar_size, 10, &ret->size))
		return "corrupt: not a member's header where one should be";
	uint64_t stored = ret->size;
	ret->name = read_name(ar, ret, raw.ar_name);
	if (!ret->name)
		return "corrupt: a member's name cannot be read";
	uint64_t len = strlen(ret->name);
	if (len > *ar->names_left)
		return "corrupt: far more names than the file can hold";
	*ar->names_left -= len;
	if (ar->thin && ret->kind == PLAIN)
		stored = 0; /* its bytes are in a file of its own */
	uint64_t data = at + sizeof(raw);
	if (!checked_range(data, stored, file->size))
		return "truncated: a member reaches beyond the end of the file";
	ret->next = data + stored + (stored & 1);
	return NULL;
}

/* --- files --- */

static struct error *map_file(const char *path, const char *shown, struct mapping *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return error_os(errno, "cannot open '%s'", shown);
	if (!S_ISREG(st.st_mode))
		return error_create(ERROR_BAD_DATA, "'%s': not a regular file", shown);
	if (!st.st_size)
		return error_create(ERROR_BAD_DATA, "'%s': the file is empty", shown);
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_os(errno, "cannot read '%s'", shown);
	*ret = (struct mapping) { .data = data, .size = (size_t)st.st_size };
	return NULL;
}

/* A member that lies in another, ordinary archive: 'origin' is where its header begins. */
static bool read_nested(struct image_members *m, const struct mapping *file, uint64_t origin,
			struct image_member *member, struct mapping *ret)
{
	struct ar ar = { .file = *file,
			 .arena = &m->priv->arena,
			 .names_left = &m->priv->names_left };
	struct header h = { .next = SARMAG };

	if (!image_members_is_archive(file->data, file->size) || file->data[2] == 't')
		return false;
	/* The table of names stands before the first member that is none of the index. */
	do {
		if (read_header(&ar, h.next, &h))
			return false;
		if (h.kind == NAMES)
			ar.names = (struct mapping) { file->data + h.data, h.size };
	} while (h.kind == INDEX);
	if (read_header(&ar, origin, &h) || h.kind != PLAIN)
		return false;
	member->name = h.name;
	member->size = h.size;
	*ret = (struct mapping) { .data = file->data + h.data, .size = h.size };
	return true;
}

/* A thin archive's member: a file, relative to the archive's folder. */
static struct error *read_thin(struct image_members *m, struct image_member *member,
			       const struct header *h, const struct extent *from)
{
	const char *slash = strrchr(m->path, '/');
	struct mapping file, bytes;
	char path[PATH_MAX];

	member->kind = IMAGE_MEMBER_BROKEN;
	if (!m->priv->mapped)
		return NULL;
	int n = h->name[0] == '/' || !slash ? snprintf(path, sizeof(path), "%s", h->name)
					    : snprintf(path, sizeof(path), "%.*s/%s",
						       (int)(slash - m->path), m->path, h->name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		warn(m, h->name, "the name of its file is too long");
		return NULL;
	}
	struct error *err = map_file(path, path, &file);
	if (err) {
		m->incomplete = true;
		log_error(m->priv->log, LOG_WARNING, error_prefix(err, "'%s'", m->name));
		return NULL;
	}
	bytes = file;
	if (h->origin && !read_nested(m, &file, h->origin, member, &bytes))
		warn(m, h->name, "corrupt: not in the archive that it should be in");
	else
		err = read_member(m, member, &bytes, from, true);
	munmap((void *)file.data, file.size);
	return err;
}

static struct error *add_member(struct image_members *m, const struct header *h)
{
	struct image_members_private *p = m->priv;
	struct image_member member = { .name = h->name, .size = h->size };
	struct extent from = { .defined = m->ndefined, .undefined = m->nundefined };
	struct error *err;

	if (m->thin) {
		err = read_thin(m, &member, h, &from);
	} else {
		struct mapping bytes = { .data = p->ar.file.data + h->data, .size = h->size };
		member.data = bytes.data;
		err = read_member(m, &member, &bytes, &from, false);
	}
	if (!err)
		err = array_grow(&p->members, &p->members_cap, m->nmembers + 1,
				 sizeof(*p->members));
	if (!err)
		err = array_grow(&p->extents, &p->extents_cap, m->nmembers + 1,
				 sizeof(*p->extents));
	if (err)
		return err;
	p->extents[m->nmembers] = from;
	p->members[m->nmembers++] = member;
	return NULL;
}

/* The arrays have stopped growing: extents become pointers. */
static void settle(struct image_members *m)
{
	struct image_members_private *p = m->priv;

	for (size_t i = 0; i < m->nmembers; i++) {
		const struct extent *from = &p->extents[i];
		struct extent to = { .defined = m->ndefined, .undefined = m->nundefined };
		if (i + 1 < m->nmembers)
			to = p->extents[i + 1];
		p->members[i].ndefined = to.defined - from->defined;
		p->members[i].nundefined = to.undefined - from->undefined;
		p->members[i].defined = p->defined ? p->defined + from->defined : NULL;
		p->members[i].undefined = p->undefined ? p->undefined + from->undefined : NULL;
	}
	m->members = p->members;
	free(p->extents);
	p->extents = NULL;
}

/* An object file by itself: an archive of one member, named like the file. */
static struct error *read_object(struct image_members *m)
{
	struct image_members_private *p = m->priv;
	const char *slash = strrchr(m->name, '/');
	struct header h = { .name = slash ? slash + 1 : m->name,
			    .data = 0,
			    .size = p->ar.file.size };

	m->object = true;
	struct error *err = add_member(m, &h);
	if (!err)
		settle(m);
	return err;
}

static struct error *read_all(struct image_members *m)
{
	struct image_members_private *p = m->priv;
	uint64_t at = SARMAG;

	if (image_is_elf(p->ar.file.data, p->ar.file.size))
		return read_object(m);
	if (!image_members_is_archive(p->ar.file.data, p->ar.file.size))
		return error_create(ERROR_BAD_DATA, "'%s': not a static archive", m->name);
	m->thin = p->ar.file.data[2] == 't';
	p->ar.thin = m->thin;
	p->ar.arena = &p->arena;
	p->ar.names_left = &p->names_left;
	p->names_left = NAMES_PER_BYTE * p->ar.file.size + NAMES_FLOOR;
	for (struct header h; at < p->ar.file.size; at = h.next) {
		struct error *err = log_check_stop(p->log);
		if (err)
			return err;
		const char *wrong = read_header(&p->ar, at, &h);
		if (wrong && at == SARMAG)
			return error_create(ERROR_BAD_DATA, "'%s': %s", m->name, wrong);
		if (!wrong && m->nmembers >= IMAGE_MEMBERS_MAX)
			wrong = "too many members, the rest was not read";
		if (wrong) {
			warn(m, "", wrong);
			break;
		}
		if (h.kind == INDEX)
			m->has_index = true;
		else if (h.kind == NAMES)
			p->ar.names = (struct mapping) { p->ar.file.data + h.data, h.size };
		else
			err = add_member(m, &h);
		if (err)
			return err;
		log_progress(p->log, m->name, "B", at, p->ar.file.size);
	}
	settle(m);
	return NULL;
}

/* --- the archive --- */

static struct error *create(const char *path, const char *name, struct log *log,
			    struct image_members **ret)
{
	_cleanup_image_members_ struct image_members *m = calloc(1, sizeof(*m));

	if (!m)
		return &error_no_memory;
	m->priv = calloc(1, sizeof(*m->priv));
	if (!m->priv)
		return &error_no_memory;
	arena_init(&m->priv->arena);
	map_init(&m->priv->definers);
	m->priv->log = log;
	m->path = arena_strdup(&m->priv->arena, path);
	m->name = arena_strdup(&m->priv->arena, name);
	if (!m->path || !m->name)
		return &error_no_memory;
	*ret = cleanup_release(&m);
	return NULL;
}

struct error *image_members_open(const char *path, const char *name, struct log *log,
				 struct image_members **ret)
{
	_cleanup_image_members_ struct image_members *m = NULL;

	struct error *err = create(path, name ? name : path, log, &m);
	if (!err)
		err = map_file(path, m->name, &m->priv->ar.file);
	if (err)
		return err;
	m->priv->mapped = true;
	err = read_all(m);
	if (err)
		return err;
	*ret = cleanup_release(&m);
	return NULL;
}

struct error *image_members_open_memory(const void *data, size_t size, const char *name,
					struct log *log, struct image_members **ret)
{
	_cleanup_image_members_ struct image_members *m = NULL;

	struct error *err = create(name, name, log, &m);
	if (err)
		return err;
	m->priv->ar.file = (struct mapping) { .data = data, .size = size };
	err = read_all(m);
	if (err)
		return err;
	*ret = cleanup_release(&m);
	return NULL;
}

void image_members_destroy(struct image_members *m)
{
	if (!m)
		return;
	if (m->priv) {
		if (m->priv->mapped)
			munmap((void *)m->priv->ar.file.data, m->priv->ar.file.size);
		map_deinit(&m->priv->definers);
		free(m->priv->members);
		free(m->priv->extents);
		free(m->priv->defined);
		free(m->priv->undefined);
		arena_deinit(&m->priv->arena);
		free(m->priv);
	}
	free(m);
}

const struct image_member *image_members_find(const struct image_members *m, const char *symbol)
{
	size_t index = (size_t)map_get(&m->priv->definers, symbol, strlen(symbol));

	return index ? &m->members[index - 1] : NULL;
}
