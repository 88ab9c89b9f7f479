/* A worker's end of the provider limiter.
 *
 * A slot is one call's wish and then its right. Wishes wait in two lists, their flow's and their
 * pool's; a flow has at most MAX_TICKETS tickets standing in Redis for all its wishes, so that an
 * idle fleet's first boardroom does not take every slot. A ticket is a permit's name; which wish it
 * will serve is decided when it is granted. A pool (one provider) owns its flows and tickets; a
 * slot belongs to the slots until it is released or lost. The beat reports everything; what Redis
 * grants without our knowing comes back with its answer. */
#include "slots.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "loop.h"
#include "provider.h"
#include "redis.h"
#include "text.h"

#define MAX_TICKETS 6   /* of a flow */
#define QUANTUM_MS 100  /* how long a grant may be used for the next call */
#define LEASE_MS 30000  /* as slots.lua */
#define MARGIN_MS 5000  /* we stop so long before the lease ends */
#define SUSPECT_MS 5000 /* deaf for so long = dead; longer than a reconnect takes */
#define WAITING_MS 1000 /* between two on_waiting of a slot */
#define MAX_SYNC 1000   /* permits and tickets of a provider told in one call */
#define PERMIT_BYTES 192
#define NUMBER_BYTES 24

static const char *const outcome_names[] = {"ok", "overloaded", "failed"};
_Static_assert(ARRAY_SIZE(outcome_names) == SLOT_OUTCOME_COUNT_, "an outcome has no name");

struct flow;
struct pool;

struct ticket {
    TAILQ_ENTRY(ticket) link; /* in its flow */
    struct flow *flow;
    char permit[PERMIT_BYTES];
};

struct slot {
    TAILQ_ENTRY(slot) link;      /* in the pool: waiting or held */
    TAILQ_ENTRY(slot) flow_link; /* while waiting */
    struct pool *pool;
    struct flow *flow; /* while waiting */
    const struct slot_ops *ops;
    void *arg;
    int64_t tokens;
    int64_t told_ms; /* of the last on_waiting */
    bool held;
    char permit[PERMIT_BYTES]; /* while held */
    int64_t granted_ms;
    struct loop_later granted; /* on_granted is called from the loop */
};
TAILQ_HEAD(slot_list, slot);

struct flow {
    TAILQ_ENTRY(flow) link;
    struct pool *pool;
    char *name;
    struct slot_list waiting;
    TAILQ_HEAD(, ticket) tickets;
    size_t n_waiting, n_tickets;
};

struct pool {
    struct slots *slots;
    const struct provider *provider; /* borrowed from the configuration */
    TAILQ_HEAD(, flow) flows;
    struct slot_list waiting, held;
    size_t n_held;
    bool syncing;
    int64_t synced_ms; /* last time Redis acknowledged what we hold */
    struct loop_timer pump;
};

struct slots {
    struct loop *loop;   /* borrowed */
    struct redis *redis; /* borrowed */
    char *worker;
    int64_t epoch;
    uint64_t seq;
    struct pool *pools;
    size_t n_pools;
};

static struct span number(int64_t value, char out[NUMBER_BYTES])
{
    int n = snprintf(out, NUMBER_BYTES, "%lld", (long long)value);

    return (struct span){out, (size_t)n};
}

/* ---- calls ---- */

static void arm_pump(struct pool *pool, int64_t ms)
{
    if (ms > 0)
        loop_timer_set(&pool->pump, ms);
}

static void on_pumped(const struct reply *reply, void *arg)
{
    if (reply && reply->type == REPLY_INTEGER)
        arm_pump(arg, reply->integer);
}

static void pump(void *arg)
{
    struct pool *pool = arg;
    struct span argv[] = {SPAN("FCALL"), SPAN("parley1_slots_pump"), SPAN("0"),
                          span_of(pool->provider->name)};

    redis_command(pool->slots->redis, REDIS_ONCE, on_pumped, pool, ARRAY_SIZE(argv), argv);
}

