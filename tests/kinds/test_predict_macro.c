/* The economy in a prediction: how figures become a ratio, which event it shifts, and when it no
 * longer does. */
#include <check.h>

#include "clock.h"
#include "json.h"
#include "kinds/predict/macro.h"
#include "kinds/predict/predict.h"
#include "main.h"

static int64_t at(const char *day)
{
    CLEANUP(charp_freep) char *text = xprintf("%sT12:00:00Z", day);
    int64_t ms = 0;

    ck_assert_int_eq(clock_parse(span_of(text), &ms), 0);
    return ms;
}

static struct json *json_of(const char *text)
{
    struct json *json = NULL;

    ck_assert_int_eq(json_parse(span_of(text), NULL, &json, NULL), 0);
    return json;
}

/* {series: a value a year from 2010 on} */
static struct json *yearly(const char *series, const double *values, size_t n)
{
    struct json *json = json_object(), *rows = json_array();

    for (size_t i = 0; i < n; i++) {
        CLEANUP(charp_freep) char *day = xprintf("%zu-01-01", 2010 + i);
        struct json *row = json_array();
        json_append(row, json_new_string(span_of(day)));
        json_append(row, json_new_number(values[i]));
        json_append(rows, row);
    }
    json_set(json, series, rows);
    return json;
}

static const struct json *ratio(const struct json *document, const char *id)
{
    const struct json *ratios = json_get(document, "ratios");

    for (size_t i = 0; i < json_length(ratios); i++)
        if (span_equal(json_get_string(json_at(ratios, i), "id", ""), span_of(id)))
            return json_at(ratios, i);
    return NULL;
}

START_TEST(a_ratio_is_measured_against_its_own_ten_years)
{
    /* 100 is out: more than ten years before the last. The rest: mean 3, deviation 1. */
    static const double rates[] = {100, 100, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 3};
    CLEANUP(json_freep) struct json *figures = yearly("FEDFUNDS", rates, ARRAY_SIZE(rates));
    CLEANUP(json_freep)
    struct json *document = macro_document("2026-11-21", "2026-11-20", "FRED", figures, NULL);
    const struct json *interest = ratio(document, "interest");

    ck_assert_str_eq(json_get_string(interest, "date", "").at, "2022-01-01");
    ck_assert_int_eq(json_get_integer(interest, "n", 0), 11);
    ck_assert_double_eq_tol(json_get_number(interest, "mean", 0), 3, 1e-12);
    ck_assert_double_eq_tol(json_get_number(interest, "sd", 0), 1, 1e-12);
    ck_assert_double_eq_tol(json_get_number(interest, "z", 1), 0, 1e-12);
    ck_assert(!json_get_bool(document, "complete", true));
    ck_assert_ptr_null(ratio(document, "inflation"));
}
END_TEST

START_TEST(a_change_is_from_the_same_day_of_the_year_before)
{
    static const double prices[] = {100, 102, 104.04, 106.1208, 108, 110, 112, 114, 116, 127.6};
    CLEANUP(json_freep) struct json *figures = yearly("CPIAUCSL", prices, ARRAY_SIZE(prices));
    CLEANUP(json_freep)
    struct json *document = macro_document("2026-11-21", "2026-11-20", "FRED", figures, NULL);
    const struct json *inflation = ratio(document, "inflation");

    ck_assert_double_eq_tol(json_get_number(inflation, "value", 0), 0.1, 1e-12);
    ck_assert_int_eq(json_get_integer(inflation, "n", 0), 9);
    ck_assert_double_gt(json_get_number(inflation, "z", 0), 2);
}
END_TEST

