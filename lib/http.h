#pragma once
/* The HTTP/1.1 server engine: strict RFC 9112 framing on plain libevent events (design.md 9).
 *
 * A connection reads a whole request (head and body), hands it to the handler as an exchange, and
 * waits for its answer before it looks at the next pipelined request. An exchange is answered once:
 * http_respond(), or http_stream_begin() … http_stream_end(). The exchange belongs to the
 * connection; it ends when it is answered and written, or when the client leaves, and `on_close`
 * (if set) tells its user: after on_close, or after http_respond()/http_stream_end(), the pointer
 * must not be used again. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct buf;
struct error;
struct http_exchange;
struct http_server;
struct loop;
struct sockaddr_storage;

#define HTTP_MAX_HEADERS 64

struct http_header {
    struct span name;  /* as sent; compare with text_equal_nocase() */
    struct span value; /* trimmed */
};

struct http_request {
    struct span method;
    struct span target; /* as sent */
    struct span path;   /* target before "?", still percent-encoded; origin-form or the path of
                           absolute-form */
    struct span query;  /* after "?", may be empty */
    int minor_version;  /* 0 or 1 */
    const struct http_header *headers;
    size_t n_headers;
    struct span body; /* decoded, whole */
};

/* What became of an exchange. */
struct http_ending {
    int status; /* 0: the client left, or was cut off, before an answer */
    bool stream;
    uint64_t bytes; /* of the answer, head included */
    int64_t us;     /* from the whole request to the end of the answer or stream */
};

struct http_options {
    const char *listen; /* "127.0.0.1:8080", "[::1]:8080", "unix:/path"; port 0 = any free one */
    int listen_fd;      /* > 0: an already listening socket (socket activation) instead */
    bool reuse_port;
    size_t max_head_bytes;  /* 0 = 16 KiB */
    size_t max_connections; /* 0 = 20,000 */
    size_t max_per_address; /* connections of one IPv4 address or IPv6 /64; 0 = no limit */
    bool any_method; /* take any word but CONNECT; else what RFC 9110 does not name is a 501 */
    size_t
        max_unsent_bytes;  /* of one stream; 0 = 256 KiB. Responses of http_respond() are exempt */
    size_t max_held_bytes; /* in private buffers of all connections: over it an incomplete request
                            * is a 503; 0 = 256 MiB */
    int64_t head_ms, body_ms, idle_ms, write_ms; /* deadlines; 0 = 10 s, 30 s, 75 s, 30 s */
    /* How long a client that closed its sending side may still get its plain answer; 0 = 1 s. */
    int64_t half_close_ms;

    /* The handler. Runs when a request is complete. */
    void (*on_request)(struct http_exchange *exchange, void *arg);
    /* How many body bytes this request may have, asked when its head is complete. NULL = 256 KiB.
     * Content-Length over it is a 413 at once, without reading. A POST, PUT or PATCH that may have
     * a body and names no length is a 411; where 0 is returned it simply has none. */
    size_t (*max_body)(const struct http_request *request, void *arg);
    /* Writes the body of an error answer the engine makes by itself (400, 408, 413, 431, 501 …)
     * into `out` and returns its content type. NULL: plain text. request_id is the exchange's. */
    const char *(*on_error)(int status, const char *detail, const char *request_id, struct buf *out,
                            void *arg);
    /* Whether max_per_address holds for this peer: a proxy stands for many. NULL: for all. */
    bool (*is_counted)(const struct sockaddr_storage *peer, void *arg);
    /* Adds complete header lines to the head of every answer, stream and engine error; request
     * fields can still be read. NULL: none. */
    void (*on_head)(const struct http_exchange *exchange, int status, struct buf *head, void *arg);
    /* An exchange is over, whoever ended it: once for each request, also those that the engine
     * refused. Its request cannot be read any more; nothing may be answered. NULL: none. */
    void (*on_end)(const struct http_exchange *exchange, const struct http_ending *ending,
                   void *arg);
    void *arg;
};

/* -errno and error (ERROR_CONFIG) when the address cannot be bound. */
int http_server_new(struct loop *loop, const struct http_options *options,
                    struct http_server **ret_server, struct error *error) MUST_CHECK;
struct http_server *http_server_free(struct http_server *server); /* cuts every connection */
DEFINE_FREEP(http_server)
uint16_t http_server_port(const struct http_server *server);
/* Whether only this machine reaches a listening socket: loopback, or a unix socket. */
bool http_socket_is_local(int fd);
bool http_server_is_local(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);

