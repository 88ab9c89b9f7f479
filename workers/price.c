/* Prices from a file: read once at start, as a whole.
 *
 * Each provider that the file names gets a table of its own: the rows of the file's new models,
 * then the rows we ship with the file's numbers over them, the row of unknown models last. The list
 * owns these tables and the names in them. A fault anywhere stops the start: a price that was meant
 * and not read would be money spent unseen. */
#include "price.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "provider.h"
#include "text.h"

#define MAX_FILE_BYTES ((size_t)1 << 20)
#define MAX_ID_BYTES 128
#define UNKNOWN_MODELS "*"

struct price_list {
    size_t n;
    struct table {
        struct model *models;
        char **ids; /* of the new models */
        size_t n_ids;
    } * tables;
};

struct reading {
    struct price_list *list;
    struct provider *providers;
    size_t n_providers;
    const char *path;
    /* of the provider that is read */
    const struct provider *provider;
    struct table *table;
    size_t n_models;
    /* of its model */
    const char *id;
    struct model *model;
    bool failed;
};

static const struct {
    const char *name;
    size_t offset;
    bool integer;
    double min, max;
} fields[] = {
    {"input_usd",         offsetof(struct model, input_usd),         false, 0, 1e6},
    {"output_usd",        offsetof(struct model, output_usd),        false, 0, 1e6},
    {"cached_usd",        offsetof(struct model, cached_usd),        false, 0, 1e6},
    {"cache_write_usd",   offsetof(struct model, cache_write_usd),   false, 0, 1e6},
    {"step_tokens",       offsetof(struct model, step_tokens),       true,  0, 1e9},
    {"step_input_times",  offsetof(struct model, step_input_times),  false, 1, 100},
    {"step_output_times", offsetof(struct model, step_output_times), false, 1, 100},
    {"thinking_tokens",   offsetof(struct model, thinking_tokens),   true,  0, 1e6},
};

static void fault(struct reading *reading, const char *format, ...) PRINTF_LIKE(2, 3);

