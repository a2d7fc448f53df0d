/* SPDX-License-Identifier: BSD-2-Clause */
/* The command table and nothing clever. */
#include <stdio.h>

#include "version.h"

int main(void)
{
	printf("uniscope %s\n", UNISCOPE_VERSION);
	return 0;
}
