/* Calls to language models: the life of one call over its tries.
 *
 * A call is begun at the end of the turn in which it was asked, then: try -> (wait -> try)* ->
 * on_done. A try is one fetch and one reader; what its head says decides how its bytes are read
 * (stream, JSON answer, error, something else). Everything that ends a try goes through
 * llm_try_failed() or llm_try_done(). The llm owns its calls; a closed one is freed at the end of
 * the turn, because its caller may stand on the stack inside on_delta. Keys go into the auth header
 * only: error texts pass llm_error_read(). */
#include "llm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "clock.h"
#include "fetch.h"
#include "id.h"
#include "llm_call.h"
#include "llm_request.h"
#include "llm_wire.h"
#include "log.h"
#include "loop.h"
#include "provider.h"
#include "slots.h"
#include "text.h"

#define TOKENS_DEFAULT 1000 /* of an answer, for the limiter, when the question names no limit */

static const char *model_id(const struct llm_call *call)
{
    return call->question.model ? call->question.model : call->provider->default_model;
}

static void call_destroy(void *object)
{
    struct llm_call *call = object;

    llm_question_clear(&call->question);
    free(call->flow);
    llm_reader_deinit(&call->reader);
    buf_deinit(&call->request);
    buf_deinit(&call->body);
    free(call);
}

/* The provider is done with this try, or never saw it. */
void llm_leave_slot(struct llm_call *call, enum slot_outcome outcome, int64_t pause_ms)
{
    const struct llm_reader *reader = &call->reader;
    int64_t tokens = -1;

    if (reader->tokens.have_input)
        tokens = reader->tokens.input + reader->tokens.cache_write + reader->tokens.output;
    call->slot = slots_release(call->slot, outcome, tokens, pause_ms);
}

static void call_close(struct llm_call *call)
{
    llm_count_cancel(call);
    llm_leave_slot(call, SLOT_FAILED, 0);
    call->closed = true;
    call->reader.closed = true;
    call->fetch = fetch_cancel(call->fetch);
    loop_later_clear(&call->begin);
    loop_timer_clear(&call->again);
    loop_timer_clear(&call->tail);
    TAILQ_REMOVE(&call->llm->calls, call, link);
    loop_free_later(call->llm->loop, call, call_destroy);
}

static void call_finish(struct llm_call *call, struct llm_answer *answer)
{
    answer->provider = call->provider ? call->provider->name : "";
    answer->model = span_of(call->reader.model);
    if (answer->model.n == 0 && call->provider)
        answer->model = span_of(model_id(call));
    answer->usage = call->spent;
    answer->ms = clock_monotonic_ms() - call->started_ms;
    answer->tries = call->n_tries;
    answer->status = call->status;
    call_close(call);
    call->ops->on_done(answer, call->arg);
}

static void call_fail(struct llm_call *call, int outcome, const struct error *error,
                      const char *stop, int64_t retry_after_ms)
{
    struct llm_answer answer = {.outcome = outcome, .error = *error, .stop = span_of(stop)};

    /* The part before a refusal is not to be shown (wire/anthropic.md). */
    if (outcome != -EPERM)
        answer.text = buf_span(&call->reader.text);
    answer.retry_after_ms = retry_after_ms;
    call_finish(call, &answer);
}

static void want_slot(struct llm_call *call);

static void add_try(const struct llm_call *call, struct llm_usage *sum)
{
    struct llm_usage usage;

    llm_reader_usage(&call->reader, &call->question, &usage);
    sum->input_tokens += usage.input_tokens;
    sum->output_tokens += usage.output_tokens;
    sum->cached_tokens += usage.cached_tokens;
    sum->cost_usd += usage.cost_usd;
    sum->estimated = sum->estimated || usage.estimated;
}

