/* The functions of money.lua, one conversation each, and amounts as text. Amounts are
 * micro-dollars. */
#include <check.h>
#include <errno.h>

#include "job.h"
#include "loop.h"
#include "main.h"
#include "money.h"
#include "redis.h"
#include "server.h"
#include "talk.h"

struct line {
    const char *say;
    const char *expect; /* NULL: whatever */
};

static void on_connect(struct redis *redis, void *arg)
{
    (void)arg;
    job_prepare(redis);
}

/* $D in a line stands for today as money.lua names it. */
static char *with_day(const char *text, const char *day)
{
    const char *mark = text ? strstr(text, "$D") : NULL;

    if (!mark)
        return text ? xstrdup(text) : NULL;
    return xprintf("%.*s%s%s", (int)(mark - text), text, day, mark + 2);
}

static void converse(const struct line *lines, size_t n)
{
    struct server server;
    struct loop *loop = loop_new();
    char day[16];

    server_start(&server);
    struct redis *redis = redis_new(loop, server.socket);
    redis_on_connect(redis, on_connect, NULL);
    const char *today =
        strstr(talk(loop, redis, "FCALL_RO parley1_money_tenants 0 t"), "\"day\":\"");
    ck_assert_ptr_nonnull(today);
    ck_assert_int_eq(sscanf(today, "\"day\":\"%8[0-9]\"", day), 1);
    for (size_t i = 0; i < n; i++) {
        char *say = with_day(lines[i].say, day), *expect = with_day(lines[i].expect, day);
        const char *answer = talk(loop, redis, say);

        if (expect)
            ck_assert_msg(strcmp(answer, expect) == 0, "%s\n  expected %s\n  got      %s", say,
                          expect, answer);
        free(say);
        free(expect);
    }
    redis_free(redis);
    loop_free(loop);
    server_stop(&server);
}
#define CONVERSATION(...)                                                                          \
    do {                                                                                           \
        static const struct line lines[] = {__VA_ARGS__};                                          \
        converse(lines, ARRAY_SIZE(lines));                                                        \
    } while (0)

#define ENQUEUE(id)                                                                                \
    "FCALL parley1_enqueue 3 probe.requests job:" id " tenant:t " id " t probe T0 {} h 0 10 10 0"
#define CLAIM(worker) "FCALL parley1_claim 1 probe.requests " worker " 1 0 T1"
#define RUNNING(id)                                                                                \
    {ENQUEUE(id), NULL},                                                                           \
    {                                                                                              \
        CLAIM("w1"), NULL                                                                          \
    }
#define RESERVE(id, fence, key, amount, job_cap, tenant_cap)                                       \
    "FCALL parley1_money_reserve 2 job:" id " tenant:t " fence " " key " " amount " " job_cap      \
    " " tenant_cap
#define SETTLE(id, fence, key, cost, how)                                                          \
    "FCALL parley1_money_settle 2 job:" id " tenant:t " fence " " key " " cost " 100 20 " how
#define DAY "HMGET tenant:t:spend:$D spent held doubt calls doubts"
#define JOB(id) "HMGET job:" id ":money spent held doubt calls doubts"

// clang-format off
START_TEST(what_is_reserved_counts_until_it_is_settled)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k", "500", "''", "0"), "[OK 0]"},
        {JOB("a"), "[- 500 - - -]"},
        {DAY, "[- 500 - - -]"},
        {SETTLE("a", "1", "k", "120", "done"), "1"},
        {JOB("a"), "[120 0 - 1 -]"},
        {DAY, "[120 0 - 1 -]"},
        {"HMGET job:a:money input output", "[100 20]"},
        {"SMEMBERS tenants", "[t]"},
    );
}
END_TEST

START_TEST(settling_twice_and_reserving_twice_change_nothing)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k", "500", "1000", "0"), "[OK 1]"},
        {RESERVE("a", "1", "k", "500", "1000", "0"), "[OK 1]"},
        {JOB("a"), "[- 500 - - -]"},
        {SETTLE("a", "1", "k", "120", "done"), "1"},
        {SETTLE("a", "1", "k", "120", "done"), "0"},
        {JOB("a"), "[120 0 - 1 -]"},
    );
}
END_TEST

