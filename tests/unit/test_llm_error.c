/* What providers' error bodies tell, and what follows from it: again or not, when, without what. */
#include <check.h>
#include <stdint.h>

#include "all_providers.h"
#include "llm_wire.h"
#include "main.h"
#include "text.h"

// clang-format off
static const struct {
    const char *provider;
    int status;
    const char *body;
    enum llm_retry retry;
    const char *message;
} errors[] = {
    {"anthropic", 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"max_tokens: too large\"},\"request_id\":\"r\"}",
     LLM_RETRY_NO, "anthropic: status 400, invalid_request_error: max_tokens: too large"},
    {"anthropic", 401, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key verysec...\"}}",
     LLM_RETRY_NO, "anthropic: status 401, authentication_error"},
    {"anthropic", 402, "{\"error\":{\"type\":\"billing_error\",\"message\":\"pay\"}}", LLM_RETRY_NEVER, "anthropic: status 402, billing_error: pay"},
    {"anthropic", 404, "{\"error\":{\"type\":\"not_found_error\",\"message\":\"model: x\"}}", LLM_RETRY_NO, "anthropic: status 404, not_found_error: model: x"},
    {"anthropic", 409, "{\"error\":{\"type\":\"conflict_error\",\"message\":\"m\"}}", LLM_RETRY_YES, "anthropic: status 409, conflict_error: m"},
    {"anthropic", 413, "{\"error\":{\"type\":\"request_too_large\",\"message\":\"m\"}}", LLM_RETRY_NO, "anthropic: status 413, request_too_large: m"},
    {"anthropic", 429, "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\",\"details\":{\"error_code\":\"ramp_limit_exceeded\"}}}",
     LLM_RETRY_LATER, "anthropic: status 429, ramp_limit_exceeded: m"},
    {"anthropic", 429, "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}}}",
     LLM_RETRY_NEVER, "anthropic: status 429, enforced_spend_limit_reached: m"},
    {"anthropic", 500, "{\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}", LLM_RETRY_YES, "anthropic: status 500, api_error: m"},
    {"anthropic", 529, "{\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", LLM_RETRY_LATER, "anthropic: status 529, overloaded_error: Overloaded"},
    {"anthropic", 0, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", LLM_RETRY_LATER, "anthropic: status 0, overloaded_error: Overloaded"},
    {"compatible", 0, "{\"error\":{\"code\":503,\"message\":\"busy\"}}", LLM_RETRY_LATER, "compatible: status 503, busy"},
    {"openai", 429, "{\"error\":{\"message\":\"m\",\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}",
     LLM_RETRY_LATER, "openai: status 429, rate_limit_exceeded: m"},
    {"openai", 429, "{\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}",
     LLM_RETRY_NEVER, "openai: status 429, insufficient_quota: m"},
    {"openai", 400, "{\"error\":{\"message\":\"quoted sk-proj-abc123 and verysecret-0123456789.\",\"type\":\"invalid_request_error\",\"code\":null}}",
     LLM_RETRY_NO, "openai: status 400, invalid_request_error: quoted *** and ***."},
    {"openai", 422, "{}", LLM_RETRY_NO, "openai: status 422"},
    {"openai", 503, "{\"error\":{\"message\":\"m\",\"type\":\"service_unavailable_error\",\"code\":\"server_is_overloaded\"}}",
     LLM_RETRY_LATER, "openai: status 503, server_is_overloaded: m"},
    {"groq", 400, "{\"error\":{\"message\":\"m\",\"code\":\"json_validate_failed\",\"failed_generation\":\"x\"}}", LLM_RETRY_ONCE, "groq: status 400, json_validate_failed: m"},
    {"groq", 422, "{}", LLM_RETRY_ONCE, "groq: status 422"},
    {"groq", 424, "{}", LLM_RETRY_NO, "groq: status 424"},
    {"groq", 498, "{}", LLM_RETRY_LATER, "groq: status 498"},
    {"xai", 400, "{\"code\":\"Client specified an invalid argument\",\"error\":\"Incorrect API key provided: ve***89\"}",
     LLM_RETRY_NO, "xai: status 400, Client specified an invalid argument"},
    {"xai", 200, "{\"code\":\"The service is currently unavailable\",\"error\":\"later\"}", LLM_RETRY_YES,
     "xai: status 0, The service is currently unavailable: later"},
    {"compatible", 401, "{\"error\":\"Unauthorized\"}", LLM_RETRY_NO, "compatible: status 401"},
    {"compatible", 404, "{\"error\":{\"message\":\"no such model\",\"type\":\"NotFoundError\",\"param\":null,\"code\":404}}", LLM_RETRY_NO,
     "compatible: status 404, NotFoundError: no such model"},
    {"compatible", 503, "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}", LLM_RETRY_LATER,
     "compatible: status 503, unavailable_error: Loading model"},
    {"compatible", 501, "{\"error\":{\"code\":501,\"message\":\"m\",\"type\":\"not_supported_error\"}}", LLM_RETRY_NO, "compatible: status 501, not_supported_error: m"},
    {"compatible", 422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", LLM_RETRY_NO, "compatible: status 422, field required"},
    {"compatible", 400, "{\"detail\":\"bad\"}", LLM_RETRY_NO, "compatible: status 400, bad"},
    {"compatible", 502, "<html>\r\n<h1>Bad\x01 Gateway\xff</h1>", LLM_RETRY_YES, "compatible: status 502, <html>  <h1>Bad  Gateway?</h1>"},
    {"compatible", 500, "", LLM_RETRY_YES, "compatible: status 500"},
};
// clang-format on

START_TEST(error_bodies_tell_what_and_whether_again_and_never_a_key)
{
    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        struct error error = {0};
        enum llm_retry retry = llm_error_read(provider(errors[i].provider), errors[i].status,
                                              span_of(errors[i].body), &error);

        ck_assert_msg(retry == errors[i].retry, "row %zu (%s): %d", i, errors[i].message,
                      (int)retry);
        ck_assert_str_eq(error.message, errors[i].message);
        ck_assert_int_eq(error.code,
                         retry >= LLM_RETRY_YES ? ERROR_PROVIDER : ERROR_PROVIDER_REFUSED);
    }
    tear_down();
}
END_TEST

START_TEST(a_long_error_is_shortened_between_characters)
{
    struct error error = {0};
    struct buf body;

    set_up();
    buf_init(&body, 100000);
    buf_add_text(&body, "{\"error\":\"x");
    for (size_t i = 0; i < 5000; i++)
        buf_add_text(&body, "€");
    buf_add_text(&body, "\"}");
    (void)llm_error_read(provider("openai"), 500, buf_span(&body), &error);
    ck_assert(text_is_utf8(span_of(error.message)));
    ck_assert_uint_gt(strlen(error.message), 200);
    ck_assert_uint_lt(strlen(error.message), 400);
    buf_deinit(&body);
    tear_down();
}
END_TEST

START_TEST(only_an_option_that_was_sent_and_named_is_left_out)
{
    static const struct {
        int status;
        const char *body, *request;
        unsigned options;
    } rows[] = {
        {400, "Unrecognized: stream_options",         "{\"stream_options\":{}}",                    1u << LLM_STREAM_OPTIONS},
        {400, "Unrecognized: stream_options",         "{\"messages\":\"\\\"stream_options\\\":\"}", 0                       },
        {500, "Unrecognized: stream_options",         "{\"stream_options\":{}}",                    0                       },
        {422, "response_format, temperature",         "{\"temperature\":0,\"response_format\":{}}",
         1u << LLM_RESPONSE_FORMAT | 1u << LLM_TEMPERATURE                                                                  },
        {400, "invalid_json_schema: response_format", "{\"response_format\":{}}",                   0                       },
        {400, "context_length_exceeded",              "{\"temperature\":0}",                        0                       },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(llm_error_options(rows[i].status, span_of(rows[i].body),
                                        span_of(rows[i].request)) == rows[i].options,
                      "row %zu", i);
}
END_TEST

START_TEST(the_server_is_obeyed_about_trying_again)
{
    static const struct {
        const char *name;
        enum llm_retry retry;
        const char *header;
        int n_retries;
        bool wanted;
    } rows[] = {
        {"a passing failure",                  LLM_RETRY_YES,   "",      0, true },
        {"the second retry",                   LLM_RETRY_YES,   "",      1, true },
        {"no third",                           LLM_RETRY_YES,   "",      2, false},
        {"once",                               LLM_RETRY_ONCE,  "",      0, true },
        {"once only",                          LLM_RETRY_ONCE,  "",      1, false},
        {"our fault",                          LLM_RETRY_NO,    "",      0, false},
        {"our fault, but the server wants it", LLM_RETRY_NO,    "true",  0, true },
        {"the server does not want it",        LLM_RETRY_YES,   "False", 0, false},
        {"no money, whatever the header says", LLM_RETRY_NEVER, "true",  0, false},
        {"the server wants more than we do",   LLM_RETRY_YES,   "true",  2, false},
        {"another word",                       LLM_RETRY_YES,   "maybe", 0, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(llm_retry_wanted(rows[i].retry, span_of(rows[i].header), rows[i].n_retries) ==
                          rows[i].wanted,
                      "%s", rows[i].name);
}
END_TEST

START_TEST(the_wait_is_what_the_server_asks_in_any_form)
{
    /* 2026-11-21 00:00:00 UTC */
    static const int64_t now_ms = 1795219200000;
    static const struct {
        const char *after_ms, *after;
        int64_t ms;
    } rows[] = {
        {"",       "",                                 -1           },
        {"1500.5", "9",                                1501         },
        {"",       "2",                                2000         },
        {"",       "0.25",                             250          },
        {"",       " 7 ",                              7000         },
        {"",       "0",                                -1           },
        {"",       "-3",                               -1           },
        {"",       "1e3",                              -1           },
        {"",       "nan",                              -1           },
        {"",       "0x10",                             -1           },
        {"",       ".",                                -1           },
        {"x",      "3",                                3000         },
        {"",       "99999999999999999999",             1000000000000},
        {"",       "Sat, 21 Nov 2026 00:00:30 GMT",    30000        },
        {"",       "Saturday, 21-Nov-26 00:01:00 GMT", 60000        },
        {"",       "Sat Nov 21 00:00:05 2026",         5000         },
        {"",       "Fri, 20 Nov 2026 23:00:00 GMT",    -1           },
        {"",       "soon",                             -1           },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(llm_retry_asked_ms(span_of(rows[i].after_ms), span_of(rows[i].after),
                                         now_ms) == rows[i].ms,
                      "\"%s\" \"%s\"", rows[i].after_ms, rows[i].after);
}
END_TEST

START_TEST(back_off_doubles_up_to_eight_seconds_and_jitter_shortens_it)
{
    static const int64_t longest_ms[] = {500, 1000, 2000, 4000, 8000, 8000};

    for (int n = 0; n < (int)ARRAY_SIZE(longest_ms); n++) {
        ck_assert_int_eq(llm_retry_backoff_ms(n, 0), longest_ms[n]);
        ck_assert_int_eq(llm_retry_backoff_ms(n, UINT32_MAX), longest_ms[n] * 3 / 4);
    }
    ck_assert_int_eq(llm_retry_backoff_ms(1000, 0), 8000);
}
END_TEST

TEST_MAIN("llm_error", error_bodies_tell_what_and_whether_again_and_never_a_key,
          a_long_error_is_shortened_between_characters,
          only_an_option_that_was_sent_and_named_is_left_out,
          the_server_is_obeyed_about_trying_again, the_wait_is_what_the_server_asks_in_any_form,
          back_off_doubles_up_to_eight_seconds_and_jitter_shortens_it)
