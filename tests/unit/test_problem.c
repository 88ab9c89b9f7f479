/* The shape of error answers. */
#include <check.h>

#include "buf.h"
#include "json.h"
#include "main.h"
#include "problem.h"

static struct json *written(const struct problem *problem, const char *request_id)
{
    struct json *json = NULL;
    struct buf out;

    buf_init(&out, 1 << 20);
    problem_write(problem, request_id, &out);
    ck_assert_int_eq(json_parse(buf_span(&out), NULL, &json, NULL), 0);
    buf_deinit(&out);
    return json;
}

START_TEST(every_member_of_rfc_9457_and_ours_is_written)
{
    struct problem problem;
    struct buf out;

    problem_init(&problem, ERROR_INVALID);
    problem_add(&problem, "/question", "must be %s, not %s", "a string", "a number");
    problem_add(&problem, "/a~1b", "is \"odd\"");
    buf_init(&out, 1000);
    problem_write(&problem, "r-1", &out);
    ck_assert_str_eq(out.at,
                     "{\"type\":\"about:blank\",\"title\":\"The request does not fit its "
                     "schema\",\"status\":422,"
                     "\"detail\":\"The request does not fit its schema\",\"code\":\"invalid\","
                     "\"retryable\":false,\"request_id\":\"r-1\",\"errors\":["
                     "{\"pointer\":\"/question\",\"message\":\"must be a string, not a number\"},"
                     "{\"pointer\":\"/a~1b\",\"message\":\"is \\\"odd\\\"\"}]}");
    buf_deinit(&out);
    problem_deinit(&problem);
}
END_TEST

START_TEST(an_error_gives_code_and_detail)
{
    struct error error = {0};
    struct problem problem;

    (void)error_set(&error, ERROR_QUEUE_FULL, -1, "%d jobs wait already", 10000);
    problem_init_error(&problem, &error);
    CLEANUP(json_freep) struct json *json = written(&problem, NULL);
    ck_assert_int_eq(json_get_integer(json, "status", 0), 503);
    ck_assert(json_get_bool(json, "retryable", false));
    ck_assert(span_equal(json_get_string(json, "code", ""), SPAN("queue_full")));
    ck_assert(span_equal(json_get_string(json, "detail", ""), SPAN("10000 jobs wait already")));
    ck_assert(!json_has(json, "errors") && !json_has(json, "request_id"));
    problem_deinit(&problem);
}
END_TEST

START_TEST(faults_beyond_the_maximum_are_counted_not_kept)
{
    struct problem problem;

    problem_init(&problem, ERROR_INVALID);
    for (int i = 0; i < PROBLEM_MAX_ITEMS + 8; i++)
        problem_add(&problem, "/x", "fault %d", i);
    ck_assert_uint_eq(problem.n_items, PROBLEM_MAX_ITEMS + 8);
    CLEANUP(json_freep) struct json *json = written(&problem, NULL);
    ck_assert_uint_eq(json_length(json_get(json, "errors")), PROBLEM_MAX_ITEMS);
    ck_assert(span_equal(json_get_string(json, "detail", ""),
                         SPAN("The request does not fit its schema: 40 faults, of which the first "
                              "32 are listed")));
    problem_deinit(&problem);
    ck_assert_uint_eq(problem.n_items, 0);
}
END_TEST

TEST_MAIN("problem", every_member_of_rfc_9457_and_ours_is_written, an_error_gives_code_and_detail,
          faults_beyond_the_maximum_are_counted_not_kept)
