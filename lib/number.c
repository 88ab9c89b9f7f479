/* Doubles as text, quickly where they are of everyday size.
 *
 * A double is m / 2^s with whole m and s. For 10^-4 <= |x| < 10^15 all of m 10^k fits into 128
 * bits, k being such that m 10^k / 2^s has 17 digits: rounding to 15, 16 or 17 of them, and whether
 * the rounded number is nearest to x (nearer than half of 10^k / 2^s, the gap to x's neighbours),
 * are exact questions about whole numbers. Everything else goes through printf and strtod. */
#include "number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

#define MOST_DIGITS 17
#define MANTISSA_BITS 52

__extension__ typedef unsigned __int128 wide;

static unsigned with_printf(double x, char out[NUMBER_BYTES])
{
    int n = 0;

    for (int digits = 15; digits <= MOST_DIGITS; digits++) {
        n = snprintf(out, NUMBER_BYTES, "%.*g", digits, x);
        if (strtod(out, NULL) == x)
            break;
    }
    return (unsigned)n;
}

/* Digits with a point before the last `places` of them, without zeros at its end. */
static unsigned put(uint64_t digits, unsigned places, bool negative, char out[NUMBER_BYTES])
{
    char reversed[NUMBER_BYTES];
    unsigned n = 0, n_out = 0;

    while (places > 0 && digits % 10 == 0) {
        digits /= 10;
        places--;
    }
    for (; digits > 0 || n <= places; digits /= 10)
        reversed[n++] = (char)('0' + digits % 10);
    if (negative)
        out[n_out++] = '-';
    while (n > 0) {
        out[n_out++] = reversed[--n];
        if (n == places && n > 0)
            out[n_out++] = '.';
    }
    out[n_out] = '\0';
    return n_out;
}

/* The number's first digits: `whole`, behind which stands part / 2^shift, to the nearest multiple
 * of unit. */
static uint64_t round_to(uint64_t whole, wide part, unsigned shift, uint64_t unit)
{
    uint64_t digits = whole / unit, rest = whole % unit;
    wide half = (wide)1 << (shift - 1);
    bool above = unit == 1 ? part > half : 2 * rest > unit || (2 * rest == unit && part > 0);
    bool tie = unit == 1 ? part == half : 2 * rest == unit && part == 0;

    return digits + (above || (tie && digits % 2 == 1));
}

unsigned number_text(double x, char out[NUMBER_BYTES])
{
    static const double powers[] = {1e-4, 1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3,  1e4, 1e5,
                                    1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14};
    double size = fabs(x);
    uint64_t bits, m;
    unsigned shift, k = MOST_DIGITS - 1 + 4;
    wide scaled, ten_k = 1;

    if (!(size >= 1e-4 && size < 1e15))
        return with_printf(x, out);
    memcpy(&bits, &size, sizeof(bits));
    m = (bits & (((uint64_t)1 << MANTISSA_BITS) - 1)) | (uint64_t)1 << MANTISSA_BITS;
    shift = 1023 + MANTISSA_BITS - (unsigned)(bits >> MANTISSA_BITS);
    if (m == (uint64_t)1 << MANTISSA_BITS) /* the gap below is half the gap above */
        return with_printf(x, out);
    for (size_t i = 1; i < ARRAY_SIZE(powers) && size >= powers[i]; i++)
        k--;
    for (unsigned i = 0; i < k; i++)
        ten_k *= 10;
    scaled = m * ten_k;
    uint64_t whole = (uint64_t)(scaled >> shift), unit = 100;
    wide part = scaled & (((wide)1 << shift) - 1);
    for (unsigned places = k - 2;; places++, unit /= 10) {
        uint64_t digits = round_to(whole, part, shift, unit);
        wide rounded = (wide)digits * unit << shift;
        wide distance = rounded > scaled ? rounded - scaled : scaled - rounded;

        if (unit == 1 || 2 * distance < ten_k)
            return put(digits, places, x < 0, out);
    }
}
