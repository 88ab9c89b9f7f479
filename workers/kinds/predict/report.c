/* What a prediction tells: five steps for an animation, drivers, and the result with its
 * provenance.
 *
 * The texts are made from the figures by fixed patterns; nothing here depends on time or machine.
 * The grade is the registry row's, at most C, because rules did the reading. */
#include "buf.h"
#include "json.h"
#include "predict.h"
#include "sim/mc.h"
#include "sim/poly.h"
#include "sim/sim.h"

#define TEXT_MAX_BYTES 140
#define HISTOGRAM_BINS 64
#define QUOTE_MAX_BYTES 40
#define PROBABILITY_MAX_BYTES 16

static const struct {
    const char *id, *title, *chart;
    int64_t duration_ms;
} parts[PREDICT_STEPS] = {
    {"understood", "What is asked",        "facts",     1200},
    {"base_rate",  "How often it happens", "bar",       1400},
    {"ratios",     "What is special here", "ratios",    1600},
    {"simulated",  "10,000 simulations",   "histogram", 2200},
    {"concluded",  "The odds",             "interval",  1600},
};

const char *predict_step_id(unsigned n)
{
    return parts[n - 1].id;
}

const char *predict_step_title(unsigned n)
{
    return parts[n - 1].title;
}

static char *percent_text(double p, char out[PROBABILITY_MAX_BYTES])
{
    if (p >= 0.0995 && p <= 0.9005)
        (void)snprintf(out, PROBABILITY_MAX_BYTES, "%.0f%%", 100 * p);
    else if (p >= 0.01 && p <= 0.99)
        (void)snprintf(out, PROBABILITY_MAX_BYTES, "%.1f%%", 100 * p);
    else
        (void)snprintf(out, PROBABILITY_MAX_BYTES, p < 0.5 ? "%.2g%%" : "%.4g%%", 100 * p);
    return out;
}

/* At most 140 bytes, cut before a character that does not fit. */
static void set_text(struct json *json, struct buf *text)
{
    struct span span = buf_span(text);

    if (span.n > TEXT_MAX_BYTES) {
        span.n = TEXT_MAX_BYTES - 3;
        while (span.n > 0 && ((unsigned char)span.at[span.n] & 0xc0) == 0x80)
            span.n--;
        CLEANUP(charp_freep) char *cut = xprintf("%.*s...", (int)span.n, span.at);
        json_set_text(json, "text", cut);
    } else {
        json_set_string(json, "text", span);
    }
    buf_deinit(text);
}

static struct json *pair(double low, double high)
{
    struct json *array = json_array();

    json_append(array, json_new_number(low));
    json_append(array, json_new_number(high));
    return array;
}

static struct json *interval(struct sim *sim, double percent)
{
    const struct samples *samples = sim_samples(sim, 0);

    return pair(samples_percentile(samples, 50 - percent / 2),
                samples_percentile(samples, 50 + percent / 2));
}

static struct json *intervals_json(struct sim *sim)
{
    struct json *json = json_object();

    json_set(json, "50", interval(sim, 50));
    json_set(json, "80", interval(sim, 80));
    json_set(json, "95", interval(sim, 95));
    return json;
}

static const char *grade_of(const struct extraction *extraction)
{
    /* Rules read less than they should: at most C (domain.md D7). */
    return extraction->event->grade == 'D' ? "D" : "C";
}

static struct json *rate_json(const struct event_row *event)
{
    struct json *json = json_object();

    json_set_text(json, "class", event->type);
    json_set_number(json, "p10", event->rate.p10);
    json_set_number(json, "p50", event->rate.p50);
    json_set_number(json, "p90", event->rate.p90);
    json_set_number(json, "period_days", event->horizon_days);
    json_set_text(json, "source", event->source);
    json_set_text(json, "grade", (char[]){event->grade, '\0'});
    return json;
}

