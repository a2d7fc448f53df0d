/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/sha256.h"
#include "core/image/archive-internal.h"
#include "core/image/tree.h"

static const struct image_archive_limits defaults = {
	.total_bytes = (uint64_t)32 << 30,
	.member_bytes = (uint64_t)8 << 30,
	.read_bytes = (uint64_t)256 << 30,
	.ratio = 250,
	.members = 1 << 21,
	.path = 3000,
	.layers = 512,
	.warnings = 1000,
};

/* The temporary folder's path and a member's must fit PATH_MAX together. */
enum { MAX_TMPDIR = 900, MAX_PATH = 3000 };

const char *image_archive_kind_name(enum image_archive_kind kind)
{
	static const char *const names[] = {
		[IMAGE_ARCHIVE_NONE] = "none",	 [IMAGE_ARCHIVE_ZIP] = "zip",
		[IMAGE_ARCHIVE_WHEEL] = "wheel", [IMAGE_ARCHIVE_DEB] = "deb",
		[IMAGE_ARCHIVE_TAR] = "tar",	 [IMAGE_ARCHIVE_OCI] = "oci",
	};

	return names[kind];
}

/* --- what it is --- */

/* Whether a block is a tar header: its checksum is right (tar(5)). */
static bool is_tar_header(const unsigned char *p)
{
	unsigned long said, sum = 0;
	char digits[9] = { 0 };

	memcpy(digits, p + 148, 8);
	said = strtoul(digits, NULL, 8);
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	return said && said == sum;
}

static enum image_archive_kind guess(const unsigned char *p, size_t n)
{
	static const struct {
		const char *magic;
		size_t len;
		enum image_archive_kind kind;
	} magics[] = {
		{ "PK\3\4", 4, IMAGE_ARCHIVE_ZIP },
		{ "PK\5\6", 4, IMAGE_ARCHIVE_ZIP },
		{ "!<arch>\ndebian-binary", 21, IMAGE_ARCHIVE_DEB },
		{ "\x1f\x8b", 2, IMAGE_ARCHIVE_TAR },
		{ "\xfd"
		  "7zXZ",
		  6, IMAGE_ARCHIVE_TAR },
		{ "\x28\xb5\x2f\xfd", 4, IMAGE_ARCHIVE_TAR },
		{ "BZh", 3, IMAGE_ARCHIVE_TAR },
		{ "\x04\x22\x4d\x18", 4, IMAGE_ARCHIVE_TAR },
		{ "LZIP", 4, IMAGE_ARCHIVE_TAR },
		{ "\x5d\0\0", 3, IMAGE_ARCHIVE_TAR }, /* lzma */
		{ "\x1f\x9d", 2, IMAGE_ARCHIVE_TAR }, /* compress */
	};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (n >= magics[i].len && !memcmp(p, magics[i].magic, magics[i].len))
			return magics[i].kind;
	return n >= 512 && is_tar_header(p) ? IMAGE_ARCHIVE_TAR : IMAGE_ARCHIVE_NONE;
}

enum image_archive_kind image_archive_detect(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	unsigned char head[512];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return IMAGE_ARCHIVE_NONE;
	ssize_t n = pread(fd, head, sizeof(head), 0);
	return n > 0 ? guess(head, (size_t)n) : IMAGE_ARCHIVE_NONE;
}

/* --- warnings --- */

static void tell(struct image_archive *ia, const struct image_archive_warning *w)
{
	ia->incomplete = ia->incomplete || w->incomplete;
	if (ia->priv->sink && ia->priv->sink->warn)
		ia->priv->sink->warn(ia->priv->sink, w);
}

