/* Reads the registry out of the embedded files.
 *
 * Texts are borrowed from the JSON values, which live as long as the process. Every member of a
 * row is asked for by name; one that is missing or has another type stops the program, so that no
 * figure is ever made up. */
#include "registry.h"

#include <math.h>
#include <stdlib.h>

#include "embedded.h"
#include "error.h"
#include "json.h"
#include "log.h"
#include "text.h"

#define YEAR 365.25

extern const struct embedded predict_files[];

static const char *const unit_names[] = {"duration", "money", "mass", "length",
                                         "percent",  "gpa",   "count"};
_Static_assert(ARRAY_SIZE(unit_names) == UNIT_KIND_COUNT_, "a name for each kind of unit");

const struct event_row registry_generic = {
    .id = "other",
    .type = "other",
    .statement = "does what is hoped for",
    .phrases = "",
    .rate = {0.03,                             0.3, 0.85},
    .horizon_days = YEAR,
    .evidence = { "anything anybody may hope for", "none: no reference class fits",  "",  'D'},
};

static struct json *file_of(const char *name)
{
    struct json *json = NULL;
    struct error error = {0};

    for (const struct embedded *file = predict_files; file->name; file++) {
        if (strcmp(file->name, name) != 0)
            continue;
        if (json_parse(file->text, NULL, &json, &error) < 0)
            log_error("event=registry.broken file=%s why=\"%s\"", name, error.message);
    }
    if (!json)
        abort();
    return json;
}

static const struct json *member(const struct json *row, const char *name, enum json_type type)
{
    const struct json *value = json_get(row, name);

    if (!json_is(value, type)) {
        log_error("event=registry.broken row=%s member=%s", json_get_string(row, "id", "?").at,
                  name);
        abort();
    }
    return value;
}

static const char *text_of(const struct json *row, const char *name)
{
    return json_string(member(row, name, JSON_STRING)).at;
}

static double number_of(const struct json *row, const char *name)
{
    return json_number(member(row, name, JSON_NUMBER));
}

static double number_at(const struct json *row, const char *name, size_t i)
{
    return json_number(json_at(member(row, name, JSON_ARRAY), i));
}

static struct rate rate_of(const struct json *row, const char *name)
{
    return (struct rate){number_at(row, name, 0), number_at(row, name, 1), number_at(row, name, 2)};
}

static struct evidence evidence_of(const struct json *row)
{
    return (struct evidence){json_get_string(row, "period", "").at, text_of(row, "source"),
                             text_of(row, "date"), text_of(row, "grade")[0]};
}

static enum time_effect time_of(const struct json *row)
{
    if (json_get_bool(row, "fixed", false))
        return TIME_NONE;
    return json_get_bool(row, "decay", false) ? TIME_HURTS : TIME_HELPS;
}

static void read_event(struct registry *registry, const struct json *row)
{
    bool attempts = json_has(row, "attempts");

    registry->events[registry->n_events++] = (struct event_row){
        .id = text_of(row, "id"),
        .type = text_of(row, "type"),
        .statement = text_of(row, "statement"),
        .phrases = text_of(row, "phrases"),
        .rate = rate_of(row, "rate"),
        .horizon_days = number_of(row, "horizon_days"),
        .attempts_p10 = attempts ? number_at(row, "attempts", 0) : 0,
        .attempts_p90 = attempts ? number_at(row, "attempts", 1) : 0,
        .time = time_of(row),
        .evidence = evidence_of(row),
    };
}

static enum unit_kind unit_of(const struct json *row)
{
    struct span name = span_of(text_of(row, "unit"));

    for (size_t i = 0; i < ARRAY_SIZE(unit_names); i++)
        if (span_equal(name, span_of(unit_names[i])))
            return (enum unit_kind)i;
    abort();
}

static const char *classes_of(const struct json *row)
{
    return json_has(row, "classes") ? text_of(row, "classes") : NULL;
}

