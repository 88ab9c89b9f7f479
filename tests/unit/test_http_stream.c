/* Streams: chunks, clients that leave, clients that do not read. */
#include <check.h>
#include <sys/socket.h>

#include "http_world.h"
#include "main.h"

START_TEST(a_stream_is_chunked_and_the_connection_goes_on_after_it)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "Transfer-Encoding: chunked\r\n\r\n"));
    ck_assert_uint_eq(http_request(world.pending[0])->path.n, 0);
    ck_assert_str_eq(http_request_id(world.pending[0]), world.id);
    ck_assert_uint_eq(http_stream_write(world.pending[0], SPAN("data: 1\n\n")), 0);
    ck_assert_uint_eq(http_stream_write(world.pending[0], SPAN("")), 0);
    UNTIL(&world, has_text(&client, "\r\n\r\n9\r\ndata: 1\n\n\r\n"));
    http_stream_end(world.pending[0]);
    UNTIL(&world, has_text(&client, "data: 1\n\n\r\n0\r\n\r\n"));
    client_send(&client, SPAN("GET /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "\r\n\r\n/echo"));
    ck_assert_uint_eq(world.n_closed, 0);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_stream_for_http_1_0_ends_with_the_connection)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    UNTIL(&world, world.n_pending == 1);
    (void)http_stream_write(world.pending[0], SPAN("raw"));
    http_stream_end(world.pending[0]);
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(count_text(&client, "Connection: close\r\n\r\nraw"), 1);
    ck_assert_uint_eq(count_text(&client, "chunked"), 0);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(nothing_follows_a_stream_whose_client_sent_ahead)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST "GET /echo HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    http_stream_end(world.pending[0]);
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(world.n_requests, 1);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_stream_knows_at_once_that_its_client_left)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "chunked"));
    client_close(&client);
    int64_t from_ms = clock_monotonic_ms();
    UNTIL(&world, world.n_closed == 1);
    ck_assert_int_lt(clock_monotonic_ms() - from_ms, 500);
    world_stop(&world);
}
END_TEST

START_TEST(a_write_into_a_reset_stream_never_calls_back_from_inside)
{
    const struct linger now = {.l_onoff = 1};
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "chunked"));
    ck_assert_int_eq(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    client_close(&client);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(http_stream_write(world.pending[0], SPAN("x")), 0);
    ck_assert_uint_eq(world.n_closed, 0);
    UNTIL(&world, world.n_closed == 1);
    world_stop(&world);
}
END_TEST

