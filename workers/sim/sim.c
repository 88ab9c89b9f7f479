/* The engine: draws of each variable, one pass of the program, moments, kept samples and counts.
 *
 * Block b holds trials 1024 b to 1024 b + 1023; its draws are found by advancing each variable's
 * stream to the block's first trial, so blocks run in any order and place: sim_block() does the
 * next one, sim_run() gives them to threads. What a block found is merged in index order. A bench
 * (thread's or ours) owns the memory a block is worked out in. */
#include "sim.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>

#include "buf.h"
#include "fault.h"
#include "kernels.h"
#include "mc.h"
#include "sampler.h"
#include "vm.h"

/* Where a block is worked out: one a thread. */
struct bench {
    struct vm *vm;
    struct pcg *streams; /* by variable, at trial `next` */
    uint64_t next;
};

struct sim {
    const struct mc *mc; /* borrowed from sim_new()'s caller */
    struct bench bench;
    struct sampler **samplers; /* by variable */
    uint64_t trials, done;
    struct moments *moments; /* by output */
    struct samples *samples; /* by output */
    uint64_t *hits;          /* by ask */
};

static void bench_init(struct bench *bench, const struct mc *mc)
{
    bench->vm = vm_new(mc->program);
    bench->streams = xcalloc(mc->n_variables + 1, sizeof(bench->streams[0]));
    bench->next = 0;
    for (size_t i = 0; i < mc->n_variables; i++)
        bench->streams[i] = mc->variables[i].stream;
}

static void bench_deinit(struct bench *bench)
{
    bench->vm = vm_free(bench->vm);
    free(bench->streams);
}

struct sim *sim_new(const struct mc *mc, uint64_t trials)
{
    struct sim *sim = xcalloc(1, sizeof(*sim));
    size_t n = mc_n_outputs(mc);

    assert(trials * n <= MC_KEPT_MAX);
    sim->mc = mc;
    sim->trials = trials;
    bench_init(&sim->bench, mc);
    sim->samplers = xcalloc(mc->n_variables + 1, sizeof(struct sampler *));
    for (size_t i = 0; i < mc->n_variables; i++)
        sim->samplers[i] = sampler_new(&mc->variables[i].dist);
    sim->moments = xcalloc(n, sizeof(sim->moments[0]));
    sim->samples = xcalloc(n, sizeof(sim->samples[0]));
    sim->hits = xcalloc(mc->n_asks + 1, sizeof(sim->hits[0]));
    for (size_t i = 0; i < n; i++)
        samples_init(&sim->samples[i], trials);
    return sim;
}

struct sim *sim_free(struct sim *sim)
{
    if (!sim)
        return NULL;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++)
        samples_deinit(&sim->samples[i]);
    free(sim->samples);
    free(sim->moments);
    free(sim->hits);
    for (size_t i = 0; i < sim->mc->n_variables; i++)
        sim->samplers[i] = sampler_free(sim->samplers[i]);
    free(sim->samplers);
    bench_deinit(&sim->bench);
    free(sim);
    return NULL;
}

uint64_t sim_done(const struct sim *sim)
{
    return sim->done;
}

uint64_t sim_trials(const struct sim *sim)
{
    return sim->trials;
}

const struct mc *sim_mc(const struct sim *sim)
{
    return sim->mc;
}

/* Fills the slots of the variables for trials first … first + n - 1, a whole block but for the
 * last. */
static void draw(const struct sim *sim, struct bench *bench, uint64_t first, size_t n)
{
    const struct mc *mc = sim->mc;
    double units[BLOCK_TRIALS] __attribute__((aligned(64)));
    size_t n_drawn = (n + KERNEL_SUMS - 1) / KERNEL_SUMS * KERNEL_SUMS;

    for (size_t i = 0; i < mc->n_variables; i++) {
        const struct mc_variable *variable = &mc->variables[i];
        struct pcg *stream = &bench->streams[i];
        if (bench->next != first) {
            *stream = variable->stream;
            pcg_advance(stream, first);
        }
        kernels()->units(&stream->state, stream->increment, units, n_drawn);
        sampler_block(sim->samplers[i], units, vm_slot(bench->vm, variable->slot), n);
    }
    bench->next = first + n_drawn;
}

static void refuse_trial(struct bench *bench, uint64_t start, const char *path,
                         const double *values, size_t n, struct faults *faults)
{
    struct vm_fault fault;
    size_t n_bad = 0, first = 0;
    struct buf why;

    for (size_t i = n; i-- > 0;) {
        if (!isfinite(values[i])) {
            n_bad++;
            first = i;
        }
    }
    buf_init(&why, 256);
    if (vm_find_fault(bench->vm, first, &fault)) {
        buf_addf(&why, "; the first is '%s' of", vm_op_symbol(fault.op));
        for (size_t i = 0; i < vm_op_inputs(fault.op); i++)
            buf_addf(&why, "%s %.9g", i > 0 ? " and" : "", fault.inputs[i]);
    }
    fault_add(faults, FAULT_DOMAIN, (struct place){path, 0, 0}, NULL,
              "not a finite number in %zu of the trials %llu to %llu, first in trial %llu%s", n_bad,
              (unsigned long long)start, (unsigned long long)(start + n - 1),
              (unsigned long long)(start + first), why.at ? why.at : "");
    buf_deinit(&why);
}

