#pragma once
/* The event loop of a process: one libevent base, timers and descriptors as embedded structs, and
 * upkeep at the end of each turn.
 *
 * Rules every starter here keeps (style A6): the callback runs never before the starter returned,
 * never after its object was cleared. What may still be on the call stack is freed by
 * loop_free_later(). */

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base.h"

struct histogram;
struct loop;

typedef void loop_fn(void *arg);

struct loop *loop_new(void);
struct loop *loop_free(struct loop *loop);
DEFINE_FREEP(loop)
/* Runs turns until loop_stop(). */
void loop_run(struct loop *loop);
/* One turn: waits at most max_ms (-1: until something happens) for descriptors and timers, then
 * does the upkeep. For tests and for programs that wait for one condition. */
void loop_turn(struct loop *loop, int max_ms);
void loop_stop(struct loop *loop);
struct event_base *loop_base(struct loop *loop);

/* Timers: one shot, monotonic. Embedded; clear before the owner goes. Setting an armed one moves
 * it. */
struct loop_timer {
    struct event event; /* private */
    loop_fn *fn;
    void *arg;
};
void loop_timer_init(struct loop_timer *timer, struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t ms);
bool loop_timer_armed(const struct loop_timer *timer);
void loop_timer_clear(struct loop_timer *timer);

/* Upkeep: fn runs once at the end of this turn, or of the next one when set during the upkeep
 * itself. What sends is a last one: those run behind all the others, also when set during these, so
 * that what upkeep says goes out in the same turn. The node is embedded and must be cleared before
 * its owner goes. */
struct loop_later {
    TAILQ_ENTRY(loop_later) link; /* private */
    struct later_list *queued_in; /* private */
    bool last;                    /* private */
    loop_fn *fn;
    void *arg;
};
void loop_later_init(struct loop_later *later, loop_fn *fn, void *arg);
void loop_later_init_last(struct loop_later *later, loop_fn *fn, void *arg);
void loop_later_set(struct loop_later *later, struct loop *loop); /* no-op while queued */
void loop_later_clear(struct loop_later *later);

/* free_fn(object) at the end of the turn. */
void loop_free_later(struct loop *loop, void *object, loop_fn *free_fn);

/* How late the loop comes to what is due: a timer every LOOP_LAG_MS is looked at by the clock. What
 * keeps the loop busy for longer than that is always seen, what is shorter by chance. `lag` is
 * borrowed until the loop is freed; now_us is monotonic. */
#define LOOP_LAG_MS 50
typedef int64_t loop_clock_fn(void);
void loop_measure_lag(struct loop *loop, struct histogram *lag, loop_clock_fn *now_us);

/* SIGTERM and SIGINT call fn once each time; one pair a loop. */
void loop_on_signal(struct loop *loop, loop_fn *fn, void *arg);
