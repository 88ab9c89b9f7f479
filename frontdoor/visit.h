#pragma once
/* A request that waits for Redis. Embedded in what its handler has to remember.
 *
 * It lives until its exchange is over and every question it asked is answered, whichever comes
 * last: Redis cannot be told to forget a question. */

#include <stdbool.h>
#include <sys/queue.h>

#include "base.h"

struct door;
struct http_exchange;

struct visit {
    struct door *door;              /* borrowed: the door frees the visits left when it ends */
    struct http_exchange *exchange; /* NULL: answered, given away, or the client left */
    /* private */
    void (*free_fn)(struct visit *visit);
    unsigned n_asked;
    LIST_ENTRY(visit) link;
};

/* free_fn releases the object the visit is embedded in. */
void visit_init(struct visit *visit, struct door *door, struct http_exchange *exchange,
                void (*free_fn)(struct visit *visit));
/* A question goes out; each call is matched by one visit_heard() in its callback. */
void visit_asked(struct visit *visit);
/* The answer came. false: nobody waits for it any more, and the visit may be freed already. */
bool visit_heard(struct visit *visit) MUST_CHECK;
/* The exchange was answered or given to another owner. The visit may be freed by this. */
void visit_over(struct visit *visit);
/* For the end of the door, when no callback can come any more. */
void visit_abandon(struct visit *visit);