/* Checks everything before anything is counted. `faults` may be NULL. */
static bool block_good(const struct sim *sim, struct bench *bench, uint64_t first, size_t n,
                       struct faults *faults)
{
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++) {
        const double *values = vm_slot(bench->vm, mc_output(sim->mc, i)->slot);
        if (!kernels()->all_finite(values, n)) {
            if (faults)
                refuse_trial(bench, first, mc_output(sim->mc, i)->path, values, n, faults);
            return false;
        }
    }
    for (size_t i = 0; i < sim->mc->n_asks; i++) {
        const struct mc_ask *ask = &sim->mc->asks[i];
        const double *values = vm_slot(bench->vm, ask->slot);
        if (ask->type == MC_ASK_PROBABILITY && !kernels()->all_finite(values, n)) {
            CLEANUP(charp_freep) char *path = xprintf("/ask/%zu", i);
            if (faults)
                refuse_trial(bench, first, path, values, n, faults);
            return false;
        }
    }
    return true;
}

/* Works out the block that begins at trial `first`: keeps its samples, adds its counts to hits and
 * puts its moments (by output) into ret_moments. */
static bool run_block(struct sim *sim, struct bench *bench, uint64_t first, uint64_t *hits,
                      struct moments *ret_moments, struct faults *faults)
{
    uint64_t left = sim->trials - first;
    size_t n = left < BLOCK_TRIALS ? (size_t)left : BLOCK_TRIALS;

    draw(sim, bench, first, n);
    vm_run(bench->vm, n);
    if (!block_good(sim, bench, first, n, faults))
        return false;
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++) {
        const double *values = vm_slot(bench->vm, mc_output(sim->mc, i)->slot);
        ret_moments[i] = moments_of(values, n);
        samples_put(&sim->samples[i], first, values, n);
    }
    for (size_t i = 0; i < sim->mc->n_asks; i++) {
        const struct mc_ask *ask = &sim->mc->asks[i];
        if (ask->type == MC_ASK_PROBABILITY)
            hits[i] += kernels()->count_true(vm_slot(bench->vm, ask->slot), n);
    }
    return true;
}

/* The next block in index order. */
static void take_block(struct sim *sim, const struct moments *moments)
{
    size_t n_outputs = mc_n_outputs(sim->mc);

    for (size_t i = 0; i < n_outputs; i++)
        sim->moments[i] = moments_merge(sim->moments[i], moments[i]);
    sim->done = sim->trials - sim->done < BLOCK_TRIALS ? sim->trials : sim->done + BLOCK_TRIALS;
    for (size_t i = 0; i < n_outputs; i++)
        sim->samples[i].n = sim->done;
}

bool sim_block(struct sim *sim, struct faults *faults)
{
    struct moments moments[MC_DEFINITIONS_MAX];

    if (!run_block(sim, &sim->bench, sim->done, sim->hits, moments, faults))
        return false;
    take_block(sim, moments);
    return true;
}

/* ---- threads ---- */

#define BLOCKS_AT_ONCE 16

struct crew {
    struct sim *sim;
    uint64_t first_block, n_blocks;
    uint64_t next, first_bad; /* of all threads, by atomic operations */
    struct moments *moments;  /* by block and output */
};

struct hand {
    struct crew *crew;
    struct bench bench;
    uint64_t *hits;
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
    size_t n_outputs = mc_n_outputs(crew->sim->mc);

    for (;;) {
        uint64_t block = __atomic_fetch_add(&crew->next, BLOCKS_AT_ONCE, __ATOMIC_RELAXED);
        uint64_t end =
            block + BLOCKS_AT_ONCE < crew->n_blocks ? block + BLOCKS_AT_ONCE : crew->n_blocks;
        for (; block < end; block++) {
            /* All blocks before the first bad one are still worked out: it is the first. */
            if (block >= __atomic_load_n(&crew->first_bad, __ATOMIC_RELAXED))
                return NULL;
            if (!run_block(crew->sim, &hand->bench, (crew->first_block + block) * BLOCK_TRIALS,
                           hand->hits, crew->moments + block * n_outputs, NULL))
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

bool sim_run(struct sim *sim, unsigned n_threads, struct faults *faults)
{
    size_t n_outputs = mc_n_outputs(sim->mc);
    uint64_t first = sim->done / BLOCK_TRIALS;
    uint64_t n_blocks = (sim->trials - sim->done + BLOCK_TRIALS - 1) / BLOCK_TRIALS;
    struct crew crew = {
        .sim = sim, .first_block = first, .n_blocks = n_blocks, .first_bad = n_blocks};
    struct hand *hands = xcalloc(n_threads, sizeof(hands[0]));

    crew.moments = xcalloc(n_blocks * n_outputs + 1, sizeof(crew.moments[0]));
    for (unsigned i = 0; i < n_threads; i++) {
        hands[i].crew = &crew;
        hands[i].hits = xcalloc(sim->mc->n_asks + 1, sizeof(hands[i].hits[0]));
        bench_init(&hands[i].bench, sim->mc);
    }
    work_together(hands, n_threads);
    for (unsigned i = 0; i < n_threads; i++) {
        for (size_t j = 0; j < sim->mc->n_asks && crew.first_bad == n_blocks; j++)
            sim->hits[j] += hands[i].hits[j];
        bench_deinit(&hands[i].bench);
        free(hands[i].hits);
    }
    for (uint64_t i = 0; i < n_blocks && crew.first_bad == n_blocks; i++)
        take_block(sim, crew.moments + i * n_outputs);
    free(crew.moments);
    free(hands);
    /* Blocks before the bad one are good, so the slow path finds the same fault. */
    while (crew.first_bad < n_blocks && sim_block(sim, faults))
        ;
    return crew.first_bad == n_blocks;
}

struct moments sim_moments(const struct sim *sim, size_t output)
{
    return sim->moments[output];
}

const struct samples *sim_samples(struct sim *sim, size_t output)
{
    samples_sort(&sim->samples[output]);
    return &sim->samples[output];
}

uint64_t sim_hits(const struct sim *sim, size_t ask)
{
    return sim->hits[ask];
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
