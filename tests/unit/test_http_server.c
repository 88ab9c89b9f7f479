/* The server around its connections: deadlines, limits, draining, addresses. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "http_world.h"
#include "main.h"

START_TEST(deadlines_end_slow_requests_and_idle_connections)
{
    static const struct {
        const char *bytes, *answer;
    } rows[] = {
        {"",                                                       NULL          },
        {"\r\n",                                                   NULL          },
        {"GET / HTTP/1.1\r\nHo",                                   "HTTP/1.1 408"},
        {"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" HOST "he", "HTTP/1.1 408"},
    };
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){.idle_ms = 40, .head_ms = 40, .body_ms = 40});
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        client_open(&client, &world);
        client_send(&client, span_of(rows[i].bytes));
        UNTIL(&world, is_closed(&client));
        ck_assert_msg(rows[i].answer ? count_text(&client, rows[i].answer) == 1 : client.in.n == 0,
                      "row %zu", i);
        client_close(&client);
    }
    world_stop(&world);
}
END_TEST

START_TEST(a_slow_head_is_not_saved_by_a_byte_now_and_then)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){.head_ms = 100});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /echo HTTP/1.1\r\nX: "));
    int64_t from_ms = clock_monotonic_ms();
    for (int64_t sent_ms = 0, now_ms = from_ms; !has_text(&client, "HTTP/1.1 408");
         now_ms = clock_monotonic_ms()) {
        ck_assert_int_lt(now_ms - from_ms, 1000);
        if (now_ms - sent_ms >= 10)
            client_send(&client, SPAN("x"));
        if (now_ms - sent_ms >= 10)
            sent_ms = now_ms;
        loop_turn(world.loop, 2);
    }
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(over_the_connection_limit_the_longest_idle_one_makes_room)
{
    struct client busy, idle, last, waiting;
    struct world world;

    world_start(&world, (struct http_options){.max_connections = 2});
    client_open(&busy, &world);
    client_send(&busy, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    client_open(&idle, &world);
    UNTIL(&world, http_server_connections(world.server) == 2);
    client_open(&last, &world);
    client_send(&last, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 2);
    ck_assert(is_closed(&idle));
    /* Nobody is idle now: the next one has to wait. */
    client_open(&waiting, &world);
    client_send(&waiting, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    loop_turn(world.loop, 20);
    ck_assert_uint_eq(http_server_connections(world.server), 2);
    ck_assert(!has_text(&waiting, "200"));
    http_respond(world.pending[0], 200, NULL, NULL, SPAN("done"));
    client_close(&busy);
    UNTIL(&world, has_text(&waiting, "HTTP/1.1 200 OK"));
    client_close(&idle);
    client_close(&last);
    client_close(&waiting);
    world_stop(&world);
}
END_TEST

START_TEST(over_the_connection_limit_who_dawdles_goes_before_who_is_idle)
{
    static const char *const slow[] = {"GET /echo HTTP/1.1\r\nX: ",
                                       "POST /echo HTTP/1.1\r\nContent-Length: 9\r\n" HOST "x"};
    struct client idle, dawdler, last;
    struct world world;

    world_start(&world, (struct http_options){.max_connections = 2});
    client_open(&idle, &world);
    client_send(&idle, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&idle, "HTTP/1.1 200 OK"));
    for (size_t i = 0; i < ARRAY_SIZE(slow); i++) {
        client_open(&dawdler, &world);
        client_send(&dawdler, span_of(slow[i]));
        UNTIL(&world, http_server_connections(world.server) == 2);
        int64_t until_ms = clock_monotonic_ms() + 1100;
        while (clock_monotonic_ms() < until_ms)
            loop_turn(world.loop, 20);
        client_open(&last, &world);
        client_send(&last, SPAN("GET /echo HTTP/1.1\r\n" HOST));
        UNTIL(&world, has_text(&last, "HTTP/1.1 200 OK"));
        ck_assert(is_closed(&dawdler));
        client_close(&dawdler);
        client_close(&last);
        UNTIL(&world, http_server_connections(world.server) == 1);
    }
    client_send(&idle, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&idle, "200 OK") && count_text(&idle, "200 OK") == 2);
    client_close(&idle);
    world_stop(&world);
}
END_TEST

/* 127.0.0.9 is a proxy here. */
static bool is_no_proxy(const struct sockaddr_storage *peer, void *arg)
{
    struct sockaddr_in in;

    (void)arg;
    memcpy(&in, peer, sizeof(in));
    return in.sin_addr.s_addr != inet_addr("127.0.0.9");
}

