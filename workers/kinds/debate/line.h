#pragma once
/* Texts of models on one line: cut, cleaned, compared. */

#include <stdbool.h>

#include "base.h"

struct buf;

/* Appends the text with every control character and run of spaces as one space, cut to about
 * max_bytes between words and never inside a character, "…" where something was cut. So that no
 * text can fake a line of a prompt. */
void line_add(struct buf *out, struct span text, size_t max_bytes);
/* The first sentence: up to the first full stop, question or exclamation mark before a space, or
 * line end. */
struct span line_first_sentence(struct span text);
/* Whether two texts say nearly the same: of their different words at least 6 in 10 are common to
 * both. */
bool line_alike(struct span a, struct span b);
