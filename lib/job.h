#pragma once
/* Jobs as the fleet sees them: ids, keys, states, and the calls of parley.lua, one C function each.
 *
 * Every function takes the connection first and answers through a callback, once. Names of keys
 * stand here and in parley.lua and nowhere else. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "error.h"
#include "id.h"

struct buf;
struct redis;
struct reply;

/* X(ENUM, wire name, finished) */
#define JOB_STATES(X)                                                                              \
    X(QUEUED, "queued", false)                                                                     \
    X(WAITING, "waiting", false)                                                                   \
    X(RUNNING, "running", false)                                                                   \
    X(RETRYING, "retrying", false)                                                                 \
    X(CANCELLING, "cancelling", false)                                                             \
    X(SUCCEEDED, "succeeded", true)                                                                \
    X(FAILED, "failed", true)                                                                      \
    X(CANCELLED, "cancelled", true)                                                                \
    X(EXPIRED, "expired", true)

enum job_state {
#define X(name, wire, finished) JOB_##name,
    JOB_STATES(X)
#undef X
        JOB_STATE_COUNT_
};

const char *job_state_name(enum job_state state);
int job_state_parse(struct span name, enum job_state *ret_state) MUST_CHECK;
bool job_state_finished(enum job_state state);

#define JOB_KIND_MAX 32 /* [a-z][a-z0-9_]* */

/* Keys, written into `out`. */
#define JOB_KEY_BYTES 64
void job_key(const char *id, char out[JOB_KEY_BYTES]);          /* job:<id> */
void job_events_key(const char *id, char out[JOB_KEY_BYTES]);   /* job:<id>:events */
void job_steps_key(const char *id, char out[JOB_KEY_BYTES]);    /* job:<id>:steps */
void job_channel(const char *id, char out[JOB_KEY_BYTES]);      /* ev:<id> */
void job_stream_key(const char *kind, char out[JOB_KEY_BYTES]); /* <kind>.requests */

/* {"code":…,"message":…}: an error as it stands in records and events. */
void job_error_text(struct buf *out, enum error_code code, const char *message);

/* Prepares a connection: loads parley.lua when this version is missing, makes the consumer groups
 * of all kinds. Call it from redis_on_connect() of every command connection. Failures are logged at
 * debug; commands then fail. */
void job_prepare(struct redis *redis);

/* ---- door ---- */

/* A bucket: it holds `burst` and gains one each interval. */
struct job_rate {
    const char *key; /* in Redis */
    int64_t interval_us, burst;
};
#define JOB_MAX_RATES 2

/* What a submission found. */
struct job_rate_state {
    size_t index;      /* of the rate that refused, else of the first that counted */
    int64_t remaining; /* what is left in that bucket */
    int64_t wait_ms;   /* until it would not refuse; or, when it did not, until it is full */
    int64_t interval_us, burst; /* the tenant may have its own */
};

struct job_enqueue {
    const char *id; /* id_new() */
    const char *kind;
    const char *tenant;
    struct span payload;         /* the validated request, JSON */
    struct span idempotency_key; /* empty = none */
    const char *body_hash;       /* hex, compared when the key is known already */
    int64_t idempotency_ttl_ms;
    int64_t queue_cap, tenant_cap;
    int64_t deadline_ms;      /* from when on it may run; 0 = none */
    int64_t kind_deadline_ms; /* of the kind's jobs that say nothing else */
    int64_t max_log_bytes;    /* of its log in Redis' memory; 0 = parley.lua's MAX_LOG_BYTES */
    const char *priority;     /* high, normal, low; NULL = normal */
    int64_t not_before_ms;    /* wall clock; in the past or 0 = now */
    bool cancel_on_disconnect;
    bool watched;      /* its events are subscribed to already: event 1 is published too */
    const char *trace; /* trace_write(); NULL = the job's own */
    size_t n_rates;    /* at most JOB_MAX_RATES */
    const struct job_rate *rates;
};

