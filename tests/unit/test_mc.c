/* The language mc/1: what models mean, what is refused and where, and prices. */
#include <check.h>
#include <math.h>
#include <stdio.h>

#include "buf.h"
#include "main.h"
#include "mc_try.h"
#include "quoted.h"
#include "sim/fault.h"
#include "sim/matrix.h"
#include "sim/mc_parts.h"
#include "sim/poly.h"

/* A model that the door lets in. */
static struct mc *model_of(const char *text)
{
    CLEANUP(json_freep) struct json *json = json_of(text);

    check_schema(json);
    return mc_of(text);
}

/* The first output, all variables at their medians. */
static double value_of(const char *text)
{
    CLEANUP(mc_freep) struct mc *mc = model_of(text);
    double units[MC_VARIABLES_MAX];

    for (size_t i = 0; i < MC_VARIABLES_MAX; i++)
        units[i] = 0.5;
    struct mc_try at = mc_try_new(mc, units);
    double value = mc_try_output(mc, &at, 0);
    mc_try_free(&at);
    return value;
}

/* ---- meaning ---- */

START_TEST(expressions_have_the_usual_meaning)
{
    static const struct {
        const char *expression;
        double value;
    } rows[] = {
        {"1 + 2*3",                      7                 },
        {"(1 + 2)*3",                    9                 },
        {"-2^2",                         -4                },
        {"2^3^2",                        512               },
        {"2^-1",                         0.5               },
        {"(-8)^(1/3) == 1",              __builtin_nan("") },
        {"10 - 4 - 3",                   3                 },
        {"16/4/2",                       2                 },
        {"- -3",                         3                 },
        {"a*a - a",                      12                },
        {"5%",                           0.05              },
        {"1e3 + .5",                     1000.5            },
        {"2.5E-3",                       0.0025            },
        {"min(3, 1, 2)",                 1                 },
        {"max(3, 1, 2)",                 3                 },
        {"max(3)",                       3                 },
        {"sum(1, 2, 3)",                 6                 },
        {"mean(1, 2, 6)",                3                 },
        {"clamp(7, 0, 5)",               5                 },
        {"clamp(-7, 0, 5)",              0                 },
        {"abs(-3) + sqrt(16)",           7                 },
        {"ln(exp(2))",                   2                 },
        {"log10(1e15)",                  15                },
        {"floor(-1.5)",                  -2                },
        {"ceil(-1.5)",                   -1                },
        {"ceil(1.2)",                    2                 },
        {"round(2.5) + round(-2.5)",     0                 },
        {"round(0.4)",                   0                 },
        {"sign(-3) + sign(0) + sign(9)", 0                 },
        {"sin(1)",                       0.8414709848078965},
        {"cos(1e22)",                    0.5232147853951389},
        {"tan(0.5)",                     0.5463024898437905},
        {"npv(10%, 110)",                100               },
        {"npv(10%, 110, 121, 0)",        200               },
        {"npv(npv(0, a/40), 110, 121)",  200               },
        {"if(a > 3, 10, 20)",            10                },
        {"if(a < 3, ln(-1), 20)",        20                },
        {"a > 3 and b < 0",              0                 },
        {"a < 3 and ln(-1) > 0",         0                 },
        {"a > 3 or ln(-1) > 0",          1                 },
        {"not a == 4",                   0                 },
        {"a != b",                       1                 },
        {"a >= 4 and a <= 4",            1                 },
        {"(a > 1) + (b > 1)",            2                 },
        {"c + 1",                        13                },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(charp_freep)
        char *text = xprintf("{'variables':{'a':4,'b':2},'let':{'c':'d*2','d':'a+b'},"
                             "'outputs':{'x':'%s'}}",
                             rows[i].expression);
        double value = value_of(text);
        ck_assert_msg(isnan(rows[i].value)
                          ? isnan(value)
                          : fabs(value - rows[i].value) <= 1e-13 * (1 + fabs(value)),
                      "%s: %.17g", rows[i].expression, value);
    }
}
END_TEST

START_TEST(steps_go_from_state_to_state)
{
    static const struct {
        const char *model;
        double value;
    } rows[] = {
        {"{'steps':{'count':3,'state':{'pot':{'init':'100','next':'pot*2+1'}}},"
         "'outputs':{'pot':'pot'}}",                                        807 },
 /* All next read the states as they were. */
        {"{'steps':{'count':3,'state':{'a':{'init':'1','next':'b'},'b':{'init':'2','next':'a'}}},"
         "'outputs':{'x':'10*a+b'}}",                                       21  },
        {"{'steps':{'count':10,'state':{'a':{'init':'0','next':'b'},'b':{'init':'1',"
         "'next':'a+b'}}},'outputs':{'x':'a'}}",                            55  },
 /* let sees the states of where it is used; an output may have a state's name. */
        {"{'variables':{'g':{'dist':'normal','mean':3,'sd':1}},'let':{'grown':'s+g'},"
         "'steps':{'count':4,'redraw':['g'],'state':{'s':{'init':'1','next':'grown'}}},"
         "'outputs':{'s':'s*100','x':'s'},'ask':['P(s > 1000)','s.mean']}", 1300},
        {"{'variables':{'k':7},'steps':{'count':2,'state':{'s':{'init':'k','next':'s+k'}}},"
         "'outputs':{'x':'s'}}",                                            21  },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double value = value_of(rows[i].model);
        ck_assert_msg(value == rows[i].value, "%s: %.17g", rows[i].model, value);
    }
}
END_TEST

