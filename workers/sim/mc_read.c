/* Reading an mc/1 document. Every member has a row in a table; what we know but do not have yet is
 * refused by the row's reader, what we do not know by read_members(): nothing is ever silently
 * ignored. All faults are collected before anything is given up. To extend the language add a row
 * here, and its use to mc_link.c or sim.c. */
#include "fault.h"
#include "json.h"
#include "mc.h"

#define HISTOGRAM_BINS_MAX 1024
#define SEED_MAX_BYTES 256

struct reading {
    struct mc *mc;
    struct faults *faults;
    const char *path;
    bool is_output;
};

typedef void read_fn(struct reading *reading, const struct json *value);

static struct place here(const struct reading *reading)
{
    return (struct place){reading->path, 0, 0};
}

/* Whether a name may be given to a variable or definition; says why not. */
static bool name_good(struct reading *reading, const char *name, const char *path)
{
    const struct mc *mc = reading->mc;
    struct place place = {path, 0, 0};
    bool known = false;

    if (!expr_is_name(span_of(name))) {
        fault_add(reading->faults, FAULT_NAME, place,
                  "letters, digits and _, at most 64, no digit first", "this is not a name");
        return false;
    }
    if (expr_is_reserved(span_of(name))) {
        fault_add(reading->faults, FAULT_RESERVED, place, NULL, "'%s' is a word of the language",
                  name);
        return false;
    }
    for (size_t i = 0; i < mc->n_variables; i++)
        known = known || strcmp(mc->variables[i].name, name) == 0;
    for (size_t i = 0; i < mc->n_definitions; i++)
        known = known || strcmp(mc->definitions[i].name, name) == 0;
    if (known)
        fault_add(reading->faults, FAULT_NAME, place, NULL, "the name '%s' is taken already", name);
    return !known;
}

static bool on_variable(const char *key, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    struct mc *mc = reading->mc;
    CLEANUP(charp_freep) char *path = pointer_join(reading->path, key);
    struct dist dist = {0};

    if (mc->n_variables == MC_VARIABLES_MAX) {
        fault_add(reading->faults, FAULT_LIMIT, here(reading), NULL, "more than %d variables",
                  MC_VARIABLES_MAX);
        return false;
    }
    if (!name_good(reading, key, path))
        return true;
    /* A variable that is wrong stays known, so that expressions are not blamed for it. */
    (void)dist_read(value, path, reading->faults, &dist);
    mc->variables[mc->n_variables++] = (struct mc_variable){.name = xstrdup(key), .dist = dist};
    return true;
}

static bool on_definition(const char *key, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    struct mc *mc = reading->mc;
    CLEANUP(charp_freep) char *path = pointer_join(reading->path, key);

    if (mc->n_definitions == MC_DEFINITIONS_MAX) {
        fault_add(reading->faults, FAULT_LIMIT, here(reading), NULL, "more than %d let and outputs",
                  MC_DEFINITIONS_MAX);
        return false;
    }
    if (!name_good(reading, key, path))
        return true;
    struct mc_definition *definition = &mc->definitions[mc->n_definitions++];
    *definition = (struct mc_definition){
        .name = xstrdup(key), .is_output = reading->is_output, .text = json_string(value)};
    if (json_is(value, JSON_STRING))
        definition->good = expr_parse(&mc->tree, definition->text, 0, definition->text.n, path,
                                      reading->faults, &definition->root);
    else
        fault_add(reading->faults, FAULT_SCHEMA, (struct place){path, 0, 0}, NULL,
                  "must be an expression in a string");
    definition->path = STEAL(path);
    return true;
}

static void read_object(struct reading *reading, const struct json *value, json_member_fn *fn)
{
    if (json_is(value, JSON_OBJECT))
        json_each(value, fn, reading);
    else
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL, "must be an object");
}

static void read_variables(struct reading *reading, const struct json *value)
{
    read_object(reading, value, on_variable);
}

static void read_let(struct reading *reading, const struct json *value)
{
    read_object(reading, value, on_definition);
    reading->mc->n_lets = reading->mc->n_definitions;
}

static void read_outputs(struct reading *reading, const struct json *value)
{
    reading->is_output = true;
    read_object(reading, value, on_definition);
}

