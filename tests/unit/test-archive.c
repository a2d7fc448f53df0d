/* SPDX-License-Identifier: BSD-2-Clause */
/* Archives are made here with libarchive and, where it refuses, damaged by hand. */
#include "tests/lib/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/sha256.h"
#include "core/image/archive.h"
#include "core/image/tree.h"

static const char ELF[] = "\177ELF not much of one";

struct scratch {
	char path[256]; /* holds tmp/ (the TMPDIR), outside/ and what a test makes */
	struct image_archive *ia;
	struct buf warnings; /* "code member\n" */
	struct image_archive_sink sink;
	char last[8192]; /* text of the last warning */
	int stop_after;
	struct log log;
};

/* --- the sink --- */

static void on_warning(struct image_archive_sink *sink, const struct image_archive_warning *w)
{
	struct scratch *s = (struct scratch *)((char *)sink - offsetof(struct scratch, sink));

	buf_addf(&s->warnings, "%s %s\n", w->code, w->member);
	snprintf(s->last, sizeof(s->last), "%s", w->text);
	/* Whoever reads it must learn which archive and which member it is about. */
	assert_non_null(strstr(w->text, w->archive));
	assert_non_null(strstr(w->text, w->member));
}

static bool on_stopped(struct log *log)
{
	struct scratch *s = (struct scratch *)((char *)log - offsetof(struct scratch, log));

	return s->stop_after-- <= 0;
}

static bool is_empty(const struct scratch *s, const char *folder)
{
	char path[512];
	int n = 0;

	snprintf(path, sizeof(path), "%s/%s", s->path, folder);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n == 2;
}

static char *in(const struct scratch *s, const char *name)
{
	static char path[4][1024];
	static int turn;
	char *ret = path[turn++ % 4];

	snprintf(ret, sizeof(path[0]), "%s/%s", s->path, name);
	return ret;
}

static int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));
	char template[] = "/tmp/test-archive.XXXXXX";

	assert_non_null(s);
	assert_non_null(mkdtemp(template));
	snprintf(s->path, sizeof(s->path), "%s", template);
	assert_int_equal(mkdir(in(s, "tmp"), 0700), 0);
	assert_int_equal(mkdir(in(s, "outside"), 0700), 0);
	setenv("TMPDIR", in(s, "tmp"), 1);
	buf_init(&s->warnings);
	s->sink.warn = on_warning;
	*state = s;
	return 0;
}

/* Whatever the test did, nothing is left and nothing is outside. */
static int teardown(void **state)
{
	struct scratch *s = *state;
	char command[512];

	image_archive_destroy(s->ia);
	buf_deinit(&s->warnings);
	bool clean = is_empty(s, "tmp") && is_empty(s, "outside");
	snprintf(command, sizeof(command), "rm -rf '%s'", s->path);
	int removed = system(command);
	free(s);
	unsetenv("TMPDIR");
	return clean && !removed ? 0 : -1;
}

/* --- making archives --- */

static struct archive *make(const struct scratch *s, const char *name)
{
	struct archive *a = archive_write_new();
	const char *dot = strrchr(name, '.');

	assert_non_null(a);
	if (!strcmp(dot, ".zip") || !strcmp(dot, ".whl")) {
		archive_write_set_format_zip(a);
		if (!strcmp(dot, ".zip"))
			archive_write_zip_set_compression_store(a);
	} else if (!strcmp(dot, ".deb")) {
		archive_write_set_format_ar_svr4(a);
	} else {
		static const char *const filters[][2] = {
			{ ".gz", "gzip" }, { ".xz", "xz" },	 { ".zst", "zstd" },
			{ ".lz", "lzip" }, { ".lzma", "lzma" },	 { ".bz2", "bzip2" },
			{ ".lz4", "lz4" }, { ".Z", "compress" },
		};
		archive_write_set_format_pax_restricted(a);
		for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
			if (!strcmp(dot, filters[i][0]))
				assert_int_equal(archive_write_add_filter_by_name(a, filters[i][1]),
						 ARCHIVE_OK);
	}
	assert_int_equal(archive_write_open_filename(a, in(s, name)), ARCHIVE_OK);
	return a;
}

static void done(struct archive *a)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static void put(struct archive *a, const char *name, mode_t mode, const void *data, size_t len)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, mode);
	if (S_ISREG(mode))
		archive_entry_set_size(e, (int64_t)len);
	if (S_ISLNK(mode))
		archive_entry_set_symlink(e, data);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (S_ISREG(mode) && len)
		assert_int_equal(archive_write_data(a, data, len), (la_ssize_t)len);
	archive_entry_free(e);
}

static void elf(struct archive *a, const char *name)
{
	put(a, name, S_IFREG | 0755, ELF, sizeof(ELF));
}

static void text(struct archive *a, const char *name, const char *data)
{
	put(a, name, S_IFREG | 0644, data, strlen(data));
}

static void symlink_to(struct archive *a, const char *name, const char *target)
{
	put(a, name, S_IFLNK | 0777, target, 0);
}

