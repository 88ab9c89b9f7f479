/* Distributions from JSON: a number, a range "a to b" in a string, or an object with "dist" and the
 * members of one of that distribution's forms. A member that the form does not use is refused, so
 * that nobody gets another distribution than the one asked for. */
#include "dist.h"

#include <math.h>

#include "dist_row.h"
#include "fault.h"
#include "json.h"
#include "poly.h"
#include "text.h"

#define NUMBER_TEXT_BYTES 64
#define NAMES_MAX 64
#define COUNT_MAX 1e9

/* Every smooth distribution of two parameters may be given by one of these pairs. */
static const struct {
    const char *low, *high;
    double p;
} quantile_pairs[] = {
    {"p5",  "p95", 0.05},
    {"p10", "p90", 0.1 },
    {"p25", "p75", 0.25},
};

static const char *const common[] = {"dist", "truncate", "unit", "note"};

static const struct {
    const char *text;
    double min, max;
    bool open; /* min itself is not in it */
} ranges[] = {
    [RANGE_ANY] = {"a number",                     -__builtin_inf(), __builtin_inf(), true },
    [RANGE_POSITIVE] = {"a number above 0",             0,                __builtin_inf(), true },
    [RANGE_NOT_NEGATIVE] = {"a number from 0",              0,                __builtin_inf(), false},
    [RANGE_FROM_ONE] = {"a number from 1",              1,                __builtin_inf(), false},
    [RANGE_PROBABILITY] = {"a number from 0 to 1",         0,                1,               false},
    [RANGE_CHANCE] = {"a number above 0, to 1",       0,                1,               true },
    [RANGE_COUNT] = {"a whole number from 0 to 1e9", 0,                COUNT_MAX,       false},
};

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

static struct place here(const struct reader *reader)
{
    return (struct place){reader->path, 0, 0};
}

/* normal(m, 0) and lognormal(m, 0) are numbers. */
static bool collapse(struct dist *dist)
{
    if (dist->parameters[1] != 0 ||
        (dist->row->quantile != normal_quantile && dist->row->quantile != lognormal_quantile))
        return false;
    dist->parameters[0] = dist->row->quantile(dist, (struct unit){0.5, 0.5});
    dist->row = dist_row_find(SPAN("constant"));
    return true;
}

static bool ready(struct reader *reader, struct dist *dist)
{
    bool finite = true;

    for (size_t i = 0; i < DIST_PARAMETERS_MAX && dist->row->resolved[i]; i++)
        finite = finite && isfinite(dist->parameters[i]);
    if (!finite) {
        fault_add(reader->faults, FAULT_PARAM_RANGE, here(reader), NULL,
                  "%s: the parameters are beyond what a number can hold", dist->row->name);
        return false;
    }
    if (!collapse(dist) && dist->row->prepare)
        dist->row->prepare(dist);
    return true;
}

/* Quantiles at p and 1 - p; upper_path is where their order is refused. */
static bool fit(struct reader *reader, struct dist *dist, double p, const double *x,
                const char *upper_path)
{
    if (!(x[0] < x[1])) {
        CLEANUP(charp_freep) char *expected = xprintf("above %.17g", x[0]);
        CLEANUP(charp_freep) char *got = xprintf("%.17g", x[1]);
        fault_add_detail(reader->faults, FAULT_QUANTILE_ORDER, (struct place){upper_path, 0, 0},
                         (struct fault_detail){NULL, expected, got},
                         "the lower quantile must be below the upper one (%.9g to %.9g)", x[0],
                         x[1]);
        return false;
    }
    const char *wrong = dist->row->by_quantiles(p, x, dist->parameters);
    if (!wrong)
        return ready(reader, dist);
    fault_add(reader->faults, FAULT_PARAM_RANGE, here(reader), NULL, "%s: %s", dist->row->name,
              wrong);
    return false;
}