void archive_warn(struct image_archive *ia, const char *code, const char *member,
		  const char *format, ...)
{
	static const char *const harmless[] = { "absolute-member", "special-member" };
	struct image_archive_warning w = { .code = code, .archive = ia->name, .incomplete = true };
	char what[4096], text[8192];
	va_list ap;

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (!strcmp(code, harmless[i]))
			w.incomplete = false;
	ia->nwarnings++;
	if (ia->priv->told >= ia->priv->limits.warnings) {
		ia->incomplete = ia->incomplete || w.incomplete;
		return;
	}
	ia->priv->told++;
	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	w.member = member ? member : "";
	if (*w.member)
		snprintf(text, sizeof(text), "'%s': '%s': %s", ia->name, w.member, what);
	else
		snprintf(text, sizeof(text), "'%s': %s", ia->name, what);
	w.text = text;
	tell(ia, &w);
}

void archive_stop_at_limit(struct image_archive *ia, const char *member, const char *what,
			   uint64_t bound)
{
	if (ia->priv->stopped)
		return;
	ia->priv->stopped = true;
	archive_warn(ia, "limit", member, "more than %" PRIu64 " %s; the rest was not read", bound,
		     what);
}

/* Says how many warnings were not told. */
static void tell_rest(struct image_archive *ia)
{
	char text[PATH_MAX + 64];

	if (ia->nwarnings <= ia->priv->told)
		return;
	snprintf(text, sizeof(text), "'%s': %" PRIu64 " more warnings", ia->name,
		 ia->nwarnings - ia->priv->told);
	tell(ia, &(struct image_archive_warning) { .code = "more-warnings",
						   .archive = ia->name,
						   .member = "",
						   .text = text,
						   .incomplete = ia->incomplete });
}

/* --- folders --- */

/* Removes a folder and all in it, following no link. */
static void remove_folder(const char *folder)
{
	char *const paths[] = { (char *)folder, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	const FTSENT *e;

	if (!fts)
		return;
	while ((e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_DP || e->fts_info == FTS_DNR)
			rmdir(e->fts_accpath);
		else if (e->fts_info != FTS_D)
			unlink(e->fts_accpath);
	}
	fts_close(fts);
}

/* Adds the names that a finished layer has. */
static struct error *note_layer(struct image_archive *ia, const char *folder)
{
	char *const paths[] = { (char *)folder, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	size_t skip = strlen(folder) + 1;
	struct error *err = NULL;
	const FTSENT *e;

	if (!fts)
		return &error_no_memory;
	while (!err && (e = fts_read(fts)) != NULL)
		if (e->fts_level > 0 && e->fts_info != FTS_DP)
			err = name_set_add(&ia->priv->lower, e->fts_path + skip,
					   e->fts_pathlen - skip, NULL);
	fts_close(fts);
	return err;
}

static struct error *make_folder(struct image_archive *ia)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || tmp[0] != '/' || strlen(tmp) > MAX_TMPDIR)
		tmp = "/tmp";
	char *folder = arena_printf(&ia->priv->arena, "%s/uniscope-XXXXXX", tmp);
	if (!folder)
		return &error_no_memory;
	if (!mkdtemp(folder))
		return error_os(errno, "cannot make a temporary folder in '%s'", tmp);
	/* The tree names files by their real path. */
	char *real = realpath(folder, NULL);
	ia->priv->folder = real ? arena_strdup(&ia->priv->arena, real) : NULL;
	free(real);
	if (!ia->priv->folder) {
		rmdir(folder);
		return &error_no_memory;
	}
	return NULL;
}

/* --- the files that count --- */

static int by_member(const void *a, const void *b)
{
	return strcmp(((const struct image_archive_file *)a)->member,
		      ((const struct image_archive_file *)b)->member);
}

static struct error *layer_tree(const struct image_archive *ia, struct tree **ret)
{
	_cleanup_tree_ struct tree *tree = NULL;

	struct error *err = tree_create(&tree);
	for (size_t i = 0; i < ia->nlayers && !err; i++)
		err = tree_add_layer(tree, ia->layers[i], "");
	if (err)
		return err;
	*ret = cleanup_release(&tree);
	return NULL;
}

