/* The reasoning of a prediction in five steps, for an animation (domain.md D6): computed from the
 * figures and worded by fixed patterns, never a model's hidden thoughts. A step's text has at most
 * 140 bytes. */
#include "buf.h"
#include "json.h"
#include "names/company.h"
#include "predict.h"
#include "sim/mc.h"
#include "sim/poly.h"
#include "sim/sim.h"

#define TEXT_MAX_BYTES 140
#define HISTOGRAM_BINS 64
#define QUOTE_MAX_BYTES 40
#define PROBABILITY_MAX_BYTES 16
#define DECIMALS_MAX 10

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

/* So many that two digits of a rare percentage can be seen. */
static int decimals_of(double percent)
{
    int decimals = 1;

    for (; decimals < DECIMALS_MAX && percent < 0.995; decimals++)
        percent *= 10;
    return decimals;
}

static char *percent_text(double p, char out[PROBABILITY_MAX_BYTES])
{
    if (p >= 0.0995 && p <= 0.9005)
        (void)snprintf(out, PROBABILITY_MAX_BYTES, "%.0f%%", 100 * p);
    else if (p >= 0.01 && p <= 0.99)
        (void)snprintf(out, PROBABILITY_MAX_BYTES, "%.1f%%", 100 * p);
    else if (p >= 0.5)
        (void)snprintf(out, PROBABILITY_MAX_BYTES, p < 0.9995 ? "%.4g%%" : "%.6g%%", 100 * p);
    else
        (void)snprintf(out, PROBABILITY_MAX_BYTES, "%.*f%%", decimals_of(100 * p), 100 * p);
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
        buf_addf(text, " (%s)", company_name(extraction->company));
    buf_addf(text, " within %.0f day%s%s. %zu fact%s read.", extraction->horizon_days,
             extraction->horizon_days < 1.5 ? "" : "s",
             extraction->negated ? ", that it does NOT happen" : "", extraction->n_facts,
             extraction->n_facts == 1 ? "" : "s");
}

static void tell_base_rate(struct prediction *prediction, struct json *step, struct buf *text)
{
    const struct event_row *event = prediction->extraction.event;
    struct json *inputs = json_object();
    char p10[PROBABILITY_MAX_BYTES], p50[PROBABILITY_MAX_BYTES], p90[PROBABILITY_MAX_BYTES];

    json_set_text(inputs, "class", event->id);
    json_set(step, "inputs", inputs);
    json_set(step, "outputs", predict_rate_json(event));
    buf_addf(text, "Before we know more: about %s (%s to %s)%s. Grade %c: %s.",
             percent_text(event->rate.p50, p50), percent_text(event->rate.p10, p10),
             percent_text(event->rate.p90, p90), event->attempts_p90 > 0 ? " a try" : "",
             event->evidence.grade, event->evidence.source);
}

static struct json *ratio_json(const struct fact *fact)
{
    const struct evidence *evidence =
        fact->factor ? &fact->factor->evidence : &fact->adjustment->evidence;
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
        json_set_number(json, "odds", poly_exp(fact->log_odds.p50));
    }
    json_set_string(json, "quote", fact->quote);
    json_set_text(json, "grade", (char[]){evidence->grade, '\0'});
    json_set_text(json, "source", evidence->source);
    return json;
}

/* The economy counts like a fact, told by nobody. */
static struct json *economy_json(const struct macro *macro)
{
    struct json *json = json_object();

    json_set_text(json, "fact", "economy");
    json_set_text(json, "label", macro->series);
    json_set_number(json, "value", macro->value);
    json_set_number(json, "z", macro->z);
    json_set_number(json, "odds", poly_exp(macro->gamma * macro->z));
    json_set_text(json, "vintage", macro->vintage);
    json_set_text(json, "source", macro->source);
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
    if (prediction->macro.series)
        json_append(outputs, economy_json(&prediction->macro));
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

static const char *degraded_text(const struct extraction *extraction)
{
    if (!extraction->degraded)
        return "";
    return extraction->pool.n_asked > 0 ? ": too few personas answered"
                                        : ": rules only, wide on purpose";
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
    json_set(outputs, "interval_80", predict_interval(prediction->sim, 80));
    json_set(outputs, "drivers", predict_drivers(prediction));
    json_set_text(outputs, "grade", predict_grade(&prediction->extraction));
    json_set(step, "outputs", outputs);
    buf_addf(text, "%s, about 1 in %.*f. 80%% interval %s to %s. Grade %s%s.",
             percent_text(moments.mean, mean), moments.mean > 0.1 ? 1 : 0, 1 / moments.mean,
             percent_text(samples_percentile(samples, 10), low),
             percent_text(samples_percentile(samples, 90), high),
             predict_grade(&prediction->extraction), degraded_text(&prediction->extraction));
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