static void read_trials(struct reading *reading, const struct json *value)
{
    const struct json *max = json_is(value, JSON_OBJECT) ? json_get(value, "max") : value;
    double trials = json_number(max);

    if (json_length(json_get(value, "until")) > 0)
        fault_add(reading->faults, FAULT_UNSUPPORTED, here(reading), "give a number of trials",
                  "stop rules (until) are not available yet");
    if (!json_is(max, JSON_NUMBER) || trials < 1 ||
        trials != (double)(int64_t)(trials < 1e18 ? trials : 0))
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL,
                  "must be a whole number from 1, or {\"max\": number}");
    else if (trials > MC_TRIALS_MAX)
        fault_add(reading->faults, FAULT_LIMIT, here(reading), NULL, "at most %d trials, not %.0f",
                  MC_TRIALS_MAX, trials);
    else
        reading->mc->trials = (uint64_t)trials;
}

static void read_seed(struct reading *reading, const struct json *value)
{
    struct span text = json_string(value);

    if (json_is_whole(value))
        reading->mc->seed = xprintf("%lld", (long long)json_integer(value));
    else if (json_is(value, JSON_STRING) && text.n <= SEED_MAX_BYTES)
        reading->mc->seed = xspandup(text);
    else
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL,
                  "must be a text of at most %d bytes or a whole number", SEED_MAX_BYTES);
}

static void read_ask(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;

    if (!json_is(value, JSON_ARRAY) || json_length(value) > MC_ASKS_MAX) {
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL,
                  "must be an array of at most %d", MC_ASKS_MAX);
        return;
    }
    for (size_t i = 0; i < json_length(value); i++) {
        mc->asks[mc->n_asks++] = (struct mc_ask){.text = json_string(json_at(value, i))};
        if (!json_is(json_at(value, i), JSON_STRING))
            fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL,
                      "item %zu must be a string", i);
    }
}

static void read_method(struct reading *reading, const struct json *value)
{
    static const char *const later[] = {"antithetic", "lhs", "sobol"};
    struct span name = json_string(value);

    for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
        if (span_equal(name, span_of(later[i]))) {
            fault_add(reading->faults, FAULT_UNSUPPORTED, here(reading), "use \"pcg\"",
                      "the method %s is not available yet", later[i]);
            return;
        }
    }
    if (!span_equal(name, SPAN("pcg")))
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), "use \"pcg\"",
                  "there is no such method");
}

static void read_word(struct reading *reading, const struct json *value, const char *word)
{
    if (!span_equal(json_string(value), span_of(word)))
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL, "must be \"%s\"", word);
}

static void read_kind(struct reading *reading, const struct json *value)
{
    read_word(reading, value, "montecarlo");
}

static void read_model(struct reading *reading, const struct json *value)
{
    read_word(reading, value, "mc/1");
}

static void refuse_content(struct reading *reading, const struct json *value)
{
    if (json_length(value) > 0)
        fault_add(reading->faults, FAULT_UNSUPPORTED, here(reading), NULL,
                  "%s are not available yet", reading->path + 1);
}

static void read_correlation_kind(struct reading *reading, const struct json *value)
{
    if (!span_equal(json_string(value), SPAN("spearman")) &&
        !span_equal(json_string(value), SPAN("normal_scores")))
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL,
                  "must be \"spearman\" or \"normal_scores\"");
}

static void read_on_invalid(struct reading *reading, const struct json *value)
{
    if (span_equal(json_string(value), SPAN("drop")))
        fault_add(reading->faults, FAULT_UNSUPPORTED, here(reading), NULL,
                  "dropping invalid trials is not available yet");
    else
        read_word(reading, value, "error");
}

static void read_dry_run(struct reading *reading, const struct json *value)
{
    if (!json_is(value, JSON_BOOL))
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL, "must be true or false");
    else if (json_bool(value))
        fault_add(reading->faults, FAULT_UNSUPPORTED, here(reading), NULL,
                  "dry_run is not available yet");
}

static void read_percentiles(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;

    if (!json_is(value, JSON_ARRAY) || json_length(value) > MC_PERCENTILES_MAX) {
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL,
                  "must be an array of at most %d numbers", MC_PERCENTILES_MAX);
        return;
    }
    mc->n_percentiles = 0;
    for (size_t i = 0; i < json_length(value); i++) {
        double p = json_number(json_at(value, i));
        if (!(p > 0 && p < 100))
            fault_add(reading->faults, FAULT_PARAM_RANGE, here(reading), NULL,
                      "item %zu must be a number between 0 and 100", i);
        mc->percentiles[mc->n_percentiles++] = p;
    }
}

