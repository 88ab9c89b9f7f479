/* mirror: shows what the door's HTTP and WebSocket layers understood, for the test suites of others
 * (request smuggling, Autobahn). Never part of the product.
 *
 *     mirror [--port N] [--raw]     prints its port once it listens, on 127.0.0.1
 *
 * Any method and path is answered with 200 and the request as one JSON object, all values in
 * base64: headers (pairs, in order, as sent), body (decoded), uri (as sent), method, version. With
 * --raw the answer is the body. /ws echoes text and binary messages when it is asked for a
 * WebSocket. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base64.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "loop.h"
#include "text.h"
#include "ws.h"

#define MAX_BODY_BYTES ((size_t)64 << 20)
/* Base64 of a body, or echoes that wait for their reader. */
#define MAX_ANSWER_BYTES ((size_t)256 << 20)
#define HEADERS_MAX_BYTES 1024

struct mirror {
    struct loop *loop;
    bool raw;
};

/* A WebSocket. */
struct socket {
    struct mirror *mirror;
    struct http_exchange *exchange;
    struct ws *ws;
    bool unread; /* an echo was refused: its client does not read */
};

/* ---- /ws ---- */

static void on_close(void *user)
{
    struct socket *socket = user;

    socket->ws = ws_free(socket->ws);
    /* ws_take() may be on the call stack. */
    loop_free_later(socket->mirror->loop, socket, free);
}

static void on_message(enum ws_opcode opcode, struct span message, void *arg)
{
    struct socket *socket = arg;
    struct buf frame;

    buf_init(&frame, MAX_ANSWER_BYTES);
    ws_frame(&frame, opcode, message);
    if (http_stream_write(socket->exchange, buf_span(&frame)) == SIZE_MAX)
        socket->unread = true;
    buf_deinit(&frame);
}

static void on_bytes(struct span bytes, void *user)
{
    struct socket *socket = user;
    struct http_exchange *exchange = socket->exchange;
    int r = ws_take(socket->ws, bytes);
    bool unread = socket->unread;

    if (r == 0 && !unread)
        return;
    http_set_user(exchange, NULL, NULL);
    on_close(socket);
    if (r == -EPIPE && !unread)
        http_stream_end(exchange);
    else
        http_cut(exchange);
}

static void open_socket(struct mirror *mirror, struct http_exchange *exchange)
{
    struct socket *socket = xcalloc(1, sizeof(*socket));
    struct error error = {0};
    struct buf headers;

    buf_init(&headers, HEADERS_MAX_BYTES);
    *socket = (struct socket){.mirror = mirror, .exchange = exchange};
    if (ws_handshake(exchange, &headers, &error) < 0) {
        http_respond(exchange, 400, "text/plain", "Sec-WebSocket-Version: 13\r\n",
                     span_of(error.message));
        free(socket);
    } else {
        http_set_user(exchange, socket, on_close);
        if (http_upgrade(exchange, headers.at, on_bytes)) {
            socket->ws = ws_new(exchange, MAX_BODY_BYTES, on_message, socket);
        } else {
            http_set_user(exchange, NULL, NULL);
            http_respond(exchange, 400, NULL, NULL, SPAN("sent ahead of the handshake"));
            free(socket);
        }
    }
    buf_deinit(&headers);
}

/* ---- the request as JSON ---- */

static void add_base64(struct buf *out, struct span bytes)
{
    char *text CLEANUP(charp_freep) = base64_text(bytes);

    buf_add_char(out, '"');
    buf_add_text(out, text);
    buf_add_char(out, '"');
}

static void add_member(struct buf *out, const char *name, struct span bytes)
{
    buf_addf(out, ",\"%s\":", name);
    add_base64(out, bytes);
}

static void add_request(struct buf *out, const struct http_request *request)
{
    buf_add_text(out, "{\"headers\":[");
    for (size_t i = 0; i < request->n_headers; i++) {
        buf_add_text(out, i > 0 ? ",[" : "[");
        add_base64(out, request->headers[i].name);
        buf_add_char(out, ',');
        add_base64(out, request->headers[i].value);
        buf_add_char(out, ']');
    }
    buf_add_char(out, ']');
    add_member(out, "body", request->body);
    add_member(out, "uri", request->target);
    add_member(out, "method", request->method);
    add_member(out, "version", request->minor_version > 0 ? SPAN("HTTP/1.1") : SPAN("HTTP/1.0"));
    buf_add_char(out, '}');
}

static void on_request(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_request(exchange);
    struct mirror *mirror = arg;
    struct buf body;

    if (span_equal(request->path, SPAN("/ws")) && ws_asked(exchange)) {
        open_socket(mirror, exchange);
        return;
    }
    if (mirror->raw) {
        http_respond(exchange, 200, "application/octet-stream", NULL, request->body);
        return;
    }
    buf_init(&body, MAX_ANSWER_BYTES);
    add_request(&body, request);
    http_respond(exchange, 200, "application/json", NULL, buf_span(&body));
    buf_deinit(&body);
}

/* A request that names no body has none, whatever its method. */
static size_t max_body(const struct http_request *request, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < request->n_headers; i++)
        if (text_equal_nocase(request->headers[i].name, SPAN("content-length")) ||
            text_equal_nocase(request->headers[i].name, SPAN("transfer-encoding")))
            return MAX_BODY_BYTES;
    return 0;
}

/* ---- the program ---- */

static void on_signal(void *arg)
{
    loop_stop(arg);
}

static bool read_arguments(char **argv, uint64_t *port, bool *raw)
{
    for (char **at = argv + 1; *at; at++) {
        struct span word = span_of(*at);

        if (span_equal(word, SPAN("--raw")))
            *raw = true;
        else if (!span_equal(word, SPAN("--port")) || !at[1] ||
                 text_to_u64(span_of(*++at), UINT16_MAX, port) < 0)
            return false;
    }
    return true;
}

static int serve(struct mirror *mirror, uint64_t port)
{
    CLEANUP(http_server_freep) struct http_server *server = NULL;
    char *listen CLEANUP(charp_freep) = xprintf("127.0.0.1:%u", (unsigned)port);
    const struct http_options options = {.listen = listen,
                                         .max_unsent_bytes = MAX_ANSWER_BYTES,
                                         .any_method = true,
                                         .on_request = on_request,
                                         .max_body = max_body,
                                         .arg = mirror};
    struct error error = {0};

    if (http_server_new(mirror->loop, &options, &server, &error) < 0) {
        (void)fprintf(stderr, "mirror: %s\n", error.message);
        return EXIT_FAILURE;
    }
    loop_on_signal(mirror->loop, on_signal, mirror->loop);
    printf("%u\n", (unsigned)http_server_port(server));
    (void)fflush(stdout);
    loop_run(mirror->loop);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct mirror mirror = {0};
    uint64_t port = 0;

    (void)argc;
    if (!read_arguments(argv, &port, &mirror.raw)) {
        (void)fputs("usage: mirror [--port N] [--raw]\n", stderr);
        return EXIT_FAILURE;
    }
    mirror.loop = loop_new();
    int status = serve(&mirror, port);
    mirror.loop = loop_free(mirror.loop);
    return status;
}
