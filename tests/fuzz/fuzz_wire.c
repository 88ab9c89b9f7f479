/* What stands in a job's log, on its way to a reader: whatever is taken for an event arrives as one
 * event, with its type and its text, on every wire. A text that could become two is none. */
#include <stdlib.h>

#include "buf.h"
#include "event.h"
#include "frontdoor/feed.h"
#include "frontdoor/terms.h"
#include "frontdoor/wire.h"
#include "sse.h"

#define OUT_BYTES ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct seen {
    const struct feed_event *event;
    size_t n;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static int on_event(struct span type, struct span data, void *arg)
{
    struct seen *seen = arg;

    seen->n++;
    must(span_equal(type, seen->event->type));
    must(span_equal(data, seen->event->json));
    return 0;
}

static void check_sse(struct span out, const struct feed_event *event)
{
    struct seen seen = {.event = event};
    struct sse_reader reader;

    sse_reader_init(&reader, OUT_BYTES);
    must(sse_read(&reader, out, on_event, &seen) == 0);
    must(seen.n == 1);
    sse_reader_deinit(&reader);
}

static void check_line(struct span out, const struct feed_event *event)
{
    must(out.n == event->json.n + 1 && memcmp(out.at, event->json.at, event->json.n) == 0);
    must(memchr(out.at, '\n', out.n) == out.at + event->json.n);
}

static void check_frame(struct span out, const struct feed_event *event)
{
    size_t head = event->json.n < 126 ? 2 : event->json.n <= UINT16_MAX ? 4 : 10, n = 0;

    must(out.n == head + event->json.n && (unsigned char)out.at[0] == 0x81);
    for (size_t i = head == 2 ? 1 : 2; i < head; i++)
        n = n << 8 | (unsigned char)out.at[i];
    must(n == event->json.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const checks[])(struct span out, const struct feed_event *event) = {
        [TERMS_SSE] = check_sse, [TERMS_NDJSON] = check_line, [TERMS_WS] = check_frame};
    char *copy = xmemdup(data, n);
    struct feed_event event = {
        .json = {copy, n}
    };

    if (event_head(event.json, &event.type, &event.seq) == 0) {
        for (enum terms_format format = TERMS_SSE; format < TERMS_FORMAT_COUNT_; format++) {
            struct buf out;

            buf_init(&out, OUT_BYTES);
            wire_event(format, &event, &out);
            checks[format](buf_span(&out), &event);
            buf_deinit(&out);
        }
    }
    free(copy);
    return 0;
}
