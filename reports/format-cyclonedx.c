/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/). A package is a
 * component with a package URL and its files inside; a file that no package
 * owns is a component of its own. The graph of dependencies is complete, between
 * files and between packages: every component has an entry.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/json.h"
#include "core/base/map.h"
#include "reports/graph.h"
#include "reports/report-ops.h"

struct bom {
	const struct report_context *context;
	const struct graph *g;
	struct json json;
	struct buf scratch;
	uint32_t *package; /* of a file: the first file of the same package, or GRAPH_NONE */
	uint32_t *seen;	   /* by file: for which entry it was listed last */
	uint32_t entry;
	uint32_t root; /* the only source, or GRAPH_NONE */
};

/* --- References: escaped, so that two names which are not UTF-8 stay two --- */

/* RFC 3986 percent-encoding, as package URLs want it. */
static void add_encoded(struct buf *b, const char *s, const char *also)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr(also, c))
			buf_addc(b, (char)c);
		else
			buf_addf(b, "%%%02X", c);
	}
}

/* https://github.com/package-url/purl-spec; NULL where the type is not known. */
static const char *purl_of(struct bom *b, const struct dep_file *r)
{
	buf_clear(&b->scratch);
	if (!r->package || !r->package_type)
		return NULL;
	buf_adds(&b->scratch, "pkg:");
	add_encoded(&b->scratch, r->package_type, "-._~/");
	buf_addc(&b->scratch, '/');
	add_encoded(&b->scratch, r->package, "-._~");
	if (r->package_version) {
		buf_addc(&b->scratch, '@');
		add_encoded(&b->scratch, r->package_version, "-._~:");
	}
	return b->scratch.data;
}

static const char *ref_of_package(struct bom *b, const struct dep_file *r)
{
	buf_clear(&b->scratch);
	buf_adds(&b->scratch, "package:");
	buf_add_escaped(&b->scratch, r->package);
	return b->scratch.data;
}

static const char *ref_of_file(struct bom *b, uint32_t file)
{
	buf_clear(&b->scratch);
	buf_adds(&b->scratch, "file:");
	buf_add_escaped(&b->scratch, b->g->files[file].row.path);
	return b->scratch.data ? b->scratch.data : "";
}

static const char *ref_of_missing(struct bom *b, const char *name)
{
	buf_clear(&b->scratch);
	buf_adds(&b->scratch, "missing:");
	buf_add_escaped(&b->scratch, name);
	return b->scratch.data ? b->scratch.data : "";
}

/* --- Components --- */

static void put_property(struct json *json, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	json_object_begin(json);
	json_field(json, "name", name);
	json_field(json, "value", value);
	json_object_end(json);
}

static void put_number(struct json *json, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	put_property(json, name, text);
}

static void put_properties(struct json *json, const struct dep_file *r)
{
	json_key(json, "properties");
	json_array_begin(json);
	put_property(json, "uniscope:path", r->path);
	put_property(json, "uniscope:soname", r->soname);
	put_property(json, "uniscope:build-id", r->build_id);
	put_property(json, "uniscope:machine", r->machine);
	put_number(json, "uniscope:loaded-bytes", r->loaded_bytes);
	if (r->open_sites >= 0)
		put_number(json, "uniscope:open-dlopen-sites", (uint64_t)r->open_sites);
	put_property(json, "uniscope:port-relation", graph_relation(r));
	put_property(json, "uniscope:port", r->port);
	put_property(json, "uniscope:port-version", r->port_version);
	json_array_end(json);
}

/* Of the file itself; for a source also the one that its input has. */
static const char *hash_of(const struct graph *g, const struct dep_file *r)
{
	if (r->sha256)
		return r->sha256;
	for (size_t i = 0; i < g->n_inputs; i++)
		if (g->inputs[i].sha256 && !strcmp(g->inputs[i].path, r->path))
			return g->inputs[i].sha256;
	return NULL;
}

