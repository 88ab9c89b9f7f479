/* What a language model extracted, checked: a fact counts when its quote stands in the texts, and a
 * number is the one of its quote, read by our own grammar. What cannot be proved is dropped and
 * said; what has not the form at all is refused with the reason, for the repair.
 *
 * A pure function of the answer and the texts: stored once, it is read the same way for ever. */
#include <errno.h>
#include <math.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "names/company.h"
#include "predict.h"

#define DAY_S 86400.0
#define LOG_ODDS_MAX 2.0
#define SPREAD_MAX 4.0
#define ATTEMPTS_MAX 1000.0

struct reading {
    const struct json *answer;
    struct span goal, context;
    struct extraction *extraction;
    struct error *error;
};

static int wrong(struct reading *reading, const char *why)
{
    return error_set(reading->error, ERROR_INVALID, -EINVAL, "%s", why);
}

/* Where the quote stands; the texts are folded, so the quote is folded too. */
static bool find_quote(const struct reading *reading, struct span quote, struct fact *fact)
{
    struct buf folded;

    buf_init(&folded, PREDICT_TEXT_MAX_BYTES);
    predict_normalise(quote, &folded);
    for (int i = 0; i < 2 && folded.n > 0; i++) {
        struct span text = i == 0 ? reading->goal : reading->context;
        const char *at = text.n > 0 ? memmem(text.at, text.n, folded.at, folded.n) : NULL;
        if (!at)
            continue;
        fact->in_context = i == 1;
        fact->from = (size_t)(at - text.at);
        fact->quote = (struct span){at, folded.n};
        buf_deinit(&folded);
        return true;
    }
    buf_deinit(&folded);
    return false;
}

static void drop(struct reading *reading, const struct json *row, const char *why)
{
    struct extraction *extraction = reading->extraction;

    if (extraction->n_dropped < PREDICT_FACTS_MAX)
        extraction->dropped[extraction->n_dropped++] = (struct dropped){
            json_get_string(row, "factor", "horizon"), json_get_string(row, "quote", ""), why};
}

static bool has_fact(const struct extraction *extraction, const char *id)
{
    for (size_t i = 0; i < extraction->n_facts; i++)
        if (strcmp(extraction->facts[i].id, id) == 0)
            return true;
    return false;
}

static bool has_digit(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.at[i] >= '0' && text.at[i] <= '9')
            return true;
    return false;
}

/* The first quantity in the quote, or else what the model says, when the quote has no digits that
 * could tell. */
static bool read_quantity(struct span quote, const struct json *row, struct quantity *ret_quantity)
{
    struct text_words words;
    bool found = false;

    words_init(&words, quote);
    for (size_t i = 0; i < words.n && !found; i++)
        found = quantity_read(&words, i, ret_quantity);
    words_deinit(&words);
    if (!found && !has_digit(quote)) {
        *ret_quantity = (struct quantity){.value = json_get_number(row, "value", 0)};
        found = ret_quantity->value > 0;
    }
    if (!ret_quantity->unit)
        ret_quantity->unit = registry_unit(json_get_string(row, "unit", "none"));
    return found && isfinite(ret_quantity->value) && ret_quantity->value > 0;
}

static const struct factor_row *factor_of(const struct extraction *extraction, struct span id)
{
    const struct registry *all = registry();

    for (size_t i = 0; i < all->n_factors; i++)
        if (span_equal(id, span_of(all->factors[i].id)) &&
            factor_applies(&all->factors[i], extraction->event))
            return &all->factors[i];
    return NULL;
}

