/* A thread rings, the loop hears it. */
#include <check.h>
#include <pthread.h>

#include "bell.h"
#include "main.h"

struct tower {
    struct loop *loop;
    struct bell bell;
    int n_heard;
};

static void on_bell(void *arg)
{
    struct tower *tower = arg;

    tower->n_heard++;
}

static void *ring(void *arg)
{
    bell_ring(arg);
    return NULL;
}

static void build(struct tower *tower)
{
    *tower = (struct tower){.loop = loop_new()};
    bell_init(&tower->bell, tower->loop, on_bell, tower);
}

static void pull_down(struct tower *tower)
{
    bell_clear(&tower->bell);
    loop_free(tower->loop);
}

START_TEST(a_ring_of_another_thread_wakes_a_loop_that_waits_without_end)
{
    struct tower tower;
    pthread_t thread;

    build(&tower);
    ck_assert_int_eq(pthread_create(&thread, NULL, ring, &tower.bell), 0);
    while (tower.n_heard == 0)
        loop_turn(tower.loop, -1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(tower.n_heard, 1);
    pull_down(&tower);
}
END_TEST

START_TEST(rings_before_the_loop_turns_are_one_and_the_next_is_heard_again)
{
    struct tower tower;

    build(&tower);
    bell_ring(&tower.bell);
    bell_ring(&tower.bell);
    loop_turn(tower.loop, 0);
    loop_turn(tower.loop, 0);
    ck_assert_int_eq(tower.n_heard, 1);
    bell_ring(&tower.bell);
    loop_turn(tower.loop, 0);
    ck_assert_int_eq(tower.n_heard, 2);
    pull_down(&tower);
}
END_TEST

START_TEST(a_bell_that_was_cleared_is_not_heard)
{
    struct tower tower;

    build(&tower);
    bell_ring(&tower.bell);
    bell_clear(&tower.bell);
    bell_clear(&tower.bell);
    loop_turn(tower.loop, 0);
    ck_assert_int_eq(tower.n_heard, 0);
    pull_down(&tower);
}
END_TEST

TEST_MAIN("bell", a_ring_of_another_thread_wakes_a_loop_that_waits_without_end,
          rings_before_the_loop_turns_are_one_and_the_next_is_heard_again,
          a_bell_that_was_cleared_is_not_heard)
