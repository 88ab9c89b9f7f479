#pragma once
/* Reading text: numbers, words, lists. Everything works on spans and refuses what it does not know.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct buf;

/* Decimal digits only, no sign, no space. Returns 0, or -EINVAL, or -ERANGE above max. */
int text_to_u64(struct span text, uint64_t max, uint64_t *ret_value) MUST_CHECK;

/* A time like 500ms, 30s, 5m, 24h or 7d. Returns 0 or -EINVAL. */
int text_to_duration(struct span text, int64_t *ret_ms) MUST_CHECK;
/* The same in the largest unit that leaves no rest; returns out. */
#define TEXT_DURATION_BYTES 32
const char *text_duration(int64_t ms, char out[TEXT_DURATION_BYTES]);

struct span text_trim(struct span text); /* spaces and tabs at both ends */
struct span text_trim_start(struct span text);
bool text_equal_nocase(struct span a, struct span b); /* ASCII only, for protocol words */
bool text_starts(struct span text, const char *prefix);
bool text_contains(struct span text, const char *word);

/* Cuts the next item off a list: returns false at the end. Items are trimmed, may be empty. */
bool text_next(struct span *rest, char separator, struct span *ret_item);

/* Whether word is an item of a list like "a|b|c". */
bool text_listed(const char *list, struct span word);

/* Whether the bytes are strict UTF-8: no overlong form, surrogate or value above U+10FFFF. */
bool text_is_utf8(struct span text);

/* How many letters to type, remove, change or swap make one text of the other, ASCII case ignored.
 * SIZE_MAX when one is longer than TEXT_DISTANCE_MAX_BYTES. */
#define TEXT_DISTANCE_MAX_BYTES 64
size_t text_distance(struct span a, struct span b);

/* "Did you mean": start with {.word = …}, offer every known word, then `best` is the nearest one,
 * or NULL when none is near enough to be meant (borrowed from the offered words). */
struct text_guess {
    struct span word;
    const char *best;
    size_t distance;
};
void text_guess_offer(struct text_guess *guess, const char *known);

/* Lower-case hex of n bytes; out has room for 2 * n + 1. */
void text_hex(const void *data, size_t n, char *out);

/* The bytes as the inside of a JSON string, quotes not included. Input must be UTF-8. */
void text_json_escape(struct buf *out, struct span text);
