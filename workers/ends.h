#pragma once
/* The ends of jobs on their way to Redis: those of one turn of the loop are written in one call,
 * since Redis takes several jobs out of its register for little more than one. */

#include "base.h"
#include "lease.h"

struct loop;
struct ends;

/* site is borrowed. */
struct ends *ends_new(struct loop *loop, const struct lease_site *site);
/* What was not sent is dropped without a call, as what was sent is with the connection. */
struct ends *ends_free(struct ends *ends);

/* The arguments of parley1_finish for one job; they are copied. fn runs once, when it is answered.
 */
void ends_add(struct ends *ends, const char *job_key, const struct span *words, size_t n,
              lease_fn *fn, void *arg);