START_TEST(too_few_figures_or_none_that_differ_are_no_ratio)
{
    static const double few[] = {1, 2, 3, 4, 5, 6, 7}, same[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    CLEANUP(json_freep) struct json *short_figures = yearly("FEDFUNDS", few, ARRAY_SIZE(few));
    CLEANUP(json_freep) struct json *flat_figures = yearly("FEDFUNDS", same, ARRAY_SIZE(same));
    CLEANUP(json_freep)
    struct json *one = macro_document("2026-11-21", "2026-11-20", "FRED", short_figures, NULL);
    CLEANUP(json_freep)
    struct json *two = macro_document("2026-11-21", "2026-11-20", "FRED", flat_figures, NULL);

    ck_assert_ptr_null(ratio(one, "interest"));
    ck_assert_ptr_null(ratio(two, "interest"));
}
END_TEST

#define RATIO(vintage)                                                                             \
    "{\"ratios\":[{\"id\":\"interest\",\"series\":\"FEDFUNDS\",\"vintage\":\"" vintage             \
    "\",\"source\":\"FRED\",\"date\":\"2026-10-01\",\"value\":4,\"z\":1.5}]}"

START_TEST(the_later_vintage_counts_until_it_is_too_old)
{
    static const struct {
        const char *name, *published, *shipped, *today, *vintage;
    } rows[] = {
        {"the published one",        RATIO("2026-11-20"), RATIO("2025-12-31"), "2026-11-21", "2026-11-20"},
        {"the one of a new release", RATIO("2025-11-20"), RATIO("2025-12-31"), "2026-01-21",
         "2025-12-31"                                                                                    },
        {"nothing is published",     "{}",                RATIO("2025-12-31"), "2026-01-21", "2025-12-31"},
        {"nothing ships",            RATIO("2026-11-20"), "{}",                "2026-11-21", "2026-11-20"},
        {"on its last day",          RATIO("2026-11-20"), "{}",                "2027-12-24", "2026-11-20"},
        {"the day after",            RATIO("2026-11-20"), "{}",                "2027-12-25", NULL        },
        {"nothing at all",           "{}",                "{}",                "2026-11-21", NULL        },
        {"a vintage that is no day", RATIO("today"),      "{}",                "2026-11-21", NULL        },
    };
    const struct event_row *funding = registry_event(SPAN("funding"));

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *published = json_of(rows[i].published);
        CLEANUP(json_freep) struct json *shipped = json_of(rows[i].shipped);
        struct macro macro = macro_of(funding, published, shipped, at(rows[i].today));
        if (rows[i].vintage)
            ck_assert_msg(macro.vintage && strcmp(macro.vintage, rows[i].vintage) == 0, "%s: %s",
                          rows[i].name, macro.vintage ? macro.vintage : "none");
        else
            ck_assert_msg(macro.series == NULL && macro.gamma == 0, "%s", rows[i].name);
    }
}
END_TEST

START_TEST(what_ships_shifts_the_events_it_says_and_no_others)
{
    static const struct {
        const char *event, *series;
    } rows[] = {
        {"job_application", "JTSJOL/UNRATE"},
        {"promotion",       "JTSJOL/UNRATE"},
        {"funding",         "FEDFUNDS"     },
        {"bar_exam",        NULL           },
        {"marathon",        NULL           },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct event_row *event = registry_event(span_of(rows[i].event));
        ck_assert_msg(event != NULL, "%s", rows[i].event);
        struct macro macro = macro_of(event, NULL, macro_shipped(), at("2026-11-21"));
        ck_assert_msg(macro.series ? rows[i].series && strcmp(macro.series, rows[i].series) == 0
                                   : rows[i].series == NULL,
                      "%s: %s", rows[i].event, macro.series ? macro.series : "none");
    }
    ck_assert(json_get_bool(macro_shipped(), "complete", false));
}
END_TEST

static double sd_of_base(const struct macro *macro)
{
    const struct event_row *event = registry_event(SPAN("funding"));
    const struct extraction extraction = {.event = event, .widen = 1, .horizon_days = 365.25};
    CLEANUP(json_freep) struct json *model = predict_model(&extraction, macro, "seed");
    const struct json *variables = json_get(model, "variables");

    ck_assert_int_eq(json_has(variables, "effect_macro"), macro->series != NULL);
    return json_get_number(json_get(variables, "base_logit"), "sd", 0);
}

START_TEST(without_the_economy_a_prediction_is_a_little_wider)
{
    const struct macro known = {"FEDFUNDS", "2026-11-20", "FRED", "2026-10-01", 4, 1.5, -0.15, 0.1};

    ck_assert_double_eq_tol(sd_of_base(&(struct macro){0}) - sd_of_base(&known), 0.1, 1e-12);
}
END_TEST

TEST_MAIN("predict_macro", a_ratio_is_measured_against_its_own_ten_years,
          a_change_is_from_the_same_day_of_the_year_before,
          too_few_figures_or_none_that_differ_are_no_ratio,
          the_later_vintage_counts_until_it_is_too_old,
          what_ships_shifts_the_events_it_says_and_no_others,
          without_the_economy_a_prediction_is_a_little_wider)
