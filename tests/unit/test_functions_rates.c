/* How often: buckets of rates.lua, as conversations; and records, which only their tenant sees. */
#include <check.h>

#include "conversation.h"
#include "main.h"

#define RATED(id, interval, burst)                                                                 \
    "FCALL parley1_enqueue_rated 4 rate:t:probe:fast probe.requests job:" id                       \
    " tenant:t 1 " interval " " burst " " id " t probe T0 {} h 0 10 10 0"
/* An hour: what is gained while the conversation lasts is nothing. */
#define HOUR "3600000000"

// clang-format off
START_TEST(a_bucket_gives_what_it_holds_and_says_what_is_left)
{
    CONVERSATION(
        {RATED("a", HOUR, "2"), "[OK a 0 1 3600000 3600000000 2]"},
        {RATED("b", HOUR, "2"), NULL},
        {OPEN, "2"},
        {"SET rate:t:probe:fast 9999999999999999", "OK"},
        {RATED("c", HOUR, "2"), NULL},
        {OPEN, "2"},
        {"GET rate:t:probe:fast", "9999999999999999"},
        {"DEL rate:t:probe:fast", "1"},
        {RATED("c", HOUR, "1"), "[OK c 0 0 3600000 3600000000 1]"},
    );
}
END_TEST

START_TEST(a_rate_that_was_set_for_the_tenant_counts_instead)
{
    CONVERSATION(
        {"FCALL parley1_money_tenant_set 0 t rate:probe:fast 1800000000/5", "OK"},
        {RATED("a", HOUR, "2"), "[OK a 0 4 1800000 1800000000 5]"},
        {"DEL rate:t:probe:fast", "1"},
        {"FCALL parley1_money_tenant_set 0 t rate:probe:slow 1/1 rate:other:fast 1/1", "OK"},
        {RATED("b", HOUR, "2"), "[OK b 0 4 1800000 1800000000 5]"},
        {"FCALL parley1_money_tenant_set 0 t rate:probe:fast 0/0", "OK"},
        {RATED("c", HOUR, "2"), "[OK c]"},
        {"FCALL parley1_money_tenant_set 0 t rate:probe:fast ''", "OK"},
        {"DEL rate:t:probe:fast", "1"},
        {RATED("d", HOUR, "2"), "[OK d 0 1 3600000 3600000000 2]"},
    );
}
END_TEST

START_TEST(a_record_is_its_tenants_only)
{
    CONVERSATION(
        {ENQUEUE("a"), "[OK a]"},
        {"FCALL_RO parley1_read_record 1 job:a t kind state result", "[probe queued -]"},
        {"FCALL_RO parley1_read_record 1 job:a other kind state result", "-"},
        {"FCALL_RO parley1_read_record 1 job:none t kind state result", "-"},
    );
}
END_TEST
// clang-format on

TEST_MAIN("functions_rates", a_bucket_gives_what_it_holds_and_says_what_is_left,
          a_rate_that_was_set_for_the_tenant_counts_instead, a_record_is_its_tenants_only)
