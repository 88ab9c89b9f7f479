/* A question on its way out. The only place where an API key leaves the provider's row: into one
 * header field, whose text is wiped afterwards. */
#include "llm_request.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch.h"
#include "id.h"
#include "json.h"
#include "llm.h"
#include "llm_wire.h"
#include "price.h"
#include "provider.h"

#define CONNECT_MS 10000
#define TOTAL_MS 600000
#define OVERHEAD_TOKENS 32 /* of a question beside its text */

static char *copy_text(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

void llm_question_copy(struct llm_question *copy, const struct llm_question *question)
{
    *copy = *question;
    copy->provider = copy_text(question->provider);
    copy->fallback = copy_text(question->fallback);
    copy->model = copy_text(question->model);
    copy->system = copy_text(question->system);
    copy->prompt = copy_text(question->prompt);
    copy->schema = question->schema ? json_copy(question->schema) : NULL;
}

void llm_question_clear(struct llm_question *question)
{
    free(question->provider);
    free(question->fallback);
    free(question->model);
    free(question->system);
    free(question->prompt);
    (void)json_free(question->schema);
    *question = (struct llm_question){0};
}

int llm_request_write(const struct llm_request *request, struct buf *body, struct error *error)
{
    CLEANUP(json_freep) struct json *json = request->provider->wire->make_body(request);

    buf_clear(body);
    json_write(json, body);
    if (!buf_ok(body))
        return error_set(error, ERROR_PROVIDER_REFUSED, -E2BIG,
                         "the question is larger than %zu bytes", body->max_bytes);
    return 0;
}

double llm_request_worst_usd(const struct llm_question *question, const struct provider *provider)
{
    const char *id = question->model ? question->model : provider->default_model;
    const struct model *model = provider_model(provider, span_of(id));
    CLEANUP(charp_freep) char *schema = question->schema ? json_text(question->schema) : NULL;
    size_t bytes = span_of(question->system).n + span_of(question->prompt).n + span_of(schema).n;
    int64_t output = question->max_tokens > 0 ? question->max_tokens : LLM_MAX_TOKENS_DEFAULT;

    return price_worst_usd(model, (int64_t)bytes / 3 + OVERHEAD_TOKENS,
                           output + model->thinking_tokens);
}

size_t llm_trace_headers(const struct trace *trace, char parent[TRACE_PARENT_BYTES],
                         struct fetch_header *out)
{
    char span[TRACE_SPAN_BYTES];

    if (!trace)
        return 0;
    trace_child(trace, id_random, span);
    trace_parent(trace, span, parent);
    out[0] = (struct fetch_header){"traceparent", parent};
    if (!trace->state)
        return 1;
    out[1] = (struct fetch_header){"tracestate", trace->state};
    return 2;
}

struct fetch *llm_request_send(const struct llm_request *request, struct span body,
                               struct fetcher *fetcher, const struct fetch_ops *ops, void *arg)
{
    const struct provider *provider = request->provider;
    const struct llm_wire *wire = provider->wire;
    CLEANUP(charp_freep) char *url = xprintf("%s%s", provider->base_url, wire->path);
    CLEANUP(charp_freep) char *key = NULL;
    char parent[TRACE_PARENT_BYTES];
    struct fetch_header headers[6] = {
        {"content-type", "application/json"                                        },
        {"accept",       request->stream ? "text/event-stream" : "application/json"},
    };
    struct fetch_request out = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .n_headers = 2,
        .body = body,
        .connect_ms = CONNECT_MS,
        .first_byte_ms = provider->first_byte_ms,
        .idle_ms = provider->idle_ms,
        .total_ms = TOTAL_MS,
        .max_bytes = LLM_ANSWER_BYTES,
    };

    if (wire->extra_header)
        headers[out.n_headers++] = (struct fetch_header){wire->extra_header, wire->extra_value};
    if (provider->api_key) {
        key = xprintf("%s%s", wire->auth_prefix, provider->api_key);
        headers[out.n_headers++] = (struct fetch_header){wire->auth_header, key};
    }
    out.n_headers += llm_trace_headers(request->question->trace, parent, headers + out.n_headers);
    struct fetch *fetch = fetch_start(fetcher, &out, ops, arg);
    if (key)
        explicit_bzero(key, strlen(key));
    return fetch;
}