/* Finds where a file lies; '*ret' false where another hides it, or it was removed again. */
static struct error *settle_file(const struct image_archive *ia, const struct tree *tree,
				 struct image_archive_file *f, struct tree_entry *entry, bool *ret)
{
	const char *folder = ia->layers[f->layer];
	size_t len = strlen(folder);

	*ret = false;
	if (tree_resolve(tree, f->member, entry) || !S_ISREG(entry->st.st_mode))
		return NULL;
	if (strncmp(entry->path, folder, len) || entry->path[len] != '/')
		return NULL;
	f->member = arena_strdup(&ia->priv->arena, entry->realpath);
	f->path = arena_strdup(&ia->priv->arena, entry->path);
	if (!f->member || !f->path)
		return &error_no_memory;
	*ret = true;
	return NULL;
}

/* Keeps of 'files' what is visible over all layers, each file once, sorted. */
static struct error *settle_files(struct image_archive *ia, struct map *names)
{
	struct image_archive_private *priv = ia->priv;
	_cleanup_tree_ struct tree *tree = NULL;
	_cleanup_free_ struct tree_entry *entry = malloc(sizeof(*entry));
	size_t n = priv->nfiles;

	if (!entry)
		return &error_no_memory;
	struct error *err = layer_tree(ia, &tree);
	/* From the last one on: of a name that came twice the later entry is right. */
	for (size_t i = priv->nfiles; i-- > 0 && !err;) {
		struct image_archive_file *f = &priv->files[i];
		bool visible;
		err = settle_file(ia, tree, f, entry, &visible);
		if (err || !visible || map_get(names, f->member, strlen(f->member)))
			continue;
		err = map_put(names, f->member, strlen(f->member), f);
		priv->files[--n] = *f;
	}
	if (err || n == priv->nfiles)
		return err;
	ia->files = priv->files + n;
	ia->nfiles = priv->nfiles - n;
	qsort(priv->files + n, ia->nfiles, sizeof(*priv->files), by_member);
	return NULL;
}

/* The wheel's own metadata: there is one .dist-info folder, at the top (PEP 427). */
static struct error *find_metadata(struct image_archive *ia)
{
	for (size_t i = 0; i < ia->nfiles; i++) {
		const struct image_archive_file *f = &ia->files[i];

		if (fnmatch("/*.dist-info/METADATA", f->member, FNM_PATHNAME | FNM_NOESCAPE))
			continue;
		ia->kind = IMAGE_ARCHIVE_WHEEL;
		return archive_read_metadata(ia, f->path, f->member);
	}
	return NULL;
}

/* --- kinds of archives --- */

/* Makes the next layer's folder. */
static struct error *add_layer(struct image_archive *ia, struct place *p)
{
	struct image_archive_private *priv = ia->priv;
	char name[32];

	snprintf(name, sizeof(name), "layer%zu", priv->nlayers);
	struct error *err = array_grow(&priv->layers, &priv->layers_cap, priv->nlayers + 1,
				       sizeof(*priv->layers));
	if (!err)
		err = place_init(p, ia, name);
	if (err)
		return err;
	p->layer = (unsigned int)priv->nlayers;
	priv->layers[priv->nlayers++] = p->folder;
	ia->layers = priv->layers;
	ia->nlayers = priv->nlayers;
	return NULL;
}

static struct error *open_simple(struct image_archive *ia, enum stream_format format)
{
	_cleanup_stream_ struct stream s = { .fd = -1 };
	_cleanup_place_ struct place p = { .fd = -1, .parent_fd = -1 };

	struct error *err = add_layer(ia, &p);
	if (!err)
		err = stream_open(&s, ia, ia->path, NULL, format);
	if (err)
		return err;
	return format == STREAM_AR ? archive_unpack_deb(&s, &p) : archive_unpack(&s, &p, NULL);
}

