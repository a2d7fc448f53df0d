/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/cleanup.h"

enum { CHUNK = 256 * 1024 };

static void free_context(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

struct error *sha256_bytes(const void *data, size_t len, unsigned char *ret)
{
	unsigned int size = SHA256_SIZE;

	if (!EVP_Digest(data, len, ret, &size, EVP_sha256(), NULL))
		return &error_no_memory;
	return NULL;
}

static struct error *read_all(EVP_MD_CTX *context, int fd, const char *name)
{
	_cleanup_free_ unsigned char *chunk = malloc(CHUNK);
	off_t at = 0;

	if (!chunk)
		return &error_no_memory;
	for (;;) {
		ssize_t n = pread(fd, chunk, CHUNK, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_os(errno, "cannot read '%s'", name);
		if (!n)
			return NULL;
		if (!EVP_DigestUpdate(context, chunk, (size_t)n))
			return &error_no_memory;
		at += n;
	}
}

struct error *sha256_file(int fd, const char *name, char *ret)
{
	__attribute__((cleanup(free_context))) EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char digest[SHA256_SIZE];
	struct error *err;

	if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
		return &error_no_memory;
	err = read_all(context, fd, name);
	if (err)
		return err;
	if (!EVP_DigestFinal_ex(context, digest, NULL))
		return &error_no_memory;
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return NULL;
}
