/* Distributions whose quantile and distribution functions can be written down. Each uses the
 * smaller side of its unit, so that both tails keep their digits. */
#include <math.h>

#include "dist_row.h"
#include "poly.h"

#define PI 3.141592653589793
#define P(i) dist->parameters[i]

static struct unit swap(struct unit unit)
{
    return (struct unit){unit.q, unit.p};
}

/* -ln of the upper side: the standard exponential */
static double waiting(struct unit unit)
{
    return unit.p < 0.5 ? -special_log1p(-unit.p) : -poly_log(unit.q);
}

static struct unit waited(double t)
{
    if (!(t > 0))
        return (struct unit){0, 1};
    return (struct unit){-special_expm1(-t), poly_exp(-t)};
}

double constant_quantile(const struct dist *dist, struct unit unit)
{
    (void)unit;
    return P(0);
}

struct unit constant_cdf(const struct dist *dist, double x, bool below)
{
    bool reached = below ? x > P(0) : x >= P(0);

    return (struct unit){reached ? 1 : 0, reached ? 0 : 1};
}

/* From a to b, by the side that is nearer. */
static double between(double a, double b, struct unit unit)
{
    return unit.p <= unit.q ? a + (b - a) * unit.p : b - (b - a) * unit.q;
}

static struct unit part(double a, double b, double x)
{
    if (!(x > a))
        return (struct unit){0, 1};
    if (!(x < b))
        return (struct unit){1, 0};
    return (struct unit){(x - a) / (b - a), (b - x) / (b - a)};
}

double uniform_quantile(const struct dist *dist, struct unit unit)
{
    return between(P(0), P(1), unit);
}

struct unit uniform_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return part(P(0), P(1), x);
}

double loguniform_quantile(const struct dist *dist, struct unit unit)
{
    return poly_exp(between(poly_log(P(0)), poly_log(P(1)), unit));
}

struct unit loguniform_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return part(poly_log(P(0)), poly_log(P(1)), x > 0 ? poly_log(x) : -1e300);
}

double normal_quantile(const struct dist *dist, struct unit unit)
{
    return P(0) + P(1) * special_normal_quantile(unit);
}

struct unit normal_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return special_normal_cdf((x - P(0)) / P(1));
}

double lognormal_quantile(const struct dist *dist, struct unit unit)
{
    return poly_exp(P(0) + P(1) * special_normal_quantile(unit));
}

struct unit lognormal_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return x > 0 ? special_normal_cdf((poly_log(x) - P(0)) / P(1)) : (struct unit){0, 1};
}

double triangular_quantile(const struct dist *dist, struct unit unit)
{
    double min = P(0), mode = P(1), max = P(2), width = max - min;

    return unit.p * width < mode - min ? min + poly_sqrt(unit.p * width * (mode - min))
                                       : max - poly_sqrt(unit.q * width * (max - mode));
}

struct unit triangular_cdf(const struct dist *dist, double x, bool below)
{
    double min = P(0), mode = P(1), max = P(2), width = max - min;

    (void)below;
    if (!(x > min) || !(x < max))
        return part(min, max, x);
    double lower = (x - min) / width * ((x - min) / (mode - min));
    double upper = (max - x) / width * ((max - x) / (max - mode));
    return x < mode ? (struct unit){lower, 1 - lower} : (struct unit){1 - upper, upper};
}

double exponential_quantile(const struct dist *dist, struct unit unit)
{
    return waiting(unit) / P(0);
}

struct unit exponential_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return waited(x * P(0));
}

double weibull_quantile(const struct dist *dist, struct unit unit)
{
    return P(1) * poly_exp(poly_log(waiting(unit)) / P(0));
}

struct unit weibull_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return waited(x > 0 ? poly_exp(poly_log(x / P(1)) * P(0)) : 0);
}

double pareto_quantile(const struct dist *dist, struct unit unit)
{
    return P(0) * poly_exp(waiting(unit) / P(1));
}

struct unit pareto_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return waited(x > P(0) ? P(1) * special_log1p((x - P(0)) / P(0)) : 0);
}

double logistic_quantile(const struct dist *dist, struct unit unit)
{
    return P(0) + P(1) * poly_log(unit.p / unit.q);
}

struct unit logistic_cdf(const struct dist *dist, double x, bool below)
{
    double z = (x - P(0)) / P(1);

    (void)below;
    return (struct unit){1 / (1 + poly_exp(-z)), 1 / (1 + poly_exp(z))};
}

/* Of the standard one, p <= 1/2. */
static double cauchy_lower(double p)
{
    return p < 0.25 ? -poly_cos(PI * p) / poly_sin(PI * p) : poly_tan(PI * (p - 0.5));
}

double cauchy_quantile(const struct dist *dist, struct unit unit)
{
    return P(0) + P(1) * (unit.p <= unit.q ? cauchy_lower(unit.p) : -cauchy_lower(unit.q));
}

struct unit cauchy_cdf(const struct dist *dist, double x, bool below)
{
    double z = (x - P(0)) / P(1), size = fabs(z);
    double tail = size > 1 ? poly_atan(1 / size) / PI : 0.5 - poly_atan(size) / PI;
    struct unit unit = {tail, 1 - tail};

    (void)below;
    return z <= 0 ? unit : swap(unit);
}

double gumbel_quantile(const struct dist *dist, struct unit unit)
{
    return P(0) - P(1) * poly_log(waiting(swap(unit)));
}

struct unit gumbel_cdf(const struct dist *dist, double x, bool below)
{
    (void)below;
    return swap(waited(poly_exp(-(x - P(0)) / P(1))));
}

double laplace_quantile(const struct dist *dist, struct unit unit)
{
    return unit.p <= unit.q ? P(0) + P(1) * poly_log(2 * unit.p)
                            : P(0) - P(1) * poly_log(2 * unit.q);
}

struct unit laplace_cdf(const struct dist *dist, double x, bool below)
{
    double z = (x - P(0)) / P(1), tail = 0.5 * poly_exp(-fabs(z));
    struct unit unit = {tail, 1 - tail};

    (void)below;
    return z <= 0 ? unit : swap(unit);
}
