/* A simulation as bytes: what a part found on its way to the whole, and a checkpoint.
 *
 * Numbers are written as they stand in memory (every machine we run on is little-endian), counts of
 * bins as varints, and the SHA-256 of it all at the end. Nothing is believed that was not checked:
 * bytes come from Redis, where anybody may have written. Draws of the beginning are not written:
 * whoever goes on makes them again. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "bins.h"
#include "buf.h"
#include "error.h"
#include "fault.h"
#include "sha256.h"
#include "sim_private.h"

#define MAGIC 0x31706d6973796c70u /* "plysimp1" */

struct header {
    uint64_t magic;
    unsigned char model[DIGEST_BYTES];
    uint64_t first, done, n_dropped, first_dropped;
    uint64_t n_rows, n_looks, n_good_looks;
    uint64_t exact, is_part, rules_hold;
};

/* ---- writing ---- */

static void add(struct buf *out, const void *data, size_t n)
{
    buf_add_span(out, (struct span){data, n});
}

static void add_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_add_char(out, (char)(value | 0x80));
    buf_add_char(out, (char)value);
}

struct bin_writer {
    struct buf *out;
    uint32_t next;
};

static void add_bin(uint32_t index, uint64_t count, void *arg)
{
    struct bin_writer *writer = arg;

    add_varint(writer->out, count);
    add_varint(writer->out, index - writer->next);
    writer->next = index + 1;
}

static void add_values(const struct sim *sim, size_t output, struct buf *out)
{
    struct bin_writer writer = {.out = out};
    double middle;

    if (sim->exact) {
        add(out, sim->samples[output].values, (size_t)sim_n(sim) * sizeof(double));
        return;
    }
    middle = bins_middle(sim->bins[output]);
    add(out, &middle, sizeof(middle));
    bins_each(sim->bins[output], add_bin, &writer);
    add_varint(out, 0); /* no bin is empty */
}

void sim_write(const struct sim *sim, struct buf *out)
{
    size_t n_outputs = mc_n_outputs(sim->mc), from = out->n;
    struct header header = {
        .magic = MAGIC,
        .first = sim->first,
        .done = sim->done,
        .n_dropped = sim->n_dropped,
        .first_dropped = sim->first_dropped,
        .n_rows = sim->is_part ? sim->n_rows : 1,
        .n_looks = sim->n_looks,
        .n_good_looks = sim->n_good_looks,
        .exact = sim->exact,
        .is_part = sim->is_part,
        .rules_hold = sim->rules_hold,
    };
    unsigned char sum[SHA256_BYTES];

    memcpy(header.model, sim->mc->model_digest, DIGEST_BYTES);
    add(out, &header, sizeof(header));
    add(out, sim->is_part ? sim->rows : sim->total,
        header.n_rows * n_outputs * sizeof(struct moments));
    add(out, sim->segment, n_outputs * sizeof(struct moments));
    add(out, sim->hits, sim->mc->n_asks * REPLICATES * sizeof(uint64_t));
    add(out, sim->looks, sim->n_looks * n_outputs * sizeof(struct look));
    for (size_t i = 0; i < n_outputs && (sim->exact || sim->bins[0]); i++)
        add_values(sim, i, out);
    if (!buf_ok(out))
        return;
    sha256((struct span){out->at + from, out->n - from}, sum);
    add(out, sum, sizeof(sum));
}

/* ---- reading ---- */

struct reader {
    struct span rest;
    bool bad;
};

static bool take(struct reader *reader, void *out, size_t n)
{
    if (reader->bad || reader->rest.n < n) {
        reader->bad = true;
        return false;
    }
    if (n > 0)
        memcpy(out, reader->rest.at, n);
    reader->rest = (struct span){reader->rest.at + n, reader->rest.n - n};
    return true;
}

static uint64_t take_varint(struct reader *reader)
{
    uint64_t value = 0;
    unsigned char byte = 0x80;

    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        if (shift > 63 || !take(reader, &byte, 1)) {
            reader->bad = true;
            return 0;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
    }
    return value;
}

/* Whether the bytes are whole, of this model, and what comes next here. */
static int check_header(const struct sim *sim, struct span bytes, const struct header *header,
                        struct error *error)
{
    const char *wrong = NULL;
    unsigned char sum[SHA256_BYTES];
    bool restores = sim->done == 0 && !header->is_part;

