/* Prints a hash of what every kernel gives for numbers of a fixed stream. tests/style/other-machine
 * compares the lines of different processors and compilers; it needs nothing of lib/, so that it
 * can be cross-compiled alone. */
#include <stdio.h>

#include "sim/kernels.h"
#include "sim/pcg.h"
#include "sim/poly.h"

#define N BLOCK_TRIALS

static uint64_t hash = 0xcbf29ce484222325u;

static void add(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        double value = x[i] != x[i] ? __builtin_nan("") : x[i]; /* one not-a-number */
        memcpy(&bits, &value, sizeof(bits));
        hash = (hash ^ bits) * 0x100000001b3u;
    }
}

static void add_draws(const struct kernels *set, const double *u)
{
    static struct table_row rows[TABLE_ROWS];
    static const double p[] = {1.5, 2.5, 4};
    kernel_draw_fn *const forms[] = {set->uniform,  set->triangular, set->exponential,
                                     set->logistic, set->pareto,     set->weibull};
    double x[N];

    for (size_t i = 0; i < TABLE_ROWS; i++)
        for (size_t k = 0; k < 4; k++)
            rows[i].c[k] =
                poly_normal_quantile(((double)i * 4 + (double)k + 0.5) / (4 * TABLE_ROWS));
    set->table(rows, 3, 0.7, u, x, N);
    add(x, N);
    set->steps(rows, u, x, N);
    add(x, N);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        forms[i](p, u, x, N);
        add(x, N);
    }
    set->power_of_e(p, u, x, N);
    add(x, N);
}

static void add_sums(const struct kernels *set, const double *x)
{
    double partial[KERNEL_SUMS] = {0}, ends[2];

    set->sums(x, N, partial, &ends[0], &ends[1]);
    add(partial, KERNEL_SUMS);
    add(ends, 2);
    set->squares(x, N, 0.5, partial);
    add(partial, KERNEL_SUMS);
}

int main(void)
{
    const struct kernels *set = kernels();
    double u[N], a[N], b[N], out[N];
    struct pcg pcg;

    pcg_init(&pcg, 42, 54);
    for (int turn = 0; turn < 200; turn++) {
        set->units(&pcg.state, pcg.increment, u, N);
        add(u, N);
        add_draws(set, u);
        add_sums(set, u);
        for (size_t i = 0; i < N; i++) {
            a[i] = (i & 1 ? -1 : 1) * poly_exp(40 * (u[i] - 0.5));
            b[i] = poly_normal_quantile(u[N - 1 - i]);
        }
        for (int op = 0; op < VM_OP_COUNT_; op++) {
            set->ops[op](out, a, b, u, N);
            add(out, N);
        }
    }
    printf("%016llx\n", (unsigned long long)hash);
    return 0;
}
