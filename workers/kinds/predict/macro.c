/* Ratios of public series, standardised, and which events they shift.
 *
 * A document of ratios is all a prediction reads: a few hundred bytes, made once a day by the job
 * `fred`, so that no request waits for anybody's server. Documents of one vintage are the same to
 * the byte, whoever made them: only + - * / and sqrt in a written order touch the figures. */
#include "macro.h"

#include <math.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "predict.h"
#include "text.h"

#define OBSERVATIONS_MAX 200 /* eleven years of months, and some */
#define YEARS 10
#define LEAST 8 /* values that have a deviation worth naming */
#define Z_MAX 3
#define DAY_MS 86400000LL

const char *const macro_series[] = {"UNRATE",   "JTSJOL", "PAYEMS", "CPIAUCSL",
                                    "FEDFUNDS", "GDPC1",  NULL};

/* A ratio over time. */
struct values {
    const char *days[OBSERVATIONS_MAX]; /* borrowed from the observations */
    double at[OBSERVATIONS_MAX];
    size_t n;
};

static const char *day_at(const struct json *series, size_t i)
{
    return json_string(json_at(json_at(series, i), 0)).at;
}

static double value_at(const struct json *series, size_t i)
{
    return json_number(json_at(json_at(series, i), 1));
}

/* The value of that day; false: there is none. */
static bool value_of(const struct json *series, const char *day, double *ret_value)
{
    for (size_t i = 0; i < json_length(series); i++) {
        if (strcmp(day_at(series, i), day) != 0)
            continue;
        *ret_value = value_at(series, i);
        return true;
    }
    return false;
}

void macro_years_before(const char *day, unsigned years, char out[MACRO_DAY_BYTES])
{
    uint64_t year;

    if (text_to_u64((struct span){day, 4}, 9999, &year) < 0)
        year = years;
    (void)snprintf(out, MACRO_DAY_BYTES, "%04u%.6s", (unsigned)(year - years) % 10000, day + 4);
}

/* The ratio on that day; false: a figure it needs is missing. */
static bool ratio_on(const struct macro_row *row, const struct json *observations, const char *day,
                     double *ret_ratio)
{
    const struct json *over = json_get(observations, row->over);
    double value, divisor = 1;
    char before[MACRO_DAY_BYTES];

    if (!value_of(over, day, &value))
        return false;
    macro_years_before(day, 1, before);
    if (row->under && !value_of(json_get(observations, row->under), day, &divisor))
        return false;
    if (row->change && !value_of(over, before, &divisor))
        return false;
    if (!(divisor > 0 || divisor < 0))
        return false;
    *ret_ratio = row->change ? value / divisor - 1 : value / divisor;
    return true;
}

static void read_values(const struct macro_row *row, const struct json *observations,
                        struct values *values)
{
    const struct json *over = json_get(observations, row->over);

    values->n = 0;
    for (size_t i = 0; i < json_length(over) && values->n < OBSERVATIONS_MAX; i++) {
        values->days[values->n] = day_at(over, i);
        if (ratio_on(row, observations, values->days[values->n], &values->at[values->n]))
            values->n++;
    }
}

/* Only the ten years before the last value count. */
static void drop_old(struct values *values)
{
    char first[MACRO_DAY_BYTES];
    size_t n_old = 0;

    if (values->n == 0)
        return;
    macro_years_before(values->days[values->n - 1], YEARS, first);
    while (n_old < values->n && strcmp(values->days[n_old], first) < 0)
        n_old++;
    values->n -= n_old;
    memmove(values->days, values->days + n_old, values->n * sizeof(values->days[0]));
    memmove(values->at, values->at + n_old, values->n * sizeof(values->at[0]));
}

/* The ratio as it stands; NULL: too little is known of it. */
static struct json *ratio_json(const struct macro_row *row, const struct json *observations)
{
    struct values values;
    double sum = 0, squares = 0;

