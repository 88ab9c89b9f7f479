#pragma once
/* A row of the table of distributions, between dist.c (the rows) and dist_read.c (their use on
 * JSON). */

#include <stdbool.h>
#include <stddef.h>

#include "dist.h"

#define DIST_FORMS_MAX 5

/* Turns the values given (in the order of the form's names) into the row's parameters. Returns
 * NULL, or what is wrong. */
typedef const char *resolve_fn(const double *given, double *parameters);
typedef void sample_fn(const double *parameters, const double *u, double *x, size_t n);

struct dist_form {
    const char *names[DIST_PARAMETERS_MAX];
    resolve_fn *resolve;
    bool by_quantiles; /* a refusal is E_QUANTILE_ORDER */
};

struct dist_row {
    const char *name;
    const char *resolved[DIST_PARAMETERS_MAX];
    struct dist_form forms[DIST_FORMS_MAX];
    sample_fn *sample; /* NULL = not available yet */
};

extern const struct dist_row dist_rows[];
extern const size_t dist_n_rows;

const struct dist_row *dist_row_find(struct span name); /* NULL when there is none */
