/* Time, from the two clocks of the kernel. */
#include "clock.h"

#include <stdio.h>
#include <time.h>

#include "base.h"

static int64_t read_clock(clockid_t clock, int64_t per_second)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return now.tv_sec * per_second + now.tv_nsec / (1000000000 / per_second);
}

int64_t clock_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000);
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

int64_t clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

void clock_text(int64_t wall_ms, char out[CLOCK_TEXT_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;

    (void)gmtime_r(&seconds, &parts);
    size_t n = strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + n, CLOCK_TEXT_BYTES - n, ".%03dZ", (int)(wall_ms % 1000));
}
