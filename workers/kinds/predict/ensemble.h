#pragma once
/* Several readings of one goal, and what they say together (domain.md D6). */

#include "base.h"
#include "predict.h"

struct json;

/* One reading: a persona's, of the goal or of its opposite. */
struct member {
    unsigned persona;
    bool opposite;
};

const char *ensemble_persona(unsigned persona); /* "outside-view" */
/* What is added to the system prompt for it; owned by the caller. */
char *ensemble_view(const struct member *member);

/* The record of a reading, with the model's answer (taken over). */
struct json *ensemble_record(const struct member *member, struct span provider, struct span model,
                             struct json *output);
/* From records, in the order they were asked for: the extraction that facts and class are taken
 * from is that of the first that reads the goal itself, else of the first. -EINVAL as
 * predict_read_llm(): ERROR_UNPREDICTABLE when more than half say that nothing can be said. */
int ensemble_read(const struct json *records, struct span goal, struct span context,
                  struct extraction *ret_extraction, struct error *error) MUST_CHECK;
/* What all of them make of it: extraction->pool, of n_asked personas. */
void ensemble_pool(const struct json *records, unsigned n_asked, struct span goal,
                   struct span context, const struct macro *macro, struct extraction *extraction);
