/* Distributions: their quantiles against values known to 17 digits, that quantile and distribution
 * function are each other's inverse, and what is refused, with its place. */
#include <check.h>
#include <math.h>

#include "buf.h"
#include "dist_known.h"
#include "json.h"
#include "main.h"
#include "quoted.h"
#include "sim/dist.h"
#include "sim/dist_row.h"
#include "sim/fault.h"
#include "sim/poly.h"
#include "sim/special.h"

static const double known_units[KNOWN_UNITS] = {0x1p-53, 0.001, 0.05, 0.5, 0.9, 0.999, 1 - 0x1p-53};

/* The JSON must be kept as long as the distribution. */
static struct dist dist_of(const struct json *json)
{
    struct faults faults = {0};
    struct dist dist = {0};

    if (!dist_read(json, "/v", &faults, &dist)) {
        CLEANUP(json_freep) struct json *list = faults_json(&faults);
        CLEANUP(charp_freep) char *text = json_text(list);
        ck_abort_msg("%s", text);
    }
    return dist;
}

static void check_known(const struct known *row)
{
    CLEANUP(json_freep) struct json *json = json_of(row->dist);
    struct dist dist = dist_of(json);

    for (size_t i = 0; i < KNOWN_UNITS; i++) {
        double x = dist_quantile(&dist, known_units[i]);
        double room = dist_is_discrete(&dist) ? 0 : 1e-13 * fabs(row->x[5] - row->x[1]);
        ck_assert_msg(fabs(x - row->x[i]) <= 1e-11 * fabs(row->x[i]) + room,
                      "%s at %.17g: %.17g, not %.17g", row->dist, known_units[i], x, row->x[i]);
    }
    dist_deinit(&dist);
}

START_TEST(quantiles_are_those_known)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        check_known(&known[i]);
}
END_TEST

/* F(x-) < u <= F(x) where it moves in steps, F(x) = u else. */
static void check_inverse(const struct dist *dist, double u, const char *text)
{
    double x = dist_quantile(dist, u);
    double room = dist_is_discrete(dist) ? 0 : 4e-16 * fabs(x);
    struct unit at = dist_cdf(dist, x + room, false), below = dist_cdf(dist, x - room, true);
    double slack = 1e-9 * (u < 0.5 ? u : 1 - u) + (dist->truncated ? 1e-15 : 0);

    ck_assert_msg(fabs(at.p + at.q - 1) < 1e-12, "%s: %.17g + %.17g", text, at.p, at.q);
    ck_assert_msg(at.p >= u - slack && below.p <= u + slack, "%s: %.17g at %.17g: %.17g to %.17g",
                  text, x, u, below.p, at.p);
}

static void check_growth(const char *text)
{
    CLEANUP(json_freep) struct json *json = json_of(text);
    struct dist dist = dist_of(json);
    double last = -__builtin_inf();

    for (int i = 1; i < 2000; i++) {
        double u = (i - 0.5) / 1999, x = dist_quantile(&dist, u);
        ck_assert_msg(x >= last - 1e-13 * fabs(last), "%s falls at %.17g", text, u);
        last = x;
        check_inverse(&dist, u, text);
    }
    for (double u = 0x1p-40; u < 0.001; u *= 3)
        check_inverse(&dist, u, text);
    dist_deinit(&dist);
}

START_TEST(the_quantile_grows_and_inverts_the_distribution_function)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        check_growth(known[i].dist);
}
END_TEST

START_TEST(the_schema_takes_every_distribution)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        CLEANUP(charp_freep)
        char *text = xprintf("{'variables':{'v':%s},'outputs':{'x':'v'}}", known[i].dist);
        CLEANUP(json_freep) struct json *json = json_of(text);
        check_schema(json);
    }
}
END_TEST

