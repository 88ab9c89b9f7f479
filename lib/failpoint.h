#pragma once
/* Places where a test may kill the process: between two effects that belong together.
 *
 * In builds with -Dfailpoints=true, PARLEY_FAILPOINT="name" or "name:n" makes the n-th arrival at
 * FAILPOINT("name") end the process as kill -9 would. In other builds a failpoint is nothing. */

#ifdef PARLEY_FAILPOINTS
void failpoint_hit(const char *name);
#define FAILPOINT(name) failpoint_hit(name)
#else
#define FAILPOINT(name) ((void)0)
#endif
