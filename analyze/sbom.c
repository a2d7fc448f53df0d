/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SBOMs inside wheels (PEP 770: .dist-info/sboms/, CycloneDX JSON): they name
 * what is linked statically into a wheel's libraries, which no loader sees.
 */
#include <jansson.h>
#include <string.h>

#include "analyze/depgraph-internal.h"
#include "core/store/dep.h"

/* Bounds: a real SBOM has some hundred components in a few levels. */
enum { MAX_BYTES = 64 << 20, MAX_LEVELS = 16, MAX_COMPONENTS = 100000 };

struct sbom {
	struct store *store;
	int64_t run;
	uint32_t id; /* of the last component */
	uint32_t input;
	const char *source;
};

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static struct error *add_components(struct sbom *s, const json_t *list, unsigned int level)
{
	size_t i;
	json_t *c;

	json_array_foreach((json_t *)list, i, c)
	{
		const char *name = text_of(c, "name"), *type = text_of(c, "type");
		if (!name || s->id >= MAX_COMPONENTS)
			continue;
		struct dep_component row = { .id = ++s->id,
					     .input = s->input,
					     .type = type ? type : "library",
					     .name = name,
					     .version = text_of(c, "version"),
					     .purl = text_of(c, "purl"),
					     .source = s->source };
		struct error *err = dep_add_component(s->store, s->run, &row);
		if (!err && level < MAX_LEVELS)
			err = add_components(s, json_object_get(c, "components"), level + 1);
		if (err)
			return err;
	}
	return NULL;
}

static struct error *read_sbom(struct depgraph *dg, struct sbom *s, const char *path,
			       const char *shown)
{
	json_error_t why;
	json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &why);

	if (!document)
		return fgraph_warn(dg->graph, "bad-metadata", shown, true,
				   "'%s': not an SBOM that can be read: %s", shown, why.text);
	s->source = shown;
	struct error *err = add_components(s, json_object_get(document, "components"), 0);
	json_decref(document);
	return err;
}

static bool is_cyclonedx(const char *name)
{
	size_t len = strlen(name);

	return len > 9 && !strcmp(name + len - 9, ".cdx.json");
}

struct error *sbom_write(struct depgraph *dg, struct store *store, int64_t run)
{
	struct sbom s = { .store = store, .run = run };
	struct error *err = NULL;

	for (size_t i = 0; i < dg->nsources; i++) {
		const struct image_archive *a = dg->sources[i].archive;
		s.input = (uint32_t)i + 1;
		for (size_t k = 0; a && !err && k < a->nfiles; k++) {
			const struct image_archive_file *f = &a->files[k];
			if (f->kind != IMAGE_ARCHIVE_SBOM || !is_cyclonedx(f->member) ||
			    f->size > MAX_BYTES)
				continue;
			char *shown = arena_printf(&dg->arena, "%s%s", a->prefix, f->member);
			err = shown ? read_sbom(dg, &s, f->path, shown) : &error_no_memory;
		}
	}
	return err;
}
