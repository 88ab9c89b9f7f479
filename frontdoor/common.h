#pragma once
/* Members that a request of every kind may have: schemas/job.json. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct common_schema;
struct error;
struct json;
struct problem;

struct common {
    const char *priority;  /* a constant */
    int64_t not_before_ms; /* wall clock; 0 = now */
    bool cancel_on_disconnect;
};

int common_new(struct common_schema **ret_schema, struct error *error) MUST_CHECK;
struct common_schema *common_free(struct common_schema *schema);

/* -EINVAL and error when the kind's schema (a whole document) has a member of such a name. */
int common_admit(const struct common_schema *schema, const char *kind, const struct json *document,
                 struct error *error) MUST_CHECK;

/* Reads the members; faults are added to `problem`. Returns the request without them, NULL when it
 * has none of them. */
struct json *common_take(const struct common_schema *schema, const struct json *request,
                         struct common *ret_common, struct problem *problem);
