/* What a worker says to Redis about its slots (slots.lua), and how the answers are read.
 *
 * Releases, withdrawals, configuration and takeover are repeated until they are answered; acquires
 * and reports are not: the next report says it all again. All commands go over one connection, in
 * order, and the books are changed before a command is written: so Redis sees a report and the
 * release of what it names in the order in which they were true. */
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "provider.h"
#include "redis.h"
#include "slots_private.h"
#include "text.h"

#define SUSPECT_MS 5000 /* deaf for so long = dead; longer than a reconnect takes */
#define MAX_SYNC 1000   /* permits held, and as many tickets, told in one call */
#define MAX_WITHDRAW 64
#define NUMBER_BYTES 24
#define FIRST 3 /* FCALL, name, 0 */

static struct span number(int64_t value, char out[NUMBER_BYTES])
{
    int n = snprintf(out, NUMBER_BYTES, "%lld", (long long)value);

    return (struct span){out, (size_t)n};
}

static void arm_pump(struct pool *pool, int64_t ms)
{
    if (ms > 0)
        loop_timer_set(&pool->pump, ms);
}

static bool is_refused(const struct reply *reply)
{
    if (!reply || reply->type != REPLY_ERROR)
        return false;
    log_error("event=redis.refused error=\"%s\"", reply->text.at);
    return true;
}

static void on_pumped(const struct reply *reply, void *arg)
{
    if (!is_refused(reply) && reply && reply->type == REPLY_INTEGER)
        arm_pump(arg, reply->integer);
}

void slots_say_pump(struct pool *pool)
{
    struct span argv[] = {SPAN("FCALL"), SPAN("parley1_slots_pump"), SPAN("0"),
                          span_of(pool->provider->name)};

    redis_command(pool->slots->redis, REDIS_ONCE, on_pumped, pool, ARRAY_SIZE(argv), argv);
}

void slots_say_release(struct pool *pool, const char *permit, const char *outcome, int64_t tokens,
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

/* ---- tickets ---- */

static void on_asked(const struct reply *reply, void *arg)
{
    struct ticket *ticket = arg;
    struct pool *pool = ticket->pool;

    ticket->asking = false;
    if (!ticket->flow) {
        /* Served by a hint already, or withdrawn by a command behind this one. */
        TAILQ_REMOVE(&pool->ghosts, ticket, link);
        free(ticket);
        return;
    }
    /* No answer: the ticket stands in our books, and the next beat puts it right. */
    if (is_refused(reply) || !reply || reply->type != REPLY_ARRAY || reply->n < 2)
        return;
    pool->rated = reply->items[1]->integer != 0;
    if (reply->items[0]->integer == 1) {
        slots_on_grant(pool, span_of(ticket->permit));
    } else if (reply->n == 7) {
        struct slot_wait wait = {
            .provider = pool->provider->name,
            .ahead = reply->items[2]->integer,
            .in_use = reply->items[4]->integer,
            .limit = reply->items[5]->integer,
            .paused_ms = reply->items[6]->integer,
        };
        arm_pump(pool, reply->items[3]->integer);
        slots_on_waiting(pool, &wait);
    }
}

void slots_say_acquire(struct ticket *ticket, int64_t tokens)
{
    struct pool *pool = ticket->pool;
    const struct slots *slots = pool->slots;

    (void)snprintf(ticket->permit, sizeof(ticket->permit), "%s#%lld.%llu#%lld", slots->worker,
                   (long long)slots->epoch, (unsigned long long)ticket->seq, (long long)tokens);
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_slots_acquire"),
        SPAN("0"),
        span_of(pool->provider->name),
        span_of(ticket->permit),
        span_of(ticket->flow->name),
        SPAN("1"),
    };
    ticket->asking = true;
    redis_command(slots->redis, REDIS_ONCE, on_asked, ticket, ARRAY_SIZE(argv), argv);
}

/* The newest tickets go: they stand at the end of the queue. */
static size_t take_surplus(struct pool *pool, struct ticket *out[MAX_WITHDRAW])
{
    struct flow *flow;
    size_t n = 0;

    TAILQ_FOREACH(flow, &pool->flows, link)
    {
        struct ticket *ticket = TAILQ_LAST(&flow->tickets, ticket_list);
        for (size_t i = flow->n_waiting; i < flow->n_tickets && n < MAX_WITHDRAW; i++) {
            out[n++] = ticket;
            ticket = TAILQ_PREV(ticket, ticket_list, link);
        }
    }
    return n;
}

