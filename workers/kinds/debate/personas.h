#pragma once
/* Who sits on the board: the shipped twelve, and those of the request. */

#include <stdbool.h>

#include "base.h"
#include "debate_limits.h"

struct error;
struct json;

struct persona {
    struct span id, name, role;    /* borrowed from the request, or static */
    struct span stance, expertise; /* may be empty */
    struct span provider, model;   /* empty = the request's, else the first configured */
    double temperature;            /* < 0 = not said */
    bool votes;                    /* the shipped chair does not */
    bool doubts; /* the shipped sceptic: the devil's advocate when there is to be one */
};

/* The request's personas, else the shipped ones of its format. -EINVAL and error when two ids are
 * equal. */
int personas_init(const struct json *request, struct persona personas[DEBATE_MAX_PERSONAS],
                  size_t *ret_n, struct error *error) MUST_CHECK;
