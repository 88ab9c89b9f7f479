#pragma once
/* Whether an attempt that failed is tried again, and when. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lease.h"

struct run;

/* Of the kind. */
struct retry_policy {
    int64_t max_attempts; /* deaths of workers count too */
    int64_t base_ms;      /* of the first pause; doubled with each attempt */
    int64_t per_minute;   /* retries of all the kind's jobs together */
};

/* The run failed with an error that another attempt may not meet. */
bool retry_helps(const struct run *run);
/* Ends the attempt: Redis tries again after a pause, or fails the job when attempts or retries are
 * used up. Returns how many times fn will be called with the run. */
size_t retry_write(struct run *run, const struct lease_end *end, lease_fn *fn);
