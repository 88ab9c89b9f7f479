/* The providers and their models.
 *
 * Two kinds of facts: the static rows below (what a vendor is) and what the environment says (where
 * it is, with which key). A provider_set joins them and owns the texts; nothing changes after it
 * was made. A new provider is a row in `rows`, its models, and four rows in `conf_rows`; a new
 * model is one row. */
#include "provider.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "conf.h"
#include "error.h"
#include "llm_wire.h"
#include "price.h"
#include "text.h"

#define URL_BYTES 2048

// clang-format off
/*   id                   in     out    cached cache-write step    x in  x out  temp   thinking    effort  room */
static const struct model anthropic_models[] = {
    {"claude-haiku-5-5",  0.10,  0.50,  0.01,  0.125,  100000, 5, 5,   false, "disabled",      NULL, 0},
    {"claude-sonnet-5-5", 2.00,  10.00, 0.20,  2.50,   0, 1, 1,        false, "between_tools", NULL, 0},
    {"claude-opus-5-5",   4.00,  20.00, 0.40,  5.00,   0, 1, 1,        false, NULL,            "low", 4000},
    {"claude-fable-5-1",  10.00, 50.00, 1.00,  12.50,  0, 1, 1,        false, NULL,            "low", 4000},
    {"claude-fable-5-2",  10.00, 50.00, 1.00,  12.50,  0, 1, 1,        false, NULL,            "low", 4000},
    {"claude-haiku-4-5",  1.00,  5.00,  0.10,  1.25,   0, 1, 1,        false, NULL,            NULL, 0},
    {"claude-sonnet-5",   2.00,  10.00, 0.20,  2.50,   0, 1, 1,        false, NULL,            NULL, 4000},
    {NULL,                10.00, 50.00, 1.00,  12.50,  0, 1, 1,        false, NULL,            NULL, 4000},
};
static const struct model openai_models[] = {
    {"gpt-6-luna",        0.10,  0.50,  0.01,  0.125,  272000, 2, 1.5, true,  NULL, "none", 0},
    {"gpt-6.1-terra",     1.00,  5.00,  0.05,  1.25,   272000, 2, 1.5, true,  NULL, "none", 0},
    {"gpt-6-sol",         2.00,  10.00, 2.00,  2.50,   272000, 2, 1.5, true,  NULL, "none", 0},
    {"gpt-6.1-sol",       2.00,  10.00, 2.00,  2.50,   272000, 2, 1.5, true,  NULL, "none", 0},
    {"gpt-5.6-luna",      0.20,  1.20,  0.02,  0.25,   272000, 2, 1.5, false, NULL, NULL,   4000},
    {NULL,                2.00,  10.00, 2.00,  2.50,   272000, 2, 1.5, false, NULL, NULL,   4000},
};
static const struct model groq_models[] = {
    {"openai/gpt-oss-20b",  0.15, 0.60, 0.15,  0.15,   0, 1, 1,        true,  NULL, "low",  2000},
    {"openai/gpt-oss-120b", 0.15, 0.60, 0.15,  0.15,   0, 1, 1,        true,  NULL, "low",  2000},
    {"qwen/qwen3.8-27b",    0.15, 0.60, 0.15,  0.15,   0, 1, 1,        true,  NULL, "none", 0},
    {NULL,                  0.15, 0.60, 0.15,  0.15,   0, 1, 1,        true,  NULL, NULL,   2000},
};
static const struct model xai_models[] = {
    {"grok-4.3",          1.25,  2.50,  0.20,  1.25,   0, 1, 1,        true,  NULL, "none", 0},
    {"grok-4.5",          2.00,  6.00,  0.50,  2.00,   199999, 2, 2,   true,  NULL, "low",  4000},
    {"grok-4.6",          2.00,  6.00,  0.50,  2.00,   199999, 2, 2,   true,  NULL, "low",  4000},
    {"grok-4.7",          2.00,  6.00,  0.50,  2.00,   199999, 2, 2,   true,  NULL, "low",  4000},
    {NULL,                2.00,  6.00,  0.50,  2.00,   199999, 2, 2,   true,  NULL, NULL,   4000},
};
/* A server of one's own: what it costs is not counted in tokens. */
static const struct model compatible_models[] = {
    {NULL,                0,     0,     0,     0,      0, 1, 1,        true,  NULL, NULL,   0},
};

