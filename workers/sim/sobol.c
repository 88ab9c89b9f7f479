/* Sobol points. The primitive polynomials are found when they are first needed, in the order of
 * their degree; the first direction numbers of dimensions 2 to 10 are those of Joe and Kuo (2008),
 * those of the others odd numbers from a fixed hash. All of it is scrambled before use, so that no
 * pair of dimensions keeps a pattern. */
#include "sobol.h"

#include <pthread.h>
#include <stdbool.h>

#define DIGITS 64

static uint64_t directions[SOBOL_DIMENSIONS][DIGITS];

// clang-format off
static const unsigned char first_numbers[][5] = {
    {1}, {1, 3}, {1, 3, 1}, {1, 1, 1}, {1, 1, 3, 3}, {1, 3, 5, 13}, {1, 1, 5, 5, 17}, {1, 1, 5, 5, 5},
    {1, 1, 7, 11, 19},
};
// clang-format on
#define N_KNOWN (sizeof(first_numbers) / sizeof(first_numbers[0]))

/* Whether x generates all 2^degree - 1 remainders of the polynomial. */
static bool is_primitive(unsigned polynomial, unsigned degree)
{
    unsigned x = 1, order = 0;

    do {
        x <<= 1;
        if (x >> degree & 1)
            x ^= polynomial;
        order++;
    } while (x > 1 && order < 1u << degree);
    return x == 1 && order == (1u << degree) - 1;
}

/* The next one in order of its value, which is an order of degrees; from x + 1 on. */
static unsigned next_primitive(unsigned polynomial, unsigned *ret_degree)
{
    for (;;) {
        unsigned degree = 0;

        polynomial += polynomial & 1 ? 2 : 1;
        while (polynomial >> (degree + 1))
            degree++;
        *ret_degree = degree;
        if (is_primitive(polynomial, degree))
            return polynomial;
    }
}

/* An odd number below 2^(i + 1). */
static uint64_t first_number(unsigned dimension, unsigned i)
{
    uint64_t z = ((uint64_t)dimension << 32 | i) * 0x9e3779b97f4a7c15u;

    if (dimension - 1 < N_KNOWN)
        return first_numbers[dimension - 1][i];
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z >> 20 & (((uint64_t)1 << (i + 1)) - 1)) | 1;
}

static void make_dimension(unsigned dimension, unsigned polynomial, unsigned degree)
{
    uint64_t *v = directions[dimension];

    for (unsigned i = 0; i < DIGITS; i++) {
        if (i < degree) {
            v[i] = first_number(dimension, i) << (DIGITS - 1 - i);
            continue;
        }
        v[i] = v[i - degree] ^ v[i - degree] >> degree;
        for (unsigned k = 1; k < degree; k++)
            if (polynomial >> (degree - k) & 1)
                v[i] ^= v[i - k];
    }
}

static void make_all(void)
{
    unsigned polynomial = 1, degree;

    for (unsigned i = 0; i < DIGITS; i++)
        directions[0][i] = (uint64_t)1 << (DIGITS - 1 - i);
    for (unsigned dimension = 1; dimension < SOBOL_DIMENSIONS; dimension++) {
        polynomial = next_primitive(polynomial, &degree);
        make_dimension(dimension, polynomial, degree);
    }
}

void sobol_points(unsigned dimension, uint64_t first, size_t n, uint64_t *points)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const uint64_t *v = directions[dimension];

    (void)pthread_once(&once, make_all);
    for (size_t i = 0; i < n; i++) {
        uint64_t point = 0;

        for (uint64_t left = first + i; left != 0; left &= left - 1)
            point ^= v[__builtin_ctzll(left)];
        points[i] = point;
    }
}
