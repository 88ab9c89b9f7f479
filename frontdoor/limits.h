#pragma once
/* How often a tenant, and an address, may submit. Counted in Redis in the same call as the job is
 * enqueued, so that all doors share the buckets. */

#include <stdbool.h>

#include "base.h"
#include "job.h"

struct buf;
struct caller;
struct door;
struct http_exchange;
struct policy;
struct policy_rate;

#define LIMITS_MAX 2
#define LIMITS_KEY_BYTES 160

/* The buckets a submission takes from. */
struct limits {
    size_t n;
    struct job_rate rates[LIMITS_MAX];
    const char *names[LIMITS_MAX]; /* as the client reads them */
    char keys[LIMITS_MAX][LIMITS_KEY_BYTES];
};

/* rate: what the kind's policy says of this request, may be NULL. Points into *ret_limits. */
void limits_of(const struct door *door, const struct http_exchange *exchange,
               const struct caller *caller, const struct policy *policy,
               const struct policy_rate *rate, struct limits *ret_limits);
/* RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers) of the bucket that `state`
 * tells of, and Retry-After when it refused. */
void limits_write(const struct limits *limits, const struct job_rate_state *state, bool refused,
                  struct buf *out);
