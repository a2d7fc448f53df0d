/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/lib/unit.h"

#include "cmds/command.h"
#include "core/base/buf.h"

struct values {
	bool flag;
	const char *string;
	uint64_t number;
	unsigned int choice;
	struct option_list list;
};

static const char *const choices[] = { "glibc", "musl", NULL };
static const char *const formats[] = { "tree", "json", "svg", NULL };

static const struct option_spec specs[] = {
	{ .name = "flag",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .help = "a flag",
	  .offset = offsetof(struct values, flag) },
	{ .name = "string",
	  .kind = OPTION_STRING,
	  .argument = "TEXT",
	  .help = "a string",
	  .offset = offsetof(struct values, string) },
	{ .name = "number",
	  .letter = 'n',
	  .kind = OPTION_UINT,
	  .argument = "N",
	  .min = 2,
	  .max = 10,
	  .help = "a number",
	  .offset = offsetof(struct values, number) },
	{ .name = "libc",
	  .kind = OPTION_CHOICE,
	  .argument = "NAME",
	  .choices = choices,
	  .help = "a choice",
	  .offset = offsetof(struct values, choice) },
	{ .name = "list",
	  .kind = OPTION_LIST,
	  .argument = "X",
	  .help = "a list",
	  .offset = offsetof(struct values, list) },
	{ 0 },
};

static const struct command command = {
	.name = "try",
	.summary = "try options",
	.flags = COMMAND_STORE | COMMAND_JOBS,
	.arguments = "FILE...",
	.formats = formats,
	.options = specs,
	.values_size = sizeof(struct values),
};

struct parsed {
	struct options_common common;
	struct values values;
	char *argv[32];
	int argc, operands;
	bool help;
};

/* Splits 'line' at blanks and parses it. */
static struct error *parse(struct parsed *p, const char *line)
{
	static char text[1024];
	static char name[] = "try";

	*p = (struct parsed) { .argv = { name }, .argc = 1 };
	snprintf(text, sizeof(text), "%s", line);
	char *next = text, *word;
	while ((word = strsep(&next, " "))) {
		if (*word)
			p->argv[p->argc++] = word;
	}
	return options_parse(&command, p->argc, p->argv, &p->common, &p->values, &p->operands,
			     &p->help);
}

static void done(struct parsed *p)
{
	options_deinit(&command, &p->common, &p->values);
}

static void all_kinds(void **state)
{
	struct parsed p;

	(void)state;
	assert_ok(parse(&p, "a -f --string=x b -n 10 --libc musl --list 1 --list=2 -- --flag"));
	assert_true(p.values.flag);
	assert_string_equal(p.values.string, "x");
	assert_int_equal(p.values.number, 10);
	assert_int_equal(p.values.choice, 1);
	assert_int_equal(p.values.list.n, 2);
	assert_string_equal(p.values.list.items[1], "2");
	assert_int_equal(p.argc - p.operands, 3);
	assert_string_equal(p.argv[p.operands], "a");
	assert_string_equal(p.argv[p.operands + 1], "b");
	assert_string_equal(p.argv[p.operands + 2], "--flag");
	assert_true(p.common.jobs > 0);
	done(&p);

	assert_ok(parse(&p, "-qv --no-progress --color=never --store=s --jobs 3"));
	assert_true(p.common.quiet && p.common.verbose && p.common.no_progress);
	assert_int_equal(p.common.color, COLOR_NEVER);
	assert_string_equal(p.common.store, "s");
	assert_int_equal(p.common.jobs, 3);
	assert_false(p.values.flag);
	done(&p);

	assert_ok(parse(&p, "-h --nonsense"));
	assert_true(p.help);
	done(&p);
}

static void wrong(const char *line, const char *message)
{
	struct parsed p;

	assert_error(parse(&p, line), ERROR_USAGE, message);
	done(&p);
}

static void mistakes(void **state)
{
	(void)state;
	wrong("--nonsense", "unknown or ambiguous option '--nonsense'");
	wrong("--li", "unknown or ambiguous option '--li'");
	wrong("-x", "unknown option '-x'");
	wrong("-fx", "unknown option '-x'");
	wrong("--flag=1", "option '--flag' takes no argument");
	wrong("--string", "option '--string' needs an argument");
	wrong("-n", "option '-n' needs an argument");
	wrong("-n 1", "option '--number': 1 is not between 2 and 10");
	wrong("-n 11", "option '--number': 11 is not between 2 and 10");
	wrong("-n -3", "option '--number': '-3' is not a number");
	wrong("-n 3x", "option '--number': '3x' is not a number");
	wrong("-n 99999999999999999999",
	      "option '--number': '99999999999999999999' is not a number");
	wrong("--libc bionic", "option '--libc': 'bionic' is none of: glibc, musl");
	wrong("--jobs 0", "option '--jobs': 0 is not between 1 and 1024");
	wrong("-o", "option '-o' needs an argument");
	wrong("-o pdf", "option '--output': no format 'pdf'; there are: tree, json, svg");
	wrong("-o x.pdf", "option '--output': no format 'x.pdf'; there are: tree, json, svg");
	wrong("-o json=", "option '--output': no file name in 'json='");
	wrong("-o json -o tree", "two outputs go to standard output");
	wrong("-o json=a -o svg=a", "two outputs go to a");
}

static void check_output(const struct output_request *request, const char *format, const char *file)
{
	assert_string_equal(request->format, format);
	assert_string_equal(formats[request->index], format);
	if (file)
		assert_string_equal(request->file, file);
	else
		assert_null(request->file);
}

static void outputs(void **state)
{
	struct parsed p;

	(void)state;
	assert_ok(parse(&p, ""));
	assert_int_equal(p.common.noutputs, 1);
	check_output(&p.common.outputs[0], "tree", NULL);
	done(&p);

	assert_ok(parse(&p, "-o json=a.b=c -o dir/graph.svg -ojson=/dev/null --output=tree=-"));
	assert_int_equal(p.common.noutputs, 4);
	check_output(&p.common.outputs[0], "json", "a.b=c");
	check_output(&p.common.outputs[1], "svg", "dir/graph.svg");
	check_output(&p.common.outputs[2], "json", "/dev/null");
	check_output(&p.common.outputs[3], "tree", NULL);
	done(&p);
}

static void count(const struct option_spec *option, void *arg)
{
	(void)option;
	(*(unsigned int *)arg)++;
}

/* Every option of the table is in -h, with its help text. */
static void help_has_all(void **state)
{
	_cleanup_buf_ struct buf text = { 0 };
	unsigned int n = 0, lines = 0;

	(void)state;
	command_help(&command, "uniscope try", &text);
	assert_ok(buf_error(&text));
	assert_memory_equal(text.data, "usage: uniscope try [options] FILE...\n", 38);
	options_each(&command, count, &n);
	for (const char *p = text.data; (p = strstr(p, "--")); p += 2)
		lines++;
	assert_int_equal(lines, n);
	assert_non_null(strstr(text.data, "      --libc NAME           a choice: glibc, musl\n"));
	assert_non_null(strstr(text.data, "formats: tree, json, svg\n"));
	/* Long lines are broken, in the column of the texts. */
	for (const char *line = text.data; *line; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\n') - line < 80);
	assert_non_null(strstr(text.data, "several\n                            times; "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(outputs),
		cmocka_unit_test(help_has_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
