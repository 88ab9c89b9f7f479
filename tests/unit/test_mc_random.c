/* A great many random documents: nothing that is written in mc/1, or nearly, crashes or hangs its
 * reader, and what is a model can be run at its price. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "json.h"
#include "main.h"
#include "mc_try.h"
#include "quoted.h"
#include "sim/fault.h"

struct maker {
    struct pcg pcg;
    struct buf text;
    int depth;
};

static unsigned below(struct maker *maker, unsigned n)
{
    return (unsigned)(pcg_next(&maker->pcg) >> 33) % n;
}

static const char *one_of(struct maker *maker, const char *const *words, size_t n)
{
    return words[below(maker, (unsigned)n)];
}
#define ONE_OF(maker, words) one_of(maker, words, ARRAY_SIZE(words))

static bool is_odd(struct maker *maker)
{
    return below(maker, 60) == 0;
}

static void random_expression(struct maker *maker)
{
    static const char *const odd[] = {"l", "s", "x", "zzz", "1e400", "P", "", "1 2", "$", "-1"};
    static const char *const leaves[] = {"a", "b", "c", "1", "0", "2.5", "5%", "1e3", ".5"};
    static const char *const infix[] = {
        "+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!=", " and ", " or "};
    static const char *const functions[] = {
        "if",    "min",   "max",  "sum",   "mean", "npv", "clamp", "abs", "sqrt", "exp", "ln",
        "log10", "floor", "ceil", "round", "sign", "sin", "cos",   "tan", "not",  "-",   "fo"};
    static const unsigned char arguments[] = {3, 2, 2, 2, 2, 3, 3, 1, 1, 1, 1,
                                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

    if (++maker->depth > 6 || below(maker, 3) == 0) {
        buf_add_text(&maker->text, is_odd(maker) ? ONE_OF(maker, odd) : ONE_OF(maker, leaves));
    } else if (below(maker, 2) == 0) {
        random_expression(maker);
        buf_add_text(&maker->text, ONE_OF(maker, infix));
        random_expression(maker);
    } else {
        unsigned i =
            below(maker, is_odd(maker) ? ARRAY_SIZE(functions) : ARRAY_SIZE(functions) - 1);
        unsigned n = is_odd(maker) ? below(maker, 5) : arguments[i];
        buf_add_text(&maker->text, functions[i]);
        for (unsigned j = 0; j < n; j++) {
            buf_add_char(&maker->text, j == 0 ? '(' : ',');
            random_expression(maker);
        }
        buf_add_char(&maker->text, ')');
    }
    maker->depth--;
}

/* Mostly one that grows with its place among others. */
static void random_number(struct maker *maker, unsigned place)
{
    static const char *const numbers[] = {"0",    "1",   "-1",    "0.5",  "2",      "3.25", "10",
                                          "1e-3", "1e6", "1e300", "-1e9", "1e-300", "0.05", "null"};

    if (below(maker, 12) == 0)
        buf_add_text(&maker->text, ONE_OF(maker, numbers));
    else
        buf_addf(&maker->text, "%g", 0.2 * (1 + place) + 0.03 * below(maker, 6));
}

static void random_list(struct maker *maker)
{
    buf_add_char(&maker->text, '[');
    random_number(maker, 0);
    for (unsigned i = 1; i < (is_odd(maker) ? 1 + below(maker, 4) : 2); i++) {
        buf_add_char(&maker->text, ',');
        random_number(maker, i);
    }
    buf_add_char(&maker->text, ']');
}

static void random_distribution(struct maker *maker);

static void random_lists(struct maker *maker, const char *name)
{
    static const char *const lists[] = {"values", "weights", "samples"};
    bool is_mixture = strcmp(name, "mixture") == 0, is_points = strcmp(name, "quantiles") == 0;
    bool wanted[] = {strcmp(name, "discrete") == 0, is_mixture || strcmp(name, "discrete") == 0,
                     strcmp(name, "empirical") == 0};

    if (is_mixture != is_odd(maker)) {
        buf_add_text(&maker->text, ",\"of\":[");
        random_distribution(maker);
        buf_add_char(&maker->text, ',');
        random_distribution(maker);
        buf_add_char(&maker->text, ']');
    }
    if (is_points != is_odd(maker)) {
        buf_add_text(&maker->text, ",\"points\":[[0.1,1],[0.5,2],[");
        random_number(maker, 3);
        buf_addf(&maker->text, ",%u]]", below(maker, 9));
    }
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        if (wanted[i] == is_odd(maker))
            continue;
        buf_addf(&maker->text, ",\"%s\":", lists[i]);
        random_list(maker);
    }
}

