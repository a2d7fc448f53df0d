/* SPDX-License-Identifier: BSD-2-Clause */
/* Who made this: METADATA of a wheel (core metadata, RFC 822), control of a deb(5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/cleanup.h"
#include "core/image/archive-internal.h"

enum { MAX_HEADERS = 1 << 20 };

const char *archive_field(struct image_archive *ia, const char *text, const char *name)
{
	size_t len = strlen(name);

	/* The header block ends at the first empty line; continued lines begin with a blank. */
	while (*text && *text != '\n' && *text != '\r') {
		size_t line = strcspn(text, "\n");
		if (!strncasecmp(text, name, len) && text[len] == ':') {
			const char *value = text + len + 1;
			value += strspn(value, " \t");
			const char *end = text + line;
			while (end > value && strchr(" \t\r", end[-1]))
				end--;
			return end > value ? arena_strndup(&ia->priv->arena, value,
							   (size_t)(end - value))
					   : NULL;
		}
		text += line;
		text += *text == '\n';
	}
	return NULL;
}

static void check(struct image_archive *ia, const char *member)
{
	if (!ia->package_name || !ia->package_version)
		archive_warn(ia, "bad-metadata", member, "no name and version of a package");
}

struct error *archive_read_metadata(struct image_archive *ia, const char *path, const char *member)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *text = malloc(MAX_HEADERS + 1);

	if (!text)
		return &error_no_memory;
	if (!f)
		return error_os(errno, "cannot open '%s'", path);
	size_t n = fread(text, 1, MAX_HEADERS, f);
	text[n] = '\0';
	ia->package_type = "pypi";
	ia->package_name = archive_field(ia, text, "Name");
	ia->package_version = archive_field(ia, text, "Version");
	check(ia, member);
	return NULL;
}

void archive_read_control(struct image_archive *ia, const char *text)
{
	ia->package_type = "deb";
	ia->package_name = archive_field(ia, text, "Package");
	ia->package_version = archive_field(ia, text, "Version");
	ia->package_arch = archive_field(ia, text, "Architecture");
	check(ia, "control");
}