static bool range_read(struct reader *reader, struct span text, struct dist *dist)
{
    static const char word[] = " to ";
    const char *at = memmem(text.at, text.n, word, sizeof(word) - 1);
    size_t before = at ? (size_t)(at - text.at) : 0, after = before + sizeof(word) - 1;
    double ends[2];

    if (!at || !number_read(text_trim((struct span){text.at, before}), &ends[0]) ||
        !number_read(text_trim((struct span){text.at + after, text.n - after}), &ends[1])) {
        fault_add_detail(reader->faults, FAULT_PARSE, here(reader),
                         (struct fault_detail){"write \"10 to 30\": the 5-95% range",
                                               "a range of two numbers", NULL},
                         "a string must be a range of two numbers");
        return false;
    }
    bool positive = ends[0] > 0 && ends[1] > 0;
    dist->row = dist_row_find(positive ? SPAN("lognormal") : SPAN("normal"));
    return fit(reader, dist, 0.05, ends, reader->path);
}

/* ---- an object ---- */

static size_t form_length(const struct dist_form *form)
{
    size_t n = 0;

    while (n < DIST_PARAMETERS_MAX && form->members[n].name)
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
            given += json_has(json, row->forms[i].members[j].name);
        if (given > best_given) {
            best = &row->forms[i];
            best_given = given;
        }
    }
    return best;
}

/* The names that may stand in this object. */
struct names {
    const char *at[NAMES_MAX];
    size_t n;
};

static void add_name(struct names *names, const char *name)
{
    if (name && names->n < NAMES_MAX)
        names->at[names->n++] = name;
}

static struct names all_names(const struct dist_row *row)
{
    struct names names = {0};

    for (size_t i = 0; i < DIST_FORMS_MAX; i++)
        for (size_t j = 0; j < form_length(&row->forms[i]); j++)
            add_name(&names, row->forms[i].members[j].name);
    for (size_t i = 0; row->by_quantiles && i < ARRAY_SIZE(quantile_pairs); i++) {
        add_name(&names, quantile_pairs[i].low);
        add_name(&names, quantile_pairs[i].high);
    }
    for (size_t i = 0; i < ARRAY_SIZE(row->lists); i++)
        add_name(&names, row->lists[i]);
    for (size_t i = 0; i < ARRAY_SIZE(common); i++)
        add_name(&names, common[i]);
    return names;
}

struct member_check {
    struct reader *reader;
    const struct dist_row *row;
    struct names allowed;
    bool good;
};

/* Members that the form does not use: never ignored. */
static bool on_member(const char *key, const struct json *value, void *arg)
{
    struct member_check *check = arg;

    (void)value;
    for (size_t i = 0; i < check->allowed.n; i++)
        if (strcmp(key, check->allowed.at[i]) == 0)
            return true;
    CLEANUP(charp_freep) char *path = pointer_join(check->reader->path, key);
    struct names names = all_names(check->row);
    struct place place = {path, 0, 0};
    bool known = false;
    for (size_t i = 0; i < names.n; i++)
        known = known || strcmp(key, names.at[i]) == 0;
    CLEANUP(charp_freep) char *guess = fault_guess(span_of(key), names.at, names.n);
    fault_add(check->reader->faults, FAULT_SCHEMA, place,
              known ? "give the members of one form only" : guess, "%s does not take '%s' here",
              check->row->name, key);
    check->good = false;
    return true;
}

static bool members_good(struct reader *reader, const struct json *json, const struct dist_row *row,
                         struct names allowed)
{
    struct member_check check = {reader, row, allowed, true};

    for (size_t i = 0; i < ARRAY_SIZE(common); i++)
        add_name(&check.allowed, common[i]);
    json_each(json, on_member, &check);
    return check.good;
}

static bool in_range(enum dist_range range, const struct json *value)
{
    double x = json_number(value);

    if (!json_is(value, JSON_NUMBER) || (range == RANGE_COUNT && !json_is_whole(value)))
        return false;
    return (ranges[range].open ? x > ranges[range].min : x >= ranges[range].min) &&
           x <= ranges[range].max;
}

