#pragma once
/* Server-sent events (WHATWG HTML, section 9.2): the writer for our streams and one reader for all
 * providers (shared rules in wire/README.md). */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "buf.h"

/* id:, event:, data: and the blank line. type and data hold no line break (JSON on one line). */
void sse_write(struct buf *out, uint64_t id, struct span type, struct span data);

/* Line ends may be LF, CRLF or CR, a byte order mark before a line is skipped, comments and unknown
 * fields are ignored, several data lines are joined with LF. */
struct sse_reader {
    /* private */
    struct buf line; /* begun by an earlier piece, not ended yet */
    struct buf event, data;
    bool have_data; /* a data field came, though it may be empty */
    bool skip_lf;   /* the last byte was a CR: an LF now belongs to it */
};

/* event: the event field, empty when none. The spans end with the call. Returns 0 to go on,
 * anything else stops sse_read(), which returns it. The reader must outlive the call. */
typedef int sse_event_fn(struct span event, struct span data, void *arg);

void sse_reader_init(struct sse_reader *reader, size_t max_event_bytes);
void sse_reader_deinit(struct sse_reader *reader);
/* Feeds bytes as they came. 0, the callback's stop value, or -E2BIG when a line or an event
 * outgrows the maximum; after anything but 0 the reader is only good for deinit. An event not ended
 * by a blank line is never dispatched: a stream that ends inside one was cut. */
int sse_read(struct sse_reader *reader, struct span bytes, sse_event_fn *fn, void *arg) MUST_CHECK;