enum job_enqueue_outcome {
    JOB_ENQUEUE_OK,        /* id is the new job; event is its first event */
    JOB_ENQUEUE_DUPLICATE, /* id is the earlier job of that idempotency key */
    JOB_ENQUEUE_REUSED,    /* the key was used with another body */
    JOB_ENQUEUE_FULL,
    JOB_ENQUEUE_LIMIT,
    JOB_ENQUEUE_RATE,    /* one of the rates says: too early */
    JOB_ENQUEUE_UNKNOWN, /* no answer from Redis: it may or may not have been accepted */
    JOB_ENQUEUE_REFUSED, /* Redis answered with an error (full memory, loading …): nothing was
                            accepted */
};

/* rate: valid inside the call; NULL when no rate counted or Redis did not say. */
typedef void job_enqueue_fn(enum job_enqueue_outcome outcome, const char *id,
                            const struct job_rate_state *rate, void *arg);
void job_enqueue(struct redis *redis, const struct job_enqueue *in, job_enqueue_fn *fn, void *arg);

/* A job's record, valid only inside the callback. Spans are empty when there is nothing. */
struct job_record {
    struct span id, kind, tenant, state, created_at, started_at, ended_at;
    struct span attempt, last_seq;              /* decimal */
    struct span progress, usage, result, error; /* JSON texts */
    struct span waiting;                        /* JSON text */
};
/* record NULL: the tenant has no such job, or Redis did not answer (unavailable). */
typedef void job_load_fn(const struct job_record *record, bool unavailable, void *arg);
void job_load(struct redis *redis, const char *id, const char *tenant, job_load_fn *fn, void *arg);
/* The job object of product.md section 2 as JSON. */
void job_write(const struct job_record *record, struct buf *out);

enum job_cancel_outcome {
    JOB_CANCEL_DONE,
    JOB_CANCEL_ASKED,
    JOB_CANCEL_LATE,
    JOB_CANCEL_NONE,
    JOB_CANCEL_UNAVAILABLE
};
typedef void job_cancel_fn(enum job_cancel_outcome outcome, void *arg);
void job_cancel(struct redis *redis, const char *id, const char *tenant, const char *reason,
                job_cancel_fn *fn, void *arg);

/* Reads the log after a cursor: at most `count` events in order. */
struct job_log {
    bool unavailable;          /* Redis did not answer */
    bool exists;               /* the job is known (to this tenant) */
    bool purged;               /* the job was there, its log is gone */
    bool finished;             /* the job has ended; its last event is the terminal one */
    bool cancel_on_disconnect; /* tell Redis as long as somebody reads: job_attend() */
    uint64_t last_seq;
    size_t n;
    struct span *events; /* n JSON texts */
};
typedef void job_log_fn(const struct job_log *log, void *arg);
void job_read_log(struct redis *redis, const char *id, const char *tenant, uint64_t after,
                  size_t count, job_log_fn *fn, void *arg);

/* Of jobs to be cancelled when nobody reads them: somebody does, or has just left. They go on for
 * grace_ms from now; 0 = without end, nobody is waited for. Others are left alone. No answer: say
 * it again in time. */
void job_attend(struct redis *redis, const char *const *ids, size_t n, int64_t grace_ms);
#define JOB_MAX_ATTEND 500
/* What is due of one kind: delayed jobs, deadlines of waiting ones, jobs nobody reads any more. fn
 * (may be NULL) gets the ms until more will be due, -1 = nothing is or Redis did not answer. */
typedef void job_tick_fn(int64_t next_ms, void *arg);
void job_tick(struct redis *redis, const char *kind, int64_t kind_deadline_ms, job_tick_fn *fn,
              void *arg);

/* Newest first; before = id of the last one seen, or "" */
typedef void job_list_fn(const struct job_record *records, size_t n, bool unavailable, void *arg);
void job_list(struct redis *redis, const char *tenant, const char *before, size_t count,
              job_list_fn *fn, void *arg);
