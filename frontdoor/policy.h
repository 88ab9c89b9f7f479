#pragma once
/* What the door knows of each kind: its request schema and the x-… members beside it. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct common_schema;
struct error;
struct json;
struct policies;
struct schema;

/* How often a tenant may submit such a request: x-rates. */
struct policy_rate {
    const char *name;
    const struct json *when; /* members the request has; NULL: any request */
    int64_t per_s, burst;
};
#define POLICY_MAX_RATES 8

/* A result that is more than JSON, x-media {type, member, alt}: its member, in base64, has these
 * bytes of a media type of its own, and another one says in words what they show. */
struct policy_media {
    const char *type, *member, *alt; /* type NULL: there is none */
};

struct policy {
    const char *kind;
    bool internal;               /* x-internal: only other jobs have such jobs */
    const struct schema *schema; /* of the request */
    int64_t deadline_ms;         /* x-deadline_s */
    int64_t wait_default_s;      /* x-wait_default_s: of routes that wait by default */
    int64_t max_log_bytes;       /* x-max_log_bytes: the oldest events go; 0 = the usual */
    size_t max_body_bytes;       /* of all that is read: x-max_body_bytes and the large member's */
    /* x-large_member {name, max_bytes}: a member with a limit of its own; NULL: none. */
    const char *large_member;
    size_t max_large_bytes;
    struct policy_media media;
    size_t n_rates;
    struct policy_rate rates[POLICY_MAX_RATES]; /* the first that fits counts */
};

#define POLICY_MAX_BODY_BYTES (256u << 10)

/* Reads every embedded schema. -EINVAL + error (ERROR_CONFIG) when one does not load. */
int policies_new(struct policies **ret_policies, struct error *error) MUST_CHECK;
struct policies *policies_free(struct policies *policies);
DEFINE_FREEP(policies)
/* NULL when there is no such kind, or it is internal. */
const struct policy *policy_find(const struct policies *policies, struct span kind);
/* The rate that counts for the request, NULL when there is none. */
const struct policy_rate *policy_rate_of(const struct policy *policy, const struct json *request);
const struct common_schema *policy_common(const struct policies *policies);
/* "debate, montecarlo, …", for messages. */
const char *policy_names(const struct policies *policies);
