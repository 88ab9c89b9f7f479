/* Upkeep of a kind's queue, by every worker of it: about once a second, and at the time that Redis
 * named for the next job. All workers may do it at once, it is one function of Redis that finds
 * nothing the second time; so no worker is the one that matters. */
#include "upkeep.h"

#include "clock.h"
#include "id.h"
#include "job.h"
#include "redis.h"

#define TICK_MS 1000
#define SWEEP_MS 60000

static void set_timer(struct upkeep *upkeep, int64_t ms)
{
    upkeep->next_ms = clock_monotonic_ms() + ms;
    loop_timer_set(&upkeep->timer, ms);
}

void upkeep_due(struct upkeep *upkeep, int64_t ms)
{
    /* One more: Redis counts whole milliseconds too. */
    if (loop_timer_armed(&upkeep->timer) && clock_monotonic_ms() + ms + 1 < upkeep->next_ms)
        set_timer(upkeep, ms + 1);
}

static void on_ticked(int64_t next_ms, void *arg)
{
    struct upkeep *upkeep = arg;

    upkeep->asking = false;
    if (next_ms >= 0)
        upkeep_due(upkeep, next_ms);
}

static void on_timer(void *arg)
{
    struct upkeep *upkeep = arg;
    int64_t now_ms = clock_monotonic_ms();
    uint32_t word;

    id_random(&word, sizeof(word));
    set_timer(upkeep, TICK_MS / 2 + word % TICK_MS);
    if (upkeep->asking)
        return;
    upkeep->asking = true;
    job_tick(upkeep->site->redis, upkeep->kind, upkeep->deadline_ms, on_ticked, upkeep);
    if (now_ms < upkeep->sweep_ms)
        return;
    upkeep->sweep_ms = now_ms + (upkeep->ghost_ms < SWEEP_MS ? upkeep->ghost_ms : SWEEP_MS);
    lease_sweep(upkeep->site, upkeep->ghost_ms);
}

void upkeep_begin(struct upkeep *upkeep, struct loop *loop, const struct lease_site *site,
                  const char *kind, int64_t deadline_ms, int64_t ghost_ms)
{
    *upkeep = (struct upkeep){
        .site = site, .kind = kind, .deadline_ms = deadline_ms, .ghost_ms = ghost_ms};
    loop_timer_init(&upkeep->timer, loop, on_timer, upkeep);
    set_timer(upkeep, 0);
}

void upkeep_end(struct upkeep *upkeep)
{
    if (upkeep->site)
        loop_timer_clear(&upkeep->timer);
}
