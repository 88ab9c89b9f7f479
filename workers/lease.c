/* The worker's calls of parley.lua. Each packs arguments, sends one command, and turns the reply
 * into an outcome. A call owns its context until the reply came; the lease and the site belong to
 * the caller and must outlive the call only where the callback's arg does. */
#include "lease.h"

#include <stdlib.h>

#include "clock.h"
#include "ends.h"
#include "log.h"
#include "redis.h"
#include "text.h"

#define MAX_TAILS_BYTES (16u << 20)
#define MAX_EVENTS_A_CALL 512
#define NUMBER_BYTES 24
#define MAX_BEAT 1000

struct call {
    lease_fn *fn;
    lease_claimed_fn *claimed;
    lease_remembered_fn *remembered;
    lease_verdict_fn *verdict;
    void (*done)(int n, void *arg);
    void (*beaten)(bool answered, void *arg);
    void *arg;
};

/* The words of one command. */
struct words {
    struct span argv[16 + LEASE_MAX_FORGET + 2 * MAX_EVENTS_A_CALL];
    size_t n;
};

static void word(struct words *words, struct span text)
{
    words->argv[words->n++] = text;
}

static struct span number(int64_t value, char out[NUMBER_BYTES])
{
    int n = snprintf(out, NUMBER_BYTES, "%lld", (long long)value);

    return (struct span){out, (size_t)n};
}

static struct call *new_call(struct call values)
{
    return xmemdup(&values, sizeof(values));
}

void lease_deinit(struct lease *lease)
{
    free(lease->entry);
    free(lease->fence);
    free(lease->attempt);
    free(lease->tenant);
    free(lease->payload);
    trace_deinit(&lease->trace);
    *lease = (struct lease){0};
}

static enum lease_outcome outcome_of(const struct reply *reply)
{
    if (reply->type != REPLY_ERROR)
        return LEASE_OK;
    if (text_starts(reply->text, "FENCED"))
        return LEASE_LOST;
    log_error("event=redis.refused error=\"%s\"", reply->text.at);
    return LEASE_FAILED;
}

static void on_written(const struct reply *reply, void *arg)
{
    const struct call *call = arg;

    call->fn(outcome_of(reply), call->arg);
}

/* ---- claim ---- */

static int64_t integer_of(const struct reply *reply)
{
    uint64_t value = 0;

    (void)!text_to_u64(reply->text, INT64_MAX, &value);
    return (int64_t)value;
}

static bool read_lease(const struct reply *job, struct lease *lease)
{
    if (job->type != REPLY_ARRAY || job->n != 11 || !id_valid(job->items[0]->text))
        return false;
    memcpy(lease->id, job->items[0]->text.at, sizeof(lease->id));
    lease->entry = xspandup(job->items[1]->text);
    lease->fence = xspandup(job->items[2]->text);
    lease->attempt = xspandup(job->items[3]->text);
    lease->tenant = xspandup(job->items[4]->text);
    lease->payload = xspandup(job->items[5]->text);
    lease->started_ms = integer_of(job->items[6]);
    lease->age_ms = integer_of(job->items[7]);
    lease->deadline_ms = integer_of(job->items[8]);
    if (trace_read(job->items[10]->text, &lease->trace) < 0)
        trace_of_job(lease->id, &lease->trace);
    return true;
}

static void on_claimed(const struct reply *reply, void *arg)
{
    const struct call *call = arg;
    int n = -1;

    if (reply && reply->type == REPLY_ARRAY) {
        n = (int)reply->n;
        for (size_t i = 0; i < reply->n; i++) {
            struct lease lease = {0};
            if (read_lease(reply->items[i], &lease))
                call->claimed(&lease, reply->items[i]->items[9], call->arg);
            lease_deinit(&lease);
        }
    } else if (reply) {
        log_warn("event=claim.refused error=\"%s\"", reply->text.at ? reply->text.at : "");
    }
    call->done(n, call->arg);
}

