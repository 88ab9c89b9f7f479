/* What a debate measured of itself: cost and time by voice and round, changes with and without a
 * reason, and whether voters lean to the leading answer or to their own.
 *
 * Pure functions of closed rounds and the replies. A share of nothing is null, never 0: a debate
 * in which nobody could have given way says nothing about giving way. Time is what the calls took
 * as remembered, so that a replay tells the same. */
#include "metrics.h"

#include <math.h>

#include "debate.h"
#include "json.h"

/* ---- cost and time ---- */

struct spent {
    int64_t calls, input_tokens, output_tokens, ms;
    double cost_usd;
};

static void add_spent(struct spent *spent, const struct json *reply)
{
    const struct json *usage = json_get(reply, "usage");

    if (!reply)
        return;
    spent->calls++;
    spent->input_tokens += json_get_integer(usage, "input_tokens", 0);
    spent->output_tokens += json_get_integer(usage, "output_tokens", 0);
    spent->cost_usd += json_get_number(usage, "cost_usd", 0);
    spent->ms += json_get_integer(reply, "ms", 0);
}

/* A hundred-millionth of a dollar is below every price; summed doubles end in noise. */
static double tidy_usd(double usd)
{
    return round(usd * 1e8) / 1e8;
}

static void set_spent(struct json *json, const struct spent *spent)
{
    json_set_integer(json, "input_tokens", spent->input_tokens);
    json_set_integer(json, "output_tokens", spent->output_tokens);
    json_set_number(json, "cost_usd", tidy_usd(spent->cost_usd));
}

static struct json *spent_json(const struct spent *spent)
{
    struct json *json = json_object();

    json_set_integer(json, "calls", spent->calls);
    set_spent(json, spent);
    return json;
}

struct json *metrics_usage(const struct debate *debate)
{
    struct spent spent = {0};

    for (size_t i = 0; i < debate->n_nearness; i++)
        add_spent(&spent, debate->nearness[i]);
    for (size_t i = 0; i < debate->n_rounds; i++)
        for (size_t j = 0; j < debate->n; j++) {
            add_spent(&spent, debate->rounds[i].replies[j]);
            add_spent(&spent, debate->rounds[i].spare[j]);
        }
    for (size_t i = 0; i < debate->n_synthesis; i++)
        add_spent(&spent, debate->synthesis_replies[i]);
    return spent_json(&spent);
}

void metrics_set_persona(const struct debate *debate, size_t persona, struct json *row)
{
    struct json *rounds = json_array();
    struct spent all = {0};

    for (size_t i = 0; i < debate->n_rounds; i++) {
        const struct json *reply = debate->rounds[i].replies[persona];
        struct spent spent = {0};
        struct json *json;

        if (!reply)
            continue;
        add_spent(&all, reply);
        add_spent(&all, debate->rounds[i].spare[persona]);
        add_spent(&spent, reply);
        add_spent(&spent, debate->rounds[i].spare[persona]);
        json = json_object();
        json_set_integer(json, "round", (int64_t)i);
        set_spent(json, &spent);
        json_set_integer(json, "ms", spent.ms);
        if (json_has(reply, "error"))
            json_set(json, "error", json_copy(json_get(reply, "error")));
        json_append(rounds, json);
    }
    json_set(row, "usage", spent_json(&all));
    json_set_integer(row, "ms", all.ms);
    json_set(row, "rounds", rounds);
}

void metrics_set_round(const struct debate *debate, size_t round, struct json *row)
{
    const struct round *of = &debate->rounds[round];
    int64_t slowest_ms = 0;

    for (size_t i = 0; i < debate->n; i++) {
        int64_t ms = json_get_integer(of->replies[i], "ms", 0);

        slowest_ms = ms > slowest_ms ? ms : slowest_ms;
    }
    json_set_integer(row, "tokens", of->tokens);
    json_set_number(row, "cost_usd", tidy_usd(of->usd));
    json_set_integer(row, "ms", slowest_ms);
}

/* ---- who was moved ---- */

struct moves {
    size_t n_changed, n_conformed;
    size_t n_apart; /* a voter held something else than the leading answer before the round */
    size_t n_followed, n_kept;
};

/* Whether it gave up its own answer for the leading one counts, not whether the reason it named
 * held. */
static void count_apart(struct moves *moves, const struct debate *debate, size_t n_round, size_t i)
{
    const struct round *round = &debate->rounds[n_round], *last = &debate->rounds[n_round - 1];
    const struct verdict *before = last->standing[i], *now = &round->verdicts[i];
    struct answer leading = last->vote.winner;

    if (!before || !before->answer.given || !now->present || !now->answer.given || !leading.given ||
        ballot_agrees(&debate->ballot, leading, before->answer))
        return;
    moves->n_apart++;
    moves->n_kept += !round->changed[i];
    moves->n_followed += round->changed[i] && ballot_agrees(&debate->ballot, leading, now->answer);
}

static struct moves count_moves(const struct debate *debate)
{
    struct moves moves = {0};

    for (size_t i = 1; i < debate->n_rounds; i++)
        for (size_t j = 0; j < debate->n; j++) {
            if (!debate->personas[j].votes)
                continue;
            moves.n_changed += debate->rounds[i].changed[j];
            moves.n_conformed += debate->rounds[i].conformed[j];
            count_apart(&moves, debate, i, j);
        }
    return moves;
}

static void set_share(struct json *json, const char *key, double part, size_t whole)
{
    if (whole > 0)
        json_set_number(json, key, round(part / (double)whole * 1e4) / 1e4);
    else
        json_set(json, key, json_new_null());
}

struct json *metrics_json(const struct debate *debate)
{
    struct moves moves = count_moves(debate);
    struct json *json = json_object(), *bias = json_object();

    json_set_integer(json, "changes", (int64_t)moves.n_changed);
    json_set_integer(json, "with_reason", (int64_t)(moves.n_changed - moves.n_conformed));
    json_set_integer(json, "without_reason", (int64_t)moves.n_conformed);
    set_share(json, "conformity_share", (double)moves.n_conformed, moves.n_changed);
    json_set_integer(bias, "cases", (int64_t)moves.n_apart);
    set_share(bias, "followed_share", (double)moves.n_followed, moves.n_apart);
    set_share(bias, "kept_share", (double)moves.n_kept, moves.n_apart);
    set_share(bias, "bias", (double)moves.n_followed - (double)moves.n_kept, moves.n_apart);
    json_set(json, "identity_bias", bias);
    return json;
}
