#pragma once
/* Answers that wait for a job's end: Prefer: wait, and the routes that wait by default. */

#include <stdint.h>

#include "base.h"

struct door;
struct http_exchange;

struct wait_for {
    const char *id, *kind; /* copied */
    int64_t created_ms;    /* wall clock */
    int64_t wait_ms;
    const char *headers; /* further complete lines of the answer, copied */
};

/* Answers with the job's result when it ends within wait_ms, else 202 with the job object as it is
 * then. */
void wait_begin(struct door *door, struct http_exchange *exchange, const struct wait_for *what);
/* The door drains: every waiting client gets its answer now. */
void waits_drain(struct door *door);
