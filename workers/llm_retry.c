/* When a failed call is repeated: one policy for all providers (wire/README.md).
 *
 * Decisions only, as functions of what the server said, the try's number, the time and a random
 * word: llm.c acts on them. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "llm_wire.h"
#include "text.h"

#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 8000
#define NUMBER_BYTES 32

/* Digits with at most one point; nothing else of what strtod() would take. */
static bool read_decimal(struct span text, double *ret_value)
{
    char copy[NUMBER_BYTES];
    unsigned n_points = 0;

    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        n_points += text.at[i] == '.';
        if ((text.at[i] < '0' || text.at[i] > '9') && text.at[i] != '.')
            return false;
    }
    if (n_points > 1 || text.n == n_points)
        return false;
    memcpy(copy, text.at, text.n);
    copy[text.n] = '\0';
    *ret_value = strtod(copy, NULL);
    return true;
}

/* RFC 9110, 5.6.7: the form to send and the two old ones to understand. */
static bool read_date(struct span text, int64_t *ret_wall_ms)
{
    static const char *const formats[] = {
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y",
    };
    char copy[64];

    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.n);
    copy[text.n] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        struct tm date = {0};
        const char *end = strptime(copy, formats[i], &date);

        if (end && *end == '\0') {
            *ret_wall_ms = (int64_t)timegm(&date) * 1000;
            return true;
        }
    }
    return false;
}

int64_t llm_retry_asked_ms(struct span retry_after_ms, struct span retry_after, int64_t wall_ms)
{
    double value = 0;
    int64_t date_ms = 0, ms = -1;

    if (read_decimal(text_trim(retry_after_ms), &value))
        ms = (int64_t)ceil(fmin(value, 1e12));
    else if (read_decimal(text_trim(retry_after), &value))
        ms = (int64_t)ceil(fmin(value * 1000, 1e12));
    else if (read_date(text_trim(retry_after), &date_ms))
        ms = date_ms - wall_ms;
    return ms > 0 ? ms : -1;
}

int64_t llm_retry_backoff_ms(int n, uint32_t random_word)
{
    int64_t ms = n < 4 ? (int64_t)BACKOFF_MS << n : BACKOFF_MAX_MS;

    return ms - ms * random_word / UINT32_MAX / 4;
}

bool llm_retry_wanted(enum llm_retry retry, struct span x_should_retry, int n_retries)
{
    struct span said = text_trim(x_should_retry);

    if (retry == LLM_RETRY_NEVER || n_retries >= LLM_RETRIES)
        return false;
    if (text_equal_nocase(said, SPAN("true")))
        return true;
    if (text_equal_nocase(said, SPAN("false")))
        return false;
    return retry == LLM_RETRY_YES || retry == LLM_RETRY_LATER ||
           (retry == LLM_RETRY_ONCE && n_retries == 0);
}
