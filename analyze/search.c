/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/search.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/search-internal.h"
#include "core/base/array.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

/* Path lists come from files; a real one has a dozen folders. */
enum { MAX_DIRS = 4096 };

static const char musl_default[] = "/lib:/usr/local/lib:/usr/lib";

/* --- Path lists --- */

static struct error *get_dir(struct search *search, const char *name, size_t len,
			     struct search_dir **ret)
{
	struct search_dir *dir = map_get(&search->dirs, name, len);

	if (!dir) {
		dir = arena_alloc(&search->arena, sizeof(*dir));
		if (!dir)
			return &error_no_memory;
		dir->name = arena_strndup(&search->arena, name, len);
		if (!dir->name)
			return &error_no_memory;
		struct error *err = map_put(&search->dirs, dir->name, len, dir);
		if (err)
			return err;
	}
	*ret = dir;
	return NULL;
}

static struct error *add_dir(struct search *search, struct search_dirs *dirs, size_t *cap,
			     const char *name, size_t len)
{
	struct error *err;
	struct search_dir *dir;
	char text[4096];

	/* One slash at the end; "" stays what it is: the current folder. */
	while (len > 1 && name[len - 1] == '/')
		len--;
	if (len + 2 > sizeof(text) || dirs->n >= MAX_DIRS)
		return NULL;
	memcpy(text, name, len);
	if (len && text[len - 1] != '/')
		text[len++] = '/';
	err = get_dir(search, text, len, &dir);
	if (err)
		return err;
	for (size_t i = 0; i < dirs->n; i++)
		if (dirs->items[i] == dir)
			return NULL;
	struct search_dir **items = dirs->items;
	if (dirs->n == *cap) {
		*cap = *cap ? *cap * 2 : 8;
		items = arena_alloc(&search->arena, *cap * sizeof(*items));
		if (!items)
			return &error_no_memory;
		if (dirs->n)
			memcpy(items, dirs->items, dirs->n * sizeof(*items));
		dirs->items = items;
	}
	dirs->items[dirs->n++] = dir;
	return NULL;
}

/*
 * The length of a dynamic string token at 's' ("$NAME" or "${NAME}"), or 0.
 * glibc's is_dst(): without braces the name ends at the first character that
 * cannot continue it.
 */
static size_t token_length(const char *s, const char *name)
{
	size_t len = strlen(name);
	bool braces = s[1] == '{';

	if (strncmp(s + 1 + braces, name, len))
		return 0;
	char next = s[1 + braces + len];
	if (braces)
		return next == '}' ? len + 3 : 0;
	bool word = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') ||
		    (next >= '0' && next <= '9') || next == '_';
	return word ? 0 : len + 1;
}

static void expand(const struct search *search, const char *origin, const char *text, size_t len,
		   struct buf *ret)
{
	const struct {
		const char *name, *value;
	} tokens[] = {
		{ "ORIGIN", origin },
		{ "PLATFORM", search->platform },
		{ "LIB", search->lib },
	};
	size_t known = search->libc == SEARCH_MUSL ? 1 : 3;

	for (size_t i = 0; i < len;) {
		size_t skip = 0;
		for (size_t k = 0; text[i] == '$' && !skip && k < known; k++) {
			skip = token_length(text + i, tokens[k].name);
			if (skip > len - i)
				skip = 0;
			if (skip)
				buf_adds(ret, tokens[k].value);
		}
		if (!skip)
			buf_addc(ret, text[i]);
		i += skip ? skip : 1;
	}
}

static struct error *parse_dirs(struct search *search, const char *list, const char *separators,
				const char *origin, struct search_dirs *ret)
{
	struct error *err;
	struct search_dirs dirs = { 0 };
	size_t cap = 0;

	for (const char *p = list;; p++) {
		size_t len = strcspn(p, separators);
		_cleanup_buf_ struct buf text = { 0 };
		expand(search, origin, p, len, &text);
		err = buf_error(&text);
		if (err)
			return err;
		/* What expands to nothing is no folder; what is nothing is the current one. */
		bool take = search->libc == SEARCH_MUSL ? text.len > 0 : !len || text.len;
		if (take) {
			err = add_dir(search, &dirs, &cap, text.data ? text.data : "", text.len);
			if (err)
				return err;
		}
		p += len;
		if (!*p)
			break;
	}
	*ret = dirs;
	return NULL;
}

