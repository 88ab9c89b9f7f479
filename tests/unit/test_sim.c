/* The simulation engine: words, functions, language, statistics, determinism. */
#include <check.h>
#include <math.h>

#include "buf.h"
#include "json.h"
#include "main.h"
#include "quoted.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/poly.h"
#include "sim/sim.h"

#define MODEL5                                                                                     \
    "{'variables':{'price':'15 to 30','volume':{'dist':'normal','mean':1000,'sd':150},"            \
    "'cost':{'dist':'triangular','min':5,'mode':8,'max':14},'fee':{'dist':'uniform','min':0,"      \
    "'max':100},'fixed':8000},'outputs':{'profit':'volume*(price-cost)-fixed-fee'},"               \
    "'ask':['P(profit > 0)','profit.p5','profit.mean'],'trials':20000}"

static struct sim *sim_of(const struct mc *mc, uint64_t trials)
{
    struct sim *sim = sim_new(mc);
    struct sim_how how = {.until = trials};
    struct faults faults = {0};

    ck_assert_msg(sim_run(sim, &how, &faults), "%s", faults.n > 0 ? faults.at[0].message : "");
    ck_assert_uint_ge(sim_done(sim), trials);
    return sim;
}

static char *result_of(const char *text)
{
    CLEANUP(mc_freep) struct mc *mc = mc_of(text);
    CLEANUP(sim_freep) struct sim *sim = sim_of(mc, mc->trials);
    CLEANUP(json_freep) struct json *result = sim_result(sim);

    return json_text(result);
}

__extension__ typedef unsigned __int128 wide;

/* The generator as its paper gives it, with the width as a parameter: the shifts are computed, not
 * copied, and the state is stepped in 128 bits. */
static uint64_t paper_word(uint64_t state)
{
    const unsigned bits = 64, choice_bits = 5;
    unsigned shift = choice_bits + (unsigned)(state >> (bits - choice_bits));
    wide mixed = (wide)(state ^ state >> shift) * 12605985483714917081u;
    uint64_t word = (uint64_t)mixed;

    return word ^ word >> ((2 * bits + 2) / 3);
}

static uint64_t paper_step(uint64_t state, uint64_t stream)
{
    wide next = (wide)state * 6364136223846793005u + (2 * stream + 1);

    return (uint64_t)next;
}

START_TEST(words_are_those_of_the_paper)
{
    /* From an implementation in another language. */
    static const uint64_t known[] = {0xe1cbc180b69606bb, 0x6573bce7abaee684, 0xc744f07442006076,
                                     0x9e9f98ccbd60b8fc, 0xde693821ee9629ae, 0x263cc2cdc66ebc25};
    const uint64_t stream = 54;
    struct pcg pcg;
    uint64_t state = paper_step(paper_step(0, stream) + 42, stream);

    pcg_init(&pcg, 42, stream);
    for (size_t i = 0; i < 100000; i++) {
        uint64_t word = pcg_next(&pcg);
        ck_assert_uint_eq(word, paper_word(state));
        if (i < ARRAY_SIZE(known))
            ck_assert_uint_eq(word, known[i]);
        state = paper_step(state, stream);
    }
}
END_TEST

START_TEST(advancing_is_drawing)
{
    struct pcg drawn, advanced;

    pcg_init(&drawn, 42, 54);
    for (size_t i = 0; i < 1000003; i++)
        (void)pcg_next(&drawn);
    pcg_init(&advanced, 42, 54);
    pcg_advance(&advanced, 1000003);
    ck_assert_uint_eq(advanced.state, drawn.state);
    ck_assert_uint_eq(pcg_next(&advanced), 0x9d4f09fb3a018ae3);
}
END_TEST

START_TEST(units_are_open_and_symmetric)
{
    ck_assert(pcg_unit(0) == 0x1p-53);
    ck_assert(pcg_unit(UINT64_MAX) == 1 - 0x1p-53);
    ck_assert(1 - pcg_unit(0x123456789abcdef0) == pcg_unit(~UINT64_C(0x123456789abcdef0)));
}
END_TEST