static void read_quantity(struct registry *registry, const struct json *row)
{
    registry->factors[registry->n_factors++] = (struct factor_row){
        .id = text_of(row, "id"),
        .types = text_of(row, "types"),
        .classes = classes_of(row),
        .unit = unit_of(row),
        .label = text_of(row, "label"),
        .reference = number_of(row, "reference"),
        .mean = number_at(row, "elasticity", 0),
        .sd = number_at(row, "elasticity", 1),
        .missing_p10 = number_at(row, "missing", 0),
        .missing_p90 = number_at(row, "missing", 1),
        .optional = json_get_bool(row, "optional", false),
        .most = json_get_number(row, "most", (double)INFINITY),
        .evidence = evidence_of(row),
    };
}

static void read_word(struct registry *registry, const struct json *row)
{
    registry->adjustments[registry->n_adjustments++] = (struct adjustment_row){
        .id = text_of(row, "id"),
        .types = text_of(row, "types"),
        .classes = classes_of(row),
        .phrases = text_of(row, "phrases"),
        .label = text_of(row, "label"),
        .log_odds = rate_of(row, "log_odds"),
        .evidence = evidence_of(row),
    };
}

static void read_macros(struct registry *all)
{
    const struct json *rows = member(all->macro_file, "rows", JSON_ARRAY);

    all->n_macros = json_length(rows);
    all->macros = xcalloc(all->n_macros, sizeof(all->macros[0]));
    for (size_t i = 0; i < all->n_macros; i++) {
        const struct json *row = json_at(rows, i);
        all->macros[i] = (struct macro_row){
            .id = text_of(row, "id"),
            .types = text_of(row, "types"),
            .over = text_of(row, "over"),
            .under = json_has(row, "under") ? text_of(row, "under") : NULL,
            .change = json_get_bool(row, "change", false),
            .mean = number_at(row, "gamma", 0),
            .sd = number_at(row, "gamma", 1),
            .evidence = evidence_of(row),
        };
    }
}

static void read_registry(struct registry *all)
{
    all->class_file = file_of("classes");
    all->factor_file = file_of("factors");
    all->macro_file = file_of("macro");
    all->vintage_file = file_of("vintage");
    const struct json *events = member(all->class_file, "rows", JSON_ARRAY);
    const struct json *rows = member(all->factor_file, "rows", JSON_ARRAY);

    all->version =
        xprintf("%s %s %s", text_of(all->class_file, "version"),
                text_of(all->factor_file, "version"), text_of(all->macro_file, "version"));
    all->valid_until = text_of(all->class_file, "valid_until");
    all->events = xcalloc(json_length(events), sizeof(all->events[0]));
    all->factors = xcalloc(json_length(rows), sizeof(all->factors[0]));
    all->adjustments = xcalloc(json_length(rows), sizeof(all->adjustments[0]));
    for (size_t i = 0; i < json_length(events); i++)
        read_event(all, json_at(events, i));
    for (size_t i = 0; i < json_length(rows); i++) {
        const struct json *row = json_at(rows, i);
        if (strcmp(text_of(row, "kind"), "quantity") == 0)
            read_quantity(all, row);
        else
            read_word(all, row);
    }
    read_macros(all);
}

const struct registry *registry(void)
{
    static struct registry all;

    if (!all.events)
        read_registry(&all);
    return &all;
}

const struct event_row *registry_event(struct span id)
{
    const struct registry *all = registry();

    for (size_t i = 0; i < all->n_events; i++)
        if (span_equal(id, span_of(all->events[i].id)))
            return &all->events[i];
    return NULL;
}

static bool row_applies(const char *types, const char *classes, const struct event_row *event)
{
    return text_listed(types, span_of(event->type)) &&
           (!classes || text_listed(classes, span_of(event->id)));
}

bool factor_takes(const struct factor_row *factor, double si)
{
    return si > 0 && si <= factor->most;
}

bool factor_applies(const struct factor_row *factor, const struct event_row *event)
{
    return row_applies(factor->types, factor->classes, event);
}

const struct macro_row *registry_macro(const struct event_row *event)
{
    const struct registry *all = registry();

    for (size_t i = 0; i < all->n_macros; i++)
        if (text_listed(all->macros[i].types, span_of(event->type)))
            return &all->macros[i];
    return NULL;
}

bool adjustment_applies(const struct adjustment_row *row, const struct event_row *event)
{
    return row_applies(row->types, row->classes, event);
}
