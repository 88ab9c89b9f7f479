/* Goes through a debate's rounds as the kind's steps do, with remembered answers instead of models.
 * Nothing here knows how a debate decides: that is rounds.c, for both. */
#include "replay.h"

#include <errno.h>

#include "debate.h"
#include "error.h"
#include "json.h"
#include "result.h"
#include "retrieval.h"
#include "sim/draw.h"

struct replay {
    struct debate *debate;
    replay_answer_fn *answer;
    void *arg;
};

static uint64_t draw(const void *seed, const char *name, uint64_t n)
{
    return draw_word(seed, name, n);
}

static void choose_hedge(const struct replay *replay, struct round *round, size_t i)
{
    const struct json *own = round->replies[i];
    char key[DEBATE_KEY_BYTES];

    debate_hedge_key(replay->debate, replay->debate->n_rounds, i, key);
    round->spare[i] = replay->answer(key, replay->arg);
    if (debate_is_withdrawn(own)) {
        round->replies[i] = round->spare[i];
        round->spare[i] = own;
    }
}

/* Takes the round's answers; returns how many of those asked have none, the first of them in key.
 */
static size_t hear(const struct replay *replay, char missing[DEBATE_KEY_BYTES])
{
    struct debate *debate = replay->debate;
    struct round *round = &debate->rounds[debate->n_rounds];
    size_t n_missing = 0;

    for (size_t i = 0; i < debate->n; i++) {
        char key[DEBATE_KEY_BYTES];

        if (!debate_is_asked(debate, i))
            continue;
        debate_key(debate, debate->n_rounds, i, key);
        round->replies[i] = replay->answer(key, replay->arg);
        if (debate->hedges)
            choose_hedge(replay, round, i);
        round->asked[i] = true;
        if (!round->replies[i] && n_missing++ == 0)
            memcpy(missing, key, DEBATE_KEY_BYTES);
    }
    return n_missing;
}

static int missing_answer(const char *key, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, -ENOENT, "there is no answer %s in the record", key);
}

/* Personas that the request only names are those it was held with. */
static int play_board(const struct replay *replay, struct error *error)
{
    const struct json *board;

    if (replay->debate->n > 0)
        return 0;
    board = replay->answer(DEBATE_BOARD_KEY, replay->arg);
    if (!board)
        return missing_answer(DEBATE_BOARD_KEY, error);
    return debate_seat(replay->debate, json_get(board, "personas"), error);
}

/* Whether passages were compared by their sense is as it was: all batches of it are there, or none
 * counted. */
static void play_retrieval(const struct replay *replay)
{
    struct corpus_batch batches[CORPUS_MAX_BATCHES];
    const struct json *replies[CORPUS_MAX_BATCHES];
    size_t n = retrieval_batches(replay->debate, batches), n_known = 0;

    for (size_t i = 0; i < n; i++) {
        const struct json *reply = replay->answer(retrieval_key(i), replay->arg);

        if (reply)
            replies[n_known++] = reply;
    }
    if (n > 0 && n_known == n)
        retrieval_fuse(replay->debate, replies, n);
}

static int play_rounds(const struct replay *replay, struct error *error)
{
    struct debate *debate = replay->debate;

    while (debate->stop == STOP_NOT) {
        const struct json *late = replay->answer(DEBATE_LATE_KEY, replay->arg);
        char key[DEBATE_KEY_BYTES];
        size_t n_missing;

        if (late && json_get_integer(late, "rounds", 0) == (int64_t)debate->n_rounds) {
            debate->stop = STOP_BUDGET;
            break;
        }
        n_missing = hear(replay, key);
        if (n_missing > 0)
            return missing_answer(key, error);
        debate_close_round(debate);
        if (debate->rounds[0].n_present == 0)
            return error_set(error, ERROR_INVALID, -EINVAL, "no persona answered");
    }
    return 0;
}

static int play_synthesis(const struct replay *replay, struct error *error)
{
    struct debate *debate = replay->debate;

    while (debate->stop != STOP_QUORUM) {
        const char *key = debate_synthesis_key(debate);
        const struct json *reply = replay->answer(key, replay->arg);

        if (!reply)
            return missing_answer(key, error);
        if (debate_close_synthesis(debate, reply))
            break;
    }
    return 0;
}

int replay_debate(const struct json *request, const char *job_id, replay_answer_fn *answer,
                  void *arg, char **ret_result, struct error *error)
{
    unsigned char seed[DIGEST_BYTES];
    CLEANUP(debate_freep) struct debate *debate = NULL;
    int r;

    draw_seed(request, job_id, seed);
    r = debate_new(request, draw, seed, &debate, error);
    if (r != 0)
        return r;
    struct replay replay = {debate, answer, arg};
    r = play_board(&replay, error);
    play_retrieval(&replay);
    if (r == 0)
        r = play_rounds(&replay, error);
    if (r == 0)
        r = play_synthesis(&replay, error);
    if (r != 0)
        return r;
    struct json *result = result_json(debate, job_id);
    *ret_result = json_text(result);
    json_free(result);
    return 0;
}
