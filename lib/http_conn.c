/* The life of a connection: what it waits for, what it reads, and how requests follow each other.
 *
 * A connection is always in one queue of its server; http_conn_wait() is the only place that moves
 * it, and sets deadline and events with it. Bytes are read into the server's one buffer; only what
 * is incomplete, or sent ahead of a pending answer, is kept in a private http_partial.
 * http_conn_feed() takes request after request out of the bytes until one stays pending: answering
 * inside the handler costs no stack, answering later puts the connection into HTTP_WAIT_READY and
 * the end of the turn goes on with it.
 *
 * The end: http_conn_close() closes the socket at once, calls on_close when an exchange was open,
 * and gives the memory to loop_free_later(), because a handler may be on the call stack. After
 * every call of a handler look at `closed` first. */
#include "http_conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

void http_message_free(void *arg)
{
    struct http_message *message = arg;

    if (message)
        free(message->bytes);
    free(message);
}

void http_conn_hold(struct http_exchange *conn)
{
    size_t held = 0;

    if (conn->partial)
        held += sizeof(*conn->partial) + conn->partial->bytes.allocated;
    if (conn->unsent)
        held += conn->unsent->allocated;
    if (conn->message)
        held += conn->message->request.body.n;
    conn->server->counts.held_bytes = conn->server->counts.held_bytes - conn->held_bytes + held;
    conn->held_bytes = held;
}

void http_conn_drop_partial(struct http_exchange *conn)
{
    if (!conn->partial)
        return;
    buf_deinit(&conn->partial->bytes);
    free(conn->partial);
    conn->partial = NULL;
    http_conn_hold(conn);
}

void http_conn_account(struct http_exchange *conn)
{
    const struct http_options *options = &conn->server->options;
    const struct http_ending ending = {.status = conn->status,
                                       .stream = conn->streaming,
                                       .bytes = conn->written_bytes,
                                       .us = clock_monotonic_us() - conn->begun_us};

    if (conn->counted && options->on_end)
        options->on_end(conn, &ending, options->arg);
    conn->counted = false;
    conn->note = NULL;
}

void http_conn_close(struct http_exchange *conn)
{
    struct http_server *server = conn->server;
    void (*on_close)(void *user) = conn->on_close;

    if (conn->closed)
        return;
    if (conn->corked)
        http_conn_flush(conn);
    conn->closed = true;
    http_conn_account(conn);
    int fd = event_get_fd(&conn->event);
    (void)event_del(&conn->event);
    (void)close(fd);
    TAILQ_REMOVE(&server->queues[conn->wait].list, conn, link);
    http_conn_drop_partial(conn);
    http_message_free(STEAL(conn->message));
    http_conn_drop_unsent(conn);
    http_conn_hold(conn);
    conn->on_close = NULL;
    http_address_leave(server, STEAL(conn->address));
    loop_free_later(server->loop, conn, free);
    http_server_conn_gone(server);
    if (on_close)
        on_close(conn->user);
}

/* Events. */

static short wanted_events(const struct http_exchange *conn)
{
    short wanted = http_conn_unsent(conn) > 0 ? EV_WRITE : 0;

    switch ((enum http_wait)conn->wait) {
    case HTTP_WAIT_IDLE:
    case HTTP_WAIT_HEAD:
    case HTTP_WAIT_BODY:
    case HTTP_WAIT_STREAM:
    case HTTP_WAIT_LINGER: return wanted | EV_READ;
    case HTTP_WAIT_ANSWER:
        return conn->partial && conn->partial->bytes.n >= HTTP_AHEAD_BYTES ? wanted
                                                                           : wanted | EV_READ;
    case HTTP_WAIT_HALF_CLOSED:
    case HTTP_WAIT_READY: return wanted;
    case HTTP_WAIT_WRITE: return conn->streaming ? wanted | EV_READ : wanted;
    case HTTP_WAIT_COUNT_: break;
    }
    return wanted;
}

static void on_event(evutil_socket_t fd, short what, void *arg);

void http_conn_events(struct http_exchange *conn)
{
    short wanted = wanted_events(conn);

    if (wanted == conn->interest)
        return;
    int fd = event_get_fd(&conn->event);
    if (conn->interest)
        (void)event_del(&conn->event);
    conn->interest = wanted;
    (void)event_assign(&conn->event, loop_base(conn->server->loop), fd, wanted | EV_PERSIST,
                       on_event, conn);
    if (wanted)
        (void)event_add(&conn->event, NULL);
}

void http_conn_wait(struct http_exchange *conn, enum http_wait wait)
{
    struct http_queue *queue = &conn->server->queues[wait];

    if (conn->closed || (conn->broken && wait != HTTP_WAIT_READY))
        return;
    TAILQ_REMOVE(&conn->server->queues[conn->wait].list, conn, link);
    TAILQ_INSERT_TAIL(&queue->list, conn, link);
    conn->wait = (uint8_t)wait;
    if (queue->ms > 0) {
        conn->due_ms = clock_monotonic_ms() + queue->ms;
        if (!loop_timer_armed(&queue->timer))
            loop_timer_set(&queue->timer, queue->ms);
    }
    if (wait == HTTP_WAIT_READY)
        loop_later_set(&conn->server->ready, conn->server->loop);
    http_conn_events(conn);
}

/* A close with unread bytes would be a reset, and a reset eats the answer: what still comes is
 * dropped for a while. */
