#pragma once
/* What calls to models came to, counted for the page of figures. */

#include <stdint.h>

#include "metrics.h"

struct llm;
struct llm_call;

/* X(ENUM, wire name): how a try ended. */
#define LLM_ENDINGS(X)                                                                             \
    X(OK, "ok")                                                                                    \
    X(OVERLOADED, "overloaded") /* 429, 503, 529: the provider wants to be left alone */           \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled") /* by us */

enum llm_ending {
#define X(name, wire) LLM_ENDING_##name,
    LLM_ENDINGS(X)
#undef X
        LLM_ENDING_COUNT_
};

enum llm_token { LLM_TOKEN_INPUT, LLM_TOKEN_OUTPUT, LLM_TOKEN_CACHED, LLM_TOKEN_COUNT_ };

/* Of one provider. */
struct llm_count {
    uint64_t tries[LLM_ENDING_COUNT_], retries;
    uint64_t tokens[LLM_TOKEN_COUNT_];
    uint64_t cost_micro_usd;
};

/* Of all of them. */
struct llm_counts {
    struct llm_count *providers; /* by provider_at() */
    struct histogram slot_wait, seconds;
};

const struct llm_counts *llm_counts(const struct llm *llm);

void llm_count_start(struct llm_call *call);
/* No-op when no try is under way, like the one below. */
void llm_count_end(struct llm_call *call, enum llm_ending ending);
/* The call is closed: what was sent is paid all the same. */
void llm_count_cancel(struct llm_call *call);
/* What the try has used so far. */
void llm_count_usage(struct llm_call *call);
/* Another try follows. */
void llm_count_retry(struct llm_call *call);
