/* Ranks passages by BM25 (Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75) over the words of the
 * question.
 *
 * Chosen once a debate and the same for all, so that personas argue about the same evidence. One
 * pass over the passages, whatever the number of words. No library function decides the order: the
 * logarithm is a fixed-point one of our own and the rest is + - * /. Passages are borrowed from the
 * request. */
#include "corpus.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "line.h"
#include "text.h"

#define MAX_WORDS 64       /* different ones of the question; the rest does not count */
#define LEAST_WORD_BYTES 3 /* shorter words are mostly grammar */
#define MAX_PASSAGE_BYTES 2000
#define RRF 60
#define UNKNOWN (-2.0)     /* below every cosine */
#define BATCH_PASSAGES 250 /* whose vectors, however long, are one answer of at most 8 MiB */
#define BATCH_BYTES ((size_t)400 << 10) /* of 300,000 tokens */
#define MAX_EMBEDDED_BYTES 16000        /* of 8,192 tokens */
#define K1 1.2
#define B 0.75

struct ranked {
    struct span text;
    double score, near, by_words;
    size_t n_words, i;
    uint16_t counts[MAX_WORDS]; /* of the question's words */
};

struct query {
    struct span words[MAX_WORDS];
    size_t n;
};

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

/* Without a plural's s, so that "markets" finds "market". */
static bool next_word(struct span *rest, struct span *ret_word)
{
    while (rest->n > 0) {
        size_t n = 0;
        while (n < rest->n && is_word_byte(rest->at[n]))
            n++;
        *ret_word = (struct span){rest->at, n};
        size_t step = n ? n : 1;
        *rest = (struct span){rest->at + step, rest->n - step};
        if (n > LEAST_WORD_BYTES && (ret_word->at[n - 1] == 's' || ret_word->at[n - 1] == 'S'))
            ret_word->n--;
        if (n >= LEAST_WORD_BYTES)
            return true;
    }
    return false;
}

static size_t find_word(const struct query *query, struct span word)
{
    size_t i = 0;

    while (i < query->n && !text_equal_nocase(query->words[i], word))
        i++;
    return i;
}

static void read_query(struct query *query, struct span question)
{
    struct span word;

    *query = (struct query){0};
    while (query->n < MAX_WORDS && next_word(&question, &word))
        if (find_word(query, word) == query->n)
            query->words[query->n++] = word;
}

static struct span text_of(const struct json *passage)
{
    return json_is(passage, JSON_OBJECT) ? json_get_string(passage, "text", "")
                                         : json_string(passage);
}

/* What is compared by its sense: whole characters. */
static struct span cut(struct span text)
{
    if (text.n <= MAX_EMBEDDED_BYTES)
        return text;
    text.n = MAX_EMBEDDED_BYTES;
    while (text.n > 0 && ((unsigned char)text.at[text.n] & 0xc0) == 0x80)
        text.n--;
    return text;
}

static void count_words(struct ranked *ranked, const struct query *query)
{
    struct span rest = ranked->text, word;

    while (next_word(&rest, &word)) {
        size_t i = find_word(query, word);

        ranked->n_words++;
        if (i < query->n && ranked->counts[i] < UINT16_MAX)
            ranked->counts[i]++;
    }
}

/* log2 of a ratio of small whole numbers, at least 1, in steps of 2^-16: squaring tells a bit. */
static double log2_ratio(uint64_t numerator, uint64_t denominator)
{
    uint64_t x = (numerator << 31) / denominator, whole = 0, part = 0;

    for (; x >= 1ull << 32; x >>= 1)
        whole++;
    for (unsigned i = 0; i < 16; i++) {
        x = (x * x) >> 31;
        part <<= 1;
        if (x >= 1ull << 32) {
            x >>= 1;
            part |= 1;
        }
    }
    return (double)whole + (double)part / 65536;
}

