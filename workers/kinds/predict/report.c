/* What a prediction tells: the result with its intervals, drivers, what ifs, and provenance.
 *
 * Nothing here depends on time or machine, so the same question gives the same bytes for ever. The
 * grade is the reference class's; rules and a loose fit cap it at C, odds of judgement at B. */
#include "buf.h"
#include "json.h"
#include "names/company.h"
#include "predict.h"
#include "sim/mc.h"
#include "sim/poly.h"
#include "sim/sim.h"

#define HISTOGRAM_BINS 64
#define CHANGES_MAX 3

static struct json *pair(double low, double high)
{
    struct json *array = json_array();

    json_append(array, json_new_number(low));
    json_append(array, json_new_number(high));
    return array;
}

struct json *predict_interval(struct sim *sim, double percent)
{
    const struct samples *samples = sim_samples(sim, 0);

    return pair(samples_percentile(samples, 50 - percent / 2),
                samples_percentile(samples, 50 + percent / 2));
}

static struct json *intervals_json(struct sim *sim)
{
    struct json *json = json_object();

    json_set(json, "50", predict_interval(sim, 50));
    json_set(json, "80", predict_interval(sim, 80));
    json_set(json, "95", predict_interval(sim, 95));
    return json;
}

static char worse(char a, char b)
{
    return a > b ? a : b;
}

const char *predict_grade(const struct extraction *extraction)
{
    static const char *const grades[] = {"A", "B", "C", "D"};
    char grade = extraction->event->evidence.grade;

    if (extraction->degraded || extraction->fit == FIT_LOOSE)
        grade = worse(grade, 'C');
    for (size_t i = 0; i < extraction->n_facts; i++) {
        const struct fact *fact = &extraction->facts[i];
        char own = fact->factor ? fact->factor->evidence.grade : fact->adjustment->evidence.grade;
        grade = worse(grade, own == 'C' ? 'B' : 'A');
    }
    if (extraction->fit == FIT_NONE)
        grade = 'D';
    return grades[grade - 'A'];
}

struct json *predict_rate_json(const struct event_row *event)
{
    struct json *json = json_object();

    json_set_text(json, "class", event->id);
    json_set_number(json, "p10", event->rate.p10);
    json_set_number(json, "p50", event->rate.p50);
    json_set_number(json, "p90", event->rate.p90);
    json_set_number(json, "period_days", event->horizon_days);
    json_set_text(json, "of", event->evidence.period);
    json_set_text(json, "source", event->evidence.source);
    json_set_text(json, "date", event->evidence.date);
    json_set_text(json, "grade", (char[]){event->evidence.grade, '\0'});
    return json;
}

/* ---- what moves it ---- */

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
static size_t find_drivers(const struct prediction *prediction, struct driver *drivers)
{
    const struct mc *mc = prediction->mc;
    double values[MC_VARIABLES_MAX];
    size_t n = 0;

    predict_medians(mc, values);
    for (size_t i = 0; i < mc->n_variables; i++) {
        double median = values[i];
        if (dist_is_constant(&mc->variables[i].dist))
            continue;
        drivers[n].name = mc->variables[i].name;
        values[i] = dist_quantile(&mc->variables[i].dist, 0.1);
        drivers[n].low = predict_evaluate(prediction, values);
        values[i] = dist_quantile(&mc->variables[i].dist, 0.9);
        drivers[n].high = predict_evaluate(prediction, values);
        values[i] = median;
        n++;
    }
    qsort(drivers, n, sizeof(drivers[0]), by_swing);
    return n;
}

/* What the engine found of the variable: its share of the variance. */
static void set_found(const struct prediction *prediction, const char *name, struct json *row)
{
    static const char *const members[] = {"S1", "S1_ci", "spearman"};
    const struct json *found = prediction->drivers;

    for (size_t i = 0; i < json_length(found); i++) {
        const struct json *driver = json_at(found, i);
        if (!span_equal(json_get_string(driver, "name", ""), span_of(name)))
            continue;
        for (size_t j = 0; j < ARRAY_SIZE(members); j++)
            if (json_has(driver, members[j]))
                json_set(row, members[j], json_copy(json_get(driver, members[j])));
    }
}

struct json *predict_drivers(const struct prediction *prediction)
{
    struct driver drivers[MC_VARIABLES_MAX];
    size_t n = find_drivers(prediction, drivers);
    struct json *array = json_array();

    for (size_t i = 0; i < n; i++) {
        struct json *row = json_object();
        json_set_text(row, "name", drivers[i].name);
        json_set(row, "swing_p10_p90", pair(drivers[i].low, drivers[i].high));
        set_found(prediction, drivers[i].name, row);
        json_append(array, row);
    }
    return array;
}

/* "if experience were 5 year: x1.9" */
static char *what_if_text(const struct fact *fact, double times)
{
    const struct unit_row *unit =
        fact->unit ? registry_unit((struct span){fact->unit, strcspn(fact->unit, "|")}) : NULL;
    double value = fact->factor->reference / (unit ? unit->factor : 1);

    return xprintf("if %s were %.4g%s%.*s: x%.2g", fact->factor->label, value, unit ? " " : "",
                   unit ? (int)strcspn(unit->words, "|") : 0, unit ? unit->words : "", times);
}

/* What if a fact were as the reference says: how many times the probability. */
static void add_what_if(const struct prediction *prediction, const struct fact *fact,
                        struct json *array)
{
    const struct mc *mc = prediction->mc;
    double values[MC_VARIABLES_MAX], now, then;
    CLEANUP(charp_freep) char *name = xprintf("ratio_%s", fact->id);

