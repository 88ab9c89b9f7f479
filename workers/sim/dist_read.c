/* Distributions from JSON: a number, a range "a to b" in a string, or an object with "dist" and the
 * members of one of that distribution's forms. A member that the form does not use is refused, so
 * that nobody gets another distribution than the one asked for. */
#include "dist.h"

#include <math.h>

#include "dist_row.h"
#include "fault.h"
#include "json.h"
#include "text.h"

#define NUMBER_TEXT_BYTES 64
#define NAMES_MAX 64

bool number_read(struct span text, double *ret_value)
{
    char copy[NUMBER_TEXT_BYTES];
    char *end = copy;
    bool percent = text.n > 0 && text.at[text.n - 1] == '%';

    if (percent)
        text.n--;
    if (text.n == 0 || text.n >= sizeof(copy) || strspn(text.at, "0123456789.eE+-") < text.n)
        return false;
    memcpy(copy, text.at, text.n);
    copy[text.n] = '\0';
    double value = strtod(copy, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *ret_value = percent ? value / 100 : value;
    return true;
}

/* The form by p5 and p95, which normal and lognormal have. */
static const struct dist_form *form_by_quantiles(const struct dist_row *row)
{
    const struct dist_form *form = row->forms;

    while (strcmp(form->names[0], "p5") != 0)
        form++;
    return form;
}

static bool range_read(struct span text, const char *path, struct faults *faults,
                       struct dist *ret_dist)
{
    static const char word[] = " to ";
    const char *at = memmem(text.at, text.n, word, sizeof(word) - 1);
    struct place place = {path, 0, 0};
    double ends[2];

    if (!at || !number_read(text_trim((struct span){text.at, (size_t)(at - text.at)}), &ends[0]) ||
        !number_read(text_trim((struct span){at + sizeof(word) - 1,
                                             text.n - (size_t)(at - text.at) - (sizeof(word) - 1)}),
                     &ends[1])) {
        fault_add(faults, FAULT_PARSE, place, "write \"10 to 30\": the 5-95% range",
                  "a string must be a range of two numbers");
        return false;
    }
    bool positive = ends[0] > 0 && ends[1] > 0;
    ret_dist->row = dist_row_find(positive ? SPAN("lognormal") : SPAN("normal"));
    const char *wrong = form_by_quantiles(ret_dist->row)->resolve(ends, ret_dist->parameters);
    if (wrong)
        fault_add(faults, FAULT_QUANTILE_ORDER, place, NULL, "%s (%g to %g)", wrong, ends[0],
                  ends[1]);
    return !wrong;
}

static size_t form_length(const struct dist_form *form)
{
    size_t n = 0;

    while (n < DIST_PARAMETERS_MAX && form->names[n])
        n++;
    return n;
}

/* The form of which most members are given: it is the one meant, also when something is missing. */
static const struct dist_form *form_meant(const struct dist_row *row, const struct json *json)
{
    const struct dist_form *best = &row->forms[0];
    size_t best_given = 0;

    for (size_t i = 0; i < DIST_FORMS_MAX && row->forms[i].resolve; i++) {
        size_t given = 0;
        for (size_t j = 0; j < form_length(&row->forms[i]); j++)
            given += json_get(json, row->forms[i].names[j]) != NULL;
        if (given > best_given) {
            best = &row->forms[i];
            best_given = given;
        }
    }
    return best;
}

struct member_check {
    const struct dist_row *row;
    const struct dist_form *form;
    const char *path;
    struct faults *faults;
    bool good;
};

/* Members that the form does not use: never ignored. */
static bool on_member(const char *key, const struct json *value, void *arg)
{
    static const char *const notes[] = {"dist", "unit", "note"};
    struct member_check *check = arg;
    CLEANUP(charp_freep) char *path = pointer_join(check->path, key);
    struct place place = {path, 0, 0};

    (void)value;
    for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
        if (strcmp(key, notes[i]) == 0)
            return true;
    for (size_t i = 0; i < form_length(check->form); i++)
        if (strcmp(key, check->form->names[i]) == 0)
            return true;
    check->good = false;
    if (strcmp(key, "truncate") == 0)
        fault_add(check->faults, FAULT_UNSUPPORTED, place, NULL, "truncate is not available yet");
    else
        fault_add(check->faults, FAULT_SCHEMA, place, NULL, "%s does not take '%s' here",
                  check->row->name, key);
    return true;
}

static bool parameters_read(const struct json *json, const struct dist_form *form, const char *path,
                            struct faults *faults, double *given)
{
    bool good = true;

    for (size_t i = 0; i < form_length(form); i++) {
        const struct json *value = json_get(json, form->names[i]);
        CLEANUP(charp_freep) char *at = pointer_join(path, form->names[i]);

        if (json_is(value, JSON_NUMBER)) {
            given[i] = json_number(value);
            continue;
        }
        good = false;
        if (value)
            fault_add(faults, FAULT_SCHEMA, (struct place){at, 0, 0}, NULL, "must be a number");
        else
            fault_add(faults, FAULT_PARAM_MISSING, (struct place){at, 0, 0}, NULL,
                      "'%s' is missing", form->names[i]);
    }
    return good;
}

static const struct dist_row *row_read(const struct json *json, const char *path,
                                       struct faults *faults)
{
    CLEANUP(charp_freep) char *at = pointer_join(path, "dist");
    struct span name = json_get_string(json, "dist", "");
    const struct dist_row *row = dist_row_find(name);
    struct place place = {at, 0, 0};
    const char *names[NAMES_MAX];
    size_t n = 0;

    if (row && row->sample)
        return row;
    for (; n < dist_n_rows && n < NAMES_MAX; n++)
        names[n] = dist_rows[n].name;
    const char *near = nearest_name(name, names, n);
    CLEANUP(charp_freep) char *hint = near ? xprintf("did you mean '%s'?", near) : NULL;
    if (row)
        fault_add(faults, FAULT_DIST, place, NULL, "%s is not available yet", row->name);
    else if (name.n == 0)
        fault_add(faults, FAULT_DIST, place, NULL, "the name of a distribution is needed");
    else
        fault_add(faults, FAULT_DIST, place, hint, "there is no distribution '%.*s'",
                  (int)(name.n < 64 ? name.n : 64), name.at);
    return NULL;
}

static bool object_read(const struct json *json, const char *path, struct faults *faults,
                        struct dist *ret_dist)
{
    const struct dist_row *row = row_read(json, path, faults);
    double given[DIST_PARAMETERS_MAX] = {0};

    if (!row)
        return false;
    const struct dist_form *form = form_meant(row, json);
    struct member_check check = {row, form, path, faults, true};
    json_each(json, on_member, &check);
    if (!parameters_read(json, form, path, faults, given) || !check.good)
        return false;
    const char *wrong = form->resolve(given, ret_dist->parameters);
    if (wrong)
        fault_add(faults, form->by_quantiles ? FAULT_QUANTILE_ORDER : FAULT_PARAM_RANGE,
                  (struct place){path, 0, 0}, NULL, "%s: %s", row->name, wrong);
    ret_dist->row = row;
    return !wrong;
}

bool dist_read(const struct json *json, const char *path, struct faults *faults,
               struct dist *ret_dist)
{
    struct dist dist = {0};
    bool good = false;

    if (json_is(json, JSON_NUMBER)) {
        dist = (struct dist){dist_row_find(SPAN("constant")), {json_number(json)}};
        good = true;
    } else if (json_is(json, JSON_STRING)) {
        good = range_read(json_string(json), path, faults, &dist);
    } else if (json_is(json, JSON_OBJECT)) {
        good = object_read(json, path, faults, &dist);
    } else {
        fault_add(faults, FAULT_SCHEMA, (struct place){path, 0, 0}, NULL,
                  "must be a number, a range like \"10 to 30\" or an object with \"dist\"");
    }
    if (good)
        *ret_dist = dist;
    return good;
}
