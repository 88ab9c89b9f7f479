/* What all wire formats share in reading an answer: text with its caps and without thinking, the
 * stop reason, token counts, the end.
 *
 * Invariant: once finished or failed nothing changes the reader any more; text only grows, and
 * every byte of it has gone through on_delta exactly once. Whether an answer is whole is the wire's
 * knowledge (finished), never the end of the bytes: an end without it is a cut. */
#include <errno.h>
#include <stdio.h>

#include "json.h"
#include "llm_wire.h"
#include "provider.h"
#include "text.h"

#define EVENT_BYTES ((size_t)8 << 20)
#define TEXT_BYTES ((size_t)4 << 20)
#define TOKENS_MAX 1000000000000

#define SPACE_BYTES 64 /* more than that before <think> is text */
#define THINK_BEGIN "<think>"
#define THINK_END "</think>"

void llm_reader_init(struct llm_reader *reader, const struct provider *provider,
                     void (*on_delta)(struct span text, void *arg), void *arg)
{
    *reader = (struct llm_reader){
        .provider = provider, .on_delta = on_delta, .arg = arg, .hidden_item = -1};
    reader->think = provider->strip_think ? THINK_UNKNOWN : THINK_NONE;
    sse_reader_init(&reader->sse, EVENT_BYTES);
    buf_init(&reader->text, TEXT_BYTES);
    buf_init(&reader->held, EVENT_BYTES + SPACE_BYTES + sizeof(THINK_END));
}

void llm_reader_deinit(struct llm_reader *reader)
{
    if (!reader)
        return;
    sse_reader_deinit(&reader->sse);
    buf_deinit(&reader->text);
    buf_deinit(&reader->held);
}

static bool is_over(const struct llm_reader *reader)
{
    return reader->finished || reader->failed || reader->closed;
}

static void fail(struct llm_reader *reader, enum llm_retry retry, int outcome)
{
    reader->failed = true;
    reader->finished = false;
    reader->retry = retry;
    reader->outcome = outcome;
}

void llm_read_garbage(struct llm_reader *reader, const char *what, const struct error *cause)
{
    if (is_over(reader))
        return;
    fail(reader, LLM_RETRY_YES, -EPROTO);
    (void)error_set(&reader->error, ERROR_PROVIDER, -EPROTO, "%s: %s%s%s", reader->provider->name,
                    what, cause ? ": " : "", cause ? cause->message : "");
}

static void show(struct llm_reader *reader, struct span text)
{
    if (text.n == 0)
        return;
    buf_add_span(&reader->text, text);
    if (!buf_ok(&reader->text)) {
        fail(reader, LLM_RETRY_NO, -E2BIG);
        (void)error_set(&reader->error, ERROR_PROVIDER, -E2BIG, "%s: more than %zu bytes of text",
                        reader->provider->name, TEXT_BYTES);
        return;
    }
    if (reader->on_delta)
        reader->on_delta(text, reader->arg);
}

static struct span skip_space(struct span text)
{
    while (text.n > 0 && text.at[0] != '\0' && strchr(" \t\r\n", text.at[0])) {
        text.at++;
        text.n--;
    }
    return text;
}

/* The text's head is decided: what was held is shown from here on. */
static void show_rest(struct llm_reader *reader, struct span rest)
{
    reader->think = THINK_NONE;
    show(reader, rest);
    buf_clear(&reader->held);
}

static void sift_begin(struct llm_reader *reader)
{
    struct span begin = SPAN(THINK_BEGIN), held = skip_space(buf_span(&reader->held));
    size_t n = held.n < begin.n ? held.n : begin.n;

    if (reader->held.n - held.n > SPACE_BYTES || memcmp(held.at, begin.at, n) != 0)
        show_rest(reader, buf_span(&reader->held));
    else if (held.n >= begin.n)
        reader->think = THINK_INSIDE;
}

static void sift_inside(struct llm_reader *reader)
{
    struct span end = SPAN(THINK_END), held = buf_span(&reader->held);
    const char *mark = memmem(held.at, held.n, end.at, end.n);
    size_t n_gone = mark ? (size_t)(mark - held.at) + end.n : 0;

    if (mark)
        reader->think = THINK_AFTER;
    else if (held.n >= end.n) /* the last bytes may be the beginning of the mark */
        n_gone = held.n - end.n + 1;
    reader->n_hidden += n_gone;
    buf_drop(&reader->held, n_gone);
}

/* Servers without a reasoning parser leave <think>…</think> at the head of the text. What may still
 * turn out to be a mark is held back: a few bytes, so that `held` never outgrows one event. */
static void sift(struct llm_reader *reader, struct span text)
{
    buf_add_span(&reader->held, text);
    if (reader->think == THINK_UNKNOWN)
        sift_begin(reader);
    if (reader->think == THINK_INSIDE)
        sift_inside(reader);
    if (reader->think == THINK_AFTER) {
        struct span rest = skip_space(buf_span(&reader->held));

        if (rest.n > 0)
            show_rest(reader, rest);
        else
            buf_clear(&reader->held);
    }
}

void llm_read_text(struct llm_reader *reader, struct span text)
{
    if (is_over(reader) || text.n == 0)
        return;
    if (reader->think == THINK_NONE)
        show(reader, text);
    else
        sift(reader, text);
}