START_TEST(a_question_means_the_output_not_the_state)
{
    CLEANUP(mc_freep)
    struct mc *mc = model_of("{'steps':{'count':1,'state':{'s':{'init':'1','next':'s'}}},"
                             "'outputs':{'s':'s+1'},'ask':['P(s > 1.5)']}");
    struct mc_try at = mc_try_new(mc, (double[]){0.5});

    ck_assert_double_eq(vm_slot(at.end, mc->asks[0].slot)[0], 1);
    ck_assert(mc->asks[0].mentions[0]);
    mc_try_free(&at);
}
END_TEST

START_TEST(questions_have_their_types)
{
    CLEANUP(mc_freep)
    struct mc *mc = model_of("{'variables':{'v':'1 to 2'},'outputs':{'w':'v','x':'v'},"
                             "'ask':['P(x > 1 and w > 1)','x.p5','x.p99.9','w.mean','x.sd'],"
                             "'trials':{'max':1000000,'until':[{'of':'x.p5','ci_half_width':0.5},"
                             "{'of':'P(w < 2)','ci_half_width':0.001}]}}");

    ck_assert_uint_eq(mc->n_asks, 6);
    ck_assert_int_eq(mc->asks[0].type, MC_ASK_PROBABILITY);
    ck_assert(mc->asks[0].mentions[0] && mc->asks[0].mentions[1]);
    ck_assert_int_eq(mc->asks[1].type, MC_ASK_PERCENTILE);
    ck_assert_uint_eq(mc->asks[1].output, 1);
    ck_assert_double_eq(mc->asks[2].percentile, 99.9);
    ck_assert_int_eq(mc->asks[3].type, MC_ASK_MEAN);
    ck_assert_uint_eq(mc->asks[3].output, 0);
    ck_assert_int_eq(mc->asks[4].type, MC_ASK_SD);
    /* A rule watches a question that is there, or one of its own behind them. */
    ck_assert_uint_eq(mc->n_rules, 2);
    ck_assert_uint_eq(mc->rules[0].ask, 1);
    ck_assert_uint_eq(mc->rules[1].ask, 5);
    ck_assert_str_eq(mc->asks[5].path, "/trials/until/1/of");
    ck_assert_double_eq(mc->rules[1].half_width, 0.001);
}
END_TEST

START_TEST(options_reach_the_model)
{
    CLEANUP(mc_freep)
    struct mc *mc =
        model_of("{'kind':'montecarlo','model':'mc/1','trials':1e3,'seed':-7,"
                 "'method':'lhs','outputs':{'x':'1'},'on_invalid':'drop','dry_run':true,"
                 "'report':{'percentiles':[0.1,50],'histogram':0,'ci':0.5,'drivers':true,"
                 "'samples':12}}");

    ck_assert_uint_eq(mc->trials, 1000);
    ck_assert_str_eq(mc->seed, "-7");
    ck_assert_int_eq(mc->method, MC_LHS);
    ck_assert(mc->drop_invalid && mc->dry_run && mc->drivers);
    ck_assert_uint_eq(mc->n_percentiles, 2);
    ck_assert_double_eq(mc->percentiles[0], 0.1);
    ck_assert_uint_eq(mc->histogram_bins, 0);
    ck_assert_double_eq(mc->level, 0.5);
    ck_assert_uint_eq(mc->n_reported_samples, 12);
}
END_TEST

START_TEST(correlations_are_a_factor_in_the_order_of_names)
{
    static const char model[] =
        "{'variables':{'b':'1 to 2','k':3,'a':{'dist':'poisson','mean':4},'c':'1 to 2'},"
        "'correlations':[['a','b',0.6],['c','b',-0.3]],'outputs':{'x':'a+b+c+k'}}";
    CLEANUP(mc_freep) struct mc *mc = model_of(model);
    const double *f = mc->factor;

    ck_assert_uint_eq(mc->n_correlated, 3);
    ck_assert_uint_eq(mc->variables[0].factor_row, 1);
    ck_assert_uint_eq(mc->variables[1].factor_row, MC_UNCORRELATED);
    ck_assert_uint_eq(mc->variables[2].factor_row, 0);
    ck_assert_uint_eq(mc->variables[3].factor_row, 2);
    ck_assert_double_eq(f[0], 1);
    ck_assert_double_eq(f[1], 0);
    ck_assert_double_eq(f[3], 0.6);
    ck_assert_double_eq_tol(f[4], 0.8, 1e-15);
    /* factor * its transpose gives the correlations back */
    ck_assert_double_eq_tol(f[6] * f[3] + f[7] * f[4], -0.3, 1e-15);
    ck_assert_double_eq_tol(f[6] * f[6] + f[7] * f[7] + f[8] * f[8], 1, 1e-15);
}
END_TEST

