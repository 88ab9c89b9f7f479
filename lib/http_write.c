/* Answers: heads, bodies, streams, and the queue of what a socket did not take.
 *
 * A write goes to the socket first; only the rest is copied into the connection's queue, and only
 * then does the connection ask for EV_WRITE. Whoever calls http_respond() or http_stream_*() is
 * never called back from inside: a write that fails marks the connection broken, and the end of the
 * turn closes it. The queue of a stream has a limit (max_unsent_bytes plus one write into an empty
 * queue), the answer of http_respond() is wholly in memory anyway. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "http_conn.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
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

/* The queue of unsent bytes. */

size_t http_conn_unsent(const struct http_exchange *conn)
{
    return conn->unsent ? conn->unsent->n - conn->unsent->at : 0;
}

static void keep_unsent(struct http_exchange *conn, const char *data, size_t n)
{
    if (!conn->unsent)
        conn->unsent = xcalloc(1, sizeof(*conn->unsent));
    struct http_unsent *unsent = conn->unsent;

    if (unsent->n + n > unsent->allocated && unsent->at > 0) {
        memmove(unsent->bytes, unsent->bytes + unsent->at, unsent->n - unsent->at);
        unsent->n -= unsent->at;
        unsent->at = 0;
    }
    if (unsent->n + n > unsent->allocated) {
        /* The first rest is usually the only one: exactly its size. */
        size_t wanted = unsent->allocated * 2;

        if (wanted < unsent->n + n)
            wanted = unsent->n + n;
        unsent->bytes = xrealloc(unsent->bytes, wanted);
        unsent->allocated = wanted;
    }
    memcpy(unsent->bytes + unsent->n, data, n);
    unsent->n += n;
}

static void drop_unsent(struct http_exchange *conn)
{
    if (!conn->unsent)
        return;
    free(conn->unsent->bytes);
    free(conn->unsent);
    conn->unsent = NULL;
}

static void mark_broken(struct http_exchange *conn)
{
    conn->broken = true;
    drop_unsent(conn);
    http_conn_hold(conn);
    http_conn_wait(conn, HTTP_WAIT_READY);
}

