/* Reading an mc/1 document: the things that have names, and the table of its members. Every member
 * has a row; what no row names is refused by read_members(), so that nothing is ever silently
 * ignored. All faults are collected before anything is given up. The small members are read in
 * mc_options.c, the time steps in mc_steps.c. To extend the language add a row here. */
#include "dist.h"
#include "fault.h"
#include "json.h"
#include "mc_parts.h"

#define MEMBERS_MAX 16

void read_refuse(struct reading *reading, const char *expected, const struct json *value)
{
    fault_add_wrong(reading->faults, FAULT_SCHEMA, reading->path, expected, value);
}

bool read_switch(struct reading *reading, const struct json *value)
{
    if (!json_is(value, JSON_BOOL))
        read_refuse(reading, "true or false", value);
    return json_bool(value);
}

/* An output may have the name of a state: it is what becomes of it. */
static bool is_taken(const struct reading *reading, const char *name)
{
    const struct mc *mc = reading->mc;
    bool taken = false;

    for (size_t i = 0; i < mc->n_variables; i++)
        taken = taken || strcmp(mc->variables[i].name, name) == 0;
    for (size_t i = 0; i < mc->n_definitions; i++)
        taken = taken || strcmp(mc->definitions[i].name, name) == 0;
    for (size_t i = 0; i < mc->n_states && !reading->is_output; i++)
        taken = taken || strcmp(mc->states[i].name, name) == 0;
    return taken;
}

bool read_name(struct reading *reading, const char *name, const char *path)
{
    struct place place = {path, 0, 0};

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
    if (is_taken(reading, name)) {
        fault_add(reading->faults, FAULT_NAME, place, NULL, "the name '%s' is taken already", name);
        return false;
    }
    return true;
}

bool read_expression(struct reading *reading, const struct json *value, const char *path,
                     struct expr *ret_expr)
{
    struct span text = json_string(value);

    if (json_is(value, JSON_STRING))
        return expr_parse(&reading->mc->tree, text, 0, text.n, path, reading->faults, ret_expr);
    fault_add_wrong(reading->faults, FAULT_SCHEMA, path, "an expression in a string", value);
    return false;
}

static bool on_variable(const char *key, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    struct mc *mc = reading->mc;
    CLEANUP(charp_freep) char *path = pointer_join(reading->path, key);

    if (mc->n_variables == MC_VARIABLES_MAX) {
        fault_add(reading->faults, FAULT_LIMIT, (struct place){reading->path, 0, 0}, NULL,
                  "more than %d variables", MC_VARIABLES_MAX);
        return false;
    }
    if (!read_name(reading, key, path))
        return true;
    /* A variable that is wrong stays known, so that expressions are not blamed for it. */
    struct mc_variable *variable = &mc->variables[mc->n_variables++];
    *variable = (struct mc_variable){.name = xstrdup(key), .factor_row = MC_UNCORRELATED};
    (void)dist_read(value, path, reading->faults, &variable->dist);
    return true;
}

static bool on_definition(const char *key, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    struct mc *mc = reading->mc;
    CLEANUP(charp_freep) char *path = pointer_join(reading->path, key);

    if (mc->n_definitions == MC_DEFINITIONS_MAX) {
        fault_add(reading->faults, FAULT_LIMIT, (struct place){reading->path, 0, 0}, NULL,
                  "more than %d let and outputs", MC_DEFINITIONS_MAX);
        return false;
    }
    if (!read_name(reading, key, path))
        return true;
    struct mc_definition *definition = &mc->definitions[mc->n_definitions++];
    *definition = (struct mc_definition){
        .name = xstrdup(key), .is_output = reading->is_output, .text = json_string(value)};
    definition->good = read_expression(reading, value, path, &definition->expr);
    definition->path = STEAL(path);
    return true;
}

static void read_object(struct reading *reading, const struct json *value, json_member_fn *fn)
{
    if (json_is(value, JSON_OBJECT))
        json_each(value, fn, reading);
    else
        read_refuse(reading, "an object", value);
}