START_TEST(ranks_are_turned_into_normal_scores)
{
    CLEANUP(mc_freep)
    struct mc *mc =
        model_of("{'variables':{'a':'1 to 2','b':'1 to 2'},'correlation_kind':'spearman',"
                 "'correlations':[['a','b',0.5]],'outputs':{'x':'a+b'}}");

    ck_assert_double_eq_tol(mc->factor[2], 0.5176380902050415, 1e-15);
}
END_TEST

/* ---- what identifies a model ---- */

START_TEST(spelling_and_order_do_not_change_a_model)
{
    static const char *const same[] = {
        "{'variables':{'a':'1 to 2','b':{'dist':'normal','mean':1,'sd':0.05}},"
        "'correlations':[['a','b',0.5]],'let':{'c':'a + b*2'},'outputs':{'x':'c/(1+5%)'}}",
        "{'outputs':{'x':'c / (1.0 + 0.05)'},'let':{'c':'(a)+(b*2.0)'},'trials':77,"
        "'correlations':[['b','a',5e-1]],'ask':['x.p5'],'seed':'s',"
        "'variables':{'b':{'sd':5e-2,'mean':1.0,'dist':'normal','note':'n'},'a':'1.0 to 2e0'}}",
    };
    static const char *const others[] = {
        "{'variables':{'a':'1 to 2','b':{'dist':'normal','mean':1,'sd':0.05}},"
        "'correlations':[['a','b',0.4]],'let':{'c':'a + b*2'},'outputs':{'x':'c/(1+5%)'}}",
        "{'variables':{'a':'1 to 2','b':{'dist':'normal','mean':1,'sd':0.05}},"
        "'correlations':[['a','b',0.5]],'let':{'c':'(a + b)*2'},'outputs':{'x':'c/(1+5%)'}}",
        "{'variables':{'a':'1 to 2','b':{'dist':'normal','mean':1,'sd':0.05,'truncate':[0,9]}},"
        "'correlations':[['a','b',0.5]],'let':{'c':'a + b*2'},'outputs':{'x':'c/(1+5%)'}}",
        "{'variables':{'a':'1 to 2','b':{'dist':'normal','mean':1,'sd':0.05}},'steps':{'count':2},"
        "'correlations':[['a','b',0.5]],'let':{'c':'a + b*2'},'outputs':{'x':'c/(1+5%)'}}",
    };
    CLEANUP(mc_freep) struct mc *first = model_of(same[0]);
    CLEANUP(mc_freep) struct mc *second = model_of(same[1]);

    ck_assert_mem_eq(first->model_digest, second->model_digest, DIGEST_BYTES);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        CLEANUP(mc_freep) struct mc *other = model_of(others[i]);
        ck_assert_msg(memcmp(first->model_digest, other->model_digest, DIGEST_BYTES) != 0, "%s",
                      others[i]);
    }
}
END_TEST

/* ---- price and warnings ---- */

START_TEST(the_price_is_that_of_all_trials_and_steps)
{
    CLEANUP(mc_freep)
    struct mc *once = model_of("{'variables':{'a':'1 to 2'},'outputs':{'x':'a+1'},'trials':1000}");
    CLEANUP(mc_freep)
    struct mc *more = model_of("{'variables':{'a':'1 to 2'},'outputs':{'x':'a+1'},'trials':5000}");
    CLEANUP(mc_freep)
    struct mc *stepped =
        model_of("{'variables':{'a':'1 to 2'},'steps':{'count':50,'redraw':['a'],"
                 "'state':{'s':{'init':'0','next':'s+a'}}},'outputs':{'x':'s+1'},'trials':1000}");

    ck_assert_uint_eq(once->cost_units, 1000 * (3 + 1 + 6));
    ck_assert_uint_eq(more->cost_units, 5 * once->cost_units);
    /* a step: its draw, its addition, and handing the state on */
    ck_assert_uint_eq(stepped->cost_units, 1000 * (1 + 6 + 50 * (3 + 1 + 1)));
}
END_TEST

