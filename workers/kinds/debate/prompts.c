/* Writes the questions. Each body is unique in its debate: a persona's id stands in its system
 * text, the round in the task. What stays equal comes first (who, how, what), so that providers can
 * cache it.
 *
 * The rehearsal provider (tools/rehearsal/hints.c) looks for these phrases; change both together:
 * "You are NAME, …", "Question: ", "VERDICT: ", `"answer" must be …`, "Your answer so far: ", "The
 * vote decided: ". */
#include "prompts.h"

#include <stdlib.h>

#include "buf.h"
#include "debate.h"
#include "json.h"
#include "line.h"
#include "llm.h"
#include "run.h"

#define MAX_PERSONA_BYTES 2000
#define MAX_NAME_BYTES 200
#define MAX_POSITION_BYTES 300
#define MAX_REASONS 5 /* for and against, that the synthesis is given */
#define PERSONA_TOKENS 1200
#define SYNTHESIS_TOKENS 1600

static void add_answer_rule(const struct ballot *ballot, struct buf *out)
{
    struct json *choices;

    switch (ballot->kind) {
    case BALLOT_CHOICE:
        choices = json_array();
        for (size_t i = 0; i < ballot->n_choices; i++)
            json_append(choices, json_new_string(ballot->choices[i]));
        buf_add_text(out, "\"answer\" must be one of ");
        json_write(choices, out);
        buf_add_text(out, ".\n");
        json_free(choices);
        break;
    case BALLOT_NUMBER: buf_add_text(out, "\"answer\" must be a number.\n"); break;
    case BALLOT_PROBABILITY:
        buf_add_text(out, "\"answer\" must be a probability from 0 to 1.\n");
        break;
    case BALLOT_OPEN:
    case BALLOT_KIND_COUNT_: buf_add_text(out, "\"answer\" is null.\n"); break;
    }
}

static void add_sentence(struct buf *out, const char *before, struct span text)
{
    if (text.n == 0)
        return;
    buf_add_text(out, before);
    line_add(out, text, MAX_PERSONA_BYTES);
    buf_add_text(out, out->at[out->n - 1] == '.' ? "\n" : ".\n");
}

static void add_verdict_rule(const struct debate *debate, bool is_exchange, struct buf *out)
{
    buf_addf(out,
             "After the prose write one last line, and nothing after it:\n"
             "VERDICT: {%s\"position\":\"your position in one sentence\",\"answer\":…,"
             "\"confidence\":0.7,\"reasons\":[\"at most three reasons, a sentence each\"]}\n",
             is_exchange ? "\"change\":\"keep\",\"moved_by\":null," : "");
    add_answer_rule(&debate->ballot, out);
    buf_add_text(out, "\"confidence\" is from 0 to 1.\n");
    if (is_exchange)
        buf_add_text(
            out,
            "\"change\" is \"keep\" or \"change\"; \"moved_by\" is the id of the one reason that "
            "moved you, such as \"A1\", or null. A change that names no reason does not count.\n");
}

static void write_system(const struct turn *turn, struct buf *out)
{
    const struct debate *debate = turn->debate;
    const struct persona *persona = &debate->personas[turn->persona];

    buf_add_text(out, "You are ");
    line_add(out, persona->name, MAX_NAME_BYTES);
    add_sentence(out, ", ", persona->role);
    add_sentence(out, "What you hold: ", persona->stance);
    add_sentence(out, "What you know: ", persona->expertise);
    buf_addf(out,
             "You sit on a board of %zu that has to settle one question; your seat is \"%.*s\". "
             "Speak for "
             "yourself, in plain prose of at most 120 words, without headings or lists.\n",
             debate->n, (int)persona->id.n, persona->id.at);
    if (debate->corpus.n > 0)
        buf_add_text(out, "Where you rely on a passage, name it: [D1].\n");
    add_verdict_rule(debate, turn->round > 0, out);
}

static void add_matter(const struct debate *debate, struct buf *out)
{
    buf_add_text(out, "Question: ");
    buf_add_span(out, debate->question);
    buf_add_char(out, '\n');
    if (debate->context.n > 0) {
        buf_add_text(out, "Context:\n");
        buf_add_span(out, debate->context);
        buf_add_char(out, '\n');
    }
    if (debate->corpus.n > 0) {
        buf_add_text(out, "Passages:\n");
        corpus_write(&debate->corpus, out);
    }
}

