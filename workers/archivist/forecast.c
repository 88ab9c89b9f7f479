/* A prediction as a row: what was said, by whom, and until when it can be held against it. */
#include <stdlib.h>

#include "buf.h"
#include "id.h"
#include "json.h"
#include "number.h"
#include "pg.h"
#include "record.h"
#include "sha256.h"

#define MAX_TEXT_BYTES (1u << 20)

static const char write_prediction[] =
    "INSERT INTO predictions (id, job, norm_hash, event_type, class, horizon_days, horizon_at, p, "
    "q, base_rate, grade, degraded, extractor, registry, engine, backtest, created_at) "
    "SELECT $2::uuid, id, decode($3, 'hex'), $4, $5, $6::float8, "
    "created_at + make_interval(secs => 86400 * $6::float8), $7::float8, $8::jsonb, $9::float8, "
    "$10, $11::boolean, $12, $13, $14, $15::boolean, created_at "
    "FROM jobs WHERE id = $1 AND archived_at = now() "
    "ON CONFLICT (id) DO NOTHING";

/* Of what makes two questions one: their texts as the worker normalised them. */
static void hash_question(const struct json *result, char out[SHA256_TEXT_BYTES])
{
    struct buf text;

    buf_init(&text, MAX_TEXT_BYTES);
    buf_add_span(&text, json_get_string(result, "goal", ""));
    buf_add_char(&text, '\x1f');
    buf_add_span(&text, json_get_string(result, "context", ""));
    sha256_text(buf_span(&text), out);
    buf_deinit(&text);
}

static struct span truth(bool value)
{
    return value ? SPAN("true") : SPAN("false");
}

static void write(const struct record *record, const struct json *result,
                  const struct json *request, struct pg_batch *batch)
{
    const struct json *provenance = json_get(result, "provenance");
    const struct json *base = json_get(provenance, "base_rate");
    const struct json *event = json_get(json_get(result, "extraction"), "event");
    double rate = json_get_number(base, "p50", 0);
    char uuid[ID_UUID_BYTES], hash[SHA256_TEXT_BYTES];
    char days[NUMBER_BYTES], p[NUMBER_BYTES], base_rate[NUMBER_BYTES];
    CLEANUP(charp_freep) char *intervals = json_text(json_get(result, "intervals"));

    if (json_get_bool(event, "negated", false))
        rate = 1 - rate;
    id_uuid(record->fields[RECORD_JOB], uuid);
    hash_question(result, hash);
    (void)number_text(json_get_number(json_get(event, "horizon"), "value", 0), days);
    (void)number_text(json_get_number(result, "probability", 0), p);
    (void)number_text(rate, base_rate);
    const struct span values[] = {
        record_get(record, RECORD_JOB),
        span_of(uuid),
        span_of(hash),
        json_get_string(event, "type", ""),
        json_get_string(base, "class", ""),
        span_of(days),
        span_of(p),
        span_of(intervals),
        span_of(base_rate),
        json_get_string(result, "grade", ""),
        truth(json_get_bool(result, "degraded", false)),
        json_get_string(provenance, "extractor", ""),
        json_get_string(provenance, "registry", ""),
        json_get_string(provenance, "engine", ""),
        truth(json_get_bool(request, "backtest", false)),
    };
    pg_batch_add(batch, write_prediction, ARRAY_SIZE(values), values);
}

void forecast_write(const struct record *record, struct pg_batch *batch)
{
    struct span result_text = record_get(record, RECORD_RESULT);
    struct span request_text = record_get(record, RECORD_REQUEST);
    CLEANUP(json_freep) struct json *result = NULL, *request = NULL;

    if (!span_equal(record_get(record, RECORD_KIND), SPAN("predict")) ||
        !span_equal(record_get(record, RECORD_STATE), SPAN("succeeded")) || result_text.n == 0 ||
        !id_valid(record_get(record, RECORD_JOB)))
        return;
    if (json_parse(result_text, NULL, &result, NULL) < 0 ||
        !json_is(json_get(result, "probability"), JSON_NUMBER))
        return;
    if (request_text.n > 0 && json_parse(request_text, NULL, &request, NULL) < 0)
        return;
    write(record, result, request, batch);
}
