/* The distributions, one row each: the members it may be given by (forms), what they resolve to,
 * and its functions. Every form is turned into the row's own parameters once, when the document is
 * read. To add a distribution add a row, its functions, and its name to schemas/montecarlo.json. */
#include <math.h>

#include "dist_row.h"
#include "poly.h"

#define LARGEST 1e9
#define POPULATION_MAX 1e8 /* as many steps as a table holds */
#define MEAN_MAX 1e12
#define DF_MIN 0.1 /* below, a far draw is larger than any number */

static const char *as_given(const double *given, double *parameters)
{
    memcpy(parameters, given, DIST_PARAMETERS_MAX * sizeof(parameters[0]));
    return NULL;
}

static const char *bounds(const double *given, double *parameters)
{
    if (!(given[0] < given[1]))
        return "min must be below max";
    if (!isfinite(given[1] - given[0]))
        return "max - min must be a finite number";
    return as_given(given, parameters);
}

static const char *three_points(const double *given, double *parameters)
{
    if (!(given[0] < given[2]) || !(given[0] <= given[1]) || !(given[1] <= given[2]))
        return "min <= mode <= max is needed, and min < max";
    if (!isfinite(given[2] - given[0]))
        return "max - min must be a finite number";
    return as_given(given, parameters);
}

static const char *lognormal_moments(const double *given, double *parameters)
{
    double ratio = given[1] / given[0], variance = special_log1p(ratio * ratio);

    parameters[0] = poly_log(given[0]) - 0.5 * variance;
    parameters[1] = poly_sqrt(variance);
    return NULL;
}

static const char *lognormal_median(const double *given, double *parameters)
{
    parameters[0] = poly_log(given[0]);
    parameters[1] = poly_log(given[1]);
    return NULL;
}

static const char *shapes(const double *given, double *parameters)
{
    if (given[0] > LARGEST || given[1] > LARGEST)
        return "at most 1e9";
    return as_given(given, parameters);
}

static const char *beta_moments(const double *given, double *parameters)
{
    double mean = given[0], variance = given[1] * given[1];

    if (!(mean > 0 && mean < 1) || !(variance < mean * (1 - mean)))
        return "mean must be between 0 and 1, and sd below sqrt(mean (1 - mean))";
    double sum = mean * (1 - mean) / variance - 1;
    return shapes((double[DIST_PARAMETERS_MAX]){mean * sum, (1 - mean) * sum}, parameters);
}

static const char *gamma_shape(const double *given, double *parameters)
{
    if (given[0] > LARGEST)
        return "shape must be at most 1e9";
    return as_given(given, parameters);
}

static const char *inverse(const double *given, double *parameters)
{
    parameters[0] = 1 / given[0];
    return NULL;
}

static const char *student(const double *given, double *parameters)
{
    if (!(given[0] >= DF_MIN))
        return "df must be at least 0.1";
    return as_given(given, parameters);
}

static const char *poisson_mean(const double *given, double *parameters)
{
    if (given[0] > MEAN_MAX)
        return "mean must be at most 1e12";
    return as_given(given, parameters);
}

static const char *failures(const double *given, double *parameters)
{
    if (given[0] > LARGEST || given[0] / given[1] > MEAN_MAX)
        return "r must be at most 1e9, r/p at most 1e12";
    return as_given(given, parameters);
}

static const char *urn(const double *given, double *parameters)
{
    if (given[0] > POPULATION_MAX || given[0] < 1)
        return "population must be 1 to 1e8";
    if (given[1] > given[0] || given[2] > given[0])
        return "successes and draws must not be above population";
    return as_given(given, parameters);
}

#define ANY RANGE_ANY
#define POSITIVE RANGE_POSITIVE
#define SPREAD RANGE_NOT_NEGATIVE