START_TEST(a_price_beyond_all_numbers_is_the_largest_one)
{
    struct faults faults = {0};
    struct buf text;

    buf_init(&text, 65536);
    buf_add_text(&text, "{'trials':1,'steps':{'count':1200,'redraw':['v']},'outputs':{'x':'v'},"
                        "'variables':{'v':{'dist':'mixture','of':[0");
    for (int i = 1; i < DIST_PARTS_MAX; i++)
        buf_add_text(&text, ",{'dist':'poisson','mean':1e11}"); /* a search for each draw */
    buf_add_text(&text, "],'weights':[1");
    for (int i = 1; i < DIST_PARTS_MAX; i++)
        buf_add_text(&text, ",1");
    buf_add_text(&text, "]}}}");
    CLEANUP(mc_freep) struct mc *mc = model_of(text.at);
    uint64_t once = mc->cost_units;
    ck_assert_uint_gt(once, 1200u * 63 * 10000);
    mc->trials = MC_TRIALS_MAX;
    mc_price(mc, &faults);
    ck_assert_uint_eq(mc->cost_units, once * MC_TRIALS_MAX);
    mc->trials = MC_TRIALS_MAX * 100ull;
    mc_price(mc, &faults);
    ck_assert_uint_eq(mc->cost_units, INT64_MAX);
    buf_deinit(&text);
}
END_TEST

START_TEST(a_dry_run_says_the_price_and_what_was_understood)
{
    CLEANUP(mc_freep)
    struct mc *mc = model_of("{'variables':{'a':5},'outputs':{'x':'a+1'},'trials':1000,"
                             "'budget':{'cost_units':10},'dry_run':true}");
    CLEANUP(json_freep) struct json *json = mc_dry_run(mc);

    ck_assert_int_eq(json_get_integer(json, "cost_units", 0), (int64_t)mc->cost_units);
    ck_assert(json_get_number(json, "seconds_estimate", 0) > 0);
    ck_assert(json_get_bool(json, "over_budget", false));
    ck_assert_double_eq(json_get_number(json_get(json_get(json, "resolved"), "a"), "value", 0), 5);
}
END_TEST

START_TEST(likely_mistakes_are_warned_of)
{
    CLEANUP(mc_freep)
    struct mc *mc =
        model_of("{'variables':{'a':{'dist':'cauchy','median':0,'scale':1},'b':'1 to 9e9',"
                 "'c':3},'let':{'d':'1','e':'b'},'steps':{'count':2,'state':{'s':{"
                 "'init':'1','next':'s+1'}}},'outputs':{'x':'a+e'}}");
    CLEANUP(json_freep) struct json *list = mc_warnings(mc);
    static const char *const wanted[][2] = {
        {"W_HEAVY_TAIL",     "/variables/a"  },
        {"W_WIDE_LOGNORMAL", "/variables/b"  },
        {"W_UNUSED",         "/variables/c"  },
        {"W_UNUSED",         "/steps/state/s"},
        {"W_UNUSED",         "/let/d"        },
    };

    ck_assert_uint_eq(json_length(list), ARRAY_SIZE(wanted));
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        ck_assert_str_eq(json_string(json_get(json_at(list, i), "code")).at, wanted[i][0]);
        ck_assert_str_eq(json_string(json_get(json_at(list, i), "path")).at, wanted[i][1]);
    }
}
END_TEST

/* ---- what is refused ---- */