static bool parameter_read(struct reader *reader, const struct json *json,
                           const struct dist_member *member, double *ret_value)
{
    const struct json *value = json_get(json, member->name);
    CLEANUP(charp_freep) char *at = pointer_join(reader->path, member->name);

    if (!json_has(json, member->name)) {
        *ret_value = member->fallback;
        if (!member->optional)
            fault_add_detail(reader->faults, FAULT_PARAM_MISSING, (struct place){at, 0, 0},
                             (struct fault_detail){.expected = ranges[member->range].text},
                             "'%s' is missing", member->name);
        return member->optional;
    }
    *ret_value = json_number(value);
    if (in_range(member->range, value))
        return true;
    fault_add_wrong(reader->faults, json_is(value, JSON_NUMBER) ? FAULT_PARAM_RANGE : FAULT_SCHEMA,
                    at, ranges[member->range].text, value);
    return false;
}

static bool form_read(struct reader *reader, const struct json *json, struct dist *dist)
{
    const struct dist_form *form = form_meant(dist->row, json);
    double given[DIST_PARAMETERS_MAX] = {0};
    struct names allowed = {0};
    bool good = true;

    for (size_t i = 0; i < form_length(form); i++) {
        add_name(&allowed, form->members[i].name);
        good = parameter_read(reader, json, &form->members[i], &given[i]) && good;
    }
    if (!members_good(reader, json, dist->row, allowed) || !good)
        return false;
    const char *wrong = form->resolve(given, dist->parameters);
    if (!wrong)
        return ready(reader, dist);
    fault_add(reader->faults, FAULT_PARAM_RANGE, here(reader), NULL, "%s: %s", dist->row->name,
              wrong);
    return false;
}

/* The pair of which a member is given; ARRAY_SIZE: none. */
static size_t pair_given(const struct dist_row *row, const struct json *json)
{
    size_t i = row->by_quantiles ? 0 : ARRAY_SIZE(quantile_pairs);

    while (i < ARRAY_SIZE(quantile_pairs) && !json_has(json, quantile_pairs[i].low) &&
           !json_has(json, quantile_pairs[i].high))
        i++;
    return i;
}

static bool quantiles_read(struct reader *reader, const struct json *json, struct dist *dist,
                           size_t pair)
{
    const struct dist_member members[] = {{.name = quantile_pairs[pair].low},
                                          {.name = quantile_pairs[pair].high}};
    CLEANUP(charp_freep) char *upper_path = pointer_join(reader->path, members[1].name);
    struct names allowed = {
        {members[0].name, members[1].name},
        2
    };
    double x[2];
    bool good = true;

    for (size_t i = 0; i < dist->row->n_kept; i++) {
        const struct dist_member *member = &dist->row->forms[0].members[i];
        add_name(&allowed, member->name);
        good = parameter_read(reader, json, member, &dist->parameters[i]) && good;
    }
    for (size_t i = 0; i < 2; i++)
        good = parameter_read(reader, json, &members[i], &x[i]) && good;
    return members_good(reader, json, dist->row, allowed) && good &&
           fit(reader, dist, quantile_pairs[pair].p, x, upper_path);
}

static bool list_read(struct reader *reader, const struct json *json, struct dist *dist)
{
    struct names allowed = {0};

    for (size_t i = 0; i < ARRAY_SIZE(dist->row->lists); i++)
        add_name(&allowed, dist->row->lists[i]);
    bool good = members_good(reader, json, dist->row, allowed);
    dist->list = dist_list_new();
    return dist->row->read_list(reader, json, dist) && good;
}

/* One end of `truncate`. */
static bool end_read(const struct json *value, double *ret_end)
{
    if (!value)
        return true;
    *ret_end = json_number(value);
    return json_is(value, JSON_NUMBER);
}

