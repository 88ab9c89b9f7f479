/* The queue of what a socket did not take, and corking.
 *
 * An answer goes to the socket first; only the rest is copied into the connection's queue, and only
 * then does the connection ask for EV_WRITE. What a stream writes within one turn is corked: kept
 * in the queue until the turn or the stream ends, or it becomes much, so that it costs one system
 * call. Corked bytes are not unsent: no limit counts them, and nobody waits for the socket because
 * of them. A write that fails drops the queue, marks the connection broken, and the end of the turn
 * closes it: no caller is called back from inside. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http_conn.h"

/* Kept until the end of the turn; more goes to the socket at once. */
#define CORK_BYTES 16384
/* What frames the last chunk of it. */
#define UNSENT_FRAME_BYTES 32
/* Of the first piece: head and first events of most streams. */
#define CORK_FIRST_BYTES 2000

size_t http_conn_unsent(const struct http_exchange *conn)
{
    return conn->unsent && !conn->corked ? conn->unsent->n - conn->unsent->at : 0;
}

static void leave_cork(struct http_exchange *conn)
{
    if (conn->corked)
        TAILQ_REMOVE(&conn->server->corked, conn->unsent, corked);
    conn->corked = false;
}

static struct http_unsent *unsent_of(struct http_exchange *conn)
{
    if (!conn->unsent) {
        conn->unsent = xcalloc(1, sizeof(*conn->unsent));
        conn->unsent->conn = conn;
    }
    return conn->unsent;
}

static void keep_unsent(struct http_exchange *conn, const char *data, size_t n)
{
    struct http_unsent *unsent = unsent_of(conn);

    if (unsent->n + n > unsent->allocated && unsent->at > 0) {
        memmove(unsent->bytes, unsent->bytes + unsent->at, unsent->n - unsent->at);
        unsent->n -= unsent->at;
        unsent->at = 0;
    }
    if (unsent->n + n > unsent->allocated) {
        /* The first rest is usually the only one: exactly its size. A stream that is behind gets
         * no room for more than it may have. */
        size_t max_bytes = conn->server->options.max_unsent_bytes + UNSENT_FRAME_BYTES;
        size_t wanted = unsent->allocated * 2;

        if (wanted > max_bytes)
            wanted = max_bytes;
        if (wanted < unsent->n + n)
            wanted = unsent->n + n;
        unsent->bytes = xrealloc(unsent->bytes, wanted);
        unsent->allocated = wanted;
    }
    memcpy(unsent->bytes + unsent->n, data, n);
    unsent->n += n;
}

void http_conn_drop_unsent(struct http_exchange *conn)
{
    if (!conn->unsent)
        return;
    leave_cork(conn);
    free(conn->unsent->bytes);
    free(conn->unsent);
    conn->unsent = NULL;
}

static void mark_broken(struct http_exchange *conn)
{
    conn->broken = true;
    http_conn_drop_unsent(conn);
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
        conn->written_bytes += parts[i].iov_len;
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
    leave_cork(conn);
    struct iovec rest = {unsent->bytes + unsent->at, unsent->n - unsent->at};
    ssize_t sent = send_parts(conn, &rest, 1);
    if (sent < 0) {
        mark_broken(conn);
        return;
    }
    unsent->at += (size_t)sent;
    if (unsent->at == unsent->n)
        http_conn_drop_unsent(conn);
    http_conn_hold(conn);
}

/* Corking. */

static void cork(struct http_exchange *conn, const struct iovec *parts, int n_parts)
{
    struct http_unsent *unsent = unsent_of(conn);

    if (!conn->corked) {
        unsent->bytes = xrealloc(NULL, CORK_FIRST_BYTES);
        unsent->allocated = CORK_FIRST_BYTES;
        TAILQ_INSERT_TAIL(&conn->server->corked, unsent, corked);
        conn->corked = true;
        loop_later_set(&conn->server->uncork, conn->server->loop);
    }
    for (int i = 0; i < n_parts; i++) {
        conn->written_bytes += parts[i].iov_len;
        keep_unsent(conn, parts[i].iov_base, parts[i].iov_len);
    }
    http_conn_hold(conn);
}

static void uncork(struct http_exchange *conn)
{
    http_conn_flush(conn);
    if (http_conn_unsent(conn) > 0)
        http_conn_wait(conn, HTTP_WAIT_WRITE);
}

void http_server_uncork(void *arg)
{
    struct http_server *server = arg;
    struct http_unsent *unsent;

    while ((unsent = TAILQ_FIRST(&server->corked)))
        uncork(unsent->conn);
}

void http_conn_make_room(struct http_exchange *conn, size_t n)
{
    if (conn->corked && conn->unsent->n + n > CORK_BYTES)
        uncork(conn);
}

void http_conn_send_stream(struct http_exchange *conn, const struct iovec *parts, int n_parts)
{
    size_t n = 0;

    if (conn->broken || conn->closed)
        return;
    for (int i = 0; i < n_parts; i++)
        n += parts[i].iov_len;
    http_conn_make_room(conn, n);
    if (http_conn_unsent(conn) == 0 && n <= CORK_BYTES) {
        cork(conn, parts, n_parts);
        return;
    }
    bool waits = http_conn_unsent(conn) > 0;
    http_conn_send(conn, parts, n_parts);
    if (!waits && http_conn_unsent(conn) > 0)
        http_conn_wait(conn, HTTP_WAIT_WRITE);
}
