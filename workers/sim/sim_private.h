#pragma once
/* What the engine's files share: sim.c (the whole), bench.c (a block), units.c (its draws), part.c
 * (its bytes). */

#include "mc.h"
#include "sim.h"
#include "vm.h"

#define SEGMENT_BLOCKS (SEGMENT_TRIALS / BLOCK_TRIALS)

struct sampler;

struct sim {
    const struct mc *mc;    /* borrowed from sim_new()'s caller */
    uint64_t first, trials; /* trials first … trials - 1 */
    uint64_t done;          /* index of the next one; atomic */
    uint64_t n_dropped, first_dropped;
    bool exact, is_part;
    struct sampler **samplers; /* by variable */
    struct sampler *normal;    /* standard; NULL without correlations */
    struct dist normal_dist;   /* its distribution */
    /* By output: of whole segments, of the open one, and of each whole one of a part. */
    struct moments *total, *segment;
    struct moments *rows; /* n_rows x outputs */
    size_t n_rows;
    uint64_t *hits;          /* by ask and replicate */
    struct samples *samples; /* by output; exact only */
    struct bins **bins;      /* by output; not exact only, NULL before the pilot */
    /* The first trials that count. */
    size_t n_pilot;
    double **pilot_inputs, **pilot_outputs; /* by variable (NULL: none) and output */
    struct look *looks;                     /* n_looks x outputs */
    size_t n_looks;
    unsigned n_good_looks; /* in a row at which all rules held */
    bool rules_hold;
};

/* What a block found. */
struct tally {
    uint32_t n, n_dropped, first_dropped; /* the last within the block */
    bool bad;                             /* a trial gave no number, and that is an error */
    struct moments *moments;              /* by output; borrowed */
};

/* Where a block is worked out: one a thread. */
struct bench {
    const struct sim *sim;
    struct vm *vm, *initial, *step; /* the latter two NULL without time steps */
    struct pcg *streams;            /* by variable, at trial `next` */
    uint64_t next;
    double *joint;  /* normals of correlated variables, a block each */
    uint64_t *hits; /* as the sim's */
    struct bins **bins;
};

void bench_init(struct bench *bench, const struct sim *sim);
void bench_deinit(struct bench *bench);
/* Adds what it counted to the sim's counts and forgets it. */
void bench_empty(struct bench *bench, struct sim *sim);
/* The block that begins at trial `first`, with its values put where the sim keeps them. false: stop
 * was set. */
bool bench_block(struct bench *bench, struct sim *sim, uint64_t first, const bool *stop,
                 struct tally *tally);
/* Says what was wrong with a block that was bad. */
void bench_explain(struct bench *bench, uint64_t first, struct faults *faults);

/* Notes means and medians, and whether the rules hold; once a count of trials. */
void sim_take_look(struct sim *sim);

/* units.c: numbers in (0, 1) for n trials of a block, n a multiple of 32, as the method wants them.
 * step: of a redrawn variable, else 0. */
void units_block(struct bench *bench, size_t variable, unsigned step, uint64_t first, size_t n,
                 double *u);

/* Blocks of [first, first + n) trials that belong to this sim. */
static inline size_t block_trials(const struct sim *sim, uint64_t first)
{
    return sim->trials - first < BLOCK_TRIALS ? (size_t)(sim->trials - first) : BLOCK_TRIALS;
}

static inline bool has_replicates(const struct mc *mc)
{
    return mc->method == MC_LHS || mc->method == MC_SOBOL;
}

static inline bool stopped(const bool *stop)
{
    return stop && __atomic_load_n(stop, __ATOMIC_RELAXED);
}
