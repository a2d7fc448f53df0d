/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files are read through mappings. When somebody truncates a file meanwhile,
 * the kernel answers with SIGBUS: there is nothing to return an error to, so
 * the program ends with a message that names the file, and exit code 1.
 */
#ifndef CMDS_SIGBUS_H
#define CMDS_SIGBUS_H

void sigbus_install(void);

#endif
