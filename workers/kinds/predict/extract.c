/* The rules extractor: from normalised text to event, company, horizon and facts, each with its
 * quote.
 *
 * It reads facts and never a probability. The event is the row of the registry whose phrase is the
 * longest in the goal; a goal without one, but in the words of a wish, gets the generic class
 * (grade D). What is no wish at all, tries to give us orders, or is about dying is refused. */
#include <errno.h>

#include "error.h"
#include "json.h"
#include "predict.h"

#define DAY_S 86400.0
#define NEGATION_WORDS 4 /* how far before the event a "not" still means it */

static const char orders[] = "ignore the above|ignore all|ignore previous|ignore your|disregard "
                             "the|disregard all|disregard previous|"
                             "system prompt|you are now|new instructions|answer 100%|say "
                             "100%|output 100%|respond with|jailbreak";
static const char sorrows[] = "suicide|kill myself|kill him|kill her|end my life|self-harm|self "
                              "harm|i die|when will i die|murder|overdose";
static const char wishes[] =
    "want|will|get|become|win|make|be|have|find|reach|finish|can|would|going|hope|wish|"
    "plan|try|trying|achieve|stop|start|keep|meet|build|create|i'll|to|chances|chance|odds";
static const char negations[] =
    "not|never|won't|don't|doesn't|didn't|can't|cannot|fail|fails|failing|avoid|without|no";
static const char horizon_leads[] = "in|within|next|under|by|over|coming|following|the";
static const char subject_words[] = "experience|exp|work|coding|programming|industry|professional";

static const struct {
    const char *phrases;
    double days;
} named_horizons[] = {
    {"today|tonight|tomorrow",                                                   1      },
    {"this week|next week|by next week",                                         7      },
    {"this month|next month",                                                    30.4375},
    {"this quarter|next quarter",                                                91.3125},
    {"this year|next year|by next year|within a year|in a year|a year from now", 365.25 },
    {"within a month|in a month",                                                30.4375},
    {"within a week|in a week",                                                  7      },
};

struct reader {
    struct extraction *extraction;
    const struct text_words *words;
    bool in_context;
};

static struct span words_between(const struct text_words *words, size_t first, size_t last)
{
    size_t from = words->at[first].from;

    return (struct span){words->text.at + from, words->at[last].to - from};
}

static void find_event(const struct text_words *goal, struct extraction *extraction,
                       size_t *ret_first)
{
    size_t best = 0;

    extraction->event = &registry_generic;
    *ret_first = goal->n;
    for (size_t i = 0; i < registry_n_events; i++) {
        size_t first, last;
        if (!words_find(goal, registry_events[i].phrases, 0, &first, &last))
            continue;
        /* By bytes, so that "raise money" beats "money" and "seed round" beats "raise". */
        size_t length = words_between(goal, first, last).n;
        if (length > best) {
            best = length;
            extraction->event = &registry_events[i];
            *ret_first = first;
        }
    }
}

static bool is_negated(const struct text_words *goal, size_t first)
{
    size_t from = first > NEGATION_WORDS ? first - NEGATION_WORDS : 0;
    unsigned n = 0;

    for (size_t i = from; i < first && i < goal->n; i++)
        n += registry_list_has(negations, words_at(goal, i));
    return n % 2 == 1;
}

static void find_company(const struct text_words *words, struct extraction *extraction)
{
    for (size_t i = 0; i < words->n && !extraction->company; i++)
        extraction->company =
            company_named(words_at(words, i), i > 0 ? words_at(words, i - 1) : SPAN(""));
}

static void find_named_horizon(const struct text_words *words, struct extraction *extraction)
{
    for (size_t i = 0; i < ARRAY_SIZE(named_horizons) && extraction->horizon_quote.n == 0; i++) {
        size_t first, last;
        if (words_find(words, named_horizons[i].phrases, 0, &first, &last)) {
            extraction->horizon_days = named_horizons[i].days;
            extraction->horizon_quote = words_between(words, first, last);
        }
    }
}

