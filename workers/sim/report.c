/* What a simulation found, as JSON: the result of domain.md A3 and the snapshots on the way. Every
 * number carries its interval. Nothing here depends on time or machine; result_hash is the SHA-256
 * of the result's own bytes before it is added. */
#include "buf.h"
#include "fault.h"
#include "json.h"
#include "mc.h"
#include "sim.h"

static struct json *pair(double low, double high)
{
    struct json *array = json_array();

    json_append(array, json_new_number(low));
    json_append(array, json_new_number(high));
    return array;
}

static struct json *mean_json(const struct moments *moments, double level)
{
    struct json *json = json_object();
    double se = moments_se(moments), margin = student_margin(level, moments->n - 1) * se;

    json_set_number(json, "value", moments->mean);
    json_set_number(json, "se", se);
    json_set(json, "ci", pair(moments->mean - margin, moments->mean + margin));
    return json;
}

static struct json *percentile_json(const struct samples *samples, double p, double level)
{
    struct json *json = json_object();
    struct interval interval = samples_percentile_interval(samples, p, level);

    json_set_number(json, "p", p);
    json_set_number(json, "value", samples_percentile(samples, p));
    json_set(json, "ci", pair(interval.low, interval.high));
    return json;
}

static void set_probability(struct json *json, uint64_t hits, uint64_t n, double level)
{
    struct interval interval = wilson(hits, n, level);

    json_set_number(json, "value", (double)hits / (double)n);
    json_set(json, "ci", pair(interval.low, interval.high));
}

struct json *sim_histogram(struct sim *sim, size_t output, unsigned bins)
{
    const struct samples *samples = sim_samples(sim, output);
    struct moments moments = sim_moments(sim, output);
    struct json *json = json_object(), *edges = json_array(), *counts = json_array();
    size_t below = 0;

    /* All values equal: one bin. */
    if (moments.min == moments.max)
        bins = 1;
    json_append(edges, json_new_number(moments.min));
    for (unsigned i = 1; i <= bins; i++) {
        double part = (double)i / bins;
        double edge = i == bins ? moments.max : moments.min * (1 - part) + moments.max * part;
        size_t next = i == bins ? samples->n : samples_below(samples, edge);
        json_append(edges, json_new_number(edge));
        json_append(counts, json_new_integer((int64_t)(next - below)));
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
        set_probability(row, sim_hits(sim, i), sim_done(sim), mc->level);
        json_append(array, row);
    }
    return array;
}

static struct json *output_json(struct sim *sim, size_t output)
{
    const struct mc *mc = sim_mc(sim);
    struct moments moments = sim_moments(sim, output);
    const struct samples *samples = sim_samples(sim, output);
    struct json *json = json_object(), *percentiles = json_array();

    json_set(json, "mean", mean_json(&moments, mc->level));
    json_set_number(json, "sd", moments_sd(&moments));
    json_set_number(json, "min", moments.min);
    json_set_number(json, "max", moments.max);
    for (size_t i = 0; i < mc->n_percentiles; i++)
        json_append(percentiles, percentile_json(samples, mc->percentiles[i], mc->level));
    json_set(json, "percentiles", percentiles);
    if (mc->histogram_bins > 0)
        json_set(json, "histogram", sim_histogram(sim, output, mc->histogram_bins));
    json_set(json, "P", probabilities_json(sim, output));
    return json;
}

/* The questions in their order, each with its answer. */
static struct json *asked_json(struct sim *sim)
{
    const struct mc *mc = sim_mc(sim);
    struct json *array = json_array();

    for (size_t i = 0; i < mc->n_asks; i++) {
        const struct mc_ask *ask = &mc->asks[i];
        struct json *row = NULL;

        switch (ask->type) {
        case MC_ASK_PROBABILITY:
            row = json_object();
            set_probability(row, sim_hits(sim, i), sim_done(sim), mc->level);
            break;
        case MC_ASK_PERCENTILE:
            row = percentile_json(sim_samples(sim, ask->output), ask->percentile, mc->level);
            break;
        case MC_ASK_MEAN: {
            struct moments moments = sim_moments(sim, ask->output);
            row = mean_json(&moments, mc->level);
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
    json_set_number(json, "ci", mc->level);
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
    const struct mc *mc = sim_mc(sim);
    struct moments moments = sim_moments(sim, output);
    struct json *json = json_object(), *array = json_array();

    json_set_number(json, "mean", moments.mean);
    json_set_number(json, "half_width",
                    student_margin(mc->level, moments.n - 1) * moments_se(&moments));
    for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++) {
        struct json *row = json_object();
        json_set_number(row, "p", percentiles[i]);
        json_set_number(row, "value", samples_percentile(sim_samples(sim, output), percentiles[i]));
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
