/* One attempt at one job: the step engine.
 *
 * run_advance() is the only place that moves a run. Callbacks note a fact and wake the run; it
 * advances at the end of the turn. Events collect in `events` and are written once a turn. A run
 * ends in exactly one of four ways (finished, in whatever state; lost; given back; freed by the
 * worker), after which steps run no more; the worker gets it back when Redis has answered the last
 * write. */
#include "run.h"

#include <assert.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>

#include "clock.h"
#include "crash.h"
#include "failpoint.h"
#include "json.h"
#include "llm.h"
#include "log.h"
#include "redis.h"
#include "retry.h"
#include "run_private.h"
#include "sha256.h"
#include "sim/draw.h"
#include "spool.h"
#include "text.h"

#define MAX_TAIL_BYTES (8u << 20)
#define WAITING_MS 1000 /* between two job.waiting */

/* ---- what steps read ---- */

void *run_state(const struct run *run)
{
    return run->state;
}

const void *run_library(const struct run *run)
{
    return run->host->library;
}

const char *run_id(const struct run *run)
{
    return run->lease.id;
}

int64_t run_clock(const struct run *run)
{
    return run->lease.started_ms;
}

int64_t run_elapsed_ms(const struct run *run)
{
    return run->elapsed_ms + clock_monotonic_ms() - run->begun_ms;
}

int64_t run_left_ms(const struct run *run)
{
    return run->limit_ms - run->lease.age_ms - (clock_monotonic_ms() - run->begun_ms);
}

uint64_t run_random(const struct run *run, const char *name, uint64_t n)
{
    return draw_word(run->seed, name, n);
}

/* ---- writing ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(a, b);
}

void run_replied(struct run *run)
{
    FAILPOINT("write.answered");
    run->n_writes--;
    if (run->over && run->n_writes == 0)
        loop_later_set(&run->advance, run->host->loop);
}

void run_noted(const struct reply *reply, void *arg)
{
    if (reply && reply->type == REPLY_ERROR && !text_starts(reply->text, "FENCED"))
        log_error("event=redis.refused error=\"%s\"", reply->text.at);
    run_replied(arg);
}

static void note_written(enum lease_outcome outcome, void *arg)
{
    struct run *run = arg;

    run->host->counts->fenced += outcome == LEASE_LOST;
    if (outcome == LEASE_LOST)
        run_lost(run);
    run_replied(run);
}

static void flush_events(void *arg)
{
    struct run *run = arg;

    if (run->over || run->events.n == 0)
        return;
    struct span progress = run->progress_new ? span_of(run->progress) : (struct span){"", 0};

    run->progress_new = false;
    FAILPOINT("events.append");
    run->n_writes +=
        lease_append(&run->host->site, &run->lease, &run->events, progress, note_written, run);
}

void run_emit(struct run *run, const char *key, enum event_type type, struct json *members)
{
    struct buf tail;

    if (run->over || (key && tfind(key, &run->emitted, compare_keys))) {
        json_free(members);
        return;
    }
    if (key && !tsearch(xstrdup(key), &run->emitted, compare_keys))
        abort();
    buf_init(&tail, MAX_TAIL_BYTES);
    json_write_members(members, &tail);
    if (buf_ok(&tail))
        lease_events_add(&run->events, type, buf_span(&tail));
    else
        log_warn("event=event.dropped job=%s type=%s why=\"over %u bytes\"", run->lease.id,
                 event_name(type), MAX_TAIL_BYTES);
    buf_deinit(&tail);
    json_free(members);
    loop_later_set(&run->flush, run->host->loop);
}

void run_waiting(struct run *run, struct json *members)
{
    int64_t now_ms = clock_monotonic_ms();

    if (run->told_waiting_ms != 0 && now_ms - run->told_waiting_ms < WAITING_MS) {
        json_free(members);
        return;
    }
    run->told_waiting_ms = now_ms;
    run_emit(run, NULL, EVENT_JOB_WAITING, members);
}

void run_progress(struct run *run, uint64_t done, uint64_t total, const char *unit)
{
    struct json *members = json_object();
    const char *key = run_key("progress/%s/%llu", unit, (unsigned long long)done);

    json_set_integer(members, "done", (int64_t)done);
    json_set_integer(members, "total", (int64_t)total);
    json_set_text(members, "unit", unit);
    if (!tfind(key, &run->emitted, compare_keys)) {
        free(run->progress);
        run->progress = json_text(members);
        run->progress_new = true;
    }
    run_emit(run, key, EVENT_JOB_PROGRESS, members);
}

/* ---- the end ---- */

