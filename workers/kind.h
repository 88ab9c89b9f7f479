#pragma once
/* A kind of job: a name and a table of steps (style.md 8). Its policy (deadline, attempts, largest
 * body) stands in schemas/<kind>.json as x-… members, so that the door reads it without knowing the
 * kind. */

#include <stdbool.h>

#include "base.h"

struct error;
struct json;
struct run;

enum step_result {
    STEP_NEXT,  /* done, the next step runs at once */
    STEP_WAIT,  /* something asked is not answered yet; called again when it is */
    STEP_AGAIN, /* a slice of CPU work (~5 ms) is done, more to do; called again next turn */
    STEP_FAIL,  /* run_fail() has said why */
};

typedef enum step_result step_fn(struct run *run);

struct step {
    const char *name;
    step_fn *fn;
};

struct kind {
    const char *name;
    const struct step *steps; /* ends with {NULL, NULL} */
    /* Turns the request, already checked against the schema, into what the steps read. On failure
     * -EINVAL and error: the job fails with it. The state is freed by `free_state`. */
    int (*prepare)(struct run *run, const struct json *request, void **ret_state,
                   struct error *error);
    void (*free_state)(void *state);
    /* Reads what its jobs may name beside their requests from a path, NULL = none given; once, when
     * the worker starts, for run_library(). -errno after saying on standard error what is wrong.
     * NULL = there is nothing. */
    int (*load)(const char *path, void **ret_library);
    void (*unload)(void *library);
    /* The job ends before its steps do (cancelled, expired): sets the result so far, if there is
     * one. NULL = there never is. */
    void (*cut_short)(struct run *run);
    /* A kind that a worker of this one serves as well, in places of its own: that of the children
     * its jobs wait for, so that a fleet of one worker can end them, or that which keeps fresh what
     * its jobs read. NULL = none. */
    const char *also;
    /* It can do without a model's answer: a call that the budget does not allow is a failed answer,
     * unless the request wants otherwise. */
    bool without_model;
};

/* The kinds of meson.build's list, NULL at the end. */
extern const struct kind *const kinds[];
const struct kind *kind_find(struct span name);
