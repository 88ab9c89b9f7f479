/* What several personas say together: how they are pooled, what their leaning and their differing
 * do, and what is missing. */
#include <check.h>
#include <math.h>

#include "error.h"
#include "json.h"
#include "kinds/predict/ensemble.h"
#include "main.h"
#include "mean_of.h"

#define GOAL SPAN("i want a job at openai")
#define CONTEXT SPAN("my friend works there")

static const struct macro no_macro = {0};

/* A reading whose only fact has these log odds. */
static struct json *reading(const struct member *member, double p50)
{
    CLEANUP(charp_freep)
    char *text = xprintf("{\"answerable\":true,\"event\":{\"class\":\"job_application\",\"fit\":"
                         "\"close\",\"negated\":false,\"quote\":\"a job at openai\"},\"entity\":"
                         "\"\",\"horizon\":{},\"attempts\":{\"p10\":2,\"p90\":5},\"facts\":[],"
                         "\"adjustments\":[{\"factor\":\"referral\",\"quote\":\"my friend works "
                         "there\",\"p10\":%g,\"p50\":%g,\"p90\":%g}],\"unread\":[]}",
                         p50 - 0.5, p50, p50 + 0.5);
    struct json *output = NULL;

    ck_assert_int_eq(json_parse(span_of(text), NULL, &output, NULL), 0);
    return ensemble_record(member, SPAN("anthropic"), SPAN("m"), output);
}

static struct json *refusal(const struct member *member)
{
    struct json *output = NULL;

    ck_assert_int_eq(json_parse(SPAN("{\"answerable\":false,\"event\":{\"quote\":\"openai\"}}"),
                                NULL, &output, NULL),
                     0);
    return ensemble_record(member, SPAN("anthropic"), SPAN("m"), output);
}

#define NOTHING (-99.0)
#define NO (-98.0)

/* The log odds of the personas' facts, for the goal itself and for its opposite. */
static struct json *records_of(const double itself[PREDICT_PERSONAS],
                               const double opposite[PREDICT_PERSONAS])
{
    struct json *records = json_array();

    for (unsigned i = 0; i < 2 * PREDICT_PERSONAS; i++) {
        const struct member member = {i / 2, i % 2 == 1};
        double p50 = (member.opposite ? opposite : itself)[member.persona];
        if (p50 > NO)
            json_append(records, reading(&member, p50));
        else if (p50 > NOTHING)
            json_append(records, refusal(&member));
    }
    return records;
}

static struct extraction pooled(const struct json *records)
{
    struct extraction extraction = {0};
    struct error error = {0};

    ck_assert_msg(ensemble_read(records, GOAL, CONTEXT, &extraction, &error) == 0, "%s",
                  error.message);
    ensemble_pool(records, PREDICT_PERSONAS, GOAL, CONTEXT, &no_macro, &extraction);
    return extraction;
}

START_TEST(those_who_agree_change_nothing_but_what_one_alone_would_not_know)
{
    static const double itself[] = {0.5, 0.5, 0.5, 0.5, 0.5};
    static const double opposite[] = {-0.5, -0.5, -0.5, -0.5, -0.5};
    CLEANUP(json_freep) struct json *records = records_of(itself, opposite);
    const struct extraction extraction = pooled(records);

    ck_assert_uint_eq(extraction.pool.n_answered, 5);
    ck_assert_double_eq_tol(extraction.pool.shift, 0, 1e-9);
    ck_assert_double_eq_tol(extraction.pool.spread, 0, 1e-9);
    ck_assert_ptr_null(extraction.degraded);
}
END_TEST

START_TEST(who_leans_to_yes_both_ways_is_taken_at_the_middle)
{
    static const double itself[] = {1, 1, 1, 1, 1}, level[] = {0, 0, 0, 0, 0};
    CLEANUP(json_freep) struct json *leaning = records_of(itself, itself);
    CLEANUP(json_freep) struct json *upright = records_of(level, level);
    CLEANUP(json_freep) struct json *eager = records_of(itself, (double[5]){-1, -1, -1, -1, -1});
    const struct extraction a = pooled(leaning), b = pooled(upright), c = pooled(eager);

    ck_assert_double_lt(a.pool.shift, -0.3);
    ck_assert_double_lt(a.pool.pooled, c.pool.pooled);
    ck_assert_double_lt(a.pool.pooled - b.pool.pooled, (c.pool.pooled - b.pool.pooled) / 2);
    ck_assert_double_eq_tol(a.pool.of[0].itself, c.pool.of[0].itself, 1e-12);
}
END_TEST

