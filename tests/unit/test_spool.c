/* Paid answers outlive the worker that got them. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "id.h"
#include "job.h"
#include "lease.h"
#include "loop.h"
#include "main.h"
#include "redis.h"
#include "server.h"
#include "spool.h"
#include "talk.h"

#define JOB "01m7xsp7bg68sy25g45gh3n75b"

static struct server server;
static struct loop *loop;
static struct lease_site site;
static struct spool *survivor;

static void on_connect(struct redis *redis, void *arg)
{
    (void)arg;
    job_prepare(redis);
}

static void set_up(void)
{
    server_start(&server);
    loop = loop_new();
    site = (struct lease_site){.redis = redis_new(loop, server.socket), .worker = "w"};
    job_stream_key("probe", site.stream);
    redis_on_connect(site.redis, on_connect, NULL);
    ck_assert_str_eq(talk(loop, site.redis,
                          "FCALL parley1_enqueue 3 probe.requests job:" JOB " tenant:t " JOB
                          " t probe T0 {} h 0 10 10 0"),
                     "[OK " JOB "]");
    ck_assert_int_eq(spool_new(server.folder, "survivor", &survivor), 0);
}

static void tear_down(void)
{
    survivor = spool_free(survivor);
    site.redis = redis_free(site.redis);
    loop = loop_free(loop);
    server_stop(&server);
}

static void on_adopted(void *arg)
{
    *(int *)arg = 1;
}

static void adopt(void)
{
    int done = 0;

    spool_adopt(survivor, &site, on_adopted, &done);
    wait_for(loop, &done);
}

/* A worker that dies with these answers not in Redis: its file stays, its lock goes. */
static void die_with(const char *worker, const char *key, const char *answer)
{
    struct spool *spool = NULL;

    ck_assert_int_eq(spool_new(server.folder, worker, &spool), 0);
    spool_put(spool, JOB, key, span_of(answer));
    spool_free(spool);
}

START_TEST(answers_of_dead_workers_reach_redis_and_their_files_go)
{
    set_up();
    die_with("dead1", "blind/cfo", "{\"text\":\"line one\\nline two\"}");
    adopt();
    die_with("dead2", "blind/cto", "{}");
    die_with("dead3", "blind/cfo", "{\"late\":true}");
    adopt();
    adopt();
    adopt();
    ck_assert_str_eq(talk(loop, site.redis, "HGET job:" JOB ":steps blind/cfo"),
                     "{\"text\":\"line one\\nline two\"}");
    ck_assert_str_eq(talk(loop, site.redis, "HGET job:" JOB ":steps blind/cto"), "{}");
    ck_assert_str_eq(talk(loop, site.redis, "HLEN job:" JOB ":steps"), "2");
    tear_down();
}
END_TEST

START_TEST(a_living_workers_file_is_left_alone)
{
    struct spool *other = NULL;

    set_up();
    ck_assert_int_eq(spool_new(server.folder, "other", &other), 0);
    spool_put(other, JOB, "k", SPAN("{}"));
    adopt();
    ck_assert_str_eq(talk(loop, site.redis, "HLEN job:" JOB ":steps"), "0");
    spool_free(other);
    tear_down();
}
END_TEST

START_TEST(a_record_cut_short_by_the_crash_is_dropped_and_the_whole_ones_count)
{
    set_up();
    char *path CLEANUP(charp_freep) = xprintf("%s/dead.1.spool", server.folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static const char content[] = JOB " a 2\n{}\n" JOB " b 20\n{\"text\":";
    ck_assert_int_eq(write(fd, content, sizeof(content) - 1), sizeof(content) - 1);
    close(fd);
    adopt();
    ck_assert_str_eq(talk(loop, site.redis, "HGETALL job:" JOB ":steps"), "[a {}]");
    ck_assert_int_ne(access(path, F_OK), 0);
    tear_down();
}
END_TEST

START_TEST(without_a_folder_nothing_is_kept_and_nothing_fails)
{
    struct spool *none = NULL;

    set_up();
    ck_assert_int_eq(spool_new(NULL, "w", &none), 0);
    spool_put(none, JOB, "k", SPAN("{}"));
    spool_done(none);
    spool_free(none);
    ck_assert_int_lt(spool_new("/nonexistent", "w", &none), 0);
    tear_down();
}
END_TEST

TEST_MAIN("spool", answers_of_dead_workers_reach_redis_and_their_files_go,
          a_living_workers_file_is_left_alone,
          a_record_cut_short_by_the_crash_is_dropped_and_the_whole_ones_count,
          without_a_folder_nothing_is_kept_and_nothing_fails)
