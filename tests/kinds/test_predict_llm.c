/* What of a language model's extraction is believed: rows of answers to one goal, and the form of
 * the question. */
#include <check.h>
#include <errno.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "kinds/predict/predict.h"
#include "main.h"

static const char goal[] = "i want a job at openai within 2 years";
static const char context[] = "cs grad, 3 years of experience, my friend works there, 900 years";

#define EVENT                                                                                      \
    "\"event\":{\"class\":\"job_application\",\"fit\":\"close\",\"negated\":false,"                \
    "\"quote\":\"a job at openai\"}"
#define HORIZON "\"horizon\":{\"value\":0,\"unit\":\"none\",\"quote\":\"\"}"
#define ANSWER(event, horizon, facts, adjustments)                                                 \
    "{\"answerable\":true," event ",\"entity\":\"\"," horizon ",\"attempts\":{\"p10\":2,"          \
    "\"p90\":5},\"facts\":[" facts "],\"adjustments\":[" adjustments "],\"unread\":[\"there\"]}"

static int read_answer(const char *text, struct extraction *ret_extraction, struct error *error)
{
    CLEANUP(json_freep) struct json *json = NULL;

    ck_assert_msg(json_parse(span_of(text), NULL, &json, error) == 0, "%s: %s", text,
                  error->message);
    int r = predict_read_llm(json, span_of(goal), span_of(context), ret_extraction, error);
    /* What it borrowed goes with the answer. */
    ret_extraction->n_unread = 0;
    return r;
}

/* Facts as "id=value" or "id", then "-id" for what was dropped. */
START_TEST(only_what_the_text_proves_is_believed)
{
    static const struct {
        const char *answer, *expected;
        double horizon;
        // clang-format off
    } rows[] = {
        {ANSWER(EVENT, HORIZON, "", ""), "", 365.25},
        {ANSWER(EVENT, "\"horizon\":{\"value\":2,\"unit\":\"year\",\"quote\":\"within 2 years\"}",
                "", ""),
         "", 730.5},
        {ANSWER(EVENT, "\"horizon\":{\"value\":2,\"unit\":\"year\",\"quote\":\"within 9 years\"}",
                "", ""),
         "-", 365.25},
        {ANSWER(EVENT, HORIZON,
                "{\"factor\":\"experience\",\"value\":3,\"unit\":\"year\",\"quote\":\"3 years\"}",
                ""),
         "experience=3", 365.25},
        {ANSWER(EVENT, HORIZON,
                "{\"factor\":\"experience\",\"value\":9,\"unit\":\"year\",\"quote\":\"900 years\"}",
                ""),
         "-", 365.25},
        /* The number is the quote's, whatever the model says. */
        {ANSWER(EVENT, HORIZON,
                "{\"factor\":\"experience\",\"value\":30,\"unit\":\"year\",\"quote\":\"3 YEARS\"}",
                ""),
         "experience=3", 365.25},
        {ANSWER(EVENT, HORIZON,
                "{\"factor\":\"experience\",\"value\":3,\"unit\":\"year\",\"quote\":\"ten years\"}",
                ""),
         "-", 365.25},
        {ANSWER(EVENT, HORIZON,
                "{\"factor\":\"experience\",\"value\":3,\"unit\":\"year\",\"quote\":\"\"}", ""),
         "-", 365.25},
        {ANSWER(EVENT, HORIZON,
                "{\"factor\":\"mass\",\"value\":3,\"unit\":\"kg\",\"quote\":\"3 years\"}", ""),
         "-", 365.25},
        {ANSWER(EVENT, HORIZON, "",
                "{\"factor\":\"referral\",\"quote\":\"my friend works "
                "there\",\"p10\":0.1,\"p50\":0.5,\"p90\":1}"),
         "referral", 365.25},
        {ANSWER(EVENT, HORIZON, "",
                "{\"factor\":\"referral\",\"quote\":\"my friend works "
                "there\",\"p10\":1,\"p50\":0.5,\"p90\":1}"),
         "-", 365.25},
        {ANSWER(EVENT, HORIZON, "",
                "{\"factor\":\"referral\",\"quote\":\"my friend works "
                "there\",\"p10\":2.1,\"p50\":2.5,\"p90\":3}"),
         "-", 365.25},
        {ANSWER(EVENT, HORIZON, "",
                "{\"factor\":\"favourite\",\"quote\":\"cs grad\",\"p10\":0,\"p50\":0.5,\"p90\":1}"),
         "-", 365.25},
    };
    // clang-format on

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct extraction extraction;
        struct error error = {0};
        struct buf facts;
        ck_assert_msg(read_answer(rows[i].answer, &extraction, &error) == 0, "%zu: %s", i,
                      error.message);
        buf_init(&facts, 1000);
        for (size_t j = 0; j < extraction.n_facts; j++) {
            buf_add_text(&facts, extraction.facts[j].id);
            if (extraction.facts[j].factor)
                buf_addf(&facts, "=%g", extraction.facts[j].value);
        }
        for (size_t j = 0; j < extraction.n_dropped; j++)
            buf_add_text(&facts, "-");
        ck_assert_msg(span_equal(buf_span(&facts), span_of(rows[i].expected)), "%zu: %s", i,
                      facts.at);
        ck_assert_msg(extraction.horizon_days == rows[i].horizon, "%zu: %g", i,
                      extraction.horizon_days);
        ck_assert(extraction.company != NULL && extraction.attempts_p90 == 5);
        buf_deinit(&facts);
    }
}
END_TEST

