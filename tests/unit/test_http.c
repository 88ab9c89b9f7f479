/* Requests and their answers, on real sockets. */
#include <check.h>
#include <sys/socket.h>

#include "http_world.h"
#include "main.h"

#define FIFTY "a body of fifty bytes, ten times over, no more!!!\n"
#define FIVE_HUNDRED FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

START_TEST(an_answer_has_a_date_and_its_length_and_the_connection_stays)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    for (size_t i = 1; i <= 3; i++) {
        client_send(&client, SPAN("GET /echo HTTP/1.1\r\n" HOST));
        UNTIL(&world, (client_read(&client), count_text(&client, "\r\n\r\n/echo") == i));
    }
    ck_assert_uint_eq(count_text(&client, "HTTP/1.1 200 OK\r\nDate: "), 3);
    ck_assert_uint_eq(count_text(&client, " GMT\r\nContent-Type: text/plain\r\nX-Extra: 1\r\n"
                                          "Content-Length: 5\r\n\r\n"),
                      3);
    ck_assert_uint_eq(count_text(&client, "Connection:"), 0);
    ck_assert_uint_eq(http_server_connections(world.server), 1);
    ck_assert_uint_eq(world.n_closed, 0);
    client_close(&client);
    UNTIL(&world, http_server_connections(world.server) == 0);
    world_stop(&world);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /echo1 HTTP/1.1\r\n" HOST "GET /later HTTP/1.1\r\n" HOST
                              "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" HOST "third"
                              "GET /later HTTP/1.1\r\n" HOST "GET /echo5 HTTP/1.1\r\nHos"));
    UNTIL(&world, has_text(&client, "/echo1"));
    UNTIL(&world, world.n_pending == 1);
    ck_assert_uint_eq(world.n_requests, 2);
    http_respond(world.pending[0], 200, NULL, NULL, SPAN("second"));
    ck_assert_uint_eq(world.n_requests, 2); /* never from inside */
    UNTIL(&world, world.n_pending == 2);
    client_send(&client, SPAN("t: a\r\n\r\n"));
    http_respond(world.pending[1], 200, NULL, NULL, SPAN("fourth"));
    UNTIL(&world, has_text(&client, "/echo5"));
    ck_assert(strstr(client.in.at, "/echo1") < strstr(client.in.at, "second"));
    ck_assert(strstr(client.in.at, "second") < strstr(client.in.at, "third"));
    ck_assert(strstr(client.in.at, "third") < strstr(client.in.at, "fourth"));
    ck_assert(strstr(client.in.at, "fourth") < strstr(client.in.at, "/echo5"));
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(ten_thousand_pipelined_requests_need_no_stack)
{
    struct client client;
    struct world world;
    struct buf all;
    const size_t n = 10000;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    buf_init(&all, (size_t)1 << 20);
    for (size_t i = 0; i < n; i++)
        buf_add_text(&all, "GET /echo HTTP/1.1\r\n" HOST);
    for (size_t at = 0; at < all.n;) {
        ssize_t sent = send(client.fd, all.at + at, all.n - at, MSG_NOSIGNAL);
        at += sent > 0 ? (size_t)sent : 0;
        client_read(&client);
        loop_turn(world.loop, 0);
    }
    UNTIL(&world, (client_read(&client), world.n_requests == n));
    UNTIL(&world, (client_read(&client), count_text(&client, "HTTP/1.1 200") == n));
    buf_deinit(&all);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(who_sends_far_ahead_is_held_back_and_loses_nothing)
{
    struct client client;
    struct world world;
    struct buf all;
    size_t n = 0, at = 0;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    buf_init(&all, (size_t)64 << 20);
    for (; all.n < (size_t)20 << 20; n++)
        buf_add_text(&all, "POST /echo HTTP/1.1\r\nContent-Length: 500\r\n" HOST FIVE_HUNDRED);
    /* The sockets are full long before the end: the server reads no further. */
    for (int stalls = 0; stalls < 20; loop_turn(world.loop, 1)) {
        ssize_t sent = send(client.fd, all.at + at, all.n - at, MSG_NOSIGNAL);
        at += sent > 0 ? (size_t)sent : 0;
        stalls += sent < 0;
    }
    ck_assert_uint_lt(at, all.n);
    http_respond(world.pending[0], 200, NULL, NULL, SPAN("first"));
    while (at < all.n || world.n_requests <= n) {
        ssize_t sent = send(client.fd, all.at + at, all.n - at, MSG_NOSIGNAL);
        at += sent > 0 ? (size_t)sent : 0;
        client_read(&client);
        loop_turn(world.loop, 0);
    }
    UNTIL(&world, (client_read(&client), count_text(&client, "HTTP/1.1 200") == n + 1));
    ck_assert_uint_eq(count_text(&client, FIVE_HUNDRED), n);
    buf_deinit(&all);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_chunked_body_arrives_byte_by_byte)
{
    static const char bytes[] = "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST
                                "5\r\nhello\r\n6;x\r\n world\r\n0\r\nT: x\r\n\r\n";
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
        client_send(&client, (struct span){bytes + i, 1});
        loop_turn(world.loop, 0);
    }
    UNTIL(&world, has_text(&client, "Content-Length: 11\r\n\r\nhello world"));
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_large_body_arrives_whole_and_leaves_whole)
{
    struct client client;
    struct world world;
    struct buf body;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    buf_init(&body, (size_t)16 << 20);
    for (size_t i = 0; i < 100000; i++)
        buf_addf(&body, "%09zu ", i);
    client_send(&client, SPAN("POST /later HTTP/1.1\r\nContent-Length: 1000000\r\n" HOST));
    client_send_all(&client, buf_span(&body));
    UNTIL(&world, world.n_pending == 1);
    ck_assert(span_equal(http_request(world.pending[0])->body, buf_span(&body)));
    /* More than the sockets take at once, out of the request's own memory. */
    for (size_t i = 0; i < 15; i++)
        buf_add_span(&body, http_request(world.pending[0])->body);
    http_respond(world.pending[0], 200, NULL, NULL, buf_span(&body));
    UNTIL(&world, (client_read(&client), client.in.n > body.n));
    UNTIL(&world, (client_read(&client),
                   memcmp(client.in.at + client.in.n - body.n, body.at, body.n) == 0));
    ck_assert_uint_eq(count_text(&client, "Content-Length: 16000000\r\n"), 1);
    buf_deinit(&body);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_body_over_the_limit_is_refused_without_reading_it)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("POST /echo HTTP/1.1\r\nContent-Length: 1001\r\n"
                              "Expect: 100-continue\r\n" HOST "more"));
    UNTIL(&world, has_text(&client, "HTTP/1.1 413 Content Too Large\r\n"));
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(count_text(&client, "Connection: close\r\n"), 1);
    ck_assert_uint_eq(count_text(&client, "100 Continue"), 0);
    ck_assert_uint_eq(world.n_requests, 0);
    client_close(&client);
    UNTIL(&world, http_server_connections(world.server) == 0);
    world_stop(&world);
}
END_TEST

