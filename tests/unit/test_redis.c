/* What the connection to Redis promises, against a real server that is stopped and killed. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "buf.h"
#include "loop.h"
#include "main.h"
#include "redis.h"
#include "server.h"
#include "talk.h"

static struct server server;
static struct loop *loop;
static struct redis *redis;

static void set_up(void)
{
    server_start(&server);
    loop = loop_new();
    redis = redis_new(loop, server.socket);
}

static void tear_down(void)
{
    redis = redis_free(redis);
    loop = loop_free(loop);
    server_stop(&server);
}

struct heard {
    int n_ready, n_messages, n_null, n_replies, done;
    char last[64];
};

static void on_ready(void *arg)
{
    struct heard *heard = arg;

    heard->n_ready++;
    heard->done = 1;
}

static void on_message(struct span message, void *arg)
{
    struct heard *heard = arg;

    heard->n_messages++;
    (void)snprintf(heard->last, sizeof(heard->last), "%.*s", (int)message.n, message.at);
    heard->done = 1;
}

static void on_reply(const struct reply *reply, void *arg)
{
    struct heard *heard = arg;

    heard->n_null += reply == NULL;
    heard->n_replies += reply != NULL;
    heard->done = 1;
}

static void publish_until_heard(struct redis *publisher, struct heard *heard, const char *command)
{
    heard->done = 0;
    ck_assert_str_eq(talk(loop, publisher, command), "1");
    wait_for(loop, &heard->done);
}

START_TEST(commands_given_before_the_connection_stands_are_answered_in_order)
{
    set_up();
    ck_assert(!redis_connected(redis));
    redis_commandf(redis, REDIS_ONCE, NULL, NULL, "RPUSH list %s", "a b");
    redis_commandf(redis, REDIS_ONCE, NULL, NULL, "RPUSH list %s", "");
    ck_assert_str_eq(talk(loop, redis, "LRANGE list 0 -1"), "[a b ]");
    ck_assert(redis_connected(redis));
    ck_assert_uint_eq(redis_pending(redis), 0);
    tear_down();
}
END_TEST

START_TEST(a_reply_of_megabytes_arrives_whole)
{
    struct buf big;

    set_up();
    buf_init(&big, 4 << 20);
    for (int i = 0; i < 1 << 16; i++)
        buf_add_text(&big, "0123456789abcdef");
    struct span argv[] = {SPAN("SET"), SPAN("big"), buf_span(&big)};
    redis_command(redis, REDIS_ONCE, NULL, NULL, ARRAY_SIZE(argv), argv);
    ck_assert_str_eq(talk(loop, redis, "STRLEN big"), "1048576");
    ck_assert_str_eq(talk(loop, redis, "GET big"), big.at);
    buf_deinit(&big);
    tear_down();
}
END_TEST

START_TEST(without_a_server_a_command_ends_without_an_answer)
{
    set_up();
    server_kill(&server);
    ck_assert_str_eq(talk(loop, redis, "PING"), "?");
    ck_assert_str_eq(talk(loop, redis, "PING"), "?");
    server_run(&server);
    while (!redis_connected(redis))
        loop_turn(loop, 100);
    ck_assert_str_eq(talk(loop, redis, "PING"), "PONG");
    tear_down();
}
END_TEST

START_TEST(a_stopped_server_is_noticed_and_used_again_when_it_goes_on)
{
    set_up();
    ck_assert_str_eq(talk(loop, redis, "PING"), "PONG");
    server_signal(&server, SIGSTOP);
    ck_assert_str_eq(talk(loop, redis, "PING"), "?");
    server_signal(&server, SIGCONT);
    ck_assert_str_eq(talk(loop, redis, "PING"), "PONG");
    tear_down();
}
END_TEST

START_TEST(repeated_commands_survive_a_kill_of_the_server_in_order)
{
    struct heard heard = {0};

    set_up();
    ck_assert_str_eq(talk(loop, redis, "SET a 0"), "OK");
    server_signal(&server, SIGSTOP);
    for (int i = 1; i <= 50; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", i);
        redis_commandf(redis, REDIS_REPEAT, on_reply, &heard, "SET a %s", text);
    }
    loop_turn(loop, 50);
    server_signal(&server, SIGCONT);
    server_kill(&server);
    loop_turn(loop, 50);
    server_run(&server);
    while (heard.n_replies < 50)
        loop_turn(loop, 100);
    ck_assert_int_eq(heard.n_null, 0);
    ck_assert_str_eq(talk(loop, redis, "GET a"), "50");
    tear_down();
}
END_TEST

START_TEST(a_subscription_comes_back_by_itself_and_says_so_each_time)
{
    struct heard heard = {0};

    set_up();
    struct redis *publisher = redis_new(loop, server.socket);
    struct redis_channel *channel = redis_subscribe(redis, "c", on_ready, on_message, &heard);
    wait_for(loop, &heard.done);
    publish_until_heard(publisher, &heard, "PUBLISH c one");
    ck_assert_str_eq(heard.last, "one");
    server_kill(&server);
    server_run(&server);
    while (heard.n_ready < 2)
        loop_turn(loop, 100);
    while (!redis_connected(publisher))
        loop_turn(loop, 100);
    publish_until_heard(publisher, &heard, "PUBLISH c two");
    ck_assert_str_eq(heard.last, "two");
    ck_assert_int_eq(heard.n_messages, 2);
    redis_unsubscribe(channel);
    redis_free(publisher);
    tear_down();
}
END_TEST

START_TEST(a_new_subscriber_is_ready_only_by_its_own_acknowledgement)
{
    struct heard old = {0}, new = {0};

    set_up();
    struct redis *publisher = redis_new(loop, server.socket);
    redis_unsubscribe(redis_subscribe(redis, "c", on_ready, on_message, &old));
    struct redis_channel *channel = redis_subscribe(redis, "c", on_ready, on_message, &new);
    wait_for(loop, &new.done);
    publish_until_heard(publisher, &new, "PUBLISH c x");
    ck_assert_int_eq(new.n_ready, 1);
    ck_assert_int_eq(new.n_messages, 1);
    ck_assert_int_eq(old.n_ready + old.n_messages, 0);
    redis_unsubscribe(channel);
    redis_free(publisher);
    tear_down();
}
END_TEST

TEST_MAIN("redis", commands_given_before_the_connection_stands_are_answered_in_order,
          a_reply_of_megabytes_arrives_whole, without_a_server_a_command_ends_without_an_answer,
          a_stopped_server_is_noticed_and_used_again_when_it_goes_on,
          repeated_commands_survive_a_kill_of_the_server_in_order,
          a_subscription_comes_back_by_itself_and_says_so_each_time,
          a_new_subscriber_is_ready_only_by_its_own_acknowledgement)
