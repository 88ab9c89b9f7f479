/* Builds the result. It says what was decided and by which vote, who saw it otherwise, who was
 * missing, why talking ended and what it cost; when a model could not write the synthesis, code
 * writes a plain one from the vote and the strongest reasons, and the result says so. */
#include "result.h"

#include <stdlib.h>

#include "buf.h"
#include "debate.h"
#include "json.h"
#include "line.h"
#include "metrics.h"
#include "retrieval.h"

#define MAX_LINE_BYTES 400
#define MAX_REASONS 5
#define MAX_TEXT_BYTES (256U << 10)

static struct json *line_json(struct span text)
{
    struct buf out;

    buf_init(&out, 2 * MAX_LINE_BYTES);
    line_add(&out, text, MAX_LINE_BYTES);
    struct json *json = json_new_string(buf_span(&out));
    buf_deinit(&out);
    return json;
}

/* ---- who said what ---- */

static struct json *reasons_json(const struct verdict *verdict)
{
    struct json *json = json_array();

    for (size_t i = 0; i < verdict->n_reasons; i++)
        json_append(json, line_json(verdict->reasons[i]));
    return json;
}

static struct json *position_json(const struct debate *debate, size_t i)
{
    const struct verdict *standing = debate_standing(debate)[i];
    bool changed = false, conformed = false;
    struct json *json = json_object();

    for (size_t j = 0; j < debate->n_rounds; j++) {
        changed = changed || (debate->rounds[j].changed[i] && !debate->rounds[j].conformed[i]);
        conformed = conformed || debate->rounds[j].conformed[i];
    }
    json_set_string(json, "id", debate->personas[i].id);
    json_set_string(json, "name", debate->personas[i].name);
    json_set(json, "position", line_json(standing->position));
    json_set(json, "answer", ballot_json(&debate->ballot, standing->answer));
    json_set(json, "blind_answer",
             ballot_json(&debate->ballot, debate->rounds[0].verdicts[i].answer));
    json_set_number(json, "confidence", standing->confidence);
    json_set(json, "reasons", reasons_json(standing));
    json_set_bool(json, "votes", debate->personas[i].votes);
    json_set_bool(json, "changed", changed);
    if (changed && standing->moved_by.n > 0)
        json_set_string(json, "moved_by", standing->moved_by);
    json_set_bool(json, "conformed", conformed);
    return json;
}

static struct json *positions_json(const struct debate *debate)
{
    struct json *json = json_array();

    for (size_t i = 0; i < debate->n; i++)
        if (debate_standing(debate)[i])
            json_append(json, position_json(debate, i));
    return json;
}

static struct json *dissent_json(const struct debate *debate, const struct vote *vote)
{
    struct json *json = json_array();

    for (size_t i = 0; i < debate->n; i++)
        if (debate_dissents(debate, vote, i))
            json_append(json, position_json(debate, i));
    return json;
}

static bool agrees(const struct debate *debate, const struct vote *vote,
                   const struct verdict *verdict)
{
    return debate->ballot.kind == BALLOT_OPEN ||
           ballot_agrees(&debate->ballot, vote->winner, verdict->answer);
}

/* The different reasons of those who agree with the decision, or of the others, first reasons
 * first. */
static struct json *reasons_for(const struct debate *debate, const struct vote *vote, bool agreeing)
{
    const struct verdict *const *standing = debate_standing(debate);
    struct span told[MAX_REASONS];
    struct json *json = json_array();
    size_t n = 0;

    for (size_t depth = 0; depth < DEBATE_MAX_REASONS; depth++) {
        for (size_t i = 0; i < debate->n && n < MAX_REASONS; i++) {
            bool is_known = false;
            if (!standing[i] || depth >= standing[i]->n_reasons ||
                agrees(debate, vote, standing[i]) != agreeing)
                continue;
            for (size_t j = 0; j < n; j++)
                is_known = is_known || line_alike(told[j], standing[i]->reasons[depth]);
            if (is_known)
                continue;
            told[n++] = standing[i]->reasons[depth];
            json_append(json, line_json(standing[i]->reasons[depth]));
        }
    }
    return json;
}

static struct json *personas_json(const struct debate *debate)
{
    struct json *json = json_array();