START_TEST(streams_follow_names_not_places)
{
    static const unsigned char digest[DIGEST_BYTES] = {1, 2, 3};
    struct pcg a, b, again, component;

    pcg_init_named(&a, digest, "price", 0);
    pcg_init_named(&b, digest, "cost", 0);
    pcg_init_named(&component, digest, "price", 1);
    pcg_init_named(&again, digest, "price", 0);
    ck_assert_uint_ne(a.state, b.state);
    ck_assert_uint_ne(a.increment, b.increment);
    ck_assert_uint_ne(a.state, component.state);
    ck_assert_uint_eq(a.state, again.state);
    ck_assert_uint_eq(a.increment & 1, 1);
}
END_TEST

static double relative(double a, double b)
{
    return a == b ? 0 : fabs(a - b) / fabs(b);
}

START_TEST(own_functions_agree_with_the_library)
{
    for (double x = -700; x < 700; x += 0.137)
        ck_assert_msg(relative(poly_exp(x), exp(x)) < 5e-16, "exp(%g)", x);
    for (double x = 1e-300; x < 1e300; x *= 1.31)
        ck_assert_msg(relative(poly_log(x), log(x)) < 5e-16, "log(%g)", x);
    for (double x = 0.5; x < 2; x += 0.00071)
        ck_assert_msg(relative(poly_log(x), log(x)) < 5e-16, "log(%g)", x);
    for (double z = -8; z < 3; z += 0.013)
        ck_assert_msg(fabs(poly_normal_quantile(0.5 * erfc(-z / sqrt(2))) - z) < 2e-13, "z=%g", z);
    for (double x = 0.1; x < 50; x *= 1.37)
        for (double y = -30; y < 30; y += 0.37)
            ck_assert_msg(relative(poly_power(x, y), pow(x, y)) < 1e-13, "%g^%g", x, y);
    for (double x = -5; x < 5; x += 0.25)
        ck_assert(poly_floor(x) == floor(x));
}
END_TEST

START_TEST(own_functions_know_their_ends)
{
    ck_assert(poly_exp(0) == 1 && poly_exp(710) == (double)INFINITY && poly_exp(-746) == 0);
    ck_assert(poly_log(1) == 0 && poly_log(0) == -(double)INFINITY);
    ck_assert(isnan(poly_log(-1)) && isnan(poly_log((double)NAN)) && isnan(poly_exp((double)NAN)));
    ck_assert(poly_power(-2, 3) == -8 && poly_power(2, -2) == 0.25 && poly_power(0, 0) == 1);
    ck_assert(isnan(poly_power(-2, 0.5)));
    ck_assert(poly_power(10, 3) == 1000 && poly_power(9, 0.5) == 3);
    ck_assert(poly_normal_quantile(0.5) == 0);
    ck_assert(poly_normal_quantile(0.25) == -poly_normal_quantile(0.75));
}
END_TEST

START_TEST(a_trial_without_a_number_fails_the_run)
{
    CLEANUP(mc_freep)
    struct mc *mc =
        mc_of("{'variables':{'a':{'dist':'normal','mean':0,'sd':1}},'outputs':{'x':'ln(a)'}}");
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);
    struct faults faults = {0};

    ck_assert(!sim_run(sim, &(struct sim_how){0}, &faults));
    ck_assert_int_eq(faults.at[0].code, FAULT_DOMAIN);
    ck_assert_str_eq(faults.at[0].path, "/outputs/x");
    ck_assert_msg(strstr(faults.at[0].message, "'ln' of") != NULL, "%s", faults.at[0].message);
    faults_deinit(&faults);
}
END_TEST