/* What happened since the start. */
struct http_counts {
    uint64_t accepted;
    uint64_t over_address;  /* closed at once: their address had max_per_address */
    uint64_t made_room;     /* idle or slow ones closed for a new one at max_connections */
    uint64_t no_room;       /* pauses of accepting: all were busy */
    uint64_t no_descriptor; /* pauses of accepting: the process had no descriptor left */
    uint64_t stalled;       /* closed because they took no byte for write_ms */
    size_t held_bytes;      /* in private buffers now */
};
const struct http_counts *http_server_counts(const struct http_server *server);
/* Stops accepting; connections close after their current answer, idle ones after a second in which
 * a request on its way is still answered. Streams go on until their user ends them. on_drained runs
 * when the last connection is gone, never inside this call. */
void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg);

/* Valid until the exchange is answered; empty from http_stream_begin() on (its spans live until the
 * end of the turn). */
const struct http_request *http_request(const struct http_exchange *exchange);
/* First field of that name, empty span (at == NULL) when missing. */
struct span http_header(const struct http_exchange *exchange, const char *name);
/* Unique in the process, for logs and problem bodies ("request_id"). */
const char *http_request_id(const struct http_exchange *exchange);
/* Value of a query parameter, percent-decoded into `out` (NUL-terminated). false: missing, too long
 * or badly encoded (ret_present tells which). */
bool http_query(const struct http_exchange *exchange, const char *name, char *out, size_t size,
                bool *ret_present);

/* What on_end should know of the exchange: a pointer the engine does nothing with. NULL until it is
 * set. */
void http_set_note(struct http_exchange *exchange, void *note);
void *http_note(const struct http_exchange *exchange);

/* The address of the client's socket: a struct sockaddr_in or sockaddr_in6; family AF_UNIX or
 * AF_UNSPEC when it has none. */
void http_peer(const struct http_exchange *exchange, struct sockaddr_storage *ret_peer);

/* The user's pointer and the call when the exchange ends without an answer (the client left, a
 * deadline passed, the server was freed) or, for a stream, when the client left. Never called from
 * inside a http_respond() or http_stream_*(). A client that closed its sending side may only be
 * half-closed (nc does that): a plain request has half_close_ms more for its answer, then it counts
 * as gone; a stream's client is gone at once. */
void http_set_user(struct http_exchange *exchange, void *user, void (*on_close)(void *user));

/* Extra header fields as complete lines: "Location: /x\r\nRetry-After: 1\r\n", or NULL. Date,
 * Content-Length, Connection and Content-Type are written by the engine. HEAD gets no body. */
void http_respond(struct http_exchange *exchange, int status, const char *content_type,
                  const char *headers, struct span body);

/* A stream: chunked for HTTP/1.1, until close for HTTP/1.0. Never buffered beyond the turn of the
 * loop: its end (or 16 KiB, or the end of the stream) sends what was written in it; what the socket
 * does not take is queued up to max_unsent_bytes. */
void http_stream_begin(struct http_exchange *exchange, int status, const char *content_type,
                       const char *headers);
/* What a stream begins with, as the whole answer to a HEAD. */
void http_stream_head(struct http_exchange *exchange, int status, const char *content_type,
                      const char *headers);
/* Returns the bytes that the socket did not take so far. Over max_unsent_bytes the write is
 * refused: returns SIZE_MAX and nothing was queued; wait for on_drain. A write is always taken when
 * nothing is unsent, whatever its size. After a failed write, and for HEAD, bytes are dropped and 0
 * is returned. */
size_t http_stream_write(struct http_exchange *exchange, struct span bytes);
/* fn(user) when the queue of unsent bytes became empty after a refused write. */
void http_stream_on_drain(struct http_exchange *exchange, void (*on_drain)(void *user));
/* fn(user) when the client has taken no byte for write_ms: it ends the stream with
 * http_stream_finish(). Without it the connection is closed. */
void http_stream_on_stall(struct http_exchange *exchange, void (*on_stall)(void *user));
void http_stream_end(struct http_exchange *exchange);
/* Ends it behind these last bytes, which no limit refuses. */
void http_stream_finish(struct http_exchange *exchange, struct span bytes);

/* 101 Switching Protocols (RFC 9110, 7.8): from here on the stream's bytes are written as they are,
 * and what the client sends goes to on_bytes, which may end the stream. headers: Upgrade and what
 * the new protocol wants; Connection is written by the engine. false: the client sent more behind
 * its request without waiting, nothing was written. */
bool http_upgrade(struct http_exchange *exchange, const char *headers,
                  void (*on_bytes)(struct span bytes, void *user)) MUST_CHECK;

/* Ends a pending exchange or a stream by closing the connection at once: no answer, no last chunk,
 * and what the socket has not taken is lost: the client sees an incomplete transfer. on_close does
 * not run; as after an answer, the pointer must not be used again. */
void http_cut(struct http_exchange *exchange);