/* Repeated over reconnects: a slot that is not given back is lost for a lease. */
static void give_back(struct pool *pool, const char *permit, const char *outcome, int64_t tokens,
                      int64_t pause_ms)
{
    char numbers[2][NUMBER_BYTES];
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_slots_release"),
        SPAN("0"),
        span_of(pool->provider->name),
        span_of(permit),
        span_of(outcome),
        tokens >= 0 ? number(tokens, numbers[0]) : SPAN(""),
        number(pause_ms, numbers[1]),
    };

    redis_command(pool->slots->redis, REDIS_REPEAT, on_pumped, pool, ARRAY_SIZE(argv), argv);
}

/* ---- tickets and grants ---- */

static void free_ticket(struct ticket *ticket)
{
    TAILQ_REMOVE(&ticket->flow->tickets, ticket, link);
    ticket->flow->n_tickets--;
    free(ticket);
}

static struct ticket *find_ticket(struct pool *pool, struct span permit)
{
    struct flow *flow;
    struct ticket *ticket;

    TAILQ_FOREACH(flow, &pool->flows, link)
    TAILQ_FOREACH(ticket, &flow->tickets, link)
    if (span_equal(permit, span_of(ticket->permit)))
        return ticket;
    return NULL;
}

static void stop_waiting(struct slot *slot)
{
    TAILQ_REMOVE(&slot->pool->waiting, slot, link);
    TAILQ_REMOVE(&slot->flow->waiting, slot, flow_link);
    slot->flow->n_waiting--;
    slot->flow = NULL;
}

static void tell_granted(void *arg)
{
    struct slot *slot = arg;

    slot->ops->on_granted(slot->arg);
}

static void grant(struct slot *slot, const char *permit, int64_t granted_ms)
{
    struct pool *pool = slot->pool;

    stop_waiting(slot);
    slot->held = true;
    slot->granted_ms = granted_ms;
    (void)snprintf(slot->permit, sizeof(slot->permit), "%s", permit);
    if (pool->n_held++ == 0 && !pool->syncing)
        pool->synced_ms = clock_monotonic_ms();
    TAILQ_INSERT_TAIL(&pool->held, slot, link);
    loop_later_set(&slot->granted, pool->slots->loop);
}

static void ask_tickets(struct flow *flow);

/* A permit of ours was granted: it serves its flow's longest wish, else the pool's, else nobody's.
 */
static void on_grant(struct pool *pool, struct span permit)
{
    struct ticket *ticket = find_ticket(pool, permit);
    char *name CLEANUP(charp_freep) = xspandup(permit);
    struct slot *slot = NULL;

    if (ticket) {
        struct flow *flow = ticket->flow;
        slot = TAILQ_FIRST(&flow->waiting);
        free_ticket(ticket);
        if (!slot)
            slot = TAILQ_FIRST(&pool->waiting);
    }
    if (!slot) {
        give_back(pool, name, "unused", -1, 0);
        return;
    }
    struct flow *served = slot->flow;
    grant(slot, name, clock_monotonic_ms());
    ask_tickets(served);
}

static void tell_waiting(struct pool *pool, const struct reply *reply)
{
    struct slot_wait wait = {
        .provider = pool->provider->name,
        .ahead = reply->items[1]->integer,
        .in_use = reply->items[3]->integer,
        .limit = reply->items[4]->integer,
        .paused_ms = reply->items[5]->integer,
    };
    int64_t now_ms = clock_monotonic_ms();
    struct slot *slot, *next;

    for (slot = TAILQ_FIRST(&pool->waiting); slot; slot = next) {
        next = TAILQ_NEXT(slot, link);
        if (!slot->ops->on_waiting || now_ms - slot->told_ms < WAITING_MS)
            continue;
        slot->told_ms = now_ms;
        slot->ops->on_waiting(&wait, slot->arg);
    }
}

