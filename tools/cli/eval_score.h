#pragma once
/* How good answers were: a single member's, the blind vote's, the debate's. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct json;
struct page;

struct score {
    size_t n;                    /* debates that came to a result */
    size_t n_lost;               /* and that did not */
    double single, blind, final; /* sums of the share that was right */
    size_t n_mended, n_spoilt;   /* the debate turned a wrong blind vote right, a right one wrong */
    double usd_single, usd_blind, usd_final;
    int64_t n_changed, n_conformed;
};

/* Whether an answer of a debate is the expected one: a choice by its text, a number within a tenth,
 * a probability by its side of one half. */
bool score_is_right(const struct json *answer, const struct json *expected);
/* Adds a result that should have come to `expected`. */
void score_add(struct score *score, const struct json *result, const struct json *expected);
struct json *score_json(const struct score *score);
void score_print(const struct page *page, const struct score *score);
