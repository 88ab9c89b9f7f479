/* A run's calls to models: run_ask() and what follows it.
 *
 * question -> step.started -> deltas, coalesced to at most 20 a second and 4 KiB each -> the answer
 * goes to Redis
 * -> step.completed (or step.failed) -> the step sees it. A call that failed for good is an answer
 * too: what a debate does without a persona must not depend on when it crashed. */
#include <errno.h>
#include <stdlib.h>

#include "cache.h"
#include "clock.h"
#include "json.h"
#include "llm.h"
#include "redis.h"
#include "run_private.h"
#include "slots.h"

#define DELTA_MS 50
#define DELTA_BYTES 4096

/* A question whose answer may stand in the cache. */
struct cached {
    struct llm_question question;
    char key[CACHE_KEY_BYTES];
};

struct cached *cached_free(struct cached *cached)
{
    if (cached)
        llm_question_clear(&cached->question);
    free(cached);
    return NULL;
}

static struct json *step_members(const struct answer *answer)
{
    struct json *members = json_object();

    json_set_text(members, "step", answer->key);
    json_set_text(members, "title", answer->title);
    return members;
}

static void emit_delta(void *arg)
{
    struct answer *answer = arg;

    if (answer->delta.n == 0)
        return;
    struct json *members = json_object();

    json_set_text(members, "step", answer->key);
    json_set_string(members, "text", buf_span(&answer->delta));
    buf_clear(&answer->delta);
    loop_timer_clear(&answer->timer);
    answer->delta_at_ms = clock_monotonic_ms();
    run_emit(answer->run, NULL, EVENT_STEP_DELTA, members);
}

static void on_waiting(const struct slot_wait *wait, void *arg)
{
    struct answer *answer = arg;
    struct json *members = json_object();

    json_set_text(members, "reason", wait->paused_ms > 0 ? "provider_paused" : "provider_limit");
    json_set_text(members, "provider", wait->provider);
    json_set_integer(members, "in_use", wait->in_use);
    json_set_integer(members, "limit", wait->limit);
    json_set_integer(members, "ahead", wait->ahead);
    if (wait->paused_ms > 0)
        json_set_integer(members, "paused_ms", wait->paused_ms);
    run_waiting(answer->run, members);
}

static void on_start(const char *provider, const char *model, int attempt, int64_t waited_ms,
                     void *arg)
{
    struct answer *answer = arg;
    struct json *members = step_members(answer);

    buf_clear(&answer->delta);
    json_set_text(members, "provider", provider);
    json_set_text(members, "model", model);
    json_set_integer(members, "try", attempt);
    json_set_integer(members, "slot_wait_ms", waited_ms);
    run_emit(answer->run, NULL, EVENT_STEP_STARTED, members);
}

static void on_delta(struct span text, void *arg)
{
    struct answer *answer = arg;
    int64_t due_ms = answer->delta_at_ms + DELTA_MS - clock_monotonic_ms();

    buf_add_span(&answer->delta, text);
    if (due_ms <= 0 || answer->delta.n >= DELTA_BYTES)
        emit_delta(answer);
    else if (!loop_timer_armed(&answer->timer))
        loop_timer_set(&answer->timer, due_ms);
}

static void set_error(struct json *members, const struct error *error)
{
    struct json *json = json_object();

    json_set_text(json, "code", error_name(error->code));
    json_set_text(json, "message", error->message);
    json_set(members, "error", json);
}

static void on_price(double worst_usd, void *arg)
{
    budget_reserve(arg, worst_usd);
}

static void on_retry(const struct error *error, int64_t ms, void *arg)
{
    struct answer *answer = arg;
    struct json *members = step_members(answer);
    struct llm_usage spent;

    (void)llm_spent(answer->call, &spent);
    budget_settle(answer, BUDGET_MORE, &spent);
    emit_delta(answer);
    set_error(members, error);
    json_set_bool(members, "will_retry", true);
    json_set_integer(members, "in_ms", ms);
    run_emit(answer->run, NULL, EVENT_STEP_FAILED, members);
}

static struct json *usage_json(const struct llm_usage *usage)
{
    struct json *json = json_object();

    json_set_integer(json, "input_tokens", usage->input_tokens);
    json_set_integer(json, "output_tokens", usage->output_tokens);
    if (usage->cached_tokens > 0)
        json_set_integer(json, "cached_tokens", usage->cached_tokens);
    json_set_number(json, "cost_usd", usage->cost_usd);
    if (usage->estimated)
        json_set_bool(json, "estimated", true);
    return json;
}

static struct json *answer_json(const struct llm_answer *from)
{
    struct json *json = json_object();

    json_set_string(json, "text", from->text);
    json_set_text(json, "provider", from->provider ? from->provider : "");
    json_set_string(json, "model", from->model);
    json_set_string(json, "stop", from->stop);
    json_set(json, "usage", usage_json(&from->usage));
    json_set_integer(json, "ms", from->ms);
    json_set_integer(json, "tries", from->tries);
    if (from->outcome != 0)
        set_error(json, &from->error);
    return json;
}

