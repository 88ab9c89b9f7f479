#pragma once
/* Time. Durations and deadlines are monotonic milliseconds; the wall clock is for display only. */

#include <stdint.h>

#include "base.h"

#define CLOCK_TEXT_BYTES sizeof("2026-11-21T00:00:00.000Z")

int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
int64_t clock_wall_ms(void);
/* RFC 3339 UTC with milliseconds. */
void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_BYTES]);
/* Any RFC 3339 date and time, with any offset; fractions below a millisecond are dropped. -EINVAL
 * when it is none. */
int clock_parse(struct span text, int64_t *ret_wall_ms) MUST_CHECK;
