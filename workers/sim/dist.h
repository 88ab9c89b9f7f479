#pragma once
/* Distributions of mc/1: read from JSON, echoed as resolved, sampled by inverting the CDF.
 *
 * One uniform gives one value, monotone in u, so that later methods (lhs, sobol, truncation,
 * copulas) need nothing else. A new distribution is one row of dist.c's table. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"

struct dist_row;
struct faults;
struct json;

#define DIST_PARAMETERS_MAX 4

struct dist {
    const struct dist_row *row;
    double parameters[DIST_PARAMETERS_MAX]; /* in the order of the row's resolved names */
};

/* Reads `5`, `"10 to 30"` or {"dist":…}. Returns false after adding what is wrong to faults. */
bool dist_read(const struct json *json, const char *path, struct faults *faults,
               struct dist *ret_dist);
struct json *dist_resolved(const struct dist *dist);
bool dist_is_constant(const struct dist *dist);
/* x[i] = quantile at u[i]; u is not read for a constant. */
void dist_block(const struct dist *dist, const double *u, double *x, size_t n);
double dist_quantile(const struct dist *dist, double u);

/* "a to b" or a plain number with optional sign, exponent and %; reads the whole span. */
bool number_read(struct span text, double *ret_value);
