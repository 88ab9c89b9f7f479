#pragma once
/* Text on a screen: wrapped paragraphs behind a prefix, JSON values as an outline, histograms as
 * bars.
 *
 * Everything printed goes through here, and here control characters are taken out: what a model or
 * a client wrote must not steer the terminal. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base.h"

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
/* One line as it is, however long. */
void page_row(const struct page *page, struct margin margin, enum page_colour colour,
              struct span text);
/* A time for people: "0.3 s", "12 s", "5 min", "26 h". Returns out. */
#define PAGE_DURATION_BYTES 32
const char *page_duration(int64_t ms, char out[PAGE_DURATION_BYTES]);
/* How many columns the text takes. */
size_t page_columns(struct span text);