START_TEST(a_stream_over_its_limit_is_refused_until_it_drained)
{
    static char piece[10000];
    struct client client;
    struct world world;
    size_t n = 0, unsent = 0, most = 0;

    memset(piece, 'z', sizeof(piece));
    world_start(&world, (struct http_options){.max_unsent_bytes = 50000});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    while ((unsent = http_stream_write(world.pending[0], (struct span){piece, sizeof(piece)})) !=
           SIZE_MAX) {
        most = unsent > most ? unsent : most;
        n++;
        ck_assert_uint_lt(n, 10000);
    }
    ck_assert_uint_gt(most, 30000);
    ck_assert_uint_le(most, 50100);
    http_stream_on_drain(world.pending[0], on_drain);
    ck_assert_uint_eq(world.n_drained, 0);
    UNTIL(&world, (client_read(&client), world.n_drained == 1));
    ck_assert_uint_eq(http_stream_write(world.pending[0], SPAN("the end")), 0);
    http_stream_end(world.pending[0]);
    UNTIL(&world, has_text(&client, "7\r\nthe end\r\n0\r\n\r\n"));
    ck_assert_uint_eq(count_text(&client, "2710\r\n"), n);
    ck_assert_uint_eq(world.n_drained, 1);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(what_is_written_in_one_turn_leaves_at_its_end)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, has_text(&client, "chunked\r\n\r\n"));
    ck_assert_uint_eq(http_stream_write(world.pending[0], SPAN("one")), 0);
    ck_assert_uint_eq(http_stream_write(world.pending[0], SPAN("two")), 0);
    ck_assert(!has_text(&client, "one"));
    loop_turn(world.loop, 0);
    ck_assert(has_text(&client, "3\r\none\r\n3\r\ntwo\r\n"));
    ck_assert_uint_eq(http_stream_write(world.pending[0], SPAN("three")), 0);
    http_stream_end(world.pending[0]);
    ck_assert(has_text(&client, "two\r\n5\r\nthree\r\n0\r\n\r\n"));
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(small_and_large_writes_of_one_turn_keep_their_order)
{
    static char large[40000];
    struct client client;
    struct world world;

    memset(large, 'z', sizeof(large));
    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    (void)http_stream_write(world.pending[0], SPAN("first"));
    (void)http_stream_write(world.pending[0], (struct span){large, sizeof(large)});
    (void)http_stream_write(world.pending[0], SPAN("last"));
    http_stream_end(world.pending[0]);
    UNTIL(&world, has_text(&client, "z\r\n4\r\nlast\r\n0\r\n\r\n"));
    ck_assert_uint_eq(count_text(&client, "5\r\nfirst\r\n9c40\r\nzz"), 1);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_reader_that_takes_nothing_is_cut_after_the_write_deadline)
{
    static char piece[10000];
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){.write_ms = 50});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    while (http_stream_write(world.pending[0], (struct span){piece, sizeof(piece)}) != SIZE_MAX)
        ;
    UNTIL(&world, world.n_closed == 1);
    client_close(&client);
    world_stop(&world);
}
END_TEST

static void on_stall(void *user)
{
    const struct world *world = user;

    http_stream_finish(world->pending[0], SPAN("bye"));
}

START_TEST(a_reader_that_takes_nothing_may_have_last_words_over_every_limit)
{
    static char piece[10000];
    struct client client;
    struct world world;

    memset(piece, 'z', sizeof(piece));
    world_start(&world, (struct http_options){.write_ms = 100, .max_unsent_bytes = 50000});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    http_stream_on_stall(world.pending[0], on_stall);
    http_stream_on_drain(world.pending[0], on_drain);
    while (http_stream_write(world.pending[0], (struct span){piece, sizeof(piece)}) != SIZE_MAX)
        ;
    /* Nobody reads: the first deadline ends the stream, the client then has as long again. */
    int64_t until_ms = clock_monotonic_ms() + 150;
    while (clock_monotonic_ms() < until_ms)
        loop_turn(world.loop, 5);
    UNTIL(&world, has_text(&client, "\r\n3\r\nbye\r\n0\r\n\r\n"));
    ck_assert_uint_eq(world.n_drained, 0);
    ck_assert_uint_eq(world.n_closed, 0);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_reader_that_ignores_its_last_words_is_closed)
{
    static char piece[10000];
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){.write_ms = 30});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    http_stream_on_stall(world.pending[0], on_stall);
    while (http_stream_write(world.pending[0], (struct span){piece, sizeof(piece)}) != SIZE_MAX)
        ;
    UNTIL(&world, http_server_connections(world.server) == 0);
    ck_assert_uint_eq(http_server_counts(world.server)->stalled, 1);
    ck_assert_uint_eq(http_server_counts(world.server)->held_bytes, 0);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_cut_stream_has_no_end_and_tells_nobody)
{
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    (void)http_stream_write(world.pending[0], SPAN("half"));
    http_cut(world.pending[0]);
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(count_text(&client, "\r\n\r\n4\r\nhalf\r\n"), 1);
    ck_assert_uint_eq(count_text(&client, "0\r\n\r\n"), 0);
    ck_assert_uint_eq(world.n_closed, 0);
    ck_assert_uint_eq(http_server_connections(world.server), 0);
    client_close(&client);
    world_stop(&world);
}
END_TEST

