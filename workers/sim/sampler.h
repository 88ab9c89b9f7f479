#pragma once
/* Fast draws from a distribution. dist_quantile() is the truth; a sampler is what is run on blocks:
 * a closed form, a table of cubics, or a table of steps, and the truth itself where none of them
 * holds.
 *
 * A value is a function of its unit and the distribution alone. Read only once it is made. */

#include <stddef.h>

#include "base.h"

struct dist;
struct sampler;

struct sampler *sampler_new(const struct dist *dist); /* borrows it */
struct sampler *sampler_free(struct sampler *sampler);
/* x[i] from u[i]; both have room for n rounded up to KERNEL_PAD. */
void sampler_block(const struct sampler *sampler, const double *u, double *x, size_t n);
const char *sampler_way(const struct sampler *sampler); /* "closed form", "table", … */
