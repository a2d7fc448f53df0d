/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Growable arrays. An array is three members of whatever owns it: 'T *items;
 * size_t n, cap'. array_grow() makes room, the owner stores and counts.
 */
#ifndef CORE_BASE_ARRAY_H
#define CORE_BASE_ARRAY_H

#include <stddef.h>

#include "core/base/error.h"

/*
 * Makes room for at least 'need' elements of 'size' bytes. 'items' is the
 * address of the pointer to the elements. New elements are not initialised.
 */
struct error *array_grow(void *items, size_t *cap, size_t need, size_t size) must_check;

#endif