struct asked {
    struct pool *pool;
    char permit[PERMIT_BYTES];
};

static void on_asked(const struct reply *reply, void *arg)
{
    struct asked *asked = arg;
    struct pool *pool = asked->pool;

    /* No answer: the ticket stands in our books, and the next beat puts it right. */
    if (reply && reply->type == REPLY_ARRAY && reply->n == 1) {
        on_grant(pool, span_of(asked->permit));
    } else if (reply && reply->type == REPLY_ARRAY && reply->n == 6) {
        arm_pump(pool, reply->items[2]->integer);
        tell_waiting(pool, reply);
    } else if (reply && reply->type == REPLY_ERROR) {
        log_error("event=redis.refused error=\"%s\"", reply->text.at);
    }
    free(asked);
}

static void ask_ticket(struct flow *flow, int64_t tokens)
{
    struct pool *pool = flow->pool;
    struct slots *slots = pool->slots;
    struct ticket *ticket = xcalloc(1, sizeof(*ticket));
    struct asked *asked = xcalloc(1, sizeof(*asked));

    ticket->flow = flow;
    (void)snprintf(ticket->permit, sizeof(ticket->permit), "%s#%lld.%llu#%lld", slots->worker,
                   (long long)slots->epoch, (unsigned long long)++slots->seq, (long long)tokens);
    TAILQ_INSERT_TAIL(&flow->tickets, ticket, link);
    flow->n_tickets++;
    asked->pool = pool;
    memcpy(asked->permit, ticket->permit, sizeof(asked->permit));
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_slots_acquire"),
        SPAN("0"),
        span_of(pool->provider->name),
        span_of(ticket->permit),
        span_of(flow->name),
        SPAN("1"),
    };
    redis_command(slots->redis, REDIS_ONCE, on_asked, asked, ARRAY_SIZE(argv), argv);
}

static void ask_tickets(struct flow *flow)
{
    const struct slot *slot = TAILQ_FIRST(&flow->waiting);

    while (slot && flow->n_tickets < flow->n_waiting && flow->n_tickets < MAX_TICKETS)
        ask_ticket(flow, slot->tokens);
}

/* ---- slots ---- */

static struct pool *find_pool(struct slots *slots, struct span name)
{
    for (size_t i = 0; i < slots->n_pools; i++)
        if (span_equal(name, span_of(slots->pools[i].provider->name)))
            return &slots->pools[i];
    return NULL;
}

static struct flow *get_flow(struct pool *pool, const char *name)
{
    struct flow *flow;

    TAILQ_FOREACH(flow, &pool->flows, link)
    if (strcmp(flow->name, name) == 0)
        return flow;
    flow = xcalloc(1, sizeof(*flow));
    flow->pool = pool;
    flow->name = xstrdup(name);
    TAILQ_INIT(&flow->waiting);
    TAILQ_INIT(&flow->tickets);
    TAILQ_INSERT_TAIL(&pool->flows, flow, link);
    return flow;
}

static void free_flow(struct flow *flow)
{
    TAILQ_REMOVE(&flow->pool->flows, flow, link);
    free(flow->name);
    free(flow);
}

struct slot *slots_acquire(struct slots *slots, const char *provider, const char *flow,
                           int64_t tokens, const struct slot_ops *ops, void *arg)
{
    struct slot *slot = xcalloc(1, sizeof(*slot));

    slot->pool = find_pool(slots, span_of(provider));
    assert(slot->pool);
    slot->flow = get_flow(slot->pool, flow);
    slot->ops = ops;
    slot->arg = arg;
    slot->tokens = tokens;
    loop_later_init(&slot->granted, tell_granted, slot);
    TAILQ_INSERT_TAIL(&slot->pool->waiting, slot, link);
    TAILQ_INSERT_TAIL(&slot->flow->waiting, slot, flow_link);
    slot->flow->n_waiting++;
    ask_tickets(slot->flow);
    return slot;
}

