/* Log lines: what JSON is made of them, and that a full pipe cuts none. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "log.h"
#include "log_json.h"
#include "main.h"
#include "text.h"

START_TEST(words_become_members_and_the_rest_a_remark)
{
    static const struct {
        const char *words, *expected;
    } rows[] = {
        {"event=x",                               ",\"event\":\"x\""                        },
        {"event=x status=202 ms=1.250 n=5 id=7",
         ",\"event\":\"x\",\"status\":202,\"ms\":1.250,\"n\":\"5\",\"id\":\"7\""            },
        {"reason=\"two words\" key=",             ",\"reason\":\"two words\",\"key\":\"\""  },
        {"reason=\"he said \"no\" twice\" a=b",
         ",\"reason\":\"he said \\\"no\\\" twice\",\"a\":\"b\""                             },
        {"reason=\"cut off",                      ",\"reason\":\"cut off\""                 },
        {"event=x key=y, ignoring the rest",
         ",\"event\":\"x\",\"key\":\"y,\",\"msg\":\"ignoring the rest\""                    },
        {"a=1 a=2 level=error",                   ",\"a\":\"1\",\"msg\":\"a=2 level=error\""},
        {"status=007 ms=1. bytes=-1 attempt=1e9",
         ",\"status\":\"007\",\"ms\":\"1.\",\"bytes\":\"-1\",\"attempt\":\"1e9\""           },
        {"path=/\\a=b",                           ",\"path\":\"/\\\\a=b\""                  },
        {"name=\xc3\xa4 cut=\xc3",                ",\"name\":\"\xc3\xa4\",\"cut\":\"?\""    },
        {"  ",                                    ""                                        },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct buf out;

        buf_init(&out, 10000);
        log_json_members(span_of(rows[i].words), &out);
        ck_assert_str_eq(out.at ? out.at : "", rows[i].expected);
        buf_deinit(&out);
    }
}
END_TEST

/* Standard error is a pipe from here on; the process is the test's own. */
static int catch_lines(void)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    return ends[0];
}

#define MANY                                                                                       \
    "k1=1 k2=2 k3=3 k4=4 k5=5 k6=6 k7=7 k8=8 k9=9 ka=1 kb=1 kc=1 kd=1 ke=1 kf=1 kg=1 kh=1 ki=1 "   \
    "kj=1 kk=1 kl=1 km=1 kn=1 ko=1 kp=1 kq=1 kr=1 ks=1 kt=1 ku=1 kv=1 kw=1 kx=1 ky=1 kz=1"

START_TEST(whatever_a_line_holds_it_is_one_json_object)
{
    static const char *const lines[] = {
        "event=x name=\"\xff\xfe\" =x == \"\" \" a=\"",
        "a=\"b\"c=\"d\"",
        "\n{\"a\":1}\n",
        "",
        "event",
        MANY,
    };
    static char bytes[60000];
    struct span rest, line;
    int fd = catch_lines();
    size_t n = 0;

    log_setup("test", LOG_INFO_, LOG_JSON);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        log_info("%s", lines[i]);
    log_info("event=long text=\"%05000d\"", 7);
    ssize_t got = read(fd, bytes, sizeof(bytes));
    ck_assert_int_gt(got, 0);
    rest = (struct span){bytes, (size_t)got};
    while (text_next(&rest, '\n', &line)) {
        CLEANUP(json_freep) struct json *json = NULL;
        struct error error = {0};

        if (line.n == 0)
            continue;
        n++;
        ck_assert_msg(json_parse(line, NULL, &json, &error) == 0, "%s: %.*s", error.message,
                      (int)line.n, line.at);
        ck_assert(span_equal(json_get_string(json, "level", ""), SPAN("info")));
        ck_assert(span_equal(json_get_string(json, "program", ""), SPAN("test")));
    }
    ck_assert_uint_eq(n, ARRAY_SIZE(lines) + 1);
}
END_TEST

START_TEST(lines_that_may_wait_leave_together)
{
    char bytes[1000];
    int fd = catch_lines();

    log_setup("test", LOG_INFO_, LOG_TEXT);
    log_later(LOG_INFO_, "event=one");
    log_later(LOG_INFO_, "event=two");
    ck_assert_int_lt(read(fd, bytes, sizeof(bytes)), 0);
    log_flush();
    ssize_t n = read(fd, bytes, sizeof(bytes) - 1);
    ck_assert_int_gt(n, 0);
    bytes[n] = '\0';
    ck_assert_ptr_nonnull(strstr(bytes, "event=one\n"));
    ck_assert_ptr_nonnull(strstr(bytes, "event=two\n"));
}
END_TEST

START_TEST(a_full_pipe_loses_whole_lines_and_says_how_many)
{
    static char bytes[2000000];
    int fd = catch_lines();
    struct span rest, line;
    size_t n = 0, n_lines = 0;
    ssize_t got;

    log_setup("test", LOG_INFO_, LOG_TEXT);
    for (int i = 0; i < 100; i++)
        log_info("event=filler text=%03000d", i);
    while ((got = read(fd, bytes + n, sizeof(bytes) - n)) > 0 ||
           (log_flush(), got = read(fd, bytes + n, sizeof(bytes) - n)) > 0)
        n += (size_t)got;
    log_info("event=last");
    got = read(fd, bytes + n, sizeof(bytes) - n);
    ck_assert_int_gt(got, 0);
    n += (size_t)got;
    bytes[n] = '\0';
    rest = (struct span){bytes, n};
    while (text_next(&rest, '\n', &line) && line.n > 0) {
        n_lines++;
        ck_assert_msg(line.n > 3000 || memmem(line.at, line.n, "event=last", 10), "cut: %.*s",
                      (int)line.n, line.at);
    }
    unsigned long dropped = strtoul(strstr(bytes, "dropped=") + strlen("dropped="), NULL, 10);
    ck_assert_uint_gt(dropped, 0);
    ck_assert_uint_eq(n_lines + dropped, 101);
}
END_TEST

TEST_MAIN("log", words_become_members_and_the_rest_a_remark,
          whatever_a_line_holds_it_is_one_json_object, lines_that_may_wait_leave_together,
          a_full_pipe_loses_whole_lines_and_says_how_many)