enum { ANTHROPIC, OPENAI, GROQ, XAI, COMPATIBLE, FRED, PROVIDERS };

/* base_url and default_model of a row are fallbacks: a set holds copies. */
static const struct row {
    const char *base_url, *default_model;
    struct provider provider;
} rows[PROVIDERS] = {
    [ANTHROPIC] = {"https://api.anthropic.com", "claude-haiku-5-5",
        {.name = "anthropic", .wire = &llm_wire_anthropic, .max_tokens_field = "max_tokens",
         .stream_schema = true, .first_byte_ms = 120000, .idle_ms = 90000, .models = anthropic_models}},
    [OPENAI] = {"https://api.openai.com/v1", "gpt-6-luna",
        {.name = "openai", .wire = &llm_wire_openai, .max_tokens_field = "max_completion_tokens",
         .stream_options = true, .no_obfuscation = true, .stream_schema = true,
         .first_byte_ms = 120000, .idle_ms = 90000, .models = openai_models}},
    [GROQ] = {"https://api.groq.com/openai/v1", "openai/gpt-oss-20b",
        {.name = "groq", .wire = &llm_wire_openai, .max_tokens_field = "max_completion_tokens",
         .retry_422 = true, .first_byte_ms = 60000, .idle_ms = 60000, .models = groq_models}},
    [XAI] = {"https://api.x.ai/v1", "grok-4.3",
        {.name = "xai", .wire = &llm_wire_openai, .max_tokens_field = "max_completion_tokens",
         .stream_schema = true, .reasoning_apart = true, .first_byte_ms = 120000, .idle_ms = 90000,
         .models = xai_models}},
    /* The first request may load the model: minutes. */
    [COMPATIBLE] = {NULL, NULL,
        {.name = "compatible", .wire = &llm_wire_openai, .max_tokens_field = "max_tokens",
         .stream_options = true, .stream_schema = true, .strip_think = true,
         .first_byte_ms = 300000, .idle_ms = 300000, .models = compatible_models}},
    [FRED] = {"https://api.stlouisfed.org/fred", NULL,
        {.name = "fred", .key_query = "api_key", .first_byte_ms = 20000, .idle_ms = 20000,
         .models = compatible_models}},
};
// clang-format on

struct settings {
    struct {
        char *base_url, *api_key, *model, *wire;
        int64_t concurrency, rpm, tpm;
    } of[PROVIDERS];
    char *order, *prices, *embeddings;
};

struct provider_set {
    struct provider providers[PROVIDERS];
    const struct provider *order[PROVIDERS]; /* NULL after the last */
    struct provider embeddings;              /* name NULL: nobody gives any */
    struct settings settings;
    struct price_list *prices; /* owns what the file changed of the models */
};

// clang-format off
#define OF(at, member) offsetof(struct settings, of[at].member)
#define PROVIDER_CONF(at, NAME, title, concurrency_default) \
    {"PARLEY_" NAME "_BASE_URL",    CONF_TEXT,    OF(at, base_url),    NULL, 0, 0, "where " title " is reached, with or without /v1"}, \
    {NAME "_API_KEY",               CONF_SECRET,  OF(at, api_key),     NULL, 0, 0, "key for " title}, \
    {"PARLEY_" NAME "_MODEL",       CONF_TEXT,    OF(at, model),       NULL, 0, 0, "model asked when a job names none"}, \
    {"PARLEY_" NAME "_WIRE",        CONF_TEXT,    OF(at, wire),        NULL, 0, 0, "what " title " is spoken to in: messages, chat or responses; empty = its usual one"}, \
    {"PARLEY_" NAME "_CONCURRENCY", CONF_INTEGER, OF(at, concurrency), concurrency_default, 1, 100000, "calls open at once, over the whole fleet"}, \
    {"PARLEY_" NAME "_RPM",         CONF_INTEGER, OF(at, rpm),         "0", 0, 100000000,   "calls a minute, over the whole fleet; 0 = no limit"}, \
    {"PARLEY_" NAME "_TPM",         CONF_INTEGER, OF(at, tpm),         "0", 0, 10000000000, "tokens a minute, over the whole fleet; 0 = no limit"}