void slots_say_withdraw(struct pool *pool)
{
    struct span argv[FIRST + 1 + MAX_WITHDRAW] = {SPAN("FCALL"), SPAN("parley1_slots_withdraw"),
                                                  SPAN("0"), span_of(pool->provider->name)};
    struct ticket *tickets[MAX_WITHDRAW];
    size_t n;

    while ((n = take_surplus(pool, tickets)) > 0) {
        for (size_t i = 0; i < n; i++)
            argv[FIRST + 1 + i] = span_of(tickets[i]->permit);
        redis_command(pool->slots->redis, REDIS_REPEAT, on_pumped, pool, FIRST + 1 + n, argv);
        for (size_t i = 0; i < n; i++)
            slots_drop_ticket(tickets[i]);
    }
}

/* ---- the beat ---- */

static void on_synced(const struct reply *reply, void *arg)
{
    struct pool *pool = arg;

    pool->syncing = false;
    if (is_refused(reply) || !reply || reply->type != REPLY_ARRAY || reply->n < 2)
        return;
    if (pool->synced_ms < pool->sync_sent_ms)
        pool->synced_ms = pool->sync_sent_ms;
    arm_pump(pool, reply->items[0]->integer);
    pool->rated = reply->items[1]->integer != 0;
    for (size_t i = 2; i < reply->n; i++)
        slots_on_grant(pool, reply->items[i]->text);
}

static void say_configure(struct pool *pool, enum redis_mode mode)
{
    char numbers[3][NUMBER_BYTES];
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_slots_configure"),
        SPAN("0"),
        span_of(pool->provider->name),
        number(pool->provider->concurrency, numbers[0]),
        number(pool->provider->rpm, numbers[1]),
        number(pool->provider->tpm, numbers[2]),
        pool->held_before ? SPAN("1") : SPAN("0"),
    };

    redis_command(pool->slots->redis, mode, NULL, NULL, ARRAY_SIZE(argv), argv);
}

/* The configuration goes before it: Redis may have come back empty, with no limits at all. */
void slots_say_sync(struct pool *pool)
{
    struct span argv[FIRST + 3 + 4 * MAX_SYNC] = {SPAN("FCALL"), SPAN("parley1_slots_sync"),
                                                  SPAN("0"), span_of(pool->provider->name)};
    char *self CLEANUP(charp_freep) =
        xprintf("%s#%lld", pool->slots->worker, (long long)pool->slots->epoch);
    char count[NUMBER_BYTES];
    size_t n = FIRST + 3;
    struct slot *slot;
    struct flow *flow;
    struct ticket *ticket;

    say_configure(pool, REDIS_ONCE);
    argv[FIRST + 1] = span_of(self);
    TAILQ_FOREACH(slot, &pool->held, link)
    if (n < FIRST + 3 + MAX_SYNC)
        argv[n++] = span_of(slot->permit);
    argv[FIRST + 2] = number((int64_t)(n - FIRST - 3), count);
    TAILQ_FOREACH(flow, &pool->flows, link)
    TAILQ_FOREACH(ticket, &flow->tickets, link)
    if (n + 3 <= ARRAY_SIZE(argv)) {
        argv[n++] = span_of(ticket->permit);
        argv[n++] = span_of(flow->name);
        argv[n++] = SPAN("1");
    }
    pool->syncing = true;
    pool->sync_sent_ms = clock_monotonic_ms();
    redis_command(pool->slots->redis, REDIS_ONCE, on_synced, pool, n, argv);
}

void slots_say_suspects(struct pool *pool)
{
    char grace[NUMBER_BYTES];
    struct span argv[] = {SPAN("FCALL"), SPAN("parley1_slots_suspects"), SPAN("0"),
                          span_of(pool->provider->name), number(SUSPECT_MS, grace)};

    redis_command(pool->slots->redis, REDIS_ONCE, on_pumped, pool, ARRAY_SIZE(argv), argv);
}

void slots_say_hello(struct pool *pool)
{
    const struct slots *slots = pool->slots;
    char epoch[NUMBER_BYTES];
    struct span argv[] = {SPAN("FCALL"),
                          SPAN("parley1_slots_takeover"),
                          SPAN("0"),
                          span_of(pool->provider->name),
                          span_of(slots->worker),
                          number(slots->epoch, epoch)};

    say_configure(pool, REDIS_REPEAT);
    redis_command(slots->redis, REDIS_REPEAT, on_pumped, pool, ARRAY_SIZE(argv), argv);
}