START_TEST(a_job_reserves_no_more_than_its_budget)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k1", "600", "1000", "0"), "[OK 1]"},
        {RESERVE("a", "1", "k2", "600", "1000", "0"), "[HELD job 1000 0 600]"},
        {RESERVE("a", "1", "k2", "400", "1000", "0"), "[OK 1]"},
        {RESERVE("a", "1", "k3", "1", "1000", "0"), "[HELD job 1000 0 1000]"},
        {SETTLE("a", "1", "k1", "600", "done"), "1"},
        {RESERVE("a", "1", "k3", "600", "1000", "0"), "[SPENT job 1000 600 400]"},
        {RESERVE("a", "1", "k4", "1001", "1000", "0"), "[SPENT job 1000 600 400]"},
        {RESERVE("a", "1", "k4", "7", "1000", "0") " 1", "[OK 1]"},
        {SETTLE("a", "1", "k4", "0", "drop"), "1"},
        {JOB("a"), "[600 400 - 1 -]"},
    );
}
END_TEST

START_TEST(the_jobs_of_a_tenant_share_its_budget_of_the_day)
{
    CONVERSATION(
        RUNNING("a"),
        RUNNING("b"),
        {RESERVE("a", "1", "k", "600", "''", "1000"), "[OK 1]"},
        {RESERVE("b", "1", "k", "600", "5000", "1000"), "[HELD tenant 1000 0 600]"},
        {SETTLE("a", "1", "k", "900", "done"), "1"},
        {RESERVE("b", "1", "k", "600", "5000", "1000"), "[SPENT tenant 1000 900 0]"},
        {RESERVE("b", "1", "k", "600", "5000", "0"), "[OK 1]"},
    );
}
END_TEST

START_TEST(a_tenants_own_budget_counts_instead_of_the_fleets)
{
    CONVERSATION(
        RUNNING("a"),
        {"HSET tenant:t budget_usd_day 0.0005", "1"},
        {RESERVE("a", "1", "k", "600", "''", "100000"), "[SPENT tenant 500 0 0]"},
        {"HSET tenant:t budget_usd_day 0.25", "0"},
        {RESERVE("a", "1", "k", "600", "''", "100"), "[OK 1]"},
        {"HSET tenant:t budget_usd_day 0", "0"},
        {RESERVE("a", "1", "k", "999999999", "''", "100"), "[OK 0]"},
    );
}
END_TEST

START_TEST(a_raised_budget_of_a_job_lets_its_calls_go_on)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k", "600", "100", "0"), "[SPENT job 100 0 0]"},
        {"HSET job:a budget_usd 0.001", "1"},
        {RESERVE("a", "1", "k", "600", "100", "0"), "[OK 1]"},
    );
}
END_TEST

START_TEST(between_two_tries_only_what_the_first_did_cost_is_held)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k", "600", "1000", "0"), "[OK 1]"},
        {SETTLE("a", "1", "k", "50", "more"), "1"},
        {JOB("a"), "[- 50 - - -]"},
        {RESERVE("a", "1", "k", "650", "1000", "0"), "[OK 1]"},
        {JOB("a"), "[- 650 - - -]"},
        {SETTLE("a", "1", "k", "110", "done"), "1"},
        {JOB("a"), "[110 0 - 1 -]"},
        {DAY, "[110 0 - 1 -]"},
    );
}
END_TEST

START_TEST(a_stale_worker_reserves_and_settles_nothing)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k", "600", "''", "0"), "[OK 0]"},
        {RESERVE("a", "0", "k", "600", "''", "0"), "!FENCED the job was taken over"},
        {SETTLE("a", "0", "k", "1", "done"), "0"},
        {"HSET job:a fence 7", "0"},
        {RESERVE("a", "1", "k2", "600", "''", "0"), "!FENCED the job was taken over"},
        {JOB("a"), "[- 600 - - -]"},
    );
}
END_TEST

#define REAP "FCALL parley1_reap 1 probe.requests 0 9 T3 {}"
#define FINISH(id, fence) \
    "FCALL parley1_finish 2 probe.requests job:" id " " fence " 1 T4 succeeded s {} '' {\"calls\":0} ''"
