/* A worker's end of the provider limiter.
 *
 * A slot is one call's wish and then its right. Wishes wait in two lists, their flow's and their
 * pool's. The pool's is ordered by start-time fair queueing over flows, as Redis orders tickets: a
 * slot that is used again never asks Redis, and must not go to whoever has the most wishes. A flow
 * has at most SLOTS_MAX_TICKETS tickets standing in Redis for all its wishes, so that an idle
 * fleet's first boardroom does not take every slot, and never more than it has wishes. A ticket is
 * a permit's name; which wish it will serve is decided when it is granted. A pool (one provider)
 * owns its flows and tickets; a slot belongs to the slots until it is released or lost.
 *
 * The same grant may be told three times: by the reply to its acquire, by a hint and by a report.
 * So a permit we hold is left alone, and one we know nothing of goes back: to give back one that is
 * not held is nothing to Redis. A call that did not end well leaves its slot in use for a moment
 * longer (it lingers), because the provider learns later than we that the call is over. */
#include "slots.h"

#include <assert.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "provider.h"
#include "slots_private.h"
#include "text.h"

#define QUANTUM_MS 200  /* how long a grant may be used for the next call */
#define LINGER_MS 100   /* a provider has seen by then that a connection was closed */
#define BEAT_MS 2000    /* a report is at most so old, if Redis is there */
#define WAITING_MS 1000 /* between two on_waiting of a slot */
#define MAX_HELD 1000   /* of a pool, with tickets: all are told in one report */

static const char *const outcome_names[] = {"ok", "overloaded", "failed"};
_Static_assert(ARRAY_SIZE(outcome_names) == SLOT_OUTCOME_COUNT_, "an outcome has no name");

/* ---- tickets ---- */

