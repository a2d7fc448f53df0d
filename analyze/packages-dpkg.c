/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The database of dpkg, as dpkg 1.21 lays it out (lib/dpkg/db-fsys-files.c,
 * db-fsys-divert.c, dump.c of its sources): info/NAME[:ARCH].list with a path
 * per line, 'diversions' with three lines per entry, 'status' with a stanza per
 * package. status.d holds the same for images that are built without dpkg: a
 * stanza in NAME and the paths in NAME.md5sums.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "analyze/packages-internal.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/image/tree.h"

static const char info[] = "/var/lib/dpkg/info";
static const char status[] = "/var/lib/dpkg/status";
static const char diversions[] = "/var/lib/dpkg/diversions";
static const char status_d[] = "/var/lib/dpkg/status.d";

enum {
	MD5SUM_PREFIX = 34,   /* 32 digits, two spaces */
	FIRST_SIZE = 1 << 20, /* more than nearly all lists have */
};

/* A pass over the files of a folder that hold paths. */
struct scan {
	struct packages *packages;
	struct wanted *wanted;
	const char *folder;
	const char *suffix; /* ".list" or ".md5sums" */
	const char *source; /* of the owners */
	size_t prefix;	    /* bytes before the path in a line */
	int fd;		    /* of the folder on the machine itself, or -1 */
	struct buf data;    /* reused for each file */
	struct owner **owners;
	size_t n, cap;
	struct error *err;
};

/* The owner that a file name stands for: "libc6:amd64" is libc6 of the architecture amd64. */
static struct error *scan_owner(struct scan *scan, const char *name, size_t len, struct owner **ret)
{
	const char *colon = memchr(name, ':', len);
	size_t plain = colon ? (size_t)(colon - name) : len;
	struct owner *owner = owner_create(scan->packages, name, plain, "deb", scan->source);
	if (owner && colon)
		owner->arch = arena_strndup(&scan->packages->arena, colon + 1, len - plain - 1);
	if (!owner || (colon && !owner->arch))
		return &error_no_memory;
	struct error *err = array_grow(&scan->owners, &scan->cap, scan->n + 1,
				       sizeof(*scan->owners));
	if (err)
		return err;
	*ret = scan->owners[scan->n++] = owner;
	return NULL;
}

/* Looks the wanted paths up in a file that is in memory. 'name' is the package. */
static struct error *scan_lines(struct scan *scan, const char *name, size_t len)
{
	struct owner *owner = NULL;
	char *p = scan->data.data, *end = p + scan->data.len;

	while (p < end) {
		char *eol = memchr(p, '\n', end - p);
		size_t n = (eol ? eol : end) - p;
		char *path = p;
		p += n + 1;
		if (n <= scan->prefix)
			continue;
		if (scan->prefix) {
			/* These paths have no '/' in front. */
			path += scan->prefix - 1;
			n -= scan->prefix - 1;
			*path = '/';
		}
		struct candidate *c = wanted_find(scan->wanted, path, n);
		if (!c)
			continue;
		struct error *err = owner ? NULL : scan_owner(scan, name, len, &owner);
		if (err)
			return err;
		candidates_give(c, owner);
	}
	return NULL;
}

static bool scan_file(const char *name, void *arg)
{
	struct scan *scan = arg;
	size_t len = strlen(name), suffix = strlen(scan->suffix);
	char path[4096];
	bool found;

	if (len <= suffix || memcmp(name + len - suffix, scan->suffix, suffix + 1))
		return true;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", scan->folder, name) >= sizeof(path))
		return true;
	scan->err = packages_read(scan->packages, scan->fd, path, &scan->data, &found);
	if (!scan->err && found)
		scan->err = scan_lines(scan, name, len - suffix);
	return !scan->err;
}

static struct error *scan_folder(struct scan *scan)
{
	_cleanup_close_ int fd = -1;
	struct tree_entry entry;
	if (!tree_find(scan->packages->tree, scan->folder, &entry))
		fd = open(entry.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!buf_reserve(&scan->data, FIRST_SIZE))
		return buf_error(&scan->data);
	scan->fd = fd;
	int errnum = tree_list(scan->packages->tree, scan->folder, scan_file, scan);
	if (errnum == ENOMEM)
		return &error_no_memory;
	if (errnum && errnum != ENOENT && errnum != ENOTDIR)
		log_error(scan->packages->log, LOG_WARNING,
			  error_os(errnum, "cannot read the package database '%s'", scan->folder));
	return scan->err;
}

const char *header_value(const char *block, size_t len, const char *key, size_t *value_len)
{
	size_t key_len = strlen(key);
	const char *end = block + len;
	for (const char *p = block; p < end;) {
		const char *eol = memchr(p, '\n', end - p);
		size_t n = (eol ? eol : end) - p;
		if (!n)
			break;
		/* Case does not count in field names: deb-control(5), PEP 566. */
		if (n > key_len && p[key_len] == ':' && !strncasecmp(p, key, key_len)) {
			const char *value = p + key_len + 1;
			n -= key_len + 1;
			while (n && strchr(" \t", *value)) {
				value++;
				n--;
			}
			while (n && strchr(" \t\r", value[n - 1]))
				n--;
			*value_len = n;
			return n ? value : NULL;
		}
		p += n + 1;
	}
	return NULL;
}

