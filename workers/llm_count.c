/* Counting tries: each that was started ends once, whichever way; what it used is counted where it
 * is known, so that the sum of all calls is the bill. */
#include "llm_count.h"

#include "clock.h"
#include "llm_call.h"
#include "money.h"

static struct llm_count *count_of(const struct llm_call *call)
{
    return &call->llm->counts.providers[call->provider_at];
}

const struct llm_counts *llm_counts(const struct llm *llm)
{
    return &llm->counts;
}

void llm_count_start(struct llm_call *call)
{
    call->try_us = clock_monotonic_us();
    histogram_add(&call->llm->counts.slot_wait, call->try_us - call->asked_slot_ms * 1000);
}

void llm_count_end(struct llm_call *call, enum llm_ending ending)
{
    if (call->try_us == 0)
        return;
    histogram_add(&call->llm->counts.seconds, clock_monotonic_us() - call->try_us);
    call->try_us = 0;
    count_of(call)->tries[ending]++;
}

void llm_count_cancel(struct llm_call *call)
{
    if (call->try_us > 0 && call->fetch)
        llm_count_usage(call);
    llm_count_end(call, LLM_ENDING_CANCELLED);
}

void llm_count_usage(struct llm_call *call)
{
    struct llm_count *count = count_of(call);
    struct llm_usage usage;

    llm_reader_usage(&call->reader, &call->question, &usage);
    count->tokens[LLM_TOKEN_INPUT] += (uint64_t)usage.input_tokens;
    count->tokens[LLM_TOKEN_OUTPUT] += (uint64_t)usage.output_tokens;
    count->tokens[LLM_TOKEN_CACHED] += (uint64_t)usage.cached_tokens;
    count->cost_micro_usd += (uint64_t)money_of_usd(usage.cost_usd);
}

void llm_count_retry(struct llm_call *call)
{
    count_of(call)->retries++;
}
