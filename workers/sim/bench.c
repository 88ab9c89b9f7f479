/* One block of trials: draws, time steps, outputs, and what is to be remembered of them.
 *
 * A bench is a thread's own; of the sim it only writes values at its block's own place. Trials that
 * are dropped are taken out of the block by moving the others together, so that everything behind
 * sees whole numbers of good trials. The three programs of a model with steps have a machine each;
 * what they share is copied. */
#include <math.h>
#include <stdlib.h>

#include "bins.h"
#include "buf.h"
#include "fault.h"
#include "json.h"
#include "kernels.h"
#include "sampler.h"
#include "sim_private.h"
#include "special.h"

#define LEAST_UNIT 0x1p-53

void bench_init(struct bench *bench, const struct sim *sim)
{
    const struct mc *mc = sim->mc;

    *bench = (struct bench){.sim = sim, .vm = vm_new(mc->program), .next = UINT64_MAX};
    if (mc->n_steps > 0) {
        bench->initial = vm_new(mc->initial);
        bench->step = vm_new(mc->step);
    }
    bench->streams = xcalloc(mc->n_variables + 1, sizeof(bench->streams[0]));
    bench->joint = xcalloc(mc->n_correlated * BLOCK_TRIALS + 1, sizeof(bench->joint[0]));
    bench->hits = xcalloc(mc->n_asks * REPLICATES + 1, sizeof(bench->hits[0]));
    bench->bins = xcalloc(mc_n_outputs(mc), sizeof(struct bins *));
    for (size_t i = 0; i < mc_n_outputs(mc) && sim->bins[i]; i++)
        bench->bins[i] = bins_new(bins_middle(sim->bins[i]));
}

void bench_deinit(struct bench *bench)
{
    bench->vm = vm_free(bench->vm);
    bench->initial = vm_free(bench->initial);
    bench->step = vm_free(bench->step);
    for (size_t i = 0; i < mc_n_outputs(bench->sim->mc); i++)
        bench->bins[i] = bins_free(bench->bins[i]);
    free(bench->bins);
    free(bench->streams);
    free(bench->joint);
    free(bench->hits);
}

void bench_empty(struct bench *bench, struct sim *sim)
{
    for (size_t i = 0; i < sim->mc->n_asks * REPLICATES; i++) {
        sim->hits[i] += bench->hits[i];
        bench->hits[i] = 0;
    }
    for (size_t i = 0; i < mc_n_outputs(sim->mc) && bench->bins[i]; i++) {
        bins_merge(sim->bins[i], bench->bins[i]);
        bench->bins[i] = bins_free(bench->bins[i]);
        bench->bins[i] = bins_new(bins_middle(sim->bins[i]));
    }
}

/* ---- draws ---- */

/* Turns independent units of the correlated variables into dependent ones: through normals, whose
 * mixture is the factor's. Variables that are redrawn depend on such ones alone. */
static void correlate(struct bench *bench, struct vm *vm, bool redrawn, size_t n)
{
    const struct mc *mc = bench->sim->mc;
    double row[BLOCK_TRIALS] __attribute__((aligned(64)));

    for (size_t i = 0; i < mc->n_variables; i++) {
        const struct mc_variable *variable = &mc->variables[i];

        if (variable->factor_row == MC_UNCORRELATED || variable->redrawn != redrawn)
            continue;
        for (size_t k = 0; k < n; k++)
            row[k] = 0;
        for (size_t j = 0; j <= variable->factor_row; j++) {
            double weight = mc->factor[variable->factor_row * mc->n_correlated + j];
            const double *z = bench->joint + j * BLOCK_TRIALS;

            for (size_t k = 0; weight != 0 && k < n; k++)
                row[k] += weight * z[k];
        }
        for (size_t k = 0; k < n; k++) {
            struct unit unit = special_normal_cdf(row[k]);

            row[k] = unit.p < LEAST_UNIT   ? LEAST_UNIT
                     : unit.q < LEAST_UNIT ? 1 - LEAST_UNIT
                     : unit.p < 0.5        ? unit.p
                                           : 1 - unit.q;
        }
        sampler_block(bench->sim->samplers[i], row, vm_slot(vm, variable->slot), n);
    }
}

/* Fills the slots of the variables that are drawn once a trial, or of those of a step. */
static void draw(struct bench *bench, struct vm *vm, bool redrawn, unsigned step, uint64_t first,
                 size_t n)
{
    const struct sim *sim = bench->sim;
    double units[BLOCK_TRIALS] __attribute__((aligned(64)));
    size_t n_drawn = (n + KERNEL_SUMS - 1) / KERNEL_SUMS * KERNEL_SUMS;
    bool any_joint = false;

    for (size_t i = 0; i < sim->mc->n_variables; i++) {
        const struct mc_variable *variable = &sim->mc->variables[i];

        if (variable->redrawn != redrawn)
            continue;
        units_block(bench, i, step, first, n_drawn, units);
        if (variable->factor_row != MC_UNCORRELATED) {
            any_joint = true;
            sampler_block(sim->normal, units, bench->joint + variable->factor_row * BLOCK_TRIALS,
                          n);
        } else {
            sampler_block(sim->samplers[i], units, vm_slot(vm, variable->slot), n);
        }
    }
    if (any_joint)
        correlate(bench, vm, redrawn, n);
    if (!redrawn)
        bench->next = first + n_drawn;
}

