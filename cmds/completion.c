/* SPDX-License-Identifier: BSD-2-Clause */
/* Completion of the shells, generated from the command table. */
#include <stdio.h>
#include <string.h>

#include "cmds/command.h"
#include "cmds/output.h"
#include "core/base/out.h"

/* "depgraph report", "depgraph_report": the way to a command. */
enum { MAX_PATH = 128 };

struct writer {
	const struct command_context *ctx;
	struct out *out;
	const struct command *command; /* of which options are being written */
	const char *path;
};

/* Calls 'fn' for a command and all below it, those with sub-commands after these. */
static void each_command(const struct writer *base, const struct command *command, const char *path,
			 void (*fn)(struct writer *w))
{
	struct writer w = *base;

	for (const struct command *const *c = command->children; c && *c; c++) {
		char child[MAX_PATH];
		snprintf(child, sizeof(child), "%s %s", path, (*c)->name);
		each_command(base, *c, child, fn);
	}
	w.command = command;
	w.path = path;
	fn(&w);
}

static void each_top(const struct writer *base, void (*fn)(struct writer *w))
{
	for (size_t i = 0; base->ctx->commands[i]; i++)
		each_command(base, base->ctx->commands[i], base->ctx->commands[i]->name, fn);
}

/* Text inside of single quotes, with a backslash before each of 'special'. */
static void add_quoted(struct out *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			out_adds(out, "'\\''");
		else if (strchr(special, *text))
			out_addf(out, "\\%c", *text);
		else
			out_addc(out, *text);
	}
}

static void add_words(struct out *out, const char *const *words)
{
	for (size_t i = 0; words && words[i]; i++)
		out_addf(out, "%s%s", i ? " " : "", words[i]);
}

/* The fixed words that may follow an option, or NULL. */
static const char *const *option_words(const struct command *command,
				       const struct option_spec *option)
{
	return strcmp(option->name, "output") ? option->choices : command->formats;
}

static void add_command_names(struct writer *w)
{
	for (size_t i = 0; w->ctx->commands[i]; i++)
		out_addf(w->out, "%s%s", i ? " " : "", w->ctx->commands[i]->name);
}

/* Whether the operands of a command are words that are known here. */
static bool has_operand_words(const struct command *command)
{
	return command->words || command->flags & COMMAND_NAMES;
}

static void add_operand_words(struct writer *w)
{
	if (w->command->flags & COMMAND_NAMES)
		add_command_names(w);
	else
		add_words(w->out, w->command->words);
}

/* --- bash --- */

static void bash_option_name(const struct option_spec *option, void *arg)
{
	struct writer *w = arg;

	if (option->letter)
		out_addf(w->out, "-%c ", option->letter);
	out_addf(w->out, "--%s ", option->name);
}

static void bash_option_argument(const struct option_spec *option, void *arg)
{
	struct writer *w = arg;
	const char *const *words = option_words(w->command, option);

	if (!option->argument)
		return;
	out_addf(w->out, "\t'%s:--%s'", w->path, option->name);
	if (option->letter)
		out_addf(w->out, "|'%s:-%c'", w->path, option->letter);
	out_adds(w->out, ") ");
	if (words) {
		out_adds(w->out, "words='");
		add_words(w->out, words);
		out_adds(w->out, "' ;;\n");
	} else if (option->complete == COMPLETE_FOLDER) {
		out_adds(w->out, "kind=-d ;;\n");
	} else {
		out_addf(w->out, "kind=%s ;;\n", option->complete == COMPLETE_FILE ? "-f" : "none");
	}
}

static void bash_arguments(struct writer *w)
{
	if (!w->command->children)
		options_each(w->command, bash_option_argument, w);
}

