/* The engine: blocks given to threads, merged in index order, looked at after 4,096 x 2^k trials.
 *
 * Threads take blocks of a stretch that ends at a segment's end or a look; what they found is
 * merged by the caller's thread when the stretch is done, so that nothing depends on who was
 * quicker. A block's draws are found by the trial's index alone. Values go to their place at once;
 * only where trials were dropped they are moved together, in order. */
#include "sim.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "bins.h"
#include "fault.h"
#include "json.h"
#include "sampler.h"
#include "sim_private.h"

#define BLOCKS_AT_ONCE 4
#define STRETCH_MOMENTS 65536 /* blocks x outputs of a stretch, at most about so many */

/* ---- life ---- */

static struct sampler *new_normal(struct dist *dist)
{
    CLEANUP(json_freep) struct json *json = NULL;
    struct faults faults = {0};

    if (json_parse(SPAN("{\"dist\":\"normal\",\"mean\":0,\"sd\":1}"), NULL, &json, NULL) != 0 ||
        !dist_read(json, "", &faults, dist))
        abort();
    return sampler_new(dist);
}

static void init_arrays(struct sim *sim)
{
    const struct mc *mc = sim->mc;
    size_t n_outputs = mc_n_outputs(mc);
    uint64_t n = sim->trials - sim->first, n_pilot = n < PILOT_TRIALS ? n : PILOT_TRIALS;

    sim->total = xcalloc(n_outputs, sizeof(sim->total[0]));
    sim->segment = xcalloc(n_outputs, sizeof(sim->segment[0]));
    sim->hits = xcalloc(mc->n_asks * REPLICATES + 1, sizeof(sim->hits[0]));
    sim->samples = xcalloc(n_outputs, sizeof(sim->samples[0]));
    sim->bins = xcalloc(n_outputs, sizeof(struct bins *));
    sim->pilot_inputs = xcalloc(mc->n_variables + 1, sizeof(double *));
    sim->pilot_outputs = xcalloc(n_outputs, sizeof(double *));
    for (size_t i = 0; i < n_outputs && sim->exact; i++)
        samples_init(&sim->samples[i], n);
    if (sim->is_part)
        return;
    for (size_t i = 0; i < n_outputs && !sim->exact; i++)
        sim->pilot_outputs[i] = xcalloc(n_pilot + BLOCK_TRIALS, sizeof(double));
    for (size_t i = 0; i < mc->n_variables && mc->drivers; i++)
        if (!mc->variables[i].redrawn)
            sim->pilot_inputs[i] = xcalloc(n_pilot + BLOCK_TRIALS, sizeof(double));
}

static struct sim *new_range(const struct mc *mc, uint64_t first, uint64_t end, bool is_part)
{
    struct sim *sim = xcalloc(1, sizeof(*sim));

    sim->mc = mc;
    sim->first = sim->done = first;
    sim->trials = end;
    sim->is_part = is_part;
    sim->exact = mc->trials <= MC_KEPT_MAX / mc_n_outputs(mc);
    sim->samplers = xcalloc(mc->n_variables + 1, sizeof(struct sampler *));
    for (size_t i = 0; i < mc->n_variables; i++)
        sim->samplers[i] = sampler_new(&mc->variables[i].dist);
    if (mc->n_correlated > 0)
        sim->normal = new_normal(&sim->normal_dist);
    init_arrays(sim);
    return sim;
}

struct sim *sim_new(const struct mc *mc)
{
    return new_range(mc, 0, mc->trials, false);
}

struct sim *sim_new_part(const struct mc *mc, uint64_t first_segment, uint64_t n_segments)
{
    uint64_t first = first_segment * SEGMENT_TRIALS, end = first + n_segments * SEGMENT_TRIALS;

    assert(first < mc->trials);
    return new_range(mc, first, end < mc->trials ? end : mc->trials, true);
}

