/* Correlations: pairs of names become a matrix over the variables concerned, in the order of their
 * names (so that the document's order changes no draw), and that its factor.
 *
 * What is given is the correlation of the variables' normal scores, or Spearman's of their ranks,
 * which for continuous variables is turned into it by 2 sin(pi r / 6). Variables that move in steps
 * have normal scores to correlate (each draw is its quantile at a unit) but no such formula: with
 * "spearman" they are refused. */
#include <math.h>

#include "dist.h"
#include "fault.h"
#include "json.h"
#include "matrix.h"
#include "mc_parts.h"
#include "poly.h"

#define PI 3.141592653589793
#define DECIMALS 1e6
#define SHRINKINGS_MAX 19 /* to a half */

struct pair {
    size_t a, b; /* variables */
    double r;    /* as given */
};

struct correlating {
    struct mc *mc;
    struct faults *faults;
    bool is_spearman;
    struct pair *pairs;
    size_t n_pairs;
};

static double score_of(const struct correlating *work, double r)
{
    return work->is_spearman ? 2 * poly_sin(r * (PI / 6)) : r;
}

static double rank_of(const struct correlating *work, double score)
{
    double half = score / 2;

    if (!work->is_spearman)
        return score;
    return 6 / PI * poly_atan(half / poly_sqrt(1 - half * half));
}

static bool find_variable(struct correlating *work, const struct json *name, const char *path,
                          size_t *ret_i)
{
    const struct mc *mc = work->mc;
    const char *names[MC_VARIABLES_MAX];

    if (!json_is(name, JSON_STRING)) {
        fault_add_wrong(work->faults, FAULT_SCHEMA, path, "the name of a variable", name);
        return false;
    }
    for (size_t i = 0; i < mc->n_variables; i++) {
        names[i] = mc->variables[i].name;
        if (!span_equal(json_string(name), span_of(names[i])))
            continue;
        *ret_i = i;
        return true;
    }
    CLEANUP(charp_freep) char *hint = fault_guess(json_string(name), names, mc->n_variables);
    fault_add(work->faults, FAULT_NAME, (struct place){path, 0, 0}, hint,
              "there is no such variable");
    return false;
}

/* Whether that variable can be correlated. */
static bool correlates(struct correlating *work, size_t i, const char *path)
{
    const struct mc_variable *variable = &work->mc->variables[i];
    struct place place = {path, 0, 0};

    if (!variable->dist.row)
        return true; /* its own faults are told */
    if (dist_is_constant(&variable->dist)) {
        fault_add(work->faults, FAULT_CORR_DISCRETE, place, NULL,
                  "'%s' is a constant: it correlates with nothing", variable->name);
        return false;
    }
    if (!work->is_spearman || !dist_is_discrete(&variable->dist))
        return true;
    fault_add(
        work->faults, FAULT_CORR_DISCRETE, place, "use \"correlation_kind\":\"normal_scores\"",
        "'%s' moves in steps: its rank correlation is not defined by the model", variable->name);
    return false;
}

static void refuse_pair(struct correlating *work, const char *path, const char *message)
{
    fault_add(work->faults, FAULT_CORR_RANGE, (struct place){path, 0, 0}, NULL, "%s", message);
}

/* Of two good names. */
static bool pair_good(struct correlating *work, const struct pair *pair, const char *path)
{
    const struct mc_variable *variables = work->mc->variables;

    if (pair->a == pair->b) {
        refuse_pair(work, path, "a variable's correlation with itself is 1");
        return false;
    }
    for (size_t i = 0; i < work->n_pairs; i++) {
        const struct pair *known = &work->pairs[i];
        if ((known->a == pair->a && known->b == pair->b) ||
            (known->a == pair->b && known->b == pair->a)) {
            refuse_pair(work, path, "this pair is given twice");
            return false;
        }
    }
    if (variables[pair->a].redrawn == variables[pair->b].redrawn)
        return true;
    refuse_pair(work, path, "one of the two is drawn anew in each step, the other is not");
    return false;
}

static void read_pair(struct correlating *work, const struct json *item, size_t i)
{
    CLEANUP(charp_freep) char *path = xprintf("/correlations/%zu", i);
    CLEANUP(charp_freep)
    char *first = xprintf("%s/0", path), *second = xprintf("%s/1", path),
         *third = xprintf("%s/2", path);
    struct pair pair = {0};

    if (json_length(item) != 3 || !json_is(item, JSON_ARRAY)) {
        fault_add_wrong(work->faults, FAULT_SCHEMA, path, "[name, name, correlation]", item);
        return;
    }
    bool known_first = find_variable(work, json_at(item, 0), first, &pair.a);
    bool known = find_variable(work, json_at(item, 1), second, &pair.b) && known_first;
    pair.r = json_number(json_at(item, 2));
    bool good = json_is(json_at(item, 2), JSON_NUMBER) && pair.r >= -1 && pair.r <= 1;
    if (!good)
        fault_add_wrong(work->faults, FAULT_CORR_RANGE, third, "a number from -1 to 1",
                        json_at(item, 2));
    if (!known || !pair_good(work, &pair, path))
        return;
    bool good_first = correlates(work, pair.a, first);
    if (correlates(work, pair.b, second) && good_first && good)
        work->pairs[work->n_pairs++] = pair;
}

