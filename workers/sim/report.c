/* What a simulation found, as JSON: the result of domain.md A3 and the snapshots on the way. Every
 * number carries its interval. Nothing here depends on time or machine; result_hash is the SHA-256
 * of the result's own bytes before it is added. */
#include <stdlib.h>

#include "bins.h"
#include "buf.h"
#include "drivers.h"
#include "fault.h"
#include "json.h"
#include "mc.h"
#include "poly.h"
#include "sim.h"

#define WIDE_PROBABILITY 0.1

static struct json *interval_json(struct interval interval)
{
    struct json *array = json_array();

    json_append(array, json_new_number(interval.low));
    json_append(array, json_new_number(interval.high));
    return array;
}

static struct json *mean_json(const struct sim *sim, size_t output)
{
    struct estimate mean = sim_mean(sim, output);
    struct json *json = json_object();

    json_set_number(json, "value", mean.value);
    json_set_number(json, "se", mean.se);
    json_set(json, "ci", interval_json(mean.ci));
    return json;
}

static struct json *percentile_json(struct sim *sim, size_t output, double p)
{
    struct json *json = json_object();

    json_set_number(json, "p", p);
    json_set_number(json, "value", sim_percentile(sim, output, p));
    json_set(json, "ci", interval_json(sim_percentile_interval(sim, output, p)));
    return json;
}

static void set_probability(struct json *json, const struct sim *sim, size_t ask)
{
    struct estimate probability = sim_probability(sim, ask);

    json_set_number(json, "value", probability.value);
    json_set(json, "ci", interval_json(probability.ci));
}

/* How many values are below the edge. */
static int64_t count_below(struct sim *sim, size_t output, double edge)
{
    const struct samples *samples = sim_samples(sim, output);

    return samples ? (int64_t)samples_below(samples, edge)
                   : (int64_t)poly_floor(bins_below(sim_bins(sim, output), edge) + 0.5);
}

struct json *sim_histogram(struct sim *sim, size_t output, unsigned bins)
{
    struct moments moments = sim_moments(sim, output);
    struct json *json = json_object(), *edges = json_array(), *counts = json_array();
    int64_t below = 0;

    /* All values equal: one bin. */
    if (moments.min == moments.max)
        bins = 1;
    json_append(edges, json_new_number(moments.min));
    for (unsigned i = 1; i <= bins; i++) {
        double part = (double)i / bins;
        double edge = i == bins ? moments.max : moments.min * (1 - part) + moments.max * part;
        int64_t next = i == bins ? (int64_t)sim_n(sim) : count_below(sim, output, edge);
        json_append(edges, json_new_number(edge));
        json_append(counts, json_new_integer(next - below));
        below = next;
    }
    json_set(json, "edges", edges);
    json_set(json, "counts", counts);
    return json;
}

/* The P(…) of asks that name this output. */
static struct json *probabilities_json(const struct sim *sim, size_t output)
{
    const struct mc *mc = sim_mc(sim);
    struct json *array = json_array();

    for (size_t i = 0; i < mc->n_asks; i++) {
        const struct mc_ask *ask = &mc->asks[i];
        if (ask->type != MC_ASK_PROBABILITY || !ask->mentions[output])
            continue;
        struct json *row = json_object();
        json_set_string(row, "expr", (struct span){ask->text.at + 2, ask->text.n - 3});
        set_probability(row, sim, i);
        json_append(array, row);
    }
    return array;
}

/* What was found at each look; no median where it would have cost more than the trials. */
static struct json *convergence_json(const struct sim *sim, size_t output)
{
    struct json *array = json_array();

    for (size_t i = 0; i < sim_n_looks(sim); i++) {
        struct look look = sim_look(sim, output, i);
        struct json *row = json_object();

        json_set_integer(row, "n", (int64_t)look.n);
        json_set_number(row, "mean", look.mean);
        json_set_number(row, "half_width", look.half_width);
        if (look.median == look.median)
            json_set_number(row, "p50", look.median);
        json_append(array, row);
    }
    return array;
}

static struct json *invalid_json(const struct sim *sim)
{
    struct json *json = json_object();

    json_set_integer(json, "n", (int64_t)sim_n_dropped(sim));
    json_set(json, "first",
             sim_n_dropped(sim) > 0 ? json_new_integer((int64_t)sim_first_dropped(sim))
                                    : json_new_null());
    return json;
}

/* The first values, in the order of trials. */
static struct json *samples_json(const struct sim *sim, size_t output)
{
    const double *values = sim_values(sim, output);
    uint64_t n = sim_is_exact(sim) ? sim_n(sim) : sim_n_pilot(sim);
    struct json *array = json_array();

    values = values ? values : sim_pilot_output(sim, output);
    for (uint64_t i = 0; i < n && i < sim_mc(sim)->n_reported_samples; i++)
        json_append(array, json_new_number(values[i]));
    return array;
}

static struct json *output_json(struct sim *sim, size_t output)
{
    const struct mc *mc = sim_mc(sim);
    struct moments moments = sim_moments(sim, output);
    struct json *json = json_object(), *percentiles = json_array();

