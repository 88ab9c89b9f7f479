#pragma once
/* Providers as configuration: where each lives, what it speaks, what its models cost and allow.
 *
 * A provider is a row of provider.c, a model is a row too (facts and prices: wire/anthropic.md,
 * openai.md, groq-xai.md, vllm.md, as of 2026-11-20). No other file knows a provider by name. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct error;
struct llm_wire;

/* Prices are US dollars per million tokens. */
struct model {
    const char
        *id; /* NULL: the last row, for ids we do not know: the dearest price of the provider */
    double input_usd, output_usd;
    double cached_usd;      /* input read from the provider's cache */
    double cache_write_usd; /* input written to it */
    /* A prompt of more tokens than this multiplies the prices of the whole call; 0 = no such step.
     */
    int64_t step_tokens;
    double step_input_times, step_output_times;
    bool temperature;     /* may be sent */
    const char *thinking; /* Anthropic "thinking.type" to send, NULL = leave out */
    const char *effort;   /* OpenAI "reasoning_effort" to send, NULL = leave out */
    int64_t
        thinking_tokens; /* added to the token limit: thinking that cannot be switched off counts */
};

struct provider {
    const char *name;               /* "anthropic", "openai", "groq", "xai", "compatible" */
    const struct llm_wire *wire;    /* NULL: it gives data to run_read(), no model's answers */
    char *base_url;                 /* without a trailing slash; NULL = none known */
    char *api_key;                  /* secret; NULL = none */
    char *default_model;            /* NULL: the server knows only one */
    const char *key_query;          /* of one that gives data: the key's name in the query */
    const char *max_tokens_field;   /* "max_tokens" or "max_completion_tokens" */
    bool stream_options;            /* send stream_options.include_usage */
    bool no_obfuscation;            /* and include_obfuscation: false */
    bool stream_schema;             /* a schema and a stream go together */
    bool reasoning_apart;           /* completion_tokens leave the reasoning tokens out */
    bool strip_think;               /* content may begin with <think>…</think> */
    bool retry_422;                 /* 422 is a failure of the model, not of the request */
    int64_t first_byte_ms, idle_ms; /* the latter also bounds the wait for the first token */
    const struct model *models;     /* ends with id NULL */
    bool configured;                /* has a key, or a base URL of its own */
    /* Over the whole fleet, as the configuration wants them; slots.lua holds what is in force. */
    int64_t concurrency;
    int64_t rpm, tpm; /* a minute, 0 = no limit */
};

struct provider_set;

/* From the environment: PARLEY_<P>_BASE_URL, <P>_API_KEY (or <P>_API_KEY_FILE, or the credential
 * <p>_api_key), PARLEY_<P>_MODEL, PARLEY_PROVIDERS = order of preference. Returns 0, or -EINVAL
 * after printing every fault. */
int provider_set_new(struct provider_set **ret_set) MUST_CHECK;
struct provider_set *provider_set_free(struct provider_set *set);
DEFINE_FREEP(provider_set)
/* The table of keys, for --help, and its values with secrets masked, for the log at start. */
void provider_help(void);
void provider_dump(const struct provider_set *set);

/* name NULL: the first configured one of the order. Returns NULL when it is unknown or not
 * configured: error says which. */
const struct provider *provider_find(const struct provider_set *set, const char *name,
                                     struct error *error);
/* The one that gives data under this name. NULL when there is none or it is not configured: error
 * says which. */
const struct provider *provider_source(const struct provider_set *set, const char *name,
                                       struct error *error);
/* Who gives embeddings: a row of the table with another format and model. NULL when nobody was
 * named: error says so. */
const struct provider *provider_embeddings(const struct provider_set *set, struct error *error);
/* The i-th provider of the table, configured or not; NULL beyond the last. */
const struct provider *provider_at(const struct provider_set *set, size_t i);
/* Never NULL: the last row for unknown ids. A dated snapshot ("gpt-6-luna-2026-09-22") is its
 * alias. */
const struct model *provider_model(const struct provider *provider, struct span id);
