#pragma once
/* Names of hosts to addresses, on the loop (c-ares: the hosts file, then DNS, A and AAAA). Only
 * resolve.c knows c-ares.
 *
 * Answers are kept for their time to live (1 s to 5 min, a failure 1 s), questions about one name
 * are asked once. When no name server answers, an answer up to an hour old serves: a fleet does not
 * stand still because a name server does. */

#include "base.h"

struct error;
struct lookup; /* one caller that waits */
struct loop;
struct resolver;

struct resolver *resolver_new(struct loop *loop);
struct resolver *resolver_free(struct resolver *resolver); /* nobody is called back */
DEFINE_FREEP(resolver)

/* Asks these name servers ("192.0.2.1,[2001:db8::1]:53") instead of the system's. -EINVAL and
 * error when it is no such list. */
int resolver_servers(struct resolver *resolver, const char *list, struct error *error) MUST_CHECK;

struct resolved {
    int outcome;           /* 0; -ENOENT there is no such name; -EAGAIN no server knew */
    struct span addresses; /* "192.0.2.1,[2001:db8::1]", at most 16 */
    const char *reason;    /* of a failure, in words */
};

typedef void resolved_fn(const struct resolved *resolved, void *arg);

/* on_done is called once, from the loop, never before this returned, not after lookup_cancel(). The
 * lookup is gone after it. */
struct lookup *lookup_start(struct resolver *resolver, const char *host, resolved_fn *on_done,
                            void *arg);
/* Accepts NULL, returns NULL. */
struct lookup *lookup_cancel(struct lookup *lookup);