START_TEST(two_quantiles_are_met)
{
    static const char *const rows[] = {"normal", "lognormal", "uniform",  "loguniform", "logistic",
                                       "cauchy", "gumbel",    "laplace",  "weibull",    "pareto",
                                       "gamma",  "beta",      "student_t"};
    static const struct {
        int percent;
        double low, high;
    } pairs[] = {
        {5,  0.2,   0.7 },
        {10, 0.1,   0.11},
        {25, 0.001, 0.9 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(pairs); j++) {
            CLEANUP(charp_freep)
            char *text = xprintf("{'dist':'%s','p%d':%.17g,'p%d':%.17g%s}", rows[i],
                                 pairs[j].percent, pairs[j].low, 100 - pairs[j].percent,
                                 pairs[j].high, strcmp(rows[i], "student_t") ? "" : ",'df':4");
            CLEANUP(json_freep) struct json *json = json_of(text);
            struct dist dist = dist_of(json);
            double p = pairs[j].percent / 100.0;
            double low = dist_quantile(&dist, p), high = dist_quantile(&dist, 1 - p);
            ck_assert_msg(fabs(low - pairs[j].low) < 1e-10 * pairs[j].low &&
                              fabs(high - pairs[j].high) < 1e-10 * pairs[j].high,
                          "%s: %.17g to %.17g", text, low, high);
            dist_deinit(&dist);
        }
    }
}
END_TEST

/* The table of steps, and the search that stands in where it would be too large. */
START_TEST(a_table_of_steps_and_the_search_agree)
{
    static const char *const rows[] = {
        "{'dist':'poisson','mean':3.5}",
        "{'dist':'poisson','mean':2500.5}",
        "{'dist':'binomial','n':5000,'p':0.4}",
        "{'dist':'negative_binomial','r':0.7,'p':0.02}",
        "{'dist':'negative_binomial','r':300,'p':0.5}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *json = json_of(rows[i]);
        struct dist dist = dist_of(json);
        double *edges = dist.list->edges;
        for (int j = 1; j < 400; j++) {
            double u = j / 400.0 + 1e-4 / j, table = dist_quantile(&dist, u);
            struct unit from_table = dist_cdf(&dist, table, false);
            dist.list->edges = NULL;
            double searched = dist_quantile(&dist, u);
            struct unit by_function = dist_cdf(&dist, table, false);
            dist.list->edges = edges;
            ck_assert_msg(table == searched, "%s at %g: %.17g and %.17g", rows[i], u, table,
                          searched);
            ck_assert_msg(fabs(from_table.p - by_function.p) < 1e-11, "%s: %.17g and %.17g",
                          rows[i], from_table.p, by_function.p);
        }
        dist_deinit(&dist);
    }
}
END_TEST

START_TEST(counts_too_many_for_a_table_are_searched)
{
    static const struct {
        const char *dist;
        double mean, sd;
    } rows[] = {
        {"{'dist':'poisson','mean':1e9}",                   1e9,    31622.776601683792},
        {"{'dist':'binomial','n':1000000000,'p':0.5}",      5e8,    15811.388300841896},
        {"{'dist':'negative_binomial','r':100,'p':0.0001}", 999900, 99995             },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *json = json_of(rows[i].dist);
        struct dist dist = dist_of(json);
        ck_assert_ptr_null(dist.list->edges);
        double low = dist_quantile(&dist, 0.158655253931457), middle = dist_quantile(&dist, 0.5);
        ck_assert_msg(fabs(middle - rows[i].mean) < 0.05 * rows[i].sd, "%s: %.17g", rows[i].dist,
                      middle);
        ck_assert_msg(fabs(middle - low - rows[i].sd) < 0.06 * rows[i].sd, "%s: %.17g",
                      rows[i].dist, low);
        check_inverse(&dist, 1e-9, rows[i].dist);
        check_inverse(&dist, 1 - 1e-9, rows[i].dist);
        dist_deinit(&dist);
    }
}
END_TEST

