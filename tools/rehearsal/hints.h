#pragma once
/* What a prompt says about who should speak and what is wanted. All spans point into the ask. */

#include <stdbool.h>

#include "base.h"

struct ask;
struct json;

#define HINTS_MAX_REASONS 24

enum hints_answer { HINTS_OPEN, HINTS_CHOICE, HINTS_NUMBER, HINTS_PROBABILITY };

struct hints {
    struct span name;     /* "You are NAME, …"; empty = nobody in particular */
    struct span role;     /* the rest of that sentence */
    struct span question; /* "Question: …", else the prompt's first line */
    bool wants_verdict;   /* a last line "VERDICT: {…}" */
    bool is_summary;      /* "The vote decided: …": the debate is over */
    struct span decided;
    enum hints_answer answer;
    struct json *choices; /* owned; of HINTS_CHOICE */
    struct json *earlier; /* owned; the speaker's own verdict of an earlier round, NULL = none */
    struct {
        struct span id, text, heading; /* "A1", its words, and the position it stands under */
    } reasons[HINTS_MAX_REASONS];
    size_t n_reasons;
};

void hints_init(struct hints *hints, const struct ask *ask);
void hints_deinit(struct hints *hints);
