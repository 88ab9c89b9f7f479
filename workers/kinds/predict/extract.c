/* The rules extractor: from normalised text to event, company, horizon and facts, each with its
 * quote.
 *
 * It reads facts and never a probability. The event is the class of the registry whose phrase says
 * the most in the goal; a goal without one, but in the words of a wish, gets the generic class
 * (grade D). What is no wish at all, tries to give us orders, or is about dying is refused. What it
 * could not read it says. */
#include <errno.h>

#include "error.h"
#include "json.h"
#include "names/company.h"
#include "predict.h"
#include "text.h"

#define DAY_S 86400.0
#define NEGATION_WORDS 4 /* how far before the event a "not" still means it */
#define NAME_WORDS_MAX 4 /* of a company nobody knows */
#define GOAL_WORDS_MIN 2 /* of a goal that names a class */

static const char orders[] =
    "ignore the above|ignore all|ignore previous|ignore your|ignore everything|ignore any|"
    "disregard the|disregard all|disregard previous|disregard your|forget your instructions|"
    "forget all|forget everything above|system prompt|you are now|new instructions|answer 100%|"
    "say 100%|output 100%|return 100%|print 100%|respond with|reply with|jailbreak|"
    "previous instructions|developer mode|set the probability|probability to 100%|"
    "override the|pretend you|pretend that you|do not simulate";
static const char sorrows[] =
    "suicide|kill myself|killing myself|kill him|kill her|end my life|self-harm|self harm|i die|"
    "when will i die|murder|overdose|cut myself|hurt myself|hang myself|want to die";
static const char wishes[] =
    "want|will|get|become|win|make|be|have|find|reach|finish|can|would|going|hope|wish|"
    "plan|try|trying|achieve|stop|start|keep|meet|build|create|i'll|to|chances|chance|odds";
static const char negations[] = "not|never|rejected|denied|won't|don't|doesn't|didn't|can't|cannot|"
                                "fail|fails|failing|avoid|without|no";
static const char horizon_leads[] = "in|within|next|under|by|over|coming|following|the";
static const char subject_words[] = "experience|exp|work|coding|programming|industry|professional";

static const char repetitions[] =
    "push-ups|pushups|push|pull-ups|pullups|pull|chin-ups|chinups|sit-ups|situps|squats|burpees|"
    "dips|reps|repetitions|times|rounds";

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
    {"a fortnight",                                                              14     },
    {"a couple of months",                                                       60.875 },
    {"half a year",                                                              182.625},
    {"a couple of years",                                                        730.5  },
    {"a decade",                                                                 3652.5 },
};

struct reader {
    struct extraction *extraction;
    const struct text_words *words;
    bool in_context;
};

static void find_event(const struct text_words *goal, struct extraction *extraction,
                       size_t *ret_first)
{
    const struct registry *all = registry();
    size_t best = 0;

    extraction->event = &registry_generic;
    *ret_first = goal->n;
    for (size_t i = 0; i < all->n_events; i++) {
        size_t first, last;
        size_t weight = words_find(goal, all->events[i].phrases, 0, &first, &last);
        if (weight > best) {
            best = weight;
            extraction->event = &all->events[i];
            *ret_first = first;
        }
    }
}

static bool is_negated(const struct text_words *goal, size_t first)
{
    size_t from = first > NEGATION_WORDS ? first - NEGATION_WORDS : 0;
    unsigned n = 0;

    for (size_t i = from; i < first && i < goal->n; i++)
        n += text_listed(negations, words_at(goal, i));
    return n % 2 == 1;
}

static void find_company(const struct text_words *words, struct extraction *extraction)
{
    for (size_t i = 0; i < words->n && !extraction->company; i++)
        extraction->company =
            company_named(words_at(words, i), i > 0 ? words_at(words, i - 1) : SPAN(""));
}

