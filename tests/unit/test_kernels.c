/* Every instruction set gives the same bits, and the same as the scalar functions; samplers agree
 * with dist_quantile(); threads change nothing. */
#include <check.h>
#include <math.h>

#include "json.h"
#include "main.h"
#include "quoted.h"
#include "sim/dist.h"
#include "sim/fault.h"
#include "sim/kernels.h"
#include "sim/mc.h"
#include "sim/pcg.h"
#include "sim/poly.h"
#include "sim/sampler.h"
#include "sim/sim.h"

#define N BLOCK_TRIALS

static const char *const set_names[] = {"base", "avx2", "avx512"};

static bool same_bits(double a, double b)
{
    return (a != a && b != b) || memcmp(&a, &b, sizeof(a)) == 0;
}

static void check_units(const struct kernels *set)
{
    double expected[N], units[N];
    struct pcg stream;

    pcg_init(&stream, 42, 54);
    pcg_units(&stream, 1000003, expected, N);
    pcg_advance(&stream, 1000003);
    set->units(&stream.state, stream.increment, units, N / 2);
    set->units(&stream.state, stream.increment, units + N / 2, N / 2);
    ck_assert_mem_eq(units, expected, sizeof(units));
}

START_TEST(units_of_a_set_are_the_words_of_the_stream)
{
    for (size_t i = 0; i < ARRAY_SIZE(set_names); i++)
        if (kernels_named(set_names[i])) /* what this machine has */
            check_units(kernels_named(set_names[i]));
}
END_TEST

/* Numbers of all sizes and signs, with the odd ones among them. */
static void fill(double *x, uint64_t seed, double power)
{
    static const double odd[] = {0,
                                 -0.0,
                                 1,
                                 -1,
                                 0.5,
                                 2,
                                 (double)INFINITY,
                                 -(double)INFINITY,
                                 (double)NAN,
                                 1e-310,
                                 709.9,
                                 -745.3,
                                 1e308,
                                 3.5,
                                 -3.5,
                                 0x1p52};
    struct pcg pcg;

    pcg_init(&pcg, seed, 7);
    for (size_t i = 0; i < N; i++) {
        double u = pcg_unit(pcg_next(&pcg));
        x[i] = (i & 1 ? -1 : 1) * poly_exp((2 * u - 1) * power);
    }
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
        x[(i * 61 + seed * 13) % N] = odd[i];
}

static double scalar(enum vm_op op, double a, double b, double c)
{
    const double inputs[] = {a, b, c};
    struct program *program = program_new();
    unsigned slots[VM_INPUTS_MAX];

    for (size_t i = 0; i < VM_INPUTS_MAX; i++)
        slots[i] = program_input(program);
    unsigned out = program_emit(program, op, slots);
    struct vm *vm = vm_new(program);
    for (size_t i = 0; i < VM_INPUTS_MAX; i++)
        vm_slot(vm, slots[i])[0] = inputs[i];
    struct vm_fault fault;
    (void)vm_find_fault(vm, 0, &fault); /* runs the scalar function */
    double value = vm_slot(vm, out)[0];
    vm = vm_free(vm);
    program = program_free(program);
    return value;
}

static void check_operations(const struct kernels *set)
{
    double a[N], b[N], c[N], out[N];

    for (uint64_t seed = 0; seed < 3; seed++) {
        fill(a, seed, seed == 0 ? 4 : 600);
        fill(b, seed + 100, 3);
        fill(c, seed + 200, 700);
        for (int op = 0; op < VM_OP_COUNT_; op++) {
            ck_assert(set->ops[op] != NULL);
            set->ops[op](out, a, b, c, N);
            for (size_t i = 0; i < N; i++)
                ck_assert_msg(same_bits(out[i], scalar((enum vm_op)op, a[i], b[i], c[i])),
                              "%s: %s of %a, %a, %a is %a", set->name, vm_op_symbol((enum vm_op)op),
                              a[i], b[i], c[i], out[i]);
        }
    }
}

START_TEST(operations_of_a_set_give_the_bits_of_the_scalar_ones)
{
    for (size_t i = 0; i < ARRAY_SIZE(set_names); i++)
        if (kernels_named(set_names[i]))
            check_operations(kernels_named(set_names[i]));
}
END_TEST

// clang-format off
static const char *const dists[] = {
    "{'dist':'normal','mean':10,'sd':2}",
    "{'dist':'lognormal','mu':0,'sigma':0.5}",
    "{'dist':'uniform','min':-1,'max':3}",
    "{'dist':'triangular','min':0,'mode':1,'max':4}",
    "{'dist':'triangular','min':2,'mode':2,'max':4}",
    "'10 to 30'",
    "7.5",
};
// clang-format on

