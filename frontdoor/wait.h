#pragma once
/* Answers that wait for a job's end: Prefer: wait, and the routes that wait by default. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct caller;
struct door;
struct http_exchange;
struct policy_media;

struct wait_for {
    const struct caller *caller; /* lives as long as the door */
    const char *id, *kind;       /* copied */
    /* In which the result is given; NULL: as JSON. Lives as long as the door. */
    const struct policy_media *media;
    int64_t created_ms; /* wall clock */
    int64_t wait_ms;
    const char *headers; /* further complete lines of the answer, copied */
    /* Reading (GET): the answer is the job object, also when the time is up. */
    bool object;
    const char *known; /* waits for another version than this ETag; NULL: for the job's end */
    uint64_t after;    /* the job's last event that is known */
};

/* For a reader: answers with the job object as soon as there is what it waits for, else as it is
 * then. For a submission: answers with the job's result when it ends within wait_ms, else 202 with
 * the job object as it is then. */
void wait_begin(struct door *door, struct http_exchange *exchange, const struct wait_for *what);
/* The door drains: every waiting client gets its answer now. */
void waits_drain(struct door *door);