/* What the try cost counts even when it failed. */
static void add_usage(struct llm_call *call)
{
    const struct llm_reader *reader = &call->reader;

    if (!reader->tokens.have_input && reader->text.n == 0 && reader->n_hidden == 0 &&
        !reader->finished)
        return;
    llm_count_usage(call);
    add_try(call, &call->spent);
}

struct span llm_header(const struct llm_call *call, const char *name)
{
    return call->fetch ? fetch_header(call->fetch, name) : (struct span){"", 0};
}

/* Waits for the provider's pause in the fleet's queue, not here: the job's attempt and the call's
 * tries are not charged, its deadline bounds the wait. false: there are no slots, or the provider's
 * no is final. */
static bool wait_out_overload(struct llm_call *call, enum llm_retry retry, int64_t asked_ms,
                              const struct error *error)
{
    if (!call->llm->slots || retry != LLM_RETRY_LATER || call->shown ||
        !llm_retry_wanted(retry, llm_header(call, "x-should-retry"), 0))
        return false;
    llm_leave_slot(call, SLOT_OVERLOADED, asked_ms > 0 ? asked_ms : 0);
    add_usage(call);
    call->fetch = fetch_cancel(call->fetch);
    llm_count_retry(call);
    if (call->ops->on_retry)
        call->ops->on_retry(error, asked_ms > 0 ? asked_ms : 0, call->arg);
    if (!call->closed)
        want_slot(call);
    return true;
}

static int64_t backoff_ms(const struct llm_call *call)
{
    uint32_t random_word;

    id_random(&random_word, sizeof(random_word));
    return llm_retry_backoff_ms(call->n_retries, random_word);
}

/* Ends a try that brought no good answer: another one follows, here or at the next provider, or the
 * call fails. */
void llm_try_failed(struct llm_call *call, enum llm_retry retry, int outcome,
                    const struct error *error)
{
    int64_t asked_ms = llm_retry_asked_ms(llm_header(call, "retry-after-ms"),
                                          llm_header(call, "retry-after"), clock_wall_ms());
    bool wanted = llm_retry_wanted(retry, llm_header(call, "x-should-retry"), call->n_retries) &&
                  asked_ms <= LLM_WAIT_CAP_MS && !(call->shown && call->restarted);
    int64_t wait_ms = 0;

    llm_count_end(call, retry == LLM_RETRY_LATER ? LLM_ENDING_OVERLOADED : LLM_ENDING_FAILED);
    if (wait_out_overload(call, retry, asked_ms, error))
        return;
    llm_leave_slot(call, retry == LLM_RETRY_LATER ? SLOT_OVERLOADED : SLOT_FAILED,
                   asked_ms > 0 ? asked_ms : 0);

    add_usage(call);
    log_debug("event=llm.failed provider=%s try=%d status=%d outcome=%d retry=%d asked_ms=%lld",
              call->provider->name, call->n_tries, call->status, outcome, wanted,
              (long long)asked_ms);
    if (wanted) {
        wait_ms = asked_ms >= 0 ? asked_ms : backoff_ms(call);
        call->n_retries++;
        llm_count_retry(call);
    } else if (outcome == -E2BIG || !llm_choose_next(call)) {
        call_fail(call, outcome, error, "cut", asked_ms > 0 ? asked_ms : 0);
        return;
    }
    call->restarted = call->restarted || call->shown;
    call->fetch = fetch_cancel(call->fetch);
    loop_timer_set(&call->again, wait_ms);
    if (call->ops->on_retry)
        call->ops->on_retry(error, wait_ms, call->arg);
}

