/* The simulation of a prediction: the only file of the kind that runs the engine.
 *
 * All trials are run at once, which takes less than a millisecond; what is shown of the way there
 * (after 1,000 trials, after 2,500, …) is made of the first so many values, in the order of trials.
 * One trial with given values ("what if") is worked out here from the names of the variables that
 * compile.c gave. */
#include "buf.h"
#include "json.h"
#include "predict.h"
#include "sim/drivers.h"
#include "sim/mc.h"
#include "sim/poly.h"
#include "sim/sim.h"
#include "text.h"

#define PARTIAL_BINS 32
#define LEVEL 0.95
#define DRIVER_TRIALS 1024 /* the least that the engine measures by */
#define P_MIN 0.000001

static const struct sim_how alone = {.n_threads = 1};

/* Variance by variable. Sorting all trials by each would take longer than all the rest, so the
 * first of them do. */
static bool find_drivers(struct prediction *prediction, struct faults *faults)
{
    CLEANUP(json_freep) struct json *model = json_copy(prediction->model);
    struct json *report = json_object();

    json_set_integer(model, "trials", DRIVER_TRIALS);
    json_set_bool(report, "drivers", true);
    json_set(model, "report", report);
    CLEANUP(mc_freep) struct mc *mc = mc_new(model, faults);
    CLEANUP(sim_freep) struct sim *sim = mc ? sim_new(mc) : NULL;
    if (!sim || !sim_run(sim, &alone, faults))
        return false;
    prediction->drivers = drivers_json(sim, 0);
    return true;
}

bool predict_run(struct prediction *prediction, struct faults *faults)
{
    CLEANUP(sim_freep) struct sim *sim = sim_new(prediction->mc);

    if (!sim_run(sim, &alone, faults) || !find_drivers(prediction, faults))
        return false;
    prediction->sim = STEAL(sim);
    prediction->run = sim_result(prediction->sim);
    return true;
}

/* ---- on the way ---- */

static struct json *histogram_json(const struct samples *sorted, const struct moments *moments)
{
    struct json *json = json_object(), *edges = json_array(), *counts = json_array();
    double width = (moments->max - moments->min) / PARTIAL_BINS;
    size_t below = 0;

    json_append(edges, json_new_number(moments->min));
    for (unsigned i = 1; i <= PARTIAL_BINS; i++) {
        double edge = i == PARTIAL_BINS ? moments->max : moments->min + i * width;
        size_t next = i == PARTIAL_BINS ? sorted->n : samples_below(sorted, edge);
        json_append(edges, json_new_number(edge));
        json_append(counts, json_new_integer((int64_t)(next - below)));
        below = next;
    }
    json_set(json, "edges", edges);
    json_set(json, "counts", counts);
    return json;
}

static struct json *percentiles_json(const struct samples *sorted)
{
    static const double percentiles[] = {5, 25, 50, 75, 95};
    struct json *array = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++) {
        struct json *row = json_object();
        json_set_number(row, "p", percentiles[i]);
        json_set_number(row, "value", samples_percentile(sorted, percentiles[i]));
        json_append(array, row);
    }
    return array;
}

struct json *predict_partial(struct sim *sim, size_t n)
{
    const double *values = sim_samples(sim, 0)->values;
    struct moments moments = moments_of(values, n);
    struct json *json = json_object();
    struct samples sorted;

    samples_init(&sorted, n);
    samples_add(&sorted, values, n);
    samples_sort(&sorted);
    json_set_text(json, "step", predict_step_id(4));
    json_set_integer(json, "n", (int64_t)n);
    json_set_text(json, "output", "probability");
    json_set_number(json, "mean", moments.mean);
    json_set_number(json, "half_width", student_margin(LEVEL, n - 1) * moments_se(&moments));
    json_set(json, "percentiles", percentiles_json(&sorted));
    json_set(json, "histogram", histogram_json(&sorted, &moments));
    samples_deinit(&sorted);
    return json;
}

/* ---- what if ---- */

/* The value of the variable of that name: prefix and rest, because many are looked up. */
static double value_of(const struct mc *mc, const double *values, struct span prefix,
                       const char *rest, double fallback)
{
    for (size_t i = 0; i < mc->n_variables; i++) {
        const char *name = mc->variables[i].name;
        if (strncmp(name, prefix.at, prefix.n) == 0 && strcmp(name + prefix.n, rest) == 0)
            return values[i];
    }
    return fallback;
}

/* effect_x * ln(ratio_x); the economy's ratio is a deviation already. */
static double effect_of(const struct mc *mc, const double *values, const char *what, double effect)
{
    double ratio = value_of(mc, values, SPAN("ratio_"), what, 1);

    return effect * (strcmp(what, "macro") == 0 ? ratio : poly_log(ratio));
}

static double score_of(const struct mc *mc, const double *values)
{
    double score = 0;

    for (size_t i = 0; i < mc->n_variables; i++) {
        const char *name = mc->variables[i].name;
        if (text_starts(span_of(name), "effect_"))
            score += effect_of(mc, values, name + strlen("effect_"), values[i]);
        else if (text_starts(span_of(name), "has_") || strcmp(name, "base_logit") == 0)
            score += values[i];
    }
    return score;
}

void predict_medians(const struct mc *mc, double *values)
{
    for (size_t i = 0; i < mc->n_variables; i++)
        values[i] = dist_quantile(&mc->variables[i].dist, 0.5);
}

static double within_bounds(double p)
{
    p = p < P_MIN ? P_MIN : p;
    return p > 1 - P_MIN ? 1 - P_MIN : p;
}

double predict_evaluate(const struct prediction *prediction, const double *values)
{
    const struct mc *mc = prediction->mc;
    double shift = value_of(mc, values, SPAN(""), "ensemble", 0);
    double p = 1 / (1 + poly_exp(-score_of(mc, values)));
    double tries = value_of(mc, values, SPAN(""), "attempts", 0) *
                   value_of(mc, values, SPAN("ratio_"), "time", 1);

    if (tries > 1)
        p = 1 - poly_power(1 - p, tries);
    p = within_bounds(p);
    p = prediction->extraction.negated ? 1 - p : p;
    return prediction->extraction.pool.n_answered > 0
               ? within_bounds(1 / (1 + (1 - p) / p * poly_exp(-shift)))
               : p;
}