static const struct conf_row conf_rows[] = {
    PROVIDER_CONF(ANTHROPIC, "ANTHROPIC", "Anthropic", "20"),
    PROVIDER_CONF(OPENAI, "OPENAI", "OpenAI", "20"),
    PROVIDER_CONF(GROQ, "GROQ", "Groq", "50"),
    PROVIDER_CONF(XAI, "XAI", "xAI", "50"),
    PROVIDER_CONF(COMPATIBLE, "COMPATIBLE", "an OpenAI-compatible server", "20"),
    {"PARLEY_FRED_BASE_URL",    CONF_TEXT,    OF(FRED, base_url),    NULL,  0, 0,         "where the figures of the economy are read"},
    {"FRED_API_KEY",            CONF_SECRET,  OF(FRED, api_key),     NULL,  0, 0,         "key for FRED, for the daily job fred"},
    {"PARLEY_FRED_CONCURRENCY", CONF_INTEGER, OF(FRED, concurrency), "2",   1, 100,       "readings at once, over the whole fleet"},
    {"PARLEY_FRED_RPM",         CONF_INTEGER, OF(FRED, rpm),         "120", 0, 100000000, "readings a minute, over the whole fleet; 0 = no limit"},
    {"PARLEY_PROVIDERS", CONF_TEXT, offsetof(struct settings, order), "anthropic,openai,groq,xai,compatible", 0, 0,
     "order in which a job without wishes tries them"},
    {"PARLEY_EMBEDDINGS", CONF_TEXT, offsetof(struct settings, embeddings), NULL, 0, 0,
     "who gives embeddings, to find passages by their sense: PROVIDER/MODEL, or openai for its small one; empty = nobody"},
    {"PARLEY_PRICES",    CONF_TEXT, offsetof(struct settings, prices), NULL, 0, 0,
     "JSON file of prices that override and extend those we know (workers/price.h); empty = none"},
};
// clang-format on

static int find_row(struct span name)
{
    for (int i = 0; i < PROVIDERS; i++)
        if (span_equal(name, span_of(rows[i].provider.name)))
            return i;
    return -ENOENT;
}

/* One that a model can be asked of. */
static int find_asked(struct span name)
{
    int i = find_row(name);

    return i >= 0 && rows[i].provider.wire ? i : -ENOENT;
}

static bool is_url(struct span url)
{
    size_t n_scheme = text_starts(url, "https://") ? strlen("https://") : strlen("http://");

    if (!text_starts(url, "http://") && !text_starts(url, "https://"))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (url.at[i] <= ' ' || url.at[i] == 0x7f || strchr("@?#", url.at[i]))
            return false;
    return url.n < URL_BYTES && url.n > n_scheme && url.at[n_scheme] != '/';
}

/* Bytes of the last part of the path with its slash when it is a version ("/v1", "/v1beta"), else
 * 0. */
static size_t version_length(struct span url)
{
    for (size_t n = url.n; n > 0; n--)
        if (url.at[n - 1] == '/') {
            struct span last = {url.at + n, url.n - n};
            bool host = n >= 2 && url.at[n - 2] == '/';

            if (host || last.n < 2 || last.at[0] != 'v' || last.at[1] < '0' || last.at[1] > '9')
                return 0;
            return last.n + 1;
        }
    return 0;
}

/* The one place where a base URL is brought to what its wire's path is appended to: with a version
 * for the OpenAI shape, without for Anthropic's, whose path begins with it. */
static char *normalise(struct span url, const struct llm_wire *wire)
{
    bool path_has_version = wire && text_starts(span_of(wire->path), "/v1/");

    while (url.n > 0 && url.at[url.n - 1] == '/')
        url.n--;
    if (!wire)
        return xspandup(url);
    size_t n_version = version_length(url);
    if (path_has_version)
        url.n -= n_version;
    return xprintf("%.*s%s", (int)url.n, url.at, path_has_version || n_version > 0 ? "" : "/v1");
}

