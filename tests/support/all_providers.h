#pragma once
/* Every provider configured, with a key that must never be seen again. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "llm_wire.h"
#include "provider.h"

#define SECRET_KEY "verysecret-0123456789"

static struct provider_set *providers;

static inline void set_up(void)
{
    static const char *const names[] = {"ANTHROPIC", "OPENAI", "GROQ", "XAI", "COMPATIBLE"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char key[40];

        (void)snprintf(key, sizeof(key), "%s_API_KEY", names[i]);
        (void)setenv(key, SECRET_KEY, 1);
    }
    (void)setenv("PARLEY_COMPATIBLE_BASE_URL", "http://127.0.0.1:8000", 1);
    ck_assert_int_eq(provider_set_new(&providers), 0);
}

static inline void tear_down(void)
{
    providers = provider_set_free(providers);
}

/* "responses": OpenAI, asked in that format. */
static inline const struct provider *provider(const char *name)
{
    static struct provider responses;
    bool is_responses = strcmp(name, "responses") == 0;
    const struct provider *found = provider_find(providers, is_responses ? "openai" : name, NULL);

    ck_assert_ptr_nonnull(found);
    if (!is_responses)
        return found;
    responses = *found;
    responses.wire = &llm_wire_responses;
    return &responses;
}
