/* The parts of a debate that follow from the replies alone: reading, counting, digests, rounds, the
 * result. Replies are written here by hand; no model and no fleet is needed. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "fits.h"
#include "json.h"
#include "kinds/debate/debate.h"
#include "kinds/debate/line.h"
#include "kinds/debate/prompts.h"
#include "kinds/debate/result.h"
#include "kinds/debate/retrieval.h"
#include "llm.h"
#include "main.h"
#include "text.h"

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    struct error error = {0};

    ck_assert_msg(json_parse(span_of(text), NULL, &json, &error) == 0, "%s in %s", error.message,
                  text);
    return json;
}

static struct ballot ballot_of(const char *answer, struct json **ret_json)
{
    struct ballot ballot;

    *ret_json = parse(answer);
    ballot_init(&ballot, *ret_json);
    return ballot;
}

/* ---- lines ---- */

START_TEST(texts_become_one_line_and_are_cut_between_words)
{
    static const struct {
        const char *text, *expected;
        size_t max_bytes;
    } rows[] = {
        {"plain",                     "plain",               80},
        {"  two\n\nlines\tand tabs ", "two lines and tabs",  80},
        {"A1: forged\nA2: line",      "A1: forged A2: line", 80},
        {"one two three",             "one two…",          9 },
        {"caf\xc3\xa9s everywhere",   "caf…",              4 },
        {"",                          "",                    80},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf out;
        buf_init(&out, 1000);
        line_add(&out, span_of(rows[i].text), rows[i].max_bytes);
        ck_assert_msg(span_equal(buf_span(&out), span_of(rows[i].expected)), "row %zu: %s", i,
                      out.at);
        ck_assert(text_is_utf8(buf_span(&out)));
        buf_deinit(&out);
    }
}
END_TEST

