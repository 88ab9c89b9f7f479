/* What a run costs, known before it begins, and what the reader is warned of.
 *
 * The unit is an addition over one trial. The price of a model is that of all its trials: a stop
 * rule or a dropped trial makes a run cheaper, nothing makes it dearer. */
#include "dist.h"
#include "fault.h"
#include "json.h"
#include "mc_parts.h"
#include "vm.h"

#define OUTPUT_COST 6        /* moments, and its place in the sorted samples */
#define ASK_COST 1           /* of a probability: counting */
#define COST_MAX INT64_MAX   /* what JSON carries */
#define SECONDS_A_UNIT 5e-10 /* measured: one thread, vectors of 256 bits */
#define WIDE_SIGMA 2.0       /* the p95 of such a lognormal is 700 times its p5 */

static uint64_t cost_of_trial(const struct mc *mc)
{
    uint64_t once = program_cost(mc->program) + program_cost(mc->initial);
    uint64_t each_step = program_cost(mc->step);

    for (size_t i = 0; i < mc->n_variables; i++) {
        uint64_t cost = dist_cost(&mc->variables[i].dist);
        if (mc->variables[i].redrawn)
            each_step += cost;
        else
            once += cost;
    }
    for (size_t i = 0; i < mc->n_states; i++)
        each_step++;
    /* z = factor * normals */
    once += mc->n_correlated * (mc->n_correlated + 1);
    once += mc_n_outputs(mc) * OUTPUT_COST + mc->n_asks * ASK_COST;
    return once + mc->n_steps * each_step;
}

void mc_price(struct mc *mc, struct faults *faults)
{
    uint64_t each = cost_of_trial(mc);

    mc->cost_units = mc->trials <= COST_MAX / (each + 1) ? mc->trials * each : COST_MAX;
    if (mc->budget_units == 0 || mc->cost_units <= mc->budget_units || mc->dry_run)
        return;
    CLEANUP(charp_freep)
    char *expected = xprintf("at least %llu", (unsigned long long)mc->cost_units);
    CLEANUP(charp_freep) char *got = xprintf("%llu", (unsigned long long)mc->budget_units);
    fault_add_detail(faults, FAULT_BUDGET, (struct place){"/budget/cost_units", 0, 0},
                     (struct fault_detail){"fewer trials, or a larger budget", expected, got},
                     "the run may cost %llu units, the budget is %llu",
                     (unsigned long long)mc->cost_units, (unsigned long long)mc->budget_units);
}

static void warn_unused(struct mc *mc)
{
    for (size_t i = 0; i < mc->n_variables; i++) {
        CLEANUP(charp_freep) char *path = pointer_join("/variables", mc->variables[i].name);
        if (!mc->variables[i].used)
            fault_add(mc->warnings, FAULT_W_UNUSED, (struct place){path, 0, 0}, NULL,
                      "no expression names this variable");
    }
    for (size_t i = 0; i < mc->n_states; i++) {
        CLEANUP(charp_freep) char *path = pointer_join("/steps/state", mc->states[i].name);
        if (!mc->states[i].used)
            fault_add(mc->warnings, FAULT_W_UNUSED, (struct place){path, 0, 0}, NULL,
                      "no expression but its own names this state");
    }
    for (size_t i = 0; i < mc->n_lets; i++)
        if (!mc->definitions[i].used)
            fault_add(mc->warnings, FAULT_W_UNUSED, (struct place){mc->definitions[i].path, 0, 0},
                      NULL, "no expression names this let");
}

void mc_warn(struct mc *mc)
{
    for (size_t i = 0; i < mc->n_variables; i++) {
        const struct dist *dist = &mc->variables[i].dist;
        CLEANUP(charp_freep) char *path = pointer_join("/variables", mc->variables[i].name);
        struct place place = {path, 0, 0};
        const char *heavy = dist_heavy_tail(dist);
        double sigma = dist_lognormal_sigma(dist);

        if (heavy)
            fault_add(mc->warnings, FAULT_W_HEAVY_TAIL, place, "ask for percentiles, or truncate",
                      "%s", heavy);
        if (sigma > WIDE_SIGMA)
            fault_add(mc->warnings, FAULT_W_WIDE_LOGNORMAL, place, NULL,
                      "very wide: sigma is %.3g, so a few trials decide the mean", sigma);
    }
    warn_unused(mc);
}

struct json *mc_warnings(const struct mc *mc)
{
    return faults_json(mc->warnings);
}

struct json *mc_dry_run(const struct mc *mc)
{
    struct json *json = json_object();
    double units = (double)mc->cost_units;

    for (size_t i = 0; i < mc->n_variables; i++)
        units += dist_setup_cost(&mc->variables[i].dist);
    json_set_integer(json, "cost_units", (int64_t)mc->cost_units);
    json_set_number(json, "seconds_estimate", units * SECONDS_A_UNIT);
    json_set_integer(json, "trials", (int64_t)mc->trials);
    if (mc->budget_units > 0)
        json_set_bool(json, "over_budget", mc->cost_units > mc->budget_units);
    json_set(json, "resolved", mc_resolved(mc));
    json_set(json, "warnings", mc_warnings(mc));
    return json;
}