void slots_drop_ticket(struct ticket *ticket)
{
    TAILQ_REMOVE(&ticket->flow->tickets, ticket, link);
    ticket->flow->n_tickets--;
    ticket->pool->n_tickets--;
    ticket->flow = NULL;
    if (ticket->asking)
        TAILQ_INSERT_TAIL(&ticket->pool->ghosts, ticket, link);
    else
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

static void ask_tickets(struct flow *flow)
{
    struct pool *pool = flow->pool;
    const struct slot *slot = TAILQ_FIRST(&flow->waiting);

    while (slot && flow->n_tickets < flow->n_waiting && flow->n_tickets < SLOTS_MAX_TICKETS &&
           pool->n_held + pool->n_tickets < MAX_HELD) {
        struct ticket *ticket = xcalloc(1, sizeof(*ticket));
        ticket->pool = pool;
        ticket->flow = flow;
        ticket->seq = ++pool->slots->seq;
        TAILQ_INSERT_TAIL(&flow->tickets, ticket, link);
        flow->n_tickets++;
        pool->n_tickets++;
        slots_say_acquire(ticket, slot->tokens);
    }
}

static void trim(void *arg)
{
    slots_say_withdraw(arg);
}

/* ---- grants ---- */

/* Into the pool's list behind the wishes of its flow, and before those of flows that had more. */
static void start_waiting(struct slot *slot)
{
    struct pool *pool = slot->pool;
    struct flow *flow = slot->flow;
    struct slot *before = TAILQ_LAST(&pool->waiting, slot_list);

    slot->tag = pool->virtual > flow->finish ? pool->virtual : flow->finish;
    flow->finish = slot->tag + 1;
    while (before && before->tag > slot->tag)
        before = TAILQ_PREV(before, slot_list, link);
    if (before)
        TAILQ_INSERT_AFTER(&pool->waiting, before, slot, link);
    else
        TAILQ_INSERT_HEAD(&pool->waiting, slot, link);
    TAILQ_INSERT_TAIL(&flow->waiting, slot, flow_link);
    flow->n_waiting++;
}

static void stop_waiting(struct slot *slot)
{
    struct flow *flow = slot->flow;

    TAILQ_REMOVE(&slot->pool->waiting, slot, link);
    TAILQ_REMOVE(&flow->waiting, slot, flow_link);
    flow->n_waiting--;
    slot->flow = NULL;
    if (flow->n_tickets > flow->n_waiting)
        loop_later_set(&flow->pool->trim, flow->pool->slots->loop);
}

static void tell_granted(void *arg)
{
    struct slot *slot = arg;

    slot->told = true;
    slot->ops->on_granted(slot->arg);
}

static void grant(struct slot *slot, const char *permit, int64_t granted_ms)
{
    struct pool *pool = slot->pool;

    stop_waiting(slot);
    if (slot->tag > pool->virtual)
        pool->virtual = slot->tag;
    slot->held = true;
    slot->granted_ms = granted_ms;
    (void)snprintf(slot->permit, sizeof(slot->permit), "%s", permit);
    if (pool->n_held++ == 0)
        pool->synced_ms = clock_monotonic_ms();
    pool->held_before = true;
    TAILQ_INSERT_TAIL(&pool->held, slot, link);
    loop_later_set(&slot->granted, pool->slots->loop);
}

static bool is_held(const struct pool *pool, struct span permit)
{
    const struct slot *slot;

    TAILQ_FOREACH(slot, &pool->held, link)
    if (span_equal(permit, span_of(slot->permit)))
        return true;
    return false;
}

/* Whether the process slept for so long that what it reads now may be over. */
static bool is_stale(const struct slots *slots)
{
    return clock_monotonic_ms() - slots->awake_ms > SLOTS_LEASE_MS - SLOTS_MARGIN_MS;
}

/* It serves its flow's first wish, else the pool's, else nobody's. */
void slots_on_grant(struct pool *pool, struct span permit)
{
    char *name CLEANUP(charp_freep) = xspandup(permit);
    struct ticket *ticket = find_ticket(pool, span_of(name));
    struct flow *flow = ticket ? ticket->flow : NULL;
    struct slot *slot = NULL;

    if (!ticket && is_held(pool, span_of(name)))
        return;
    if (ticket)
        slots_drop_ticket(ticket);
    if (ticket && !is_stale(pool->slots)) {
        slot = TAILQ_FIRST(&flow->waiting);
        slot = slot ? slot : TAILQ_FIRST(&pool->waiting);
    }
    if (slot)
        grant(slot, name, clock_monotonic_ms());
    else
        slots_say_release(pool, name, "unused", -1, 0);
    if (flow)
        ask_tickets(flow);
}

void slots_on_waiting(struct pool *pool, const struct slot_wait *wait)
{
    int64_t now_ms = clock_monotonic_ms();
    struct slot *slot, *next;

    for (slot = TAILQ_FIRST(&pool->waiting); slot; slot = next) {
        next = TAILQ_NEXT(slot, link);
        if (!slot->ops->on_waiting || now_ms - slot->told_ms < WAITING_MS)
            continue;
        slot->told_ms = now_ms;
        slot->ops->on_waiting(wait, slot->arg);
    }
}

void slots_hint(struct slots *slots, struct span provider, struct span permit)
{
    for (size_t i = 0; i < slots->n_pools; i++)
        if (span_equal(provider, span_of(slots->pools[i].provider->name)))
            slots_on_grant(&slots->pools[i], permit);
}

/* ---- slots ---- */

static struct pool *find_pool(struct slots *slots, const char *name)
{
    size_t i = 0;

    while (i < slots->n_pools && strcmp(slots->pools[i].provider->name, name) != 0)
        i++;
    assert(i < slots->n_pools);
    return &slots->pools[i];
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

static void free_slot(struct slot *slot)
{
    loop_later_clear(&slot->granted);
    loop_timer_clear(&slot->linger);
    if (slot->held) {
        TAILQ_REMOVE(&slot->pool->held, slot, link);
        slot->pool->n_held--;
    } else {
        stop_waiting(slot);
    }
    free(slot);
}

static void end_linger(void *arg)
{
    struct slot *slot = arg;

    slots_say_release(slot->pool, slot->permit, outcome_names[SLOT_FAILED], -1, 0);
    free_slot(slot);
}

struct slot *slots_acquire(struct slots *slots, const char *provider, const char *flow,
                           int64_t tokens, const struct slot_ops *ops, void *arg)
{
    struct slot *slot = xcalloc(1, sizeof(*slot));

    slot->pool = find_pool(slots, provider);
    slot->flow = get_flow(slot->pool, flow);
    slot->ops = ops;
    slot->arg = arg;
    slot->tokens = tokens;
    loop_later_init(&slot->granted, tell_granted, slot);
    loop_timer_init(&slot->linger, slots->loop, end_linger, slot);
    start_waiting(slot);
    ask_tickets(slot->flow);
    return slot;
}

/* The grant of a call that ended well and quickly serves the pool's next wish at once. */
static bool use_again(struct slot *slot)
{
    struct pool *pool = slot->pool;
    struct slot *next = TAILQ_FIRST(&pool->waiting);
    int64_t now_ms = clock_monotonic_ms();

    if (!next || pool->rated || now_ms < pool->paused_until_ms ||
        now_ms - slot->granted_ms >= QUANTUM_MS)
        return false;
    grant(next, slot->permit, slot->granted_ms);
    return true;
}

static void release_held(struct slot *slot, enum slot_outcome outcome, int64_t tokens,
                         int64_t pause_ms)
{
    struct pool *pool = slot->pool;

    if (!slot->told) {
        slots_say_release(pool, slot->permit, "unused", -1, 0);
    } else if (outcome == SLOT_FAILED) {
        slot->ops = NULL;
        loop_timer_set(&slot->linger, LINGER_MS);
        return;
    } else if (outcome != SLOT_OK || !use_again(slot)) {
        slots_say_release(pool, slot->permit, outcome_names[outcome], tokens, pause_ms);
    }
    if (outcome == SLOT_OVERLOADED)
        pool->paused_until_ms =
            clock_monotonic_ms() + (pause_ms > QUANTUM_MS ? pause_ms : QUANTUM_MS);
    free_slot(slot);
}

struct slot *slots_release(struct slot *slot, enum slot_outcome outcome, int64_t tokens,
                           int64_t pause_ms)
{
    if (slot && slot->held)
        release_held(slot, outcome, tokens, pause_ms);
    else if (slot)
        free_slot(slot);
    return NULL;
}

/* ---- the beat ---- */

/* Nobody acknowledged for most of a lease: others may be using our slots by now. */
static void lose_held(struct pool *pool)
{
    struct slot *slot;

    log_warn("event=slots.lost provider=%s held=%zu", pool->provider->name, pool->n_held);
    while ((slot = TAILQ_FIRST(&pool->held))) {
        const struct slot_ops *ops = slot->ops;
        void *arg = slot->arg;
        slots_say_release(pool, slot->permit, outcome_names[SLOT_FAILED], -1, 0);
        free_slot(slot);
        if (ops)
            ops->on_lost(arg);
    }
}

static void sweep_flows(struct pool *pool)
{
    struct flow *flow, *next;

    for (flow = TAILQ_FIRST(&pool->flows); flow; flow = next) {
        next = TAILQ_NEXT(flow, link);
        if (flow->n_waiting == 0 && flow->n_tickets == 0)
            free_flow(flow);
        else
            ask_tickets(flow);
    }
}

static void beat_pool(struct pool *pool)
{
    int64_t now_ms = clock_monotonic_ms();

    if (pool->n_held > 0 && now_ms - pool->synced_ms > SLOTS_LEASE_MS - SLOTS_MARGIN_MS)
        lose_held(pool);
    sweep_flows(pool);
    if (!pool->syncing && (pool->n_held > 0 || !TAILQ_EMPTY(&pool->flows)))
        slots_say_sync(pool);
}

void slots_beat(struct slots *slots)
{
    loop_timer_set(&slots->beat, BEAT_MS);
    for (size_t i = 0; i < slots->n_pools; i++)
        beat_pool(&slots->pools[i]);
    slots->awake_ms = clock_monotonic_ms();
}

static void on_beat(void *arg)
{
    slots_beat(arg);
}

void slots_reap(struct slots *slots)
{
    for (size_t i = 0; i < slots->n_pools; i++)
        if (slots->pools[i].provider->configured)
            slots_say_suspects(&slots->pools[i]);
}

/* ---- life ---- */

static void pump(void *arg)
{
    slots_say_pump(arg);
}

static void init_pool(struct pool *pool, struct slots *slots, const struct provider *provider)
{
    pool->slots = slots;
    pool->provider = provider;
    pool->rated = provider->rpm > 0 || provider->tpm > 0;
    TAILQ_INIT(&pool->flows);
    TAILQ_INIT(&pool->ghosts);
    TAILQ_INIT(&pool->waiting);
    TAILQ_INIT(&pool->held);
    loop_timer_init(&pool->pump, slots->loop, pump, pool);
    loop_later_init(&pool->trim, trim, pool);
    if (provider->configured)
        slots_say_hello(pool);
}

struct slots *slots_new(struct loop *loop, struct redis *redis, const char *worker,
                        const struct provider_set *providers)
{
    struct slots *slots = xcalloc(1, sizeof(*slots));

    slots->loop = loop;
    slots->redis = redis;
    slots->worker = xstrdup(worker);
    slots->epoch = clock_wall_ms();
    slots->awake_ms = clock_monotonic_ms();
    while (provider_at(providers, slots->n_pools))
        slots->n_pools++;
    slots->pools = xcalloc(slots->n_pools, sizeof(*slots->pools));
    for (size_t i = 0; i < slots->n_pools; i++)
        init_pool(&slots->pools[i], slots, provider_at(providers, i));
    loop_timer_init(&slots->beat, loop, on_beat, slots);
    loop_timer_set(&slots->beat, BEAT_MS);
    return slots;
}

void slots_leave(struct slots *slots)
{
    for (size_t i = 0; i < slots->n_pools; i++) {
        struct slot *slot, *next;

        for (slot = TAILQ_FIRST(&slots->pools[i].held); slot; slot = next) {
            next = TAILQ_NEXT(slot, link);
            if (!slot->ops)
                end_linger(slot);
        }
        slots_say_withdraw(&slots->pools[i]);
    }
}

static void free_pool(struct pool *pool)
{
    struct slot *slot;
    struct flow *flow;
    struct ticket *ticket;

    while ((slot = TAILQ_FIRST(&pool->held)) || (slot = TAILQ_FIRST(&pool->waiting)))
        free_slot(slot);
    while ((flow = TAILQ_FIRST(&pool->flows))) {
        while ((ticket = TAILQ_FIRST(&flow->tickets)))
            slots_drop_ticket(ticket);
        free_flow(flow);
    }
    while ((ticket = TAILQ_FIRST(&pool->ghosts))) {
        TAILQ_REMOVE(&pool->ghosts, ticket, link);
        free(ticket);
    }
    loop_timer_clear(&pool->pump);
    loop_later_clear(&pool->trim);
}

struct slots *slots_free(struct slots *slots)
{
    if (!slots)
        return NULL;
    loop_timer_clear(&slots->beat);
    for (size_t i = 0; i < slots->n_pools; i++)
        free_pool(&slots->pools[i]);
    free(slots->pools);
    free(slots->worker);
    free(slots);
    return NULL;
}