/* ---- time steps ---- */

static void copy_slot(struct vm *to, unsigned to_slot, struct vm *from, unsigned from_slot,
                      size_t n)
{
    memcpy(vm_slot(to, to_slot), vm_slot(from, from_slot), n * sizeof(double));
}

static void copy_variables(const struct mc *mc, struct vm *to, struct vm *from, bool redrawn,
                           size_t n)
{
    for (size_t i = 0; i < mc->n_variables; i++)
        if (mc->variables[i].redrawn == redrawn)
            copy_slot(to, mc->variables[i].slot, from, mc->variables[i].slot, n);
}

/* Sets the states before the first step from the plain variables in bench->step. */
static void begin_steps(struct bench *bench, size_t n)
{
    const struct mc *mc = bench->sim->mc;

    copy_variables(mc, bench->initial, bench->step, false, n);
    vm_run(bench->initial, n);
    for (size_t i = 0; i < mc->n_states; i++)
        copy_slot(bench->step, mc->states[i].slot, bench->initial, mc->states[i].init_slot, n);
}

static void take_step(struct bench *bench, unsigned step, uint64_t first, size_t n)
{
    const struct mc *mc = bench->sim->mc;

    draw(bench, bench->step, true, step, first, n);
    vm_run(bench->step, n);
    for (size_t i = 0; i < mc->n_states; i++)
        copy_slot(bench->step, mc->states[i].slot, bench->step, mc->states[i].next_slot, n);
}

/* All of a block's draws and sums, up to the outputs. false: stop was set. */
static bool work_out(struct bench *bench, uint64_t first, size_t n, const bool *stop)
{
    const struct mc *mc = bench->sim->mc;

    if (mc->n_steps == 0) {
        draw(bench, bench->vm, false, 0, first, n);
        vm_run(bench->vm, n);
        return true;
    }
    draw(bench, bench->step, false, 0, first, n);
    begin_steps(bench, n);
    for (unsigned step = 0; step < mc->n_steps; step++) {
        if (stopped(stop))
            return false;
        take_step(bench, step, first, n);
    }
    copy_variables(mc, bench->vm, bench->step, false, n);
    copy_variables(mc, bench->vm, bench->step, true, n);
    for (size_t i = 0; i < mc->n_states; i++)
        copy_slot(bench->vm, mc->states[i].slot, bench->step, mc->states[i].slot, n);
    vm_run(bench->vm, n);
    return true;
}

/* ---- trials without a number ---- */

/* Calls fn with each slot that must hold finite numbers: outputs, then probabilities. */
static void each_checked(const struct mc *mc,
                         void (*fn)(unsigned slot, const char *path, void *arg), void *arg)
{
    for (size_t i = 0; i < mc_n_outputs(mc); i++)
        fn(mc_output(mc, i)->slot, mc_output(mc, i)->path, arg);
    for (size_t i = 0; i < mc->n_asks; i++)
        if (mc->asks[i].type == MC_ASK_PROBABILITY)
            fn(mc->asks[i].slot, mc->asks[i].path, arg);
}

struct check {
    struct bench *bench;
    size_t n, n_bad;
    bool bad[BLOCK_TRIALS];
    const char *path; /* of the first that was not finite */
    size_t first;
};

static void check_slot(unsigned slot, const char *path, void *arg)
{
    struct check *check = arg;
    const double *values = vm_slot(check->bench->vm, slot);

    if (kernels()->all_finite(values, check->n))
        return;
    for (size_t i = 0; i < check->n; i++) {
        if (isfinite(values[i]) || check->bad[i])
            continue;
        check->bad[i] = true;
        check->n_bad++;
        if (!check->path || i < check->first) {
            check->path = path;
            check->first = i;
        }
    }
}

/* What a slot holds for the good trials: the slot itself when all are, else a copy in `room`. */
static const double *good_values(struct bench *bench, unsigned slot, const struct check *check,
                                 double *room)
{
    const double *values = vm_slot(bench->vm, slot);
    size_t n = 0;

    if (check->n_bad == 0)
        return values;
    for (size_t i = 0; i < check->n; i++)
        if (!check->bad[i])
            room[n++] = values[i];
    return room;
}

/* E_DOMAIN's own members. */
static struct json *domain_json(const struct check *check, uint64_t first,
                                const struct vm_fault *fault)
{
    struct json *json = json_object(), *operands = json_array();

    json_set_number(json, "fraction", (double)check->n_bad / (double)check->n);
    json_set_integer(json, "first_trial", (int64_t)(first + check->first));
    if (!fault) {
        json_free(operands);
        return json;
    }
    json_set_text(json, "op", vm_op_symbol(fault->op));
    for (size_t i = 0; i < vm_op_inputs(fault->op); i++)
        json_append(operands, json_new_number(fault->inputs[i]));
    json_set(json, "operands", operands);
    return json;
}

