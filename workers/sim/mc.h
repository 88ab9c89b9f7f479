#pragma once
/* A model of mc/1 (domain.md A3): the document read, every name resolved, compiled to a program.
 * Read only once it is made. */

#include <stdint.h>

#include "base.h"
#include "digest.h"
#include "dist.h"
#include "expr.h"
#include "pcg.h"

struct faults;
struct json;
struct program;

#define MC_RNG "pcg-rxs-m-xs-64-64/1"
#define MC_ENGINE "parley-sim/3"
#define MC_VARIABLES_MAX 64
#define MC_DEFINITIONS_MAX 256 /* let and outputs */
#define MC_ASKS_MAX 256
#define MC_PERCENTILES_MAX 99
#define MC_TRIALS_MAX 10000000000
#define MC_KEPT_MAX 20000000 /* values of trials x outputs that are kept: 160 MB */
#define MC_STEPS_MAX 1200
#define MC_STATES_MAX 64
#define MC_PARTS_MAX 256 /* of all mixtures */
#define MC_RULES_MAX 16
#define MC_SAMPLES_MAX 1000000

enum mc_method { MC_PCG, MC_ANTITHETIC, MC_LHS, MC_SOBOL };

#define MC_UNCORRELATED SIZE_MAX

struct mc_variable {
    char *name;
    struct dist dist;
    struct pcg stream;
    unsigned slot;
    bool redrawn;      /* anew in each step: see units.c */
    size_t factor_row; /* of a correlated variable: its row in mc->factor, else MC_UNCORRELATED */
    bool used;         /* an expression names it */
};

/* A state of the time steps: before the first step `slot` holds init, after each step next. All
 * `next` of a step read the states as they were before it: no next_slot is the slot of a state, so
 * they may be copied in any order. */
struct mc_state {
    char *name;
    struct expr init, next;
    bool init_good, next_good, used;
    unsigned slot;      /* in `step` and `program` */
    unsigned init_slot; /* in `initial` */
    unsigned next_slot; /* in `step` */
};

/* A stop rule: the half width of an ask's interval is at most this. */
struct mc_rule {
    struct span text;
    size_t ask; /* index into asks: those that only rules name come last */
    double half_width;
};

/* A `let` or an output. */
struct mc_definition {
    char *name;
    char *path; /* JSON pointer */
    struct span text;
    bool is_output;
    bool good; /* it could be read */
    bool used; /* an expression names it */
    struct expr expr;
    unsigned slot;                           /* in `program` */
    enum { MC_NEW, MC_OPEN, MC_DONE } state; /* while names are resolved */
};

enum mc_ask_type { MC_ASK_PROBABILITY, MC_ASK_PERCENTILE, MC_ASK_MEAN, MC_ASK_SD };

struct mc_ask {
    enum mc_ask_type type;
    char *path; /* JSON pointer */
    struct span text;
    size_t output;     /* of a percentile, mean or sd: index into outputs */
    double percentile; /* 0 < p < 100 */
    unsigned slot;     /* of a probability: 0 or 1 in each trial */
    bool *mentions;    /* of a probability: which outputs its expression names */
    struct expr expr;
};

struct mc {
    struct json *document; /* our copy: the texts above are borrowed from it */
    struct mc_variable *variables;
    size_t n_variables;
    struct mc_definition *definitions; /* let first, then outputs, in the order of the document */
    size_t n_definitions, n_lets;
    struct mc_ask *asks;
    size_t n_asks;
    double percentiles[MC_PERCENTILES_MAX];
    size_t n_percentiles;
    unsigned histogram_bins; /* 0 = none */
    double level;            /* of the intervals, 0.95 */
    uint64_t trials;         /* at most; rules may end the run before */
    struct mc_rule *rules;
    size_t n_rules;
    enum mc_method method;
    bool drop_invalid; /* trials that give no number are left out, and counted */
    bool drivers;
    bool dry_run;
    uint64_t n_reported_samples; /* of the first trials, in the result */
    /* Correlated normals: z = factor * independent normals, u = Phi(z). Row major, lower triangle.
     */
    double *factor;
    size_t n_correlated;
    struct json *correlations; /* as resolved, for the digest; NULL = none */
    /* Time steps: `initial` once a trial, `step` n_steps times, then `program`. Variables and
     * states have the same slots in all three; slots of other things belong to one program. Without
     * steps the first two are empty. */
    unsigned n_steps; /* 0 = none */
    struct mc_state *states;
    size_t n_states;
    struct program *initial, *step;
    struct expr_tree tree;
    struct program *program;
    uint64_t cost_units;     /* of all trials: operations, draws and the counting of outputs */
    uint64_t budget_units;   /* 0 = none */
    struct faults *warnings; /* W_ codes, in the order found */
    char *seed;
    unsigned char seed_digest[DIGEST_BYTES];
    unsigned char model_digest[DIGEST_BYTES];
};

/* NULL: faults says what is wrong, all at once. */
struct mc *mc_new(const struct json *document, struct faults *faults);
struct mc *mc_free(struct mc *mc);
DEFINE_FREEP(mc)

static inline size_t mc_n_outputs(const struct mc *mc)
{
    return mc->n_definitions - mc->n_lets;
}

static inline const struct mc_definition *mc_output(const struct mc *mc, size_t i)
{
    return &mc->definitions[mc->n_lets + i];
}

/* {"name":{"dist":…},…}: what was drawn from. */
struct json *mc_resolved(const struct mc *mc);
/* [{"code":"W_…","path","message",…},…]; W_CI_WIDE is the report's to add. */
struct json *mc_warnings(const struct mc *mc);
/* {"cost_units","seconds_estimate","trials","over_budget"?,"resolved","warnings"}: the price of a
 * run, without the run. */
struct json *mc_dry_run(const struct mc *mc);