    read_values(row, observations, &values);
    drop_old(&values);
    if (values.n < LEAST)
        return NULL;
    for (size_t i = 0; i < values.n; i++)
        sum += values.at[i];
    double mean = sum / (double)values.n, last = values.at[values.n - 1];
    for (size_t i = 0; i < values.n; i++)
        squares += (values.at[i] - mean) * (values.at[i] - mean);
    double sd = sqrt(squares / (double)(values.n - 1)), z = (last - mean) / sd;
    if (!isfinite(z))
        return NULL;
    CLEANUP(charp_freep)
    char *name = xprintf("%s%s%s%s", row->over, row->under ? "/" : "", row->under ? row->under : "",
                         row->change ? ", change in a year" : "");
    struct json *json = json_object();
    json_set_text(json, "id", row->id);
    json_set_text(json, "series", name);
    json_set_text(json, "date", values.days[values.n - 1]);
    json_set_number(json, "value", last);
    json_set_number(json, "mean", mean);
    json_set_number(json, "sd", sd);
    json_set_number(json, "z", z < -Z_MAX ? -Z_MAX : z > Z_MAX ? Z_MAX : z);
    json_set_integer(json, "n", (int64_t)values.n);
    return json;
}

static const struct json *ratio_of(const struct json *document, const char *id)
{
    const struct json *ratios = json_get(document, "ratios");

    for (size_t i = 0; i < json_length(ratios); i++)
        if (span_equal(json_get_string(json_at(ratios, i), "id", ""), span_of(id)))
            return json_at(ratios, i);
    return NULL;
}

struct json *macro_document(const char *asked, const char *vintage, const char *source,
                            const struct json *observations, const struct json *before)
{
    const struct registry *all = registry();
    struct json *json = json_object(), *ratios = json_array();
    bool complete = true;

    for (size_t i = 0; i < all->n_macros; i++) {
        struct json *ratio = ratio_json(&all->macros[i], observations);
        const struct json *earlier = ratio_of(before, all->macros[i].id);
        if (ratio) {
            json_set_text(ratio, "vintage", vintage);
            json_set_text(ratio, "source", source);
        } else {
            complete = false;
            ratio = json_copy(earlier);
        }
        if (ratio)
            json_append(ratios, ratio);
    }
    json_set_text(json, "schema", "macro/1");
    json_set_text(json, "asked", asked);
    json_set_text(json, "vintage", vintage);
    json_set_text(json, "source", source);
    json_set_bool(json, "complete", complete);
    json_set(json, "ratios", ratios);
    return json;
}

const struct json *macro_shipped(void)
{
    static struct json *document;
    const struct json *file = registry()->vintage_file;

    if (!document) {
        const char *vintage = json_get_string(file, "vintage", "").at;
        document = macro_document(vintage, vintage, json_get_string(file, "source", "").at,
                                  json_get(file, "observations"), NULL);
    }
    return document;
}

/* ---- in a prediction ---- */

static bool is_valid(const struct json *ratio, int64_t wall_ms)
{
    struct span vintage = json_get_string(ratio, "vintage", "");
    CLEANUP(charp_freep) char *text = xprintf("%sT00:00:00Z", vintage.at);
    int64_t made_ms;

    return clock_parse(span_of(text), &made_ms) == 0 &&
           wall_ms - made_ms <= MACRO_VALID_DAYS * DAY_MS;
}

static const struct json *later(const struct json *a, const struct json *b)
{
    if (!a || !b)
        return a ? a : b;
    return strcmp(json_get_string(a, "vintage", "").at, json_get_string(b, "vintage", "").at) >= 0
               ? a
               : b;
}

struct macro macro_of(const struct event_row *event, const struct json *document,
                      const struct json *shipped, int64_t wall_ms)
{
    const struct macro_row *row = registry_macro(event);
    const struct json *ratio =
        row ? later(ratio_of(document, row->id), ratio_of(shipped, row->id)) : NULL;

    if (!ratio || !is_valid(ratio, wall_ms))
        return (struct macro){0};
    return (struct macro){
        .series = json_get_string(ratio, "series", "").at,
        .vintage = json_get_string(ratio, "vintage", "").at,
        .source = json_get_string(ratio, "source", "").at,
        .date = json_get_string(ratio, "date", "").at,
        .value = json_get_number(ratio, "value", 0),
        .z = json_get_number(ratio, "z", 0),
        .gamma = row->mean,
        .gamma_sd = row->sd,
    };
}
