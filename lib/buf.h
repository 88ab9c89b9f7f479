#pragma once
/* A growing byte buffer that knows its maximum from birth.
 *
 * Writing past the maximum sets `overflow` and drops the bytes; further writes do nothing. A writer
 * checks buf_ok() once at the end instead of after every piece. Small buffers of a known bound
 * never overflow and need no check. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct buf {
    char *at;         /* NUL-terminated whenever not NULL */
    size_t n;         /* bytes in use */
    size_t allocated; /* private */
    size_t max_bytes;
    bool overflow;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_deinit(struct buf *buf); /* frees; usable again with the same maximum */

void buf_clear(struct buf *buf); /* empties and clears overflow, keeps the memory */
void buf_add(struct buf *buf, const void *data, size_t n);
void buf_add_span(struct buf *buf, struct span text);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_u64(struct buf *buf, uint64_t value); /* decimal */
void buf_addf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* Removes the first n bytes. */
void buf_drop(struct buf *buf, size_t n);
/* Room for n more bytes at the end, to be read into; buf_grew() says how many came. NULL: no room.
 */
char *buf_room(struct buf *buf, size_t n);
void buf_grew(struct buf *buf, size_t n);
/* Adds a whole file. -errno; -E2BIG and overflow when it does not fit. */
int buf_add_file(struct buf *buf, const char *path) MUST_CHECK;
/* Hands the memory (NUL-terminated, never NULL) to the caller, who frees it. */
char *buf_steal(struct buf *buf);

static inline bool buf_ok(const struct buf *buf)
{
    return !buf->overflow;
}

static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->at ? buf->at : "", buf->n};
}