static void add_fact(struct reading *reading, const struct json *row)
{
    struct extraction *extraction = reading->extraction;
    const struct factor_row *factor = factor_of(extraction, json_get_string(row, "factor", ""));
    struct quantity quantity = {0};
    struct fact fact = {.factor = factor};

    if (!factor) {
        drop(reading, row, "it says nothing about this event");
        return;
    }
    if (!find_quote(reading, json_get_string(row, "quote", ""), &fact)) {
        drop(reading, row, "the quote is not in the text");
        return;
    }
    if (!read_quantity(fact.quote, row, &quantity)) {
        drop(reading, row, "the quote holds no such quantity");
        return;
    }
    enum unit_kind kind = quantity.unit ? quantity.unit->kind : UNIT_COUNT;
    if (kind != factor->unit && !(kind == UNIT_COUNT && factor->unit == UNIT_GPA)) {
        drop(reading, row, "the quantity has another unit");
        return;
    }
    fact.si = quantity.value * (quantity.unit ? quantity.unit->factor : 1);
    if (!factor_takes(factor, fact.si)) {
        drop(reading, row, "the quantity is larger than can be meant");
        return;
    }
    fact.id = factor->id;
    fact.value = quantity.value;
    fact.ratio = fact.si / factor->reference;
    fact.unit = quantity.unit ? quantity.unit->words : NULL;
    if (extraction->n_facts < PREDICT_FACTS_MAX && !has_fact(extraction, fact.id))
        extraction->facts[extraction->n_facts++] = fact;
}

static const struct adjustment_row *adjustment_of(const struct extraction *extraction,
                                                  struct span id)
{
    const struct registry *all = registry();

    for (size_t i = 0; i < all->n_adjustments; i++)
        if (span_equal(id, span_of(all->adjustments[i].id)) &&
            adjustment_applies(&all->adjustments[i], extraction->event))
            return &all->adjustments[i];
    return NULL;
}

static void add_adjustment(struct reading *reading, const struct json *row)
{
    struct extraction *extraction = reading->extraction;
    const struct adjustment_row *adjustment =
        adjustment_of(extraction, json_get_string(row, "factor", ""));
    struct rate odds = {json_get_number(row, "p10", 0), json_get_number(row, "p50", 0),
                        json_get_number(row, "p90", 0)};
    struct fact fact = {.adjustment = adjustment, .log_odds = odds, .assumed_odds = true};

    if (!adjustment) {
        drop(reading, row, "it says nothing about this event");
    } else if (!find_quote(reading, json_get_string(row, "quote", ""), &fact)) {
        drop(reading, row, "the quote is not in the text");
    } else if (!(odds.p10 < odds.p50 && odds.p50 < odds.p90) || fabs(odds.p50) > LOG_ODDS_MAX ||
               odds.p90 - odds.p10 > SPREAD_MAX) {
        drop(reading, row, "its range is none, or too far from zero");
    } else if (extraction->n_facts < PREDICT_FACTS_MAX && !has_fact(extraction, adjustment->id)) {
        fact.id = adjustment->id;
        extraction->facts[extraction->n_facts++] = fact;
    }
}

static int read_event(struct reading *reading)
{
    const struct json *event = json_get(reading->answer, "event");
    struct span id = json_get_string(event, "class", ""), fit = json_get_string(event, "fit", "");
    struct fact where = {0};

    reading->extraction->event =
        span_equal(id, span_of(registry_generic.id)) ? &registry_generic : registry_event(id);
    if (!reading->extraction->event)
        return wrong(reading, "event.class is none of the classes");
    if (!find_quote(reading, json_get_string(event, "quote", ""), &where) || where.in_context)
        return wrong(reading, "event.quote is not in the goal");
    if (!json_is(json_get(event, "negated"), JSON_BOOL))
        return wrong(reading, "event.negated is missing");
    reading->extraction->negated = json_get_bool(event, "negated", false);
    reading->extraction->fit = FIT_COUNT_;
    for (int i = 0; i < FIT_COUNT_; i++)
        if (span_equal(fit, span_of(fit_name((enum fit)i))))
            reading->extraction->fit = (enum fit)i;
    if (reading->extraction->fit == FIT_COUNT_)
        return wrong(reading, "event.fit is none of close, loose, none");
    if (reading->extraction->fit == FIT_NONE)
        reading->extraction->event = &registry_generic;
    else if (reading->extraction->event == &registry_generic)
        reading->extraction->fit = FIT_NONE;
    return 0;
}

