#pragma once
/* What is voted on, a persona's answer to it, and the count. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "debate_limits.h"

struct buf;
struct json;

enum ballot_kind {
    BALLOT_OPEN,
    BALLOT_CHOICE,
    BALLOT_NUMBER,
    BALLOT_PROBABILITY,
    BALLOT_KIND_COUNT_
};

struct ballot {
    enum ballot_kind kind;
    struct span choices[DEBATE_MAX_CHOICES]; /* borrowed from the request */
    size_t n_choices;
};

/* An answer that counts. */
struct answer {
    bool given;           /* false = abstains; nothing else is valid then */
    size_t choice;        /* BALLOT_CHOICE */
    double number;        /* BALLOT_NUMBER, BALLOT_PROBABILITY */
    struct span position; /* BALLOT_OPEN; borrowed from the verdict */
};

struct vote {
    size_t n_votes, n_abstained;
    size_t counts[DEBATE_MAX_CHOICES]; /* BALLOT_CHOICE */
    struct answer winner;              /* given = false: nobody voted */
    bool tie;         /* broken by the earlier vote, else by the order of choices */
    double low, high; /* of the numbers */
    double agreement; /* share of the votes that agree with the winner */
    double entropy;   /* of the votes over groups that agree, in bits: 0 = all say the same */
};

/* From the request's "answer" member, NULL = open. */
void ballot_init(struct ballot *ballot, const struct json *answer);
const char *ballot_kind_name(enum ballot_kind kind);
/* Reads an answer leniently: another case, "62 %", "about 40". Not given when it cannot be counted.
 */
struct answer ballot_read(const struct ballot *ballot, const struct json *answer,
                          struct span position);
bool ballot_same(const struct ballot *ballot, struct answer a, struct answer b);
/* Whether two answers are near enough to count as agreement: the same, or numbers within a tenth.
 */
bool ballot_agrees(const struct ballot *ballot, struct answer a, struct answer b);
/* The answer as a person reads it, and as JSON (null for open ballots and abstention). */
void ballot_write(const struct ballot *ballot, struct answer answer, struct buf *out);
struct json *ballot_json(const struct ballot *ballot, struct answer answer);

/* Counts: plurality, median, trimmed mean of log-odds, or the position most agree with. A tie goes
 * to the winner of `earlier` (NULL = none) when it is among the tied. */
void vote_count(struct vote *vote, const struct ballot *ballot, const struct answer *answers,
                size_t n, const struct vote *earlier);
struct json *vote_json(const struct vote *vote, const struct ballot *ballot);
