/* A client of the whole engine: what it sends arrives in pieces as large as the first byte says,
 * its requests are answered at once, later, by a stream or by a WebSocket, and it leaves by closing
 * or by half closing. Whatever it sends: it gets whole answers only, and afterwards nothing is left
 * of it, no connection and no byte. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "error.h"
#include "http.h"
#include "loop.h"
#include "text.h"
#include "ws.h"

#define MAX_INPUT_BYTES 65536
#define MAX_TURNS 10000
#define HEADERS_BYTES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct {
    struct loop *loop;
    struct http_server *server;
    struct sockaddr_un address;
    socklen_t address_n;
    struct http_exchange *pending; /* answered at the end of the turn */
    struct http_exchange *upgraded;
    struct ws *ws;
} world;

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void on_gone(void *user)
{
    (void)user;
    world.pending = NULL;
}

static void on_socket_gone(void *user)
{
    (void)user;
    world.ws = ws_free(world.ws);
}

static void on_bytes(struct span bytes, void *user)
{
    int r = ws_take(world.ws, bytes);

    if (r == 0)
        return;
    http_set_user(world.upgraded, NULL, NULL);
    on_socket_gone(user);
    if (r == -EPIPE)
        http_stream_end(world.upgraded);
    else
        http_cut(world.upgraded);
}

static void upgrade(struct http_exchange *exchange)
{
    struct error error = {0};
    struct buf headers;

    buf_init(&headers, HEADERS_BYTES);
    world.upgraded = exchange;
    if (ws_handshake(exchange, &headers, &error) < 0) {
        http_respond(exchange, 400, NULL, NULL, span_of(error.message));
    } else if (!http_upgrade(exchange, headers.at, on_bytes)) {
        http_respond(exchange, 400, NULL, NULL, SPAN("too early"));
    } else {
        world.ws = ws_new(exchange, WS_MAX_MESSAGE_BYTES, NULL, NULL);
        http_set_user(exchange, &world, on_socket_gone);
    }
    buf_deinit(&headers);
}

static void on_request(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_request(exchange);

    (void)arg;
    if (text_starts(request->path, "/later")) {
        world.pending = exchange;
        http_set_user(exchange, &world, on_gone);
    } else if (text_starts(request->path, "/stream")) {
        struct span body = request->body;
        char *copy CLEANUP(charp_freep) = xspandup(body);

        http_stream_begin(exchange, 200, "text/plain", NULL);
        (void)http_stream_write(exchange, (struct span){copy, body.n});
        http_stream_end(exchange);
    } else if (text_starts(request->path, "/ws")) {
        upgrade(exchange);
    } else {
        http_respond(exchange, 200, "text/plain", NULL, request->body);
    }
}

static void start(void)
{
    struct error error = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    world.address.sun_family = AF_UNIX;
    world.address_n = sizeof(world.address);
    /* Without a path the kernel chooses a name. */
    must(fd > 0 && bind(fd, (const struct sockaddr *)&world.address, sizeof(sa_family_t)) == 0);
    must(getsockname(fd, (struct sockaddr *)&world.address, &world.address_n) == 0);
    must(listen(fd, 16) == 0);
    world.loop = loop_new();
    const struct http_options options = {
        .listen_fd = fd, .max_head_bytes = 2048, .any_method = true, .on_request = on_request};
    must(http_server_new(world.loop, &options, &world.server, &error) == 0);
}

/* One turn, the answer to who waits for one, and the client takes what there is. */
static void turn(int client, int max_ms)
{
    static char drop[65536];

    loop_turn(world.loop, max_ms);
    struct http_exchange *pending = world.pending;
    world.pending = NULL;
    if (pending)
        http_respond(pending, 200, "text/plain", NULL, SPAN("later"));
    while (client >= 0 && recv(client, drop, sizeof(drop), MSG_DONTWAIT) > 0)
        ;
}

static void say(int client, const uint8_t *data, size_t n, size_t piece)
{
    for (size_t at = 0; at < n; at += piece) {
        size_t length = n - at < piece ? n - at : piece;

        if (send(client, data + at, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            return;
        turn(client, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > MAX_INPUT_BYTES)
        return 0;
    if (!world.loop)
        start();
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(client >= 0 &&
         connect(client, (const struct sockaddr *)&world.address, world.address_n) == 0);
    turn(client, 0);
    say(client, data + 1, n - 1, (size_t)(data[0] >> 1) * 8 + 1);
    if (data[0] & 1) {
        (void)shutdown(client, SHUT_WR);
        turn(client, 0);
        turn(client, 0);
    }
    (void)close(client);
    for (size_t i = 0; http_server_connections(world.server) > 0; i++) {
        must(i < MAX_TURNS);
        turn(-1, 1);
    }
    must(http_server_counts(world.server)->held_bytes == 0 && !world.pending && !world.ws);
    return 0;
}