// clang-format off
static const struct refused refused[] = {
    {"{'outputs':{'x':'1 +'}}",                                       "E_PARSE",    "/outputs/x", 2, 3},
    {"{'outputs':{'x':'(1 + 2'}}",                                    "E_PARSE",    "/outputs/x", 5, 6},
    {"{'outputs':{'x':'1 2'}}",                                       "E_PARSE",    "/outputs/x", 2, 3},
    {"{'outputs':{'x':'1 # 2'}}",                                     "E_PARSE",    "/outputs/x", 2, 3},
    {"{'outputs':{'x':'1 \xe2\x82\xac 2'}}",                          "E_PARSE",    "/outputs/x", 2, 5},
    {"{'outputs':{'x':''}}",                                          "E_PARSE",    "/outputs/x", 0, 0},
    {"{'outputs':{'x':'1 < 2 < 3'}}",                                 "E_PARSE",    "/outputs/x", 6, 7},
    {"{'outputs':{'x':'1e999'}}",                                     "E_PARSE",    "/outputs/x", 0, 5},
    {"{'outputs':{'x':'1.2.3'}}",                                     "E_PARSE",    "/outputs/x", 0, 5},
    {"{'outputs':{'x':'if(1, 2)'}}",                                  "E_ARITY",    "/outputs/x", 0, 8},
    {"{'outputs':{'x':'1+sin()'}}",                                   "E_ARITY",    "/outputs/x", 2, 7},
    {"{'outputs':{'x':'npv(1)'}}",                                    "E_ARITY",    "/outputs/x", 0, 6},
    {"{'outputs':{'x':'y + 1'}}",                                     "E_NAME",     "/outputs/x", 0, 1},
    {"{'outputs':{'x':'2*foo(1)'}}",                                  "E_NAME",     "/outputs/x", 2, 5},
    {"{'let':{'a':'1+zz'},'outputs':{'x':'a'}}",                      "E_NAME",     "/let/a",     2, 4},
    {"{'outputs':{'x':3}}",                                           "E_SCHEMA",   "/outputs/x", 0, 0},
    {"{'let':{'a':'b','b':'a'},'outputs':{'x':'a'}}",                 "E_CYCLE",    "/let/a",     0, 0},
    {"{'outputs':{'x':'x'}}",                                         "E_CYCLE",    "/outputs/x", 0, 0},
    {"{'variables':{'if':1},'outputs':{'x':'1'}}",                    "E_RESERVED", "/variables/if", 0, 0},
    {"{'variables':{'a/b':1},'outputs':{'x':'1'}}",                   "E_NAME",     "/variables/a~1b", 0, 0},
    {"{'variables':{'x':1},'outputs':{'x':'1'}}",                     "E_NAME",     "/outputs/x", 0, 0},
    {"{'variables':{'v':{'dist':'nromal'}},'outputs':{'x':'v'}}",     "E_DIST",     "/variables/v/dist", 0, 0},
    {"{'variables':{'v':{'dist':'normal','mean':1}},'outputs':{'x':'v'}}", "E_PARAM_MISSING", "/variables/v/sd", 0, 0},
    {"{'variables':[],'outputs':{'x':'1'}}",                          "E_SCHEMA",   "/variables", 0, 0},
    {"{'variables':{}}",                                              "E_SCHEMA",   "/outputs",   0, 0},
    {"{'outputs':{}}",                                                "E_SCHEMA",   "/outputs",   0, 0},
    {"{'outputs':{'x':'1'},'bogus':1}",                               "E_SCHEMA",   "/bogus",     0, 0},
    {"{'outputs':{'x':'1'},'kind':'debate'}",                         "E_SCHEMA",   "/kind",      0, 0},
    {"{'outputs':{'x':'1'},'model':'mc/2'}",                          "E_SCHEMA",   "/model",     0, 0},
    {"{'outputs':{'x':'1'},'report':{'histogrm':1}}",                 "E_SCHEMA",   "/report/histogrm", 0, 0},
    {"{'outputs':{'x':'1'},'report':{'histogram':1025}}",             "E_PARAM_RANGE", "/report/histogram", 0, 0},
    {"{'outputs':{'x':'1'},'report':{'percentiles':[50,100]}}",       "E_PARAM_RANGE", "/report/percentiles/1", 0, 0},
    {"{'outputs':{'x':'1'},'report':{'ci':1}}",                       "E_PARAM_RANGE", "/report/ci", 0, 0},
    {"{'outputs':{'x':'1'},'report':{'drivers':1}}",                  "E_SCHEMA",   "/report/drivers", 0, 0},
    {"{'outputs':{'x':'1'},'report':{'samples':-1}}",                 "E_PARAM_RANGE", "/report/samples", 0, 0},
    {"{'outputs':{'x':'1'},'trials':2e10}",                           "E_LIMIT",    "/trials",    0, 0},
    {"{'outputs':{'x':'1'},'trials':0}",                              "E_SCHEMA",   "/trials",    0, 0},
    {"{'outputs':{'x':'1'},'trials':0.5}",                            "E_SCHEMA",   "/trials",    0, 0},
    {"{'outputs':{'x':'1'},'trials':{'until':[]}}",                   "E_SCHEMA",   "/trials/max", 0, 0},
    {"{'outputs':{'x':'1'},'trials':{'max':9,'until':[{'of':'x.mean'}]}}", "E_SCHEMA", "/trials/until/0/ci_half_width", 0, 0},
    {"{'outputs':{'x':'1'},'trials':{'max':9,'until':[{'of':'x.mean','ci_half_width':0}]}}", "E_PARAM_RANGE", "/trials/until/0/ci_half_width", 0, 0},
    {"{'outputs':{'x':'1'},'trials':{'max':9,'until':[{'of':'y.mean','ci_half_width':1}]}}", "E_NAME", "/trials/until/0/of", 0, 1},
    {"{'outputs':{'x':'1'},'method':'sobl'}",                         "E_SCHEMA",   "/method",    0, 0},
    {"{'outputs':{'x':'1'},'seed':1.5}",                              "E_SCHEMA",   "/seed",      0, 0},
    {"{'outputs':{'x':'1'},'on_invalid':'keep'}",                     "E_SCHEMA",   "/on_invalid", 0, 0},
    {"{'outputs':{'x':'1'},'dry_run':1}",                             "E_SCHEMA",   "/dry_run",   0, 0},
    {"{'outputs':{'x':'1'},'budget':{'cost_units':5}}",               "E_BUDGET",   "/budget/cost_units", 0, 0},
    {"{'outputs':{'x':'1'},'budget':{}}",                             "E_SCHEMA",   "/budget/cost_units", 0, 0},
    {"{'outputs':{'x':'1'},'correlations':[['a','b',0.5]]}",          "E_NAME",     "/correlations/0/0", 0, 0},
    {"{'variables':{'a':'1 to 2','b':'1 to 2'},'outputs':{'x':'a+b'},'correlations':[['a','b',1.5]]}", "E_CORR_RANGE", "/correlations/0/2", 0, 0},
    {"{'variables':{'a':'1 to 2','b':'1 to 2'},'outputs':{'x':'a+b'},'correlations':[['a','a',1]]}", "E_CORR_RANGE", "/correlations/0", 0, 0},
    {"{'variables':{'a':'1 to 2','b':'1 to 2'},'outputs':{'x':'a+b'},'correlations':[['a','b',0.1],['b','a',0.1]]}", "E_CORR_RANGE", "/correlations/1", 0, 0},
    {"{'variables':{'a':'1 to 2','b':5},'outputs':{'x':'a+b'},'correlations':[['a','b',0.1]]}", "E_CORR_DISCRETE", "/correlations/0/1", 0, 0},
    {"{'variables':{'a':'1 to 2','b':{'dist':'poisson','mean':3}},'outputs':{'x':'a+b'},'correlations':[['b','a',0.1]],'correlation_kind':'spearman'}", "E_CORR_DISCRETE", "/correlations/0/0", 0, 0},
    {"{'variables':{'a':'1 to 2','b':'1 to 2'},'steps':{'count':2,'redraw':['a']},'outputs':{'x':'a+b'},'correlations':[['a','b',0.1]]}", "E_CORR_RANGE", "/correlations/0", 0, 0},
    {"{'variables':{'a':'1 to 2'},'outputs':{'x':'a'},'correlations':[['a','b']]}", "E_SCHEMA", "/correlations/0", 0, 0},
    {"{'variables':{'a':'1 to 2','b':'1 to 2','c':'1 to 2'},'outputs':{'x':'a+b+c'},'correlations':[['a','b',0.9],['b','c',0.9],['a','c',-0.9]]}", "E_CORR_NOT_PSD", "/correlations", 0, 0},
    {"{'outputs':{'x':'1'},'correlation_kind':'pearson'}",            "E_SCHEMA",   "/correlation_kind", 0, 0},
    {"{'outputs':{'x':'1'},'steps':{'count':1201}}",                  "E_LIMIT",    "/steps/count", 0, 0},
    {"{'outputs':{'x':'1'},'steps':{'count':0}}",                     "E_SCHEMA",   "/steps/count", 0, 0},
    {"{'outputs':{'x':'1'},'steps':{}}",                              "E_SCHEMA",   "/steps/count", 0, 0},
    {"{'outputs':{'x':'1'},'steps':{'count':2,'redraw':['a']}}",      "E_NAME",     "/steps/redraw/0", 0, 0},
    {"{'outputs':{'x':'1'},'steps':{'count':2,'state':{'s':{'init':'1'}}}}", "E_SCHEMA", "/steps/state/s/next", 0, 0},
    {"{'outputs':{'x':'1'},'steps':{'count':2,'state':{'s':{'init':'s','next':'1'}}}}", "E_NAME", "/steps/state/s/init", 0, 1},
    {"{'outputs':{'x':'1'},'steps':{'count':2,'state':{'s':{'init':'1','next':'s+'}}}}", "E_PARSE", "/steps/state/s/next", 1, 2},
    {"{'variables':{'v':'1 to 2'},'let':{'l':'2*v'},'outputs':{'x':'1'},'steps':{'count':2,'redraw':['v'],'state':{'s':{'init':'l','next':'s'}}}}", "E_NAME", "/let/l", 2, 3},
    {"{'variables':{'s':1},'outputs':{'x':'1'},'steps':{'count':2,'state':{'s':{'init':'1','next':'s'}}}}", "E_NAME", "/steps/state/s", 0, 0},
    {"{'outputs':{'x':'1'},'ask':['P(x)']}",                          "E_PARSE",    "/ask/0",     2, 3},
    {"{'outputs':{'x':'1'},'ask':['P(y > 1)']}",                      "E_NAME",     "/ask/0",     2, 3},
    {"{'outputs':{'x':'1'},'ask':['P(x > 1']}",                       "E_PARSE",    "/ask/0",     0, 7},
    {"{'outputs':{'x':'1'},'ask':['x.p100']}",                        "E_PARSE",    "/ask/0",     2, 6},
    {"{'outputs':{'x':'1'},'ask':['x.p-5']}",                         "E_PARSE",    "/ask/0",     2, 5},
    {"{'outputs':{'x':'1'},'ask':['y.mean']}",                        "E_NAME",     "/ask/0",     0, 1},
    {"{'outputs':{'x':'1'},'ask':['what']}",                          "E_PARSE",    "/ask/0",     0, 4},
    {"{'outputs':{'x':'1'},'ask':['']}",                              "E_PARSE",    "/ask/0",     0, 0},
    {"{'outputs':{'x':'1'},'ask':[1]}",                               "E_SCHEMA",   "/ask/0",     0, 0},
};
// clang-format on

