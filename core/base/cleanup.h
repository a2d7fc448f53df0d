/* SPDX-License-Identifier: BSD-2-Clause */
/* Scope guards: '_cleanup_free_ char *p = NULL;' frees p at the end of its scope. */
#ifndef CORE_BASE_CLEANUP_H
#define CORE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))

/* Gives a guarded pointer out of its scope: return cleanup_release(&p). */
static inline void *cleanup_release(void *pp)
{
	void *p = *(void **)pp;
	*(void **)pp = NULL;
	return p;
}

#endif
