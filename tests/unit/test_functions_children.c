/* The functions of children.lua, one conversation each. The parents are probes, their children
 * debates: which kinds they are is nothing to the functions. */
#include <check.h>

#include "conversation.h"
#include "main.h"

#define PARENT_RUNS                                                                                \
    {ENQUEUE("p"), NULL},                                                                          \
    {                                                                                              \
        CLAIM("w1", "1"), NULL                                                                     \
    }
#define SPAWN(fence, key, id)                                                                      \
    "FCALL parley1_spawn 3 job:p job:p:steps debate.requests " fence " " key " " id                \
    " debate T1 {\"n\":1} 60000"
#define CLAIM_CHILD(worker) "FCALL parley1_claim 1 debate.requests " worker " 1 0 T2"
#define END_CHILD(id, state, result, error)                                                        \
    "FCALL parley1_finish 2 debate.requests job:" id " 1 1 T3 " state " - " result " " error       \
    " {\"calls\":0} ''"
#define FINISH_PARENT(state, error)                                                                \
    "FCALL parley1_finish 2 probe.requests job:p 1 9 T4 " state " - '' " error " {\"calls\":0} ''"
#define LEFT_OF_CHILD(id) "EXISTS job:" id " job:" id ":events job:" id ":steps"
#define CHECKPOINT(fence, words) "FCALL parley1_checkpoint 2 job:p job:p:steps " fence " " words

// clang-format off
START_TEST(a_child_is_a_job_with_its_parents_tenant_and_priority)
{
    CONVERSATION(
        {"FCALL parley1_enqueue 3 probe.requests job:p tenant:t p t probe T0 {} h 0 10 10 0 high", "[OK p]"},
        {CLAIM("w1", "1"), NULL},
        {SPAWN("1", "k", "c"), "c"},
        {"HMGET job:c kind tenant priority state payload kin", "[debate t high queued {\"n\":1} p k]"},
        {"XLEN debate.requests", "1"},
        {CLAIM_CHILD("w2"), NULL},
        {"HMGET job:c state worker", "[running w2]"},
    );
}
END_TEST

START_TEST(the_same_key_is_the_same_child_however_often_it_is_spawned)
{
    CONVERSATION(
        PARENT_RUNS,
        {SPAWN("1", "k", "c"), "c"},
        {SPAWN("1", "k", "d"), "c"},
        {"XLEN debate.requests", "1"},
        {CLAIM_CHILD("w2"), NULL},
        {END_CHILD("c", "succeeded", "{\"x\":1}", "''"), "OK"},
        {SPAWN("1", "k", "e"), ""},
        {"XLEN debate.requests", "0"},
        {SPAWN("7", "j", "f"), "!FENCED the job was taken over"},
    );
}
END_TEST

START_TEST(a_childs_end_is_its_parents_answer_and_nothing_else_is_kept)
{
    CONVERSATION(
        PARENT_RUNS,
        {SPAWN("1", "k", "c"), "c"},
        {CLAIM_CHILD("w2"), NULL},
        {END_CHILD("c", "succeeded", "{\"x\":1}", "''"), "OK"},
        {"HGET job:p:steps k", "{\"child\":\"c\",\"state\":\"succeeded\",\"usage\":{\"calls\":0},\"result\":{\"x\":1}}"},
        {LEFT_OF_CHILD("c"), "0"},
        {"XLEN debate.requests", "0"},
        {"XPENDING debate.requests agents", "[0 - - -]"},
        {"XLEN history", "0"},
        {"EXISTS job:p:children", "0"},
        {"HGET {debate.requests}:counts succeeded", "1"},
    );
}
END_TEST

START_TEST(children_count_for_no_limit_on_open_jobs)
{
    CONVERSATION(
        {"HSET tenant:t max_open 1", "1"},
        PARENT_RUNS,
        {SPAWN("1", "k", "c"), "c"},
        {SPAWN("1", "l", "d"), "d"},
        {"HGET tenant:t open", "1"},
        {CLAIM_CHILD("w2"), NULL},
        {END_CHILD("c", "succeeded", "{\"x\":1}", "''"), "OK"},
        {"HGET tenant:t open", "1"},
        {FINISH_PARENT("succeeded", "''"), "OK"},
        {"HGET tenant:t open", "0"},
    );
}
END_TEST

START_TEST(a_child_that_failed_for_good_is_a_failed_answer_and_no_dead_letter)
{
    CONVERSATION(
        PARENT_RUNS,
        {SPAWN("1", "k", "c"), "c"},
        {CLAIM_CHILD("w2"), NULL},
        {"FCALL parley1_retry 2 debate.requests job:c 1 1 T3 - {\"code\":\"internal\"} {\"calls\":0} '' 0 1 60 0", "ENDED"},
        {"HGET job:p:steps k", "{\"child\":\"c\",\"state\":\"failed\",\"usage\":{\"calls\":0},\"error\":{\"code\":\"internal\"}}"},
        {"XLEN debate.dead", "0"},
        {LEFT_OF_CHILD("c"), "0"},
    );
}
END_TEST

