#pragma once
/* WebSocket (RFC 6455), the server's side of a connection that http_upgrade() has opened. No
 * extensions (permessage-deflate is never agreed to), no subprotocols. Only ws.c knows wslay. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct buf;
struct error;
struct http_exchange;
struct ws;

/* RFC 6455, 7.4.1, and what IANA registered since. */
enum ws_close {
    WS_CLOSE_DONE = 1000,
    WS_CLOSE_GOING = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_LATER = 1013,
};

enum ws_opcode { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* What a client may send in one message; over it the connection ends with 1009. */
#define WS_MAX_MESSAGE_BYTES 4096

/* Whether the request asks for this protocol (Upgrade: websocket). */
bool ws_asked(const struct http_exchange *exchange);
/* Checks the opening handshake and adds the lines of the answer: Upgrade, Sec-WebSocket-Accept.
 * -EINVAL and error (ERROR_BAD_REQUEST): it is none of version 13. */
int ws_handshake(const struct http_exchange *exchange, struct buf *headers,
                 struct error *error) MUST_CHECK;

/* One whole frame, not masked, as servers send them. */
void ws_frame(struct buf *out, enum ws_opcode opcode, struct span payload);

/* Reads what the client sends: answers pings, and every fault with its close code. max_bytes: of
 * one message. on_message may be NULL: what the client says is read and dropped. */
typedef void ws_message_fn(enum ws_opcode opcode, struct span message, void *arg);
struct ws *ws_new(struct http_exchange *exchange, size_t max_bytes, ws_message_fn *on_message,
                  void *arg);
struct ws *ws_free(struct ws *ws);
DEFINE_FREEP(ws)
/* -EPIPE: the conversation is over, by the client's close frame or by a fault; the answer to it was
 * written, and the owner ends the stream. -ECONNABORTED: the client asks without reading answers,
 * and the owner cuts it. */
int ws_take(struct ws *ws, struct span bytes) MUST_CHECK;

/* A close frame with its code; the owner ends the stream behind it. */
void ws_close_frame(struct buf *out, enum ws_close code, const char *reason);
