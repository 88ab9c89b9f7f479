/* Picks passages by the words they share with the question, a word counting the more the fewer
 * passages have it.
 *
 * Chosen once a debate and the same for all, so that personas argue about the same evidence.
 * Integers only: the order must not hang on the last bit of a logarithm. Passages are borrowed from
 * the request. */
#include "corpus.h"

#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "line.h"
#include "text.h"

#define MAX_WORDS 64       /* of the question; the rest does not count */
#define LEAST_WORD_BYTES 4 /* shorter words are mostly grammar */
#define MAX_PASSAGE_BYTES 2000

struct ranked {
    struct span text;
    size_t score, i;
};

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

static bool next_word(struct span *rest, struct span *ret_word)
{
    while (rest->n > 0) {
        size_t n = 0;
        while (n < rest->n && is_word_byte(rest->at[n]))
            n++;
        *ret_word = (struct span){rest->at, n};
        size_t step = n ? n : 1;
        *rest = (struct span){rest->at + step, rest->n - step};
        if (n >= LEAST_WORD_BYTES)
            return true;
    }
    return false;
}

static bool has_word(struct span text, struct span word)
{
    struct span found;

    while (next_word(&text, &found))
        if (text_equal_nocase(found, word))
            return true;
    return false;
}

static struct span text_of(const struct json *passage)
{
    return json_is(passage, JSON_OBJECT) ? json_get_string(passage, "text", "")
                                         : json_string(passage);
}

static void score_word(struct ranked *ranked, size_t n, struct span word)
{
    size_t n_with = 0;

    for (size_t i = 0; i < n; i++)
        n_with += has_word(ranked[i].text, word);
    for (size_t i = 0; n_with > 0 && i < n; i++)
        if (has_word(ranked[i].text, word))
            ranked[i].score += 1 + n / n_with;
}

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->i < y->i ? -1 : 1;
}

void corpus_init(struct corpus *corpus, const struct json *passages, size_t top_k,
                 struct span question)
{
    size_t n = json_length(passages);
    struct ranked *ranked = xcalloc(n + 1, sizeof(*ranked));
    struct span word;

    *corpus = (struct corpus){0};
    for (size_t i = 0; i < n; i++)
        ranked[i] = (struct ranked){.text = text_of(json_at(passages, i)), .i = i};
    for (size_t n_words = 0; n > 0 && n_words < MAX_WORDS && next_word(&question, &word); n_words++)
        score_word(ranked, n, word);
    qsort(ranked, n, sizeof(*ranked), compare_ranked);
    for (size_t i = 0; i < n && i < top_k && i < CORPUS_MAX_PASSAGES; i++)
        corpus->texts[corpus->n++] = ranked[i].text;
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
