/* The rules of a debate: who is asked, which verdict counts, when talking ends.
 *
 * A round is open until debate_close_round(), then never changes. standing[i] of a round is the
 * verdict of persona i that counts after it: the new one, or the earlier one when the new one is
 * missing, cannot be counted, or changes the answer without naming a reason that was shown
 * (conformity). Pure functions of request, draws and replies; the debate owns its copy of the
 * request and the parsed verdicts, replies belong to the run. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "boards.h"
#include "check.h"
#include "debate.h"
#include "error.h"
#include "json.h"
#include "prompts.h"
#include "retrieval.h"

/* ---- the request ---- */

static size_t count_member(const struct json *object, const char *key, size_t fallback, size_t most)
{
    int64_t value = json_get_integer(object, key, (int64_t)fallback);

    if (value < 0)
        return 0;
    return (size_t)value < most ? (size_t)value : most;
}

static void read_rules(struct debate *debate)
{
    const struct json *request = debate->request;
    const struct json *rounds = json_get(request, "rounds"), *stop = json_get(request, "stop");
    const struct json *budget = json_get(request, "budget");

    debate->max_rounds = count_member(rounds, "max", 1, DEBATE_MAX_ROUNDS);
    debate->min_rounds = count_member(rounds, "min", 1, debate->max_rounds);
    debate->stable_rounds = count_member(stop, "stable_rounds", 1, DEBATE_MAX_ROUNDS);
    debate->concurrency =
        count_member(budget, "concurrency", DEBATE_MAX_PERSONAS, DEBATE_MAX_PERSONAS);
    if (debate->concurrency == 0)
        debate->concurrency = 1;
    debate->agree = json_get_number(stop, "agree", 0.8);
    debate->delta = json_get_number(stop, "delta", 0.02);
    debate->quorum = json_get_number(request, "quorum", 0.67);
    debate->temperature = json_get_number(request, "temperature", -1);
    debate->budget_tokens = json_get_integer(budget, "tokens", 0);
    debate->budget_ms = json_get_integer(budget, "wall_ms", 0);
    debate->budget_usd = json_get_number(budget, "usd", -1);
    debate->named = span_equal(json_get_string(request, "exchange", "anonymous"), SPAN("named"));
    debate->hedges = json_get_bool(request, "hedge", false);
    debate->wants_devil = json_get_integer(request, "devil", 1) > 0;
}

int debate_seat(struct debate *debate, const struct json *personas, struct error *error)
{
    struct span format = json_get_string(debate->request, "format", "standard");

    json_free(debate->board);
    debate->board = json_copy(personas);
    return personas_init(debate->board, span_equal(format, SPAN("boardroom")), debate->personas,
                         &debate->n, error);
}

int debate_new(const struct json *request, draw_fn *draw, const void *draw_source,
               struct debate **ret_debate, struct error *error)
{
    CLEANUP(debate_freep) struct debate *debate = xcalloc(1, sizeof(*debate));

    debate->request = json_copy(request);
    debate->draw = draw;
    debate->draw_source = draw_source;
    debate->question = json_get_string(debate->request, "question", "");
    debate->context = json_get_string(debate->request, "context", "");
    ballot_init(&debate->ballot, json_get(debate->request, "answer"));
    if (debate->ballot.kind == BALLOT_CHOICE && debate->ballot.n_choices < 2)
        return error_set(error, ERROR_INVALID, -EINVAL,
                         "/answer/choices must have at least 2 members");
    const struct json *personas = json_get(debate->request, "personas");
    int r = boards_are_named(personas) ? 0 : debate_seat(debate, personas, error);
    if (r < 0)
        return r;
    read_rules(debate);
    retrieval_choose(debate, NULL);
    for (size_t i = 0; i <= DEBATE_MAX_ROUNDS; i++)
        for (size_t j = 0; j < DEBATE_MAX_PERSONAS; j++)
            debate->rounds[i].turns[j] = (struct turn){debate, i, j};
    debate->synthesis_turn = (struct turn){.debate = debate};
    buf_init(&debate->objections, DEBATE_MAX_PROMPT_BYTES);
    *ret_debate = STEAL(debate);
    return 0;
}

struct debate *debate_free(struct debate *debate)
{
    if (!debate)
        return NULL;
    for (size_t i = 0; i <= DEBATE_MAX_ROUNDS; i++)
        for (size_t j = 0; j < DEBATE_MAX_PERSONAS; j++)
            verdict_deinit(&debate->rounds[i].verdicts[j]);
    verdict_deinit(&debate->synthesis);
    buf_deinit(&debate->objections);
    json_free(debate->board);
    json_free(debate->request);
    free(debate);
    return NULL;
}

/* ---- before a round ---- */

void debate_key(const struct debate *debate, size_t round, size_t persona,
                char out[DEBATE_KEY_BYTES])
{
    struct span id = debate->personas[persona].id;

    if (round == 0)
        (void)snprintf(out, DEBATE_KEY_BYTES, "blind/%.*s", (int)id.n, id.at);
    else
        (void)snprintf(out, DEBATE_KEY_BYTES, "exchange%zu/%.*s", round, (int)id.n, id.at);
}

