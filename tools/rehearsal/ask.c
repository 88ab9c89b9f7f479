/* Reads a request of any wire format (Anthropic Messages, OpenAI chat completions and responses)
 * into a struct ask.
 *
 * It refuses what the real provider refuses and a client is likely to get wrong: a missing
 * anthropic-version or max_tokens, sampling parameters that a version or a family of models no
 * longer takes. So a request that passes here has a chance of passing there. Everything else is let
 * through. The ask owns the parsed body; all spans in it point into that. */
#include "ask.h"

#include <errno.h>
#include <stdio.h>

#include "http.h"
#include "json.h"
#include "sha256.h"
#include "text.h"

#define MAX_TEXT_BYTES (8U << 20)

static int refuse(struct ask *ask, struct error *error, const char *message)
{
    (void)snprintf(ask->error_type, sizeof(ask->error_type), "invalid_request_error");
    return error_set(error, ERROR_BAD_REQUEST, -EINVAL, "%s", message);
}

static void hash_body(struct ask *ask, struct span body)
{
    unsigned char sum[SHA256_BYTES];

    sha256(body, sum);
    text_hex(sum, sizeof(sum), ask->hash);
    memcpy(&ask->seed, sum, sizeof(ask->seed));
}

static void copy_trace(struct ask *ask, const struct http_exchange *exchange)
{
    struct span trace = http_header(exchange, "traceparent");

    (void)snprintf(ask->trace, sizeof(ask->trace), "%.*s", (int)trace.n, trace.at ? trace.at : "");
}

/* A content is a text, or a list of parts of which those of type "text" count. */
static void add_content(struct buf *out, const struct json *content)
{
    if (out->n > 0)
        buf_add_char(out, '\n');
    if (json_is(content, JSON_STRING))
        buf_add_span(out, json_string(content));
    for (size_t i = 0; json_is(content, JSON_ARRAY) && i < json_length(content); i++) {
        const struct json *part = json_at(content, i);
        struct span type = json_get_string(part, "type", "");
        if (span_equal(type, SPAN("text")) || span_equal(type, SPAN("input_text")))
            buf_add_span(out, json_get_string(part, "text", ""));
    }
}

static void read_messages(struct ask *ask)
{
    const struct json *input = json_get(ask->body, "input");
    const struct json *messages =
        json_is(input, JSON_ARRAY) ? input : json_get(ask->body, "messages");
    const char *system = ask->format == ASK_RESPONSES ? "instructions" : "system";

    if (ask->format != ASK_OPENAI && json_get(ask->body, system))
        add_content(&ask->system, json_get(ask->body, system));
    if (json_is(input, JSON_STRING))
        add_content(&ask->prompt, input);
    for (size_t i = 0; i < json_length(messages); i++) {
        const struct json *message = json_at(messages, i);
        struct span role = json_get_string(message, "role", "");
        bool is_system = span_equal(role, SPAN("system")) || span_equal(role, SPAN("developer"));
        add_content(is_system ? &ask->system : &ask->prompt, json_get(message, "content"));
    }
}

static int read_anthropic(struct ask *ask, const struct http_exchange *exchange,
                          struct error *error)
{
    struct span version = http_header(exchange, "anthropic-version");
    const struct json *thinking = json_get(ask->body, "thinking");
    const struct json *format = json_get(json_get(ask->body, "output_config"), "format");
    struct span type = json_get_string(thinking, "type", "adaptive");

    if (!version.at)
        return refuse(ask, error, "anthropic-version: header is required");
    if (ask->max_tokens <= 0)
        return refuse(ask, error, "max_tokens: Field required");
    if (span_equal(version, SPAN("2026-10-21")) && json_get(ask->body, "temperature"))
        return refuse(ask, error, "temperature: Extra inputs are not permitted");
    ask->thinking = !span_equal(type, SPAN("disabled")) && !span_equal(type, SPAN("between_tools"));
    if (span_equal(json_get_string(format, "type", ""), SPAN("json_schema")))
        ask->schema = json_get(format, "schema");
    return 0;
}

