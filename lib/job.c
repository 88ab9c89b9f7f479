/* Jobs: the C side of parley.lua.
 *
 * Each call packs its arguments, sends one command and turns the reply into an outcome. What a call
 * needs until then is one small heap object, freed when the reply came; the caller's (fn, arg) runs
 * exactly once. When the connection is freed first, neither runs. */
#include "job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "job_private.h"
#include "json.h"
#include "log.h"
#include "redis.h"
#include "text.h"

static const struct {
    const char *name;
    bool finished;
} state_rows[] = {
#define X(name, wire, ended) {wire, ended},
    JOB_STATES(X)
#undef X
};
_Static_assert(ARRAY_SIZE(state_rows) == JOB_STATE_COUNT_, "a state has no name");

const char *job_state_name(enum job_state state)
{
    return state_rows[state].name;
}

bool job_state_finished(enum job_state state)
{
    return state_rows[state].finished;
}

int job_state_parse(struct span name, enum job_state *ret_state)
{
    for (int i = 0; i < JOB_STATE_COUNT_; i++) {
        if (span_equal(name, span_of(state_rows[i].name))) {
            *ret_state = (enum job_state)i;
            return 0;
        }
    }
    return -ENOENT;
}

static void write_key(char out[JOB_KEY_BYTES], const char *before, const char *name,
                      const char *after)
{
    int n = snprintf(out, JOB_KEY_BYTES, "%s%s%s", before, name, after);

    if (n < 0 || n >= JOB_KEY_BYTES)
        abort(); /* ids and kinds are checked where they come in */
}

void job_key(const char *id, char out[JOB_KEY_BYTES])
{
    write_key(out, "job:", id, "");
}

void job_events_key(const char *id, char out[JOB_KEY_BYTES])
{
    write_key(out, "job:", id, ":events");
}

void job_steps_key(const char *id, char out[JOB_KEY_BYTES])
{
    write_key(out, "job:", id, ":steps");
}

void job_channel(const char *id, char out[JOB_KEY_BYTES])
{
    write_key(out, "ev:", id, "");
}

void job_stream_key(const char *kind, char out[JOB_KEY_BYTES])
{
    write_key(out, "", kind, ".requests");
}

/* ---- records ---- */

/* Fields of job:<id> in the order of struct job_record; "id" is put in by us. */
static const struct {
    const char *name;
    size_t offset;
} record_fields[] = {
    {"kind",       offsetof(struct job_record, kind)      },
    {"tenant",     offsetof(struct job_record, tenant)    },
    {"state",      offsetof(struct job_record, state)     },
    {"created_at", offsetof(struct job_record, created_at)},
    {"started_at", offsetof(struct job_record, started_at)},
    {"ended_at",   offsetof(struct job_record, ended_at)  },
    {"attempt",    offsetof(struct job_record, attempt)   },
    {"seq",        offsetof(struct job_record, last_seq)  },
    {"progress",   offsetof(struct job_record, progress)  },
    {"usage",      offsetof(struct job_record, usage)     },
    {"result",     offsetof(struct job_record, result)    },
    {"error",      offsetof(struct job_record, error)     },
    {"waiting",    offsetof(struct job_record, waiting)   },
};

/* false when there is no such job. */
static bool read_record(struct span id, const struct reply *values, struct job_record *record)
{
    *record = (struct job_record){.id = id};
    for (size_t i = 0; i < ARRAY_SIZE(record_fields) && i < values->n; i++)
        memcpy((char *)record + record_fields[i].offset, &values->items[i]->text,
               sizeof(struct span));
    return record->state.n > 0;
}

struct load_call {
    job_load_fn *fn;
    void *arg;
    char id[ID_TEXT_BYTES];
};

static void on_loaded_job(const struct reply *reply, void *arg)
{
    const struct load_call *call = arg;
    struct job_record record;
    bool known =
        reply && reply->type == REPLY_ARRAY && read_record(span_of(call->id), reply, &record);

    call->fn(known ? &record : NULL, !reply || reply->type == REPLY_ERROR, call->arg);
}

void job_load(struct redis *redis, const char *id, const char *tenant, job_load_fn *fn, void *arg)
{
    struct span argv[5 + ARRAY_SIZE(record_fields)] = {
        SPAN("FCALL_RO"),
        SPAN("parley1_read_record"),
        SPAN("1"),
    };
    struct load_call *call = xcalloc(1, sizeof(*call));
    char key[JOB_KEY_BYTES];

    job_key(id, key);
    call->fn = fn;
    call->arg = arg;
    (void)snprintf(call->id, sizeof(call->id), "%s", id);
    argv[3] = span_of(key);
    argv[4] = span_of(tenant);
    for (size_t i = 0; i < ARRAY_SIZE(record_fields); i++)
        argv[5 + i] = span_of(record_fields[i].name);
    redis_command(redis, REDIS_ONCE | REDIS_OWN, on_loaded_job, call, ARRAY_SIZE(argv), argv);
}

