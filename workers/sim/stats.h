#pragma once
/* Statistics of samples, with a fixed order of every floating-point operation: the same samples
 * give the same bits however the work was cut. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Count, mean and sum of squared deviations. */
struct moments {
    uint64_t n;
    double mean, m2;
    double min, max; /* valid when n > 0 */
};

struct moments moments_of(const double *x, size_t n);
/* b comes after a: merge blocks in index order. */
struct moments moments_merge(struct moments a, struct moments b);
double moments_sd(const struct moments *moments); /* not-a-number for n < 2 */
double moments_se(const struct moments *moments);

/* An interval of confidence `level` (0..1). */
struct interval {
    double low, high;
};
double normal_margin(double level);               /* z: the interval is mean +- z se */
double student_margin(double level, uint64_t df); /* t */
struct interval wilson(uint64_t hits, uint64_t n, double level);

/* Values kept for exact order statistics. */
struct samples {
    double *values; /* as they came */
    size_t n, capacity;
    /* of samples_sort() */
    size_t n_sorted; /* the values its readers see */
    double min, max, scale;
    double *binned; /* bin after bin */
    size_t *starts; /* n_bins + 1 */
    bool *in_order; /* by bin */
    size_t n_bins;
};

void samples_init(struct samples *samples, size_t capacity); /* allocates it all */
void samples_deinit(struct samples *samples);
void samples_add(struct samples *samples, const double *x,
                 size_t n); /* finite numbers; at most `capacity` in all */
/* Places values samples_add() has not reached yet: for threads, each with its own range. Who does
 * so sets n when all are there. */
void samples_put(struct samples *samples, size_t at, const double *x, size_t n);
void samples_sort(struct samples *samples);                    /* before the readers below */
double samples_at(const struct samples *samples, size_t rank); /* the rank-th smallest, from 0 */
size_t samples_below(const struct samples *samples, double x); /* how many are < x */

/* Percentile with linear interpolation between order statistics, and its interval by binomial
 * ranks. */
double samples_percentile(const struct samples *samples, double p);
struct interval samples_percentile_interval(const struct samples *samples, double p, double level);

/* ---- order.c ---- */

/* Which stands where when they are in order, equal ones by place; heap. Numbers only, no NaN. */
uint32_t *order_of(const double *values, size_t n);
void order_sort(double *values, size_t n);
