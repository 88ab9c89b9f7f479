/* Personas: a goal read by several views of one model, and by each once more as its opposite,
 * because models lean to yes.
 *
 * Nobody is asked for a probability. Each reading is compiled and worked out at its medians; what a
 * persona says is the mean of its two readings. They are pooled as log odds, without the lowest and
 * the highest where there are five. The prediction keeps the facts of one reading (ensemble_read())
 * and moves by the difference to the pool, with the spread of the personas: people who differ know
 * less. Everything after the model's answers is a pure function of them. */
#include "ensemble.h"

#include <errno.h>
#include <math.h>

#include "error.h"
#include "json.h"
#include "sim/fault.h"
#include "sim/mc.h"

#define TRIMMED_FROM 5     /* personas of whom the extremes are left out */
#define SPREAD_UNKNOWN 0.5 /* of one persona alone */

static const struct {
    const char *id, *view;
} personas[PREDICT_PERSONAS] = {
    {"outside-view", "You take the outside view: the class of cases counts more than the story, "
                     "and few facts move you far from it."},
    {"inside-view",  "You take the inside view: what is particular about this case counts, each "
                    "fact for what it says."               },
    {"sceptic",      "You are a sceptic: you look for what is missing or flattering in what is "
                "told, and for what usually goes wrong."       },
    {"domain",       "You know this field from work in it: you judge the facts as somebody who "
               "decides about such cases."                      },
    {"historian",    "You are a historian: you think of how such plans have ended before, and of "
                  "how long they took."                      },
};

const char *ensemble_persona(unsigned persona)
{
    return personas[persona].id;
}

char *ensemble_view(const struct member *member)
{
    return xprintf("%s\n%s", personas[member->persona].view,
                   member->opposite
                       ? "You were asked about the opposite, that the event does NOT happen: in "
                         "adjustments give the log odds for its not happening, so that a fact that "
                         "helps the event has a negative p50. All else is as for the goal itself.\n"
                       : "");
}

struct json *ensemble_record(const struct member *member, struct span provider, struct span model,
                             struct json *output)
{
    struct json *json = json_object();

    json_set_integer(json, "persona", member->persona);
    json_set_bool(json, "opposite", member->opposite);
    json_set_string(json, "provider", provider);
    json_set_string(json, "model", model);
    json_set(json, "output", output);
    return json;
}

/* ---- one reading ---- */

/* The log odds were given for the event's not happening. */
static void turn_over(struct extraction *extraction)
{
    for (size_t i = 0; i < extraction->n_facts; i++) {
        struct rate *odds = &extraction->facts[i].log_odds;
        if (extraction->facts[i].assumed_odds)
            *odds = (struct rate){-odds->p90, -odds->p50, -odds->p10};
    }
}

static int read_record(const struct json *record, struct span goal, struct span context,
                       struct extraction *ret_extraction, struct error *error)
{
    int r = predict_read_llm(json_get(record, "output"), goal, context, ret_extraction, error);

    if (r < 0)
        return r;
    if (json_get_bool(record, "opposite", false))
        turn_over(ret_extraction);
    ret_extraction->provider = json_get_string(record, "provider", "");
    ret_extraction->model = json_get_string(record, "model", "");
    return 0;
}

int ensemble_read(const struct json *records, struct span goal, struct span context,
                  struct extraction *ret_extraction, struct error *error)
{
    size_t n_refused = 0;
    bool found = false, itself = false;

    for (size_t i = 0; i < json_length(records); i++) {
        const struct json *record = json_at(records, i);
        bool opposite = json_get_bool(record, "opposite", false);
        struct extraction extraction;
        int r = read_record(record, goal, context, &extraction, error);
        n_refused += r < 0 && error->code == ERROR_UNPREDICTABLE;
        if (r == 0 && (!found || (!itself && !opposite))) {
            *ret_extraction = extraction;
            found = true;
            itself = !opposite;
        }
    }
    if (2 * n_refused > json_length(records))
        return error_set(error, ERROR_UNPREDICTABLE, -EINVAL,
                         "unpredictable: the goal names no event that could happen or not");
    return found ? 0 : error_set(error, ERROR_INTERNAL, -EINVAL, "no reading is valid");
}

/* The log odds of what was read, every variable at its median; NaN: the model is wrong. */
static double log_odds_of(const struct extraction *extraction, const struct macro *macro)
{
    struct prediction prediction = {.extraction = *extraction, .macro = *macro};
    CLEANUP(json_freep) struct json *model = predict_model(extraction, macro, "pool");
    struct faults faults = {0};
    CLEANUP(mc_freep) struct mc *mc = mc_new(model, &faults);
    double values[MC_VARIABLES_MAX];

    faults_deinit(&faults);
    if (!mc)
        return (double)NAN;
    prediction.mc = mc;
    predict_medians(mc, values);
    return predict_logit(predict_evaluate(&prediction, values));
}

/* ---- all of them ---- */

static double chance(double log_odds)
{
    return 1 / (1 + predict_odds(-log_odds));
}

static void hear(const struct json *record, const struct extraction *extraction,
                 const struct macro *macro, struct pool *pool)
{
    int64_t persona = json_get_integer(record, "persona", -1);
    double log_odds = log_odds_of(extraction, macro);

    if (persona < 0 || persona >= PREDICT_PERSONAS || !isfinite(log_odds))
        return;
    struct opinion *opinion = &pool->of[persona];
    if (json_get_bool(record, "opposite", false))
        opinion->opposite = chance(log_odds);
    else
        opinion->itself = chance(log_odds);
}

/* What each persona says that said something, lowest first; returns how many. */
static size_t sort_opinions(const struct pool *pool, double out[PREDICT_PERSONAS])
{
    size_t n = 0;

    for (size_t i = 0; i < PREDICT_PERSONAS; i++) {
        const struct opinion *opinion = &pool->of[i];
        double p = opinion->itself > 0 && opinion->opposite > 0
                       ? (opinion->itself + opinion->opposite) / 2
                       : opinion->itself + opinion->opposite;
        if (!(p > 0))
            continue;
        size_t at = n++;
        for (; at > 0 && predict_logit(p) < out[at - 1]; at--)
            out[at] = out[at - 1];
        out[at] = predict_logit(p);
    }
    return n;
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

static double spread_of(const double *values, size_t n)
{
    double mean = mean_of(values, n), squares = 0;

    for (size_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return n > 1 ? sqrt(squares / (double)(n - 1)) : SPREAD_UNKNOWN;
}

void ensemble_pool(const struct json *records, unsigned n_asked, struct span goal,
                   struct span context, const struct macro *macro, struct extraction *extraction)
{
    struct pool pool = {.n_asked = n_asked};
    double said[PREDICT_PERSONAS];
    struct error error;

    for (size_t i = 0; i < json_length(records); i++) {
        struct extraction reading;
        if (read_record(json_at(records, i), goal, context, &reading, &error) == 0)
            hear(json_at(records, i), &reading, macro, &pool);
    }
    size_t n = sort_opinions(&pool, said), trimmed = n >= TRIMMED_FROM ? 1 : 0;
    if (n == 0)
        return;
    double pooled = mean_of(said + trimmed, n - 2 * trimmed);
    pool.n_answered = (unsigned)n;
    pool.pooled = chance(pooled);
    pool.shift = pooled - log_odds_of(extraction, macro);
    pool.spread = spread_of(said, n);
    extraction->pool = pool;
    if (2 * n <= n_asked)
        extraction->degraded = "ensemble_short";
}
