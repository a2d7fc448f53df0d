/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "assets.h"
#include "core/base/arena.h"
#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"

enum {
	MAX_FIELDS = 8,
	MAX_FILE = 4 << 20, /* bytes of a file of the user */
	MAX_NAME = 4096,
};

struct rule {
	const char *glob;
	size_t literal; /* bytes before the first special character */
	bool whole;	/* the pattern has a '/' */
	struct port_match match;
};

struct ports {
	struct arena arena;
	struct map libraries; /* name to version ("" where it has none) */
	struct rule *rules;
	size_t nrules, cap;
};

static const char *const relation_names[] = {
	[PORT_NONE] = "none",
	[PORT_SAME] = "port",
	[PORT_STAND_IN] = "stand-in",
	[PORT_CORE] = "core",
};

const char *port_relation_name(enum port_relation relation)
{
	return relation_names[relation];
}

/* One line of a table, its fields cut apart. */
struct line {
	const char *file;
	unsigned int number;
	char *fields[MAX_FIELDS];
	size_t n;
};

static struct error *bad_line(const struct line *line, const char *what, const char *value)
{
	return error_create(ERROR_BAD_DATA, "'%s' line %u: %s%s%s%s", line->file, line->number,
			    what, value ? " '" : "", value ? value : "", value ? "'" : "");
}

/* Cuts 'text' at tabs; a run of tabs is one. Blanks at the ends do not count. */
static struct error *line_split(struct line *line, char *text)
{
	size_t len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	line->n = 0;
	for (char *p = text; *p;) {
		char *end = p + strcspn(p, "\t");
		if (end > p) {
			if (line->n == MAX_FIELDS)
				return bad_line(line, "more fields than the table has", NULL);
			line->fields[line->n++] = p;
		}
		if (!*end)
			break;
		*end = '\0';
		p = end + 1;
	}
	return NULL;
}

static const char *field_or_null(const struct line *line, size_t index)
{
	if (index >= line->n || !strcmp(line->fields[index], "-"))
		return NULL;
	return line->fields[index];
}

/* name, version, kind, description, url, dependencies, source */
static struct error *add_library(struct ports *ports, const struct line *line)
{
	if (line->n != 7)
		return bad_line(line, "a library has seven fields", NULL);
	const char *version = field_or_null(line, 1);
	return map_put(&ports->libraries, line->fields[0], strlen(line->fields[0]),
		       (void *)(version ? version : ""));
}

/*
 * Cuts "name@version" and gives the version: that one, or the table's. "": none, or
 * not one of the file ("name@-"); NULL: unknown library.
 */
static const char *part_version(const struct ports *ports, char *name)
{
	char *at = strchr(name, '@');
	if (!at)
		return map_get(&ports->libraries, name, strlen(name));
	*at++ = '\0';
	return strcmp(at, "-") ? at : "";
}

/*
 * "libcxx+zlib@1.3": the names go to 'library', their versions (equal ones
 * once) to 'version'. 'text' is cut.
 */
static struct error *parse_libraries(const struct ports *ports, const struct line *line, char *text,
				     struct buf *library, struct buf *version)
{
	char *save = NULL;
	const char *last = "";
	for (char *name = strtok_r(text, "+", &save); name; name = strtok_r(NULL, "+", &save)) {
		const char *v = part_version(ports, name);
		if (!*name)
			return bad_line(line, "the library has no name", NULL);
		if (!v)
			return bad_line(line,
					"not in the table of libraries (say name@version):", name);
		buf_adds(library, library->len ? "+" : "");
		buf_adds(library, name);
		if (strcmp(v, last)) {
			buf_adds(version, version->len ? "+" : "");
			buf_adds(version, v);
		}
		last = v;
	}
	return library->len ? NULL : bad_line(line, "the library has no name", NULL);
}

static struct error *parse_relation(const struct line *line, const char *word,
				    enum port_relation *ret)
{
	for (size_t i = 0; i < sizeof(relation_names) / sizeof(*relation_names); i++) {
		if (!strcmp(word, relation_names[i])) {
			*ret = i;
			return NULL;
		}
	}
	return bad_line(line, "the relation is not port, stand-in, core or none:", word);
}

/* Keeps the text of 'b', or NULL where it is empty. */
static struct error *keep(struct ports *ports, const struct buf *b, const char **ret)
{
	*ret = NULL;
	struct error *err = buf_error(b);
	if (err || !b->len)
		return err;
	*ret = arena_strndup(&ports->arena, b->data, b->len);
	return *ret ? NULL : &error_no_memory;
}

/* glob, library, relation, note */
static struct error *add_rule(struct ports *ports, const struct line *line)
{
	_cleanup_buf_ struct buf library = { 0 }, version = { 0 };
	struct rule rule = { .match = { .file = line->file, .line = line->number } };

	if (line->n < 3 || line->n > 4)
		return bad_line(line, "a line is glob, library, relation and note", NULL);
	rule.glob = line->fields[0];
	rule.literal = strcspn(rule.glob, "*?[\\");
	rule.whole = strchr(rule.glob, '/');
	rule.match.note = field_or_null(line, 3);
	struct error *err = parse_relation(line, line->fields[2], &rule.match.relation);
	if (err)
		return err;
	bool named = field_or_null(line, 1);
	if (named != (rule.match.relation != PORT_NONE))
		return bad_line(line,
				named ? "the relation none has no library, but '-'"
				      : "a port needs the name of a library",
				NULL);
	if (named) {
		err = parse_libraries(ports, line, line->fields[1], &library, &version);
		if (!err)
			err = keep(ports, &library, &rule.match.library);
		if (!err)
			err = keep(ports, &version, &rule.match.version);
		if (err)
			return err;
	}
	err = array_grow(&ports->rules, &ports->cap, ports->nrules + 1, sizeof(rule));
	if (err)
		return err;
	ports->rules[ports->nrules++] = rule;
	return NULL;
}

