/* Cholesky's factor, eigenvalues by cyclic Jacobi rotations, and the nearest correlation matrix by
 * alternating projections with Dykstra's correction. Sizes are at most MATRIX_MAX; loops end after
 * fixed counts at the latest. */
#include "matrix.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base.h"
#include "poly.h"

#define PIVOT_TOLERANCE 1e-10
#define SWEEPS_MAX 16
#define PROJECTIONS_MAX 100
#define PROJECTION_TOLERANCE 1e-9

static bool cholesky_row(const double *a, size_t n, double *lower, size_t i)
{
    for (size_t j = 0; j <= i; j++) {
        double sum = a[i * n + j];
        for (size_t k = 0; k < j; k++)
            sum -= lower[i * n + k] * lower[j * n + k];
        double pivot = lower[j * n + j];
        if (i == j) {
            if (sum < -PIVOT_TOLERANCE)
                return false;
            lower[i * n + i] = sum > PIVOT_TOLERANCE ? poly_sqrt(sum) : 0;
        } else if (pivot > 0) {
            lower[i * n + j] = sum / pivot;
        } else {
            /* Row j is a combination of those before it: so must be its products. */
            if (fabs(sum) > 1e-7)
                return false;
            lower[i * n + j] = 0;
        }
    }
    return true;
}

bool matrix_cholesky(const double *a, size_t n, double *ret_lower)
{
    bool good = true;

    memset(ret_lower, 0, n * n * sizeof(ret_lower[0]));
    for (size_t i = 0; i < n && good; i++)
        good = cholesky_row(a, n, ret_lower, i);
    return good;
}

/* The rotation that makes a[p][q] zero. */
static void rotate(double *a, double *vectors, size_t n, size_t p, size_t q)
{
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + poly_sqrt(theta * theta + 1));
    double c = 1 / poly_sqrt(t * t + 1), s = t * c;

    for (size_t k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
        x = vectors[k * n + p];
        y = vectors[k * n + q];
        vectors[k * n + p] = c * x - s * y;
        vectors[k * n + q] = s * x + c * y;
    }
}

/* a's diagonal becomes its eigenvalues, the columns of vectors their vectors. */
static void eigen(double *a, double *vectors, size_t n)
{
    for (size_t i = 0; i < n * n; i++)
        vectors[i] = i % (n + 1) == 0 ? 1 : 0;
    for (int sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        double off = 0;
        for (size_t p = 0; p < n; p++) {
            for (size_t q = p + 1; q < n; q++) {
                off += a[p * n + q] * a[p * n + q];
                if (fabs(a[p * n + q]) > 1e-15)
                    rotate(a, vectors, n, p, q);
            }
        }
        if (off < 1e-24)
            return;
    }
}

/* The nearest matrix without negative eigenvalues. */
static void project_semidefinite(double *a, size_t n, double *work)
{
    double *vectors = work, *rotated = work + n * n;

    memcpy(rotated, a, n * n * sizeof(a[0]));
    eigen(rotated, vectors, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                if (rotated[k * n + k] > 0)
                    sum += rotated[k * n + k] * vectors[i * n + k] * vectors[j * n + k];
            a[i * n + j] = a[j * n + i] = sum;
        }
    }
}

void matrix_nearest_correlation(double *a, size_t n)
{
    double *work = xcalloc(4 * n * n + 1, sizeof(work[0]));
    double *correction = work + 2 * n * n, *before = work + 3 * n * n;

    assert(n <= MATRIX_MAX);
    for (int i = 0; i < PROJECTIONS_MAX; i++) {
        double moved = 0;
        for (size_t j = 0; j < n * n; j++)
            before[j] = a[j] -= correction[j];
        project_semidefinite(a, n, work);
        for (size_t j = 0; j < n * n; j++) {
            correction[j] = a[j] - before[j];
            if (j % (n + 1) != 0)
                continue;
            moved = fabs(a[j] - 1) > moved ? fabs(a[j] - 1) : moved;
            a[j] = 1;
        }
        if (moved < PROJECTION_TOLERANCE)
            break;
    }
    free(work);
}
