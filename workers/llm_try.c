/* One try of a call: what its answer's head says decides how its bytes are read (stream, JSON
 * answer, error, something else), and each of these has its own way to end. Every end goes through
 * llm_try_failed() or llm_try_done() of llm.c, once. */
#include <errno.h>
#include <string.h>

#include "fetch.h"
#include "llm_call.h"
#include "llm_request.h"
#include "log.h"
#include "provider.h"
#include "text.h"

/* After the last event the server ends the answer, which lets the connection live; we wait no
 * longer. */
#define TAIL_MS 250

static void reader_over(struct llm_call *call)
{
    if (call->closed)
        return;
    if (call->reader.failed)
        llm_try_failed(call, call->reader.retry, call->reader.outcome, &call->reader.error);
    else
        llm_try_done(call);
}

void llm_on_tail(void *arg)
{
    struct llm_call *call = arg;

    llm_reader_end(&call->reader);
    reader_over(call);
}

/* Whether a 400 complains of something we can leave out; then the try is repeated at once. */
static bool try_without(struct llm_call *call)
{
    unsigned options =
        llm_error_options(call->status, buf_span(&call->body), buf_span(&call->request));
    struct error error = {0};

    options &= ~call->without;
    if (options == 0)
        return false;
    call->without |= options;
    for (unsigned i = 0; i < LLM_OPTION_COUNT_; i++)
        if (options & 1u << i)
            log_warn("event=llm.option_refused provider=%s option=%s, leaving it out",
                     call->provider->name, llm_option_names[i]);
    (void)llm_error_read(call->provider, call->status, buf_span(&call->body), &error);
    llm_leave_slot(call, SLOT_FAILED, 0);
    call->fetch = fetch_cancel(call->fetch);
    loop_timer_set(&call->again, 0);
    if (call->ops->on_retry)
        call->ops->on_retry(&error, 0, call->arg);
    return true;
}

static void error_over(struct llm_call *call)
{
    struct error error = {0};
    enum llm_retry retry;

    if (try_without(call))
        return;
    retry = llm_error_read(call->provider, call->status, buf_span(&call->body), &error);
    if (call->status == 401 || call->status == 403)
        log_error("event=llm.key_refused provider=%s status=%d", call->provider->name,
                  call->status);
    llm_try_failed(call, retry, -EPROTO, &error);
}

static void other_over(struct llm_call *call)
{
    struct span type = llm_header(call, "content-type");
    /* A redirect will not go away; a page from a proxy may. */
    enum llm_retry retry = call->status == 200 ? LLM_RETRY_YES : LLM_RETRY_NO;
    struct error error = {0};
    int r =
        error_set(&error, ERROR_PROVIDER, -EPROTO, "%s: status %d with content type \"%.*s\"",
                  call->provider->name, call->status, (int)(type.n < 80 ? type.n : 80), type.at);

    llm_try_failed(call, retry, r, &error);
}

static void transfer_failed(struct llm_call *call, const struct fetch_result *result)
{
    bool hopeless = result->outcome == -E2BIG || (result->outcome == -EPROTO && !result->sent);
    struct error error = {0};
    int r = error_set(&error, ERROR_PROVIDER, result->outcome, "%s: %s", call->provider->name,
                      result->error.message);

    llm_try_failed(call, hopeless ? LLM_RETRY_NO : LLM_RETRY_YES, r, &error);
}

static bool is_type(struct span value, const char *type)
{
    struct span wanted = span_of(type);

    if (value.n < wanted.n || !text_equal_nocase((struct span){value.at, wanted.n}, wanted))
        return false;
    return value.n == wanted.n || strchr("; \t", value.at[wanted.n]);
}

static enum body_kind kind_of(int status, struct span content_type)
{
    if (status >= 400)
        return BODY_ERROR;
    if (status != 200)
        return BODY_OTHER;
    if (is_type(content_type, "application/json"))
        return BODY_ANSWER;
    return content_type.n == 0 || is_type(content_type, "text/event-stream") ? BODY_STREAM
                                                                             : BODY_OTHER;
}

static void on_head(struct fetch *fetch, int status, void *arg)
{
    struct llm_call *call = arg;

    call->status = status;
    call->kind = kind_of(status, fetch_header(fetch, "content-type"));
    buf_deinit(&call->body);
    buf_init(&call->body, call->kind == BODY_ANSWER ? LLM_ANSWER_BYTES : LLM_ERROR_BYTES);
}

static void on_data(struct fetch *fetch, struct span bytes, void *arg)
{
    struct llm_call *call = arg;
    struct llm_reader *reader = &call->reader;

    (void)fetch;
    if (call->kind == BODY_ERROR && bytes.n > LLM_ERROR_BYTES - call->body.n)
        bytes.n = LLM_ERROR_BYTES - call->body.n;
    if (call->kind == BODY_ERROR || call->kind == BODY_ANSWER)
        buf_add_span(&call->body, bytes);
    if (call->kind != BODY_STREAM)
        return;
    llm_reader_feed(reader, bytes);
    if (call->closed)
        return;
    if (reader->failed)
        reader_over(call);
    else if (reader->finished && !loop_timer_armed(&call->tail))
        loop_timer_set(&call->tail, TAIL_MS);
}

static void on_fetched(struct fetch *fetch, const struct fetch_result *result, void *arg)
{
    struct llm_call *call = arg;
    struct llm_reader *reader = &call->reader;

    /* The fetch stays readable until the turn ends: llm_try_failed() looks at its head. */
    (void)fetch;
    loop_timer_clear(&call->tail);
    call->status = result->status;
    if (call->kind == BODY_STREAM)
        llm_reader_end(reader);
    if (call->closed)
        return;
    if (result->outcome != 0 && !reader->finished) {
        transfer_failed(call, result);
    } else if (call->kind == BODY_STREAM) {
        reader_over(call);
    } else if (call->kind == BODY_ANSWER) {
        llm_reader_answer(reader, buf_span(&call->body));
        reader_over(call);
    } else if (call->kind == BODY_ERROR) {
        error_over(call);
    } else {
        other_over(call);
    }
}

const struct fetch_ops llm_fetch_ops = {on_head, on_data, on_fetched};
