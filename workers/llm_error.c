/* Error bodies of providers: what they say, in every shape seen, and whether trying again can help.
 *
 * Words decide before numbers: a 429 whose code is insufficient_quota is never repeated, and an
 * error event in a stream has no status at all. The tables below are wire/anthropic.md, openai.md,
 * groq-xai.md and vllm.md. What ends up in the message is one clean line without anything that
 * looks like a key: providers quote the key they refuse. */
#include <errno.h>

#include "json.h"
#include "llm_wire.h"
#include "provider.h"
#include "text.h"

#define MESSAGE_BYTES 300

/* By error.type, error.code or error.details.error_code. */
static const struct {
    const char *word;
    enum llm_retry retry;
} words[] = {
    {"insufficient_quota",                    LLM_RETRY_NEVER},
    {"billing_error",                         LLM_RETRY_NEVER},
    {"billing_not_active",                    LLM_RETRY_NEVER},
    {"billing_hard_limit_reached",            LLM_RETRY_NEVER},
    {"enforced_spend_limit_reached",          LLM_RETRY_NEVER},
    {"contract_spend_limit_reached",          LLM_RETRY_NEVER},
    {"json_validate_failed",                  LLM_RETRY_ONCE },
    {"tool_use_failed",                       LLM_RETRY_ONCE },
 /* From here on for errors without a status. */
    {"api_error",                             LLM_RETRY_YES  },
    {"conflict_error",                        LLM_RETRY_YES  },
    {"overloaded_error",                      LLM_RETRY_LATER},
    {"rate_limit_error",                      LLM_RETRY_LATER},
    {"rate_limit_exceeded",                   LLM_RETRY_LATER},
    {"server_error",                          LLM_RETRY_YES  },
    {"server_is_overloaded",                  LLM_RETRY_LATER},
    {"service_unavailable_error",             LLM_RETRY_LATER},
    {"slow_down",                             LLM_RETRY_LATER},
    {"timeout_error",                         LLM_RETRY_YES  },
    {"unavailable_error",                     LLM_RETRY_YES  },
    {"InternalServerError",                   LLM_RETRY_YES  },
    {"The service is currently unavailable",  LLM_RETRY_YES  }, /* xAI, with status 200 */
    {"The service is currently unavailable.", LLM_RETRY_YES  },
};

static const struct {
    int status;
    enum llm_retry retry;
} statuses[] = {
    {408, LLM_RETRY_YES  },
    {409, LLM_RETRY_YES  },
    {429, LLM_RETRY_LATER},
    {498, LLM_RETRY_LATER}, /* Groq: the flex tier is full */
    {501, LLM_RETRY_NO   },
    {503, LLM_RETRY_LATER},
    {505, LLM_RETRY_NO   },
    {529, LLM_RETRY_LATER},
};

const char *const llm_option_names[] = {
    [LLM_STREAM_OPTIONS] = "stream_options",
    [LLM_RESPONSE_FORMAT] = "response_format",
    [LLM_TEMPERATURE] = "temperature",
    [LLM_REASONING_EFFORT] = "reasoning_effort",
    [LLM_THINKING] = "thinking",
    [LLM_REASONING] = "reasoning",
};
_Static_assert(ARRAY_SIZE(llm_option_names) == LLM_OPTION_COUNT_, "an option without a name");

struct told {
    struct span type, code, detail_code, message;
    int status; /* some servers put it into code */
};

/* The error member may be an object, a text, or missing with the fields beside it. */
static void read_told(const struct json *body, struct told *told)
{
    const struct json *error = json_get(body, "error");
    const struct json *fields = json_is(error, JSON_OBJECT) ? error : body;
    const struct json *code = json_get(fields, "code"), *detail = json_get(body, "detail");

    told->type = json_get_string(fields, "type", "");
    told->code = json_string(code);
    told->detail_code = json_get_string(json_get(fields, "details"), "error_code", "");
    told->message = json_get_string(fields, "message", "");
    if (json_is(code, JSON_NUMBER) && json_integer(code) >= 400 && json_integer(code) < 600)
        told->status = (int)json_integer(code);
    if (json_is(error, JSON_STRING))
        told->message = json_string(error);
    /* FastAPI: a text, or a list of {"msg"}. */
    if (told->message.n == 0)
        told->message = json_is(detail, JSON_ARRAY) ? json_get_string(json_at(detail, 0), "msg", "")
                                                    : json_string(detail);
}

