#pragma once
/* The worker's view of a run: it makes runs from leases, passes on verdicts, and is told when one
 * is over. */

#include "figures.h"
#include "lease.h"
#include "retry.h"
#include "run.h"

struct llm;
struct loop;
struct reply;
struct spool;

/* A tenant that was seen to have no budget; budget.c's own. */
#define BUDGET_FREE_TENANTS 64
struct budget_free {
    char tenant[128];
    int64_t until_ms;
};

struct run_host {
    struct loop *loop;
    struct llm *llm;
    struct spool *spool;
    struct lease_site site;
    struct run_compute compute;
    void *library;         /* of the kind's load(); owned by the worker */
    int64_t tenant_budget; /* a day's, of tenants without their own: micro-dollars, 0 = none */
    struct budget_free *free_tenants; /* BUDGET_FREE_TENANTS of them */
    int64_t deadline_ms;              /* the kind's, for jobs without their own */
    struct retry_policy retry;
    struct run_counts *counts;
    /* A job of ours may be due again so soon. */
    void (*on_delayed)(int64_t ms, void *arg);
    /* The run is over: to be freed now. Called once, from the loop's upkeep. */
    void (*on_over)(struct run *run, void *arg);
    void *arg;
};

/* Takes the lease's contents. The first step runs at the end of the turn. host is borrowed. */
struct run *run_new(const struct run_host *host, const struct kind *kind, struct lease *lease,
                    const struct reply *remembered);
/* Closes its calls; nothing is written. Only when it is over, or after the Redis connection was
 * freed. */
struct run *run_free(struct run *run);

struct lease *run_lease(struct run *run);
/* Somebody else owns the job now: everything stops, nothing is written. */
void run_lost(struct run *run);
/* The client asked to cancel. */
void run_cancel(struct run *run);
/* Children of it may have ended: a hint came, or time passed. Accepts NULL. */
void run_poll(struct run *run);
/* The worker drains: hands the job back. */
void run_give_back(struct run *run);