/* Members of one form, most of the time. */
static void random_distribution(struct maker *maker)
{
    static const struct {
        const char *name, *members[4];
    } rows[] = {
        {"constant",          {"value"}                           },
        {"uniform",           {"min", "max"}                      },
        {"loguniform",        {"min", "max"}                      },
        {"normal",            {"mean", "sd"}                      },
        {"normal",            {"p5", "p95"}                       },
        {"lognormal",         {"mu", "sigma"}                     },
        {"lognormal",         {"mean", "sd"}                      },
        {"triangular",        {"min", "mode", "max"}              },
        {"pert",              {"min", "mode", "max", "lambda"}    },
        {"beta",              {"alpha", "beta"}                   },
        {"beta",              {"p10", "p90"}                      },
        {"gamma",             {"shape", "scale"}                  },
        {"gamma",             {"p25", "p75"}                      },
        {"exponential",       {"rate"}                            },
        {"weibull",           {"shape", "scale"}                  },
        {"pareto",            {"min", "alpha"}                    },
        {"logistic",          {"mean", "scale"}                   },
        {"student_t",         {"df", "mean", "scale"}             },
        {"cauchy",            {"median", "scale"}                 },
        {"gumbel",            {"mode", "scale"}                   },
        {"laplace",           {"mean", "scale"}                   },
        {"bernoulli",         {"p"}                               },
        {"binomial",          {"n", "p"}                          },
        {"poisson",           {"mean"}                            },
        {"geometric",         {"p"}                               },
        {"negative_binomial", {"r", "p"}                          },
        {"hypergeometric",    {"population", "successes", "draws"}},
        {"discrete",          {NULL}                              },
        {"empirical",         {NULL}                              },
        {"quantiles",         {NULL}                              },
        {"mixture",           {NULL}                              },
    };
    unsigned row = below(maker, ARRAY_SIZE(rows));

    if (++maker->depth > 5 || below(maker, 5) == 0) {
        buf_add_text(&maker->text, below(maker, 2) ? "\"1 to 3\"" : "\"-2 to 2%\"");
        maker->depth--;
        return;
    }
    buf_addf(&maker->text, "{\"dist\":\"%s\"", rows[row].name);
    for (size_t i = 0; i < 4 && rows[row].members[i]; i++) {
        if (is_odd(maker))
            continue;
        buf_addf(&maker->text, ",\"%s\":", rows[row].members[i]);
        random_number(maker, (unsigned)i);
    }
    if (!rows[row].members[0])
        random_lists(maker, rows[row].name);
    if (below(maker, 8) == 0) {
        buf_add_text(&maker->text, ",\"truncate\":");
        random_list(maker);
    }
    buf_add_char(&maker->text, '}');
    maker->depth--;
}

static void random_definitions(struct maker *maker, const char *member, const char *names)
{
    buf_addf(&maker->text, ",\"%s\":{", member);
    for (const char *c = names; *c; c++) {
        buf_addf(&maker->text, "%s\"%c\":\"", c == names ? "" : ",", *c);
        random_expression(maker);
        buf_add_char(&maker->text, '"');
    }
    buf_add_char(&maker->text, '}');
}

static void random_steps(struct maker *maker)
{
    buf_addf(&maker->text,
             ",\"steps\":{\"count\":%u,\"redraw\":[\"a\"],\"state\":{\"s\":{\"init\":\"",
             below(maker, 4));
    random_expression(maker);
    buf_add_text(&maker->text, "\",\"next\":\"");
    random_expression(maker);
    buf_add_text(&maker->text, "\"}}}");
}

