#pragma once
/* A bell that any thread may ring and the loop hears: how work on threads of its own says that
 * there is news. Rings that come before the loop has heard the first are one. */

#include "loop.h"

/* Embedded; the owner clears it when no thread can ring it any more. Private. */
struct bell {
    struct event event;
    int fd;
    loop_fn *fn;
    void *arg;
};

/* fn is called on the loop after a ring. */
void bell_init(struct bell *bell, struct loop *loop, loop_fn *fn, void *arg);
void bell_ring(const struct bell *bell); /* from any thread */
void bell_clear(struct bell *bell);
