/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmds/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cmds/command.h"
#include "cmds/output.h"
#include "core/base/array.h"
#include "core/base/buf.h"

/* Own options and common ones of one command, in one list. */
enum { MAX_OPTIONS = 64, FIRST_LONG = 256 };

static const char *const colors[] = { "auto", "always", "never", NULL };

#define COMMON(member) .offset = offsetof(struct options_common, member)

static const struct option_spec output_option = {
	.name = "output",
	.letter = 'o',
	.kind = OPTION_LIST,
	.argument = "FMT[=FILE]",
	.help = "what to write, and where; may be given several times",
	COMMON(output_texts),
};

static const struct option_spec store_option = {
	.name = "store",
	.kind = OPTION_STRING,
	.complete = COMPLETE_FILE,
	.argument = "FILE",
	.help = "keep the results in this database",
	COMMON(store),
};

static const struct option_spec jobs_option = {
	.name = "jobs",
	.kind = OPTION_UINT,
	.argument = "N",
	.help = "use N threads (default: one for each processor)",
	.min = 1,
	.max = 1024,
	COMMON(jobs),
};

static const struct option_spec always[] = {
	{
		.name = "quiet",
		.letter = 'q',
		.kind = OPTION_FLAG,
		.help = "only warnings and errors on standard error",
		COMMON(quiet),
	},
	{
		.name = "verbose",
		.letter = 'v',
		.kind = OPTION_FLAG,
		.help = "say more on standard error",
		COMMON(verbose),
	},
	{
		.name = "no-progress",
		.kind = OPTION_FLAG,
		.help = "do not show how far the work is",
		COMMON(no_progress),
	},
	{
		.name = "color",
		.kind = OPTION_CHOICE,
		.argument = "WHEN",
		.choices = colors,
		.help = "colour the output",
		COMMON(color),
	},
	{
		.name = "help",
		.letter = 'h',
		.kind = OPTION_HELP,
		.help = "show this text",
	},
	{ 0 },
};

void options_each(const struct command *command,
		  void (*fn)(const struct option_spec *option, void *arg), void *arg)
{
	for (const struct option_spec *o = command->options; o && o->name; o++)
		fn(o, arg);
	if (command->formats)
		fn(&output_option, arg);
	if (command->flags & COMMAND_STORE)
		fn(&store_option, arg);
	if (command->flags & COMMAND_JOBS)
		fn(&jobs_option, arg);
	for (const struct option_spec *o = always; o->name; o++)
		fn(o, arg);
}

/* The tables in the form that getopt_long(3) wants. */
struct parser {
	const struct command *command;
	const struct option_spec *specs[MAX_OPTIONS];
	size_t nspecs;
	struct option longs[MAX_OPTIONS + 1];
	char shorts[2 * MAX_OPTIONS + 2];
	size_t nshorts;
};

static void add_spec(const struct option_spec *spec, void *arg)
{
	struct parser *parser = arg;

	if (parser->nspecs == MAX_OPTIONS)
		abort(); /* a command with that many options is a bug of ours */
	parser->longs[parser->nspecs] = (struct option) {
		.name = spec->name,
		.has_arg = spec->argument ? required_argument : no_argument,
		.val = FIRST_LONG + (int)parser->nspecs,
	};
	if (spec->letter) {
		parser->shorts[parser->nshorts++] = spec->letter;
		if (spec->argument)
			parser->shorts[parser->nshorts++] = ':';
	}
	parser->specs[parser->nspecs++] = spec;
}

static bool is_own(const struct command *command, const struct option_spec *spec)
{
	for (const struct option_spec *o = command->options; o && o->name; o++) {
		if (o == spec)
			return true;
	}
	return false;
}

static struct error *store_uint(const struct option_spec *spec, const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	/* strtoull() takes blanks and signs, which nobody means here. */
	if (text[0] < '0' || text[0] > '9' || *end || errno)
		return error_create(ERROR_USAGE, "option '--%s': '%s' is not a number", spec->name,
				    text);
	if (value < spec->min || (spec->max && value > spec->max))
		return error_create(
			ERROR_USAGE, "option '--%s': %s is not between %" PRIu64 " and %" PRIu64,
			spec->name, text, spec->min, spec->max ? spec->max : UINT64_MAX);
	*ret = value;
	return NULL;
}

static struct error *store_choice(const struct option_spec *spec, const char *text,
				  unsigned int *ret)
{
	_cleanup_buf_ struct buf list = { 0 };

	for (unsigned int i = 0; spec->choices[i]; i++) {
		if (!strcmp(spec->choices[i], text)) {
			*ret = i;
			return NULL;
		}
		buf_addf(&list, "%s%s", i ? ", " : "", spec->choices[i]);
	}
	return error_create(ERROR_USAGE, "option '--%s': '%s' is none of: %s", spec->name, text,
			    list.data ? list.data : "");
}

static struct error *store_list(const char *text, struct option_list *list)
{
	struct error *err = array_grow(&list->items, &list->cap, list->n + 1, sizeof(*list->items));

	if (!err)
		list->items[list->n++] = text;
	return err;
}

static struct error *store_value(const struct option_spec *spec, void *base, const char *text,
				 bool *help)
{
	void *target = (char *)base + spec->offset;

	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)target = true;
		return NULL;
	case OPTION_STRING:
		*(const char **)target = text;
		return NULL;
	case OPTION_UINT:
		return store_uint(spec, text, target);
	case OPTION_CHOICE:
		return store_choice(spec, text, target);
	case OPTION_LIST:
		return store_list(text, target);
	case OPTION_HELP:
		*help = true;
		return NULL;
	}
	return NULL;
}