static const struct factor_row *factor_of(const struct extraction *extraction, enum unit_kind unit)
{
    for (size_t i = 0; i < registry_n_factors; i++)
        if (registry_factors[i].unit == unit &&
            strcmp(registry_factors[i].event, extraction->event->type) == 0)
            return &registry_factors[i];
    return NULL;
}

static bool has_fact(const struct extraction *extraction, const char *id)
{
    for (size_t i = 0; i < extraction->n_facts; i++)
        if (strcmp(extraction->facts[i].id, id) == 0)
            return true;
    return false;
}

static void add_fact(struct reader *reader, struct fact fact, size_t first, size_t last)
{
    struct extraction *extraction = reader->extraction;

    if (extraction->n_facts == PREDICT_FACTS_MAX || has_fact(extraction, fact.id))
        return;
    fact.in_context = reader->in_context;
    fact.quote = words_between(reader->words, first, last);
    fact.from = reader->words->at[first].from;
    extraction->facts[extraction->n_facts++] = fact;
}

static void add_unread(struct reader *reader, const struct quantity *quantity)
{
    struct extraction *extraction = reader->extraction;

    if (extraction->n_unread < PREDICT_FACTS_MAX)
        extraction->unread[extraction->n_unread++] =
            words_between(reader->words, quantity->first, quantity->last);
}

/* "within 6 months" is the horizon, "6 months of experience" a fact. */
static bool is_horizon(const struct reader *reader, const struct quantity *quantity)
{
    struct span before =
        quantity->first > 0 ? words_at(reader->words, quantity->first - 1) : SPAN("");
    struct span after = words_at(reader->words, quantity->last + 1);
    struct span after_of = words_at(reader->words, quantity->last + 2);

    if (registry_list_has(subject_words, after) || span_equal(after, SPAN("old")) ||
        (span_equal(after, SPAN("of")) && registry_list_has(subject_words, after_of)))
        return false;
    return quantity->unit->factor >= DAY_S && registry_list_has(horizon_leads, before);
}

/* "by 2027": a date needs a calendar, and a prediction must not depend on the day it is asked. */
static bool is_date(const struct reader *reader, const struct quantity *quantity)
{
    static const char leads[] = "by|in|until|till|before|since|after|of|from";
    struct span before =
        quantity->first > 0 ? words_at(reader->words, quantity->first - 1) : SPAN("");

    return !quantity->unit && quantity->value >= 1900 && quantity->value <= 2200 &&
           registry_list_has(leads, before);
}

/* "a 10k run" is ten kilometres. */
static const struct unit_row *race_unit(const struct reader *reader,
                                        const struct quantity *quantity)
{
    struct span word = words_at(reader->words, quantity->first);

    if (quantity->unit || strcmp(reader->extraction->event->type, "fitness") != 0 ||
        quantity->first != quantity->last || word.at[word.n - 1] != 'k')
        return quantity->unit;
    return registry_unit(SPAN("meter"));
}

/* A year of age or a duration of something else is no experience. */
static bool is_experience(const struct reader *reader, const struct quantity *quantity)
{
    struct span after = words_at(reader->words, quantity->last + 1);
    struct span after_of = words_at(reader->words, quantity->last + 2);

    return registry_list_has(subject_words, after) ||
           (span_equal(after, SPAN("of")) && registry_list_has(subject_words, after_of));
}

