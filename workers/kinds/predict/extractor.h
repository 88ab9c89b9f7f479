#pragma once
/* Who reads the goal: a language model, or rules (domain.md D7). */

#include <stdbool.h>

#include "base.h"
#include "kind.h"
#include "predict.h"

struct json;
struct macro;
struct run;

/* Embedded; private. */
struct extractor {
    struct span goal, context; /* borrowed, normalised */
    bool rules_only;           /* the request wants it so */
    unsigned n_personas;       /* 1 = nobody in particular */
    char *name;                /* of the stored extraction; owned */
    struct json *answer;       /* what the language model gave, owned; the extraction borrows it */
    char *why;                 /* what was wrong with its first answer; owned */
    struct span wrong;         /* that answer; borrowed from the run */
};

void extractor_init(struct extractor *extractor, struct span goal, struct span context,
                    bool rules_only, unsigned n_personas);
void extractor_deinit(struct extractor *extractor);
/* A step of the run: STEP_NEXT with the extraction, STEP_WAIT, or STEP_FAIL: it is no goal that a
 * number can be put on. */
enum step_result extractor_step(struct extractor *extractor, struct run *run,
                                struct extraction *ret_extraction);
/* Then, with the economy known: what the personas say together, where several were asked. */
void extractor_pool(const struct extractor *extractor, const struct macro *macro,
                    struct extraction *extraction);