START_TEST(calls_of_a_dead_worker_are_in_doubt_at_their_worst_case)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k1", "600", "1000", "0"), NULL},
        {RESERVE("a", "1", "k2", "300", "1000", "0"), NULL},
        {SETTLE("a", "1", "k2", "0", "more"), NULL},
        {REAP, "1"},
        {CLAIM("w2"), NULL},
        {JOB("a"), "[- 0 600 - 1]"},
        {DAY, "[- 0 600 - 1]"},
        {RESERVE("a", "3", "k1", "600", "1000", "0"), "[SPENT job 1000 600 0]"},
        {RESERVE("a", "3", "k1", "300", "1000", "0"), "[OK 1]"},
        {SETTLE("a", "3", "k1", "200", "done"), "1"},
        {FINISH("a", "3"), "OK"},
        {"HGET job:a usage", "{\"calls\":1,\"input_tokens\":100,\"output_tokens\":20,\"cost_usd\":0.0002,"
                             "\"uncertain\":{\"calls\":1,\"cost_usd\":0.0006}}"},
    );
}
END_TEST

START_TEST(a_call_whose_answer_was_saved_costs_what_the_answer_says)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k1", "600", "1000", "0"), NULL},
        {"FCALL parley1_remember 2 job:a job:a:steps k1 {\"text\":\"\\\"cost_usd\\\":9\",\"usage\":{\"input_tokens\":7,"
         "\"output_tokens\":8,\"cost_usd\":0.0001234}}", NULL},
        {REAP, "1"},
        {CLAIM("w2"), NULL},
        {JOB("a"), "[124 0 - 1 -]"},
        {FINISH("a", "3"), "OK"},
        {"HGET job:a usage", "{\"calls\":1,\"input_tokens\":7,\"output_tokens\":8,\"cost_usd\":0.000124}"},
    );
}
END_TEST

START_TEST(an_end_without_a_worker_settles_what_is_left_and_tells_the_usage)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k1", "600", "''", "0"), NULL},
        {SETTLE("a", "1", "k1", "70", "done"), NULL},
        {RESERVE("a", "1", "k2", "500", "''", "0"), NULL},
        {"FCALL parley1_reap 1 probe.requests 0 1 T3 {}", "1"},
        {"HMGET job:a state usage", "[failed {\"calls\":1,\"input_tokens\":100,\"output_tokens\":20,\"cost_usd\":7e-05,"
                                    "\"uncertain\":{\"calls\":1,\"cost_usd\":0.0005}}]"},
        {DAY, "[70 0 500 1 1]"},
    );
}
END_TEST

START_TEST(a_job_without_calls_keeps_its_workers_usage_and_leaves_no_account)
{
    CONVERSATION(
        RUNNING("a"),
        {FINISH("a", "1"), "OK"},
        {"HGET job:a usage", "{\"calls\":0}"},
        {"EXISTS job:a:money", "0"},
    );
}
END_TEST

START_TEST(a_broken_off_call_is_in_doubt_and_an_unsent_one_is_nothing)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k1", "600", "''", "0"), NULL},
        {SETTLE("a", "1", "k1", "40", "doubt"), "1"},
        {RESERVE("a", "1", "k2", "600", "''", "0"), NULL},
        {SETTLE("a", "1", "k2", "0", "drop"), "1"},
        {JOB("a"), "[- 0 40 - 1]"},
    );
}
END_TEST

START_TEST(an_account_is_forgotten_with_its_record_and_a_day_after_some)
{
    CONVERSATION(
        RUNNING("a"),
        {RESERVE("a", "1", "k1", "600", "''", "0"), NULL},
        {"TTL tenant:t:spend:$D", "691200"},
        {"TTL job:a:money", "-1"},
        {FINISH("a", "1"), "OK"},
        {"TTL job:a:money", "172800"},
        {"DEL tenant:t:spend:$D", "1"},
        RUNNING("b"),
        {RESERVE("b", "1", "k1", "600", "''", "0"), NULL},
        {"DEL tenant:t:spend:$D", "1"},
        {SETTLE("b", "1", "k1", "5", "done"), "1"},
        {"EXISTS tenant:t:spend:$D", "0"},
        {JOB("b"), "[5 0 - 1 -]"},
    );
}
END_TEST

