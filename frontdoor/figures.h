#pragma once
/* What a door counts, and its page of figures: GET /metrics. */

#include <stdint.h>

#include "base.h"
#include "metrics.h"
#include "routes.h"
#include "terms.h"

struct buf;
struct door;
struct http_ending;
struct http_exchange;

#define FIGURES_STATUS_CLASSES 5

/* X(ENUM, wire name): why a request was refused that was well formed. */
#define FIGURES_REFUSALS(X)                                                                        \
    X(RATE, "rate")   /* of its tenant or address */                                               \
    X(LIMIT, "limit") /* the tenant's open jobs */                                                 \
    X(FULL, "full")   /* the queue */                                                              \
    X(AUTH, "auth")   /* no key, or not a valid one */                                             \
    X(SCOPE, "scope") /* a key that does not allow this */

enum figures_refusal {
#define X(name, wire) REFUSED_##name,
    FIGURES_REFUSALS(X)
#undef X
        REFUSED_COUNT_
};

/* Why the door hung up on a stream; `left` is a client that went by itself. */
#define FIGURES_CLOSINGS(X) X("done") X("draining") X("lagged") X("revoked") X("gone") X("left")
#define X(wire) +1
enum { FIGURES_N_CLOSINGS = 0 FIGURES_CLOSINGS(X) };
#undef X

/* Numbers the door's parts count up; what is only known when the page is made stands in figures.c.
 */
struct figures {
    uint64_t requests[ROUTE_CLASS_COUNT_][FIGURES_STATUS_CLASSES];
    struct histogram request_seconds; /* streams are not in it */
    uint64_t sent_bytes;
    uint64_t refused[REFUSED_COUNT_];
    uint64_t streams[TERMS_FORMAT_COUNT_]; /* open now */
    uint64_t events[TERMS_FORMAT_COUNT_];  /* given to readers */
    uint64_t closings[FIGURES_N_CLOSINGS];
    struct histogram loop_lag;
};

/* A request is over. */
void figures_count(struct figures *figures, enum route_class class,
                   const struct http_ending *ending);
void figures_closed(struct figures *figures, const char *reason);
void figures_write(struct door *door, struct buf *out);
/* The route of /metrics. */
void figures_show(struct door *door, struct http_exchange *exchange,
                  const struct route_match *match);
