#pragma once
/* A job's events as each wire wants them: SSE, NDJSON, WebSocket. The JSON is the same bytes on
 * all.
 */

#include "base.h"
#include "terms.h"

struct buf;
struct feed_event;

/* What a stream begins with, and what it says when there is nothing to say. May be empty. */
struct span wire_greeting(enum terms_format format);
struct span wire_heartbeat(enum terms_format format);
void wire_event(enum terms_format format, const struct feed_event *event, struct buf *out);
/* stream.gap and stream.closed: not numbered, so that a reader's cursor stays. */
void wire_note(enum terms_format format, const char *type, struct span json, struct buf *out);
/* The end in the wire's own words: a WebSocket's close frame. */
void wire_hang_up(enum terms_format format, const char *reason, struct buf *out);