/* Compares a blob with the digest in its name. */
static struct error *check_digest(struct image_archive *ia, const struct image_layer *layer)
{
	_cleanup_close_ int fd = -1;
	char hex[SHA256_HEX_SIZE];

	if (!layer->sha256)
		return NULL;
	fd = open(layer->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_os(errno, "cannot open '%s'", layer->path);
	struct error *err = sha256_file(fd, layer->name, hex);
	if (!err && strcmp(hex, layer->sha256))
		archive_warn(ia, "wrong-digest", layer->name, "its SHA-256 is %s", hex);
	return err;
}

static struct error *unpack_layer(struct image_archive *ia, const struct image_layer *layer)
{
	_cleanup_stream_ struct stream s = { .fd = -1 };
	_cleanup_place_ struct place p = { .fd = -1, .parent_fd = -1 };

	struct error *err = add_layer(ia, &p);
	if (!err)
		err = check_digest(ia, layer);
	if (err)
		return err;
	err = stream_open(&s, ia, layer->path, NULL, STREAM_TAR);
	if (!err)
		err = archive_unpack(&s, &p, NULL);
	if (err && error_get_code(err) == ERROR_BAD_DATA) {
		archive_warn(ia, "corrupt", layer->name, "%s", error_get_message(err));
		error_destroy(err);
		err = NULL;
	}
	return err ? err : note_layer(ia, p.folder);
}

static struct error *unpack_image(struct image_archive *ia)
{
	_cleanup_free_ struct image_layer *layers = NULL;
	size_t n;

	struct error *err = archive_image_layers(ia, &layers, &n);
	for (size_t i = 0; i < n && !err && !ia->priv->stopped; i++)
		err = unpack_layer(ia, &layers[i]);
	if (!err && !ia->nlayers) {
		/* There is always a folder to look into. */
		_cleanup_place_ struct place p = { .fd = -1, .parent_fd = -1 };
		err = add_layer(ia, &p);
	}
	return err;
}

/* Forgets what the outer tar of an image, or a first attempt, has unpacked. */
static void forget_layers(struct image_archive *ia)
{
	for (size_t i = 0; i < ia->nlayers; i++)
		remove_folder(ia->layers[i]);
	ia->priv->nlayers = ia->nlayers = 0;
	ia->priv->nfiles = 0;
}

/* Whether something was kept aside that belongs to a plain archive. */
static bool spool_holds_binaries(const struct image_archive *ia)
{
	const struct map *spool = &ia->priv->spool;

	for (size_t i = 0; i < spool->n; i++)
		if (((const struct spooled *)spool->entries[i].value)->binary)
			return true;
	return false;
}

static struct error *open_tar(struct image_archive *ia)
{
	_cleanup_stream_ struct stream s = { .fd = -1 };
	_cleanup_place_ struct place p = { .fd = -1, .parent_fd = -1 };
	_cleanup_place_ struct place spool = { .fd = -1, .parent_fd = -1 };