/* A refusal quotes the goal as well: a model that did not read it cannot refuse it. */
static int read_refusal(struct reading *reading)
{
    const struct json *event = json_get(reading->answer, "event");
    struct fact where = {0};

    if (!find_quote(reading, json_get_string(event, "quote", ""), &where) || where.in_context)
        return wrong(reading, "event.quote is not in the goal");
    return error_set(reading->error, ERROR_UNPREDICTABLE, -EINVAL,
                     "unpredictable: the goal names no event that could happen or not");
}

static void read_horizon(struct reading *reading)
{
    const struct json *horizon = json_get(reading->answer, "horizon");
    const struct unit_row *unit = registry_unit(json_get_string(horizon, "unit", ""));
    double days = unit ? json_get_number(horizon, "value", 0) * unit->factor / DAY_S : 0;
    struct fact where = {0};

    reading->extraction->horizon_days = reading->extraction->event->horizon_days;
    if (!(days > 0))
        return;
    if (days > PREDICT_HORIZON_MAX_DAYS ||
        !find_quote(reading, json_get_string(horizon, "quote", ""), &where)) {
        drop(reading, horizon, "the quote is not in the text");
        return;
    }
    reading->extraction->horizon_days = days;
    reading->extraction->horizon_quote = where.quote;
}

static void read_attempts(struct reading *reading)
{
    const struct json *attempts = json_get(reading->answer, "attempts");
    double p10 = json_get_number(attempts, "p10", 0), p90 = json_get_number(attempts, "p90", 0);

    if (reading->extraction->event->attempts_p90 > 0 && p10 >= 1 && p90 > p10 &&
        p90 <= ATTEMPTS_MAX) {
        reading->extraction->attempts_p10 = p10;
        reading->extraction->attempts_p90 = p90;
    }
}

static void read_entity(struct reading *reading)
{
    struct fact where = {0};
    struct extraction *extraction = reading->extraction;

    predict_read_company(reading->goal, extraction);
    predict_read_company(reading->context, extraction);
    if (!extraction->company &&
        find_quote(reading, json_get_string(reading->answer, "entity", ""), &where)) {
        extraction->unknown_company = where.quote;
        extraction->guess = company_guess(where.quote);
    }
}

static void read_lists(struct reading *reading)
{
    const struct json *facts = json_get(reading->answer, "facts");
    const struct json *adjustments = json_get(reading->answer, "adjustments");
    const struct json *unread = json_get(reading->answer, "unread");
    struct extraction *extraction = reading->extraction;

    for (size_t i = 0; i < json_length(facts); i++)
        add_fact(reading, json_at(facts, i));
    for (size_t i = 0; i < json_length(adjustments); i++)
        add_adjustment(reading, json_at(adjustments, i));
    for (size_t i = 0; i < json_length(unread) && extraction->n_unread < PREDICT_FACTS_MAX; i++)
        if (json_string(json_at(unread, i)).n > 0)
            extraction->unread[extraction->n_unread++] = json_string(json_at(unread, i));
}

int predict_read_llm(const struct json *answer, struct span goal, struct span context,
                     struct extraction *ret_extraction, struct error *error)
{
    struct extraction extraction = {.extractor = PREDICT_LLM, .widen = 1};
    struct reading reading = {answer, goal, context, &extraction, error};

    if (!json_is(answer, JSON_OBJECT) || !json_is(json_get(answer, "answerable"), JSON_BOOL))
        return wrong(&reading, "it is no JSON object with a member answerable");
    if (!json_get_bool(answer, "answerable", false))
        return read_refusal(&reading);
    if (!json_is(json_get(answer, "facts"), JSON_ARRAY) ||
        !json_is(json_get(answer, "adjustments"), JSON_ARRAY))
        return wrong(&reading, "facts or adjustments are missing");
    int r = read_event(&reading);
    if (r < 0)
        return r;
    read_horizon(&reading);
    read_attempts(&reading);
    read_entity(&reading);
    read_lists(&reading);
    *ret_extraction = extraction;
    return 0;
}
