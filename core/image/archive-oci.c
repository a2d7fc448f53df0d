/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which layers an image has: 'docker save' writes manifest.json with the paths
 * of the layers in order; an OCI layout has index.json, which leads over
 * manifests to blobs named by their digest.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/base/array.h"
#include "core/image/archive-internal.h"

/* A manifest is some KiB; a list of many platforms some 100. */
static const uint64_t MAX_JSON = 16 << 20;
enum { MAX_DEPTH = 4 };

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}
#define _cleanup_json_ __attribute__((cleanup(json_cleanup)))

struct layer_list {
	struct image_archive *ia;
	struct image_layer *items;
	size_t n, cap;
};

bool archive_spool_is_image(const struct image_archive *ia)
{
	const struct map *spool = &ia->priv->spool;

	return map_get(spool, "manifest.json", strlen("manifest.json")) ||
	       (map_get(spool, "index.json", strlen("index.json")) &&
		map_get(spool, "oci-layout", strlen("oci-layout")));
}

/* A part of the image by its name, through the links of 'docker save'; NULL: not there. */
static const struct spooled *find_part(const struct image_archive *ia, const char *name)
{
	for (int i = 0; i < 8; i++) {
		const struct spooled *part = map_get(&ia->priv->spool, name, strlen(name));
		if (!part || part->path)
			return part;
		name = part->target;
	}
	return NULL;
}

static struct error *read_json(const struct image_archive *ia, const char *name, json_t **ret)
{
	const struct spooled *part = find_part(ia, name);
	json_error_t why;

	if (!part)
		return error_create(ERROR_BAD_DATA, "'%s': the image has no '%s'", ia->name, name);
	if (part->size > MAX_JSON)
		return error_create(ERROR_BAD_DATA,
				    "'%s': '%s' has %" PRIu64 " bytes, more than a manifest has",
				    ia->name, name, part->size);
	json_t *json = json_load_file(part->path, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return error_create(ERROR_BAD_DATA, "'%s': '%s' line %d: %s", ia->name, name,
				    why.line, why.text);
	*ret = json;
	return NULL;
}

/* The hex digits of a name blobs/sha256/HEX, else NULL. */
static const char *digest_of(const char *name)
{
	static const char prefix[] = "blobs/sha256/";

	if (strncmp(name, prefix, sizeof(prefix) - 1))
		return NULL;
	name += sizeof(prefix) - 1;
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64 ? name : NULL;
}

static struct error *add_layer(struct layer_list *list, const char *name)
{
	struct image_archive_private *priv = list->ia->priv;

	if (list->n >= priv->limits.layers) {
		archive_stop_at_limit(list->ia, name, "layers", priv->limits.layers);
		return NULL;
	}
	const struct spooled *part = find_part(list->ia, name);
	if (!part) {
		archive_warn(list->ia, "missing-layer", name,
			     "the manifest names this layer, but the archive does not have it");
		return NULL;
	}
	struct error *err = array_grow(&list->items, &list->cap, list->n + 1, sizeof(*list->items));
	if (err)
		return err;
	char *copy = arena_strdup(&priv->arena, name);
	if (!copy)
		return &error_no_memory;
	list->items[list->n++] = (struct image_layer) {
		.path = part->path,
		.name = copy,
		.sha256 = digest_of(copy),
	};
	return NULL;
}

/* --- docker save --- */

static struct error *docker_layers(struct layer_list *list)
{
	_cleanup_json_ json_t *json = NULL;
	char name[PATH_MAX];
	json_t *layer;
	size_t i;

	struct error *err = read_json(list->ia, "manifest.json", &json);
	if (err)
		return err;
	json_t *layers = json_object_get(json_array_get(json, 0), "Layers");
	if (!json_is_array(layers))
		return error_create(ERROR_BAD_DATA, "'%s': 'manifest.json' has no list of layers",
				    list->ia->name);
	if (json_array_size(json) > 1)
		archive_warn(list->ia, "several-images", "manifest.json",
			     "%zu images, only the first was read", json_array_size(json));
	json_array_foreach(layers, i, layer)
	{
		const char *text = json_string_value(layer);
		if (!text || place_normalise(text, list->ia->priv->limits.path, name, NULL))
			return error_create(ERROR_BAD_DATA,
					    "'%s': 'manifest.json': layer %zu has no usable name",
					    list->ia->name, i);
		err = add_layer(list, name);
		if (err)
			return err;
	}
	return NULL;
}

/* --- OCI layout --- */

/* blobs/ALGORITHM/HEX of a descriptor (OCI image-spec descriptor.md, "Digests"). */
static struct error *blob_name(const struct layer_list *list, const json_t *descriptor, char *dst)
{
	const char *digest = json_string_value(json_object_get(descriptor, "digest"));
	const char *colon = digest ? strchr(digest, ':') : NULL;