static void check_refused(const struct refused *row)
{
    CLEANUP(json_freep) struct json *json = json_of(row->text);
    struct faults faults = {0};

    ck_assert_msg(!mc_new(json, &faults), "%s is taken", row->text);
    check_found(&faults, row);
    faults_deinit(&faults);
}

START_TEST(faults_say_what_is_wrong_and_where)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        check_refused(&refused[i]);
}
END_TEST

START_TEST(all_faults_come_at_once_with_hints)
{
    CLEANUP(json_freep)
    struct json *json =
        json_of("{'variables':{'price':{'dist':'nromal'},'n':'3 to 1'},'outputs':{'x':'prcie+1',"
                "'y':'1+','z':'mxa(1,2)'},'method':'lsh','traisl':5}");
    static const char *const wanted[] = {"normal", "price", "max", "trials"};
    struct faults faults = {0};

    ck_assert_ptr_null(mc_new(json, &faults));
    ck_assert_uint_eq(faults.n, 7);
    CLEANUP(json_freep) struct json *list = faults_json(&faults);
    CLEANUP(charp_freep) char *text = json_text(list);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        CLEANUP(charp_freep) char *hint = xprintf("did you mean '%s'?", wanted[i]);
        ck_assert_msg(strstr(text, hint) != NULL, "%s: %s", hint, text);
    }
    faults_deinit(&faults);
}
END_TEST

