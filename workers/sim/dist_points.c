/* Distributions through given points: quantiles (a monotone cubic in the normal score, straight
 * beyond the ends, as a normal variable is) and samples (straight between them). */
#include <math.h>

#include "dist_row.h"
#include "poly.h"

/* The last of x[0 … n - 2] that is <= value. */
static size_t segment_of(const double *x, size_t n, double value)
{
    size_t low = 0, high = n - 1;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (x[middle] <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- quantiles ---- */

/* Fritsch and Carlson's slopes: the weighted harmonic mean of the neighbours' within, the
 * neighbour's own at the ends. */
void points_prepare(struct dist_list *list)
{
    size_t n = list->n;

    list->z = xcalloc(n, sizeof(list->z[0]));
    list->slopes = xcalloc(n, sizeof(list->slopes[0]));
    for (size_t i = 0; i < n; i++)
        list->z[i] = poly_normal_quantile(list->weights[i]);
    for (size_t i = 0; i < n; i++) {
        size_t left = i > 0 ? i - 1 : 0, right = i + 1 < n ? i : n - 2;
        double h0 = list->z[left + 1] - list->z[left], h1 = list->z[right + 1] - list->z[right];
        double d0 = (list->x[left + 1] - list->x[left]) / h0;
        double d1 = (list->x[right + 1] - list->x[right]) / h1;
        list->slopes[i] =
            left == right ? d0 : 3 * (h0 + h1) / ((2 * h1 + h0) / d0 + (h1 + 2 * h0) / d1);
    }
}

/* Inside segment i, t from 0 to 1. */
static double cubic(const struct dist_list *list, size_t i, double t)
{
    double h = list->z[i + 1] - list->z[i], s = 1 - t;
    double rise = list->x[i + 1] - list->x[i];

    return list->x[i] + rise * (t * t * (3 - 2 * t)) +
           h * t * s * (list->slopes[i] * s - list->slopes[i + 1] * t);
}

double points_quantile(const struct dist *dist, struct unit unit)
{
    const struct dist_list *list = dist->list;
    double z = special_normal_quantile(unit);
    size_t last = list->n - 1;

    if (z <= list->z[0])
        return list->x[0] + list->slopes[0] * (z - list->z[0]);
    if (z >= list->z[last])
        return list->x[last] + list->slopes[last] * (z - list->z[last]);
    size_t i = segment_of(list->z, list->n, z);
    return cubic(list, i, (z - list->z[i]) / (list->z[i + 1] - list->z[i]));
}

struct inverse {
    const struct dist_list *list;
    size_t i;
    double x;
};

static struct point gap(const void *arg, double t)
{
    const struct inverse *inverse = arg;

    return (struct point){(cubic(inverse->list, inverse->i, t) - inverse->x) /
                              (inverse->list->x[inverse->i + 1] - inverse->list->x[inverse->i]),
                          0};
}

struct unit points_cdf(const struct dist *dist, double x, bool below)
{
    const struct dist_list *list = dist->list;
    size_t last = list->n - 1;

    (void)below;
    if (x <= list->x[0])
        return special_normal_cdf(list->z[0] + (x - list->x[0]) / list->slopes[0]);
    if (x >= list->x[last])
        return special_normal_cdf(list->z[last] + (x - list->x[last]) / list->slopes[last]);
    struct inverse inverse = {list, segment_of(list->x, list->n, x), x};
    double t = special_solve(gap, &inverse, 0, 0.5, 1);
    return special_normal_cdf(list->z[inverse.i] +
                              t * (list->z[inverse.i + 1] - list->z[inverse.i]));
}

/* ---- samples: the i-th of n stands at i / (n - 1) ---- */

double samples_quantile(const struct dist *dist, struct unit unit)
{
    const struct dist_list *list = dist->list;

    if (!list->interpolate)
        return steps_quantile(dist, unit);
    double at = unit.p * (double)(list->n - 1), whole = poly_floor(at);
    size_t i = (size_t)whole < list->n - 2 ? (size_t)whole : list->n - 2;
    double t = at - (double)i;
    return list->x[i] * (1 - t) + list->x[i + 1] * t;
}

struct unit samples_cdf(const struct dist *dist, double x, bool below)
{
    const struct dist_list *list = dist->list;
    size_t last = list->n - 1, low = 0, high = list->n;

    if (!list->interpolate)
        return steps_cdf(dist, x, below);
    if (below ? x <= list->x[0] : x < list->x[0])
        return (struct unit){0, 1};
    if (below ? x > list->x[last] : x >= list->x[last])
        return (struct unit){1, 0};
    /* How many are <= x, or < x: equal samples are a step. At least one is, not all are. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (below ? list->x[middle] < x : list->x[middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    double left = list->x[low - 1], right = list->x[low];
    double at = ((double)(low - 1) + (x - left) / (right - left)) / (double)last;
    return (struct unit){at, 1 - at};
}
