/* The responses format (wire/openai.md): named events, no [DONE], the usage in the
 * last event's response.
 * Pure functions from (ask, answer) to bytes, like those of wire.c. */
#include "ask.h"
#include "text.h"
#include "wire.h"

static void add_quoted(struct buf *out, struct span text)
{
    buf_add_char(out, '"');
    text_json_escape(out, text);
    buf_add_char(out, '"');
}

static void add_text_part(struct span text, struct buf *out)
{
    buf_add_text(out, "{\"type\":\"output_text\",\"text\":");
    add_quoted(out, text);
    buf_add_text(out, ",\"annotations\":[]}");
}

static void add_message(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    buf_addf(out,
             "{\"type\":\"message\",\"id\":\"msg_rehearsal_%.16s\",\"role\":\"assistant\","
             "\"status\":\"%s\",\"content\":[",
             ask->hash, answer->truncated ? "incomplete" : "completed");
    add_text_part(buf_span(&answer->text), out);
    buf_add_text(out, "]}");
}

static void add_response(const struct ask *ask, const struct answer *answer, bool ended,
                         struct buf *out)
{
    const char *status = answer->truncated ? "incomplete" : "completed";

    buf_addf(out,
             "{\"id\":\"resp_rehearsal_%.16s\",\"object\":\"response\",\"created_at\":%lld,"
             "\"status\":\"%s\",\"error\":null,\"incomplete_details\":%s,\"model\":",
             ask->hash, (long long)answer->created_s, ended ? status : "in_progress",
             ended && answer->truncated ? "{\"reason\":\"max_output_tokens\"}" : "null");
    add_quoted(out, ask->model);
    buf_add_text(out, ",\"output\":[");
    if (ended)
        add_message(ask, answer, out);
    buf_add_text(out, "],\"usage\":");
    if (ended)
        buf_addf(out,
                 "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":0},"
                 "\"output_tokens\":%lld,\"output_tokens_details\":{\"reasoning_tokens\":0},"
                 "\"total_tokens\":%lld}}",
                 (long long)answer->input_tokens, (long long)answer->output_tokens,
                 (long long)(answer->input_tokens + answer->output_tokens));
    else
        buf_add_text(out, "null}");
}

static void add_event(const char *type, struct buf *out)
{
    buf_addf(out, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void begin(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    static const char *const first[] = {"response.created", "response.in_progress"};

    for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
        add_event(first[i], out);
        buf_add_text(out, ",\"response\":");
        add_response(ask, answer, false, out);
        buf_add_text(out, "}\n\n");
    }
    add_event("response.output_item.added", out);
    buf_addf(out,
             ",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":"
             "\"msg_rehearsal_%.16s\",\"status\":\"in_progress\",\"role\":\"assistant\","
             "\"content\":[]}}\n\n",
             ask->hash);
}

static void piece(const struct ask *ask, const struct answer *answer, struct span text,
                  struct buf *out)
{
    (void)answer;
    add_event("response.output_text.delta", out);
    buf_addf(out, ",\"item_id\":\"msg_rehearsal_%.16s\",\"output_index\":0,\"content_index\":0,",
             ask->hash);
    buf_add_text(out, "\"delta\":");
    add_quoted(out, text);
    buf_add_text(out, ",\"logprobs\":[]}\n\n");
}

static void end(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    add_event("response.output_item.done", out);
    buf_add_text(out, ",\"output_index\":0,\"item\":");
    add_message(ask, answer, out);
    buf_add_text(out, "}\n\n");
    add_event(answer->truncated ? "response.incomplete" : "response.completed", out);
    buf_add_text(out, ",\"response\":");
    add_response(ask, answer, true, out);
    buf_add_text(out, "}\n\n");
}

static void broken(struct buf *out)
{
    buf_add_text(out, "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\","
                      "\"message\":\"The server had an error, as the rehearsal's script says\","
                      "\"param\":null}\n\n");
}

static void whole(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    add_response(ask, answer, true, out);
}

const struct wire wire_responses = {begin, piece, end, broken, whole, wire_openai_fault};
