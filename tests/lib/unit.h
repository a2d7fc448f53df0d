/* SPDX-License-Identifier: BSD-2-Clause */
/* What every unit test includes first: cmocka and what it needs. */
#ifndef TESTS_LIB_UNIT_H
#define TESTS_LIB_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"

/* Fails with the message of an unexpected error. */
static inline void assert_ok(struct error *err)
{
	if (err)
		fail_msg("%s", error_get_message(err));
}

/* Takes an error and checks its code and message; NULL: any message. */
static inline void assert_error(struct error *err, enum error_code code, const char *message)
{
	assert_non_null(err);
	if (message)
		assert_string_equal(error_get_message(err), message);
	assert_int_equal(error_get_code(err), code);
	error_destroy(err);
}

#endif
