/* A job's events as each wire wants them. A new wire is a format in terms.h, a row here, a case in
 * wire_event() and in wire_note(). */
#include "wire.h"

#include "buf.h"
#include "feed.h"
#include "sse.h"
#include "ws.h"

#define NOTHING SPAN_INIT("")

static const struct {
    struct span greeting, heartbeat;
} wires[] = {
    [TERMS_JSON] = {NOTHING,                                NOTHING              },
    [TERMS_SSE] = {SPAN_INIT("retry: 1000\n: parley\n\n"), SPAN_INIT(":\n\n")   },
    [TERMS_NDJSON] = {NOTHING,                                SPAN_INIT("\n")      },
    [TERMS_WS] = {NOTHING,                                SPAN_INIT("\x89\x00")}, /* a ping */
};
_Static_assert(ARRAY_SIZE(wires) == TERMS_FORMAT_COUNT_, "a format has no wire");
_Static_assert(FEED_WIRES == TERMS_FORMAT_COUNT_ - 1, "every format but plain JSON is a wire");

/* Why the server hangs up, as a WebSocket says it; anything else is 1000. */
static const struct {
    const char *reason;
    enum ws_close code;
} close_codes[] = {
    {"draining", WS_CLOSE_GOING },
    {"lagged",   WS_CLOSE_LATER },
    {"revoked",  WS_CLOSE_POLICY},
};

struct span wire_greeting(enum terms_format format)
{
    return wires[format].greeting;
}

struct span wire_heartbeat(enum terms_format format)
{
    return wires[format].heartbeat;
}

static void add_line(struct buf *out, struct span json)
{
    buf_add_span(out, json);
    buf_add_char(out, '\n');
}

void wire_event(enum terms_format format, const struct feed_event *event, struct buf *out)
{
    if (format == TERMS_SSE)
        sse_write(out, event->seq, event->type, event->json);
    else if (format == TERMS_WS)
        ws_frame(out, WS_TEXT, event->json);
    else
        add_line(out, event->json);
}

void wire_note(enum terms_format format, const char *type, struct span json, struct buf *out)
{
    if (format == TERMS_SSE)
        buf_addf(out, "event: %s\ndata: %.*s\n\n", type, (int)json.n, json.at);
    else if (format == TERMS_WS)
        ws_frame(out, WS_TEXT, json);
    else
        add_line(out, json);
}

void wire_hang_up(enum terms_format format, const char *reason, struct buf *out)
{
    enum ws_close code = WS_CLOSE_DONE;

    for (size_t i = 0; i < ARRAY_SIZE(close_codes); i++)
        if (strcmp(reason, close_codes[i].reason) == 0)
            code = close_codes[i].code;
    if (format == TERMS_WS)
        ws_close_frame(out, code, reason);
}
