/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which Unikraft micro-library stands for a file. Two plain tables that are
 * embedded at build answer it: analyze/tables/unikraft-libs.tsv (what is ported,
 * in which version, from which commit) and analyze/tables/unikraft-map.tsv
 * (sonames and file names to libraries). Files of the user extend and override
 * the second; docs/HOWTO-ADD-PORT.md describes the format.
 */
#ifndef ANALYZE_PORTS_H
#define ANALYZE_PORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"

struct ports;

enum port_relation {
	PORT_NONE,     /* no port is known */
	PORT_SAME,     /* "port": the same code */
	PORT_STAND_IN, /* "stand-in": another implementation of the interface */
	PORT_CORE,     /* "core": part of Unikraft itself */
};

/* "none" "port" "stand-in" "core": the words of the tables and of reports. */
const char *port_relation_name(enum port_relation relation);

/* Strings are borrowed from the tables and live until ports_destroy(). */
struct port_match {
	const char *library; /* "zlib", "libcxx+libcxxabi"; NULL: none */
	const char *version; /* of the upstream code that is ported; NULL: not known */
	enum port_relation relation;
	const char *note; /* NULL: none */
	const char *file; /* the table that decided, or NULL: no line matched */
	unsigned int line;
};

/*
 * Reads the embedded tables and 'n' files of the user. Of several lines that
 * match a name the first decides; files come before the embedded table, in the
 * order given. Errors: os, and bad-data that names file and line.
 */
struct error *ports_create(const char *const *user_maps, size_t n, struct ports **ret) must_check;
void ports_destroy(struct ports *ports);

static inline void ports_cleanup(struct ports **ports)
{
	ports_destroy(*ports);
}
#define _cleanup_ports_ __attribute__((cleanup(ports_cleanup)))

/*
 * The port of a soname, a file name or a path. Patterns with a '/' see the
 * whole name, the others what follows its last '/'. A hash that auditwheel put
 * into the name (libz-dd453c56.so.1) is taken out if nothing matches with it.
 * Returns whether a line matched; 'ret' is filled in either case.
 */
bool ports_find(const struct ports *ports, const char *name, struct port_match *ret);

/* The same for a file with a soname (NULL: it has none): by soname, else by path. */
bool ports_find_file(const struct ports *ports, const char *soname, const char *path,
		     struct port_match *ret);

/*
 * Whether a port is far from a file: another major version (for 0.x: another
 * minor one). 'file_version' is a version of upstream or of a package
 * ("1:1.2.13.dfsg-1"); versions that cannot be compared are not far. Only a
 * port of the same code can be far.
 */
bool ports_version_is_far(const struct port_match *match, const char *file_version);

#endif
