/* WebSocket by wslay, the server's side.
 *
 * wslay reads: it unmasks, puts fragments together, checks UTF-8 and the order of frames, and
 * queues pongs and close frames, which go out through http_stream_write(). What a server itself
 * says is simple enough to be written directly (ws_frame), once for all readers of an event. Both
 * write whole frames, so they never mix.
 *
 * The bytes of one ws_take() are all wslay can read (on_recv); there is no other input. Pongs a
 * client does not take are not collected without end: MAX_QUEUED of them end the conversation. */
#include "ws.h"

#include <errno.h>
#include <stdlib.h>
#include <wslay/wslay.h>

#include "base64.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "sha256.h"
#include "text.h"

#define MAX_QUEUED 16
#define KEY_TEXT_BYTES 24
#define KEY_BYTES 16
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define CLOSE_MAX_BYTES 125

struct ws {
    struct http_exchange *exchange; /* borrowed */
    wslay_event_context_ptr context;
    struct span input; /* of the ws_take() under way */
    ws_message_fn *on_message;
    void *arg;
    bool flooded;    /* more pongs wait than anybody needs */
    uint8_t opcode;  /* of the frame that is arriving */
    uint8_t close_n; /* bytes of its code that are known */
    uint16_t close_code;
};

/* ---- the handshake ---- */

static bool field_names(const struct http_exchange *exchange, const char *field, struct span word)
{
    const struct http_request *request = http_request(exchange);

    for (size_t i = 0; i < request->n_headers; i++) {
        struct span rest = request->headers[i].value, item;

        if (!text_equal_nocase(request->headers[i].name, span_of(field)))
            continue;
        while (text_next(&rest, ',', &item))
            if (text_equal_nocase(item, word))
                return true;
    }
    return false;
}

bool ws_asked(const struct http_exchange *exchange)
{
    return field_names(exchange, "upgrade", SPAN("websocket"));
}

static bool is_key(struct span key)
{
    size_t n = 0;
    unsigned char *bytes = key.n == KEY_TEXT_BYTES ? base64_bytes(key, &n) : NULL;

    free(bytes);
    return bytes && n == KEY_BYTES;
}

int ws_handshake(const struct http_exchange *exchange, struct buf *headers, struct error *error)
{
    const struct http_request *request = http_request(exchange);
    struct span key = http_header(exchange, "sec-websocket-key");
    unsigned char digest[SHA1_BYTES];

    if (!span_equal(request->method, SPAN("GET")) || request->minor_version == 0 ||
        !field_names(exchange, "connection", SPAN("upgrade")))
        return error_set(error, ERROR_BAD_REQUEST, -EINVAL,
                         "a WebSocket begins with GET, HTTP/1.1 and \"Connection: Upgrade\"");
    if (!span_equal(http_header(exchange, "sec-websocket-version"), SPAN("13")))
        return error_set(error, ERROR_BAD_REQUEST, -EINVAL, "Sec-WebSocket-Version must be 13");
    if (!is_key(key))
        return error_set(error, ERROR_BAD_REQUEST, -EINVAL,
                         "Sec-WebSocket-Key must be 16 bytes in base64");
    char *challenge CLEANUP(charp_freep) = xprintf("%.*s" GUID, (int)key.n, key.at);
    sha1(span_of(challenge), digest);
    char *proof CLEANUP(charp_freep) =
        base64_text((struct span){(const char *)digest, sizeof(digest)});
    buf_addf(headers, "Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n", proof);
    return 0;
}

/* ---- writing ---- */

void ws_frame(struct buf *out, enum ws_opcode opcode, struct span payload)
{
    uint64_t n = payload.n;

    buf_add_char(out, (char)(0x80 | opcode));
    if (n < 126) {
        buf_add_char(out, (char)n);
    } else {
        int shift = n <= UINT16_MAX ? 8 : 56;
        buf_add_char(out, shift == 8 ? 126 : 127);
        for (; shift >= 0; shift -= 8)
            buf_add_char(out, (char)(n >> shift & 0xff));
    }
    buf_add_span(out, payload);
}

void ws_close_frame(struct buf *out, enum ws_close code, const char *reason)
{
    struct buf payload;

    buf_init(&payload, CLOSE_MAX_BYTES);
    buf_add_char(&payload, (char)(code >> 8));
    buf_add_char(&payload, (char)(code & 0xff));
    buf_add_text(&payload, reason);
    ws_frame(out, WS_CLOSE, buf_span(&payload));
    buf_deinit(&payload);
}