START_TEST(the_answer_survives_a_client_that_goes_on_sending)
{
    static const char junk[60000];
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("BREW / HTTP/1.1\r\n" HOST));
    UNTIL(&world, http_server_connections(world.server) == 1);
    for (int i = 0; i < 20; i++) {
        (void)send(client.fd, junk, sizeof(junk), MSG_NOSIGNAL);
        loop_turn(world.loop, 1);
    }
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(count_text(&client, "HTTP/1.1 501 Not Implemented\r\n"), 1);
    UNTIL(&world, http_server_connections(world.server) == 0); /* after a second at most */
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_hundred_is_sent_when_the_body_will_be_read)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("POST /echo HTTP/1.1\r\nContent-Length: 2\r\n"
                              "Expect: 100-continue\r\n" HOST));
    UNTIL(&world, has_text(&client, "HTTP/1.1 100 Continue\r\n\r\n"));
    client_send(&client, SPAN("hi"));
    UNTIL(&world, has_text(&client, "\r\n\r\nhi"));
    ck_assert_uint_eq(count_text(&client, "100 Continue"), 1);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_post_without_length_is_refused_only_where_a_body_belongs)
{
    struct client client, other;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("POST /none HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "HTTP/1.1 204 No Content\r\n"));
    ck_assert_uint_eq(count_text(&client, "Content-Length"), 0);
    client_open(&other, &world);
    client_send(&other, SPAN("POST /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&other, "HTTP/1.1 411 "));
    client_close(&client);
    client_close(&other);
    world_stop(&world);
}
END_TEST

START_TEST(a_reset_by_the_client_is_seen_at_once_while_its_answer_is_pending)
{
    const struct linger now = {.l_onoff = 1};
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    ck_assert_int_eq(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    client_close(&client);
    int64_t from_ms = clock_monotonic_ms();
    UNTIL(&world, world.n_closed == 1);
    ck_assert_int_lt(clock_monotonic_ms() - from_ms, 500);
    ck_assert_uint_eq(http_server_connections(world.server), 0);
    world_stop(&world);
}
END_TEST

START_TEST(a_client_that_closed_is_given_up_after_a_second)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    client_close(&client);
    int64_t from_ms = clock_monotonic_ms();
    UNTIL(&world, world.n_closed == 1);
    ck_assert_int_lt(clock_monotonic_ms() - from_ms, 1500);
    world_stop(&world);
}
END_TEST

START_TEST(a_cut_exchange_has_no_answer_whether_pending_or_in_its_handler)
{
    static const char *const requests[] = {
        "GET /later HTTP/1.1\r\n" HOST,
        "GET /cut HTTP/1.1\r\n" HOST "GET /echo HTTP/1.1\r\n" HOST,
    };

    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        struct client client;
        struct world world;

        world_start(&world, (struct http_options){0});
        client_open(&client, &world);
        client_send(&client, span_of(requests[i]));
        UNTIL(&world, world.n_requests == 1);
        if (world.n_pending == 1)
            http_cut(world.pending[0]);
        UNTIL(&world, is_closed(&client));
        ck_assert_uint_eq(client.in.n, 0);
        ck_assert_uint_eq(world.n_requests, 1);
        ck_assert_uint_eq(world.n_closed, 0);
        ck_assert_uint_eq(http_server_connections(world.server), 0);
        client_close(&client);
        world_stop(&world);
    }
}
END_TEST

START_TEST(a_half_closed_client_has_left_after_the_grace)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){.half_close_ms = 20});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /later HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    ck_assert_int_eq(shutdown(client.fd, SHUT_WR), 0);
    int64_t from_ms = clock_monotonic_ms();
    UNTIL(&world, world.n_closed == 1);
    ck_assert_int_ge(clock_monotonic_ms() - from_ms, 19);
    ck_assert_int_lt(clock_monotonic_ms() - from_ms, 500);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_half_closed_client_gets_all_its_answers)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /later HTTP/1.1\r\n" HOST "GET /echo2 HTTP/1.1\r\n" HOST
                              "GET /later HTTP/1.1\r\n" HOST));
    ck_assert_int_eq(shutdown(client.fd, SHUT_WR), 0);
    UNTIL(&world, world.n_pending == 1);
    loop_turn(world.loop, 20); /* sees the end */
    http_respond(world.pending[0], 200, NULL, NULL, SPAN("first"));
    UNTIL(&world, world.n_pending == 2);
    http_respond(world.pending[1], 200, NULL, NULL, SPAN("last"));
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(count_text(&client, "HTTP/1.1 200 OK"), 3);
    ck_assert_uint_eq(count_text(&client, "last"), 1);
    ck_assert_uint_eq(world.n_closed, 0);
    ck_assert_uint_eq(http_server_connections(world.server), 0);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(head_has_the_length_and_no_body)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("HEAD /echo HTTP/1.1\r\n" HOST "GET /none HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "204 No Content"));
    ck_assert_ptr_nonnull(strstr(client.in.at, "Content-Length: 5\r\n\r\nHTTP/1.1 204"));
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(http_1_0_closes_unless_asked_to_stay)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    UNTIL(&world, has_text(&client, "Connection: keep-alive\r\n"));
    client_send(&client, SPAN("GET /echo HTTP/1.0\r\n\r\n"));
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(count_text(&client, "Connection: close\r\n"), 1);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(query_parameters_are_decoded_or_refused)
{
    static const struct {
        const char *query, *value;
    } rows[] = {
        {"?a=1&b=2",          "2"        },
        {"?b=%41+%2b",        "A +"      },
        {"?b",                ""         },
        {"?bb=1",             "(missing)"},
        {"",                  "(missing)"},
        {"?b=%4",             "(bad)"    },
        {"?b=%zz",            "(bad)"    },
        {"?b=%00",            "(bad)"    },
        {"?b=1234567",        "1234567"  },
        {"?b=12345678",       "(bad)"    },
        {"?b=first&b=second", "first"    },
    };
    struct client client;
    struct world world;
    char text[200];

    world_start(&world, (struct http_options){0});
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        client_open(&client, &world);
        (void)snprintf(text, sizeof(text), "GET /query%s HTTP/1.1\r\nConnection: close\r\n" HOST,
                       rows[i].query);
        client_send(&client, span_of(text));
        UNTIL(&world, is_closed(&client));
        ck_assert_str_eq(strstr(client.in.at, "\r\n\r\n") + 4, rows[i].value);
        client_close(&client);
    }
    world_stop(&world);
}
END_TEST

TEST_MAIN("http", an_answer_has_a_date_and_its_length_and_the_connection_stays,
          pipelined_requests_are_answered_in_order, ten_thousand_pipelined_requests_need_no_stack,
          who_sends_far_ahead_is_held_back_and_loses_nothing, a_chunked_body_arrives_byte_by_byte,
          a_large_body_arrives_whole_and_leaves_whole,
          a_body_over_the_limit_is_refused_without_reading_it,
          the_answer_survives_a_client_that_goes_on_sending,
          a_hundred_is_sent_when_the_body_will_be_read,
          a_post_without_length_is_refused_only_where_a_body_belongs,
          a_reset_by_the_client_is_seen_at_once_while_its_answer_is_pending,
          a_client_that_closed_is_given_up_after_a_second,
          a_half_closed_client_has_left_after_the_grace,
          a_cut_exchange_has_no_answer_whether_pending_or_in_its_handler,
          a_half_closed_client_gets_all_its_answers, head_has_the_length_and_no_body,
          http_1_0_closes_unless_asked_to_stay, query_parameters_are_decoded_or_refused)
