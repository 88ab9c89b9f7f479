/* The engine's side of `tools/bench montecarlo`: the fastest of many turns of each piece, a line of
 * JSON. PARLEY_BENCH_KERNELS names the instruction set; only this program reads it. */
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "error.h"
#include "json.h"
#include "sim/dist.h"
#include "sim/fault.h"
#include "sim/kernels.h"
#include "sim/mc.h"
#include "sim/sampler.h"
#include "sim/sim.h"

#define DRAWS 4000000
#define LARGE 10000000
#define SMALL 10000

#define MODEL                                                                                      \
    "{\"variables\":{\"price\":{\"dist\":\"lognormal\",\"mu\":3.05,\"sigma\":0.21},"               \
    "\"volume\":{\"dist\":\"normal\",\"mean\":1000,\"sd\":150},"                                   \
    "\"cost\":{\"dist\":\"triangular\",\"min\":5,\"mode\":8,\"max\":14},"                          \
    "\"fee\":{\"dist\":\"uniform\",\"min\":0,\"max\":100},"                                        \
    "\"rent\":{\"dist\":\"normal\",\"mean\":8000,\"sd\":500}},"                                    \
    "\"outputs\":{\"profit\":\"volume*(price-cost)-rent-fee\"},"                                   \
    "\"ask\":[\"P(profit > 0)\"],\"report\":{\"histogram\":64},\"trials\":%d}"

static struct json *json_of(const char *text)
{
    struct json *json = NULL;
    struct error error;

    if (json_parse(span_of(text), NULL, &json, &error) != 0)
        abort();
    return json;
}

static struct mc *model_new(int n_trials)
{
    CLEANUP(charp_freep) char *text = xprintf(MODEL, n_trials);
    CLEANUP(json_freep) struct json *json = json_of(text);
    struct faults faults = {0};
    struct mc *mc = mc_new(json, &faults);

    if (!mc)
        abort();
    return mc;
}

static double now_s(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Normal draws into a block that stays in the cache, as the engine takes them. */
static double draws(void)
{
    static double units[BLOCK_TRIALS] __attribute__((aligned(64)));
    static double x[BLOCK_TRIALS] __attribute__((aligned(64)));
    CLEANUP(json_freep)
    struct json *json = json_of("{\"dist\":\"normal\",\"mean\":10,\"sd\":2}");
    struct faults faults = {0};
    struct dist dist;
    struct pcg stream;

    if (!dist_read(json, "", &faults, &dist))
        abort();
    struct sampler *sampler = sampler_new(&dist);
    pcg_init(&stream, 1, 2);
    double begun = now_s();
    for (size_t i = 0; i < DRAWS; i += BLOCK_TRIALS) {
        kernels()->units(&stream.state, stream.increment, units, BLOCK_TRIALS);
        sampler_block(sampler, units, x, BLOCK_TRIALS);
    }
    double taken = now_s() - begun;
    sampler = sampler_free(sampler);
    return taken / DRAWS;
}

/* All trials, then moments, percentiles with intervals, and a histogram, as JSON. */
static double model(const struct mc *mc, unsigned n_threads)
{
    struct faults faults = {0};
    double begun = now_s();
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);

    if (!sim_run(sim, &(struct sim_how){.n_threads = n_threads}, &faults))
        abort();
    json_free(sim_result(sim));
    return now_s() - begun;
}

/* What NumPy's side does, and intervals: trials, moments, percentiles, probability, histogram. */
static double small_run(const struct mc *mc)
{
    struct faults faults = {0};
    double begun = now_s();
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);

    if (!sim_run(sim, &(struct sim_how){.n_threads = 1}, &faults))
        abort();
    const struct samples *samples = sim_samples(sim, 0);
    for (size_t i = 0; i < mc->n_percentiles; i++) {
        (void)samples_percentile(samples, mc->percentiles[i]);
        (void)samples_percentile_interval(samples, mc->percentiles[i], mc->level);
    }
    json_free(sim_histogram(sim, 0, 64));
    return now_s() - begun;
}

/* Drawing alone. */
static double trials(const struct mc *mc, unsigned n_threads)
{
    struct faults faults = {0};
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);
    double begun = now_s();

    if (!sim_run(sim, &(struct sim_how){.n_threads = n_threads}, &faults))
        abort();
    return now_s() - begun;
}

/* From the text of the model to the text of the result. */
static double job(void)
{
    double begun = now_s();
    struct mc *mc = model_new(SMALL);

    (void)model(mc, 1);
    mc = mc_free(mc);
    return now_s() - begun;
}

static double lower(double a, double b)
{
    return a < b ? a : b;
}

int main(void)
{
    const char *name = getenv("PARLEY_BENCH_KERNELS");
    const struct kernels *set = name ? kernels_named(name) : kernels();
    struct mc *mc = model_new(LARGE), *mc_small = model_new(SMALL);
    double draw = 1, one = 1e9, two = 1e9, small = 1, engine = 1, run_one = 1e9, run_two = 1e9;

    if (!set) {
        fprintf(stderr, "bench-montecarlo: this machine has no %s\n", name);
        return 1;
    }
    kernels_use(set);
    for (int i = 0; i < 40; i++)
        draw = lower(draw, draws());
    for (int i = 0; i < 5; i++) {
        one = lower(one, model(mc, 1));
        two = lower(two, model(mc, 2));
        run_one = lower(run_one, trials(mc, 1));
        run_two = lower(run_two, trials(mc, 2));
    }
    for (int i = 0; i < 2000; i++) {
        small = lower(small, job());
        engine = lower(engine, small_run(mc_small));
    }
    mc = mc_free(mc);
    mc_small = mc_free(mc_small);
    printf("{\"kernels\":\"%s\",\"normal_ns\":%.4f,\"model_ns\":%.4f,\"model_two_ns\":%.4f,"
           "\"two_threads\":%.3f,\"job_us\":%.2f,\"job_text_us\":%.2f}\n",
           set->name, draw * 1e9, one / LARGE * 1e9, two / LARGE * 1e9, run_one / run_two,
           engine * 1e6, small * 1e6);
    return 0;
}
