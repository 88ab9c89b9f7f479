#pragma once
/* Server-sent events (WHATWG HTML, section 9.2): the writer for our streams and one reader for all
 * providers (shared rules in wire/README.md: LF, CRLF, CR, a CR at the end of a piece waits, BOM, comments,
 * several data lines). */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "buf.h"

/* id:, event:, data: and the blank line. data holds no line break (JSON on one line). */
void sse_write(struct buf *out, uint64_t id, struct span type, struct span data);

struct sse_reader {
    /* private */
    struct buf line, event, data;
    bool have_data, skip_lf, at_start;
};

/* event: the event field, empty when none. Returns 0 to go on, anything else stops sse_read(), which returns it. */
typedef int sse_event_fn(struct span event, struct span data, void *arg);

void sse_reader_init(struct sse_reader *reader, size_t max_event_bytes);
void sse_reader_deinit(struct sse_reader *reader);
/* Feeds bytes as they came. 0, the callback's stop value, or -E2BIG when an event outgrows its maximum. An event not
 * ended by a blank line is never dispatched. */
int sse_read(struct sse_reader *reader, struct span bytes, sse_event_fn *fn, void *arg) MUST_CHECK;
