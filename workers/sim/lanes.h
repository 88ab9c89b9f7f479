#pragma once
/* Vectors of LANES doubles, and exp and log over them. Included by kernels.inc with LANES set; the
 * functions repeat poly.c's operations in poly.c's order, so that both give the same bits. */

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef double real __attribute__((vector_size(8 * LANES)));
typedef int64_t whole __attribute__((vector_size(8 * LANES)));
typedef uint64_t word __attribute__((vector_size(8 * LANES)));
typedef double real_anywhere __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef uint64_t word_anywhere __attribute__((vector_size(8 * LANES), aligned(8), may_alias));

#define ONE_BITS 0x3ff0000000000000u
#define NAN_BITS 0x7ff8000000000000u
#define MANTISSA 0x000fffffffffffffu
#define SIGN_BIT 0x8000000000000000u
#define INTEGER_MAGIC 0x1.8p52 /* added, it leaves the nearest integer in the low bits */

INLINE real load(const double *at)
{
    return (real) * (const real_anywhere *)at;
}

INLINE void store(double *at, real x)
{
    *(real_anywhere *)at = (real_anywhere)x;
}

INLINE real all(double x)
{
    return x - (real){0};
}

INLINE word all_bits(uint64_t x)
{
    return x - (word){0};
}

INLINE real choose(whole mask, real yes, real no)
{
    return (real)(((word)yes & (word)mask) | ((word)no & ~(word)mask));
}

#if LANES == 8 && defined(__AVX512F__)
#define LOWER(a, b) ((real)_mm512_min_pd((__m512d)(a), (__m512d)(b)))
#define HIGHER(a, b) ((real)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
#define ROOT(a) ((real)_mm512_sqrt_pd((__m512d)(a)))
#elif LANES == 4 && defined(__AVX__)
#define LOWER(a, b) ((real)_mm256_min_pd((__m256d)(a), (__m256d)(b)))
#define HIGHER(a, b) ((real)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define ROOT(a) ((real)_mm256_sqrt_pd((__m256d)(a)))
#elif LANES == 2 && defined(__SSE2__)
#define LOWER(a, b) ((real)_mm_min_pd((__m128d)(a), (__m128d)(b)))
#define HIGHER(a, b) ((real)_mm_max_pd((__m128d)(a), (__m128d)(b)))
#define ROOT(a) ((real)_mm_sqrt_pd((__m128d)(a)))
#else
#define LOWER(a, b) choose((a) < (b), a, b)
#define HIGHER(a, b) choose((a) > (b), a, b)
INLINE real root_of(real a)
{
    for (unsigned i = 0; i < LANES; i++)
        a[i] = __builtin_sqrt(a[i]);
    return a;
}
#define ROOT(a) root_of(a)
#endif

INLINE real exp_lanes(real x)
{
    x = choose(x < -750, all(-750), choose(x > 720, all(720), x));
    real shifted = x * LOG2_E + INTEGER_MAGIC, k = shifted - INTEGER_MAGIC;
    real r = (x - k * LN2_HIGH) - k * LN2_LOW;
    real sum = all(exp_terms[EXP_TERMS - 1]);
#pragma GCC unroll 16
    for (unsigned i = EXP_TERMS - 1; i-- > 0;)
        sum = sum * r + exp_terms[i];
    real value = 1 + (r + r * r * sum);
    /* In two factors, so that neither leaves the range when k does. */
    word exponent = (word)shifted - (word)all(INTEGER_MAGIC);
    word half = ((exponent + 4096) >> 1) - 2048;
    return value * (real)((half + 1023) << 52) * (real)((exponent - half + 1023) << 52);
}

/* Of a normal positive number, less `offset` times ln 2. */
INLINE real log_of_normal(real x, real offset)
{
    word raised = (word)x + (ONE_BITS - SQRT_HALF_BITS);
    real k = (real)((raised >> 52) | (word)all(0x1p52)) - (0x1p52 + 1023) - offset;
    real f = (real)((word)x - (raised & ~(word)all_bits(MANTISSA)) + ONE_BITS) - 1;
    real s = f / (2 + f), z = s * s, sum = all(log_terms[LOG_TERMS - 1]);
#pragma GCC unroll 16
    for (unsigned i = LOG_TERMS - 1; i-- > 0;)
        sum = sum * z + log_terms[i];
    real tail = s * (f - z * sum);
    return k * LN2_HIGH - ((tail - k * LN2_LOW) - f);
}

INLINE real log_lanes(real x)
{
    whole small = x < 0x1p-1022;
    real value = log_of_normal(choose(small, x * 0x1p54, x), choose(small, all(54), all(0)));

    value = choose(x > 0x1.fffffffffffffp1023, all(__builtin_inf()), value);
    value = choose(x == 0, all(-__builtin_inf()), value);
    return choose((x < 0) | (x != x), (real)all_bits(NAN_BITS), value);
}

INLINE real floor_lanes(real x)
{
    /* Nearest by the magic number of the same sign as x would need, then one down where above. */
    word sign = (word)x & SIGN_BIT;
    real magic = (real)((word)all(0x1p52) | sign);
    real nearest = (x + magic) - magic;
    real down = nearest - choose(nearest > x, all(1), all(0));
    real size = (real)((word)x & ~(word)all_bits(SIGN_BIT));
    return choose(size < 0x1p52, down, x);
}

/* Halves away from 0, as poly_round(). */
INLINE real round_lanes(real x)
{
    real size = (real)((word)x & ~(word)all_bits(SIGN_BIT)), whole_part = floor_lanes(size);
    real rest = size - whole_part, near = whole_part + choose(rest >= 0.5, all(1), all(0));

    return choose(rest > 0, (real)((word)near | ((word)x & SIGN_BIT)), x);
}