START_TEST(a_truncated_draw_is_never_outside)
{
    static const struct {
        const char *dist;
        double low, high;
    } rows[] = {
        {"{'dist':'normal','mean':0,'sd':1,'truncate':[30,31]}",                       30,     31   },
        {"{'dist':'normal','mean':0,'sd':1,'truncate':[-31,-30]}",                     -31,    -30  },
        {"{'dist':'cauchy','median':0,'scale':1,'truncate':[-0.001,0.001]}",           -0.001, 0.001},
        {"{'dist':'pareto','min':1,'alpha':1,'truncate':[null,9]}",                    1,      9    },
        {"{'dist':'student_t','df':2,'truncate':[3,5]}",                               3,      5    },
        {"{'dist':'beta','alpha':9,'beta':2,'truncate':[0.5,0.6]}",                    0.5,    0.6  },
        {"{'dist':'binomial','n':100,'p':0.5,'truncate':[20.5,30.5]}",                 21,     30   },
        {"{'dist':'geometric','p':0.01,'truncate':[7,9]}",                             7,      9    },
        {"{'dist':'bernoulli','p':0.5,'truncate':[0.5,2]}",                            1,      1    },
        {"{'dist':'discrete','values':[1,2,3],'weights':[1,1,1],'truncate':[1.5,9]}",  2,      3    },
        {"{'dist':'empirical','samples':[4,8,6],'interpolate':true,'truncate':[5,7]}", 5,      7    },
        {"{'dist':'quantiles','points':[[0.1,1],[0.9,2]],'truncate':[1.2,1.3]}",       1.2,    1.3  },
        {"{'dist':'mixture','of':[0,'1 to 2',{'dist':'poisson','mean':3}],'weights':[1,1,1],"
         "'truncate':[1,1.5]}",                                               1,      1.5  },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *json = json_of(rows[i].dist);
        struct dist dist = dist_of(json);
        double last = rows[i].low;
        for (int j = 0; j <= 1000; j++) {
            double u = j == 0 ? 0x1p-53 : j == 1000 ? 1 - 0x1p-53 : j / 1000.0;
            double x = dist_quantile(&dist, u);
            ck_assert_msg(x >= last - 1e-13 * fabs(last) && x <= rows[i].high, "%s at %.17g: %.17g",
                          rows[i].dist, u, x);
            last = x;
        }
        ck_assert_msg(dist_is_discrete(&dist) ? last == rows[i].high
                                              : last > 0.5 * (rows[i].low + rows[i].high),
                      "%s ends at %.17g", rows[i].dist, last);
        dist_deinit(&dist);
    }
}
END_TEST

/* Where the mixture jumps, the jump has the weight of its constants. */
START_TEST(a_mixture_has_one_quantile)
{
    CLEANUP(json_freep)
    struct json *json = json_of("{'dist':'mixture','of':[{'dist':'normal','mean':0,'sd':1},0.5,"
                                "{'dist':'bernoulli','p':0.5}],'weights':[2,1,1]}");
    struct dist dist = dist_of(json);
    double n_half = 0, n_one = 0, n_zero = 0, last = -9;

    for (int i = 0; i < 10000; i++) {
        double x = dist_quantile(&dist, (i + 0.5) / 10000);
        n_half += x == 0.5;
        n_one += x == 1;
        n_zero += x == 0;
        ck_assert(x >= last);
        last = x;
    }
    ck_assert_double_eq_tol(n_half, 2500, 1);
    ck_assert_double_eq_tol(n_one, 1250, 1);
    ck_assert_double_eq_tol(n_zero, 1250, 1);
    dist_deinit(&dist);
}
END_TEST

