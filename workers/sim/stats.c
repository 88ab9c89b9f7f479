/* Moments, intervals and order statistics.
 *
 * Moments of a block use eight partial sums and a written tree, then a second centred pass; blocks
 * are merged in index order (Chan, Golub, LeVeque). Order statistics are exact: samples are kept in
 * sorted runs and a rank is found by bisection over the 64-bit keys of doubles, each run keeping
 * the window that is still possible, so that nothing has to be merged or sorted again. */
#include "stats.h"

#include <assert.h>
#include <math.h>

#include "base.h"
#include "poly.h"

#define LANES 8
#define DIGIT_BITS 11
#define DIGITS ((64 + DIGIT_BITS - 1) / DIGIT_BITS)
#define SIGN 0x8000000000000000u

static double tree_sum(const double *s)
{
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

struct moments moments_of(const double *x, size_t n)
{
    struct moments moments = {.n = n};
    double sums[LANES] = {0}, squares[LANES] = {0};

    if (n == 0)
        return moments;
    moments.min = moments.max = x[0];
    for (size_t i = 0; i < n; i++) {
        sums[i % LANES] += x[i];
        moments.min = x[i] < moments.min ? x[i] : moments.min;
        moments.max = x[i] > moments.max ? x[i] : moments.max;
    }
    moments.mean = tree_sum(sums) / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = x[i] - moments.mean;
        squares[i % LANES] += d * d;
    }
    moments.m2 = tree_sum(squares);
    return moments;
}

struct moments moments_merge(struct moments a, struct moments b)
{
    if (a.n == 0)
        return b;
    if (b.n == 0)
        return a;
    struct moments all = {.n = a.n + b.n};
    double na = (double)a.n, nb = (double)b.n, n = (double)all.n;
    double delta = b.mean - a.mean;
    all.mean = a.mean + delta * (nb / n);
    all.m2 = (a.m2 + b.m2) + delta * delta * (na * (nb / n));
    all.min = b.min < a.min ? b.min : a.min;
    all.max = b.max > a.max ? b.max : a.max;
    return all;
}

double moments_sd(const struct moments *moments)
{
    return moments->n < 2 ? __builtin_nan("") : poly_sqrt(moments->m2 / (double)(moments->n - 1));
}

double moments_se(const struct moments *moments)
{
    return moments_sd(moments) / poly_sqrt((double)moments->n);
}

double normal_margin(double level)
{
    return poly_normal_quantile(0.5 + level / 2);
}

/* Cornish-Fisher: within 0.2 % of t for df >= 10 at the usual levels. */
double student_margin(double level, uint64_t df)
{
    double z = normal_margin(level), z2 = z * z, d = (double)df;

    if (df == 0)
        return __builtin_nan("");
    return z * (1 + (z2 + 1) / (4 * d) + ((5 * z2 + 16) * z2 + 3) / (96 * d * d) +
                (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * d * d * d));
}

struct interval wilson(uint64_t hits, uint64_t n, double level)
{
    double z = normal_margin(level), count = (double)n, p = (double)hits / count;
    double middle = p + z * z / (2 * count);
    double spread = z * poly_sqrt(p * (1 - p) / count + z * z / (4 * count * count));
    double scale = 1 + z * z / count;
    struct interval interval = {(middle - spread) / scale, (middle + spread) / scale};

    /* Rounding must not leave the true ends. */
    if (hits == 0)
        interval.low = 0;
    if (hits == n)
        interval.high = 1;
    return interval;
}

/* Doubles as integers that compare the same way. */
static uint64_t key_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits & SIGN ? ~bits : bits | SIGN;
}

