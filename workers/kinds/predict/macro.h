#pragma once
/* The economy in a prediction: ratios of public series against their last ten years, and how much
 * they shift the odds of which events (data/macro.json). The daily job `fred` makes a document of
 * the ratios, with the vintage of the figures in it; one of rounded figures ships
 * (data/vintage.json). */

#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct event_row;
struct json;
struct macro;

#define MACRO_NAME "macro" /* under which the document is published */
#define MACRO_VALID_DAYS 400
#define MACRO_DAY_BYTES sizeof("2026-11-21")

#define MACRO_SERIES_MAX 6
/* The series that the ratios are made of; NULL behind the last. */
extern const char *const macro_series[MACRO_SERIES_MAX + 1];

/* The same day so many years before. */
void macro_years_before(const char *day, unsigned years, char out[MACRO_DAY_BYTES]);
/* "macro/1": {"schema","asked","vintage","source","complete","ratios":[{"id","series","vintage",
 * "source","date","value","mean","sd","z","n"}…]} from {series: [[day, value]…]}, days rising. A
 * ratio that the observations do not give is taken from `before`, an earlier document or NULL. */
struct json *macro_document(const char *asked, const char *vintage, const char *source,
                            const struct json *observations, const struct json *before);
/* The document of the figures that ship; lives as long as the process. */
const struct json *macro_shipped(void);
/* What shifts the odds of this event, of the later vintage of the two documents. All zero: nothing
 * does, or what is known is too old on that day. Texts are borrowed from the documents. */
struct macro macro_of(const struct event_row *event, const struct json *document,
                      const struct json *shipped, int64_t wall_ms);