START_TEST(a_distribution_is_echoed_as_resolved)
{
    static const struct {
        const char *given, *resolved;
    } rows[] = {
        {"3",                                                         "{'dist':'constant','value':3}"                 },
        {"{'dist':'normal','mean':3,'sd':0}",                         "{'dist':'constant','value':3}"                 },
        {"{'dist':'exponential','mean':4,'unit':'h','note':'a'}",
         "{'dist':'exponential','rate':0.25,'unit':'h','note':'a'}"                                                   },
        {"{'dist':'student_t','df':3}",                               "{'dist':'student_t','df':3,'mean':0,'scale':1}"},
        {"{'dist':'pert','min':1,'mode':2,'max':4}",
         "{'dist':'pert','min':1,'mode':2,'max':4,'lambda':4}"                                                        },
        {"{'dist':'uniform','min':0,'max':1,'truncate':[0.25,null]}",
         "{'dist':'uniform','min':0,'max':1,'truncate':[0.25,null]}"                                                  },
        {"{'dist':'uniform','min':0,'max':1,'truncate':[null,null]}",
         "{'dist':'uniform','min':0,'max':1}"                                                                         },
        {"{'dist':'discrete','values':[3,1,3],'weights':[1,2,1]}",
         "{'dist':'discrete','values':[1,3],'weights':[0.5,0.5]}"                                                     },
        {"{'dist':'empirical','samples':[3,1]}",
         "{'dist':'empirical','samples':[1,3],'interpolate':false}"                                                   },
        {"{'dist':'quantiles','points':[[0.1,1],[0.9,2]]}",
         "{'dist':'quantiles','points':[[0.1,1],[0.9,2]]}"                                                            },
        {"{'dist':'mixture','of':[1,{'dist':'mixture','of':[2,3],'weights':[1,1]},9],"
         "'weights':[2,1,1],'truncate':[0,5]}",              "{'dist':'mixture','of':[{'dist':'constant','value':1},{'dist':'constant','value':2},"
         "{'dist':'constant','value':3}],'weights':[0.6666666666666666,0.16666666666666666,"
         "0.16666666666666666]}"                              },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *given = json_of(rows[i].given);
        CLEANUP(json_freep) struct json *wanted = json_of(rows[i].resolved);
        struct dist dist = dist_of(given);
        CLEANUP(json_freep) struct json *resolved = dist_resolved(&dist);
        CLEANUP(charp_freep) char *text = json_text(resolved);
        ck_assert_msg(json_equal(resolved, wanted), "%s: %s", rows[i].given, text);
        dist_deinit(&dist);
    }
}
END_TEST