    json_set(json, "mean", mean_json(sim, output));
    json_set_number(json, "sd", moments_sd(&moments));
    json_set_number(json, "min", moments.min);
    json_set_number(json, "max", moments.max);
    for (size_t i = 0; i < mc->n_percentiles; i++)
        json_append(percentiles, percentile_json(sim, output, mc->percentiles[i]));
    json_set(json, "percentiles", percentiles);
    if (mc->histogram_bins > 0)
        json_set(json, "histogram", sim_histogram(sim, output, mc->histogram_bins));
    json_set(json, "P", probabilities_json(sim, output));
    json_set(json, "convergence", convergence_json(sim, output));
    if (mc->drivers)
        json_set(json, "drivers", drivers_json(sim, output));
    if (mc->drop_invalid)
        json_set(json, "invalid", invalid_json(sim));
    if (mc->n_reported_samples > 0)
        json_set(json, "samples", samples_json(sim, output));
    return json;
}

/* The questions in their order, each with its answer. */
static struct json *asked_json(struct sim *sim)
{
    const struct mc *mc = sim_mc(sim);
    /* Those that only rules name come last, and nobody asked. */
    size_t n_asked = json_length(json_get(mc->document, "ask"));
    struct json *array = json_array();

    for (size_t i = 0; i < n_asked; i++) {
        const struct mc_ask *ask = &mc->asks[i];
        struct json *row = NULL;

        switch (ask->type) {
        case MC_ASK_PROBABILITY:
            row = json_object();
            set_probability(row, sim, i);
            break;
        case MC_ASK_PERCENTILE: row = percentile_json(sim, ask->output, ask->percentile); break;
        case MC_ASK_MEAN: row = mean_json(sim, ask->output); break;
        case MC_ASK_SD: {
            struct moments moments = sim_moments(sim, ask->output);
            row = json_object();
            json_set_number(row, "value", moments_sd(&moments));
            break;
        }
        }
        json_set_string(row, "ask", ask->text);
        json_append(array, row);
    }
    return array;
}

static void set_digest(struct json *json, const char *key, const unsigned char digest[DIGEST_BYTES])
{
    char text[DIGEST_TEXT_BYTES];

    digest_text(digest, text);
    json_set_text(json, key, text);
}

/* The model's own, and intervals that leave an answer open. */
static struct json *warnings_json(const struct sim *sim)
{
    const struct mc *mc = sim_mc(sim);
    struct json *array = mc_warnings(mc);
    struct faults faults = {0};

    for (size_t i = 0; i < mc->n_asks; i++) {
        if (mc->asks[i].type != MC_ASK_PROBABILITY)
            continue;
        struct interval ci = sim_probability(sim, i).ci;
        if (ci.high - ci.low > WIDE_PROBABILITY)
            fault_add(&faults, FAULT_W_CI_WIDE, (struct place){mc->asks[i].path, 0, 0}, NULL,
                      "the interval is %.3g wide: ask for more trials", ci.high - ci.low);
    }
    struct json *more = faults_json(&faults);
    for (size_t i = 0; i < json_length(more); i++)
        json_append(array, json_copy(json_at(more, i)));
    json_free(more);
    faults_deinit(&faults);
    return array;
}

static const char *const method_names[] = {
    [MC_PCG] = "pcg", [MC_ANTITHETIC] = "antithetic", [MC_LHS] = "lhs", [MC_SOBOL] = "sobol"};

struct json *sim_result(struct sim *sim)
{
    const struct mc *mc = sim_mc(sim);
    struct json *json = json_object(), *outputs = json_object();
    unsigned char digest[DIGEST_BYTES];

    for (size_t i = 0; i < mc_n_outputs(mc); i++)
        json_set(outputs, mc_output(mc, i)->name, output_json(sim, i));
    json_set(json, "outputs", outputs);
    json_set(json, "asked", asked_json(sim));
    json_set(json, "resolved", mc_resolved(mc));
    json_set_integer(json, "trials", (int64_t)sim_done(sim));
    json_set_text(json, "method", method_names[mc->method]);
    json_set_text(json, "percentiles", sim_is_exact(sim) ? "exact" : "binned");
    if (mc->n_rules > 0)
        json_set_bool(json, "rules_hold", sim_rules_hold(sim));
    json_set_number(json, "ci", mc->level);
    json_set_integer(json, "cost_units", (int64_t)mc->cost_units);
    json_set(json, "warnings", warnings_json(sim));
    json_set_text(json, "seed", mc->seed);
    json_set_text(json, "rng", MC_RNG);
    json_set_text(json, "engine", MC_ENGINE);
    set_digest(json, "model_hash", mc->model_digest);
    CLEANUP(charp_freep) char *text = json_text(json);
    sha256(span_of(text), digest);
    set_digest(json, "result_hash", digest);
    return json;
}

static struct json *snapshot(struct sim *sim, size_t output)
{
    static const double percentiles[] = {5, 25, 50, 75, 95};
    struct estimate mean = sim_mean(sim, output);
    struct json *json = json_object(), *array = json_array();

    json_set_number(json, "mean", mean.value);
    json_set_number(json, "half_width", (mean.ci.high - mean.ci.low) / 2);
    for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++) {
        struct json *row = json_object();
        json_set_number(row, "p", percentiles[i]);
        json_set_number(row, "value", sim_percentile(sim, output, percentiles[i]));
        json_append(array, row);
    }
    json_set(json, "percentiles", array);
    return json;
}

struct json *sim_partial(struct sim *sim)
{
    const struct mc *mc = sim_mc(sim);
    struct json *json = snapshot(sim, 0), *outputs = json_object();

    json_set_integer(json, "n", (int64_t)sim_done(sim));
    json_set_text(json, "output", mc_output(mc, 0)->name);
    for (size_t i = 0; i < mc_n_outputs(mc); i++)
        json_set(outputs, mc_output(mc, i)->name, snapshot(sim, i));
    json_set(json, "outputs", outputs);
    return json;
}
