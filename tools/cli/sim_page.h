#pragma once
/* What `parley simulate` shows: the result of a simulation as tables and drawn histograms, and what
 * is wrong with a model. At most 80 columns; without UTF-8 in the locale plain ASCII. */

#include "cli/page.h"

struct json;

/* sim_page.c: the result object of domain montecarlo. */
void sim_page_result(const struct page *page, const struct json *result);

/* sim_faults.c: an array of faults (fault.h) with the expressions of the document they are about.
 * name: of the file. */
void sim_page_faults(const struct page *page, const char *name, const struct json *document,
                     const struct json *faults);
