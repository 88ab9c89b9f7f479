/* What the growing buffer promises. */
#include <check.h>

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

TEST_MAIN("buf", keeps_what_was_added_in_order, refuses_to_grow_over_its_maximum_and_says_so)
