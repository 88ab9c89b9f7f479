#pragma once
/* What a persona is shown of the others: positions and their strongest reasons, anonymous,
 * shuffled, uncounted. */

#include <stdbool.h>
#include <stdint.h>

#include "ballot.h"
#include "base.h"
#include "debate_limits.h"

struct buf;
struct verdict;

#define DIGEST_REASONS 2 /* a position: enough to be moved by, too few to count heads */

struct digest_group {
    struct answer answer;
    struct span reasons[DIGEST_REASONS];
    size_t speakers[DIGEST_REASONS]; /* whose reason it is */
    size_t n_reasons;
};

struct digest {
    const struct ballot *ballot;                     /* borrowed */
    struct digest_group groups[DEBATE_MAX_PERSONAS]; /* groups[0] is shown as A, … */
    size_t n_groups;
};

/* standing[i] is the verdict of persona i that counts, NULL = absent. The reader's own reasons are
 * left out. words are the draws that shuffle, one a group. */
void digest_make(struct digest *digest, const struct ballot *ballot,
                 const struct verdict *const *standing, size_t n, size_t reader,
                 const uint64_t words[DEBATE_MAX_PERSONAS]);
/* "A. position\n  A1: reason\n  A2: …\n" … names[i] is put before a reason of persona i; NULL =
 * anonymous. */
void digest_write(const struct digest *digest, const struct span *names, struct buf *out);
/* Whether there is a reason of that id ("B2"). */
bool digest_has(const struct digest *digest, struct span id);