/* Distributions whose mean, standard deviation and percentiles are known. */
// clang-format off
static const struct {
    const char *dist;
    double mean, sd, p5, p50, p95;
} known[] = {
    {"{'dist':'normal','mean':10,'sd':2}", 10, 2, 10 - 2 * 1.6448536269514722, 10, 10 + 2 * 1.6448536269514722},
    {"{'dist':'normal','p5':-5,'p95':5}", 0, 5 / 1.6448536269514722, -5, 0, 5},
    {"{'dist':'normal','p10':1,'p90':3}", 2, 1 / 1.2815515655446004, 2 - 1.6448536269514722 / 1.2815515655446004, 2, 2 + 1.6448536269514722 / 1.2815515655446004},
    {"{'dist':'uniform','min':-1,'max':3}", 1, 1.1547005383792515, -0.8, 1, 2.8},
    {"{'dist':'triangular','min':0,'mode':0,'max':1}", 1.0 / 3, 0.23570226039551584, 0.025320565519103666, 0.2928932188134524, 0.776393202250021},
    {"{'dist':'triangular','min':0,'mode':1,'max':4}", 5.0 / 3, 0.8498365855987975, 0.4472135954999579, 1.5505102572168221, 3.2254033307585166},
    {"{'dist':'lognormal','mu':0,'sigma':0.5}", 1.1331484530668263, 0.6039005332108811, 0.4393641049274925, 1, 2.276016608514317},
    {"{'dist':'lognormal','mean':100,'sd':20}", 100, 20, 70.79648819726279, 98.05806756909209, 135.81725393769446},
    {"{'dist':'lognormal','p5':10,'p95':30}", 18.31378428157442, 6.290520070543024, 10, 17.32050807568877, 30},
    {"{'dist':'lognormal','p10':10,'p90':40}", 23.15012273786469, 13.49516061266626, 8.21603307852883, 20, 48.68529571105678},
    {"{'dist':'lognormal','median':5,'gsd':2}", 6.357685648570701, 4.993138149409454, 1.5988941890797623, 5, 15.635806403417263},
    {"'10 to 30'", 18.31378428157442, 6.290520070543024, 10, 17.32050807568877, 30},
    {"'-10 to 30'", 10, 20 / 1.6448536269514722, -10, 10, 30},
    {"7.5", 7.5, 0, 7.5, 7.5, 7.5},
    {"{'dist':'constant','value':2}", 2, 0, 2, 2, 2},
};
// clang-format on

static void check_known(size_t row)
{
    CLEANUP(charp_freep)
    char *text =
        xprintf("{'variables':{'v':%s},'outputs':{'x':'v'},'trials':100000}", known[row].dist);
    CLEANUP(mc_freep) struct mc *mc = mc_of(text);
    CLEANUP(sim_freep) struct sim *sim = sim_of(mc, mc->trials);
    struct moments moments = sim_moments(sim, 0);
    const struct samples *samples = sim_samples(sim, 0);
    const double expected[] = {known[row].p5, known[row].p50, known[row].p95};
    const double percents[] = {5, 50, 95};
    /* Constants have no standard error, but their last digit may be rounded. */
    double rounding = 1e-12 * fabs(known[row].mean);

    ck_assert_msg(fabs(moments.mean - known[row].mean) <= 4 * moments_se(&moments) + rounding,
                  "%s mean %g", known[row].dist, moments.mean);
    ck_assert_msg(fabs(moments_sd(&moments) - known[row].sd) <= 0.03 * known[row].sd + rounding,
                  "%s sd %g", known[row].dist, moments_sd(&moments));
    for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
        /* Four standard errors of the rank, as an interval. */
        struct interval interval = samples_percentile_interval(samples, percents[i], 0.99993);
        ck_assert_msg(interval.low <= expected[i] && expected[i] <= interval.high,
                      "%s p%g: %g to %g, not %g", known[row].dist, percents[i], interval.low,
                      interval.high, expected[i]);
    }
}

START_TEST(known_answers_lie_within_four_standard_errors)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        check_known(i);
}
END_TEST

START_TEST(percentiles_are_exact_order_statistics)
{
    static const size_t sizes[] = {1, 2, 1000, 65536, 65537, 196625};

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct samples samples;
        size_t n = sizes[i];
        samples_init(&samples, n);
        /* Every whole number from -n/2 once, in a scrambled order. */
        for (size_t j = 0; j < n; j++) {
            double x = (double)(j * 7919 % n) - (double)(n / 2);
            samples_add(&samples, &x, 1);
        }
        samples_sort(&samples);
        for (size_t rank = 0; rank < n; rank += n / 37 + 1)
            ck_assert(samples_at(&samples, rank) == (double)rank - (double)(n / 2));
        ck_assert(samples_at(&samples, n - 1) == (double)(n - 1) - (double)(n / 2));
        ck_assert_uint_eq(samples_below(&samples, 0), n / 2);
        samples_deinit(&samples);
    }
}
END_TEST

