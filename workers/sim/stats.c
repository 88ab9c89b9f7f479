/* Moments and intervals. Moments of a block use 32 partial sums (element i belongs to i % 32) and a
 * written tree, then a second centred pass; blocks are merged in index order (Chan, Golub,
 * LeVeque).
 */
#include "stats.h"

#include <math.h>

#include "base.h"
#include "kernels.h"
#include "poly.h"

/* Neighbours, then pairs of neighbours, and so on. */
static double tree_sum(double *s)
{
    for (size_t n = KERNEL_SUMS / 2; n > 0; n /= 2)
        for (size_t i = 0; i < n; i++)
            s[i] = s[2 * i] + s[2 * i + 1];
    return s[0];
}

struct moments moments_of(const double *x, size_t n)
{
    struct moments moments = {.n = n};
    double sums[KERNEL_SUMS] = {0}, squares[KERNEL_SUMS] = {0};
    size_t whole = n / KERNEL_SUMS * KERNEL_SUMS;

    if (n == 0)
        return moments;
    moments.min = moments.max = x[0];
    if (whole > 0)
        kernels()->sums(x, whole, sums, &moments.min, &moments.max);
    for (size_t i = whole; i < n; i++) {
        sums[i - whole] += x[i];
        moments.min = x[i] < moments.min ? x[i] : moments.min;
        moments.max = x[i] > moments.max ? x[i] : moments.max;
    }
    moments.mean = tree_sum(sums) / (double)n;
    kernels()->squares(x, whole, moments.mean, squares);
    for (size_t i = whole; i < n; i++) {
        double d = x[i] - moments.mean;
        squares[i - whole] += d * d;
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
