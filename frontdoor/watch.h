#pragma once
/* Readers of a job's events over HTTP: SSE or NDJSON, from a cursor, to the end of the job. */

#include <stdint.h>

#include "base.h"
#include "terms.h"

struct caller;
struct door;
struct http_exchange;
struct watch;
struct watches;

struct watches *watches_new(struct door *door);
struct watches *watches_free(struct watches *watches); /* after the server is gone */
DEFINE_FREEP(watches)
size_t watches_count(const struct watches *watches);
/* Tells every open stream that the door is shutting down and where to go on, and ends it. */
void watches_drain(struct watches *watches);

/* Ends the open streams of a key that is gone. */
void watches_revoke(struct watches *watches, const struct caller *caller);

struct watch_for {
    const struct caller *caller; /* lives as long as the door */
    const char *id;              /* copied */
    enum terms_format format;
    uint64_t after;
    uint32_t types; /* bits 1 << enum event_type that are wanted; 0 = all */
};

/* Answers GET …/events and POSTs that replay an earlier job. The job and the cursor are checked
 * first: 404, 410, 400, 204 or 503 instead of a stream. headers: further lines for the head of the
 * stream, copied. */
void watch_open(struct door *door, struct http_exchange *exchange, const struct watch_for *what,
                const char *headers);

/* For a job that is about to be enqueued: opens the subscription ahead. fn runs when the job's
 * first event came before the reply to its enqueue: it calls watch_begin() or watch_free(). */
typedef void watch_accepted_fn(void *arg);
struct watch *watch_prepare(struct door *door, const struct watch_for *what, watch_accepted_fn *fn,
                            void *arg);
/* The job is to be cancelled when nobody reads it: before watch_begin(). */
void watch_count(struct watch *watch);
/* The job was accepted: the stream begins at once. The watch owns the exchange and itself from here
 * on. */
void watch_begin(struct watch *watch, struct http_exchange *exchange, const char *headers);
struct watch *watch_free(struct watch *watch); /* for one that did not begin */
DEFINE_FREEP(watch)
