/* When upkeep runs: behind the events of its turn, what sends behind all the rest. */
#include <check.h>

#include "buf.h"
#include "loop.h"
#include "main.h"
#include "metrics.h"

struct scene {
    struct loop *loop;
    struct loop_later upkeep, sending;
    struct buf said;
};

static void on_sending(void *arg)
{
    struct scene *scene = arg;

    buf_add_text(&scene->said, "sent ");
}

static void on_sending_again(void *arg)
{
    struct scene *scene = arg;

    on_sending(scene);
    loop_later_set(&scene->sending, scene->loop);
}

static void on_upkeep(void *arg)
{
    struct scene *scene = arg;

    buf_add_text(&scene->said, "kept ");
    loop_later_set(&scene->sending, scene->loop);
}

static void on_upkeep_again(void *arg)
{
    struct scene *scene = arg;

    buf_add_text(&scene->said, "kept ");
    loop_later_set(&scene->upkeep, scene->loop);
}

static void scene_start(struct scene *scene, loop_fn *upkeep, loop_fn *sending)
{
    scene->loop = loop_new();
    buf_init(&scene->said, 1000);
    loop_later_init(&scene->upkeep, upkeep, scene);
    loop_later_init_last(&scene->sending, sending, scene);
}

static void scene_stop(struct scene *scene)
{
    loop_later_clear(&scene->upkeep);
    loop_later_clear(&scene->sending);
    loop_free(scene->loop);
    buf_deinit(&scene->said);
}

START_TEST(what_upkeep_says_is_sent_in_the_same_turn)
{
    struct scene scene;

    scene_start(&scene, on_upkeep, on_sending);
    loop_later_set(&scene.upkeep, scene.loop);
    loop_turn(scene.loop, 0);
    ck_assert_str_eq(scene.said.at, "kept sent ");
    loop_turn(scene.loop, 0);
    ck_assert_str_eq(scene.said.at, "kept sent ");
    scene_stop(&scene);
}
END_TEST

START_TEST(sending_goes_behind_upkeep_that_was_put_off_after_it)
{
    struct scene scene;

    scene_start(&scene, on_upkeep, on_sending);
    loop_later_set(&scene.sending, scene.loop);
    loop_later_set(&scene.upkeep, scene.loop);
    loop_turn(scene.loop, 0);
    ck_assert_str_eq(scene.said.at, "kept sent ");
    scene_stop(&scene);
}
END_TEST

START_TEST(what_puts_itself_off_again_runs_once_a_turn_without_waiting)
{
    struct scene scene;

    scene_start(&scene, on_upkeep_again, on_sending_again);
    loop_later_set(&scene.upkeep, scene.loop);
    loop_later_set(&scene.sending, scene.loop);
    loop_turn(scene.loop, -1);
    ck_assert_str_eq(scene.said.at, "kept sent ");
    loop_later_clear(&scene.upkeep);
    loop_turn(scene.loop, -1);
    ck_assert_str_eq(scene.said.at, "kept sent sent ");
    scene_stop(&scene);
}
END_TEST

START_TEST(what_was_cleared_does_not_run)
{
    struct scene scene;

    scene_start(&scene, on_upkeep, on_sending);
    loop_later_set(&scene.upkeep, scene.loop);
    loop_later_set(&scene.sending, scene.loop);
    loop_later_clear(&scene.upkeep);
    loop_later_clear(&scene.sending);
    loop_turn(scene.loop, 0);
    ck_assert_uint_eq(scene.said.n, 0);
    scene_stop(&scene);
}
END_TEST

static int64_t fake_now_us;

static int64_t fake_clock(void)
{
    return fake_now_us;
}

START_TEST(what_kept_the_loop_busy_is_told_as_lag)
{
    struct loop *loop = loop_new();
    struct histogram lag = {0};

    fake_now_us = 1000000;
    loop_measure_lag(loop, &lag, fake_clock);
    fake_now_us += (LOOP_LAG_MS + 2000) * INT64_C(1000);
    while (lag.sum_us == 0)
        loop_turn(loop, -1);
    ck_assert_uint_eq(lag.sum_us, 2000000);
    loop_free(loop);
}
END_TEST

TEST_MAIN("loop", what_upkeep_says_is_sent_in_the_same_turn,
          sending_goes_behind_upkeep_that_was_put_off_after_it,
          what_puts_itself_off_again_runs_once_a_turn_without_waiting,
          what_was_cleared_does_not_run, what_kept_the_loop_busy_is_told_as_lag)
