/* When all of a round but one have answered, and that one takes as long again as the others took,
 * the same question is sent a second time; the slower of the two is broken off.
 *
 * Which of them counts follows from the remembered answers alone: the hedge's where the own call
 * was withdrawn, which is remembered as its failure, else the own one. So an attempt after a crash
 * and a replay choose as this one did. */
#include "hedge.h"

#include <stdlib.h>

#include "debate.h"
#include "json.h"
#include "prompts.h"
#include "run.h"

#define LEAST_HEARD 2
#define LEAST_WAIT_MS 200

static int compare_ms(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* -1: too few have answered to know what is slow. */
static int64_t median_ms(const struct round *round, size_t n)
{
    int64_t ms[DEBATE_MAX_PERSONAS];
    size_t n_heard = 0;

    for (size_t i = 0; i < n; i++)
        if (round->replies[i])
            ms[n_heard++] = json_get_integer(round->replies[i], "ms", 0);
    if (n_heard < LEAST_HEARD)
        return -1;
    qsort(ms, n_heard, sizeof(ms[0]), compare_ms);
    return ms[n_heard / 2];
}

static const struct run_answer *ask(struct run *run, struct debate *debate, size_t i)
{
    char key[DEBATE_KEY_BYTES];

    debate_hedge_key(debate, debate->n_rounds, i, key);
    return run_ask(run, key, "Hedge", prompts_hedge, &debate->rounds[debate->n_rounds].turns[i]);
}

const struct json *hedge_settle(struct run *run, struct debate *debate, size_t i,
                                const struct json *own)
{
    struct round *round = &debate->rounds[debate->n_rounds];
    const struct run_answer *hedge;
    char key[DEBATE_KEY_BYTES];

    if (debate_is_withdrawn(own)) {
        round->spare[i] = own;
        hedge = ask(run, debate, i);
        return hedge ? hedge->json : NULL;
    }
    debate_hedge_key(debate, debate->n_rounds, i, key);
    (void)run_withdraw(run, key, ERROR_CANCELLED, "the first call was faster");
    hedge = run_note(run, key, NULL);
    if (!hedge && round->hedged[i])
        return NULL; /* until it is known what it cost */
    round->spare[i] = hedge ? hedge->json : NULL;
    return own;
}

void hedge_consider(struct run *run, struct debate *debate, size_t i)
{
    int64_t wait_ms = median_ms(&debate->rounds[debate->n_rounds], debate->n);
    const struct run_answer *hedge;
    char key[DEBATE_KEY_BYTES];

    if (wait_ms < 0 || !run_sleep(run, run_key("hedge%zu", debate->n_rounds),
                                  wait_ms > LEAST_WAIT_MS ? wait_ms : LEAST_WAIT_MS))
        return;
    hedge = ask(run, debate, i);
    debate->rounds[debate->n_rounds].hedged[i] = true;
    if (!hedge || hedge->failed)
        return;
    /* It becomes a failed answer, and the step is called again. */
    debate_key(debate, debate->n_rounds, i, key);
    (void)run_withdraw(run, key, ERROR_CANCELLED, "a second call was faster");
}