static int read_openai(struct ask *ask, const struct http_exchange *exchange, struct error *error)
{
    const struct json *format = json_get(ask->body, "response_format");
    struct span effort = json_get_string(ask->body, "reasoning_effort", "medium");
    bool is_gpt6 = text_starts(ask->model, "gpt-6");

    (void)exchange;
    if (is_gpt6 && json_get(ask->body, "max_tokens"))
        return refuse(ask, error,
                      "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                      "'max_completion_tokens' instead.");
    if (is_gpt6 && json_get(ask->body, "temperature") && !span_equal(effort, SPAN("none")))
        return refuse(ask, error,
                      "Unsupported parameter: 'temperature' is not supported with this model.");
    if (span_equal(json_get_string(format, "type", ""), SPAN("json_schema"))) {
        const struct json *inner = json_get(format, "json_schema");
        ask->schema = json_get(inner ? inner : format, "schema");
    }
    ask->include_usage =
        json_get_bool(json_get(ask->body, "stream_options"), "include_usage", false);
    return 0;
}

static int read_responses(struct ask *ask, const struct http_exchange *exchange,
                          struct error *error)
{
    const struct json *format = json_get(json_get(ask->body, "text"), "format");
    struct span effort = json_get_string(json_get(ask->body, "reasoning"), "effort", "medium");

    (void)exchange;
    if (text_starts(ask->model, "gpt-6") && json_get(ask->body, "temperature") &&
        !span_equal(effort, SPAN("none")))
        return refuse(ask, error,
                      "Unsupported parameter: 'temperature' is not supported with this model.");
    if (span_equal(json_get_string(format, "type", ""), SPAN("json_schema")))
        ask->schema = json_get(format, "schema");
    ask->max_tokens = json_get_integer(ask->body, "max_output_tokens", 0);
    return 0;
}

static int read_embeddings(struct ask *ask, const struct http_exchange *exchange,
                           struct error *error)
{
    const struct json *input = json_get(ask->body, "input");

    (void)exchange;
    for (size_t i = 0; i < json_length(input); i++) {
        struct span text = json_string(json_at(input, i));

        if (text.n == 0)
            return refuse(ask, error, "'$.input' is invalid: no input may be empty.");
        buf_add_span(&ask->prompt, text);
    }
    return ask->prompt.n > 0 ? 0 : refuse(ask, error, "'$.input' is invalid: texts are expected.");
}

typedef int read_fn(struct ask *ask, const struct http_exchange *exchange, struct error *error);
static const struct {
    const char *name;
    read_fn *read;
} formats[] = {
    [ASK_ANTHROPIC] = {"messages",   read_anthropic },
    [ASK_OPENAI] = {"chat",       read_openai    },
    [ASK_RESPONSES] = {"responses",  read_responses },
    [ASK_EMBEDDINGS] = {"embeddings", read_embeddings},
};
_Static_assert(ARRAY_SIZE(formats) == ASK_FORMAT_COUNT_, "every format has a reader");

const char *ask_format_name(enum ask_format format)
{
    return formats[format].name;
}

int ask_init(struct ask *ask, enum ask_format format, const char *provider,
             const struct http_exchange *exchange, struct error *error)
{
    struct span body = http_request(exchange)->body;

    *ask = (struct ask){.format = format, .provider = provider};
    buf_init(&ask->system, MAX_TEXT_BYTES);
    buf_init(&ask->prompt, MAX_TEXT_BYTES);
    copy_trace(ask, exchange);
    hash_body(ask, body);
    if (json_parse(body, NULL, &ask->body, error) < 0)
        return refuse(ask, error, "The body is not valid JSON");
    ask->model = json_get_string(ask->body, "model", "");
    ask->stream = json_get_bool(ask->body, "stream", false);
    ask->max_tokens = json_get_integer(ask->body, "max_completion_tokens",
                                       json_get_integer(ask->body, "max_tokens", 0));
    if (ask->model.n == 0)
        return refuse(ask, error, "model: Field required");
    if ((format == ASK_ANTHROPIC || format == ASK_OPENAI) &&
        json_length(json_get(ask->body, "messages")) == 0)
        return refuse(ask, error, "messages: Field required");
    if (format == ASK_RESPONSES && json_type(json_get(ask->body, "input")) == JSON_NULL)
        return refuse(ask, error, "input: Field required");
    if (format != ASK_EMBEDDINGS)
        read_messages(ask);
    return formats[format].read(ask, exchange, error);
}

void ask_deinit(struct ask *ask)
{
    ask->body = json_free(ask->body);
    buf_deinit(&ask->system);
    buf_deinit(&ask->prompt);
}