/* musl's fixup_rpath(): any other token makes it ignore the whole list. */
static bool musl_refuses(const char *list)
{
	for (const char *p = strchr(list, '$'); p; p = strchr(p + 1, '$'))
		if (strncmp(p, "$ORIGIN", 7) && strncmp(p, "${ORIGIN}", 9))
			return true;
	return false;
}

static struct error *set_paths(struct search *search, struct search_paths *paths, const char *list,
			       const char *what, struct search_dirs *dirs, const char **source)
{
	if (!list || !*list || (search->libc == SEARCH_MUSL && musl_refuses(list)))
		return NULL;
	*source = arena_printf(&search->arena, "%s of '%s'", what, paths->label);
	if (!*source)
		return &error_no_memory;
	return parse_dirs(search, list, search->libc == SEARCH_MUSL ? ":\n" : ":", paths->origin,
			  dirs);
}

struct error *search_paths_create(struct search *search, const struct image *image,
				  const char *path, const char *label, struct search_paths **ret)
{
	struct error *err;
	struct search_paths *paths = arena_alloc(&search->arena, sizeof(*paths));
	const char *slash = strrchr(path, '/');

	if (!paths)
		return &error_no_memory;
	paths->label = arena_strdup(&search->arena, label);
	paths->path = arena_strdup(&search->arena, path);
	size_t len = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
	if (path[0] == '/') {
		paths->origin = arena_strndup(&search->arena, path, len);
	} else {
		/* As _dl_new_object() does for a relative name. */
		_cleanup_free_ char *cwd = getcwd(NULL, 0);
		paths->origin = arena_printf(&search->arena, "%s%s%.*s", cwd ? cwd : ".",
					     len ? "/" : "", (int)len, path);
	}
	if (!paths->path || !paths->origin || !paths->label)
		return &error_no_memory;
	paths->nodeflib = (image->flags_1 & DF_1_NODEFLIB) != 0;
	paths->has_runpath = image->runpath != NULL && search->libc == SEARCH_GLIBC;
	if (search->libc == SEARCH_MUSL) {
		/* musl makes no difference between the two; RUNPATH wins. */
		err = set_paths(search, paths, image->runpath ? image->runpath : image->rpath,
				image->runpath ? "RUNPATH" : "RPATH", &paths->rpath,
				&paths->rpath_source);
	} else {
		err = set_paths(search, paths, image->rpath, "RPATH", &paths->rpath,
				&paths->rpath_source);
		if (!err)
			err = set_paths(search, paths, image->runpath, "RUNPATH", &paths->runpath,
					&paths->runpath_source);
	}
	if (err)
		return err;
	*ret = paths;
	return NULL;
}

const char *search_expand(struct search *search, const struct search_paths *paths, const char *text)
{
	_cleanup_buf_ struct buf out = { 0 };

	if (search->libc == SEARCH_MUSL || !strchr(text, '$'))
		return text;
	expand(search, paths ? paths->origin : "", text, strlen(text), &out);
	if (buf_error(&out) || !out.len)
		return NULL;
	return arena_strdup(&search->arena, out.data);
}

/* --- Creation --- */

static struct error *musl_defaults(struct search *search)
{
	char name[128], text[8192];
	struct tree_entry entry;
	size_t len = 0;

	snprintf(name, sizeof(name), "/etc/ld-musl-%s.path", search->machine->name);
	if (!tree_find(search->tree, name, &entry) && S_ISREG(entry.st.st_mode)) {
		_cleanup_fclose_ FILE *f = fopen(entry.path, "re");
		if (f) {
			len = fread(text, 1, sizeof(text) - 1, f);
			text[len] = '\0';
			return parse_dirs(search, text, ":\n", "", &search->defaults);
		}
	}
	return parse_dirs(search, musl_default, ":", "", &search->defaults);
}

