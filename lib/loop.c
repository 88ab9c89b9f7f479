/* The event loop: libevent turns plus upkeep.
 *
 * One turn is: wait for events and run their callbacks; run what was put off with loop_later_set(),
 * then what sends of it; free what was given to loop_free_later().
 * The loop owns the lists, never the nodes: a later or timer is embedded in its owner. */
#include "loop.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "log.h"
#include "metrics.h"

struct doomed {
    struct doomed *next;
    void *object;
    loop_fn *free_fn;
};

TAILQ_HEAD(later_list, loop_later);

struct loop {
    struct event_base *base;
    struct later_list laters, lasts;
    struct loop_later marker; /* in a list while it runs */
    struct loop_timer limit;  /* ends a turn that waited long enough */
    struct doomed *doomed;
    struct loop_timer lag_timer;
    int64_t lag_due_us;
    struct histogram *lag; /* borrowed; NULL: it is not measured */
    loop_clock_fn *lag_clock;
    bool stopped;
    struct event *sigterm, *sigint;
    loop_fn *on_signal;
    void *signal_arg;
};

#define US_PER_MS 1000

static void expect_lag_timer(struct loop *loop)
{
    loop->lag_due_us = loop->lag_clock() + (int64_t)LOOP_LAG_MS * US_PER_MS;
    loop_timer_set(&loop->lag_timer, LOOP_LAG_MS);
}

static void on_lag_timer(void *arg)
{
    struct loop *loop = arg;

    histogram_add(loop->lag, loop->lag_clock() - loop->lag_due_us);
    expect_lag_timer(loop);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

struct loop *loop_new(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    struct event_config *config = event_config_new();

    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!loop->base)
        abort();
    TAILQ_INIT(&loop->laters);
    TAILQ_INIT(&loop->lasts);
    loop_timer_init(&loop->limit, loop, do_nothing, NULL);
    loop_timer_init(&loop->lag_timer, loop, on_lag_timer, loop);
    return loop;
}

static void free_doomed(struct loop *loop)
{
    while (loop->doomed) {
        struct doomed *doomed = loop->doomed;

        loop->doomed = doomed->next;
        doomed->free_fn(doomed->object);
        free(doomed);
    }
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    free_doomed(loop);
    if (loop->sigterm)
        event_free(loop->sigterm);
    if (loop->sigint)
        event_free(loop->sigint);
    event_base_free(loop->base);
    free(loop);
    return NULL;
}

/* What is put off while this runs belongs to the next turn: a marker keeps the two apart. */
static void run_list(struct loop *loop, struct later_list *list)
{
    struct loop_later *later;

    TAILQ_INSERT_TAIL(list, &loop->marker, link);
    while ((later = TAILQ_FIRST(list)) != &loop->marker) {
        loop_later_clear(later);
        later->fn(later->arg);
    }
    TAILQ_REMOVE(list, &loop->marker, link);
}

void loop_turn(struct loop *loop, int max_ms)
{
    bool busy = !TAILQ_EMPTY(&loop->laters) || !TAILQ_EMPTY(&loop->lasts) || max_ms == 0;

    if (!busy && max_ms > 0)
        loop_timer_set(&loop->limit, max_ms);
    (void)event_base_loop(loop->base, busy ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
    if (!busy && max_ms > 0)
        loop_timer_clear(&loop->limit);
    run_list(loop, &loop->laters);
    run_list(loop, &loop->lasts);
    free_doomed(loop);
    log_flush();
}

void loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped)
        loop_turn(loop, -1);
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    (void)event_base_loopbreak(loop->base);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *timer = arg;

    (void)fd;
    (void)what;
    timer->fn(timer->arg);
}

void loop_timer_init(struct loop_timer *timer, struct loop *loop, loop_fn *fn, void *arg)
{
    timer->fn = fn;
    timer->arg = arg;
    (void)event_assign(&timer->event, loop->base, -1, 0, on_timer, timer);
}

void loop_timer_set(struct loop_timer *timer, int64_t ms)
{
    struct timeval after;

    if (ms < 0)
        ms = 0;
    after = (struct timeval){ms / 1000, (ms % 1000) * 1000};
    (void)event_add(&timer->event, &after);
}

bool loop_timer_armed(const struct loop_timer *timer)
{
    return event_pending(&timer->event, EV_TIMEOUT, NULL) != 0;
}

void loop_timer_clear(struct loop_timer *timer)
{
    if (timer->fn)
        (void)event_del(&timer->event);
}

void loop_measure_lag(struct loop *loop, struct histogram *lag, loop_clock_fn *now_us)
{
    loop->lag = lag;
    loop->lag_clock = now_us;
    expect_lag_timer(loop);
}

void loop_later_init(struct loop_later *later, loop_fn *fn, void *arg)
{
    *later = (struct loop_later){.fn = fn, .arg = arg};
}

void loop_later_init_last(struct loop_later *later, loop_fn *fn, void *arg)
{
    *later = (struct loop_later){.fn = fn, .arg = arg, .last = true};
}

void loop_later_set(struct loop_later *later, struct loop *loop)
{
    struct later_list *list = later->last ? &loop->lasts : &loop->laters;

    if (later->queued_in)
        return;
    TAILQ_INSERT_TAIL(list, later, link);
    later->queued_in = list;
}

void loop_later_clear(struct loop_later *later)
{
    if (!later->queued_in)
        return;
    TAILQ_REMOVE(later->queued_in, later, link);
    later->queued_in = NULL;
}

void loop_free_later(struct loop *loop, void *object, loop_fn *free_fn)
{
    struct doomed *doomed = xcalloc(1, sizeof(*doomed));

    *doomed = (struct doomed){loop->doomed, object, free_fn};
    loop->doomed = doomed;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;

    (void)fd;
    (void)what;
    loop->on_signal(loop->signal_arg);
}

void loop_on_signal(struct loop *loop, loop_fn *fn, void *arg)
{
    loop->on_signal = fn;
    loop->signal_arg = arg;
    if (loop->sigterm)
        return;
    loop->sigterm = evsignal_new(loop->base, SIGTERM, on_signal, loop);
    loop->sigint = evsignal_new(loop->base, SIGINT, on_signal, loop);
    if (!loop->sigterm || !loop->sigint)
        abort();
    (void)event_add(loop->sigterm, NULL);
    (void)event_add(loop->sigint, NULL);
}
