#pragma once
/* A persona's reply, read: what it says, what it answers, why, and whether that is a change. */

#include <stdbool.h>

#include "ballot.h"
#include "base.h"
#include "debate_limits.h"

struct json;

struct verdict {
    bool present;         /* a reply came; nothing else is valid otherwise */
    struct span prose;    /* what stands before the verdict */
    struct span position; /* one sentence; never longer than the reply */
    struct answer answer;
    double confidence; /* 0 to 1; 0.5 when not said */
    struct span reasons[DEBATE_MAX_REASONS];
    size_t n_reasons;
    bool says_change;     /* "change":"change" */
    struct span moved_by; /* id of a reason of the digest, empty = none named */
    struct json *json;    /* private; owned: the spans point into it or into the reply */
};

/* Reads a reply leniently: the last "VERDICT" followed by an object, with or without fences, quotes
 * or trailing words. Without one the answer is not given and the position is the first sentence.
 * The reply must outlive the verdict. */
void verdict_init(struct verdict *verdict, const struct ballot *ballot, struct span reply);
void verdict_deinit(struct verdict *verdict);