    for (size_t i = 0; i < debate->n; i++) {
        const struct json *blind = debate->rounds[0].replies[i];
        struct json *row = json_object();
        json_set_string(row, "id", debate->personas[i].id);
        json_set_string(row, "name", debate->personas[i].name);
        json_set_bool(row, "absent", debate_standing(debate)[i] == NULL);
        if (json_has(blind, "error"))
            json_set(row, "error", json_copy(json_get(blind, "error")));
        metrics_set_persona(debate, i, row);
        json_append(json, row);
    }
    return json;
}

/* ---- votes and rounds ---- */

static struct json *round_json(const struct debate *debate, size_t i)
{
    const struct round *of = &debate->rounds[i];
    struct json *json = json_object();

    json_set_integer(json, "round", (int64_t)i);
    json_set_text(json, "name", i == 0 ? "blind" : "exchange");
    json_set_integer(json, "present", (int64_t)of->n_present);
    json_set_integer(json, "changed", (int64_t)(of->n_changed - of->n_conformed));
    json_set_integer(json, "conformed", (int64_t)of->n_conformed);
    json_set(json, "vote", vote_json(&of->vote, &debate->ballot));
    metrics_set_round(debate, i, json);
    return json;
}

static struct json *votes_json(const struct debate *debate, bool blind_stands)
{
    struct json *json = json_object();

    json_set(json, "blind", vote_json(&debate->rounds[0].vote, &debate->ballot));
    json_set(json, "final", vote_json(&debate->rounds[debate->n_rounds - 1].vote, &debate->ballot));
    json_set_text(json, "stands", blind_stands ? "blind" : "final");
    return json;
}

struct json *result_partial(const struct debate *debate)
{
    size_t last = debate->n_rounds - 1;
    struct json *json = round_json(debate, last);

    json_set_integer(json, "rounds_max", (int64_t)debate->max_rounds);
    return json;
}

/* ---- decision and synthesis ---- */

static void write_decision(const struct debate *debate, const struct vote *vote, struct buf *out)
{
    if (debate->stop == STOP_QUORUM)
        buf_add_text(out, "inconclusive");
    else if (debate->ballot.kind == BALLOT_OPEN && debate->synthesis.position.n > 0)
        line_add(out, debate->synthesis.position, MAX_LINE_BYTES);
    else
        ballot_write(&debate->ballot, vote->winner, out);
}

static void write_reasons(const struct json *reasons, const char *before, struct buf *out)
{
    for (size_t i = 0; i < json_length(reasons); i++) {
        buf_add_text(out, i == 0 ? before : " ");
        buf_add_span(out, json_string(json_at(reasons, i)));
    }
}

/* What code can say without a model: the vote and the reasons, in their own words. */
static void write_fallback(const struct debate *debate, const struct vote *vote,
                           const struct json *result, struct buf *out)
{
    if (debate->stop == STOP_QUORUM && vote->n_votes == 0) {
        buf_add_text(out, "No member gave an answer that can be counted.");
        return;
    }
    if (debate->stop == STOP_QUORUM) {
        buf_addf(out, "%zu of %zu members answered, which is too few to decide.",
                 debate->rounds[0].n_present, debate->n);
        return;
    }
    buf_add_text(out, "The board decided: ");
    write_decision(debate, vote, out);
    buf_addf(out, " (%zu votes, %.0f %% in agreement).", vote->n_votes, 100 * vote->agreement);
    write_reasons(json_get(result, "for"), " For it: ", out);
    write_reasons(json_get(result, "against"), " Against it: ", out);
}

static struct json *synthesis_json(const struct debate *debate, const struct vote *vote,
                                   const struct json *result)
{
    const struct json *last =
        debate->n_synthesis > 0 ? debate->synthesis_replies[debate->n_synthesis - 1] : NULL;
    struct json *json = json_object();
    struct buf text;

    buf_init(&text, MAX_TEXT_BYTES);
    if (debate->synthesis.present)
        line_add(&text, debate->synthesis.prose, MAX_TEXT_BYTES / 2);
    if (text.n == 0)
        write_fallback(debate, vote, result, &text);
    json_set_string(json, "text", buf_span(&text));
    json_set_text(json, "by", debate->synthesis.present ? "model" : "code");
    if (last && json_has(last, "error"))
        json_set(json, "error", json_copy(json_get(last, "error")));
    if (debate->objections.n > 0)
        json_set(json, "objections", line_json(buf_span(&debate->objections)));
    buf_deinit(&text);
    return json;
}

