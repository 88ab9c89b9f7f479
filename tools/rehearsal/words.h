#pragma once
/* The rehearsal's phrases: what a board member of a given interest says for and against a thing. */

#include "base.h"

#define THEME_LINES 4

struct theme {
    const char *keywords; /* separated by "|", lower case: found in the speaker's name or role */
    const char *focus;    /* "I start from …" */
    const char *doubt;    /* "What would change my mind: …" */
    const char *pro[THEME_LINES], *contra[THEME_LINES]; /* sentences without their full stop */
};

/* The first theme one of whose keywords stands in the text as a word, else the last one, which is
 * for all. */
const struct theme *theme_find(struct span speaker);

#define WORDS_LINES 8
extern const char *const words_tags[WORDS_LINES];     /* "this is a rehearsal" */
extern const char *const words_openings[WORDS_LINES]; /* {who}, {what} = focus */
extern const char *const words_links[WORDS_LINES];    /* between two arguments */
extern const char *const words_doubts[WORDS_LINES];   /* {what} = doubt */
extern const char *const words_keeps[WORDS_LINES];    /* after another's reason */
extern const char *const words_moves[WORDS_LINES];
