#pragma once
/* Running a model, block after block of trials, and what came out of it.
 *
 * The numbers depend on the model, its seed and the count of trials, never on how the work was
 * sliced. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "stats.h"

struct faults;
struct json;
struct mc;
struct sim;

struct sim *sim_new(const struct mc *mc, uint64_t trials); /* borrows the model */
struct sim *sim_free(struct sim *sim);
DEFINE_FREEP(sim)

uint64_t sim_done(const struct sim *sim); /* trials */
uint64_t sim_trials(const struct sim *sim);
/* The next block. false: a trial gave no finite number; E_DOMAIN was added to faults. */
bool sim_block(struct sim *sim, struct faults *faults);
/* All blocks that are left, by n_threads (at least 1): what sim_block() would have found, to the
 * bit.
 */
bool sim_run(struct sim *sim, unsigned n_threads, struct faults *faults);

/* Of the trials done so far (at least one). */
struct moments sim_moments(const struct sim *sim, size_t output);
const struct samples *sim_samples(struct sim *sim, size_t output); /* sorted */
uint64_t sim_hits(const struct sim *sim, size_t ask);
const struct mc *sim_mc(const struct sim *sim);

/* One trial with given values of the variables (in the model's order), for "what if". */
void sim_evaluate(const struct mc *mc, const double *variables, double *ret_outputs);

/* report.c */
struct json *
sim_partial(struct sim *sim); /* {"n","output","mean","half_width","percentiles","outputs"} */
struct json *sim_result(struct sim *sim); /* domain.md A3 */
struct json *sim_histogram(struct sim *sim, size_t output, unsigned bins);
