/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/plugins.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "assets.h"
#include "core/base/arena.h"
#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/map.h"

enum {
	COLUMNS = 5,
	MAX_FILE = 4 << 20, /* bytes of a table of the user, or of nsswitch.conf */
	MAX_PATH = 4096,
	MAX_DEPTH = 24,	       /* parts of a folder's path */
	MAX_FOLDERS = 1 << 14, /* looked at for one file: links may make a tree endless */
};

struct row {
	const char *kind, *files, *folder, *names, *source;
};

struct plugins {
	struct arena arena;
	struct row *rows;
	size_t n, cap;
};

/* --- the table --- */

static struct error *add_line(struct plugins *p, const char *file, unsigned int number, char *line)
{
	char *fields[COLUMNS], *save = NULL;
	struct error *err;
	size_t n = 0;

	line[strcspn(line, "\r")] = '\0';
	if (!*line || *line == '#')
		return NULL;
	for (char *f = strtok_r(line, "\t", &save); f; f = strtok_r(NULL, "\t", &save)) {
		if (n == COLUMNS)
			return error_create(ERROR_BAD_DATA, "'%s' line %u: more than five columns",
					    file, number);
		fields[n++] = f;
	}
	if (n != COLUMNS)
		return error_create(ERROR_BAD_DATA, "'%s' line %u: %zu columns instead of five",
				    file, number, n);
	if (*fields[2] != '/' && strncmp(fields[2], "$ORIGIN", 7))
		return error_create(ERROR_BAD_DATA,
				    "'%s' line %u: the folder begins neither with '/' nor "
				    "with $ORIGIN: '%s'",
				    file, number, fields[2]);
	if ((err = array_grow(&p->rows, &p->cap, p->n + 1, sizeof(*p->rows))))
		return err;
	p->rows[p->n++] = (struct row) { .kind = fields[0],
					 .files = fields[1],
					 .folder = fields[2],
					 .names = fields[3],
					 .source = fields[4] };
	return NULL;
}

/* 'text' is cut and must live as long as 'p'. */
static struct error *add_text(struct plugins *p, const char *file, char *text)
{
	struct error *err;

	for (unsigned int number = 1; text; number++) {
		char *next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		if ((err = add_line(p, file, number, text)))
			return err;
		text = next;
	}
	return NULL;
}

/* A whole file, NUL-terminated; the caller owns it. */
static struct error *read_whole(const char *path, char **ret)
{
	struct buf b;
	struct error *err = NULL;
	struct stat st;

	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return error_os(errno, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_create(ERROR_BAD_DATA, "'%s' is no regular file", path);
	buf_init(&b);
	for (ssize_t n = 1; n;) {
		if (b.len > MAX_FILE || !buf_reserve(&b, 65536))
			break;
		n = read(fd, b.data + b.len, 65536);
		if (n < 0) {
			err = error_os(errno, "cannot read '%s'", path);
			break;
		}
		b.len += n;
		b.data[b.len] = '\0';
	}
	if (!err && b.len > MAX_FILE)
		err = error_create(ERROR_BAD_DATA, "'%s' is larger than 4 MiB", path);
	if (!err && b.data && strlen(b.data) != b.len)
		err = error_create(ERROR_BAD_DATA, "'%s' is no text", path);
	if (!err)
		err = buf_take(&b, ret);
	buf_deinit(&b);
	return err;
}

static struct error *add_file(struct plugins *p, const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct error *err = read_whole(path, &text);

	if (err)
		return err;
	char *copy = arena_strdup(&p->arena, text);
	return copy ? add_text(p, path, copy) : &error_no_memory;
}

static struct error *add_all(struct plugins *p, const char *const *files, size_t n)
{
	size_t size = asset_plugins_tsv_end - asset_plugins_tsv_start;
	char *text = arena_strndup(&p->arena, asset_plugins_tsv_start, size);
	struct error *err;

	if (!text)
		return &error_no_memory;
	if ((err = add_text(p, "plugins.tsv", text)))
		return err;
	for (size_t i = 0; i < n; i++) {
		if ((err = add_file(p, files[i])))
			return err;
	}
	return NULL;
}

struct error *plugins_create(const char *const *user_files, size_t n, struct plugins **ret)
{
	struct plugins *p = calloc(1, sizeof(*p));
	struct error *err;