static void place_quantity(struct reader *reader, const struct quantity *quantity)
{
    struct extraction *extraction = reader->extraction;
    const struct unit_row *unit = race_unit(reader, quantity);
    enum unit_kind kind = unit ? unit->kind : UNIT_COUNT;
    double si = quantity->value * (unit ? unit->factor : 1);
    const struct factor_row *factor = factor_of(extraction, kind);

    if (kind == UNIT_DURATION && is_horizon(reader, quantity)) {
        if (extraction->horizon_quote.n == 0 && si > 0) {
            extraction->horizon_days = si / DAY_S;
            extraction->horizon_quote =
                words_between(reader->words, quantity->first, quantity->last);
        }
        return;
    }
    if (kind == UNIT_DURATION && !is_experience(reader, quantity))
        factor = NULL;
    if (!factor || !(si > 0) || is_date(reader, quantity)) {
        add_unread(reader, quantity);
        return;
    }
    struct fact fact = {
        .id = factor->id,
        .factor = factor,
        .value = quantity->value,
        .si = si,
        .ratio = si / factor->reference,
    };
    fact.unit = unit ? unit->words : NULL;
    add_fact(reader, fact, quantity->first, quantity->last);
}

static void read_quantities(struct reader *reader)
{
    for (size_t i = 0; i < reader->words->n; i++) {
        struct quantity quantity;
        struct span word = words_at(reader->words, i);
        /* "one" alone is hardly ever a number. */
        bool digit = word.at[0] < 'a' || (unsigned char)word.at[0] >= 0x80;

        if (!quantity_read(reader->words, i, &quantity) || (!digit && !quantity.unit))
            continue;
        /* "3.8 gpa" and "gpa 3.8", "gpa of 3.8" */
        for (size_t back = 1; back <= 2 && back <= i && !quantity.unit; back++)
            if (span_equal(words_at(reader->words, i - back), SPAN("gpa")))
                quantity.unit = registry_unit(SPAN("gpa"));
        place_quantity(reader, &quantity);
        i = quantity.last;
    }
}

static void read_adjustments(struct reader *reader)
{
    for (size_t i = 0; i < registry_n_adjustments; i++) {
        const struct adjustment_row *row = &registry_adjustments[i];
        size_t first, last;

        if (!registry_list_has(row->events, span_of(reader->extraction->event->type)) ||
            !words_find(reader->words, row->phrases, 0, &first, &last))
            continue;
        /* "not a graduate", "no referral": the opposite is not what the row says. */
        if (first > 0 &&
            registry_list_has("not|no|without|never", words_at(reader->words, first - 1)))
            continue;
        add_fact(reader, (struct fact){.id = row->id, .adjustment = row}, first, last);
    }
}

static void read_text(struct extraction *extraction, const struct text_words *words,
                      bool in_context)
{
    struct reader reader = {extraction, words, in_context};

    find_company(words, extraction);
    read_quantities(&reader);
    find_named_horizon(words, extraction);
    read_adjustments(&reader);
}

static bool is_wish(const struct text_words *goal)
{
    size_t n_plain = 0;
    bool wish = false;

    for (size_t i = 0; i < goal->n; i++) {
        struct span word = words_at(goal, i);
        bool letters = true, vowel = false;
        for (size_t j = 0; j < word.n; j++) {
            letters = letters && ((word.at[j] >= 'a' && word.at[j] <= 'z') || word.at[j] == '\'');
            vowel = vowel || strchr("aeiouy", word.at[j]);
        }
        n_plain += letters && vowel;
        wish = wish || registry_list_has(wishes, word);
    }
    return wish && n_plain >= 3 && 2 * n_plain >= goal->n;
}

/* Why nothing can be said, or NULL. */
static const char *reason_to_refuse(const struct text_words *goal, const struct text_words *context,
                                    const struct extraction *extraction)
{
    size_t first, last;

    if (words_find(goal, orders, 0, &first, &last) || words_find(context, orders, 0, &first, &last))
        return "unpredictable: the text gives orders instead of telling a goal";
    if (words_find(goal, sorrows, 0, &first, &last))
        return "unpredictable: we give no odds on this; if you are in danger, call your local "
               "emergency "
               "number";
    if (goal->cut || context->cut)
        return "unpredictable: the text has more than 2,048 words";
    if (extraction->event == &registry_generic && !is_wish(goal))
        return "unpredictable: the goal names no event that could happen or not; say what is hoped "
               "for, like "
               "\"get a job at OpenAI within a year\"";
    return NULL;
}

