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

struct pair {
    const char *label;
    struct span value;
};

static void write_head(const struct metric_row *row, struct buf *out)
{
    buf_addf(out, "# HELP %s ", row->name);
    add_escaped(span_of(row->help), false, out);
    buf_addf(out, "\n# TYPE %s %s\n", row->name, type_names[row->type]);
}

static void write_sample(const struct metric_row *row, const struct pair *pairs, size_t n_pairs,
                         uint64_t value, struct buf *out)
{
    if (value == METRIC_UNKNOWN)
        return;
    buf_add_text(out, row->name);
    for (size_t i = 0; i < n_pairs; i++) {
        buf_addf(out, "%c%s=\"", i == 0 ? '{' : ',', pairs[i].label);
        add_escaped(pairs[i].value, true, out);
        buf_add_char(out, '"');
    }
    if (n_pairs > 0)
        buf_add_char(out, '}');
    buf_add_char(out, ' ');
    add_number(value, row->per, out);
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

/* The samples of one thing; pairs: its name, or nothing. */
static void write_samples(const struct metric_row *row, const struct pair *thing, size_t n_thing,
                          const void *figures, struct buf *out)
{
    const struct metric_label *first = row->labels[0], *second = row->labels[1];
    const uint64_t *values = (const void *)((const char *)figures + row->offset);
    size_t n_second = second ? second->n : 1, n = (first ? first->n : 1) * n_second;

    for (size_t i = 0; i < n; i++) {
        struct pair pairs[3];
        size_t n_pairs = n_thing;

        if (n_thing > 0)
            pairs[0] = *thing;
        if (first)
            pairs[n_pairs++] = (struct pair){first->name, span_of(first->values[i / n_second])};
        if (second)
            pairs[n_pairs++] = (struct pair){second->name, span_of(second->values[i % n_second])};
        write_sample(row, pairs, n_pairs, values[i], out);
    }
}

void metrics_write(const struct metric_row *rows, size_t n, const void *figures, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        write_head(&rows[i], out);
        if (rows[i].type == METRIC_HISTOGRAM)
            write_histogram(rows[i].name, (const void *)((const char *)figures + rows[i].offset),
                            out);
        else
            write_samples(&rows[i], NULL, 0, figures, out);
    }
}

void metrics_write_each(const struct metric_row *rows, size_t n, const char *label,
                        const struct metric_thing *things, size_t n_things, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        assert(rows[i].type != METRIC_HISTOGRAM);
        if (n_things > 0)
            write_head(&rows[i], out);
        for (size_t j = 0; j < n_things; j++)
            write_samples(&rows[i], &(struct pair){label, things[j].name}, 1, things[j].figures,
                          out);
    }
}
