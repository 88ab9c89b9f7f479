/* chat/completions as OpenAI, Groq, xAI, vLLM and many others speak it (wire/openai.md,
 * groq-xai.md, vllm.md). What differs between them is a column of the provider's row, never a name
 * here.
 *
 * Chunks are read tolerantly: choices, delta, content and usage may be missing, null or empty. The
 * answer is whole after [DONE] or the end of the bytes, but only if a finish_reason came before; an
 * error chunk counts even when [DONE] follows. Every usage seen overwrites the one before. */
#include <errno.h>

#include "json.h"
#include "llm_wire.h"
#include "provider.h"
#include "text.h"

static const struct llm_stop stops[] = {
    {"stop",           "end"    },
    {"eos",            "end"    },
    {"stop_sequence",  "end"    },
    {"length",         "length" },
    {"content_filter", "refusal"},
    {NULL,             NULL     },
};

static void add_message(struct json *messages, const char *role, const char *content)
{
    struct json *message = json_object();

    json_set_text(message, "role", role);
    json_set_text(message, "content", content);
    json_append(messages, message);
}

/* A server that takes no response_format is told the schema in words. */
static struct json *make_messages(const struct llm_request *request)
{
    const struct llm_question *question = request->question;
    struct json *messages = json_array();
    CLEANUP(charp_freep) char *system = NULL;

    if (question->schema && !llm_wants(request, LLM_RESPONSE_FORMAT)) {
        CLEANUP(charp_freep) char *schema = json_text(question->schema);

        system = xprintf(
            "%s%sAnswer with one JSON value and nothing else. It must fit this JSON Schema: %s",
            question->system ? question->system : "", question->system ? "\n\n" : "", schema);
    }
    if (system || question->system)
        add_message(messages, "system", system ? system : question->system);
    add_message(messages, "user", question->prompt ? question->prompt : "");
    return messages;
}

static struct json *response_format(const struct json *schema)
{
    struct json *format = json_object(), *inner = json_object();

    json_set_text(inner, "name", "answer");
    json_set_bool(inner, "strict", true);
    json_set(inner, "schema", json_copy(schema));
    json_set_text(format, "type", "json_schema");
    json_set(format, "json_schema", inner);
    return format;
}

static void set_stream(const struct llm_request *request, struct json *body)
{
    struct json *options;

    json_set_bool(body, "stream", true);
    if (!request->provider->stream_options || !llm_wants(request, LLM_STREAM_OPTIONS))
        return;
    options = json_object();
    json_set_bool(options, "include_usage", true);
    if (request->provider->no_obfuscation)
        json_set_bool(options, "include_obfuscation", false);
    json_set(body, "stream_options", options);
}

static struct json *make_body(const struct llm_request *request)
{
    const struct llm_question *question = request->question;
    const struct model *model = request->model;
    int64_t max_tokens = question->max_tokens > 0 ? question->max_tokens : LLM_MAX_TOKENS_DEFAULT;
    struct json *body = json_object();

    if (request->model_id)
        json_set_text(body, "model", request->model_id);
    if (request->stream)
        set_stream(request, body);
    json_set_integer(body, request->provider->max_tokens_field,
                     max_tokens + model->thinking_tokens);
    if (model->effort && llm_wants(request, LLM_REASONING_EFFORT))
        json_set_text(body, "reasoning_effort", model->effort);
    if (model->temperature && question->temperature >= 0 && llm_wants(request, LLM_TEMPERATURE))
        json_set_number(body, "temperature", question->temperature);
    if (question->schema && llm_wants(request, LLM_RESPONSE_FORMAT))
        json_set(body, "response_format", response_format(question->schema));
    json_set(body, "messages", make_messages(request));
    return body;
}

