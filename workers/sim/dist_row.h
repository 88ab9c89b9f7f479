#pragma once
/* A row of the table of distributions, between dist_table.c (the rows), the files of their
 * functions, and dist_read.c (their use on JSON). */

#include <stdbool.h>
#include <stddef.h>

#include "dist.h"

#define DIST_FORMS_MAX 3

/* What a parameter may be. */
enum dist_range {
    RANGE_ANY,
    RANGE_POSITIVE,
    RANGE_NOT_NEGATIVE,
    RANGE_FROM_ONE,
    RANGE_PROBABILITY, /* 0 to 1 */
    RANGE_CHANCE,      /* above 0, to 1 */
    RANGE_COUNT        /* a whole number from 0 to 1e9 */
};

struct dist_member {
    const char *name;
    enum dist_range range;
    bool optional;
    double fallback; /* of an optional one */
};

/* Turns the values given (in the order of the form's members) into the row's parameters. Returns
 * NULL, or what is wrong. */
typedef const char *resolve_fn(const double *given, double *parameters);
/* x[0] and x[1] are the quantiles at p and 1 - p; parameters the row keeps are filled in. */
typedef const char *by_quantiles_fn(double p, const double *x, double *parameters);
typedef double dist_quantile_fn(const struct dist *dist, struct unit unit);
typedef struct unit dist_cdf_fn(const struct dist *dist, double x, bool below);
/* What `parameters` need to be drawn from: fills dist->list. */
typedef void prepare_fn(struct dist *dist);

struct reader;
typedef bool read_list_fn(struct reader *reader, const struct json *json, struct dist *dist);

struct dist_form {
    struct dist_member members[DIST_PARAMETERS_MAX];
    resolve_fn *resolve;
};

struct dist_row {
    const char *name;
    const char *resolved[DIST_PARAMETERS_MAX];
    struct dist_form forms[DIST_FORMS_MAX];
    dist_quantile_fn *quantile;
    dist_cdf_fn *cdf;
    by_quantiles_fn *by_quantiles; /* NULL: two quantiles do not suffice */
    size_t n_kept;                 /* members of the first form that quantiles leave to be given */
    enum { MOVES_SMOOTHLY, MOVES_IN_STEPS, MOVES_BY_WHOLES, MOVES_AS_ITS_PARTS } moves;
    prepare_fn *prepare;
    /* Of a row with lists: their names, and who reads them. */
    const char *lists[2];
    read_list_fn *read_list;
};

/* What does not fit into four parameters. Which of it is used depends on the row. */
struct dist_list {
    double *x;       /* values, samples or points, growing */
    double *weights; /* of x or of parts, their sum is 1; or probabilities of points */
    size_t n;
    double *z, *slopes; /* of points: normal scores, dx/dz */
    bool interpolate;
    struct dist *parts; /* n of them, none a mixture */
    /* Steps: value i is x[i], or first + i where there is no x. edges[i] is P(X <= value i) below
     * n_lower, P(X > value i) from there on; NULL where there are too many to hold. */
    double first;
    double *edges;
    size_t n_edges, n_lower;
};

extern const struct dist_row dist_rows[];
extern const size_t dist_n_rows;

const struct dist_row *dist_row_find(struct span name); /* NULL when there is none */

/* ---- dist_closed.c ---- */
dist_quantile_fn constant_quantile, uniform_quantile, loguniform_quantile, normal_quantile,
    lognormal_quantile, triangular_quantile, exponential_quantile, weibull_quantile,
    pareto_quantile, logistic_quantile, cauchy_quantile, gumbel_quantile, laplace_quantile;
dist_cdf_fn constant_cdf, uniform_cdf, loguniform_cdf, normal_cdf, lognormal_cdf, triangular_cdf,
    exponential_cdf, weibull_cdf, pareto_cdf, logistic_cdf, cauchy_cdf, gumbel_cdf, laplace_cdf;

/* ---- dist_special.c ---- */
dist_quantile_fn gamma_quantile, beta_quantile, pert_quantile, student_quantile;
dist_cdf_fn gamma_cdf, beta_cdf, pert_cdf, student_cdf;

/* ---- dist_fit.c ---- */
by_quantiles_fn fit_uniform, fit_loguniform, fit_normal, fit_lognormal, fit_weibull, fit_pareto,
    fit_logistic, fit_cauchy, fit_gumbel, fit_laplace, fit_gamma, fit_beta, fit_student;

/* ---- dist_steps.c ---- */
dist_quantile_fn bernoulli_quantile, geometric_quantile, steps_quantile, binomial_quantile,
    poisson_quantile, negative_binomial_quantile;
dist_cdf_fn bernoulli_cdf, geometric_cdf, steps_cdf, binomial_cdf, poisson_cdf,
    negative_binomial_cdf;
prepare_fn binomial_prepare, poisson_prepare, negative_binomial_prepare, hypergeometric_prepare;
/* From list->x (growing) and list->weights. */
void steps_from_weights(struct dist_list *list);

/* ---- dist_points.c ---- */
dist_quantile_fn points_quantile, samples_quantile;
dist_cdf_fn points_cdf, samples_cdf;
/* From list->x and list->weights (probabilities). */
void points_prepare(struct dist_list *list);

/* ---- dist_mixture.c ---- */
dist_quantile_fn mixture_quantile;
dist_cdf_fn mixture_cdf;

/* ---- reading: dist_read.c and dist_lists.c ---- */
struct reader {
    const char *path;
    struct faults *faults;
    unsigned depth; /* of mixtures in mixtures */
};
bool dist_read_inside(struct reader *reader, const struct json *json, struct dist *ret_dist);
read_list_fn read_discrete, read_empirical, read_points, read_mixture;

/* Keeps what lies between low and high; also of what is truncated already. Gives the share that is
 * kept, 0: nothing is, and the distribution is as it was. */
double dist_truncate(struct dist *dist, double low, double high);
struct dist_list *dist_list_new(void);
