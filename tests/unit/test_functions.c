/* The functions of parley.lua, one conversation each: what is said to Redis, and what it answers.
 * The letters of commands are those of the file's own comments. The fair queue, delays, retries and
 * dead letters: test_functions_queue.c. */
#include <check.h>

#include "conversation.h"
#include "main.h"

#define PAGE(after, count) "FCALL_RO parley1_read_log 2 job:a job:a:events t " after " " count

// clang-format off
START_TEST(an_accepted_job_is_in_the_register_with_its_first_event)
{
    CONVERSATION(
        {ENQUEUE("a"), "[OK a]"},
        {OPEN, "1"},
        {RUNNING, "[0 - - -]"},
        {"HMGET job:a state kind tenant payload seq", "[queued probe t {} 1]"},
        {"HGET tenant:t open", "1"},
        {LOG("a", "0"), "[queued 1 1  " QUEUED("a") "]"},
        {LOG("a", "1"), "[queued 1 1 ]"},
        {"FCALL_RO parley1_read_log 2 job:a job:a:events other 0 100", "-"},
    );
}
END_TEST

START_TEST(a_job_in_the_queue_has_no_log_of_its_own_and_its_first_event_is_there_all_the_same)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL}, {ENQUEUE("b"), NULL},
        {"EXISTS job:a:events job:b:events", "0"},
        {LOG("a", "0"), "[queued 1 1  " QUEUED("a") "]"},
        {"FCALL parley1_cancel 1 job:b t T4 {}", "DONE"},
        {"FCALL_RO parley1_read_log 2 job:b job:b:events t 0 1", "[cancelled 2 1  " QUEUED("b") "]"},
        {CLAIM("w1", "1"), NULL},
        {"XLEN job:a:events", "1"},
        {PAGE("0", "1"), "[running 2 1  " QUEUED("a") "]"},
        {"FCALL parley1_append 1 job:a 1 1 T2 '' opening step.delta \"x\":3", "3"},
        {PAGE("2", "9"), "[running 3 1  " EVENT("step.delta", "3", "a", "T2", "1", ",\"x\":3") "]"},
    );
}
END_TEST

START_TEST(the_same_idempotency_key_gives_the_same_job_and_another_body_is_refused)
{
#define KEYED(id, hash) "FCALL parley1_enqueue 4 probe.requests job:" id " tenant:t idem:t:k " id " t probe T0 {} " hash " 5000 10 10 0"
    CONVERSATION(
        {KEYED("a", "h1"), "[OK a]"},
        {KEYED("b", "h1"), "[DUPLICATE a]"},
        {KEYED("c", "h2"), "[REUSED a]"},
        {OPEN, "1"},
        {"EXISTS job:b job:c", "0"},
    );
}
END_TEST

START_TEST(a_full_queue_and_a_tenant_over_its_cap_are_refused_without_a_trace)
{
    CONVERSATION(
        {"FCALL parley1_enqueue 3 probe.requests job:a tenant:t a t probe T0 {} h 0 1 10 0", "[OK a]"},
        {"FCALL parley1_enqueue 3 probe.requests job:b tenant:t b t probe T0 {} h 0 1 10 0", "[FULL ]"},
        {"FCALL parley1_enqueue 3 probe.requests job:b tenant:t b t probe T0 {} h 0 10 1 0", "[LIMIT ]"},
        {OPEN, "1"},
        {"HGET tenant:t open", "1"},
        {"EXISTS job:b", "0"},
    );
}
END_TEST

START_TEST(a_claimed_job_is_pending_under_its_worker_until_it_is_finished)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {ENQUEUE("b"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"HMGET job:a state worker fence attempt", "[running w1 1 1]"},
        {OPEN, "2"},
        {"XPENDING probe.requests agents - + 10 w2", "[]"},
        {"FCALL parley1_finish 2 probe.requests job:a 1 1 T2 succeeded report {\"x\":1} '' {} '' job.progress \"done\":1", "OK"},
        {"FCALL parley1_finish 2 probe.requests job:a 1 1 T2 succeeded report {\"x\":1} '' {} '' job.progress \"done\":1", "OK"},
        {OPEN, "1"},
        {RUNNING, "[0 - - -]"},
        {"HMGET job:a state seq result", "[succeeded 4 {\"x\":1}]"},
        {"XLEN job:a:events", "2"},   /* an entry a call that writes more than the first event */
        {PAGE("2", "1"), "[succeeded 4 1  " EVENT("job.progress", "3", "a", "T2", "1", ",\"done\":1") "]"},
        {"HGET tenant:t open", "1"},
        {"XLEN history", "1"},
        {"HGETALL {probe.requests}:counts", "[succeeded 1]"},
    );
}
END_TEST

