/* The functions of parley.lua that decide what runs when, and what becomes of what failed. */
#include <check.h>

#include "conversation.h"
#include "main.h"

/* ADD(id, tenant, priority, not before ms, its text, deadline ms) */
#define ADD(id, tenant, priority, ms, text, deadline)                                              \
    "FCALL parley1_enqueue 3 probe.requests job:" id " tenant:" tenant " " id " " tenant           \
    " probe T0 {} h 0 10000 10000 " deadline " " priority " " ms " " text " continue 600000"
#define OF(id, tenant) ADD(id, tenant, "normal", "0", "''", "600000")
#define TICK "FCALL parley1_tick 1 probe.requests T9 600000"
#define FINISH(id, fence)                                                                          \
    "FCALL parley1_finish 2 probe.requests job:" id " " fence " 1 T2 succeeded report {} '' {} ''"
#define RETRY(id, fence, delay, attempts, per_minute)                                              \
    "FCALL parley1_retry 2 probe.requests job:" id " " fence                                       \
    " 1 T5 opening {\"code\":\"provider\"} {\"calls\":1} '' " delay " " attempts " " per_minute
#define FAIR "ZRANGE {probe.requests}:fair 0 -1"
#define STATE(id) "HMGET job:" id " state"
#define FAR "4102444800000"

// clang-format off
START_TEST(a_tenant_with_one_job_comes_next_however_many_another_has)
{
    CONVERSATION(
        {OF("a1", "a"), NULL}, {OF("a2", "a"), NULL}, {OF("a3", "a"), NULL}, {OF("a4", "a"), NULL},
        {CLAIM("w1", "1"), NULL},
        {CLAIM("w1", "1"), NULL},
        {OF("b1", "b"), NULL},
        {FAIR, "[a b]"},
        {CLAIM("w1", "2"), NULL},
        {STATE("b1"), "[running]"},
        {STATE("a3"), "[running]"},
        {STATE("a4"), "[queued]"},
        {FAIR, "[a]"},
        {"ZCARD {probe.requests}:of:a", "1"},
        {"HGETALL {probe.requests}:running", "[a 3 b 1]"},
        {OPEN, "5"},
        {FINISH("b1", "1"), "OK"},
        {FINISH("a1", "1"), "OK"},
        {"HGETALL {probe.requests}:running", "[a 2]"},
    );
}
END_TEST

START_TEST(a_tenant_of_twice_the_weight_gets_two_turns_of_three)
{
    CONVERSATION(
        {"HSET tenant:a weight 2", "1"},
        {OF("a1", "a"), NULL}, {OF("a2", "a"), NULL}, {OF("a3", "a"), NULL}, {OF("a4", "a"), NULL}, {OF("a5", "a"), NULL},
        {OF("b1", "b"), NULL}, {OF("b2", "b"), NULL}, {OF("b3", "b"), NULL}, {OF("b4", "b"), NULL},
        {CLAIM("w1", "6"), NULL},
        {"HGETALL {probe.requests}:running", "[a 4 b 2]"},
    );
}
END_TEST

START_TEST(priorities_order_the_jobs_of_a_tenant_and_nothing_else)
{
#define HIGH(id, tenant) ADD(id, tenant, "high", "0", "''", "600000")
    CONVERSATION(
        {ADD("low", "a", "low", "0", "''", "600000"), NULL},
        {OF("normal1", "a"), NULL}, {OF("normal2", "a"), NULL},
        {HIGH("high", "a"), NULL},
        {HIGH("other", "b"), NULL},
        {"ZRANGE {probe.requests}:of:a 0 -1", "[high normal1 normal2 low]"},
        {CLAIM("w1", "2"), NULL},
        {STATE("high"), "[running]"},
        {STATE("other"), "[running]"},
        {"FCALL_RO parley1_read_log 2 job:high job:high:events a 0 1",
         "[running 2 1  " EVENT("job.queued", "1", "high", "T0", "0", ",\"queue\":\"probe.requests\",\"priority\":\"high\"") "]"},
    );
}
END_TEST