static double of_key(uint64_t key)
{
    uint64_t bits = key & SIGN ? key ^ SIGN : ~key;
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

void samples_init(struct samples *samples, size_t capacity)
{
    size_t run = capacity < SAMPLES_RUN ? capacity : SAMPLES_RUN;

    *samples = (struct samples){.capacity = capacity};
    samples->values = xcalloc(capacity + 1, sizeof(samples->values[0]));
    samples->scratch = xcalloc(2 * run + 1, sizeof(samples->scratch[0]));
}

void samples_deinit(struct samples *samples)
{
    free(samples->values);
    free(samples->scratch);
    *samples = (struct samples){0};
}

/* One pass of a radix sort; false when all keys have the same digit and nothing was moved. */
static bool sort_digit(const uint64_t *from, uint64_t *to, size_t n, unsigned shift)
{
    size_t starts[1u << DIGIT_BITS] = {0};
    size_t at = 0;
    const uint64_t mask = (1u << DIGIT_BITS) - 1;

    for (size_t i = 0; i < n; i++)
        starts[from[i] >> shift & mask]++;
    if (starts[from[0] >> shift & mask] == n)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        size_t count = starts[i];
        starts[i] = at;
        at += count;
    }
    for (size_t i = 0; i < n; i++)
        to[starts[from[i] >> shift & mask]++] = from[i];
    return true;
}

static void sort_run(struct samples *samples, double *values, size_t n)
{
    uint64_t *from = samples->scratch, *to = samples->scratch + n;

    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        from[i] = key_of(values[i]);
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        if (sort_digit(from, to, n, digit * DIGIT_BITS)) {
            uint64_t *sorted = to;
            to = from;
            from = sorted;
        }
    }
    for (size_t i = 0; i < n; i++)
        values[i] = of_key(from[i]);
}

void samples_sort(struct samples *samples)
{
    size_t start = samples->n_sorted / SAMPLES_RUN * SAMPLES_RUN;

    while (samples->n_sorted < samples->n) {
        size_t n = samples->n - start < SAMPLES_RUN ? samples->n - start : SAMPLES_RUN;
        sort_run(samples, samples->values + start, n);
        start += n;
        samples->n_sorted = start;
    }
}

void samples_add(struct samples *samples, const double *x, size_t n)
{
    assert(n <= samples->capacity - samples->n);
    for (size_t i = 0; i < n; i++)
        samples->values[samples->n + i] = x[i] + 0.0; /* -0 becomes 0 */
    samples->n += n;
    if (samples->n - samples->n_sorted / SAMPLES_RUN * SAMPLES_RUN >= SAMPLES_RUN)
        samples_sort(samples);
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
    size_t total = 0;

    for (size_t start = 0; start < samples->n; start += SAMPLES_RUN) {
        size_t end = start + SAMPLES_RUN < samples->n ? start + SAMPLES_RUN : samples->n;
        total += lower_bound(samples->values, start, end, x) - start;
    }
    return total;
}

struct window {
    size_t low, high, middle;
};

/* The largest key with at most `rank` values below it is the value of that rank. */
static double find_rank(const struct samples *samples, struct window *windows, size_t n_runs,
                        size_t rank)
{
    uint64_t low = 0, high = UINT64_MAX;

    for (size_t i = 0; i < n_runs; i++) {
        size_t end = (i + 1) * SAMPLES_RUN;
        windows[i] = (struct window){i * SAMPLES_RUN, end < samples->n ? end : samples->n, 0};
        uint64_t first = key_of(samples->values[windows[i].low]);
        uint64_t last = key_of(samples->values[windows[i].high - 1]);
        low = i == 0 || first < low ? first : low;
        high = i == 0 || last > high ? last : high;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2 + 1;
        size_t below = 0;
        for (size_t i = 0; i < n_runs; i++) {
            windows[i].middle =
                lower_bound(samples->values, windows[i].low, windows[i].high, of_key(middle));
            below += windows[i].middle - i * SAMPLES_RUN;
        }
        bool up = below <= rank;
        if (up)
            low = middle;
        else
            high = middle - 1;
        for (size_t i = 0; i < n_runs; i++) {
            if (up)
                windows[i].low = windows[i].middle;
            else
                windows[i].high = windows[i].middle;
        }
    }
    return of_key(low);
}

double samples_at(const struct samples *samples, size_t rank)
{
    size_t n_runs = (samples->n + SAMPLES_RUN - 1) / SAMPLES_RUN;

    assert(rank < samples->n && samples->n_sorted == samples->n);
    if (n_runs == 1)
        return samples->values[rank];
    struct window *windows = xcalloc(n_runs, sizeof(windows[0]));
    double value = find_rank(samples, windows, n_runs, rank);
    free(windows);
    return value;
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
