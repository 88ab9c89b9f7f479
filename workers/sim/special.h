#pragma once
/* Distribution functions that have no closed form, with a written operation order (see poly.h).
 *
 * Relative errors, measured against 50 digits: probabilities 1e-13 where the smaller of the two is
 * above 1e-20 and parameters are below 1e6, else 1e-11; arguments of the quantiles built on them
 * 1e-12, down to u = 2^-53. */

/* A probability and the rest to 1, both given, since the smaller one is the one that counts. */
struct unit {
    double p, q;
};

double special_log1p(double x);  /* log(1 + x), also near 0 */
double special_expm1(double x);  /* exp(x) - 1, also near 0 */
double special_lgamma(double x); /* x > 0 */

struct unit special_normal_cdf(double z);
double special_normal_quantile(struct unit unit);

/* P(X <= x) of a gamma variable of that shape and scale 1. ret_density may be NULL. */
struct unit special_gamma_cdf(double shape, double x, double *ret_density);
double special_gamma_quantile(double shape, struct unit unit);

/* Of a beta variable at x = at.p; at.q = 1 - x. ret_density as above. */
struct unit special_beta_cdf(double a, double b, struct unit at, double *ret_density);
struct unit special_beta_quantile(double a, double b, struct unit unit); /* x and 1 - x */

struct unit special_student_cdf(double df, double t);
double special_student_quantile(double df, struct unit unit);

/* The zero of a growing function between low and high, to the last bits. fn gives its value and its
 * slope there, or slope 0 when it knows none. */
struct point {
    double value, slope;
};
typedef struct point special_fn(const void *arg, double x);
double special_solve(special_fn *fn, const void *arg, double low, double start, double high);
