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
 * order. */
void corpus_init(struct corpus *corpus, const struct json *passages, size_t top_k,
                 struct span question);
/* "D1: text\n" … */
void corpus_write(const struct corpus *corpus, struct buf *out);
