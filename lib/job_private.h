#pragma once
/* What the files of job.h share: words of a command. Nobody else includes it. */

#include <stdint.h>
#include <stdio.h>

#include "base.h"
#include "clock.h"

#define NUMBER_BYTES 24

static inline struct span number(int64_t value, char out[NUMBER_BYTES])
{
    int n = snprintf(out, NUMBER_BYTES, "%lld", (long long)value);

    return (struct span){out, (size_t)n};
}

static inline void now_text(char out[CLOCK_TEXT_BYTES])
{
    clock_text(clock_wall_ms(), out);
}
