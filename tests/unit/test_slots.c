/* Two workers' ends of the limiter (workers/slots.c) over one real Redis, in one loop. */
#include <check.h>

#include "clock.h"
#include "job.h"
#include "loop.h"
#include "main.h"
#include "provider.h"
#include "redis.h"
#include "server.h"
#include "slots.h"
#include "talk.h"
#include "text.h"

#define PROVIDER "anthropic"
#define N_CALLS 40

struct end {
    struct redis *redis, *hints;
    struct redis_channel *channel;
    struct slots *slots;
    int ready;
};

static struct {
    struct server server;
    struct loop *loop;
    struct redis *operator;
    struct provider_set *providers;
    struct end ends[2];
} world;

struct call {
    struct slot *slot;
    int granted, lost, told;
};

static void on_connect(struct redis *redis, void *arg)
{
    (void)arg;
    job_prepare(redis);
}

static void on_ready(void *arg)
{
    struct end *end = arg;

    end->ready = 1;
}

static void on_hint(struct span message, void *arg)
{
    const struct end *end = arg;
    struct span rest = message, verb = {0}, provider = {0};

    if (text_next(&rest, ' ', &verb) && text_next(&rest, ' ', &provider))
        slots_hint(end->slots, provider, rest);
}

static void on_granted(void *arg)
{
    struct call *call = arg;

    call->granted++;
}

static void on_waiting(const struct slot_wait *wait, void *arg)
{
    struct call *call = arg;

    ck_assert_str_eq(wait->provider, PROVIDER);
    call->told++;
}

static void on_lost(void *arg)
{
    struct call *call = arg;

    call->lost++;
}

static const struct slot_ops ops = {on_granted, on_waiting, on_lost};

static void end_start(struct end *end, const char *name)
{
    char *channel CLEANUP(charp_freep) = xprintf("w:%s", name);

    end->redis = redis_new(world.loop, world.server.socket);
    end->hints = redis_new(world.loop, world.server.socket);
    redis_on_connect(end->redis, on_connect, NULL);
    end->slots = slots_new(world.loop, end->redis, name, world.providers);
    end->channel = redis_subscribe(end->hints, channel, on_ready, on_hint, end);
    wait_for(world.loop, &end->ready);
}

static void end_stop(struct end *end)
{
    redis_unsubscribe(end->channel);
    redis_free(end->hints);
    slots_free(end->slots);
    redis_free(end->redis);
    *end = (struct end){0};
}

static const char *say(const char *command)
{
    return talk(world.loop, world.operator, command);
}

/* Turns the loop until the command is answered so. */
static void until(const char *command, const char *answer)
{
    int64_t until_ms = clock_monotonic_ms() + 10000;
    const char *got;

    while (strcmp(got = say(command), answer) != 0 && clock_monotonic_ms() < until_ms)
        loop_turn(world.loop, 2);
    ck_assert_str_eq(got, answer);
}

static void start(const char *limit)
{
    ck_assert_int_eq(setenv("ANTHROPIC_API_KEY", "none", 1), 0);
    ck_assert_int_eq(setenv("PARLEY_ANTHROPIC_CONCURRENCY", limit, 1), 0);
    ck_assert_int_eq(provider_set_new(&world.providers), 0);
    world.loop = loop_new();
    server_start(&world.server);
    world.operator= redis_new(world.loop, world.server.socket);
    redis_on_connect(world.operator, on_connect, NULL);
    end_start(&world.ends[0], "a");
    end_start(&world.ends[1], "b");
    until("HEXISTS sem:{" PROVIDER "}:st configured", "1");
}

static void stop(void)
{
    end_stop(&world.ends[0]);
    end_stop(&world.ends[1]);
    redis_free(world.operator);
    loop_free(world.loop);
    provider_set_free(world.providers);
    server_stop(&world.server);
}

static void ask(int end, struct call *call, const char *flow)
{
    call->slot = slots_acquire(world.ends[end].slots, PROVIDER, flow, 1, &ops, call);
}

#define HELD "ZCARD sem:{" PROVIDER "}:held"
#define WAITING "ZCARD sem:{" PROVIDER "}:wait"

static void turns(int n)
{
    for (int i = 0; i < n; i++) {
        loop_turn(world.loop, 5);
        (void)say("PING");
    }
}