static bool truncate_read(struct reader *reader, const struct json *json, struct dist *dist)
{
    const struct json *ends = json_get(json, "truncate");
    CLEANUP(charp_freep) char *path = pointer_join(reader->path, "truncate");
    double low = -__builtin_inf(), high = __builtin_inf();

    if (!json_has(json, "truncate"))
        return true;
    if (!json_is(ends, JSON_ARRAY) || json_length(ends) != 2 || !end_read(json_at(ends, 0), &low) ||
        !end_read(json_at(ends, 1), &high)) {
        fault_add_wrong(reader->faults, FAULT_SCHEMA, path, "[low, high], null for an open end",
                        ends);
        return false;
    }
    if (isinf(low) && isinf(high))
        return true;
    if (low <= high && dist_truncate(dist, low, high) > 0)
        return true;
    CLEANUP(charp_freep) char *got = json_text(ends);
    fault_add_detail(reader->faults, FAULT_TRUNC_EMPTY, (struct place){path, 0, 0},
                     (struct fault_detail){"low end first; null = open", NULL, got},
                     "the distribution has nothing between these ends");
    return false;
}

static bool text_read(struct reader *reader, const struct json *json, const char *name,
                      struct span *ret_text)
{
    CLEANUP(charp_freep) char *path = pointer_join(reader->path, name);

    if (!json_has(json, name))
        return true;
    *ret_text = json_string(json_get(json, name));
    if (json_is(json_get(json, name), JSON_STRING))
        return true;
    fault_add_wrong(reader->faults, FAULT_SCHEMA, path, "a text", json_get(json, name));
    return false;
}

static const struct dist_row *row_read(struct reader *reader, const struct json *json)
{
    CLEANUP(charp_freep) char *at = pointer_join(reader->path, "dist");
    struct span name = json_get_string(json, "dist", "");
    const struct dist_row *row = dist_row_find(name);
    const char *names[NAMES_MAX];
    size_t n = 0;

    if (row)
        return row;
    for (; n < dist_n_rows && n < NAMES_MAX; n++)
        names[n] = dist_rows[n].name;
    CLEANUP(charp_freep) char *hint = fault_guess(name, names, n);
    if (name.n == 0)
        fault_add(reader->faults, FAULT_DIST, (struct place){at, 0, 0}, NULL,
                  "the name of a distribution is needed");
    else
        fault_add(reader->faults, FAULT_DIST, (struct place){at, 0, 0}, hint,
                  "there is no distribution '%.*s'", (int)(name.n < 64 ? name.n : 64), name.at);
    return NULL;
}

static bool object_read(struct reader *reader, const struct json *json, struct dist *dist)
{
    bool good;

    dist->row = row_read(reader, json);
    if (!dist->row)
        return false;
    size_t pair = pair_given(dist->row, json);
    if (dist->row->read_list)
        good = list_read(reader, json, dist);
    else if (pair < ARRAY_SIZE(quantile_pairs))
        good = quantiles_read(reader, json, dist, pair);
    else
        good = form_read(reader, json, dist);
    good = text_read(reader, json, "unit", &dist->unit) && good;
    good = text_read(reader, json, "note", &dist->note) && good;
    return good && truncate_read(reader, json, dist);
}

bool dist_read_inside(struct reader *reader, const struct json *json, struct dist *ret_dist)
{
    struct dist dist = {0};
    bool good = false;

    if (json_is(json, JSON_NUMBER)) {
        dist = (struct dist){.row = dist_row_find(SPAN("constant")),
                             .parameters = {json_number(json)}};
        good = true;
    } else if (json_is(json, JSON_STRING)) {
        good = range_read(reader, json_string(json), &dist);
    } else if (json_is(json, JSON_OBJECT)) {
        good = object_read(reader, json, &dist);
    } else {
        fault_add_wrong(reader->faults, FAULT_SCHEMA, reader->path,
                        "a number, a range like \"10 to 30\" or an object with \"dist\"", json);
    }
    if (good)
        *ret_dist = dist;
    else
        dist_deinit(&dist);
    return good;
}

bool dist_read(const struct json *json, const char *path, struct faults *faults,
               struct dist *ret_dist)
{
    struct reader reader = {path, faults, 0};

    return dist_read_inside(&reader, json, ret_dist);
}