static void read_histogram(struct reading *reading, const struct json *value)
{
    if (!json_is_whole(value) || json_integer(value) < 0 ||
        json_integer(value) > HISTOGRAM_BINS_MAX)
        fault_add(reading->faults, FAULT_PARAM_RANGE, here(reading), NULL, "must be 0 to %d bins",
                  HISTOGRAM_BINS_MAX);
    else
        reading->mc->histogram_bins = (unsigned)json_integer(value);
}

static void read_ci(struct reading *reading, const struct json *value)
{
    double level = json_number(value);

    if (!(level >= 0.5 && level <= 0.9999))
        fault_add(reading->faults, FAULT_PARAM_RANGE, here(reading), NULL, "must be 0.5 to 0.9999");
    else
        reading->mc->level = level;
}

static void read_drivers(struct reading *reading, const struct json *value)
{
    if (!json_is(value, JSON_BOOL))
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL, "must be true or false");
    else if (json_bool(value))
        fault_add(reading->faults, FAULT_UNSUPPORTED, here(reading), NULL,
                  "drivers are not available yet");
}

static void read_samples(struct reading *reading, const struct json *value)
{
    if (!json_is_whole(value) || json_integer(value) < 0)
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL,
                  "must be a whole number from 0");
    else if (json_integer(value) > 0)
        fault_add(reading->faults, FAULT_UNSUPPORTED, here(reading), NULL,
                  "raw samples are not available yet");
}

struct member {
    const char *name;
    read_fn *fn;
};

static const struct member report_members[] = {
    {"percentiles", read_percentiles},
    {"histogram",   read_histogram  },
    {"ci",          read_ci         },
    {"drivers",     read_drivers    },
    {"samples",     read_samples    },
    {NULL,          NULL            },
};

static void read_members(struct reading *reading, const struct json *json,
                         const struct member *members);

static void read_report(struct reading *reading, const struct json *value)
{
    read_members(reading, value, report_members);
}

/* Read in this order: outputs come after let, and ask needs only texts. */
static const struct member document_members[] = {
    {"kind",             read_kind            },
    {"model",            read_model           },
    {"trials",           read_trials          },
    {"seed",             read_seed            },
    {"method",           read_method          },
    {"variables",        read_variables       },
    {"correlations",     refuse_content       },
    {"correlation_kind", read_correlation_kind},
    {"let",              read_let             },
    {"outputs",          read_outputs         },
    {"ask",              read_ask             },
    {"steps",            refuse_content       },
    {"report",           read_report          },
    {"on_invalid",       read_on_invalid      },
    {"dry_run",          read_dry_run         },
    {NULL,               NULL                 },
};

struct unknown_check {
    const struct reading *reading;
    const struct member *members;
};

static bool on_any_member(const char *key, const struct json *value, void *arg)
{
    const struct unknown_check *check = arg;
    CLEANUP(charp_freep) char *path = pointer_join(check->reading->path, key);
    const char *names[ARRAY_SIZE(document_members)];
    size_t n = 0;

    (void)value;
    for (; check->members[n].name; n++) {
        names[n] = check->members[n].name;
        if (strcmp(names[n], key) == 0)
            return true;
    }
    const char *near = nearest_name(span_of(key), names, n);
    CLEANUP(charp_freep) char *hint = near ? xprintf("did you mean '%s'?", near) : NULL;
    fault_add(check->reading->faults, FAULT_SCHEMA, (struct place){path, 0, 0}, hint,
              "unknown member");
    return true;
}

static void read_members(struct reading *reading, const struct json *json,
                         const struct member *members)
{
    struct unknown_check check = {reading, members};

    if (!json_is(json, JSON_OBJECT)) {
        fault_add(reading->faults, FAULT_SCHEMA, here(reading), NULL, "must be an object");
        return;
    }
    for (const struct member *member = members; member->name; member++) {
        const struct json *value = json_get(json, member->name);
        CLEANUP(charp_freep) char *path = pointer_join(reading->path, member->name);
        struct reading inside = {reading->mc, reading->faults, path, false};
        if (value)
            member->fn(&inside, value);
    }
    json_each(json, on_any_member, &check);
}

void mc_read(struct mc *mc, struct faults *faults)
{
    struct reading reading = {mc, faults, "", false};

    read_members(&reading, mc->document, document_members);
}
