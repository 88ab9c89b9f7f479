/* Which passages a debate reads.
 *
 * The words of the question decide first (corpus.c). Where the replies about nearness came, both
 * ranks count; where one failed, the words' choice stands and the result says so. Pure functions of
 * request and replies, which belong to the run. */
#include "retrieval.h"

#include <math.h>
#include <stdlib.h>

#include "debate.h"
#include "json.h"

static size_t top_k(const struct debate *debate)
{
    int64_t wanted = json_get_integer(debate->request, "top_k", 8);

    return wanted < 0 ? 0 : wanted < CORPUS_MAX_PASSAGES ? (size_t)wanted : CORPUS_MAX_PASSAGES;
}

static const struct json *passages_of(const struct debate *debate)
{
    return json_get(debate->request, "corpus");
}

void retrieval_choose(struct debate *debate, const double *near)
{
    corpus_init(&debate->corpus, passages_of(debate), top_k(debate), debate->question, near);
}

size_t retrieval_batches(const struct debate *debate,
                         struct corpus_batch batches[CORPUS_MAX_BATCHES])
{
    struct span how = json_get_string(debate->request, "retrieval", "auto");

    if (!span_equal(how, SPAN("auto")) || top_k(debate) == 0 ||
        json_length(passages_of(debate)) <= top_k(debate))
        return 0;
    return corpus_batches(passages_of(debate), batches);
}

const char *retrieval_key(size_t i)
{
    static const char *const keys[] = {"retrieval/0", "retrieval/1", "retrieval/2", "retrieval/3",
                                       "retrieval/4", "retrieval/5", "retrieval/6", "retrieval/7"};
    _Static_assert(ARRAY_SIZE(keys) == CORPUS_MAX_BATCHES, "every batch has a key");

    return keys[i];
}

static bool read_reply(const struct json *reply, const struct corpus_batch *batch, double *near)
{
    CLEANUP(json_freep) struct json *cosines = NULL;

    if (json_has(reply, "error") ||
        json_parse(json_get_string(reply, "text", ""), NULL, &cosines, NULL) != 0 ||
        json_length(cosines) != 1 + batch->to - batch->from)
        return false;
    for (size_t i = batch->from; i < batch->to; i++)
        near[i] = json_number(json_at(cosines, 1 + i - batch->from));
    return true;
}

void retrieval_fuse(struct debate *debate, const struct json *const *replies, size_t n)
{
    size_t n_passages = json_length(passages_of(debate));
    struct corpus_batch batches[CORPUS_MAX_BATCHES];
    double *near = xcalloc(n_passages + 1, sizeof(*near));

    for (size_t i = 0; i < n_passages; i++)
        near[i] = (double)NAN;
    debate->n_nearness = n;
    debate->fused = n > 0 && n == retrieval_batches(debate, batches);
    for (size_t i = 0; i < n; i++) {
        debate->nearness[i] = replies[i];
        debate->fused = debate->fused && read_reply(replies[i], &batches[i], near);
    }
    if (debate->fused)
        retrieval_choose(debate, near);
    free(near);
}

struct json *retrieval_json(const struct debate *debate)
{
    struct json *json = json_object();

    json_set_text(json, "method", debate->fused ? "words and sense" : "words");
    for (size_t i = 0; i < debate->n_nearness; i++)
        if (json_has(debate->nearness[i], "error")) {
            json_set(json, "error", json_copy(json_get(debate->nearness[i], "error")));
            break;
        }
    return json;
}