static void free_slot(struct slot *slot)
{
    loop_later_clear(&slot->granted);
    if (slot->held) {
        TAILQ_REMOVE(&slot->pool->held, slot, link);
        slot->pool->n_held--;
    } else {
        stop_waiting(slot);
    }
    free(slot);
}

/* The grant of a call that ended well and quickly serves the pool's longest wish at once. */
static bool use_again(struct slot *slot)
{
    struct pool *pool = slot->pool;
    struct slot *next = TAILQ_FIRST(&pool->waiting);

    if (!next || clock_monotonic_ms() - slot->granted_ms >= QUANTUM_MS || pool->provider->rpm > 0 ||
        pool->provider->tpm > 0)
        return false;
    grant(next, slot->permit, slot->granted_ms);
    return true;
}

struct slot *slots_release(struct slot *slot, enum slot_outcome outcome, int64_t tokens,
                           int64_t pause_ms)
{
    if (slot && slot->held && !(outcome == SLOT_OK && use_again(slot)))
        give_back(slot->pool, slot->permit, outcome_names[outcome], tokens, pause_ms);
    if (slot)
        free_slot(slot);
    return NULL;
}

void slots_hint(struct slots *slots, struct span provider, struct span permit)
{
    struct pool *pool = find_pool(slots, provider);

    if (pool)
        on_grant(pool, permit);
}

/* ---- the beat ---- */

/* Nobody acknowledged for most of a lease: others may be using our slots by now. */
static void lose_held(struct pool *pool)
{
    struct slot *slot;

    log_warn("event=slots.lost provider=%s held=%zu", pool->provider->name, pool->n_held);
    while ((slot = TAILQ_FIRST(&pool->held))) {
        const struct slot_ops *ops = slot->ops;
        void *slot_arg = slot->arg;
        free_slot(slot);
        ops->on_lost(slot_arg);
    }
}

static void on_synced(const struct reply *reply, void *arg)
{
    struct pool *pool = arg;

    pool->syncing = false;
    if (!reply || reply->type != REPLY_ARRAY)
        return;
    pool->synced_ms = clock_monotonic_ms();
    arm_pump(pool, reply->items[0]->integer);
    for (size_t i = 1; i < reply->n; i++)
        on_grant(pool, reply->items[i]->text);
}

static void sync_pool(struct pool *pool)
{
    struct span argv[6 + 4 * MAX_SYNC] = {SPAN("FCALL"), SPAN("parley1_slots_sync"), SPAN("0")};
    char *self CLEANUP(charp_freep) =
        xprintf("%s#%lld", pool->slots->worker, (long long)pool->slots->epoch);
    char count[NUMBER_BYTES];
    size_t n = 6;
    struct slot *slot;
    struct flow *flow;
    struct ticket *ticket;

    argv[3] = span_of(pool->provider->name);
    argv[4] = span_of(self);
    TAILQ_FOREACH(slot, &pool->held, link)
    if (n < 6 + MAX_SYNC)
        argv[n++] = span_of(slot->permit);
    argv[5] = number((int64_t)n - 6, count);
    TAILQ_FOREACH(flow, &pool->flows, link)
    TAILQ_FOREACH(ticket, &flow->tickets, link)
    if (n + 3 <= ARRAY_SIZE(argv)) {
        argv[n++] = span_of(ticket->permit);
        argv[n++] = span_of(flow->name);
        argv[n++] = SPAN("1");
    }
    pool->syncing = true;
    redis_command(pool->slots->redis, REDIS_ONCE, on_synced, pool, n, argv);
}

static void sweep_flows(struct pool *pool)
{
    struct flow *flow, *next;

    for (flow = TAILQ_FIRST(&pool->flows); flow; flow = next) {
        next = TAILQ_NEXT(flow, link);
        if (flow->n_waiting == 0 && flow->n_tickets == 0)
            free_flow(flow);
    }
}