void lease_claim(const struct lease_site *site, size_t want, size_t running,
                 lease_claimed_fn *claimed, void (*done)(int n, void *arg), void *arg)
{
    char numbers[2][NUMBER_BYTES], at[CLOCK_TEXT_BYTES];

    clock_text(clock_wall_ms(), at);
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_claim"),
        SPAN("1"),
        span_of(site->stream),
        span_of(site->worker),
        number((int64_t)want, numbers[0]),
        number((int64_t)running, numbers[1]),
        span_of(at),
    };
    redis_command(site->redis, REDIS_ONCE | REDIS_OWN, on_claimed,
                  new_call((struct call){.claimed = claimed, .done = done, .arg = arg}),
                  ARRAY_SIZE(argv), argv);
}

/* ---- events ---- */

void lease_events_init(struct lease_events *events)
{
    *events = (struct lease_events){0};
    buf_init(&events->text, MAX_TAILS_BYTES);
}

void lease_events_deinit(struct lease_events *events)
{
    buf_deinit(&events->text);
    free(events->items);
    lease_events_init(events);
}

void lease_events_add(struct lease_events *events, enum event_type type, struct span tail)
{
    if ((events->n & (events->n - 1)) == 0) /* full at every power of two */
        events->items = xrealloc(events->items, 2 * (events->n + 1) * sizeof(events->items[0]));
    events->items[events->n].type = type;
    events->items[events->n].from = events->text.n;
    events->items[events->n].bytes = tail.n;
    events->n++;
    buf_add_span(&events->text, tail);
}

static void add_events(struct words *words, const struct lease_events *events, size_t from,
                       size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        word(words, span_of(event_name(events->items[i].type)));
        word(words, (struct span){events->text.at + events->items[i].from, events->items[i].bytes});
    }
}

static void clear_events(struct lease_events *events)
{
    events->n = 0;
    buf_clear(&events->text);
}

/* The words every append and finish begin with. */
struct frame {
    char job[JOB_KEY_BYTES], n_append[NUMBER_BYTES], at[CLOCK_TEXT_BYTES];
};

static void fill_frame(struct frame *frame, struct lease *lease)
{
    job_key(lease->id, frame->job);
    (void)number((int64_t)++lease->n_appends, frame->n_append);
    clock_text(clock_wall_ms(), frame->at);
}

static void append_some(const struct lease_site *site, struct lease *lease,
                        const struct lease_events *events, size_t from, size_t n,
                        struct span progress, struct call call)
{
    struct words words = {0};
    struct frame frame;

    fill_frame(&frame, lease);
    word(&words, SPAN("FCALL"));
    word(&words, SPAN("parley1_append"));
    word(&words, SPAN("1"));
    word(&words, span_of(frame.job));
    word(&words, span_of(lease->fence));
    word(&words, span_of(frame.n_append));
    word(&words, span_of(frame.at));
    word(&words, progress);
    word(&words, span_of(lease->step));
    add_events(&words, events, from, n);
    redis_command(site->redis, REDIS_REPEAT | REDIS_OWN, on_written, new_call(call), words.n,
                  words.argv);
}

size_t lease_append(const struct lease_site *site, struct lease *lease, struct lease_events *events,
                    struct span progress, lease_fn *fn, void *arg)
{
    size_t n_calls = 0;

    for (size_t from = 0; from < events->n; from += MAX_EVENTS_A_CALL, n_calls++) {
        size_t n = events->n - from < MAX_EVENTS_A_CALL ? events->n - from : MAX_EVENTS_A_CALL;
        append_some(site, lease, events, from, n, progress, (struct call){.fn = fn, .arg = arg});
    }
    clear_events(events);
    return n_calls;
}

/* Appends events until the rest fits into one call more. Returns the calls made. */
static size_t append_most(const struct lease_site *site, struct lease *lease,
                          const struct lease_events *events, struct call call)
{
    size_t n_calls = 0;

    for (; events->n - n_calls * MAX_EVENTS_A_CALL > MAX_EVENTS_A_CALL; n_calls++)
        append_some(site, lease, events, n_calls * MAX_EVENTS_A_CALL, MAX_EVENTS_A_CALL,
                    (struct span){"", 0}, call);
    return n_calls;
}

/* What the arguments of finish and retry begin with. */
static void word_end(struct words *words, const struct lease *lease, const struct frame *frame)
{
    word(words, span_of(lease->fence));
    word(words, span_of(frame->n_append));
    word(words, span_of(frame->at));
}