START_TEST(sorting_between_additions_changes_nothing)
{
    struct samples once, often;
    const size_t n = 70536;

    samples_init(&once, n);
    samples_init(&often, n);
    for (size_t i = 0; i < n; i++) {
        double x = (double)(i * 2654435761u % 1000003);
        samples_add(&once, &x, 1);
        samples_add(&often, &x, 1);
        if (i % 9973 == 0)
            samples_sort(&often);
    }
    samples_sort(&once);
    samples_sort(&often);
    for (double p = 1; p < 100; p++)
        ck_assert(samples_percentile(&once, p) == samples_percentile(&often, p));
    samples_deinit(&once);
    samples_deinit(&often);
}
END_TEST

START_TEST(intervals_are_the_textbook_ones)
{
    struct interval interval = wilson(10, 100, 0.95);

    ck_assert(fabs(interval.low - 0.05522914) < 1e-6 && fabs(interval.high - 0.17436566) < 1e-6);
    interval = wilson(0, 100, 0.95);
    ck_assert(interval.low == 0 && fabs(interval.high - 0.03699349) < 1e-6);
    ck_assert(fabs(normal_margin(0.95) - 1.959963984540054) < 1e-12);
    ck_assert(fabs(student_margin(0.95, 10) - 2.228138852) < 2e-3);
    ck_assert(fabs(student_margin(0.95, 1000) - 1.962339081) < 1e-6);
}
END_TEST

START_TEST(the_same_model_gives_the_same_bytes)
{
    CLEANUP(charp_freep) char *a = result_of(MODEL5);
    CLEANUP(charp_freep) char *b = result_of(MODEL5);

    ck_assert_str_eq(a, b);
}
END_TEST

static char *hash_of(const char *text)
{
    CLEANUP(charp_freep) char *result = result_of(text);
    struct json *json = NULL;

    ck_assert_int_eq(json_parse(span_of(result), NULL, &json, NULL), 0);
    char *hash = xspandup(json_get_string(json, "result_hash", ""));
    json = json_free(json);
    ck_assert_int_eq((int)strlen(hash), 71);
    return hash;
}

/* Found with gcc and clang from -O0 to -O3 with and without AVX-512. It changes only together with
 * MC_ENGINE or MC_RNG. */
START_TEST(a_known_result_keeps_its_hash)
{
    CLEANUP(charp_freep) char *hash = hash_of(MODEL5);

    ck_assert_str_eq(hash,
                     "sha256:0ce48029027f130f90c4c07bb1852221d11a099f246f7f943f57c45a6ba4db87");
}
END_TEST

