/* Figures as text: rows, labels, histograms.
 *
 * Nothing is kept between two pages but the caller's numbers. Numbers are written by whole-number
 * arithmetic, so no locale and no rounding gets between. */
#include "metrics.h"

#include <assert.h>
#include <stdbool.h>

#include "buf.h"

static const int64_t bounds_us[HISTOGRAM_BOUNDS] = {
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000, 30000000};

static const char *const type_names[] = {"counter", "gauge", "histogram"};
_Static_assert(ARRAY_SIZE(type_names) == METRIC_TYPE_COUNT_, "a type has no name");

#define US_PER_S UINT64_C(1000000)

void histogram_add(struct histogram *histogram, int64_t us)
{
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < HISTOGRAM_BOUNDS && us > bounds_us[i])
        i++;
    histogram->counts[i]++;
    histogram->sum_us += (uint64_t)us;
}

void histogram_merge(struct histogram *into, const struct histogram *more)
{
    for (size_t i = 0; i < ARRAY_SIZE(into->counts); i++)
        into->counts[i] += more->counts[i];
    into->sum_us += more->sum_us;
}

/* 1234567 per 1000000 = "1.234567", without zeros at the end. */
static void add_number(uint64_t value, uint64_t per, struct buf *out)
{
    uint64_t rest = value % per;

    buf_add_u64(out, value / per);
    if (rest == 0)
        return;
    buf_add_char(out, '.');
    while (rest > 0) {
        per /= 10;
        buf_add_char(out, (char)('0' + rest / per));
        rest %= per;
    }
}

/* Of help texts; a label's value escapes its quotes too. */
static void add_escaped(struct span text, bool quoted, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];

        if (c == '\n')
            buf_add_span(out, SPAN("\\n"));
        else if (c == '\\' || (c == '"' && quoted))
            buf_addf(out, "\\%c", c);
        else
            buf_add_char(out, c);
    }
}

void metrics_head(const char *name, const char *help, enum metric_type type, struct buf *out)
{
    buf_addf(out, "# HELP %s ", name);
    add_escaped(span_of(help), false, out);
    buf_addf(out, "\n# TYPE %s %s\n", name, type_names[type]);
}

void metrics_sample(const char *name, const struct metric_pair *pairs, size_t n_pairs,
                    uint64_t value, uint64_t per, struct buf *out)
{
    if (value == METRIC_UNKNOWN)
        return;
    buf_add_text(out, name);
    for (size_t i = 0; i < n_pairs; i++) {
        buf_addf(out, "%c%s=\"", i == 0 ? '{' : ',', pairs[i].label);
        add_escaped(pairs[i].value, true, out);
        buf_add_char(out, '"');
    }
    if (n_pairs > 0)
        buf_add_char(out, '}');
    buf_add_char(out, ' ');
    add_number(value, per, out);
    buf_add_char(out, '\n');
}

static void write_histogram(const char *name, const struct histogram *histogram, struct buf *out)
{
    uint64_t n = 0;

    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        n += histogram->counts[i];
        buf_addf(out, "%s_bucket{le=\"", name);
        add_number((uint64_t)bounds_us[i], US_PER_S, out);
        buf_addf(out, "\"} %llu\n", (unsigned long long)n);
    }
    n += histogram->counts[HISTOGRAM_BOUNDS];
    buf_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", name, (unsigned long long)n, name);
    add_number(histogram->sum_us, US_PER_S, out);
    buf_addf(out, "\n%s_count %llu\n", name, (unsigned long long)n);
}

static void write_row(const struct metric_row *row, const void *figures, struct buf *out)
{
    const void *at = (const char *)figures + row->offset;
    const struct metric_label *first = row->labels[0], *second = row->labels[1];
    const uint64_t *values = at;
    size_t n_second = second ? second->n : 1, n = (first ? first->n : 1) * n_second;

    metrics_head(row->name, row->help, row->type, out);
    if (row->type == METRIC_HISTOGRAM) {
        assert(!first);
        write_histogram(row->name, at, out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct metric_pair pairs[2];

        if (first)
            pairs[0] = (struct metric_pair){first->name, span_of(first->values[i / n_second])};
        if (second)
            pairs[1] = (struct metric_pair){second->name, span_of(second->values[i % n_second])};
        metrics_sample(row->name, pairs, second ? 2 : first ? 1 : 0, values[i], row->per, out);
    }
}

void metrics_write(const struct metric_row *rows, size_t n, const void *figures, struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        write_row(&rows[i], figures, out);
}