void debate_hedge_key(const struct debate *debate, size_t round, size_t persona,
                      char out[DEBATE_KEY_BYTES])
{
    char key[DEBATE_KEY_BYTES];

    debate_key(debate, round, persona, key);
    (void)snprintf(out, DEBATE_KEY_BYTES, "%.*s/hedge", DEBATE_KEY_BYTES - 7, key);
}

bool debate_is_withdrawn(const struct json *reply)
{
    return span_equal(json_get_string(json_get(reply, "error"), "code", ""), SPAN("cancelled"));
}

const char *debate_synthesis_key(const struct debate *debate)
{
    return debate->n_synthesis == 0 ? "synthesis" : "synthesis/again";
}

bool debate_is_asked(const struct debate *debate, size_t i)
{
    return debate->n_rounds == 0 || debate->rounds[0].verdicts[i].present;
}

size_t debate_devil(const struct debate *debate, size_t round)
{
    size_t voters[DEBATE_MAX_PERSONAS], n_voters = 0;

    if (!debate->wants_devil || round == 0)
        return debate->n;
    for (size_t i = 0; i < debate->n; i++) {
        if (debate->personas[i].doubts)
            return i;
        if (debate->personas[i].votes)
            voters[n_voters++] = i;
    }
    return n_voters ? voters[debate->draw(debate->draw_source, "devil", round) % n_voters]
                    : debate->n;
}

void debate_digest(const struct debate *debate, size_t round, size_t reader, struct digest *digest)
{
    uint64_t words[DEBATE_MAX_PERSONAS];
    char name[64]; /* "digest/" and two numbers below 100 */

    (void)snprintf(name, sizeof(name), "digest/%zu/%zu", round, reader);
    for (size_t i = 0; i < DEBATE_MAX_PERSONAS; i++)
        words[i] = debate->draw(debate->draw_source, name, i);
    digest_make(digest, &debate->ballot, debate->rounds[round - 1].standing, debate->n, reader,
                words);
}

/* ---- closing a round ---- */

static void add_cost(struct round *round, const struct json *reply)
{
    const struct json *usage = json_get(reply, "usage");

    round->tokens +=
        json_get_integer(usage, "input_tokens", 0) + json_get_integer(usage, "output_tokens", 0);
    round->usd += json_get_number(usage, "cost_usd", 0);
}

static void read_replies(struct debate *debate, struct round *round)
{
    for (size_t i = 0; i < debate->n; i++) {
        const struct json *reply = round->replies[i];

        add_cost(round, reply);
        add_cost(round, round->spare[i]);
        struct span text = json_get_string(reply, "text", "");
        if (!reply || json_has(reply, "error") || text.n == 0)
            continue;
        verdict_init(&round->verdicts[i], &debate->ballot, text);
        round->n_present++;
    }
}

/* How far an answer moved, 0 to 1. */
static double distance(const struct debate *debate, struct answer a, struct answer b)
{
    if (!a.given || !b.given)
        return 0;
    if (debate->ballot.kind == BALLOT_PROBABILITY)
        return fabs(a.number - b.number);
    if (debate->ballot.kind == BALLOT_NUMBER) {
        double size = fmax(fabs(a.number), fabs(b.number));
        return size > 0 ? fmin(fabs(a.number - b.number) / size, 1) : 0;
    }
    return ballot_same(&debate->ballot, a, b) ? 0 : 1;
}

/* Open positions are worded anew each time: there a change is what the persona calls one. */
static bool is_change(const struct debate *debate, const struct verdict *before,
                      const struct verdict *now)
{
    if (debate->ballot.kind == BALLOT_OPEN)
        return now->says_change;
    return before->answer.given && !ballot_same(&debate->ballot, before->answer, now->answer);
}

static void settle_standing(struct debate *debate, size_t n_round, size_t i)
{
    struct round *round = &debate->rounds[n_round];
    const struct verdict *now = &round->verdicts[i];
    const struct verdict *before = n_round ? debate->rounds[n_round - 1].standing[i] : NULL;
    struct digest digest;

    if (!before || !now->present || !now->answer.given) {
        round->standing[i] = before && !now->answer.given ? before : now->present ? now : NULL;
        return;
    }
    round->standing[i] = now;
    if (!is_change(debate, before, now))
        return;
    round->changed[i] = true;
    round->n_changed++;
    debate_digest(debate, n_round, i, &digest);
    if (digest_has(&digest, now->moved_by)) {
        if (debate->personas[i].votes)
            round->move += distance(debate, before->answer, now->answer);
        return;
    }
    round->conformed[i] = true;
    round->n_conformed++;
    round->standing[i] = before;
}

static void count_votes(struct debate *debate, size_t n_round)
{
    struct answer answers[DEBATE_MAX_PERSONAS];
    struct round *round = &debate->rounds[n_round];
    size_t n = 0;

    for (size_t i = 0; i < debate->n; i++)
        if (debate->personas[i].votes)
            answers[n++] = round->standing[i] ? round->standing[i]->answer : (struct answer){0};
    vote_count(&round->vote, &debate->ballot, answers, n, n_round ? &debate->rounds[0].vote : NULL);
    if (round->vote.n_votes > 0)
        round->move /= (double)round->vote.n_votes;
}

