/* Trace contexts: what is one, what is none, what goes on to whom. */
#include <check.h>
#include <errno.h>

#include "id.h"
#include "main.h"
#include "trace.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN_ID "b7ad6b7169203331"
#define PARENT "00-" ID "-" SPAN_ID "-01"

START_TEST(a_parent_is_read_strictly)
{
    static const struct {
        const char *parent;
        int expected;
    } rows[] = {
        {PARENT,                                               0      },
        {"00-" ID "-" SPAN_ID "-00",                           0      },
        {"00-" ID "-" SPAN_ID "-ff",                           0      },
        {"",                                                   -EINVAL},
        {"00-" ID "-" SPAN_ID "-1",                            -EINVAL},
        {"00-" ID "-" SPAN_ID "-01-",                          -EINVAL},
        {"00-" ID "-" SPAN_ID "-0g",                           -EINVAL},
        {"cc-" ID "-" SPAN_ID "-01",                           0      }, /* a later version */
        {"cc-" ID "-" SPAN_ID "-01-what-will-be",              0      },
        {"cc-" ID "-" SPAN_ID "-01.what-will-be",              -EINVAL},
        {"cC-" ID "-" SPAN_ID "-01",                           -EINVAL},
        {"ff-" ID "-" SPAN_ID "-01",                           -EINVAL},
        {"00_" ID "_" SPAN_ID "_01",                           -EINVAL},
        {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN_ID "-01", -EINVAL},
        {"00-00000000000000000000000000000000-" SPAN_ID "-01", -EINVAL},
        {"00-" ID "-0000000000000000-01",                      -EINVAL},
        {" " PARENT,                                           -EINVAL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct trace trace = {.id = "untouched"};

        ck_assert_msg(trace_parse(span_of(rows[i].parent), SPAN(""), &trace) == rows[i].expected,
                      "%s", rows[i].parent);
        ck_assert_str_eq(trace.id, rows[i].expected == 0 ? ID : "untouched");
        trace_deinit(&trace);
    }
}
END_TEST

START_TEST(a_state_is_passed_on_as_it_came_or_not_at_all)
{
    static char much[TRACE_STATE_MAX + 2];
    const struct {
        const char *state, *expected;
    } rows[] = {
        {"",                                                     NULL                   },
        {"rojo=00f067aa0ba902b7",                                "rojo=00f067aa0ba902b7"},
        {"a=1,b@c=2 3, d=4,,",                                   "a=1,b@c=2 3, d=4,,"   },
        {"a",                                                    NULL                   },
        {"=1",                                                   NULL                   },
        {"a b=1",                                                NULL                   },
        {"a=\x01",                                               NULL                   },
        {"a=\xc3\xa4",                                           NULL                   },
        {", ,",                                                  NULL                   },
        {much,                                                   NULL                   },
        {"a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,"
         "a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1,a=1", NULL                   },
    };

    memset(much, 'a', sizeof(much) - 1);
    much[1] = '=';
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct trace trace;

        ck_assert_int_eq(trace_parse(SPAN(PARENT), span_of(rows[i].state), &trace), 0);
        ck_assert_pstr_eq(trace.state, rows[i].expected);
        trace_deinit(&trace);
    }
}
END_TEST

static int n_calls;

static void zeros_then_ones(void *out, size_t n)
{
    memset(out, n_calls++, n);
}

START_TEST(who_continues_a_trace_gets_a_new_span_and_the_rest_as_it_was)
{
    char span[TRACE_SPAN_BYTES], parent[TRACE_PARENT_BYTES];
    struct trace trace, again;

    ck_assert_int_eq(trace_parse(SPAN(PARENT), SPAN("a=1"), &trace), 0);
    n_calls = 0;
    trace_child(&trace, zeros_then_ones, span);
    ck_assert_str_eq(span, "0101010101010101");
    trace_parent(&trace, span, parent);
    ck_assert_str_eq(parent, "00-" ID "-0101010101010101-01");
    CLEANUP(charp_freep) char *text = trace_write(&trace, span);
    ck_assert_str_eq(text, "00-" ID "-0101010101010101-01 a=1");
    ck_assert_int_eq(trace_read(span_of(text), &again), 0);
    ck_assert_str_eq(again.span, span);
    ck_assert_str_eq(again.state, "a=1");
    ck_assert(again.sampled);
    trace_deinit(&again);
    trace_deinit(&trace);
    ck_assert_int_eq(trace_read(SPAN("00-" ID), &again), -EINVAL);
}
END_TEST

START_TEST(a_job_without_a_trace_has_its_own_name_as_one)
{
    struct trace trace;

    trace_of_job("00000000010000000000000001", &trace);
    ck_assert_str_eq(trace.id, "00000000000100000000000000000001");
    ck_assert_str_eq(trace.span, "0000000000000001");
    ck_assert(!trace.sampled);
    trace_of_job("7zzzzzzzzzzzzzzzzzzzzzzzzz", &trace);
    ck_assert_str_eq(trace.id, "ffffffffffffffffffffffffffffffff");
}
END_TEST

TEST_MAIN("trace", a_parent_is_read_strictly, a_state_is_passed_on_as_it_came_or_not_at_all,
          who_continues_a_trace_gets_a_new_span_and_the_rest_as_it_was,
          a_job_without_a_trace_has_its_own_name_as_one)