START_TEST(an_address_has_only_so_many_connections_but_a_proxy_has_any)
{
    static const struct {
        const char *from;
        size_t n_let_in;
    } rows[] = {
        {"127.0.0.2", 2},
        {"127.0.0.3", 2},
        {"127.0.0.9", 3},
    };
    struct client clients[3], last;
    struct world world;

    world_start(&world, (struct http_options){.max_per_address = 2, .is_counted = is_no_proxy});
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (size_t j = 0; j < 3; j++)
            client_open_from(&clients[j], &world, rows[i].from);
        UNTIL(&world, rows[i].n_let_in == 3 || is_closed(&clients[2]));
        UNTIL(&world, http_server_connections(world.server) == rows[i].n_let_in);
        /* One that leaves makes room for one. */
        client_close(&clients[0]);
        UNTIL(&world, http_server_connections(world.server) == rows[i].n_let_in - 1);
        client_open_from(&last, &world, rows[i].from);
        client_send(&last, SPAN("GET /echo HTTP/1.1\r\n" HOST));
        UNTIL(&world, has_text(&last, "HTTP/1.1 200 OK"));
        client_close(&last);
        client_close(&clients[1]);
        client_close(&clients[2]);
        UNTIL(&world, http_server_connections(world.server) == 0);
    }
    ck_assert_uint_eq(http_server_counts(world.server)->over_address, 2);
    ck_assert_uint_eq(http_server_counts(world.server)->accepted, 10);
    world_stop(&world);
}
END_TEST

