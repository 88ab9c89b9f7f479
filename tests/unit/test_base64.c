/* The test vectors of RFC 4648 section 10, and texts that are none. */
#include <check.h>

#include "base64.h"
#include "main.h"

static const struct {
    const char *bytes, *text;
} good[] = {
    {"",       ""        },
    {"f",      "Zg=="    },
    {"fo",     "Zm8="    },
    {"foo",    "Zm9v"    },
    {"foob",   "Zm9vYg=="},
    {"fooba",  "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

START_TEST(what_was_written_reads_back)
{
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        size_t n = 99;
        CLEANUP(charp_freep) char *text = base64_text(span_of(good[i].bytes));
        unsigned char *bytes = base64_bytes(span_of(good[i].text), &n);

        ck_assert_str_eq(text, good[i].text);
        ck_assert_ptr_nonnull(bytes);
        ck_assert_uint_eq(n, strlen(good[i].bytes));
        ck_assert_mem_eq(bytes, good[i].bytes, n);
        free(bytes);
    }
}
END_TEST

START_TEST(every_byte_passes)
{
    char all[256];
    size_t n = 0;

    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    CLEANUP(charp_freep) char *text = base64_text((struct span){all, sizeof(all)});
    unsigned char *bytes = base64_bytes(span_of(text), &n);
    ck_assert_uint_eq(n, sizeof(all));
    ck_assert_mem_eq(bytes, all, n);
    free(bytes);
}
END_TEST

START_TEST(a_text_that_is_none_gives_nothing)
{
    static const char *const bad[] = {"Z",        "Zm9",  "Zm9v\n", "Zm 9",
                                      " Zm9vYg=", "Zm9-", "=m9v",   "Z==="};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        ck_assert_msg(!base64_bytes(span_of(bad[i]), &n), "\"%s\"", bad[i]);
}
END_TEST

TEST_MAIN("base64", what_was_written_reads_back, every_byte_passes,
          a_text_that_is_none_gives_nothing)
