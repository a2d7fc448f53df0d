/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/sample-graph.h"

#include <stdio.h>
#include <string.h>

const char *const sample_hostile_names[] = {
	"</script><img src=x onerror=document.title='owned'>.so",
	"lib\"quoted\",and\tcomma.so",
	"lib\xe2\x80\xaegnp.so", /* right-to-left override */
	"lib\xff\xfe-broken\x80.so",
	"lib\nline\rbreaks\x1b[31m.so",
	"lib]]><script>alert(1)</script>&amp;.so",
	"=cmd|' /C calc'!A0.so",
	"lib\\N\\G{bad}|<port>.so",
	"lib<!--<script>\xe2\x80\xa8.so",
	NULL,
};

enum { HOSTILE = sizeof(sample_hostile_names) / sizeof(sample_hostile_names[0]) - 1 };

/* Reproducible: the same sample is the same rows. */
static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static struct error *each_binding(struct dep_binding_source *source,
				  struct error *(*fn)(const struct dep_binding *row, void *arg),
				  void *arg)
{
	const struct sample *s =
		(const void *)((const char *)source - offsetof(struct sample, source));
	struct error *err = NULL;
	uint32_t state = 7;
	char symbol[160];

	for (uint64_t i = 0; !err && i < source->count; i++) {
		uint32_t name = next(&state) % 30000;
		snprintf(symbol, sizeof(symbol),
			 "_ZN3c1010TensorImpl%uE_method_%u_with_a_long_mangled_name_"
			 "St6vectorIlSaIlEE",
			 name % 977, name);
		struct dep_binding row = {
			.from = 1 + next(&state) % s->files,
			.to = i % 200 ? 1 + next(&state) % s->files : 0,
			.symbol = symbol,
			.version = i % 3 ? NULL : "GLIBC_2.2.5",
			.weak = !(i % 200),
		};
		if (s->hostile && i < HOSTILE)
			row.symbol = sample_hostile_names[i];
		err = fn(&row, arg);
	}
	return err;
}

static const struct {
	const char *relation, *port, *version;
} ports[] = {
	{ "port", "zlib", "1.2.11" }, { "stand-in", "musl", "1.2.3" }, { "core", "ukalloc", NULL },
	{ "none", NULL, NULL },	      { "none", NULL, NULL },
};

static struct error *add_file(struct sample *s, struct store *store, int64_t run, uint32_t id,
			      uint32_t *state)
{
	char name[128], path[200], real[220], package[64];
	uint32_t r = next(state);

	if (s->hostile && id >= 2 && id - 2 < HOSTILE)
		snprintf(name, sizeof(name), "%s", sample_hostile_names[id - 2]);
	else
		snprintf(name, sizeof(name), "lib%s%u.so.%u", r % 3 ? "sample" : "torch_part", id,
			 r % 7);
	snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/%s", name);
	snprintf(real, sizeof(real), "%s.0", path);
	snprintf(package, sizeof(package), "libsample%u", id / 3);
	size_t port = id == 1 ? 4 : r % 5;
	struct dep_file row = {
		.id = id,
		.input = 1,
		.root = id == 1,
		.loaded = id <= s->files - s->files / 10,
		.path = path,
		.realpath = real,
		.soname = name,
		.kind = "library",
		.machine = "x86_64",
		.file_bytes = 10000 + r % 3000000,
		.loaded_bytes = 9000 + r % (id % 17 ? 300000 : 30000000),
		.build_id = "0123456789abcdef0123456789abcdef01234567",
		.package = s->no_packages ? NULL : package,
		.package_version = s->no_packages ? NULL : "1.2-3+deb12u1",
		.package_type = s->no_packages ? NULL : "deb/debian",
		.port = ports[port].port,
		.port_version = ports[port].version,
		.port_relation = ports[port].relation,
		.open_sites = r % 11 ? 0 : 1 + r % 5,
		.cost_files = 1,
		.cost_bytes = 9000 + r % (id % 17 ? 300000 : 30000000),
		.cost_symbols = s->bindings ? (int64_t)(r % 900) : -1,
		.symbols_bound_to = r % 1000,
	};
	return dep_add_file(store, run, &row);
}

static struct error *add_missing(struct sample *s, struct store *store, int64_t run, uint32_t edge)
{
	struct error *err;
	struct dep_edge row = { .id = edge,
				.from = 2,
				.name = s->hostile ? sample_hostile_names[0] : "libmissing.so.7",
				.kind = DEP_NEEDED,
				.how = "DT_NEEDED" };

