/* Distributions that move in steps, inverted exactly: the quantile is the smallest value whose
 * probability, with all below it, is at least p.
 *
 * Most keep a table of those probabilities. That of a counting distribution is made from the ratios
 * of neighbours, going out from the mode until nothing is left that a unit could meet, and scaled
 * to the sum 1; one that would be larger than EDGES_MAX is searched by its distribution function
 * instead. */
#include <math.h>

#include "dist_row.h"
#include "poly.h"

#define EDGES_MAX 131072
#define NOTHING 1e-40 /* of the mode's probability */

#define P(i) dist->parameters[i]

static const struct unit none = {0, 1}, all = {1, 0};

/* ---- tables ---- */

static double value_at(const struct dist_list *list, size_t i)
{
    return list->x ? list->x[i] : list->first + (double)i;
}

static struct unit unit_at(const struct dist_list *list, size_t i)
{
    double edge = list->edges[i];

    return i < list->n_lower ? (struct unit){edge, 1 - edge} : (struct unit){1 - edge, edge};
}

/* Probabilities of the values in their order, not yet scaled. Takes them; they become the edges. */
static void set_edges(struct dist_list *list, double *weights, size_t n)
{
    double sum = 0, running = 0, above = 0;

    for (size_t i = 0; i < n; i++)
        sum += weights[i];
    list->edges = weights;
    list->n_edges = n;
    list->n_lower = n;
    /* From the right first: what lies above a value; then the lower half is written over. */
    double *from_left = xcalloc(n + 1, sizeof(from_left[0]));
    for (size_t i = 0; i < n; i++) {
        running += weights[i];
        from_left[i] = running / sum;
        if (from_left[i] > 0.5 && list->n_lower == n)
            list->n_lower = i;
    }
    for (size_t i = n; i-- > list->n_lower;) {
        double weight = weights[i];
        weights[i] = above / sum;
        above += weight;
    }
    memcpy(weights, from_left, list->n_lower * sizeof(weights[0]));
    free(from_left);
}

void steps_from_weights(struct dist_list *list)
{
    set_edges(list, xmemdup(list->weights, list->n * sizeof(list->weights[0])), list->n);
}