/* What all files have in common; the object has been begun and is ended by the caller. */
static void put_file(struct bom *b, uint32_t file)
{
	const struct graph_file *f = &b->g->files[file];
	const char *hash = hash_of(b->g, &f->row);
	struct json *json = &b->json;

	json_field(json, "bom-ref", ref_of_file(b, file));
	json_field(json, "name", f->name);
	if (hash) {
		json_key(json, "hashes");
		json_array_begin(json);
		json_object_begin(json);
		json_field(json, "alg", "SHA-256");
		json_field(json, "content", hash);
		json_object_end(json);
		json_array_end(json);
	}
	put_properties(json, &f->row);
}

static void put_version_and_purl(struct bom *b, const struct dep_file *r)
{
	const char *purl = purl_of(b, r);

	if (r->package_version)
		json_field(&b->json, "version", r->package_version);
	if (purl)
		json_field(&b->json, "purl", purl);
}

static void put_package(struct bom *b, uint32_t first)
{
	const struct dep_file *r = &b->g->files[first].row;
	struct json *json = &b->json;

	json_object_begin(json);
	json_field(json, "type", "library");
	json_field(json, "bom-ref", ref_of_package(b, r));
	json_field(json, "name", r->package);
	put_version_and_purl(b, r);
	json_key(json, "components");
	json_array_begin(json);
	for (uint32_t i = first; i < b->g->n_files; i++) {
		if (b->package[i] != first || i == b->root)
			continue;
		json_object_begin(json);
		json_field(json, "type", "file");
		put_file(b, i);
		json_object_end(json);
	}
	json_array_end(json);
	json_object_end(json);
}

static const char *type_of(const struct dep_file *r)
{
	return !strcmp(r->kind, "program") ? "application" : "library";
}

static void put_root(struct bom *b)
{
	struct json *json = &b->json;
	char name[64];

	json_key(json, "component");
	json_object_begin(json);
	if (b->root != GRAPH_NONE) {
		json_field(json, "type", type_of(&b->g->files[b->root].row));
		put_version_and_purl(b, &b->g->files[b->root].row);
		put_file(b, b->root);
	} else {
		snprintf(name, sizeof(name), "%zu sources", b->g->n_inputs);
		json_field(json, "type", "application");
		json_field(json, "bom-ref", "sources");
		json_field(json, "name", name);
	}
	json_object_end(json);
}

static void put_metadata(struct bom *b)
{
	struct json *json = &b->json;

	json_key(json, "metadata");
	json_object_begin(json);
	json_key(json, "tools");
	json_object_begin(json);
	json_key(json, "components");
	json_array_begin(json);
	json_object_begin(json);
	json_field(json, "type", "application");
	json_field(json, "name", "uniscope");
	json_field(json, "version", b->context->info.version);
	json_object_end(json);
	json_array_end(json);
	json_object_end(json);
	put_root(b);
	json_object_end(json);
}

static void put_missing(struct bom *b, const struct graph_edge *e)
{
	struct json *json = &b->json;

	json_object_begin(json);
	json_field(json, "type", "library");
	json_field(json, "bom-ref", ref_of_missing(b, e->row.name));
	json_field(json, "name", e->row.name);
	json_key(json, "properties");
	json_array_begin(json);
	put_property(json, "uniscope:status", "not found");
	json_array_end(json);
	json_object_end(json);
}

/* What a bill of materials inside the input names: linked in, and no file of its own. */
static const char *ref_of_component(struct bom *b, const struct dep_component *c)
{
	buf_clear(&b->scratch);
	buf_addf(&b->scratch, "component:%u", c->id);
	return b->scratch.data ? b->scratch.data : "";
}

/* A type that CycloneDX 1.6 knows. */
static const char *type_of_component(const struct dep_component *c)
{
	static const char *const known[] = {
		"application",	    "framework", "container", "platform",
		"operating-system", "firmware",	 "file",      "data"
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(c->type, known[i]))
			return known[i];
	return "library";
}

static void put_component(struct bom *b, const struct dep_component *c)
{
	struct json *json = &b->json;

	json_object_begin(json);
	json_field(json, "type", type_of_component(c));
	json_field(json, "bom-ref", ref_of_component(b, c));
	json_field(json, "name", c->name);
	if (c->version)
		json_field(json, "version", c->version);
	if (c->purl)
		json_field(json, "purl", c->purl);
	json_key(json, "properties");
	json_array_begin(json);
	put_property(json, "uniscope:named-by", c->source);
	json_array_end(json);
	json_object_end(json);
}

