#pragma once
/* Shows a job's events to a person: a debate of twelve stays readable because a persona's words
 * appear in whole paragraphs behind its name, however the pieces of its answer came in between the
 * others'. */

#include <stdbool.h>
#include <stdio.h>

#include "base.h"

struct json;
struct view;

struct view *view_new(FILE *out, bool colour, size_t width);
struct view *view_free(struct view *view);
DEFINE_FREEP(view)
void view_event(struct view *view, const struct json *event);