START_TEST(a_tenant_at_its_cap_waits_until_one_of_its_jobs_is_done_or_handed_back)
{
    CONVERSATION(
        {"HSET tenant:a max_running 2", "1"},
        {OF("a1", "a"), NULL}, {OF("a2", "a"), NULL}, {OF("a3", "a"), NULL}, {OF("a4", "a"), NULL},
        {OF("b1", "b"), NULL},
        {CLAIM("w1", "10"), NULL},
        {"HGETALL {probe.requests}:running", "[a 2 b 1]"},
        {FAIR, "[]"},
        {"SMEMBERS {probe.requests}:capped", "[a]"},
        {CLAIM("w1", "10"), "[]"},
        {FINISH("a1", "1"), "OK"},
        {FAIR, "[a]"},
        {CLAIM("w1", "10"), NULL},
        {STATE("a3"), "[running]"},
        {STATE("a4"), "[queued]"},
        {"FCALL parley1_give_back 2 probe.requests job:a2 1 T3 {}", "OK"},
        {CLAIM("w1", "10"), NULL},
        {STATE("a2"), "[running]"},
        {STATE("a4"), "[queued]"},
        {"FCALL parley1_reap 1 probe.requests 0 3 T3 {}", "3"},
        {"HLEN {probe.requests}:running", "0"},
        {"HSET tenant:a max_running 0", "0"},
        {CLAIM("w1", "10"), NULL},
        {STATE("a4"), "[running]"},
        {OPEN, "4"},
    );
}
END_TEST

START_TEST(a_cap_raised_while_nothing_ends_acts_with_the_next_tick)
{
    CONVERSATION(
        {"HSET tenant:a max_running 1", "1"},
        {OF("a1", "a"), NULL}, {OF("a2", "a"), NULL},
        {CLAIM("w1", "2"), NULL},
        {CLAIM("w1", "2"), "[]"},
        {TICK, "-1"},
        {FAIR, "[]"},
        {"HSET tenant:a max_running 2", "0"},
        {TICK, "-1"},
        {FAIR, "[a]"},
    );
}
END_TEST

START_TEST(a_delayed_job_is_in_the_register_and_runs_when_it_is_due)
{
    CONVERSATION(
        {ADD("a", "t", "normal", FAR, "T8", "600000"), "[OK a]"},
        {OPEN, "1"},
        {"HMGET job:a state waiting seq", "[waiting {\"reason\":\"not_before\",\"until\":\"T8\"} 2]"},
        {LOG("a", "1"), "[waiting 2 1  " EVENT("job.waiting", "2", "a", "T0", "0", ",\"reason\":\"not_before\",\"until\":\"T8\"") "]"},
        {CLAIM("w1", "1"), "[]"},
        {"ZSCORE {probe.requests}:delayed a", FAR},
        {TICK, NULL},
        {STATE("a"), "[waiting]"},
        {"ZADD {probe.requests}:delayed 1 a", "0"},
        {"HSET job:a since_ms 4102444800001", "0"},
        {TICK, NULL},
        {"HMGET job:a state waiting", "[queued -]"},
        {LOG("a", "2"), "[queued 3 1  " EVENT("job.queued", "3", "a", "T9", "0", ",\"queue\":\"probe.requests\",\"priority\":\"normal\"") "]"},
        {CLAIM("w1", "1"), NULL},
        {STATE("a"), "[running]"},
        {ADD("b", "t", "normal", "1", "T8", "600000"), "[OK b]"},
        {STATE("b"), "[queued]"},
    );
}
END_TEST

START_TEST(a_delayed_job_can_be_cancelled)
{
    CONVERSATION(
        {ADD("a", "t", "normal", FAR, "T8", "600000"), NULL},
        {"FCALL parley1_cancel 1 job:a t T4 {}", "DONE"},
        {STATE("a"), "[cancelled]"},
        {"EXISTS {probe.requests}:delayed {probe.requests}:deadlines", "0"},
        {OPEN, "0"},
    );
}
END_TEST