START_TEST(what_is_set_for_a_tenant_stands_in_its_record)
{
    CONVERSATION(
        RUNNING("a"),
        {"FCALL parley1_money_tenant_set 0 t budget_usd_day 5 weight 2 max_open 7", "OK"},
        {"FCALL parley1_money_tenant_set 0 t max_open ''", "OK"},
        {"HMGET tenant:t budget_usd_day weight max_open", "[5 2 -]"},
        {RESERVE("a", "1", "k1", "600", "''", "0"), NULL},
        {SETTLE("a", "1", "k1", "70", "done"), NULL},
        {"FCALL parley1_money_tenant_set 0 b max_running 3", "OK"},
        {"SISMEMBER tenants b", "1"},
    );
}
END_TEST

START_TEST(amounts_are_read_and_shown_as_decimal_dollars)
{
    static const struct {
        const char *name, *text;
        int r;
        int64_t micro;
        const char *shown;
    } rows[] = {
        {"whole dollars",             "5",              0,       5000000,       "5.00"},
        {"nothing",                   "0",              0,       0,             "0.00"},
        {"cents",                     "0.25",           0,       250000,        "0.25"},
        {"a micro-dollar",            "0.000001",       0,       1,             "0.000001"},
        {"a tenth",                   "12.1",           0,       12100000,      "12.10"},
        {"the most there is",         "1000000",        0,       1000000000000, "1000000.00"},
        {"more than that",            "1000000.000001", -ERANGE, 0,             NULL},
        {"far more",                  "9999999999999",  -ERANGE, 0,             NULL},
        {"less than a micro-dollar",  "0.0000001",      -EINVAL, 0,             NULL},
        {"a sign",                    "-1",             -EINVAL, 0,             NULL},
        {"no digits after the point", "1.",             -EINVAL, 0,             NULL},
        {"no digits before it",       ".5",             -EINVAL, 0,             NULL},
        {"words",                     "five",           -EINVAL, 0,             NULL},
        {"an exponent",               "1e3",            -EINVAL, 0,             NULL},
        {"empty",                     "",               -EINVAL, 0,             NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[MONEY_TEXT_BYTES];
        int64_t micro = 0;

        ck_assert_msg(money_parse(span_of(rows[i].text), &micro) == rows[i].r, "%s", rows[i].name);
        ck_assert_msg(micro == rows[i].micro, "%s: %lld", rows[i].name, (long long)micro);
        if (!rows[i].shown)
            continue;
        money_text(micro, text);
        ck_assert_msg(strcmp(text, rows[i].shown) == 0, "%s: %s", rows[i].name, text);
    }
}
END_TEST

START_TEST(a_cost_is_rounded_up_to_whole_micro_dollars)
{
    static const struct {
        double usd;
        int64_t micro;
    } rows[] = {
        {0, 0}, {-1, 0}, {0.07, 70000}, {0.0000001, 1}, {0.0000011, 2}, {0.1 + 0.2, 300000}, {1e30, MONEY_MAX},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_int_eq(money_of_usd(rows[i].usd), rows[i].micro);
}
END_TEST

TEST_MAIN("functions_money", what_is_reserved_counts_until_it_is_settled,
          settling_twice_and_reserving_twice_change_nothing, a_job_reserves_no_more_than_its_budget,
          the_jobs_of_a_tenant_share_its_budget_of_the_day, a_tenants_own_budget_counts_instead_of_the_fleets,
          a_raised_budget_of_a_job_lets_its_calls_go_on, between_two_tries_only_what_the_first_did_cost_is_held,
          a_stale_worker_reserves_and_settles_nothing, calls_of_a_dead_worker_are_in_doubt_at_their_worst_case,
          a_call_whose_answer_was_saved_costs_what_the_answer_says,
          an_end_without_a_worker_settles_what_is_left_and_tells_the_usage,
          a_job_without_calls_keeps_its_workers_usage_and_leaves_no_account,
          a_broken_off_call_is_in_doubt_and_an_unsent_one_is_nothing,
          an_account_is_forgotten_with_its_record_and_a_day_after_some,
          what_is_set_for_a_tenant_stands_in_its_record, amounts_are_read_and_shown_as_decimal_dollars,
          a_cost_is_rounded_up_to_whole_micro_dollars)
// clang-format on
