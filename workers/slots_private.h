#pragma once
/* What slots.c (wishes and rights) and slots_call.c (what is said to Redis about them) share. */

#include <sys/queue.h>

#include "loop.h"
#include "slots.h"

#define SLOTS_MAX_TICKETS 6  /* of a flow */
#define SLOTS_LEASE_MS 30000 /* as slots.lua */
#define SLOTS_MARGIN_MS 5000 /* we stop so long before the lease ends */
#define SLOTS_PERMIT_BYTES 192

struct flow;
struct pool;
struct provider;

/* A wish that stands in Redis. Its name decides nothing about who will be served. */
struct ticket {
    TAILQ_ENTRY(ticket) link; /* in its flow, or among the pool's ghosts */
    struct pool *pool;
    struct flow *flow; /* NULL: a ghost, gone but for the reply to its acquire */
    uint64_t seq;
    bool asking; /* the reply to its acquire is outstanding */
    char permit[SLOTS_PERMIT_BYTES];
};
TAILQ_HEAD(ticket_list, ticket);

struct slot {
    TAILQ_ENTRY(slot) link;      /* in the pool: waiting or held */
    TAILQ_ENTRY(slot) flow_link; /* while waiting */
    struct pool *pool;
    struct flow *flow;          /* while waiting */
    const struct slot_ops *ops; /* NULL: its owner is done, the slot lingers */
    void *arg;
    int64_t tokens;
    uint64_t tag;    /* its start among the pool's wishes */
    int64_t told_ms; /* of the last on_waiting */
    bool held;
    bool told;                       /* its owner knows that it is granted */
    char permit[SLOTS_PERMIT_BYTES]; /* while held */
    int64_t granted_ms;
    struct loop_later granted; /* on_granted is called from the loop */
    struct loop_timer linger;
};
TAILQ_HEAD(slot_list, slot);

struct flow {
    TAILQ_ENTRY(flow) link;
    struct pool *pool;
    char *name;
    struct slot_list waiting;
    struct ticket_list tickets;
    size_t n_waiting, n_tickets;
    uint64_t finish; /* the tag of its next wish, unless the pool is further */
};

struct pool {
    struct slots *slots;
    const struct provider *provider; /* borrowed from the configuration */
    TAILQ_HEAD(, flow) flows;
    struct ticket_list ghosts;
    struct slot_list waiting; /* by tag, then as they came */
    struct slot_list held;
    uint64_t virtual; /* the highest tag served */
    size_t n_held, n_tickets;
    bool held_before; /* a slot of this provider was ours once */
    bool rated;       /* requests or tokens a minute are limited: each call needs its own grant */
    bool syncing;
    int64_t synced_ms;       /* when the last report was sent that Redis acknowledged */
    int64_t sync_sent_ms;    /* of the one under way */
    int64_t paused_until_ms; /* monotonic; what our own calls were told */
    struct loop_timer pump;
    struct loop_later trim;
};

struct slots {
    struct loop *loop;   /* borrowed */
    struct redis *redis; /* borrowed */
    char *worker;
    int64_t epoch;
    uint64_t seq;
    struct pool *pools;
    size_t n_pools;
    int64_t
        awake_ms; /* when the last beat was: what came after a long sleep is not to be trusted */
    struct loop_timer beat;
};

/* ---- slots_call.c: commands, and their answers turned into the calls below ---- */

/* outcome: as slots.lua has it. Repeated over reconnects: a slot that is not given back is lost
 * for a lease. */
void slots_say_release(struct pool *pool, const char *permit, const char *outcome, int64_t tokens,
                       int64_t pause_ms);
void slots_say_acquire(struct ticket *ticket, int64_t tokens);
/* Withdraws and drops the tickets that flows have beyond their wishes. */
void slots_say_withdraw(struct pool *pool);
void slots_say_pump(struct pool *pool);
void slots_say_sync(struct pool *pool);
void slots_say_suspects(struct pool *pool);
void slots_say_hello(struct pool *pool);

/* ---- slots.c ---- */

void slots_on_grant(struct pool *pool, struct span permit);
void slots_on_waiting(struct pool *pool, const struct slot_wait *wait);
/* Out of its flow; freed, or kept as a ghost until its acquire is answered. */
void slots_drop_ticket(struct ticket *ticket);