	err = dep_add_edge(store, run, &row);
	const char *const places[] = { "/opt/app/lib/libmissing.so.7", "/lib/libmissing.so.7",
				       "/usr/lib/libmissing.so.7" };
	for (size_t i = 0; !err && i < 3; i++) {
		struct dep_tried tried = { .edge = edge,
					   .place = places[i],
					   .source = i ? "default folder" : "RUNPATH",
					   .reason = i == 1 ? "wrong ELF class" : "no such file" };
		err = dep_add_tried(store, run, &tried);
	}
	return err;
}

/*
 * Like a real closure: somebody earlier brings each file, most dependencies are
 * near, everybody needs some of the last few, and there are a few cycles.
 */
static uint32_t choose_target(const struct sample *s, uint32_t id, unsigned int i, uint32_t *state)
{
	uint32_t loaded = s->files - s->files / 10, base = loaded / 20 + 1;
	uint32_t near = id + 1 + next(state) % (s->files / 10 + 2);

	if (i == 1 && id + base < loaded)
		return loaded - next(state) % base;
	if (id % 50 == 17)
		return 1 + next(state) % id;
	return near <= loaded ? near : 0;
}

static struct error *add_edge(struct store *store, int64_t run, const struct dep_edge *row)
{
	return row->to && row->to != row->from ? dep_add_edge(store, run, row) : NULL;
}

static struct error *add_edges(struct sample *s, struct store *store, int64_t run, uint32_t *state)
{
	struct error *err = NULL;
	uint32_t edge = 0, last_loaded = s->files - s->files / 10;

	for (uint32_t id = 2; !err && id <= s->files; id++) {
		bool late = id > last_loaded;
		unsigned int n = next(state) % 6;
		uint32_t back = 1 + next(state) % (s->files / 8 + 1);
		struct dep_edge row = {
			.id = ++edge,
			.from = back < id ? id - back : 1,
			.to = id,
			.name = "libsample.so.1",
			.kind = late ? (id % 2 ? DEP_DLOPEN : DEP_CANDIDATE) : DEP_NEEDED,
			.how = late ? "constant argument" : "DT_NEEDED",
			.address = late ? 0x401000 + id : 0,
		};
		err = add_edge(store, run, &row);
		for (unsigned int i = 1; !err && i <= n; i++) {
			struct dep_edge more = { .id = ++edge,
						 .from = id,
						 .to = choose_target(s, id, i, state),
						 .name = "libsample.so.1",
						 .kind = DEP_NEEDED,
						 .how = "DT_NEEDED" };
			err = add_edge(store, run, &more);
		}
	}
	return err ? err : add_missing(s, store, run, ++edge);
}

static struct error *add_components(struct sample *s, struct store *store, int64_t run)
{
	const struct dep_component rows[] = {
		{ .id = 1,
		  .file = 2,
		  .input = 1,
		  .type = "library",
		  .name = s->hostile ? sample_hostile_names[0] : "zlib",
		  .version = "1.2.13",
		  .purl = "pkg:generic/zlib@1.2.13",
		  .source = "sample.dist-info/sboms/auditwheel.cdx.json" },
		{ .id = 2, .input = 1, .type = "odd", .name = "eigen", .source = "x.cdx.json" },
	};
	struct error *err = dep_add_component(store, run, &rows[0]);

	return err ? err : dep_add_component(store, run, &rows[1]);
}

struct error *sample_fill(struct sample *s, struct store *store, int64_t *run)
{
	struct error *err;
	uint32_t state = 42;
	struct store_run begin = {
		.command = "depgraph report",
		.version = "0.0-test",
		.arguments = s->hostile ? "[\"depgraph\",\"report\",\"</script><b>\\u202e\"]"
					: "[\"depgraph\",\"report\",\"/usr/lib/libsample1.so\"]",
		.started = "2020-01-01T00:00:00Z",
	};

	err = store_run_begin(store, &begin);
	if (err)
		return err;
	struct store_input input = {
		.spec = "/usr/lib/libsample1.so",
		.path = "/usr/lib/libsample1.so",
		.kind = "elf",
		.sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		.bytes = 4711,
	};
	err = store_add_input(store, begin.id, &input);
	for (uint32_t id = 1; !err && id <= s->files; id++)
		err = add_file(s, store, begin.id, id, &state);
	if (!err)
		err = add_edges(s, store, begin.id, &state);
	if (!err)
		err = add_components(s, store, begin.id);
	struct store_warning warning = { .code = "not-found",
					 .subject = s->hostile ? sample_hostile_names[0] : "x.so",
					 .text = "libmissing.so.7 was not found" };
	if (!err)
		err = store_add_warning(store, begin.id, &warning);
	s->source = (struct dep_binding_source) { .each = each_binding, .count = s->bindings };
	if (!err && s->bindings)
		err = dep_set_bindings(store, begin.id, &s->source);
	if (!err)
		err = store_run_finish(store, begin.id, "done");
	if (!err)
		*run = begin.id;
	return err;
}
