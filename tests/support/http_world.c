/* The handler of the test server, and clients that never block. */
#include "http_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "text.h"

static void on_close(void *user)
{
    ((struct world *)user)->n_closed++;
}

void on_drain(void *user)
{
    ((struct world *)user)->n_drained++;
}

void on_server_drained(void *arg)
{
    ((struct world *)arg)->server_drained = true;
}

static void on_request(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_request(exchange);
    struct world *world = arg;

    world->n_requests++;
    (void)snprintf(world->id, sizeof(world->id), "%s", http_request_id(exchange));
    http_set_user(exchange, world, on_close);
    if (text_starts(request->path, "/echo")) {
        http_respond(exchange, 200, "text/plain", "X-Extra: 1\r\n",
                     request->body.n > 0 ? request->body : request->path);
    } else if (span_equal(request->path, SPAN("/none"))) {
        http_respond(exchange, 204, NULL, NULL, SPAN(""));
    } else if (span_equal(request->path, SPAN("/cut"))) {
        http_cut(exchange);
    } else if (span_equal(request->path, SPAN("/free"))) {
        world->server = http_server_free(world->server);
    } else if (span_equal(request->path, SPAN("/query"))) {
        char value[8];
        bool present = false, good = http_query(exchange, "b", value, sizeof(value), &present);
        struct span answer = good ? span_of(value) : present ? SPAN("(bad)") : SPAN("(missing)");
        http_respond(exchange, 200, NULL, NULL, answer);
    } else {
        ck_assert_uint_lt(world->n_pending, ARRAY_SIZE(world->pending));
        world->pending[world->n_pending++] = exchange;
        if (span_equal(request->path, SPAN("/stream")))
            http_stream_begin(exchange, 200, "text/event-stream", NULL);
    }
}

static size_t max_body(const struct http_request *request, void *arg)
{
    (void)arg;
    if (span_equal(request->path, SPAN("/none")))
        return 0;
    return span_equal(request->path, SPAN("/later")) ? 1 << 20 : MAX_BODY_BYTES;
}

void world_start(struct world *world, struct http_options options)
{
    struct error error = {0};

    *world = (struct world){.loop = loop_new()};
    if (!options.listen)
        options.listen = "127.0.0.1:0";
    options.on_request = on_request;
    options.max_body = max_body;
    options.arg = world;
    ck_assert_msg(http_server_new(world->loop, &options, &world->server, &error) == 0, "%s",
                  error.message);
}

void world_stop(struct world *world)
{
    world->server = http_server_free(world->server);
    world->loop = loop_free(world->loop);
}

void client_open_from(struct client *client, struct world *world, const char *from)
{
    const struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(from)};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(world->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *client = (struct client){.world = world};
    buf_init(&client->in, (size_t)64 << 20);
    buf_add(&client->in, "", 0);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client->fd, 0);
    ck_assert_int_eq(bind(client->fd, (const struct sockaddr *)&own, sizeof(own)), 0);
    ck_assert_int_eq(connect(client->fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
}

void client_open(struct client *client, struct world *world)
{
    client_open_from(client, world, "127.0.0.1");
}

void client_close(struct client *client)
{
    (void)close(client->fd);
    buf_deinit(&client->in);
}

void client_send(struct client *client, struct span bytes)
{
    ck_assert_int_eq(send(client->fd, bytes.at, bytes.n, MSG_NOSIGNAL), (ssize_t)bytes.n);
}

void client_send_all(struct client *client, struct span bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(client->fd, bytes.at, bytes.n, MSG_NOSIGNAL);

        ck_assert(n > 0 || errno == EAGAIN);
        if (n > 0)
            bytes = (struct span){bytes.at + n, bytes.n - (size_t)n};
        loop_turn(client->world->loop, 0);
    }
}

void client_read(struct client *client)
{
    ssize_t n;

    while ((n = read(client->fd, buf_room(&client->in, 65536), 65536)) > 0)
        buf_grew(&client->in, (size_t)n);
    if (n == 0 || errno != EAGAIN)
        client->eof = true;
}

/* No strstr(): under the sanitizers it measures the whole rest at each call. */
size_t count_text(const struct client *client, const char *text)
{
    size_t length = strlen(text), n = 0;
    const char *at = client->in.at, *end = at + client->in.n;

    while ((at = memchr(at, text[0], (size_t)(end - at)))) {
        if ((size_t)(end - at) >= length && memcmp(at, text, length) == 0)
            n++;
        at++;
    }
    return n;
}

bool has_text(struct client *client, const char *text)
{
    client_read(client);
    return count_text(client, text) > 0;
}

bool is_closed(struct client *client)
{
    client_read(client);
    return client->eof;
}
