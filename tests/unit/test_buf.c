/* What the growing buffer promises. */
#include <check.h>
#include <errno.h>

#include "buf.h"
#include "main.h"

START_TEST(keeps_what_was_added_in_order)
{
    struct buf buf;

    buf_init(&buf, 100);
    buf_add_text(&buf, "one ");
    buf_addf(&buf, "%d %s", 2, "three");
    ck_assert_str_eq(buf.at, "one 2 three");
    buf_drop(&buf, 4);
    ck_assert_str_eq(buf.at, "2 three");
    buf_deinit(&buf);
}
END_TEST

START_TEST(refuses_to_grow_over_its_maximum_and_says_so)
{
    struct buf buf;

    buf_init(&buf, 8);
    buf_add_text(&buf, "12345678");
    ck_assert(buf_ok(&buf));
    buf_add_char(&buf, '9');
    ck_assert(!buf_ok(&buf));
    ck_assert_str_eq(buf.at, "12345678");
    buf_clear(&buf);
    ck_assert(buf_ok(&buf));
    buf_deinit(&buf);
}
END_TEST

START_TEST(formats_what_fits_behind_its_end_and_what_does_not)
{
    struct buf buf;

    buf_init(&buf, 200);
    buf_addf(&buf, "%s", "");
    ck_assert_str_eq(buf.at, "");
    for (int i = 0; i < 10; i++) {
        size_t n = buf.n;
        buf_addf(&buf, "%0*d", 17, i); /* crosses the end of the memory at some turn */
        ck_assert_uint_eq(buf.n, n + 17);
        ck_assert_uint_eq(strlen(buf.at), buf.n);
        ck_assert_int_eq(buf.at[buf.n - 1], '0' + i);
    }
    buf_addf(&buf, "%0*d", 31, 0);
    ck_assert(!buf_ok(&buf));
    ck_assert_uint_eq(strlen(buf.at), 170);
    buf_deinit(&buf);
}
END_TEST

START_TEST(writes_numbers_of_every_length)
{
    struct buf buf;

    buf_init(&buf, 100);
    buf_add_u64(&buf, 0);
    buf_add_char(&buf, ' ');
    buf_add_u64(&buf, 1090);
    buf_add_char(&buf, ' ');
    buf_add_u64(&buf, UINT64_MAX);
    ck_assert_str_eq(buf.at, "0 1090 18446744073709551615");
    buf_deinit(&buf);
}
END_TEST

START_TEST(a_file_is_added_whole_or_refused)
{
    struct buf buf;

    buf_init(&buf, 100000);
    buf_add_text(&buf, "> ");
    ck_assert_int_eq(buf_add_file(&buf, "/proc/self/cmdline"), 0);
    ck_assert_uint_gt(buf.n, 2);
    buf_deinit(&buf);
    buf_init(&buf, 3);
    ck_assert_int_eq(buf_add_file(&buf, "/proc/self/cmdline"), -E2BIG);
    ck_assert_int_eq(buf_add_file(&buf, "/nowhere/at/all"), -ENOENT);
    ck_assert_int_lt(buf_add_file(&buf, "/"), 0);
    buf_deinit(&buf);
}
END_TEST

TEST_MAIN("buf", keeps_what_was_added_in_order, refuses_to_grow_over_its_maximum_and_says_so,
          formats_what_fits_behind_its_end_and_what_does_not, writes_numbers_of_every_length,
          a_file_is_added_whole_or_refused)