static struct error *glibc_defaults(struct search *search, const struct search_options *options)
{
	struct error *err;
	struct search_profile profile = { 0 };
	size_t cap = 0;

	err = search_read_profile(search, &profile);
	if (err)
		return err;
	for (size_t i = 0; profile.dirs[i]; i++) {
		err = add_dir(search, &search->defaults, &cap, profile.dirs[i],
			      strlen(profile.dirs[i]));
		if (err)
			return err;
	}
	/* $LIB is the first default folder without its slashes in every build. */
	const char *first = profile.dirs[0] + 1;
	search->lib = profile.found ? arena_strndup(&search->arena, first, strlen(first) - 1)
				    : search->machine->lib;
	if (!search->lib)
		return &error_no_memory;
	search->legacy = profile.legacy_caps;
	err = search_read_caps(search, options->isa_level, profile.legacy_caps);
	if (err || options->no_cache)
		return err;
	err = search_cache_open(search, &search->cache);
	if (err && error_get_code(err) != ERROR_NO_MEMORY) {
		error_destroy(err); /* as the loader: no usable cache is no cache */
		err = NULL;
	}
	return err;
}

static struct error *fill(struct search *search, const struct search_options *options)
{
	struct error *err;

	if (options->interp)
		search->interp = arena_strdup(&search->arena, options->interp);
	else if (options->libc == SEARCH_MUSL)
		search->interp = arena_printf(&search->arena, "/lib/ld-musl-%s.so.1",
					      search->machine->name);
	else
		search->interp = search->machine->interp;
	if (!search->interp)
		return &error_no_memory;
	if (options->libc == SEARCH_MUSL)
		err = musl_defaults(search);
	else
		err = glibc_defaults(search, options);
	if (err)
		return err;
	search->default_names = arena_alloc(&search->arena,
					    (search->defaults.n + 1) * sizeof(char *));
	if (!search->default_names)
		return &error_no_memory;
	for (size_t i = 0; i < search->defaults.n; i++)
		search->default_names[i] = search->defaults.items[i]->name;
	if (options->library_path && *options->library_path) {
		search->env_list = arena_strdup(&search->arena, options->library_path);
		if (!search->env_list)
			return &error_no_memory;
	}
	return NULL;
}

struct error *search_create(const struct tree *tree, const struct image_machine *machine,
			    const struct search_options *options, struct search **ret)
{
	struct search *search = calloc(1, sizeof(*search));

	if (!search)
		return &error_no_memory;
	arena_init(&search->arena);
	map_init(&search->dirs);
	search->tree = tree;
	search->machine = machine;
	search->libc = options->libc;
	search->lib = machine->lib;
	search->platform = machine->name;
	struct error *err = fill(search, options);
	if (err) {
		search_destroy(search);
		return err;
	}
	*ret = search;
	return NULL;
}

void search_destroy(struct search *search)
{
	if (!search)
		return;
	search_cache_destroy(search->cache);
	map_deinit(&search->dirs);
	arena_deinit(&search->arena);
	free(search);
}

const struct tree *search_tree(const struct search *search)
{
	return search->tree;
}

const char *search_interp(const struct search *search)
{
	return search->interp;
}

const char *const *search_default_dirs(const struct search *search)
{
	return search->default_names;
}

/* --- Search --- */

struct attempt {
	struct search *search;
	const char *name;
	struct search_visitor *visitor;
	struct search_result *ret;
	bool fatal;
	int errnum; /* why the last path could not be opened; 0: it could */
};

static void tell(struct attempt *a, const char *place, const char *source, const char *reason)
{
	if (a->visitor->tried)
		a->visitor->tried(a->visitor, place, source, reason);
}

static const char *reason_of(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return "no such file";
	case ENOTDIR:
		return "not a folder";
	case EACCES:
		return "permission denied";
	case ELOOP:
		return "too many symbolic links";
	case ENAMETOOLONG:
		return "name too long";
	default:
		return "cannot be opened";
	}
}