    if (bytes.n < sizeof(*header) + SHA256_BYTES || header->magic != MAGIC)
        wrong = "they are none";
    else {
        sha256((struct span){bytes.at, bytes.n - SHA256_BYTES}, sum);
        if (memcmp(sum, bytes.at + bytes.n - SHA256_BYTES, SHA256_BYTES) != 0)
            wrong = "they were changed";
    }
    if (!wrong && memcmp(header->model, sim->mc->model_digest, DIGEST_BYTES) != 0)
        wrong = "they are of another model";
    if (!wrong && (sim->is_part || header->first != sim->done || header->done < header->first ||
                   header->done > sim->trials || header->n_dropped > header->done - header->first ||
                   (sim->done > 0 && !header->is_part) || header->exact != sim->exact ||
                   header->n_rows > bytes.n || header->n_looks > bytes.n))
        wrong = "they are not the next";
    for (uint64_t look = FIRST_LOOK; !wrong && !restores && look < header->done; look *= 2)
        if (look > header->first)
            wrong = "they go across a look";
    return wrong ? error_set(error, ERROR_INVALID, -EINVAL,
                             "the bytes of a part cannot be merged: %s", wrong)
                 : 0;
}

/* What was read, before any of it counts. */
struct news {
    struct header header;
    struct moments *rows, *segment;
    uint64_t *hits;
    struct look *looks;
    struct bins **bins; /* by output */
    const char **values;
};

static void news_deinit(struct news *news, size_t n_outputs)
{
    for (size_t i = 0; i < n_outputs && news->bins; i++)
        news->bins[i] = bins_free(news->bins[i]);
    free(news->bins);
    free(news->rows);
    free(news->segment);
    free(news->hits);
    free(news->looks);
    free(news->values);
}

static void read_bins(struct reader *reader, struct bins **ret_bins)
{
    uint64_t next = 0, count;
    double middle = 0;

    if (!take(reader, &middle, sizeof(middle)))
        return;
    *ret_bins = bins_new(middle);
    while ((count = take_varint(reader)) > 0) {
        uint64_t index = next + take_varint(reader);

        if (reader->bad || index < next || index >= BINS_COUNT) {
            reader->bad = true;
            return;
        }
        bins_put(*ret_bins, (uint32_t)index, count);
        next = index + 1;
    }
}

static void *take_array(struct reader *reader, size_t n, size_t size)
{
    void *array = NULL;

    if (n > reader->rest.n / size)
        reader->bad = true;
    if (reader->bad)
        return NULL;
    array = xcalloc(n + 1, size);
    (void)take(reader, array, n * size);
    return array;
}

static bool are_finite(const char *values, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        double value;

        memcpy(&value, values + i * sizeof(value), sizeof(value));
        if (!isfinite(value))
            return false;
    }
    return true;
}

/* Every output's values are finite numbers, and as many as its moments count. */
static bool is_consistent(const struct sim *sim, const struct news *news, uint64_t n)
{
    size_t n_outputs = mc_n_outputs(sim->mc);

    for (size_t i = 0; i < n_outputs; i++) {
        struct moments all = news->segment[i];

        for (size_t row = 0; row < news->header.n_rows; row++) {
            const struct moments *moments = &news->rows[row * n_outputs + i];

            if (moments->n > n)
                return false;
            all = moments_merge(all, *moments);
        }
        if (all.n != n || !isfinite(all.mean) || !isfinite(all.m2) || !isfinite(all.min) ||
            !isfinite(all.max))
            return false;
        if (news->values[i] &&
            (sim->exact ? !are_finite(news->values[i], n) : bins_n(news->bins[i]) != n))
            return false;
    }
    for (size_t i = 0; i < sim->mc->n_asks * REPLICATES; i++)
        if (news->hits[i] > n)
            return false;
    return true;
}

