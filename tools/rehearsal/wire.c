/* Writes what a provider sends, member by member as the real ones do (wire/anthropic.md, openai.md,
 * groq-xai.md say where each comes from), so that a client which reads this can read those.
 *
 * Pure functions from (ask, answer) to bytes. A new provider of a known format is an `if` in the
 * three places where Groq and xAI differ; a new format is a row of `wires`. */
#include "wire.h"

#include "ask.h"
#include "text.h"

static void add_quoted(struct buf *out, struct span text)
{
    buf_add_char(out, '"');
    text_json_escape(out, text);
    buf_add_char(out, '"');
}

static bool is_provider(const struct ask *ask, const char *name)
{
    return strcmp(ask->provider, name) == 0;
}

/* ---- Anthropic ---- */

static void anthropic_usage(const struct answer *answer, int64_t output_tokens, struct buf *out)
{
    buf_addf(out,
             "{\"input_tokens\":%lld,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":"
             "0,\"output_tokens\":%lld,\"output_tokens_details\":{\"thinking_tokens\":0},"
             "\"server_tool_use\":null,\"service_tier\":\"standard\"}",
             (long long)answer->input_tokens, (long long)output_tokens);
}

static void anthropic_message(const struct ask *ask, struct buf *out)
{
    buf_addf(out,
             "{\"id\":\"msg_rehearsal_%.16s\",\"type\":\"message\",\"role\":\"assistant\","
             "\"model\":",
             ask->hash);
    add_quoted(out, ask->model);
}

