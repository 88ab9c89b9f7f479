/* The functions of slots.lua, one conversation each: what workers say to Redis, and what it
 * answers.
 *
 * A waiter that nobody listens for is dropped at its grant, so a conversation subscribes for the
 * workers a and b; others are deaf. Permits are <worker>#<epoch>.<seq>#<tokens>. */
#include <check.h>

#include "clock.h"
#include "job.h"
#include "loop.h"
#include "main.h"
#include "redis.h"
#include "server.h"
#include "talk.h"

struct line {
    const char *say;
    const char *expect; /* NULL: whatever; "~…": asked again until it is the rest */
};

#define PATIENCE_MS 15000

#define LIMITED(n) "FCALL parley1_slots_limit 0 p " n
#define CONFIGURE(max) "FCALL parley1_slots_configure 0 p " max " 0 0 0"
#define ACQUIRE(permit, flow) "FCALL parley1_slots_acquire 0 p " permit " " flow " 1"
#define RELEASE(permit) "FCALL parley1_slots_release 0 p " permit " ok '' 0"
#define OVERLOADED(permit, ms) "FCALL parley1_slots_release 0 p " permit " overloaded '' " ms
#define WITHDRAW(permits) "FCALL parley1_slots_withdraw 0 p " permits
#define SYNC(self, rest) "FCALL parley1_slots_sync 0 p " self " " rest
#define TAKEOVER(worker, epoch) "FCALL parley1_slots_takeover 0 p " worker " " epoch
#define SUSPECTS(grace) "FCALL parley1_slots_suspects 0 p " grace
#define PUMP "FCALL parley1_slots_pump 0 p"
#define HELLO "FCALL parley1_slots_hello 0"
#define HELD "SORT sem:{p}:held ALPHA"
#define WAITING "ZRANGE sem:{p}:wait 0 -1"
#define LIMIT "HGET sem:{p}:st limit"
#define SET(fields) "HSET sem:{p}:st " fields
#define DROP(fields) "HDEL sem:{p}:st " fields
#define GRANTED "[1 0]"

static void on_connect(struct redis *redis, void *arg)
{
    (void)arg;
    job_prepare(redis);
}

static void on_ready(void *arg)
{
    int *n_ready = arg;

    ++*n_ready;
}

static void on_message(struct span message, void *arg)
{
    (void)message;
    (void)arg;
}

static const char *ask(struct loop *loop, struct redis *redis, const struct line *line)
{
    int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    const char *answer;

    do
        answer = talk(loop, redis, line->say);
    while (line->expect && line->expect[0] == '~' && strcmp(answer, line->expect + 1) != 0 &&
           clock_monotonic_ms() < until_ms);
    return answer;
}

static void converse(const struct line *lines, size_t n)
{
    struct server server;
    struct loop *loop = loop_new();
    int a_ready = 0, b_ready = 0;

    server_start(&server);
    struct redis *redis = redis_new(loop, server.socket), *ears = redis_new(loop, server.socket);
    struct redis_channel *a = redis_subscribe(ears, "w:a", on_ready, on_message, &a_ready);
    struct redis_channel *b = redis_subscribe(ears, "w:b", on_ready, on_message, &b_ready);
    redis_on_connect(redis, on_connect, NULL);
    wait_for(loop, &a_ready);
    wait_for(loop, &b_ready);
    for (size_t i = 0; i < n; i++) {
        const char *answer = ask(loop, redis, &lines[i]);
        const char *expect = lines[i].expect;
        if (expect)
            ck_assert_msg(strcmp(answer, expect + (expect[0] == '~')) == 0,
                          "line %zu: %s\n  expected %s\n  got      %s", i, lines[i].say, expect,
                          answer);
    }
    redis_unsubscribe(a);
    redis_unsubscribe(b);
    redis_free(ears);
    redis_free(redis);
    loop_free(loop);
    server_stop(&server);
}
#define CONVERSATION(...)                                                                          \
    do {                                                                                           \
        static const struct line lines[] = {__VA_ARGS__};                                          \
        converse(lines, ARRAY_SIZE(lines));                                                        \
    } while (0)