static void tell_understood(struct prediction *prediction, struct json *step, struct buf *text)
{
    const struct extraction *extraction = &prediction->extraction;
    struct json *inputs = json_object();

    json_set_string(inputs, "goal", prediction->goal);
    json_set_string(inputs, "context", prediction->context);
    json_set(step, "inputs", inputs);
    json_set(step, "outputs", predict_extraction_json(extraction));
    buf_addf(text, "Asked: %s", extraction->event->statement);
    if (extraction->company)
        buf_addf(text, " (%s)", extraction->company->name);
    buf_addf(text, " within %.0f days%s. %zu fact%s read.", extraction->horizon_days,
             extraction->negated ? ", that it does NOT happen" : "", extraction->n_facts,
             extraction->n_facts == 1 ? "" : "s");
}

static void tell_base_rate(struct prediction *prediction, struct json *step, struct buf *text)
{
    const struct event_row *event = prediction->extraction.event;
    struct json *inputs = json_object();
    char p10[PROBABILITY_MAX_BYTES], p50[PROBABILITY_MAX_BYTES], p90[PROBABILITY_MAX_BYTES];

    json_set_text(inputs, "class", event->type);
    json_set(step, "inputs", inputs);
    json_set(step, "outputs", rate_json(event));
    buf_addf(text, "Before we know more: about %s (%s to %s)%s. Grade %c: %s.",
             percent_text(event->rate.p50, p50), percent_text(event->rate.p10, p10),
             percent_text(event->rate.p90, p90), event->attempts_p90 > 0 ? " a try" : "",
             event->grade, event->grade == 'C' ? "a judgement" : "no class fits");
}

static struct json *ratio_json(const struct fact *fact)
{
    struct json *json = json_object();

    json_set_text(json, "fact", fact->id);
    if (fact->factor) {
        json_set_text(json, "label", fact->factor->label);
        json_set_number(json, "si", fact->si);
        json_set_number(json, "reference", fact->factor->reference);
        json_set_number(json, "ratio", fact->ratio);
        json_set_number(json, "odds", poly_power(fact->ratio, fact->factor->mean));
    } else {
        json_set_text(json, "label", fact->adjustment->label);
        json_set_number(json, "odds", poly_exp(fact->adjustment->log_odds.p50));
    }
    json_set_string(json, "quote", fact->quote);
    json_set_text(json, "grade", "C");
    return json;
}

static void tell_ratios(struct prediction *prediction, struct json *step, struct buf *text)
{
    const struct extraction *extraction = &prediction->extraction;
    struct json *inputs = json_array(), *outputs = json_array();

    for (size_t i = 0; i < extraction->n_facts; i++) {
        const struct fact *fact = &extraction->facts[i];
        struct json *ratio = ratio_json(fact);
        int shown = (int)(fact->quote.n < QUOTE_MAX_BYTES ? fact->quote.n : QUOTE_MAX_BYTES);

        buf_addf(text, "%s\"%.*s\" odds x%.2g", i > 0 ? ", " : "", shown, fact->quote.at,
                 json_get_number(ratio, "odds", 1));
        json_append(inputs, json_new_string(fact->quote));
        json_append(outputs, ratio);
    }
    if (extraction->n_facts == 0)
        buf_add_text(text, "Nothing told changes the odds: the spread of everybody's odds stays.");
    json_set(step, "inputs", inputs);
    json_set(step, "outputs", outputs);
}

static void tell_simulated(struct prediction *prediction, struct json *step, struct buf *text)
{
    struct moments moments = sim_moments(prediction->sim, 0);
    struct json *inputs = json_object(), *outputs = json_object();
    char mean[PROBABILITY_MAX_BYTES], low[PROBABILITY_MAX_BYTES], high[PROBABILITY_MAX_BYTES];
    const struct samples *samples = sim_samples(prediction->sim, 0);

    json_set_integer(inputs, "trials", (int64_t)moments.n);
    json_set_text(inputs, "seed", prediction->mc->seed);
    json_set(step, "inputs", inputs);
    json_set_number(outputs, "mean", moments.mean);
    json_set_number(outputs, "mc_error", moments_se(&moments));
    json_set(outputs, "histogram", sim_histogram(prediction->sim, 0, HISTOGRAM_BINS));
    json_set(step, "outputs", outputs);
    buf_addf(text, "10,000 simulations: mean %s, half of them between %s and %s.",
             percent_text(moments.mean, mean), percent_text(samples_percentile(samples, 25), low),
             percent_text(samples_percentile(samples, 75), high));
}