/* Tries a->ret->path; true: found. */
static bool try_path(struct attempt *a, const char *source, bool tell_missing)
{
	struct search_result *r = a->ret;
	const char *reason = "refused";

	int errnum = tree_find(a->search->tree, r->path, &r->entry);
	a->errnum = errnum;
	if (!errnum && S_ISDIR(r->entry.st.st_mode)) {
		/* The loader opens it and cannot read it: it gives up. */
		tell(a, r->path, source, "a folder: cannot read file data");
		a->fatal = a->search->libc == SEARCH_GLIBC;
		return false;
	}
	if (!errnum && !S_ISREG(r->entry.st.st_mode)) {
		tell(a, r->path, source, "not a regular file");
		return false;
	}
	if (errnum) {
		if (tell_missing)
			tell(a, r->path, source, reason_of(errnum));
		return false;
	}
	enum search_verdict v = a->visitor->verify(a->visitor, r->path, &r->entry, &reason);
	if (v == SEARCH_TAKE) {
		r->source = source;
		return true;
	}
	tell(a, r->path, source, reason);
	a->fatal |= v == SEARCH_FATAL;
	return false;
}

static bool is_folder(const struct search *search, const char *path)
{
	struct tree_entry entry;

	return !tree_find(search->tree, path, &entry) && S_ISDIR(entry.st.st_mode);
}

/* glibc's open_path() for one folder: capability folders first, then itself. */
static bool try_dir(struct attempt *a, struct search_dir *dir, const char *source)
{
	struct search *s = a->search;
	char *path = a->ret->path;
	size_t size = sizeof(a->ret->path);

	for (size_t i = 0; i < s->ncaps && dir->name[0]; i++) {
		if (!dir->caps[i]) {
			snprintf(path, size, "%s%s", dir->name, s->caps[i]);
			dir->caps[i] = is_folder(s, path) ? 1 : -1;
			dir->found_missing[i] = s->searches;
		}
		/* As the loader: a folder that is not there is tried once in a process. */
		if (dir->caps[i] < 0 && dir->found_missing[i] != s->searches)
			continue;
		if ((size_t)snprintf(path, size, "%s%s%s", dir->name, s->caps[i], a->name) < size &&
		    try_path(a, source, true))
			return true;
		if (a->fatal)
			return false;
	}
	if ((size_t)snprintf(path, size, "%s%s", dir->name, a->name) >= size) {
		tell(a, dir->name, source, "name too long");
		a->errnum = ENAMETOOLONG;
		return false;
	}
	return try_path(a, source, true);
}

/*
 * Whether a file that could not be opened ends the search of its list of folders: glibc leaves
 * the rest of the list out, and looks on in the next list (open_path() in elf/dl-load.c); musl
 * looks nowhere else (path_open() in ldso/dynlink.c).
 */
static bool ends_list(struct attempt *a, const struct search_dir *dir)
{
	bool musl = a->search->libc == SEARCH_MUSL;

	switch (a->errnum) {
	case 0:
	case ENOENT:
	case EACCES:
		return false;
	case ENOTDIR:
	case ENAMETOOLONG:
		if (musl)
			return false;
		break;
	default:
		break;
	}
	a->fatal |= musl;
	return musl || !dir->name[0] || is_folder(a->search, dir->name);
}

static bool try_dirs(struct attempt *a, const struct search_dirs *dirs, const char *source)
{
	for (size_t i = 0; i < dirs->n && !a->fatal; i++) {
		if (try_dir(a, dirs->items[i], source))
			return true;
		if (ends_list(a, dirs->items[i]))
			return false;
	}
	return false;
}

/* $ORIGIN in LD_LIBRARY_PATH is the main program's. musl does not expand it. */
static bool try_env(struct attempt *a, const struct search_paths *main_program)
{
	static const char source[] = "LD_LIBRARY_PATH";
	struct search *s = a->search;
	const char *origin = main_program ? main_program->origin : "";
	bool musl = s->libc == SEARCH_MUSL;

	if (!s->env_list)
		return false;
	if (!s->env_origin || strcmp(s->env_origin, origin)) {
		struct search_dirs dirs = { 0 };
		struct error *err = parse_dirs(s, s->env_list, musl ? ":\n" : ":;", origin, &dirs);
		if (err) {
			/* Out of memory: what follows says so again. */
			error_destroy(err);
			return false;
		}
		s->env = dirs;
		s->env_origin = origin;
	}
	return try_dirs(a, &s->env, source);
}

