#pragma once
/* A run's money: what its calls may cost is reserved before they are sent and settled after it
 * (money.lua).
 *
 * The job's own budget is the request's "budget": {"usd", "on_exceeded": "fail"|"wait"|"rules"};
 * the tenant's is a day's. A call that does not fit while others under way hold money back waits
 * for them. One that does not fit at all ends the job with code "budget", or waits for a raise or
 * the next day, or is a failed answer of a job that can do without ("rules"), as the request says.
 */

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"

struct answer;
struct llm_usage;
struct run;
struct run_host;

/* Part of every run. Private below. */
struct budget {
    int64_t cap;      /* of the job in micro-dollars, -1 = none */
    bool wait, go_on; /* when a call does not fit; neither: the job ends */
    size_t n_held;    /* calls that wait for money */
    struct loop_timer poll;
    int64_t poll_at_ms; /* when it is set */
};

/* After the request was read. */
void budget_init(struct run *run);
void budget_deinit(struct run *run);

/* The answer's call could be sent and may have cost so much after it: sends it, or makes it wait,
 * or ends the run. */
void budget_reserve(struct answer *answer, double worst_usd);

enum budget_end {
    BUDGET_DONE,  /* the call is over: usage is what it cost */
    BUDGET_MORE,  /* a try failed, another follows: usage so far */
    BUDGET_DOUBT, /* it was broken off and its answer is lost */
    BUDGET_DROP,  /* it was never sent */
    BUDGET_END_COUNT_
};
void budget_settle(struct answer *answer, enum budget_end how, const struct llm_usage *usage);
/* Settles all calls under way, which are to be closed now. */
void budget_settle_all(struct run *run, enum budget_end how);
