/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/packages.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/packages-internal.h"
#include "core/base/cleanup.h"
#include "core/image/image.h"
#include "core/image/tree.h"

enum {
	MAX_DATABASE = 256 << 20, /* bytes of one database file */
	MAX_PATH = 4096,
	NOTE_TYPE = (int)0xcafe1a7e,
	MAX_NOTE = 65536,
};

struct error *packages_create(const struct tree *tree, struct log *log, struct packages **ret)
{
	struct packages *packages = calloc(1, sizeof(*packages));
	if (!packages)
		return &error_no_memory;
	packages->tree = tree;
	packages->log = log;
	arena_init(&packages->arena);
	*ret = packages;
	return NULL;
}

void packages_destroy(struct packages *packages)
{
	if (!packages)
		return;
	arena_deinit(&packages->arena);
	free(packages);
}

struct owner *owner_create(struct packages *packages, const char *name, size_t len,
			   const char *type, const char *source)
{
	struct owner *owner = arena_alloc(&packages->arena, sizeof(*owner));
	if (!owner)
		return NULL;
	owner->name = arena_strndup(&packages->arena, name, len);
	owner->type = type;
	owner->source = source;
	return owner->name ? owner : NULL;
}

/* Reads all of a descriptor; 'path' is for messages. */
static struct error *read_all(struct packages *packages, int fd, const char *path, struct buf *ret,
			      bool *found)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_DATABASE) {
		log_message(
			packages->log, LOG_WARNING,
			"'%s' is not a regular file of at most %d MiB: its packages are not known",
			path, MAX_DATABASE >> 20);
		return NULL;
	}
	if (!buf_reserve(ret, st.st_size + 1))
		return buf_error(ret);
	while (ret->len < (size_t)st.st_size) {
		ssize_t n = read(fd, ret->data + ret->len, st.st_size - ret->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			log_error(packages->log, LOG_WARNING,
				  error_os(errno, "cannot read '%s'", path));
			return NULL;
		}
		if (!n)
			break;
		ret->len += n;
	}
	ret->data[ret->len] = '\0';
	*found = true;
	return NULL;
}

struct error *packages_read(struct packages *packages, int folder, const char *path,
			    struct buf *ret, bool *found)
{
	struct tree_entry entry;
	buf_clear(ret);
	*found = false;
	_cleanup_close_ int fd = -1;
	/*
	 * The name in the folder of the newest layer is what the tree would give,
	 * unless it is a link; that and other layers need the whole walk.
	 */
	if (folder >= 0)
		fd = openat(folder, strrchr(path, '/') + 1,
			    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0) {
		int errnum = tree_find(packages->tree, path, &entry);
		if (!errnum)
			fd = open(entry.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (!errnum && fd < 0)
			errnum = errno;
		if (errnum && errnum != ENOENT && errnum != ENOTDIR)
			log_error(packages->log, LOG_WARNING,
				  error_os(errnum, "cannot open '%s'", path));
		if (errnum)
			return NULL;
	}
	return read_all(packages, fd, path, ret, found);
}

struct error *wanted_add(struct wanted *wanted, const struct candidate *c)
{
	size_t len = strlen(c->path);
	struct candidate *copy = arena_alloc(&wanted->arena, sizeof(*copy));
	if (!copy)
		return &error_no_memory;
	*copy = *c;
	copy->next = map_get(&wanted->by_path, c->path, len);
	copy->newer = wanted->all;
	wanted->all = copy;
	if (len >= 8) {
		uint32_t key = wanted_key(c->path, len);
		wanted->filter[key / 8] |= 1 << key % 8;
	}
	/* The key of the map stays that of the first: 'path' may be another string. */
	return map_put(&wanted->by_path, copy->path, len, copy);
}

void candidates_give(struct candidate *first, const struct owner *owner)
{
	for (struct candidate *c = first; c; c = c->next) {
		if (c->owner || (c->only && strcmp(c->only, owner->name) != 0) ||
		    (c->except && !strcmp(c->except, owner->name)))
			continue;
		c->owner = owner;
	}
}

/* The top folders that may be links into /usr, and whether they are. */
struct merged {
	char names[16][16];
	size_t n;
};

/* Notes each top folder /X that is a link to usr/X. */
static void find_merged(const struct tree *tree, struct merged *merged)
{
	static const char *const names[] = { "bin",   "sbin",	"lib",	 "lib32",
					     "lib64", "libx32", "libo32" };
	merged->n = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[32], target[64], want[32];
		snprintf(path, sizeof(path), "/%s", names[i]);
		snprintf(want, sizeof(want), "usr/%s", names[i]);
		if (tree_readlink(tree, path, target, sizeof(target)) ||
		    strcmp(target + (target[0] == '/'), want) != 0)
			continue;
		snprintf(merged->names[merged->n++], sizeof(merged->names[0]), "%s", names[i]);
	}
}

/* Whether 'path' begins with "X/" for a merged folder X. */
static bool is_merged(const struct merged *merged, const char *path)
{
	for (size_t i = 0; i < merged->n; i++) {
		size_t len = strlen(merged->names[i]);
		if (!strncmp(path, merged->names[i], len) && path[len] == '/')
			return true;
	}
	return false;
}

