/* What one does with a distribution, whatever its row: draw, cut off, echo. */
#include "dist.h"

#include <assert.h>
#include <math.h>

#include "dist_row.h"
#include "json.h"
#include "poly.h"

#define DRAW_COST 3
#define STEPS_COST 10
#define PART_COST 50      /* of a mixture: where no cubic fits, its parts are asked */
#define TABLE_COST 1.5e7  /* of some 6,000 quantiles that need solving */
#define SEARCH_COST 10000 /* its probabilities are too many to hold */

struct dist_list *dist_list_new(void)
{
    return xcalloc(1, sizeof(struct dist_list));
}

void dist_deinit(struct dist *dist)
{
    struct dist_list *list = dist->list;

    if (list) {
        for (size_t i = 0; i < dist_n_parts(dist); i++)
            dist_deinit(&list->parts[i]);
        free(list->parts);
        free(list->x);
        free(list->weights);
        free(list->z);
        free(list->slopes);
        free(list->edges);
    }
    free(list);
    *dist = (struct dist){0};
}

bool dist_is_constant(const struct dist *dist)
{
    return dist->row && dist->row->quantile == constant_quantile;
}

size_t dist_n_parts(const struct dist *dist)
{
    return dist->list && dist->list->parts ? dist->list->n : 0;
}

static const struct dist *part_of(const struct dist *dist, size_t i)
{
    assert(i < dist_n_parts(dist));
    return &dist->list->parts[i];
}

bool dist_is_discrete(const struct dist *dist)
{
    const struct dist_list *list = dist->list;

    if (!dist->row)
        return false;
    switch (dist->row->moves) {
    case MOVES_SMOOTHLY: return false;
    case MOVES_IN_STEPS:
    case MOVES_BY_WHOLES: return true;
    case MOVES_AS_ITS_PARTS: break;
    }
    assert(list);
    for (size_t i = 0; i < dist_n_parts(dist); i++)
        if (!dist_is_discrete(part_of(dist, i)))
            return false;
    return list->parts || !list->interpolate;
}

unsigned dist_cost(const struct dist *dist)
{
    unsigned cost = DRAW_COST;

    if (!dist->row || dist_is_constant(dist))
        return 0;
    if (dist->row->prepare && !dist->list->edges)
        return SEARCH_COST;
    if (dist->row->moves == MOVES_BY_WHOLES || (dist->list && dist->list->edges))
        return STEPS_COST;
    for (size_t i = 0; i < dist_n_parts(dist); i++)
        cost += PART_COST + dist_cost(part_of(dist, i));
    return cost;
}

double dist_setup_cost(const struct dist *dist)
{
    bool is_special =
        dist->row->quantile == gamma_quantile || dist->row->quantile == beta_quantile ||
        dist->row->quantile == pert_quantile || dist->row->quantile == student_quantile;
    double cost = is_special || dist_n_parts(dist) > 0 ? TABLE_COST : 0;

    for (size_t i = 0; i < dist_n_parts(dist); i++)
        cost += TABLE_COST + dist_setup_cost(part_of(dist, i));
    return cost;
}

/* ---- warnings ---- */

static const char *heavy_tail_of_row(const struct dist *dist)
{
    bool both = !dist->truncated || isinf(dist->low) || isinf(dist->high);
    bool upper = !dist->truncated || isinf(dist->high);
    double figure = dist->parameters[dist->row->quantile == pareto_quantile];

    if (dist->row->quantile == cauchy_quantile && both)
        return "a Cauchy variable has no mean: more trials do not bring it nearer";
    if ((dist->row->quantile == pareto_quantile && upper) ||
        (dist->row->quantile == student_quantile && both)) {
        if (figure <= 1)
            return "its mean is infinite: more trials do not bring it nearer";
        if (figure <= 2)
            return "its variance is infinite: the interval of a mean cannot be relied on";
    }
    return NULL;
}

const char *dist_heavy_tail(const struct dist *dist)
{
    const char *why = heavy_tail_of_row(dist);

    for (size_t i = 0; !why && i < dist_n_parts(dist); i++)
        why = dist_heavy_tail(part_of(dist, i));
    return why;
}

double dist_lognormal_sigma(const struct dist *dist)
{
    bool upper = !dist->truncated || isinf(dist->high);
    double sigma = dist->row->quantile == lognormal_quantile && upper ? dist->parameters[1] : 0;

    for (size_t i = 0; i < dist_n_parts(dist); i++) {
        double other = dist_lognormal_sigma(part_of(dist, i));
        sigma = other > sigma ? other : sigma;
    }
    return sigma;
}

/* ---- draws ---- */

static double share_between(struct unit from, struct unit to)
{
    return from.p > 0.5 ? from.q - to.q : to.p - from.p;
}

double dist_quantile_at(const struct dist *dist, struct unit unit)
{
    if (!dist->truncated)
        return dist->row->quantile(dist, unit);
    double share = share_between(dist->from, dist->to);
    struct unit inside = {dist->from.p + share * unit.p, dist->to.q + share * unit.q};
    double x = dist->row->quantile(dist, inside);
    return x < dist->low ? dist->low : x > dist->high ? dist->high : x;
}