/* Every OpenAI-shaped server may be spoken to in either of the two formats. */
static int choose_wire(struct provider *provider, const char *name)
{
    static const struct llm_wire *const wires[] = {&llm_wire_anthropic, &llm_wire_openai,
                                                   &llm_wire_responses};

    for (size_t i = 0; name && i < ARRAY_SIZE(wires); i++)
        if (strcmp(wires[i]->name, name) == 0 &&
            strcmp(wires[i]->auth_header, provider->wire->auth_header) == 0) {
            provider->wire = wires[i];
            return 0;
        }
    if (!name)
        return 0;
    (void)fprintf(stderr, "PARLEY_*_WIRE of %s: \"%.40s\" is none of the formats it speaks: %s\n",
                  provider->name, name,
                  provider->wire == &llm_wire_anthropic ? "messages" : "chat, responses");
    return -EINVAL;
}

static int fill_provider(struct provider_set *set, int i)
{
    struct provider *provider = &set->providers[i];
    const char *own_url = set->settings.of[i].base_url;
    const char *url = own_url ? own_url : rows[i].base_url;
    const char *key = set->settings.of[i].api_key;
    const char *model =
        set->settings.of[i].model ? set->settings.of[i].model : rows[i].default_model;

    *provider = rows[i].provider;
    if (own_url && !is_url(span_of(own_url))) {
        (void)fprintf(stderr,
                      "PARLEY_*_BASE_URL of %s is not an http or https address without user, "
                      "query and fragment\n",
                      provider->name);
        return -EINVAL;
    }
    if (key && !url) {
        (void)fprintf(stderr, "%s has a key but no base URL\n", provider->name);
        return -EINVAL;
    }
    if (choose_wire(provider, set->settings.of[i].wire) != 0)
        return -EINVAL;
    provider->base_url = url ? normalise(span_of(url), provider->wire) : NULL;
    provider->api_key = key ? xstrdup(key) : NULL;
    provider->default_model = model ? xstrdup(model) : NULL;
    provider->configured = own_url || key;
    provider->concurrency = set->settings.of[i].concurrency;
    provider->rpm = set->settings.of[i].rpm;
    provider->tpm = set->settings.of[i].tpm;
    return 0;
}

static int fill_order(struct provider_set *set)
{
    struct span rest = span_of(set->settings.order), name;
    size_t n = 0;
    int r = 0;

    while (text_next(&rest, ',', &name)) {
        int i = find_asked(name);
        bool twice = false;

        for (size_t k = 0; i >= 0 && k < n; k++)
            twice = twice || set->order[k] == &set->providers[i];
        if (i < 0 || twice) {
            (void)fprintf(stderr, "PARLEY_PROVIDERS: \"%.*s\" is %s\n", (int)name.n, name.at,
                          i < 0 ? "no provider" : "there twice");
            r = -EINVAL;
            continue;
        }
        set->order[n++] = &set->providers[i];
    }
    return r;
}

/* "openai", "compatible/bge-m3" */
static int fill_embeddings(struct provider_set *set)
{
    const char *wanted = set->settings.embeddings, *slash = wanted ? strchr(wanted, '/') : NULL;
    int i;

    if (!wanted)
        return 0;
    i = find_asked((struct span){wanted, slash ? (size_t)(slash - wanted) : strlen(wanted)});
    const char *model = slash ? slash + 1 : i == OPENAI ? "text-embedding-3-small" : "";
    if (i < 0 || i == ANTHROPIC || !set->providers[i].configured || model[0] == '\0') {
        (void)fprintf(stderr, "PARLEY_EMBEDDINGS: \"%.80s\" is not PROVIDER/MODEL of %s\n", wanted,
                      i >= 0 && !set->providers[i].configured ? "a provider that is configured"
                                                              : "openai, groq, xai or compatible");
        return -EINVAL;
    }
    set->embeddings = set->providers[i];
    set->embeddings.wire = &llm_wire_embeddings;
    set->embeddings.default_model = xstrdup(model);
    return 0;
}