int predict_extract(struct span goal, struct span context, struct extraction *ret_extraction,
                    struct error *error)
{
    struct extraction extraction = {0};
    struct text_words goal_words, context_words;
    size_t first;

    words_init(&goal_words, goal);
    words_init(&context_words, context);
    find_event(&goal_words, &extraction, &first);
    const char *why = reason_to_refuse(&goal_words, &context_words, &extraction);
    if (!why) {
        extraction.negated =
            extraction.event != &registry_generic && is_negated(&goal_words, first);
        read_text(&extraction, &goal_words, false);
        read_text(&extraction, &context_words, true);
        if (extraction.horizon_quote.n == 0)
            extraction.horizon_days = extraction.event->horizon_days;
        *ret_extraction = extraction;
    }
    words_deinit(&goal_words);
    words_deinit(&context_words);
    return why ? error_set(error, ERROR_INVALID, -EINVAL, "%s", why) : 0;
}

static struct json *fact_json(const struct fact *fact)
{
    struct json *json = json_object(), *span = json_array();

    json_set_text(json, "id", fact->id);
    if (fact->factor) {
        json_set_number(json, "value", fact->value);
        if (fact->unit) {
            const char *end = strchr(fact->unit, '|');
            json_set_string(
                json, "unit",
                (struct span){fact->unit, end ? (size_t)(end - fact->unit) : strlen(fact->unit)});
        }
    }
    json_set_string(json, "quote", fact->quote);
    json_set_text(json, "in", fact->in_context ? "context" : "goal");
    json_append(span, json_new_integer((int64_t)fact->from));
    json_append(span, json_new_integer((int64_t)(fact->from + fact->quote.n)));
    json_set(json, "span", span);
    return json;
}

static struct json *event_json(const struct extraction *extraction)
{
    struct json *json = json_object(), *horizon = json_object();

    json_set_text(json, "statement", extraction->event->statement);
    json_set_text(json, "type", extraction->event->type);
    json_set_bool(json, "negated", extraction->negated);
    if (extraction->company) {
        struct json *entity = json_object();
        json_set_text(entity, "id", extraction->company->id);
        json_set_text(entity, "surface", extraction->company->name);
        json_set(json, "entity", entity);
    }
    json_set_number(horizon, "value", extraction->horizon_days);
    json_set_text(horizon, "unit", "day");
    json_set_text(horizon, "source", extraction->horizon_quote.n > 0 ? "text" : "default");
    if (extraction->horizon_quote.n > 0)
        json_set_string(horizon, "quote", extraction->horizon_quote);
    json_set(json, "horizon", horizon);
    return json;
}

struct json *predict_extraction_json(const struct extraction *extraction)
{
    struct json *json = json_object(), *facts = json_array(), *class = json_object();
    struct json *missing = json_array(), *unread = json_array();

    json_set_text(json, "schema", "predict.extract/1");
    json_set(json, "event", event_json(extraction));
    for (size_t i = 0; i < extraction->n_facts; i++)
        json_append(facts, fact_json(&extraction->facts[i]));
    json_set(json, "facts", facts);
    json_set_text(class, "id", extraction->event->type);
    json_set_text(class, "fit", extraction->event == &registry_generic ? "none" : "loose");
    json_set(json, "reference_class", class);
    for (size_t i = 0; i < registry_n_factors; i++)
        if (strcmp(registry_factors[i].event, extraction->event->type) == 0 &&
            !has_fact(extraction, registry_factors[i].id))
            json_append(missing, json_new_string(span_of(registry_factors[i].id)));
    json_set(json, "missing", missing);
    for (size_t i = 0; i < extraction->n_unread; i++)
        json_append(unread, json_new_string(extraction->unread[i]));
    json_set(json, "unread", unread);
    json_set_bool(json, "answerable", extraction->event != &registry_generic);
    return json;
}
