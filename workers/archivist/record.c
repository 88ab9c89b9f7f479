/* A finished job as rows.
 *
 * A job ends more than once only when its dead letter was tried again: then a later entry of the
 * stream replaces the earlier one's row. Bill and prediction are written only where this very
 * transaction wrote the job's row (archived_at is the transaction's time): so an entry that comes
 * twice changes nothing, also when Redis has forgotten half of the record meanwhile. */
#include "record.h"

#include <stdlib.h>

#include "bill.h"
#include "pg.h"
#include "text.h"

static const char write_job[] =
    "INSERT INTO jobs (id, kind, tenant, state, cost_usd, attempts, created_at, started_at, "
    "ended_at, usage, request, result, error, entry, whole) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
    "ON CONFLICT (id) DO UPDATE SET state = excluded.state, cost_usd = excluded.cost_usd, "
    "attempts = excluded.attempts, started_at = excluded.started_at, "
    "ended_at = excluded.ended_at, usage = excluded.usage, result = excluded.result, "
    "error = excluded.error, entry = excluded.entry, whole = excluded.whole, "
    "archived_at = excluded.archived_at "
    "WHERE string_to_array(jobs.entry, '-')::bigint[] < "
    "string_to_array(excluded.entry, '-')::bigint[]";

static const char write_refused[] =
    "INSERT INTO refused (entry, job, state, reason) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (entry) DO NOTHING";

void record_deinit(struct record *record)
{
    for (size_t i = 0; i < RECORD_FIELD_COUNT_; i++)
        free(record->fields[i]);
    free(record->entry);
    *record = (struct record){0};
}

void record_set(struct record *record, enum record_field field, struct span text)
{
    free(record->fields[field]);
    record->fields[field] = text.n > 0 ? xspandup(text) : NULL;
}

struct span record_get(const struct record *record, enum record_field field)
{
    return span_of(record->fields[field]);
}

void record_write(const struct record *record, const struct bill *bill, struct pg_batch *batch)
{
    struct span values[RECORD_FIELD_COUNT_ + 2];
    bool whole = record->fields[RECORD_CREATED] != NULL;

    for (size_t i = 0; i < RECORD_FIELD_COUNT_; i++)
        values[i] = record_get(record, (enum record_field)i);
    values[RECORD_FIELD_COUNT_] = span_of(record->entry);
    values[RECORD_FIELD_COUNT_ + 1] = whole ? SPAN("true") : SPAN("false");
    pg_batch_add(batch, write_job, ARRAY_SIZE(values), values);
    bill_write(bill, record, batch);
    forecast_write(record, batch);
}

void record_refuse(const struct record *record, const char *state, const char *reason,
                   struct pg_batch *batch)
{
    struct span job = record_get(record, RECORD_JOB);
    const struct span values[] = {
        span_of(record->entry),
        job.at && text_is_utf8(job) ? job : SPAN("?"),
        span_of(state),
        span_of(reason),
    };

    pg_batch_add(batch, write_refused, ARRAY_SIZE(values), values);
}
