/* Distributions by the functions of special.c. */
#include "dist_row.h"

#define P(i) dist->parameters[i]

double gamma_quantile(const struct dist *dist, struct unit unit)
{
    return P(1) * special_gamma_quantile(P(0), unit);
}

struct unit gamma_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return special_gamma_cdf(P(0), x / P(1), NULL);
}

double beta_quantile(const struct dist *dist, struct unit unit)
{
    return special_beta_quantile(P(0), P(1), unit).p;
}

struct unit beta_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return special_beta_cdf(P(0), P(1), (struct unit){x, 1 - x}, NULL);
}

/* min, mode, max, lambda: a beta variable over [min, max] */
static double pert_shape(const struct dist *dist, double from_end)
{
    return 1 + P(3) * from_end / (P(2) - P(0));
}

double pert_quantile(const struct dist *dist, struct unit unit)
{
    double min = P(0), max = P(2);
    struct unit at =
        special_beta_quantile(pert_shape(dist, P(1) - min), pert_shape(dist, max - P(1)), unit);

    return at.p <= at.q ? min + (max - min) * at.p : max - (max - min) * at.q;
}

struct unit pert_cdf(const struct dist *dist, double x, bool below)
{
    double min = P(0), max = P(2);
    struct unit at = {(x - min) / (max - min), (max - x) / (max - min)};

    (void)below;
    return special_beta_cdf(pert_shape(dist, P(1) - min), pert_shape(dist, max - P(1)), at, NULL);
}

double student_quantile(const struct dist *dist, struct unit unit)
{
    return P(1) + P(2) * special_student_quantile(P(0), unit);
}

struct unit student_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return special_student_cdf(P(0), (x - P(1)) / P(2));
}