struct sim *sim_free(struct sim *sim)
{
    if (!sim)
        return NULL;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++) {
        samples_deinit(&sim->samples[i]);
        sim->bins[i] = bins_free(sim->bins[i]);
        free(sim->pilot_outputs[i]);
    }
    for (size_t i = 0; i < sim->mc->n_variables; i++) {
        sim->samplers[i] = sampler_free(sim->samplers[i]);
        free(sim->pilot_inputs[i]);
    }
    if (sim->normal)
        dist_deinit(&sim->normal_dist);
    sim->normal = sampler_free(sim->normal);
    free(sim->samplers);
    free(sim->total);
    free(sim->segment);
    free(sim->rows);
    free(sim->hits);
    free(sim->samples);
    free(sim->bins);
    free(sim->pilot_inputs);
    free(sim->pilot_outputs);
    free(sim->looks);
    free(sim);
    return NULL;
}

/* ---- merging ---- */

static void close_segment(struct sim *sim)
{
    size_t n_outputs = mc_n_outputs(sim->mc);

    if (sim->is_part) {
        sim->rows = xrealloc(sim->rows, (sim->n_rows + 1) * n_outputs * sizeof(sim->rows[0]));
        memcpy(sim->rows + sim->n_rows++ * n_outputs, sim->segment,
               n_outputs * sizeof(sim->rows[0]));
    }
    for (size_t i = 0; i < n_outputs; i++) {
        sim->total[i] = moments_merge(sim->total[i], sim->segment[i]);
        sim->segment[i] = (struct moments){0};
    }
}

/* Values of a block stand at its place, but earlier ones were dropped: they go next to those. */
static void move_together(struct sim *sim, uint64_t first, size_t n)
{
    size_t from = (size_t)(first - sim->first), to = (size_t)(sim_n(sim));

    if (from == to)
        return;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++) {
        if (sim->exact)
            memmove(sim->samples[i].values + to, sim->samples[i].values + from, n * sizeof(double));
        if (sim->pilot_outputs[i] && first + BLOCK_TRIALS <= PILOT_TRIALS)
            memmove(sim->pilot_outputs[i] + to, sim->pilot_outputs[i] + from, n * sizeof(double));
    }
    for (size_t i = 0; i < sim->mc->n_variables && first + BLOCK_TRIALS <= PILOT_TRIALS; i++)
        if (sim->pilot_inputs[i])
            memmove(sim->pilot_inputs[i] + to, sim->pilot_inputs[i] + from, n * sizeof(double));
}

/* The next block in index order. */
static void take_block(struct sim *sim, const struct tally *tally)
{
    uint64_t first = sim->done, next = first + block_trials(sim, first);

    move_together(sim, first, tally->n);
    if (tally->n_dropped > 0 && sim->n_dropped == 0)
        sim->first_dropped = first + tally->first_dropped;
    sim->n_dropped += tally->n_dropped;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++)
        sim->segment[i] = moments_merge(sim->segment[i], tally->moments[i]);
    __atomic_store_n(&sim->done, next, __ATOMIC_RELAXED);
    for (size_t i = 0; i < mc_n_outputs(sim->mc) && sim->exact; i++)
        sim->samples[i].n = sim_n(sim);
    if (!sim->is_part && first + BLOCK_TRIALS <= PILOT_TRIALS)
        sim->n_pilot = sim_n(sim);
    if (next % SEGMENT_TRIALS == 0)
        close_segment(sim);
}

/* ---- threads ---- */

/* A stretch of blocks and who works on it. */
struct crew {
    struct sim *sim;
    const bool *stop;
    uint64_t first_block, n_blocks;
    uint64_t next, first_bad; /* by atomic operations */
    bool is_stopped;
    struct tally *tallies; /* by block */
};

struct hand {
    struct crew *crew;
    struct bench bench;
    pthread_t thread;
};

