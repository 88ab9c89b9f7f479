#pragma once
/* Small symmetric matrices, row major, with a fixed order of every operation: correlations. */

#include <stdbool.h>
#include <stddef.h>

#define MATRIX_MAX 64 /* rows */

/* a = lower * its transpose. A semidefinite matrix is good. false: it has a negative eigenvalue. */
bool matrix_cholesky(const double *a, size_t n, double *ret_lower);
/* The correlation matrix nearest to a in the Frobenius norm (Higham 2002), in place, to about 1e-9.
 */
void matrix_nearest_correlation(double *a, size_t n);
