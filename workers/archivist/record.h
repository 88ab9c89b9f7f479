#pragma once
/* A finished job on its way from Redis to the database. */

#include <stdbool.h>

#include "base.h"

struct bill;
struct pg_batch;

/* X(NAME, field of the stream's entry) */
#define RECORD_ENTRY(X)                                                                            \
    X(JOB, "job")                                                                                  \
    X(KIND, "kind")                                                                                \
    X(TENANT, "tenant")                                                                            \
    X(STATE, "state")                                                                              \
    X(COST, "cost_usd")
/* X(NAME, field of the job's hash) */
#define RECORD_HASH(X)                                                                             \
    X(ATTEMPT, "attempt")                                                                          \
    X(CREATED, "created_at")                                                                       \
    X(STARTED, "started_at")                                                                       \
    X(ENDED, "ended_at")                                                                           \
    X(USAGE, "usage")                                                                              \
    X(REQUEST, "payload")                                                                          \
    X(RESULT, "result")                                                                            \
    X(ERROR, "error")

enum record_field {
#define X(name, field) RECORD_##name,
    RECORD_ENTRY(X) RECORD_HASH(X)
#undef X
        RECORD_FIELD_COUNT_
};
#define RECORD_FIRST_OF_HASH RECORD_ATTEMPT

struct record {
    char *entry;                       /* its id in the stream */
    char *fields[RECORD_FIELD_COUNT_]; /* owned; NULL = there is none, or it is empty */
};

void record_deinit(struct record *record);
void record_set(struct record *record, enum record_field field, struct span text);
struct span record_get(const struct record *record, enum record_field field); /* .at may be NULL */

/* Adds the statements that write the job, its bill and its prediction. Done twice they change
 * nothing. */
void record_write(const struct record *record, const struct bill *bill, struct pg_batch *batch);
/* Adds the statement that says why the job is not written. */
void record_refuse(const struct record *record, const char *state, const char *reason,
                   struct pg_batch *batch);

/* ---- forecast.c ---- */

/* The prediction of a job of the kind predict; nothing of any other job. */
void forecast_write(const struct record *record, struct pg_batch *batch);
