#pragma once
/* Which passages a debate reads: by the words of the question, and by its sense where somebody
 * gives embeddings. */

#include "corpus.h"

struct debate;
struct json;

/* near as corpus_init() takes it. */
void retrieval_choose(struct debate *debate, const double *near);
/* How many batches of passages are to be compared with the question by their sense; 0 = there is
 * nothing to choose, or the request wants words only. */
size_t retrieval_batches(const struct debate *debate,
                         struct corpus_batch batches[CORPUS_MAX_BATCHES]);
/* What the i-th batch's answer is remembered under. */
const char *retrieval_key(size_t i);
/* How near the passages are, a reply a batch: they are chosen anew, unless a reply failed. */
void retrieval_fuse(struct debate *debate, const struct json *const *replies, size_t n);
/* {"method","error"?} */
struct json *retrieval_json(const struct debate *debate);
