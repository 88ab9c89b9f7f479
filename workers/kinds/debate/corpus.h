#pragma once
/* The passages given with a request: which of them every persona gets, as D1, D2, … */

#include "base.h"

struct buf;
struct json;

#define CORPUS_MAX_PASSAGES 50

struct corpus {
    struct span texts[CORPUS_MAX_PASSAGES]; /* borrowed from the request; texts[0] is D1 */
    struct span ids[CORPUS_MAX_PASSAGES];   /* as given, empty = none */
    size_t n;
};

/* The top_k passages that fit the question's words best, the best first; equal ones in the given
 * order. near (NULL = words only): how near each passage's sense is to the question's, NAN = not
 * known; then both ranks count, by reciprocal-rank fusion. */
void corpus_init(struct corpus *corpus, const struct json *passages, size_t top_k,
                 struct span question, const double *near);

/* Passages are compared in batches, each within what one request may hold (wire/openai.md). */
#define CORPUS_MAX_BATCHES 8
struct corpus_batch {
    size_t from, to;
};
size_t corpus_batches(const struct json *passages, struct corpus_batch batches[CORPUS_MAX_BATCHES]);
/* The question and the batch's passages, as a JSON array of texts. */
char *corpus_batch_text(const struct json *passages, const struct corpus_batch *batch,
                        struct span question);
/* "D1: text\n" … */
void corpus_write(const struct corpus *corpus, struct buf *out);
