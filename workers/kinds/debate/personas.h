#pragma once
/* Who sits on the board: the shipped twelve, and those of the request. */

#include <stdbool.h>

#include "base.h"
#include "debate_limits.h"

struct error;
struct json;

struct persona {
    struct span id, name, role;    /* borrowed from their JSON, or static */
    struct span stance, expertise; /* may be empty */
    struct span provider, model;   /* empty = the request's, else the first configured */
    double temperature;            /* < 0 = not said */
    bool votes;                    /* the shipped chair does not */
    bool doubts; /* is the devil's advocate when there is to be one, like the shipped sceptic */
};

/* The personas of a list, NULL = the shipped ones, all or four of them. -EINVAL and error when they
 * are too few or too many, or two ids are equal. */
int personas_init(const struct json *list, bool all, struct persona personas[DEBATE_MAX_PERSONAS],
                  size_t *ret_n, struct error *error) MUST_CHECK;
/* The shipped ones as a list. */
struct json *personas_shipped(bool all);