static bool read_news(const struct sim *sim, struct reader *reader, struct news *news)
{
    size_t n_outputs = mc_n_outputs(sim->mc);
    uint64_t n = news->header.done - news->header.first - news->header.n_dropped;

    news->rows = take_array(reader, news->header.n_rows * n_outputs, sizeof(struct moments));
    news->segment = take_array(reader, n_outputs, sizeof(struct moments));
    news->hits = take_array(reader, sim->mc->n_asks * REPLICATES, sizeof(uint64_t));
    news->looks = take_array(reader, news->header.n_looks * n_outputs, sizeof(struct look));
    news->bins = xcalloc(n_outputs, sizeof(struct bins *));
    news->values = xcalloc(n_outputs, sizeof(char *));
    for (size_t i = 0; i < n_outputs && news->header.done > news->header.first; i++) {
        news->values[i] = reader->rest.at;
        if (!sim->exact)
            read_bins(reader, &news->bins[i]);
        else if (reader->rest.n / sizeof(double) < n)
            reader->bad = true;
        else
            reader->rest = (struct span){reader->rest.at + n * sizeof(double),
                                         reader->rest.n - (size_t)n * sizeof(double)};
        if (!reader->bad && !sim->exact && sim->bins[i] &&
            bins_middle(sim->bins[i]) != bins_middle(news->bins[i]))
            reader->bad = true;
    }
    return !reader->bad && reader->rest.n == 0 && is_consistent(sim, news, n);
}

static void merge_values(struct sim *sim, const struct news *news, size_t output)
{
    size_t n = (size_t)(news->header.done - news->header.first - news->header.n_dropped);
    struct samples *samples = &sim->samples[output];

    if (!sim->exact) {
        if (!sim->bins[output])
            sim->bins[output] = bins_new(bins_middle(news->bins[output]));
        bins_merge(sim->bins[output], news->bins[output]);
        return;
    }
    memcpy(samples->values + samples->n, news->values[output], n * sizeof(double));
    samples->n += n;
}

/* The draws of the beginning, made again for who goes on from a checkpoint. */
static void remake_pilot(struct sim *sim)
{
    CLEANUP(sim_freep) struct sim *pilot = NULL;
    uint64_t n = sim->done < PILOT_TRIALS ? sim->done : PILOT_TRIALS;
    struct faults faults = {0};

    pilot = sim_new(sim->mc);
    struct sim_how how = {.until = n};
    (void)sim_run(pilot, &how, &faults);
    faults_deinit(&faults);
    sim->n_pilot = pilot->n_pilot;
    for (size_t i = 0; i < sim->mc->n_variables; i++)
        SWAP(sim->pilot_inputs[i], pilot->pilot_inputs[i]);
    for (size_t i = 0; i < mc_n_outputs(sim->mc); i++)
        SWAP(sim->pilot_outputs[i], pilot->pilot_outputs[i]);
}

static void merge_news(struct sim *sim, struct news *news)
{
    const struct header *header = &news->header;
    size_t n_outputs = mc_n_outputs(sim->mc);

    if (header->n_dropped > 0 && sim->n_dropped == 0)
        sim->first_dropped = header->first_dropped;
    sim->n_dropped += header->n_dropped;
    for (size_t row = 0; row < header->n_rows; row++)
        for (size_t i = 0; i < n_outputs; i++)
            sim->total[i] = moments_merge(sim->total[i], news->rows[row * n_outputs + i]);
    for (size_t i = 0; i < n_outputs && header->done > header->first; i++) {
        sim->segment[i] = news->segment[i];
        merge_values(sim, news, i);
    }
    for (size_t i = 0; i < sim->mc->n_asks * REPLICATES; i++)
        sim->hits[i] += news->hits[i];
    __atomic_store_n(&sim->done, header->done, __ATOMIC_RELAXED);
    if (header->is_part)
        return;
    SWAP(sim->looks, news->looks);
    sim->n_looks = header->n_looks;
    sim->n_good_looks = (unsigned)header->n_good_looks;
    sim->rules_hold = header->rules_hold != 0;
    remake_pilot(sim);
}

int sim_merge(struct sim *sim, struct span bytes, struct error *error)
{
    struct reader reader = {
        .rest = {bytes.at, bytes.n > SHA256_BYTES ? bytes.n - SHA256_BYTES : 0}
    };
    struct news news = {0};
    int r;

    (void)take(&reader, &news.header, sizeof(news.header));
    r = check_header(sim, bytes, &news.header, error);
    if (r != 0)
        return r;
    if (!read_news(sim, &reader, &news))
        r = error_set(error, ERROR_INVALID, -EINVAL,
                      "the bytes of a part cannot be merged: they contradict themselves");
    else
        merge_news(sim, &news);
    news_deinit(&news, mc_n_outputs(sim->mc));
    if (r == 0 && news.header.is_part && (sim_is_look(sim->done) || sim->done == sim->trials))
        sim_take_look(sim);
    return r;
}
