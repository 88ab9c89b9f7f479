#pragma once
/* Distributions of mc/1: read from JSON, echoed as resolved, sampled by inverting the CDF.
 *
 * One uniform gives one value, never smaller for a larger uniform, so that sampling methods and
 * correlations need nothing else. A new distribution is one row of dist_table.c. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"
#include "special.h"

struct dist_list;
struct dist_row;
struct faults;
struct json;

#define DIST_PARAMETERS_MAX 4
#define DIST_PARTS_MAX 64 /* of a mixture, with those inside its parts */

/* Read only once it is read; threads may share it. */
struct dist {
    const struct dist_row *row;             /* NULL: it could not be read */
    double parameters[DIST_PARAMETERS_MAX]; /* in the order of the row's resolved names */
    struct dist_list *list;                 /* of rows that need more; ours; NULL = none */
    bool truncated;
    double low, high;       /* truncated: the ends, infinite = open */
    struct unit from, to;   /* truncated: what lies below `low`, and at or below `high` */
    struct span unit, note; /* borrowed from the JSON */
};

/* Reads `5`, `"10 to 30"` or {"dist":…}. Returns false after adding what is wrong to faults. The
 * JSON must outlive the distribution. */
bool dist_read(const struct json *json, const char *path, struct faults *faults,
               struct dist *ret_dist);
void dist_deinit(struct dist *dist);

struct json *dist_resolved(const struct dist *dist);
/* What decides its draws: as resolved, without unit and note. */
struct json *dist_canonical(const struct dist *dist);

bool dist_is_constant(const struct dist *dist);
bool dist_is_discrete(const struct dist *dist); /* it moves in steps; constants too */
size_t dist_n_parts(const struct dist *dist);   /* of a mixture; else 0 */
unsigned dist_cost(const struct dist *dist);    /* of a draw, in additions */
/* Once a run, before the first draw: its table. In additions. */
double dist_setup_cost(const struct dist *dist);
/* Why its mean is unsure; NULL = it is not. */
const char *dist_heavy_tail(const struct dist *dist);
double dist_lognormal_sigma(const struct dist *dist); /* the widest in it; 0 = there is none */

/* x[i] = quantile at u[i], 0 < u < 1; u is not read for a constant. */
void dist_block(const struct dist *dist, const double *u, double *x, size_t n);
double dist_quantile(const struct dist *dist, double u);
/* The same at a unit whose smaller side is given exactly. */
double dist_quantile_at(const struct dist *dist, struct unit unit);
/* P(X <= x), or P(X < x) when `below`. */
struct unit dist_cdf(const struct dist *dist, double x, bool below);

/* "a to b" or a plain number with optional sign, exponent and %; reads the whole span. */
bool number_read(struct span text, double *ret_value);
