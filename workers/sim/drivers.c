/* Drivers of an output, three ways, over at most 65,536 trials: the rank correlation (Spearman);
 * the first-order index S1 = Var(E[y|x]) / Var(y) by bins of equally many trials in the order of x;
 * and the swing, the mean of y in the bin about x's 90th percentile less that about its 10th.
 *
 * The variance of the bins' means holds noise of its own, the variance within over the bin's size:
 * it is taken off, and what is left is not let below 0. The interval is the spread over 8 separate
 * eighths of the trials. Equal values share their ranks. */
#include "drivers.h"

#include <math.h>
#include <stdlib.h>

#include "json.h"
#include "mc.h"
#include "poly.h"
#include "sim.h"

#define BINS 32
#define EIGHTHS 8
#define LEAST_TRIALS (BINS * EIGHTHS * 4)

struct driver {
    size_t variable;
    double spearman, s1, swing;
    struct interval s1_ci;
};

/* The rank of each trial, by trial, from the trials in order; equal ones share the middle of
 * theirs. Heap. */
static double *ranks_of(const double *values, const uint32_t *order, size_t n)
{
    double *ranks = xcalloc(n, sizeof(*ranks));

    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && !(values[order[from]] < values[order[to]]); to++)
            ;
        for (size_t i = from; i < to; i++)
            ranks[order[i]] = ((double)from + (double)to - 1) / 2;
    }
    return ranks;
}

static double correlation(const double *a, const double *b, size_t n)
{
    double middle = ((double)n - 1) / 2, aa = 0, bb = 0, ab = 0;

    for (size_t i = 0; i < n; i++) {
        aa += (a[i] - middle) * (a[i] - middle);
        bb += (b[i] - middle) * (b[i] - middle);
        ab += (a[i] - middle) * (b[i] - middle);
    }
    return aa > 0 && bb > 0 ? ab / poly_sqrt(aa * bb) : 0;
}

/* Of trials that stand in the order of x: y's moments by bin of equally many. */
static double first_order(const double *y, size_t n)
{
    struct moments all = {0}, moments[BINS];
    double between = 0, within = 0;

    for (size_t bin = 0; bin < BINS; bin++) {
        size_t from = n * bin / BINS, to = n * (bin + 1) / BINS;

        moments[bin] = moments_of(y + from, to - from);
        all = moments_merge(all, moments[bin]);
    }
    if (!(all.m2 > 0))
        return 0;
    for (size_t bin = 0; bin < BINS; bin++) {
        double d = moments[bin].mean - all.mean, size = (double)moments[bin].n;

        between += size * d * d;
        within += moments[bin].m2 / (size - 1);
    }
    between = (between - within) / all.m2;
    return between > 0 ? between : 0;
}

static double mean_of(const double *y, size_t n, double from, double to)
{
    size_t low = (size_t)poly_floor((double)n * from), high = (size_t)poly_floor((double)n * to);

    return moments_of(y + low, high - low).mean;
}

/* y in the order of x. With `part` < EIGHTHS only every eighth trial from that one on. */
static size_t arrange(const uint32_t *order, const double *y, size_t n, size_t part, double *out)
{
    size_t n_out = 0;

    for (size_t i = 0; i < n; i++)
        if (part >= EIGHTHS || order[i] % EIGHTHS == part)
            out[n_out++] = y[order[i]];
    return n_out;
}

static struct driver measure(const double *x, const double *y, const double *y_ranks, size_t n,
                             double level)
{
    uint32_t *order = order_of(x, n);
    double *ranks = ranks_of(x, order, n), *arranged = xcalloc(n, sizeof(*arranged));
    double eighths[EIGHTHS], margin;
    struct driver driver = {.spearman = correlation(ranks, y_ranks, n)};
    struct moments moments;

    (void)arrange(order, y, n, EIGHTHS, arranged);
    driver.s1 = first_order(arranged, n);
    driver.s1 = driver.s1 < 1 ? driver.s1 : 1;
    driver.swing = mean_of(arranged, n, 0.875, 0.925) - mean_of(arranged, n, 0.075, 0.125);
    for (size_t part = 0; part < EIGHTHS; part++) {
        size_t n_part = arrange(order, y, n, part, arranged);

        eighths[part] = first_order(arranged, n_part);
    }
    moments = moments_of(eighths, EIGHTHS);
    margin = student_margin(level, EIGHTHS - 1) * moments_se(&moments);
    driver.s1_ci.low = driver.s1 - margin > 0 ? driver.s1 - margin : 0;
    driver.s1_ci.high = driver.s1 + margin < 1 ? driver.s1 + margin : 1;
    free(order);
    free(ranks);
    free(arranged);
    return driver;
}

static int compare_drivers(const void *a, const void *b)
{
    const struct driver *x = a, *y = b;

    if (x->s1 < y->s1 || x->s1 > y->s1)
        return x->s1 < y->s1 ? 1 : -1;
    return x->variable < y->variable ? -1 : 1;
}

static bool varies(const double *x, size_t n)
{
    struct moments moments = moments_of(x, n);

    return moments.min < moments.max;
}

static struct json *driver_json(const struct mc *mc, const struct driver *driver)
{
    struct json *json = json_object(), *ci = json_array();

    json_set_text(json, "name", mc->variables[driver->variable].name);
    json_set_number(json, "spearman", driver->spearman);
    json_set_number(json, "S1", driver->s1);
    json_append(ci, json_new_number(driver->s1_ci.low));
    json_append(ci, json_new_number(driver->s1_ci.high));
    json_set(json, "S1_ci", ci);
    json_set_number(json, "swing_p10_p90", driver->swing);
    return json;
}

struct json *drivers_json(const struct sim *sim, size_t output)
{
    const struct mc *mc = sim_mc(sim);
    const double *y = sim_pilot_output(sim, output);
    size_t n = sim_n_pilot(sim), n_drivers = 0;
    struct driver drivers[MC_VARIABLES_MAX];
    struct json *array = json_array();

    if (n < LEAST_TRIALS)
        return array;
    uint32_t *order = order_of(y, n);
    double *y_ranks = ranks_of(y, order, n);
    for (size_t i = 0; i < mc->n_variables; i++) {
        const double *x = sim_pilot_input(sim, i);

        if (!x || !varies(x, n))
            continue;
        drivers[n_drivers] = measure(x, y, y_ranks, n, mc->level);
        drivers[n_drivers++].variable = i;
    }
    qsort(drivers, n_drivers, sizeof(drivers[0]), compare_drivers);
    for (size_t i = 0; i < n_drivers; i++)
        json_append(array, driver_json(mc, &drivers[i]));
    free(order);
    free(y_ranks);
    return array;
}
