/* The extraction as JSON: predict.extract/1 (domain.md D4), what the result shows and the seed
 * depends on. */
#include "buf.h"
#include "ensemble.h"
#include "json.h"
#include "names/company.h"
#include "predict.h"

static const char *const fit_names[] = {"close", "loose", "none"};
_Static_assert(ARRAY_SIZE(fit_names) == FIT_COUNT_, "a name for each fit");

const char *fit_name(enum fit fit)
{
    return fit_names[fit];
}

static void set_unit(struct json *json, const char *words)
{
    const char *end = strchr(words, '|');

    json_set_string(json, "unit",
                    (struct span){words, end ? (size_t)(end - words) : strlen(words)});
}

static struct json *fact_json(const struct fact *fact)
{
    struct json *json = json_object(), *span = json_array();

    json_set_text(json, "id", fact->id);
    if (fact->factor) {
        json_set_number(json, "value", fact->value);
        if (fact->unit)
            set_unit(json, fact->unit);
    } else if (fact->assumed_odds) {
        struct json *odds = json_object();
        json_set_number(odds, "p10", fact->log_odds.p10);
        json_set_number(odds, "p50", fact->log_odds.p50);
        json_set_number(odds, "p90", fact->log_odds.p90);
        json_set(json, "log_odds", odds);
    }
    json_set_string(json, "quote", fact->quote);
    json_set_text(json, "in", fact->in_context ? "context" : "goal");
    json_append(span, json_new_integer((int64_t)fact->from));
    json_append(span, json_new_integer((int64_t)(fact->from + fact->quote.n)));
    json_set(json, "span", span);
    return json;
}

static void set_entity(const struct extraction *extraction, struct json *json)
{
    struct json *entity = json_object();
    struct buf id;

    buf_init(&id, PREDICT_TEXT_MAX_BYTES);
    buf_add_text(&id, "company:");
    if (extraction->company)
        buf_add_text(&id, company_id(extraction->company));
    else
        (void)company_key(extraction->unknown_company, &id);
    json_set_string(entity, "id", buf_span(&id));
    if (extraction->company)
        json_set_text(entity, "surface", company_name(extraction->company));
    else
        json_set_string(entity, "surface", extraction->unknown_company);
    if (extraction->guess)
        json_set_text(entity, "did_you_mean", extraction->guess);
    json_set(json, "entity", entity);
    buf_deinit(&id);
}

static struct json *event_json(const struct extraction *extraction)
{
    struct json *json = json_object(), *horizon = json_object();

    json_set_text(json, "statement", extraction->event->statement);
    json_set_text(json, "type", extraction->event->type);
    json_set_bool(json, "negated", extraction->negated);
    if (extraction->company || extraction->unknown_company.n > 0)
        set_entity(extraction, json);
    json_set_number(horizon, "value", extraction->horizon_days);
    json_set_text(horizon, "unit", "day");
    json_set_text(horizon, "source", extraction->horizon_quote.n > 0 ? "text" : "default");
    if (extraction->horizon_quote.n > 0)
        json_set_string(horizon, "quote", extraction->horizon_quote);
    json_set(json, "horizon", horizon);
    return json;
}

static bool has_fact(const struct extraction *extraction, const struct factor_row *factor)
{
    for (size_t i = 0; i < extraction->n_facts; i++)
        if (extraction->facts[i].factor == factor)
            return true;
    return false;
}

static struct json *missing_json(const struct extraction *extraction)
{
    const struct registry *all = registry();
    struct json *array = json_array();

    for (size_t i = 0; i < all->n_factors; i++)
        if (!all->factors[i].optional && factor_applies(&all->factors[i], extraction->event) &&
            !has_fact(extraction, &all->factors[i]))
            json_append(array, json_new_string(span_of(all->factors[i].id)));
    return array;
}

static struct json *dropped_json(const struct extraction *extraction)
{
    struct json *array = json_array();

    for (size_t i = 0; i < extraction->n_dropped; i++) {
        struct json *row = json_object();
        json_set_string(row, "id", extraction->dropped[i].id);
        json_set_string(row, "quote", extraction->dropped[i].quote);
        json_set_text(row, "why", extraction->dropped[i].why);
        json_append(array, row);
    }
    return array;
}

static struct json *pool_json(const struct pool *pool)
{
    struct json *json = json_object(), *personas = json_array();

    json_set_integer(json, "asked", pool->n_asked);
    json_set_integer(json, "answered", pool->n_answered);
    json_set_number(json, "pooled", pool->pooled);
    json_set_number(json, "shift", pool->shift);
    json_set_number(json, "spread", pool->spread);
    for (unsigned i = 0; i < pool->n_asked; i++) {
        struct json *row = json_object();
        json_set_text(row, "persona", ensemble_persona(i));
        if (pool->of[i].itself > 0)
            json_set_number(row, "itself", pool->of[i].itself);
        if (pool->of[i].opposite > 0)
            json_set_number(row, "opposite", pool->of[i].opposite);
        json_append(personas, row);
    }
    json_set(json, "personas", personas);
    return json;
}

struct json *predict_extraction_json(const struct extraction *extraction)
{
    struct json *json = json_object(), *facts = json_array(), *class = json_object();
    struct json *unread = json_array();

    json_set_text(json, "schema", "predict.extract/1");
    json_set(json, "event", event_json(extraction));
    for (size_t i = 0; i < extraction->n_facts; i++)
        json_append(facts, fact_json(&extraction->facts[i]));
    json_set(json, "facts", facts);
    json_set_text(class, "id", extraction->event->id);
    json_set_text(class, "fit", fit_name(extraction->fit));
    json_set(json, "reference_class", class);
    if (extraction->attempts_p90 > 0) {
        struct json *attempts = json_object();
        json_set_number(attempts, "p10", extraction->attempts_p10);
        json_set_number(attempts, "p90", extraction->attempts_p90);
        json_set(json, "attempts", attempts);
    }
    json_set(json, "missing", missing_json(extraction));
    for (size_t i = 0; i < extraction->n_unread; i++)
        json_append(unread, json_new_string(extraction->unread[i]));
    json_set(json, "unread", unread);
    if (extraction->n_dropped > 0)
        json_set(json, "dropped", dropped_json(extraction));
    if (extraction->pool.n_asked > 0)
        json_set(json, "ensemble", pool_json(&extraction->pool));
    json_set_bool(json, "answerable", extraction->fit != FIT_NONE);
    return json;
}
