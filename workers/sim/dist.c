/* The distributions, one row each: how it may be given (forms), what it resolves to, how it is
 * sampled.
 *
 * Every form is turned into the row's own parameters once, when the document is read; the samplers
 * see only those. Names of mc/1 that have no sampler yet are rows too, so that they are refused by
 * name and never taken for a misspelling. */
#include "dist.h"

#include <math.h>

#include "dist_row.h"
#include "json.h"
#include "poly.h"

#define Z_95 1.6448536269514722 /* normal quantile of 0.95 */
#define Z_90 1.2815515655446004

static const char *as_given(const double *given, double *parameters)
{
    parameters[0] = given[0];
    return NULL;
}

static const char *place_and_scale(const double *given, double *parameters)
{
    if (!(given[1] >= 0))
        return "the spread must not be negative";
    parameters[0] = given[0];
    parameters[1] = given[1];
    return NULL;
}

static const char *normal_by(const double *given, double *parameters, double z)
{
    if (!(given[0] < given[1]))
        return "the lower quantile must be below the upper one";
    parameters[0] = 0.5 * given[0] + 0.5 * given[1];
    parameters[1] = (given[1] - given[0]) / (2 * z);
    return NULL;
}

static const char *normal_p5_p95(const double *given, double *parameters)
{
    return normal_by(given, parameters, Z_95);
}

static const char *normal_p10_p90(const double *given, double *parameters)
{
    return normal_by(given, parameters, Z_90);
}

static const char *lognormal_moments(const double *given, double *parameters)
{
    if (!(given[0] > 0) || !(given[1] >= 0))
        return "mean must be above 0 and sd must not be negative";
    double ratio = given[1] / given[0];
    double variance = poly_log(1 + ratio * ratio);
    parameters[0] = poly_log(given[0]) - 0.5 * variance;
    parameters[1] = poly_sqrt(variance);
    return NULL;
}

static const char *lognormal_by(const double *given, double *parameters, double z)
{
    double logs[2];

    if (!(given[0] > 0))
        return "the quantiles of a lognormal must be above 0";
    logs[0] = poly_log(given[0]);
    logs[1] = poly_log(given[1]);
    return normal_by(logs, parameters, z);
}

static const char *lognormal_p5_p95(const double *given, double *parameters)
{
    return lognormal_by(given, parameters, Z_95);
}

static const char *lognormal_p10_p90(const double *given, double *parameters)
{
    return lognormal_by(given, parameters, Z_90);
}

static const char *lognormal_median(const double *given, double *parameters)
{
    if (!(given[0] > 0) || !(given[1] >= 1))
        return "median must be above 0 and gsd at least 1";
    parameters[0] = poly_log(given[0]);
    parameters[1] = poly_log(given[1]);
    return NULL;
}

static const char *bounds(const double *given, double *parameters)
{
    if (!(given[0] < given[1]))
        return "min must be below max";
    if (!isfinite(given[1] - given[0]))
        return "max - min must be a finite number";
    parameters[0] = given[0];
    parameters[1] = given[1];
    return NULL;
}

static const char *three_points(const double *given, double *parameters)
{
    if (!(given[0] < given[2]) || !(given[0] <= given[1]) || !(given[1] <= given[2]))
        return "min <= mode <= max is needed, and min < max";
    if (!isfinite(given[2] - given[0]))
        return "max - min must be a finite number";
    memcpy(parameters, given, 3 * sizeof(parameters[0]));
    return NULL;
}

static void constant_sample(const double *parameters, const double *u, double *x, size_t n)
{
    (void)u;
    for (size_t i = 0; i < n; i++)
        x[i] = parameters[0];
}

static void normal_sample(const double *parameters, const double *u, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = parameters[0] + parameters[1] * poly_normal_quantile(u[i]);
}

static void lognormal_sample(const double *parameters, const double *u, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = poly_exp(parameters[0] + parameters[1] * poly_normal_quantile(u[i]));
}

static void uniform_sample(const double *parameters, const double *u, double *x, size_t n)
{
    double width = parameters[1] - parameters[0];

    for (size_t i = 0; i < n; i++)
        x[i] = parameters[0] + width * u[i];
}

static void triangular_sample(const double *parameters, const double *u, double *x, size_t n)
{
    double min = parameters[0], mode = parameters[1], max = parameters[2];
    double width = max - min, left = mode - min, right = max - mode, turn = left / width;

    for (size_t i = 0; i < n; i++)
        x[i] = u[i] < turn ? min + poly_sqrt(u[i] * width * left)
                           : max - poly_sqrt((1 - u[i]) * width * right);
}

// clang-format off
const struct dist_row dist_rows[] = {
    {"constant", {"value"}, {{{"value"}, as_given}}, constant_sample},
    {"normal", {"mean", "sd"},
     {{{"mean", "sd"}, place_and_scale}, {{"p5", "p95"}, normal_p5_p95, true},
      {{"p10", "p90"}, normal_p10_p90, true}},
     normal_sample},
    {"lognormal", {"mu", "sigma"},
     {{{"mu", "sigma"}, place_and_scale}, {{"mean", "sd"}, lognormal_moments},
      {{"p5", "p95"}, lognormal_p5_p95, true}, {{"p10", "p90"}, lognormal_p10_p90, true},
      {{"median", "gsd"}, lognormal_median}},
     lognormal_sample},
    {"uniform", {"min", "max"}, {{{"min", "max"}, bounds}}, uniform_sample},
    {"triangular", {"min", "mode", "max"}, {{{"min", "mode", "max"}, three_points}}, triangular_sample},
    {"loguniform"}, {"pert"}, {"beta"}, {"gamma"}, {"exponential"}, {"weibull"}, {"pareto"}, {"logistic"},
    {"student_t"}, {"cauchy"}, {"gumbel"}, {"laplace"}, {"bernoulli"}, {"binomial"}, {"poisson"},
    {"geometric"}, {"negative_binomial"}, {"hypergeometric"}, {"discrete"}, {"empirical"}, {"quantiles"},
    {"mixture"},
};
// clang-format on
const size_t dist_n_rows = ARRAY_SIZE(dist_rows);

const struct dist_row *dist_row_find(struct span name)
{
    for (size_t i = 0; i < dist_n_rows; i++)
        if (span_equal(name, span_of(dist_rows[i].name)))
            return &dist_rows[i];
    return NULL;
}

struct json *dist_resolved(const struct dist *dist)
{
    struct json *json = json_object();

    json_set_text(json, "dist", dist->row->name);
    for (size_t i = 0; i < DIST_PARAMETERS_MAX && dist->row->resolved[i]; i++)
        json_set_number(json, dist->row->resolved[i], dist->parameters[i]);
    return json;
}

bool dist_is_constant(const struct dist *dist)
{
    return dist->row->sample == constant_sample;
}

void dist_block(const struct dist *dist, const double *u, double *x, size_t n)
{
    dist->row->sample(dist->parameters, u, x, n);
}

double dist_quantile(const struct dist *dist, double u)
{
    double x;

    dist_block(dist, &u, &x, 1);
    return x;
}