static void random_document(struct maker *maker)
{
    static const char *const tails[] = {
        "",
        ",\"trials\":{\"max\":1000,\"until\":[{\"of\":\"x.p5\",\"ci_half_width\":1}]}",
        ",\"correlations\":[[\"a\",\"b\",0.5]]",
        ",\"correlations\":[[\"a\",\"b\",0.9],[\"b\",\"c\",0.9],[\"a\",\"c\",-0.9]]",
        ",\"correlations\":[[\"b\",\"c\",0.25]],\"correlation_kind\":\"spearman\"",
        ",\"method\":\"sobol\",\"report\":{\"drivers\":true}",
        ",\"budget\":{\"cost_units\":1000}",
    };

    buf_clear(&maker->text);
    buf_add_text(&maker->text, "{\"variables\":{");
    for (const char *c = "abc"; *c; c++) {
        buf_addf(&maker->text, "%s\"%c\":", *c == 'a' ? "" : ",", *c);
        random_distribution(maker);
    }
    buf_add_char(&maker->text, '}');
    if (below(maker, 2))
        random_definitions(maker, "let", "l");
    random_definitions(maker, "outputs", below(maker, 4) ? "x" : "xy");
    if (below(maker, 3) == 0)
        random_steps(maker);
    if (below(maker, 3) == 0) {
        buf_add_text(&maker->text, ",\"ask\":[\"P(");
        random_expression(maker);
        buf_add_text(&maker->text, ")\",\"x.p5\"]");
    }
    buf_add_text(&maker->text, ONE_OF(maker, tails));
    buf_add_char(&maker->text, '}');
    /* Now and then a byte is another one. */
    if (below(maker, 4) == 0)
        maker->text.at[below(maker, (unsigned)maker->text.n)] = (char)(32 + below(maker, 95));
}

/* What can be read can be run, by its programs and at its price. */
static void run_once(const struct mc *mc, struct maker *maker)
{
    double units[MC_VARIABLES_MAX];
    uint64_t cost = program_cost(mc->initial) + program_cost(mc->program) +
                    mc->n_steps * program_cost(mc->step);

    for (size_t i = 0; i < mc->n_variables; i++)
        units[i] = pcg_unit(pcg_next(&maker->pcg));
    struct mc_try at = mc_try_new(mc, units);
    mc_try_free(&at);
    ck_assert(mc->cost_units >= mc->trials * cost);
    CLEANUP(json_freep) struct json *json = mc_dry_run(mc);
    CLEANUP(charp_freep) char *text = json_text(json);
    ck_assert_ptr_nonnull(text);
}

/* Returns whether it was a model. */
static bool try_document(struct maker *maker)
{
    struct json *json = NULL;
    struct faults faults = {0};

    if (json_parse(buf_span(&maker->text), NULL, &json, NULL) < 0)
        return false;
    struct mc *mc = mc_new(json, &faults);
    ck_assert((mc == NULL) == (faults.n > 0));
    if (mc) {
        run_once(mc, maker);
        check_schema(json);
    }
    bool good = mc != NULL;
    CLEANUP(json_freep) struct json *list = faults_json(&faults);
    for (size_t i = 0; i < json_length(list); i++)
        ck_assert(json_has(json_at(list, i), "code") && json_has(json_at(list, i), "message"));
    faults_deinit(&faults);
    mc = mc_free(mc);
    json = json_free(json);
    return good;
}

/* PARLEY_RANDOM_DOCUMENTS=1000000 for a longer look. */
START_TEST(no_document_crashes_or_hangs)
{
    const char *wanted = getenv("PARLEY_RANDOM_DOCUMENTS");
    long n = wanted ? strtol(wanted, NULL, 10) : 20000, n_good = 0;
    int64_t slowest_us = 0;
    struct maker maker = {0};

    pcg_init(&maker.pcg, 20261121, 4);
    buf_init(&maker.text, 1 << 20);
    for (long i = 0; i < n; i++) {
        random_document(&maker);
        int64_t start_us = clock_monotonic_us();
        n_good += try_document(&maker);
        int64_t us = clock_monotonic_us() - start_us;
        slowest_us = us > slowest_us ? us : slowest_us;
        maker.depth = 0;
    }
    if (wanted)
        printf("# %ld documents, %ld of them models, the slowest in %lld us\n", n, n_good,
               (long long)slowest_us);
    ck_assert_msg(n_good > n / 50, "only %ld models", n_good);
    buf_deinit(&maker.text);
}
END_TEST

TEST_MAIN("mc_random", no_document_crashes_or_hangs)
