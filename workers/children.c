/* The children of a run: jobs of other kinds that it has done for it (lib/children.lua), and its
 * checkpoint.
 *
 * Redis creates a child once for a parent and a key, so asking again after a crash finds the same
 * one. Its answer appears among the parent's remembered answers, written by whoever ended the
 * child. Here it is fetched: after a hint on the worker's channel, and after every beat in case one
 * was lost. Answers may be large, so a few are fetched at a time and the loop turns in between. */
#include <search.h>
#include <stdlib.h>

#include "clock.h"
#include "embedded.h"
#include "json.h"
#include "kinds.h"
#include "log.h"
#include "redis.h"
#include "run_private.h"
#include "text.h"

#define CHECKPOINT "checkpoint"
#define POLL_AT_ONCE 8
#define MAX_KEYS 64
#define NUMBER_BYTES 24
#define DEADLINE_S 600 /* as worker.c has it */

/* ---- asking ---- */

static void on_spawned(const struct reply *reply, void *arg)
{
    struct run *run = arg;

    if (reply->type == REPLY_ERROR && text_starts(reply->text, "FENCED"))
        run_lost(run);
    else if (reply->type == REPLY_ERROR)
        run_break(run, ERROR_INTERNAL, "a part could not be queued: %.300s", reply->text.at);
    else if (reply->text.n == 0)
        run_poll(run); /* it has ended meanwhile */
    run_replied(run);
}

static int64_t deadline_ms(const char *kind)
{
    const struct embedded *file = kind_schema(span_of(kind));
    struct json *schema CLEANUP(json_freep) = NULL;

    if (!file || json_parse(file->text, NULL, &schema, NULL) < 0)
        abort(); /* kinds are named by our own code */
    return json_get_integer(schema, "x-deadline_s", DEADLINE_S) * 1000;
}

static void spawn(struct answer *answer, const char *kind, const struct json *request)
{
    struct run *run = answer->run;
    char job[JOB_KEY_BYTES], steps[JOB_KEY_BYTES], stream[JOB_KEY_BYTES], at[CLOCK_TEXT_BYTES];
    char id[ID_TEXT_BYTES], deadline[NUMBER_BYTES], span[TRACE_SPAN_BYTES];
    char *text CLEANUP(charp_freep) = json_text(request);

    job_key(run->lease.id, job);
    job_steps_key(run->lease.id, steps);
    job_stream_key(kind, stream);
    clock_text(clock_wall_ms(), at);
    id_new(clock_wall_ms(), id);
    trace_child(&run->lease.trace, id_random, span);
    char *trace CLEANUP(charp_freep) = trace_write(&run->lease.trace, span);
    (void)snprintf(deadline, sizeof(deadline), "%lld", (long long)deadline_ms(kind));
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_spawn"),
        SPAN("3"),
        span_of(job),
        span_of(steps),
        span_of(stream),
        span_of(run->lease.fence),
        span_of(answer->key),
        span_of(id),
        span_of(kind),
        span_of(at),
        span_of(text),
        span_of(deadline),
        span_of(trace),
    };
    run->n_writes++;
    redis_command(run->host->site.redis, REDIS_REPEAT, on_spawned, run, ARRAY_SIZE(argv), argv);
}

const struct run_answer *run_spawn(struct run *run, const char *key, const char *kind,
                                   run_request_fn *build, const void *arg)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        struct json *request CLEANUP(json_freep) = build(run, arg);
        answer = run_add(run, key, ANSWER_ASKING);
        answer->is_child = true;
        run->n_children++;
        spawn(answer, kind, request);
    }
    return answer->state == ANSWER_KNOWN ? &answer->view : NULL;
}

size_t run_n_children(const struct run *run)
{
    return run->n_children;
}

/* ---- hearing ---- */

/* One look at some of the answers, in the order of their keys. */
struct look {
    struct run *run;
    struct answer *answers[POLL_AT_ONCE];
    size_t n;
    const char *after; /* only keys behind it; NULL = all */
};

static void look_on(struct run *run, const char *after);