START_TEST(a_grant_told_by_reply_hint_and_report_is_one_right)
{
    struct call calls[2] = {0};

    start("1");
    ask(0, &calls[0], "f");
    wait_for(world.loop, &calls[0].granted);
    const char *permit = say("ZRANGE sem:{" PROVIDER "}:held 0 0");
    char *name CLEANUP(charp_freep) = xspandup((struct span){permit + 1, strlen(permit) - 2});
    slots_hint(world.ends[0].slots, SPAN(PROVIDER), span_of(name));
    slots_hint(world.ends[0].slots, SPAN(PROVIDER), span_of(name));
    ask(1, &calls[1], "g");
    turns(10);
    ck_assert_int_eq(calls[1].granted, 0);
    slots_beat(world.ends[0].slots);
    turns(10);
    ck_assert_int_eq(calls[0].granted, 1);
    ck_assert_int_eq(calls[1].granted, 0);
    ck_assert_int_gt(calls[1].told, 0);
    ck_assert_str_eq(say(HELD), "1");
    calls[0].slot = slots_release(calls[0].slot, SLOT_OK, -1, 0);
    wait_for(world.loop, &calls[1].granted);
    slots_release(calls[1].slot, SLOT_OK, -1, 0);
    until(HELD, "0");
    stop();
}
END_TEST

START_TEST(a_grant_nobody_knows_of_goes_back)
{
    start("1");
    (void)say("ZADD sem:{" PROVIDER "}:held 99999999999999 a#1.1#1");
    slots_hint(world.ends[0].slots, SPAN(PROVIDER), SPAN("a#1.1#1"));
    until(HELD, "0");
    stop();
}
END_TEST

START_TEST(a_wish_given_up_leaves_nothing_in_the_queue)
{
    struct call holder = {0}, calls[10] = {{0}};

    start("1");
    ask(1, &holder, "h");
    wait_for(world.loop, &holder.granted);
    for (int i = 0; i < 10; i++)
        ask(0, &calls[i], "f");
    until(WAITING, "6");
    for (int i = 0; i < 5; i++)
        calls[i].slot = slots_release(calls[i].slot, SLOT_FAILED, -1, 0);
    until(WAITING, "5");
    for (int i = 5; i < 10; i++)
        calls[i].slot = slots_release(calls[i].slot, SLOT_FAILED, -1, 0);
    until(WAITING, "0");
    slots_release(holder.slot, SLOT_OK, -1, 0);
    until(HELD, "0");
    stop();
}
END_TEST

START_TEST(a_wish_given_up_while_its_acquire_is_under_way_frees_the_slot)
{
    struct call call = {0};

    start("1");
    ask(0, &call, "f");
    slots_release(call.slot, SLOT_FAILED, -1, 0);
    turns(10);
    until(HELD, "0");
    until(WAITING, "0");
    ck_assert_int_eq(call.granted, 0);
    stop();
}
END_TEST

START_TEST(a_quick_slot_serves_the_next_wish_of_its_worker_without_redis)
{
    struct call calls[3] = {{0}};

    start("1");
    for (int i = 0; i < 3; i++)
        ask(0, &calls[i], "f");
    wait_for(world.loop, &calls[0].granted);
    until(WAITING, "2");
    calls[0].slot = slots_release(calls[0].slot, SLOT_OK, -1, 0);
    loop_turn(world.loop, 0);
    ck_assert_int_eq(calls[1].granted, 1);
    until(WAITING, "1");
    ck_assert_str_eq(say(HELD), "1");
    slots_release(calls[1].slot, SLOT_OK, -1, 0);
    wait_for(world.loop, &calls[2].granted);
    slots_release(calls[2].slot, SLOT_OK, -1, 0);
    until(HELD, "0");
    until(WAITING, "0");
    stop();
}
END_TEST

/* Of a large flow and a small one that came later, with the slot used again for both. */
START_TEST(a_quick_slot_goes_round_the_flows_of_its_worker)
{
    struct call large[6] = {{0}}, small[2] = {{0}};

    start("1");
    for (int i = 0; i < 6; i++)
        ask(0, &large[i], "large");
    wait_for(world.loop, &large[0].granted);
    for (int i = 0; i < 2; i++)
        ask(0, &small[i], "small");
    large[0].slot = slots_release(large[0].slot, SLOT_OK, -1, 0);
    for (int i = 0; i < 2; i++) {
        wait_for(world.loop, &small[i].granted);
        ck_assert_int_eq(large[i + 1].granted, 0);
        small[i].slot = slots_release(small[i].slot, SLOT_OK, -1, 0);
        wait_for(world.loop, &large[i + 1].granted);
        large[i + 1].slot = slots_release(large[i + 1].slot, SLOT_OK, -1, 0);
    }
    for (int i = 3; i < 6; i++) {
        wait_for(world.loop, &large[i].granted);
        large[i].slot = slots_release(large[i].slot, SLOT_OK, -1, 0);
    }
    until(HELD, "0");
    until(WAITING, "0");
    stop();
}
END_TEST