/* Bytes the socket took; 0 when it is full; -errno when the client is gone. */
static ssize_t send_parts(struct http_exchange *conn, const struct iovec *parts, int n_parts)
{
    /* sendmsg() is writev() without the signal. The kernel reads the parts only. */
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)n_parts};
    ssize_t n;

    do
        n = sendmsg(event_get_fd(&conn->event), &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

void http_conn_send(struct http_exchange *conn, const struct iovec *parts, int n_parts)
{
    ssize_t sent = 0;

    if (conn->broken || conn->closed)
        return;
    if (http_conn_unsent(conn) == 0)
        sent = send_parts(conn, parts, n_parts);
    if (sent < 0) {
        mark_broken(conn);
        return;
    }
    for (int i = 0; i < n_parts; i++) {
        size_t skip = (size_t)sent < parts[i].iov_len ? (size_t)sent : parts[i].iov_len;

        sent -= (ssize_t)skip;
        if (skip < parts[i].iov_len)
            keep_unsent(conn, (const char *)parts[i].iov_base + skip, parts[i].iov_len - skip);
    }
    http_conn_hold(conn);
}

void http_conn_flush(struct http_exchange *conn)
{
    struct http_unsent *unsent = conn->unsent;

    if (!unsent)
        return;
    struct iovec rest = {unsent->bytes + unsent->at, unsent->n - unsent->at};
    ssize_t sent = send_parts(conn, &rest, 1);
    if (sent < 0) {
        mark_broken(conn);
        return;
    }
    unsent->at += (size_t)sent;
    if (unsent->at == unsent->n)
        drop_unsent(conn);
    http_conn_hold(conn);
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

static void add_number(struct buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    buf_add(out, digits + at, sizeof(digits) - at);
}

static bool has_no_body(int status)
{
    return status == 204 || status == 304 || status < 200;
}

static void begin_head(struct http_exchange *conn, int status, const char *content_type,
                       const char *headers)
{
    struct buf *head = &conn->server->head;

    buf_clear(head);
    buf_add_span(head, SPAN("HTTP/1.1 "));
    add_number(head, (uint64_t)status);
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
    if (conn->server->draining)
        conn->close_after = true;
    if (conn->close_after)
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
    conn->answering = false;
    conn->streaming = false;
    conn->user = NULL;
    conn->on_close = NULL;
    conn->on_drain = NULL;
    http_message_free(STEAL(conn->message));
    http_conn_hold(conn);
    if (conn->broken || conn->closed)
        return;
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
        add_number(head, body.n);
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

/* A stream lives long and says little: small kernel queue, no waiting for more, and a client whose
 * machine is gone is noticed. Failing (a unix socket) costs nothing. */
static void tune_stream(int fd)
{
    const int yes = 1, lowat_bytes = 16384, gone_ms = 30000;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat_bytes, sizeof(lowat_bytes));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof(gone_ms));
}

void http_stream_begin(struct http_exchange *exchange, int status, const char *content_type,
                       const char *headers)
{
    struct buf *head = &exchange->server->head;

    assert(exchange->answering && !exchange->streaming);
    /* What was sent ahead is dropped with the request, so nothing can follow the stream. */
    if (exchange->minor_version == 0 || exchange->partial)
        exchange->close_after = true;
    begin_head(exchange, status, content_type, headers);
    if (exchange->minor_version > 0)
        buf_add_span(head, SPAN("Transfer-Encoding: chunked\r\n"));
    buf_add_span(head, SPAN("\r\n"));
    exchange->streaming = true;
    tune_stream(event_get_fd(&exchange->event));
    /* A stream may last for hours: the request and what was sent ahead do not. Its reader may still
     * be on the call stack. */
    loop_free_later(exchange->server->loop, STEAL(exchange->message), http_message_free);
    http_conn_drop_partial(exchange);
    struct iovec part = part_of(head->at, head->n);
    http_conn_send(exchange, &part, 1);
    http_conn_wait(exchange, http_conn_unsent(exchange) > 0 ? HTTP_WAIT_WRITE : HTTP_WAIT_STREAM);
}

size_t http_stream_write(struct http_exchange *exchange, struct span bytes)
{
    size_t before = http_conn_unsent(exchange);
    char size[20];

    assert(exchange->streaming);
    if (exchange->broken || exchange->head_only || bytes.n == 0)
        return before;
    if (before > 0 && before + bytes.n > exchange->server->options.max_unsent_bytes) {
        exchange->refused = true;
        return SIZE_MAX;
    }
    bool chunked = exchange->minor_version > 0;
    int size_n = chunked ? snprintf(size, sizeof(size), "%zx\r\n", bytes.n) : 0;
    struct iovec parts[] = {part_of(size, (size_t)size_n), part_of(bytes.at, bytes.n),
                            part_of("\r\n", chunked ? 2 : 0)};
    http_conn_send(exchange, parts, 3);
    if (before == 0 && http_conn_unsent(exchange) > 0)
        http_conn_wait(exchange, HTTP_WAIT_WRITE);
    return http_conn_unsent(exchange);
}

void http_stream_on_drain(struct http_exchange *exchange, void (*on_drain)(void *user))
{
    exchange->on_drain = on_drain;
}

void http_stream_end(struct http_exchange *exchange)
{
    struct iovec last = part_of("0\r\n\r\n", 5);

    assert(exchange->streaming);
    if (exchange->minor_version > 0 && !exchange->head_only)
        http_conn_send(exchange, &last, 1);
    end_exchange(exchange);
}

void http_cut(struct http_exchange *exchange)
{
    assert(exchange->answering);
    exchange->on_close = NULL;
    http_conn_close(exchange);
}
