/* The kind "debate": a blind round of all personas at once, rounds of exchange, the vote, a
 * synthesis.
 *
 * The steps here only ask and hand over: which verdict counts, who won and when to stop is decided
 * by rounds.c from the replies alone, so an attempt that takes over after a crash comes to the same
 * questions and the same result. Keys: board, late,
 * retrieval/<batch>, blind/<persona>, exchange<n>/<persona>,
 * synthesis, synthesis/again. The debate is the run's state and borrows the remembered replies,
 * which live as long as the run. */
#include "debate.h"

#include <stdlib.h>

#include "boards.h"
#include "hedge.h"
#include "json.h"
#include "kind.h"
#include "pace.h"
#include "prompts.h"
#include "result.h"
#include "retrieval.h"
#include "run.h"

static uint64_t draw_of_run(const void *source, const char *name, uint64_t n)
{
    return run_random(source, name, n);
}

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct debate *debate = NULL;
    int r = debate_new(request, draw_of_run, run, &debate, error);

    if (r == 0)
        *ret_state = debate;
    return r;
}

static void free_state(void *state)
{
    debate_free(state);
}

static int load(const char *path, void **ret_library)
{
    struct boards *boards = NULL;
    int r = boards_load(path, &boards);

    if (r == 0)
        *ret_library = boards;
    return r;
}

static void unload(void *library)
{
    boards_free(library);
}

/* ---- asking ---- */

static const struct run_answer *ask_persona(struct run *run, struct debate *debate, size_t i)
{
    size_t n = debate->n_rounds;
    struct span name = debate->personas[i].name;
    char key[DEBATE_KEY_BYTES];
    char *title CLEANUP(charp_freep) = n == 0
                                           ? xprintf("%.*s", (int)name.n, name.at)
                                           : xprintf("%.*s, exchange %zu", (int)name.n, name.at, n);

    debate_key(debate, n, i, key);
    return run_ask(run, key, title, prompts_persona, &debate->rounds[n].turns[i]);
}

static const struct json *reply_of(struct run *run, struct debate *debate, size_t i)
{
    const struct run_answer *answer = ask_persona(run, debate, i);

    if (!answer || !debate->hedges)
        return answer ? answer->json : NULL;
    return hedge_settle(run, debate, i, answer->json);
}

/* Calls made and the most there can be still. */
static void tell_progress(struct run *run, const struct debate *debate, size_t n_answered)
{
    size_t n_done = n_answered, n_voices = 0, n_asked = 0;

    for (size_t i = 0; i < debate->n; i++)
        n_voices += debate_is_asked(debate, i);
    for (size_t i = 0; i < debate->n_rounds; i++)
        for (size_t j = 0; j < debate->n; j++)
            n_asked += debate->rounds[i].asked[j];
    n_done += n_asked;
    size_t n_left = debate->stop ? 0 : n_voices * (debate->max_rounds + 1 - debate->n_rounds);
    run_progress(run, n_done, n_asked + n_left + (debate->stop != STOP_QUORUM), "calls");
}

/* Asks whoever is to be asked in this round, as many at once as the budget allows. true: all have
 * answered. */
static bool hear(struct run *run, struct debate *debate)
{
    struct round *round = &debate->rounds[debate->n_rounds];
    size_t n_open = 0, n_answered = 0, n_wanted = 0, last = 0;

    for (size_t i = 0; i < debate->n; i++)
        n_open += round->asked[i] && !round->replies[i];
    for (size_t i = 0; i < debate->n; i++) {
        if (!debate_is_asked(debate, i))
            continue;
        n_wanted++;
        if (!round->asked[i] && n_open >= debate->concurrency)
            continue;
        const struct json *reply = round->replies[i] ? NULL : reply_of(run, debate, i);
        if (reply)
            round->replies[i] = reply;
        n_open += !round->asked[i] && !reply;
        n_open -= round->asked[i] && reply;
        round->asked[i] = true;
        n_answered += round->replies[i] != NULL;
        last = round->replies[i] ? last : i;
    }
    if (debate->hedges && n_answered + 1 == n_wanted)
        hedge_consider(run, debate, last);
    if (n_answered < n_wanted)
        pace_round(run, debate);
    if (n_answered > 0)
        tell_progress(run, debate, n_answered);
    return n_answered == n_wanted;
}

/* In this attempt or an earlier one. */
static bool has_begun(struct run *run, const struct debate *debate)
{
    bool begun = false;

    for (size_t i = 0; i < debate->n; i++) {
        char key[DEBATE_KEY_BYTES];

        debate_key(debate, debate->n_rounds, i, key);
        begun = begun || debate->rounds[debate->n_rounds].asked[i] || run_note(run, key, NULL);
    }
    return begun;
}

/* Whether time is up before another round. It is the one thing that is not a function of the
 * replies, so it is remembered like one. STEP_AGAIN: it is not. */
static enum step_result stop_when_late(struct run *run, struct debate *debate)
{
    const struct run_answer *late = run_note(run, DEBATE_LATE_KEY, NULL);

    if (!late && !has_begun(run, debate) && !pace_allows_round(run, debate)) {
        CLEANUP(json_freep) struct json *value = json_object();

        json_set_integer(value, "rounds", (int64_t)debate->n_rounds);
        (void)run_note(run, DEBATE_LATE_KEY, value);
        return STEP_WAIT;
    }
    if (!late || json_get_integer(late->json, "rounds", 0) != (int64_t)debate->n_rounds)
        return STEP_AGAIN;
    debate->stop = STOP_BUDGET;
    return STEP_NEXT;
}