static void write_member(struct buf *out, const char *name, struct span json)
{
    if (json.n > 0)
        buf_addf(out, ",\"%s\":%.*s", name, (int)json.n, json.at);
}

static void write_text_member(struct buf *out, const char *name, struct span text)
{
    if (text.n > 0)
        buf_addf(out, ",\"%s\":\"%.*s\"", name, (int)text.n, text.at);
    else
        buf_addf(out, ",\"%s\":null", name);
}

void job_write(const struct job_record *record, struct buf *out)
{
    const char *id = record->id.at;
    int n = (int)record->id.n;

    buf_addf(out, "{\"id\":\"%.*s\"", n, id);
    write_text_member(out, "kind", record->kind);
    write_text_member(out, "status", record->state);
    write_text_member(out, "created_at", record->created_at);
    write_text_member(out, "started_at", record->started_at);
    write_text_member(out, "ended_at", record->ended_at);
    write_member(out, "attempt", record->attempt.n > 0 ? record->attempt : SPAN("0"));
    write_member(out, "last_seq", record->last_seq);
    write_member(out, "progress", record->progress);
    write_member(out, "usage", record->usage);
    write_member(out, "waiting", record->waiting);
    write_member(out, "result", record->result);
    write_member(out, "error", record->error);
    buf_addf(out,
             ",\"urls\":{\"self\":\"/v1/jobs/%.*s\",\"events\":\"/v1/jobs/%.*s/events\","
             "\"cancel\":\"/v1/jobs/%.*s/cancel\"}}",
             n, id, n, id, n, id);
}

/* ---- cancel ---- */

struct cancel_call {
    job_cancel_fn *fn;
    void *arg;
};

static void on_cancelled(const struct reply *reply, void *arg)
{
    static const struct {
        const char *word;
        enum job_cancel_outcome outcome;
    } words[] = {
        {"NONE",  JOB_CANCEL_NONE },
        {"DONE",  JOB_CANCEL_DONE },
        {"ASKED", JOB_CANCEL_ASKED},
        {"LATE",  JOB_CANCEL_LATE },
    };
    const struct cancel_call *call = arg;
    enum job_cancel_outcome outcome = JOB_CANCEL_UNAVAILABLE;

    for (size_t i = 0; reply && i < ARRAY_SIZE(words); i++)
        if (span_equal(reply->text, span_of(words[i].word)))
            outcome = words[i].outcome;
    call->fn(outcome, call->arg);
}

void job_error_text(struct buf *out, enum error_code code, const char *message)
{
    buf_addf(out, "{\"code\":\"%s\",\"message\":\"", error_name(code));
    text_json_escape(out, span_of(message));
    buf_add_text(out, "\"}");
}

void job_cancel(struct redis *redis, const char *id, const char *tenant, const char *reason,
                job_cancel_fn *fn, void *arg)
{
    char key[JOB_KEY_BYTES], at[CLOCK_TEXT_BYTES];
    struct cancel_call *call = xcalloc(1, sizeof(*call));
    struct buf error;

    buf_init(&error, 4096);
    job_error_text(&error, ERROR_CANCELLED, reason);
    job_key(id, key);
    now_text(at);
    *call = (struct cancel_call){fn, arg};
    struct span argv[] = {
        SPAN("FCALL"), SPAN("parley1_cancel"), SPAN("1"), span_of(key), span_of(tenant),
        span_of(at),   buf_span(&error),
    };
    redis_command(redis, REDIS_ONCE | REDIS_OWN, on_cancelled, call, ARRAY_SIZE(argv), argv);
    buf_deinit(&error);
}

/* ---- the log ---- */

struct log_call {
    job_log_fn *fn;
    void *arg;
};

static void on_log(const struct reply *reply, void *arg)
{
    const struct log_call *call = arg;
    struct job_log log = {.unavailable = !reply || reply->type == REPLY_ERROR};
    struct span *events = NULL;
    enum job_state state;

    if (!log.unavailable && reply->type == REPLY_ARRAY && reply->n >= 4) {
        log.n = reply->n - 4;
        events = xcalloc(log.n, sizeof(*events));
        for (size_t i = 0; i < log.n; i++)
            events[i] = reply->items[4 + i]->text;
        log.exists = true;
        log.events = events;
        log.purged = reply->items[2]->integer == 0;
        log.cancel_on_disconnect = span_equal(reply->items[3]->text, SPAN("cancel"));
        log.finished =
            job_state_parse(reply->items[0]->text, &state) == 0 && job_state_finished(state);
        (void)!text_to_u64(reply->items[1]->text, UINT64_MAX, &log.last_seq);
    }
    call->fn(&log, call->arg);
    free(events);
}