START_TEST(a_cut_stream_forgets_what_its_client_has_not_taken)
{
    static char piece[10000];
    struct client client;
    struct world world;

    world_start(&world, (struct http_options){0});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1);
    while (http_stream_write(world.pending[0], (struct span){piece, sizeof(piece)}) != SIZE_MAX)
        ;
    http_stream_on_drain(world.pending[0], on_drain);
    http_cut(world.pending[0]);
    UNTIL(&world, is_closed(&client));
    ck_assert_uint_eq(world.n_drained, 0);
    ck_assert_uint_eq(world.n_closed, 0);
    client_close(&client);
    world_stop(&world);
}
END_TEST

/* What on_end was told. */
struct accounts {
    size_t n;
    struct http_ending all[8];
    const void *notes[8];
};

static struct accounts accounts;

static void on_end(const struct http_exchange *exchange, const struct http_ending *ending,
                   void *arg)
{
    (void)arg;
    ck_assert_uint_lt(accounts.n, ARRAY_SIZE(accounts.all));
    accounts.notes[accounts.n] = http_note(exchange);
    accounts.all[accounts.n++] = *ending;
}

START_TEST(every_request_is_accounted_for_once_however_it_ends)
{
    struct client client, other;
    struct world world;

    accounts.n = 0;
    world_start(&world, (struct http_options){.on_end = on_end});
    client_open(&client, &world);
    client_send(&client, SPAN("GET /echo HTTP/1.1\r\n" HOST "GET /stream HTTP/1.1\r\n" HOST));
    UNTIL(&world, world.n_pending == 1 && has_text(&client, "chunked"));
    ck_assert_uint_eq(accounts.n, 1);
    ck_assert_int_eq(accounts.all[0].status, 200);
    ck_assert(!accounts.all[0].stream);
    ck_assert_uint_eq(accounts.all[0].bytes,
                      (size_t)(strstr(client.in.at, "/echo") + 5 - client.in.at));
    http_set_note(world.pending[0], &world);
    (void)http_stream_write(world.pending[0], SPAN("x"));
    client_close(&client);
    UNTIL(&world, accounts.n == 2);
    ck_assert(accounts.all[1].stream && accounts.all[1].status == 200);
    ck_assert_uint_gt(accounts.all[1].bytes, 100);
    ck_assert_ptr_eq(accounts.notes[1], &world);
    client_open(&other, &world);
    client_send(&other, SPAN("GET /cut HTTP/1.1\r\n" HOST));
    UNTIL(&world, accounts.n == 3);
    ck_assert_int_eq(accounts.all[2].status, 0);
    ck_assert_ptr_null(accounts.notes[2]);
    client_close(&other);
    client_open(&other, &world);
    client_send(&other, SPAN("rubbish\r\n\r\n"));
    UNTIL(&world, is_closed(&other));
    client_close(&other);
    world_stop(&world);
    ck_assert_uint_eq(accounts.n, 4);
    ck_assert_int_eq(accounts.all[3].status, 400);
}
END_TEST

TEST_MAIN("http_stream", a_stream_is_chunked_and_the_connection_goes_on_after_it,
          a_stream_for_http_1_0_ends_with_the_connection,
          nothing_follows_a_stream_whose_client_sent_ahead,
          a_stream_knows_at_once_that_its_client_left,
          a_write_into_a_reset_stream_never_calls_back_from_inside,
          a_stream_over_its_limit_is_refused_until_it_drained,
          what_is_written_in_one_turn_leaves_at_its_end,
          small_and_large_writes_of_one_turn_keep_their_order,
          a_reader_that_takes_nothing_is_cut_after_the_write_deadline,
          a_reader_that_takes_nothing_may_have_last_words_over_every_limit,
          a_reader_that_ignores_its_last_words_is_closed, a_cut_stream_has_no_end_and_tells_nobody,
          a_cut_stream_forgets_what_its_client_has_not_taken,
          every_request_is_accounted_for_once_however_it_ends)
