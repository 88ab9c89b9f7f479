#pragma once
/* Calls we do not use, and what to use instead: buf_*, text_*, clock_*, run_random(), fetch. */

#ifndef PARLEY_ALLOW_BANNED
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok strtok_r gets atoi atol   \
    atof
#pragma GCC poison rand srand random drand48 localtime gmtime ctime asctime popen
#endif
