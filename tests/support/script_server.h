#pragma once
/* A server for tests of HTTP clients: it lives on the test's own loop, reads whole requests on raw
 * sockets and answers the n-th with the n-th scripted bytes. What the bytes are is up to the test:
 * nothing is checked. */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "loop.h"
#include "text.h"

#define SCRIPT_CONNECTIONS 16

struct script_answer {
    const char *bytes; /* NULL: the server says nothing */
    bool close;        /* hangs up afterwards */
};

struct script_connection {
    struct script_server *server;
    int fd;
    struct event *event;
    struct buf in;
};

struct script_server {
    struct loop *loop;
    int fd;
    unsigned port;
    struct event *event;
    const struct script_answer *answers;
    size_t n_answers, n_requests, n_connections, n_closed_by_client;
    struct script_connection connections[SCRIPT_CONNECTIONS];
    struct buf requests; /* all of them, head and body */
};

static inline void script_hang_up(struct script_connection *connection)
{
    if (connection->fd < 0)
        return;
    event_free(connection->event);
    (void)close(connection->fd);
    connection->fd = -1;
    buf_deinit(&connection->in);
}

/* Bytes of the first whole request in the buffer, 0 when it is not whole yet. */
static inline size_t script_request_bytes(const struct buf *in)
{
    struct span rest = buf_span(in), line;
    const char *end = memmem(rest.at, rest.n, "\r\n\r\n", 4);
    uint64_t n_body = 0;

    if (!end)
        return 0;
    size_t n_head = (size_t)(end - rest.at) + 4;
    rest.n = n_head;
    while (text_next(&rest, '\n', &line)) {
        struct span name = SPAN("content-length:");

        if (line.n > name.n && text_equal_nocase((struct span){line.at, name.n}, name)) {
            struct span digits = text_trim((struct span){line.at + name.n, line.n - name.n});

            digits.n -= digits.at[digits.n - 1] == '\r';
            ck_assert_int_eq(text_to_u64(digits, 1 << 20, &n_body), 0);
        }
    }
    return in->n >= n_head + n_body ? n_head + n_body : 0;
}

static inline void script_reply(struct script_connection *connection)
{
    struct script_server *server = connection->server;

    ck_assert_msg(server->n_requests < server->n_answers, "a request too many");
    const struct script_answer *answer = &server->answers[server->n_requests++];
    if (answer->bytes) {
        size_t n = strlen(answer->bytes);

        ck_assert_int_eq(send(connection->fd, answer->bytes, n, MSG_NOSIGNAL), (ssize_t)n);
    }
    if (answer->close)
        script_hang_up(connection);
}

static inline void script_on_bytes(evutil_socket_t fd, short what, void *arg)
{
    struct script_connection *connection = arg;
    char bytes[16384];
    ssize_t n_read = recv(fd, bytes, sizeof(bytes), 0);

    (void)what;
    if (n_read <= 0) {
        connection->server->n_closed_by_client++;
        script_hang_up(connection);
        return;
    }
    buf_add(&connection->in, bytes, (size_t)n_read);
    size_t n = script_request_bytes(&connection->in);
    if (n == 0)
        return;
    buf_add(&connection->server->requests, connection->in.at, n);
    buf_drop(&connection->in, n);
    script_reply(connection);
}

static inline void script_on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct script_server *server = arg;
    struct script_connection *connection = &server->connections[server->n_connections++];

    (void)what;
    ck_assert_uint_le(server->n_connections, SCRIPT_CONNECTIONS);
    connection->server = server;
    connection->fd = accept(fd, NULL, NULL);
    ck_assert_int_ge(connection->fd, 0);
    buf_init(&connection->in, 1 << 21);
    connection->event = event_new(loop_base(server->loop), connection->fd, EV_READ | EV_PERSIST,
                                  script_on_bytes, connection);
    ck_assert_int_eq(event_add(connection->event, NULL), 0);
}

static inline void script_server_init(struct script_server *server, struct loop *loop,
                                      const struct script_answer *answers, size_t n_answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);

    *server = (struct script_server){.loop = loop, .answers = answers, .n_answers = n_answers};
    for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++)
        server->connections[i].fd = -1;
    buf_init(&server->requests, 1 << 22);
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(server->fd, 0);
    ck_assert_int_eq(bind(server->fd, (struct sockaddr *)&address, n), 0);
    ck_assert_int_eq(listen(server->fd, 16), 0);
    ck_assert_int_eq(getsockname(server->fd, (struct sockaddr *)&address, &n), 0);
    server->port = ntohs(address.sin_port);
    server->event =
        event_new(loop_base(loop), server->fd, EV_READ | EV_PERSIST, script_on_accept, server);
    ck_assert_int_eq(event_add(server->event, NULL), 0);
}

static inline void script_server_deinit(struct script_server *server)
{
    for (size_t i = 0; i < SCRIPT_CONNECTIONS; i++)
        script_hang_up(&server->connections[i]);
    event_free(server->event);
    (void)close(server->fd);
    buf_deinit(&server->requests);
}

/* Turns the loop until the condition holds; the test fails after 10 s. */
#define TURN_UNTIL(loop, condition)                                                                \
    do {                                                                                           \
        int64_t deadline_ms_ = clock_monotonic_ms() + 10000;                                       \
        while (!(condition)) {                                                                     \
            ck_assert_msg(clock_monotonic_ms() < deadline_ms_, "never: %s", #condition);           \
            loop_turn(loop, 100);                                                                  \
        }                                                                                          \
    } while (0)
