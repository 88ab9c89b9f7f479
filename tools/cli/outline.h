#pragma once
/* JSON values on a screen. */

#include "cli/page.h"

struct json;

/* Members as "name: value" lines, arrays as items, histograms ({"edges","counts"}) as bars. */
void outline_value(const struct page *page, struct margin margin, const struct json *value);
/* Members that are short, and histograms as a row of blocks, on one line: "n 1000, mean 0.21,
 * histogram ▇▃▂▁" */
void outline_line(const struct page *page, struct margin margin, const struct json *object);
/* As outline_value(), but members that would take long are only counted. */
void outline_summary(const struct page *page, const struct json *value);