static const struct refused refused[] = {
    {"true",                                                             "E_SCHEMA",         "/v"            },
    {"'many'",                                                           "E_PARSE",          "/v"            },
    {"'1 to '",                                                          "E_PARSE",          "/v"            },
    {"'30 to 10'",                                                       "E_QUANTILE_ORDER", "/v"            },
    {"{}",                                                               "E_DIST",           "/v/dist"       },
    {"{'dist':'nromal'}",                                                "E_DIST",           "/v/dist"       },
    {"{'dist':'normal','mean':1}",                                       "E_PARAM_MISSING",  "/v/sd"         },
    {"{'dist':'normal','mean':'1','sd':2}",                              "E_SCHEMA",         "/v/mean"       },
    {"{'dist':'normal','mean':1,'sd':-1}",                               "E_PARAM_RANGE",    "/v/sd"         },
    {"{'dist':'normal','mean':1,'sd':1,'p5':0}",                         "E_SCHEMA",         "/v/mean"       },
    {"{'dist':'normal','p5':1,'p90':2}",                                 "E_PARAM_MISSING",  "/v/p95"        },
    {"{'dist':'normal','p5':2,'p95':1}",                                 "E_QUANTILE_ORDER", "/v/p95"        },
    {"{'dist':'normal','mean':1,'sd':1,'mu':0}",                         "E_SCHEMA",         "/v/mu"         },
    {"{'dist':'normal','mean':1,'sd':1,'unit':3}",                       "E_SCHEMA",         "/v/unit"       },
    {"{'dist':'lognormal','mean':-1,'sd':1}",                            "E_PARAM_RANGE",    "/v/mean"       },
    {"{'dist':'lognormal','median':1,'gsd':0.5}",                        "E_PARAM_RANGE",    "/v/gsd"        },
    {"{'dist':'lognormal','p5':-1,'p95':1}",                             "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'uniform','min':2,'max':2}",                               "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'uniform','min':-1e308,'max':1e308}",                      "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'loguniform','min':0,'max':2}",                            "E_PARAM_RANGE",    "/v/min"        },
    {"{'dist':'triangular','min':2,'mode':1,'max':3}",                   "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'triangular','p5':2,'p95':3}",                             "E_SCHEMA",         "/v/p5"         },
    {"{'dist':'pert','min':1,'mode':2,'max':3,'lambda':0}",              "E_PARAM_RANGE",    "/v/lambda"     },
    {"{'dist':'beta','mean':0.5,'sd':0.6}",                              "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'beta','p5':0.5,'p95':1.6}",                               "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'gamma','shape':0,'scale':1}",                             "E_PARAM_RANGE",    "/v/shape"      },
    {"{'dist':'gamma','shape':1e10,'scale':1}",                          "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'exponential','rate':1,'mean':1}",                         "E_SCHEMA",         "/v/mean"       },
    {"{'dist':'exponential'}",                                           "E_PARAM_MISSING",  "/v/rate"       },
    {"{'dist':'student_t','df':0.01}",                                   "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'bernoulli','p':1.5}",                                     "E_PARAM_RANGE",    "/v/p"          },
    {"{'dist':'binomial','n':2.5,'p':0.5}",                              "E_PARAM_RANGE",    "/v/n"          },
    {"{'dist':'geometric','p':0}",                                       "E_PARAM_RANGE",    "/v/p"          },
    {"{'dist':'hypergeometric','population':5,'successes':6,'draws':1}", "E_PARAM_RANGE",    "/v"            },
    {"{'dist':'discrete','values':[1,2]}",                               "E_PARAM_MISSING",  "/v/weights"    },
    {"{'dist':'discrete','values':[1,2],'weights':[1]}",                 "E_PARAM_RANGE",    "/v/weights"    },
    {"{'dist':'discrete','values':[1,2],'weights':[0,0]}",               "E_PARAM_RANGE",    "/v/weights"    },
    {"{'dist':'discrete','values':[1,2],'weights':[1,-1]}",              "E_PARAM_RANGE",    "/v/weights/1"  },
    {"{'dist':'discrete','values':[1,'2'],'weights':[1,1]}",             "E_SCHEMA",         "/v/values/1"   },
    {"{'dist':'discrete','values':[],'weights':[]}",                     "E_SCHEMA",         "/v/values"     },
    {"{'dist':'empirical','samples':[1],'interpolate':true}",            "E_PARAM_RANGE",    "/v/samples"    },
    {"{'dist':'empirical','samples':[1],'interpolate':1}",               "E_SCHEMA",         "/v/interpolate"},
    {"{'dist':'empirical','samples':[1],'weights':[1]}",                 "E_SCHEMA",         "/v/weights"    },
    {"{'dist':'quantiles','points':[[0.5,1]]}",                          "E_PARAM_RANGE",    "/v/points"     },
    {"{'dist':'quantiles','points':[[0,1],[0.5,2]]}",                    "E_PARAM_RANGE",    "/v/points/0"   },
    {"{'dist':'quantiles','points':[[0.5,2],[0.6,2]]}",                  "E_QUANTILE_ORDER", "/v/points/1"   },
    {"{'dist':'quantiles','points':[[0.5],[0.6,2]]}",                    "E_SCHEMA",         "/v/points/0"   },
    {"{'dist':'mixture','of':[1,'2 to 1'],'weights':[1,1]}",             "E_QUANTILE_ORDER", "/v/of/1"       },
    {"{'dist':'mixture','of':[1,2],'weights':[1]}",                      "E_PARAM_RANGE",    "/v/weights"    },
    {"{'dist':'mixture','of':[1,{'dist':'nrmal'}],'weights':[1,1]}",     "E_DIST",           "/v/of/1/dist"  },
    {"{'dist':'normal','mean':0,'sd':1,'truncate':[2,1]}",               "E_TRUNC_EMPTY",    "/v/truncate"   },
    {"{'dist':'normal','mean':0,'sd':1,'truncate':[60,61]}",             "E_TRUNC_EMPTY",    "/v/truncate"   },
    {"{'dist':'uniform','min':0,'max':1,'truncate':[2,null]}",           "E_TRUNC_EMPTY",    "/v/truncate"   },
    {"{'dist':'poisson','mean':3,'truncate':[1.2,1.8]}",                 "E_TRUNC_EMPTY",    "/v/truncate"   },
    {"{'dist':'constant','value':3,'truncate':[4,null]}",                "E_TRUNC_EMPTY",    "/v/truncate"   },
    {"{'dist':'mixture','of':[1,2],'weights':[1,1],'truncate':[3,4]}",   "E_TRUNC_EMPTY",
     "/v/truncate"                                                                                           },
    {"{'dist':'normal','mean':0,'sd':1,'truncate':[1]}",                 "E_SCHEMA",         "/v/truncate"   },
    {"{'dist':'normal','mean':0,'sd':1,'truncate':['a',1]}",             "E_SCHEMA",         "/v/truncate"   },
};