/* Ends a try whose answer is whole. */
void llm_try_done(struct llm_call *call)
{
    struct llm_reader *reader = &call->reader;
    const char *name = call->provider->name;
    struct error error = {0};

    add_usage(call);
    llm_count_end(call, LLM_ENDING_OK);
    /* What this provider refused is known now to be dispensable. */
    call->llm->without[call->provider_at] |= call->without;
    llm_leave_slot(call, SLOT_OK, 0);
    if (strcmp(reader->stop, "refusal") == 0) {
        int r = error_set(&error, ERROR_PROVIDER_REFUSED, -EPERM, "%s: the model refused to answer",
                          name);
        call_fail(call, r, &error, reader->stop, 0);
    } else if (strcmp(reader->stop, "length") == 0 && reader->text.n == 0) {
        int r = error_set(&error, ERROR_PROVIDER_REFUSED, -ENODATA,
                          "%s: no text: token limit used up by thinking", name);
        call_fail(call, r, &error, reader->stop, 0);
    } else {
        struct llm_answer answer = {.text = buf_span(&reader->text), .stop = span_of(reader->stop)};
        call_finish(call, &answer);
    }
}

static void on_text(struct span text, void *arg)
{
    struct llm_call *call = arg;

    call->shown = true;
    if (call->ops->on_delta)
        call->ops->on_delta(text, call->arg);
}

static void send_question(struct llm_call *call)
{
    const char *id = model_id(call);
    struct llm_request request = {
        .question = &call->question,
        .provider = call->provider,
        .model = provider_model(call->provider, span_of(id)),
        .model_id = id,
        .without = call->without,
        .stream =
            !call->question.embeds && (!call->question.schema || call->provider->stream_schema),
    };
    struct error error = {0};
    int r = llm_request_write(&request, &call->request, &error);

    if (r != 0) {
        llm_count_end(call, LLM_ENDING_FAILED);
        call_fail(call, r, &error, "cut", 0);
        return;
    }
    call->fetch = llm_request_send(&request, buf_span(&call->request), call->llm->fetcher,
                                   &llm_fetch_ops, call);
}

static void try_start(struct llm_call *call)
{
    const char *id = model_id(call);

    llm_reader_deinit(&call->reader);
    llm_reader_init(&call->reader, call->provider, on_text, call);
    buf_clear(&call->body);
    call->kind = BODY_NONE;
    call->status = 0;
    call->shown = false;
    call->n_tries++;
    llm_count_start(call);
    if (call->ops->on_start)
        call->ops->on_start(call->provider->name, id ? id : "", call->n_tries,
                            clock_monotonic_ms() - call->asked_slot_ms, call->arg);
    if (!call->closed)
        send_question(call);
}

static void price_try(void *arg)
{
    struct llm_call *call = arg;

    if (!call->ops->on_price) {
        try_start(call);
        return;
    }
    call->pricing = true;
    call->ops->on_price(
        call->spent.cost_usd + llm_request_worst_usd(&call->question, call->provider), call->arg);
}

static void on_slot_waiting(const struct slot_wait *wait, void *arg)
{
    struct llm_call *call = arg;

    if (wait->paused_ms > 0 && call->question.step_over && llm_choose_next(call)) {
        llm_leave_slot(call, SLOT_FAILED, 0);
        want_slot(call);
    } else if (call->ops->on_waiting) {
        call->ops->on_waiting(wait, call->arg);
    }
}

/* The fleet may be using our slot by now: the call ends here and begins again with another one. */
static void on_slot_lost(void *arg)
{
    struct llm_call *call = arg;
    struct error error = {0};
    int r = error_set(&error, ERROR_PROVIDER, -ECONNRESET,
                      "%s: the slot was lost with the connection to Redis", call->provider->name);

    call->slot = NULL;
    call->pricing = false;
    if (!call->fetch) { /* nothing was sent: nothing failed */
        want_slot(call);
        return;
    }
    call->fetch = fetch_cancel(call->fetch);
    call->status = 0;
    llm_try_failed(call, LLM_RETRY_YES, r, &error);
}

static const struct slot_ops slot_ops = {price_try, on_slot_waiting, on_slot_lost};