static void read_variables(struct reading *reading, const struct json *value)
{
    const struct mc *mc = reading->mc;
    size_t n_parts = 0;

    read_object(reading, value, on_variable);
    for (size_t i = 0; i < mc->n_variables; i++)
        n_parts += dist_n_parts(&mc->variables[i].dist);
    if (n_parts > MC_PARTS_MAX)
        fault_add(reading->faults, FAULT_LIMIT, (struct place){reading->path, 0, 0}, NULL,
                  "all mixtures together have more than %d parts", MC_PARTS_MAX);
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
    if (json_is(value, JSON_OBJECT) && json_length(value) == 0)
        fault_add(reading->faults, FAULT_SCHEMA, (struct place){reading->path, 0, 0}, NULL,
                  "at least one output is needed");
}

static void read_ask(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;

    if (!json_is(value, JSON_ARRAY)) {
        read_refuse(reading, "an array of questions", value);
        return;
    }
    if (json_length(value) > MC_ASKS_MAX)
        fault_add(reading->faults, FAULT_LIMIT, (struct place){reading->path, 0, 0}, NULL,
                  "more than %d questions", MC_ASKS_MAX);
    for (size_t i = 0; i < json_length(value) && i < MC_ASKS_MAX; i++) {
        const struct json *item = json_at(value, i);
        struct mc_ask *ask = &mc->asks[mc->n_asks++];
        *ask = (struct mc_ask){.text = json_string(item), .path = xprintf("/ask/%zu", i)};
        if (!json_is(item, JSON_STRING))
            fault_add_wrong(reading->faults, FAULT_SCHEMA, ask->path, "a question in a string",
                            item);
    }
}

/* Looked at by mc_correlate(), when all variables are known. */
static void read_correlations(struct reading *reading, const struct json *value)
{
    if (!json_is(value, JSON_ARRAY))
        read_refuse(reading, "an array of [name, name, correlation]", value);
}

struct unknown_check {
    const struct reading *reading;
    const struct member *members;
};

static bool on_any_member(const char *key, const struct json *value, void *arg)
{
    const struct unknown_check *check = arg;
    CLEANUP(charp_freep) char *path = pointer_join(check->reading->path, key);
    const char *names[MEMBERS_MAX];
    size_t n = 0;

    (void)value;
    for (; check->members[n].name; n++) {
        names[n] = check->members[n].name;
        if (strcmp(names[n], key) == 0)
            return true;
    }
    CLEANUP(charp_freep) char *hint = fault_guess(span_of(key), names, n);
    fault_add(check->reading->faults, FAULT_SCHEMA, (struct place){path, 0, 0}, hint,
              "unknown member");
    return true;
}

void read_members(struct reading *reading, const struct json *json, const struct member *members)
{
    struct unknown_check check = {reading, members};

    if (!json_is(json, JSON_OBJECT)) {
        read_refuse(reading, "an object", json);
        return;
    }
    for (const struct member *member = members; member->name; member++) {
        const struct json *value = json_get(json, member->name);
        CLEANUP(charp_freep) char *path = pointer_join(reading->path, member->name);
        struct reading inside = *reading;
        inside.path = path;
        if (json_has(json, member->name))
            member->fn(&inside, value);
        else if (member->required)
            fault_add(reading->faults, FAULT_SCHEMA, (struct place){path, 0, 0}, NULL,
                      "is required");
    }
    json_each(json, on_any_member, &check);
}

/* Read in this order: states come before outputs, which may have their names, outputs after let,
 * and ask needs only texts. */
static const struct member document_members[] = {
    {"kind",             read_kind,             false},
    {"model",            read_model,            false},
    {"trials",           read_trials,           false},
    {"seed",             read_seed,             false},
    {"method",           read_method,           false},
    {"variables",        read_variables,        false},
    {"correlations",     read_correlations,     false},
    {"correlation_kind", read_correlation_kind, false},
    {"steps",            read_steps,            false},
    {"let",              read_let,              false},
    {"outputs",          read_outputs,          true },
    {"ask",              read_ask,              false},
    {"report",           read_report,           false},
    {"on_invalid",       read_on_invalid,       false},
    {"dry_run",          read_dry_run,          false},
    {"budget",           read_budget,           false},
    {NULL,               NULL,                  false},
};
_Static_assert(ARRAY_SIZE(document_members) <= MEMBERS_MAX + 1, "a check holds all names");

void mc_read(struct mc *mc, struct faults *faults)
{
    struct reading reading = {mc, faults, "", false};

    read_members(&reading, mc->document, document_members);
}
