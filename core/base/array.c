/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct error *array_grow(void *items, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return NULL;
	size_t new_cap = *cap ? *cap : 8;
	while (new_cap < need) {
		if (new_cap > SIZE_MAX / 2)
			return &error_no_memory;
		new_cap *= 2;
	}
	if (new_cap > SIZE_MAX / size)
		return &error_no_memory;

	void *old;
	memcpy(&old, items, sizeof(old));
	void *p = realloc(old, new_cap * size);
	if (!p)
		return &error_no_memory;
	memcpy(items, &p, sizeof(p));
	*cap = new_cap;
	return NULL;
}