    predict_medians(mc, values);
    now = predict_evaluate(prediction, values);
    for (size_t i = 0; i < mc->n_variables; i++)
        if (strcmp(mc->variables[i].name, name) == 0)
            values[i] = 1;
    then = predict_evaluate(prediction, values);
    CLEANUP(charp_freep) char *text = what_if_text(fact, then / now);
    struct json *row = json_object();
    json_set_text(row, "fact", fact->id);
    json_set_text(row, "label", fact->factor->label);
    json_set_number(row, "if_si", fact->factor->reference);
    json_set_number(row, "times", then / now);
    json_set_text(row, "text", text);
    json_append(array, row);
}

static struct json *what_if_json(const struct prediction *prediction)
{
    struct json *array = json_array();

    for (size_t i = 0; i < prediction->extraction.n_facts; i++)
        if (prediction->extraction.facts[i].factor)
            add_what_if(prediction, &prediction->extraction.facts[i], array);
    return array;
}

static bool is_told(const struct extraction *extraction, const struct adjustment_row *row)
{
    for (size_t i = 0; i < extraction->n_facts; i++)
        if (extraction->facts[i].adjustment == row)
            return true;
    return false;
}

static double size_of(const struct adjustment_row *row)
{
    return row->log_odds.p50 < 0 ? -row->log_odds.p50 : row->log_odds.p50;
}

/* What was not told and would move the odds most. */
static struct json *changes_json(const struct extraction *extraction)
{
    const struct registry *all = registry();
    const struct adjustment_row *best[CHANGES_MAX] = {0};
    struct json *array = json_array();

    for (size_t i = 0; i < all->n_adjustments; i++) {
        const struct adjustment_row *row = &all->adjustments[i];
        if (!adjustment_applies(row, extraction->event) || is_told(extraction, row))
            continue;
        for (size_t j = 0; j < CHANGES_MAX; j++) {
            if (best[j] && size_of(best[j]) >= size_of(row))
                continue;
            const struct adjustment_row *moved = best[j];
            best[j] = row;
            row = moved;
            if (!row)
                break;
        }
    }
    for (size_t j = 0; j < CHANGES_MAX && best[j]; j++) {
        struct json *row = json_object();
        json_set_text(row, "id", best[j]->id);
        json_set_text(row, "label", best[j]->label);
        json_set_number(row, "odds", poly_exp(best[j]->log_odds.p50));
        json_append(array, row);
    }
    return array;
}

/* ---- the result ---- */

static struct json *enrichment_json(const struct macro *macro)
{
    struct json *json = json_object();

    json_set_text(json, "series", macro->series);
    json_set_text(json, "vintage", macro->vintage);
    json_set_text(json, "source", macro->source);
    json_set_text(json, "date", macro->date);
    json_set_number(json, "value", macro->value);
    json_set_number(json, "z", macro->z);
    json_set_number(json, "gamma", macro->gamma);
    return json;
}

static void set_model(const struct extraction *extraction, struct json *json)
{
    struct json *model = json_object();

    json_set_string(model, "provider", extraction->provider);
    json_set_string(model, "model", extraction->model);
    json_set(json, "language_model", model);
}

static struct json *provenance_json(struct prediction *prediction)
{
    struct json *json = json_object();
    static const char *const copied[] = {"seed", "rng", "engine", "model_hash", "result_hash"};

    json_set_text(json, "extractor", prediction->extraction.extractor);
    if (prediction->extraction.model.n > 0)
        set_model(&prediction->extraction, json);
    json_set_text(json, "registry", registry()->version);
    json_set(json, "base_rate", predict_rate_json(prediction->extraction.event));
    json_set(json, "enrichment",
             prediction->macro.series ? enrichment_json(&prediction->macro)
                                      : json_new_string(SPAN("none")));
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
        json_set_string(json, copied[i], json_get_string(prediction->run, copied[i], ""));
    return json;
}

static void set_numbers(struct prediction *prediction, struct json *json)
{
    struct moments moments = sim_moments(prediction->sim, 0);

    json_set_number(json, "probability", moments.mean);
    json_set(json, "intervals", intervals_json(prediction->sim));
    json_set_number(json, "mc_error", moments_se(&moments));
    json_set_number(json, "one_in_n", 1 / moments.mean);
    json_set_integer(json, "simulations", (int64_t)moments.n);
}

struct json *predict_result(struct prediction *prediction, struct json *steps)
{
    const struct extraction *extraction = &prediction->extraction;
    struct json *json = json_object();

    json_set_text(json, "schema", "predict/1");
    json_set_text(json, "outcome",
                  extraction->fit == FIT_NONE ? "insufficient_information" : "predicted");
    json_set_string(json, "goal", prediction->goal);
    json_set_string(json, "context", prediction->context);
    set_numbers(prediction, json);
    json_set_text(json, "grade", predict_grade(extraction));
    json_set_bool(json, "degraded", extraction->degraded != NULL);
    if (extraction->degraded)
        json_set_text(json, "degraded_reason", extraction->degraded);
    json_set(json, "extraction", predict_extraction_json(extraction));
    json_set(json, "histogram", sim_histogram(prediction->sim, 0, HISTOGRAM_BINS));
    json_set(json, "drivers", predict_drivers(prediction));
    json_set(json, "what_if", what_if_json(prediction));
    json_set(json, "what_would_change", changes_json(extraction));
    json_set_text(json, "valid_until", registry()->valid_until);
    json_set(json, "steps", steps);
    json_set(json, "provenance", provenance_json(prediction));
    json_set_text(json, "seed", prediction->mc->seed);
    json_set(json, "model", json_copy(prediction->model));
    return json;
}
