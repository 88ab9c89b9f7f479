/* Prices from a file over those we ship. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "all_providers.h"
#include "main.h"
#include "price.h"

static char path[] = "/tmp/parley-prices-XXXXXX";
static char said[4096]; /* on standard error */

/* Starts with the file; what it says on standard error is in `said`. */
static int start_with(const char *text)
{
    int saved = dup(STDERR_FILENO), pipe_fds[2];

    (void)memcpy(path, "/tmp/parley-prices-XXXXXX", sizeof(path));
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
    (void)close(fd);
    (void)setenv("PARLEY_PRICES", path, 1);
    (void)setenv("PARLEY_COMPATIBLE_BASE_URL", "http://127.0.0.1:8000", 1);
    (void)setenv("ANTHROPIC_API_KEY", SECRET_KEY, 1);
    (void)setenv("OPENAI_API_KEY", SECRET_KEY, 1);
    ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK), 0);
    (void)dup2(pipe_fds[1], STDERR_FILENO);
    int r = provider_set_new(&providers);
    (void)unsetenv("PARLEY_PRICES"); /* of this test only, also where all run in one process */
    (void)dup2(saved, STDERR_FILENO);
    ssize_t n = read(pipe_fds[0], said, sizeof(said) - 1);
    said[n > 0 ? n : 0] = '\0';
    (void)close(saved);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    (void)unlink(path);
    return r;
}

static const struct model *model(const char *provider_name, const char *id)
{
    return provider_model(provider(provider_name), span_of(id));
}

START_TEST(the_file_overrides_what_it_names_and_keeps_the_rest)
{
    ck_assert_int_eq(start_with("{\"anthropic\":{\"claude-haiku-5-5\":{\"output_usd\":0.75}}}"), 0);
    const struct model *haiku = model("anthropic", "claude-haiku-5-5");

    ck_assert_double_eq(haiku->output_usd, 0.75);
    ck_assert_double_eq(haiku->input_usd, 0.10);
    ck_assert_int_eq(haiku->step_tokens, 100000);
    ck_assert_str_eq(haiku->thinking, "disabled");
    ck_assert_double_eq(model("anthropic", "claude-sonnet-5-5")->output_usd, 10);
    ck_assert_double_eq(model("openai", "gpt-6-luna")->output_usd, 0.5);
    tear_down();
}
END_TEST

START_TEST(a_new_model_stands_before_the_one_whose_name_it_begins_with)
{
    ck_assert_int_eq(
        start_with("{\"openai\":{\"gpt-6-luna-2099-pro\":{\"input_usd\":3,\"output_usd\":15},"
                   "\"other\":{\"input_usd\":1,\"output_usd\":2,\"cached_usd\":0.5,"
                   "\"step_tokens\":10,\"step_input_times\":2}}}"),
        0);
    const struct model *fresh = model("openai", "gpt-6-luna-2099-pro"),
                       *other = model("openai", "other");

    ck_assert_double_eq(fresh->input_usd, 3);
    ck_assert_double_eq(fresh->cached_usd, 3);
    ck_assert_double_eq(fresh->cache_write_usd, 3);
    ck_assert_int_eq(fresh->step_tokens, 0);
    ck_assert_int_eq(fresh->thinking_tokens, 4000);
    ck_assert_double_eq(other->cached_usd, 0.5);
    ck_assert_double_eq(other->step_input_times, 2);
    ck_assert_double_eq(other->step_output_times, 1);
    ck_assert_double_eq(model("openai", "gpt-6-luna-2026-09-22")->input_usd, 0.10);
    tear_down();
}
END_TEST

START_TEST(a_star_is_the_price_of_models_nobody_knows)
{
    ck_assert_int_eq(start_with("{\"compatible\":{\"*\":{\"input_usd\":0.2,\"output_usd\":0.4}}}"),
                     0);
    ck_assert_double_eq(model("compatible", "whatever")->output_usd, 0.4);
    tear_down();
}
END_TEST