/* What would have been decided without the debate: by the blind vote, and by the one member who was
 * surest then. */
static struct json *counterfactuals_json(const struct debate *debate, const struct vote *vote)
{
    const struct vote *blind = &debate->rounds[0].vote;
    const struct verdict *surest = NULL;
    struct json *json = json_object(), *single = NULL;

    for (size_t i = 0; i < debate->n; i++) {
        const struct verdict *verdict = &debate->rounds[0].verdicts[i];

        if (!debate->personas[i].votes || !verdict->present || !verdict->answer.given ||
            (surest && verdict->confidence <= surest->confidence))
            continue;
        surest = verdict;
        json_free(single);
        single = json_object();
        json_set_string(single, "id", debate->personas[i].id);
        json_set(single, "answer", ballot_json(&debate->ballot, verdict->answer));
        json_set_bool(single, "same", ballot_same(&debate->ballot, verdict->answer, vote->winner));
    }
    json_set(json, "blind_vote", ballot_json(&debate->ballot, blind->winner));
    json_set_bool(json, "same", ballot_same(&debate->ballot, blind->winner, vote->winner));
    json_set(json, "surest_member", single);
    return json;
}

/* D1, D2, …: what every member was given to read. */
static struct json *passages_json(const struct corpus *corpus)
{
    struct json *json = json_array();

    for (size_t i = 0; i < corpus->n; i++) {
        CLEANUP(charp_freep) char *cite = xprintf("D%zu", i + 1);
        struct json *row = json_object();

        json_set_text(row, "cite", cite);
        if (corpus->ids[i].n > 0)
            json_set_string(row, "id", corpus->ids[i]);
        json_set(row, "text", line_json(corpus->texts[i]));
        json_append(json, row);
    }
    return json;
}

static struct json *decision_json(const struct debate *debate, const struct vote *vote)
{
    struct buf out;

    buf_init(&out, 2 * MAX_LINE_BYTES + 1024);
    write_decision(debate, vote, &out);
    struct json *json = json_new_string(buf_span(&out));
    buf_deinit(&out);
    return json;
}

static struct json *seed_json(const struct debate *debate, const char *run_id)
{
    const struct json *seed = json_get(debate->request, "seed");

    return seed ? json_copy(seed) : json_new_string(span_of(run_id));
}

struct json *result_json(const struct debate *debate, const char *run_id)
{
    bool blind_stands, conclusive = debate->stop != STOP_QUORUM;
    const struct vote *vote = debate_vote(debate, &blind_stands);
    struct json *json = json_object(), *rounds = json_array();

    json_set(json, "decision", decision_json(debate, vote));
    json_set(json, "answer", conclusive ? ballot_json(&debate->ballot, vote->winner) : NULL);
    json_set_bool(json, "conclusive", conclusive);
    json_set(json, "votes", votes_json(debate, blind_stands));
    json_set(json, "counterfactuals", counterfactuals_json(debate, vote));
    json_set(json, "positions", positions_json(debate));
    json_set(json, "dissent", dissent_json(debate, vote));
    json_set(json, "for", reasons_for(debate, vote, true));
    json_set(json, "against", reasons_for(debate, vote, false));
    json_set_text(json, "stop_reason", debate_stop_name(debate->stop));
    json_set(json, "synthesis", synthesis_json(debate, vote, json));
    if (debate->corpus.n > 0) {
        json_set(json, "passages", passages_json(&debate->corpus));
        json_set(json, "retrieval", retrieval_json(debate));
    }
    json_set(json, "personas", personas_json(debate));
    for (size_t i = 0; i < debate->n_rounds; i++)
        json_append(rounds, round_json(debate, i));
    json_set(json, "rounds", rounds);
    json_set(json, "seed", seed_json(debate, run_id));
    json_set(json, "metrics", metrics_json(debate));
    json_set(json, "usage", metrics_usage(debate));
    return json;
}
