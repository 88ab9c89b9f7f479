/* Scores of debates: pure functions of their results.
 *
 * One job gives all three ways of answering: each member's blind answer stands for a single model
 * asked once, the blind vote for asking many without letting them talk, the standing decision for
 * the debate. So all three see the same words. */
#include "cli/eval_score.h"

#include <math.h>

#include "cli/page.h"
#include "json.h"
#include "text.h"

bool score_is_right(const struct json *answer, const struct json *expected)
{
    double is = json_number(answer), wanted = json_number(expected);

    if (json_is(expected, JSON_STRING))
        return json_is(answer, JSON_STRING) &&
               text_equal_nocase(text_trim(json_string(answer)), text_trim(json_string(expected)));
    if (!json_is(answer, JSON_NUMBER))
        return false;
    if (is >= 0 && is <= 1 && (wanted <= 0 || wanted >= 1) && wanted >= 0 && wanted <= 1)
        return (is > 0.5) == (wanted > 0.5);
    return fabs(is - wanted) <= 0.1 * fabs(wanted);
}

static double share_of_members(const struct json *result, const struct json *expected)
{
    const struct json *positions = json_get(result, "positions");
    size_t n = 0, n_right = 0;

    for (size_t i = 0; i < json_length(positions); i++) {
        const struct json *position = json_at(positions, i);

        if (!json_get_bool(position, "votes", true))
            continue;
        n++;
        n_right += score_is_right(json_get(position, "blind_answer"), expected);
    }
    return n > 0 ? (double)n_right / (double)n : 0;
}

void score_add(struct score *score, const struct json *result, const struct json *expected)
{
    const struct json *rounds = json_get(result, "rounds");
    const struct json *blind = json_get(json_get(json_get(result, "votes"), "blind"), "answer");
    bool was_right = score_is_right(blind, expected);
    bool is_right = score_is_right(json_get(result, "answer"), expected);
    double usd_blind = json_get_number(json_at(rounds, 0), "cost_usd", 0);
    int64_t n_present = json_get_integer(json_at(rounds, 0), "present", 1);

    score->n++;
    score->single += share_of_members(result, expected);
    score->blind += was_right;
    score->final += is_right;
    score->n_mended += !was_right && is_right;
    score->n_spoilt += was_right && !is_right;
    score->usd_single += usd_blind / (double)(n_present > 0 ? n_present : 1);
    score->usd_blind += usd_blind;
    score->usd_final += json_get_number(json_get(result, "usage"), "cost_usd", 0);
    for (size_t i = 1; i < json_length(rounds); i++) {
        score->n_changed += json_get_integer(json_at(rounds, i), "changed", 0);
        score->n_conformed += json_get_integer(json_at(rounds, i), "conformed", 0);
    }
}

static double mean(double sum, size_t n)
{
    return n > 0 ? sum / (double)n : 0;
}

static struct json *way_json(double right, double usd, size_t n)
{
    struct json *json = json_object();

    json_set_number(json, "accuracy", mean(right, n));
    json_set_number(json, "usd", mean(usd, n));
    return json;
}

struct json *score_json(const struct score *score)
{
    struct json *json = json_object();

    json_set_integer(json, "questions", (int64_t)score->n);
    json_set_integer(json, "without_result", (int64_t)score->n_lost);
    json_set(json, "single", way_json(score->single, score->usd_single, score->n));
    json_set(json, "blind", way_json(score->blind, score->usd_blind, score->n));
    json_set(json, "debate", way_json(score->final, score->usd_final, score->n));
    json_set_integer(json, "mended", (int64_t)score->n_mended);
    json_set_integer(json, "spoilt", (int64_t)score->n_spoilt);
    json_set_integer(json, "changed_for_a_reason", score->n_changed);
    json_set_integer(json, "conformed", score->n_conformed);
    return json;
}

void score_print(const struct page *page, const struct score *score)
{
    const struct {
        const char *name;
        double right, usd;
    } rows[] = {
        {"single model", score->single, score->usd_single},
        {"blind vote",   score->blind,  score->usd_blind },
        {"debate",       score->final,  score->usd_final },
    };
    char line[160];

    (void)snprintf(line, sizeof(line), "%-14s %9s %14s", "", "RIGHT", "USD A QUESTION");
    page_row(page, (struct margin){0}, PAGE_BOLD, span_of(line));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        (void)snprintf(line, sizeof(line), "%-14s %8.1f%% %14.6f", rows[i].name,
                       100 * mean(rows[i].right, score->n), mean(rows[i].usd, score->n));
        page_row(page, (struct margin){0}, PAGE_PLAIN, span_of(line));
    }
    (void)snprintf(line, sizeof(line),
                   "%zu questions, %zu without a result; debating mended %zu and spoilt %zu",
                   score->n, score->n_lost, score->n_mended, score->n_spoilt);
    page_row(page, (struct margin){0}, PAGE_PLAIN, span_of(line));
    (void)snprintf(line, sizeof(line),
                   "%lld changes of mind for a reason, %lld without (not counted)",
                   (long long)score->n_changed, (long long)score->n_conformed);
    page_row(page, (struct margin){0}, PAGE_PLAIN, span_of(line));
}
