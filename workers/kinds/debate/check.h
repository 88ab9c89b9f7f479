#pragma once
/* Whether a synthesis says only what it was given. */

#include <stdbool.h>

#include "base.h"

struct buf;
struct debate;

/* Three things code can judge: passages and reasons that are cited exist ("[D2]", "[A1]"), numbers
 * occur in what the writer was told, and a minority of a quarter is heard. false: `why` (may be
 * NULL) has a sentence for each fault. told = the question it was written from. */
bool check_synthesis(const struct debate *debate, struct span prose, struct span told,
                     struct buf *why);
