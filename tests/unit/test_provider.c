/* Providers from the environment. */
#include <check.h>
#include <errno.h>

#include "all_providers.h"
#include "error.h"
#include "main.h"

START_TEST(base_addresses_are_brought_to_one_form)
{
    static const struct {
        const char *key, *provider, *given, *base;
    } rows[] = {
        {"PARLEY_ANTHROPIC_BASE_URL",  "anthropic",  "http://127.0.0.1:8089/",
         "http://127.0.0.1:8089"                                                                      },
        {"PARLEY_ANTHROPIC_BASE_URL",  "anthropic",  "https://host/v1",        "https://host"         },
        {"PARLEY_OPENAI_BASE_URL",     "openai",     "http://host:1",          "http://host:1/v1"     },
        {"PARLEY_OPENAI_BASE_URL",     "openai",     "http://host:1/v1//",     "http://host:1/v1"     },
        {"PARLEY_GROQ_BASE_URL",       "groq",       "http://host/openai/v1",  "http://host/openai/v1"},
        {"PARLEY_GROQ_BASE_URL",       "groq",       "http://host/openai",     "http://host/openai/v1"},
        {"PARLEY_COMPATIBLE_BASE_URL", "compatible", "http://v1",              "http://v1/v1"         },
    };

    set_up();
    tear_down();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        (void)setenv(rows[i].key, rows[i].given, 1);
        ck_assert_int_eq(provider_set_new(&providers), 0);
        ck_assert_str_eq(provider(rows[i].provider)->base_url, rows[i].base);
        tear_down();
        (void)unsetenv(rows[i].key);
        (void)setenv("PARLEY_COMPATIBLE_BASE_URL", "http://127.0.0.1:8000", 1);
    }
}
END_TEST

static void clear_environment(void)
{
    static const char *const names[] = {"ANTHROPIC", "OPENAI", "GROQ", "XAI", "COMPATIBLE"};
    static const char *const forms[] = {"%s_API_KEY", "PARLEY_%s_BASE_URL", "PARLEY_%s_MODEL"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        for (size_t k = 0; k < ARRAY_SIZE(forms); k++) {
            const char *middle = strchr(forms[k], '%');
            char key[60];

            (void)snprintf(key, sizeof(key), "%.*s%s%s", (int)(middle - forms[k]), forms[k],
                           names[i], middle + 2);
            (void)unsetenv(key);
        }
    (void)unsetenv("PARLEY_PROVIDERS");
}

START_TEST(a_provider_is_there_when_it_has_a_key_or_an_address)
{
    static const struct {
        const char *name, *key, *value, *order, *asked, *found;
    } rows[] = {
        {"none",                           "X",                   "",                   "",                      NULL,     NULL    },
        {"a key",                          "GROQ_API_KEY",        "k",                  "",                      NULL,     "groq"  },
        {"an address",                     "PARLEY_XAI_BASE_URL", "http://127.0.0.1:1", "",                      NULL,     "xai"   },
        {"by name",                        "PARLEY_XAI_BASE_URL", "http://127.0.0.1:1", "",                      "xai",    "xai"   },
        {"another name",                   "PARLEY_XAI_BASE_URL", "http://127.0.0.1:1", "",                      "openai", NULL    },
        {"an unknown name",                "OPENAI_API_KEY",      "k",                  "",                      "acme",   NULL    },
        {"the order decides",              "OPENAI_API_KEY",      "k",                  "xai, openai,anthropic", NULL,     "openai"},
        {"outside the order only by name", "OPENAI_API_KEY",      "k",                  "xai",                   NULL,     NULL    },
        {"outside the order by name",      "OPENAI_API_KEY",      "k",                  "xai",                   "openai", "openai"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error error = {0};

        clear_environment();
        (void)setenv(rows[i].key, rows[i].value, 1);
        (void)setenv("PARLEY_PROVIDERS", rows[i].order, 1);
        ck_assert_int_eq(provider_set_new(&providers), 0);
        const struct provider *found = provider_find(providers, rows[i].asked, &error);
        ck_assert_msg(found ? rows[i].found && strcmp(found->name, rows[i].found) == 0
                            : !rows[i].found,
                      "%s: %s", rows[i].name, found ? found->name : error.message);
        tear_down();
    }
}
END_TEST

START_TEST(faults_of_the_configuration_stop_the_start)
{
    static const struct {
        const char *key, *value;
    } rows[] = {
        {"PARLEY_PROVIDERS",       "openai,acme"     },
        {"PARLEY_PROVIDERS",       "openai,openai"   },
        {"PARLEY_OPENAI_BASE_URL", "ftp://host"      },
        {"PARLEY_OPENAI_BASE_URL", "http://user@host"},
        {"PARLEY_OPENAI_BASE_URL", "http://host?a=1" },
        {"PARLEY_OPENAI_BASE_URL", "http://"         },
        {"PARLEY_OPENAI_BASE_URL", "http:///v1"      },
        {"COMPATIBLE_API_KEY",     "k"               },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        clear_environment();
        (void)setenv(rows[i].key, rows[i].value, 1);
        ck_assert_msg(provider_set_new(&providers) == -EINVAL, "%s=%s", rows[i].key, rows[i].value);
    }
}
END_TEST

TEST_MAIN("provider", base_addresses_are_brought_to_one_form,
          a_provider_is_there_when_it_has_a_key_or_an_address,
          faults_of_the_configuration_stop_the_start)
