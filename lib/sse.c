/* Server-sent events, both directions.
 *
 * The reader turns pieces of any size into events. A line that is whole inside one piece is read in
 * place; only a line cut by the end of a piece is copied to `line`. A CR ends its line at once, and
 * the LF that may follow in the next piece is then dropped: no event waits for a byte that may
 * never come. What grows (line, event, data) has the caller's maximum; going over it is an error,
 * never a cut. */
#include "sse.h"

#include <errno.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void sse_write(struct buf *out, uint64_t id, struct span type, struct span data)
{
    buf_add_span(out, SPAN("id: "));
    buf_add_u64(out, id);
    buf_add_span(out, SPAN("\nevent: "));
    buf_add_span(out, type);
    buf_add_span(out, SPAN("\ndata: "));
    buf_add_span(out, data);
    buf_add_span(out, SPAN("\n\n"));
}

static int dispatch(struct sse_reader *reader, sse_event_fn *fn, void *arg)
{
    int r = 0;

    /* An event field alone is no event (WHATWG 9.2.6). */
    if (reader->have_data)
        r = fn(buf_span(&reader->event), buf_span(&reader->data), arg);
    buf_clear(&reader->event);
    buf_clear(&reader->data);
    reader->have_data = false;
    return r;
}

static void take_data(struct sse_reader *reader, struct span value)
{
    if (reader->have_data)
        buf_add_char(&reader->data, '\n');
    buf_add_span(&reader->data, value);
    reader->have_data = true;
}

static int take_field(struct sse_reader *reader, struct span name, struct span value)
{
    if (span_equal(name, SPAN("data"))) {
        take_data(reader, value);
    } else if (span_equal(name, SPAN("event"))) {
        buf_clear(&reader->event);
        buf_add_span(&reader->event, value);
    }
    return buf_ok(&reader->data) && buf_ok(&reader->event) ? 0 : -E2BIG;
}

static int take_line(struct sse_reader *reader, struct span line, sse_event_fn *fn, void *arg)
{
    struct span mark = SPAN(BYTE_ORDER_MARK);

    if (line.n >= mark.n && memcmp(line.at, mark.at, mark.n) == 0)
        line = (struct span){line.at + mark.n, line.n - mark.n};
    if (line.n == 0)
        return dispatch(reader, fn, arg);

    const char *colon = memchr(line.at, ':', line.n);
    if (colon == line.at)
        return 0;
    if (!colon)
        return take_field(reader, line, (struct span){"", 0});
    struct span name = {line.at, (size_t)(colon - line.at)};
    struct span value = {colon + 1, line.n - name.n - 1};
    if (value.n > 0 && value.at[0] == ' ')
        value = (struct span){value.at + 1, value.n - 1};
    return take_field(reader, name, value);
}

/* The number of bytes before the first line end, bytes.n when there is none. */
static size_t line_length(struct span bytes)
{
    const char *lf = memchr(bytes.at, '\n', bytes.n);
    size_t n = lf ? (size_t)(lf - bytes.at) : bytes.n;
    const char *cr = memchr(bytes.at, '\r', n);

    return cr ? (size_t)(cr - bytes.at) : n;
}

/* Ends the line that earlier pieces began, or reads it where it stands. */
static int end_line(struct sse_reader *reader, struct span tail, sse_event_fn *fn, void *arg)
{
    if (reader->line.n == 0)
        return take_line(reader, tail, fn, arg);
    buf_add_span(&reader->line, tail);
    if (!buf_ok(&reader->line))
        return -E2BIG;
    int r = take_line(reader, buf_span(&reader->line), fn, arg);
    buf_clear(&reader->line);
    return r;
}

void sse_reader_init(struct sse_reader *reader, size_t max_event_bytes)
{
    *reader = (struct sse_reader){0};
    buf_init(&reader->line, max_event_bytes);
    buf_init(&reader->event, max_event_bytes);
    buf_init(&reader->data, max_event_bytes);
}

void sse_reader_deinit(struct sse_reader *reader)
{
    if (!reader)
        return;
    buf_deinit(&reader->line);
    buf_deinit(&reader->event);
    buf_deinit(&reader->data);
}

int sse_read(struct sse_reader *reader, struct span bytes, sse_event_fn *fn, void *arg)
{
    while (bytes.n > 0) {
        if (reader->skip_lf && bytes.at[0] == '\n')
            bytes = (struct span){bytes.at + 1, bytes.n - 1};
        reader->skip_lf = false;
        if (bytes.n == 0)
            break;

        size_t n = line_length(bytes);
        struct span line = {bytes.at, n};
        if (n == bytes.n) {
            buf_add_span(&reader->line, line);
            return buf_ok(&reader->line) ? 0 : -E2BIG;
        }
        reader->skip_lf = bytes.at[n] == '\r';
        bytes = (struct span){bytes.at + n + 1, bytes.n - n - 1};
        int r = end_line(reader, line, fn, arg);
        if (r != 0)
            return r;
    }
    return 0;
}