/* Strings that only look like libraries are no dependencies. */
static bool counts(const struct graph_edge *e)
{
	return graph_kind_loads(e->row.kind) || e->row.kind == DEP_DLOPEN ||
	       (e->row.kind == DEP_PLUGIN && e->to != GRAPH_NONE);
}

/* Calls 'put' for the first edge to each name that was not found. */
static struct error *each_missing(struct bom *b,
				  void (*put)(struct bom *b, const struct graph_edge *e))
{
	struct error *err = NULL;
	struct map seen;

	map_init(&seen);
	for (size_t i = 0; !err && i < b->g->n_edges; i++) {
		const struct graph_edge *e = &b->g->edges[i];
		size_t len = strlen(e->row.name);
		if (e->to != GRAPH_NONE || !counts(e) || map_get(&seen, e->row.name, len))
			continue;
		err = map_put(&seen, e->row.name, len, &seen);
		if (!err)
			put(b, e);
	}
	map_deinit(&seen);
	return err;
}

static struct error *put_components(struct bom *b)
{
	struct json *json = &b->json;
	struct error *err;

	json_key(json, "components");
	json_array_begin(json);
	for (uint32_t i = 0; i < b->g->n_files; i++) {
		const struct dep_file *r = &b->g->files[i].row;
		if (b->package[i] == i) {
			put_package(b, i);
		} else if (b->package[i] == GRAPH_NONE && i != b->root) {
			json_object_begin(json);
			json_field(json, "type", type_of(r));
			put_file(b, i);
			json_object_end(json);
		}
	}
	for (size_t i = 0; i < b->g->n_components; i++)
		put_component(b, &b->g->components[i]);
	err = each_missing(b, put_missing);
	json_array_end(json);
	return err;
}

/* --- Dependencies --- */

static void begin_entry(struct bom *b, const char *ref)
{
	b->entry++;
	json_object_begin(&b->json);
	json_field(&b->json, "ref", ref);
	json_key(&b->json, "dependsOn");
	json_array_begin(&b->json);
}

static void end_entry(struct bom *b)
{
	json_array_end(&b->json);
	json_object_end(&b->json);
}

/* The components that are linked into a file; with id 0: those of no certain file. */
static void put_linked(struct bom *b, uint32_t id)
{
	for (size_t i = 0; i < b->g->n_components; i++)
		if (b->g->components[i].file == id)
			json_str(&b->json, ref_of_component(b, &b->g->components[i]));
}

static struct error *put_file_entry(struct bom *b, uint32_t file)
{
	const struct graph_file *f = &b->g->files[file];
	struct error *err = NULL;
	struct map missing;

	map_init(&missing);
	begin_entry(b, ref_of_file(b, file));
	for (uint32_t i = 0; !err && i < f->n_out; i++) {
		const struct graph_edge *e = &b->g->edges[b->g->out[f->first_out + i]];
		size_t len = strlen(e->row.name);
		if (!counts(e) || e->to == file)
			continue;
		if (e->to != GRAPH_NONE && b->seen[e->to] != b->entry) {
			b->seen[e->to] = b->entry;
			json_str(&b->json, ref_of_file(b, e->to));
		} else if (e->to == GRAPH_NONE && !map_get(&missing, e->row.name, len)) {
			err = map_put(&missing, e->row.name, len, &missing);
			json_str(&b->json, ref_of_missing(b, e->row.name));
		}
	}
	put_linked(b, b->g->files[file].row.id);
	/* What is somewhere in the input belongs to its only source. */
	if (file == b->root)
		put_linked(b, 0);
	end_entry(b);
	map_deinit(&missing);
	return err;
}

