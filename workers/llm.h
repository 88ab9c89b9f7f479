#pragma once
/* Calls to language models: one question in, deltas and one answer out, whatever the provider.
 *
 * A provider is a row (provider.h) and a wire format is a row too (llm_wire.h): llm.c knows neither
 * by name. Retries follow wire/README.md: at most two, honouring x-should-retry, retry-after-ms and
 * retry-after. A try that had shown text is repeated once at most, visibly: on_retry, then on_start
 * again. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "error.h"

struct fetcher;
struct json;
struct llm;
struct llm_call;
struct loop;
struct provider_set;
struct slot_wait;
struct slots;
struct trace;

struct llm_question {
    char *provider; /* name, or NULL: the first configured one */
    char *fallback; /* who is asked when that one is not configured or fails for good: names in
                       order, with commas; NULL = nobody */
    bool step_over; /* to the next of them also where a provider is paused */
    char *model;    /* of the first provider; NULL: its default */
    char *system;
    char *prompt;
    int64_t max_tokens;  /* 0: the model's default */
    double temperature;  /* < 0: not sent; sent only where the model's row allows it */
    struct json *schema; /* structured output, NULL = text */
    /* Not words are asked for but nearness: prompt is a JSON array of texts, the answer's text one
     * of their cosines with the first. Asked of the one who gives embeddings. */
    bool embeds;
    const struct trace *trace; /* borrowed from who asks; NULL = the call belongs to none */
    int64_t cache_ms; /* an answer to the same question this recent will do; 0 = none will */
};
void llm_question_clear(struct llm_question *question);

struct llm_usage {
    int64_t input_tokens, output_tokens, cached_tokens;
    double cost_usd;
    bool estimated; /* the provider told no usage (cut stream) */
};

struct llm_answer {
    /* 0, or with error set: -ECONNREFUSED, -ECONNRESET (cut), -ETIMEDOUT, -E2BIG, -EPROTO (the
     * provider's own error), -EPERM (it refused to answer), -ENODATA (no text), -ENOENT (no such
     * provider) */
    int outcome;
    struct error error;
    struct span text; /* whole text; on a failure the part that came */
    struct span stop; /* "end", "length", "refusal", "other", "cut" */
    const char *provider;
    struct span model;      /* the answer's model, else the asked one */
    struct llm_usage usage; /* of all tries */
    int64_t ms;             /* from the first try's start to here */
    int tries;
    int status; /* of the last try, 0 when no answer came */
    /* What the provider asked to wait when it failed for good, for pausing it; 0 = it said nothing.
     */
    int64_t retry_after_ms;
};

struct llm_ops {
    /* The call waits for a slot of its provider; at most once a second. May be NULL. */
    void (*on_waiting)(const struct slot_wait *wait, void *arg);
    /* A try could be sent, with its slot in hand. worst_usd: what the call can have cost at most
     * after it, earlier tries included. To be answered with llm_send() or llm_hold(), from inside
     * or later. NULL: every try is sent. */
    void (*on_price)(double worst_usd, void *arg);
    /* The call is about to be sent (again): what was shown of an earlier try is void. waited_ms:
     * for a slot. */
    void (*on_start)(const char *provider, const char *model, int attempt, int64_t waited_ms,
                     void *arg);
    void (*on_delta)(struct span text, void *arg);
    /* A try failed and another follows after ms. */
    void (*on_retry)(const struct error *error, int64_t ms, void *arg);
    void (*on_done)(const struct llm_answer *answer,
                    void *arg); /* last, once; the call is gone after it */
};

/* All borrowed. slots NULL: calls wait for nothing. */
struct llm *llm_new(struct loop *loop, struct fetcher *fetcher,
                    const struct provider_set *providers, struct slots *slots);
struct llm *llm_free(struct llm *llm);
DEFINE_FREEP(llm)
/* The question is copied, ops is borrowed and must outlive the call. flow: whose turn it is when
 * calls wait for a slot (calls of one flow come one after the other). Never calls back before it
 * returned. */
struct llm_call *llm_ask(struct llm *llm, const struct llm_question *question, const char *flow,
                         const struct llm_ops *ops, void *arg);
/* The answers to on_price. A held call gives its slot back and waits until llm_again(), which
 * brings it to another on_price. Whatever comes when nothing was asked does nothing. */
void llm_send(struct llm_call *call);
void llm_hold(struct llm_call *call);
void llm_again(struct llm_call *call);
/* What an open call has cost so far over all tries, the one under way estimated. false: nothing was
 * ever sent. */
bool llm_spent(const struct llm_call *call, struct llm_usage *ret_usage);
/* Milliseconds since it was begun. */
int64_t llm_age_ms(const struct llm_call *call);
/* Closes the provider's connection; no callback follows. Accepts NULL, returns NULL. */
struct llm_call *llm_cancel(struct llm_call *call);