// clang-format off
START_TEST(slots_are_granted_up_to_the_limit_and_the_next_waits_for_a_release)
{
    CONVERSATION(
        {LIMITED("2"), "OK"},
        {ACQUIRE("a#1.1#5", "f"), GRANTED},
        {ACQUIRE("b#1.1#5", "g"), GRANTED},
        {ACQUIRE("a#1.2#5", "f"), "[0 0 0 0 2 2 0]"},
        {ACQUIRE("b#1.2#5", "g"), "[0 0 1 0 2 2 0]"},
        {RELEASE("a#1.1#5"), "0"},
        {HELD, "[a#1.2#5 b#1.1#5]"},
        {WAITING, "[b#1.2#5]"},
        {RELEASE("a#1.1#5"), "0"},          // repeated after a lost reply: nothing more is freed
        {HELD, "[a#1.2#5 b#1.1#5]"},
    );
}
END_TEST

START_TEST(a_provider_without_a_limit_grants_nothing)
{
    CONVERSATION(
        {ACQUIRE("a#1.1#5", "f"), "[0 0 0 0 0 0 0]"},
        {CONFIGURE("1"), "1"},
        {HELD, "[a#1.1#5]"},
        {CONFIGURE("1"), "0"},
        {"SMEMBERS sem:providers", "[p]"},
    );
}
END_TEST

START_TEST(a_flow_that_asks_for_much_does_not_delay_another)
{
    CONVERSATION(
        {LIMITED("1"), "OK"},
        {ACQUIRE("a#1.1#1", "much"), GRANTED},
        {ACQUIRE("a#1.2#1", "much"), NULL}, {ACQUIRE("a#1.3#1", "much"), NULL}, {ACQUIRE("a#1.4#1", "much"), NULL},
        {ACQUIRE("b#1.1#1", "little"), NULL}, {ACQUIRE("b#1.2#1", "little"), NULL},
        {WAITING, "[a#1.2#1 b#1.1#1 a#1.3#1 b#1.2#1 a#1.4#1]"},
        {RELEASE("a#1.1#1"), NULL},
        {RELEASE("a#1.2#1"), NULL},
        {HELD, "[b#1.1#1]"},
        {ACQUIRE("b#1.3#1", "late"), NULL},   // a newcomer starts at the virtual time, behind nobody's second wish
        {WAITING, "[b#1.3#1 a#1.3#1 b#1.2#1 a#1.4#1]"},
    );
}
END_TEST

