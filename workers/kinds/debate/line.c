/* Texts of models on one line. Pure functions; nothing is owned.
 *
 * Words for comparing are runs of letters and digits (any byte above 0x7f counts as a letter),
 * ASCII case ignored, compared by a 32-bit hash: two different words with one hash would only make
 * two reasons look a little more alike than they are. */
#include "line.h"

#include <stdint.h>

#include "buf.h"

#define MAX_WORDS 128 /* of a text that is compared; the rest of it does not count */

static bool is_space(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7f;
}

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Where to cut a text that is too long. */
static size_t cut_at(struct span text, size_t max_bytes)
{
    size_t n = max_bytes;

    while (n > max_bytes / 2 && !is_space(text.at[n]))
        n--;
    if (is_space(text.at[n]))
        return n;
    n = max_bytes;
    while (n > 0 && is_inside_character(text.at[n]))
        n--;
    return n;
}

void line_add(struct buf *out, struct span text, size_t max_bytes)
{
    bool is_cut = text.n > max_bytes, wants_space = false, has_begun = false;

    if (is_cut)
        text.n = cut_at(text, max_bytes);
    for (size_t i = 0; i < text.n; i++) {
        if (is_space(text.at[i])) {
            wants_space = has_begun;
            continue;
        }
        if (wants_space)
            buf_add_char(out, ' ');
        wants_space = false;
        has_begun = true;
        buf_add_char(out, text.at[i]);
    }
    if (is_cut)
        buf_add_text(out, "…");
}

struct span line_first_sentence(struct span text)
{
    size_t n = 0;

    while (text.n > 0 && is_space(text.at[0])) {
        text.at++;
        text.n--;
    }
    for (; n < text.n && text.at[n] != '\n'; n++) {
        bool ends = text.at[n] == '.' || text.at[n] == '?' || text.at[n] == '!';
        if (ends && (n + 1 == text.n || is_space(text.at[n + 1])))
            return (struct span){text.at, n + 1};
    }
    return (struct span){text.at, n};
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

/* The different words of a text, as hashes. */
static size_t words_of(struct span text, uint32_t words[MAX_WORDS])
{
    size_t n = 0;

    for (size_t i = 0; i < text.n && n < MAX_WORDS;) {
        uint32_t hash = 2166136261U;
        size_t start = i, known = 0;
        for (; i < text.n && is_word_byte(text.at[i]); i++) {
            char c =
                text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] | 0x20) : text.at[i];
            hash = (hash ^ (unsigned char)c) * 16777619U;
        }
        if (i == start) {
            i++;
            continue;
        }
        while (known < n && words[known] != hash)
            known++;
        if (known == n)
            words[n++] = hash;
    }
    return n;
}

bool line_alike(struct span a, struct span b)
{
    uint32_t words_a[MAX_WORDS], words_b[MAX_WORDS];
    size_t n_a = words_of(a, words_a), n_b = words_of(b, words_b), n_common = 0;

    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++)
            n_common += words_a[i] == words_b[j];
    return n_common * 10 >= (n_a + n_b - n_common) * 6;
}
