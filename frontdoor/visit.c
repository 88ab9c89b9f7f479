/* A request that waits for Redis: the one place where "the client left" meets "the answer came". */
#include "visit.h"

#include "door.h"
#include "http.h"

static void release(struct visit *visit)
{
    if (visit->exchange || visit->n_asked > 0)
        return;
    LIST_REMOVE(visit, link);
    visit->free_fn(visit);
}

static void on_close(void *user)
{
    struct visit *visit = user;

    visit->exchange = NULL;
    release(visit);
}

void visit_init(struct visit *visit, struct door *door, struct http_exchange *exchange,
                void (*free_fn)(struct visit *visit))
{
    *visit = (struct visit){.door = door, .exchange = exchange, .free_fn = free_fn};
    LIST_INSERT_HEAD(&door->visits, visit, link);
    http_set_user(exchange, visit, on_close);
}

void visit_asked(struct visit *visit)
{
    visit->n_asked++;
}

bool visit_heard(struct visit *visit)
{
    visit->n_asked--;
    if (visit->exchange)
        return true;
    release(visit);
    return false;
}

void visit_over(struct visit *visit)
{
    visit->exchange = NULL;
    release(visit);
}

void visit_abandon(struct visit *visit)
{
    visit->exchange = NULL;
    visit->n_asked = 0;
    release(visit);
}
