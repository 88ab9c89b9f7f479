#pragma once
/* A prediction as the kind predict makes it by rules, without a fleet. */

#include <check.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "kinds/predict/predict.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/sim.h"

static inline char *normalised(const char *text)
{
    struct buf out;

    buf_init(&out, PREDICT_TEXT_MAX_BYTES);
    predict_normalise(span_of(text), &out);
    return buf_steal(&out);
}

/* Everything from text to result, as predict.c does it. NULL: refused, error says why. */
static inline struct json *predicted(const char *goal_text, const char *context_text,
                                     struct error *error)
{
    CLEANUP(charp_freep) char *goal = normalised(goal_text);
    CLEANUP(charp_freep) char *context = normalised(context_text);
    CLEANUP(charp_freep) char *seed = NULL;
    struct prediction prediction = {.goal = span_of(goal), .context = span_of(context)};
    struct json *steps = json_array();
    struct faults faults = {0};

    if (predict_extract(prediction.goal, prediction.context, &prediction.extraction, error) < 0)
        return json_free(steps);
    prediction.extraction.degraded = "rules_only";
    seed = predict_seed(prediction.goal, prediction.context, &prediction.extraction,
                        &prediction.macro, SPAN(""));
    prediction.model = predict_model(&prediction.extraction, &prediction.macro, seed);
    prediction.mc = mc_new(prediction.model, &faults);
    ck_assert_msg(prediction.mc != NULL, "%s: %s", goal_text,
                  faults.n > 0 ? faults.at[0].message : "");
    ck_assert(predict_run(&prediction, &faults));
    for (unsigned n = 1; n <= PREDICT_STEPS; n++)
        json_append(steps, predict_step(&prediction, n));
    struct json *result = predict_result(&prediction, steps);
    prediction.drivers = json_free(prediction.drivers);
    prediction.run = json_free(prediction.run);
    prediction.sim = sim_free(prediction.sim);
    prediction.mc = mc_free(prediction.mc);
    prediction.model = json_free(prediction.model);
    return result;
}