	struct error *err = add_layer(ia, &p);
	if (!err)
		err = place_init(&spool, ia, "spool");
	if (!err)
		err = stream_open(&s, ia, ia->path, NULL, STREAM_TAR);
	if (!err)
		err = archive_unpack(&s, &p, &spool);
	if (err)
		return err;
	if (archive_spool_is_image(ia)) {
		ia->kind = IMAGE_ARCHIVE_OCI;
		forget_layers(ia);
		err = unpack_image(ia);
	} else if (spool_holds_binaries(ia)) {
		/* Not an image after all, though names looked like it. */
		forget_layers(ia);
		err = open_simple(ia, STREAM_TAR);
	}
	remove_folder(spool.folder);
	return err;
}

static struct error *open_kind(struct image_archive *ia)
{
	switch (ia->kind) {
	case IMAGE_ARCHIVE_ZIP:
		return open_simple(ia, STREAM_ZIP);
	case IMAGE_ARCHIVE_DEB:
		return open_simple(ia, STREAM_AR);
	case IMAGE_ARCHIVE_TAR:
		return open_tar(ia);
	default:
		break;
	}
	struct stat st;
	if (stat(ia->path, &st))
		return error_os(errno, "cannot open '%s'", ia->name);
	if (!S_ISREG(st.st_mode))
		return error_create(ERROR_BAD_DATA, "'%s': not a regular file", ia->name);
	if (!st.st_size)
		return error_create(ERROR_BAD_DATA, "'%s': empty", ia->name);
	return error_create(ERROR_UNSUPPORTED, "'%s': not a zip, tar or Debian package", ia->name);
}

/* --- the archive --- */

static void set_limits(struct image_archive_limits *to, const struct image_archive_limits *from)
{
	*to = from ? *from : defaults;
	to->total_bytes = to->total_bytes ?: defaults.total_bytes;
	to->member_bytes = to->member_bytes ?: defaults.member_bytes;
	to->read_bytes = to->read_bytes ?: defaults.read_bytes;
	to->ratio = to->ratio ?: defaults.ratio;
	to->members = to->members ?: defaults.members;
	to->path = to->path && to->path < MAX_PATH ? to->path : MAX_PATH;
	to->layers = to->layers && to->layers < TREE_MAX_LAYERS ? to->layers : defaults.layers;
	to->warnings = to->warnings ?: defaults.warnings;
}

static struct error *create(const char *path, const char *name, struct image_archive **ret)
{
	_cleanup_image_archive_ struct image_archive *ia = calloc(1, sizeof(*ia));

	if (!ia)
		return &error_no_memory;
	ia->priv = calloc(1, sizeof(*ia->priv));
	if (!ia->priv)
		return &error_no_memory;
	arena_init(&ia->priv->arena);
	map_init(&ia->priv->spool);
	ia->path = arena_strdup(&ia->priv->arena, path);
	ia->name = arena_strdup(&ia->priv->arena, name ? name : path);
	ia->prefix = arena_printf(&ia->priv->arena, "%s!", name ? name : path);
	if (!ia->path || !ia->name || !ia->prefix)
		return &error_no_memory;
	*ret = cleanup_release(&ia);
	return NULL;
}

static struct error *open_with_locale(struct image_archive *ia)
{
	struct map names;

	struct error *err = make_folder(ia);
	if (!err)
		err = open_kind(ia);
	if (err)
		return err;
	map_init(&names);
	err = settle_files(ia, &names);
	map_deinit(&names);
	if (!err && ia->kind == IMAGE_ARCHIVE_ZIP)
		err = find_metadata(ia);
	tell_rest(ia);
	return err;
}

struct error *image_archive_open(const char *path, const char *name,
				 const struct image_archive_limits *limits,
				 struct image_archive_sink *sink, struct log *log,
				 struct image_archive **ret)
{
	_cleanup_image_archive_ struct image_archive *ia = NULL;

	struct error *err = create(path, name, &ia);
	if (err)
		return err;
	ia->priv->sink = sink;
	ia->priv->log = log;
	set_limits(&ia->priv->limits, limits);
	ia->kind = image_archive_detect(path);
	/* In the C locale libarchive would turn names in UTF-8 into question marks. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
	err = open_with_locale(ia);
	if (utf8) {
		uselocale(before);
		freelocale(utf8);
	}
	if (err)
		return err;
	*ret = cleanup_release(&ia);
	return NULL;
}

void image_archive_destroy(struct image_archive *ia)
{
	if (!ia)
		return;
	if (ia->priv) {
		if (ia->priv->folder)
			remove_folder(ia->priv->folder);
		name_set_deinit(&ia->priv->lower);
		map_deinit(&ia->priv->spool);
		free(ia->priv->files);
		free(ia->priv->layers);
		arena_deinit(&ia->priv->arena);
		free(ia->priv);
	}
	free(ia);
}