START_TEST(any_word_may_be_taken_as_a_method)
{
    /* A tunnel, and a word of 33 letters. */
    static const char *const refused[] = {"CONNECT a:443 HTTP/1.1\r\n" HOST,
                                          "METHODMETHODMETHODMETHODMETHODMET / HTTP/1.1\r\n" HOST};
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){.any_method = true});
    client_open(&client, &world);
    client_send(&client, SPAN("BR"));
    UNTIL(&world, http_server_connections(world.server) == 1);
    client_send(&client, SPAN("EW /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "HTTP/1.1 200 OK"));
    client_send(&client, SPAN("B(W /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "HTTP/1.1 400"));
    client_close(&client);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        client_open(&client, &world);
        client_send(&client, span_of(refused[i]));
        UNTIL(&world, has_text(&client, "HTTP/1.1 501"));
        client_close(&client);
    }
    world_stop(&world);
}
END_TEST

START_TEST(without_descriptors_accepting_pauses_and_goes_on)
{
    const char *preloaded = getenv("LD_PRELOAD");
    struct client client;
    struct rlimit before, few;
    struct world world;
    int turns = 0;

    /* Valgrind keeps the limit itself, by closing what the kernel accepted. */
    if (preloaded && strstr(preloaded, "vgpreload"))
        return;
    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){(rlim_t)client.fd + 1, before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int64_t end_ms = clock_monotonic_ms() + 250; clock_monotonic_ms() < end_ms; turns++)
        loop_turn(world.loop, 50);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_lt(turns, 20); /* no spinning */
    UNTIL(&world, has_text(&client, "HTTP/1.1 200 OK"));
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(draining_answers_what_is_open_and_then_tells)
{
    struct client pending, idle, queued, stream;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&pending, &world);
    client_send(&pending, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    client_open(&stream, &world);
    client_send(&stream, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 2);
    client_open(&idle, &world);
    UNTIL(&world, http_server_connections(world.server) == 3);
    client_open(&queued, &world); /* in the kernel's queue only */
    client_send(&queued, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    http_server_drain(world.server, on_server_drained, &world);
    UNTIL(&world, is_closed(&queued));
    ck_assert_uint_eq(count_text(&queued, "HTTP/1.1 200 OK"), 1);
    ck_assert_uint_eq(count_text(&queued, "Connection: close\r\n"), 1);
    client_send(&idle, SPAN("GET /echo HTTP/1.1\r\n" HOST)); /* was on its way */
    UNTIL(&world, is_closed(&idle));
    ck_assert_uint_eq(count_text(&idle, "HTTP/1.1 200 OK"), 1);
    http_respond(world.pending[0], 200, NULL, NULL, SPAN("done"));
    UNTIL(&world, is_closed(&pending));
    ck_assert_uint_eq(count_text(&pending, "done"), 1);
    client_close(&pending);
    client_close(&idle);
    client_close(&queued);
    ck_assert(!world.server_drained);
    http_stream_end(world.pending[1]);
    UNTIL(&world, has_text(&stream, "0\r\n\r\n"));
    client_send(&stream, SPAN("GET /echo HTTP/1.1\r\n" HOST)); /* belongs elsewhere */
    UNTIL(&world, is_closed(&stream));
    ck_assert_uint_eq(count_text(&stream, "HTTP/1.1 200 OK"), 1);
    client_close(&stream);
    UNTIL(&world, world.server_drained);
    world_stop(&world);
}
END_TEST

START_TEST(draining_closes_an_idle_connection_soon)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    UNTIL(&world, http_server_connections(world.server) == 1);
    http_server_drain(world.server, on_server_drained, &world);
    ck_assert(!world.server_drained);
    UNTIL(&world, world.server_drained);
    ck_assert(is_closed(&client));
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_listening_socket_may_be_handed_in)
{
    struct world first, second;
    struct client client;

    world_start(&first, (struct http_options){0});
    uint16_t port = http_server_port(first.server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 10), 0);
    world_start(&second, (struct http_options){.listen_fd = fd});
    ck_assert_uint_ne(http_server_port(second.server), port);
    client_open(&client, &second);
    client_send(&client, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    UNTIL(&second, has_text(&client, "HTTP/1.1 200 OK"));
    client_close(&client);
    world_stop(&second);
    world_stop(&first);
}
END_TEST

START_TEST(all_connections_together_may_hold_only_so_much)
{
    static const char body[30000];
    struct client client, other;
    struct world world;

    world_start(&world, (struct http_options){.max_held_bytes = 40000});
    client_open(&client, &world);
    client_send(&client, SPAN("POST /later HTTP/1.1\r\nContent-Length: 30001\r\n" HOST));
    client_send_all(&client, (struct span){body, sizeof(body)});
    loop_turn(world.loop, 20);
    client_open(&other, &world);
    client_send(&other, SPAN("POST /later HTTP/1.1\r\nContent-Length: 30001\r\n" HOST));
    client_send_all(&other, (struct span){body, sizeof(body)});
    UNTIL(&world, has_text(&other, "HTTP/1.1 503 "));
    client_send(&client, SPAN("x"));
    UNTIL(&world, world.n_pending == 1);
    client_close(&other);
    client_close(&client);
    world_stop(&world);
}
END_TEST

static const char *write_error(int status, const char *detail, const char *request_id,
                               struct buf *out, void *arg)
{
    (void)arg;
    buf_addf(out, "[%d|%s|%zu]", status, detail, strlen(request_id));
    return "text/x-error";
}

START_TEST(the_user_words_the_answers_of_the_engine)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){.on_error = write_error});
    client_open(&client, &world);
    client_send(&client, SPAN("GET / HTTP/1.1\r\n\r\n"));
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(count_text(&client, "HTTP/1.1 400 Bad Request\r\n"), 1);
    ck_assert_uint_eq(count_text(&client, "Content-Type: text/x-error\r\n"), 1);
    ck_assert_uint_eq(count_text(&client, "[400|Host is missing|10]"), 1);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(the_server_may_be_freed_by_its_own_handler)
{
    struct client client, other;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&other, &world);
    client_send(&other, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    client_open(&client, &world);
    client_send(&client, SPAN("GET /free HTTP/1.1\r\n" HOST "GET /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, is_closed(&client) && is_closed(&other));
    ck_assert_uint_eq(world.n_closed, 2);
    ck_assert_uint_eq(world.n_requests, 2);
    client_close(&client);
    client_close(&other);
    world_stop(&world);
}
END_TEST

START_TEST(a_unix_socket_is_listened_on_and_removed)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/parley-test-XXXXXX", listen[128];
    struct client client = {.eof = false};
    struct world world;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    (void)snprintf(listen, sizeof(listen), "unix:%s", address.sun_path);
    world_start(&world, (struct http_options){.listen = listen});
    client.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    buf_init(&client.in, 100000);
    buf_add(&client.in, "", 0);
    ck_assert_int_eq(connect(client.fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(fcntl(client.fd, F_SETFL, O_NONBLOCK), 0);
    client_send(&client, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "HTTP/1.1 200 OK"));
    client_close(&client);
    world_stop(&world);
    ck_assert_int_eq(access(address.sun_path, F_OK), -1);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(an_address_that_cannot_be_bound_is_told)
{
    static const char *const rows[] = {
        "",      "8080",  "127.0.0.1:",           "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:+1",
        "[::1]", "unix:", "unix:/nowhere/at/all", "192.0.2.1:1"};
    struct loop *loop = loop_new();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct http_options options = {.listen = rows[i]};
        struct http_server *server = NULL;
        struct error error = {0};

        ck_assert_msg(http_server_new(loop, &options, &server, &error) < 0, "%s", rows[i]);
        ck_assert_int_eq(error.code, ERROR_CONFIG);
        ck_assert_ptr_null(server);
    }
    loop = loop_free(loop);
}
END_TEST

TEST_MAIN("http_server", deadlines_end_slow_requests_and_idle_connections,
          a_slow_head_is_not_saved_by_a_byte_now_and_then,
          over_the_connection_limit_the_longest_idle_one_makes_room,
          over_the_connection_limit_who_dawdles_goes_before_who_is_idle,
          an_address_has_only_so_many_connections_but_a_proxy_has_any,
          any_word_may_be_taken_as_a_method, without_descriptors_accepting_pauses_and_goes_on,
          draining_answers_what_is_open_and_then_tells, draining_closes_an_idle_connection_soon,
          a_listening_socket_may_be_handed_in, all_connections_together_may_hold_only_so_much,
          the_user_words_the_answers_of_the_engine, the_server_may_be_freed_by_its_own_handler,
          a_unix_socket_is_listened_on_and_removed, an_address_that_cannot_be_bound_is_told)
