/* What the text readers take and refuse. */
#include <check.h>
#include <errno.h>

#include "buf.h"
#include "main.h"
#include "text.h"

START_TEST(numbers_are_digits_only_and_bounded)
{
    static const struct {
        const char *text;
        int result;
        uint64_t value;
    } rows[] = {
        {"0",                    0,       0         },
        {"18446744073709551615", 0,       UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0         },
        {"",                     -EINVAL, 0         },
        {"+5",                   -EINVAL, 0         },
        {" 5",                   -EINVAL, 0         },
        {"0x5",                  -EINVAL, 0         },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t value = 0;
        ck_assert_msg(text_to_u64(span_of(rows[i].text), UINT64_MAX, &value) == rows[i].result,
                      "%s", rows[i].text);
        ck_assert_uint_eq(value, rows[i].value);
    }
}
END_TEST

START_TEST(durations_are_digits_and_a_unit)
{
    static const struct {
        const char *text;
        int result;
        int64_t ms;
        const char *shown;
    } rows[] = {
        {"500ms",             0,       500,       "500ms"},
        {"30s",               0,       30000,     "30s"  },
        {"90s",               0,       90000,     "90s"  },
        {"120s",              0,       120000,    "2m"   },
        {"7d",                0,       604800000, "7d"   },
        {"0s",                0,       0,         "0s"   },
        {"30",                -EINVAL, 0,         NULL   },
        {"s",                 -EINVAL, 0,         NULL   },
        {"-1s",               -EINVAL, 0,         NULL   },
        {"9223372036854775d", -EINVAL, 0,         NULL   },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char shown[TEXT_DURATION_BYTES];
        int64_t ms = 0;
        ck_assert_msg(text_to_duration(span_of(rows[i].text), &ms) == rows[i].result, "%s",
                      rows[i].text);
        ck_assert_int_eq(ms, rows[i].ms);
        if (rows[i].shown)
            ck_assert_str_eq(text_duration(ms, shown), rows[i].shown);
    }
}
END_TEST

START_TEST(utf8_is_strict)
{
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"caf\xc3\xa9",      true },
        {"\xf0\x9f\x9a\x80", true },
        {"\xc0\xaf",         false},
        {"\xed\xa0\x80",     false},
        {"\xf4\x90\x80\x80", false},
        {"\xe2\x82",         false},
        {"\xff",             false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(text_is_utf8(span_of(rows[i].text)) == rows[i].valid, "row %zu", i);
}
END_TEST

START_TEST(json_escaping_leaves_no_control_character_or_bare_quote)
{
    struct buf out;

    buf_init(&out, 100);
    text_json_escape(&out, SPAN("a\"b\\c\n\x01\xc3\xa9"));
    ck_assert_str_eq(out.at, "a\\\"b\\\\c\\n\\u0001\xc3\xa9");
    buf_deinit(&out);
}
END_TEST

START_TEST(lists_are_cut_at_the_separator_and_trimmed)
{
    struct span rest = SPAN("a, b ,,c"), item;
    struct buf out;

    buf_init(&out, 100);
    while (text_next(&rest, ',', &item)) {
        buf_add_span(&out, item);
        buf_add_char(&out, '|');
    }
    ck_assert_str_eq(out.at, "a|b||c|");
    buf_deinit(&out);
}
END_TEST

START_TEST(distance_counts_letters_to_change)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {
        {"",       "",        0},
        {"",       "abc",     3},
        {"abc",    "abc",     0},
        {"abc",    "ABC",     0},
        {"abc",    "acb",     1},
        {"abc",    "abcd",    1},
        {"abc",    "bc",      1},
        {"kitten", "sitting", 3},
        {"ca",     "abc",     3},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct span a = span_of(rows[i].a), b = span_of(rows[i].b);

        ck_assert_msg(text_distance(a, b) == rows[i].distance, "%s %s", rows[i].a, rows[i].b);
        ck_assert_msg(text_distance(b, a) == rows[i].distance, "%s %s", rows[i].b, rows[i].a);
    }
    char large[TEXT_DISTANCE_MAX_BYTES + 1] = {0};
    ck_assert_uint_eq(text_distance((struct span){large, sizeof(large)}, SPAN("")), SIZE_MAX);
}
END_TEST

START_TEST(a_guess_is_the_nearest_word_or_none)
{
    static const char *const known[] = {"question", "personas", "rounds", "top_k", "id"};
    static const struct {
        const char *word, *best;
    } rows[] = {
        {"qestion",  "question"},
        {"Question", "question"},
        {"round",    "rounds"  },
        {"topk",     "top_k"   },
        {"ix",       "id"      },
        {"x",        NULL      },
        {"zebra",    NULL      },
        {"",         NULL      },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct text_guess guess = {.word = span_of(rows[i].word)};

        for (size_t j = 0; j < ARRAY_SIZE(known); j++)
            text_guess_offer(&guess, known[j]);
        ck_assert_pstr_eq(guess.best, rows[i].best);
    }
}
END_TEST

TEST_MAIN("text", numbers_are_digits_only_and_bounded, durations_are_digits_and_a_unit,
          utf8_is_strict, json_escaping_leaves_no_control_character_or_bare_quote,
          lists_are_cut_at_the_separator_and_trimmed, distance_counts_letters_to_change,
          a_guess_is_the_nearest_word_or_none)