START_TEST(a_slot_is_not_used_again_while_rates_or_a_pause_hold)
{
    struct call calls[4] = {{0}};

    start("2");
    ck_assert_str_eq(say("FCALL parley1_slots_limit 0 " PROVIDER " 2 60000 0"), "OK");
    ask(0, &calls[0], "f");
    ask(0, &calls[1], "f");
    wait_for(world.loop, &calls[0].granted);
    wait_for(world.loop, &calls[1].granted);
    ask(0, &calls[2], "f");
    until(WAITING, "1");
    slots_release(calls[0].slot, SLOT_OK, -1, 0);
    loop_turn(world.loop, 0);
    ck_assert_int_eq(calls[2].granted, 0);
    wait_for(world.loop, &calls[2].granted);
    ck_assert_str_eq(say("FCALL parley1_slots_limit 0 " PROVIDER " 2 0 0"), "OK");
    ask(0, &calls[3], "f");
    turns(2);
    slots_release(calls[1].slot, SLOT_OVERLOADED, -1, 300);
    slots_release(calls[2].slot, SLOT_OK, -1, 0);
    turns(2);
    ck_assert_int_eq(calls[3].granted, 0);
    wait_for(world.loop, &calls[3].granted);
    slots_release(calls[3].slot, SLOT_OK, -1, 0);
    until(HELD, "0");
    stop();
}
END_TEST

START_TEST(a_call_that_was_cut_keeps_its_slot_until_the_provider_has_noticed)
{
    struct call calls[2] = {{0}};

    start("1");
    ask(0, &calls[0], "f");
    wait_for(world.loop, &calls[0].granted);
    ask(1, &calls[1], "g");
    until(WAITING, "1");
    int64_t begun_ms = clock_monotonic_ms();
    slots_release(calls[0].slot, SLOT_FAILED, -1, 0);
    wait_for(world.loop, &calls[1].granted);
    ck_assert_int_ge(clock_monotonic_ms() - begun_ms, 90);
    slots_release(calls[1].slot, SLOT_FAILED, -1, 0);
    slots_leave(world.ends[1].slots);
    turns(2);
    ck_assert_str_eq(say(HELD), "0");
    stop();
}
END_TEST

START_TEST(a_redis_that_came_back_empty_learns_who_holds_what)
{
    struct call calls[3] = {{0}};

    start("2");
    ask(0, &calls[0], "f");
    ask(1, &calls[1], "g");
    wait_for(world.loop, &calls[0].granted);
    wait_for(world.loop, &calls[1].granted);
    ask(0, &calls[2], "f");
    until(WAITING, "1");
    (void)say("FLUSHALL");
    (void)say("FCALL parley1_slots_hello 0");
    slots_beat(world.ends[0].slots);
    slots_beat(world.ends[1].slots);
    until(HELD, "2");
    until(WAITING, "1");
    slots_release(calls[1].slot, SLOT_OK, -1, 0);
    wait_for(world.loop, &calls[2].granted);
    ck_assert_int_eq(calls[0].lost, 0);
    slots_release(calls[0].slot, SLOT_OK, -1, 0);
    slots_release(calls[2].slot, SLOT_OK, -1, 0);
    until(HELD, "0");
    stop();
}
END_TEST

/* A thousand calls by turns of two workers, some given up while they wait or run. */
START_TEST(many_calls_of_two_workers_are_all_served_within_the_limit)
{
    struct call calls[N_CALLS] = {{0}};
    char flow[32];
    int n_left = 1000, n_open = 1;

    start("7");
    for (int round = 0; n_open > 0; round++) {
        n_open = 0;
        for (int i = 0; i < N_CALLS; i++) {
            struct call *call = &calls[i];
            if (call->slot && (round + i) % 29 == 0)
                call->slot = slots_release(call->slot, SLOT_FAILED, -1, 0);
            else if (call->slot && call->granted && (round + i) % 3 != 0)
                call->slot = slots_release(call->slot, SLOT_OK, -1, 0);
            if (!call->slot && n_left > 0) {
                *call = (struct call){0};
                (void)snprintf(flow, sizeof(flow), "f%d", i % 9);
                ask(i % 2, call, flow);
                n_left--;
            }
            n_open += call->slot != NULL;
        }
        loop_turn(world.loop, 1);
        ck_assert_int_le(strtol(say(HELD), NULL, 10), 7);
    }
    until(HELD, "0");
    until(WAITING, "0");
    stop();
}
END_TEST

TEST_MAIN("slots", a_grant_told_by_reply_hint_and_report_is_one_right,
          a_grant_nobody_knows_of_goes_back, a_wish_given_up_leaves_nothing_in_the_queue,
          a_wish_given_up_while_its_acquire_is_under_way_frees_the_slot,
          a_quick_slot_serves_the_next_wish_of_its_worker_without_redis,
          a_quick_slot_goes_round_the_flows_of_its_worker,
          a_slot_is_not_used_again_while_rates_or_a_pause_hold,
          a_call_that_was_cut_keeps_its_slot_until_the_provider_has_noticed,
          a_redis_that_came_back_empty_learns_who_holds_what,
          many_calls_of_two_workers_are_all_served_within_the_limit)