static void stop_answer(const void *node, VISIT visit, void *arg)
{
    (void)arg;
    if (visit == postorder || visit == leaf)
        answer_stop(*(struct answer *const *)node);
}

/* No step runs and no call is open after this. */
static void stop(struct run *run)
{
    run->over = true;
    twalk_r(run->answers, stop_answer, NULL);
    loop_timer_clear(&run->deadline);
    budget_deinit(run);
    loop_later_clear(&run->flush);
    if (run->n_writes == 0)
        loop_later_set(&run->advance, run->host->loop);
}

static void count_end(struct run *run, enum figures_ending ending)
{
    run->host->counts->ended[ending]++;
}

/* Of the states that end() is given. */
static enum figures_ending ending_of(enum job_state state)
{
    return state == JOB_SUCCEEDED   ? ENDED_SUCCEEDED
           : state == JOB_CANCELLED ? ENDED_CANCELLED
           : state == JOB_EXPIRED   ? ENDED_EXPIRED
                                    : ENDED_FAILED;
}

static void end(struct run *run, enum job_state state)
{
    struct buf result, error, usage;

    buf_init(&result, MAX_TAIL_BYTES);
    buf_init(&error, 4096);
    buf_init(&usage, 4096);
    if (run->result)
        json_write(run->result, &result);
    if (!buf_ok(&result)) {
        state = JOB_FAILED;
        buf_clear(&result);
        (void)error_set(&run->error, ERROR_INTERNAL, 0, "the result is over %u bytes",
                        MAX_TAIL_BYTES);
    }
    if (state != JOB_SUCCEEDED)
        job_error_text(&error, run->error.code, run->error.message);
    run_usage(run, &usage);
    struct lease_end how = {
        .state = state,
        .result = buf_span(&result),
        .error = buf_span(&error),
        .usage = buf_span(&usage),
        .progress = span_of(run->progress ? run->progress : ""),
    };
    log_info("event=job.%s job=%s attempt=%s trace=%s", job_state_name(state), run->lease.id,
             run->lease.attempt, run->lease.trace.id);
    budget_settle_all(run, BUDGET_DONE);
    FAILPOINT("job.finish");
    bool again = state == JOB_FAILED && retry_helps(run);
    count_end(run, again ? ENDED_RETRIED : ending_of(state));
    if (again)
        run->n_writes += retry_write(run, &how, note_written);
    else
        run->n_writes +=
            lease_finish(&run->host->site, &run->lease, &run->events, &how, note_written, run);
    buf_deinit(&result);
    buf_deinit(&error);
    buf_deinit(&usage);
    stop(run);
}

static void cut_short(struct run *run)
{
    if (run->prepared && run->kind->cut_short)
        run->kind->cut_short(run);
}

void run_cancel(struct run *run)
{
    if (run->over)
        return;
    cut_short(run);
    (void)error_set(&run->error, ERROR_CANCELLED, 0, "the client cancelled the job");
    end(run, JOB_CANCELLED);
}

static void on_deadline(void *arg)
{
    struct run *run = arg;

    cut_short(run);
    (void)error_set(&run->error, ERROR_DEADLINE, 0, "the job did not end within its deadline");
    end(run, JOB_EXPIRED);
}

void run_break(struct run *run, enum error_code code, const char *format, ...)
{
    va_list args;

    if (run->over)
        return;
    run->error.code = code;
    va_start(args, format);
    (void)vsnprintf(run->error.message, sizeof(run->error.message), format, args);
    va_end(args);
    end(run, JOB_FAILED);
}

void run_lost(struct run *run)
{
    if (run->over)
        return;
    count_end(run, ENDED_LOST);
    log_warn("event=job.lost job=%s attempt=%s trace=%s", run->lease.id, run->lease.attempt,
             run->lease.trace.id);
    stop(run);
}

void run_give_back(struct run *run)
{
    if (run->over)
        return;
    count_end(run, ENDED_GIVEN_BACK);
    log_info("event=job.given_back job=%s attempt=%s trace=%s", run->lease.id, run->lease.attempt,
             run->lease.trace.id);
    budget_settle_all(run, BUDGET_DOUBT);
    flush_events(run);
    run->n_writes++;
    lease_give_back(&run->host->site, &run->lease, note_written, run);
    stop(run);
}

void run_set_result(struct run *run, struct json *result)
{
    json_free(run->result);
    run->result = result;
}

enum step_result run_fail(struct run *run, enum error_code code, const char *format, ...)
{
    va_list args;

