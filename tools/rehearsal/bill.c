/* The bill: one row a call, in the order they began, and per provider how many calls began,
 * finished, are open, and were ever open at once.
 *
 * Invariant: open = rows begun and not ended since the program started, whatever was cleared in
 * between. A row's number only grows; clearing moves `first_row`, so that a call which ends after
 * its row was forgotten changes nothing but the count of open calls. The bill owns its rows. */
#include "bill.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "buf.h"
#include "clock.h"
#include "text.h"

#define MAX_PROVIDERS 8 /* the five of main()'s table, and room */
#define MAX_MODEL_BYTES 128

struct row {
    const char *provider, *format; /* static */
    char model[MAX_MODEL_BYTES];
    char hash[65], trace[64];
    int64_t started_ms, ended_ms; /* wall clock; ended_ms 0 while open */
    int64_t input_tokens, output_tokens;
    enum call_end end;
};

struct count {
    const char *provider; /* static */
    uint64_t begun, finished, open, most_open;
};

struct bill {
    struct row *rows; /* owned */
    size_t n_rows, n_allocated;
    uint64_t first_row; /* number of rows[0] */
    struct count counts[MAX_PROVIDERS];
    size_t n_counts;
};

static const char *const end_names[] = {
    [CALL_OPEN] = "open", [CALL_FINISHED] = "finished", [CALL_CUT] = "cut",
    [CALL_LEFT] = "left", [CALL_ERROR] = "error",
};
_Static_assert(ARRAY_SIZE(end_names) == CALL_END_COUNT_, "every end has a name");

static struct count *count_of(struct bill *bill, const char *provider)
{
    for (size_t i = 0; i < bill->n_counts; i++)
        if (strcmp(bill->counts[i].provider, provider) == 0)
            return &bill->counts[i];
    assert(bill->n_counts < MAX_PROVIDERS);
    bill->counts[bill->n_counts].provider = provider;
    return &bill->counts[bill->n_counts++];
}

static void add_string(struct buf *out, const char *before, const char *text)
{
    buf_add_text(out, before);
    buf_add_char(out, '"');
    text_json_escape(out, span_of(text));
    buf_add_char(out, '"');
}

static void write_row(const struct row *row, struct buf *out)
{
    add_string(out, "{\"provider\":", row->provider);
    add_string(out, ",\"format\":", row->format);
    add_string(out, ",\"model\":", row->model);
    add_string(out, ",\"request_hash\":", row->hash);
    if (row->trace[0])
        add_string(out, ",\"traceparent\":", row->trace);
    buf_addf(out, ",\"input_tokens\":%lld,\"output_tokens\":%lld", (long long)row->input_tokens,
             (long long)row->output_tokens);
    buf_addf(out, ",\"started_ms\":%lld", (long long)row->started_ms);
    if (row->end == CALL_OPEN) {
        buf_add_text(out, ",\"ended_ms\":null,\"end\":null}");
        return;
    }
    buf_addf(out, ",\"ended_ms\":%lld", (long long)row->ended_ms);
    add_string(out, ",\"end\":", end_names[row->end]);
    buf_add_char(out, '}');
}

struct bill *bill_new(void)
{
    return xcalloc(1, sizeof(struct bill));
}

struct bill *bill_free(struct bill *bill)
{
    if (bill)
        free(bill->rows);
    free(bill);
    return NULL;
}

uint64_t bill_begin(struct bill *bill, const struct ask *ask)
{
    struct count *count = count_of(bill, ask->provider);

    if (bill->n_rows == bill->n_allocated) {
        bill->n_allocated = bill->n_allocated ? bill->n_allocated * 2 : 256;
        bill->rows = xrealloc(bill->rows, bill->n_allocated * sizeof(*bill->rows));
    }
    struct row *row = &bill->rows[bill->n_rows];
    *row = (struct row){.provider = ask->provider,
                        .format = ask_format_name(ask->format),
                        .started_ms = clock_wall_ms()};
    (void)snprintf(row->model, sizeof(row->model), "%.*s", (int)ask->model.n,
                   ask->model.at ? ask->model.at : "");
    memcpy(row->hash, ask->hash, sizeof(row->hash));
    memcpy(row->trace, ask->trace, sizeof(row->trace));
    count->begun++;
    count->open++;
    if (count->open > count->most_open)
        count->most_open = count->open;
    return bill->first_row + bill->n_rows++;
}

void bill_tokens(struct bill *bill, uint64_t row, int64_t input, int64_t output)
{
    if (row < bill->first_row)
        return;
    bill->rows[row - bill->first_row].input_tokens = input;
    bill->rows[row - bill->first_row].output_tokens = output;
}

void bill_end(struct bill *bill, uint64_t row, const char *provider, enum call_end end)
{
    struct count *count = count_of(bill, provider);

    assert(count->open > 0);
    count->open--;
    if (row < bill->first_row)
        return;
    if (end == CALL_FINISHED)
        count->finished++;
    bill->rows[row - bill->first_row].end = end;
    bill->rows[row - bill->first_row].ended_ms = clock_wall_ms();
}

void bill_clear(struct bill *bill)
{
    bill->first_row += bill->n_rows;
    bill->n_rows = 0;
    for (size_t i = 0; i < bill->n_counts; i++) {
        bill->counts[i].begun = 0;
        bill->counts[i].finished = 0;
        bill->counts[i].most_open = bill->counts[i].open;
    }
}

void bill_write(const struct bill *bill, struct buf *out)
{
    buf_add_text(out, "{\"providers\":{");
    for (size_t i = 0; i < bill->n_counts; i++) {
        const struct count *count = &bill->counts[i];
        add_string(out, i ? "," : "", count->provider);
        buf_addf(out, ":{\"begun\":%llu,\"finished\":%llu,\"open\":%llu,\"most_open\":%llu}",
                 (unsigned long long)count->begun, (unsigned long long)count->finished,
                 (unsigned long long)count->open, (unsigned long long)count->most_open);
    }
    buf_add_text(out, "},\"bill\":[");
    for (size_t i = 0; i < bill->n_rows; i++) {
        if (i)
            buf_add_char(out, ',');
        write_row(&bill->rows[i], out);
    }
    buf_add_text(out, "]}\n");
}
