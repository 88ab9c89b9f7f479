#pragma once
/* The words every file uses: attributes, ownership helpers, spans, allocation that cannot fail. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "banned.h"

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        __typeof__(a) swapped_ = (a);                                                              \
        (a) = (b);                                                                                 \
        (b) = swapped_;                                                                            \
    } while (0)

/* Takes the pointer out of a CLEANUP variable: the caller of the function owns it from here on. */
#define STEAL(pointer)                                                                             \
    __extension__({                                                                                \
        __typeof__(pointer) *at_ = &(pointer);                                                     \
        __typeof__(pointer) value_ = *at_;                                                         \
        *at_ = NULL;                                                                               \
        value_;                                                                                    \
    })

/* Defines x_freep() for CLEANUP(x_freep) from x_free(), which accepts NULL and returns NULL. */
#define DEFINE_FREEP(name)                                                                         \
    static inline void name##_freep(struct name **pointer)                                         \
    {                                                                                              \
        *pointer = name##_free(*pointer);                                                          \
    }

/* Bytes of somebody else: valid as long as their owner keeps them. Never NUL-terminated. */
struct span {
    const char *at;
    size_t n;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
/* The same as an initializer of static data, where C wants no compound literal. */
#define SPAN_INIT(literal)                                                                         \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static inline struct span span_of(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

static inline int span_equal(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

/* Small allocations of our own sizes: never return NULL (they log and abort). Freed with free(). */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *pointer, size_t size);
void *xmemdup(const void *data, size_t n);
char *xstrdup(const char *text);
char *xspandup(struct span text); /* NUL-terminated copy */
char *xprintf(const char *format, ...) PRINTF_LIKE(1, 2);

/* For CLEANUP(charp_freep). */
void charp_freep(char **pointer);