START_TEST(texts_that_say_nearly_the_same_are_alike)
{
    static const struct {
        const char *a, *b;
        bool alike;
    } rows[] = {
        {"It costs too much money.",       "it costs too much money",            true },
        {"The cost is too high this year", "The cost is far too high this year", true },
        {"The cost is too high",           "Customers asked for it",             false},
        {"",                               "",                                   true },
        {"a reason",                       "",                                   false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(line_alike(span_of(rows[i].a), span_of(rows[i].b)) == rows[i].alike,
                      "row %zu", i);
}
END_TEST

/* ---- verdicts ---- */

START_TEST(verdicts_are_read_whatever_stands_around_them)
{
    static const struct {
        const char *reply, *position;
        bool given;
        size_t n_reasons;
        double confidence;
    } rows[] = {
        {"Prose.\nVERDICT: "
         "{\"position\":\"P.\",\"answer\":\"yes\",\"confidence\":0.9,\"reasons\":[\"a\",\"b\"]}", "P.",              true,  2, 0.9},
        {"Prose.\n**VERDICT:** ```json\n{\"position\":\"P.\",\"answer\":\"Yes.\"}\n``` Thanks!",
         "P.",                                                                                                                true,  0, 0.5},
        {"The VERDICT: is below.\nVERDICT: {\"answer\":\"no\",\"confidence\":80}",
         "The VERDICT: is below.",                                                                                            true,  0, 0.8},
        {"VERDICT: {\"position\":\"a } "
         "b\",\"answer\":\"no\",\"reasons\":[{\"claim\":\"c\",\"cites\":[\"D1\"]},7,\" \"]}",     "a } b",           true,  1, 0.5},
        {"First sentence. Second.",                                                                        "First sentence.", false, 0, 0.5},
        {"I stop here.\nVERDICT: {\"position\":\"cut off in the mid",                                      "I stop here.",    false, 0,
         0.5                                                                                                                               },
        {"VERDICT: {\"position\":\"P\",\"answer\":\"perhaps\"}",                                           "P",               false, 0, 0.5},
        {"VERDICT: {\"position\":\"P\",\"answer\":\"yes\",\"confidence\":-3}",                             "P",               true,  0, 0.5},
        {"VERDICT: "
         "{\"position\":\"P\",\"answer\":\"yes\",\"reasons\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]"
         "}",                                                                                     "P",               true,  5, 0.5},
    };
    struct json *json;
    struct ballot ballot = ballot_of("{\"kind\":\"choice\",\"choices\":[\"yes\",\"no\"]}", &json);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct verdict verdict;
        verdict_init(&verdict, &ballot, span_of(rows[i].reply));
        ck_assert(verdict.present);
        ck_assert_msg(span_equal(verdict.position, span_of(rows[i].position)), "row %zu: %.*s", i,
                      (int)verdict.position.n, verdict.position.at);
        ck_assert_msg(verdict.answer.given == rows[i].given, "row %zu", i);
        ck_assert_msg(verdict.n_reasons == rows[i].n_reasons, "row %zu: %zu", i, verdict.n_reasons);
        ck_assert_msg(fabs(verdict.confidence - rows[i].confidence) < 1e-9, "row %zu", i);
        verdict_deinit(&verdict);
    }
    json_free(json);
}
END_TEST

START_TEST(answers_are_read_by_their_kind)
{
    static const struct {
        const char *ballot, *answer;
        bool given;
        double value; /* number, or index of the choice */
    } rows[] = {
        {"{\"kind\":\"choice\",\"choices\":[\"Buy it\",\"no\"]}", "\" 'BUY IT'. \"",     true,  0   },
        {"{\"kind\":\"choice\",\"choices\":[\"Buy it\",\"no\"]}", "\"buy\"",             false, 0   },
        {"{\"kind\":\"choice\",\"choices\":[\"Buy it\",\"no\"]}", "1",                   false, 0   },
        {"{\"kind\":\"number\"}",                                 "42.5",                true,  42.5},
        {"{\"kind\":\"number\"}",                                 "\"about 1,200 EUR\"", true,  1200},
        {"{\"kind\":\"number\"}",                                 "\"-3.5\"",            true,  -3.5},
        {"{\"kind\":\"number\"}",                                 "\"many\"",            false, 0   },
        {"{\"kind\":\"number\"}",                                 "null",                false, 0   },
        {"{\"kind\":\"probability\"}",                            "0.25",                true,  0.25},
        {"{\"kind\":\"probability\"}",                            "62",                  true,  0.62},
        {"{\"kind\":\"probability\"}",                            "\"1 %\"",             true,  0.01},
        {"{\"kind\":\"probability\"}",                            "140",                 false, 0   },
        {"{\"kind\":\"probability\"}",                            "-0.1",                false, 0   },
        {"{\"kind\":\"open\"}",                                   "null",                true,  0   },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json *json, *answer = parse(rows[i].answer);
        struct ballot ballot = ballot_of(rows[i].ballot, &json);
        struct answer read = ballot_read(&ballot, answer, SPAN("a position"));
        double value = ballot.kind == BALLOT_CHOICE ? (double)read.choice : read.number;
        ck_assert_msg(read.given == rows[i].given, "row %zu", i);
        ck_assert_msg(!read.given || fabs(value - rows[i].value) < 1e-12, "row %zu: %g", i, value);
        json_free(answer);
        json_free(json);
    }
}
END_TEST

/* ---- votes ---- */

static struct vote count(const struct ballot *ballot, const double *values, size_t n,
                         const struct vote *earlier)
{
    struct answer answers[DEBATE_MAX_PERSONAS] = {0};
    struct vote vote;

    for (size_t i = 0; i < n; i++) {
        answers[i].given = values[i] > -100; /* below: abstains */
        answers[i].choice = values[i] > 0 ? (size_t)values[i] : 0;
        answers[i].number = values[i];
    }
    vote_count(&vote, ballot, answers, n, earlier);
    return vote;
}

START_TEST(choices_are_counted_by_plurality_and_ties_go_to_the_blind_vote)
{
    struct json *json;
    struct ballot ballot =
        ballot_of("{\"kind\":\"choice\",\"choices\":[\"a\",\"b\",\"c\"]}", &json);
    struct vote clear = count(&ballot, (const double[]){1, 1, 0, 2, -999}, 5, NULL);
    struct vote tie = count(&ballot, (const double[]){1, 0, 0, 1}, 4, NULL);
    struct vote broken = count(&ballot, (const double[]){1, 0, 0, 1}, 4, &clear);
    struct vote nobody = count(&ballot, (const double[]){-999, -999}, 2, NULL);

    ck_assert_uint_eq(clear.winner.choice, 1);
    ck_assert_uint_eq(clear.n_votes, 4);
    ck_assert_uint_eq(clear.n_abstained, 1);
    ck_assert(!clear.tie);
    ck_assert_double_eq_tol(clear.agreement, 0.5, 1e-12);
    ck_assert(tie.tie && tie.winner.choice == 0);
    ck_assert(broken.tie && broken.winner.choice == 1);
    ck_assert(!nobody.winner.given && nobody.n_votes == 0);
    json_free(json);
}
END_TEST

START_TEST(numbers_are_counted_by_their_median)
{
    struct json *json;
    struct ballot ballot = ballot_of("{\"kind\":\"number\"}", &json);
    struct vote odd = count(&ballot, (const double[]){10, 1000, 10.5}, 3, NULL);
    struct vote even = count(&ballot, (const double[]){4, 1, 2, 3}, 4, NULL);

    ck_assert_double_eq_tol(odd.winner.number, 10.5, 1e-12);
    ck_assert_double_eq_tol(odd.low, 10, 1e-12);
    ck_assert_double_eq_tol(odd.high, 1000, 1e-12);
    ck_assert_double_eq_tol(odd.agreement, 2.0 / 3, 1e-12);
    ck_assert_double_eq_tol(even.winner.number, 2.5, 1e-12);
    json_free(json);
}
END_TEST

START_TEST(probabilities_are_counted_by_the_mean_of_their_log_odds)
{
    struct json *json;
    struct ballot ballot = ballot_of("{\"kind\":\"probability\"}", &json);
    struct vote pair = count(&ballot, (const double[]){0.2, 0.8}, 2, NULL);
    struct vote certain = count(&ballot, (const double[]){0, 0, 0}, 3, NULL);
    struct vote trimmed = count(&ballot, (const double[]){0.5, 0.5, 0.5, 0.01, 0.5}, 5, NULL);

    ck_assert_double_eq_tol(pair.winner.number, 0.5, 1e-12);
    ck_assert_double_eq_tol(certain.winner.number, 0.01, 1e-12);
    ck_assert_double_eq_tol(trimmed.winner.number, 0.5, 1e-12);
    ck_assert_double_eq_tol(trimmed.agreement, 0.8, 1e-12);
    json_free(json);
}
END_TEST

START_TEST(entropy_is_of_the_groups_that_agree_in_bits)
{
    static const struct {
        const char *ballot;
        double values[4];
        size_t n;
        double bits;
    } rows[] = {
        {"{\"kind\":\"choice\",\"choices\":[\"a\",\"b\",\"c\"]}", {1, 1, 1, 1},          4, 0                 },
        {"{\"kind\":\"choice\",\"choices\":[\"a\",\"b\",\"c\"]}", {0, 1, 1, 0},          4, 1                 },
        {"{\"kind\":\"choice\",\"choices\":[\"a\",\"b\",\"c\"]}", {0, 0, 1, 2},          4, 1.5               },
        {"{\"kind\":\"choice\",\"choices\":[\"a\",\"b\",\"c\"]}", {1, -999, 1, -999},    4, 0                 },
 /* 3/4 log2(4/3) + 1/4 log2 4; 100, 105 and 95 are within a tenth */
        {"{\"kind\":\"number\"}",                                 {100, 105, 95, 1000},  4, 0.8112781244591328},
        {"{\"kind\":\"probability\"}",                            {0.1, 0.4, 0.7, 0.95}, 4, 2                 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json *json;
        struct ballot ballot = ballot_of(rows[i].ballot, &json);
        struct vote vote = count(&ballot, rows[i].values, rows[i].n, NULL);
        ck_assert_msg(fabs(vote.entropy - rows[i].bits) < 1e-12, "row %zu: %.17g", i, vote.entropy);
        json_free(json);
    }
}
END_TEST

/* ---- whole debates ---- */

/* Draws that differ by name and place, the same in every run of the test. */
static uint64_t draw(const void *source, const char *name, uint64_t n)
{
    uint64_t hash = 1469598103934665603U + *(const uint64_t *)source;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211U;
    hash = (hash ^ (n + 1)) * 1099511628211U;
    return hash ^ (hash >> 29);
}

static uint64_t seed = 7;

static struct debate *new_debate(const char *request)
{
    CLEANUP(json_freep) struct json *json = parse(request);
    struct debate *debate = NULL;
    struct error error = {0};

    ck_assert_msg(debate_new(json, draw, &seed, &debate, &error) == 0, "%s", error.message);
    return debate;
}

/* A remembered answer; text NULL = the call failed. The caller owns it. */
static struct json *reply(const char *text)
{
    struct json *json = parse(
        text
            ? "{\"provider\":\"p\",\"model\":\"m\",\"stop\":\"end\",\"usage\":{\"input_tokens\":10,"
              "\"output_tokens\":5,\"cost_usd\":0.001},\"ms\":7}"
            : "{\"error\":{\"code\":\"provider\",\"message\":\"status=500\"}}");

    if (text)
        json_set_text(json, "text", text);
    return json;
}

/* Closes a round with these replies; returns how many json values to free were added to `kept`. */
static void hear(struct debate *debate, const char *const *texts, struct json **kept)
{
    struct round *round = &debate->rounds[debate->n_rounds];

    for (size_t i = 0; i < debate->n; i++) {
        kept[i] = NULL;
        if (!debate_is_asked(debate, i))
            continue;
        kept[i] = reply(texts[i]);
        round->replies[i] = kept[i];
        round->asked[i] = true;
    }
    debate_close_round(debate);
}

static void drop(struct json **kept, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_free(kept[i]);
}

static const char four[] =
    "{\"question\":\"Buy?\",\"answer\":{\"kind\":\"choice\",\"choices\":[\"yes\",\"no\"]},\"seed\":"
    "3,\"personas\":["
    "{\"id\":\"a\",\"name\":\"Ann\",\"role\":\"r\"},{\"id\":\"b\",\"name\":\"Bob\",\"role\":\"r\"},"
    "{\"id\":\"c\",\"name\":\"Cid\",\"role\":\"r\"},{\"id\":\"d\",\"name\":\"Dee\",\"role\":\"r\"}]"
    "}";

#define YES(reason)                                                                                \
    "So.\nVERDICT: {\"position\":\"I say "                                                         \
    "yes\",\"answer\":\"yes\",\"confidence\":0.8,\"reasons\":[\"" reason "\"]}"
#define NO(reason)                                                                                 \
    "So.\nVERDICT: {\"position\":\"I say "                                                         \
    "no\",\"answer\":\"no\",\"confidence\":0.6,\"reasons\":[\"" reason "\"]}"
#define MOVED(answer, by)                                                                          \
    "So.\nVERDICT: {\"change\":\"change\",\"moved_by\":" by                                        \
    ",\"position\":\"moved\",\"answer\":\"" answer "\",\"reasons\":[\"new\"]}"

static const char *const split[] = {YES("It pays off soon"),
                                    YES("Customers asked for exactly this"), NO("Nobody has time"),
                                    NO("The law may change next year")};

START_TEST(the_shipped_boards_have_four_and_twelve_members)
{
    struct debate *standard = new_debate("{\"question\":\"q\"}");
    struct debate *board = new_debate("{\"question\":\"q\",\"format\":\"boardroom\"}");
    size_t n_voters = 0;

    ck_assert_uint_eq(standard->n, 4);
    ck_assert_uint_eq(board->n, 12);
    for (size_t i = 0; i < board->n; i++)
        n_voters += board->personas[i].votes;
    ck_assert_uint_eq(n_voters, 11);
    ck_assert(span_equal(board->personas[0].id, SPAN("chair")) && !board->personas[0].votes);
    ck_assert_uint_eq(standard->max_rounds, 1);
    ck_assert(span_equal(board->personas[debate_devil(board, 1)].id, SPAN("sceptic")));
    debate_free(standard);
    debate_free(board);
}
END_TEST

START_TEST(requests_that_cannot_be_debated_are_refused_with_a_pointer)
{
    static const struct {
        const char *request, *expected;
    } rows[] = {
        {"{\"question\":\"q\",\"personas\":[{\"id\":\"a\",\"name\":\"A\",\"role\":\"r\"}]}",
         "/personas"                                                                                          },
        {"{\"question\":\"q\",\"personas\":[{\"id\":\"a\",\"name\":\"A\",\"role\":\"r\"},{\"id\":"
         "\"a\",\"name\":\"B\",\"role\":\"r\"}]}",                                  "/personas/1/id" },
        {"{\"question\":\"q\",\"answer\":{\"kind\":\"choice\"}}",                            "/answer/choices"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *json = parse(rows[i].request);
        struct debate *debate = NULL;
        struct error error = {0};
        ck_assert_int_eq(debate_new(json, draw, &seed, &debate, &error), -EINVAL);
        ck_assert_msg(text_contains(span_of(error.message), rows[i].expected), "%s", error.message);
        ck_assert_ptr_null(debate);
    }
}
END_TEST

START_TEST(a_digest_is_anonymous_shuffled_by_reader_and_hides_the_count)
{
    struct debate *debate = new_debate(four);
    struct json *kept[4];
    bool yes_first = false, no_first = false;

    hear(debate, split, kept);
    for (size_t reader = 0; reader < 4; reader++) {
        struct digest digest;
        struct buf out;
        buf_init(&out, 4000);
        debate_digest(debate, 1, reader, &digest);
        digest_write(&digest, NULL, &out);
        ck_assert_uint_eq(digest.n_groups, 2);
        ck_assert(!text_contains(buf_span(&out), "Ann") && !text_contains(buf_span(&out), "Bob"));
        /* The reader's own reason is not among them. */
        ck_assert(text_contains(buf_span(&out), "It pays off soon") == (reader != 0));
        ck_assert(text_contains(buf_span(&out), "Nobody has time") == (reader != 2));
        ck_assert(digest_has(&digest, SPAN("A1")) && digest_has(&digest, SPAN("B1")));
        ck_assert(!digest_has(&digest, SPAN("C1")) && !digest_has(&digest, SPAN("A9")) &&
                  !digest_has(&digest, SPAN("A")));
        yes_first = yes_first || text_starts(buf_span(&out), "A. yes\n  A1: ");
        no_first = no_first || text_starts(buf_span(&out), "A. no\n  A1: ");
        buf_deinit(&out);
    }
    ck_assert_msg(yes_first && no_first, "the letters have to differ between readers");
    drop(kept, 4);
    debate_free(debate);
}
END_TEST

START_TEST(a_digest_keeps_two_different_reasons_a_position)
{
    static const char *const same[] = {YES("It pays off very soon"), YES("It pays off soon"),
                                       YES("Customers asked for it"), YES("The law wants it now")};
    struct debate *debate = new_debate(four);
    struct digest digest;
    struct json *kept[4];

    hear(debate, same, kept);
    debate_digest(debate, 1, 3, &digest);
    ck_assert_uint_eq(digest.n_groups, 1);
    ck_assert_uint_eq(digest.groups[0].n_reasons, 2);
    ck_assert(span_equal(digest.groups[0].reasons[0], SPAN("It pays off very soon")));
    ck_assert(span_equal(digest.groups[0].reasons[1], SPAN("Customers asked for it")));
    drop(kept, 4);
    debate_free(debate);
}
END_TEST

START_TEST(a_change_counts_only_with_a_reason_that_was_shown)
{
    static const struct {
        const char *moved_by;
        bool counts;
    } rows[] = {
        {"\"A1\"",           true },
        {"\"B1\"",           true },
        {"null",             false},
        {"\"Z9\"",           false},
        {"\"the majority\"", false}
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct debate *debate = new_debate(four);
        struct json *kept[4], *later[4];
        char *text = xprintf("VERDICT: {\"answer\":\"no\",\"moved_by\":%s}", rows[i].moved_by);
        const char *const texts[] = {text, split[1], split[2], split[3]};
        bool blind_stands;

        hear(debate, split, kept);
        ck_assert(debate->rounds[0].vote.tie);
        ck_assert_int_eq(debate->stop, STOP_NOT);
        hear(debate, texts, later);
        ck_assert_int_eq(debate->stop, STOP_ROUNDS);
        ck_assert_uint_eq(debate->rounds[1].vote.counts[1], rows[i].counts ? 3 : 2);
        ck_assert_uint_eq(debate->rounds[1].n_changed, 1);
        ck_assert_uint_eq(debate->rounds[1].n_conformed, rows[i].counts ? 0 : 1);
        ck_assert_uint_eq(debate_vote(debate, &blind_stands)->winner.choice,
                          rows[i].counts ? 1 : 0);
        drop(kept, 4);
        drop(later, 4);
        debate_free(debate);
        free(text);
    }
}
END_TEST

START_TEST(who_is_missing_later_keeps_the_earlier_answer_and_who_never_came_is_absent)
{
    struct debate *debate = new_debate(four);
    const char *const first[] = {split[0], split[1], split[2], NULL};
    const char *const second[] = {NULL, "No verdict today.", split[2], split[3]};
    struct json *kept[4], *later[4];

    hear(debate, first, kept);
    ck_assert(!debate_is_asked(debate, 3));
    hear(debate, second, later);
    ck_assert_ptr_null(later[3]);
    ck_assert_uint_eq(debate->rounds[1].vote.counts[0], 2);
    ck_assert_uint_eq(debate->rounds[1].vote.counts[1], 1);
    ck_assert_ptr_null(debate_standing(debate)[3]);
    struct json *result = result_json(debate, "run");
    const struct json *absent = json_at(json_get(result, "personas"), 3);
    ck_assert(json_get_bool(absent, "absent", false));
    ck_assert(
        span_equal(json_get_string(json_get(absent, "error"), "message", ""), SPAN("status=500")));
    json_free(result);
    drop(kept, 4);
    drop(later, 4);
    debate_free(debate);
}
END_TEST

START_TEST(too_few_answers_are_inconclusive_and_nobody_is_asked_again)
{
    struct debate *debate = new_debate(four);
    const char *const texts[] = {split[0], split[1], NULL, NULL};
    struct json *kept[4];

    hear(debate, texts, kept);
    ck_assert_int_eq(debate->stop, STOP_QUORUM);
    struct json *result = result_json(debate, "run");
    ck_assert(span_equal(json_get_string(result, "decision", ""), SPAN("inconclusive")));
    ck_assert(!json_get_bool(result, "conclusive", true));
    ck_assert_ptr_null(json_get(result, "answer"));
    ck_assert(span_equal(json_get_string(result, "stop_reason", ""), SPAN("quorum")));
    ck_assert_uint_eq(json_length(json_get(result, "positions")), 2);
    check_result("debate", result);
    json_free(result);
    drop(kept, 4);
    debate_free(debate);
}
END_TEST

START_TEST(replies_without_an_answer_are_inconclusive)
{
    struct debate *debate = new_debate(four);
    const char *const texts[] = {"I will not say.", "Nor I.", "It depends.", "Ask later."};
    struct json *kept[4];

    hear(debate, texts, kept);
    ck_assert_int_eq(debate->stop, STOP_QUORUM);
    struct json *result = result_json(debate, "run");
    ck_assert(span_equal(json_get_string(json_get(result, "synthesis"), "text", ""),
                         SPAN("No member gave an answer that can be counted.")));
    ck_assert_uint_eq(json_length(json_get(result, "positions")), 4);
    json_free(result);
    drop(kept, 4);
    debate_free(debate);
}
END_TEST

START_TEST(talking_ends_for_a_reason_of_the_closed_list)
{
    static const struct {
        const char *name, *members;
        size_t n_rounds;
        enum stop_reason stop;
    } rows[] = {
        {"no exchange wanted",        "\"rounds\":{\"max\":0}",                                    1, STOP_ROUNDS },
        {"all rounds used",           "\"rounds\":{\"max\":2,\"min\":2}",                          3, STOP_ROUNDS },
        {"agreed and nobody moved",   "\"rounds\":{\"max\":5,\"min\":1},\"stop\":{\"agree\":0.5}", 2,
         STOP_AGREEMENT                                                                                           },
        {"split but nobody moved",    "\"rounds\":{\"max\":5,\"min\":1}",                          2, STOP_SETTLED},
        {"split and asked to go on",  "\"rounds\":{\"max\":3},\"stop\":{\"delta\":0}",             4,
         STOP_ROUNDS                                                                                              },
        {"tokens for one round only", "\"budget\":{\"tokens\":100}",                               1, STOP_BUDGET },
        {"money for one round only",  "\"budget\":{\"usd\":0.005}",                                1, STOP_BUDGET },
        {"money for all",             "\"budget\":{\"usd\":1}",                                    2, STOP_ROUNDS },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *request = xprintf("{%s,%s", rows[i].members, four + 1);
        struct debate *debate = new_debate(request);
        struct json *kept[1 + DEBATE_MAX_ROUNDS][4];

        while (debate->stop == STOP_NOT)
            hear(debate, split, kept[debate->n_rounds]);
        ck_assert_msg(debate->n_rounds == rows[i].n_rounds, "%s: %zu rounds", rows[i].name,
                      debate->n_rounds);
        ck_assert_msg(debate->stop == rows[i].stop, "%s: %s", rows[i].name,
                      debate_stop_name(debate->stop));
        for (size_t j = 0; j < debate->n_rounds; j++)
            drop(kept[j], 4);
        debate_free(debate);
        free(request);
    }
}
END_TEST

/* Runs the same replies through a new debate, as an attempt after a crash does. */
static char *play(uint64_t with_seed)
{
    static const char *const later[] = {YES("It pays off soon"), MOVED("no", "\"A1\""),
                                        NO("Nobody has time"), MOVED("yes", "null")};
    struct json *kept[9];

    seed = with_seed;
    struct debate *debate = new_debate(four);
    hear(debate, split, kept);
    hear(debate, later, kept + 4);
    kept[8] = reply("The board decided; the minority does not.\nVERDICT: {\"position\":\"Do not "
                    "buy\",\"confidence\":0.7}");
    ck_assert(debate_close_synthesis(debate, kept[8]));
    struct json *result = result_json(debate, "run");
    char *text = json_text(result);
    json_free(result);
    drop(kept, 9);
    debate_free(debate);
    seed = 7;
    return text;
}

START_TEST(the_same_replies_give_the_same_bytes)
{
    char *first = play(7), *again = play(7);
    CLEANUP(json_freep) struct json *result = parse(first);

    ck_assert_str_eq(first, again);
    ck_assert(span_equal(json_get_string(result, "decision", ""), SPAN("no")));
    ck_assert(span_equal(json_get_string(json_get(result, "synthesis"), "text", ""),
                         SPAN("The board decided; the minority does not.")));
    ck_assert(span_equal(json_get_string(json_get(result, "synthesis"), "by", ""), SPAN("model")));
    ck_assert_int_eq(json_get_integer(json_get(result, "usage"), "calls", 0), 9);
    ck_assert_int_eq(json_get_integer(json_get(result, "usage"), "input_tokens", 0), 90);
    ck_assert_uint_eq(json_length(json_get(result, "dissent")), 1);
    ck_assert_uint_eq(json_length(json_get(result, "rounds")), 2);
    ck_assert_int_eq(json_get_integer(result, "seed", 0), 3);
    ck_assert_int_eq(json_get_integer(json_at(json_get(result, "rounds"), 1), "conformed", 0), 1);
    check_result("debate", result);
    free(first);
    free(again);
}
END_TEST

/* Four voters, by hand. Blind: yes, yes, yes, no; yes leads. Round 1: a keeps, b leaves for no
 * without a reason (conformed, stays yes), c leaves for no by A1, d (apart from the lead) follows
 * to yes by A1. Round 2, led by yes with a, b, d against c: all keep, c apart and kept. */
START_TEST(movements_and_costs_are_measured_by_voice_and_round)
{
    static const char *const blind[] = {YES("It pays off soon"), YES("Customers asked for it"),
                                        YES("Others do it too"), NO("Nobody has time")};
    static const char *const first[] = {YES("It pays off soon"), MOVED("no", "null"),
                                        MOVED("no", "\"A1\""), MOVED("yes", "\"A1\"")};
    static const char *const second[] = {YES("It pays off soon"), YES("Customers asked for it"),
                                         NO("Nobody has time"), YES("It pays off soon")};
    char *request =
        xprintf("{\"rounds\":{\"max\":2,\"min\":2},\"stop\":{\"agree\":1},%s", four + 1);
    struct debate *debate = new_debate(request);
    struct json *kept[3][4];

    hear(debate, blind, kept[0]);
    hear(debate, first, kept[1]);
    json_set_integer(kept[1][2], "ms", 70);
    hear(debate, second, kept[2]);
    CLEANUP(json_freep) struct json *result = result_json(debate, "run");
    const struct json *metrics = json_get(result, "metrics");
    const struct json *bias = json_get(metrics, "identity_bias");
    const struct json *row = json_at(json_get(result, "personas"), 2);
    const struct json *rounds = json_get(result, "rounds");

    ck_assert_int_eq(json_get_integer(metrics, "changes", -1), 3);
    ck_assert_int_eq(json_get_integer(metrics, "with_reason", -1), 2);
    ck_assert_int_eq(json_get_integer(metrics, "without_reason", -1), 1);
    ck_assert_double_eq_tol(json_get_number(metrics, "conformity_share", -1), 0.3333, 1e-9);
    ck_assert_int_eq(json_get_integer(bias, "cases", -1), 2);
    ck_assert_double_eq_tol(json_get_number(bias, "followed_share", -1), 0.5, 1e-9);
    ck_assert_double_eq_tol(json_get_number(bias, "kept_share", -1), 0.5, 1e-9);
    ck_assert_double_eq_tol(json_get_number(bias, "bias", -1), 0, 1e-9);
    for (size_t i = 0; i < 3; i++)
        ck_assert_double_eq_tol(
            json_get_number(json_get(json_at(rounds, i), "vote"), "entropy", -1), 0.8113, 1e-9);
    ck_assert_int_eq(json_get_integer(json_at(rounds, 1), "ms", -1), 70);
    ck_assert_int_eq(json_get_integer(json_at(rounds, 2), "ms", -1), 7);
    ck_assert_int_eq(json_get_integer(row, "ms", -1), 7 + 70 + 7);
    ck_assert_uint_eq(json_length(json_get(row, "rounds")), 3);
    row = json_at(json_get(row, "rounds"), 1);
    ck_assert_int_eq(json_get_integer(row, "ms", -1), 70);
    ck_assert_int_eq(json_get_integer(row, "input_tokens", -1), 10);
    ck_assert_int_eq(json_get_integer(row, "output_tokens", -1), 5);
    ck_assert_double_eq_tol(json_get_number(row, "cost_usd", -1), 0.001, 1e-12);
    check_result("debate", result);
    for (size_t i = 0; i < 3; i++)
        drop(kept[i], 4);
    debate_free(debate);
    free(request);
}
END_TEST

START_TEST(a_share_of_nothing_is_null)
{
    struct debate *debate = new_debate(four);
    static const char *const texts[] = {YES("It pays"), YES("They ask"), YES("It is late"),
                                        YES("We can")};
    struct json *kept[2][4];

    hear(debate, texts, kept[0]);
    hear(debate, texts, kept[1]);
    CLEANUP(json_freep) struct json *result = result_json(debate, "run");
    const struct json *metrics = json_get(result, "metrics");

    ck_assert(json_has(metrics, "conformity_share") && !json_get(metrics, "conformity_share"));
    ck_assert_int_eq(json_get_integer(json_get(metrics, "identity_bias"), "cases", -1), 0);
    ck_assert_ptr_null(json_get(json_get(metrics, "identity_bias"), "bias"));
    check_result("debate", result);
    drop(kept[0], 4);
    drop(kept[1], 4);
    debate_free(debate);
}
END_TEST

START_TEST(code_writes_the_synthesis_when_no_model_could)
{
    struct debate *debate = new_debate(four);
    struct json *kept[4], *later[4], *failed = reply(NULL);

    hear(debate, split, kept);
    hear(debate, split, later);
    ck_assert(debate_close_synthesis(debate, failed));
    struct json *result = result_json(debate, "run");
    struct span text = json_get_string(json_get(result, "synthesis"), "text", "");
    ck_assert(span_equal(json_get_string(json_get(result, "synthesis"), "by", ""), SPAN("code")));
    ck_assert_msg(
        text_starts(
            text, "The board decided: yes (4 votes, 50 % in agreement). For it: It pays off soon"),
        "%s", text.at);
    ck_assert(text_contains(text, "Against it: Nobody has time"));
    json_free(result);
    json_free(failed);
    drop(kept, 4);
    drop(later, 4);
    debate_free(debate);
}
END_TEST

START_TEST(a_synthesis_may_say_only_what_it_was_given)
{
    static const struct {
        const char *text, *objection; /* NULL = none */
    } rows[] = {
        {"Yes, says half; the minority says no [A1].",               NULL                      },
        {"Yes, by 2 of 4 votes, 50 %. A dissent remains.",           NULL                      },
        {"Yes, the minority notwithstanding: it pays 3,000 a year.", NULL                      },
        {"Yes, the minority notwithstanding: it pays 4,000 a year.", "The number 4000 does not"},
        {"Yes [D3], and the minority says no.",                      "There is no [D3]."       },
        {"Yes [D1], the minority says no [B9].",                     "There is no [B9]."       },
        {"Yes, of course.",                                          "2 of 4 voted otherwise"  },
        {"Yes. Nothing speaks against it.",                          "2 of 4 voted otherwise"  },
        {"Yes. Against that, some say no.",                          NULL                      },
    };
    char *request = xprintf("{\"corpus\":[\"It would pay 3000 a year.\"],%s", four + 1);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct debate *debate = new_debate(request);
        struct json *kept[4], *later[4], *first = reply(rows[i].text),
                                         *second = reply(rows[i].text);

        hear(debate, split, kept);
        hear(debate, split, later);
        bool good = debate_close_synthesis(debate, first);
        struct span objections = buf_span(&debate->objections);
        ck_assert_msg(good == !rows[i].objection, "%s: %.*s", rows[i].text, (int)objections.n,
                      objections.at);
        ck_assert_msg(good || text_contains(objections, rows[i].objection), "%s: %.*s",
                      rows[i].text, (int)objections.n, objections.at);
        if (!good)
            ck_assert_msg(debate_close_synthesis(debate, second), "a third time is not asked");
        struct json *result = result_json(debate, "run");
        ck_assert(span_equal(json_get_string(json_get(result, "synthesis"), "by", ""),
                             good ? SPAN("model") : SPAN("code")));
        check_result("debate", result);
        json_free(result);
        json_free(first);
        json_free(second);
        drop(kept, 4);
        drop(later, 4);
        debate_free(debate);
    }
    free(request);
}
END_TEST

START_TEST(every_question_of_a_debate_is_different)
{
    struct debate *debate =
        new_debate("{\"question\":\"q\",\"personas\":[{\"id\":\"a\",\"name\":\"N\",\"role\":\"r\"},"
                   "{\"id\":\"b\",\"name\":\"N\",\"role\":\"r\"}]}");
    static const char *const texts[] = {"One.\nVERDICT: {\"position\":\"p\"}",
                                        "One.\nVERDICT: {\"position\":\"p\"}"};
    struct llm_question questions[5] = {0};
    struct json *kept[2], *later[2];

    prompts_persona(NULL, &questions[0], &debate->rounds[0].turns[0]);
    prompts_persona(NULL, &questions[1], &debate->rounds[0].turns[1]);
    hear(debate, texts, kept);
    prompts_persona(NULL, &questions[2], &debate->rounds[1].turns[0]);
    prompts_persona(NULL, &questions[3], &debate->rounds[1].turns[1]);
    hear(debate, texts, later);
    prompts_synthesis(NULL, &questions[4], &debate->synthesis_turn);
    for (size_t i = 0; i < 5; i++) {
        ck_assert(questions[i].prompt && questions[i].system && !questions[i].provider);
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(strcmp(questions[i].prompt, questions[j].prompt) != 0 ||
                              strcmp(questions[i].system, questions[j].system) != 0,
                          "%zu and %zu", i, j);
    }
    for (size_t i = 0; i < 5; i++)
        llm_question_clear(&questions[i]);
    drop(kept, 2);
    drop(later, 2);
    debate_free(debate);
}
END_TEST

START_TEST(passages_are_chosen_by_the_words_of_the_question)
{
    struct debate *debate =
        new_debate("{\"question\":\"Should we enter the Spanish market?\",\"top_k\":2,\"corpus\":["
                   "\"Nothing to see\",{\"id\":\"x\",\"text\":\"The market grows\"},"
                   "\"Spanish law on the market\",\"Other\"]}");

    ck_assert_uint_eq(debate->corpus.n, 2);
    ck_assert(span_equal(debate->corpus.texts[0], SPAN("Spanish law on the market")));
    ck_assert(span_equal(debate->corpus.texts[1], SPAN("The market grows")));
    debate_free(debate);
}
END_TEST

START_TEST(a_rare_word_counts_more_than_a_common_one_and_a_short_passage_more_than_a_long)
{
    static const struct {
        const char *corpus, *first;
    } rows[] = {
        {"\"The market, the market, the market\",\"A tariff\",\"The market again\"",            "A tariff"               },
        {"\"A tariff among very many other words that say nothing of it at all\",\"A tariff\"",
         "A tariff"                                                                                                      },
        {"\"One market\",\"Two markets and tariffs\"",                                          "Two markets and tariffs"},
        {"\"Nothing\",\"Else\"",                                                                "Nothing"                },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *request = xprintf(
            "{\"question\":\"Which tariff does the market bear?\",\"top_k\":1,\"corpus\":[%s]}",
            rows[i].corpus);
        struct debate *debate = new_debate(request);

        ck_assert_uint_eq(debate->corpus.n, 1);
        ck_assert_msg(span_equal(debate->corpus.texts[0], span_of(rows[i].first)), "%zu: %.*s", i,
                      (int)debate->corpus.texts[0].n, debate->corpus.texts[0].at);
        debate_free(debate);
        free(request);
    }
}
END_TEST

/* By words: the tariff (rank 1), then "market" (2). By sense, row 0: passages 3, 0, 1, 2; row 1: 3,
 * 1, 2, 0. Fused, with 1 / (60 + rank): in row 0 passage 0 has 1/61 + 1/62 and 1 has 1/62 + 1/63;
 * in row 1 they have 1/61 + 1/64 and 1/62 + 1/62, which is more. */
START_TEST(words_and_sense_are_fused_by_their_ranks)
{
    static const struct {
        const char *reply;
        const char *first, *second, *method;
    } rows[] = {
  // clang-format off
        {"{\"text\":\"[1,0.5,0.4,0.1,0.9]\"}",                        "A tariff",   "One market", "words and sense"},
        {"{\"text\":\"[1,0.1,0.4,0.2,0.9]\"}",                        "One market", "A tariff",   "words and sense"},
        {"{\"error\":{\"code\":\"provider\",\"message\":\"x\"}}", "A tariff",   "One market", "words"},
        {"{\"text\":\"[1,0.5]\"}",                                    "A tariff",   "One market", "words"},
  // clang-format on
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct debate *debate = new_debate("{\"question\":\"Which tariff, which tariff does the "
                                           "market bear?\",\"top_k\":2,\"corpus\":["
                                           "\"A tariff\",\"One market among many other "
                                           "words\",\"Nothing\",\"Duties upon a border\"]}");
        CLEANUP(json_freep) struct json *answer = parse(rows[i].reply);
        const struct json *const replies[] = {answer};
        struct corpus_batch batches[CORPUS_MAX_BATCHES];

        ck_assert_uint_eq(retrieval_batches(debate, batches), 1);
        ck_assert_uint_eq(batches[0].to, 4);
        retrieval_fuse(debate, replies, 1);
        CLEANUP(json_freep) struct json *told = retrieval_json(debate);
        ck_assert_msg(text_starts(debate->corpus.texts[0], rows[i].first), "row %zu: %s", i,
                      debate->corpus.texts[0].at);
        ck_assert_msg(text_starts(debate->corpus.texts[1], rows[i].second), "row %zu: %s", i,
                      debate->corpus.texts[1].at);
        ck_assert(span_equal(json_get_string(told, "method", ""), span_of(rows[i].method)));
        debate_free(debate);
    }
}
END_TEST

START_TEST(passages_are_compared_in_batches_that_a_request_can_hold)
{
    struct corpus_batch batches[CORPUS_MAX_BATCHES];
    CLEANUP(json_freep) struct json *many = json_array(), *large = json_array();
    char text[20001];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text + 15999, "\xe2\x82\xac", 3); /* a character over the limit of one text */
    for (int i = 0; i < 1000; i++)
        json_append(many, json_new_string(SPAN("short")));
    for (int i = 0; i < 50; i++)
        json_append(large, json_new_string(span_of(text)));
    ck_assert_uint_eq(corpus_batches(many, batches), 4);
    ck_assert_uint_eq(batches[3].from, 750);
    ck_assert_uint_eq(batches[3].to, 1000);
    ck_assert_uint_eq(corpus_batches(large, batches), 2);
    ck_assert_uint_eq(batches[1].from, 25);
    CLEANUP(charp_freep) char *body = corpus_batch_text(large, &batches[1], SPAN("q"));
    ck_assert(text_is_utf8(span_of(body)));
    CLEANUP(json_freep) struct json *texts = parse(body);
    ck_assert_uint_eq(json_length(texts), 26);
    ck_assert_uint_eq(json_string(json_at(texts, 1)).n, 15999);
}
END_TEST

TEST_MAIN("debate", texts_become_one_line_and_are_cut_between_words,
          texts_that_say_nearly_the_same_are_alike, verdicts_are_read_whatever_stands_around_them,
          answers_are_read_by_their_kind,
          choices_are_counted_by_plurality_and_ties_go_to_the_blind_vote,
          numbers_are_counted_by_their_median,
          probabilities_are_counted_by_the_mean_of_their_log_odds,
          entropy_is_of_the_groups_that_agree_in_bits,
          the_shipped_boards_have_four_and_twelve_members,
          requests_that_cannot_be_debated_are_refused_with_a_pointer,
          a_digest_is_anonymous_shuffled_by_reader_and_hides_the_count,
          a_digest_keeps_two_different_reasons_a_position,
          a_change_counts_only_with_a_reason_that_was_shown,
          who_is_missing_later_keeps_the_earlier_answer_and_who_never_came_is_absent,
          too_few_answers_are_inconclusive_and_nobody_is_asked_again,
          replies_without_an_answer_are_inconclusive, talking_ends_for_a_reason_of_the_closed_list,
          movements_and_costs_are_measured_by_voice_and_round, a_share_of_nothing_is_null,
          the_same_replies_give_the_same_bytes, code_writes_the_synthesis_when_no_model_could,
          a_synthesis_may_say_only_what_it_was_given, every_question_of_a_debate_is_different,
          passages_are_chosen_by_the_words_of_the_question,
          a_rare_word_counts_more_than_a_common_one_and_a_short_passage_more_than_a_long,
          words_and_sense_are_fused_by_their_ranks,
          passages_are_compared_in_batches_that_a_request_can_hold)