static void tell_concluded(struct prediction *prediction, struct json *step, struct buf *text)
{
    struct moments moments = sim_moments(prediction->sim, 0);
    const struct samples *samples = sim_samples(prediction->sim, 0);
    struct json *inputs = json_object(), *outputs = json_object();
    char mean[PROBABILITY_MAX_BYTES], low[PROBABILITY_MAX_BYTES], high[PROBABILITY_MAX_BYTES];

    json_set_integer(inputs, "trials", (int64_t)moments.n);
    json_set(step, "inputs", inputs);
    json_set_number(outputs, "probability", moments.mean);
    json_set(outputs, "interval_80", interval(prediction->sim, 80));
    json_set(outputs, "drivers", predict_drivers(prediction));
    json_set_text(outputs, "grade", grade_of(&prediction->extraction));
    json_set(step, "outputs", outputs);
    buf_addf(
        text, "%s, about 1 in %.*f. 80%% interval %s to %s. Grade %s: rules only, wide on purpose.",
        percent_text(moments.mean, mean), moments.mean > 0.1 ? 1 : 0, 1 / moments.mean,
        percent_text(samples_percentile(samples, 10), low),
        percent_text(samples_percentile(samples, 90), high), grade_of(&prediction->extraction));
}

typedef void tell_fn(struct prediction *prediction, struct json *step, struct buf *text);

struct json *predict_step(struct prediction *prediction, unsigned n)
{
    static tell_fn *const tell[PREDICT_STEPS] = {tell_understood, tell_base_rate, tell_ratios,
                                                 tell_simulated, tell_concluded};
    struct json *step = json_object(), *chart = json_object();
    struct buf text;

    buf_init(&text, PREDICT_TEXT_MAX_BYTES);
    json_set_integer(step, "n", n);
    json_set_text(step, "id", parts[n - 1].id);
    json_set_text(step, "title", parts[n - 1].title);
    tell[n - 1](prediction, step, &text);
    set_text(step, &text);
    json_set_text(chart, "type", parts[n - 1].chart);
    json_set_text(chart, "data", "outputs");
    json_set(step, "chart", chart);
    json_set_integer(step, "duration_hint_ms", parts[n - 1].duration_ms);
    return step;
}

struct driver {
    const char *name;
    double low, high; /* the probability with the variable at its p10 and p90 */
};

