/* The members of an mc/1 document that are one value or a few: how many trials, from which seed,
 * what is reported. */
#include "fault.h"
#include "json.h"
#include "mc_parts.h"

#define HISTOGRAM_BINS_MAX 1024
#define SEED_MAX_BYTES 256
#define COST_MAX 1e18

static struct place here(const struct reading *reading)
{
    return (struct place){reading->path, 0, 0};
}

/* Which of the words the value is; n when none. */
static size_t read_word(struct reading *reading, const struct json *value, const char *const *words,
                        size_t n)
{
    size_t i = 0;

    while (i < n && !span_equal(json_string(value), span_of(words[i])))
        i++;
    if (i < n)
        return i;
    CLEANUP(charp_freep) char *expected = xprintf("\"%s\"", words[0]);
    for (i = 1; i < n; i++) {
        char *longer = xprintf("%s%s\"%s\"", expected, i + 1 < n ? ", " : " or ", words[i]);
        free(expected);
        expected = longer;
    }
    read_refuse(reading, expected, value);
    return n;
}

void read_kind(struct reading *reading, const struct json *value)
{
    static const char *const words[] = {"montecarlo"};

    (void)read_word(reading, value, words, ARRAY_SIZE(words));
}

void read_model(struct reading *reading, const struct json *value)
{
    static const char *const words[] = {"mc/1"};

    (void)read_word(reading, value, words, ARRAY_SIZE(words));
}

void read_method(struct reading *reading, const struct json *value)
{
    static const char *const words[] = {
        [MC_PCG] = "pcg", [MC_ANTITHETIC] = "antithetic", [MC_LHS] = "lhs", [MC_SOBOL] = "sobol"};
    size_t i = read_word(reading, value, words, ARRAY_SIZE(words));

    if (i < ARRAY_SIZE(words))
        reading->mc->method = (enum mc_method)i;
}

void read_correlation_kind(struct reading *reading, const struct json *value)
{
    static const char *const words[] = {"normal_scores", "spearman"};

    (void)read_word(reading, value, words, ARRAY_SIZE(words));
}

void read_on_invalid(struct reading *reading, const struct json *value)
{
    static const char *const words[] = {"error", "drop"};

    reading->mc->drop_invalid = read_word(reading, value, words, ARRAY_SIZE(words)) == 1;
}

void read_dry_run(struct reading *reading, const struct json *value)
{
    reading->mc->dry_run = read_switch(reading, value);
}

void read_seed(struct reading *reading, const struct json *value)
{
    struct span text = json_string(value);

    if (json_is_whole(value))
        reading->mc->seed = xprintf("%lld", (long long)json_integer(value));
    else if (json_is(value, JSON_STRING) && text.n <= SEED_MAX_BYTES)
        reading->mc->seed = xspandup(text);
    else
        read_refuse(reading, "a text of at most 256 bytes or a whole number", value);
}

/* ---- trials ---- */

static void read_max(struct reading *reading, const struct json *value)
{
    double trials = json_number(value);

    if (!json_is_whole(value) || trials < 1)
        read_refuse(reading, "a whole number from 1, or {\"max\": number}", value);
    else if (trials > MC_TRIALS_MAX)
        fault_add_detail(reading->faults, FAULT_LIMIT, here(reading),
                         (struct fault_detail){.expected = "at most 1e10"},
                         "at most 1e10 trials, not %.17g", trials);
    else
        reading->mc->trials = (uint64_t)trials;
}

static void read_of(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;

    if (!json_is(value, JSON_STRING))
        read_refuse(reading, "a question, like \"profit.p5\"", value);
    mc->rules[mc->n_rules].text = json_string(value);
}

static void read_half_width(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;
    double half_width = json_number(value);

    if (!(half_width > 0))
        fault_add_wrong(reading->faults, FAULT_PARAM_RANGE, reading->path, "a number above 0",
                        value);
    mc->rules[mc->n_rules].half_width = half_width;
}

static const struct member rule_members[] = {
    {"of",            read_of,         true },
    {"ci_half_width", read_half_width, true },
    {NULL,            NULL,            false},
};

