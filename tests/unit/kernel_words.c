/* Prints a hash of what every kernel and every special function gives for numbers of a fixed
 * stream. tests/style/other-machine compares the lines of different processors and compilers; it
 * needs nothing of lib/, so that it can be cross-compiled alone. */
#include <stdio.h>

#include "sim/kernels.h"
#include "sim/pcg.h"
#include "sim/poly.h"
#include "sim/special.h"

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

/* Series, fractions, quadrature and their inverses. */
static void add_functions(const double *u)
{
    static const double shapes[] = {0.3, 4, 70, 5000};
    double x[5];

    for (size_t i = 0; i < N; i++) {
        double shape = shapes[i % 4], other = shapes[i / 4 % 4];
        struct unit unit = {u[i], 1 - u[i]};
        struct unit at = special_beta_quantile(shape, other, unit);
        x[0] = special_gamma_quantile(shape, unit);
        x[1] = special_gamma_cdf(other, shape * (0.5 + u[i]), NULL).q;
        x[2] = at.p;
        x[3] = at.q;
        x[4] = special_student_quantile(shape, unit);
        add(x, 5);
        x[0] = special_normal_cdf(20 * (u[i] - 0.5)).p;
        x[1] = poly_tan(poly_exp(1000 * (u[i] - 0.5)));
        x[2] = poly_atan(20 * (u[i] - 0.5));
        x[3] = poly_log10(1 / u[i]);
        x[4] = special_lgamma(30 * u[i]) + special_expm1(u[i]) + special_log1p(u[i]);
        add(x, 5);
    }
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
    add_functions(u);
    printf("%016llx\n", (unsigned long long)hash);
    return 0;
}
