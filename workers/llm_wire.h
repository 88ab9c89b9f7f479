#pragma once
/* A wire format: how a question becomes a request, and how the answer's bytes become deltas. One
 * file each, llm_<format>.c.
 *
 * Everything here is a pure function of bytes: no loop, no socket, no clock, so that each reader
 * can be fed piece by piece in tests and fuzzed. llm.c joins it with fetch. */

#include <stdbool.h>

#include "buf.h"
#include "error.h"
#include "llm.h"
#include "sse.h"

struct json;
struct llm_reader;
struct model;
struct provider;

/* Optional members of a request that some servers refuse with a 400 naming them: they are left out
 * from then on. */
enum llm_option {
    LLM_STREAM_OPTIONS,
    LLM_RESPONSE_FORMAT,
    LLM_TEMPERATURE,
    LLM_REASONING_EFFORT,
    LLM_THINKING,
    LLM_REASONING,
    LLM_OPTION_COUNT_
};

struct llm_request {
    const struct llm_question *question;
    const struct provider *provider;
    const struct model *model;
    const char *model_id; /* NULL: leave it to the server */
    unsigned without;     /* bits of enum llm_option */
    bool stream;
};

static inline bool llm_wants(const struct llm_request *request, enum llm_option option)
{
    return !(request->without & 1u << option);
}

enum llm_retry {
    LLM_RETRY_NEVER, /* whatever the headers say: no quota, no money */
    LLM_RETRY_NO,    /* unless the server says otherwise */
    LLM_RETRY_ONCE,
    LLM_RETRY_YES,
    LLM_RETRY_LATER, /* and nobody is to call before a pause: too much is asked of the provider */
};

struct llm_wire {
    const char *name;
    const char *path; /* after the base URL */
    bool reason_ends; /* a stop reason makes a stream whole even when its last word is missing */
    /* The header that carries the key and what stands before it ("authorization", "Bearer "). */
    const char *auth_header, *auth_prefix;
    const char *extra_header, *extra_value; /* NULL = none */
    /* The body as JSON; the same request gives the same bytes. */
    struct json *(*make_body)(const struct llm_request *request);
    /* One SSE event, and a whole answer that came as JSON. They fill the reader through the
     * llm_read_… functions below. */
    void (*on_event)(struct llm_reader *reader, struct span event, struct span data);
    void (*on_answer)(struct llm_reader *reader, const struct json *answer);
};

/* Tokens by price. Values are clamped to what can be: a provider's word is input. */
struct llm_tokens {
    int64_t input; /* neither read from nor written to the cache */
    int64_t cached, cache_write;
    int64_t output; /* thinking included */
    bool have_input, have_output;
};

enum think_state { THINK_UNKNOWN, THINK_INSIDE, THINK_AFTER, THINK_NONE };

/* What has been read of an answer so far. Owned by its try; fed until it is finished or failed. */
struct llm_reader {
    const struct provider *provider;               /* borrowed */
    void (*on_delta)(struct span text, void *arg); /* may set `closed` */
    void *arg;
    struct sse_reader sse;
    struct buf text; /* all of it, without thinking */
    struct buf held; /* may be the beginning of <think> or of its end */
    enum think_state think;
    size_t n_hidden;     /* bytes of thinking, which is never shown */
    char model[128];     /* as the provider said, empty when it did not */
    const char *stop;    /* "end", "length", "refusal", "other"; NULL: no reason came yet */
    bool refused;        /* the provider said so beside the reason */
    bool streamed;       /* responses: some of it came in deltas */
    int64_t hidden_item; /* responses: the output item that is no part of the answer, -1 = none */
    struct llm_tokens tokens;
    bool finished; /* message_stop, [DONE] after a reason, … */
    bool failed;   /* error and retry are set */
    bool closed;   /* nobody listens any more */
    enum llm_retry retry;
    int outcome; /* negative errno of a failure */
    struct error error;
};

void llm_reader_init(struct llm_reader *reader, const struct provider *provider,
                     void (*on_delta)(struct span text, void *arg), void *arg);
void llm_reader_deinit(struct llm_reader *reader);
/* Bytes of an event stream as they came. Look at finished and failed afterwards. */
void llm_reader_feed(struct llm_reader *reader, struct span bytes);
/* The whole body of an application/json answer with status 200. */
void llm_reader_answer(struct llm_reader *reader, struct span body);
/* No more bytes: what is not finished was cut and fails with -ECONNRESET, retry YES. */
void llm_reader_end(struct llm_reader *reader);
/* The tokens as the provider counted them, else estimated from characters / 4; priced by the model.
 */
void llm_reader_usage(const struct llm_reader *reader, const struct llm_question *question,
                      struct llm_usage *ret_usage);

/* For the wires. */
void llm_read_text(struct llm_reader *reader, struct span text);
void llm_read_thinking(struct llm_reader *reader, struct span text);
void llm_read_model(struct llm_reader *reader, struct span model);
/* Keeps the reason by the first row of the table that names it; an unknown one is "other". */
struct llm_stop {
    const char *reason, *stop;
};
void llm_read_stop(struct llm_reader *reader, const struct llm_stop *stops, struct span reason);
/* Sets *count when the member is there as an integer; null and missing keep what is known. */
bool llm_read_count(const struct json *usage, const char *name, int64_t *count);
/* The answer holds an error (any shape, see below), or none that we could read. */
void llm_read_error(struct llm_reader *reader, const struct json *body);
void llm_read_garbage(struct llm_reader *reader, const char *what, const struct error *cause);

/* The error body of a failed request, of any provider: {"error":{…}}, {"error":"…"},
 * {"code","error"}, {"detail"}, HTML. Fills error (never with a key in it) and tells whether to
 * retry. status 0 or 200: only the body decides. */
enum llm_retry llm_error_read(const struct provider *provider, int status, struct span body,
                              struct error *error);
/* Bits of the options that a 400's body names and the request's body held: worth trying without. A
 * schema that is itself wrong is none. */
unsigned llm_error_options(int status, struct span body, struct span request_body);
extern const char *const llm_option_names[LLM_OPTION_COUNT_];

/* Retry decisions (wire/README.md, "One retry policy"). */
/* When the question names no limit. */
#define LLM_MAX_TOKENS_DEFAULT 4096
#define LLM_RETRIES 2
#define LLM_WAIT_CAP_MS 60000
/* How long the server asks to wait: retry-after-ms, else retry-after as seconds or HTTP-date. -1 =
 * it says nothing (or nothing sensible, or a time that is past). */
int64_t llm_retry_asked_ms(struct span retry_after_ms, struct span retry_after, int64_t wall_ms);
/* Back-off before the n-th retry (from 0): min(0.5 s * 2^n, 8 s), shortened by up to a quarter by
 * the random word. */
int64_t llm_retry_backoff_ms(int n, uint32_t random_word);
/* Whether to try again after n_retries retries. x_should_retry is the header's value, may be empty.
 */
bool llm_retry_wanted(enum llm_retry retry, struct span x_should_retry, int n_retries);

extern const struct llm_wire llm_wire_anthropic, llm_wire_openai, llm_wire_responses,
    llm_wire_embeddings;
