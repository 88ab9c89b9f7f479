/* Answers: heads, bodies, streams.
 *
 * How bytes reach the socket is http_send.c's. Whoever calls http_respond() or http_stream_*() is
 * never called back from inside: a write that fails marks the connection broken, and the end of the
 * turn closes it. The queue of a stream has a limit (max_unsent_bytes plus one write into an empty
 * queue), the answer of http_respond() is wholly in memory anyway. */
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "http_conn.h"

/* A chunk's size line, and that with the line end behind the chunk. */
#define CHUNK_SIZE_BYTES (2 * sizeof(size_t) + 2)
#define CHUNK_FRAME_BYTES (CHUNK_SIZE_BYTES + 2)

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {101, "Switching Protocols"            },
    {200, "OK"                             },
    {201, "Created"                        },
    {202, "Accepted"                       },
    {204, "No Content"                     },
    {206, "Partial Content"                },
    {301, "Moved Permanently"              },
    {302, "Found"                          },
    {303, "See Other"                      },
    {304, "Not Modified"                   },
    {307, "Temporary Redirect"             },
    {308, "Permanent Redirect"             },
    {400, "Bad Request"                    },
    {401, "Unauthorized"                   },
    {402, "Payment Required"               },
    {403, "Forbidden"                      },
    {404, "Not Found"                      },
    {405, "Method Not Allowed"             },
    {406, "Not Acceptable"                 },
    {408, "Request Timeout"                },
    {409, "Conflict"                       },
    {410, "Gone"                           },
    {411, "Length Required"                },
    {412, "Precondition Failed"            },
    {413, "Content Too Large"              },
    {414, "URI Too Long"                   },
    {415, "Unsupported Media Type"         },
    {417, "Expectation Failed"             },
    {422, "Unprocessable Content"          },
    {429, "Too Many Requests"              },
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"          },
    {501, "Not Implemented"                },
    {502, "Bad Gateway"                    },
    {503, "Service Unavailable"            },
    {504, "Gateway Timeout"                },
    {505, "HTTP Version Not Supported"     },
    {529, "Overloaded"                     },
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

/* Heads. */

/* RFC 9110 5.6.7, made once a second. No strftime(): its names follow the locale. */
static const char *date_of(struct http_server *server)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t now_s = clock_wall_ms() / 1000;
    time_t seconds = (time_t)now_s;
    struct tm parts;

    if (now_s == server->date_s)
        return server->date;
    server->date_s = now_s;
    (void)gmtime_r(&seconds, &parts);
    (void)snprintf(server->date, sizeof(server->date), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                   days + 3 * parts.tm_wday, parts.tm_mday, months + 3 * parts.tm_mon,
                   (parts.tm_year + 1900) % 10000, parts.tm_hour, parts.tm_min, parts.tm_sec);
    return server->date;
}

static bool has_no_body(int status)
{
    return status == 204 || status == 304 || status < 200;
}

static void begin_head(struct http_exchange *conn, int status, const char *content_type,
                       const char *headers)
{
    struct buf *head = &conn->server->head;

    conn->status = (short)status;
    buf_clear(head);
    buf_add_span(head, SPAN("HTTP/1.1 "));
    buf_add_u64(head, (uint64_t)status);
    buf_add_char(head, ' ');
    buf_add_text(head, reason_of(status));
    buf_add_span(head, SPAN("\r\nDate: "));
    buf_add_text(head, date_of(conn->server));
    if (content_type) {
        buf_add_span(head, SPAN("\r\nContent-Type: "));
        buf_add_text(head, content_type);
    }
    buf_add_span(head, SPAN("\r\n"));
    if (headers)
        buf_add_text(head, headers);
    if (conn->server->options.on_head)
        conn->server->options.on_head(conn, status, head, conn->server->options.arg);
    if (conn->server->draining)
        conn->close_after = true;
    if (conn->raw)
        buf_add_span(head, SPAN("Connection: Upgrade\r\n"));
    else if (conn->close_after)
        buf_add_span(head, SPAN("Connection: close\r\n"));
    else if (conn->minor_version == 0)
        buf_add_span(head, SPAN("Connection: keep-alive\r\n"));
}