static void linger(struct http_exchange *conn)
{
    if (conn->eof) {
        http_conn_close(conn);
        return;
    }
    (void)shutdown(event_get_fd(&conn->event), SHUT_WR);
    http_conn_drop_partial(conn);
    http_conn_wait(conn, HTTP_WAIT_LINGER);
}

void http_conn_next(struct http_exchange *conn)
{
    if (conn->close_after)
        linger(conn);
    else if (conn->feeding)
        return;
    else if (conn->partial)
        http_conn_wait(conn, HTTP_WAIT_READY);
    else if (conn->eof)
        http_conn_close(conn);
    else
        http_conn_wait(conn, HTTP_WAIT_IDLE);
}

/* Reading. */

static void on_eof(struct http_exchange *conn)
{
    conn->eof = true;
    /* A plain request may still want its answer from behind a half-closed socket. */
    if (conn->wait == HTTP_WAIT_ANSWER)
        http_conn_wait(conn, HTTP_WAIT_HALF_CLOSED);
    else
        http_conn_close(conn);
}

static void on_bytes(struct http_exchange *conn, struct span bytes)
{
    switch ((enum http_wait)conn->wait) {
    case HTTP_WAIT_IDLE:
    case HTTP_WAIT_HEAD:
    case HTTP_WAIT_BODY: http_conn_feed(conn, bytes); return;
    case HTTP_WAIT_ANSWER:
        http_conn_keep(conn, NULL, bytes);
        http_conn_events(conn);
        return;
    case HTTP_WAIT_STREAM:
    case HTTP_WAIT_WRITE:
        conn->close_after = true;
        if (conn->raw)
            conn->on_bytes(bytes, conn->user);
        return;
    case HTTP_WAIT_LINGER:
    case HTTP_WAIT_HALF_CLOSED:
    case HTTP_WAIT_READY:
    case HTTP_WAIT_COUNT_: return;
    }
}

static void on_readable(struct http_exchange *conn)
{
    char *bytes = conn->server->bytes;
    size_t max_bytes = conn->raw ? HTTP_RAW_BYTES : HTTP_READ_BYTES;

    if (conn->wait == HTTP_WAIT_ANSWER) {
        size_t ahead = conn->partial ? conn->partial->bytes.n : 0;
        if (ahead >= HTTP_AHEAD_BYTES)
            return;
        max_bytes = HTTP_AHEAD_BYTES - ahead;
    }
    ssize_t n = read(event_get_fd(&conn->event), bytes, max_bytes);
    if (n > 0)
        on_bytes(conn, (struct span){bytes, (size_t)n});
    else if (n == 0)
        on_eof(conn);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        http_conn_close(conn);
}

static void on_writable(struct http_exchange *conn)
{
    size_t before = http_conn_unsent(conn);

    http_conn_flush(conn);
    if (conn->broken)
        return;
    if (http_conn_unsent(conn) > 0) {
        if (conn->wait == HTTP_WAIT_WRITE && http_conn_unsent(conn) < before)
            http_conn_wait(conn, HTTP_WAIT_WRITE);
    } else if (conn->wait != HTTP_WAIT_WRITE) {
        http_conn_events(conn);
    } else if (!conn->streaming) {
        http_conn_next(conn);
    } else {
        http_conn_wait(conn, HTTP_WAIT_STREAM);
        if (conn->refused && conn->on_drain) {
            conn->refused = false;
            conn->on_drain(conn->user);
        }
    }
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct http_exchange *conn = arg;

    (void)fd;
    if (conn->wait == HTTP_WAIT_READY)
        return;
    if (what & EV_WRITE)
        on_writable(conn);
    if (what & EV_READ && !conn->closed && conn->interest & EV_READ &&
        conn->wait != HTTP_WAIT_READY)
        on_readable(conn);
}

/* Its last words get as much time again. */
static void on_stall(struct http_exchange *conn)
{
    void (*tell)(void *user) = conn->on_stall;

    conn->on_stall = NULL;
    if (tell && conn->streaming) {
        tell(conn->user);
        return;
    }
    conn->server->counts.stalled++;
    http_conn_close(conn);
}

void http_conn_on_deadline(struct http_exchange *conn)
{
    if (conn->wait == HTTP_WAIT_WRITE) {
        on_stall(conn);
        return;
    }
    if (conn->wait != HTTP_WAIT_HEAD && conn->wait != HTTP_WAIT_BODY) {
        http_conn_close(conn);
        return;
    }
    http_conn_begin(conn);
    conn->minor_version = 1;
    conn->head_only = false;
    http_conn_refuse(conn, 408, "The request took too long to arrive");
}

void http_conn_on_ready(struct http_exchange *conn)
{
    if (conn->broken)
        http_conn_close(conn);
    else
        http_conn_feed(conn, SPAN(""));
}

void http_conn_new(struct http_server *server, int fd, struct http_address *address)
{
    struct http_exchange *conn = xcalloc(1, sizeof(*conn));

    conn->server = server;
    conn->address = address;
    conn->minor_version = 1;
    conn->wait = HTTP_WAIT_IDLE;
    server->n_connections++;
    TAILQ_INSERT_TAIL(&server->queues[HTTP_WAIT_IDLE].list, conn, link);
    (void)event_assign(&conn->event, loop_base(server->loop), fd, EV_READ | EV_PERSIST, on_event,
                       conn);
    http_conn_wait(conn, HTTP_WAIT_IDLE);
}
