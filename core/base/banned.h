/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that this project does not make, as compile errors. The build includes
 * this before every file (-include).
 */
#ifndef CORE_BASE_BANNED_H
#define CORE_BASE_BANNED_H

/* Their declarations must have been seen before the names are taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(name, instead) sorry_##name##_is_banned_use_##instead

#undef strcpy
#define strcpy(...) BANNED(strcpy, struct_buf)
#undef stpcpy
#define stpcpy(...) BANNED(stpcpy, struct_buf)
#undef strcat
#define strcat(...) BANNED(strcat, struct_buf)
#undef strncpy
#define strncpy(...) BANNED(strncpy, struct_buf)
#undef sprintf
#define sprintf(...) BANNED(sprintf, snprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf, vsnprintf)
#undef strtok
#define strtok(...) BANNED(strtok, strchr)
#undef atoi
#define atoi(...) BANNED(atoi, strtoull)
#undef atol
#define atol(...) BANNED(atol, strtoull)
#undef atoll
#define atoll(...) BANNED(atoll, strtoull)
#undef atof
#define atof(...) BANNED(atof, strtod)
#undef system
#define system(...) BANNED(system, posix_spawn)
#undef popen
#define popen(...) BANNED(popen, posix_spawn)
#undef mktemp
#define mktemp(...) BANNED(mktemp, mkstemp)
#undef tmpnam
#define tmpnam(...) BANNED(tmpnam, mkstemp)
#undef gmtime
#define gmtime(...) BANNED(gmtime, gmtime_r)
#undef localtime
#define localtime(...) BANNED(localtime, localtime_r)
#undef ctime
#define ctime(...) BANNED(ctime, strftime)
#undef asctime
#define asctime(...) BANNED(asctime, strftime)
#undef strerror
#define strerror(...) BANNED(strerror, strerror_r)

#endif