static void read_usage(struct llm_reader *reader, const struct json *usage)
{
    const struct json *in = json_get(usage, "prompt_tokens_details");
    const struct json *out = json_get(usage, "completion_tokens_details");
    struct llm_tokens tokens = {0};
    int64_t reasoning = 0;

    if (!llm_read_count(usage, "prompt_tokens", &tokens.input))
        return;
    tokens.have_input = true;
    tokens.have_output = llm_read_count(usage, "completion_tokens", &tokens.output);
    (void)llm_read_count(in, "cached_tokens", &tokens.cached);
    (void)llm_read_count(in, "cache_write_tokens", &tokens.cache_write);
    /* prompt_tokens hold the cached ones, except where they are fewer (seen at xAI). */
    if (tokens.cached + tokens.cache_write <= tokens.input)
        tokens.input -= tokens.cached + tokens.cache_write;
    if (reader->provider->reasoning_apart && llm_read_count(out, "reasoning_tokens", &reasoning))
        tokens.output += reasoning;
    reader->tokens = tokens;
}

/* Content is text, null, or a list of parts. */
static void read_content(struct llm_reader *reader, const struct json *content)
{
    if (json_is(content, JSON_STRING))
        llm_read_text(reader, json_string(content));
    else if (json_is(content, JSON_ARRAY))
        for (size_t i = 0; i < json_length(content); i++)
            llm_read_text(reader, json_get_string(json_at(content, i), "text", ""));
}

/* delta of a stream and message of a whole answer look the same to us. */
static void read_message(struct llm_reader *reader, const struct json *message)
{
    struct span reasoning = json_get_string(message, "reasoning", "");

    if (reasoning.n == 0)
        reasoning = json_get_string(message, "reasoning_content", "");
    llm_read_thinking(reader, reasoning);
    read_content(reader, json_get(message, "content"));
    if (json_get_string(message, "refusal", "").n > 0)
        reader->refused = true;
}

static void read_choice(struct llm_reader *reader, const struct json *choice)
{
    struct span reason = json_get_string(choice, "finish_reason", "");

    read_message(reader, json_get(choice, "delta"));
    read_message(reader, json_get(choice, "message"));
    /* vLLM's engine gave up. */
    if (span_equal(reason, SPAN("error")) || span_equal(reason, SPAN("abort"))) {
        llm_read_garbage(reader, "the server broke the answer off", NULL);
        return;
    }
    llm_read_stop(reader, stops, reason);
}

static void read_chunk(struct llm_reader *reader, const struct json *chunk)
{
    const struct json *choice = json_at(json_get(chunk, "choices"), 0);
    const struct json *groq = json_get(chunk, "x_groq");

    if (json_type(json_get(chunk, "error")) != JSON_NULL) {
        llm_read_error(reader, chunk);
        return;
    }
    /* Groq: a stream stopped early says so here, as text, and gives no finish_reason. */
    if (json_type(json_get(groq, "error")) != JSON_NULL) {
        llm_read_garbage(reader, "the server stopped the stream early", NULL);
        return;
    }
    llm_read_model(reader, json_get_string(chunk, "model", ""));
    read_usage(reader, json_get(groq, "usage"));
    read_usage(reader, json_get(chunk, "usage"));
    if (choice)
        read_choice(reader, choice);
}

static void on_event(struct llm_reader *reader, struct span event, struct span data)
{
    CLEANUP(json_freep) struct json *chunk = NULL;
    struct error error = {0};

    if (span_equal(text_trim(data), SPAN("[DONE]"))) {
        /* Without a finish_reason it only says that the server has nothing more to send. */
        reader->finished = reader->stop != NULL;
        if (!reader->finished)
            llm_reader_end(reader);
        return;
    }
    if (json_parse(data, NULL, &chunk, &error) != 0)
        llm_read_garbage(reader, "an event is no JSON", &error);
    else if (span_equal(event, SPAN("error")))
        llm_read_error(reader, chunk);
    else
        read_chunk(reader, chunk);
}

const struct llm_wire llm_wire_openai = {
    .name = "chat",
    .path = "/chat/completions",
    .reason_ends = true,
    .auth_header = "authorization",
    .auth_prefix = "Bearer ",
    .make_body = make_body,
    .on_event = on_event,
    .on_answer = read_chunk,
};