START_TEST(equals_are_served_in_the_order_they_came_whatever_their_names)
{
    CONVERSATION(
        {LIMITED("1"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {ACQUIRE("b#1.1#1", "g"), NULL}, {ACQUIRE("a#1.10#1", "h"), NULL}, {ACQUIRE("a#1.9#1", "i"), NULL},
        {WAITING, "[b#1.1#1 a#1.10#1 a#1.9#1]"},
    );
}
END_TEST

START_TEST(newcomers_do_not_overtake_when_there_were_too_many_flows)
{
    CONVERSATION(
        {LIMITED("1"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {ACQUIRE("a#1.2#1", "f"), NULL}, {ACQUIRE("a#1.3#1", "f"), NULL},
        {RELEASE("a#1.1#1"), NULL}, {RELEASE("a#1.2#1"), NULL},
        {HELD, "[a#1.3#1]"},
        {ACQUIRE("a#1.4#1", "f"), NULL},
        {"EVAL for\ti=1,5000\tdo\tredis.call('HSET','sem:{p}:flows','flow'..i,0)\tend 0", "-"},
        {ACQUIRE("b#1.1#1", "first"), NULL},
        {"HLEN sem:{p}:flows", "2"},
        {ACQUIRE("b#1.2#1", "second"), NULL},
        {ACQUIRE("b#1.3#1", "first"), NULL},
        {WAITING, "[a#1.4#1 b#1.1#1 b#1.2#1 b#1.3#1]"},
    );
}
END_TEST

START_TEST(a_wish_taken_back_frees_its_slot_if_it_was_granted_meanwhile)
{
    CONVERSATION(
        {LIMITED("1"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {ACQUIRE("a#1.2#1", "f"), NULL}, {ACQUIRE("a#1.3#1", "f"), NULL}, {ACQUIRE("b#1.1#1", "g"), NULL},
        {WITHDRAW("a#1.2#1"), "0"},
        {WAITING, "[b#1.1#1 a#1.3#1]"},
        {WITHDRAW("a#1.3#1 a#1.1#1 a#1.9#1"), "0"},
        {HELD, "[b#1.1#1]"},
        {WAITING, "[]"},
    );
}
END_TEST

START_TEST(a_waiter_nobody_listens_for_is_skipped_and_may_ask_again_with_its_beat)
{
    CONVERSATION(
        {LIMITED("1"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {ACQUIRE("deaf#1.1#1", "g"), NULL}, {ACQUIRE("b#1.1#1", "h"), NULL},
        {RELEASE("a#1.1#1"), "0"},
        {HELD, "[b#1.1#1]"},
        {WAITING, "[]"},
        {SYNC("deaf#1", "0 deaf#1.1#1 g 1"), "[0 0]"},
        {WAITING, "[deaf#1.1#1]"},
    );
}
END_TEST

START_TEST(a_lowered_limit_kills_nothing_and_a_raised_one_acts_at_once)
{
    CONVERSATION(
        {LIMITED("3"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED}, {ACQUIRE("a#1.2#1", "f"), GRANTED}, {ACQUIRE("a#1.3#1", "f"), GRANTED},
        {LIMITED("1"), "OK"},
        {HELD, "[a#1.1#1 a#1.2#1 a#1.3#1]"},
        {ACQUIRE("b#1.1#1", "g"), "[0 0 0 0 3 1 0]"}, {ACQUIRE("b#1.2#1", "g"), NULL}, {ACQUIRE("b#1.3#1", "g"), NULL},
        {RELEASE("a#1.1#1"), NULL}, {RELEASE("a#1.2#1"), NULL},
        {WAITING, "[b#1.1#1 b#1.2#1 b#1.3#1]"},
        {LIMITED("3"), "OK"},
        {HELD, "[a#1.3#1 b#1.1#1 b#1.2#1]"},
        {LIMITED("0"), "OK"},                  // an operator stops a provider
        {RELEASE("a#1.3#1"), "0"},
        {WAITING, "[b#1.3#1]"},
        {LIMITED("many"), "!INVALID limits are whole numbers"},
        {LIMITED("-1"), "!INVALID limits are whole numbers"},
    );
}
END_TEST

START_TEST(max_set_by_hand_counts_with_the_next_look)
{
    CONVERSATION(
        {CONFIGURE("1"), "1"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {ACQUIRE("a#1.2#1", "f"), "[0 0 0 0 1 1 0]"},
        {SET("max 2"), "0"},
        {SUSPECTS("5000"), "0"},
        {HELD, "[a#1.1#1 a#1.2#1]"},
        {CONFIGURE("1"), "0"},                 // a restart with the same configuration does not undo it
        {"HGET sem:{p}:st max", "2"},
        {CONFIGURE("5"), "1"},
        {"HMGET sem:{p}:st max limit", "[5 5]"},
        {SET("limit 3"), "0"},
        {ACQUIRE("b#1.1#1", "f"), GRANTED},
        {ACQUIRE("b#1.2#1", "f"), "[0 0 0 0 3 3 0]"},
    );
}
END_TEST

START_TEST(an_overload_pauses_for_everybody_as_long_as_the_provider_asked)
{
    CONVERSATION(
        {LIMITED("10"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED}, {ACQUIRE("a#1.2#1", "f"), GRANTED},
        {OVERLOADED("a#1.1#1", "60000"), "0"},
        {LIMIT, "7"},
        {OVERLOADED("a#1.2#1", "60000"), NULL},  // the same burst: one cut
        {LIMIT, "7"},
        {OVERLOADED("a#1.2#1", "60000"), NULL},  // repeated after a lost reply: nothing
        {ACQUIRE("b#1.1#1", "g"), NULL},
        {HELD, "[]"},
        {WAITING, "[b#1.1#1]"},
        {SET("paused_until 1"), NULL},
        {PUMP, "0"},
        {HELD, "[b#1.1#1]"},
    );
}
END_TEST

START_TEST(a_short_pause_ends_by_itself)
{
    CONVERSATION(
        {LIMITED("10"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {OVERLOADED("a#1.1#1", "300"), "0"},
        {ACQUIRE("b#1.1#1", "g"), NULL},
        {WAITING, "[b#1.1#1]"},
        {PUMP, "~0"},
        {HELD, "[b#1.1#1]"},
    );
}
END_TEST

START_TEST(each_cut_in_a_row_pauses_longer_when_the_provider_names_no_time)
{
#define CUT(permit) ACQUIRE(permit, "f"), GRANTED}, {OVERLOADED(permit, "0"), "0"}, {SET("cut_at 0 paused_until 0"), NULL
    CONVERSATION(
        {LIMITED("10"), "OK"},
        {CUT("a#1.1#1")}, {CUT("a#1.2#1")}, {CUT("a#1.3#1")},
        {"HMGET sem:{p}:st limit strikes", "[2 3]"},
        {CUT("a#1.4#1")}, {CUT("a#1.5#1")}, {CUT("a#1.6#1")},
        {"HMGET sem:{p}:st limit strikes", "[1 6]"},
        {ACQUIRE("a#1.7#1", "f"), GRANTED},
        {RELEASE("a#1.7#1"), "0"},
        {"HMGET sem:{p}:st limit strikes", "[1 0]"},
    );
}
END_TEST

START_TEST(after_a_cut_the_limit_grows_by_one_an_interval_while_all_slots_are_in_use)
{
    CONVERSATION(
        {LIMITED("4"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {OVERLOADED("a#1.1#1", "0"), "0"},
        {SET("paused_until 0"), NULL},
        {LIMIT, "2"},
        {ACQUIRE("a#1.2#1", "f"), GRANTED}, {ACQUIRE("a#1.3#1", "f"), GRANTED},
        {RELEASE("a#1.2#1"), NULL},
        {LIMIT, "2"},                          // too soon
        {SET("grown_at 1"), NULL},
        {RELEASE("a#1.3#1"), NULL},            // not saturated
        {LIMIT, "2"},
        {ACQUIRE("a#1.4#1", "f"), GRANTED}, {ACQUIRE("a#1.5#1", "f"), GRANTED},
        {RELEASE("a#1.4#1"), NULL},
        {LIMIT, "3"},
        {RELEASE("a#1.5#1"), NULL},
        {SET("grown_at 1 limit 4"), NULL},
        {ACQUIRE("a#1.6#1", "f"), GRANTED},
        {RELEASE("a#1.6#1"), NULL},
        {LIMIT, "4"},                          // never above the configured one
        {LIMITED("9"), NULL},
        {LIMIT, "9"},
    );
}
END_TEST

START_TEST(requests_a_minute_hold_back_the_head_of_the_queue)
{
    CONVERSATION(
        {"FCALL parley1_slots_limit 0 p 10 6 0", "OK"},
        {ACQUIRE("a#1.1#1", "f"), "[1 1]"},
        {ACQUIRE("a#1.2#1", "f"), NULL},
        {HELD, "[a#1.1#1]"},
        {SET("request_tat 0"), NULL},
        {PUMP, "0"},
        {HELD, "[a#1.1#1 a#1.2#1]"},
        {"FCALL parley1_slots_release 0 p a#1.2#1 unused '' 0", "0"},   // no call was made: it may be made now
        {ACQUIRE("a#1.3#1", "f"), "[1 1]"},
        {ACQUIRE("a#1.4#1", "f"), NULL},
        {WAITING, "[a#1.4#1]"},
        {"FCALL parley1_slots_limit 0 p 10 0 0", "OK"},
        {HELD, "[a#1.1#1 a#1.3#1 a#1.4#1]"},
    );
}
END_TEST

START_TEST(tokens_a_minute_count_what_was_used_when_that_is_known)
{
#define DONE(permit, tokens) "FCALL parley1_slots_release 0 p " permit " ok " tokens " 0"
    CONVERSATION(
        {"FCALL parley1_slots_limit 0 p 10 0 60000", "OK"},
        {ACQUIRE("a#1.1#30000", "f"), "[1 1]"},
        {ACQUIRE("a#1.2#100", "f"), NULL},
        {WAITING, "[a#1.2#100]"},
        {DONE("a#1.1#30000", "200"), "0"},     // 30 s were reserved, 200 ms were used
        {HELD, "[a#1.2#100]"},
        {DONE("a#1.2#100", "90000"), "0"},
        {ACQUIRE("a#1.3#1", "f"), NULL},
        {WAITING, "[a#1.3#1]"},
        {HELD, "[]"},
    );
}
END_TEST

START_TEST(a_restarted_worker_frees_what_its_earlier_process_held_and_wanted)
{
    CONVERSATION(
        {LIMITED("2"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED}, {ACQUIRE("a#1.2#1", "f"), GRANTED},
        {ACQUIRE("a#1.3#1", "f"), NULL}, {ACQUIRE("ab#1.1#1", "g"), NULL}, {ACQUIRE("b#1.1#1", "g"), NULL},
        {ACQUIRE("a#2.1#1", "f"), NULL},
        {TAKEOVER("a", "2"), "0"},
        {WAITING, "[]"},
        {HELD, "[a#2.1#1 b#1.1#1]"},
    );
}
END_TEST

START_TEST(a_report_restores_what_redis_lost_and_names_what_the_worker_does_not_know)
{
    CONVERSATION(
        {LIMITED("2"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED}, {ACQUIRE("a#1.2#1", "f"), GRANTED}, {ACQUIRE("a#1.3#1", "f"), NULL},
        {SYNC("a#1", "2 a#1.1#1 a#1.2#1 a#1.3#1 f 1"), "[0 0]"},
        {SYNC("a#1", "1 a#1.1#1 a#1.3#1 f 1"), "[0 0 a#1.2#1]"},
        {"DEL sem:{p}:held sem:{p}:wait sem:{p}:flows", NULL},
        {SYNC("a#1", "2 a#1.1#1 a#1.2#1 a#1.3#1 f 1 a#1.4#1 f 1"), "[0 0]"},
        {HELD, "[a#1.1#1 a#1.2#1]"},
        {WAITING, "[a#1.3#1 a#1.4#1]"},
        {SYNC("b#1", "1 b#1.1#1"), "[0 0]"},   // what is really under way counts, above the limit too
        {RELEASE("a#1.1#1"), "0"},
        {HELD, "[a#1.2#1 b#1.1#1]"},
        {RELEASE("a#1.2#1"), "0"},
        {HELD, "[a#1.3#1 b#1.1#1]"},
    );
}
END_TEST

START_TEST(a_lease_that_ran_out_frees_the_slot)
{
    CONVERSATION(
        {LIMITED("1"), "OK"},
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {ACQUIRE("b#1.1#1", "g"), NULL},
        {"ZADD sem:{p}:held 1 a#1.1#1", "0"},
        {PUMP, "0"},
        {HELD, "[b#1.1#1]"},
    );
}
END_TEST

START_TEST(a_holder_that_is_deaf_and_silent_for_longer_than_the_grace_is_dead)
{
    CONVERSATION(
        {LIMITED("2"), "OK"},
        {ACQUIRE("deaf#1.1#1", "f"), GRANTED}, {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {ACQUIRE("b#1.1#1", "g"), NULL},
        {SUSPECTS("60000"), "0"},
        {"HKEYS sem:{p}:suspects", "[deaf]"},
        {HELD, "[a#1.1#1 deaf#1.1#1]"},
        {SYNC("deaf#1", "1 deaf#1.1#1"), "[0 0]"},     // deaf, but it lives
        {"HKEYS sem:{p}:suspects", "[]"},
        {"DEL sem:{p}:looked", NULL},
        {SUSPECTS("60000"), "0"},
        {"HSET sem:{p}:suspects deaf 1", "0"},
        {SUSPECTS("60000"), "0"},                      // looked a moment ago
        {"ZCARD sem:{p}:held", "2"},
        {"DEL sem:{p}:looked", "1"},
        {SUSPECTS("60000"), "0"},
        {HELD, "[a#1.1#1 b#1.1#1]"},
        {"HKEYS sem:{p}:suspects", "[]"},
    );
}
END_TEST

START_TEST(a_server_new_to_the_fleet_grants_nothing_for_a_moment)
{
    CONVERSATION(
        {LIMITED("2"), "OK"},
        {HELLO, "0"},                                  // said by the connection already
        {ACQUIRE("a#1.1#1", "f"), GRANTED},
        {"SET sem:boot other", "OK"},
        {HELLO, "1"},
        {HELLO, "0"},
        {ACQUIRE("a#1.2#1", "f"), NULL},
        {HELD, "[a#1.1#1]"},
        {LIMITED("3"), "OK"},                          // not even an operator ends it
        {HELD, "[a#1.1#1]"},
        {PUMP, "~0"},
        {HELD, "[a#1.1#1 a#1.2#1]"},
    );
}
END_TEST

START_TEST(a_server_that_came_back_empty_is_frozen_by_the_first_that_held_slots)
{
    CONVERSATION(
        {"FLUSHALL", "OK"},
        {HELLO, "1"},
        {CONFIGURE("1"), "1"},
        {"HGET sem:{p}:st paused_until", "-"},
        {"FCALL parley1_slots_configure 0 p 1 0 0 1", "0"},
        {ACQUIRE("b#1.1#1", "g"), NULL},
        {HELD, "[]"},
        {SYNC("a#1", "1 a#1.1#1"), NULL},
        {PUMP, "~0"},
        {HELD, "[a#1.1#1]"},
        {WAITING, "[b#1.1#1]"},
    );
}
END_TEST
// clang-format on

TEST_MAIN("functions_slots", slots_are_granted_up_to_the_limit_and_the_next_waits_for_a_release,
          a_provider_without_a_limit_grants_nothing,
          a_flow_that_asks_for_much_does_not_delay_another,
          equals_are_served_in_the_order_they_came_whatever_their_names,
          newcomers_do_not_overtake_when_there_were_too_many_flows,
          a_wish_taken_back_frees_its_slot_if_it_was_granted_meanwhile,
          a_waiter_nobody_listens_for_is_skipped_and_may_ask_again_with_its_beat,
          a_lowered_limit_kills_nothing_and_a_raised_one_acts_at_once,
          max_set_by_hand_counts_with_the_next_look,
          an_overload_pauses_for_everybody_as_long_as_the_provider_asked,
          a_short_pause_ends_by_itself,
          each_cut_in_a_row_pauses_longer_when_the_provider_names_no_time,
          after_a_cut_the_limit_grows_by_one_an_interval_while_all_slots_are_in_use,
          requests_a_minute_hold_back_the_head_of_the_queue,
          tokens_a_minute_count_what_was_used_when_that_is_known,
          a_restarted_worker_frees_what_its_earlier_process_held_and_wanted,
          a_report_restores_what_redis_lost_and_names_what_the_worker_does_not_know,
          a_lease_that_ran_out_frees_the_slot,
          a_holder_that_is_deaf_and_silent_for_longer_than_the_grace_is_dead,
          a_server_new_to_the_fleet_grants_nothing_for_a_moment,
          a_server_that_came_back_empty_is_frozen_by_the_first_that_held_slots)
