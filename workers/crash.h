#pragma once
/* Last words: a worker that dies of its own fault writes down of which signal, and which jobs it
 * had at which steps. One a process: a signal knows no objects. */

#include "base.h"

struct crash_job;
struct lease_site;

/* From now on SIGSEGV, SIGABRT, SIGBUS, SIGFPE and SIGILL write to the file before they kill. path
 * NULL: nothing is written. -errno when the file cannot be made. */
int crash_begin(const char *path) MUST_CHECK;
/* Removes the file: the process ends well. */
void crash_end(const char *path);

/* A job runs here, until crash_leave(). NULL when there are too many. */
struct crash_job *crash_enter(const char *id);
void crash_step(struct crash_job *job,
                const char *step); /* borrowed, a constant; accepts NULL jobs */
struct crash_job *crash_leave(struct crash_job *job);

/* Passes on what the worker wrote into the file before it died, and removes it. */
void crash_tell(const char *path, const char *worker, const struct lease_site *site);