	if (!p)
		return &error_no_memory;
	arena_init(&p->arena);
	if ((err = add_all(p, user_files, n))) {
		plugins_destroy(p);
		return err;
	}
	*ret = p;
	return NULL;
}

void plugins_destroy(struct plugins *p)
{
	if (!p)
		return;
	arena_deinit(&p->arena);
	free(p->rows);
	free(p);
}

/* --- a search --- */

struct search {
	const struct tree *tree;
	const struct plugins_query *query;
	const struct row *row;
	struct arena arena;
	struct map seen; /* files by device and number: links are no further modules */
	size_t folders;
	struct error *(*fn)(const struct plugin *plugin, void *arg);
	void *arg;
	struct error *err; /* carried through tree_list() */
};

/* Whether one of the globs, separated by '|', matches. */
static bool matches_any(const char *globs, const char *name, int flags)
{
	char glob[MAX_PATH];

	while (*globs) {
		size_t len = strcspn(globs, "|");
		if (len < sizeof(glob)) {
			memcpy(glob, globs, len);
			glob[len] = '\0';
			if (!fnmatch(glob, name, flags))
				return true;
		}
		globs += len + (globs[len] == '|');
	}
	return false;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Globs with a '/' see the path, the others the soname and the file name. */
static bool row_is_for(const struct row *row, const struct plugins_query *q)
{
	if (matches_any(row->files, last_part(q->path), 0) ||
	    (q->soname && matches_any(row->files, q->soname, 0)))
		return true;
	return strchr(row->files, '/') && matches_any(row->files, q->path, 0);
}

/* Whether a file was reported under another name. */
static bool is_new(struct search *s, const struct stat *st)
{
	uint64_t *key = arena_alloc(&s->arena, 2 * sizeof(*key));

	if (!key) {
		s->err = &error_no_memory;
		return false;
	}
	key[0] = st->st_dev;
	key[1] = st->st_ino;
	if (map_get(&s->seen, (const char *)key, 2 * sizeof(*key)))
		return false;
	if (s->seen.n == PLUGINS_MAX_FOUND)
		s->err = error_create(ERROR_NO_MEMORY, "'%s' has more than %u modules",
				      s->query->path, PLUGINS_MAX_FOUND);
	else
		s->err = map_put(&s->seen, (const char *)key, 2 * sizeof(*key), key);
	return !s->err;
}

static void report(struct search *s, const char *folder, const char *name)
{
	char *path = arena_printf(&s->arena, "%s/%s", strcmp(folder, "/") ? folder : "", name);
	char *why = arena_printf(&s->arena, "%s: modules in %s", s->row->kind, folder);
	struct tree_entry *entry = malloc(sizeof(*entry));

	if (!path || !why || !entry)
		s->err = &error_no_memory;
	else if (!tree_find(s->tree, path, entry) && S_ISREG(entry->st.st_mode) &&
		 is_new(s, &entry->st))
		s->err = s->fn(&(struct plugin) { .path = path,
						  .name = last_part(path),
						  .kind = s->row->kind,
						  .why = why,
						  .provenance = s->row->source },
			       s->arg);
	free(entry);
}

struct level {
	struct search *s;
	const char *folder;
	const char *rest; /* parts of the pattern that are left; "" none */
	unsigned int depth;
};

static void look_in(struct level *level);

static bool is_folder(struct search *s, const char *path)
{
	struct tree_entry *entry = malloc(sizeof(*entry));
	bool folder = false;

	if (!entry)
		s->err = &error_no_memory;
	else
		folder = !tree_find(s->tree, path, entry) && S_ISDIR(entry->st.st_mode);
	free(entry);
	return folder;
}

/* Into a folder that is there, with one part less to match. */
static void descend(struct level *from, const char *name, const char *rest)
{
	char *path = arena_printf(&from->s->arena, "%s/%s",
				  strcmp(from->folder, "/") ? from->folder : "", name);
	struct level level = {
		.s = from->s, .folder = path, .rest = rest, .depth = from->depth + 1
	};

	if (!path)
		from->s->err = &error_no_memory;
	else if (strlen(path) < MAX_PATH && is_folder(from->s, path))
		look_in(&level);
}

static bool visit_file(const char *name, void *arg)
{
	struct level *level = arg;

	if (matches_any(level->s->row->names, name, FNM_PERIOD))
		report(level->s, level->folder, name);
	return !level->s->err;
}

static bool visit_below(const char *name, void *arg)
{
	struct level *level = arg;

	descend(level, name, "**");
	return !level->s->err;
}

struct glob_level {
	struct level *level;
	char part[MAX_PATH];
	const char *rest;
};

static bool visit_glob(const char *name, void *arg)
{
	struct glob_level *g = arg;

	if (!fnmatch(g->part, name, FNM_PERIOD))
		descend(g->level, name, g->rest);
	return !g->level->s->err;
}

static void look_in(struct level *level)
{
	struct search *s = level->s;
	size_t len = strcspn(level->rest, "/");

	if (level->depth > MAX_DEPTH || s->folders++ > MAX_FOLDERS || s->err)
		return;
	if (!len) {
		tree_list(s->tree, level->folder, visit_file, level);
		return;
	}
	if (!strcmp(level->rest, "**")) {
		tree_list(s->tree, level->folder, visit_file, level);
		if (!s->err)
			tree_list(s->tree, level->folder, visit_below, level);
		return;
	}
	struct glob_level *g = calloc(1, sizeof(*g));
	if (!g || len >= sizeof(g->part)) {
		s->err = g ? NULL : &error_no_memory;
		free(g);
		return;
	}
	g->level = level;
	memcpy(g->part, level->rest, len);
	g->rest = level->rest + len + (level->rest[len] == '/');
	if (strpbrk(g->part, "*?["))
		tree_list(s->tree, level->folder, visit_glob, g);
	else
		descend(level, g->part, g->rest);
	free(g);
}

/* $ORIGIN and $TRIPLET filled in; NULL where one is not known. */
static const char *expand(struct search *s, const char *folder)
{
	const char *path = s->query->path;
	struct buf b;
	char *text = NULL;

	buf_init(&b);
	for (const char *p = folder; *p;) {
		if (!strncmp(p, "$ORIGIN", 7)) {
			const char *slash = strrchr(path, '/');
			for (const char *c = path; c < slash; c++)
				buf_addc(&b, *c);
			p += 7;
		} else if (!strncmp(p, "$TRIPLET", 8)) {
			if (!s->query->triplet) {
				buf_deinit(&b);
				return NULL;
			}
			buf_adds(&b, s->query->triplet);
			p += 8;
		} else {
			buf_addc(&b, *p++);
		}
	}
	if (b.data && !b.failed)
		text = arena_strdup(&s->arena, b.data);
	if (!text)
		s->err = &error_no_memory;
	buf_deinit(&b);
	return text;
}

/* --- NSS --- */

static void nss_service(struct search *s, const char *folder, const char *service, size_t len)
{
	char name[128];

	if (!len || len > 64)
		return;
	snprintf(name, sizeof(name), "libnss_%.*s.so.2", (int)len, service);
	if (!strchr(name, '/'))
		report(s, folder, name);
}

/* nsswitch.conf(5): "database: service [action] service ...". */
static void nss_line(struct search *s, const char *folder, const char *line)
{
	const char *p = line + strcspn(line, ":#\n");

	if (*p != ':')
		return;
	for (p++; *p && *p != '#' && *p != '\n' && !s->err;) {
		p += strspn(p, " \t\r");
		if (*p == '[') {
			p += strcspn(p, "]\n");
			p += *p == ']';
			continue;
		}
		size_t len = strcspn(p, " \t\r\n#[");
		nss_service(s, folder, p, len);
		p += len;
	}
}

static void look_at_nsswitch(struct search *s, const char *folder)
{
	struct tree_entry *entry = malloc(sizeof(*entry));
	_cleanup_free_ char *text = NULL;

	if (!entry) {
		s->err = &error_no_memory;
		return;
	}
	if (!tree_find(s->tree, "/etc/nsswitch.conf", entry)) {
		/* A file that cannot be read names nothing, as for glibc. */
		struct error *err = read_whole(entry->path, &text);
		if (err && error_get_code(err) == ERROR_NO_MEMORY)
			s->err = err;
		else
			error_destroy(err);
	}
	free(entry);
	for (const char *line = text; line && *line && !s->err;) {
		nss_line(s, folder, line);
		line = strchr(line, '\n');
		line += line != NULL;
	}
}

static void look_at_row(struct search *s)
{
	const char *folder = expand(s, s->row->folder);

	if (!folder)
		return;
	if (!strcmp(s->row->names, "@nsswitch")) {
		look_at_nsswitch(s, folder);
		return;
	}
	struct level level = { .s = s, .folder = "/", .rest = folder + strspn(folder, "/") };
	look_in(&level);
}

struct error *plugins_find(const struct plugins *plugins, const struct tree *tree,
			   const struct plugins_query *query,
			   struct error *(*fn)(const struct plugin *plugin, void *arg), void *arg)
{
	struct search s = { .tree = tree, .query = query, .fn = fn, .arg = arg };

	arena_init(&s.arena);
	map_init(&s.seen);
	for (size_t i = 0; i < plugins->n && !s.err; i++) {
		s.row = &plugins->rows[i];
		if (*query->path == '/' && row_is_for(s.row, query))
			look_at_row(&s);
	}
	map_deinit(&s.seen);
	arena_deinit(&s.arena);
	return s.err;
}
