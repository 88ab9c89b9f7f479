/* The time of a debate: the job's deadline, or budget.wall_ms when that comes first.
 *
 * A call may take (time left - reserve for the synthesis) / rounds left, where the reserve is as
 * much as a round gets, and only rounds that must be held count: further ones begin when there is
 * time. What is late is broken off, which is remembered as its failure: so only
 * remembered answers decide, and an attempt after a crash or a replay comes to the same. The job's
 * own deadline is never reached that way, with two exceptions: nobody has answered yet, so there is
 * nothing to end with, or the job said it would rather wait for money. */
#include "pace.h"

#include "debate.h"
#include "json.h"
#include "run.h"

#define RETRIEVAL_PART 10
#define KEPT_BACK 20 /* one part in so many stays free for what is not a call */

static int64_t left_ms(const struct run *run, const struct debate *debate)
{
    int64_t left = run_left_ms(run);
    int64_t budget = debate->budget_ms - run_elapsed_ms(run);

    if (debate->budget_ms > 0 && budget < left)
        left = budget;
    return left > 0 ? left - left / KEPT_BACK : 0;
}

/* It waits for money until its deadline, as long as nobody said how long it may take. */
static bool is_patient(const struct debate *debate)
{
    struct span when = json_get_string(json_get(debate->request, "budget"), "on_exceeded", "fail");

    return debate->budget_ms == 0 && span_equal(when, SPAN("wait"));
}

/* This round, those after it that are not optional, and the synthesis. */
static size_t n_parts(const struct debate *debate)
{
    size_t n = debate->n_rounds;

    return 1 + (debate->min_rounds > n ? debate->min_rounds - n : 0) + 1;
}

static bool is_answered(const struct json *reply)
{
    return reply && !json_has(reply, "error");
}

static bool has_answers(const struct debate *debate, const struct round *round)
{
    for (size_t i = 0; i < debate->n; i++)
        if (is_answered(round->replies[i]))
            return true;
    return false;
}

static void break_off(struct run *run, const char *key, int64_t ms)
{
    char why[80];

    (void)snprintf(why, sizeof(why), "no answer within %lld ms, its share of the debate's time",
                   (long long)ms);
    (void)run_withdraw(run, key, ERROR_DEADLINE, why);
}

void pace_round(struct run *run, struct debate *debate)
{
    size_t n = debate->n_rounds;
    struct round *round = &debate->rounds[n];

    if (is_patient(debate))
        return;
    if (round->limit_ms == 0)
        round->limit_ms = 1 + left_ms(run, debate) / (int64_t)n_parts(debate);
    if (!run_sleep(run, run_key("limit/%zu", n), round->limit_ms) ||
        (n == 0 && debate->budget_ms == 0 && !has_answers(debate, round)))
        return;
    for (size_t i = 0; i < debate->n; i++) {
        char key[DEBATE_KEY_BYTES];

        if (!round->asked[i] || round->replies[i])
            continue;
        debate_key(debate, n, i, key);
        break_off(run, key, round->limit_ms);
        debate_hedge_key(debate, n, i, key);
        break_off(run, key, round->limit_ms);
    }
}

void pace_retrieval(struct run *run, const struct debate *debate, const char *key)
{
    int64_t ms = 1 + left_ms(run, debate) / RETRIEVAL_PART;

    if (!is_patient(debate) && run_sleep(run, run_key("limit/%s", key), ms))
        break_off(run, key, ms);
}

bool pace_allows_round(const struct run *run, const struct debate *debate)
{
    const struct round *last = &debate->rounds[debate->n_rounds - 1];
    int64_t slowest_ms = 0;

    for (size_t i = 0; i < debate->n; i++) {
        int64_t ms = json_get_integer(last->replies[i], "ms", 0);

        if (is_answered(last->replies[i]) && ms > slowest_ms)
            slowest_ms = ms;
    }
    return is_patient(debate) || left_ms(run, debate) > 2 * slowest_ms;
}

void pace_synthesis(struct run *run, struct debate *debate)
{
    size_t n = debate->n_synthesis;
    int64_t *limit_ms = &debate->synthesis_limit_ms[n];

    if (is_patient(debate))
        return;
    if (*limit_ms == 0)
        *limit_ms = 1 + left_ms(run, debate);
    if (run_sleep(run, run_key("limit/synthesis/%zu", n), *limit_ms))
        break_off(run, debate_synthesis_key(debate), *limit_ms);
}