/* Gives rows, in the order of names, to the variables that pairs name. */
static size_t number_rows(struct correlating *work, size_t *ret_variables)
{
    struct mc *mc = work->mc;
    size_t n = 0;

    for (size_t i = 0; i < mc->n_variables; i++) {
        bool named = false;
        for (size_t j = 0; j < work->n_pairs; j++)
            named = named || work->pairs[j].a == i || work->pairs[j].b == i;
        if (!named)
            continue;
        size_t at = n++;
        for (;
             at > 0 && strcmp(mc->variables[ret_variables[at - 1]].name, mc->variables[i].name) > 0;
             at--)
            ret_variables[at] = ret_variables[at - 1];
        ret_variables[at] = i;
    }
    for (size_t i = 0; i < n; i++)
        mc->variables[ret_variables[i]].factor_row = i;
    return n;
}

/* The nearest possible correlations as they would be written: of the document's kind, with six
 * decimals, and so little nearer to 0 that they are still possible then. */
static void nearest_ranks(const struct correlating *work, const double *given, size_t n,
                          double *ret_ranks)
{
    double *nearest = xmemdup(given, n * n * sizeof(given[0]));
    double *scores = xcalloc(2 * n * n, sizeof(scores[0])), *factor = scores + n * n;

    matrix_nearest_correlation(nearest, n);
    double by = 1e-6;
    for (int round = 0; round < SHRINKINGS_MAX; round++) {
        for (size_t i = 0; i < n * n; i++) {
            bool diagonal = i % (n + 1) == 0;
            double rank = rank_of(work, nearest[i] * (1 - by));
            ret_ranks[i] = diagonal ? 1 : poly_round(rank * DECIMALS) / DECIMALS;
            scores[i] = diagonal ? 1 : score_of(work, ret_ranks[i]);
        }
        if (matrix_cholesky(scores, n, factor))
            break;
        by *= 2;
    }
    free(scores);
    free(nearest);
}

/* {"nearest":{"variables":[…],"matrix":[[…],…]},"largest_change":…} */
static struct json *nearest_json(const struct correlating *work, const double *given,
                                 const size_t *variables, size_t n)
{
    struct json *json = json_object(), *nearest = json_object(), *names = json_array(),
                *matrix = json_array();
    double *ranks = xcalloc(n * n, sizeof(ranks[0])), largest = 0;

    nearest_ranks(work, given, n, ranks);
    for (size_t i = 0; i < n; i++) {
        struct json *row = json_array();
        for (size_t j = 0; j < n; j++) {
            double change = fabs(ranks[i * n + j] - rank_of(work, given[i * n + j]));
            largest = i != j && change > largest ? change : largest;
            json_append(row, json_new_number(ranks[i * n + j]));
        }
        json_append(names, json_new_string(span_of(work->mc->variables[variables[i]].name)));
        json_append(matrix, row);
    }
    free(ranks);
    json_set(nearest, "variables", names);
    json_set(nearest, "matrix", matrix);
    json_set(json, "nearest", nearest);
    json_set_number(json, "largest_change", largest);
    return json;
}

static void factorise(struct correlating *work)
{
    struct mc *mc = work->mc;
    size_t variables[MC_VARIABLES_MAX], n = number_rows(work, variables);
    double *given = xcalloc(n * n + 1, sizeof(given[0]));

    for (size_t i = 0; i < n; i++)
        given[i * n + i] = 1;
    for (size_t i = 0; i < work->n_pairs; i++) {
        size_t a = mc->variables[work->pairs[i].a].factor_row,
               b = mc->variables[work->pairs[i].b].factor_row;
        given[a * n + b] = given[b * n + a] = score_of(work, work->pairs[i].r);
    }
    mc->factor = xcalloc(n * n + 1, sizeof(mc->factor[0]));
    mc->n_correlated = n;
    if (!matrix_cholesky(given, n, mc->factor)) {
        fault_add(work->faults, FAULT_CORR_NOT_PSD, (struct place){"/correlations", 0, 0},
                  "\"nearest\" is the nearest matrix that is possible",
                  "no variables can have these correlations together");
        fault_attach(work->faults, nearest_json(work, given, variables, n));
    }
    mc->correlations = json_array();
    for (size_t i = 0; i < n * n; i++)
        if (i / n > i % n)
            json_append(mc->correlations, json_new_number(given[i]));
    free(given);
}

void mc_correlate(struct mc *mc, struct faults *faults)
{
    const struct json *list = json_get(mc->document, "correlations");
    size_t n = json_is(list, JSON_ARRAY) ? json_length(list) : 0;
    struct correlating work = {mc, faults, false, NULL, 0};

    work.is_spearman =
        span_equal(json_get_string(mc->document, "correlation_kind", ""), SPAN("spearman"));
    work.pairs = xcalloc(n + 1, sizeof(work.pairs[0]));
    for (size_t i = 0; i < n; i++)
        read_pair(&work, json_at(list, i), i);
    if (work.n_pairs > 0)
        factorise(&work);
    free(work.pairs);
}