static void hard_link_to(struct archive *a, const char *name, const char *target)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, S_IFREG | 0644);
	archive_entry_set_hardlink(e, target);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	archive_entry_free(e);
}

/* A file's bytes, to nest it or to damage it. */
static char *load(const struct scratch *s, const char *name, size_t *len)
{
	FILE *f = fopen(in(s, name), "re");
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*len = (size_t)st.st_size;
	char *data = malloc(*len + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, *len, f), *len);
	fclose(f);
	return data;
}

static void save(const struct scratch *s, const char *name, const char *data, size_t len)
{
	FILE *f = fopen(in(s, name), "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void nest(const struct scratch *s, struct archive *a, const char *as, const char *file)
{
	size_t len;
	char *data = load(s, file, &len);

	put(a, as, S_IFREG | 0644, data, len);
	free(data);
}

/* --- looking at what came out --- */

static struct error *try_open(struct scratch *s, const char *name,
			      const struct image_archive_limits *limits)
{
	image_archive_destroy(s->ia);
	s->ia = NULL;
	buf_clear(&s->warnings);
	return image_archive_open(in(s, name), name, limits, &s->sink, NULL, &s->ia);
}

static void opens(struct scratch *s, const char *name)
{
	assert_ok(try_open(s, name, NULL));
}

/* "member member ...", with the kind as a letter behind each. */
static void has_files(const struct scratch *s, const char *expect)
{
	static const char kinds[] = "easo";
	struct buf b;

	buf_init(&b);
	for (size_t i = 0; i < s->ia->nfiles; i++) {
		const struct image_archive_file *f = &s->ia->files[i];
		struct stat st;
		buf_addf(&b, "%s%s:%c", i ? " " : "", f->member, kinds[f->kind]);
		assert_int_equal(lstat(f->path, &st), 0);
		assert_true(S_ISREG(st.st_mode));
	}
	assert_string_equal(b.data ? b.data : "", expect);
	buf_deinit(&b);
}

static void has_warnings(const struct scratch *s, const char *expect)
{
	assert_string_equal(s->warnings.data ? s->warnings.data : "", expect);
}

static struct tree *tree_of(const struct scratch *s)
{
	struct tree *tree;

	assert_ok(tree_create(&tree));
	for (size_t i = 0; i < s->ia->nlayers; i++)
		assert_ok(tree_add_layer(tree, s->ia->layers[i], s->ia->prefix));
	return tree;
}

static void holds(const char *path, const char *expect)
{
	char data[256] = { 0 };
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, data, sizeof(data) - 1) >= 0);
	close(fd);
	assert_string_equal(data, expect);
}

/* --- kinds --- */