static void add_earlier(const struct debate *debate, const struct verdict *verdict, struct buf *out)
{
    struct json *json = json_object();
    struct buf position;

    buf_init(&position, 2 * MAX_POSITION_BYTES);
    line_add(&position, verdict->position, MAX_POSITION_BYTES);
    json_set_string(json, "position", buf_span(&position));
    json_set(json, "answer", ballot_json(&debate->ballot, verdict->answer));
    buf_add_text(out, "Your answer so far: ");
    json_write(json, out);
    buf_add_char(out, '\n');
    json_free(json);
    buf_deinit(&position);
}

static void add_exchange(const struct turn *turn, struct buf *out)
{
    const struct debate *debate = turn->debate;
    const struct verdict *earlier = debate->rounds[turn->round - 1].standing[turn->persona];
    struct span names[DEBATE_MAX_PERSONAS];
    struct digest digest;

    for (size_t i = 0; i < debate->n; i++)
        names[i] = debate->personas[i].name;
    buf_addf(out, "This is round %zu of the exchange.\n", turn->round);
    if (earlier)
        add_earlier(debate, earlier, out);
    debate_digest(debate, turn->round, turn->persona, &digest);
    buf_add_text(out, "What others brought forward; order and letters mean nothing:\n");
    digest_write(&digest, debate->named ? names : NULL, out);
    if (digest.n_groups == 0)
        buf_add_text(out, "(nothing that differs from your own reasons)\n");
    buf_add_text(out, "Weigh these reasons. Say whether you keep or change your answer, and which "
                      "reason did it.\n");
    if (debate_devil(debate, turn->round) == turn->persona)
        buf_add_text(
            out,
            "In this round you also make the strongest case against the view that seems to lead, "
            "whatever you think yourself. Your verdict stays your own.\n");
}

static char *dup_or_null(struct span text)
{
    return text.n > 0 ? xspandup(text) : NULL;
}

/* Its own provider first, then those of the request in their order. */
static void set_providers(const struct debate *debate, struct span own,
                          struct llm_question *question)
{
    const struct json *list = json_get(debate->request, "providers");
    struct span first = json_string(json_at(list, 0));
    struct span when = json_get_string(debate->request, "fallback", "failed");
    struct buf rest;

    question->provider = dup_or_null(own.n > 0 ? own : first);
    if (span_equal(when, SPAN("never")))
        return;
    buf_init(&rest, DEBATE_MAX_PROMPT_BYTES);
    for (size_t i = 0; i < json_length(list); i++) {
        buf_add_text(&rest, rest.n > 0 ? "," : "");
        buf_add_span(&rest, json_string(json_at(list, i)));
    }
    question->fallback = buf_steal(&rest);
    question->step_over = span_equal(when, SPAN("paused"));
}

static int64_t cache_ms(const struct debate *debate)
{
    return 1000 * json_get_integer(json_get(debate->request, "cache"), "ttl_s", 0);
}

void prompts_nearness(struct run *run, struct llm_question *question, const void *arg)
{
    const struct prompts_batch *wanted = arg;
    const struct debate *debate = wanted->debate;

    (void)run;
    question->embeds = true;
    question->prompt =
        corpus_batch_text(json_get(debate->request, "corpus"), wanted->batch, debate->question);
    question->max_tokens = 1; /* nothing is written */
}

void prompts_persona(struct run *run, struct llm_question *question, const void *arg)
{
    const struct turn *turn = arg;
    const struct debate *debate = turn->debate;
    const struct persona *persona = &debate->personas[turn->persona];
    struct buf system, prompt;

    (void)run;
    buf_init(&system, DEBATE_MAX_PROMPT_BYTES);
    buf_init(&prompt, DEBATE_MAX_PROMPT_BYTES);
    write_system(turn, &system);
    add_matter(debate, &prompt);
    if (turn->round > 0)
        add_exchange(turn, &prompt);
    else
        buf_add_text(&prompt, "Give your own answer. Nobody has spoken yet.\n");
    set_providers(debate, persona->provider, question);
    question->model = dup_or_null(persona->model);
    question->system = buf_steal(&system);
    question->prompt = buf_steal(&prompt);
    question->max_tokens = PERSONA_TOKENS;
    question->temperature = persona->temperature >= 0 ? persona->temperature : debate->temperature;
    question->cache_ms = cache_ms(debate);
}

