/* The engine: draws of each variable, one pass of the program, moments, kept samples and counts.
 *
 * Block b holds trials 1024 b to 1024 b + 1023; its draws are found by advancing each variable's
 * stream to the block's first trial, so blocks could run in any order or place. Merging is in index
 * order. */
#include "sim.h"

#include <assert.h>
#include <math.h>

#include "buf.h"
#include "fault.h"
#include "mc.h"
#include "vm.h"

struct sim {
    const struct mc *mc; /* borrowed from sim_new()'s caller */
    struct vm *vm;
    uint64_t trials, done;
    struct moments *moments; /* by output */
    struct samples *samples; /* by output */
    uint64_t *hits;          /* by ask */
};

struct sim *sim_new(const struct mc *mc, uint64_t trials)
{
    struct sim *sim = xcalloc(1, sizeof(*sim));
    size_t n = mc_n_outputs(mc);

    assert(trials * n <= MC_KEPT_MAX);
    sim->mc = mc;
    sim->trials = trials;
    sim->vm = vm_new(mc->program);
    sim->moments = xcalloc(n, sizeof(sim->moments[0]));
    sim->samples = xcalloc(n, sizeof(sim->samples[0]));
    sim->hits = xcalloc(mc->n_asks + 1, sizeof(sim->hits[0]));
    for (size_t i = 0; i < n; i++)
        samples_init(&sim->samples[i], trials);
    return sim;
}

struct sim *sim_free(struct sim *sim)
{
    if (!sim)
        return NULL;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++)
        samples_deinit(&sim->samples[i]);
    free(sim->samples);
    free(sim->moments);
    free(sim->hits);
    sim->vm = vm_free(sim->vm);
    free(sim);
    return NULL;
}

uint64_t sim_done(const struct sim *sim)
{
    return sim->done;
}

uint64_t sim_trials(const struct sim *sim)
{
    return sim->trials;
}

const struct mc *sim_mc(const struct sim *sim)
{
    return sim->mc;
}

/* Fills the slots of the variables for trials first … first + n - 1. */
static void draw(struct sim *sim, uint64_t first, size_t n)
{
    double units[BLOCK_TRIALS];

    for (size_t i = 0; i < sim->mc->n_variables; i++) {
        const struct mc_variable *variable = &sim->mc->variables[i];
        if (!dist_is_constant(&variable->dist))
            pcg_units(&variable->stream, first, units, n);
        dist_block(&variable->dist, units, vm_slot(sim->vm, variable->slot), n);
    }
}

static void refuse_trial(struct sim *sim, const char *path, const double *values, size_t n,
                         struct faults *faults)
{
    struct vm_fault fault;
    size_t n_bad = 0, first = 0;
    struct buf why;

    for (size_t i = n; i-- > 0;) {
        if (!isfinite(values[i])) {
            n_bad++;
            first = i;
        }
    }
    buf_init(&why, 256);
    if (vm_find_fault(sim->vm, first, &fault)) {
        buf_addf(&why, "; the first is '%s' of", vm_op_symbol(fault.op));
        for (size_t i = 0; i < vm_op_inputs(fault.op); i++)
            buf_addf(&why, "%s %.9g", i > 0 ? " and" : "", fault.inputs[i]);
    }
    fault_add(faults, FAULT_DOMAIN, (struct place){path, 0, 0}, NULL,
              "not a finite number in %zu of the trials %llu to %llu, first in trial %llu%s", n_bad,
              (unsigned long long)sim->done, (unsigned long long)(sim->done + n - 1),
              (unsigned long long)(sim->done + first), why.at ? why.at : "");
    buf_deinit(&why);
}

static bool all_finite(const double *values, size_t n)
{
    bool finite = true;

    for (size_t i = 0; i < n; i++)
        finite &= isfinite(values[i]) != 0;
    return finite;
}

/* Checks everything before anything is counted. */
static bool block_good(struct sim *sim, size_t n, struct faults *faults)
{
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++) {
        const double *values = vm_slot(sim->vm, mc_output(sim->mc, i)->slot);
        if (!all_finite(values, n)) {
            refuse_trial(sim, mc_output(sim->mc, i)->path, values, n, faults);
            return false;
        }
    }
    for (size_t i = 0; i < sim->mc->n_asks; i++) {
        const struct mc_ask *ask = &sim->mc->asks[i];
        if (ask->type == MC_ASK_PROBABILITY && !all_finite(vm_slot(sim->vm, ask->slot), n)) {
            CLEANUP(charp_freep) char *path = xprintf("/ask/%zu", i);
            refuse_trial(sim, path, vm_slot(sim->vm, ask->slot), n, faults);
            return false;
        }
    }
    return true;
}

bool sim_block(struct sim *sim, struct faults *faults)
{
    uint64_t left = sim->trials - sim->done;
    size_t n = left < BLOCK_TRIALS ? (size_t)left : BLOCK_TRIALS;

    draw(sim, sim->done, n);
    vm_run(sim->vm, n);
    if (!block_good(sim, n, faults))
        return false;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++) {
        const double *values = vm_slot(sim->vm, mc_output(sim->mc, i)->slot);
        sim->moments[i] = moments_merge(sim->moments[i], moments_of(values, n));
        samples_add(&sim->samples[i], values, n);
    }
    for (size_t i = 0; i < sim->mc->n_asks; i++) {
        const struct mc_ask *ask = &sim->mc->asks[i];
        for (size_t j = 0; ask->type == MC_ASK_PROBABILITY && j < n; j++)
            sim->hits[i] += vm_slot(sim->vm, ask->slot)[j] != 0;
    }
    sim->done += n;
    return true;
}

struct moments sim_moments(const struct sim *sim, size_t output)
{
    return sim->moments[output];
}

const struct samples *sim_samples(struct sim *sim, size_t output)
{
    samples_sort(&sim->samples[output]);
    return &sim->samples[output];
}

uint64_t sim_hits(const struct sim *sim, size_t ask)
{
    return sim->hits[ask];
}

void sim_evaluate(const struct mc *mc, const double *variables, double *ret_outputs)
{
    struct vm *vm = vm_new(mc->program);

    for (size_t i = 0; i < mc->n_variables; i++)
        vm_slot(vm, mc->variables[i].slot)[0] = variables[i];
    vm_run(vm, 1);
    for (size_t i = 0; i < mc_n_outputs(mc); i++)
        ret_outputs[i] = vm_slot(vm, mc_output(mc, i)->slot)[0];
    vm = vm_free(vm);
}