static void note_bad(struct crew *crew, uint64_t block)
{
    uint64_t bad = __atomic_load_n(&crew->first_bad, __ATOMIC_RELAXED);

    while (block < bad && !__atomic_compare_exchange_n(&crew->first_bad, &bad, block, false,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void *work(void *arg)
{
    struct hand *hand = arg;
    struct crew *crew = hand->crew;

    for (;;) {
        uint64_t block = __atomic_fetch_add(&crew->next, BLOCKS_AT_ONCE, __ATOMIC_RELAXED);
        uint64_t end =
            block + BLOCKS_AT_ONCE < crew->n_blocks ? block + BLOCKS_AT_ONCE : crew->n_blocks;
        for (; block < end; block++) {
            /* All blocks before the first bad one are still worked out: it is the first. */
            if (block >= __atomic_load_n(&crew->first_bad, __ATOMIC_RELAXED))
                return NULL;
            if (!bench_block(&hand->bench, crew->sim, (crew->first_block + block) * BLOCK_TRIALS,
                             crew->stop, &crew->tallies[block])) {
                __atomic_store_n(&crew->is_stopped, true, __ATOMIC_RELAXED);
                return NULL;
            }
            if (crew->tallies[block].bad)
                note_bad(crew, block);
        }
        if (block >= crew->n_blocks)
            return NULL;
    }
}

/* Starts what can be started; the caller's thread is the first hand. */
static void work_together(struct hand *hands, unsigned n)
{
    unsigned n_started = 1;

    while (n_started < n &&
           pthread_create(&hands[n_started].thread, NULL, work, &hands[n_started]) == 0)
        n_started++;
    (void)work(&hands[0]);
    for (unsigned i = 1; i < n_started; i++)
        (void)pthread_join(hands[i].thread, NULL);
}

struct team {
    struct hand *hands;
    unsigned n;
    struct tally *tallies;
    struct moments *moments;
    size_t n_tallies;
};

static void team_init(struct team *team, const struct sim *sim, unsigned n_threads)
{
    size_t n_outputs = mc_n_outputs(sim->mc);

    team->n = n_threads > 0 ? n_threads : 1;
    team->hands = xcalloc(team->n, sizeof(team->hands[0]));
    for (unsigned i = 0; i < team->n; i++)
        bench_init(&team->hands[i].bench, sim);
    team->n_tallies = STRETCH_MOMENTS / n_outputs;
    if (team->n_tallies > SEGMENT_BLOCKS)
        team->n_tallies = SEGMENT_BLOCKS;
    team->tallies = xcalloc(team->n_tallies, sizeof(team->tallies[0]));
    team->moments = xcalloc(team->n_tallies * n_outputs, sizeof(team->moments[0]));
    for (size_t i = 0; i < team->n_tallies; i++)
        team->tallies[i].moments = team->moments + i * n_outputs;
}

static void team_deinit(struct team *team)
{
    for (unsigned i = 0; i < team->n; i++)
        bench_deinit(&team->hands[i].bench);
    free(team->hands);
    free(team->tallies);
    free(team->moments);
}

/* Works out the trials up to `end` (of a segment, a look, or a full team's tallies). */
static bool run_stretch(struct sim *sim, struct team *team, uint64_t end, const bool *stop,
                        struct faults *faults)
{
    uint64_t n_blocks = (end - sim->done + BLOCK_TRIALS - 1) / BLOCK_TRIALS;
    struct crew crew = {.sim = sim,
                        .stop = stop,
                        .first_block = sim->done / BLOCK_TRIALS,
                        .n_blocks = n_blocks,
                        .first_bad = n_blocks,
                        .tallies = team->tallies};
    unsigned n = n_blocks < team->n ? (unsigned)n_blocks : team->n;

    for (unsigned i = 0; i < n; i++)
        team->hands[i].crew = &crew;
    work_together(team->hands, n);
    if (crew.is_stopped)
        return false;
    if (crew.first_bad < n_blocks) {
        bench_explain(&team->hands[0].bench, (crew.first_block + crew.first_bad) * BLOCK_TRIALS,
                      faults);
        return false;
    }
    for (unsigned i = 0; i < n; i++)
        bench_empty(&team->hands[i].bench, sim);
    for (uint64_t i = 0; i < n_blocks; i++)
        take_block(sim, &team->tallies[i]);
    return true;
}

/* ---- looks ---- */

bool sim_is_look(uint64_t trials)
{
    return trials >= FIRST_LOOK && (trials & (trials - 1)) == 0;
}

static bool rules_hold(struct sim *sim)
{
    for (size_t i = 0; i < sim->mc->n_rules; i++)
        if (!(sim_half_width(sim, sim->mc->rules[i].ask) <= sim->mc->rules[i].half_width))
            return false;
    return sim->mc->n_rules > 0;
}

void sim_take_look(struct sim *sim)
{
    size_t n_outputs = mc_n_outputs(sim->mc);
    bool has_median = sim_n(sim) <= SEGMENT_TRIALS || !sim->exact;

    if (sim_n(sim) == 0 ||
        (sim->n_looks > 0 && sim->looks[(sim->n_looks - 1) * n_outputs].n == sim_n(sim)))
        return;
    sim->looks = xrealloc(sim->looks, (sim->n_looks + 1) * n_outputs * sizeof(sim->looks[0]));
    sim->n_looks++;
    for (size_t i = 0; i < n_outputs; i++) {
        struct estimate mean = sim_mean(sim, i);

        sim->looks[(sim->n_looks - 1) * n_outputs + i] = (struct look){
            .n = sim_n(sim),
            .mean = mean.value,
            .half_width = (mean.ci.high - mean.ci.low) / 2,
            .median = has_median ? sim_percentile(sim, i, 50) : __builtin_nan(""),
        };
    }
    sim->n_good_looks = rules_hold(sim) ? sim->n_good_looks + 1 : 0;
    sim->rules_hold = sim->n_good_looks >= 2;
}

/* Where the next stretch ends. */
static uint64_t next_stop(const struct sim *sim, uint64_t until)
{
    uint64_t look = FIRST_LOOK, segment = (sim->done / SEGMENT_TRIALS + 1) * SEGMENT_TRIALS;
    uint64_t end = until < sim->trials && until > 0 ? until : sim->trials;

    while (look <= sim->done)
        look *= 2;
    end = look < end ? look : end;
    return segment < end ? segment : end;
}

/* Bins are laid about the medians of the first trials, which any part can find again. */
static bool lay_bins(struct sim *sim, const struct sim_how *how)
{
    CLEANUP(sim_freep) struct sim *pilot = NULL;
    struct faults faults = {0};

    if (sim->exact || sim->bins[0])
        return true;
    pilot = new_range(sim->mc, 0, PILOT_TRIALS, false);
    pilot->exact = true;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++)
        samples_init(&pilot->samples[i], PILOT_TRIALS);
    struct sim_how quietly = {.n_threads = how->n_threads, .stop = how->stop};
    (void)sim_run(pilot, &quietly, &faults);
    faults_deinit(&faults);
    if (stopped(how->stop))
        return false;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++)
        sim->bins[i] = bins_new(sim_n(pilot) > 0 ? sim_percentile(pilot, i, 50) : 0);
    return true;
}

bool sim_run(struct sim *sim, const struct sim_how *how, struct faults *faults)
{
    uint64_t until = how->until > 0 && how->until < sim->trials ? how->until : sim->trials;
    struct team team;
    bool good = lay_bins(sim, how);

    team_init(&team, sim, how->n_threads);
    while (good && sim->done < until && !sim->rules_hold) {
        uint64_t end = next_stop(sim, until), most = team.n_tallies * BLOCK_TRIALS;

        good = run_stretch(sim, &team, end - sim->done < most ? end : sim->done + most, how->stop,
                           faults);
        if (!good || sim->is_part)
            continue;
        if (sim_is_look(sim->done) || sim->done == sim->trials) {
            sim_take_look(sim);
            if (how->on_look)
                how->on_look(sim, how->arg);
        }
    }
    team_deinit(&team);
    if (good && sim->done == sim->trials && sim_n(sim) == 0) {
        fault_add(faults, FAULT_DOMAIN, (struct place){"", 0, 0}, NULL,
                  "no trial gave a finite number");
        return false;
    }
    return good;
}