	if (!colon || strlen(digest) > 200 || strchr(digest, '/') || digest[0] == '.' ||
	    colon[1] == '.')
		return error_create(ERROR_BAD_DATA, "'%s': a descriptor has no usable digest",
				    list->ia->name);
	snprintf(dst, PATH_MAX, "blobs/%.*s/%s", (int)(colon - digest), digest, colon + 1);
	return NULL;
}

/* The machine as OCI (and Go) call it. */
static const char *own_architecture(const struct utsname *u)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },	 { "i686", "386" },
		{ "armv7l", "arm" },   { "ppc64le", "ppc64le" }, { "riscv64", "riscv64" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(u->machine, names[i][0]))
			return names[i][1];
	return u->machine;
}

/* How well a manifest of an index fits: 0 is not an image (an attestation). */
static int rank(const json_t *descriptor, const char *architecture)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const json_t *notes = json_object_get(descriptor, "annotations");
	const char *os = json_string_value(json_object_get(platform, "os"));
	const char *arch = json_string_value(json_object_get(platform, "architecture"));

	if (json_object_get(notes, "vnd.docker.reference.type") || (os && !strcmp(os, "unknown")))
		return 0;
	if (arch && !strcmp(arch, architecture) && (!os || !strcmp(os, "linux")))
		return 3;
	return !os || !strcmp(os, "linux") ? 2 : 1;
}

static const json_t *choose_manifest(const struct layer_list *list, const json_t *manifests,
				     const char *where)
{
	const json_t *best = NULL, *descriptor;
	struct utsname u;
	int best_rank = 0;
	size_t i, images = 0;

	uname(&u);
	json_array_foreach(manifests, i, descriptor)
	{
		int r = rank(descriptor, own_architecture(&u));
		images += r > 0;
		if (r > best_rank) {
			best_rank = r;
			best = descriptor;
		}
	}
	if (images > 1)
		archive_warn(list->ia, "several-images", where, "%zu images, only '%s' was read",
			     images, json_string_value(json_object_get(best, "digest")) ?: "one");
	return best;
}

static struct error *manifest_layers(struct layer_list *list, const json_t *layers,
				     const char *where)
{
	char name[PATH_MAX];
	const json_t *layer;
	size_t i;

	if (!json_is_array(layers))
		return error_create(ERROR_BAD_DATA, "'%s': '%s' has no list of layers",
				    list->ia->name, where);
	json_array_foreach(layers, i, layer)
	{
		struct error *err = blob_name(list, layer, name);
		if (!err)
			err = add_layer(list, name);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *oci_layers(struct layer_list *list)
{
	char name[PATH_MAX] = "index.json";

	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		_cleanup_json_ json_t *json = NULL;

		struct error *err = read_json(list->ia, name, &json);
		if (err)
			return err;
		const json_t *manifests = json_object_get(json, "manifests");
		if (!json_is_array(manifests))
			return manifest_layers(list, json_object_get(json, "layers"), name);
		const json_t *chosen = choose_manifest(list, manifests, name);
		if (!chosen)
			return error_create(ERROR_BAD_DATA, "'%s': '%s' names no image",
					    list->ia->name, name);
		err = blob_name(list, chosen, name);
		if (err)
			return err;
	}
	return error_create(ERROR_BAD_DATA, "'%s': more than %d indexes lead to each other",
			    list->ia->name, MAX_DEPTH);
}

struct error *archive_image_layers(struct image_archive *ia, struct image_layer **ret,
				   size_t *ret_n)
{
	struct layer_list list = { .ia = ia };

	/* 'docker save' of today writes both; its own manifest has the names in order. */
	struct error *err = map_get(&ia->priv->spool, "manifest.json", strlen("manifest.json"))
				    ? docker_layers(&list)
				    : oci_layers(&list);
	if (err) {
		free(list.items);
		return err;
	}
	*ret = list.items;
	*ret_n = list.n;
	return NULL;
}
