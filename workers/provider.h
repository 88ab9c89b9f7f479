#pragma once
/* Providers as configuration: where each lives, what it speaks, what its models cost and allow.
 *
 * A provider is a row of provider.c: name, wire format, base URL key, API key's key, default model. A model is a row too: price in and out per
 * million tokens, whether temperature may be sent, the name of its token limit, how thinking is switched off. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct error;

struct model {
    const char *id;
    double input_usd, output_usd; /* per million tokens */
    bool temperature;             /* may be sent */
    const char *thinking;         /* Anthropic "thinking.type" to send, NULL = leave out */
    const char *effort;           /* OpenAI "reasoning_effort" to send, NULL = leave out */
};

struct llm_wire;

struct provider {
    const char *name; /* "anthropic", "openai", "groq", "xai", "compatible" */
    const struct llm_wire *wire;
    char *base_url;   /* without a trailing slash */
    char *api_key;    /* secret; NULL = none */
    const char *default_model;
    const char *max_tokens_field; /* "max_tokens" or "max_completion_tokens" */
    bool stream_options;          /* send stream_options.include_usage */
    const struct model *models;   /* ends with id NULL */
    bool configured;              /* has a key, or a base URL of its own */
};

struct provider_set;

/* From the environment: PARLEY_<P>_BASE_URL, <P>_API_KEY (or <P>_API_KEY_FILE, or the credential
 * <p>_api_key), PARLEY_<P>_MODEL, PARLEY_PROVIDERS = order of preference. */
int provider_set_new(struct provider_set **ret_set) MUST_CHECK; /* -EINVAL after printing every fault */
struct provider_set *provider_set_free(struct provider_set *set);
DEFINE_FREEP(provider_set)
/* NULL name: the first configured one. NULL: unknown or not configured (error says which). */
const struct provider *provider_find(const struct provider_set *set, const char *name, struct error *error);
const struct model *provider_model(const struct provider *provider, struct span id); /* never NULL: a default row for unknown ids */
