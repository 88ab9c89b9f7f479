#pragma once
/* The figures of a process in Prometheus' text format (version 0.0.4).
 *
 * A program keeps its figures as plain numbers in one struct and describes each with a row: adding
 * one is a member, a row, and a line where it happens (`figures->n++`). There are no locks: a
 * program of ours has one thread that counts. Names end with their unit and, for a counter, with
 * _total; a label's values are few and known ahead, so that a process never has 200 series; what a
 * client or tenant chose is never one. */

#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct buf;

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_MAX_BYTES (1u << 20)

/* Durations, from a quarter of a millisecond to half a minute. */
#define HISTOGRAM_BOUNDS 13
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* of each bucket alone; the last: over all bounds */
    uint64_t sum_us;
};

void histogram_add(struct histogram *histogram, int64_t us);
void histogram_merge(struct histogram *into, const struct histogram *more);

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_TYPE_COUNT_ };

/* A figure that nobody knows now: the sample is left out. */
#define METRIC_UNKNOWN UINT64_MAX

struct metric_label {
    const char *name;
    const char *const *values;
    size_t n;
};

/* At `offset` lies a struct histogram (no labels, seconds), or a uint64_t for each combination of
 * the labels' values: x[n of the first][n of the second]. */
struct metric_row {
    const char *name, *help;
    enum metric_type type;
    uint64_t per; /* the number is so many to the unit of the name: 1000000 = us for seconds */
    size_t offset;
    const struct metric_label *labels[2]; /* NULL: none */
};

void metrics_write(const struct metric_row *rows, size_t n, const void *figures, struct buf *out);

/* One of several things that have the same figures: a sample of each row for each thing, with the
 * thing's name as a label. Such rows have at most one label more, and are no histograms. */
struct metric_thing {
    struct span name;
    const void *figures;
};
void metrics_write_each(const struct metric_row *rows, size_t n, const char *label,
                        const struct metric_thing *things, size_t n_things, struct buf *out);

/* process_cpu_seconds_total and the others every exporter has, and parley_build_info. */
void metrics_write_process(const char *program, struct buf *out);