START_TEST(what_is_no_extraction_is_refused_with_the_reason)
{
    static const struct {
        const char *answer;
        enum error_code code;
        // clang-format off
    } rows[] = {
        {"7",                                                              ERROR_INVALID      },
        {"{}",                                                             ERROR_INVALID      },
        {"{\"answerable\":true}",                                          ERROR_INVALID      },
        {"{\"answerable\":true,\"facts\":[],\"adjustments\":[]}",          ERROR_INVALID      },
        {"{\"answerable\":false}",                                         ERROR_INVALID      },
        {"{\"answerable\":false,\"event\":{\"quote\":\"nowhere\"}}",       ERROR_INVALID      },
        {"{\"answerable\":false,\"event\":{\"quote\":\"cs grad\"}}",       ERROR_INVALID      },
        {"{\"answerable\":false,\"event\":{\"quote\":\"a job at openai\"}}",
         ERROR_UNPREDICTABLE                                                                  },
        {ANSWER("\"event\":{\"class\":\"no_such\",\"fit\":\"close\",\"negated\":false,\"quote\":"
                "\"a job\"}",
                HORIZON, "", ""),
         ERROR_INVALID                                                                        },
        {ANSWER("\"event\":{\"class\":\"job_application\",\"fit\":\"perfect\",\"negated\":false,"
                "\"quote\":\"a job\"}",
                HORIZON, "", ""),
         ERROR_INVALID                                                                        },
        {ANSWER("\"event\":{\"class\":\"job_application\",\"fit\":\"close\",\"negated\":false,"
                "\"quote\":\"a yacht\"}",
                HORIZON, "", ""),
         ERROR_INVALID                                                                        },
        {ANSWER("\"event\":{\"class\":\"job_application\",\"fit\":\"close\",\"negated\":\"no\","
                "\"quote\":\"a job\"}",
                HORIZON, "", ""),
         ERROR_INVALID                                                                        },
    };
    // clang-format on

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct extraction extraction = {0};
        struct error error = {0};
        ck_assert_msg(read_answer(rows[i].answer, &extraction, &error) == -EINVAL, "%s",
                      rows[i].answer);
        ck_assert_msg(error.code == rows[i].code, "%s: %s", rows[i].answer, error.message);
    }
}
END_TEST

static void check_closed(const struct json *schema);

static bool check_member(const char *key, const struct json *schema, void *arg)
{
    const struct json *required = arg;
    bool found = false;

    for (size_t i = 0; i < json_length(required); i++)
        found = found || span_equal(json_string(json_at(required, i)), span_of(key));
    ck_assert_msg(found, "%s", key);
    check_closed(schema);
    return true;
}

/* Both vendors want every object closed and every member required. */
static void check_closed(const struct json *schema)
{
    struct span type = json_get_string(schema, "type", "");

    if (span_equal(type, SPAN("array")))
        check_closed(json_get(schema, "items"));
    if (!span_equal(type, SPAN("object")))
        return;
    ck_assert(json_has(schema, "additionalProperties"));
    ck_assert(!json_get_bool(schema, "additionalProperties", true));
    CLEANUP(json_freep) struct json *required = json_copy(json_get(schema, "required"));
    json_each(json_get(schema, "properties"), check_member, required);
}

START_TEST(the_schema_is_closed_and_has_no_probability)
{
    CLEANUP(json_freep) struct json *schema = prompt_schema();
    CLEANUP(charp_freep) char *text = json_text(schema);

    check_closed(schema);
    ck_assert_ptr_null(strstr(text, "probability"));
    ck_assert_ptr_nonnull(strstr(text, "job_application"));
}
END_TEST

START_TEST(the_repair_says_what_was_wrong)
{
    const struct prompt first = {span_of(goal), span_of(context), {0}, NULL};
    const struct prompt again = {span_of(goal), span_of(context), SPAN("forty percent"), "no JSON"};
    CLEANUP(charp_freep) char *one = prompt_text(&first);
    CLEANUP(charp_freep) char *two = prompt_text(&again);
    CLEANUP(charp_freep) char *system = prompt_system(NULL);

    ck_assert_ptr_nonnull(strstr(one, goal));
    ck_assert_ptr_null(strstr(one, "wrong"));
    ck_assert_ptr_nonnull(strstr(two, "no JSON"));
    ck_assert_ptr_nonnull(strstr(two, "forty percent"));
    ck_assert_ptr_nonnull(strstr(system, "never an instruction"));
}
END_TEST

TEST_MAIN("predict_llm", only_what_the_text_proves_is_believed,
          what_is_no_extraction_is_refused_with_the_reason,
          the_schema_is_closed_and_has_no_probability, the_repair_says_what_was_wrong)
