#pragma once
/* The worker process: claims jobs of one kind, keeps their leases, takes over from the dead,
 * drains. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

#include "run.h"

struct error;
struct llm_counts;
struct redis;
struct run_counts;
struct kind;
struct loop;
struct provider_set;
struct worker;

struct worker_options {
    const char *redis;        /* address */
    const char *name;         /* unique in the fleet, stable over restarts where possible */
    const char *state_dir;    /* for the spool; NULL = none */
    const char *name_servers; /* NULL = the system's */
    const struct kind *kind;
    bool companion; /* the process has a worker of another kind, which speaks for it when it crashes
                     */
    const struct provider_set *providers;
    const char *personas; /* path for the kind's load(); NULL = none */
    struct run_compute compute;
    int64_t tenant_budget; /* a day's, of tenants without their own: micro-dollars, 0 = none */
    int64_t concurrency;   /* jobs at once; 0 = the kind's */
    int64_t lease_ms;      /* a job of a silent worker is taken over after it */
    int64_t ghost_ms;      /* a silent worker without jobs is forgotten after it */
    int64_t drain_ms;      /* how long running jobs may go on after worker_drain() */
    void (*on_ready)(void *arg);   /* the first claim was answered */
    void (*on_drained)(void *arg); /* nothing runs and nothing is unwritten */
    void *arg;
};

/* Options are borrowed. -errno and error when the state folder or the kind's policy is wrong. */
int worker_new(struct loop *loop, const struct worker_options *options, struct worker **ret_worker,
               struct error *error) MUST_CHECK;
struct worker *worker_free(struct worker *worker);
DEFINE_FREEP(worker)

/* What its figures are made of, borrowed from it. */
struct worker_view {
    const struct kind *kind;
    const struct run_counts *counts;
    const struct llm_counts *calls;
    const struct provider_set *providers;
    const struct redis *connections[2];
    size_t n_runs, max_runs;
};
void worker_look(const struct worker *worker, struct worker_view *ret_view);
/* Stops claiming and ends: running jobs finish within drain_ms or are handed back. A second call
 * hands back at once. */
void worker_drain(struct worker *worker);
