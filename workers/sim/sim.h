#pragma once
/* Running a model: blocks of trials, what came out of them, and the result.
 *
 * The numbers depend on the model, its seed and the count of trials, never on how the work was cut:
 * blocks of 1,024 trials are merged in index order into segments of 2^20, and these in index order
 * into the whole, whoever worked them out. A part is a range of whole segments; its bytes are
 * merged in index order and are a checkpoint as well. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "stats.h"

struct bins;
struct buf;
struct error;
struct faults;
struct json;
struct mc;
struct sim;

#define SEGMENT_TRIALS ((uint64_t)1 << 20)
#define PILOT_TRIALS 65536 /* of the beginning: drivers, and where bins are laid */
#define REPLICATES 16      /* of lhs and sobol: trial t belongs to replicate t % 16 */
#define FIRST_LOOK 4096    /* looks are at 4,096 x 2^k trials and at the end */

/* All of it, from the first trial on. Borrows the model. */
struct sim *sim_new(const struct mc *mc);
/* The segments first … first + n - 1, or fewer at the end: for sim_write(). */
struct sim *sim_new_part(const struct mc *mc, uint64_t first_segment, uint64_t n_segments);
struct sim *sim_free(struct sim *sim);
DEFINE_FREEP(sim)

struct sim_how {
    unsigned n_threads; /* 0 = 1 */
    uint64_t until;     /* stop at this many trials (a look, or a whole segment), 0 = at the end */
    const bool *stop;   /* set by another thread: return soon (relaxed atomic), may be NULL */
    void (*on_look)(struct sim *sim, void *arg); /* in the caller's thread; may be NULL */
    void *arg;
};
/* Goes on to `until`, to the end, or to where the stop rules hold. false: stopped, or a trial gave
 * no finite number and E_DOMAIN was added to faults. */
bool sim_run(struct sim *sim, const struct sim_how *how, struct faults *faults);
bool sim_rules_hold(const struct sim *sim);
bool sim_over(const struct sim *sim);     /* nothing is left, or the rules hold */
uint64_t sim_done(const struct sim *sim); /* trials, dropped ones too; may be read by any thread */
uint64_t sim_trials(const struct sim *sim); /* at most */
bool sim_is_look(uint64_t trials);

/* Everything done so far, as bytes: versioned, with a checksum. */
void sim_write(const struct sim *sim, struct buf *out);
/* Adds a part that begins where sim ends, and looks where a look is due. A part may not go across a
 * look. -EINVAL and error when the bytes are none, of another model, or not the next. */
int sim_merge(struct sim *sim, struct span bytes, struct error *error) MUST_CHECK;

/* ---- what came out (of at least one trial that was not dropped) ---- */

const struct mc *sim_mc(const struct sim *sim);
uint64_t sim_n(const struct sim *sim); /* trials that count: done less dropped */
uint64_t sim_n_dropped(const struct sim *sim);
uint64_t sim_first_dropped(const struct sim *sim); /* its index; of no meaning without one */
struct moments sim_moments(const struct sim *sim, size_t output);
uint64_t sim_hits(const struct sim *sim, size_t ask); /* of a P(…) */
/* lhs and sobol; else n is 0. */
struct replicate {
    uint64_t n;  /* trials that count */
    double mean; /* of the output */
};
struct replicate sim_replicate(const struct sim *sim, size_t output, size_t replicate);
uint64_t sim_replicate_hits(const struct sim *sim, size_t ask, size_t replicate);

/* Whether all values were kept; else they are binned. */
bool sim_is_exact(const struct sim *sim);
const struct samples *sim_samples(struct sim *sim, size_t output); /* sorted; NULL when binned */
/* In the order of trials, sim_n() of them, of one replicate every 16th if none was dropped. */
const double *sim_values(const struct sim *sim, size_t output);    /* NULL when binned */
const struct bins *sim_bins(const struct sim *sim, size_t output); /* NULL when exact */

/* The first trials that count, at most PILOT_TRIALS: draws and outputs side by side. */
size_t sim_n_pilot(const struct sim *sim);
const double *sim_pilot_input(const struct sim *sim, size_t variable); /* NULL: redrawn in steps */
const double *sim_pilot_output(const struct sim *sim, size_t output);

/* What was found at each look; the last is the end. */
struct look {
    uint64_t n; /* trials that count */
    double mean, half_width, median;
};
size_t sim_n_looks(const struct sim *sim);
struct look sim_look(const struct sim *sim, size_t output, size_t i);

/* One trial with given values of the variables (in the model's order), for "what if"; of a model
 * without time steps. */
void sim_evaluate(const struct mc *mc, const double *variables, double *ret_outputs);

/* ---- stats of any of them (summary.c) ---- */

double sim_percentile(struct sim *sim, size_t output, double p);
struct interval sim_percentile_interval(struct sim *sim, size_t output, double p);
struct estimate {
    double value, se;
    struct interval ci;
};
struct estimate sim_mean(const struct sim *sim, size_t output);
struct estimate sim_probability(const struct sim *sim, size_t ask);
/* Half the width of an ask's interval; not-a-number when it has none. */
double sim_half_width(struct sim *sim, size_t ask);

/* ---- report.c ---- */

/* {"n","output","mean","half_width","percentiles","outputs"} */
struct json *sim_partial(struct sim *sim);
struct json *sim_result(struct sim *sim); /* domain.md A3 */
struct json *sim_histogram(struct sim *sim, size_t output, unsigned bins);