void job_read_log(struct redis *redis, const char *id, const char *tenant, uint64_t after,
                  size_t count, job_log_fn *fn, void *arg)
{
    char key[JOB_KEY_BYTES], events[JOB_KEY_BYTES], numbers[2][NUMBER_BYTES];
    struct log_call *call = xcalloc(1, sizeof(*call));

    job_key(id, key);
    job_events_key(id, events);
    *call = (struct log_call){fn, arg};
    struct span argv[] = {
        SPAN("FCALL_RO"),
        SPAN("parley1_read_log"),
        SPAN("2"),
        span_of(key),
        span_of(events),
        span_of(tenant),
        number((int64_t)after, numbers[0]),
        number((int64_t)count, numbers[1]),
    };
    redis_command(redis, REDIS_ONCE | REDIS_OWN, on_log, call, ARRAY_SIZE(argv), argv);
}

/* ---- what is due ---- */

void job_attend(struct redis *redis, const char *const *ids, size_t n, int64_t grace_ms)
{
    char keys[JOB_MAX_ATTEND][JOB_KEY_BYTES], numbers[2][NUMBER_BYTES];
    struct span argv[4 + JOB_MAX_ATTEND] = {SPAN("FCALL"), SPAN("parley1_attend"),
                                            number((int64_t)n, numbers[0])};

    assert(n <= JOB_MAX_ATTEND);
    for (size_t i = 0; i < n; i++) {
        job_key(ids[i], keys[i]);
        argv[3 + i] = span_of(keys[i]);
    }
    argv[3 + n] = number(grace_ms, numbers[1]);
    if (n > 0)
        redis_command(redis, REDIS_ONCE, NULL, NULL, 4 + n, argv);
}

struct tick_call {
    job_tick_fn *fn;
    void *arg;
};

static void on_ticked(const struct reply *reply, void *arg)
{
    const struct tick_call *call = arg;

    if (reply && reply->type == REPLY_ERROR)
        log_debug("event=tick.refused error=\"%s\"", reply->text.at);
    if (call->fn)
        call->fn(reply && reply->type == REPLY_INTEGER ? reply->integer : -1, call->arg);
}

void job_tick(struct redis *redis, const char *kind, int64_t kind_deadline_ms, job_tick_fn *fn,
              void *arg)
{
    char stream[JOB_KEY_BYTES], at[CLOCK_TEXT_BYTES], deadline[NUMBER_BYTES];
    struct tick_call *call = xcalloc(1, sizeof(*call));

    job_stream_key(kind, stream);
    now_text(at);
    *call = (struct tick_call){fn, arg};
    struct span argv[] = {
        SPAN("FCALL"),   SPAN("parley1_tick"), SPAN("1"),
        span_of(stream), span_of(at),          number(kind_deadline_ms, deadline),
    };
    redis_command(redis, REDIS_ONCE | REDIS_OWN, on_ticked, call, ARRAY_SIZE(argv), argv);
}

/* ---- list ---- */

struct list_call {
    job_list_fn *fn;
    void *arg;
};

static void on_list(const struct reply *reply, void *arg)
{
    const struct list_call *call = arg;
    bool unavailable = !reply || reply->type == REPLY_ERROR;
    size_t n = unavailable ? 0 : reply->n / 2, n_records = 0;
    struct job_record *records = xcalloc(n, sizeof(*records));

    for (size_t i = 0; i < n; i++)
        n_records +=
            read_record(reply->items[2 * i]->text, reply->items[2 * i + 1], &records[n_records]);
    call->fn(records, n_records, unavailable, call->arg);
    free(records);
}

void job_list(struct redis *redis, const char *tenant, const char *before, size_t count,
              job_list_fn *fn, void *arg)
{
    char *key CLEANUP(charp_freep) = xprintf("tenant:%s:jobs", tenant);
    char limit[NUMBER_BYTES];
    struct span argv[6 + ARRAY_SIZE(record_fields)] = {SPAN("FCALL"), SPAN("parley1_list"),
                                                       SPAN("1")};
    struct list_call *call = xcalloc(1, sizeof(*call));

    *call = (struct list_call){fn, arg};
    argv[3] = span_of(key);
    argv[4] = span_of(before);
    argv[5] = number((int64_t)count, limit);
    for (size_t i = 0; i < ARRAY_SIZE(record_fields); i++)
        argv[6 + i] = span_of(record_fields[i].name);
    redis_command(redis, REDIS_ONCE | REDIS_OWN, on_list, call, ARRAY_SIZE(argv), argv);
}
