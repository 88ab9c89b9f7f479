#pragma once
/* What the door knows of each kind: its request schema and the x-… members beside it. */

#include <stdint.h>

#include "base.h"

struct common_schema;
struct error;
struct policies;
struct schema;

struct policy {
    const char *kind;
    const struct schema *schema; /* of the request */
    int64_t deadline_ms;         /* x-deadline_s */
    int64_t wait_default_s;      /* x-wait_default_s: of routes that wait by default */
    size_t max_body_bytes;       /* x-max_body_bytes */
};

#define POLICY_MAX_BODY_BYTES (256u << 10)

/* Reads every embedded schema. -EINVAL + error (ERROR_CONFIG) when one does not load. */
int policies_new(struct policies **ret_policies, struct error *error) MUST_CHECK;
struct policies *policies_free(struct policies *policies);
DEFINE_FREEP(policies)
/* NULL when there is no such kind. */
const struct policy *policy_find(const struct policies *policies, struct span kind);
const struct common_schema *policy_common(const struct policies *policies);
/* "debate, montecarlo, …", for messages. */
const char *policy_names(const struct policies *policies);
