#pragma once
/* The worker's side of parley.lua: claiming jobs and writing to those it owns.
 *
 * A lease is one attempt at one job. Every write carries its fence; JOB_LOST means that somebody
 * else owns the job now and nothing was written. All calls but claim and reap are idempotent and
 * repeated over reconnects, so their callbacks never see "no answer". */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "buf.h"
#include "event.h"
#include "job.h"
#include "trace.h"

struct ends;
struct json;
struct redis;
struct reply;

struct lease {
    char id[ID_TEXT_BYTES];
    char *entry; /* in the stream */
    char *fence, *attempt, *tenant, *payload;
    struct trace trace;
    int64_t started_ms;  /* Redis' wall clock at the job's first start */
    int64_t age_ms;      /* since it was accepted, at this claim */
    int64_t deadline_ms; /* from acceptance, 0 = the kind's */
    uint64_t n_appends;  /* numbers given to append calls */
    const char
        *step; /* goes with every write, for whoever asks where it died; NULL = none; borrowed */
};
void lease_deinit(struct lease *lease);

/* Where a lease's calls go. */
struct lease_site {
    struct redis *redis; /* commands; borrowed from the worker */
    const char *worker;
    char stream[JOB_KEY_BYTES];
    struct ends *ends; /* finish goes through it; borrowed from the worker */
};

enum lease_outcome { LEASE_OK, LEASE_LOST, LEASE_FAILED /* Redis refused: logged */ };
typedef void lease_fn(enum lease_outcome outcome, void *arg);

/* A claimed job: the lease (moved out by the callee) and the answers remembered in earlier
 * attempts. */
typedef void lease_claimed_fn(struct lease *lease, const struct reply *remembered, void *arg);
/* claimed once a job; then done with the number of jobs, -1 when there was no answer. */
void lease_claim(const struct lease_site *site, size_t want, size_t running,
                 lease_claimed_fn *claimed, void (*done)(int n, void *arg), void *arg);

/* Events waiting to be written: type and tail (JSON members without braces) a piece. */
struct lease_events {
    struct buf text; /* tails behind each other */
    size_t n;
    struct {
        enum event_type type;
        size_t from, bytes;
    } * items;
};
void lease_events_init(struct lease_events *events);
void lease_events_deinit(struct lease_events *events);
/* tail: members as text. */
void lease_events_add(struct lease_events *events, enum event_type type, struct span tail);

/* Writes the events and clears them. progress: JSON or empty. Returns how many times fn will be
 * called. */
size_t lease_append(const struct lease_site *site, struct lease *lease, struct lease_events *events,
                    struct span progress, lease_fn *fn, void *arg);

/* Keeps an answer. The callback gets the answer that counts (the first writer's), or an empty span
 * when the job is over. */
typedef void lease_remembered_fn(struct span answer, void *arg);
void lease_remember(const struct lease_site *site, const char *id, const char *key,
                    struct span answer, lease_remembered_fn *fn, void *arg);

struct lease_end {
    enum job_state state;
    struct span result, error, usage, progress; /* JSON or empty */
};
/* The last events and the end in one call; clears events. Returns how many times fn will be called.
 */
size_t lease_finish(const struct lease_site *site, struct lease *lease, struct lease_events *events,
                    const struct lease_end *end, lease_fn *fn, void *arg);
/* When the attempt failed but another may not. */
struct lease_again {
    int64_t delay_ms;
    int64_t max_attempts,
        per_minute;            /* of the kind: over them the job has failed, and is a dead letter */
    const char *const *forget; /* keys of answers that are to be asked for again */
    size_t n_forget;           /* at most LEASE_MAX_FORGET are */
};
#define LEASE_MAX_FORGET 256
/* As lease_finish() for a failed attempt: end->state and end->result do not matter. */
size_t lease_retry(const struct lease_site *site, struct lease *lease, struct lease_events *events,
                   const struct lease_end *end, const struct lease_again *again, lease_fn *fn,
                   void *arg);
/* Hands the job back, uncharged. */
void lease_give_back(const struct lease_site *site, struct lease *lease, lease_fn *fn, void *arg);

/* Renews the leases. verdict once for each job that was lost or is to be cancelled, then done.
 * `all`: everything that Redis holds for this worker is in leases (after a reconnect: claims whose
 * reply was lost go back). */
typedef void lease_verdict_fn(const char *id, bool lost, void *arg);
void lease_beat(const struct lease_site *site, bool all, struct lease *const *leases, size_t n,
                lease_verdict_fn *verdict, void (*done)(bool answered, void *arg), void *arg);

/* Takes jobs from workers silent for idle_ms; with `worker` only that one's. done may be NULL. */
void lease_reap(const struct lease_site *site, int64_t idle_ms, int64_t max_attempts,
                const char *worker, void (*done)(int n, void *arg), void *arg);
/* What a worker that crashed wrote down about a job it had. */
void lease_evidence(const struct lease_site *site, const char *worker, const char *id,
                    const char *signal, const char *step);
/* Removes consumers from the group that have nothing and were silent for idle_ms. */
void lease_sweep(const struct lease_site *site, int64_t idle_ms);
/* Removes the worker's consumer from the group, unless something is pending there. */
void lease_leave(const struct lease_site *site, void (*done)(int n, void *arg), void *arg);
