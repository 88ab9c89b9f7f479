/* Estimates with their intervals, for each method. pcg: t on the moments, Wilson, binomial ranks.
 * antithetic: the mean's error is that of the pairs' means. lhs and sobol: t on the 16 replicates,
 * which are independent while the trials of one are not; where trials were dropped nobody knows any
 * more which replicate is whose, and the plain intervals stand (they are too wide, not too narrow).
 */
#include <math.h>
#include <stdlib.h>

#include "bins.h"
#include "mc.h"
#include "poly.h"
#include "sim.h"
#include "stats.h"

#define PAIRS_AT_ONCE 1024

static bool by_replicates(const struct sim *sim)
{
    const struct mc *mc = sim_mc(sim);

    return (mc->method == MC_LHS || mc->method == MC_SOBOL) && sim_n_dropped(sim) == 0 &&
           sim_n(sim) >= 2 * REPLICATES;
}

/* t on the values of the replicates, about the estimate of them all. */
static struct estimate of_replicates(const double found[REPLICATES], double value, double level)
{
    struct moments moments = moments_of(found, REPLICATES);
    double se = moments_se(&moments), margin = student_margin(level, REPLICATES - 1) * se;

    return (struct estimate){
        value, se, {value - margin, value + margin}
    };
}

/* ---- mean ---- */

static struct moments pair_moments(const struct sim *sim, size_t output)
{
    const double *values = sim_values(sim, output);
    double means[PAIRS_AT_ONCE];
    struct moments all = {0};
    uint64_t n_pairs = sim_n(sim) / 2;

    for (uint64_t at = 0; at < n_pairs; at += PAIRS_AT_ONCE) {
        size_t n = n_pairs - at < PAIRS_AT_ONCE ? (size_t)(n_pairs - at) : PAIRS_AT_ONCE;

        for (size_t i = 0; i < n; i++)
            means[i] = (values[2 * (at + i)] + values[2 * (at + i) + 1]) / 2;
        all = moments_merge(all, moments_of(means, n));
    }
    return all;
}

struct estimate sim_mean(const struct sim *sim, size_t output)
{
    const struct mc *mc = sim_mc(sim);
    struct moments moments = sim_moments(sim, output);
    struct estimate estimate = {.value = moments.mean};
    double found[REPLICATES], margin;

    if (by_replicates(sim)) {
        for (size_t i = 0; i < REPLICATES; i++)
            found[i] = sim_replicate(sim, output, i).mean;
        return of_replicates(found, moments.mean, mc->level);
    }
    if (mc->method == MC_ANTITHETIC && sim_n_dropped(sim) == 0 && sim_is_exact(sim) &&
        sim_n(sim) >= 4)
        moments = pair_moments(sim, output);
    estimate.se = moments_se(&moments);
    margin = student_margin(mc->level, moments.n - 1) * estimate.se;
    estimate.ci = (struct interval){estimate.value - margin, estimate.value + margin};
    return estimate;
}

/* ---- probabilities ---- */

/* Of n trials in all. */
static uint64_t n_of_replicate(uint64_t n, size_t replicate)
{
    return (n - replicate + REPLICATES - 1) / REPLICATES;
}

struct estimate sim_probability(const struct sim *sim, size_t ask)
{
    const struct mc *mc = sim_mc(sim);
    uint64_t hits = sim_hits(sim, ask), n = sim_n(sim);
    struct estimate estimate = {.value = (double)hits / (double)n};
    double found[REPLICATES];

    if (by_replicates(sim) && hits > 0 && hits < n) {
        for (size_t i = 0; i < REPLICATES; i++)
            found[i] = (double)sim_replicate_hits(sim, ask, i) / (double)n_of_replicate(n, i);
        estimate = of_replicates(found, estimate.value, mc->level);
        estimate.ci.low = estimate.ci.low > 0 ? estimate.ci.low : 0;
        estimate.ci.high = estimate.ci.high < 1 ? estimate.ci.high : 1;
        return estimate;
    }
    estimate.ci = wilson(hits, n, mc->level);
    estimate.se = poly_sqrt(estimate.value * (1 - estimate.value) / (double)n);
    return estimate;
}

/* ---- percentiles ---- */

/* Bins know no ends: these are exact. */
static double within(const struct moments *moments, double x)
{
    return x < moments->min ? moments->min : x > moments->max ? moments->max : x;
}

double sim_percentile(struct sim *sim, size_t output, double p)
{
    const struct samples *samples = sim_samples(sim, output);
    struct moments moments = sim_moments(sim, output);

    if (samples)
        return samples_percentile(samples, p);
    return within(&moments, bins_at(sim_bins(sim, output), p / 100 * (double)(sim_n(sim) - 1)));
}

/* Each replicate's own percentile. */
static void find_replicates(const struct sim *sim, size_t output, double p,
                            double found[REPLICATES])
{
    const double *values = sim_values(sim, output);
    uint64_t n = sim_n(sim);

    for (size_t i = 0; i < REPLICATES; i++) {
        struct samples samples;

        samples_init(&samples, (size_t)(n / REPLICATES + 1));
        for (uint64_t k = i; k < n; k += REPLICATES)
            samples_add(&samples, &values[k], 1);
        samples_sort(&samples);
        found[i] = samples_percentile(&samples, p);
        samples_deinit(&samples);
    }
}

struct interval sim_percentile_interval(struct sim *sim, size_t output, double p)
{
    double level = sim_mc(sim)->level, n = (double)sim_n(sim), q = p / 100;
    const struct samples *samples = sim_samples(sim, output);
    struct moments moments = sim_moments(sim, output);
    double found[REPLICATES], margin, low, high;

    if (by_replicates(sim)) {
        find_replicates(sim, output, p, found);
        return of_replicates(found, sim_percentile(sim, output, p), level).ci;
    }
    if (samples)
        return samples_percentile_interval(samples, p, level);
    margin = normal_margin(level) * poly_sqrt(n * q * (1 - q));
    low = poly_floor(n * q - margin);
    high = poly_floor(n * q + margin) + 1;
    low = low < 0 ? 0 : low;
    high = high > n - 1 ? n - 1 : high;
    return (struct interval){within(&moments, bins_at(sim_bins(sim, output), low)),
                             within(&moments, bins_at(sim_bins(sim, output), high))};
}

/* ---- stop rules ---- */

double sim_half_width(struct sim *sim, size_t ask)
{
    const struct mc_ask *asked = &sim_mc(sim)->asks[ask];
    struct interval interval = {0};

    switch (asked->type) {
    case MC_ASK_PROBABILITY: interval = sim_probability(sim, ask).ci; break;
    case MC_ASK_PERCENTILE:
        interval = sim_percentile_interval(sim, asked->output, asked->percentile);
        break;
    case MC_ASK_MEAN: interval = sim_mean(sim, asked->output).ci; break;
    case MC_ASK_SD: return __builtin_nan("");
    }
    return (interval.high - interval.low) / 2;
}