/* glibc's test for DF_1_NODEFLIB: a cache entry below a default folder is not used. */
static bool is_below_default(const struct search *search, const char *path)
{
	for (size_t i = 0; i < search->defaults.n; i++) {
		const char *dir = search->defaults.items[i]->name;
		if (!strncmp(path, dir, strlen(dir)))
			return true;
	}
	return false;
}

static bool try_cache(struct attempt *a, bool nodeflib)
{
	const char *path = a->search->cache ? search_cache_find(a->search->cache, a->name) : NULL;
	static const char source[] = "/etc/ld.so.cache";

	if (!path) {
		tell(a, source, "cache", a->search->cache ? "no entry" : "no such file");
		return false;
	}
	if (nodeflib && is_below_default(a->search, path)) {
		tell(a, path, source, "in a default folder, which DF_1_NODEFLIB excludes");
		return false;
	}
	if (strlen(path) >= sizeof(a->ret->path))
		return false;
	memcpy(a->ret->path, path, strlen(path) + 1);
	return try_path(a, source, true);
}

/* RPATHs: the requester's, its loader's, on up; then the main program's. */
static bool try_rpaths(struct attempt *a, const struct search_chain *requester,
		       struct search_paths *main_program)
{
	bool did_main = false;

	for (const struct search_chain *c = requester; c && !a->fatal; c = c->loader) {
		if (try_dirs(a, &c->paths->rpath, c->paths->rpath_source))
			return true;
		did_main |= c->paths == main_program;
	}
	return !did_main && main_program && !a->fatal && a->search->libc == SEARCH_GLIBC &&
	       try_dirs(a, &main_program->rpath, main_program->rpath_source);
}

static bool find_glibc(struct attempt *a, const struct search_chain *requester,
		       struct search_paths *main_program)
{
	const struct search_paths *paths = requester ? requester->paths : NULL;
	bool nodeflib = paths ? paths->nodeflib : main_program && main_program->nodeflib;

	if ((!paths || !paths->has_runpath) && try_rpaths(a, requester, main_program))
		return true;
	if (!a->fatal && try_env(a, main_program))
		return true;
	if (!a->fatal && paths && try_dirs(a, &paths->runpath, paths->runpath_source))
		return true;
	if (!a->fatal && try_cache(a, nodeflib))
		return true;
	return !a->fatal && !nodeflib && try_dirs(a, &a->search->defaults, "default folder");
}

static bool find_musl(struct attempt *a, const struct search_chain *requester,
		      const struct search_paths *main_program)
{
	if (try_env(a, main_program))
		return true;
	if (!a->fatal && try_rpaths(a, requester, NULL))
		return true;
	return !a->fatal && try_dirs(a, &a->search->defaults, "default folder");
}

bool search_find(struct search *search, const char *name, const struct search_chain *requester,
		 struct search_paths *main_program, struct search_visitor *visitor,
		 struct search_result *ret)
{
	struct attempt a = {
		.search = search, .name = name, .visitor = visitor, .ret = ret, .fatal = false
	};

	ret->fatal = false;
	if (!visitor->again)
		search->searches++;
	if (strchr(name, '/')) {
		const char *path = search_expand(search, requester ? requester->paths : NULL, name);
		if (!path || strlen(path) >= sizeof(ret->path)) {
			tell(&a, name, "the name is a path", "name too long");
			return false;
		}
		memcpy(ret->path, path, strlen(path) + 1);
		bool taken = try_path(&a, "the name is a path", true);
		ret->fatal = a.fatal;
		return taken;
	}
	bool found = search->libc == SEARCH_MUSL ? find_musl(&a, requester, main_program)
						 : find_glibc(&a, requester, main_program);
	ret->fatal = a.fatal;
	return found;
}