static void test_wheel(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.whl");

	elf(a, "x/lib/b.so");
	elf(a, "x/a.cpython-311.so");
	text(a, "x/__init__.py", "import os");
	text(a, "x/libtext.so", "INPUT(x)");
	text(a, "x-1.0.dist-info/METADATA",
	     "Metadata-Version: 2.1\r\nName: x-y\r\nVersion: 1.0\r\n\r\n"
	     "Name: not this\n");
	text(a, "x-1.0.dist-info/RECORD", "x,,");
	text(a, "x-1.0.dist-info/sboms/a.cdx.json", "{}");
	text(a, "x/deep.dist-info/METADATA", "Name: wrong\nVersion: 2\n");
	put(a, "x/lib/static.a", S_IFREG | 0644, "!<arch>\n", 8);
	done(a);
	assert_int_equal(image_archive_detect(in(s, "x.whl")), IMAGE_ARCHIVE_ZIP);
	opens(s, "x.whl");
	assert_int_equal(s->ia->kind, IMAGE_ARCHIVE_WHEEL);
	has_warnings(s, "");
	assert_false(s->ia->incomplete);
	has_files(s, "/x-1.0.dist-info/METADATA:o /x-1.0.dist-info/RECORD:o "
		     "/x-1.0.dist-info/sboms/a.cdx.json:s /x/a.cpython-311.so:e /x/lib/b.so:e "
		     "/x/lib/static.a:a /x/libtext.so:o");
	assert_string_equal(s->ia->package_type, "pypi");
	assert_string_equal(s->ia->package_name, "x-y");
	assert_string_equal(s->ia->package_version, "1.0");
	assert_string_equal(s->ia->prefix, "x.whl!");
	assert_int_equal(s->ia->files[4].mode, 0755);
	assert_int_equal(s->ia->files[4].size, sizeof(ELF));
	struct stat st;
	assert_int_equal(stat(s->ia->layers[0], &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(lstat(s->ia->files[4].path, &st), 0);
	holds(s->ia->files[4].path, ELF);
}

static void test_names_in_utf8(void **state)
{
	struct scratch *s = *state;

	static const char *const names[] = { "x.tar", "x.zip" };

	for (int i = 0; i < 2; i++) {
		/* The writer needs a locale that can say the name; the reader must not. */
		assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
		struct archive *a = make(s, names[i]);
		elf(a, "z/\xc3\xa9\xe2\x82\xac.so");
		done(a);
		assert_non_null(setlocale(LC_CTYPE, "C"));
		opens(s, names[i]);
		has_files(s, "/z/\xc3\xa9\xe2\x82\xac.so:e");
	}
}

static void make_deb(struct scratch *s, const char *ext, bool with_data)
{
	char name[64];
	struct archive *a;

	snprintf(name, sizeof(name), "control.tar%s", ext);
	a = make(s, name);
	text(a, "./md5sums", "0");
	text(a, "./control",
	     "Package: libx\nVersion: 1:2-3\nArchitecture: amd64\n"
	     "Description: x\n Name: y\n");
	done(a);
	snprintf(name, sizeof(name), "data.tar%s", ext);
	a = make(s, name);
	put(a, "./", S_IFDIR | 0755, NULL, 0);
	put(a, "./usr/lib/", S_IFDIR | 0755, NULL, 0);
	elf(a, "./usr/lib/libx.so.1");
	symlink_to(a, "./usr/lib/libx.so", "libx.so.1");
	text(a, "./usr/share/doc/x", "doc");
	done(a);
	a = make(s, "x.deb");
	text(a, "debian-binary", "2.0\n");
	snprintf(name, sizeof(name), "control.tar%s", ext);
	nest(s, a, name, name);
	snprintf(name, sizeof(name), "data.tar%s", ext);
	if (with_data)
		nest(s, a, name, name);
	done(a);
}

static void test_deb(void **state)
{
	struct scratch *s = *state;
	static const char *const exts[] = { ".gz", ".xz", ".zst", "." };

	for (size_t i = 0; i < 4; i++) {
		make_deb(s, exts[i], true);
		assert_int_equal(image_archive_detect(in(s, "x.deb")), IMAGE_ARCHIVE_DEB);
		opens(s, "x.deb");
		has_warnings(s, "");
		has_files(s, "/usr/lib/libx.so.1:e");
		assert_string_equal(s->ia->package_type, "deb");
		assert_string_equal(s->ia->package_name, "libx");
		assert_string_equal(s->ia->package_version, "1:2-3");
		assert_string_equal(s->ia->package_arch, "amd64");
	}
	struct tree *tree = tree_of(s);
	struct tree_entry entry;
	assert_int_equal(tree_resolve(tree, "/usr/lib/libx.so", &entry), 0);
	assert_string_equal(entry.realpath, "/usr/lib/libx.so.1");
	assert_string_equal(entry.prefix, "x.deb!");
	tree_destroy(tree);
	make_deb(s, ".xz", false);
	assert_error(try_open(s, "x.deb", NULL), ERROR_BAD_DATA,
		     "'x.deb': a Debian package without data.tar");
}

static void test_tar_filters(void **state)
{
	struct scratch *s = *state;
	static const char *const names[] = {
		"x.tar",      "x.tar.gz",  "x.tar.xz",	"x.tar.zst", "x.tar.lz",
		"x.tar.lzma", "x.tar.bz2", "x.tar.lz4", "x.tar.Z",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct archive *a = make(s, names[i]);
		elf(a, "usr/lib/x.so");
		elf(a, "opt/no-extension");
		text(a, "etc/ld.so.conf.d/x.conf", "/opt");
		text(a, "etc/passwd", "root");
		text(a, "var/lib/dpkg/info/x.list", "/");
		done(a);
		assert_int_equal(image_archive_detect(in(s, names[i])), IMAGE_ARCHIVE_TAR);
		opens(s, names[i]);
		has_warnings(s, "");
		has_files(s, "/etc/ld.so.conf.d/x.conf:o /opt/no-extension:e /usr/lib/x.so:e "
			     "/var/lib/dpkg/info/x.list:o");
	}
}

static void test_not_archives(void **state)
{
	struct scratch *s = *state;

	save(s, "empty", "", 0);
	assert_error(try_open(s, "empty", NULL), ERROR_BAD_DATA, "'empty': empty");
	save(s, "text", "hello", 5);
	assert_error(try_open(s, "text", NULL), ERROR_UNSUPPORTED,
		     "'text': not a zip, tar or Debian package");
	save(s, "static.a", "!<arch>\nx.o/", 12);
	assert_int_equal(image_archive_detect(in(s, "static.a")), IMAGE_ARCHIVE_NONE);
	assert_error(try_open(s, "outside", NULL), ERROR_BAD_DATA, "'outside': not a regular file");
	assert_error(try_open(s, "missing", NULL), ERROR_OS,
		     "cannot open 'missing': no such file or directory");
	assert_int_equal(mkfifo(in(s, "fifo"), 0600), 0);
	assert_error(try_open(s, "fifo", NULL), ERROR_BAD_DATA, "'fifo': not a regular file");
	save(s, "bad.gz", "\x1f\x8b nothing more", 16);
	struct error *err = try_open(s, "bad.gz", NULL);
	assert_non_null(strstr(error_get_message(err), "'bad.gz': cannot be read as an archive"));
	assert_error(err, ERROR_BAD_DATA, NULL);
}

/* --- hostile members --- */

static void test_names_that_lead_out(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");
	char absolute[512];

	snprintf(absolute, sizeof(absolute), "%s", in(s, "outside/abs.so"));
	elf(a, "../outside/a.so");
	elf(a, "x/../../outside/b.so");
	elf(a, "x/..");
	elf(a, absolute);
	elf(a, "./././fine.so");
	elf(a, "//fine2.so");
	done(a);
	opens(s, "x.tar");
	char expect[4096];
	snprintf(expect, sizeof(expect),
		 "unsafe-member ../outside/a.so\nunsafe-member x/../../outside/b.so\n"
		 "unsafe-member x/..\nabsolute-member %s\nabsolute-member //fine2.so\n",
		 absolute);
	has_warnings(s, expect);
	assert_true(s->ia->incomplete);
	snprintf(expect, sizeof(expect), "/fine.so:e /fine2.so:e %s:e", absolute);
	has_files(s, expect);
}

static void test_links_that_lead_out(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");
	char outside[512], file[600];

	snprintf(outside, sizeof(outside), "%s", in(s, "outside"));
	snprintf(file, sizeof(file), "%s/target.so", outside);
	symlink_to(a, "abs", outside);
	elf(a, "abs/a.so");
	symlink_to(a, "up", "../../../outside");
	elf(a, "up/b.so");
	symlink_to(a, "one", ".");
	symlink_to(a, "one/two", "..");
	symlink_to(a, "one/two/three", "..");
	elf(a, "two/c.so");
	elf(a, "one/two/d.so");
	symlink_to(a, "file.so", file); /* then written through */
	elf(a, "file.so");
	symlink_to(a, "nowhere", "not/there");
	elf(a, "nowhere/e.so");
	put(a, "usr/lib/", S_IFDIR | 0755, NULL, 0);
	symlink_to(a, "lib", "usr/lib"); /* as in every distribution: fine */
	elf(a, "lib/f.so");
	symlink_to(a, "proc", "/proc/self/cwd");
	elf(a, "proc/g.so");
	done(a);
	opens(s, "x.tar");
	has_warnings(s, "unsafe-member abs/a.so\nunsafe-member up/b.so\n"
			"unsafe-member one/two/three\nunsafe-member two/c.so\n"
			"unsafe-member one/two/d.so\nduplicate-member file.so\n"
			"unsafe-member nowhere/e.so\nunsafe-member proc/g.so\n");
	assert_true(s->ia->incomplete);
	has_files(s, "/file.so:e /usr/lib/f.so:e");
	assert_true(access("g.so", F_OK));
}

static void test_hard_links(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");

	elf(a, "usr/lib/x.so.1");
	text(a, "usr/share/doc", "doc");
	put(a, "folder/", S_IFDIR | 0755, NULL, 0);
	symlink_to(a, "out", "/etc");
	hard_link_to(a, "usr/lib/x.so", "usr/lib/x.so.1");
	hard_link_to(a, "a.so", "./usr/lib/x.so");
	hard_link_to(a, "b", "usr/share/doc");
	hard_link_to(a, "c.so", "../../../etc/passwd");
	hard_link_to(a, "d.so", "/etc/passwd");
	hard_link_to(a, "e.so", "out/passwd");
	hard_link_to(a, "f.so", "folder");
	hard_link_to(a, "usr/lib/x.so.1", "usr/lib/x.so.1");
	done(a);
	opens(s, "x.tar");
	has_warnings(s, "unsafe-member c.so\ndangling-link d.so\nunsafe-member e.so\n"
			"duplicate-member f.so\nduplicate-member usr/lib/x.so.1\n");
	/* A link to itself removes what it names; the other names stay. */
	has_files(s, "/a.so:e /usr/lib/x.so:e");
	struct stat st[2];
	assert_int_equal(lstat(s->ia->files[0].path, &st[0]), 0);
	assert_int_equal(lstat(s->ia->files[1].path, &st[1]), 0);
	assert_int_equal(st[0].st_ino, st[1].st_ino);
}

static void test_special_members(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");

	put(a, "dev/null", S_IFCHR | 0666, NULL, 0);
	put(a, "dev/sda", S_IFBLK | 0666, NULL, 0);
	put(a, "fifo", S_IFIFO | 0666, NULL, 0);
	elf(a, "x.so");
	put(a, "suid.so", S_IFREG | 06777, ELF, sizeof(ELF));
	put(a, "none.so", S_IFREG | 0, ELF, sizeof(ELF));
	done(a);
	opens(s, "x.tar");
	has_warnings(s, "special-member dev/null\nspecial-member dev/sda\nspecial-member fifo\n");
	assert_false(s->ia->incomplete);
	has_files(s, "/none.so:e /suid.so:e /x.so:e");
	struct stat st;
	assert_int_equal(lstat(s->ia->files[1].path, &st), 0);
	assert_int_equal(st.st_mode & 07000, 0);
}

static void test_duplicates(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");

	put(a, "a.so", S_IFREG | 0644, "\177ELF first", 11);
	put(a, "a.so", S_IFREG | 0600, "\177ELF second", 12);
	elf(a, "b");
	text(a, "b", "no ELF any more");
	text(a, "c", "not yet");
	elf(a, "c");
	elf(a, "d");
	elf(a, "d/below");
	elf(a, "e/f");
	elf(a, "e");
	elf(a, "g");
	put(a, "g", S_IFIFO | 0644, NULL, 0);
	put(a, "h/", S_IFDIR | 0755, NULL, 0);
	put(a, "h/", S_IFDIR | 0755, NULL, 0);
	done(a);
	opens(s, "x.tar");
	has_warnings(s, "duplicate-member a.so\nduplicate-member b\nduplicate-member c\n"
			"duplicate-member d/below\nduplicate-member e\n"
			"duplicate-member g\nspecial-member g\n");
	assert_true(s->ia->incomplete);
	has_files(s, "/a.so:e /c:e /d:e /e/f:e");
	assert_int_equal(s->ia->files[0].size, 12);
	assert_int_equal(s->ia->files[0].mode, 0600);
	holds(s->ia->files[0].path, "\177ELF second");
}

static void test_names_are_bytes(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");
	char longest[4200];

	elf(a, "line\nbreak.so");
	elf(a, "\033[31mred.so");
	elf(a, "%s%n.so");
	elf(a, "a b.so");
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	elf(a, longest);
	longest[255] = '/';
	for (size_t i = 0; i + 1 < sizeof(longest); i++)
		longest[i] = i % 2 ? '/' : 'y';
	longest[sizeof(longest) - 1] = '\0';
	elf(a, longest);
	longest[2999] = '\0';
	elf(a, longest);
	done(a);
	opens(s, "x.tar");
	assert_int_equal(s->ia->nfiles, 5);
	assert_int_equal(strlen(s->ia->files[4].member), 3000);
	assert_string_equal(s->ia->files[0].member, "/\033[31mred.so");
	assert_string_equal(s->ia->files[2].member, "/a b.so");
	assert_memory_equal(s->warnings.data, "long-name x", 11);
	assert_true(s->ia->incomplete);
}

/* --- damage --- */

/* Each byte of a small archive is cut off in turn: never quiet, never a crash. */
static void cut_everywhere(struct scratch *s, const char *name, size_t from, size_t until)
{
	size_t len;
	char *data = load(s, name, &len);

	assert_true(from < len);
	for (size_t cut = from; cut < len - until; cut += cut < 2048 ? 1 : 61) {
		save(s, "cut", data, cut);
		struct error *err = try_open(s, "cut", NULL);
		if (!err && !s->ia->incomplete)
			fail_msg("%s cut at %zu of %zu went unnoticed", name, cut, len);
		error_destroy(err);
	}
	free(data);
}

static void test_truncated(void **state)
{
	struct scratch *s = *state;
	static const char *const names[] = { "x.tar.gz", "x.tar.xz", "x.tar.zst", "x.whl" };

	for (size_t i = 0; i < 4; i++) {
		struct archive *a = make(s, names[i]);
		text(a, "readme", "text");
		elf(a, "a.so");
		elf(a, "b.so");
		done(a);
		/* A zip without its last comment length byte still reads well. */
		cut_everywhere(s, names[i], 1, i == 3 ? 2 : 0);
	}
	make_deb(s, ".xz", true);
	cut_everywhere(s, "x.deb", 1, 4);

	/* Of a tar, only a cut between two members cannot be seen. */
	struct archive *a = make(s, "x.tar");
	elf(a, "a.so");
	elf(a, "b.so");
	done(a);
	size_t len;
	char *data = load(s, "x.tar", &len);
	for (size_t cut = 1; cut < 2048; cut++) {
		if (cut == 1024)
			continue;
		save(s, "cut.tar", data, cut);
		struct error *err = try_open(s, "cut.tar", NULL);
		if (!err && !s->ia->incomplete)
			fail_msg("a tar cut at %zu went unnoticed", cut);
		if (cut == 1600)
			has_warnings(s, cut > 1536 ? "truncated b.so\n" : "");
		error_destroy(err);
	}
	free(data);
}

static void test_wrong_checksums(void **state)
{
	struct scratch *s = *state;
	static const char *const names[] = { "x.tar.gz", "x.tar.xz", "x.tar.zst" };
	char *data;
	size_t len;

	for (size_t i = 0; i < 3; i++) {
		struct archive *a = make(s, names[i]);
		elf(a, "a.so");
		done(a);
		data = load(s, names[i], &len);
		/* The checksum of the stream: the last 8 bytes of gzip begin with it; xz
		 * has a footer of 12 and an index before; zstd may have none at all. */
		size_t at = i == 0 ? len - 8 : i == 1 ? len - 40 : 40;
		data[at] ^= 0x55;
		save(s, names[i], data, len);
		free(data);
		struct error *err = try_open(s, names[i], NULL);
		if (!err)
			assert_true(s->ia->incomplete);
		error_destroy(err);
	}

	struct archive *a = make(s, "x.zip");
	elf(a, "a.so");
	elf(a, "b.so");
	done(a);
	data = load(s, "x.zip", &len);
	char *at = memmem(data, len, ELF, sizeof(ELF));
	assert_non_null(at);
	at[sizeof(ELF) - 3] ^= 1;
	save(s, "x.zip", data, len);
	free(data);
	opens(s, "x.zip");
	has_warnings(s, "corrupt a.so\n");
	has_files(s, "/b.so:e");
}

static void test_encrypted(void **state)
{
	struct scratch *s = *state;
	struct archive *a = archive_write_new();

	archive_write_set_format_zip(a);
	if (archive_write_set_options(a, "zip:encryption=zipcrypt") != ARCHIVE_OK) {
		archive_write_free(a);
		skip();
	}
	archive_write_set_passphrase(a, "secret");
	assert_int_equal(archive_write_open_filename(a, in(s, "x.zip")), ARCHIVE_OK);
	elf(a, "a.so");
	text(a, "readme", "text");
	done(a);
	opens(s, "x.zip");
	has_warnings(s, "encrypted a.so\nencrypted readme\n");
	assert_true(s->ia->incomplete);
	has_files(s, "");
}

/* --- bounds --- */

static void test_bounds(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");
	char big[8192] = "\177ELF";

	elf(a, "a.so");
	put(a, "big.so", S_IFREG | 0644, big, sizeof(big));
	elf(a, "b.so");
	elf(a, "deep/er/c.so");
	done(a);

	assert_ok(try_open(s, "x.tar", &(struct image_archive_limits) { .members = 2 }));
	has_warnings(s, "limit \n");
	has_files(s, "/a.so:e /big.so:e");
	assert_non_null(strstr(s->last, "more than 2 members"));

	assert_ok(try_open(s, "x.tar", &(struct image_archive_limits) { .member_bytes = 8191 }));
	has_warnings(s, "too-large big.so\n");
	has_files(s, "/a.so:e /b.so:e /deep/er/c.so:e");

	assert_ok(try_open(s, "x.tar", &(struct image_archive_limits) { .total_bytes = 8192 }));
	has_warnings(s, "limit big.so\n");
	has_files(s, "/a.so:e");

	assert_ok(try_open(s, "x.tar", &(struct image_archive_limits) { .path = 9 }));
	has_warnings(s, "long-name deep/er/c.so\n");

	a = make(s, "bad.tar");
	for (int i = 0; i < 50; i++)
		elf(a, "../x");
	done(a);
	assert_ok(try_open(s, "bad.tar", &(struct image_archive_limits) { .warnings = 2 }));
	has_warnings(s, "unsafe-member ../x\nunsafe-member ../x\nmore-warnings \n");
	assert_int_equal(s->ia->nwarnings, 50);
}

static void put_zeros(struct archive *a, const char *name, uint64_t size)
{
	static const char zeros[1 << 20];
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, S_IFREG | 0644);
	archive_entry_set_size(e, (int64_t)size);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	archive_entry_free(e);
	for (uint64_t at = 0; at < size; at += sizeof(zeros))
		archive_write_data(a, zeros, sizeof(zeros));
}

/* 600 MB in 20 KB: read over, or ELF by its name alone; both stop early. */
static void test_bombs(void **state)
{
	struct scratch *s = *state;
	static const char *const names[] = { "bomb.tar.zst", "bomb.whl" };

	for (size_t i = 0; i < 2; i++) {
		struct archive *a = make(s, names[i]);
		elf(a, "a.so");
		put_zeros(a, i ? "etc/ld.so.cache" : "zero", (uint64_t)600 << 20);
		elf(a, "b.so");
		done(a);
		assert_ok(try_open(s, names[i], NULL));
		has_warnings(s, i ? "too-large etc/ld.so.cache\n" : "limit \n");
		has_files(s, i ? "/a.so:e /b.so:e" : "/a.so:e");
		assert_ok(try_open(s, names[0],
				   &(struct image_archive_limits) { .read_bytes = 1 << 20 }));
		has_warnings(s, "limit \n");
		assert_true(s->ia->read_bytes < 16 << 20);
	}
}

/* Dictionaries of 2 GiB, asked for by a few bytes. */
static void test_memory_bombs(void **state)
{
	struct scratch *s = *state;
	char lzma[200] = "\x5d\0\0\0\x80\xff\xff\xff\xff\xff\xff\xff\xff";
	size_t len;

	save(s, "x.tar.lzma", lzma, sizeof(lzma));
	assert_error(try_open(s, "x.tar.lzma", NULL), ERROR_BAD_DATA,
		     "'x.tar.lzma': cannot be read as an archive: "
		     "needs more than 512 MiB to be decompressed");

	struct archive *a = make(s, "x.zip");
	elf(a, "a.so");
	elf(a, "b.so");
	done(a);
	/* APPNOTE.TXT 4.3.7 and 4.3.12: the method of the first member becomes LZMA. */
	char *data = load(s, "x.zip", &len);
	char *central = memmem(data, len, "PK\1\2", 4);
	assert_non_null(central);
	data[8] = central[10] = 14;
	save(s, "x.zip", data, len);
	free(data);
	opens(s, "x.zip");
	has_warnings(s, "unsupported a.so\n");
	assert_true(s->ia->incomplete);
	has_files(s, "/b.so:e");
}

static void test_a_million_members(void **state)
{
	struct scratch *s = *state;
#if defined(__SANITIZE_ADDRESS__)
	const int n = 100000;
#else
	const int n = 1000000;
#endif
	struct archive *a = make(s, "many.tar.zst");
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_mode(e, S_IFREG | 0644);
	archive_entry_set_size(e, 0);
	for (int i = 0; i < n; i++) {
		char name[64];
		snprintf(name, sizeof(name), "folder%d/file%d", i / 1000, i);
		archive_entry_set_pathname(e, name);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	}
	archive_entry_free(e);
	elf(a, "last.so");
	done(a);
	opens(s, "many.tar.zst");
	has_warnings(s, "");
	has_files(s, "/last.so:e");
	assert_int_equal(s->ia->members, n + 1);
}

static void test_stop(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");

	for (int i = 0; i < 20; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%d.so", i);
		elf(a, name);
	}
	done(a);
	s->log.stopped = on_stopped;
	for (int i = 0; i < 20; i++) {
		s->stop_after = i;
		assert_error(image_archive_open(in(s, "x.tar"), NULL, NULL, NULL, &s->log, &s->ia),
			     ERROR_STOP, NULL);
		assert_true(is_empty(s, "tmp"));
	}
}

/* --- images --- */

static void make_layers(struct scratch *s)
{
	struct archive *a = make(s, "layer1.tar.gz");

	elf(a, "usr/lib/gone.so");
	elf(a, "usr/lib/kept.so");
	elf(a, "usr/lib/text.so");
	elf(a, "usr/bin/prog");
	elf(a, "opt/old/x.so");
	elf(a, "opaque/a.so");
	elf(a, "folder/x.so");
	symlink_to(a, "link", "usr");
	done(a);
	a = make(s, "layer2.tar");
	text(a, "usr/lib/.wh.gone.so", "");
	text(a, "usr/lib/text.so", "INPUT(kept.so)");
	text(a, "usr/bin/prog", "#!/bin/sh");
	text(a, "opt/.wh.old", "");
	text(a, "opaque/.wh..wh..opq", "");
	elf(a, "opaque/b.so");
	text(a, "folder", "a file instead");
	put(a, "link/", S_IFDIR | 0755, NULL, 0);
	done(a);
}

static const char image_files[] = "/opaque/b.so:e /usr/lib/kept.so:e /usr/lib/text.so:o";

static void check_image(struct scratch *s)
{
	struct tree *tree = tree_of(s);
	struct tree_entry entry;

	assert_int_equal(s->ia->kind, IMAGE_ARCHIVE_OCI);
	assert_int_equal(s->ia->nlayers, 2);
	has_files(s, image_files);
	assert_int_equal(s->ia->files[1].layer, 0);
	assert_int_equal(s->ia->files[2].layer, 1);
	assert_int_equal(tree_find(tree, "/usr/bin/prog", &entry), ENOENT);
	assert_int_equal(tree_find(tree, "/opt/old/x.so", &entry), ENOENT);
	assert_int_equal(tree_find(tree, "/folder/x.so", &entry), ENOENT);
	assert_int_equal(tree_find(tree, "/link/lib/kept.so", &entry), ENOENT);
	assert_int_equal(tree_find(tree, "/usr/lib/kept.so", &entry), 0);
	tree_destroy(tree);
}

static void test_docker_save(void **state)
{
	struct scratch *s = *state;
	static const char manifest[] = "[{\"Config\":\"c.json\",\"RepoTags\":null,"
				       "\"Layers\":[\"zz/layer.tar\",\"aa/layer.tar\"]}]";

	make_layers(s);
	struct archive *a = make(s, "image.tar");
	nest(s, a, "aa/layer.tar", "layer2.tar");
	text(a, "c.json", "{}");
	nest(s, a, "mm/layer.tar", "layer1.tar.gz");
	symlink_to(a, "zz/layer.tar", "../mm/layer.tar");
	text(a, "manifest.json", manifest);
	done(a);
	opens(s, "image.tar");
	has_warnings(s, "");
	check_image(s);

	a = make(s, "image.tar");
	nest(s, a, "zz/layer.tar", "layer1.tar.gz");
	text(a, "manifest.json", manifest);
	done(a);
	opens(s, "image.tar");
	has_warnings(s, "missing-layer aa/layer.tar\n");
	assert_true(s->ia->incomplete);

	a = make(s, "image.tar");
	symlink_to(a, "zz/layer.tar", "../aa/layer.tar");
	symlink_to(a, "aa/layer.tar", "../zz/layer.tar");
	text(a, "manifest.json", manifest);
	done(a);
	opens(s, "image.tar");
	has_warnings(s, "missing-layer zz/layer.tar\nmissing-layer aa/layer.tar\n");
	has_files(s, "");

	a = make(s, "image.tar");
	text(a, "manifest.json", "[{\"Layers\":[\"../../etc/passwd\"]}]");
	done(a);
	assert_error(try_open(s, "image.tar", NULL), ERROR_BAD_DATA,
		     "'image.tar': 'manifest.json': layer 0 has no usable name");
}

static void blob(struct scratch *s, struct archive *a, const char *file, char *digest)
{
	char name[128];
	int fd = open(in(s, file), O_RDONLY);

	assert_true(fd >= 0);
	assert_ok(sha256_file(fd, file, digest));
	close(fd);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest);
	nest(s, a, name, file);
}