static void read_until(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;

    if (!json_is(value, JSON_ARRAY)) {
        read_refuse(reading, "an array of {\"of\", \"ci_half_width\"}", value);
        return;
    }
    if (json_length(value) > MC_RULES_MAX)
        fault_add(reading->faults, FAULT_LIMIT, here(reading), NULL, "more than %d stop rules",
                  MC_RULES_MAX);
    for (size_t i = 0; i < json_length(value) && i < MC_RULES_MAX; i++) {
        CLEANUP(charp_freep) char *path = xprintf("%s/%zu", reading->path, i);
        struct reading inside = *reading;
        inside.path = path;
        read_members(&inside, json_at(value, i), rule_members);
        mc->n_rules++;
    }
}

static const struct member trials_members[] = {
    {"max",   read_max,   true },
    {"until", read_until, false},
    {NULL,    NULL,       false},
};

void read_trials(struct reading *reading, const struct json *value)
{
    if (json_is(value, JSON_OBJECT))
        read_members(reading, value, trials_members);
    else
        read_max(reading, value);
}

/* ---- budget ---- */

static void read_cost_units(struct reading *reading, const struct json *value)
{
    double units = json_number(value);

    if (!(units >= 1 && units <= COST_MAX))
        read_refuse(reading, "a number from 1 to 1e18", value);
    else
        reading->mc->budget_units = (uint64_t)units;
}

static const struct member budget_members[] = {
    {"cost_units", read_cost_units, true },
    {NULL,         NULL,            false},
};

void read_budget(struct reading *reading, const struct json *value)
{
    read_members(reading, value, budget_members);
}

/* ---- report ---- */

static void read_percentiles(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;

    if (!json_is(value, JSON_ARRAY)) {
        read_refuse(reading, "an array of numbers", value);
        return;
    }
    if (json_length(value) > MC_PERCENTILES_MAX)
        fault_add(reading->faults, FAULT_LIMIT, here(reading), NULL, "more than %d percentiles",
                  MC_PERCENTILES_MAX);
    mc->n_percentiles = 0;
    for (size_t i = 0; i < json_length(value) && i < MC_PERCENTILES_MAX; i++) {
        CLEANUP(charp_freep) char *path = xprintf("%s/%zu", reading->path, i);
        double p = json_number(json_at(value, i));
        if (!(p > 0 && p < 100))
            fault_add_wrong(reading->faults, FAULT_PARAM_RANGE, path, "a number between 0 and 100",
                            json_at(value, i));
        mc->percentiles[mc->n_percentiles++] = p;
    }
}

static void read_histogram(struct reading *reading, const struct json *value)
{
    if (!json_is_whole(value) || json_integer(value) < 0 ||
        json_integer(value) > HISTOGRAM_BINS_MAX)
        fault_add_wrong(reading->faults, FAULT_PARAM_RANGE, reading->path, "0 to 1024 bins", value);
    else
        reading->mc->histogram_bins = (unsigned)json_integer(value);
}

static void read_ci(struct reading *reading, const struct json *value)
{
    double level = json_number(value);

    if (!(level >= 0.5 && level <= 0.9999))
        fault_add_wrong(reading->faults, FAULT_PARAM_RANGE, reading->path, "0.5 to 0.9999", value);
    else
        reading->mc->level = level;
}

static void read_drivers(struct reading *reading, const struct json *value)
{
    reading->mc->drivers = read_switch(reading, value);
}

static void read_samples(struct reading *reading, const struct json *value)
{
    if (!json_is_whole(value) || json_integer(value) < 0 || json_integer(value) > MC_SAMPLES_MAX)
        fault_add_wrong(reading->faults, FAULT_PARAM_RANGE, reading->path,
                        "a whole number from 0 to 1000000", value);
    else
        reading->mc->n_reported_samples = (uint64_t)json_integer(value);
}

static const struct member report_members[] = {
    {"percentiles", read_percentiles, false},
    {"histogram",   read_histogram,   false},
    {"ci",          read_ci,          false},
    {"drivers",     read_drivers,     false},
    {"samples",     read_samples,     false},
    {NULL,          NULL,             false},
};

void read_report(struct reading *reading, const struct json *value)
{
    read_members(reading, value, report_members);
}