START_TEST(a_waiting_job_expires_at_its_own_deadline_or_at_its_kinds)
{
    CONVERSATION(
        {ADD("own", "t", "normal", "0", "''", "1"), NULL},
        {ADD("kinds", "t", "normal", "0", "''", "600000"), NULL},
        {ADD("longer", "t", "normal", "0", "''", "900000"), NULL},
        {"ZCARD {probe.requests}:deadlines", "2"},
        {"HSET job:own since_ms 1 rare 1", "1"},
        {"ZADD {probe.requests}:deadlines 1 own", "0"},
        {TICK, NULL},
        {STATE("own"), "[expired]"},
        {STATE("kinds"), "[queued]"},
        {"HGET job:own error", "{\"code\":\"deadline\",\"message\":\"the job did not end within its deadline\"}"},
        {"HSET job:kinds since_ms 1 rare 1", "2"},
        {"FCALL parley1_tick 1 probe.requests T9 0", NULL},
        {STATE("kinds"), "[expired]"},
        {STATE("longer"), "[queued]"},
        {OPEN, "1"},
        {FAIR, "[t]"},
        {"HSET job:longer since_ms 1 rare 1", "1"},
        {CLAIM("w1", "1"), "[]"},
        {STATE("longer"), "[expired]"},
        {OPEN, "0"},
        {"HGET tenant:t open", "0"},
    );
}
END_TEST