/* ---- steps ---- */

static enum step_result fail_silent(struct run *run, const struct debate *debate)
{
    const struct json *error = json_get(debate->rounds[0].replies[0], "error");
    enum error_code code = ERROR_PROVIDER;
    struct span why = json_get_string(error, "message", "no text came");

    if (error && error_parse(json_get_string(error, "code", ""), &code) < 0)
        code = ERROR_PROVIDER;
    return run_fail(run, code, "none of the %zu personas answered; the first because: %.*s",
                    debate->n, (int)why.n, why.at);
}

/* Personas that the request only names are looked up once in the job's life: another worker's files
 * may say otherwise. */
static enum step_result board(struct run *run)
{
    struct debate *debate = run_state(run);
    const struct run_answer *known;
    struct error error = {0};

    if (debate->n > 0)
        return STEP_NEXT;
    known = run_note(run, DEBATE_BOARD_KEY, NULL);
    if (!known) {
        CLEANUP(json_freep) struct json *value = json_object();
        struct json *personas = NULL;

        if (boards_resolve(run_library(run), json_get(debate->request, "personas"), &personas,
                           &error) < 0)
            return run_fail(run, error.code, "%s", error.message);
        json_set(value, "personas", personas);
        if (debate_seat(debate, personas, &error) < 0)
            return run_fail(run, error.code, "%s", error.message);
        debate->n = 0; /* until it is remembered */
        (void)run_note(run, DEBATE_BOARD_KEY, value);
        return STEP_WAIT;
    }
    if (debate_seat(debate, json_get(known->json, "personas"), &error) < 0)
        return run_fail(run, error.code, "%s", error.message);
    return STEP_NEXT;
}

/* What this worker cannot ask, another may have asked in an earlier attempt. */
static const struct run_answer *ask_nearness(struct run *run, const struct debate *debate,
                                             const struct corpus_batch *batch, size_t i)
{
    struct prompts_batch wanted = {debate, batch};

    if (!run_has_embeddings(run))
        return run_note(run, retrieval_key(i), NULL);
    return run_ask(run, retrieval_key(i), "Retrieval", prompts_nearness, &wanted);
}

static enum step_result retrieval(struct run *run)
{
    struct debate *debate = run_state(run);
    const struct json *replies[CORPUS_MAX_BATCHES];
    struct corpus_batch batches[CORPUS_MAX_BATCHES];
    size_t n = retrieval_batches(debate, batches), n_known = 0;

    for (size_t i = 0; i < n; i++) {
        const struct run_answer *answer = ask_nearness(run, debate, &batches[i], i);

        if (answer)
            replies[n_known++] = answer->json;
        else if (run_has_embeddings(run))
            pace_retrieval(run, debate, retrieval_key(i));
    }
    if (n_known < n && run_has_embeddings(run))
        return STEP_WAIT;
    if (n > 0 && n_known == n)
        retrieval_fuse(debate, replies, n);
    return STEP_NEXT;
}

static enum step_result blind(struct run *run)
{
    struct debate *debate = run_state(run);

    if (!hear(run, debate))
        return STEP_WAIT;
    debate_close_round(debate);
    if (debate->rounds[0].n_present == 0)
        return fail_silent(run, debate);
    run_emit(run, "votes/0", EVENT_JOB_PARTIAL, result_partial(debate));
    return STEP_NEXT;
}

static enum step_result exchange(struct run *run)
{
    struct debate *debate = run_state(run);

    while (debate->stop == STOP_NOT) {
        enum step_result late = stop_when_late(run, debate);

        if (late != STEP_AGAIN)
            return late;
        if (!hear(run, debate))
            return STEP_WAIT;
        debate_close_round(debate);
        run_emit(run, run_key("votes/%zu", debate->n_rounds - 1), EVENT_JOB_PARTIAL,
                 result_partial(debate));
    }
    return STEP_NEXT;
}

static enum step_result synthesis(struct run *run)
{
    struct debate *debate = run_state(run);

    if (debate->stop == STOP_QUORUM)
        return STEP_NEXT;
    for (;;) {
        const struct run_answer *answer = run_ask(run, debate_synthesis_key(debate), "Synthesis",
                                                  prompts_synthesis, &debate->synthesis_turn);

        if (!answer) {
            pace_synthesis(run, debate);
            return STEP_WAIT;
        }
        if (debate_close_synthesis(debate, answer->json))
            break;
    }
    tell_progress(run, debate, 1);
    return STEP_NEXT;
}

static enum step_result conclude(struct run *run)
{
    run_set_result(run, result_json(run_state(run), run_id(run)));
    return STEP_NEXT;
}

static const struct step steps[] = {
    {"board",     board    },
    {"retrieval", retrieval},
    {"blind",     blind    },
    {"exchange",  exchange },
    {"synthesis", synthesis},
    {"conclude",  conclude },
    {NULL,        NULL     },
};
extern const struct kind kind_debate;
const struct kind kind_debate = {
    .name = "debate",
    .steps = steps,
    .prepare = prepare,
    .free_state = free_state,
    .load = load,
    .unload = unload,
};