    run->error.code = code;
    va_start(args, format);
    (void)vsnprintf(run->error.message, sizeof(run->error.message), format, args);
    va_end(args);
    return STEP_FAIL;
}

/* ---- moving ---- */

void run_wake(struct run *run)
{
    if (!run->over)
        loop_later_set(&run->advance, run->host->loop);
}

/* For the evidence, should this step be the last. */
static void note_step(struct run *run)
{
    if (run->lease.step == run->step->name)
        return;
    run->lease.step = run->step->name;
    crash_step(run->crash, run->step->name);
    log_debug("event=step.begun job=%s step=%s", run->lease.id, run->step->name);
}

static void advance_steps(struct run *run)
{
    if (!run->prepared) {
        end(run, JOB_FAILED);
        return;
    }
    while (run->step->fn) {
        note_step(run);
        switch (run->step->fn(run)) {
        case STEP_NEXT: run->step++; break;
        case STEP_WAIT: assert(run->n_waiting > 0); return;
        case STEP_AGAIN: run_wake(run); return;
        case STEP_FAIL: end(run, JOB_FAILED); return;
        }
    }
    end(run, JOB_SUCCEEDED);
}

static void run_advance(void *arg)
{
    struct run *run = arg;

    if (!run->over)
        advance_steps(run);
    else if (run->n_writes == 0)
        run->host->on_over(run, run->host->arg);
}

/* ---- life ---- */

static void take_remembered(struct run *run, const struct reply *remembered)
{
    for (size_t i = 0; i + 1 < remembered->n; i += 2) {
        struct json *json = NULL;

        if (run_is_checkpoint(run, remembered->items[i]->text, remembered->items[i + 1]->text) ||
            json_parse(remembered->items[i + 1]->text, NULL, &json, NULL) < 0)
            continue;
        struct answer *answer = run_add(run, remembered->items[i]->text.at, ANSWER_KNOWN);
        answer->json = json;
        answer->earlier = true;
        answer_view(answer);
    }
}

static int prepare(struct run *run)
{
    int r = json_parse(span_of(run->lease.payload), NULL, &run->request, &run->error);

    if (r < 0)
        return r;
    draw_seed(run->request, run->lease.id, run->seed);
    return run->kind->prepare ? run->kind->prepare(run, run->request, &run->state, &run->error) : 0;
}

/* Earlier attempts were elsewhere, perhaps by another clock: never longer ago than the job is old.
 */
static int64_t elapsed_before(const struct lease *lease)
{
    int64_t ms = clock_wall_ms() - lease->started_ms;

    if (strcmp(lease->attempt, "1") == 0 || ms < 0)
        return 0;
    return ms < lease->age_ms ? ms : lease->age_ms;
}

struct run *run_new(const struct run_host *host, const struct kind *kind, struct lease *lease,
                    const struct reply *remembered)
{
    struct run *run = xcalloc(1, sizeof(*run));

    run->limit_ms = lease->deadline_ms > 0 ? lease->deadline_ms : host->deadline_ms;
    run->host = host;
    run->kind = kind;
    run->step = kind->steps;
    run->lease = *lease;
    *lease = (struct lease){0};
    run->crash = crash_enter(run->lease.id);
    lease_events_init(&run->events);
    loop_later_init(&run->advance, run_advance, run);
    loop_later_init(&run->flush, flush_events, run);
    loop_timer_init(&run->deadline, host->loop, on_deadline, run);
    run->begun_ms = clock_monotonic_ms();
    run->elapsed_ms = elapsed_before(&run->lease);
    loop_timer_set(&run->deadline, run_left_ms(run));
    take_remembered(run, remembered);
    host->counts->claimed++;
    log_info("event=job.started job=%s attempt=%s trace=%s", run->lease.id, run->lease.attempt,
             run->lease.trace.id);
    run->prepared = prepare(run) == 0;
    budget_init(run);
    run_wake(run);
    return run;
}

struct run *run_free(struct run *run)
{
    if (!run)
        return NULL;
    tdestroy(run->answers, answer_free);
    tdestroy(run->emitted, free);
    loop_timer_clear(&run->deadline);
    budget_deinit(run);
    loop_later_clear(&run->advance);
    loop_later_clear(&run->flush);
    if (run->state && run->kind->free_state)
        run->kind->free_state(run->state);
    json_free(run->request);
    json_free(run->result);
    free(run->progress);
    free(run->checkpoint);
    lease_events_deinit(&run->events);
    crash_leave(run->crash);
    lease_deinit(&run->lease);
    free(run);
    return NULL;
}

struct lease *run_lease(struct run *run)
{
    return &run->lease;
}