double dist_quantile(const struct dist *dist, double u)
{
    return dist_quantile_at(dist, (struct unit){u, 1 - u});
}

void dist_block(const struct dist *dist, const double *u, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = dist_quantile(dist, u[i]);
}

struct unit dist_cdf(const struct dist *dist, double x, bool below)
{
    if (isinf(x))
        return x < 0 ? (struct unit){0, 1} : (struct unit){1, 0};
    struct unit unit = dist->row->cdf(dist, x, below);
    if (!dist->truncated)
        return unit;
    if (x < dist->low)
        return (struct unit){0, 1};
    if (x > dist->high)
        return (struct unit){1, 0};
    double share = share_between(dist->from, dist->to);
    double p = share_between(dist->from, unit) / share, q = share_between(unit, dist->to) / share;
    return (struct unit){p < 0 ? 0 : p > 1 ? 1 : p, q < 0 ? 0 : q > 1 ? 1 : q};
}

/* ---- truncation ---- */

static double truncate_parts(struct dist_list *list, double low, double high)
{
    double kept = 0;
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        kept += list->weights[i] * share_between(dist_cdf(&list->parts[i], low, true),
                                                 dist_cdf(&list->parts[i], high, false));
    if (!(kept > 0))
        return 0;
    for (size_t i = 0; i < list->n; i++) {
        double weight = list->weights[i] * dist_truncate(&list->parts[i], low, high) / kept;
        if (!(weight > 0)) {
            dist_deinit(&list->parts[i]);
            continue;
        }
        list->weights[n] = weight;
        list->parts[n++] = list->parts[i];
    }
    list->n = n;
    return kept;
}

/* The values within, so that rounding never gives another one. */
static void move_to_values(struct dist *dist)
{
    const struct dist_list *list = dist->list;

    if (dist->row->moves == MOVES_BY_WHOLES) {
        dist->low = -poly_floor(-dist->low);
        dist->high = poly_floor(dist->high);
        return;
    }
    assert(list);
    size_t first = 0, last = list->n - 1;
    while (list->x[first] < dist->low)
        first++;
    while (list->x[last] > dist->high)
        last--;
    dist->low = list->x[first];
    dist->high = list->x[last];
}

double dist_truncate(struct dist *dist, double low, double high)
{
    struct dist whole = *dist;
    double before = dist->truncated ? share_between(dist->from, dist->to) : 1;

    if (dist->list && dist->list->parts)
        return truncate_parts(dist->list, low, high);
    if (dist->truncated) {
        low = low > dist->low ? low : dist->low;
        high = high < dist->high ? high : dist->high;
    }
    whole.truncated = false;
    struct unit from = dist_cdf(&whole, low, true), to = dist_cdf(&whole, high, false);
    double kept = low <= high ? share_between(from, to) : 0;
    if (!(kept > 0))
        return 0;
    if (dist_is_constant(dist))
        return 1;
    dist->truncated = true;
    dist->low = low;
    dist->high = high;
    dist->from = from;
    dist->to = to;
    if (dist_is_discrete(dist))
        move_to_values(dist);
    return kept / before;
}

/* ---- the echo ---- */

static struct json *numbers(const double *x, size_t n)
{
    struct json *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_append(array, json_new_number(x[i]));
    return array;
}

static struct json *points_json(const struct dist_list *list)
{
    struct json *array = json_array();

    for (size_t i = 0; i < list->n; i++)
        json_append(array, numbers((double[]){list->weights[i], list->x[i]}, 2));
    return array;
}

static void set_list(struct json *json, const struct dist *dist)
{
    const struct dist_list *list = dist->list;

    if (dist->row->quantile == points_quantile) {
        json_set(json, "points", points_json(list));
        return;
    }
    if (dist->row->quantile == samples_quantile) {
        json_set(json, "samples", numbers(list->x, list->n));
        json_set_bool(json, "interpolate", list->interpolate);
        return;
    }
    if (list->parts) {
        struct json *of = json_array();
        for (size_t i = 0; i < list->n; i++)
            json_append(of, dist_canonical(&list->parts[i]));
        json_set(json, "of", of);
    } else {
        json_set(json, "values", numbers(list->x, list->n));
    }
    json_set(json, "weights", numbers(list->weights, list->n));
}

struct json *dist_canonical(const struct dist *dist)
{
    struct json *json = json_object();

    json_set_text(json, "dist", dist->row->name);
    for (size_t i = 0; i < DIST_PARAMETERS_MAX && dist->row->resolved[i]; i++)
        json_set_number(json, dist->row->resolved[i], dist->parameters[i]);
    if (dist->row->read_list)
        set_list(json, dist);
    if (dist->truncated)
        json_set(json, "truncate", numbers((double[]){dist->low, dist->high}, 2));
    return json;
}

struct json *dist_resolved(const struct dist *dist)
{
    struct json *json = dist_canonical(dist);

    if (dist->unit.n > 0)
        json_set_string(json, "unit", dist->unit);
    if (dist->note.n > 0)
        json_set_string(json, "note", dist->note);
    return json;
}