START_TEST(a_cycle_is_told_with_its_path)
{
    CLEANUP(json_freep)
    struct json *json = json_of("{'let':{'a':'b+1','b':'2*c','c':'a'},'outputs':{'x':'a'}}");
    struct faults faults = {0};

    ck_assert_ptr_null(mc_new(json, &faults));
    ck_assert_uint_eq(faults.n, 1);
    ck_assert_str_eq(faults.at[0].message, "it depends on itself: a -> b -> c -> a");
    faults_deinit(&faults);
}
END_TEST

static char *correlated(const char *kind, double ab, double bc, double ac)
{
    return xprintf("{'variables':{'a':'1 to 2','b':'1 to 2','c':'1 to 2'},"
                   "'outputs':{'x':'a+b+c'},'correlation_kind':'%s',"
                   "'correlations':[['a','b',%.17g],['b','c',%.17g],['a','c',%.17g]]}",
                   kind, ab, bc, ac);
}

/* What is offered instead is possible, and near. */
static void check_nearest(const char *kind)
{
    CLEANUP(charp_freep) char *text = correlated(kind, 0.9, 0.9, -0.9);
    CLEANUP(json_freep) struct json *json = json_of(text);
    struct faults faults = {0};

    ck_assert_ptr_null(mc_new(json, &faults));
    CLEANUP(json_freep) struct json *list = faults_json(&faults);
    const struct json *fault = json_at(list, 0), *nearest = json_get(fault, "nearest");
    const struct json *matrix = json_get(nearest, "matrix");
    double ab = json_number(json_at(json_at(matrix, 0), 1));
    double bc = json_number(json_at(json_at(matrix, 1), 2));
    double ac = json_number(json_at(json_at(matrix, 0), 2));
    double change = json_get_number(fault, "largest_change", 0);
    ck_assert_uint_eq(json_length(json_get(nearest, "variables")), 3);
    ck_assert_double_eq_tol(ab, bc, 1e-6);
    ck_assert(ab > 0.4 && ab < 0.6 && ac < -0.4 && ac > -0.6);
    ck_assert_double_eq_tol(change, fmax(0.9 - ab, 0.9 + ac), 2e-6);
    CLEANUP(charp_freep) char *again = correlated(kind, ab, bc, ac);
    CLEANUP(mc_freep) struct mc *mc = model_of(again);
    ck_assert_uint_eq(mc->n_correlated, 3);
    faults_deinit(&faults);
}

START_TEST(the_nearest_possible_correlations_are_offered)
{
    check_nearest("normal_scores");
    check_nearest("spearman");
}
END_TEST

/* Higham's own example (2002): its nearest correlation matrix is known. */
START_TEST(the_nearest_matrix_is_highams)
{
    double a[9] = {1, 1, 0, 1, 1, 1, 0, 1, 1};

    matrix_nearest_correlation(a, 3);
    ck_assert_double_eq_tol(a[1], 0.760689917052, 3e-6);
    ck_assert_double_eq_tol(a[2], 0.157299631569, 3e-6);
    ck_assert_double_eq_tol(a[5], 0.760689917052, 3e-6);
}
END_TEST

/* `times` of the piece between head and tail, each # in it a number. */
static void check_limit(const char *head, const char *piece, int times, const char *tail,
                        enum fault_code code)
{
    struct faults faults = {0};
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_add_text(&text, head);
    for (int i = 0; i < times; i++)
        for (const char *c = piece; *c; c++) {
            if (*c == '#')
                buf_add_u64(&text, (uint64_t)i);
            else
                buf_add_char(&text, *c);
        }
    buf_add_text(&text, tail);
    CLEANUP(json_freep) struct json *json = json_of(text.at);
    ck_assert_msg(!mc_new(json, &faults), "%s…%s is taken", head, tail);
    ck_assert_msg(faults.at[0].code == code, "%s: %s", head, faults.at[0].message);
    faults_deinit(&faults);
    buf_deinit(&text);
}

