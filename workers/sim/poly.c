/* exp, log and the normal quantile without libm: a library's version may differ from machine to
 * machine in the last bit, and results must not (domain.md C). Nothing here may be contracted into
 * a fused multiply-add: the build sets -ffp-contract=off.
 *
 * exp and log are their series (1/k! and 2/(2k+1)) after reduction to |r| <= ln2/2 and [sqrt(1/2),
 * sqrt(2)]; the normal quantile is Wichura's AS 241 (PPND16). */
#include "poly.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base.h"
#include "poly_terms.h"

#define INTEGER_MAGIC 0x1.8p52 /* added, it leaves the nearest integer in the low bits */

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* 2^k for -1022 <= k <= 1023 */
static double power_of_two(int k)
{
    return of_bits((uint64_t)(k + 1023) << 52);
}

double poly_floor(double x)
{
    if (!(fabs(x) < 0x1p52))
        return x;
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

double poly_sqrt(double x)
{
    return __builtin_sqrt(x);
}

/* exp and log are repeated for vectors in lanes.h, operation by operation. */
double poly_exp(double x)
{
    if (x != x)
        return __builtin_nan("");
    x = x < -750 ? -750 : x > 720 ? 720 : x;
    double shifted = x * LOG2_E + INTEGER_MAGIC, k = shifted - INTEGER_MAGIC;
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double value = 1 + (r + r * r * polynomial(exp_terms, EXP_TERMS, r));
    /* In two factors, so that neither leaves the range when k does. */
    int exponent = (int)k, half = ((exponent + 4096) >> 1) - 2048;
    return value * power_of_two(half) * power_of_two(exponent - half);
}

double poly_log(double x)
{
    double offset = 0;

    if (x != x || x < 0)
        return __builtin_nan("");
    if (x == 0)
        return -__builtin_inf();
    if (x > 0x1.fffffffffffffp1023)
        return __builtin_inf();
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        offset = 54;
    }
    /* x = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2)) */
    uint64_t raised = bits_of(x) + (0x3ff0000000000000u - SQRT_HALF_BITS);
    double k = (double)(raised >> 52) - 1023 - offset;
    double f = of_bits(bits_of(x) - (raised & 0xfff0000000000000u) + 0x3ff0000000000000u) - 1;
    double s = f / (2 + f), z = s * s;
    /* log(1 + f) = 2 atanh(s) = f - s (f - z (2/3 + …)), which keeps f's bits. */
    double rest = s * (f - z * polynomial(log_terms, LOG_TERMS, z));
    return k * LN2_HIGH - ((rest - k * LN2_LOW) - f);
}

static double whole_power(double x, unsigned n)
{
    double result = 1;

    for (; n > 0; n >>= 1) {
        if (n & 1)
            result *= x;
        x *= x;
    }
    return result;
}

double poly_power(double x, double y)
{
    bool whole = poly_floor(y) == y;

    if (y == 0 || x == 1)
        return 1;
    if (whole && fabs(y) <= 64)
        return y > 0 ? whole_power(x, (unsigned)y) : 1 / whole_power(x, (unsigned)-y);
    if (y == 0.5)
        return poly_sqrt(x);
    if (x < 0 && !whole)
        return __builtin_nan("");
    double value = poly_exp(y * poly_log(fabs(x)));
    bool odd = whole && fabs(y) < 0x1p53 && poly_floor(y / 2) * 2 != y;
    return x < 0 && odd ? -value : value;
}

static double central(double q)
{
    static const double a[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                               1.9715909503065514427e3, 1.3731693765509461125e4,
                               4.5921953931549871457e4, 6.7265770927008700853e4,
                               3.3430575583588128105e4, 2.5090809287301226727e3};
    static const double b[] = {1.0,
                               4.2313330701600911252e1,
                               6.8718700749205790830e2,
                               5.3941960214247511077e3,
                               2.1213794301586595867e4,
                               3.9307895800092710610e4,
                               2.8729085735721942674e4,
                               5.2264952788528545610e3};
    double r = 0.180625 - q * q;

    return q * polynomial(a, ARRAY_SIZE(a), r) / polynomial(b, ARRAY_SIZE(b), r);
}

static double tail(double r)
{
    static const double c[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                               5.76949722146069140550e0,  3.64784832476320460504e0,
                               1.27045825245236838258e0,  2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[] = {1.0,
                               2.05319162663775882187e0,
                               1.67638483018380384940e0,
                               6.89767334985100004550e-1,
                               1.48103976427480074590e-1,
                               1.51986665636164571966e-2,
                               5.47593808499534494600e-4,
                               1.05075007164441684324e-9};
    static const double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                               1.78482653991729133580e0,  2.96560571828504891230e-1,
                               2.65321895265761230930e-2, 1.24266094738807843860e-3,
                               2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[] = {1.0,
                               5.99832206555887937690e-1,
                               1.36929880922735805310e-1,
                               1.48753612908506148525e-2,
                               7.86869131145613259100e-4,
                               1.84631831751005468180e-5,
                               1.42151175831644588870e-7,
                               2.04426310338993978564e-15};

    if (r <= 5)
        return polynomial(c, ARRAY_SIZE(c), r - 1.6) / polynomial(d, ARRAY_SIZE(d), r - 1.6);
    return polynomial(e, ARRAY_SIZE(e), r - 5) / polynomial(f, ARRAY_SIZE(f), r - 5);
}

double poly_normal_quantile(double u)
{
    double q = u - 0.5;

    if (fabs(q) <= 0.425)
        return central(q);
    double distance = tail(poly_sqrt(-poly_log(q < 0 ? u : 1 - u)));
    return q < 0 ? -distance : distance;
}