static bool word_retry(const struct told *told, enum llm_retry *ret_retry)
{
    const struct span said[] = {told->detail_code, told->code, told->type};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        for (size_t k = 0; k < ARRAY_SIZE(said); k++)
            if (span_equal(said[k], span_of(words[i].word))) {
                *ret_retry = words[i].retry;
                return true;
            }
    return false;
}

static enum llm_retry status_retry(const struct provider *provider, int status)
{
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].retry;
    if (status == 422 && provider->retry_422)
        return LLM_RETRY_ONCE;
    /* Whatever the vendors make up: no upper end. */
    return status >= 500 ? LLM_RETRY_YES : LLM_RETRY_NO;
}

static bool is_key_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("_-*.", c));
}

/* Bytes at the head of the text that are a key or look like one. */
static size_t key_length(struct span text, const char *key)
{
    static const char *const beginnings[] = {"sk-", "sk_", "gsk_", "xai-", "Bearer "};
    size_t n = 0;

    if (key && key[0] && text_starts(text, key))
        return strlen(key);
    for (size_t i = 0; i < ARRAY_SIZE(beginnings) && n == 0; i++)
        if (text_starts(text, beginnings[i]))
            n = strlen(beginnings[i]);
    if (n == 0)
        return 0;
    while (n < text.n && is_key_char(text.at[n]))
        n++;
    return n;
}

static void add_clean(struct buf *out, struct span text, const char *key)
{
    bool utf8 = text_is_utf8(text);
    size_t i = 0;

    while (i < text.n && out->n < MESSAGE_BYTES) {
        struct span rest = {text.at + i, text.n - i};
        unsigned char c = (unsigned char)text.at[i];
        size_t n = i == 0 || !is_key_char(text.at[i - 1]) || (key && text_starts(rest, key))
                       ? key_length(rest, key)
                       : 0;

        if (n > 0)
            buf_add_text(out, "***");
        else if (c < ' ' || c == 0x7f)
            buf_add_char(out, ' ');
        else
            buf_add_char(out, c >= 0x80 && !utf8 ? '?' : text.at[i]);
        i += n > 0 ? n : 1;
    }
    /* Not into the middle of a character. */
    while (i < text.n && out->n > 0 && !text_is_utf8(buf_span(out)))
        out->at[--out->n] = '\0';
}

/* Refusals of a key quote it, sometimes with its middle starred out. */
static bool is_about_key(int status, struct span text)
{
    return status == 401 || status == 403 || text_contains(text, "API key") ||
           text_contains(text, "api key") || text_contains(text, "api_key");
}

enum llm_retry llm_error_read(const struct provider *provider, int status, struct span body,
                              struct error *error)
{
    CLEANUP(json_freep) struct json *json = NULL;
    struct told told = {
        {"", 0},
        {"", 0},
        {"", 0},
        {"", 0},
        0
    };
    enum llm_retry retry = LLM_RETRY_NO, by_status;
    struct buf line;

    if (json_parse(body, NULL, &json, NULL) == 0)
        read_told(json, &told);
    else
        told.message = body;
    if (status < 400)
        status = told.status;
    by_status = status_retry(provider, status);
    if (!word_retry(&told, &retry) || (retry >= LLM_RETRY_YES && status >= 400))
        retry = by_status;

    buf_init(&line, (size_t)MESSAGE_BYTES + 8);
    add_clean(&line, told.detail_code.n > 0 ? told.detail_code : told.code, provider->api_key);
    if (line.n == 0)
        add_clean(&line, told.type, provider->api_key);
    if (!is_about_key(status, told.message) && told.message.n > 0) {
        buf_add_text(&line, line.n > 0 ? ": " : "");
        add_clean(&line, told.message, provider->api_key);
    }
    (void)error_set(error, retry >= LLM_RETRY_YES ? ERROR_PROVIDER : ERROR_PROVIDER_REFUSED,
                    -EPROTO, "%s: status %d%s%s", provider->name, status, line.n > 0 ? ", " : "",
                    line.n > 0 ? line.at : "");
    buf_deinit(&line);
    return retry;
}

unsigned llm_error_options(int status, struct span body, struct span request_body)
{
    unsigned named = 0;

    if ((status != 400 && status != 422) || text_contains(body, "invalid_json_schema") ||
        text_contains(body, "json_validate_failed"))
        return 0;
    for (unsigned i = 0; i < LLM_OPTION_COUNT_; i++) {
        /* Inside a prompt the quotes would be escaped. */
        CLEANUP(charp_freep) char *member = xprintf("\"%s\":", llm_option_names[i]);

        if (text_contains(body, llm_option_names[i]) && text_contains(request_body, member))
            named |= 1u << i;
    }
    return named;
}