START_TEST(a_parent_that_ends_cancels_its_children)
{
    CONVERSATION(
        PARENT_RUNS,
        {SPAWN("1", "k", "c"), "c"},
        {SPAWN("1", "l", "d"), "d"},
        {CLAIM_CHILD("w2"), NULL},
        {FINISH_PARENT("expired", "{\"code\":\"deadline\"}"), "OK"},
        {"HGET job:c state", "cancelling"},
        {LEFT_OF_CHILD("d"), "0"},
        {END_CHILD("c", "cancelled", "''", "{\"code\":\"cancelled\"}"), "OK"},
        {LEFT_OF_CHILD("c"), "0"},
        {"XLEN debate.requests", "0"},
        {"HLEN job:p:steps", "0"},
        {"HGET job:p state", "expired"},
    );
}
END_TEST

START_TEST(children_go_on_while_their_parent_changes_workers)
{
    CONVERSATION(
        PARENT_RUNS,
        {SPAWN("1", "k", "c"), "c"},
        {"FCALL parley1_give_back 2 probe.requests job:p 1 T2 {}", "OK"},
        {CLAIM_CHILD("w2"), NULL},
        {END_CHILD("c", "succeeded", "{\"x\":1}", "''"), "OK"},
        {"HEXISTS job:p:steps k", "1"},
        {SPAWN("1", "l", "d"), "!FENCED the job was taken over"},
        {CLAIM("w3", "1"), NULL},
        {"HMGET job:p state worker fence", "[running w3 3]"},
        {SPAWN("3", "l", "d"), "d"},
    );
}
END_TEST

START_TEST(a_checkpoint_replaces_the_last_one_and_takes_the_answers_with_it)
{
    CONVERSATION(
        PARENT_RUNS,
        {"FCALL parley1_remember 2 job:p job:p:steps a {\"x\":1}", NULL},
        {"FCALL parley1_remember 2 job:p job:p:steps b {\"x\":2}", NULL},
        {CHECKPOINT("1", "{\"upto\":1} a"), "OK"},
        {"HGETALL job:p:steps", "[b {\"x\":2} checkpoint {\"upto\":1}]"},
        {CHECKPOINT("1", "{\"upto\":2} b"), "OK"},
        {"HGETALL job:p:steps", "[checkpoint {\"upto\":2}]"},
        {CHECKPOINT("7", "{\"upto\":3}"), "!FENCED the job was taken over"},
        {FINISH_PARENT("succeeded", "''"), "OK"},
        {"EXISTS job:p:steps", "0"},
        {"HGET job:p state", "succeeded"},
    );
}
END_TEST

START_TEST(a_job_that_was_cut_short_has_a_result_beside_its_error)
{
    CONVERSATION(
        PARENT_RUNS,
        {"FCALL parley1_finish 2 probe.requests job:p 1 1 T4 cancelled - {\"x\":1} {\"code\":\"cancelled\"} {} ''", "OK"},
        {"HMGET job:p state result error", "[cancelled {\"x\":1} {\"code\":\"cancelled\"}]"},
    );
}
END_TEST
START_TEST(a_trace_goes_from_a_job_to_its_worker_and_its_children)
{
    CONVERSATION(
        {"FCALL parley1_enqueue 3 probe.requests job:p tenant:t p t probe T0 {} h 0 10 10 0 normal 0 '' continue 600000 '' TRACE", "[OK p]"},
        {"HMGET job:p trace max_log", "[TRACE -]"},
        {CLAIM("w1", "1"), NULL},
        {SPAWN("1", "k", "c") " CHILD", "c"},
        {"HGET job:c trace", "CHILD"},
        {"FCALL parley1_give_back 2 probe.requests job:p 1 T3 {}", "OK"},
        {"HGET job:p trace", "TRACE"},
    );
}
END_TEST
// clang-format on

TEST_MAIN("functions_children", a_child_is_a_job_with_its_parents_tenant_and_priority,
          the_same_key_is_the_same_child_however_often_it_is_spawned,
          a_childs_end_is_its_parents_answer_and_nothing_else_is_kept,
          children_count_for_no_limit_on_open_jobs,
          a_child_that_failed_for_good_is_a_failed_answer_and_no_dead_letter,
          a_parent_that_ends_cancels_its_children,
          children_go_on_while_their_parent_changes_workers,
          a_checkpoint_replaces_the_last_one_and_takes_the_answers_with_it,
          a_trace_goes_from_a_job_to_its_worker_and_its_children,
          a_job_that_was_cut_short_has_a_result_beside_its_error)