START_TEST(jobs_that_end_together_leave_the_register_together_and_each_is_told_how_it_went)
{
#define END(fence) "9 " fence " 1 T2 succeeded report {} '' {} ''"
    CONVERSATION(
        {ENQUEUE("a"), NULL}, {ENQUEUE("b"), NULL},
        {"FCALL parley1_enqueue 3 probe.requests job:c tenant:u c u probe T0 {} h 0 10 10 0", NULL},
        {ENQUEUE("d"), NULL},
        {CLAIM("w1", "4"), NULL},
        {"FCALL parley1_finish_all 4 probe.requests job:a job:b job:c " END("1") " " END("7") " 11 1 1 T2 failed report '' {} {} '' step.delta \"x\":1",
         "[OK FENCED the job was taken over OK]"},
        {"HMGET job:a state seq", "[succeeded 3]"},
        {"HMGET job:b state seq", "[running 2]"},
        {"HMGET job:c state seq error", "[failed 4 {}]"},
        {OPEN, "2"},
        {RUNNING, NULL},
        {"HGETALL {probe.requests}:running", "[t 2]"},
        {"HGETALL {probe.requests}:counts", "[succeeded 1 failed 1]"},
        {"HGET tenant:t open", "2"},
        {"HGET tenant:u open", "0"},
        {"HSET job:d seq nonsense", "0"},
        {"FCALL parley1_finish_all 4 probe.requests job:d job:b job:a " END("1") " " END("1") " " END("1"), NULL},
        {"HGET job:b state", "succeeded"},
        {OPEN, "1"},
        {"HGETALL {probe.requests}:counts", "[succeeded 2 failed 1]"},
        {"XLEN history", "3"},
    );
}
END_TEST

START_TEST(a_cursor_may_stand_within_an_entry_of_the_log)
{
#define DELTA(seq) EVENT("step.delta", seq, "a", "T2", "1", ",\"x\":" seq)
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_append 1 job:a 1 1 T2 '' opening step.delta \"x\":3 step.delta \"x\":4 step.delta \"x\":5", "5"},
        {"FCALL parley1_append 1 job:a 1 2 T2 '' opening step.delta \"x\":6 step.delta \"x\":7", "7"},
        {PAGE("2", "9"), "[running 7 1  " DELTA("3") " " DELTA("4") " " DELTA("5") " " DELTA("6") " " DELTA("7") "]"},
        {PAGE("3", "9"), "[running 7 1  " DELTA("4") " " DELTA("5") " " DELTA("6") " " DELTA("7") "]"},
        {PAGE("4", "2"), "[running 7 1  " DELTA("5") " " DELTA("6") "]"},
        {PAGE("2", "2"), "[running 7 1  " DELTA("3") " " DELTA("4") "]"},
        {PAGE("6", "9"), "[running 7 1  " DELTA("7") "]"},
        {PAGE("7", "9"), "[running 7 1 ]"},
    );
}
END_TEST

START_TEST(an_append_repeated_after_a_lost_reply_adds_nothing)
{
#define APPEND(fence, n) "FCALL parley1_append 1 job:a " fence " " n " T2 '' opening step.delta \"x\":1 step.delta \"x\":2"
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {CLAIM("w1", "1"), NULL},
        {APPEND("1", "1"), "4"},
        {APPEND("1", "1"), "4"},
        {APPEND("1", "2"), "6"},
        {LOG("a", "4"), "[running 6 1  " EVENT("step.delta", "5", "a", "T2", "1", ",\"x\":1") " "
                                        EVENT("step.delta", "6", "a", "T2", "1", ",\"x\":2") "]"},
    );
}
END_TEST