static void anthropic_begin(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    buf_add_text(out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    anthropic_message(ask, out);
    buf_add_text(out,
                 ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"stop_details\":"
                 "null,\"container\":null,\"diagnostics\":null,\"usage\":");
    anthropic_usage(answer, 1, out);
    buf_add_text(out, "}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n");
    if (ask->thinking)
        buf_add_text(
            out, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"
                 "0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
                 "\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\","
                 "\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":"
                 "\"cmVoZWFyc2Fs\"}}\n\nevent: content_block_stop\ndata: {\"type\":"
                 "\"content_block_stop\",\"index\":0}\n\n");
    buf_addf(out,
             "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":%d,"
             "\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}}\n\n",
             ask->thinking);
}

static void anthropic_piece(const struct ask *ask, const struct answer *answer, struct span text,
                            struct buf *out)
{
    (void)answer;
    buf_addf(out,
             "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":%d,"
             "\"delta\":{\"type\":\"text_delta\",\"text\":",
             ask->thinking);
    add_quoted(out, text);
    buf_add_text(out, "}}\n\n");
}

static const char *anthropic_stop(const struct answer *answer)
{
    return answer->truncated ? "max_tokens" : "end_turn";
}

static void anthropic_end(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    buf_addf(out,
             "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":%d}\n\n"
             "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
             "\"%s\",\"stop_sequence\":null,\"stop_details\":null},\"usage\":",
             ask->thinking, anthropic_stop(answer));
    anthropic_usage(answer, answer->output_tokens, out);
    buf_add_text(out, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void anthropic_broken(struct buf *out)
{
    buf_add_text(out,
                 "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                 "\"overloaded_error\",\"message\":\"Overloaded, as the rehearsal's script says\"}"
                 ",\"request_id\":\"req_rehearsal\"}\n\n");
}

static void anthropic_whole(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    anthropic_message(ask, out);
    buf_add_text(out, ",\"content\":[");
    if (ask->thinking)
        buf_add_text(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
                          "\"cmVoZWFyc2Fs\"},");
    buf_add_text(out, "{\"type\":\"text\",\"text\":");
    add_quoted(out, buf_span(&answer->text));
    buf_addf(out,
             ",\"citations\":null}],\"stop_reason\":\"%s\",\"stop_sequence\":null,\"stop_details\":"
             "null,\"container\":null,\"diagnostics\":null,\"usage\":",
             anthropic_stop(answer));
    anthropic_usage(answer, answer->output_tokens, out);
    buf_add_char(out, '}');
}

/* ---- OpenAI and its relatives ---- */

static void openai_head(const struct ask *ask, const struct answer *answer, const char *object,
                        struct buf *out)
{
    buf_addf(out,
             "{\"id\":\"chatcmpl-rehearsal-%.16s\",\"object\":\"%s\",\"created\":%lld,\"model\":",
             ask->hash, object, (long long)answer->created_s);
    add_quoted(out, ask->model);
    buf_add_text(out, ",\"system_fingerprint\":\"fp_rehearsal\"");
}

static void openai_usage(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    buf_add_char(out, '{');
    if (is_provider(ask, "groq"))
        buf_add_text(out, "\"queue_time\":0.001,\"prompt_time\":0.001,\"completion_time\":0.01,"
                          "\"total_time\":0.011,");
    buf_addf(out,
             "\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld,"
             "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{"
             "\"reasoning_tokens\":0}",
             (long long)answer->input_tokens, (long long)answer->output_tokens,
             (long long)(answer->input_tokens + answer->output_tokens));
    if (is_provider(ask, "xai"))
        buf_add_text(out, ",\"num_sources_used\":0");
    buf_add_char(out, '}');
}

static void openai_chunk(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    buf_add_text(out, "data: ");
    openai_head(ask, answer, "chat.completion.chunk", out);
}

/* Ends a chunk that has choices: with include_usage each of them says "usage":null. */
static void openai_close(const struct ask *ask, struct buf *out)
{
    buf_add_text(out, ask->include_usage ? ",\"usage\":null}\n\n" : "}\n\n");
}

static void openai_begin(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    openai_chunk(ask, answer, out);
    buf_add_text(out, ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
                      "\"\"},\"logprobs\":null,\"finish_reason\":null}]");
    if (is_provider(ask, "groq"))
        buf_addf(out, ",\"x_groq\":{\"id\":\"req_rehearsal_%.16s\"}", ask->hash);
    openai_close(ask, out);
}

static void openai_piece(const struct ask *ask, const struct answer *answer, struct span text,
                         struct buf *out)
{
    openai_chunk(ask, answer, out);
    buf_add_text(out, ",\"choices\":[{\"index\":0,\"delta\":{\"content\":");
    add_quoted(out, text);
    buf_add_text(out, "},\"logprobs\":null,\"finish_reason\":null}]");
    openai_close(ask, out);
}

static const char *openai_stop(const struct answer *answer)
{
    return answer->truncated ? "length" : "stop";
}

static void openai_end(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    openai_chunk(ask, answer, out);
    buf_addf(out,
             ",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"%s\"}]",
             openai_stop(answer));
    if (is_provider(ask, "groq")) {
        buf_addf(out, ",\"x_groq\":{\"id\":\"req_rehearsal_%.16s\",\"usage\":", ask->hash);
        openai_usage(ask, answer, out);
        buf_add_char(out, '}');
    }
    openai_close(ask, out);
    if (ask->include_usage || is_provider(ask, "xai")) {
        openai_chunk(ask, answer, out);
        buf_add_text(out, ",\"choices\":[],\"usage\":");
        openai_usage(ask, answer, out);
        buf_add_text(out, "}\n\n");
    }
    buf_add_text(out, "data: [DONE]\n\n");
}

static void openai_broken(struct buf *out)
{
    buf_add_text(out, "data: {\"error\":{\"message\":\"The server had an error, as the rehearsal's "
                      "script says\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n");
}

static void openai_whole(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    openai_head(ask, answer, "chat.completion", out);
    buf_addf(out,
             ",\"choices\":[{\"index\":0,\"finish_reason\":\"%s\",\"logprobs\":null,\"message\":{"
             "\"role\":\"assistant\",\"content\":",
             openai_stop(answer));
    add_quoted(out, buf_span(&answer->text));
    buf_add_text(out, ",\"refusal\":null,\"annotations\":[]}}],\"usage\":");
    openai_usage(ask, answer, out);
    if (is_provider(ask, "groq"))
        buf_addf(out, ",\"x_groq\":{\"id\":\"req_rehearsal_%.16s\"}", ask->hash);
    buf_add_char(out, '}');
}

/* ---- error bodies ---- */

struct fault_row {
    int status; /* 0 = any other */
    const char *type, *code;
};

static const struct fault_row anthropic_faults[] = {
    {401, "authentication_error",  NULL},
    {402, "billing_error",         NULL},
    {403, "permission_error",      NULL},
    {404, "not_found_error",       NULL},
    {409, "conflict_error",        NULL},
    {413, "request_too_large",     NULL},
    {429, "rate_limit_error",      NULL},
    {500, "api_error",             NULL},
    {502, "api_error",             NULL},
    {503, "api_error",             NULL},
    {504, "timeout_error",         NULL},
    {529, "overloaded_error",      NULL},
    {0,   "invalid_request_error", NULL},
};

static const struct fault_row openai_faults[] = {
    {401, "invalid_request_error",     "invalid_api_key"     },
    {404, "invalid_request_error",     "model_not_found"     },
    {429, "requests",                  "rate_limit_exceeded" },
    {498, "capacity",                  "capacity_exceeded"   },
    {500, "server_error",              NULL                  },
    {502, "server_error",              NULL                  },
    {503, "service_unavailable_error", "server_is_overloaded"},
    {504, "server_error",              NULL                  },
    {0,   "invalid_request_error",     NULL                  },
};

static const struct fault_row *fault_of(const struct fault_row *row, int status)
{
    while (row->status && row->status != status)
        row++;
    return row;
}

static void anthropic_fault(int status, const char *type, const char *message, struct buf *out)
{
    const struct fault_row *row = fault_of(anthropic_faults, status);

    buf_addf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":",
             type ? type : row->type);
    add_quoted(out, span_of(message));
    buf_add_text(out, "},\"request_id\":\"req_rehearsal\"}");
}

void wire_openai_fault(int status, const char *type, const char *message, struct buf *out)
{
    const struct fault_row *row = fault_of(openai_faults, status);

    buf_add_text(out, "{\"error\":{\"message\":");
    add_quoted(out, span_of(message));
    buf_addf(out, ",\"type\":\"%s\",\"param\":null,\"code\":", type ? type : row->type);
    if (row->code)
        add_quoted(out, span_of(row->code));
    else
        buf_add_text(out, "null");
    buf_add_text(out, "}}");
}

static const struct wire anthropic = {anthropic_begin,  anthropic_piece, anthropic_end,
                                      anthropic_broken, anthropic_whole, anthropic_fault};
static const struct wire openai = {openai_begin,  openai_piece, openai_end,
                                   openai_broken, openai_whole, wire_openai_fault};

static const struct wire *const wires[] = {
    [ASK_ANTHROPIC] = &anthropic,
    [ASK_OPENAI] = &openai,
    [ASK_RESPONSES] = &wire_responses,
    [ASK_EMBEDDINGS] = &wire_embeddings,
};
_Static_assert(ARRAY_SIZE(wires) == ASK_FORMAT_COUNT_, "every format has a row");

const struct wire *wire_of(const struct ask *ask)
{
    return wires[ask->format];
}