/* Whole answers only; before the job's own memory, whose reply may end the answer's life. */
static void keep_in_cache(const struct answer *answer, const struct llm_answer *from,
                          const struct json *json)
{
    const struct cached *cached = answer->cached;
    CLEANUP(charp_freep) char *text = NULL;

    if (!cached || from->outcome != 0 || !span_equal(from->stop, SPAN("end")))
        return;
    text = json_text(json);
    cache_put(answer->run->host->site.redis, cached->key, span_of(text), cached->question.cache_ms);
}

static void on_done(const struct llm_answer *from, void *arg)
{
    struct answer *answer = arg;
    struct json *json CLEANUP(json_freep) = answer_json(from);

    answer->call = NULL;
    emit_delta(answer);
    keep_in_cache(answer, from, json);
    run_keep(answer, json);
    /* After the answer: dying between the two leaves a reservation whose cost the answer tells. */
    budget_settle(answer, from->tries > 0 ? BUDGET_DONE : BUDGET_DROP, &from->usage);
}

static const struct llm_ops ops = {on_waiting, on_price, on_start, on_delta, on_retry, on_done};

static void call_model(struct answer *answer, const struct llm_question *question)
{
    struct run *run = answer->run;

    struct llm_question traced = *question;

    traced.trace = &run->lease.trace;
    answer->call = llm_ask(run->host->llm, &traced, run->lease.id, &ops, answer);
}

static void on_looked_up(const struct reply *reply, void *arg)
{
    struct answer *answer = arg;
    CLEANUP(json_freep) struct json *json = NULL;

    run_replied(answer->run);
    if (answer->run->over)
        return;
    if (!reply || reply->type != REPLY_STRING || json_parse(reply->text, NULL, &json, NULL) < 0) {
        call_model(answer, &answer->cached->question);
        run_wake(answer->run); /* it may be late already */
        return;
    }
    json_set_bool(json, "cached", true);
    json_set(json, "usage", usage_json(&(struct llm_usage){0}));
    run_keep(answer, json);
}

/* Only what is asked without chance may be answered from the past. */
static bool may_be_cached(const struct llm_question *question)
{
    return question->cache_ms > 0 && question->temperature >= 0 && question->temperature <= 0;
}

static void ask(struct answer *answer, run_build_fn *build, const void *arg)
{
    struct run *run = answer->run;
    struct llm_question question = {.temperature = -1};

    loop_timer_init(&answer->timer, run->host->loop, emit_delta, answer);
    build(run, &question, arg);
    if (!may_be_cached(&question)) {
        call_model(answer, &question);
        llm_question_clear(&question);
        return;
    }
    answer->cached = xcalloc(1, sizeof(*answer->cached));
    answer->cached->question = question;
    cache_key(run->lease.tenant, &question, answer->cached->key);
    run->n_writes++;
    cache_get(run->host->site.redis, answer->cached->key, on_looked_up, answer);
}

/* Tells the readers of this attempt that the step is answered, once. */
static void tell(struct answer *answer)
{
    struct json *members = step_members(answer);
    bool failed = answer->view.failed;

    if (failed) {
        json_set(members, "error", json_copy(json_get(answer->json, "error")));
        json_set_bool(members, "will_retry", false);
    } else {
        json_set_string(members, "output", answer->view.text);
        json_set(members, "usage", json_copy(json_get(answer->json, "usage")));
        json_set_integer(members, "ms", json_get_integer(answer->json, "ms", 0));
        json_set_bool(members, "memo", answer->earlier);
        if (json_get_bool(answer->json, "cached", false))
            json_set_bool(members, "cached", true);
    }
    run_emit(answer->run, run_key("told/%s", answer->key),
             failed ? EVENT_STEP_FAILED : EVENT_STEP_COMPLETED, members);
}

const struct run_answer *run_ask(struct run *run, const char *key, const char *title,
                                 run_build_fn *build, const void *arg)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        answer = run_add(run, key, ANSWER_ASKING);
        answer->title = xstrdup(title);
        ask(answer, build, arg);
        return NULL;
    }
    if (answer->state != ANSWER_KNOWN)
        return NULL;
    if (!answer->title)
        answer->title = xstrdup(title);
    tell(answer);
    return &answer->view;
}

void answer_break_off(struct answer *answer, const struct error *error)
{
    struct llm_answer broken_off = {
        .outcome = -ECANCELED, .error = *error, .stop = SPAN("cut"), .provider = ""};

    broken_off.tries = llm_spent(answer->call, &broken_off.usage);
    broken_off.ms = llm_age_ms(answer->call);
    answer->call = llm_cancel(answer->call);
    on_done(&broken_off, answer);
}

bool run_withdraw(struct run *run, const char *key, enum error_code code, const char *why)
{
    struct answer *answer = run_find(run, key);
    struct error error = {0};

    if (!answer || !answer->call)
        return false;
    (void)error_set(&error, code, -ECANCELED, "%s", why);
    answer_break_off(answer, &error);
    return true;
}
