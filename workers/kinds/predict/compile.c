/* From an extraction to an mc/1 model: the trick of predict. The prediction is then a simulation
 * that anybody can read, change and run again.
 *
 *   score       = base_logit + sum of elasticity x ln(ratio) + sum of adjustments
 *   p_try       = 1 / (1 + exp(-score))
 *   probability = 1 - (1 - p_try) ^ tries, or what is left of 1 for a negated goal
 *
 * base_logit is drawn once a trial and shared by all tries, so many tries do not make one
 * overconfident. The spread of every figure is widened, because rules read less than a person
 * would. */
#include "buf.h"
#include "json.h"
#include "predict.h"
#include "sim/digest.h"
#include "sim/mc.h"
#include "sim/poly.h"

#define WIDEN 1.5 /* domain.md D7 */
#define Z_90 1.2815515655446004
#define TIME_ELASTICITY 0.8
#define TIME_ELASTICITY_SD 0.2
#define SEED_MAX_BYTES (4 * PREDICT_TEXT_MAX_BYTES)

double predict_logit(double p)
{
    return poly_log(p / (1 - p));
}

static struct json *normal(double mean, double sd)
{
    struct json *json = json_object();

    json_set_text(json, "dist", "normal");
    json_set_number(json, "mean", mean);
    json_set_number(json, "sd", sd * WIDEN);
    return json;
}

static struct json *lognormal(double p10, double p90)
{
    struct json *json = json_object();

    json_set_text(json, "dist", "lognormal");
    json_set_number(json, "p10", p10);
    json_set_number(json, "p90", p90);
    return json;
}

/* A range around its median: mean p50, sd from p10 to p90. */
static struct json *normal_of(double p10, double p50, double p90)
{
    return normal(p50, (p90 - p10) / (2 * Z_90));
}

static const struct fact *fact_of(const struct extraction *extraction,
                                  const struct factor_row *factor)
{
    for (size_t i = 0; i < extraction->n_facts; i++)
        if (extraction->facts[i].factor == factor)
            return &extraction->facts[i];
    return NULL;
}

/* Each factor of the event: told, it is a number; not told, it is anybody's. */
static void add_factors(const struct extraction *extraction, struct json *variables,
                        struct buf *score)
{
    for (size_t i = 0; i < registry_n_factors; i++) {
        const struct factor_row *factor = &registry_factors[i];
        if (strcmp(factor->event, extraction->event->type) != 0)
            continue;
        CLEANUP(charp_freep) char *ratio = xprintf("ratio_%s", factor->id);
        CLEANUP(charp_freep) char *effect = xprintf("effect_%s", factor->id);
        const struct fact *fact = fact_of(extraction, factor);
        json_set(variables, ratio,
                 fact ? json_new_number(fact->ratio)
                      : lognormal(factor->missing_p10, factor->missing_p90));
        json_set(variables, effect, normal(factor->mean, factor->sd));
        buf_addf(score, " + %s*ln(%s)", effect, ratio);
    }
}

static void add_adjustments(const struct extraction *extraction, struct json *variables,
                            struct buf *score)
{
    for (size_t i = 0; i < extraction->n_facts; i++) {
        const struct adjustment_row *row = extraction->facts[i].adjustment;
        if (!row)
            continue;
        CLEANUP(charp_freep) char *name = xprintf("has_%s", row->id);
        json_set(variables, name,
                 normal_of(row->log_odds.p10, row->log_odds.p50, row->log_odds.p90));
        buf_addf(score, " + %s", name);
    }
}

/* More time: more attempts where attempts count, else better odds. */
static void add_time(const struct extraction *extraction, struct json *variables, struct json *let,
                     struct buf *score)
{
    const struct event_row *event = extraction->event;

    json_set_number(variables, "ratio_time", extraction->horizon_days / event->horizon_days);
    if (event->attempts_p90 > 0) {
        json_set(variables, "attempts", lognormal(event->attempts_p10, event->attempts_p90));
        json_set_text(let, "tries", "max(1, attempts*ratio_time)");
    } else {
        json_set(variables, "effect_time", normal(TIME_ELASTICITY, TIME_ELASTICITY_SD));
        buf_add_text(score, " + effect_time*ln(ratio_time)");
    }
}

struct json *predict_model(const struct extraction *extraction, const char *seed)
{
    const struct event_row *event = extraction->event;
    struct json *model = json_object(), *variables = json_object(), *let = json_object();
    struct json *outputs = json_object();
    struct buf score;

    buf_init(&score, PREDICT_TEXT_MAX_BYTES);
    buf_add_text(&score, "base_logit");
    json_set(variables, "base_logit",
             normal_of(predict_logit(event->rate.p10), predict_logit(event->rate.p50),
                       predict_logit(event->rate.p90)));
    add_factors(extraction, variables, &score);
    add_adjustments(extraction, variables, &score);
    add_time(extraction, variables, let, &score);
    json_set_string(let, "score", buf_span(&score));
    json_set_text(let, "p_try", "1/(1 + exp(-score))");
    json_set_text(let, "p",
                  event->attempts_p90 > 0 ? "clamp(1 - (1 - p_try)^tries, 0.000001, 0.999999)"
                                          : "clamp(p_try, 0.000001, 0.999999)");
    json_set_text(outputs, "probability", extraction->negated ? "1 - p" : "p");
    json_set_text(model, "model", "mc/1");
    json_set_integer(model, "trials", PREDICT_TRIALS);
    json_set_text(model, "seed", seed);
    json_set(model, "variables", variables);
    json_set(model, "let", let);
    json_set(model, "outputs", outputs);
    buf_deinit(&score);
    return model;
}

char *predict_seed(struct span goal, struct span context, const struct extraction *extraction,
                   struct span extra_seed)
{
    CLEANUP(json_freep) struct json *json = predict_extraction_json(extraction);
    char *text = xcalloc(DIGEST_TEXT_BYTES, 1);
    unsigned char digest[DIGEST_BYTES];
    struct buf all;

    buf_init(&all, SEED_MAX_BYTES);
    buf_addf(&all, "predict/1\x1f%s\x1f%s\x1f%s\x1f%s\x1f", PREDICT_EXTRACTOR, REGISTRY_VERSION,
             MC_RNG, MC_ENGINE);
    buf_add_span(&all, extra_seed);
    buf_add_char(&all, '\x1f');
    buf_add_span(&all, goal);
    buf_add_char(&all, '\x1f');
    buf_add_span(&all, context);
    buf_add_char(&all, '\x1f');
    digest_canonical(json, &all);
    sha256(buf_span(&all), digest);
    digest_text(digest, text);
    buf_deinit(&all);
    return text;
}
