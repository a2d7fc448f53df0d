/* SPDX-License-Identifier: BSD-2-Clause */
/* Options that the sub-commands of depgraph share: how a graph is made. */
#ifndef CMDS_DEPGRAPH_OPTIONS_H
#define CMDS_DEPGRAPH_OPTIONS_H

#include <stddef.h>

#include "analyze/depgraph.h"
#include "analyze/ports.h"
#include "cmds/command.h"

struct graph_values {
	const char *sysroot, *library_path, *host_exe;
	unsigned int libc;
	uint64_t cpu; /* N of x86-64-vN; 0: this machine's */
	struct option_list preloads, maps, plugin_maps;
	struct option_list follow;
	bool no_cache, clean_env, no_dlopen;
};

extern const char *const depgraph_libcs[];

/* The rows of an option table; 'member' is the struct graph_values in 'type'. */
#define GRAPH_OPTIONS(type, member)                                                                \
	{ .name = "sysroot",                                                                       \
	  .kind = OPTION_STRING,                                                                   \
	  .argument = "DIR",                                                                       \
	  .complete = COMPLETE_FOLDER,                                                             \
	  .help = "look files up below DIR, as a program inside it would",                         \
	  .offset = offsetof(type, member.sysroot) },                                              \
		{ .name = "libc",                                                                  \
		  .kind = OPTION_CHOICE,                                                           \
		  .argument = "NAME",                                                              \
		  .choices = depgraph_libcs,                                                       \
		  .help = "follow the rules of this libc's loader",                                \
		  .offset = offsetof(type, member.libc) },                                         \
		{ .name = "library-path",                                                          \
		  .kind = OPTION_STRING,                                                           \
		  .argument = "DIRS",                                                              \
		  .help = "as if LD_LIBRARY_PATH were DIRS",                                       \
		  .offset = offsetof(type, member.library_path) },                                 \
		{ .name = "preload",                                                               \
		  .kind = OPTION_LIST,                                                             \
		  .argument = "LIB",                                                               \
		  .complete = COMPLETE_FILE,                                                       \
		  .help = "as if LD_PRELOAD named LIB",                                            \
		  .offset = offsetof(type, member.preloads) },                                     \
		{ .name = "clean-env",                                                             \
		  .kind = OPTION_FLAG,                                                             \
		  .help = "ignore LD_LIBRARY_PATH and LD_PRELOAD of the environment",              \
		  .offset = offsetof(type, member.clean_env) },                                    \
		{ .name = "no-cache",                                                              \
		  .kind = OPTION_FLAG,                                                             \
		  .help = "search as if there were no ld.so.cache",                                \
		  .offset = offsetof(type, member.no_cache) },                                     \
		{ .name = "cpu",                                                                   \
		  .kind = OPTION_UINT,                                                             \
		  .argument = "N",                                                                 \
		  .min = 1,                                                                        \
		  .max = 4,                                                                        \
		  .help = "use hwcaps folders up to x86-64-vN, not this machine's",                \
		  .offset = offsetof(type, member.cpu) },                                          \
		{ .name = "host-exe",                                                              \
		  .kind = OPTION_STRING,                                                           \
		  .argument = "PROGRAM",                                                           \
		  .complete = COMPLETE_FILE,                                                       \
		  .help = "SOURCE is a module that PROGRAM opens (python3.11, node)",              \
		  .offset = offsetof(type, member.host_exe) },                                     \
		{ .name = "no-dlopen",                                                             \
		  .kind = OPTION_FLAG,                                                             \
		  .help = "do not look for libraries that are opened at run time",                 \
		  .offset = offsetof(type, member.no_dlopen) },                                    \
		{ .name = "follow",                                                                \
		  .kind = OPTION_LIST,                                                             \
		  .argument = "KIND",                                                              \
		  .help = "load dlopen, candidate or plugin libraries too, with what they need",   \
		  .offset = offsetof(type, member.follow) },                                       \
		{ .name = "plugins",                                                               \
		  .kind = OPTION_LIST,                                                             \
		  .argument = "FILE",                                                              \
		  .complete = COMPLETE_FILE,                                                       \
		  .help = "a table of more plug-in folders",                                       \
		  .offset = offsetof(type, member.plugin_maps) },                                  \
	{                                                                                          \
		.name = "map", .kind = OPTION_LIST, .argument = "FILE", .complete = COMPLETE_FILE, \
		.help = "a table of more Unikraft libraries and what they stand for",              \
		.offset = offsetof(type, member.maps)                                              \
	}

/* Fills 'ret' from the values; strings stay borrowed. Errors: usage. */
struct error *graph_values_apply(const struct command_context *ctx,
				 const struct graph_values *values,
				 struct depgraph_options *ret) must_check;

extern const struct command command_depgraph_report;
extern const struct command command_depgraph_why;
extern const struct command command_depgraph_diff;
extern const struct command command_depgraph_bundle;

#endif