START_TEST(after_a_take_over_the_old_owner_can_write_nothing)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_reap 1 probe.requests 0 3 T3 {}", "1"},
        {"HMGET job:a state fence attempt", "[queued 2 1]"},
        {RUNNING, "[0 - - -]"},
        {CLAIM("w2", "1"), NULL},
        {APPEND("1", "1"), "!FENCED the job was taken over"},
        {"FCALL parley1_finish 2 probe.requests job:a 1 1 T2 succeeded report {} '' {} ''", "!FENCED the job was taken over"},
        {"FCALL parley1_give_back 2 probe.requests job:a 1 T3 {}", "!FENCED the job was taken over"},
        {"FCALL parley1_beat 1 probe.requests w1 0 T3 {} a 1-1 1", "[lost a]"},
        {"HMGET job:a state worker fence attempt", "[running w2 3 2]"},
        {"FCALL_RO parley1_read_log 2 job:a job:a:events t 2 1",
         "[running 4 1  " EVENT("job.retrying", "3", "a", "T3", "1", ",\"in_ms\":0,\"error\":{},\"rollback_to_seq\":2") "]"},
    );
}
END_TEST

START_TEST(a_job_that_kills_its_workers_goes_to_the_dead_letters)
{
#define KILLED CLAIM("w1", "1"), NULL}, {"FCALL parley1_reap 1 probe.requests 0 3 T3 {\"code\":\"worker_lost\"}"
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {KILLED, "1"},
        {KILLED, "1"},
        {KILLED, "1"},
        {OPEN, "0"},
        {RUNNING, "[0 - - -]"},
        {"HMGET job:a state attempt error", "[failed 3 {\"code\":\"worker_lost\"}]"},
        {"XLEN probe.dead", "1"},
        {CLAIM("w1", "1"), "[]"},
        {"FCALL parley1_reap 1 probe.requests 0 3 T3 {}", "0"},
    );
}
END_TEST

START_TEST(a_job_handed_back_is_next_and_its_attempt_is_not_charged)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {ENQUEUE("b"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_give_back 2 probe.requests job:a 1 T3 {}", "OK"},
        {"HMGET job:a state fence attempt", "[queued 2 0]"},
        {"FCALL parley1_leave 1 probe.requests w1", "0"},
        {CLAIM("w2", "1"), NULL},
        {"HMGET job:a state worker attempt", "[running w2 1]"},
    );
}
END_TEST

START_TEST(the_first_answer_remembered_is_the_one_everybody_reads)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_remember 2 job:a job:a:steps k one", "one"},
        {"FCALL parley1_remember 2 job:a job:a:steps k two", "one"},
        {"FCALL parley1_reap 1 probe.requests 0 3 T3 {}", "1"},
        {"FCALL parley1_remember 2 job:a job:a:steps late paid", "paid"},
        {CLAIM("w2", "1"), NULL},
        {"FCALL parley1_finish 2 probe.requests job:a 3 1 T2 succeeded report {} '' {} ''", "OK"},
        {"FCALL parley1_remember 2 job:a job:a:steps after x", "-"},
        {"HGETALL job:a:steps", "[k one late paid]"},
    );
}
END_TEST

START_TEST(a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked)
{
#define CANCEL(id, tenant) "FCALL parley1_cancel 1 job:" id " " tenant " T4 {\"code\":\"cancelled\"}"
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {ENQUEUE("b"), NULL},
        {CLAIM("w1", "1"), NULL},
        {CANCEL("b", "other"), "NONE"},
        {CANCEL("nobody", "t"), "NONE"},
        {CANCEL("b", "t"), "DONE"},
        {CANCEL("b", "t"), "LATE"},
        {CANCEL("a", "t"), "ASKED"},
        {CANCEL("a", "t"), "ASKED"},
        {OPEN, "1"},
        {"HGET job:a state", "cancelling"},
        {"FCALL parley1_reap 1 probe.requests 0 3 T5 {\"code\":\"worker_lost\"}", "1"},
        {"HGET job:a state", "cancelled"},
        {OPEN, "0"},
        {CLAIM("w1", "1"), "[]"},
        {"HGET tenant:t open", "0"},
    );
}
END_TEST

START_TEST(a_tenant_that_floods_the_queue_does_not_delay_another)
{
#define OF(id, tenant) "FCALL parley1_enqueue 3 probe.requests job:" id " tenant:" tenant " " id " " tenant " probe T0 {} h 0 10 10 0"
    CONVERSATION(
        {OF("a1", "a"), NULL}, {OF("a2", "a"), NULL}, {OF("a3", "a"), NULL}, {OF("a4", "a"), NULL},
        {OF("b1", "b"), NULL}, {OF("b2", "b"), NULL},
        {CLAIM("w1", "3"), NULL},
        {"HMGET job:a1 state", "[running]"},
        {"HMGET job:b1 state", "[running]"},
        {"HMGET job:a3 state", "[queued]"},
    );
}
END_TEST