static void check_sampler(const char *text)
{
    CLEANUP(json_freep) struct json *json = json_of(text);
    struct faults faults = {0};
    struct dist dist;
    double units[N], x[N], again[N];
    struct pcg stream;

    ck_assert(dist_read(json, "/v", &faults, &dist));
    double spread = dist_quantile(&dist, 0.75) - dist_quantile(&dist, 0.25);
    struct sampler *sampler = sampler_new(&dist);
    pcg_init(&stream, 1, 2);
    for (size_t block = 0; block < 200; block++) {
        pcg_units(&stream, block * N, units, N);
        units[0] = 0x1p-53;
        units[1] = 1 - 0x1p-53;
        units[2] = ldexp(1, -(int)(block % 52) - 1); /* where octaves meet */
        units[3] = 1 - units[2];
        sampler_block(sampler, units, x, N);
        for (size_t i = 0; i < N; i++) {
            double truth = dist_quantile(&dist, units[i]);
            ck_assert_msg(fabs(x[i] - truth) <= 2e-8 * spread + 1e-8 * fabs(truth),
                          "%s (%s): u %a: %.17g, not %.17g", text, sampler_way(sampler), units[i],
                          x[i], truth);
        }
        for (size_t set = 0; set < ARRAY_SIZE(set_names) && kernels_named(set_names[set]); set++) {
            kernels_use(kernels_named(set_names[set]));
            sampler_block(sampler, units, again, N);
            ck_assert_mem_eq(again, x, sizeof(x));
        }
        kernels_use(NULL);
    }
    sampler = sampler_free(sampler);
}

START_TEST(samplers_agree_with_the_quantile_function)
{
    for (size_t i = 0; i < ARRAY_SIZE(dists); i++)
        check_sampler(dists[i]);
}
END_TEST

START_TEST(sums_and_bins_do_not_depend_on_the_set)
{
    double x[N + 100];
    struct pcg stream;

    pcg_init(&stream, 3, 4);
    pcg_units(&stream, 0, x, ARRAY_SIZE(x));
    for (size_t n = 1; n <= ARRAY_SIZE(x); n += 37) {
        kernels_use(kernels_named("base"));
        struct moments base = moments_of(x, n);
        for (size_t set = 1; set < ARRAY_SIZE(set_names) && kernels_named(set_names[set]); set++) {
            kernels_use(kernels_named(set_names[set]));
            struct moments other = moments_of(x, n);
            ck_assert(same_bits(base.mean, other.mean) && same_bits(base.m2, other.m2));
            ck_assert(base.min == other.min && base.max == other.max);
        }
        kernels_use(NULL);
        ck_assert(n < 500 || fabs(base.mean - 0.5) < 0.1);
    }
}
END_TEST

#define MODEL                                                                                      \
    "{'variables':{'price':'15 to 30','volume':{'dist':'normal','mean':1000,'sd':150},"            \
    "'cost':{'dist':'triangular','min':5,'mode':8,'max':14}},"                                     \
    "'outputs':{'profit':'volume*(price-cost)-8000','margin':'ln(1+price/cost)^2'},"               \
    "'ask':['P(profit > 0)','profit.p5'],'trials':100500}"

static char *result_with(unsigned n_threads)
{
    CLEANUP(json_freep) struct json *json = json_of(MODEL);
    struct faults faults = {0};
    CLEANUP(mc_freep) struct mc *mc = mc_new(json, &faults);
    ck_assert_ptr_nonnull(mc);
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);

    ck_assert(sim_run(sim, &(struct sim_how){.n_threads = n_threads}, &faults));
    CLEANUP(json_freep) struct json *result = sim_result(sim);
    return json_text(result);
}

START_TEST(sets_and_threads_change_no_byte_of_a_result)
{
    static const unsigned threads[] = {1, 2, 7};
    CLEANUP(charp_freep) char *expected = NULL;

    for (size_t set = 0; set < ARRAY_SIZE(set_names); set++) {
        if (!kernels_named(set_names[set]))
            continue;
        kernels_use(kernels_named(set_names[set]));
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
            CLEANUP(charp_freep) char *result = result_with(threads[i]);
            if (!expected)
                expected = xstrdup(result);
            ck_assert_str_eq(result, expected);
        }
    }
    kernels_use(NULL);
}
END_TEST

START_TEST(threads_tell_the_first_fault_as_one_would)
{
    CLEANUP(json_freep)
    struct json *json = json_of("{'variables':{'a':{'dist':'normal','mean':4,'sd':1}},"
                                "'outputs':{'x':'sqrt(a)'},'trials':1000000}");
    struct faults alone = {0}, together = {0};
    CLEANUP(mc_freep) struct mc *mc = mc_new(json, &alone);
    CLEANUP(sim_freep) struct sim *one = sim_new(mc);
    CLEANUP(sim_freep) struct sim *many = sim_new(mc);

    ck_assert(!sim_run(one, &(struct sim_how){.n_threads = 1}, &alone));
    ck_assert(!sim_run(many, &(struct sim_how){.n_threads = 3}, &together));
    ck_assert_uint_eq(sim_done(many), sim_done(one));
    ck_assert_str_eq(together.at[0].message, alone.at[0].message);
    faults_deinit(&alone);
    faults_deinit(&together);
}
END_TEST

TEST_MAIN("kernels", units_of_a_set_are_the_words_of_the_stream,
          operations_of_a_set_give_the_bits_of_the_scalar_ones,
          samplers_agree_with_the_quantile_function, sums_and_bins_do_not_depend_on_the_set,
          sets_and_threads_change_no_byte_of_a_result, threads_tell_the_first_fault_as_one_would)