static void score(struct ranked *ranked, size_t n, const struct query *query)
{
    double total = 0;

    for (size_t i = 0; i < n; i++)
        total += (double)ranked[i].n_words;
    for (size_t word = 0; word < query->n; word++) {
        size_t n_with = 0;

        for (size_t i = 0; i < n; i++)
            n_with += ranked[i].counts[word] > 0;
        /* 1 + (n - n_with + 1/2) / (n_with + 1/2), which keeps common words above nothing. */
        double rarity = log2_ratio(2 * n + 2, 2 * n_with + 1);
        for (size_t i = 0; i < n; i++) {
            double count = ranked[i].counts[word];
            double length = total > 0 ? (double)ranked[i].n_words * (double)n / total : 1;

            ranked[i].score += rarity * count * (K1 + 1) / (count + K1 * (1 - B + B * length));
        }
    }
}

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? 1 : -1;
    return x->i < y->i ? -1 : 1;
}

static int compare_near(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->near < y->near || x->near > y->near)
        return x->near < y->near ? 1 : -1;
    return x->i < y->i ? -1 : 1;
}

/* Cormack, Clarke and Buettcher 2009: rank r of either list gives 1 / (60 + r), and what a list
 * does not know gets nothing from it. */
static void fuse(struct ranked *ranked, size_t n, const double *near)
{
    for (size_t i = 0; i < n; i++) {
        ranked[i].by_words = ranked[i].score > 0 ? 1 / (RRF + 1 + (double)i) : 0;
        ranked[i].near = isnan(near[ranked[i].i]) ? UNKNOWN : near[ranked[i].i];
    }
    qsort(ranked, n, sizeof(*ranked), compare_near);
    for (size_t i = 0; i < n; i++)
        ranked[i].score =
            ranked[i].by_words + (ranked[i].near > UNKNOWN ? 1 / (RRF + 1 + (double)i) : 0);
    qsort(ranked, n, sizeof(*ranked), compare_ranked);
}

size_t corpus_batches(const struct json *passages, struct corpus_batch batches[CORPUS_MAX_BATCHES])
{
    size_t n = 0, n_all = json_length(passages), n_bytes = 0;

    for (size_t i = 0; i < n_all; i++) {
        size_t bytes = cut(text_of(json_at(passages, i))).n;

        if (n == 0 || i - batches[n - 1].from >= BATCH_PASSAGES || n_bytes + bytes > BATCH_BYTES) {
            if (n == CORPUS_MAX_BATCHES)
                break;
            batches[n++] = (struct corpus_batch){i, i};
            n_bytes = 0;
        }
        n_bytes += bytes;
        batches[n - 1].to = i + 1;
    }
    return n;
}

char *corpus_batch_text(const struct json *passages, const struct corpus_batch *batch,
                        struct span question)
{
    CLEANUP(json_freep) struct json *texts = json_array();

    json_append(texts, json_new_string(cut(question)));
    for (size_t i = batch->from; i < batch->to; i++)
        json_append(texts, json_new_string(cut(text_of(json_at(passages, i)))));
    return json_text(texts);
}

void corpus_init(struct corpus *corpus, const struct json *passages, size_t top_k,
                 struct span question, const double *near)
{
    size_t n = json_length(passages);
    struct ranked *ranked = xcalloc(n + 1, sizeof(*ranked));
    struct query query;

    *corpus = (struct corpus){0};
    read_query(&query, question);
    for (size_t i = 0; i < n; i++) {
        ranked[i].text = text_of(json_at(passages, i));
        ranked[i].i = i;
        count_words(&ranked[i], &query);
    }
    score(ranked, n, &query);
    qsort(ranked, n, sizeof(*ranked), compare_ranked);
    if (near)
        fuse(ranked, n, near);
    for (size_t i = 0; i < n && i < top_k && i < CORPUS_MAX_PASSAGES; i++) {
        corpus->texts[corpus->n] = ranked[i].text;
        corpus->ids[corpus->n++] = json_get_string(json_at(passages, ranked[i].i), "id", "");
    }
    free(ranked);
}

void corpus_write(const struct corpus *corpus, struct buf *out)
{
    for (size_t i = 0; i < corpus->n; i++) {
        buf_addf(out, "D%zu: ", i + 1);
        line_add(out, corpus->texts[i], MAX_PASSAGE_BYTES);
        buf_add_char(out, '\n');
    }
}
