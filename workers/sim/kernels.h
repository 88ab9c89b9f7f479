#pragma once
/* The inner loops, once for each instruction set and chosen when the process starts. Every set
 * gives the same bits: each lane does the same IEEE operations in the same order, whatever the
 * width.
 *
 * Loops work on whole vectors: arrays have room for n rounded up to KERNEL_PAD elements, and what
 * lies between is overwritten. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm.h"

#define KERNEL_PAD 8
#define KERNEL_SUMS 32 /* partial sums of a block: element i belongs to i % 32 */

/* ---- quantile tables: a cubic in each cell, 32 cells an octave of min(u, 1 - u) ---- */
#define TABLE_OCTAVE_CELLS 32
#define TABLE_OCTAVES 16
#define TABLE_SIDE_ROWS (TABLE_OCTAVES * TABLE_OCTAVE_CELLS + 1) /* row 0: below them all */
#define TABLE_ROWS (2 * TABLE_SIDE_ROWS)                         /* the upper side: u > 1/2 */

struct table_row {
    double c[4];
} __attribute__((aligned(32)));

typedef void kernel_op_fn(double *out, const double *a, const double *b, const double *c, size_t n);
typedef void kernel_draw_fn(const double *parameters, const double *u, double *x, size_t n);

struct kernels {
    const char *name;
    kernel_op_fn *ops[VM_OP_COUNT_]; /* NULL: vm.c has the only one */
    /* n units from the stream at *state; n is a multiple of 32. Moves *state on. */
    void (*units)(uint64_t *state, uint64_t increment, double *u, size_t n);
    /* x = place + scale * cubic(u); not-a-number in cells that have none. scale must not be 0. */
    void (*table)(const struct table_row *rows, double place, double scale, const double *u,
                  double *x, size_t n);
    /* rows {u of the step, value below, value from there on} */
    void (*steps)(const struct table_row *rows, const double *u, double *x, size_t n);
    /* Closed forms; the parameters are those of dist.c's rows. */
    kernel_draw_fn *uniform, *triangular, *exponential, *logistic, *pareto, *weibull;
    kernel_draw_fn *power_of_e; /* x = exp(x); u is not read */
    bool (*all_finite)(const double *x, size_t n);
    size_t (*count_true)(const double *x, size_t n); /* neither 0 nor padding */
    /* Sums into partial[KERNEL_SUMS]; n is a multiple of 32. */
    void (*sums)(const double *x, size_t n, double *partial, double *ret_min, double *ret_max);
    void (*squares)(const double *x, size_t n, double mean, double *partial);
    /* bin[i] = (x[i] - min) * scale rounded; at most 2^31. */
    void (*bins)(const double *x, size_t n, double min, double scale, uint32_t *bin);
};

const struct kernels *kernels(void);
/* For tests and benchmarks: the set of that name, NULL where the machine has none. */
const struct kernels *kernels_named(const char *name);
void kernels_use(const struct kernels *set);

extern const struct kernels kernels_base, kernels_avx2, kernels_avx512;