static void check_refused(const struct refused *row)
{
    CLEANUP(json_freep) struct json *json = json_of(row->text);
    struct faults faults = {0};
    struct dist dist = {0};

    ck_assert_msg(!dist_read(json, "/v", &faults, &dist), "%s is taken", row->text);
    check_found(&faults, row);
    faults_deinit(&faults);
}

START_TEST(a_wrong_distribution_is_refused_at_its_member)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        check_refused(&refused[i]);
}
END_TEST

START_TEST(a_fault_says_what_was_expected_and_what_came)
{
    CLEANUP(json_freep)
    struct json *json = json_of("{'dist':'normal','mean':0,'sd':-2,'truncat':[0,1]}");
    struct faults faults = {0};
    struct dist dist = {0};

    ck_assert(!dist_read(json, "/v", &faults, &dist));
    CLEANUP(json_freep) struct json *list = faults_json(&faults);
    CLEANUP(json_freep)
    struct json *wanted =
        json_of("[{'code':'E_PARAM_RANGE','path':'/v/sd','message':'must be a number from 0, not "
                "-2','expected':'a number from 0','got':'-2'},"
                "{'code':'E_SCHEMA','path':'/v/truncat','message':\"normal does not take "
                "\\u0027truncat\\u0027 here\",'hint':\"did you mean \\u0027truncate\\u0027?\"}]");
    CLEANUP(charp_freep) char *text = json_text(list);
    ck_assert_msg(json_equal(list, wanted), "%s", text);
    faults_deinit(&faults);
}
END_TEST

START_TEST(a_mixture_has_a_limit_of_parts)
{
    struct faults faults = {0};
    struct dist dist = {0};
    struct buf text;

    buf_init(&text, 4096);
    buf_add_text(&text, "{'dist':'mixture','of':[{'dist':'mixture','of':[1");
    for (int i = 1; i < DIST_PARTS_MAX; i++)
        buf_add_text(&text, ",1");
    buf_add_text(&text, "],'weights':[1");
    for (int i = 1; i < DIST_PARTS_MAX; i++)
        buf_add_text(&text, ",1");
    buf_add_text(&text, "]},2],'weights':[1,1]}");
    CLEANUP(json_freep) struct json *json = json_of(text.at);
    ck_assert(!dist_read(json, "/v", &faults, &dist));
    ck_assert_int_eq(faults.at[0].code, FAULT_LIMIT);
    ck_assert_str_eq(faults.at[0].path, "/v/of/1");
    faults_deinit(&faults);
    buf_deinit(&text);
}
END_TEST