void slots_beat(struct slots *slots)
{
    int64_t now_ms = clock_monotonic_ms();

    for (size_t i = 0; i < slots->n_pools; i++) {
        struct pool *pool = &slots->pools[i];

        sweep_flows(pool);
        if (pool->n_held > 0 && now_ms - pool->synced_ms > LEASE_MS - MARGIN_MS)
            lose_held(pool);
        if (!pool->syncing && (pool->n_held > 0 || !TAILQ_EMPTY(&pool->flows)))
            sync_pool(pool);
    }
}

void slots_reap(struct slots *slots)
{
    char grace[NUMBER_BYTES];

    for (size_t i = 0; i < slots->n_pools; i++) {
        const struct provider *provider = slots->pools[i].provider;
        struct span argv[] = {SPAN("FCALL"), SPAN("parley1_slots_suspects"), SPAN("0"),
                              span_of(provider->name), number(SUSPECT_MS, grace)};
        if (provider->configured)
            redis_command(slots->redis, REDIS_ONCE, NULL, NULL, ARRAY_SIZE(argv), argv);
    }
}

/* ---- life ---- */

static void announce(struct pool *pool)
{
    const struct slots *slots = pool->slots;
    char numbers[4][NUMBER_BYTES];
    struct span name = span_of(pool->provider->name);
    struct span configure[] = {
        SPAN("FCALL"),
        SPAN("parley1_slots_configure"),
        SPAN("0"),
        name,
        number(pool->provider->concurrency, numbers[0]),
        number(pool->provider->rpm, numbers[1]),
        number(pool->provider->tpm, numbers[2]),
    };
    struct span takeover[] = {
        SPAN("FCALL"), SPAN("parley1_slots_takeover"), SPAN("0"),
        name,          span_of(slots->worker),         number(slots->epoch, numbers[3])};

    redis_command(slots->redis, REDIS_REPEAT, NULL, NULL, ARRAY_SIZE(configure), configure);
    redis_command(slots->redis, REDIS_REPEAT, on_pumped, pool, ARRAY_SIZE(takeover), takeover);
}

struct slots *slots_new(struct loop *loop, struct redis *redis, const char *worker,
                        const struct provider_set *providers)
{
    struct slots *slots = xcalloc(1, sizeof(*slots));

    slots->loop = loop;
    slots->redis = redis;
    slots->worker = xstrdup(worker);
    slots->epoch = clock_wall_ms();
    while (provider_at(providers, slots->n_pools))
        slots->n_pools++;
    slots->pools = xcalloc(slots->n_pools, sizeof(*slots->pools));
    for (size_t i = 0; i < slots->n_pools; i++) {
        struct pool *pool = &slots->pools[i];
        pool->slots = slots;
        pool->provider = provider_at(providers, i);
        TAILQ_INIT(&pool->flows);
        TAILQ_INIT(&pool->waiting);
        TAILQ_INIT(&pool->held);
        loop_timer_init(&pool->pump, loop, pump, pool);
        if (pool->provider->configured)
            announce(pool);
    }
    return slots;
}

static void free_pool(struct pool *pool)
{
    struct slot *slot;
    struct flow *flow;
    struct ticket *ticket;

    loop_timer_clear(&pool->pump);
    while ((slot = TAILQ_FIRST(&pool->held)) || (slot = TAILQ_FIRST(&pool->waiting)))
        free_slot(slot);
    while ((flow = TAILQ_FIRST(&pool->flows))) {
        while ((ticket = TAILQ_FIRST(&flow->tickets)))
            free_ticket(ticket);
        free_flow(flow);
    }
}

struct slots *slots_free(struct slots *slots)
{
    if (!slots)
        return NULL;
    for (size_t i = 0; i < slots->n_pools; i++)
        free_pool(&slots->pools[i]);
    free(slots->pools);
    free(slots->worker);
    free(slots);
    return NULL;
}