void llm_read_thinking(struct llm_reader *reader, struct span text)
{
    reader->n_hidden += text.n;
}

void llm_read_model(struct llm_reader *reader, struct span model)
{
    if (model.n > 0 && model.n < sizeof(reader->model))
        (void)snprintf(reader->model, sizeof(reader->model), "%.*s", (int)model.n, model.at);
}

void llm_read_stop(struct llm_reader *reader, const struct llm_stop *stops, struct span reason)
{
    if (reason.n == 0)
        return;
    reader->stop = "other";
    for (; stops->reason; stops++)
        if (span_equal(reason, span_of(stops->reason)))
            reader->stop = stops->stop;
}

bool llm_read_count(const struct json *usage, const char *name, int64_t *count)
{
    const struct json *value = json_get(usage, name);
    int64_t number;

    if (!json_is(value, JSON_NUMBER))
        return false;
    number = json_integer(value);
    *count = number < 0 ? 0 : number > TOKENS_MAX ? TOKENS_MAX : number;
    return true;
}

void llm_read_error(struct llm_reader *reader, const struct json *body)
{
    CLEANUP(charp_freep) char *text = json_text(body);

    if (is_over(reader))
        return;
    fail(reader, LLM_RETRY_NO, -EPROTO);
    reader->retry = llm_error_read(reader->provider, 0, span_of(text), &reader->error);
}

static int on_sse_event(struct span event, struct span data, void *arg)
{
    struct llm_reader *reader = arg;

    reader->provider->wire->on_event(reader, event, data);
    return is_over(reader);
}

void llm_reader_feed(struct llm_reader *reader, struct span bytes)
{
    if (is_over(reader))
        return;
    if (sse_read(&reader->sse, bytes, on_sse_event, reader) == -E2BIG)
        llm_read_garbage(reader, "an event is too large", NULL);
}

void llm_reader_answer(struct llm_reader *reader, struct span body)
{
    CLEANUP(json_freep) struct json *answer = NULL;
    struct error error = {0};

    if (json_parse(body, NULL, &answer, &error) != 0) {
        llm_read_garbage(reader, "the answer is no JSON", &error);
        return;
    }
    /* xAI answers some errors with status 200. */
    if (json_type(json_get(answer, "error")) != JSON_NULL)
        llm_read_error(reader, answer);
    else
        reader->provider->wire->on_answer(reader, answer);
    reader->finished = !reader->failed && reader->stop;
    llm_reader_end(reader);
}

void llm_reader_end(struct llm_reader *reader)
{
    if (reader->closed || reader->failed)
        return;
    /* Text that only looked like the beginning of a mark. */
    if (reader->think == THINK_UNKNOWN && reader->held.n > 0)
        show_rest(reader, buf_span(&reader->held));
    if (reader->failed)
        return;
    /* Some servers end without their last word after a stop reason. */
    if (reader->stop && reader->provider->wire->reason_ends)
        reader->finished = true;
    if (reader->refused)
        reader->stop = "refusal";
    else if (!reader->stop)
        reader->stop = "other";
    if (reader->finished)
        return;
    fail(reader, LLM_RETRY_YES, -ECONNRESET);
    (void)error_set(&reader->error, ERROR_PROVIDER, -ECONNRESET,
                    "%s: the answer was cut after %zu bytes of text", reader->provider->name,
                    reader->text.n);
}

static int64_t estimate(struct span text)
{
    int64_t n_characters = 0;

    for (size_t i = 0; i < text.n; i++)
        n_characters += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return (n_characters + 3) / 4;
}

static double price(const struct llm_tokens *tokens, const struct model *model)
{
    int64_t prompt = tokens->input + tokens->cached + tokens->cache_write;
    bool step = model->step_tokens > 0 && prompt > model->step_tokens;
    double input_usd = (double)tokens->input * model->input_usd +
                       (double)tokens->cached * model->cached_usd +
                       (double)tokens->cache_write * model->cache_write_usd;
    double output_usd = (double)tokens->output * model->output_usd;

    if (step) {
        input_usd *= model->step_input_times;
        output_usd *= model->step_output_times;
    }
    return (input_usd + output_usd) / 1e6;
}

void llm_reader_usage(const struct llm_reader *reader, const struct llm_question *question,
                      struct llm_usage *ret_usage)
{
    const char *asked = question->model ? question->model : reader->provider->default_model;
    struct span id = reader->model[0] ? span_of(reader->model) : span_of(asked);
    const struct model *model = provider_model(reader->provider, id);
    struct llm_tokens tokens = reader->tokens;

    /* An alias we do not know is priced as what was asked. */
    if (!model->id)
        model = provider_model(reader->provider, span_of(asked));
    if (!tokens.have_input)
        tokens.input = estimate(span_of(question->system)) + estimate(span_of(question->prompt));
    if (!tokens.have_output)
        tokens.output = estimate(buf_span(&reader->text)) +
                        (int64_t)(reader->n_hidden + reader->held.n + 3) / 4;
    *ret_usage = (struct llm_usage){
        .input_tokens = tokens.input + tokens.cached + tokens.cache_write,
        .output_tokens = tokens.output,
        .cached_tokens = tokens.cached,
        .cost_usd = price(&tokens, model),
        .estimated = !tokens.have_input || !tokens.have_output,
    };
}
