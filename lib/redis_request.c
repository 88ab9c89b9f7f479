/* Commands as they go over the wire: an array of strings, each with its length in front. */
#include "redis_private.h"

/* A kind, a number of up to 20 digits, CR LF. */
#define MARK_BYTES 23

size_t request_max_bytes(size_t argc, const struct span *argv)
{
    size_t n = MARK_BYTES;

    for (size_t i = 0; i < argc; i++)
        n += MARK_BYTES + argv[i].n + 2;
    return n;
}

static char *put(char *at, const char *data, size_t n)
{
    if (n > 0)
        memcpy(at, data, n);
    return at + n;
}

static char *put_mark(char *at, char kind, size_t value)
{
    char digits[MARK_BYTES];
    size_t first = sizeof(digits);

    digits[--first] = '\n';
    digits[--first] = '\r';
    do
        digits[--first] = (char)('0' + value % 10);
    while (value /= 10);
    digits[--first] = kind;
    return put(at, digits + first, sizeof(digits) - first);
}

size_t request_write(char *out, size_t argc, const struct span *argv)
{
    char *at = put_mark(out, '*', argc);

    for (size_t i = 0; i < argc; i++) {
        at = put_mark(at, '$', argv[i].n);
        at = put(at, argv[i].at, argv[i].n);
        at = put(at, "\r\n", 2);
    }
    return (size_t)(at - out);
}