/* A package needs the packages, and the files without package, that its files need. */
static void put_package_entry(struct bom *b, uint32_t first)
{
	begin_entry(b, ref_of_package(b, &b->g->files[first].row));
	for (uint32_t i = first; i < b->g->n_files; i++) {
		const struct graph_file *f = &b->g->files[i];
		if (b->package[i] != first)
			continue;
		for (uint32_t k = 0; k < f->n_out; k++) {
			const struct graph_edge *e = &b->g->edges[b->g->out[f->first_out + k]];
			if (!counts(e) || e->to == GRAPH_NONE)
				continue;
			uint32_t package = b->package[e->to];
			uint32_t to = package == GRAPH_NONE ? e->to : package;
			if (to == first || b->seen[to] == b->entry)
				continue;
			b->seen[to] = b->entry;
			json_str(&b->json, package == GRAPH_NONE
						   ? ref_of_file(b, to)
						   : ref_of_package(b, &b->g->files[to].row));
		}
	}
	end_entry(b);
}

static void put_missing_entry(struct bom *b, const struct graph_edge *e)
{
	begin_entry(b, ref_of_missing(b, e->row.name));
	end_entry(b);
}

static struct error *put_dependencies(struct bom *b)
{
	struct error *err = NULL;

	json_key(&b->json, "dependencies");
	json_array_begin(&b->json);
	if (b->root == GRAPH_NONE) {
		begin_entry(b, "sources");
		for (uint32_t i = 0; i < b->g->n_files; i++)
			if (b->g->files[i].row.root)
				json_str(&b->json, ref_of_file(b, i));
		put_linked(b, 0);
		end_entry(b);
	}
	for (size_t i = 0; i < b->g->n_components; i++) {
		begin_entry(b, ref_of_component(b, &b->g->components[i]));
		end_entry(b);
	}
	for (uint32_t i = 0; !err && i < b->g->n_files; i++) {
		if (b->package[i] == i)
			put_package_entry(b, i);
		err = put_file_entry(b, i);
	}
	if (!err)
		err = each_missing(b, put_missing_entry);
	json_array_end(&b->json);
	return err;
}

/* --- The document --- */

/* The packages of files; one whose only file is the root is said by the root. */
static struct error *group_packages(struct bom *b)
{
	struct error *err = NULL;
	struct map packages;

	map_init(&packages);
	for (uint32_t i = 0; !err && i < b->g->n_files; i++) {
		const char *name = b->g->files[i].row.package;
		b->package[i] = GRAPH_NONE;
		if (!name || i == b->root)
			continue;
		void *found = map_get(&packages, name, strlen(name));
		b->package[i] = found ? (uint32_t)((uintptr_t)found - 1) : i;
		if (!found)
			err = map_put(&packages, name, strlen(name), (void *)((uintptr_t)i + 1));
	}
	map_deinit(&packages);
	return err;
}

static struct error *put_document(struct bom *b)
{
	struct error *err;

	json_object_begin(&b->json);
	json_field(&b->json, "$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
	json_field(&b->json, "bomFormat", "CycloneDX");
	json_field(&b->json, "specVersion", "1.6");
	json_field_uint(&b->json, "version", 1);
	put_metadata(b);
	err = put_components(b);
	if (!err)
		err = put_dependencies(b);
	json_object_end(&b->json);
	return err ? err : buf_error(&b->scratch);
}

static uint32_t only_root(const struct graph *g)
{
	uint32_t root = GRAPH_NONE;

	for (uint32_t i = 0; i < g->n_files; i++) {
		if (!g->files[i].row.root)
			continue;
		if (root != GRAPH_NONE)
			return GRAPH_NONE;
		root = i;
	}
	return root;
}

static struct error *write_depgraph(const struct report_context *context, const struct graph *graph)
{
	_cleanup_free_ uint32_t *package = calloc(graph->n_files + 1, sizeof(*package));
	_cleanup_free_ uint32_t *seen = calloc(graph->n_files + 1, sizeof(*seen));
	struct bom b = { .context = context,
			 .g = graph,
			 .package = package,
			 .seen = seen,
			 .root = only_root(graph) };
	struct error *err;

	if (!package || !seen)
		return &error_no_memory;
	json_init(&b.json, context->out, true);
	err = group_packages(&b);
	if (!err)
		err = put_document(&b);
	buf_deinit(&b.scratch);
	return err;
}

const struct report_format report_format_cyclonedx = {
	.name = "cyclonedx",
	.summary = "a bill of materials, CycloneDX 1.6",
	.extension = "cdx.json",
	.depgraph = write_depgraph,
};