size_t lease_retry(const struct lease_site *site, struct lease *lease, struct lease_events *events,
                   const struct lease_end *end, const struct lease_again *again, lease_fn *fn,
                   void *arg)
{
    const struct call call = {.fn = fn, .arg = arg};
    size_t n_calls = append_most(site, lease, events, call), from = n_calls * MAX_EVENTS_A_CALL;
    size_t n_forget = again->n_forget < LEASE_MAX_FORGET ? again->n_forget : LEASE_MAX_FORGET;
    char numbers[4][NUMBER_BYTES];
    struct words words = {0};
    struct frame frame;

    fill_frame(&frame, lease);
    word(&words, SPAN("FCALL"));
    word(&words, SPAN("parley1_retry"));
    word(&words, SPAN("2"));
    word(&words, span_of(site->stream));
    word(&words, span_of(frame.job));
    word_end(&words, lease, &frame);
    word(&words, span_of(lease->step));
    word(&words, end->error);
    word(&words, end->usage);
    word(&words, end->progress);
    word(&words, number(again->delay_ms, numbers[0]));
    word(&words, number(again->max_attempts, numbers[1]));
    word(&words, number(again->per_minute, numbers[2]));
    word(&words, number((int64_t)n_forget, numbers[3]));
    for (size_t i = 0; i < n_forget; i++)
        word(&words, span_of(again->forget[i]));
    add_events(&words, events, from, events->n - from);
    redis_command(site->redis, REDIS_REPEAT | REDIS_OWN, on_written, new_call(call), words.n,
                  words.argv);
    clear_events(events);
    return n_calls + 1;
}

size_t lease_finish(const struct lease_site *site, struct lease *lease, struct lease_events *events,
                    const struct lease_end *end, lease_fn *fn, void *arg)
{
    const struct call call = {.fn = fn, .arg = arg};
    size_t n_calls = append_most(site, lease, events, call), from = n_calls * MAX_EVENTS_A_CALL;
    struct words words = {0};
    struct frame frame;

    fill_frame(&frame, lease);
    word_end(&words, lease, &frame);
    word(&words, span_of(job_state_name(end->state)));
    word(&words, span_of(lease->step));
    word(&words, end->result);
    word(&words, end->error);
    word(&words, end->usage);
    word(&words, end->progress);
    add_events(&words, events, from, events->n - from);
    ends_add(site->ends, frame.job, words.argv, words.n, fn, arg);
    clear_events(events);
    return n_calls + 1;
}

/* ---- answers ---- */

static void on_remembered(const struct reply *reply, void *arg)
{
    const struct call *call = arg;

    if (reply->type == REPLY_ERROR)
        log_error("event=redis.refused error=\"%s\"", reply->text.at);
    call->remembered(reply->type == REPLY_STRING ? reply->text : (struct span){NULL, 0}, call->arg);
}

void lease_remember(const struct lease_site *site, const char *id, const char *key,
                    struct span answer, lease_remembered_fn *fn, void *arg)
{
    char job[JOB_KEY_BYTES], steps[JOB_KEY_BYTES];

    job_key(id, job);
    job_steps_key(id, steps);
    struct span argv[] = {
        SPAN("FCALL"), SPAN("parley1_remember"), SPAN("2"),
        span_of(job),  span_of(steps),           span_of(key),
        answer,
    };
    redis_command(site->redis, REDIS_REPEAT | REDIS_OWN, on_remembered,
                  new_call((struct call){.remembered = fn, .arg = arg}), ARRAY_SIZE(argv), argv);
}

/* ---- leases ---- */

void lease_give_back(const struct lease_site *site, struct lease *lease, lease_fn *fn, void *arg)
{
    char job[JOB_KEY_BYTES], at[CLOCK_TEXT_BYTES];

    job_key(lease->id, job);
    clock_text(clock_wall_ms(), at);
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_give_back"),
        SPAN("2"),
        span_of(site->stream),
        span_of(job),
        span_of(lease->fence),
        span_of(at),
        SPAN("{\"code\":\"draining\",\"message\":\"the worker was stopped and handed the job "
             "back\"}"),
    };
    redis_command(site->redis, REDIS_REPEAT | REDIS_OWN, on_written,
                  new_call((struct call){.fn = fn, .arg = arg}), ARRAY_SIZE(argv), argv);
}

