#pragma once
/* A probability and a day as people say them. */

#include "base.h"

#define WORDS_MAX_BYTES 48

/* "27 %", "4.1 %", "0.031 %", "99.7 %": never 0 or 100. Returns out. */
const char *words_percent(double probability, char out[WORDS_MAX_BYTES]);
/* "1 in 4", "3 in 10", "2 in 3", "1 in 4,700", "99 in 100": the nearest that is easy to say. */
const char *words_odds(double probability, char out[WORDS_MAX_BYTES]);
/* "10,000" */
const char *words_count(int64_t count, char out[WORDS_MAX_BYTES]);
/* "21 Nov 2027" of "2027-11-21"; anything else as it is. */
const char *words_day(struct span day, char out[WORDS_MAX_BYTES]);
/* What a grade means, for people: "rough evidence". */
const char *words_grade(struct span grade);
