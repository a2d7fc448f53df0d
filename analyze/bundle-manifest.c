/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ops: the configuration of Nanos' builder (github.com/nanovms/ops, types/config.go
 * and lepton/image.go): Program is the path inside, TargetRoot the folder that
 * absolute paths are looked up in, and the MapDirs pattern of X/ and * brings all that is
 * below X, links as links.
 *
 * kraft: a Kraftfile of specification v0.6 (unikraft.org/docs/cli/reference/kraftfile):
 * the runtime "base" of github.com/unikraft/catalog is Unikraft with its ELF
 * loader, which runs 'cmd' from the root file system.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/bundle.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/json.h"
#include "core/image/tar.h"

static struct error *write_ops(const struct bundle *bundle, const char *root, bool pie,
			       struct out *out)
{
	(void)pie;
	struct json json;
	json_init(&json, out, true);
	json_object_begin(&json);
	json_field(&json, "Program", bundle->program);
	json_field(&json, "TargetRoot", root);
	json_key(&json, "MapDirs");
	json_object_begin(&json);
	json_field(&json, "/*", "/");
	json_object_end(&json);
	json_object_end(&json);
	out_addc(out, '\n');
	return NULL;
}

/* The name of the unikernel: that of the program, with what names may hold. */
static void add_name(struct out *out, const char *program)
{
	const char *name = strrchr(program, '/') + 1;
	out_addc(out, '"');
	for (; *name; name++) {
		unsigned char c = *name;
		out_addc(out, isalnum(c) || c == '.' || c == '_' ? tolower(c) : '-');
	}
	out_addc(out, '"');
}

static struct error *write_kraft(const struct bundle *bundle, const char *root, bool pie,
				 struct out *out)
{
	out_adds(out, "spec: v0.6\n\nname: ");
	add_name(out, bundle->program);
	out_adds(out, "\n\n# Unikraft with its ELF loader: runs Linux programs from the root file "
		      "system.\n");
	if (!pie)
		out_adds(out,
			 "# It takes position-independent programs only, and this one is not.\n");
	out_adds(out, "runtime: base:latest\n\nrootfs: ");
	/* A JSON string is a YAML string. */
	_cleanup_buf_ struct buf path = { 0 };
	buf_addf(&path, "%s%s", root[0] == '/' ? "" : "./", root);
	struct error *err = buf_error(&path);
	if (err)
		return err;
	json_quote(out, path.data);
	out_adds(out, "\n\ncmd: [");
	json_quote(out, bundle->program);
	out_adds(out, "]\n");
	return NULL;
}

const struct bundle_manifest_kind bundle_manifest_kinds[] = {
	{ .name = "ops",
	  .summary = "configuration for Nanos: ops image create -c FILE",
	  .takes_archive = false,
	  .write = write_ops },
	{ .name = "kraft",
	  .summary = "Kraftfile for Unikraft: kraft run, in its folder",
	  .takes_archive = true,
	  .file = "Kraftfile",
	  .write = write_kraft },
	{ .name = NULL },
};

const struct bundle_manifest_kind *bundle_manifest_find(const char *name)
{
	for (const struct bundle_manifest_kind *k = bundle_manifest_kinds; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

/* Cuts "dir/bundle/" into "dir/" and "bundle". */
static struct error *split_out(const char *out, char **folder, char **base)
{
	size_t len = strlen(out);
	while (len > 1 && out[len - 1] == '/')
		len--;
	size_t start = len;
	while (start && out[start - 1] != '/')
		start--;
	*base = strndup(out + start, len - start);
	*folder = strndup(out, start);
	if (!*base || !*folder)
		return &error_no_memory;
	if (!**base || !strcmp(*base, "/") || !strcmp(*base, ".") || !strcmp(*base, ".."))
		return error_create(ERROR_USAGE, "cannot write a manifest beside '%s'", out);
	return NULL;
}

static struct error *write_file(const struct bundle *bundle,
				const struct bundle_manifest_kind *kind, const char *root, bool pie,
				const char *path)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_os(errno, "cannot create '%s'", path);
	struct out out;
	out_init_fd(&out, fd, path);
	struct error *err = kind->write(bundle, root, pie, &out);
	if (!err)
		err = out_finish(&out);
	out_deinit(&out);
	return err;
}

struct error *bundle_write_manifest(const struct bundle *bundle,
				    const struct bundle_manifest_kind *kind, const char *out,
				    bool pie, char **path)
{
	_cleanup_free_ char *folder = NULL, *base = NULL, *at = NULL;
	struct error *err = split_out(out, &folder, &base);
	if (err)
		return err;
	if (!bundle->program)
		return error_create(ERROR_USAGE,
				    "a manifest for %s needs a program, not only libraries",
				    kind->name);
	if (tar_is_name(out) && !kind->takes_archive)
		return error_create(ERROR_USAGE, "%s needs a folder, not the archive '%s'",
				    kind->name, out);
	int n = kind->file ? asprintf(&at, "%s%s", folder, kind->file)
			   : asprintf(&at, "%s%s.json", folder, base);
	if (n < 0) {
		at = NULL;
		return &error_no_memory;
	}
	err = write_file(bundle, kind, base, pie, at);
	if (!err)
		*path = cleanup_release(&at);
	return err;
}
