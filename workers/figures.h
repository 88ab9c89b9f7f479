#pragma once
/* What a worker counts, and its page of figures. */

#include <stddef.h>
#include <stdint.h>

#include "metrics.h"

struct buf;
struct worker;

/* X(ENUM, wire name): how an attempt at a job ended. */
#define FIGURES_ENDINGS(X)                                                                         \
    X(SUCCEEDED, "succeeded")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(EXPIRED, "expired")                                                                          \
    X(RETRIED, "retried")       /* it failed, and another attempt was asked for */                 \
    X(GIVEN_BACK, "given_back") /* the worker drains */                                            \
    X(LOST, "lost")             /* somebody else has the job now */

enum figures_ending {
#define X(name, wire) ENDED_##name,
    FIGURES_ENDINGS(X)
#undef X
        ENDED_COUNT_
};

/* Of one worker. */
struct run_counts {
    uint64_t claimed, ended[ENDED_COUNT_], fenced, running, places;
};

void figures_write(struct worker *const *workers, size_t n, const struct histogram *lag,
                   struct buf *out);