static void fault(struct reading *reading, const char *format, ...)
{
    va_list args;

    reading->failed = true;
    (void)fprintf(stderr, "PARLEY_PRICES: %s: ", reading->path);
    if (reading->provider)
        (void)fprintf(stderr, "%s: ", reading->provider->name);
    if (reading->id)
        (void)fprintf(stderr, "%s: ", reading->id);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

static void unknown_field(struct reading *reading, const char *name)
{
    struct text_guess guess = {.word = span_of(name)};

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        text_guess_offer(&guess, fields[i].name);
    fault(reading, "there is no member \"%s\"%s%s%s", name, guess.best ? "; did you mean \"" : "",
          guess.best ? guess.best : "", guess.best ? "\"?" : "");
}

static bool read_field(const char *name, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    size_t i = 0;

    while (i < ARRAY_SIZE(fields) && strcmp(fields[i].name, name) != 0)
        i++;
    if (i == ARRAY_SIZE(fields)) {
        unknown_field(reading, name);
        return true;
    }
    double number = json_number(value);
    if (!json_is(value, JSON_NUMBER) || number < fields[i].min || number > fields[i].max ||
        (fields[i].integer && !json_is_whole(value))) {
        fault(reading, "%s must be %s from %g to %g", name,
              fields[i].integer ? "a whole number" : "a number", fields[i].min, fields[i].max);
        return true;
    }
    char *at = (char *)reading->model + fields[i].offset;
    int64_t whole = fields[i].integer ? json_integer(value) : 0;
    if (fields[i].integer)
        memcpy(at, &whole, sizeof(whole));
    else
        memcpy(at, &number, sizeof(number));
    return true;
}

/* The row of an id in the table so far; the row of unknown models for "*"; NULL = it is new. */
static struct model *find_model(const struct reading *reading, const char *id)
{
    for (size_t i = 0; i < reading->n_models; i++) {
        struct model *model = &reading->table->models[i];

        if (model->id ? strcmp(model->id, id) == 0 : strcmp(id, UNKNOWN_MODELS) == 0)
            return model;
    }
    return NULL;
}

/* New rows stand first: an id we ship may be the beginning of a new one. */
static struct model *add_model(struct reading *reading, const char *id)
{
    struct table *table = reading->table;
    struct model fresh = table->models[reading->n_models - 1];

    table->ids[table->n_ids] = xstrdup(id);
    fresh.id = table->ids[table->n_ids++];
    fresh.step_tokens = 0;
    fresh.step_input_times = fresh.step_output_times = 1;
    table->models = xrealloc(table->models, (reading->n_models + 1) * sizeof(fresh));
    memmove(&table->models[1], table->models, reading->n_models * sizeof(fresh));
    reading->n_models++;
    table->models[0] = fresh;
    return &table->models[0];
}

static void check_new(struct reading *reading, const struct json *value)
{
    struct model *model = reading->model;

    if (!json_get(value, "input_usd") || !json_get(value, "output_usd"))
        fault(reading, "a model that is new to us needs input_usd and output_usd");
    if (!json_get(value, "cached_usd"))
        model->cached_usd = model->input_usd;
    if (!json_get(value, "cache_write_usd"))
        model->cache_write_usd = model->input_usd;
}

static bool read_model(const char *id, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    size_t n = strlen(id);

    reading->id = id;
    if (n == 0 || n > MAX_ID_BYTES || !json_is(value, JSON_OBJECT)) {
        fault(reading, "must be a model's name with an object of prices");
    } else {
        struct model *known = find_model(reading, id);

        reading->model = known ? known : add_model(reading, id);
        json_each(value, read_field, reading);
        if (!known)
            check_new(reading, value);
    }
    reading->id = NULL;
    return true;
}

static void copy_models(struct reading *reading, const struct json *value)
{
    size_t n = 1;

    while (reading->provider->models[n - 1].id)
        n++;
    reading->n_models = n;
    reading->table->models = xmemdup(reading->provider->models, n * sizeof(struct model));
    reading->table->ids = xcalloc(json_length(value) + 1, sizeof(char *));
}

static bool read_provider(const char *name, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    struct text_guess guess = {.word = span_of(name)};
    size_t i = 0;

    for (; i < reading->n_providers && strcmp(reading->providers[i].name, name) != 0; i++)
        text_guess_offer(&guess, reading->providers[i].name);
    if (i == reading->n_providers) {
        fault(reading, "there is no provider \"%s\"%s%s%s", name,
              guess.best ? "; did you mean \"" : "", guess.best ? guess.best : "",
              guess.best ? "\"?" : "");
        return true;
    }
    reading->provider = &reading->providers[i];
    reading->table = &reading->list->tables[i];
    if (json_is(value, JSON_OBJECT)) {
        copy_models(reading, value);
        json_each(value, read_model, reading);
    } else {
        fault(reading, "must be an object of models");
    }
    reading->provider = NULL;
    return true;
}

static struct json *read_file(struct reading *reading)
{
    struct error error = {0};
    struct json *json = NULL;
    struct buf text;

    buf_init(&text, MAX_FILE_BYTES);
    int r = buf_add_file(&text, reading->path);
    if (r < 0)
        fault(reading, "cannot be read: %s",
              r == -E2BIG ? "it is larger than 1 MiB" : strerror(-r));
    else if (json_parse(buf_span(&text), NULL, &json, &error) < 0)
        fault(reading, "%s", error.message);
    else if (!json_is(json, JSON_OBJECT))
        fault(reading, "must be an object of providers");
    buf_deinit(&text);
    return json;
}

int price_list_new(const char *path, struct provider *providers, size_t n_providers,
                   struct price_list **ret_list)
{
    struct price_list *list = xcalloc(1, sizeof(*list));
    struct reading reading = {
        .list = list, .providers = providers, .n_providers = n_providers, .path = path};

    list->n = n_providers;
    list->tables = xcalloc(n_providers, sizeof(*list->tables));
    if (path) {
        CLEANUP(json_freep) struct json *json = read_file(&reading);
        json_each(json, read_provider, &reading);
    }
    if (reading.failed) {
        price_list_free(list);
        return -EINVAL;
    }
    for (size_t i = 0; i < n_providers; i++)
        if (list->tables[i].models)
            providers[i].models = list->tables[i].models;
    *ret_list = list;
    return 0;
}

struct price_list *price_list_free(struct price_list *list)
{
    if (!list)
        return NULL;
    for (size_t i = 0; i < list->n; i++) {
        for (size_t k = 0; k < list->tables[i].n_ids; k++)
            free(list->tables[i].ids[k]);
        free(list->tables[i].ids);
        free(list->tables[i].models);
    }
    free(list->tables);
    free(list);
    return NULL;
}

double price_worst_usd(const struct model *model, int64_t input_tokens, int64_t output_tokens)
{
    double input_usd = fmax(model->input_usd, fmax(model->cached_usd, model->cache_write_usd));
    double output_usd = model->output_usd;

    if (model->step_tokens > 0 && input_tokens > model->step_tokens) {
        input_usd *= model->step_input_times;
        output_usd *= model->step_output_times;
    }
    return ((double)input_tokens * input_usd + (double)output_tokens * output_usd) / 1e6;
}