static void test_oci_layout(void **state)
{
	struct scratch *s = *state;
	char hex[3][SHA256_HEX_SIZE], json[2048];
	const char *names[] = { "layer1.tar.gz", "layer2.tar" };

	make_layers(s);
	struct archive *a = make(s, "image.tar");
	text(a, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	blob(s, a, names[0], hex[0]);
	blob(s, a, names[1], hex[1]);
	int n = snprintf(json, sizeof(json),
			 "{\"schemaVersion\":2,\"layers\":[{\"digest\":\"sha256:%s\"},"
			 "{\"digest\":\"sha256:%s\"}]}",
			 hex[0], hex[1]);
	save(s, "manifest", json, (size_t)n);
	blob(s, a, "manifest", hex[2]);
	n = snprintf(json, sizeof(json),
		     "{\"manifests\":[{\"digest\":\"sha256:00\",\"platform\":{\"os\":\"unknown\"}},"
		     "{\"digest\":\"sha256:%s\",\"platform\":{\"os\":\"linux\"}}]}",
		     hex[2]);
	text(a, "index.json", json);
	done(a);
	opens(s, "image.tar");
	has_warnings(s, "");
	check_image(s);

	/* A layer whose bytes are not what its name says. */
	size_t len;
	char *data = load(s, "image.tar", &len);
	char *at = memmem(data, len, "INPUT(", 6);
	assert_non_null(at);
	*at = 'J';
	save(s, "image.tar", data, len);
	free(data);
	opens(s, "image.tar");
	snprintf(json, sizeof(json), "wrong-digest blobs/sha256/%s\n", hex[1]);
	has_warnings(s, json);
	assert_true(s->ia->incomplete);
}

static void test_hostile_manifests(void **state)
{
	struct scratch *s = *state;
	static const char *const indexes[] = {
		"",
		"[",
		"null",
		"{}",
		"{\"manifests\":[]}",
		"{\"manifests\":[{}]}",
		"{\"manifests\":[{\"digest\":7}]}",
		"{\"manifests\":[{\"digest\":\"x\"}]}",
		"{\"manifests\":[{\"digest\":\"../..:../../etc/passwd\"}]}",
		"{\"manifests\":[{\"digest\":\"sha256:00\"}]}",
	};
	char deep[20000];

	for (size_t i = 0; i <= sizeof(indexes) / sizeof(indexes[0]); i++) {
		struct archive *a = make(s, "image.tar");
		memset(deep, '[', sizeof(deep) - 1);
		deep[sizeof(deep) - 1] = '\0';
		text(a, "oci-layout", "{}");
		text(a, "index.json", i < sizeof(indexes) / sizeof(indexes[0]) ? indexes[i] : deep);
		done(a);
		assert_error(try_open(s, "image.tar", NULL), ERROR_BAD_DATA, NULL);
	}
	/* An index that leads to itself. */
	struct archive *a = make(s, "image.tar");
	text(a, "oci-layout", "{}");
	text(a, "index.json", "{\"manifests\":[{\"digest\":\"a:b\"}]}");
	text(a, "blobs/a/b", "{\"manifests\":[{\"digest\":\"a:b\"}]}");
	done(a);
	assert_error(try_open(s, "image.tar", NULL), ERROR_BAD_DATA, NULL);
}

static void test_not_quite_an_image(void **state)
{
	struct scratch *s = *state;
	struct archive *a = make(s, "x.tar");

	elf(a, "blobs/sha256/x");
	text(a, "index.json", "{}");
	elf(a, "a.so");
	done(a);
	opens(s, "x.tar");
	assert_int_equal(s->ia->kind, IMAGE_ARCHIVE_TAR);
	has_warnings(s, "");
	has_files(s, "/a.so:e /blobs/sha256/x:e");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_wheel),
		TEST(test_names_in_utf8),
		TEST(test_deb),
		TEST(test_tar_filters),
		TEST(test_not_archives),
		TEST(test_names_that_lead_out),
		TEST(test_links_that_lead_out),
		TEST(test_hard_links),
		TEST(test_special_members),
		TEST(test_duplicates),
		TEST(test_names_are_bytes),
		TEST(test_truncated),
		TEST(test_wrong_checksums),
		TEST(test_encrypted),
		TEST(test_bounds),
		TEST(test_bombs),
		TEST(test_memory_bombs),
		TEST(test_a_million_members),
		TEST(test_stop),
		TEST(test_docker_save),
		TEST(test_oci_layout),
		TEST(test_hostile_manifests),
		TEST(test_not_quite_an_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