START_TEST(every_bound_is_kept)
{
    check_limit("{'outputs':{'x':'", "(", 100, "1'}}", FAULT_LIMIT);
    check_limit("{'outputs':{'x':'1", "+1", 4096, "'}}", FAULT_LIMIT);
    check_limit("{'outputs':{'x':'1'},'variables':{'v':1", ",'v#':1", 64, "}}", FAULT_LIMIT);
    check_limit("{'outputs':{'x':'1'},'let':{'v':'1'", ",'v#':'1'", 255, "}}", FAULT_LIMIT);
    check_limit("{'outputs':{'x':'1'},'ask':['x.mean'", ",'x.p#.5'", 256, "]}", FAULT_LIMIT);
    check_limit("{'outputs':{'x':'1'},'note':'", "0123456789", 7000, "'}", FAULT_LIMIT);
    check_limit("{'outputs':{'x':'1'},'steps':{'count':2,'state':{'s':{'init':'1','next':'1'}",
                ",'s#':{'init':'1','next':'1'}", 64, "}}}", FAULT_LIMIT);
}
END_TEST

/* Shared terms are worked out once: without that this model would be 2^60 operations. */
START_TEST(nested_rates_are_not_worked_out_again_and_again)
{
    struct buf text;

    buf_init(&text, 8192);
    buf_add_text(&text, "{'variables':{'a':0},'outputs':{'x':'");
    for (int i = 0; i < 60; i++)
        buf_add_text(&text, "npv(");
    buf_add_text(&text, "a+1");
    for (int i = 0; i < 60; i++)
        buf_add_text(&text, ",1,1)");
    buf_add_text(&text, "'}}");
    CLEANUP(mc_freep) struct mc *mc = model_of(text.at);
    ck_assert_uint_lt(program_cost(mc->program), 60 * 10);
    ck_assert(isfinite(value_of(text.at)));
    buf_deinit(&text);
}
END_TEST

/* ---- the manual ---- */

static void read_manual(struct buf *out)
{
    FILE *file = fopen(MANUAL, "r");
    size_t n;

    ck_assert_msg(file != NULL, "%s", MANUAL);
    while ((n = fread(buf_room(out, 4096), 1, 4096, file)) > 0)
        buf_grew(out, n);
    (void)fclose(file);
    buf_add_char(out, '\0');
}

/* The next example of the page: what stands between .EX and .EE. false: there is none. */
static bool next_example(const char **page, struct buf *out)
{
    const char *start = strstr(*page, "\n.EX\n"), *end = start ? strstr(start, "\n.EE\n") : NULL;

    if (!end)
        return false;
    buf_clear(out);
    for (const char *c = start + strlen("\n.EX\n"); c < end; c++)
        if (*c != '\\') /* \- is - */
            buf_add_char(out, *c);
    *page = end;
    return true;
}

START_TEST(the_examples_of_the_manual_are_models)
{
    struct buf page, text;
    int n = 0;

    buf_init(&page, 1 << 20);
    buf_init(&text, 4096);
    read_manual(&page);
    const char *at = page.at;
    for (; next_example(&at, &text); n++) {
        CLEANUP(json_freep) struct json *json = json_of(text.at);
        struct faults faults = {0};
        check_schema(json);
        CLEANUP(mc_freep) struct mc *mc = mc_new(json, &faults);
        /* The language takes all of them; how many trials the engine can keep is its own limit. */
        if (mc)
            ck_assert_uint_eq(mc->warnings->n, 0);
        else
            ck_assert_msg(faults.n == 1 && strcmp(faults.at[0].path, "/trials") == 0, "%s",
                          text.at);
        faults_deinit(&faults);
    }
    ck_assert_int_eq(n, 6);
    buf_deinit(&page);
    buf_deinit(&text);
}
END_TEST

TEST_MAIN("mc", expressions_have_the_usual_meaning, steps_go_from_state_to_state,
          a_question_means_the_output_not_the_state, questions_have_their_types,
          options_reach_the_model, correlations_are_a_factor_in_the_order_of_names,
          ranks_are_turned_into_normal_scores, spelling_and_order_do_not_change_a_model,
          the_price_is_that_of_all_trials_and_steps, a_price_beyond_all_numbers_is_the_largest_one,
          a_dry_run_says_the_price_and_what_was_understood, likely_mistakes_are_warned_of,
          faults_say_what_is_wrong_and_where, all_faults_come_at_once_with_hints,
          a_cycle_is_told_with_its_path, the_nearest_possible_correlations_are_offered,
          the_nearest_matrix_is_highams, every_bound_is_kept,
          nested_rates_are_not_worked_out_again_and_again, the_examples_of_the_manual_are_models)
