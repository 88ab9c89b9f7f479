/* However a simulation is cut, into parts, checkpoints or threads, its result is the same bytes;
 * and bytes that are not a part's are refused. */
#include <check.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "main.h"
#include "quoted.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/sim.h"

#define BYTES_MAX ((size_t)256 << 20)

/* More than can be kept, by naming the output often; and fewer. */
static const char *const models[] = {
    "{'variables':{'a':{'dist':'normal','mean':5,'sd':2},'b':'1 to 3'},'outputs':{'x':'a*b'},"
    "'ask':['P(x > 10)','x.p99'],'trials':3500000,'report':{'drivers':true}}",
    "{'variables':{'a':{'dist':'normal','mean':0,'sd':1}},'outputs':{'x':'ln(a)'},"
    "'on_invalid':'drop','trials':2500000}",
    "{'variables':{'a':{'dist':'cauchy','median':1e6,'scale':1}},'outputs':{"
    "'a1':'a','a2':'a+1','a3':'a+2','a4':'a+3','a5':'a+4','a6':'a+5','a7':'a+6','a8':'a+7'},"
    "'ask':['P(a1 > 1e6)'],'trials':3000000}",
    "{'variables':{'g':{'dist':'normal','mean':0.05,'sd':0.16}},'steps':{'count':3,'redraw':['g'],"
    "'state':{'pot':{'init':'1','next':'pot*(1+g)'}}},'outputs':{'pot':'pot'},'trials':2200000}",
};

static void run(struct sim *sim, uint64_t until, unsigned n_threads)
{
    struct faults faults = {0};

    ck_assert_msg(sim_run(sim, &(struct sim_how){.until = until, .n_threads = n_threads}, &faults),
                  "%s", faults.n > 0 ? faults.at[0].message : "");
}

static char *result_of(struct sim *sim)
{
    CLEANUP(json_freep) struct json *result = sim_result(sim);

    ck_assert(sim_over(sim));
    return json_text(result);
}

static void merge(struct sim *sim, struct span bytes)
{
    struct error error = {0};
    int r = sim_merge(sim, bytes, &error);

    ck_assert_msg(r == 0, "%s", error.message);
}

static char *whole(const struct mc *mc, unsigned n_threads)
{
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);

    run(sim, 0, n_threads);
    return result_of(sim);
}

/* The first segment by whoever merges, since looks fall into it; the others as parts. */
static char *in_parts(const struct mc *mc)
{
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);

    run(sim, SEGMENT_TRIALS, 1);
    for (uint64_t segment = 1; segment * SEGMENT_TRIALS < mc->trials; segment++) {
        CLEANUP(sim_freep) struct sim *part = sim_new_part(mc, segment, 1);
        struct buf bytes;

        run(part, 0, 2);
        buf_init(&bytes, BYTES_MAX);
        sim_write(part, &bytes);
        merge(sim, buf_span(&bytes));
        buf_deinit(&bytes);
    }
    return result_of(sim);
}

static char *over_checkpoints(const struct mc *mc)
{
    static const uint64_t stops[] = {4096, 70 * 1024, 1 << 20, (1 << 20) + 512 * 1024};
    struct sim *sim = sim_new(mc);

    for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
        struct buf bytes;

        run(sim, stops[i], 1);
        buf_init(&bytes, BYTES_MAX);
        sim_write(sim, &bytes);
        sim_free(sim);
        sim = sim_new(mc);
        merge(sim, buf_span(&bytes));
        buf_deinit(&bytes);
    }
    run(sim, 0, 1);
    char *text = result_of(sim);
    sim_free(sim);
    return text;
}

START_TEST(cut_in_any_way_the_result_is_the_same_bytes)
{
    for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
        CLEANUP(mc_freep) struct mc *mc = mc_of(models[i]);
        CLEANUP(charp_freep) char *expected = whole(mc, 1);
        CLEANUP(charp_freep) char *threads = whole(mc, 3);
        CLEANUP(charp_freep) char *parts = in_parts(mc);
        CLEANUP(charp_freep) char *checkpoints = over_checkpoints(mc);

        ck_assert_str_eq(threads, expected);
        ck_assert_str_eq(parts, expected);
        ck_assert_str_eq(checkpoints, expected);
    }
}
END_TEST

