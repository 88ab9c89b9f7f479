#pragma once
/* What moves an output: from the first trials' own draws, no further runs. */

#include <stddef.h>

struct json;
struct sim;

/* [{"name","spearman","S1","S1_ci","swing_p10_p90"}…], the strongest first; variables that are
 * drawn once a trial and vary. */
struct json *drivers_json(const struct sim *sim, size_t output);