/* The first operation of the trial that made no number of numbers, in the outputs or in a step. */
static bool find_fault(struct bench *bench, uint64_t first, const struct check *check,
                       struct vm_fault *ret_fault)
{
    const struct mc *mc = bench->sim->mc;
    bool found = vm_find_fault(bench->vm, check->first, ret_fault);

    if (found || mc->n_steps == 0)
        return found;
    draw(bench, bench->step, false, 0, first, check->n);
    begin_steps(bench, check->n);
    for (unsigned step = 0; step < mc->n_steps && !found; step++) {
        draw(bench, bench->step, true, step, first, check->n);
        found = vm_find_fault(bench->step, check->first, ret_fault);
        if (!found)
            take_step(bench, step, first, check->n);
    }
    return found;
}

void bench_explain(struct bench *bench, uint64_t first, struct faults *faults)
{
    struct check check = {.bench = bench, .n = block_trials(bench->sim, first)};
    struct vm_fault fault;
    struct buf why;

    (void)work_out(bench, first, check.n, NULL);
    each_checked(bench->sim->mc, check_slot, &check);
    bool found = find_fault(bench, first, &check, &fault);
    bench->next = UINT64_MAX;
    buf_init(&why, 256);
    if (found) {
        buf_addf(&why, "; the first is '%s' of", vm_op_symbol(fault.op));
        for (size_t i = 0; i < vm_op_inputs(fault.op); i++)
            buf_addf(&why, "%s %.9g", i > 0 ? " and" : "", fault.inputs[i]);
    }
    fault_add(faults, FAULT_DOMAIN, (struct place){check.path, 0, 0}, NULL,
              "not a finite number in %zu of the trials %llu to %llu, first in trial %llu%s",
              check.n_bad, (unsigned long long)first, (unsigned long long)(first + check.n - 1),
              (unsigned long long)(first + check.first), why.at ? why.at : "");
    fault_attach(faults, domain_json(&check, first, found ? &fault : NULL));
    buf_deinit(&why);
}

/* ---- what is remembered ---- */

static void count_hits(struct bench *bench, const struct check *check)
{
    const struct mc *mc = bench->sim->mc;
    double room[BLOCK_TRIALS + KERNEL_PAD] __attribute__((aligned(64))) = {0};

    for (size_t i = 0; i < mc->n_asks; i++) {
        uint64_t *hits = bench->hits + i * REPLICATES;

        if (mc->asks[i].type != MC_ASK_PROBABILITY)
            continue;
        const double *values = good_values(bench, mc->asks[i].slot, check, room);
        if (!has_replicates(mc))
            hits[0] += kernels()->count_true(values, check->n - check->n_bad);
        for (size_t k = 0; has_replicates(mc) && k < check->n - check->n_bad; k++)
            hits[k % REPLICATES] += values[k] != 0;
    }
}

/* Places values at the block's place; where trials were dropped before, sim.c moves them together.
 */
static void keep(struct bench *bench, struct sim *sim, uint64_t first, const struct check *check,
                 struct moments *moments)
{
    const struct mc *mc = sim->mc;
    double room[BLOCK_TRIALS + KERNEL_PAD] __attribute__((aligned(64)));
    size_t n = check->n - check->n_bad, at = (size_t)(first - sim->first);
    bool in_pilot = sim->first == 0 && first + BLOCK_TRIALS <= PILOT_TRIALS;

    for (size_t i = 0; i < mc_n_outputs(mc); i++) {
        const double *values = good_values(bench, mc_output(mc, i)->slot, check, room);

        moments[i] = moments_of(values, n);
        if (sim->exact)
            samples_put(&sim->samples[i], at, values, n);
        else if (bench->bins[i])
            bins_add(bench->bins[i], values, n);
        if (in_pilot && sim->pilot_outputs[i])
            memcpy(sim->pilot_outputs[i] + at, values, n * sizeof(double));
    }
    for (size_t i = 0; in_pilot && i < mc->n_variables; i++)
        if (sim->pilot_inputs[i])
            memcpy(sim->pilot_inputs[i] + at,
                   good_values(bench, mc->variables[i].slot, check, room), n * sizeof(double));
}

bool bench_block(struct bench *bench, struct sim *sim, uint64_t first, const bool *stop,
                 struct tally *tally)
{
    struct check check = {.bench = bench, .n = block_trials(sim, first)};

    if (stopped(stop) || !work_out(bench, first, check.n, stop))
        return false;
    each_checked(sim->mc, check_slot, &check);
    tally->bad = check.n_bad > 0 && !sim->mc->drop_invalid;
    tally->n = (uint32_t)(check.n - check.n_bad);
    tally->n_dropped = (uint32_t)check.n_bad;
    tally->first_dropped = (uint32_t)check.first;
    if (tally->bad)
        return true;
    count_hits(bench, &check);
    keep(bench, sim, first, &check, tally->moments);
    return true;
}