/* The bytes of a short run's beginning. */
static void bytes_of(const struct mc *mc, struct buf *bytes)
{
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);

    run(sim, 4096, 1);
    buf_init(bytes, BYTES_MAX);
    sim_write(sim, bytes);
}

START_TEST(bytes_that_were_cut_or_changed_are_refused)
{
    CLEANUP(mc_freep) struct mc *mc = mc_of("{'outputs':{'x':'a'},'variables':{'a':'1 to 3'}}");
    struct buf bytes;

    bytes_of(mc, &bytes);
    for (size_t i = 0; i < bytes.n; i += i < 400 ? 1 : 997) {
        CLEANUP(sim_freep) struct sim *sim = sim_new(mc);
        struct error error = {0};

        ck_assert_int_ne(sim_merge(sim, (struct span){bytes.at, i}, &error), 0);
        bytes.at[i] ^= 1;
        ck_assert_int_ne(sim_merge(sim, buf_span(&bytes), &error), 0);
        ck_assert(error.message[0]);
        bytes.at[i] ^= 1;
        ck_assert_uint_eq(sim_done(sim), 0);
    }
    buf_deinit(&bytes);
}
END_TEST

START_TEST(bytes_of_another_model_or_out_of_turn_are_refused)
{
    CLEANUP(mc_freep) struct mc *mc = mc_of("{'outputs':{'x':'a'},'variables':{'a':'1 to 3'}}");
    CLEANUP(mc_freep) struct mc *other = mc_of("{'outputs':{'x':'a'},'variables':{'a':'1 to 4'}}");
    CLEANUP(sim_freep) struct sim *sim = sim_new(other);
    CLEANUP(sim_freep) struct sim *ahead = sim_new(mc);
    struct error error = {0};
    struct buf bytes;

    bytes_of(mc, &bytes);
    ck_assert_int_ne(sim_merge(sim, buf_span(&bytes), &error), 0);
    ck_assert_msg(strstr(error.message, "another model"), "%s", error.message);
    run(ahead, 4096, 1);
    ck_assert_int_ne(sim_merge(ahead, buf_span(&bytes), &error), 0);
    ck_assert_msg(strstr(error.message, "not the next"), "%s", error.message);
    buf_deinit(&bytes);
}
END_TEST

START_TEST(a_run_stops_when_it_is_told_to_and_where_its_rules_hold)
{
    CLEANUP(mc_freep)
    struct mc *mc =
        mc_of("{'variables':{'a':{'dist':'normal','mean':0,'sd':1}},'outputs':{'x':'a'},"
              "'trials':{'max':10000000,'until':[{'of':'x.mean','ci_half_width':0.01}]}}");
    CLEANUP(sim_freep) struct sim *sim = sim_new(mc);
    CLEANUP(sim_freep) struct sim *told = sim_new(mc);
    bool stop = true;
    struct faults faults = {0};

    run(sim, 0, 2);
    ck_assert(sim_rules_hold(sim));
    /* 1.96 / sqrt(n) is below a hundredth from 65,536 on, and once more. */
    ck_assert_uint_eq(sim_done(sim), 131072);
    ck_assert(!sim_run(told, &(struct sim_how){.stop = &stop}, &faults));
    ck_assert_uint_eq(faults.n, 0);
    ck_assert_uint_eq(sim_done(told), 0);
}
END_TEST

TEST_MAIN("parts", cut_in_any_way_the_result_is_the_same_bytes,
          bytes_that_were_cut_or_changed_are_refused,
          bytes_of_another_model_or_out_of_turn_are_refused,
          a_run_stops_when_it_is_told_to_and_where_its_rules_hold)
