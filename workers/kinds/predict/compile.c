/* From an extraction to an mc/1 model: the trick of predict. The prediction is then a simulation
 * that anybody can read, change and run again.
 *
 *   score       = base_logit + sum of elasticity x ln(ratio) + sum of adjustments
 *   p_try       = 1 / (1 + exp(-score))
 *   probability = 1 - (1 - p_try) ^ tries, or what is left of 1 for a negated goal
 *
 * and with an ensemble its log odds move by `ensemble`, the difference to what all personas say.
 *
 * base_logit is drawn once a trial and shared by all tries, so many tries do not make one
 * overconfident. The spread of every figure is widened, because rules read less than a person
 * would, and because a model's ranges are too narrow. */
#include <math.h>

#include "buf.h"
#include "json.h"
#include "predict.h"
#include "sim/digest.h"
#include "sim/mc.h"
#include "sim/poly.h"

#define Z_90 1.2815515655446004
#define PI_8 0.39269908169872414
#define NO_MACRO_SD 0.1 /* domain.md D7 */
#define TIME_ELASTICITY 0.8
#define TIME_ELASTICITY_SD 0.2
#define SEED_MAX_BYTES (4 * PREDICT_TEXT_MAX_BYTES)

double predict_logit(double p)
{
    return poly_log(p / (1 - p));
}

double predict_odds(double log_odds)
{
    return poly_exp(log_odds);
}

static struct json *dist(const char *name, const char *a, double a_value, const char *b,
                         double b_value)
{
    struct json *json = json_object();

    json_set_text(json, "dist", name);
    json_set_number(json, a, a_value);
    json_set_number(json, b, b_value);
    return json;
}

static struct json *normal(double mean, double sd)
{
    return dist("normal", "mean", mean, "sd", sd);
}

static struct json *lognormal(double p10, double p90)
{
    return dist("lognormal", "p10", p10, "p90", p90);
}

static double spread(const struct rate *range)
{
    return (range->p90 - range->p10) / (2 * Z_90);
}

static const struct fact *fact_of(const struct extraction *extraction,
                                  const struct factor_row *factor)
{
    for (size_t i = 0; i < extraction->n_facts; i++)
        if (extraction->facts[i].factor == factor)
            return &extraction->facts[i];
    return NULL;
}

struct compiling {
    const struct extraction *extraction;
    const struct macro *macro;
    struct json *variables, *let;
    struct buf score;
};

/* The mean of 1/(1+exp(-x)) for a normal x is close to that of centre/sqrt(1 + pi/8 sd^2). */
static double damping(double sd)
{
    return sqrt(1 + PI_8 * sd * sd);
}

/* What all of the class share. Without a look at the economy it is a little less certain. Widening
 * must not make the rare likelier: the centre moves so that the mean stays. */
static void add_base(struct compiling *compiling)
{
    const struct extraction *extraction = compiling->extraction;
    const struct rate *rate = &extraction->event->rate;
    struct rate logit = {predict_logit(rate->p10), predict_logit(rate->p50),
                         predict_logit(rate->p90)};
    double sd = spread(&logit) + (compiling->macro->series ? 0 : NO_MACRO_SD);
    double wide = sd * extraction->widen;

    json_set(compiling->variables, "base_logit",
             normal(logit.p50 * damping(wide) / damping(sd), wide));
    buf_add_text(&compiling->score, "base_logit");
}

/* Each factor of the event: told, it is a number; not told, it is anybody's. */
static void add_factors(struct compiling *compiling)
{
    const struct registry *all = registry();

    for (size_t i = 0; i < all->n_factors; i++) {
        const struct factor_row *factor = &all->factors[i];
        const struct fact *fact = fact_of(compiling->extraction, factor);
        if (!factor_applies(factor, compiling->extraction->event) || (!fact && factor->optional))
            continue;
        CLEANUP(charp_freep) char *ratio = xprintf("ratio_%s", factor->id);
        CLEANUP(charp_freep) char *effect = xprintf("effect_%s", factor->id);
        json_set(compiling->variables, ratio,
                 fact ? json_new_number(fact->ratio)
                      : lognormal(factor->missing_p10, factor->missing_p90));
        json_set(compiling->variables, effect,
                 normal(factor->mean, factor->sd * compiling->extraction->widen));
        buf_addf(&compiling->score, " + %s*ln(%s)", effect, ratio);
    }
}

static void add_adjustments(struct compiling *compiling)
{
    const struct extraction *extraction = compiling->extraction;

    for (size_t i = 0; i < extraction->n_facts; i++) {
        const struct fact *fact = &extraction->facts[i];
        double widen = fact->assumed_odds ? PREDICT_WIDEN_LLM : extraction->widen;
        if (!fact->adjustment)
            continue;
        CLEANUP(charp_freep) char *name = xprintf("has_%s", fact->id);
        json_set(compiling->variables, name,
                 normal(fact->log_odds.p50, spread(&fact->log_odds) * widen));
        buf_addf(&compiling->score, " + %s", name);
    }
}

