#pragma once
/* Events of a job: one JSON object a line, the same bytes on every wire and in `job:<id>:events`.
 *
 * Redis writes {"type":…,"seq":…,"job":…,"at":…,"attempt":…, and then the members the writer gave
 * ("tail"). This file knows that head, which types exist, and which of them end a job. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

/* X(ENUM, wire name, terminal) */
#define EVENT_TYPES(X)                                                                             \
    X(JOB_QUEUED, "job.queued", false)                                                             \
    X(JOB_WAITING, "job.waiting", false)                                                           \
    X(JOB_STARTED, "job.started", false)                                                           \
    X(JOB_PROGRESS, "job.progress", false)                                                         \
    X(STEP_STARTED, "step.started", false)                                                         \
    X(STEP_DELTA, "step.delta", false)                                                             \
    X(STEP_COMPLETED, "step.completed", false)                                                     \
    X(STEP_FAILED, "step.failed", false)                                                           \
    X(JOB_PARTIAL, "job.partial", false)                                                           \
    X(JOB_RETRYING, "job.retrying", false)                                                         \
    X(JOB_CANCELLING, "job.cancelling", false)                                                     \
    X(JOB_SUCCEEDED, "job.succeeded", true)                                                        \
    X(JOB_FAILED, "job.failed", true)                                                              \
    X(JOB_CANCELLED, "job.cancelled", true)                                                        \
    X(JOB_EXPIRED, "job.expired", true)

enum event_type {
#define X(name, wire, terminal) EVENT_##name,
    EVENT_TYPES(X)
#undef X
        EVENT_TYPE_COUNT_
};

const char *event_name(enum event_type type);
/* Whether an event of this wire name ends the job. */
bool event_is_terminal(struct span name);

/* A list of names as bits 1 << enum event_type; "step.*" is every type of step. -EINVAL: an unknown
 * one, or none. */
int event_types_parse(struct span list, uint32_t *ret_types) MUST_CHECK;
/* Whether the bits have the type of that wire name. */
bool event_types_have(uint32_t types, struct span name);

/* Reads the head of an event's text. -EPROTO when it is not one of ours, on one line. */
int event_head(struct span json, struct span *ret_type, uint64_t *ret_seq) MUST_CHECK;