static void take_answer(struct answer *answer, struct span text)
{
    struct json *json = NULL;
    struct error error = {0};

    if (json_parse(text, NULL, &json, &error) < 0) {
        struct json *why = json_object();
        json = json_object();
        json_set_text(why, "code", error_name(ERROR_INTERNAL));
        json_set_text(why, "message", error.message);
        json_set(json, "error", why);
    }
    answer->run->n_children--;
    run_answered(answer, json);
}

static void on_looked(const struct reply *reply, void *arg)
{
    struct look *look = arg;
    struct run *run = look->run;
    bool more = look->n == POLL_AT_ONCE, again = run->poll_again;
    char *last CLEANUP(charp_freep) = more ? xstrdup(look->answers[look->n - 1]->key) : NULL;

    if (reply && reply->type == REPLY_ARRAY && !run->over)
        for (size_t i = 0; i < look->n && i < reply->n; i++)
            if (reply->items[i]->type == REPLY_STRING)
                take_answer(look->answers[i], reply->items[i]->text);
    run->polling = false;
    if (more) {
        look_on(run, last);
    } else if (again) {
        run->poll_again = false;
        look_on(run, NULL);
    }
    run_replied(run);
}

static void collect(const void *node, VISIT visit, void *arg)
{
    struct answer *answer = *(struct answer *const *)node;
    struct look *look = arg;

    if ((visit != postorder && visit != leaf) || !answer->is_child ||
        answer->state == ANSWER_KNOWN || look->n == POLL_AT_ONCE)
        return;
    if (!look->after || strcmp(answer->key, look->after) > 0)
        look->answers[look->n++] = answer;
}

static void look_on(struct run *run, const char *after)
{
    struct look look = {.run = run, .after = after};
    struct span argv[2 + POLL_AT_ONCE] = {SPAN("HMGET")};
    char steps[JOB_KEY_BYTES];

    if (!run->over)
        twalk_r(run->answers, collect, &look);
    if (look.n == 0)
        return;
    job_steps_key(run->lease.id, steps);
    argv[1] = span_of(steps);
    for (size_t i = 0; i < look.n; i++)
        argv[2 + i] = span_of(look.answers[i]->key);
    run->polling = true;
    run->n_writes++;
    look.after = NULL;
    redis_command(run->host->site.redis, REDIS_REPEAT | REDIS_OWN, on_looked,
                  xmemdup(&look, sizeof(look)), 2 + look.n, argv);
}

void run_poll(struct run *run)
{
    if (!run || run->over || run->n_children == 0)
        return;
    if (run->polling)
        run->poll_again = true;
    else
        look_on(run, NULL);
}

/* ---- the checkpoint ---- */

static void on_checkpoint(const struct reply *reply, void *arg)
{
    struct run *run = arg;

    if (reply->type == REPLY_ERROR && text_starts(reply->text, "FENCED"))
        run_lost(run);
    run_noted(reply, run);
}

void run_checkpoint(struct run *run, struct span checkpoint, const char *const *keys, size_t n)
{
    char job[JOB_KEY_BYTES], steps[JOB_KEY_BYTES];
    struct span argv[7 + MAX_KEYS] = {SPAN("FCALL"), SPAN("parley1_checkpoint"), SPAN("2")};
    size_t argc = 3;

    if (run->over)
        return;
    job_key(run->lease.id, job);
    job_steps_key(run->lease.id, steps);
    argv[argc++] = span_of(job);
    argv[argc++] = span_of(steps);
    argv[argc++] = span_of(run->lease.fence);
    argv[argc++] = checkpoint;
    for (size_t i = 0; i < n && i < MAX_KEYS; i++)
        argv[argc++] = span_of(keys[i]);
    run->n_writes++;
    redis_command(run->host->site.redis, REDIS_REPEAT, on_checkpoint, run, argc, argv);
    for (size_t i = 0; i < n && i < MAX_KEYS; i++)
        run_drop(run, run_find(run, keys[i]));
}

bool run_is_checkpoint(struct run *run, struct span key, struct span bytes)
{
    if (!span_equal(key, SPAN(CHECKPOINT)))
        return false;
    free(run->checkpoint);
    run->checkpoint = xmemdup(bytes.at, bytes.n);
    run->n_checkpoint = bytes.n;
    return true;
}

struct span run_last_checkpoint(const struct run *run)
{
    return (struct span){run->checkpoint, run->n_checkpoint};
}