START_TEST(the_seed_decides_the_numbers)
{
    static const char model[] = "{'variables':{'a':'1 to 2'},'outputs':{'x':'a'},'seed':%s}";
    CLEANUP(charp_freep) char *first = xprintf(model, "'one'");
    CLEANUP(charp_freep) char *second = xprintf(model, "'two'");
    CLEANUP(charp_freep) char *a = hash_of(first);
    CLEANUP(charp_freep) char *again = hash_of(first);
    CLEANUP(charp_freep) char *b = hash_of(second);

    ck_assert_str_eq(a, again);
    ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(spelling_and_order_of_members_do_not_change_the_model)
{
    CLEANUP(mc_freep)
    struct mc *a = mc_of("{'variables':{'a':'1 to 2','b':3},'outputs':{'x':'a*b'}}");
    CLEANUP(mc_freep)
    struct mc *b = mc_of("{'outputs':{'x':'a*b'},'variables':{'b':{'dist':'constant','value':3.0},"
                         "'a':{'dist':'lognormal','p5':1,'p95':2,'note':'n'}}}");
    CLEANUP(sim_freep) struct sim *first = sim_of(a, 5000);
    CLEANUP(sim_freep) struct sim *second = sim_of(b, 5000);

    ck_assert_mem_eq(a->model_digest, b->model_digest, DIGEST_BYTES);
    ck_assert(sim_moments(first, 0).mean == sim_moments(second, 0).mean);
}
END_TEST

START_TEST(another_variable_leaves_the_draws_of_the_first)
{
    CLEANUP(mc_freep)
    struct mc *a = mc_of("{'variables':{'a':'1 to 2'},'outputs':{'x':'a'},'seed':'s'}");
    CLEANUP(mc_freep)
    struct mc *b =
        mc_of("{'variables':{'z':'5 to 9','a':'1 to 2'},'outputs':{'x':'a','y':'z'},'seed':'s'}");
    CLEANUP(sim_freep) struct sim *first = sim_of(a, 5000);
    CLEANUP(sim_freep) struct sim *second = sim_of(b, 5000);

    ck_assert(sim_moments(first, 0).mean == sim_moments(second, 0).mean);
    ck_assert(sim_moments(first, 0).m2 == sim_moments(second, 0).m2);
}
END_TEST

START_TEST(blocks_may_be_drawn_in_any_order)
{
    double forward[4 * 1024], backward[4 * 1024], whole[4 * 1024];
    struct pcg stream;

    pcg_init(&stream, 7, 9);
    for (size_t i = 0; i < 4; i++)
        pcg_units(&stream, i * 1024, forward + i * 1024, 1024);
    for (size_t i = 4; i-- > 0;)
        pcg_units(&stream, i * 1024, backward + i * 1024, 1024);
    pcg_units(&stream, 0, whole, ARRAY_SIZE(whole));
    ck_assert_mem_eq(forward, backward, sizeof(forward));
    ck_assert_mem_eq(forward, whole, sizeof(forward));
}
END_TEST

START_TEST(fewer_trials_are_a_prefix_of_more)
{
    CLEANUP(mc_freep) struct mc *mc = mc_of(MODEL5);
    CLEANUP(sim_freep) struct sim *few = sim_of(mc, 8192);
    CLEANUP(sim_freep) struct sim *many = sim_of(mc, 4096);

    ck_assert(sim_run(many, &(struct sim_how){.until = 8192}, NULL));
    ck_assert(sim_moments(few, 0).mean == sim_moments(many, 0).mean);
    ck_assert(sim_moments(few, 0).m2 == sim_moments(many, 0).m2);
    ck_assert(samples_percentile(sim_samples(few, 0), 5) ==
              samples_percentile(sim_samples(many, 0), 5));
    ck_assert_uint_eq(sim_hits(few, 0), sim_hits(many, 0));
}
END_TEST

START_TEST(the_result_holds_together)
{
    CLEANUP(charp_freep) char *text = result_of(MODEL5);
    struct json *json = NULL;
    int64_t total = 0;

    ck_assert_int_eq(json_parse(span_of(text), NULL, &json, NULL), 0);
    const struct json *profit = json_get(json_get(json, "outputs"), "profit");
    const struct json *mean = json_get(profit, "mean"),
                      *counts = json_get(json_get(profit, "histogram"), "counts");
    ck_assert(json_number(json_at(json_get(mean, "ci"), 0)) < json_get_number(mean, "value", 0));
    ck_assert_uint_eq(json_length(counts), 64);
    ck_assert_uint_eq(json_length(json_get(json_get(profit, "histogram"), "edges")), 65);
    for (size_t i = 0; i < json_length(counts); i++)
        total += json_integer(json_at(counts, i));
    ck_assert_int_eq(total, 20000);
    const struct json *percentiles = json_get(profit, "percentiles");
    for (size_t i = 1; i < json_length(percentiles); i++)
        ck_assert(json_get_number(json_at(percentiles, i - 1), "value", 0) <
                  json_get_number(json_at(percentiles, i), "value", 0));
    ck_assert_uint_eq(json_length(json_get(profit, "P")), 1);
    ck_assert_uint_eq(json_length(json_get(json, "asked")), 3);
    ck_assert(span_equal(json_get_string(json_get(json_get(json, "resolved"), "price"), "dist", ""),
                         SPAN("lognormal")));
    json = json_free(json);
}
END_TEST

TEST_MAIN("sim", words_are_those_of_the_paper, advancing_is_drawing, units_are_open_and_symmetric,
          streams_follow_names_not_places, own_functions_agree_with_the_library,
          own_functions_know_their_ends, a_trial_without_a_number_fails_the_run,
          known_answers_lie_within_four_standard_errors, percentiles_are_exact_order_statistics,
          sorting_between_additions_changes_nothing, intervals_are_the_textbook_ones,
          the_same_model_gives_the_same_bytes, a_known_result_keeps_its_hash,
          the_seed_decides_the_numbers, spelling_and_order_of_members_do_not_change_the_model,
          another_variable_leaves_the_draws_of_the_first, blocks_may_be_drawn_in_any_order,
          fewer_trials_are_a_prefix_of_more, the_result_holds_together)