START_TEST(one_who_is_far_out_is_left_out_of_five)
{
    static const double without[] = {0.2, 0.2, 0.2, 0.2, 0.2}, with[] = {0.2, 0.2, 0.2, 0.2, 1.9};
    static const double none[] = {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING};
    CLEANUP(json_freep) struct json *even = records_of(without, none);
    CLEANUP(json_freep) struct json *odd = records_of(with, none);
    const struct extraction a = pooled(even), b = pooled(odd);

    ck_assert_double_eq_tol(a.pool.pooled, b.pool.pooled, 1e-12);
    ck_assert_double_gt(b.pool.spread, a.pool.spread + 0.5);
}
END_TEST

START_TEST(those_who_differ_make_the_prediction_wider)
{
    static const double alike[] = {0.5, 0.5, 0.5, 0.5, 0.5}, apart[] = {-1.5, -1, 0.5, 1.5, 1.9};
    static const double none[] = {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING};
    double sd[2];

    for (size_t i = 0; i < 2; i++) {
        CLEANUP(json_freep) struct json *records = records_of(i == 0 ? alike : apart, none);
        const struct extraction extraction = pooled(records);
        CLEANUP(json_freep) struct json *model = predict_model(&extraction, &no_macro, "seed");
        const struct json *variables = json_get(model, "variables");
        sd[i] = json_get_number(json_get(variables, "ensemble"), "sd", -1);
        ck_assert_double_gt(mean_of(&extraction), 0);
    }
    ck_assert_double_lt(sd[0], 1e-9);
    ck_assert_double_gt(sd[1], 1);
}
END_TEST

START_TEST(who_is_missing_is_counted_and_too_many_degrade_it)
{
    static const struct {
        const char *name;
        double itself[PREDICT_PERSONAS], opposite[PREDICT_PERSONAS];
        unsigned n_answered;
        bool degraded;
        // clang-format off
    } rows[] = {
        {"an opposite is missing",   {0, 0, 0, 0, 0},                   {0, 0, 0, 0, NOTHING},                         5, false},
        {"a persona is missing",     {0, 0, 0, 0, NOTHING},             {0, 0, 0, 0, NOTHING},                         4, false},
        {"three are there",          {0, NOTHING, 0, NOTHING, NOTHING}, {0, NOTHING, NOTHING, NOTHING, 0},             3, false},
        {"two are there",            {0, NOTHING, 0, NOTHING, NOTHING}, {0, NOTHING, NOTHING, NOTHING, NOTHING},       2, true },
        {"only an opposite is there", {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING}, {NOTHING, NOTHING, 0, NOTHING, NOTHING}, 1, true },
        {"one says no answer",       {NO, 0, 0, 0, 0},                  {0, 0, 0, 0, 0},                               5, false},
    };
    // clang-format on

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *records = records_of(rows[i].itself, rows[i].opposite);
        const struct extraction extraction = pooled(records);
        ck_assert_msg(extraction.pool.n_answered == rows[i].n_answered, "%s: %u", rows[i].name,
                      extraction.pool.n_answered);
        ck_assert_msg((extraction.degraded != NULL) == rows[i].degraded, "%s", rows[i].name);
        ck_assert_msg(extraction.pool.n_answered > 1 || extraction.pool.spread > 0.4, "%s",
                      rows[i].name);
    }
}
END_TEST

START_TEST(when_more_than_half_say_that_nothing_can_be_said_nothing_is)
{
    static const double itself[] = {NO, NO, NO, 0, 0}, opposite[] = {NO, NO, NO, NO, 0};
    CLEANUP(json_freep) struct json *records = records_of(itself, opposite);
    struct extraction extraction;
    struct error error = {0};

    ck_assert_int_lt(ensemble_read(records, GOAL, CONTEXT, &extraction, &error), 0);
    ck_assert_int_eq(error.code, ERROR_UNPREDICTABLE);
}
END_TEST

TEST_MAIN("predict_ensemble", those_who_agree_change_nothing_but_what_one_alone_would_not_know,
          who_leans_to_yes_both_ways_is_taken_at_the_middle, one_who_is_far_out_is_left_out_of_five,
          those_who_differ_make_the_prediction_wider,
          who_is_missing_is_counted_and_too_many_degrade_it,
          when_more_than_half_say_that_nothing_can_be_said_nothing_is)