static void bash_branch(struct writer *w)
{
	out_addf(w->out, "\t'%s') ", w->path);
	if (w->command->children) {
		out_adds(w->out, "words='");
		for (const struct command *const *c = w->command->children; c && *c; c++)
			out_addf(w->out, "%s ", (*c)->name);
		out_adds(w->out, "'");
	} else {
		out_adds(w->out, "options='");
		options_each(w->command, bash_option_name, w);
		out_adds(w->out, "'");
		if (has_operand_words(w->command)) {
			out_adds(w->out, " words='");
			add_words(w->out, w->command->words);
			out_adds(w->out, "'");
		} else if (w->command->arguments) {
			out_adds(w->out, " kind=-f");
		}
	}
	out_adds(w->out, " ;;\n");
}

static void bash_path(struct writer *w)
{
	out_addf(w->out, "'%s'|", w->path);
}

static void write_bash(struct writer *w)
{
	out_adds(w->out, "# bash completion of uniscope; written by 'uniscope completion bash'\n"
			 "_uniscope() {\n"
			 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
			 "\tlocal path='' words='' options='' kind='' i try\n"
			 "\t# '=' is a word of its own in bash\n"
			 "\t[[ $cur == '=' ]] && cur=''\n"
			 "\t[[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
			 "\tcase ${COMP_WORDS[0]##*/} in\n");
	for (const struct command_alias *a = w->ctx->aliases; a->program; a++)
		out_addf(w->out, "\t%s) path=%s ;;\n", a->program, a->command);
	out_adds(w->out, "\tesac\n"
			 "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			 "\t\ttry=${path:+$path }${COMP_WORDS[i]}\n"
			 "\t\tcase $try in\n\t\t");
	each_top(w, bash_path);
	out_adds(w->out, "'') path=$try ;;\n"
			 "\t\tesac\n"
			 "\tdone\n"
			 "\tcase $path:$prev in\n");
	each_top(w, bash_arguments);
	out_adds(w->out, "\t*) case $path in\n\t'') words='");
	add_command_names(w);
	out_adds(w->out, "' ;;\n");
	each_top(w, bash_branch);
	out_adds(w->out, "\tesac ;;\n"
			 "\tesac\n"
			 "\t[[ $cur == -* && -n $options ]] && words=$options kind=none\n"
			 "\tCOMPREPLY=()\n"
			 "\tif [[ -n $words ]]; then\n"
			 "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
			 "\telif [[ $kind == -* ]]; then\n"
			 "\t\tcompopt -o filenames 2>/dev/null\n"
			 "\t\tmapfile -t COMPREPLY < <(compgen \"$kind\" -- \"$cur\")\n"
			 "\tfi\n"
			 "}\n"
			 "complete -F _uniscope uniscope");
	for (const struct command_alias *a = w->ctx->aliases; a->program; a++)
		out_addf(w->out, " %s", a->program);
	out_addc(w->out, '\n');
}

/* --- zsh --- */

/* The name of the function of a command. */
static void zsh_function(struct out *out, const char *path)
{
	out_adds(out, "_uniscope_");
	for (; *path; path++)
		out_addc(out, *path == ' ' || *path == '-' ? '_' : *path);
}

static void zsh_option(const struct option_spec *option, void *arg)
{
	struct writer *w = arg;
	const char *const *words = option_words(w->command, option);
	const char *repeat = option->kind == OPTION_LIST ? "*" : "";

	out_adds(w->out, " \\\n\t\t");
	if (option->letter && !*repeat)
		out_addf(w->out, "'(-%c --%s)'", option->letter, option->name);
	if (option->letter)
		out_addf(w->out, "{'%s-%c%s','%s--%s%s'}", repeat, option->letter,
			 option->argument ? "+" : "", repeat, option->name,
			 option->argument ? "=" : "");
	else
		out_addf(w->out, "'%s--%s%s'", repeat, option->name, option->argument ? "=" : "");
	out_adds(w->out, "'[");
	add_quoted(w->out, option->help, "[]:\\");
	out_adds(w->out, "]");
	if (option->argument) {
		out_adds(w->out, ":");
		add_quoted(w->out, option->argument, ":\\");
		out_adds(w->out, ":");
		if (words) {
			out_adds(w->out, "(");
			add_words(w->out, words);
			out_adds(w->out, ")");
		} else if (option->complete == COMPLETE_FOLDER) {
			out_adds(w->out, "_files -/");
		} else if (option->complete == COMPLETE_FILE) {
			out_adds(w->out, "_files");
		}
	}
	out_adds(w->out, "'");
}