START_TEST(a_claim_whose_reply_was_lost_goes_back_with_the_next_full_beat)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {CLAIM("w1", "1"), NULL},
        {"FCALL parley1_beat 1 probe.requests w1 0 T3 {}", "[]"},
        {"HGET job:a state", "running"},
        {"FCALL parley1_beat 1 probe.requests w1 1 T3 {}", "[]"},
        {"HMGET job:a state attempt", "[queued 0]"},
    );
}
END_TEST

START_TEST(an_entry_deleted_by_hand_comes_back_with_the_claim)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL},
        {"XTRIM probe.requests MAXLEN 0", "1"},
        {CLAIM("w1", "1"), NULL},
        {OPEN, "1"},
        {"HGET job:a state", "running"},
    );
}
END_TEST

START_TEST(the_list_is_newest_first_and_goes_on_behind_the_last_one_seen)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL}, {ENQUEUE("b"), NULL}, {ENQUEUE("c"), NULL},
        {"FCALL parley1_list 1 tenant:t:jobs '' 2 state", "[c [queued] b [queued]]"},
        {"FCALL parley1_list 1 tenant:t:jobs b 2 state", "[a [queued]]"},
        {"DEL job:c", "1"},
        {"FCALL parley1_list 1 tenant:t:jobs '' 2 state", "[b [queued]]"},
        {"ZCARD tenant:t:jobs", "2"},
    );
}
END_TEST

#define PIN "FCALL parley1_pin 3 job:a job:a:steps economy seen"
#define PUBLISH(rank, value) "FCALL parley1_publish 1 economy " rank " " value
START_TEST(what_a_job_has_pinned_stays_while_what_is_published_moves_on)
{
    CONVERSATION(
        {ENQUEUE("a"), NULL}, {ENQUEUE("b"), NULL}, {CLAIM("w1", "2"), NULL},
        {PUBLISH("2026-11-20", "{\"n\":1}"), "{\"n\":1}"},
        {PIN, "{\"n\":1}"},
        {PUBLISH("2026-11-21", "{\"n\":2}"), "{\"n\":2}"},
        {PIN, "{\"n\":1}"},
        {"HGET job:a:steps seen", "{\"n\":1}"},
        {"FCALL parley1_pin 3 job:b job:b:steps economy seen", "{\"n\":2}"},
        {PUBLISH("2026-11-20", "{\"n\":3}"), "{\"n\":2}"},
        {PUBLISH("2026-11-21", "{\"n\":4}"), "{\"n\":4}"},
        {"FCALL parley1_pin 3 job:b job:b:steps nothing other", "{}"},
        {"FCALL parley1_pin 3 job:c job:c:steps economy seen", "-"},
    );
}
END_TEST
// clang-format on

TEST_MAIN("functions", an_accepted_job_is_in_the_register_with_its_first_event,
          a_job_in_the_queue_has_no_log_of_its_own_and_its_first_event_is_there_all_the_same,
          the_same_idempotency_key_gives_the_same_job_and_another_body_is_refused,
          a_full_queue_and_a_tenant_over_its_cap_are_refused_without_a_trace,
          a_claimed_job_is_pending_under_its_worker_until_it_is_finished,
          jobs_that_end_together_leave_the_register_together_and_each_is_told_how_it_went,
          a_cursor_may_stand_within_an_entry_of_the_log,
          an_append_repeated_after_a_lost_reply_adds_nothing,
          after_a_take_over_the_old_owner_can_write_nothing,
          a_job_that_kills_its_workers_goes_to_the_dead_letters,
          a_job_handed_back_is_next_and_its_attempt_is_not_charged,
          the_first_answer_remembered_is_the_one_everybody_reads,
          a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked,
          a_tenant_that_floods_the_queue_does_not_delay_another,
          a_claim_whose_reply_was_lost_goes_back_with_the_next_full_beat,
          an_entry_deleted_by_hand_comes_back_with_the_claim,
          the_list_is_newest_first_and_goes_on_behind_the_last_one_seen,
          what_a_job_has_pinned_stays_while_what_is_published_moves_on)