/* Parses a table; the text is copied, and lines stay in the arena. */
static struct error *read_table(struct ports *ports, const char *file, const char *data, size_t len,
				struct error *(*add)(struct ports *, const struct line *))
{
	struct line line = { .file = file };
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		line.number++;
		if (memchr(data, '\0', n))
			return bad_line(&line, "the line holds a NUL byte", NULL);
		if (n && *data != '#') {
			char *text = arena_strndup(&ports->arena, data, n);
			if (!text)
				return &error_no_memory;
			struct error *err = line_split(&line, text);
			if (!err && line.n)
				err = add(ports, &line);
			if (err)
				return err;
		}
		n += end ? 1 : 0;
		data += n;
		len -= n;
	}
	return NULL;
}

static struct error *read_file(const char *path, struct buf *ret)
{
	/* Not waiting: a FIFO without a writer is refused below. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_os(errno, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_create(ERROR_BAD_DATA, "'%s' is not a regular file", path);
	for (;;) {
		if (!buf_reserve(ret, 65536))
			return buf_error(ret);
		ssize_t n = read(fd, ret->data + ret->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_os(errno, "cannot read '%s'", path);
		if (n == 0)
			return NULL;
		ret->len += n;
		if (ret->len > MAX_FILE)
			return error_create(ERROR_BAD_DATA, "'%s' is larger than %d MiB", path,
					    MAX_FILE >> 20);
	}
}

static struct error *read_user_map(struct ports *ports, const char *path)
{
	_cleanup_buf_ struct buf b = { 0 };
	const char *name = arena_strdup(&ports->arena, path);
	if (!name)
		return &error_no_memory;
	struct error *err = read_file(path, &b);
	return err ? err : read_table(ports, name, b.data, b.len, add_rule);
}

struct error *ports_create(const char *const *user_maps, size_t n, struct ports **ret)
{
	_cleanup_ports_ struct ports *ports = calloc(1, sizeof(*ports));
	if (!ports)
		return &error_no_memory;
	arena_init(&ports->arena);
	map_init(&ports->libraries);
	struct error *err = read_table(ports, "unikraft-libs.tsv", asset_unikraft_libs_tsv_start,
				       asset_unikraft_libs_tsv_end - asset_unikraft_libs_tsv_start,
				       add_library);
	for (size_t i = 0; !err && i < n; i++)
		err = read_user_map(ports, user_maps[i]);
	if (!err)
		err = read_table(ports, "unikraft-map.tsv", asset_unikraft_map_tsv_start,
				 asset_unikraft_map_tsv_end - asset_unikraft_map_tsv_start,
				 add_rule);
	if (err)
		return err;
	*ret = cleanup_release(&ports);
	return NULL;
}

void ports_destroy(struct ports *ports)
{
	if (!ports)
		return;
	free(ports->rules);
	map_deinit(&ports->libraries);
	arena_deinit(&ports->arena);
	free(ports);
}

static const struct rule *find_rule(const struct ports *ports, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	for (size_t i = 0; i < ports->nrules; i++) {
		const struct rule *rule = &ports->rules[i];
		const char *subject = rule->whole ? name : base;
		if (!strncmp(subject, rule->glob, rule->literal) &&
		    !fnmatch(rule->glob, subject, 0))
			return rule;
	}
	return NULL;
}

/*
 * auditwheel names a copied library after its contents: "-" and eight hex
 * digits before the first '.'. Gives the name without them, if there are any.
 */
static bool strip_hash(const char *name, char *dst, size_t size)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	size_t stem = strcspn(base, "."), len = strlen(name);
	if (stem < 10 || base[stem - 9] != '-' || len >= size)
		return false;
	if (strspn(base + stem - 8, "0123456789abcdef") != 8)
		return false;
	size_t head = base + stem - 9 - name;
	memcpy(dst, name, head);
	memcpy(dst + head, name + head + 9, len - head - 9 + 1);
	return true;
}

bool ports_find(const struct ports *ports, const char *name, struct port_match *ret)
{
	char plain[MAX_NAME];
	const struct rule *rule = find_rule(ports, name);
	if (!rule && strip_hash(name, plain, sizeof(plain)))
		rule = find_rule(ports, plain);
	*ret = rule ? rule->match : (struct port_match) { .relation = PORT_NONE };
	return rule;
}

bool ports_find_file(const struct ports *ports, const char *soname, const char *path,
		     struct port_match *ret)
{
	return (soname && ports_find(ports, soname, ret)) || ports_find(ports, path, ret);
}

/* Reads "1:2.3.4-5" as 2 and 3; false where it does not begin with a number. */
static bool read_version(const char *text, unsigned long *major, unsigned long *minor)
{
	size_t digits = strspn(text, "0123456789");
	if (digits && text[digits] == ':')
		text += digits + 1;
	text += *text == 'v';
	if (!strspn(text, "0123456789"))
		return false;
	char *end;
	*major = strtoul(text, &end, 10);
	*minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return true;
}

bool ports_version_is_far(const struct port_match *match, const char *file_version)
{
	unsigned long major[2], minor[2];
	if (match->relation != PORT_SAME || !match->version || !file_version)
		return false;
	if (!read_version(match->version, &major[0], &minor[0]) ||
	    !read_version(file_version, &major[1], &minor[1]))
		return false;
	return major[0] != major[1] || (major[0] == 0 && minor[0] != minor[1]);
}