static struct iovec part_of(const void *data, size_t n)
{
    /* iovec has no const; sending only reads. */
    return (struct iovec){(void *)(uintptr_t)data, n};
}

/* The exchange is over for its user. */
static void end_exchange(struct http_exchange *conn)
{
    http_conn_account(conn);
    conn->answering = false;
    conn->streaming = false;
    conn->raw = false;
    conn->user = NULL;
    conn->on_close = NULL;
    conn->on_drain = conn->on_stall = NULL;
    http_message_free(STEAL(conn->message));
    http_conn_hold(conn);
    if (conn->broken || conn->closed)
        return;
    /* A stream promised nothing when it began; its client is to come back elsewhere. */
    if (conn->server->draining)
        conn->close_after = true;
    if (http_conn_unsent(conn) > 0)
        http_conn_wait(conn, HTTP_WAIT_WRITE);
    else
        http_conn_next(conn);
}

static void write_answer(struct http_exchange *conn, int status, const char *content_type,
                         const char *headers, struct span body)
{
    struct buf *head = &conn->server->head;

    begin_head(conn, status, content_type, headers);
    if (!has_no_body(status)) {
        buf_add_span(head, SPAN("Content-Length: "));
        buf_add_u64(head, body.n);
        buf_add_span(head, SPAN("\r\n"));
    }
    buf_add_span(head, SPAN("\r\n"));
    bool bodiless = conn->head_only || has_no_body(status) || body.n == 0;
    struct iovec parts[] = {part_of(head->at, head->n), part_of(body.at, body.n)};
    http_conn_send(conn, parts, bodiless ? 1 : 2);
    end_exchange(conn);
}

void http_conn_refuse(struct http_exchange *conn, int status, const char *detail)
{
    const struct http_options *options = &conn->server->options;
    const char *content_type = "text/plain; charset=utf-8";
    struct buf body;

    conn->close_after = true;
    buf_init(&body, HTTP_READ_BYTES);
    if (options->on_error)
        content_type = options->on_error(status, detail, conn->id, &body, options->arg);
    else
        buf_addf(&body, "%d %s: %s\n", status, reason_of(status), detail);
    write_answer(conn, status, content_type, NULL, buf_span(&body));
    buf_deinit(&body);
}

void http_respond(struct http_exchange *exchange, int status, const char *content_type,
                  const char *headers, struct span body)
{
    assert(exchange->answering && !exchange->streaming);
    write_answer(exchange, status, content_type, headers, body);
}

/* Streams. */

/* A stream lives long and says little: small kernel queue, and a client whose machine is gone is
 * noticed. Failing (a unix socket) costs nothing. Never to wait for more (TCP_NODELAY) every
 * connection has from its listener. */
static void tune_stream(struct http_exchange *conn)
{
    const int lowat_bytes = 16384, gone_ms = 30000;
    int fd = event_get_fd(&conn->event);

    if (conn->tuned)
        return;
    conn->tuned = true;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat_bytes, sizeof(lowat_bytes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof(gone_ms));
}

static bool stream_is_chunked(const struct http_exchange *conn)
{
    return conn->minor_version > 0 && !conn->raw;
}

static struct iovec stream_head(struct http_exchange *exchange, int status,
                                const char *content_type, const char *headers)
{
    struct buf *head = &exchange->server->head;

    assert(exchange->answering && !exchange->streaming);
    begin_head(exchange, status, content_type, headers);
    if (stream_is_chunked(exchange))
        buf_add_span(head, SPAN("Transfer-Encoding: chunked\r\n"));
    buf_add_span(head, SPAN("\r\n"));
    return part_of(head->at, head->n);
}

void http_stream_head(struct http_exchange *exchange, int status, const char *content_type,
                      const char *headers)
{
    struct iovec part = stream_head(exchange, status, content_type, headers);

    assert(exchange->head_only);
    http_conn_send(exchange, &part, 1);
    end_exchange(exchange);
}