START_TEST(a_failed_attempt_comes_back_after_its_pause_and_asks_again_what_failed)
{
    CONVERSATION(
        {OF("a", "t"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_remember 2 job:a job:a:steps good {}", "{}"},
        {"FCALL parley1_remember 2 job:a job:a:steps bad {\"error\":{}}", "{\"error\":{}}"},
        {RETRY("a", "1", "60000", "3", "60") " 1 bad step.failed \"step\":\"bad\"", "RETRYING"},
        {"HMGET job:a state fence attempt step usage", "[retrying 2 1 opening {\"calls\":1}]"},
        {"HKEYS job:a:steps", "[good]"},
        {RUNNING, "[0 - - -]"},
        {OPEN, "1"},
        {"HLEN {probe.requests}:running", "0"},
        {"FCALL_RO parley1_read_log 2 job:a job:a:events t 3 9",
         "[retrying 4 1  " EVENT("job.retrying", "4", "a", "T5", "1", ",\"in_ms\":60000,\"error\":{\"code\":\"provider\"},\"rollback_to_seq\":2") "]"},
        {RETRY("a", "1", "60000", "3", "60") " 0", "!FENCED the job was taken over"},
        {CLAIM("w1", "1"), "[]"},
        {"ZADD {probe.requests}:delayed 1 a", "0"},
        {TICK, "-1"},
        {CLAIM("w1", "1"), NULL},
        {"HMGET job:a state fence attempt", "[running 3 2]"},
    );
}
END_TEST

START_TEST(attempts_or_retries_used_up_make_a_dead_letter_of_the_error_as_it_was)
{
    CONVERSATION(
        {OF("a", "t"), NULL}, {OF("b", "t"), NULL},
        {CLAIM("w1", "2"), NULL},
        {RETRY("a", "1", "5", "1", "60") " 0", "ENDED"},
        {RETRY("b", "1", "5", "3", "0") " 0", "ENDED"},
        {"HMGET job:a state error step usage", "[failed {\"code\":\"provider\"} opening {\"calls\":1}]"},
        {"XLEN probe.dead", "2"},
        {"PTTL job:a", "-1"},
        {"PTTL job:a:events", "-1"},
        {OPEN, "0"},
        {RUNNING, "[0 - - -]"},
        {"HLEN {probe.requests}:running", "0"},
        {LOG("b", "2"), NULL},
    );
}
END_TEST

START_TEST(the_retries_of_a_kind_in_a_minute_are_limited)
{
    CONVERSATION(
        {OF("a", "t"), NULL}, {OF("b", "t"), NULL}, {OF("c", "t"), NULL},
        {CLAIM("w1", "3"), NULL},
        {RETRY("a", "1", "5", "3", "2") " 0", "RETRYING"},
        {RETRY("b", "1", "5", "3", "2") " 0", "RETRYING"},
        {RETRY("c", "1", "5", "3", "2") " 0", "ENDED"},
        {STATE("c"), "[failed]"},
    );
}
END_TEST

START_TEST(a_retry_of_a_job_that_was_cancelled_meanwhile_ends_it)
{
    CONVERSATION(
        {OF("a", "t"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_cancel 1 job:a t T4 {\"code\":\"cancelled\",\"message\":\"why\"}", "ASKED"},
        {RETRY("a", "1", "5", "3", "60") " 0", "ENDED"},
        {"HMGET job:a state error", "[cancelled {\"code\":\"cancelled\",\"message\":\"why\"}]"},
        {OPEN, "0"},
        {"EXISTS probe.dead", "0"},
    );
}
END_TEST

START_TEST(a_dead_letter_says_what_killed_the_workers_and_where)
{
    CONVERSATION(
        {OF("a", "t"), NULL}, {OF("b", "t"), NULL},
        {CLAIM("w1", "2"), NULL},
        {"FCALL parley1_append 1 job:a 1 1 T2 '' opening step.delta \"x\":1", "3"},
        {"FCALL parley1_evidence 1 job:b w1 SIGSEGV verdict", "1"},
        {"FCALL parley1_evidence 1 job:b w2 SIGBUS opening", "0"},
        {"FCALL parley1_reap 1 probe.requests 0 1 T3 {}", "2"},
        {"EVAL return(redis.call('XRANGE','probe.dead','-','+')[1][2]) 0",
         "[job a tenant t tries 1 worker w1 reason worker_lost step opening error {} signal killed]"},
        {"EVAL return(redis.call('XRANGE','probe.dead','-','+')[2][2]) 0",
         "[job b tenant t tries 1 worker w1 reason worker_lost step verdict error {} signal SIGSEGV]"},
        {"XLEN probe.dead", "2"},
        {"HMGET job:a state step signal", "[failed opening -]"},
        {"HMGET job:b state step signal", "[failed verdict SIGSEGV]"},
        {"FCALL parley1_evidence 1 job:b w1 SIGBUS late", "0"},
    );
}
END_TEST

/* The entry's id is made by Redis: the conversation gives it one of its own. */
START_TEST(a_dead_letter_that_is_retried_is_a_job_again_with_all_its_attempts)
{
    CONVERSATION(
        {OF("a", "t"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_remember 2 job:a job:a:steps good {}", "{}"},
        {"FCALL parley1_remember 2 job:a job:a:steps bad {\"error\":{\"code\":\"provider\"}}", NULL},
        {RETRY("a", "1", "5", "1", "60") " 0", "ENDED"},
        {"FCALL parley1_dead_retry 2 probe.dead job:a 1-1 T6", "false"},
        {"DEL probe.dead", "1"},
        {"XADD probe.dead 1-1 job a tenant t", "1-1"},
        {"HSET job:a dead 1-1", "0"},
        {"FCALL parley1_dead_retry 2 probe.dead job:a 1-1 T6", "true"},
        {"FCALL parley1_dead_retry 2 probe.dead job:a 1-1 T6", "false"},
        {"XLEN probe.dead", "0"},
        {"HMGET job:a state attempt fence dead ended_at error", "[queued 0 2 - - -]"},
        {"HKEYS job:a:steps", "[good]"},
        {OPEN, "1"},
        {"HGET tenant:t open", "1"},
        {LOG("a", "3"), "[queued 4 1  " EVENT("job.retrying", "4", "a", "T6", "0", ",\"in_ms\":0,\"error\":{\"code\":\"provider\"},\"rollback_to_seq\":2") "]"},
        {CLAIM("w1", "1"), NULL},
        {"HMGET job:a state attempt fence", "[running 1 3]"},
        {FINISH("a", "3"), "OK"},
        {STATE("a"), "[succeeded]"},
    );
}
END_TEST

START_TEST(a_dead_letter_that_is_dropped_goes_the_way_of_all_ended_jobs)
{
    CONVERSATION(
        {OF("a", "t"), NULL},
        {CLAIM("w1", "1"), NULL},
        {RETRY("a", "1", "5", "1", "60") " 0", "ENDED"},
        {"DEL probe.dead", "1"},
        {"XADD probe.dead 1-1 job a tenant t", "1-1"},
        {"HSET job:a dead 1-1", "0"},
        {"FCALL parley1_dead_drop 2 probe.dead job:a 1-1", "true"},
        {"FCALL parley1_dead_drop 2 probe.dead job:a 1-1", "false"},
        {"HMGET job:a state dead", "[failed -]"},
        {"EXPIRE job:a 100000 GT", "0"},
        {"EXPIRE job:a:events 100000 LT", "0"},
    );
}
END_TEST

START_TEST(a_job_that_depends_on_its_readers_is_cancelled_when_they_stay_away)
{
#define CAREFUL(id) "FCALL parley1_enqueue 3 probe.requests job:" id " tenant:t " id " t probe T0 {} h 0 10 10 600000 normal 0 '' cancel 600000"
    CONVERSATION(
        {CAREFUL("a"), NULL}, {CAREFUL("b"), NULL}, {CAREFUL("c"), NULL}, {OF("d", "t"), NULL},
        {LOG("a", "1"), "[queued 1 1 cancel]"},
        {TICK, "-1"},
        {"FCALL parley1_attend 2 job:a job:d 600000", "OK"},
        {"FCALL parley1_attend 1 job:b 60000", "OK"},
        {"FCALL parley1_attend 1 job:c 60000", "OK"},
        {"FCALL parley1_attend 1 job:c 0", "OK"},
        {"ZRANGE {probe.requests}:attended 0 -1", "[b a]"},
        {"ZADD {probe.requests}:attended 1 b", "0"},
        {TICK, NULL},
        {STATE("a"), "[queued]"},
        {"HMGET job:b state error", "[cancelled {\"code\":\"cancelled\",\"message\":\"disconnected: nobody reads the job any more\"}]"},
        {STATE("c"), "[queued]"},
        {CLAIM("w1", "1"), NULL},
        {"ZADD {probe.requests}:attended 1 a", "0"},
        {TICK, "-1"},
        {STATE("a"), "[cancelling]"},
        {"FCALL parley1_attend 1 job:b 600000", "OK"},
        {"EXISTS {probe.requests}:attended", "0"},
    );
}
END_TEST

START_TEST(a_job_held_back_by_its_tenants_cap_says_so_once)
{
#define HELD(seq, job, ahead) EVENT("job.waiting", seq, job, "T9", "0", ",\"reason\":\"tenant_limit\",\"in_use\":1,\"limit\":1,\"ahead\":" ahead)
    CONVERSATION(
        {"HSET tenant:t max_running 1", NULL},
        {OF("a", "t"), NULL}, {OF("b", "t"), NULL}, {OF("c", "t"), NULL},
        {CLAIM("w1", "3"), NULL},
        {RUNNING, NULL},
        {TICK, NULL},
        {TICK, NULL},
        {"FCALL_RO parley1_read_log 2 job:b job:b:events t 1 9", "[queued 2 1  " HELD("2", "b", "0") "]"},
        {"FCALL_RO parley1_read_log 2 job:c job:c:events t 1 9", "[queued 2 1  " HELD("2", "c", "1") "]"},
        {"HGET job:a seq", "2"},
        {FINISH("a", "1"), "OK"},
        {CLAIM("w1", "3"), NULL},
        {TICK, NULL},
        {"HMGET job:b state seq", "[running 3]"},
        {"HMGET job:c state seq", "[queued 2]"},
        {"FCALL parley1_give_back 2 probe.requests job:b 1 T9 {}", "OK"},
        {CLAIM("w1", "1"), NULL},
        {FINISH("b", "3"), "OK"},
        {CLAIM("w1", "3"), NULL},
        {"HMGET job:c state seq", "[running 3]"},
    );
}
END_TEST

START_TEST(names_of_workers_that_are_gone_are_swept_out_of_the_group)
{
    CONVERSATION(
        {OF("a", "t"), NULL}, {OF("b", "t"), NULL},
        {CLAIM("idle", "1"), NULL},
        {CLAIM("busy", "1"), NULL},
        {FINISH("a", "1"), "OK"},
        {"FCALL parley1_sweep 1 probe.requests 3600000", "0"},
        {"FCALL parley1_sweep 1 probe.requests 0", "1"},
        {"EVAL return(redis.call('XINFO','CONSUMERS','probe.requests','agents')[1][2]) 0", "busy"},
        {"FCALL parley1_sweep 1 probe.requests 0", "0"},
        {STATE("b"), "[running]"},
        {RUNNING, NULL},
    );
}
END_TEST
START_TEST(figures_count_what_waits_runs_and_died_by_kind_and_what_providers_do)
{
    CONVERSATION(
        {OF("a", "t"), NULL}, {OF("b", "t"), NULL}, {OF("c", "u"), NULL}, {OF("e", "u"), NULL},
        {ADD("d", "t", "normal", FAR, "''", "600000"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"XADD probe.dead * job x tenant t", NULL},
        {"ZADD {probe.requests}:of:t 2410244480000000 b", "0"},
        {"ZADD {probe.requests}:of:u 2410244480000000 c 3410244480000000 e", "0"},
        {"FCALL_RO parley1_gauges 2 probe.requests other.requests",
         "{\"queues\":[{\"kind\":\"probe\",\"waiting\":3,\"running\":1,\"delayed\":1,\"dead\":1,\"oldest_ms\":0},"
         "{\"kind\":\"other\",\"waiting\":0,\"running\":0,\"delayed\":0,\"dead\":0,\"oldest_ms\":0}],\"providers\":[]}"},
    );
}
END_TEST
// clang-format on

TEST_MAIN("functions_queue", a_tenant_with_one_job_comes_next_however_many_another_has,
          a_tenant_of_twice_the_weight_gets_two_turns_of_three,
          priorities_order_the_jobs_of_a_tenant_and_nothing_else,
          a_tenant_at_its_cap_waits_until_one_of_its_jobs_is_done_or_handed_back,
          a_cap_raised_while_nothing_ends_acts_with_the_next_tick,
          a_delayed_job_is_in_the_register_and_runs_when_it_is_due, a_delayed_job_can_be_cancelled,
          a_waiting_job_expires_at_its_own_deadline_or_at_its_kinds,
          a_failed_attempt_comes_back_after_its_pause_and_asks_again_what_failed,
          attempts_or_retries_used_up_make_a_dead_letter_of_the_error_as_it_was,
          the_retries_of_a_kind_in_a_minute_are_limited,
          a_retry_of_a_job_that_was_cancelled_meanwhile_ends_it,
          a_dead_letter_says_what_killed_the_workers_and_where,
          a_dead_letter_that_is_retried_is_a_job_again_with_all_its_attempts,
          a_dead_letter_that_is_dropped_goes_the_way_of_all_ended_jobs,
          a_job_that_depends_on_its_readers_is_cancelled_when_they_stay_away,
          figures_count_what_waits_runs_and_died_by_kind_and_what_providers_do,
          a_job_held_back_by_its_tenants_cap_says_so_once,
          names_of_workers_that_are_gone_are_swept_out_of_the_group)
