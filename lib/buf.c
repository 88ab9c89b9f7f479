/* The growing buffer. Memory doubles up to the maximum; one byte more is kept for the NUL. */
#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max_bytes = max_bytes};
}

void buf_deinit(struct buf *buf)
{
    free(buf->at);
    buf_init(buf, buf->max_bytes);
}

void buf_clear(struct buf *buf)
{
    buf->n = 0;
    buf->overflow = false;
    if (buf->at)
        buf->at[0] = '\0';
}

char *buf_room(struct buf *buf, size_t n)
{
    if (buf->overflow || n > buf->max_bytes - buf->n) {
        buf->overflow = true;
        return NULL;
    }
    if (!buf->at || buf->n + n + 1 > buf->allocated) {
        size_t wanted = buf->allocated ? buf->allocated : 64;

        while (wanted < buf->n + n + 1)
            wanted *= 2;
        if (wanted > buf->max_bytes + 1)
            wanted = buf->max_bytes + 1;
        buf->at = xrealloc(buf->at, wanted);
        buf->allocated = wanted;
    }
    return buf->at + buf->n;
}

void buf_grew(struct buf *buf, size_t n)
{
    buf->n += n;
    buf->at[buf->n] = '\0';
}

void buf_add(struct buf *buf, const void *data, size_t n)
{
    char *room = buf_room(buf, n);

    if (!room)
        return;
    if (n > 0)
        memcpy(room, data, n);
    buf_grew(buf, n);
}

void buf_add_span(struct buf *buf, struct span text)
{
    buf_add(buf, text.at, text.n);
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buf_add(buf, digits + at, sizeof(digits) - at);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    /* Most texts fit behind what is there: measured by writing them. */
    size_t spare = buf->overflow || !buf->at ? 0 : buf->allocated - buf->n;
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(spare > 0 ? buf->at + buf->n : NULL, spare, format, args);
    va_end(args);
    char *room = n < 0 ? NULL : buf_room(buf, (size_t)n);
    if (room) {
        if ((size_t)n >= spare)
            (void)vsnprintf(room, (size_t)n + 1, format, again);
        buf_grew(buf, (size_t)n);
    } else if (buf->at) {
        buf->at[buf->n] = '\0';
    }
    va_end(again);
}

void buf_drop(struct buf *buf, size_t n)
{
    if (n >= buf->n) {
        buf_clear(buf);
        return;
    }
    memmove(buf->at, buf->at + n, buf->n - n + 1);
    buf->n -= n;
}

int buf_add_file(struct buf *buf, const char *path)
{
    FILE *file = fopen(path, "re");
    char piece[4096];
    size_t n;
    int r = 0;

    if (!file)
        return -errno;
    while (!buf->overflow && (n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(buf, piece, n);
    if (ferror(file))
        r = -EIO;
    (void)fclose(file);
    return buf->overflow ? -E2BIG : r;
}

char *buf_steal(struct buf *buf)
{
    char *text = buf->at ? buf->at : xstrdup("");

    buf_init(buf, buf->max_bytes);
    return text;
}