static int by_swing(const void *a, const void *b)
{
    const struct driver *x = a, *y = b;
    double dx = x->high > x->low ? x->high - x->low : x->low - x->high;
    double dy = y->high > y->low ? y->high - y->low : y->low - y->high;

    if (dx != dy)
        return dx < dy ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* One variable at a time, the others at their medians. */
static size_t find_drivers(const struct mc *mc, struct driver *drivers)
{
    double values[MC_VARIABLES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < mc->n_variables; i++)
        values[i] = dist_quantile(&mc->variables[i].dist, 0.5);
    for (size_t i = 0; i < mc->n_variables; i++) {
        double median = values[i];
        if (dist_is_constant(&mc->variables[i].dist))
            continue;
        drivers[n].name = mc->variables[i].name;
        values[i] = dist_quantile(&mc->variables[i].dist, 0.1);
        sim_evaluate(mc, values, &drivers[n].low);
        values[i] = dist_quantile(&mc->variables[i].dist, 0.9);
        sim_evaluate(mc, values, &drivers[n].high);
        values[i] = median;
        n++;
    }
    qsort(drivers, n, sizeof(drivers[0]), by_swing);
    return n;
}

/* What if a fact were as the reference says: how many times the probability. */
static void add_what_if(const struct prediction *prediction, const struct fact *fact,
                        struct json *array)
{
    const struct mc *mc = prediction->mc;
    double values[MC_VARIABLES_MAX], now, then;
    CLEANUP(charp_freep) char *name = xprintf("ratio_%s", fact->id);

    for (size_t i = 0; i < mc->n_variables; i++)
        values[i] = dist_quantile(&mc->variables[i].dist, 0.5);
    sim_evaluate(mc, values, &now);
    for (size_t i = 0; i < mc->n_variables; i++)
        if (strcmp(mc->variables[i].name, name) == 0)
            values[i] = 1;
    sim_evaluate(mc, values, &then);
    struct json *row = json_object();
    json_set_text(row, "fact", fact->id);
    json_set_text(row, "label", fact->factor->label);
    json_set_number(row, "if_si", fact->factor->reference);
    json_set_number(row, "times", then / now);
    json_append(array, row);
}

struct json *predict_drivers(const struct prediction *prediction)
{
    struct driver drivers[MC_VARIABLES_MAX];
    size_t n = find_drivers(prediction->mc, drivers);
    struct json *array = json_array();

    for (size_t i = 0; i < n; i++) {
        struct json *row = json_object();
        json_set_text(row, "name", drivers[i].name);
        json_set(row, "swing_p10_p90", pair(drivers[i].low, drivers[i].high));
        json_append(array, row);
    }
    return array;
}

static struct json *what_if_json(const struct prediction *prediction)
{
    struct json *array = json_array();

    for (size_t i = 0; i < prediction->extraction.n_facts; i++)
        if (prediction->extraction.facts[i].factor)
            add_what_if(prediction, &prediction->extraction.facts[i], array);
    return array;
}

static struct json *provenance_json(struct prediction *prediction)
{
    struct json *json = json_object();
    CLEANUP(json_freep) struct json *run = sim_result(prediction->sim);
    static const char *const copied[] = {"seed", "rng", "engine", "model_hash", "result_hash"};

    json_set_text(json, "extractor", PREDICT_EXTRACTOR);
    json_set_text(json, "registry", REGISTRY_VERSION);
    json_set(json, "base_rate", rate_json(prediction->extraction.event));
    json_set_text(json, "enrichment", "none");
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
        json_set_string(json, copied[i], json_get_string(run, copied[i], ""));
    return json;
}

struct json *predict_result(struct prediction *prediction, struct json *steps)
{
    const struct extraction *extraction = &prediction->extraction;
    struct moments moments = sim_moments(prediction->sim, 0);
    bool generic = extraction->event == &registry_generic;
    struct json *json = json_object();

    json_set_text(json, "schema", "predict/1");
    json_set_text(json, "outcome", generic ? "insufficient_information" : "predicted");
    json_set_string(json, "goal", prediction->goal);
    json_set_string(json, "context", prediction->context);
    json_set_number(json, "probability", moments.mean);
    json_set(json, "intervals", intervals_json(prediction->sim));
    json_set_number(json, "mc_error", moments_se(&moments));
    json_set_number(json, "one_in_n", 1 / moments.mean);
    json_set_integer(json, "simulations", (int64_t)moments.n);
    json_set_text(json, "grade", grade_of(extraction));
    json_set_bool(json, "degraded", true);
    json_set_text(json, "degraded_reason", "rules_only");
    json_set(json, "extraction", predict_extraction_json(extraction));
    json_set(json, "histogram", sim_histogram(prediction->sim, 0, HISTOGRAM_BINS));
    json_set(json, "drivers", predict_drivers(prediction));
    json_set(json, "what_if", what_if_json(prediction));
    json_set(json, "steps", steps);
    json_set(json, "provenance", provenance_json(prediction));
    json_set_text(json, "seed", prediction->mc->seed);
    json_set(json, "model", json_copy(prediction->model));
    return json;
}
