/* SPDX-License-Identifier: BSD-2-Clause */
/* What this machine allows, and how to get the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmds/command.h"
#include "cmds/output.h"
#include "core/base/json.h"

/* One thing that a command can use. */
struct finding {
	const char *name;
	bool there;
	char detail[512];   /* what was found, or why not */
	const char *used;   /* what it is good for */
	const char *remedy; /* how to get it; shown where it is missing */
};

struct examination {
	const char *name, *used, *remedy;
	bool (*look)(char *detail, size_t size);
};

static bool readable(const char *path, char *detail, size_t size)
{
	snprintf(detail, size, "%s", path);
	return !access(path, R_OK);
}

static bool look_dot(char *detail, size_t size)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t len = strcspn(path, ":");
		snprintf(detail, size, "%.*s/dot", (int)(len < 256 ? len : 256), path);
		if (len && !access(detail, X_OK))
			return true;
		path += len + (path[len] == ':');
	}
	snprintf(detail, size, "no program 'dot' in PATH");
	return false;
}

static bool look_cache(char *detail, size_t size)
{
	return readable("/etc/ld.so.cache", detail, size);
}

static bool look_packages(char *detail, size_t size)
{
	return readable("/var/lib/dpkg/info", detail, size);
}

static bool look_debug_info(char *detail, size_t size)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	if (urls && *urls) {
		snprintf(detail, size, "DEBUGINFOD_URLS=%s", urls);
		return true;
	}
	return readable("/usr/lib/debug/.build-id", detail, size);
}

static const struct examination examinations[] = {
	{
		.name = "dot",
		.used = "drawing dependency graphs as svg and html",
		.remedy = "apt-get install graphviz",
		.look = look_dot,
	},
	{
		.name = "ld.so.cache",
		.used = "finding libraries as the glibc loader does",
		.remedy = "ldconfig (as root); not needed for --sysroot, --libc musl",
		.look = look_cache,
	},
	{
		.name = "package database",
		.used = "naming the Debian package of a file",
		.remedy = "it exists on Debian and its relatives only",
		.look = look_packages,
	},
	{
		.name = "debug info",
		.used = "naming functions that have no symbol",
		.remedy = "install -dbgsym packages, or set DEBUGINFOD_URLS",
		.look = look_debug_info,
	},
};

enum { NEXAMINATIONS = sizeof(examinations) / sizeof(examinations[0]) };

static void write_table(struct output *output, const struct finding *findings)
{
	for (size_t i = 0; i < NEXAMINATIONS; i++) {
		const struct finding *f = &findings[i];
		const char *color = f->there ? "\033[32m" : "\033[33m";
		out_addf(&output->out, "%s%-8s%s%-18s", output->color ? color : "",
			 f->there ? "ok" : "missing", output->color ? "\033[0m" : "", f->name);
		struct buf safe = { 0 };
		buf_add_escaped(&safe, f->detail);
		out_adds(&output->out, safe.data ? safe.data : "");
		buf_deinit(&safe);
		out_addf(&output->out, "\n%26sfor %s\n", "", f->used);
		if (!f->there)
			out_addf(&output->out, "%26sto get it: %s\n", "", f->remedy);
	}
}

static void write_json(struct output *output, const struct finding *findings)
{
	struct json json;

	json_init(&json, &output->out, true);
	json_object_begin(&json);
	json_field(&json, "schema", "uniscope.doctor/1");
	json_key(&json, "results");
	json_array_begin(&json);
	for (size_t i = 0; i < NEXAMINATIONS; i++) {
		const struct finding *f = &findings[i];
		json_object_begin(&json);
		json_field(&json, "name", f->name);
		json_field_bool(&json, "there", f->there);
		json_field(&json, "detail", f->detail);
		json_field(&json, "used", f->used);
		json_field(&json, "remedy", f->remedy);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
}

static const char *const formats[] = { "table", "json", NULL };

static void (*const writers[])(struct output *output, const struct finding *findings) = {
	write_table,
	write_json,
};

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	struct finding findings[NEXAMINATIONS];

	(void)argc, (void)argv;
	for (size_t i = 0; i < NEXAMINATIONS; i++) {
		struct finding *f = &findings[i];
		*f = (struct finding) {
			.name = examinations[i].name,
			.used = examinations[i].used,
			.remedy = examinations[i].remedy,
		};
		f->there = examinations[i].look(f->detail, sizeof(f->detail));
		/* What is not there is not a place either. */
		if (!f->there && f->detail[0] == '/') {
			char path[sizeof(f->detail)];
			snprintf(path, sizeof(path), "%s", f->detail);
			snprintf(f->detail, sizeof(f->detail), "cannot read %.480s", path);
		}
	}
	for (size_t i = 0; i < ctx->common.noutputs; i++) {
		const struct output_request *request = &ctx->common.outputs[i];
		_cleanup_output_ struct output output = { 0 };
		struct error *err = output_open(ctx, request, &output);
		if (err)
			return err;
		writers[request->index](&output, findings);
		err = output_finish(&output);
		if (err)
			return err;
	}
	return NULL;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "what this machine allows, and how to get the rest",
	.formats = formats,
	.run = run,
};