// clang-format off
const struct dist_row dist_rows[] = {
    {"constant", {"value"}, {{{{"value"}}, as_given}}, constant_quantile, constant_cdf,
     .moves = MOVES_IN_STEPS},
    {"uniform", {"min", "max"}, {{{{"min"}, {"max"}}, bounds}},
     uniform_quantile, uniform_cdf, fit_uniform},
    {"loguniform", {"min", "max"}, {{{{"min", POSITIVE}, {"max", POSITIVE}}, bounds}},
     loguniform_quantile, loguniform_cdf, fit_loguniform},
    {"normal", {"mean", "sd"}, {{{{"mean"}, {"sd", SPREAD}}, as_given}},
     normal_quantile, normal_cdf, fit_normal},
    {"lognormal", {"mu", "sigma"},
     {{{{"mu"}, {"sigma", SPREAD}}, as_given},
      {{{"mean", POSITIVE}, {"sd", SPREAD}}, lognormal_moments},
      {{{"median", POSITIVE}, {"gsd", RANGE_FROM_ONE}}, lognormal_median}},
     lognormal_quantile, lognormal_cdf, fit_lognormal},
    {"triangular", {"min", "mode", "max"}, {{{{"min"}, {"mode"}, {"max"}}, three_points}},
     triangular_quantile, triangular_cdf},
    {"pert", {"min", "mode", "max", "lambda"},
     {{{{"min"}, {"mode"}, {"max"}, {"lambda", POSITIVE, true, 4}}, three_points}},
     pert_quantile, pert_cdf},
    {"beta", {"alpha", "beta"},
     {{{{"alpha", POSITIVE}, {"beta", POSITIVE}}, shapes},
      {{{"mean"}, {"sd", POSITIVE}}, beta_moments}},
     beta_quantile, beta_cdf, fit_beta},
    {"gamma", {"shape", "scale"}, {{{{"shape", POSITIVE}, {"scale", POSITIVE}}, gamma_shape}},
     gamma_quantile, gamma_cdf, fit_gamma},
    {"exponential", {"rate"}, {{{{"rate", POSITIVE}}, as_given}, {{{"mean", POSITIVE}}, inverse}},
     exponential_quantile, exponential_cdf},
    {"weibull", {"shape", "scale"}, {{{{"shape", POSITIVE}, {"scale", POSITIVE}}, as_given}},
     weibull_quantile, weibull_cdf, fit_weibull},
    {"pareto", {"min", "alpha"}, {{{{"min", POSITIVE}, {"alpha", POSITIVE}}, as_given}},
     pareto_quantile, pareto_cdf, fit_pareto},
    {"logistic", {"mean", "scale"}, {{{{"mean"}, {"scale", POSITIVE}}, as_given}},
     logistic_quantile, logistic_cdf, fit_logistic},
    {"student_t", {"df", "mean", "scale"},
     {{{{"df", POSITIVE}, {"mean", ANY, true, 0}, {"scale", POSITIVE, true, 1}}, student}},
     student_quantile, student_cdf, fit_student, .n_kept = 1},
    {"cauchy", {"median", "scale"}, {{{{"median"}, {"scale", POSITIVE}}, as_given}},
     cauchy_quantile, cauchy_cdf, fit_cauchy},
    {"gumbel", {"mode", "scale"}, {{{{"mode"}, {"scale", POSITIVE}}, as_given}},
     gumbel_quantile, gumbel_cdf, fit_gumbel},
    {"laplace", {"mean", "scale"}, {{{{"mean"}, {"scale", POSITIVE}}, as_given}},
     laplace_quantile, laplace_cdf, fit_laplace},
    {"bernoulli", {"p"}, {{{{"p", RANGE_PROBABILITY}}, as_given}},
     bernoulli_quantile, bernoulli_cdf, .moves = MOVES_BY_WHOLES},
    {"binomial", {"n", "p"}, {{{{"n", RANGE_COUNT}, {"p", RANGE_PROBABILITY}}, as_given}},
     binomial_quantile, binomial_cdf, .moves = MOVES_BY_WHOLES, .prepare = binomial_prepare},
    {"poisson", {"mean"}, {{{{"mean", SPREAD}}, poisson_mean}},
     poisson_quantile, poisson_cdf, .moves = MOVES_BY_WHOLES, .prepare = poisson_prepare},
    {"geometric", {"p"}, {{{{"p", RANGE_CHANCE}}, as_given}},
     geometric_quantile, geometric_cdf, .moves = MOVES_BY_WHOLES},
    {"negative_binomial", {"r", "p"}, {{{{"r", POSITIVE}, {"p", RANGE_CHANCE}}, failures}},
     negative_binomial_quantile, negative_binomial_cdf, .moves = MOVES_BY_WHOLES,
     .prepare = negative_binomial_prepare},
    {"hypergeometric", {"population", "successes", "draws"},
     {{{{"population", RANGE_COUNT}, {"successes", RANGE_COUNT}, {"draws", RANGE_COUNT}}, urn}},
     steps_quantile, steps_cdf, .moves = MOVES_BY_WHOLES, .prepare = hypergeometric_prepare},
    {"discrete", .quantile = steps_quantile, .cdf = steps_cdf, .moves = MOVES_IN_STEPS,
     .lists = {"values", "weights"}, .read_list = read_discrete},
    {"empirical", .quantile = samples_quantile, .cdf = samples_cdf, .moves = MOVES_AS_ITS_PARTS,
     .lists = {"samples", "interpolate"}, .read_list = read_empirical},
    {"quantiles", .quantile = points_quantile, .cdf = points_cdf,
     .lists = {"points"}, .read_list = read_points},
    {"mixture", .quantile = mixture_quantile, .cdf = mixture_cdf, .moves = MOVES_AS_ITS_PARTS,
     .lists = {"of", "weights"}, .read_list = read_mixture},
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