double steps_quantile(const struct dist *dist, struct unit unit)
{
    const struct dist_list *list = dist->list;
    bool lower = unit.p <= unit.q;
    size_t low = lower ? 0 : list->n_lower, high = lower ? list->n_lower : list->n_edges - 1;

    /* The first in [low, high] that is far enough; `high` is. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool enough = lower ? list->edges[middle] >= unit.p : list->edges[middle] <= unit.q;
        if (enough)
            high = middle;
        else
            low = middle + 1;
    }
    return value_at(list, high < list->n_edges ? high : list->n_edges - 1);
}

struct unit steps_cdf(const struct dist *dist, double x, bool below)
{
    const struct dist_list *list = dist->list;
    size_t low = 0, high = list->n_edges;

    /* How many values are <= x, or < x. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        double value = value_at(list, middle);
        if (below ? value < x : value <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? none : low == list->n_edges ? all : unit_at(list, low - 1);
}

/* ---- counting distributions: from the mode outwards ---- */

/* P(k + 1) / P(k) */
typedef double ratio_fn(const double *parameters, double k);

struct counting {
    ratio_fn *ratio;
    const double *parameters;
    double min, max; /* values there are; max may be infinite */
};

/* How far to go from the mode, up or down; EDGES_MAX: too far. */
static size_t reach(const struct counting *counting, double mode, int direction)
{
    double share = 1, k = mode;
    size_t n = 0;

    while (n < EDGES_MAX && share > NOTHING &&
           (direction > 0 ? k < counting->max : k > counting->min)) {
        share = direction > 0 ? share * counting->ratio(counting->parameters, k)
                              : share / counting->ratio(counting->parameters, k - 1);
        k += direction;
        n++;
    }
    return n;
}

static void count(struct dist *dist, const struct counting *counting, double mode)
{
    mode = mode < counting->min ? counting->min : mode > counting->max ? counting->max : mode;
    size_t n_down = reach(counting, mode, -1), n_up = reach(counting, mode, 1);
    size_t n = n_down + n_up + 1;

    dist->list = dist_list_new();
    if (n > EDGES_MAX)
        return;
    double *weights = xcalloc(n, sizeof(weights[0]));
    weights[n_down] = 1;
    for (size_t i = n_down; i-- > 0;)
        weights[i] =
            weights[i + 1] / counting->ratio(counting->parameters, mode - (double)(n_down - i));
    for (size_t i = n_down + 1; i < n; i++)
        weights[i] =
            weights[i - 1] * counting->ratio(counting->parameters, mode + (double)(i - n_down - 1));
    dist->list->first = mode - (double)n_down;
    set_edges(dist->list, weights, n);
}

static double poisson_ratio(const double *parameters, double k)
{
    return parameters[0] / (k + 1);
}

static double binomial_ratio(const double *parameters, double k)
{
    return (parameters[0] - k) / (k + 1) * (parameters[1] / (1 - parameters[1]));
}

static double negative_binomial_ratio(const double *parameters, double k)
{
    return (k + parameters[0]) / (k + 1) * (1 - parameters[1]);
}

/* population, successes, draws */
static double hypergeometric_ratio(const double *parameters, double k)
{
    double others = parameters[0] - parameters[1] - parameters[2];

    return (parameters[1] - k) / (k + 1) * ((parameters[2] - k) / (others + k + 1));
}

static void one_value(struct dist *dist, double value)
{
    double *weight = xcalloc(1, sizeof(weight[0]));

    *weight = 1;
    dist->list = dist_list_new();
    dist->list->first = value;
    set_edges(dist->list, weight, 1);
}

void poisson_prepare(struct dist *dist)
{
    struct counting counting = {poisson_ratio, dist->parameters, 0, __builtin_inf()};

    if (P(0) > 0)
        count(dist, &counting, poly_floor(P(0)));
    else
        one_value(dist, 0);
}

void binomial_prepare(struct dist *dist)
{
    struct counting counting = {binomial_ratio, dist->parameters, 0, P(0)};

    if (P(1) > 0 && P(1) < 1)
        count(dist, &counting, poly_floor((P(0) + 1) * P(1)));
    else
        one_value(dist, P(1) > 0 ? P(0) : 0);
}

void negative_binomial_prepare(struct dist *dist)
{
    struct counting counting = {negative_binomial_ratio, dist->parameters, 0, __builtin_inf()};

    if (P(1) < 1)
        count(dist, &counting, P(0) > 1 ? poly_floor((P(0) - 1) * (1 - P(1)) / P(1)) : 0);
    else
        one_value(dist, 0);
}

void hypergeometric_prepare(struct dist *dist)
{
    double others = P(0) - P(1), min = P(2) > others ? P(2) - others : 0;
    double max = P(1) < P(2) ? P(1) : P(2);
    struct counting counting = {hypergeometric_ratio, dist->parameters, min, max};

    count(dist, &counting, poly_floor((P(2) + 1) * ((P(1) + 1) / (P(0) + 2))));
}

/* ---- the same by their distribution functions ---- */

static struct unit swap(struct unit unit)
{
    return (struct unit){unit.q, unit.p};
}

static struct unit poisson_to(const struct dist *dist, double k)
{
    return swap(special_gamma_cdf(k + 1, P(0), NULL));
}

static struct unit binomial_to(const struct dist *dist, double k)
{
    if (k >= P(0))
        return all;
    return swap(special_beta_cdf(k + 1, P(0) - k, (struct unit){P(1), 1 - P(1)}, NULL));
}

static struct unit negative_binomial_to(const struct dist *dist, double k)
{
    return special_beta_cdf(P(0), k + 1, (struct unit){P(1), 1 - P(1)}, NULL);
}

typedef struct unit to_fn(const struct dist *dist, double k); /* P(X <= k), k >= 0 whole */

static struct unit to_whole(const struct dist *dist, double x, bool below, to_fn *to)
{
    double k = poly_floor(x);

    if (dist->list->edges)
        return steps_cdf(dist, x, below);
    if (below && k == x)
        k -= 1;
    return k < 0 ? none : k < 0x1p53 ? to(dist, k) : all;
}

static bool is_enough(const struct dist *dist, double k, struct unit unit, to_fn *to)
{
    struct unit at = k < 0 ? none : to(dist, k);

    return unit.p <= unit.q ? at.p >= unit.p : at.q <= unit.q;
}

/* Cornish and Fisher's guess, a bracket around it, and bisection. */
static double search(const struct dist *dist, struct unit unit, to_fn *to, const double moments[3])
{
    double z = special_normal_quantile(unit);
    double high = poly_floor(moments[0] + moments[1] * z + moments[2] * (z * z - 1) / 6);
    double low, step = 1;

    high = high < 0 ? 0 : high;
    low = high - 1;
    while (high < 0x1p52 && !is_enough(dist, high, unit, to)) {
        low = high;
        high += step;
        step *= 2;
    }
    step = 1;
    while (low >= 0 && is_enough(dist, low, unit, to)) {
        high = low;
        low = low - step < -1 ? -1 : low - step;
        step *= 2;
    }
    while (high - low > 1) {
        double middle = poly_floor(low + (high - low) / 2);
        if (is_enough(dist, middle, unit, to))
            high = middle;
        else
            low = middle;
    }
    return high;
}

double poisson_quantile(const struct dist *dist, struct unit unit)
{
    if (dist->list->edges)
        return steps_quantile(dist, unit);
    return search(dist, unit, poisson_to, (double[]){P(0), poly_sqrt(P(0)), 1});
}

double binomial_quantile(const struct dist *dist, struct unit unit)
{
    double mean = P(0) * P(1);

    if (dist->list->edges)
        return steps_quantile(dist, unit);
    return search(dist, unit, binomial_to,
                  (double[]){mean, poly_sqrt(mean * (1 - P(1))), 1 - 2 * P(1)});
}

double negative_binomial_quantile(const struct dist *dist, struct unit unit)
{
    double mean = P(0) * (1 - P(1)) / P(1);

    if (dist->list->edges)
        return steps_quantile(dist, unit);
    return search(dist, unit, negative_binomial_to,
                  (double[]){mean, poly_sqrt(mean / P(1)), (2 - P(1)) / P(1)});
}

struct unit poisson_cdf(const struct dist *dist, double x, bool below)
{
    return to_whole(dist, x, below, poisson_to);
}

struct unit binomial_cdf(const struct dist *dist, double x, bool below)
{
    return to_whole(dist, x, below, binomial_to);
}

struct unit negative_binomial_cdf(const struct dist *dist, double x, bool below)
{
    return to_whole(dist, x, below, negative_binomial_to);
}

/* ---- without a table ---- */

double bernoulli_quantile(const struct dist *dist, struct unit unit)
{
    return unit.q < P(0) ? 1 : 0;
}

struct unit bernoulli_cdf(const struct dist *dist, double x, bool below)
{
    if (below ? x <= 0 : x < 0)
        return none;
    return (below ? x <= 1 : x < 1) ? (struct unit){1 - P(0), P(0)} : all;
}

/* How many trials have no success with the probability q: ln q / ln(1 - p). */
static struct unit geometric_to(const struct dist *dist, double k)
{
    double exponent = k * special_log1p(-P(0));

    return (struct unit){-special_expm1(exponent), poly_exp(exponent)};
}

double geometric_quantile(const struct dist *dist, struct unit unit)
{
    double rest = unit.p < 0.5 ? special_log1p(-unit.p) : poly_log(unit.q);

    if (P(0) == 1)
        return 1;
    /* Rounding may be a step off: look at the neighbours. */
    double k = -poly_floor(-rest / special_log1p(-P(0)));
    k = k < 1 ? 1 : k;
    if (k > 1 && is_enough(dist, k - 1, unit, geometric_to))
        k -= 1;
    if (!is_enough(dist, k, unit, geometric_to))
        k += 1;
    return k;
}

struct unit geometric_cdf(const struct dist *dist, double x, bool below)
{
    double k = poly_floor(x);

    if (below && k == x)
        k -= 1;
    if (!(k >= 1))
        return none;
    return P(0) == 1 ? all : geometric_to(dist, k);
}