START_TEST(heavy_tails_are_known)
{
    static const struct {
        const char *dist;
        bool heavy;
    } rows[] = {
        {"{'dist':'cauchy','median':0,'scale':1}",                                  true },
        {"{'dist':'cauchy','median':0,'scale':1,'truncate':[0,null]}",              true },
        {"{'dist':'cauchy','median':0,'scale':1,'truncate':[-9,9]}",                false},
        {"{'dist':'pareto','min':1,'alpha':2}",                                     true },
        {"{'dist':'pareto','min':1,'alpha':2.5}",                                   false},
        {"{'dist':'pareto','min':1,'alpha':2,'truncate':[null,9]}",                 false},
        {"{'dist':'student_t','df':2}",                                             true },
        {"{'dist':'student_t','df':3}",                                             false},
        {"{'dist':'mixture','of':[1,{'dist':'student_t','df':1}],'weights':[1,1]}", true },
        {"'1 to 2'",                                                                false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *json = json_of(rows[i].dist);
        struct dist dist = dist_of(json);
        ck_assert_msg((dist_heavy_tail(&dist) != NULL) == rows[i].heavy, "%s", rows[i].dist);
        dist_deinit(&dist);
    }
}
END_TEST

START_TEST(angles_are_reduced_whatever_their_size)
{
    static const struct {
        double x, sin, cos;
    } rows[] = {
        {0.5,                      0.479425538604203,      0.87758256189037272    },
        {1.0,                      0.84147098480789651,    0.54030230586813972    },
        {-2.0,                     -0.9092974268256817,    -0.41614683654714239   },
        {3.141592653589793,        1.2246467991473532e-16, -1.0                   },
        {10.0,                     -0.54402111088936981,   -0.83907152907645245   },
        {100000.0,                 0.035748797972016509,   -0.99936080743821245   },
        {123456789.0,              0.99011475180203544,    0.14025968153390963    },
        {1e+22,                    -0.8522008497671888,    0.52321478539513895    },
        {-1.7976931348623157e+308, -0.0049619547891840618, -0.99998768942655994   },
        {5.319372648326541e+255,   1.0,                    -4.6871659242546276e-19},
        {9.313225746154785e-10,    9.3132257461547852e-10, 1.0                    },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        double tan = rows[i].sin / rows[i].cos;
        ck_assert_double_eq_tol(poly_sin(rows[i].x), rows[i].sin, 1e-15 * fabs(rows[i].sin));
        ck_assert_double_eq_tol(poly_cos(rows[i].x), rows[i].cos, 1e-15 * fabs(rows[i].cos));
        ck_assert_double_eq_tol(poly_tan(rows[i].x), tan, 2e-15 * fabs(tan));
    }
    ck_assert(poly_sin(__builtin_inf()) != poly_sin(__builtin_inf()));
    ck_assert_double_eq(poly_sin(-0.0), 0);
    for (double x = 1e-9; x < 1e9; x *= 7)
        ck_assert_double_eq_tol(poly_tan(poly_atan(x)), x, 1e-15 * (1 + x) * (1 + x));
}
END_TEST

START_TEST(whole_things_come_out_whole)
{
    ck_assert_double_eq(poly_log10(1000), 3);
    ck_assert_double_eq(poly_log10(1e22), 22);
    ck_assert_double_eq_tol(poly_log10(0.001), -3, 1e-15);
    ck_assert_double_eq(poly_round(2.5), 3);
    ck_assert_double_eq(poly_round(-2.5), -3);
    ck_assert_double_eq(poly_round(0.49999999999999994), 0);
    ck_assert_double_eq(poly_round(-0x1p60), -0x1p60);
}
END_TEST

TEST_MAIN("dist", quantiles_are_those_known, the_schema_takes_every_distribution,
          the_quantile_grows_and_inverts_the_distribution_function, two_quantiles_are_met,
          a_table_of_steps_and_the_search_agree, counts_too_many_for_a_table_are_searched,
          a_truncated_draw_is_never_outside, a_mixture_has_one_quantile,
          a_distribution_is_echoed_as_resolved, a_wrong_distribution_is_refused_at_its_member,
          a_fault_says_what_was_expected_and_what_came, a_mixture_has_a_limit_of_parts,
          heavy_tails_are_known, angles_are_reduced_whatever_their_size,
          whole_things_come_out_whole)