/* "a job at acme widgets in berlin": a name nobody knows, up to a word that cannot be of it. */
static void find_unknown_company(const struct text_words *words, struct extraction *extraction)
{
    static const char before[] = "job at|job offer from|work at|work for|working at|working for|"
                                 "hired by|hired at|position at|role at|employed at|employed by|"
                                 "internship at|intern at|engineer at|offer from";
    static const char ends[] = "a|an|the|my|as|in|within|by|with|and|or|but|for|this|next|because|"
                               "after|before|if|when|who|that|on|to|of|from|some|any|least|home|"
                               "school|night|university|myself|free";
    size_t first, last, n = 0;

    if (extraction->company || !words_find(words, before, 0, &first, &last))
        return;
    while (n < NAME_WORDS_MAX && last + 1 + n < words->n &&
           !text_listed(ends, words_at(words, last + 1 + n)))
        n++;
    if (n == 0)
        return;
    extraction->unknown_company = words_between(words, last + 1, last + n);
    extraction->guess = company_guess(extraction->unknown_company);
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

static void add_unread(struct reader *reader, size_t first, size_t last)
{
    struct extraction *extraction = reader->extraction;

    if (extraction->n_unread < PREDICT_FACTS_MAX)
        extraction->unread[extraction->n_unread++] = words_between(reader->words, first, last);
}

/* "within 6 months" is the horizon, "6 months of experience" a fact. */
static bool is_horizon(const struct reader *reader, const struct quantity *quantity)
{
    struct span before =
        quantity->first > 0 ? words_at(reader->words, quantity->first - 1) : SPAN("");
    struct span after = words_at(reader->words, quantity->last + 1);
    struct span after_of = words_at(reader->words, quantity->last + 2);

    if (text_listed(subject_words, after) || span_equal(after, SPAN("old")) ||
        (span_equal(after, SPAN("of")) && text_listed(subject_words, after_of)))
        return false;
    return quantity->unit && quantity->unit->factor >= DAY_S && text_listed(horizon_leads, before);
}

/* "by june": as unread as a year. */
static void read_dates(struct reader *reader)
{
    static const char dates[] =
        "january|february|march|april|may|june|july|august|september|october|november|december|"
        "spring|summer|autumn|winter|christmas|easter|thanksgiving|q1|q2|q3|q4";

    for (size_t i = 1; i < reader->words->n; i++)
        if (text_listed(dates, words_at(reader->words, i)) &&
            text_listed("by|until|till|before|in|of|this|next", words_at(reader->words, i - 1)))
            add_unread(reader, i, i);
}

/* "by 2027": a date needs a calendar, and a prediction must not depend on the day it is asked. */
static bool is_date(const struct reader *reader, const struct quantity *quantity)
{
    static const char leads[] = "by|in|until|till|before|since|after|of|from";
    struct span before =
        quantity->first > 0 ? words_at(reader->words, quantity->first - 1) : SPAN("");

    return !quantity->unit && quantity->value >= 1900 && quantity->value <= 2200 &&
           text_listed(leads, before);
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

/* Behind "2 years": "of experience", "experience". */
static bool is_of(const struct reader *reader, const struct quantity *quantity,
                  const char *subjects)
{
    struct span after = words_at(reader->words, quantity->last + 1);
    struct span after_of = words_at(reader->words, quantity->last + 2);

    return text_listed(subjects, after) ||
           (span_equal(after, SPAN("of")) && text_listed(subjects, after_of));
}

/* "under 4 hours", "sub 20 minutes" */
static bool is_finish_time(const struct reader *reader, const struct quantity *quantity)
{
    struct span before =
        quantity->first > 0 ? words_at(reader->words, quantity->first - 1) : SPAN("");

    return quantity->unit && quantity->unit->factor < DAY_S &&
           text_listed("under|in|sub|below|within|than", before);
}

/* A duration may be many things: the factor says which by its id. */
static bool means(const struct reader *reader, const struct quantity *quantity,
                  const struct factor_row *factor)
{
    struct span before =
        quantity->first > 0 ? words_at(reader->words, quantity->first - 1) : SPAN("");

    if (strcmp(factor->id, "experience") == 0)
        return is_of(reader, quantity, subject_words);
    if (strcmp(factor->id, "study") == 0)
        return is_of(reader, quantity, "study|studying|practice|practising|practicing|preparation");
    if (strcmp(factor->id, "finish_time") == 0)
        return is_finish_time(reader, quantity);
    if (strcmp(factor->id, "count") == 0 && strcmp(reader->extraction->event->type, "fitness") == 0)
        return text_listed(repetitions, words_at(reader->words, quantity->last + 1));
    return factor->unit != UNIT_COUNT || !text_listed("age|aged|am|is|level|chapter", before);
}

static const struct factor_row *factor_of(const struct reader *reader,
                                          const struct quantity *quantity, enum unit_kind kind)
{
    const struct registry *all = registry();

    for (size_t i = 0; i < all->n_factors; i++)
        if (all->factors[i].unit == kind &&
            factor_applies(&all->factors[i], reader->extraction->event) &&
            means(reader, quantity, &all->factors[i]))
            return &all->factors[i];
    return NULL;
}

static void take_horizon(struct reader *reader, const struct quantity *quantity, double seconds)
{
    struct extraction *extraction = reader->extraction;

    if (!(seconds > 0) || seconds > PREDICT_HORIZON_MAX_DAYS * DAY_S) {
        add_unread(reader, quantity->first, quantity->last);
        return;
    }
    if (extraction->horizon_quote.n > 0)
        return;
    extraction->horizon_days = seconds / DAY_S;
    extraction->horizon_quote = words_between(reader->words, quantity->first, quantity->last);
}

static void place_quantity(struct reader *reader, const struct quantity *quantity)
{
    const struct unit_row *unit = race_unit(reader, quantity);
    enum unit_kind kind = unit ? unit->kind : UNIT_COUNT;
    double si = quantity->value * (unit ? unit->factor : 1);
    const struct factor_row *factor = factor_of(reader, quantity, kind);

    if (kind == UNIT_DURATION && is_horizon(reader, quantity)) {
        take_horizon(reader, quantity, si);
        return;
    }
    if (!factor || !factor_takes(factor, si) || is_date(reader, quantity)) {
        add_unread(reader, quantity->first, quantity->last);
        return;
    }
    struct fact fact = {
        .id = factor->id,
        .factor = factor,
        .value = quantity->value,
        .si = si,
        .ratio = si / factor->reference,
        .unit = unit ? unit->words : NULL,
    };
    add_fact(reader, fact, quantity->first, quantity->last);
}

/* "1e309", "-$5m", "0x10": meant as a number, but none that we read. */
static bool is_odd_number(struct span word)
{
    bool begins =
        word.n > 0 && (strchr("0123456789$-+.", word.at[0]) || (unsigned char)word.at[0] >= 0x80);
    bool digits = false;

    for (size_t i = 0; i < word.n; i++)
        digits = digits || (word.at[i] >= '0' && word.at[i] <= '9');
    return begins && digits;
}

static void read_quantities(struct reader *reader)
{
    for (size_t i = 0; i < reader->words->n; i++) {
        struct quantity quantity;
        struct span word = words_at(reader->words, i);
        /* "one" alone is hardly ever a number. */
        bool digit = word.at[0] < 'a' || (unsigned char)word.at[0] >= 0x80;
        size_t end = number_end(reader->words, i);

        if (end > i) {
            add_unread(reader, i, end);
            i = end;
            continue;
        }
        if (!quantity_read(reader->words, i, &quantity)) {
            if (is_odd_number(word))
                add_unread(reader, i, i);
            continue;
        }
        if (!digit && !quantity.unit)
            continue;
        /* "3.8 gpa" and "gpa 3.8", "gpa of 3.8" */
        for (size_t back = 1; back <= 2 && back <= i && !quantity.unit; back++)
            if (span_equal(words_at(reader->words, i - back), SPAN("gpa")))
                quantity.unit = registry_unit(SPAN("gpa"));
        place_quantity(reader, &quantity);
        i = quantity.last;
    }
}

/* "get into a PhD program": who asks for a degree has not got it, but for "with an MSc". */
static bool is_asked_for(const struct reader *reader, const char *id, size_t first)
{
    static const char has[] = "with|have|has|having|hold|holding|my|finished|got";

    if (reader->in_context || strcmp(reader->extraction->event->type, "admission") != 0 ||
        !text_listed("doctorate|master|bachelor", span_of(id)))
        return false;
    for (size_t back = 1; back <= 2 && back <= first; back++)
        if (text_listed(has, words_at(reader->words, first - back)))
            return false;
    return true;
}

static void read_adjustments(struct reader *reader)
{
    const struct registry *all = registry();

    for (size_t i = 0; i < all->n_adjustments; i++) {
        const struct adjustment_row *row = &all->adjustments[i];
        size_t first, last;

        if (!adjustment_applies(row, reader->extraction->event) ||
            !words_find(reader->words, row->phrases, 0, &first, &last))
            continue;
        /* "not a graduate", "no referral": the opposite is not what the row says. */
        if (first > 0 && text_listed("not|no|without|never", words_at(reader->words, first - 1)))
            continue;
        if (is_asked_for(reader, row->id, first))
            continue;
        struct fact fact = {.id = row->id, .adjustment = row, .log_odds = row->log_odds};
        add_fact(reader, fact, first, last);
    }
}

static void read_text(struct extraction *extraction, const struct text_words *words,
                      bool in_context)
{
    struct reader reader = {extraction, words, in_context};

    find_company(words, extraction);
    read_quantities(&reader);
    read_dates(&reader);
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
        wish = wish || text_listed(wishes, word);
    }
    return wish && n_plain >= 3 && 2 * n_plain >= goal->n;
}

/* Why nobody shall answer this, or NULL. */
static const char *reason_to_refuse(const struct text_words *goal, const struct text_words *context)
{
    size_t first, last;

    if (words_find(goal, orders, 0, &first, &last) || words_find(context, orders, 0, &first, &last))
        return "the text gives orders instead of telling a goal";
    if (words_find(goal, sorrows, 0, &first, &last))
        return "we give no odds on this; if you are in danger, call your local emergency number";
    if (goal->cut || context->cut)
        return "the text has more than 2,048 words";
    return NULL;
}

int predict_refuse(struct span goal, struct span context, struct error *error)
{
    struct text_words goal_words, context_words;

    words_init(&goal_words, goal);
    words_init(&context_words, context);
    const char *why = reason_to_refuse(&goal_words, &context_words);
    words_deinit(&goal_words);
    words_deinit(&context_words);
    return why ? error_set(error, ERROR_UNPREDICTABLE, -EINVAL, "unpredictable: %s", why) : 0;
}

void predict_read_company(struct span text, struct extraction *extraction)
{
    struct text_words words;

    words_init(&words, text);
    find_company(&words, extraction);
    words_deinit(&words);
}

int predict_extract(struct span goal, struct span context, struct extraction *ret_extraction,
                    struct error *error)
{
    struct extraction extraction = {.extractor = PREDICT_RULES, .widen = PREDICT_WIDEN_RULES};
    struct text_words goal_words, context_words;
    size_t first;
    int r = predict_refuse(goal, context, error);

    if (r < 0)
        return r;
    words_init(&goal_words, goal);
    words_init(&context_words, context);
    find_event(&goal_words, &extraction, &first);
    bool generic = extraction.event == &registry_generic;
    if (predict_is_foreign(&goal_words)) {
        r = error_set(
            error, ERROR_UNPREDICTABLE, -EINVAL,
            "unpredictable: the goal's language is not read by rules, which read English; "
            "a language model reads it: configure a provider");
    } else if (generic ? !is_wish(&goal_words) : goal_words.n < GOAL_WORDS_MIN) {
        r = error_set(error, ERROR_UNPREDICTABLE, -EINVAL,
                      "unpredictable: the goal names no event that could happen or not; say what "
                      "is hoped for, like \"get a job at OpenAI within a year\"");
    } else {
        extraction.fit = generic ? FIT_NONE : FIT_LOOSE;
        extraction.negated = !generic && is_negated(&goal_words, first);
        read_text(&extraction, &goal_words, false);
        read_text(&extraction, &context_words, true);
        if (strcmp(extraction.event->type, "job") == 0)
            find_unknown_company(&goal_words, &extraction);
        if (extraction.horizon_quote.n == 0)
            extraction.horizon_days = extraction.event->horizon_days;
        *ret_extraction = extraction;
    }
    words_deinit(&goal_words);
    words_deinit(&context_words);
    return r;
}
