/* What a job's models cost: the sums of its remembered answers, by provider and model.
 *
 * The job's own usage is the truth; answers only tell whose it was. What they do not account for
 * (they are gone after a day, a checkpoint replaced them, there are too many models) is one row
 * without a name, so that rows and usage always agree. */
#include "bill.h"

#include <math.h>
#include <stdlib.h>

#include "json.h"
#include "money.h"
#include "pg.h"
#include "record.h"

static const char delete_rows[] =
    "DELETE FROM bills USING jobs "
    "WHERE bills.job = jobs.id AND jobs.id = $1 AND jobs.archived_at = now()";

static const char write_row[] =
    "INSERT INTO bills (job, tenant, kind, ended_at, provider, model, calls, input_tokens, "
    "output_tokens, cost_usd, uncertain_calls, uncertain_usd) "
    "SELECT id, tenant, kind, ended_at, $2, $3, $4::bigint, $5::bigint, $6::bigint, $7::numeric, "
    "$8::bigint, $9::numeric FROM jobs WHERE id = $1 AND archived_at = now()";

void bill_deinit(struct bill *bill)
{
    for (size_t i = 0; i < bill->n; i++) {
        free(bill->rows[i].provider);
        free(bill->rows[i].model);
    }
    *bill = (struct bill){0};
}

/* The row of the model, NULL when there is no room for one more. */
static struct bill_row *find_row(struct bill *bill, struct span provider, struct span model)
{
    for (size_t i = 0; i < bill->n; i++)
        if (span_equal(span_of(bill->rows[i].provider), provider) &&
            span_equal(span_of(bill->rows[i].model), model))
            return &bill->rows[i];
    if (bill->n == BILL_MAX_ROWS - 1) /* one is for the rest */
        return NULL;
    struct bill_row *row = &bill->rows[bill->n++];
    *row = (struct bill_row){.provider = xspandup(provider), .model = xspandup(model)};
    return row;
}

void bill_add(struct bill *bill, struct span answer)
{
    CLEANUP(json_freep) struct json *json = NULL;

    if (json_parse(answer, NULL, &json, NULL) < 0)
        return;
    const struct json *usage = json_get(json, "usage");
    struct span provider = json_get_string(json, "provider", "");
    if (provider.n == 0 || json_get_integer(json, "tries", 0) == 0 ||
        json_get_bool(json, "cached", false))
        return;
    struct bill_row *row = find_row(bill, provider, json_get_string(json, "model", ""));
    if (!row)
        return;
    row->calls++;
    row->input_tokens += json_get_integer(usage, "input_tokens", 0);
    row->output_tokens += json_get_integer(usage, "output_tokens", 0);
    row->micro_usd += money_of_usd(json_get_number(usage, "cost_usd", 0));
}

/* The usage's sum, which was whole micro-dollars before it was written as dollars. */
static int64_t micro_of(const struct json *usage)
{
    double usd = json_get_number(usage, "cost_usd", 0);

    return usd > 0 && usd * MONEY_USD < (double)MONEY_MAX ? llround(usd * MONEY_USD) : 0;
}

static int64_t above(int64_t whole, int64_t part)
{
    return whole > part ? whole - part : 0;
}

void bill_close(struct bill *bill, struct span usage)
{
    CLEANUP(json_freep) struct json *json = NULL;
    struct bill_row rest = {0};

    if (usage.n == 0 || json_parse(usage, NULL, &json, NULL) < 0)
        return;
    rest.calls = json_get_integer(json, "calls", 0);
    rest.input_tokens = json_get_integer(json, "input_tokens", 0);
    rest.output_tokens = json_get_integer(json, "output_tokens", 0);
    rest.micro_usd = micro_of(json);
    for (size_t i = 0; i < bill->n; i++) {
        rest.calls = above(rest.calls, bill->rows[i].calls);
        rest.input_tokens = above(rest.input_tokens, bill->rows[i].input_tokens);
        rest.output_tokens = above(rest.output_tokens, bill->rows[i].output_tokens);
        rest.micro_usd = above(rest.micro_usd, bill->rows[i].micro_usd);
    }
    const struct json *uncertain = json_get(json, "uncertain");
    bill->uncertain_calls = json_get_integer(uncertain, "calls", 0);
    bill->uncertain_micro_usd = micro_of(uncertain);
    if (rest.calls == 0 && rest.input_tokens == 0 && rest.output_tokens == 0 &&
        rest.micro_usd == 0 && bill->uncertain_calls == 0)
        return;
    rest.provider = xstrdup("");
    rest.model = xstrdup("");
    bill->rows[bill->n++] = rest;
}

void bill_write(const struct bill *bill, const struct record *record, struct pg_batch *batch)
{
    const struct span job = record_get(record, RECORD_JOB);

    pg_batch_add(batch, delete_rows, 1, &job);
    for (size_t i = 0; i < bill->n; i++) {
        const struct bill_row *row = &bill->rows[i];
        bool rest = *row->provider == '\0';
        char cost[MONEY_TEXT_BYTES], doubt[MONEY_TEXT_BYTES];
        CLEANUP(charp_freep) char *calls = xprintf("%lld", (long long)row->calls);
        CLEANUP(charp_freep) char *input = xprintf("%lld", (long long)row->input_tokens);
        CLEANUP(charp_freep) char *output = xprintf("%lld", (long long)row->output_tokens);
        CLEANUP(charp_freep)
        char *doubts = xprintf("%lld", (long long)(rest ? bill->uncertain_calls : 0));

        money_text(row->micro_usd, cost);
        money_text(rest ? bill->uncertain_micro_usd : 0, doubt);
        const struct span values[] = {
            job,
            span_of(row->provider),
            span_of(row->model),
            span_of(calls),
            span_of(input),
            span_of(output),
            span_of(cost),
            span_of(doubts),
            span_of(doubt),
        };
        pg_batch_add(batch, write_row, ARRAY_SIZE(values), values);
    }
}