static void write_close(const struct ws *ws)
{
    struct buf frame;

    buf_init(&frame, CLOSE_MAX_BYTES + 2);
    ws_close_frame(&frame, WS_CLOSE_PROTOCOL, "");
    (void)http_stream_write(ws->exchange, buf_span(&frame));
    buf_deinit(&frame);
}

/* ---- reading ---- */

static ssize_t on_recv(wslay_event_context_ptr context, uint8_t *out, size_t n, int flags,
                       void *arg)
{
    struct ws *ws = arg;
    size_t taken = n < ws->input.n ? n : ws->input.n;

    (void)flags;
    if (taken == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(out, ws->input.at, taken);
    ws->input = (struct span){ws->input.at + taken, ws->input.n - taken};
    return (ssize_t)taken;
}

static ssize_t on_send(wslay_event_context_ptr context, const uint8_t *data, size_t n, int flags,
                       void *arg)
{
    const struct ws *ws = arg;
    struct span bytes = {(const char *)data, n};

    (void)flags;
    if (http_stream_write(ws->exchange, bytes) != SIZE_MAX)
        return (ssize_t)n;
    wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
    return -1;
}

/* wslay takes a close frame of one byte for one of none, and knows no codes registered after RFC
 * 6455 (1012 to 1014): there the answer is queued before its own, which then is not. */
static void on_frame(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_start_arg *what, void *arg)
{
    struct ws *ws = arg;

    ws->opcode = what->opcode;
    ws->close_n = 0;
    if (what->opcode == WS_CLOSE && what->payload_length == 1)
        (void)wslay_event_queue_close(context, WS_CLOSE_PROTOCOL, NULL, 0);
}

static void on_chunk(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_chunk_arg *what, void *arg)
{
    struct ws *ws = arg;

    if (ws->opcode != WS_CLOSE)
        return;
    for (size_t i = 0; i < what->data_length && ws->close_n < 2; i++, ws->close_n++)
        ws->close_code = (uint16_t)(ws->close_code << 8 | what->data[i]);
    if (ws->close_n == 2 && ws->close_code >= 1012 && ws->close_code <= 1014)
        (void)wslay_event_queue_close(context, ws->close_code, NULL, 0);
}

/* What wslay answers leaves at once: a close frame behind a ping would overtake the pong. */
static void answer(struct ws *ws)
{
    if (wslay_event_send(ws->context) == 0 &&
        wslay_event_get_queued_msg_count(ws->context) <= MAX_QUEUED)
        return;
    ws->flooded = true;
    wslay_event_shutdown_read(ws->context);
}

static void on_msg(wslay_event_context_ptr context, const struct wslay_event_on_msg_recv_arg *what,
                   void *arg)
{
    struct ws *ws = arg;

    (void)context;
    if (wslay_is_ctrl_frame(what->opcode))
        answer(ws);
    else if (ws->on_message)
        ws->on_message((enum ws_opcode)what->opcode,
                       (struct span){(const char *)what->msg, what->msg_length}, ws->arg);
}

struct ws *ws_new(struct http_exchange *exchange, size_t max_bytes, ws_message_fn *on_message,
                  void *arg)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_chunk,
        .on_msg_recv_callback = on_msg,
    };
    struct ws *ws = xcalloc(1, sizeof(*ws));

    *ws = (struct ws){.exchange = exchange, .on_message = on_message, .arg = arg};
    if (wslay_event_context_server_init(&ws->context, &callbacks, ws) != 0)
        abort();
    wslay_event_config_set_max_recv_msg_length(ws->context, max_bytes);
    return ws;
}

struct ws *ws_free(struct ws *ws)
{
    if (!ws)
        return NULL;
    wslay_event_context_free(ws->context);
    free(ws);
    return NULL;
}

int ws_take(struct ws *ws, struct span bytes)
{
    ws->input = bytes;
    int r = wslay_event_recv(ws->context);
    if (r == 0)
        answer(ws);
    if (ws->flooded)
        return -ECONNABORTED;
    /* Faults of a frame's own form wslay reports without saying so to the client. */
    if (r != 0 && !wslay_event_get_close_sent(ws->context))
        write_close(ws);
    return r != 0 || !wslay_event_want_read(ws->context) ? -EPIPE : 0;
}
