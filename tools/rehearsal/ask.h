#pragma once
/* A request to a provider, read from any wire format into one shape. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "buf.h"
#include "error.h"

struct http_exchange;
struct json;

enum ask_format { ASK_ANTHROPIC, ASK_OPENAI, ASK_RESPONSES, ASK_EMBEDDINGS, ASK_FORMAT_COUNT_ };

struct ask {
    enum ask_format format;
    const char *provider; /* static: "anthropic", "openai", … */
    struct json *body;    /* owned; the spans and pointers below point into it */
    struct span model;
    const struct json *schema; /* of the structured output asked for, NULL = text */
    struct buf system, prompt; /* the texts of all messages, joined by line ends */
    bool stream;
    bool include_usage;  /* stream_options.include_usage */
    bool thinking;       /* Anthropic: not switched off */
    int64_t max_tokens;  /* 0 = no limit given */
    char trace[64];      /* traceparent, as far as it fits; "" = none */
    char hash[65];       /* sha256 of the body's bytes, hex */
    uint64_t seed;       /* the first 64 bits of it */
    char error_type[48]; /* what the provider calls the fault when reading failed */
};

/* Fills ask from the exchange's body. -EINVAL and error when the real provider would answer 400;
 * the ask is usable for the bill even then (hash, and model where it could be read). */
int ask_init(struct ask *ask, enum ask_format format, const char *provider,
             const struct http_exchange *exchange, struct error *error) MUST_CHECK;
/* "messages", "chat", "responses", "embeddings" */
const char *ask_format_name(enum ask_format format);

void ask_deinit(struct ask *ask);
