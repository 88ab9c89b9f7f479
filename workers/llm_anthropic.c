/* Anthropic's Messages API (wire/anthropic.md), anthropic-version 2026-10-21: under it temperature,
 * top_p and top_k are a 400 at any value, so they are never sent.
 *
 * A stream is message_start, content blocks, message_delta, message_stop; the latter alone means
 * that the answer is whole. Text is the text_delta of all text blocks; thinking and tool input are
 * not text. Usage in message_delta is cumulative: it overwrites, and what it leaves out keeps its
 * value from message_start. A structured answer comes as ordinary text (output_config.format). */
#include <errno.h>

#include "json.h"
#include "llm_wire.h"
#include "provider.h"

static const struct llm_stop stops[] = {
    {"end_turn",                      "end"    },
    {"stop_sequence",                 "end"    },
    {"max_tokens",                    "length" },
    {"model_context_window_exceeded", "length" },
    {"refusal",                       "refusal"},
    {NULL,                            NULL     },
};

static struct json *output_config(const struct llm_request *request)
{
    struct json *config = json_object();

    if (request->model->effort)
        json_set_text(config, "effort", request->model->effort);
    if (request->question->schema) {
        struct json *format = json_object();

        json_set_text(format, "type", "json_schema");
        json_set(format, "schema", json_copy(request->question->schema));
        json_set(config, "format", format);
    }
    return config;
}

static struct json *make_body(const struct llm_request *request)
{
    const struct llm_question *question = request->question;
    int64_t max_tokens = question->max_tokens > 0 ? question->max_tokens : LLM_MAX_TOKENS_DEFAULT;
    struct json *body = json_object(), *messages = json_array(), *message = json_object();

    if (request->model_id)
        json_set_text(body, "model", request->model_id);
    json_set_integer(body, "max_tokens", max_tokens + request->model->thinking_tokens);
    if (request->stream)
        json_set_bool(body, "stream", true);
    if (request->model->thinking && llm_wants(request, LLM_THINKING)) {
        struct json *thinking = json_object();

        json_set_text(thinking, "type", request->model->thinking);
        json_set(body, "thinking", thinking);
    }
    if (request->model->effort || question->schema)
        json_set(body, "output_config", output_config(request));
    if (question->system)
        json_set_text(body, "system", question->system);
    json_set_text(message, "role", "user");
    json_set_text(message, "content", question->prompt ? question->prompt : "");
    json_append(messages, message);
    json_set(body, "messages", messages);
    return body;
}

static void read_usage(struct llm_reader *reader, const struct json *usage, bool last)
{
    struct llm_tokens *tokens = &reader->tokens;

    if (llm_read_count(usage, "input_tokens", &tokens->input))
        tokens->have_input = true;
    (void)llm_read_count(usage, "cache_read_input_tokens", &tokens->cached);
    (void)llm_read_count(usage, "cache_creation_input_tokens", &tokens->cache_write);
    /* The count in message_start is only where the output begins. */
    if (last && llm_read_count(usage, "output_tokens", &tokens->output))
        tokens->have_output = true;
}

static void on_message_start(struct llm_reader *reader, const struct json *data)
{
    const struct json *message = json_get(data, "message");

    llm_read_model(reader, json_get_string(message, "model", ""));
    read_usage(reader, json_get(message, "usage"), false);
}

static void read_block(struct llm_reader *reader, const struct json *block)
{
    if (span_equal(json_get_string(block, "type", ""), SPAN("text")))
        llm_read_text(reader, json_get_string(block, "text", ""));
}

static void on_block_start(struct llm_reader *reader, const struct json *data)
{
    read_block(reader, json_get(data, "content_block"));
}

static void on_block_delta(struct llm_reader *reader, const struct json *data)
{
    const struct json *delta = json_get(data, "delta");
    struct span type = json_get_string(delta, "type", "");

    if (span_equal(type, SPAN("text_delta")))
        llm_read_text(reader, json_get_string(delta, "text", ""));
    else if (span_equal(type, SPAN("thinking_delta")))
        llm_read_thinking(reader, json_get_string(delta, "thinking", ""));
    else if (span_equal(type, SPAN("input_json_delta")))
        llm_read_thinking(reader, json_get_string(delta, "partial_json", ""));
}

static void on_message_delta(struct llm_reader *reader, const struct json *data)
{
    llm_read_stop(reader, stops, json_get_string(json_get(data, "delta"), "stop_reason", ""));
    read_usage(reader, json_get(data, "usage"), true);
}

static void on_message_stop(struct llm_reader *reader, const struct json *data)
{
    (void)data;
    reader->finished = true;
}

/* Events that are not here (ping, content_block_stop, new ones) say nothing to us. */
static const struct {
    const char *type;
    void (*fn)(struct llm_reader *reader, const struct json *data);
} events[] = {
    {"message_start",       on_message_start},
    {"content_block_start", on_block_start  },
    {"content_block_delta", on_block_delta  },
    {"message_delta",       on_message_delta},
    {"message_stop",        on_message_stop },
    {"error",               llm_read_error  },
};

static void on_event(struct llm_reader *reader, struct span event, struct span data)
{
    CLEANUP(json_freep) struct json *json = NULL;
    struct error error = {0};
    struct span type;

    if (json_parse(data, NULL, &json, &error) != 0) {
        llm_read_garbage(reader, "an event is no JSON", &error);
        return;
    }
    type = json_get_string(json, "type", "");
    if (type.n == 0)
        type = event;
    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        if (span_equal(type, span_of(events[i].type)))
            events[i].fn(reader, json);
}

static void on_answer(struct llm_reader *reader, const struct json *answer)
{
    const struct json *content = json_get(answer, "content");

    llm_read_model(reader, json_get_string(answer, "model", ""));
    for (size_t i = 0; i < json_length(content); i++)
        read_block(reader, json_at(content, i));
    llm_read_stop(reader, stops, json_get_string(answer, "stop_reason", ""));
    read_usage(reader, json_get(answer, "usage"), true);
}

const struct llm_wire llm_wire_anthropic = {
    .name = "messages",
    .path = "/v1/messages",
    .auth_header = "x-api-key",
    .auth_prefix = "",
    .extra_header = "anthropic-version",
    .extra_value = "2026-10-21",
    .make_body = make_body,
    .on_event = on_event,
    .on_answer = on_answer,
};
