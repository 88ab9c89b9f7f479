#pragma once
/* One trial of a model worked out the plain way, by what mc.h says of its programs. */

#include <stdlib.h>

#include "sim/dist.h"
#include "sim/mc.h"
#include "sim/vm.h"

struct mc_try {
    struct vm *initial, *step, *end;
};

static inline void try_set(const struct mc_try *at, unsigned slot, double x)
{
    vm_slot(at->initial, slot)[0] = x;
    vm_slot(at->step, slot)[0] = x;
    vm_slot(at->end, slot)[0] = x;
}

/* All variables, or those drawn anew in a step; variable i at the unit units[i]. */
static inline void try_draw(const struct mc *mc, const struct mc_try *at, const double *units,
                            bool all)
{
    for (size_t i = 0; i < mc->n_variables; i++)
        if (all || mc->variables[i].redrawn)
            try_set(at, mc->variables[i].slot, dist_quantile(&mc->variables[i].dist, units[i]));
}

static inline void try_steps(const struct mc *mc, const struct mc_try *at, const double *units)
{
    for (size_t i = 0; i < mc->n_states; i++)
        try_set(at, mc->states[i].slot, vm_slot(at->initial, mc->states[i].init_slot)[0]);
    for (unsigned i = 0; i < mc->n_steps; i++) {
        try_draw(mc, at, units, false);
        vm_run(at->step, 1);
        for (size_t j = 0; j < mc->n_states; j++)
            try_set(at, mc->states[j].slot, vm_slot(at->step, mc->states[j].next_slot)[0]);
    }
}

static inline struct mc_try mc_try_new(const struct mc *mc, const double *units)
{
    struct mc_try at = {vm_new(mc->initial), vm_new(mc->step), vm_new(mc->program)};

    try_draw(mc, &at, units, true);
    vm_run(at.initial, 1);
    try_steps(mc, &at, units);
    vm_run(at.end, 1);
    return at;
}

static inline void mc_try_free(struct mc_try *at)
{
    at->initial = vm_free(at->initial);
    at->step = vm_free(at->step);
    at->end = vm_free(at->end);
}

static inline double mc_try_output(const struct mc *mc, const struct mc_try *at, size_t i)
{
    return vm_slot(at->end, mc_output(mc, i)->slot)[0];
}
