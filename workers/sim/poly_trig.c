/* sin, cos, tan, round and log10 with a written operation order, as poly.c.
 *
 * An angle is taken modulo a quarter turn with whole numbers: x * 2/pi modulo 4 in 192 bits of
 * fixed point, of which cancellation eats at most 62. What remains, |y| <= pi/4, goes through the
 * series of sin and cos. */
#include "poly.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base.h"
#include "poly_terms.h"

#define MANTISSA_BITS 52
#define HALF_PI 0x1.921fb54442d18p0
#define LOG10_E 0.43429448190325183
#define TEN_POWERS 23 /* 10^22 is the last whole power that a double holds exactly */

/* The binary digits of 2/pi after the point, behind 64 zeros. */
static const uint64_t two_over_pi[] = {
    0x0000000000000000u, 0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u,
    0xfe5163abdebbc561u, 0xb7246e3a424dd2e0u, 0x06492eea09d1921cu, 0xfe1deb1cb129a73eu,
    0xe88235f52ebb4484u, 0xe99c7026b45f7e41u, 0x3991d639835339f4u, 0x9c845f8bbdf9283bu,
    0x1ff897ffde05980fu, 0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u, 0x4f463f669e5fea2du,
    0x7527bac7ebe5f17bu, 0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u, 0x56033046fc7b6babu,
    0xf0cfbc209af4361du};

__extension__ typedef unsigned __int128 wide;

/* 64 digits of 2/pi from the bit'th. */
static uint64_t digits_at(unsigned bit)
{
    unsigned word = bit / 64, shift = bit % 64;
    uint64_t high = two_over_pi[word] << shift;

    return shift == 0 ? high : high | two_over_pi[word + 1] >> (64 - shift);
}

/* x = quarter * pi/2 + rest, |rest| <= pi/4; quarter modulo 4. x is finite and not negative. */
static double reduce(double x, unsigned *ret_quarter)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    int exponent = (int)(bits >> MANTISSA_BITS) - 1023;
    *ret_quarter = 0;
    if (exponent < -1)
        return x;
    /* x = m * 2^(exponent - 52): digits that stand for multiples of 4 are left out. */
    uint64_t m = (bits & ((1ull << MANTISSA_BITS) - 1)) | 1ull << MANTISSA_BITS;
    unsigned first = (unsigned)(exponent - MANTISSA_BITS - 2 + 64);
    wide low = (wide)m * digits_at(first + 128);
    wide middle = (wide)m * digits_at(first + 64) + (uint64_t)(low >> 64);
    uint64_t high = m * digits_at(first) + (uint64_t)(middle >> 64);
    wide fraction = ((wide)high << 64 | (uint64_t)middle) << 2 | (uint64_t)low >> 62;
    unsigned quarter = (unsigned)(high >> 62);
    bool above = fraction >> 127 != 0;
    if (above) {
        fraction = -fraction;
        quarter = (quarter + 1) & 3;
    }
    double rest =
        ((double)(uint64_t)(fraction >> 64) * 0x1p-64 + (double)(uint64_t)fraction * 0x1p-128) *
        HALF_PI;
    *ret_quarter = quarter;
    return above ? -rest : rest;
}

/* 1/(2k + 1)! and 1/(2k)!, the signs of the series in them */
static const double sin_terms[] = {-1.0 / 6,
                                   1.0 / 120,
                                   -1.0 / 5040,
                                   1.0 / 362880,
                                   -1.0 / 39916800,
                                   1.0 / 6227020800.0,
                                   -1.0 / 1307674368000.0,
                                   1.0 / 355687428096000.0};
static const double cos_terms[] = {1.0 / 24,
                                   -1.0 / 720,
                                   1.0 / 40320,
                                   -1.0 / 3628800,
                                   1.0 / 479001600,
                                   -1.0 / 87178291200.0,
                                   1.0 / 20922789888000.0,
                                   -1.0 / 6402373705728000.0};

static double sin_of_rest(double y)
{
    double z = y * y;

    return y + y * z * polynomial(sin_terms, ARRAY_SIZE(sin_terms), z);
}

static double cos_of_rest(double y)
{
    double z = y * y, half = 0.5 * z, whole = 1 - half;

    return whole + ((1 - whole - half) + z * z * polynomial(cos_terms, ARRAY_SIZE(cos_terms), z));
}

/* sin(x + turn * pi/2) */
static double sin_turned(double x, unsigned turn)
{
    unsigned quarter;
    double size = __builtin_fabs(x);

    if (!(size <= 0x1.fffffffffffffp1023))
        return __builtin_nan("");
    double rest = reduce(size, &quarter);
    if (x < 0) {
        rest = -rest;
        quarter = 4 - quarter;
    }
    quarter = (quarter + turn) & 3;
    double value = quarter & 1 ? cos_of_rest(rest) : sin_of_rest(rest);
    return quarter & 2 ? -value : value;
}

double poly_sin(double x)
{
    return sin_turned(x, 0);
}

double poly_cos(double x)
{
    return sin_turned(x, 1);
}

double poly_tan(double x)
{
    return sin_turned(x, 0) / sin_turned(x, 1);
}

double poly_round(double x)
{
    double size = poly_floor(__builtin_fabs(x)), rest = __builtin_fabs(x) - size;

    if (!(rest > 0))
        return x;
    if (rest >= 0.5)
        size += 1;
    return x < 0 ? -size : size;
}

double poly_log10(double x)
{
    double value = poly_log(x) * LOG10_E, whole = poly_round(value), power = 1;

    /* A whole power of ten has a whole logarithm. */
    if (!(whole >= 0 && whole < TEN_POWERS))
        return value;
    for (int i = 0; i < (int)whole; i++)
        power *= 10;
    return power == x ? whole : value;
}

#define ATAN_TERMS 13

double poly_atan(double x)
{
    double size = __builtin_fabs(x), t = size > 1 ? 1 / size : size, sum = 0;

    if (x != x)
        return __builtin_nan("");
    /* Half the angle, twice: t <= tan(pi/16). */
    t = t / (1 + poly_sqrt(1 + t * t));
    t = t / (1 + poly_sqrt(1 + t * t));
    for (int k = ATAN_TERMS; k > 0; k--)
        sum = (k % 2 == 0 ? 1.0 : -1.0) / (2 * k + 1) + t * t * sum;
    double angle = 4 * (t + t * (t * t * sum));
    if (size > 1)
        angle = HALF_PI - angle;
    return x < 0 ? -angle : angle;
}
