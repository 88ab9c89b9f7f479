/* Parameters from two quantiles, at p and 1 - p: exact where a family only moves and stretches (or
 * its logarithm does), else by solving for the shape. */
#include <math.h>

#include "dist_row.h"
#include "poly.h"

#define PI 3.141592653589793

static const char not_positive[] = "both quantiles must be above 0";
static const char not_found[] = "no such distribution has these quantiles";

/* The standard quantiles low and high become x[0] and x[1]. */
static const char *stretch(double low, double high, const double *x, double *ret_place,
                           double *ret_scale)
{
    *ret_scale = (x[1] - x[0]) / (high - low);
    *ret_place = low == -high ? 0.5 * x[0] + 0.5 * x[1] : x[0] - low * *ret_scale;
    return isfinite(*ret_scale) && isfinite(*ret_place) ? NULL : not_found;
}

static const char *logs_of(const double *x, double *logs)
{
    if (!(x[0] > 0))
        return not_positive;
    logs[0] = poly_log(x[0]);
    logs[1] = poly_log(x[1]);
    return NULL;
}

const char *fit_uniform(double p, const double *x, double *parameters)
{
    double width = (x[1] - x[0]) / (1 - 2 * p);

    parameters[0] = x[0] - p * width;
    parameters[1] = x[1] + p * width;
    return isfinite(parameters[1] - parameters[0]) ? NULL : not_found;
}

const char *fit_loguniform(double p, const double *x, double *parameters)
{
    double logs[2];
    const char *wrong = logs_of(x, logs);

    if (wrong)
        return wrong;
    wrong = fit_uniform(p, logs, parameters);
    parameters[0] = poly_exp(parameters[0]);
    parameters[1] = poly_exp(parameters[1]);
    return parameters[0] > 0 && isfinite(parameters[1]) ? wrong : not_found;
}

const char *fit_normal(double p, const double *x, double *parameters)
{
    double z = -poly_normal_quantile(p);

    return stretch(-z, z, x, &parameters[0], &parameters[1]);
}

const char *fit_lognormal(double p, const double *x, double *parameters)
{
    double logs[2];
    const char *wrong = logs_of(x, logs);

    return wrong ? wrong : fit_normal(p, logs, parameters);
}

/* ln x = ln scale + ln(waiting)/shape */
const char *fit_weibull(double p, const double *x, double *parameters)
{
    double logs[2], place, scale;
    const char *wrong = logs_of(x, logs);

    if (wrong)
        return wrong;
    wrong = stretch(poly_log(-special_log1p(-p)), poly_log(-poly_log(p)), logs, &place, &scale);
    parameters[0] = 1 / scale;
    parameters[1] = poly_exp(place);
    return wrong;
}

/* ln x = ln min + waiting/alpha */
const char *fit_pareto(double p, const double *x, double *parameters)
{
    double logs[2], place, scale;
    const char *wrong = logs_of(x, logs);

    if (wrong)
        return wrong;
    wrong = stretch(-special_log1p(-p), -poly_log(p), logs, &place, &scale);
    parameters[0] = poly_exp(place);
    parameters[1] = 1 / scale;
    return parameters[0] > 0 ? wrong : not_found;
}

const char *fit_logistic(double p, const double *x, double *parameters)
{
    double z = poly_log((1 - p) / p);

    return stretch(-z, z, x, &parameters[0], &parameters[1]);
}

const char *fit_cauchy(double p, const double *x, double *parameters)
{
    double z = poly_tan(PI * (0.5 - p));

    return stretch(-z, z, x, &parameters[0], &parameters[1]);
}

const char *fit_gumbel(double p, const double *x, double *parameters)
{
    return stretch(-poly_log(-poly_log(p)), -poly_log(-special_log1p(-p)), x, &parameters[0],
                   &parameters[1]);
}

const char *fit_laplace(double p, const double *x, double *parameters)
{
    double z = -poly_log(2 * p);

    return stretch(-z, z, x, &parameters[0], &parameters[1]);
}

