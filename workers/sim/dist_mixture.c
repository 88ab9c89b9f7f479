/* Mixtures. One unit decides part and value: the quantile is that of the whole mixture, so it grows
 * with its unit and can be correlated. Where parts move in steps, so does it.
 *
 * The quantile lies between the least and the greatest of the parts' own. That bracket is narrowed
 * to the step of each part that crosses the unit, if one does; what is left is smooth and solved.
 */
#include <math.h>

#include "dist_row.h"
#include "poly.h"

#define HALVINGS_MAX 200

struct unit mixture_cdf(const struct dist *dist, double x, bool below)
{
    const struct dist_list *list = dist->list;
    struct unit sum = {0, 0};

    for (size_t i = 0; i < list->n; i++) {
        struct unit unit = dist_cdf(&list->parts[i], x, below);
        sum.p += list->weights[i] * unit.p;
        sum.q += list->weights[i] * unit.q;
    }
    return sum;
}

struct search {
    const struct dist *dist;
    struct unit unit;
    double low, high; /* not enough at low, enough at high */
};

static bool is_enough(const struct search *search, double x, bool below)
{
    struct unit at = mixture_cdf(search->dist, x, below);

    return search->unit.p <= search->unit.q ? at.p >= search->unit.p : at.q <= search->unit.q;
}

/* true: the quantile is that step, high. */
static bool is_step_at_high(const struct search *search)
{
    return !is_enough(search, search->high, true);
}

/* Halves what a part has between low and high until it has no value there. */
static void pass_steps(struct search *search, const struct dist *part)
{
    for (int i = 0; i < HALVINGS_MAX; i++) {
        struct unit from = dist_cdf(part, search->low, false);
        struct unit to = dist_cdf(part, search->high, true);
        struct unit middle = {0.5 * (from.p + to.p), 0.5 * (from.q + to.q)};
        if (!(to.p > from.p) && !(to.q < from.q))
            return;
        double x = dist_quantile_at(part, middle);
        if (!(x > search->low && x < search->high))
            return;
        if (is_enough(search, x, false))
            search->high = x;
        else
            search->low = x;
    }
}

static struct point miss(const void *arg, double x)
{
    const struct search *search = arg;
    struct unit at = mixture_cdf(search->dist, x, false);
    bool lower = search->unit.p <= search->unit.q;
    double area = lower ? at.p : at.q, wanted = lower ? search->unit.p : search->unit.q;

    if (!(area > 0))
        return (struct point){lower ? -1e3 : 1e3, 0};
    double value = poly_log(area / wanted);
    return (struct point){lower ? value : -value, 0};
}

double mixture_quantile(const struct dist *dist, struct unit unit)
{
    const struct dist_list *list = dist->list;
    struct search search = {dist, unit, __builtin_inf(), -__builtin_inf()};

    for (size_t i = 0; i < list->n; i++) {
        double x = dist_quantile_at(&list->parts[i], unit);
        search.low = x < search.low ? x : search.low;
        search.high = x > search.high ? x : search.high;
    }
    if (!(search.low < search.high) || is_enough(&search, search.low, false))
        return search.low;
    if (is_step_at_high(&search))
        return search.high;
    for (size_t i = 0; i < list->n; i++)
        if (dist_is_discrete(&list->parts[i]))
            pass_steps(&search, &list->parts[i]);
    if (is_step_at_high(&search))
        return search.high;
    return special_solve(miss, &search, search.low, 0.5 * search.low + 0.5 * search.high,
                         search.high);
}
