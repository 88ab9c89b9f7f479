/* Allocation that cannot fail: a process that cannot get a few hundred bytes has nothing better to
 * do than to be restarted, which is a tested path. Sizes that come from outside are checked against
 * a maximum by their owner before they get here. */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *must(void *pointer)
{
    if (!pointer) {
        fputs("parley: out of memory\n", stderr);
        abort();
    }
    return pointer;
}

void *xcalloc(size_t n, size_t size)
{
    return must(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *pointer, size_t size)
{
    return must(realloc(pointer, size ? size : 1));
}

void *xmemdup(const void *data, size_t n)
{
    void *copy = xcalloc(1, n);

    if (n > 0)
        memcpy(copy, data, n);
    return copy;
}

char *xspandup(struct span text)
{
    char *copy = xcalloc(1, text.n + 1);

    if (text.n > 0)
        memcpy(copy, text.at, text.n);
    return copy;
}

char *xstrdup(const char *text)
{
    return xspandup(span_of(text));
}

char *xprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    return must(n < 0 ? NULL : text);
}

void charp_freep(char **pointer)
{
    free(*pointer);
    *pointer = NULL;
}