const char *fit_student(double p, const double *x, double *parameters)
{
    double z = special_student_quantile(parameters[0], (struct unit){1 - p, p});

    return stretch(-z, z, x, &parameters[1], &parameters[2]);
}

/* ---- by solving ---- */

struct quantiles {
    double p;
    double x[2];
    double log_mass; /* beta: of the two parameters' sum, while the mean is solved for */
};

static void gamma_at(double log_shape, double p, double *ret_low, double *ret_high)
{
    double shape = poly_exp(log_shape);

    *ret_low = special_gamma_quantile(shape, (struct unit){p, 1 - p});
    *ret_high = special_gamma_quantile(shape, (struct unit){1 - p, p});
}

/* The larger the shape, the nearer the two quantiles are to each other. */
static struct point gamma_gap(const void *arg, double log_shape)
{
    const struct quantiles *wanted = arg;
    double low, high;

    gamma_at(log_shape, wanted->p, &low, &high);
    double gap = low > 0 ? poly_log(high / low) : 1e3;
    return (struct point){poly_log(wanted->x[1] / wanted->x[0]) - gap, 0};
}

const char *fit_gamma(double p, const double *x, double *parameters)
{
    struct quantiles wanted = {
        p, {x[0], x[1]},
         0
    };
    double low, high;

    if (!(x[0] > 0))
        return not_positive;
    double log_shape = special_solve(gamma_gap, &wanted, -7, 1, 20);
    gamma_at(log_shape, p, &low, &high);
    parameters[0] = poly_exp(log_shape);
    parameters[1] = x[1] / high;
    return fabs(low * parameters[1] - x[0]) <= 1e-9 * x[0] ? NULL : not_found;
}

static void beta_of(double log_mass, double logit, double *parameters)
{
    double mass = poly_exp(log_mass);

    parameters[0] = mass / (1 + poly_exp(-logit));
    parameters[1] = mass / (1 + poly_exp(logit));
}

static double beta_below(double log_mass, double logit, double x)
{
    double parameters[2];

    beta_of(log_mass, logit, parameters);
    struct unit unit =
        special_beta_cdf(parameters[0], parameters[1], (struct unit){x, 1 - x}, NULL);
    return unit.p > 0 && unit.q > 0 ? poly_log(unit.p / unit.q) : unit.p > 0 ? 750 : -750;
}

/* With the sum of the parameters given, the mean that puts p below x[0]. */
static struct point beta_mean(const void *arg, double logit)
{
    const struct quantiles *wanted = arg;

    return (struct point){poly_log(wanted->p / (1 - wanted->p)) -
                              beta_below(wanted->log_mass, logit, wanted->x[0]),
                          0};
}

static double beta_logit(const struct quantiles *wanted, double log_mass)
{
    struct quantiles with = *wanted;
    double x = 0.5 * (wanted->x[0] + wanted->x[1]);

    with.log_mass = log_mass;
    return special_solve(beta_mean, &with, -30, poly_log(x / (1 - x)), 30);
}

static struct point beta_upper(const void *arg, double log_mass)
{
    const struct quantiles *wanted = arg;
    double above = beta_below(log_mass, beta_logit(wanted, log_mass), wanted->x[1]);

    return (struct point){above - poly_log((1 - wanted->p) / wanted->p), 0};
}

const char *fit_beta(double p, const double *x, double *parameters)
{
    struct quantiles wanted = {
        p, {x[0], x[1]},
         0
    };

    if (!(x[0] > 0) || !(x[1] < 1))
        return "both quantiles must be between 0 and 1";
    double log_mass = special_solve(beta_upper, &wanted, -4, 2, 20);
    beta_of(log_mass, beta_logit(&wanted, log_mass), parameters);
    double low = special_beta_quantile(parameters[0], parameters[1], (struct unit){p, 1 - p}).p;
    double high = special_beta_quantile(parameters[0], parameters[1], (struct unit){1 - p, p}).p;
    return fabs(low - x[0]) <= 1e-9 && fabs(high - x[1]) <= 1e-9 ? NULL : not_found;
}