static void zsh_describe(struct out *out, const struct command *command)
{
	out_addf(out, "\t\t'%s:", command->name);
	add_quoted(out, command->summary, "");
	out_adds(out, "'\n");
}

static void zsh_choose(struct out *out, const char *path, const char *name)
{
	char full[MAX_PATH];

	snprintf(full, sizeof(full), "%s%s%s", path, *path ? " " : "", name);
	out_addf(out, "\t%s) ", name);
	zsh_function(out, full);
	out_adds(out, " ;;\n");
}

static const char zsh_descend[] = "\t)\n"
				  "\tif ((CURRENT == 2)); then\n"
				  "\t\t_describe -t commands command commands\n"
				  "\t\treturn\n"
				  "\tfi\n"
				  "\tshift words\n"
				  "\t((CURRENT--))\n"
				  "\tcase $words[1] in\n";

static void zsh_command(struct writer *w)
{
	zsh_function(w->out, w->path);
	out_adds(w->out, "() {\n");
	if (w->command->children) {
		out_adds(w->out, "\tlocal -a commands=(\n");
		for (const struct command *const *c = w->command->children; c && *c; c++)
			zsh_describe(w->out, *c);
		out_adds(w->out, zsh_descend);
		for (const struct command *const *c = w->command->children; c && *c; c++)
			zsh_choose(w->out, w->path, (*c)->name);
		out_adds(w->out, "\tesac\n}\n");
		return;
	}
	out_adds(w->out, "\t_arguments -s -S");
	options_each(w->command, zsh_option, w);
	if (has_operand_words(w->command)) {
		out_adds(w->out, " \\\n\t\t'*:word:(");
		add_operand_words(w);
		out_adds(w->out, ")'");
	} else if (w->command->arguments) {
		out_adds(w->out, " \\\n\t\t'*:file:_files'");
	}
	out_adds(w->out, "\n}\n");
}

static void write_zsh(struct writer *w)
{
	out_adds(w->out, "#compdef uniscope");
	for (const struct command_alias *a = w->ctx->aliases; a->program; a++)
		out_addf(w->out, " %s", a->program);
	out_adds(w->out, "\n# written by 'uniscope completion zsh'\n");
	each_top(w, zsh_command);
	out_adds(w->out, "_uniscope() {\n\tcase $service in\n");
	for (const struct command_alias *a = w->ctx->aliases; a->program; a++) {
		if (!command_find(w->ctx->commands, a->command))
			continue;
		out_addf(w->out, "\t%s) ", a->program);
		zsh_function(w->out, a->command);
		out_adds(w->out, "; return ;;\n");
	}
	out_adds(w->out, "\tesac\n\tlocal -a commands=(\n");
	for (size_t i = 0; w->ctx->commands[i]; i++)
		zsh_describe(w->out, w->ctx->commands[i]);
	out_adds(w->out, zsh_descend);
	for (size_t i = 0; w->ctx->commands[i]; i++)
		zsh_choose(w->out, "", w->ctx->commands[i]->name);
	out_adds(w->out, "\tesac\n}\n"
			 "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
			 "\t_uniscope \"$@\"\n"
			 "else\n"
			 "\tcompdef _uniscope uniscope");
	for (const struct command_alias *a = w->ctx->aliases; a->program; a++)
		out_addf(w->out, " %s", a->program);
	out_adds(w->out, "\nfi\n");
}

/* --- fish --- */

static void fish_begin(struct writer *w, const char *path)
{
	out_addf(w->out, "complete -c uniscope -n '__uniscope_at \"%s\"'", path);
}

