/* What a page of figures looks like: rows, labels, histograms, and numbers that are exact. */
#include <check.h>

#include "buf.h"
#include "main.h"
#include "metrics.h"

struct figures {
    uint64_t plain, money, table[2][2], unknown;
    struct histogram seconds;
};

static const char *const colours[] = {"red", "blue \"sky\"\\\n"}, *const sizes[] = {"s", "l"};
static const struct metric_label colour = {"colour", colours, 2}, size = {"size", sizes, 2};

#define AT(member) offsetof(struct figures, member)

static const struct {
    const char *name;
    struct metric_row row;
    struct figures figures;
    const char *expected;
} pages[] = {
    {"a counter",
     {"x_total", "Things.", METRIC_COUNTER, 1, AT(plain), {NULL, NULL}},
     {.plain = UINT64_MAX - 1},
     "# HELP x_total Things.\n# TYPE x_total counter\nx_total 18446744073709551614\n"},
    {"a fraction is written exactly",
     {"x_total", "a\\b\n\"", METRIC_COUNTER, 1000000, AT(money), {NULL, NULL}},
     {.money = 12000340},
     "# HELP x_total a\\\\b\\n\"\n# TYPE x_total counter\nx_total 12.00034\n"        },
    {"labels, escaped",
     {"x", "X.", METRIC_GAUGE, 1, AT(table), {&colour, &size}},
     {.table = {{1, 2}, {3, METRIC_UNKNOWN}}},
     "# HELP x X.\n# TYPE x gauge\nx{colour=\"red\",size=\"s\"} 1\nx{colour=\"red\",size=\"l\"} 2\n"
     "x{colour=\"blue \\\"sky\\\"\\\\\\n\",size=\"s\"} 3\n"                          },
    {"what is unknown is left out",
     {"x", "X.", METRIC_GAUGE, 1, AT(unknown), {NULL, NULL}},
     {.unknown = METRIC_UNKNOWN},
     "# HELP x X.\n# TYPE x gauge\n"                                                 },
};

START_TEST(a_row_is_written_as_its_type_wants)
{
    for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
        struct buf out;

        buf_init(&out, METRICS_MAX_BYTES);
        metrics_write(&pages[i].row, 1, &pages[i].figures, &out);
        ck_assert_msg(strcmp(out.at, pages[i].expected) == 0, "%s: %s", pages[i].name, out.at);
        buf_deinit(&out);
    }
}
END_TEST

START_TEST(a_histogram_counts_each_duration_in_every_bucket_it_fits)
{
    const struct metric_row row = {
        "x_seconds", "X.", METRIC_HISTOGRAM, 1, AT(seconds), {NULL, NULL}
    };
    struct figures figures = {0};
    struct histogram more = {0};
    struct buf out;

    buf_init(&out, METRICS_MAX_BYTES);
    histogram_add(&figures.seconds, -5); /* a clock that was set back is no time at all */
    histogram_add(&figures.seconds, 250);
    histogram_add(&figures.seconds, 251);
    histogram_add(&more, 30000001);
    histogram_merge(&figures.seconds, &more);
    metrics_write(&row, 1, &figures, &out);
    ck_assert_ptr_nonnull(strstr(out.at,
                                 "# TYPE x_seconds histogram\nx_seconds_bucket{le=\"0.00025\"} 2\n"
                                 "x_seconds_bucket{le=\"0.0005\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(out.at,
                                 "x_seconds_bucket{le=\"30\"} 3\nx_seconds_bucket{le=\"+Inf\"} 4\n"
                                 "x_seconds_sum 30.000502\nx_seconds_count 4\n"));
    buf_deinit(&out);
}
END_TEST

START_TEST(several_things_of_a_sort_are_told_apart_by_their_name)
{
    const struct metric_row rows[] = {
        {"x", "X.", METRIC_GAUGE, 1, AT(plain), {NULL, NULL} },
        {"y", "Y.", METRIC_GAUGE, 1, AT(table), {&size, NULL}},
    };
    const struct figures a = {.plain = 1, .table = {{2, 3}}}, b = {.plain = METRIC_UNKNOWN};
    const struct metric_thing things[] = {
        {SPAN("a"), &a},
        {SPAN("b"), &b},
    };
    struct buf out;

    buf_init(&out, METRICS_MAX_BYTES);
    metrics_write_each(rows, ARRAY_SIZE(rows), "of", things, ARRAY_SIZE(things), &out);
    ck_assert_str_eq(out.at,
                     "# HELP x X.\n# TYPE x gauge\nx{of=\"a\"} 1\n# HELP y Y.\n# TYPE y gauge\n"
                     "y{of=\"a\",size=\"s\"} 2\ny{of=\"a\",size=\"l\"} 3\n"
                     "y{of=\"b\",size=\"s\"} 0\ny{of=\"b\",size=\"l\"} 0\n");
    buf_clear(&out);
    metrics_write_each(rows, ARRAY_SIZE(rows), "of", NULL, 0, &out);
    ck_assert_uint_eq(out.n, 0);
    buf_deinit(&out);
}
END_TEST

START_TEST(the_process_tells_of_itself)
{
    static const char *const names[] = {
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_start_time_seconds ",
        "process_open_fds ",
        "process_max_fds ",
        "parley_build_info{program=\"test\",version=\"" PARLEY_VERSION "\"} 1",
    };
    struct buf out;

    buf_init(&out, METRICS_MAX_BYTES);
    metrics_write_process("test", &out);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *sample CLEANUP(charp_freep) = xprintf("\n%s", names[i]);
        ck_assert_msg(strstr(out.at, sample) != NULL, "%s is missing", names[i]);
    }
    ck_assert_ptr_null(strstr(out.at, "process_open_fds 0\n"));
    buf_deinit(&out);
}
END_TEST

TEST_MAIN("metrics", a_row_is_written_as_its_type_wants,
          a_histogram_counts_each_duration_in_every_bucket_it_fits,
          several_things_of_a_sort_are_told_apart_by_their_name, the_process_tells_of_itself)
