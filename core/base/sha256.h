/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4) of bytes and of files, by OpenSSL's libcrypto. */
#ifndef CORE_BASE_SHA256_H
#define CORE_BASE_SHA256_H

#include <stddef.h>

#include "core/base/error.h"

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 65 };

/* 'ret' gets SHA256_SIZE bytes. */
struct error *sha256_bytes(const void *data, size_t len, unsigned char *ret) must_check;

/* The contents of an open regular file, from its start; 'ret' gets hex digits and a NUL. */
struct error *sha256_file(int fd, const char *name, char *ret) must_check;

#endif
