/* The numbers that draws are made of, for each method. Every one is a function of the seed, the
 * variable's name, the trial and the step alone.
 *
 * pcg: the word at the trial's position. antithetic: trials 2k and 2k + 1 share the k-th word, the
 * second takes its complement. lhs and sobol are 16 independent randomisations side by side: trial
 * t is point t / 16 of replicate t % 16. lhs: a keyed permutation of the strata, one point in each.
 * sobol: the digits of each replicate scrambled after Owen (1995) by a hash (Laine and Karras
 * 2011); dimensions go by the order of the variables' names, and what lies beyond the table is pcg.
 */
#include <string.h>

#include "kernels.h"
#include "pcg.h"
#include "sim_private.h"
#include "sobol.h"

#define POINTS (BLOCK_TRIALS / REPLICATES)
#define LARGEST_UNIT (1 - 0x1p-53)

/* Constants of splitmix64 (Steele, Lea and Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A key of the variable, for the step and replicate. */
static uint64_t key_of(const struct mc_variable *variable, unsigned step, unsigned replicate)
{
    return mix(variable->stream.state ^
               mix(variable->stream.increment + ((uint64_t)step << 8 | replicate)));
}

/* The position of a block's first word: redrawn variables have a block's words for each step. */
static uint64_t position_of(const struct sim *sim, const struct mc_variable *variable,
                            unsigned step, uint64_t first)
{
    return variable->redrawn ? first * sim->mc->n_steps + (uint64_t)step * BLOCK_TRIALS : first;
}

static void words(struct bench *bench, size_t i, unsigned step, uint64_t first, size_t n, double *u)
{
    const struct mc_variable *variable = &bench->sim->mc->variables[i];
    struct pcg *stream = &bench->streams[i];
    /* Where the last call left off. */
    bool goes_on = variable->redrawn ? step > 0 && n == BLOCK_TRIALS : bench->next == first;

    if (!goes_on) {
        *stream = variable->stream;
        pcg_advance(stream, position_of(bench->sim, variable, step, first));
    }
    kernels()->units(&stream->state, stream->increment, u, n);
}

static void antithetic(struct bench *bench, size_t i, unsigned step, uint64_t first, double *u)
{
    const struct mc_variable *variable = &bench->sim->mc->variables[i];
    struct pcg stream = variable->stream;

    pcg_advance(&stream, position_of(bench->sim, variable, step, first) / 2);
    kernels()->units(&stream.state, stream.increment, u, BLOCK_TRIALS / 2);
    for (size_t k = BLOCK_TRIALS / 2; k-- > 0;) {
        double word = u[k];

        u[2 * k] = word;
        u[2 * k + 1] = 1 - word;
    }
}

/* A permutation of 0 … n - 1: four Feistel rounds over the next power of four, walked until inside.
 */
static uint64_t permute(uint64_t x, uint64_t n, uint64_t key)
{
    unsigned half = 1;

    while (half < 32 && (uint64_t)1 << (2 * half) < n)
        half++;
    uint64_t mask = ((uint64_t)1 << half) - 1;
    do {
        uint64_t left = x >> half, right = x & mask;

        for (uint64_t round = 0; round < 4; round++) {
            uint64_t next = left ^ (mix(right + (round << 32) + key) & mask);
            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= n);
    return x;
}

static void strata(struct bench *bench, size_t i, unsigned step, uint64_t first, size_t n,
                   double *u)
{
    const struct mc *mc = bench->sim->mc;
    uint64_t m = (mc->trials + REPLICATES - 1) / REPLICATES;
    uint64_t keys[REPLICATES];

    for (unsigned r = 0; r < REPLICATES; r++)
        keys[r] = key_of(&mc->variables[i], step, r);
    words(bench, i, step, first, n, u);
    for (size_t k = 0; k < n; k++) {
        uint64_t point = (first + k) / REPLICATES;
        double x;

        if (point >= m) /* beyond the last trial */
            continue;
        x = ((double)permute(point, m, keys[k % REPLICATES]) + u[k]) / (double)m;
        u[k] = x < LARGEST_UNIT ? x : LARGEST_UNIT;
    }
}

static uint64_t reverse(uint64_t x)
{
    x = __builtin_bswap64(x);
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0fu) | (x & 0x0f0f0f0f0f0f0f0fu) << 4;
    x = (x >> 2 & 0x3333333333333333u) | (x & 0x3333333333333333u) << 2;
    return (x >> 1 & 0x5555555555555555u) | (x & 0x5555555555555555u) << 1;
}

/* Each digit is turned over by a function of the digits above it: the multipliers are even, so that
 * (with the digits reversed) a bit depends on lower ones alone. */
static uint64_t scramble(uint64_t x, uint64_t key)
{
    x = reverse(x);
    x ^= x * 0x3d20adeae1bc37b2u;
    x += key;
    x *= key >> 32 | 1;
    x ^= x * 0x05526c564d9e1a4cu;
    x ^= x * 0x53a228646cf3b06eu;
    return reverse(x);
}

static void digits(const struct mc_variable *variable, unsigned dimension, unsigned step,
                   uint64_t first, double *u)
{
    uint64_t points[POINTS];

    sobol_points(dimension, first / REPLICATES, POINTS, points);
    for (unsigned r = 0; r < REPLICATES; r++) {
        uint64_t key = key_of(variable, step, r);

        for (size_t k = 0; k < POINTS; k++)
            u[k * REPLICATES + r] = pcg_unit(scramble(points[k], key));
    }
}

/* Plain variables first, then the redrawn ones of each step. */
static unsigned dimension_of(const struct mc *mc, size_t variable, unsigned step)
{
    unsigned n_plain = 0, n_redrawn = 0, rank = 0;
    const struct mc_variable *self = &mc->variables[variable];

    for (size_t i = 0; i < mc->n_variables; i++) {
        const struct mc_variable *other = &mc->variables[i];

        n_plain += !other->redrawn;
        n_redrawn += other->redrawn;
        rank += other->redrawn == self->redrawn && strcmp(other->name, self->name) < 0;
    }
    return self->redrawn ? n_plain + step * n_redrawn + rank : rank;
}

void units_block(struct bench *bench, size_t variable, unsigned step, uint64_t first, size_t n,
                 double *u)
{
    const struct mc *mc = bench->sim->mc;
    unsigned dimension = mc->method == MC_SOBOL ? dimension_of(mc, variable, step) : 0;

    if (mc->method == MC_ANTITHETIC)
        antithetic(bench, variable, step, first, u);
    else if (mc->method == MC_LHS)
        strata(bench, variable, step, first, n, u);
    else if (mc->method == MC_SOBOL && dimension < SOBOL_DIMENSIONS)
        digits(&mc->variables[variable], dimension, step, first, u);
    else
        words(bench, variable, step, first, n, u);
}
