#pragma once
/* Sobol points (Sobol' 1967), as 64-bit fractions: the first digit is the highest bit. */

#include <stddef.h>
#include <stdint.h>

#define SOBOL_DIMENSIONS 64

/* Points first … first + n - 1 of a dimension; first is below 2^52. */
void sobol_points(unsigned dimension, uint64_t first, size_t n, uint64_t *points);
