#pragma once
/* The constants of exp and log, shared by poly.c, what builds on it, and the vector kernels. */

#include <stddef.h>

/* c[0] + c[1] x + …, by Horner */
static inline double polynomial(const double *c, size_t n, double x)
{
    double sum = c[n - 1];

    for (size_t i = n - 1; i-- > 0;)
        sum = sum * x + c[i];
    return sum;
}

#define LN2_HIGH 0x1.62e42fefap-1 /* low bits zero: k * LN2_HIGH is exact for |k| < 2048 */
#define LN2_LOW 0x1.cf79abc9e3b3ap-40
#define LOG2_E 1.4426950408889634
#define SQRT_HALF_BITS 0x3fe6a09e667f3bcdu

#define EXP_TERMS 12
static const double exp_terms[EXP_TERMS] = {
    1.0 / 2,     1.0 / 6,      1.0 / 24,      1.0 / 120,      1.0 / 720,       1.0 / 5040,
    1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};

#define LOG_TERMS 10
static const double log_terms[LOG_TERMS] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                                            2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
