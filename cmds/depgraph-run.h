/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of the depgraph commands in a store. */
#ifndef CMDS_DEPGRAPH_RUN_H
#define CMDS_DEPGRAPH_RUN_H

#include <stdint.h>

#include "analyze/depgraph.h"
#include "cmds/command.h"
#include "core/store/store.h"

/*
 * Writes a graph as a run, with the command line as it was typed. 'command' is
 * "depgraph why".
 */
struct error *depgraph_run_write(const struct command_context *ctx, struct store *store,
				 const char *command, struct depgraph *dg, int64_t *ret) must_check;

/* What ends a command whose answer lacks something: the error, or NULL. */
struct error *depgraph_run_verdict(const struct depgraph *dg) must_check;

#endif
