/* The table of everything a client may be told, and the one setter. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    const char *title;
    int status;
    bool retryable;
} rows[] = {
#define X(code, wire, http, again, words) {wire, words, http, again},
    ERROR_CODES(X)
#undef X
};
_Static_assert(ARRAY_SIZE(rows) == ERROR_CODE_COUNT_, "a code has no row");

int error_set(struct error *error, enum error_code code, int result, const char *format, ...)
{
    va_list args;

    if (!error)
        return result;
    error->code = code;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return result;
}

const char *error_name(enum error_code code)
{
    return rows[code].name;
}

const char *error_title(enum error_code code)
{
    return rows[code].title;
}

int error_status(enum error_code code)
{
    return rows[code].status;
}

bool error_retryable(enum error_code code)
{
    return rows[code].retryable;
}

int error_parse(struct span name, enum error_code *ret_code)
{
    for (int i = 0; i < ERROR_CODE_COUNT_; i++) {
        if (span_equal(name, span_of(rows[i].name))) {
            *ret_code = (enum error_code)i;
            return 0;
        }
    }
    return -ENOENT;
}
