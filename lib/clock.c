/* Time, from the two clocks of the kernel. */
#include "clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

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

/* Exactly n digits off the front; -1 when they are not there. */
static int take_digits(struct span *text, size_t n)
{
    int value = 0;

    if (text->n < n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return -1;
        value = 10 * value + (text->at[i] - '0');
    }
    *text = (struct span){text->at + n, text->n - n};
    return value;
}

static bool take_one_of(struct span *text, const char *characters, char *ret_which)
{
    if (text->n == 0 || !strchr(characters, text->at[0]) || text->at[0] == '\0')
        return false;
    *ret_which = text->at[0];
    *text = (struct span){text->at + 1, text->n - 1};
    return true;
}

/* .123456 -> 123; 0 when there is none, -1 when no digit follows the point. */
static int take_fraction(struct span *text)
{
    int ms = 0, n = 0, digit;
    char point;

    if (!take_one_of(text, ".", &point))
        return 0;
    for (; (digit = take_digits(text, 1)) >= 0; n++)
        ms += n == 0 ? 100 * digit : n == 1 ? 10 * digit : n == 2 ? digit : 0;
    return n > 0 ? ms : -1;
}

/* Minutes east of UTC. false when it is no offset, or something follows it. */
static bool take_offset(struct span text, int *ret_minutes)
{
    char sign, colon;

    if (!take_one_of(&text, "Zz+-", &sign))
        return false;
    *ret_minutes = 0;
    if (sign == '+' || sign == '-') {
        int hours = take_digits(&text, 2);
        int minutes = take_one_of(&text, ":", &colon) ? take_digits(&text, 2) : -1;
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
            return false;
        *ret_minutes = (sign == '-' ? -1 : 1) * (60 * hours + minutes);
    }
    return text.n == 0;
}

/* The calendar decides what is a date: one that timegm() has to correct is none. */
static bool is_date(const struct tm *parts)
{
    struct tm again = *parts;

    again.tm_sec = 0; /* 60 is a leap second: the next minute */
    (void)timegm(&again);
    return again.tm_mday == parts->tm_mday && again.tm_mon == parts->tm_mon &&
           again.tm_hour == parts->tm_hour && again.tm_min == parts->tm_min;
}

int clock_parse(struct span text, int64_t *ret_wall_ms)
{
    static const char separators[] = "--T::";
    int values[6], minutes;
    char which;

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        values[i] = take_digits(&text, i == 0 ? 4 : 2);
        const char allowed[] = {separators[i], separators[i] == 'T' ? 't' : separators[i], '\0'};
        if (values[i] < 0 || (i < 5 && !take_one_of(&text, allowed, &which)))
            return -EINVAL;
    }
    int ms = take_fraction(&text);
    struct tm parts = {.tm_year = values[0] - 1900,
                       .tm_mon = values[1] - 1,
                       .tm_mday = values[2],
                       .tm_hour = values[3],
                       .tm_min = values[4],
                       .tm_sec = values[5]};
    if (ms < 0 || values[5] > 60 || !is_date(&parts) || !take_offset(text, &minutes))
        return -EINVAL;
    *ret_wall_ms = ((int64_t)timegm(&parts) - 60 * minutes) * 1000 + ms;
    return 0;
}
