/* The responses format of OpenAI, which xAI and others speak as well (wire/openai.md, "responses").
 *
 * Events are named and there is no [DONE]: the answer is whole only after response.completed or
 * response.incomplete, and that event's response holds the usage. Text comes as deltas of an output
 * item; items of the phase "commentary" are no part of the answer and count as thinking. A response
 * that failed says so with status 200. */
#include <errno.h>

#include "json.h"
#include "llm_wire.h"
#include "provider.h"

/* status, or incomplete_details.reason */
static const struct llm_stop stops[] = {
    {"completed",         "end"    },
    {"max_output_tokens", "length" },
    {"content_filter",    "refusal"},
    {NULL,                NULL     },
};

static struct json *text_format(const struct json *schema)
{
    struct json *text = json_object(), *format = json_object();

    json_set_text(format, "type", "json_schema");
    json_set_text(format, "name", "answer");
    json_set_bool(format, "strict", true);
    json_set(format, "schema", json_copy(schema));
    json_set(text, "format", format);
    return text;
}

static struct json *make_body(const struct llm_request *request)
{
    const struct llm_question *question = request->question;
    const struct model *model = request->model;
    int64_t max_tokens = question->max_tokens > 0 ? question->max_tokens : LLM_MAX_TOKENS_DEFAULT;
    struct json *body = json_object();

    if (request->model_id)
        json_set_text(body, "model", request->model_id);
    json_set_bool(body, "store", false);
    if (request->stream)
        json_set_bool(body, "stream", true);
    json_set_integer(body, "max_output_tokens", max_tokens + model->thinking_tokens);
    if (model->effort && llm_wants(request, LLM_REASONING)) {
        struct json *reasoning = json_object();

        json_set_text(reasoning, "effort", model->effort);
        json_set(body, "reasoning", reasoning);
    }
    if (model->temperature && question->temperature >= 0 && llm_wants(request, LLM_TEMPERATURE))
        json_set_number(body, "temperature", question->temperature);
    if (question->schema)
        json_set(body, "text", text_format(question->schema));
    if (question->system)
        json_set_text(body, "instructions", question->system);
    json_set_text(body, "input", question->prompt ? question->prompt : "");
    return body;
}

static void read_usage(struct llm_reader *reader, const struct json *usage)
{
    const struct json *in = json_get(usage, "input_tokens_details");
    struct llm_tokens tokens = {0};

    if (!llm_read_count(usage, "input_tokens", &tokens.input))
        return;
    tokens.have_input = true;
    tokens.have_output = llm_read_count(usage, "output_tokens", &tokens.output);
    (void)llm_read_count(in, "cached_tokens", &tokens.cached);
    (void)llm_read_count(in, "cache_write_tokens", &tokens.cache_write);
    if (tokens.cached + tokens.cache_write <= tokens.input)
        tokens.input -= tokens.cached + tokens.cache_write;
    reader->tokens = tokens;
}

static bool is_commentary(const struct json *item)
{
    return span_equal(json_get_string(item, "phase", ""), SPAN("commentary"));
}

static void read_item(struct llm_reader *reader, const struct json *item)
{
    const struct json *content = json_get(item, "content");

    if (!span_equal(json_get_string(item, "type", ""), SPAN("message")) || is_commentary(item))
        return;
    for (size_t i = 0; i < json_length(content); i++) {
        const struct json *part = json_at(content, i);

        if (span_equal(json_get_string(part, "type", ""), SPAN("refusal")))
            reader->refused = true;
        else
            llm_read_text(reader, json_get_string(part, "text", ""));
    }
}

/* A response that has come to its end. */
static void read_response(struct llm_reader *reader, const struct json *response)
{
    const struct json *output = json_get(response, "output");
    struct span reason = json_get_string(
        json_get(response, "incomplete_details"), "reason",
        span_equal(json_get_string(response, "status", ""), SPAN("completed")) ? "completed"
                                                                               : "incomplete");

    if (json_type(json_get(response, "error")) != JSON_NULL) {
        llm_read_error(reader, response);
        return;
    }
    if (span_equal(json_get_string(response, "status", ""), SPAN("failed"))) {
        llm_read_garbage(reader, "the response failed without a reason", NULL);
        return;
    }
    llm_read_model(reader, json_get_string(response, "model", ""));
    read_usage(reader, json_get(response, "usage"));
    /* Of a stream the text came in deltas. */
    for (size_t i = 0; !reader->streamed && i < json_length(output); i++)
        read_item(reader, json_at(output, i));
    llm_read_stop(reader, stops, reason);
}

static void on_ended(struct llm_reader *reader, const struct json *chunk)
{
    read_response(reader, json_get(chunk, "response"));
    reader->finished = !reader->failed && reader->stop;
    if (reader->finished)
        llm_reader_end(reader);
}

static void on_created(struct llm_reader *reader, const struct json *chunk)
{
    llm_read_model(reader, json_get_string(json_get(chunk, "response"), "model", ""));
}

static void on_item(struct llm_reader *reader, const struct json *chunk)
{
    reader->hidden_item =
        is_commentary(json_get(chunk, "item")) ? json_get_integer(chunk, "output_index", -1) : -1;
}

static void on_text(struct llm_reader *reader, const struct json *chunk)
{
    struct span text = json_get_string(chunk, "delta", "");

    reader->streamed = true;
    if (reader->hidden_item >= 0 &&
        json_get_integer(chunk, "output_index", 0) == reader->hidden_item)
        llm_read_thinking(reader, text);
    else
        llm_read_text(reader, text);
}

static void on_reasoning(struct llm_reader *reader, const struct json *chunk)
{
    llm_read_thinking(reader, json_get_string(chunk, "delta", ""));
}

static void on_refusal(struct llm_reader *reader, const struct json *chunk)
{
    (void)chunk;
    reader->streamed = true;
    reader->refused = true;
}

static const struct {
    const char *type;
    void (*fn)(struct llm_reader *reader, const struct json *chunk);
} events[] = {
    {"response.created",                      on_created    },
    {"response.output_item.added",            on_item       },
    {"response.output_text.delta",            on_text       },
    {"response.refusal.delta",                on_refusal    },
    {"response.reasoning_text.delta",         on_reasoning  },
    {"response.reasoning_summary_text.delta", on_reasoning  },
    {"response.completed",                    on_ended      },
    {"response.incomplete",                   on_ended      },
    {"response.failed",                       on_ended      },
    {"error",                                 llm_read_error},
};

static void on_event(struct llm_reader *reader, struct span event, struct span data)
{
    CLEANUP(json_freep) struct json *chunk = NULL;
    struct error error = {0};

    if (json_parse(data, NULL, &chunk, &error) != 0) {
        llm_read_garbage(reader, "an event is no JSON", &error);
        return;
    }
    struct span type = json_get_string(chunk, "type", "");
    if (type.n == 0)
        type = event;
    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        if (span_equal(type, span_of(events[i].type))) {
            events[i].fn(reader, chunk);
            return;
        }
}

const struct llm_wire llm_wire_responses = {
    .name = "responses",
    .path = "/responses",
    .auth_header = "authorization",
    .auth_prefix = "Bearer ",
    .make_body = make_body,
    .on_event = on_event,
    .on_answer = read_response,
};