/* Takes version and architecture from a stanza if it is the owner's. */
static struct error *stanza_fill(struct packages *packages, struct owner *owner, const char *block,
				 size_t len)
{
	size_t arch_len = 0, version_len = 0;
	const char *arch = header_value(block, len, "Architecture", &arch_len);
	const char *version = header_value(block, len, "Version", &version_len);
	if (owner->version || !version)
		return NULL;
	if (owner->arch && arch &&
	    (strlen(owner->arch) != arch_len || memcmp(owner->arch, arch, arch_len) != 0))
		return NULL;
	owner->version = arena_strndup(&packages->arena, version, version_len);
	if (!owner->arch && arch)
		owner->arch = arena_strndup(&packages->arena, arch, arch_len);
	return owner->version && (owner->arch || !arch) ? NULL : &error_no_memory;
}

/* The stanza at the start of 'block' ends before an empty line. */
static size_t stanza_length(const char *block, const char *end)
{
	const char *empty = memmem(block, end - block, "\n\n", 2);
	return (empty ? empty + 1 : end) - block;
}

/* Gives a stanza to the owners of this name; an owner per architecture may have it. */
static struct error *stanza_offer(struct scan *scan, const char *name, size_t name_len,
				  const char *block, size_t len)
{
	struct error *err = NULL;
	for (size_t i = 0; !err && i < scan->n; i++) {
		struct owner *owner = scan->owners[i];
		if (strlen(owner->name) == name_len && !memcmp(owner->name, name, name_len))
			err = stanza_fill(scan->packages, owner, block, len);
	}
	return err;
}

static struct error *fill_from_status(struct scan *scan, const struct buf *b)
{
	struct map names;
	struct error *err = NULL;

	map_init(&names);
	for (size_t i = 0; !err && i < scan->n; i++) {
		struct owner *owner = scan->owners[i];
		err = map_put(&names, owner->name, strlen(owner->name), owner);
	}
	static const char key[] = "Package: ";
	const size_t key_len = sizeof(key) - 1;
	const char *p = b->data, *end = b->data + b->len;
	while (!err && p < end) {
		size_t len = stanza_length(p, end);
		if (len > key_len && !memcmp(p, key, key_len)) {
			const char *name = p + key_len;
			const char *eol = memchr(name, '\n', p + len - name);
			size_t n = (eol ? eol : p + len) - name;
			if (map_get(&names, name, n))
				err = stanza_offer(scan, name, n, p, len);
		}
		p += len;
		p += p < end && *p == '\n';
	}
	map_deinit(&names);
	return err;
}

static struct error *search_info(struct packages *packages, struct wanted *wanted)
{
	struct scan scan = { .packages = packages,
			     .wanted = wanted,
			     .folder = info,
			     .suffix = ".list",
			     .source = status };
	bool found;

	struct error *err = scan_folder(&scan);
	if (!err && scan.n)
		err = packages_read(packages, -1, status, &scan.data, &found);
	if (!err && scan.n && found)
		err = fill_from_status(&scan, &scan.data);
	buf_deinit(&scan.data);
	free(scan.owners);
	return err;
}

static struct error *search_status_d(struct packages *packages, struct wanted *wanted)
{
	struct scan scan = { .packages = packages,
			     .wanted = wanted,
			     .folder = status_d,
			     .suffix = ".md5sums",
			     .source = status_d,
			     .prefix = MD5SUM_PREFIX };
	char path[4096];
	bool found;

	struct error *err = scan_folder(&scan);
	for (size_t i = 0; !err && i < scan.n; i++) {
		struct owner *owner = scan.owners[i];
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", status_d, owner->name) >=
		    sizeof(path))
			continue;
		err = packages_read(packages, -1, path, &scan.data, &found);
		if (!err && found)
			err = stanza_fill(packages, owner, scan.data.data, scan.data.len);
	}
	buf_deinit(&scan.data);
	free(scan.owners);
	return err;
}

/* A copy of the next line in the arena of 'wanted', or NULL at the end. */
static char *next_line(struct wanted *wanted, const char **p, const char *end, bool *no_memory)
{
	if (*p >= end || *no_memory)
		return NULL;
	const char *eol = memchr(*p, '\n', end - *p);
	size_t n = (eol ? eol : end) - *p;
	char *line = arena_strndup(&wanted->arena, *p, n);
	*no_memory = !line;
	*p += n + 1;
	return line;
}

/*
 * A diversion moves the file of every package but 'by' from 'from' to 'to';
 * ":" is the administrator, who has no file. So at 'from' only the file of 'by'
 * is left, and what stands at 'to' is listed as 'from' by the others.
 */
static struct error *divert(struct wanted *wanted, const char *from, const char *to, const char *by)
{
	for (struct candidate *c = map_get(&wanted->by_path, from, strlen(from)); c; c = c->next)
		if (!c->except)
			c->only = by;
	struct candidate *moved = map_get(&wanted->by_path, to, strlen(to));
	for (; moved; moved = moved->next) {
		struct candidate c = {
			.path = from, .query = moved->query, .rank = moved->rank, .except = by
		};
		struct error *err = wanted_add(wanted, &c);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *read_diversions(struct packages *packages, struct wanted *wanted)
{
	_cleanup_buf_ struct buf b = { 0 };
	bool found, no_memory = false;

	struct error *err = packages_read(packages, -1, diversions, &b, &found);
	if (err || !found)
		return err;
	const char *p = b.data, *end = b.data + b.len;
	while (!err) {
		char *from = next_line(wanted, &p, end, &no_memory);
		char *to = from ? next_line(wanted, &p, end, &no_memory) : NULL;
		char *by = to ? next_line(wanted, &p, end, &no_memory) : NULL;
		if (no_memory)
			return &error_no_memory;
		if (!by)
			break;
		err = divert(wanted, from, to, by);
	}
	return err;
}

struct error *dpkg_search(struct packages *packages, struct wanted *wanted)
{
	struct error *err = read_diversions(packages, wanted);
	if (!err)
		err = search_info(packages, wanted);
	if (!err)
		err = search_status_d(packages, wanted);
	return err;
}