/* What getopt_long() did not like: '?' or, with an argument missing, ':'. */
static struct error *explain(const struct parser *parser, int code, char **argv)
{
	const char *given = optind > 0 ? argv[optind - 1] : "";

	if (optopt >= FIRST_LONG) {
		const char *name = parser->specs[optopt - FIRST_LONG]->name;
		if (code == ':')
			return error_create(ERROR_USAGE, "option '--%s' needs an argument", name);
		return error_create(ERROR_USAGE, "option '--%s' takes no argument", name);
	}
	if (optopt && code == ':')
		return error_create(ERROR_USAGE, "option '-%c' needs an argument", optopt);
	if (optopt)
		return error_create(ERROR_USAGE, "unknown option '-%c'", optopt);
	return error_create(ERROR_USAGE, "unknown or ambiguous option '%s'", given);
}

static const struct option_spec *find_spec(const struct parser *parser, int code)
{
	if (code >= FIRST_LONG)
		return parser->specs[code - FIRST_LONG];
	for (size_t i = 0; i < parser->nspecs; i++) {
		if (parser->specs[i]->letter == code)
			return parser->specs[i];
	}
	return NULL;
}

static unsigned int find_format(const char *const *formats, const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; formats[i]; i++) {
		if (strlen(formats[i]) == len && !memcmp(formats[i], name, len))
			break;
	}
	return i;
}

/* "svg", "svg=graph.svg" or "graph.svg"; "-" is standard output. */
static struct error *parse_output(const struct command *command, const char *text,
				  struct output_request *ret)
{
	const char *equals = strchr(text, '=');
	const char *dot = strrchr(text, '.');
	const char *file = equals ? equals + 1 : NULL;
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	unsigned int i = find_format(command->formats, text, len);

	if (!command->formats[i] && !equals && dot) {
		file = text;
		i = find_format(command->formats, dot + 1, strlen(dot + 1));
	}
	if (!command->formats[i]) {
		_cleanup_buf_ struct buf list = { 0 };
		for (i = 0; command->formats[i]; i++)
			buf_addf(&list, "%s%s", i ? ", " : "", command->formats[i]);
		return error_create(ERROR_USAGE,
				    "option '--output': no format '%.*s'; there are: %s",
				    (int)(len < 200 ? len : 200), text, list.data ? list.data : "");
	}
	if (file && !*file)
		return error_create(ERROR_USAGE, "option '--output': no file name in '%s'", text);
	if (file && !strcmp(file, "-"))
		file = NULL;
	*ret = (struct output_request) {
		.format = command->formats[i],
		.index = i,
		.file = file,
	};
	return NULL;
}

static struct error *parse_outputs(const struct command *command, struct options_common *common)
{
	const struct option_list *texts = &common->output_texts;
	size_t n = texts->n ? texts->n : 1;

	common->outputs = calloc(n, sizeof(*common->outputs));
	if (!common->outputs)
		return &error_no_memory;
	common->outputs[0].format = command->formats[0];
	common->noutputs = n;
	for (size_t i = 0; i < texts->n; i++) {
		struct error *err = parse_output(command, texts->items[i], &common->outputs[i]);
		if (err)
			return err;
		for (size_t j = 0; j < i; j++) {
			const char *a = common->outputs[i].file, *b = common->outputs[j].file;
			if ((!a && !b) || (a && b && output_is_same(a, b)))
				return error_create(ERROR_USAGE, "two outputs go to %s",
						    a ? a : "standard output");
		}
	}
	return NULL;
}

static struct error *check_store(const struct options_common *common)
{
	for (size_t i = 0; common->store && i < common->noutputs; i++) {
		const char *file = common->outputs[i].file;
		if (file && output_is_same(file, common->store))
			return error_create(ERROR_USAGE, "an output and the store go to %s", file);
	}
	return NULL;
}

static uint64_t count_processors(void)
{
	cpu_set_t set;

	if (!sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) > 0)
		return (uint64_t)CPU_COUNT(&set);
	return 1;
}

struct error *options_parse(const struct command *command, int argc, char **argv,
			    struct options_common *common, void *values, int *operands, bool *help)
{
	struct parser parser = { .command = command, .shorts = ":", .nshorts = 1 };
	int code;

	options_each(command, add_spec, &parser);
	optind = 0; /* glibc: begin anew */
	opterr = 0;
	while ((code = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
		if (code == '?' || code == ':')
			return explain(&parser, code, argv);
		const struct option_spec *spec = find_spec(&parser, code);
		void *base = is_own(command, spec) ? values : common;
		struct error *err = store_value(spec, base, optarg, help);
		if (err || *help)
			return err;
	}
	*operands = optind;
	if (!common->jobs)
		common->jobs = count_processors();
	struct error *err = command->formats ? parse_outputs(command, common) : NULL;
	return err ? err : check_store(common);
}

void options_deinit(const struct command *command, struct options_common *common, void *values)
{
	for (const struct option_spec *o = command->options; values && o && o->name; o++) {
		if (o->kind == OPTION_LIST)
			free(((struct option_list *)(void *)((char *)values + o->offset))->items);
	}
	free(common->output_texts.items);
	free(common->outputs);
}
