/* Order statistics, exact and without sorting everything. Samples are put into equal bins between
 * the smallest and the largest (monotone, so bins are in order); a rank or a bound is looked up in
 * its bin, which is sorted when it is first asked for. A few thousand of ten million samples are
 * sorted for a report. Where one bin holds nearly all (a heavy tail) its sort is linear too
 * (order.c). */
#include "stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base.h"
#include "kernels.h"
#include "poly.h"

#define BINS_MAX 1024
#define SMALL 24  /* sorted by insertion */
#define LARGE 256 /* sorted by radix */
#define CHUNK 1024
#define HUGE_PAGE ((size_t)2 << 20)

/* Faults of small pages would take as long as drawing what is put there. */
static double *new_array(size_t n)
{
    size_t size = n * sizeof(double);

    if (size < HUGE_PAGE)
        return xcalloc(n, sizeof(double));
    size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    double *array = aligned_alloc(HUGE_PAGE, size);
    if (!array)
        abort();
    (void)madvise(array, size, MADV_HUGEPAGE); /* a wish */
    return array;
}

void samples_init(struct samples *samples, size_t capacity)
{
    *samples = (struct samples){.capacity = capacity};
    samples->values = new_array(capacity + 1);
}

void samples_deinit(struct samples *samples)
{
    free(samples->values);
    free(samples->binned);
    free(samples->starts);
    free(samples->in_order);
    *samples = (struct samples){0};
}

static void sort_small(double *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double value = values[i];
        size_t j = i;
        for (; j > 0 && value < values[j - 1]; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

static int compare(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

void samples_add(struct samples *samples, const double *x, size_t n)
{
    assert(n <= samples->capacity - samples->n);
    samples_put(samples, samples->n, x, n);
    samples->n += n;
}

void samples_put(struct samples *samples, size_t at, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        samples->values[at + i] = x[i] + 0.0; /* -0 becomes 0 */
}

static void find_scale(struct samples *samples)
{
    double min = samples->values[0], max = min, sums[KERNEL_SUMS] = {0};
    size_t whole = samples->n / KERNEL_SUMS * KERNEL_SUMS;

    if (whole > 0)
        kernels()->sums(samples->values, whole, sums, &min, &max);
    for (size_t i = whole; i < samples->n; i++) {
        min = samples->values[i] < min ? samples->values[i] : min;
        max = samples->values[i] > max ? samples->values[i] : max;
    }
    size_t n_bins = 64;
    while (n_bins < BINS_MAX && n_bins * 8 < samples->n)
        n_bins *= 2;
    samples->n_bins = n_bins;
    samples->min = min;
    samples->max = max;
    samples->scale = (double)(n_bins - 1) / (max - min);
    if (!isfinite(max - min) || !isfinite(samples->scale))
        samples->scale = 0;
}

void samples_sort(struct samples *samples)
{
    uint32_t bins[CHUNK];
    size_t ends[BINS_MAX];

    if (samples->n_sorted == samples->n)
        return;
    find_scale(samples);
    free(samples->starts);
    free(samples->in_order);
    samples->starts = xcalloc(samples->n_bins + 1, sizeof(samples->starts[0]));
    samples->in_order = xcalloc(samples->n_bins, sizeof(samples->in_order[0]));
    free(samples->binned);
    samples->binned = new_array(samples->n);
    for (size_t at = 0; at < samples->n; at += CHUNK) {
        size_t n = samples->n - at < CHUNK ? samples->n - at : CHUNK;
        kernels()->bins(samples->values + at, n, samples->min, samples->scale, bins);
        for (size_t i = 0; i < n; i++)
            samples->starts[bins[i] + 1]++;
    }
    for (size_t i = 0; i < samples->n_bins; i++) {
        samples->starts[i + 1] += samples->starts[i];
        ends[i] = samples->starts[i];
    }
    for (size_t at = 0; at < samples->n; at += CHUNK) {
        size_t n = samples->n - at < CHUNK ? samples->n - at : CHUNK;
        kernels()->bins(samples->values + at, n, samples->min, samples->scale, bins);
        for (size_t i = 0; i < n; i++)
            samples->binned[ends[bins[i]]++] = samples->values[at + i];
    }
    samples->n_sorted = samples->n;
}

static void order_bin(const struct samples *samples, size_t bin)
{
    double *values = samples->binned + samples->starts[bin];
    size_t n = samples->starts[bin + 1] - samples->starts[bin];

    if (samples->in_order[bin])
        return;
    samples->in_order[bin] = true;
    if (n <= SMALL)
        sort_small(values, n);
    else if (n <= LARGE)
        qsort(values, n, sizeof(values[0]), compare);
    else
        order_sort(values, n);
}

/* The first position in values[low, high) that is not below x. */
static size_t lower_bound(const double *values, size_t low, size_t high, double x)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (values[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t samples_below(const struct samples *samples, double x)
{
    uint32_t bin;

    if (!(x > samples->min))
        return 0;
    if (x > samples->max)
        return samples->n;
    kernels()->bins(&x, 1, samples->min, samples->scale, &bin);
    size_t start = samples->starts[bin], end = samples->starts[bin + 1];
    if (samples->in_order[bin])
        return lower_bound(samples->binned, start, end, x);
    size_t below = start;
    for (size_t i = start; i < end; i++)
        below += samples->binned[i] < x;
    return below;
}

double samples_at(const struct samples *samples, size_t rank)
{
    size_t low = 0, high = samples->n_bins;

    assert(rank < samples->n && samples->n_sorted == samples->n);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (samples->starts[middle] <= rank)
            low = middle;
        else
            high = middle;
    }
    order_bin(samples, low);
    return samples->binned[rank];
}

double samples_percentile(const struct samples *samples, double p)
{
    double position = p / 100 * (double)(samples->n - 1), whole = poly_floor(position);
    size_t rank = (size_t)whole;
    double low = samples_at(samples, rank);

    if (position == whole)
        return low;
    double high = samples_at(samples, rank + 1);
    return low + (high - low) * (position - whole);
}

struct interval samples_percentile_interval(const struct samples *samples, double p, double level)
{
    double n = (double)samples->n, q = p / 100;
    double margin = normal_margin(level) * poly_sqrt(n * q * (1 - q));
    double low = poly_floor(n * q - margin), high = poly_floor(n * q + margin) + 1;

    low = low < 0 ? 0 : low;
    high = high > n - 1 ? n - 1 : high;
    return (struct interval){samples_at(samples, (size_t)low), samples_at(samples, (size_t)high)};
}