static void add_macro(struct compiling *compiling)
{
    const struct macro *macro = compiling->macro;

    if (!macro->series)
        return;
    json_set_number(compiling->variables, "ratio_macro", macro->z);
    json_set(compiling->variables, "effect_macro", normal(macro->gamma, macro->gamma_sd));
    buf_add_text(&compiling->score, " + effect_macro*ratio_macro");
}

/* More time: more attempts where attempts count, else better odds, or worse ones for what shall
 * last. */
static void add_time(struct compiling *compiling)
{
    const struct extraction *extraction = compiling->extraction;
    const struct event_row *event = extraction->event;
    bool told = extraction->attempts_p90 > 0;

    if (event->time == TIME_NONE)
        return;
    json_set_number(compiling->variables, "ratio_time",
                    extraction->horizon_days / event->horizon_days);
    if (event->attempts_p90 > 0) {
        json_set(compiling->variables, "attempts",
                 told ? lognormal(extraction->attempts_p10, extraction->attempts_p90)
                      : lognormal(event->attempts_p10, event->attempts_p90));
        json_set_text(compiling->let, "tries", "max(1, attempts*ratio_time)");
    } else {
        double sign = event->time == TIME_HURTS ? -1 : 1;
        json_set(compiling->variables, "effect_time",
                 normal(sign * TIME_ELASTICITY, TIME_ELASTICITY_SD * extraction->widen));
        buf_add_text(&compiling->score, " + effect_time*ln(ratio_time)");
    }
}

static void compile_probability(struct compiling *compiling)
{
    const struct event_row *event = compiling->extraction->event;
    bool tries = event->attempts_p90 > 0 && event->time != TIME_NONE;

    add_base(compiling);
    add_factors(compiling);
    add_adjustments(compiling);
    add_macro(compiling);
    add_time(compiling);
    json_set_string(compiling->let, "score", buf_span(&compiling->score));
    json_set_text(compiling->let, "p_try", "1/(1 + exp(-score))");
    json_set_text(compiling->let, "p",
                  tries ? "clamp(1 - (1 - p_try)^tries, 0.000001, 0.999999)"
                        : "clamp(p_try, 0.000001, 0.999999)");
}

/* Returns the text of the output. */
static const char *add_pool(struct compiling *compiling)
{
    const struct extraction *extraction = compiling->extraction;
    const char *output = extraction->negated ? "1 - p" : "p";

    if (extraction->pool.n_answered == 0)
        return output;
    json_set(compiling->variables, "ensemble",
             normal(extraction->pool.shift, extraction->pool.spread));
    json_set_text(compiling->let, "alone", output);
    return "clamp(1/(1 + (1 - alone)/alone*exp(-ensemble)), 0.000001, 0.999999)";
}

struct json *predict_model(const struct extraction *extraction, const struct macro *macro,
                           const char *seed)
{
    struct compiling compiling = {extraction, macro, json_object(), json_object(), {0}};
    struct json *model = json_object(), *outputs = json_object();

    buf_init(&compiling.score, PREDICT_TEXT_MAX_BYTES);
    compile_probability(&compiling);
    json_set_text(outputs, "probability", add_pool(&compiling));
    json_set_text(model, "model", "mc/1");
    json_set_integer(model, "trials", PREDICT_TRIALS);
    json_set_text(model, "seed", seed);
    json_set(model, "variables", compiling.variables);
    json_set(model, "let", compiling.let);
    json_set(model, "outputs", outputs);
    buf_deinit(&compiling.score);
    return model;
}

static void add_part(struct buf *all, struct span part)
{
    buf_add_span(all, part);
    buf_add_char(all, '\x1f');
}

char *predict_seed(struct span goal, struct span context, const struct extraction *extraction,
                   const struct macro *macro, struct span extra_seed)
{
    CLEANUP(json_freep) struct json *json = predict_extraction_json(extraction);
    char *text = xcalloc(DIGEST_TEXT_BYTES, 1);
    unsigned char digest[DIGEST_BYTES];
    struct buf all;

    buf_init(&all, SEED_MAX_BYTES);
    add_part(&all, SPAN("predict/1"));
    add_part(&all, span_of(extraction->extractor));
    add_part(&all, span_of(registry()->version));
    add_part(&all, SPAN(MC_RNG));
    add_part(&all, SPAN(MC_ENGINE));
    add_part(&all, span_of(macro->series));
    add_part(&all, span_of(macro->vintage));
    add_part(&all, extra_seed);
    add_part(&all, goal);
    add_part(&all, context);
    digest_canonical(json, &all);
    sha256(buf_span(&all), digest);
    digest_text(digest, text);
    buf_deinit(&all);
    return text;
}