/* Adds a path and its other name in a tree where /lib is /usr/lib. */
static struct error *add_names(struct wanted *wanted, const struct merged *merged, const char *path,
			       size_t query, unsigned int rank)
{
	struct candidate c = { .path = path, .query = query, .rank = rank };
	struct error *err = wanted_add(wanted, &c);
	if (err)
		return err;
	c.path = NULL;
	c.rank++;
	if (!strncmp(path, "/usr/", 5) && is_merged(merged, path + 5)) {
		c.path = path + 4;
	} else if (path[0] == '/' && is_merged(merged, path + 1)) {
		c.path = arena_printf(&wanted->arena, "/usr%s", path);
		if (!c.path)
			return &error_no_memory;
	}
	return c.path ? wanted_add(wanted, &c) : NULL;
}

static struct error *search(struct packages *packages, struct wanted *wanted,
			    const struct package_query *queries, size_t n)
{
	struct merged merged;
	struct error *err = NULL;

	find_merged(packages->tree, &merged);
	for (size_t i = 0; !err && i < n; i++) {
		const char *path = queries[i].path, *real = queries[i].realpath;
		if (real)
			err = add_names(wanted, &merged, real, i, 0);
		if (!err && (!real || strcmp(real, path) != 0))
			err = add_names(wanted, &merged, path, i, 2);
	}
	if (!err)
		err = dpkg_search(packages, wanted);
	return err ? err : apk_search(packages, wanted);
}

/* Gives each query the owner of its best name. */
static struct error *give_results(const struct wanted *wanted, struct package_query *queries,
				  size_t n)
{
	_cleanup_free_ const struct candidate **best = calloc(n, sizeof(*best));
	if (n && !best)
		return &error_no_memory;
	for (const struct candidate *c = wanted->all; c; c = c->newer) {
		if (c->owner && (!best[c->query] || c->rank < best[c->query]->rank))
			best[c->query] = c;
	}
	for (size_t i = 0; i < n; i++) {
		const struct owner *owner = best[i] ? best[i]->owner : NULL;
		if (owner)
			queries[i].ret = (struct package_info) { .name = owner->name,
								 .version = owner->version,
								 .arch = owner->arch,
								 .type = owner->type,
								 .source = owner->source };
	}
	return NULL;
}

struct error *packages_find(struct packages *packages, struct package_query *queries, size_t n)
{
	struct wanted *wanted = calloc(1, sizeof(*wanted));
	struct error *err = NULL;
	if (!wanted)
		return &error_no_memory;
	arena_init(&wanted->arena);
	map_init(&wanted->by_path);
	for (size_t i = 0; i < n; i++)
		queries[i].ret = (struct package_info) { 0 };
	if (packages->tree && n)
		err = search(packages, wanted, queries, n);
	if (!err)
		err = give_results(wanted, queries, n);
	map_deinit(&wanted->by_path);
	arena_deinit(&wanted->arena);
	free(wanted);
	return err;
}

struct note_walk {
	struct packages *packages;
	struct package_info info;
};

static struct error *keep_string(struct packages *packages, const json_t *object, const char *key,
				 const char **ret)
{
	const char *value = json_string_value(json_object_get(object, key));
	if (!value || !*value)
		return NULL;
	*ret = arena_strdup(&packages->arena, value);
	return *ret ? NULL : &error_no_memory;
}

static struct error *read_note(const char *owner, uint32_t type, const void *desc, size_t len,
			       void *arg)
{
	struct note_walk *walk = arg;
	if (walk->info.name || type != (uint32_t)NOTE_TYPE || strcmp(owner, "FDO") != 0 ||
	    len > MAX_NOTE)
		return NULL;
	/* The text ends at its NUL; padding may follow. */
	json_t *json = json_loadb(desc, strnlen(desc, len), JSON_REJECT_DUPLICATES, NULL);
	struct package_info info = { .source = ".note.package" };
	struct error *err = keep_string(walk->packages, json, "name", &info.name);
	if (!err)
		err = keep_string(walk->packages, json, "version", &info.version);
	if (!err)
		err = keep_string(walk->packages, json, "architecture", &info.arch);
	if (!err)
		err = keep_string(walk->packages, json, "type", &info.type);
	json_decref(json);
	if (!err && info.name)
		walk->info = info;
	return err;
}

struct error *packages_from_note(struct packages *packages, const struct image *image,
				 struct package_info *ret)
{
	struct note_walk walk = { .packages = packages };
	struct error *err = image_each_note(image, read_note, &walk);
	if (!err)
		*ret = walk.info;
	return err;
}

static struct error *keep_header(struct packages *packages, const char *text, size_t len,
				 const char *key, const char **ret)
{
	size_t value_len;
	const char *value = header_value(text, len, key, &value_len);
	if (!value)
		return NULL;
	*ret = arena_strndup(&packages->arena, value, value_len);
	return *ret ? NULL : &error_no_memory;
}

struct error *packages_from_metadata(struct packages *packages, const char *text, size_t len,
				     const char *type, const char *source, struct package_info *ret)
{
	struct package_info info = { .type = type };
	bool deb = !strcmp(type, "deb");
	struct error *err = keep_header(packages, text, len, deb ? "Package" : "Name", &info.name);
	if (!err)
		err = keep_header(packages, text, len, "Version", &info.version);
	if (!err && deb)
		err = keep_header(packages, text, len, "Architecture", &info.arch);
	info.type = arena_strdup(&packages->arena, type);
	info.source = arena_strdup(&packages->arena, source);
	if (!err && (!info.type || !info.source))
		err = &error_no_memory;
	if (!err)
		*ret = info.name ? info : (struct package_info) { 0 };
	return err;
}