static void fish_offer(struct writer *w, const char *path, const struct command *command)
{
	fish_begin(w, path);
	out_addf(w->out, " -f -a %s -d '", command->name);
	add_quoted(w->out, command->summary, "");
	out_adds(w->out, "'\n");
}

static void fish_option(const struct option_spec *option, void *arg)
{
	struct writer *w = arg;
	const char *const *words = option_words(w->command, option);

	fish_begin(w, w->path);
	if (option->letter)
		out_addf(w->out, " -s %c", option->letter);
	out_addf(w->out, " -l %s", option->name);
	if (words) {
		out_adds(w->out, " -x -a '");
		add_words(w->out, words);
		out_adds(w->out, "'");
	} else if (option->complete == COMPLETE_FOLDER) {
		out_adds(w->out, " -x -a '(__fish_complete_directories)'");
	} else if (option->argument) {
		out_adds(w->out, option->complete == COMPLETE_FILE ? " -r -F" : " -x");
	}
	out_adds(w->out, " -d '");
	add_quoted(w->out, option->help, "");
	out_adds(w->out, "'\n");
}

static void fish_command(struct writer *w)
{
	if (w->command->children) {
		for (const struct command *const *c = w->command->children; c && *c; c++)
			fish_offer(w, w->path, *c);
		return;
	}
	options_each(w->command, fish_option, w);
	fish_begin(w, w->path);
	if (has_operand_words(w->command)) {
		out_adds(w->out, " -f -a '");
		add_operand_words(w);
		out_adds(w->out, "'\n");
	} else {
		out_adds(w->out, w->command->arguments ? " -F\n" : " -f\n");
	}
}

static void fish_path(struct writer *w)
{
	out_addf(w->out, " '%s'", w->path);
}

static void write_fish(struct writer *w)
{
	out_adds(w->out, "# fish completion of uniscope; written by 'uniscope completion fish'\n"
			 "function __uniscope_at\n"
			 "\tset -l words (commandline -opc)\n"
			 "\tset -l path\n"
			 "\tset -l known");
	each_top(w, fish_path);
	out_adds(w->out, "\n"
			 "\tfor word in $words[2..-1]\n"
			 "\t\tset -l try (string join ' ' -- $path $word)\n"
			 "\t\tcontains -- $try $known; and set path $try\n"
			 "\tend\n"
			 "\ttest \"$path\" = \"$argv[1]\"\n"
			 "end\n"
			 "complete -c uniscope -f\n");
	for (size_t i = 0; w->ctx->commands[i]; i++)
		fish_offer(w, "", w->ctx->commands[i]);
	each_top(w, fish_command);
	for (const struct command_alias *a = w->ctx->aliases; a->program; a++) {
		if (command_find(w->ctx->commands, a->command))
			out_addf(w->out, "complete -c %s -w 'uniscope %s'\n", a->program,
				 a->command);
	}
}

/* --- the command --- */

static const struct {
	const char *name;
	void (*write)(struct writer *w);
} shells[] = {
	{ .name = "bash", .write = write_bash },
	{ .name = "zsh", .write = write_zsh },
	{ .name = "fish", .write = write_fish },
};

static const char *const shell_names[] = { "bash", "zsh", "fish", NULL };

static struct error *run(struct command_context *ctx, int argc, char **argv)
{
	_cleanup_output_ struct output output = { 0 };

	(void)argc;
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].name, argv[0]))
			continue;
		output_open_stdout(ctx, &output);
		struct writer writer = { .ctx = ctx, .out = &output.out };
		shells[i].write(&writer);
		return output_finish(&output);
	}
	return error_create(ERROR_USAGE, "no completion for '%s'; there are: bash, zsh, fish",
			    argv[0]);
}

const struct command command_completion = {
	.name = "completion",
	.summary = "write the completion of a shell to standard output",
	.arguments = "bash|zsh|fish",
	.min_arguments = 1,
	.max_arguments = 1,
	.words = shell_names,
	.run = run,
};