/* ---- stopping ---- */

static bool has_quorum(const struct debate *debate)
{
    const struct round *blind = &debate->rounds[0];

    return blind->vote.n_votes > 0 &&
           (double)blind->n_present + 1e-9 >= debate->quorum * (double)debate->n;
}

/* Another round costs about what the last one did, the synthesis about two calls of it. */
static bool can_afford_more(const struct debate *debate)
{
    const struct round *last = &debate->rounds[debate->n_rounds - 1];
    double next = 1 + 2.0 / (double)debate->n, tokens = 0, usd = 0;

    for (size_t i = 0; i < debate->n_rounds; i++) {
        tokens += (double)debate->rounds[i].tokens;
        usd += debate->rounds[i].usd;
    }
    return (debate->budget_tokens == 0 ||
            tokens + next * (double)last->tokens <= (double)debate->budget_tokens) &&
           (debate->budget_usd < 0 || usd + next * last->usd <= debate->budget_usd);
}

static enum stop_reason stop_after(const struct debate *debate)
{
    const struct round *last = &debate->rounds[debate->n_rounds - 1];
    size_t n_exchanges = debate->n_rounds - 1;

    if (!has_quorum(debate))
        return STOP_QUORUM;
    if (n_exchanges >= debate->max_rounds)
        return STOP_ROUNDS;
    if (!can_afford_more(debate))
        return STOP_BUDGET;
    if (n_exchanges < debate->min_rounds)
        return STOP_NOT;
    if (last->vote.agreement >= debate->agree && debate->n_stable >= debate->stable_rounds)
        return STOP_AGREEMENT;
    if (n_exchanges > 0 && last->move < debate->delta)
        return STOP_SETTLED;
    return STOP_NOT;
}

void debate_close_round(struct debate *debate)
{
    struct round *round = &debate->rounds[debate->n_rounds];

    read_replies(debate, round);
    for (size_t i = 0; i < debate->n; i++)
        settle_standing(debate, debate->n_rounds, i);
    count_votes(debate, debate->n_rounds);
    if (debate->n_rounds > 0)
        debate->n_stable = round->n_changed == round->n_conformed ? debate->n_stable + 1 : 0;
    debate->n_rounds++;
    debate->stop = stop_after(debate);
}

bool debate_close_synthesis(struct debate *debate, const struct json *reply)
{
    struct span text = json_get_string(reply, "text", "");
    struct span stop = json_get_string(reply, "stop", "end");
    struct buf told;
    bool good;

    debate->synthesis_replies[debate->n_synthesis++] = reply;
    buf_clear(&debate->objections);
    if (json_has(reply, "error") || text.n == 0 || !span_equal(stop, SPAN("end")))
        return true;
    verdict_init(&debate->synthesis, &debate->ballot, text);
    buf_init(&told, DEBATE_MAX_PROMPT_BYTES);
    prompts_write_synthesis(debate, &told);
    good = check_synthesis(debate, debate->synthesis.prose, buf_span(&told), &debate->objections);
    buf_deinit(&told);
    if (good)
        return true;
    verdict_deinit(&debate->synthesis);
    debate->synthesis = (struct verdict){0};
    return debate->n_synthesis == DEBATE_SYNTHESIS_TRIES;
}

/* ---- the end ---- */

const struct vote *debate_vote(const struct debate *debate, bool *ret_blind_stands)
{
    const struct vote *blind = &debate->rounds[0].vote;
    const struct vote *last = &debate->rounds[debate->n_rounds - 1].vote;
    size_t n_changed = 0, n_conformed = 0;

    for (size_t i = 1; i < debate->n_rounds; i++) {
        n_changed += debate->rounds[i].n_changed;
        n_conformed += debate->rounds[i].n_conformed;
    }
    *ret_blind_stands = 2 * n_conformed > n_changed && blind->winner.given &&
                        !ballot_same(&debate->ballot, blind->winner, last->winner);
    return *ret_blind_stands ? blind : last;
}

bool debate_dissents(const struct debate *debate, const struct vote *vote, size_t i)
{
    const struct verdict *standing = debate_standing(debate)[i];

    return debate->ballot.kind != BALLOT_OPEN && debate->personas[i].votes && standing &&
           standing->answer.given &&
           !ballot_agrees(&debate->ballot, vote->winner, standing->answer);
}

const struct verdict *const *debate_standing(const struct debate *debate)
{
    return debate->rounds[debate->n_rounds - 1].standing;
}

const char *debate_stop_name(enum stop_reason stop)
{
    static const char *const names[] = {
        [STOP_NOT] = "running",     [STOP_QUORUM] = "quorum", [STOP_AGREEMENT] = "agreement",
        [STOP_SETTLED] = "settled", [STOP_BUDGET] = "budget", [STOP_ROUNDS] = "max_rounds",
    };
    _Static_assert(ARRAY_SIZE(names) == STOP_REASON_COUNT_, "every reason has a name");

    return names[stop];
}