int provider_set_new(struct provider_set **ret_set)
{
    CLEANUP(provider_set_freep) struct provider_set *set = xcalloc(1, sizeof(*set));
    int r = conf_load(conf_rows, ARRAY_SIZE(conf_rows), &set->settings);

    if (r != 0)
        return r;
    for (int i = 0; i < PROVIDERS; i++)
        if (fill_provider(set, i) != 0)
            r = -EINVAL;
    if (fill_order(set) != 0)
        r = -EINVAL;
    if (price_list_new(set->settings.prices, set->providers, PROVIDERS, &set->prices) != 0)
        r = -EINVAL;
    if (fill_embeddings(set) != 0)
        r = -EINVAL;
    if (r != 0)
        return r;
    *ret_set = STEAL(set);
    return 0;
}

struct provider_set *provider_set_free(struct provider_set *set)
{
    if (!set)
        return NULL;
    for (int i = 0; i < PROVIDERS; i++) {
        if (set->providers[i].api_key)
            explicit_bzero(set->providers[i].api_key, strlen(set->providers[i].api_key));
        free(set->providers[i].base_url);
        free(set->providers[i].api_key);
        free(set->providers[i].default_model);
    }
    free(set->embeddings.default_model); /* the rest is the row's */
    price_list_free(set->prices);
    conf_clear(conf_rows, ARRAY_SIZE(conf_rows), &set->settings);
    free(set);
    return NULL;
}

void provider_help(void)
{
    conf_help(conf_rows, ARRAY_SIZE(conf_rows));
}

void provider_dump(const struct provider_set *set)
{
    conf_dump(conf_rows, ARRAY_SIZE(conf_rows), &set->settings);
}

const struct provider *provider_find(const struct provider_set *set, const char *name,
                                     struct error *error)
{
    int i = name ? find_asked(span_of(name)) : -ENOENT;

    if (name && i < 0) {
        (void)error_set(error, ERROR_PROVIDER_REFUSED, -ENOENT, "there is no provider \"%.40s\"",
                        name);
        return NULL;
    }
    if (name && !set->providers[i].configured) {
        (void)error_set(error, ERROR_PROVIDER_REFUSED, -ENOENT, "provider %s is not configured",
                        name);
        return NULL;
    }
    if (name)
        return &set->providers[i];
    for (size_t k = 0; k < PROVIDERS && set->order[k]; k++)
        if (set->order[k]->configured)
            return set->order[k];
    (void)error_set(error, ERROR_PROVIDER_REFUSED, -ENOENT, "no provider is configured");
    return NULL;
}

const struct provider *provider_embeddings(const struct provider_set *set, struct error *error)
{
    if (set->embeddings.name)
        return &set->embeddings;
    (void)error_set(error, ERROR_PROVIDER_REFUSED, -ENOENT, "nobody gives embeddings");
    return NULL;
}

const struct provider *provider_source(const struct provider_set *set, const char *name,
                                       struct error *error)
{
    int i = find_row(span_of(name));

    assert(i >= 0 && !rows[i].provider.wire);
    if (set->providers[i].configured)
        return &set->providers[i];
    CLEANUP(charp_freep) char *upper = xprintf("%s", name);
    for (char *c = upper; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    (void)error_set(error, ERROR_CONFIG, -ENOENT,
                    "%s is not configured: its workers need the key %s_API_KEY", name, upper);
    return NULL;
}

const struct provider *provider_at(const struct provider_set *set, size_t i)
{
    return i < PROVIDERS ? &set->providers[i] : NULL;
}

const struct model *provider_model(const struct provider *provider, struct span id)
{
    const struct model *model = provider->models;

    for (; model->id; model++) {
        struct span known = span_of(model->id);

        if (!text_starts(id, model->id))
            continue;
        /* What follows an id is a date ("-2026…"), else it is another model's name. */
        if (id.n == known.n || (id.n > known.n + 2 && id.at[known.n] == '-' &&
                                id.at[known.n + 1] == '2' && id.at[known.n + 2] == '0'))
            return model;
    }
    return model;
}