START_TEST(a_wrong_file_stops_the_start_and_says_where)
{
    static const struct {
        const char *name, *text, *says;
    } rows[] = {
        {"no JSON",            "{",                                                             "line 1"                        },
        {"no object",          "[]",                                                            "must be an object of providers"},
        {"no provider",        "{\"antropic\":{}}",                                             "did you mean \"anthropic\"?"   },
        {"no models",          "{\"xai\":3}",                                                   "xai: must be an object"        },
        {"no prices",          "{\"xai\":{\"grok-4.3\":3}}",                                    "xai: grok-4.3: must be"        },
        {"an unknown price",   "{\"xai\":{\"grok-4.3\":{\"inputs_usd\":3}}}",
         "did you mean \"input_usd\"?"                                                                                          },
        {"a negative price",   "{\"xai\":{\"grok-4.3\":{\"input_usd\":-3}}}",
         "grok-4.3: input_usd must be a number from 0"                                                                          },
        {"a price as text",    "{\"xai\":{\"grok-4.3\":{\"input_usd\":\"3\"}}}",
         "input_usd must be a number"                                                                                           },
        {"half a token",       "{\"xai\":{\"grok-4.3\":{\"step_tokens\":1.5}}}",
         "step_tokens must be a whole"                                                                                          },
        {"a new model halved", "{\"xai\":{\"grok-9\":{\"input_usd\":1}}}",
         "grok-9: a model that is new"                                                                                          },
        {"the second of two",  "{\"xai\":{\"grok-9\":{}},\"groq\":{\"x\":{\"output_usd\":1}}}",
         "groq: x: a model that is new"                                                                                         },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ck_assert_msg(start_with(rows[i].text) == -EINVAL, "%s", rows[i].name);
        ck_assert_msg(strstr(said, rows[i].says), "%s: %s", rows[i].name, said);
        ck_assert_msg(strstr(said, "PARLEY_PRICES: /tmp/"), "%s: %s", rows[i].name, said);
    }
}
END_TEST

START_TEST(a_file_that_is_not_there_stops_the_start)
{
    (void)setenv("PARLEY_PRICES", "/nowhere/prices.json", 1);
    ck_assert_int_eq(provider_set_new(&providers), -EINVAL);
    (void)unsetenv("PARLEY_PRICES");
}
END_TEST

START_TEST(the_worst_case_takes_the_dearest_price_of_each_kind)
{
    static const struct {
        const char *name, *provider, *model;
        int64_t input, output;
        double usd;
    } rows[] = {
        {"writing a cache is dearer than reading", "anthropic",  "claude-sonnet-5-5", 1000000, 0,
         2.50                                                                                                     },
        {"output at its price",                    "anthropic",  "claude-sonnet-5-5", 0,       1000, 0.01         },
        {"a long prompt pays the step",            "anthropic",  "claude-haiku-5-5",  200000,  1000,
         0.125 + 0.0025                                                                                           },
        {"an unknown model is the dearest",        "anthropic",  "claude-next",       1000,    1000, 0.0125 + 0.05},
        {"a server of one's own is free",          "compatible", "x",                 1000,    1000, 0            },
    };

    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double usd =
            price_worst_usd(model(rows[i].provider, rows[i].model), rows[i].input, rows[i].output);

        ck_assert_msg(fabs(usd - rows[i].usd) < 1e-12, "%s: %.9f", rows[i].name, usd);
    }
    tear_down();
}
END_TEST

TEST_MAIN("price", the_file_overrides_what_it_names_and_keeps_the_rest,
          a_new_model_stands_before_the_one_whose_name_it_begins_with,
          a_star_is_the_price_of_models_nobody_knows, a_wrong_file_stops_the_start_and_says_where,
          a_file_that_is_not_there_stops_the_start,
          the_worst_case_takes_the_dearest_price_of_each_kind)
