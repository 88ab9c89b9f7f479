#pragma once
/* Text on a screen: wrapped paragraphs behind a prefix, JSON values as an outline, histograms as
 * bars.
 *
 * Everything printed goes through here, and here control characters are taken out: what a model or
 * a client wrote must not steer the terminal. */

#include <stdbool.h>
#include <stdio.h>

#include "base.h"

struct json;

enum page_colour { PAGE_PLAIN, PAGE_BOLD, PAGE_DIM, PAGE_RED, PAGE_GREEN, PAGE_FIRST_OF_SIX };

struct page {
    FILE *out;
    bool colour;
    size_t width; /* columns */
};

/* What stands at the start of every line: a name in its column, or nothing. */
struct margin {
    const char *name; /* NULL or "": none */
    enum page_colour colour;
    size_t indent; /* columns behind the name */
};

/* Wraps text at the width; line feeds in it begin new lines. */
void page_text(const struct page *page, struct margin margin, enum page_colour colour,
               struct span text);
/* "── title ─────" */
void page_rule(const struct page *page, struct span title);
/* Members as "name: value" lines, arrays as items, histograms as bars. */
void page_value(const struct page *page, struct margin margin, const struct json *value);
/* Members that are short, and histograms as a row of blocks, on one line: "n 1000, mean 0.21,
 * histogram ▇▃▂▁" */
void page_line(const struct page *page, struct margin margin, const struct json *object);
/* As page_value(), but members that would take long are only counted. */
void page_summary(const struct page *page, const struct json *value);
