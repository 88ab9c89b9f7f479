/* The distributions whose members are lists: their values, and how the lists belong together. */
#include <math.h>
#include <stdlib.h>

#include "dist_row.h"
#include "fault.h"
#include "json.h"

#define DEPTH_MAX 8

static void refuse(struct reader *reader, enum fault_code code, const char *name,
                   const char *message)
{
    CLEANUP(charp_freep) char *path = pointer_join(reader->path, name);

    fault_add(reader->faults, code, (struct place){path, 0, 0}, NULL, "%s", message);
}

/* The member as an array that is not empty; NULL: a fault was added. */
static const struct json *array_of(struct reader *reader, const struct json *json, const char *name)
{
    const struct json *array = json_get(json, name);
    CLEANUP(charp_freep) char *path = pointer_join(reader->path, name);

    if (!json_has(json, name)) {
        CLEANUP(charp_freep) char *message = xprintf("'%s' is missing", name);
        refuse(reader, FAULT_PARAM_MISSING, name, message);
        return NULL;
    }
    if (json_is(array, JSON_ARRAY) && json_length(array) > 0)
        return array;
    fault_add_wrong(reader->faults, FAULT_SCHEMA, path, "an array that is not empty", array);
    return NULL;
}

/* Numbers >= min; heap. NULL: a fault was added. */
static double *numbers_of(struct reader *reader, const struct json *json, const char *name,
                          double min, size_t *ret_n)
{
    const struct json *array = array_of(reader, json, name);
    size_t n = json_length(array);
    bool good = array != NULL;
    double *numbers = xcalloc(n + 1, sizeof(numbers[0]));

    for (size_t i = 0; i < n; i++) {
        numbers[i] = json_number(json_at(array, i));
        if (json_is(json_at(array, i), JSON_NUMBER) && numbers[i] >= min)
            continue;
        CLEANUP(charp_freep) char *path = xprintf("%s/%s/%zu", reader->path, name, i);
        fault_add_wrong(reader->faults,
                        json_is(json_at(array, i), JSON_NUMBER) ? FAULT_PARAM_RANGE : FAULT_SCHEMA,
                        path, min == 0 ? "a number from 0" : "a number", json_at(array, i));
        good = false;
    }
    *ret_n = n;
    if (good)
        return numbers;
    free(numbers);
    return NULL;
}

/* As many as n, and their sum becomes 1. NULL: a fault was added. */
static double *weights_of(struct reader *reader, const struct json *json, size_t n)
{
    size_t n_weights;
    double *weights = numbers_of(reader, json, "weights", 0, &n_weights), sum = 0;

    if (!weights)
        return NULL;
    for (size_t i = 0; i < n_weights; i++)
        sum += weights[i];
    if (n_weights == n && sum > 0 && isfinite(sum)) {
        for (size_t i = 0; i < n; i++)
            weights[i] /= sum;
        return weights;
    }
    CLEANUP(charp_freep)
    char *message = n_weights == n ? xstrdup("their sum must be above 0")
                                   : xprintf("there must be %zu weights, not %zu", n, n_weights);
    refuse(reader, FAULT_PARAM_RANGE, "weights", message);
    free(weights);
    return NULL;
}

struct weighted {
    double x, weight;
};

static int by_value(const void *a, const void *b)
{
    double x = ((const struct weighted *)a)->x, y = ((const struct weighted *)b)->x;

    return (x > y) - (x < y);
}

/* Sorts values with their weights; equal values become one. */
static void sort_values(struct dist_list *list)
{
    struct weighted *rows = xcalloc(list->n, sizeof(rows[0]));
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        rows[i] = (struct weighted){list->x[i] + 0.0, list->weights[i]};
    qsort(rows, list->n, sizeof(rows[0]), by_value);
    for (size_t i = 0; i < list->n; i++) {
        if (!(rows[i].weight > 0))
            continue;
        if (n > 0 && list->x[n - 1] == rows[i].x) {
            list->weights[n - 1] += rows[i].weight;
            continue;
        }
        list->x[n] = rows[i].x;
        list->weights[n++] = rows[i].weight;
    }
    list->n = n;
    free(rows);
}