void prompts_hedge(struct run *run, struct llm_question *question, const void *arg)
{
    const struct debate *debate = ((const struct turn *)arg)->debate;
    const struct json *list = json_get(debate->request, "providers");

    prompts_persona(run, question, arg);
    for (size_t i = 0; i < json_length(list); i++) {
        struct span name = json_string(json_at(list, i));

        if (question->provider && span_equal(name, span_of(question->provider)))
            continue;
        free(question->provider);
        free(question->model);
        question->provider = xspandup(name);
        question->model = NULL; /* of the other provider */
        return;
    }
}

/* ---- synthesis ---- */

static void add_positions(const struct debate *debate, struct buf *out)
{
    const struct verdict *const *standing = debate_standing(debate);

    buf_add_text(out, "Positions:\n");
    for (size_t i = 0; i < debate->n; i++) {
        buf_add_text(out, "- ");
        line_add(out, debate->personas[i].name, MAX_NAME_BYTES);
        buf_add_text(out, ": ");
        line_add(out, standing[i] ? standing[i]->position : SPAN("(absent)"), MAX_POSITION_BYTES);
        buf_add_char(out, '\n');
    }
}

/* The strongest reasons of those who agree with the decision (A) and of those who do not (B). */
static void add_reasons(const struct debate *debate, const struct vote *vote, bool agreeing,
                        struct buf *out)
{
    const struct verdict *const *standing = debate_standing(debate);
    size_t n = 0;

    buf_add_text(out, agreeing ? "A. for that\n" : "B. against that, or for something else\n");
    for (size_t i = 0; i < debate->n && n < MAX_REASONS; i++) {
        if (!standing[i] || standing[i]->n_reasons == 0 ||
            ballot_agrees(&debate->ballot, vote->winner, standing[i]->answer) != agreeing)
            continue;
        buf_addf(out, "  %c%zu: ", agreeing ? 'A' : 'B', ++n);
        line_add(out, standing[i]->reasons[0], MAX_POSITION_BYTES);
        buf_add_char(out, '\n');
    }
}

void prompts_write_synthesis(const struct debate *debate, struct buf *out)
{
    bool blind_stands;
    const struct vote *vote = debate_vote(debate, &blind_stands);

    add_matter(debate, out);
    buf_add_text(out, "The vote decided: ");
    ballot_write(&debate->ballot, vote->winner, out);
    if (debate->ballot.kind == BALLOT_OPEN)
        buf_add_text(out,
                     "\nThe question is open: this is only the position nearest to the others. "
                     "Put the common ground into your own words.\n");
    else
        buf_addf(out, "\n%.0f %% of %zu votes agree with that.\n", 100 * vote->agreement,
                 vote->n_votes);
    add_positions(debate, out);
    add_reasons(debate, vote, true, out);
    add_reasons(debate, vote, false, out);
}

void prompts_synthesis(struct run *run, struct llm_question *question, const void *arg)
{
    const struct debate *debate = ((const struct turn *)arg)->debate;
    const struct json *wanted = json_get(debate->request, "synthesis");
    bool is_report = span_equal(json_get_string(wanted, "style", "decision"), SPAN("report"));
    struct buf system, prompt;

    (void)run;
    buf_init(&system, DEBATE_MAX_PROMPT_BYTES);
    buf_init(&prompt, DEBATE_MAX_PROMPT_BYTES);
    buf_addf(
        &system,
        "You are the secretary of a board of %zu. Write down what it decided and why, in plain "
        "prose of at "
        "most %d words: the decision first, then the reasons for and against it, what the minority "
        "holds (call it the minority), and what is still open. Use only what you are given and add "
        "no number of your own. Where you rely on a passage or a reason, name it: [D1], [A2].\n"
        "After the prose write one last line, and nothing after it:\n"
        "VERDICT: {\"position\":\"the decision in one sentence\",\"confidence\":0.7}\n",
        debate->n, is_report ? 500 : 200);
    prompts_write_synthesis(debate, &prompt);
    if (debate->objections.n > 0) {
        buf_add_text(&prompt, "An earlier version was refused: ");
        buf_add_span(&prompt, buf_span(&debate->objections));
        buf_add_char(&prompt, '\n');
    }
    set_providers(debate, json_get_string(wanted, "provider", ""), question);
    question->model = dup_or_null(json_get_string(wanted, "model", ""));
    question->system = buf_steal(&system);
    question->prompt = buf_steal(&prompt);
    question->max_tokens = json_get_integer(wanted, "max_tokens", SYNTHESIS_TOKENS);
    question->temperature = debate->temperature;
    question->cache_ms = cache_ms(debate);
}
