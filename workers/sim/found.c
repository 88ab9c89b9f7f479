/* What a simulation found, as far as it is: readers of struct sim for summary.c and report.c. */
#include <stdlib.h>

#include "sim_private.h"

const struct mc *sim_mc(const struct sim *sim)
{
    return sim->mc;
}

uint64_t sim_done(const struct sim *sim)
{
    return __atomic_load_n(&sim->done, __ATOMIC_RELAXED);
}

uint64_t sim_trials(const struct sim *sim)
{
    return sim->trials;
}

bool sim_over(const struct sim *sim)
{
    return sim->rules_hold || sim->done == sim->trials;
}

bool sim_rules_hold(const struct sim *sim)
{
    return sim->rules_hold;
}

uint64_t sim_n(const struct sim *sim)
{
    return sim->done - sim->first - sim->n_dropped;
}

uint64_t sim_n_dropped(const struct sim *sim)
{
    return sim->n_dropped;
}

uint64_t sim_first_dropped(const struct sim *sim)
{
    return sim->first_dropped;
}

struct moments sim_moments(const struct sim *sim, size_t output)
{
    return moments_merge(sim->total[output], sim->segment[output]);
}

uint64_t sim_replicate_hits(const struct sim *sim, size_t ask, size_t replicate)
{
    return sim->hits[ask * REPLICATES + replicate];
}

uint64_t sim_hits(const struct sim *sim, size_t ask)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < REPLICATES; i++)
        sum += sim_replicate_hits(sim, ask, i);
    return sum;
}

struct replicate sim_replicate(const struct sim *sim, size_t output, size_t replicate)
{
    struct replicate found = {0};
    double sum = 0;

    if (!has_replicates(sim->mc) || sim->n_dropped > 0)
        return found;
    for (uint64_t i = replicate; i < sim_n(sim); i += REPLICATES) {
        sum += sim->samples[output].values[i];
        found.n++;
    }
    found.mean = found.n > 0 ? sum / (double)found.n : 0;
    return found;
}

bool sim_is_exact(const struct sim *sim)
{
    return sim->exact;
}

const struct samples *sim_samples(struct sim *sim, size_t output)
{
    if (!sim->exact)
        return NULL;
    samples_sort(&sim->samples[output]);
    return &sim->samples[output];
}

const double *sim_values(const struct sim *sim, size_t output)
{
    return sim->exact ? sim->samples[output].values : NULL;
}

const struct bins *sim_bins(const struct sim *sim, size_t output)
{
    return sim->bins[output];
}

size_t sim_n_pilot(const struct sim *sim)
{
    return sim->n_pilot;
}

const double *sim_pilot_input(const struct sim *sim, size_t variable)
{
    return sim->pilot_inputs[variable];
}

const double *sim_pilot_output(const struct sim *sim, size_t output)
{
    return sim->exact ? sim->samples[output].values : sim->pilot_outputs[output];
}

size_t sim_n_looks(const struct sim *sim)
{
    return sim->n_looks;
}

struct look sim_look(const struct sim *sim, size_t output, size_t i)
{
    return sim->looks[i * mc_n_outputs(sim->mc) + output];
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
