#pragma once
/* The probability of an extraction, as its model gives it. */

#include <check.h>

#include "json.h"
#include "kinds/predict/predict.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/sim.h"

static inline double mean_of(const struct extraction *extraction)
{
    const struct macro none = {0};
    struct faults faults = {0};
    CLEANUP(json_freep) struct json *model = predict_model(extraction, &none, "mean");
    CLEANUP(mc_freep) struct mc *mc = mc_new(model, &faults);

    ck_assert_ptr_nonnull(mc);
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);
    const struct sim_how how = {.n_threads = 1};
    ck_assert(sim_run(sim, &how, &faults));
    return sim_moments(sim, 0).mean;
}