static void on_beat(const struct reply *reply, void *arg)
{
    const struct call *call = arg;
    bool answered = reply && reply->type == REPLY_ARRAY;

    for (size_t i = 0; answered && i + 1 < reply->n; i += 2)
        call->verdict(reply->items[i + 1]->text.at, span_equal(reply->items[i]->text, SPAN("lost")),
                      call->arg);
    call->beaten(answered, call->arg);
}

void lease_beat(const struct lease_site *site, bool all, struct lease *const *leases, size_t n,
                lease_verdict_fn *verdict, void (*done)(bool answered, void *arg), void *arg)
{
    char at[CLOCK_TEXT_BYTES];
    struct span argv[8 + 3 * MAX_BEAT] = {
        SPAN("FCALL"),
        SPAN("parley1_beat"),
        SPAN("1"),
        span_of(site->stream),
        span_of(site->worker),
        all ? SPAN("1") : SPAN("0"),
        {at, sizeof(at) - 1},
        SPAN("{\"code\":\"unavailable\",\"message\":\"the claim's answer was lost\"}"),
    };
    size_t argc = 8;

    clock_text(clock_wall_ms(), at);
    for (size_t i = 0; i < n && i < MAX_BEAT; i++) {
        argv[argc++] = span_of(leases[i]->id);
        argv[argc++] = span_of(leases[i]->entry);
        argv[argc++] = span_of(leases[i]->fence);
    }
    redis_command(site->redis, REDIS_ONCE | REDIS_OWN, on_beat,
                  new_call((struct call){.verdict = verdict, .beaten = done, .arg = arg}), argc,
                  argv);
}

static void on_counted(const struct reply *reply, void *arg)
{
    const struct call *call = arg;

    if (reply && reply->type == REPLY_ERROR)
        log_warn("event=redis.refused error=\"%s\"", reply->text.at);
    call->done(reply && reply->type == REPLY_INTEGER ? (int)reply->integer : -1, call->arg);
}

void lease_reap(const struct lease_site *site, int64_t idle_ms, int64_t max_attempts,
                const char *worker, void (*done)(int n, void *arg), void *arg)
{
    char numbers[2][NUMBER_BYTES], at[CLOCK_TEXT_BYTES];

    clock_text(clock_wall_ms(), at);
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_reap"),
        SPAN("1"),
        span_of(site->stream),
        number(idle_ms, numbers[0]),
        number(max_attempts, numbers[1]),
        span_of(at),
        SPAN("{\"code\":\"worker_lost\",\"message\":\"the worker died or lost its lease\"}"),
        span_of(worker),
    };
    redis_command(site->redis, REDIS_ONCE | REDIS_OWN, on_counted,
                  new_call((struct call){.done = done, .arg = arg}),
                  ARRAY_SIZE(argv) - (worker ? 0 : 1), argv);
}

void lease_evidence(const struct lease_site *site, const char *worker, const char *id,
                    const char *signal, const char *step)
{
    char job[JOB_KEY_BYTES];

    job_key(id, job);
    struct span argv[] = {
        SPAN("FCALL"),   SPAN("parley1_evidence"), SPAN("1"),     span_of(job),
        span_of(worker), span_of(signal),          span_of(step),
    };
    redis_command(site->redis, REDIS_REPEAT, NULL, NULL, ARRAY_SIZE(argv), argv);
}

void lease_sweep(const struct lease_site *site, int64_t idle_ms)
{
    char idle[NUMBER_BYTES];
    struct span argv[] = {
        SPAN("FCALL"),         SPAN("parley1_sweep"), SPAN("1"),
        span_of(site->stream), number(idle_ms, idle),
    };

    redis_command(site->redis, REDIS_ONCE, NULL, NULL, ARRAY_SIZE(argv), argv);
}

void lease_leave(const struct lease_site *site, void (*done)(int n, void *arg), void *arg)
{
    struct span argv[] = {
        SPAN("FCALL"),         SPAN("parley1_leave"), SPAN("1"),
        span_of(site->stream), span_of(site->worker),
    };

    redis_command(site->redis, REDIS_ONCE | REDIS_OWN, on_counted,
                  new_call((struct call){.done = done, .arg = arg}), ARRAY_SIZE(argv), argv);
}