/* What the call may use: its prompt at four bytes a token, and all it may answer. */
static int64_t estimate_tokens(const struct llm_question *question)
{
    size_t bytes = (question->system ? strlen(question->system) : 0) +
                   (question->prompt ? strlen(question->prompt) : 0);

    return (int64_t)(bytes / 4) +
           (question->max_tokens > 0 ? question->max_tokens : TOKENS_DEFAULT);
}

/* Every try waits for its own slot. */
static void want_slot(struct llm_call *call)
{
    struct llm *llm = call->llm;

    call->asked_slot_ms = clock_monotonic_ms();
    if (llm->slots)
        call->slot = slots_acquire(llm->slots, call->provider->name, call->flow,
                                   estimate_tokens(&call->question), &slot_ops, call);
    else
        price_try(call);
}

static void on_again(void *arg)
{
    want_slot(arg);
}

static void on_begin(void *arg)
{
    struct llm_call *call = arg;
    struct error error = {0};

    call->started_ms = clock_monotonic_ms();
    if (llm_choose_first(call, &error) != 0)
        call_fail(call, -ENOENT, &error, "cut", 0);
    else
        want_slot(call);
}

/* Public. */

struct llm *llm_new(struct loop *loop, struct fetcher *fetcher,
                    const struct provider_set *providers, struct slots *slots)
{
    struct llm *llm = xcalloc(1, sizeof(*llm));
    size_t n_providers = 0;

    while (provider_at(providers, n_providers))
        n_providers++;
    llm->loop = loop;
    llm->fetcher = fetcher;
    llm->providers = providers;
    llm->slots = slots;
    llm->without = xcalloc(n_providers, sizeof(*llm->without));
    llm->counts.providers = xcalloc(n_providers, sizeof(*llm->counts.providers));
    TAILQ_INIT(&llm->calls);
    return llm;
}

struct llm *llm_free(struct llm *llm)
{
    struct llm_call *call;

    if (!llm)
        return NULL;
    while ((call = TAILQ_FIRST(&llm->calls)))
        call_close(call);
    free(llm->without);
    free(llm->counts.providers);
    free(llm);
    return NULL;
}

struct llm_call *llm_ask(struct llm *llm, const struct llm_question *question, const char *flow,
                         const struct llm_ops *ops, void *arg)
{
    struct llm_call *call = xcalloc(1, sizeof(*call));

    call->llm = llm;
    call->ops = ops;
    call->arg = arg;
    call->flow = xstrdup(flow);
    llm_question_copy(&call->question, question);
    buf_init(&call->request, LLM_REQUEST_BYTES);
    buf_init(&call->body, LLM_ERROR_BYTES);
    loop_later_init(&call->begin, on_begin, call);
    loop_timer_init(&call->again, llm->loop, on_again, call);
    loop_timer_init(&call->tail, llm->loop, llm_on_tail, call);
    TAILQ_INSERT_TAIL(&llm->calls, call, link);
    loop_later_set(&call->begin, llm->loop);
    return call;
}

void llm_send(struct llm_call *call)
{
    if (call->closed || !call->pricing)
        return;
    call->pricing = false;
    try_start(call);
}

void llm_hold(struct llm_call *call)
{
    if (call->closed || !call->pricing)
        return;
    call->pricing = false;
    call->held = true;
    call->slot = slots_release(call->slot, SLOT_FAILED, 0, 0);
}

void llm_again(struct llm_call *call)
{
    if (call->closed || !call->held)
        return;
    call->held = false;
    want_slot(call);
}

bool llm_spent(const struct llm_call *call, struct llm_usage *ret_usage)
{
    *ret_usage = call->spent;
    /* The question was sent: its tokens count even when nothing came back yet. */
    if (call->fetch)
        add_try(call, ret_usage);
    return call->n_tries > 0;
}

int64_t llm_age_ms(const struct llm_call *call)
{
    return call->started_ms ? clock_monotonic_ms() - call->started_ms : 0;
}

struct llm_call *llm_cancel(struct llm_call *call)
{
    if (call && !call->closed)
        call_close(call);
    return NULL;
}