bool read_discrete(struct reader *reader, const struct json *json, struct dist *dist)
{
    struct dist_list *list = dist->list;

    list->x = numbers_of(reader, json, "values", -__builtin_inf(), &list->n);
    list->weights = weights_of(reader, json, json_length(json_get(json, "values")));
    if (!list->x || !list->weights)
        return false;
    sort_values(list);
    steps_from_weights(list);
    return true;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

bool read_empirical(struct reader *reader, const struct json *json, struct dist *dist)
{
    struct dist_list *list = dist->list;
    const struct json *interpolate = json_get(json, "interpolate");

    list->x = numbers_of(reader, json, "samples", -__builtin_inf(), &list->n);
    list->interpolate = json_bool(interpolate);
    if (json_has(json, "interpolate") && !json_is(interpolate, JSON_BOOL)) {
        CLEANUP(charp_freep) char *path = pointer_join(reader->path, "interpolate");
        fault_add_wrong(reader->faults, FAULT_SCHEMA, path, "true or false", interpolate);
        return false;
    }
    if (!list->x)
        return false;
    if (list->interpolate && list->n < 2) {
        refuse(reader, FAULT_PARAM_RANGE, "samples", "two samples are needed to interpolate");
        return false;
    }
    for (size_t i = 0; i < list->n; i++)
        list->x[i] += 0.0; /* -0 is 0 */
    qsort(list->x, list->n, sizeof(list->x[0]), by_size);
    list->weights = xcalloc(list->n, sizeof(list->weights[0]));
    for (size_t i = 0; i < list->n; i++)
        list->weights[i] = 1;
    if (!list->interpolate)
        steps_from_weights(list);
    return true;
}

static bool point_read(struct reader *reader, struct dist_list *list, const struct json *point,
                       size_t i)
{
    CLEANUP(charp_freep) char *path = xprintf("%s/points/%zu", reader->path, i);
    struct place place = {path, 0, 0};

    if (json_length(point) != 2 || !json_is(json_at(point, 0), JSON_NUMBER) ||
        !json_is(json_at(point, 1), JSON_NUMBER)) {
        fault_add_wrong(reader->faults, FAULT_SCHEMA, path, "[probability, value]", point);
        return false;
    }
    list->weights[i] = json_number(json_at(point, 0));
    list->x[i] = json_number(json_at(point, 1));
    if (!(list->weights[i] > 0 && list->weights[i] < 1)) {
        fault_add_wrong(reader->faults, FAULT_PARAM_RANGE, path, "a probability between 0 and 1",
                        json_at(point, 0));
        return false;
    }
    if (i == 0 || (list->weights[i] > list->weights[i - 1] && list->x[i] > list->x[i - 1]))
        return true;
    fault_add(reader->faults, FAULT_QUANTILE_ORDER, place, NULL,
              "probability and value must both be above those of the point before");
    return false;
}

bool read_points(struct reader *reader, const struct json *json, struct dist *dist)
{
    const struct json *points = array_of(reader, json, "points");
    struct dist_list *list = dist->list;
    bool good = points != NULL;

    list->n = json_length(points);
    list->x = xcalloc(list->n + 1, sizeof(list->x[0]));
    list->weights = xcalloc(list->n + 1, sizeof(list->weights[0]));
    for (size_t i = 0; i < list->n; i++)
        good = point_read(reader, list, json_at(points, i), i) && good;
    if (good && list->n < 2) {
        refuse(reader, FAULT_PARAM_RANGE, "points", "two points are needed");
        return false;
    }
    if (good)
        points_prepare(list);
    return good;
}

/* ---- mixtures ---- */

/* The parts of a part that is a mixture itself take its place. false: there are too many. */
static bool take_part(struct dist_list *list, struct dist *part, double weight)
{
    struct dist_list *inner = part->list;
    bool is_mixture = part->row->read_list == read_mixture;
    size_t n = is_mixture ? inner->n : 1;

    if (list->n + n > DIST_PARTS_MAX) {
        dist_deinit(part);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        list->weights[list->n] = is_mixture ? weight * inner->weights[i] : weight;
        list->parts[list->n++] = is_mixture ? inner->parts[i] : *part;
    }
    if (is_mixture)
        inner->n = 0;
    if (is_mixture)
        dist_deinit(part);
    return true;
}

static bool read_part(struct reader *reader, struct dist_list *list, const struct json *item,
                      size_t i, double weight)
{
    CLEANUP(charp_freep) char *path = xprintf("%s/of/%zu", reader->path, i);
    struct reader inside = {path, reader->faults, reader->depth + 1};
    struct dist part = {0};

    if (!dist_read_inside(&inside, item, &part))
        return false;
    if (!(weight > 0)) {
        dist_deinit(&part);
        return true;
    }
    if (take_part(list, &part, weight))
        return true;
    fault_add(reader->faults, FAULT_LIMIT, (struct place){path, 0, 0}, NULL,
              "a mixture has at most %d parts, with those inside its parts", DIST_PARTS_MAX);
    return false;
}

bool read_mixture(struct reader *reader, const struct json *json, struct dist *dist)
{
    struct dist_list *list = dist->list;

    if (reader->depth == DEPTH_MAX) {
        refuse(reader, FAULT_LIMIT, "of", "mixtures are nested too deep");
        return false;
    }
    const struct json *of = array_of(reader, json, "of");
    double *weights = of ? weights_of(reader, json, json_length(of)) : NULL;
    bool good = weights != NULL;
    list->parts = xcalloc(DIST_PARTS_MAX, sizeof(list->parts[0]));
    list->weights = xcalloc(DIST_PARTS_MAX, sizeof(list->weights[0]));
    for (size_t i = 0; i < json_length(of); i++)
        good = read_part(reader, list, json_at(of, i), i, weights ? weights[i] : 1) && good;
    free(weights);
    return good;
}