static void begin_stream(struct http_exchange *exchange, int status, const char *content_type,
                         const char *headers)
{
    struct iovec part = stream_head(exchange, status, content_type, headers);

    exchange->streaming = true;
    tune_stream(exchange);
    /* A stream may last for hours: the request and what was sent ahead do not. Its reader may still
     * be on the call stack. */
    loop_free_later(exchange->server->loop, STEAL(exchange->message), http_message_free);
    http_conn_drop_partial(exchange);
    http_conn_wait(exchange, HTTP_WAIT_STREAM);
    http_conn_send_stream(exchange, &part, 1);
}

void http_stream_begin(struct http_exchange *exchange, int status, const char *content_type,
                       const char *headers)
{
    /* What was sent ahead is dropped with the request, so nothing can follow the stream. */
    if (exchange->minor_version == 0 || exchange->partial)
        exchange->close_after = true;
    begin_stream(exchange, status, content_type, headers);
}

bool http_upgrade(struct http_exchange *exchange, const char *headers,
                  void (*on_bytes)(struct span bytes, void *user))
{
    if (exchange->partial)
        return false;
    exchange->raw = true;
    exchange->close_after = true;
    exchange->on_bytes = on_bytes;
    begin_stream(exchange, 101, NULL, headers);
    return true;
}

/* "1f\r\n" at the end of out; returns its length. */
static size_t chunk_size(size_t n, char out[CHUNK_SIZE_BYTES])
{
    size_t at = CHUNK_SIZE_BYTES;

    out[--at] = '\n';
    out[--at] = '\r';
    do
        out[--at] = "0123456789abcdef"[n % 16];
    while (n /= 16);
    return CHUNK_SIZE_BYTES - at;
}

static void write_chunk(struct http_exchange *exchange, struct span bytes)
{
    char size[CHUNK_SIZE_BYTES];
    bool chunked = stream_is_chunked(exchange);
    size_t size_n = chunked ? chunk_size(bytes.n, size) : 0;
    struct iovec parts[] = {part_of(size + sizeof(size) - size_n, size_n),
                            part_of(bytes.at, bytes.n), part_of("\r\n", chunked ? 2 : 0)};

    http_conn_send_stream(exchange, parts, 3);
}

size_t http_stream_write(struct http_exchange *exchange, struct span bytes)
{
    assert(exchange->streaming);
    http_conn_make_room(exchange, bytes.n + CHUNK_FRAME_BYTES);
    size_t before = http_conn_unsent(exchange);
    if (exchange->broken || exchange->head_only || bytes.n == 0)
        return before;
    if (before > 0 && before + bytes.n > exchange->server->options.max_unsent_bytes) {
        exchange->refused = true;
        return SIZE_MAX;
    }
    write_chunk(exchange, bytes);
    return http_conn_unsent(exchange);
}

void http_stream_on_drain(struct http_exchange *exchange, void (*on_drain)(void *user))
{
    exchange->on_drain = on_drain;
}

void http_stream_on_stall(struct http_exchange *exchange, void (*on_stall)(void *user))
{
    exchange->on_stall = on_stall;
}

void http_stream_end(struct http_exchange *exchange)
{
    struct iovec last = part_of("0\r\n\r\n", 5);

    assert(exchange->streaming);
    if (stream_is_chunked(exchange) && !exchange->head_only)
        http_conn_send_stream(exchange, &last, 1);
    if (exchange->corked)
        http_conn_flush(exchange);
    end_exchange(exchange);
}

void http_stream_finish(struct http_exchange *exchange, struct span bytes)
{
    assert(exchange->streaming);
    if (!exchange->head_only && bytes.n > 0)
        write_chunk(exchange, bytes);
    http_stream_end(exchange);
}

void http_cut(struct http_exchange *exchange)
{
    assert(exchange->answering);
    exchange->on_close = NULL;
    http_conn_close(exchange);
}
