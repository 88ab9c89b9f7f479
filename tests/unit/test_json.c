/* What the scanner takes and refuses (RFC 8259 and our stricter rules), and that values survive the
 * way in and out. The refused rows cover every text json-c 0.16 was seen to accept against the
 * standard. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "main.h"

/* A text with its length in a table: some hold U+0000. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

// clang-format off
static const struct accepted {
    const char *name;
    struct span text;
} accepted[] = {
    {"a lone true",                               TEXT("true")                               },
    {"a lone false",                              TEXT("false")                              },
    {"a lone null",                               TEXT("null")                               },
    {"a lone integer",                            TEXT("42")                                 },
    {"a lone negative fraction",                  TEXT("-0.1")                               },
    {"a lone string",                             TEXT("\"a\"")                              },
    {"space of all four kinds around everything", TEXT(" \t\r\n[ 1 ,\n{ \"a\" : 2 } ] \n")   },
    {"an empty array and an empty object",        TEXT("[[],{}]")                            },
    {"an empty key",                              TEXT("{\"\":0}")                           },
    {"keys that differ in case only",             TEXT("{\"a\":0,\"A\":1}")                  },
    {"a key that begins like another",            TEXT("{\"aa\":0,\"a\":1,\"aaa\":2}")       },
    {"the same key in two objects",               TEXT("[{\"a\":0},{\"a\":{\"a\":1}}]")      },
    {"every escape",                              TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"")},
    {"a surrogate pair written as escapes",       TEXT("\"\\ud83d\\ude00\"")                 },
    {"U+0000 as an escape in a string",           TEXT("\"a\\u0000b\"")                      },
    {"U+FFFF and U+10FFFF",                       TEXT("\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\"")   },
    {"DEL as it is",                              TEXT("\"\x7f\"")                           },
    {"numbers with every part",                   TEXT("[0,-0,1.5,-1.5e3,1E+2,1e-2,0e0,0.0]")},
    {"a number that underflows",                  TEXT("1e-400")                             },
    {"the largest double",                        TEXT("1.7976931348623157e308")             },
    {"an integer of 40 digits",      TEXT("1234567890123456789012345678901234567890")        },
};
// clang-format on

START_TEST(what_rfc_8259_allows_is_taken)
{
    struct error error = {0};

    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++)
        ck_assert_msg(json_scan(accepted[i].text, NULL, &error) == 0, "%s: %s", accepted[i].name,
                      error.message);
}
END_TEST

static const struct refused {
    const char *name;
    struct span text;
    const char *message;
} refused[] = {
    {"nothing",                                           TEXT(""),                            "line 1, column 1: expected a value, found the end of the text"        },
    {"only space",                                        TEXT("  \n"),                        "line 2, column 1: expected a value, found the end of the text"        },
    {"-01",                                               TEXT("[-01]"),                       "line 1, column 4: a number must not begin with a zero and a digit"    },
    {"-012",                                              TEXT("[-012]"),                      "line 1, column 4: a number must not begin with a zero and a digit"    },
    {"-2.",                                               TEXT("[-2.]"),                       "line 1, column 5: expected a digit after the decimal point, found ']'"},
    {"1.",                                                TEXT("1."),
     "line 1, column 3: expected a digit after the decimal point, found the end of the text"                                                                          },
    {"0.e1",                                              TEXT("[0.e1]"),
     "line 1, column 4: expected a digit after the decimal point, found 'e'"                                                                                          },
    {"2.e3",                                              TEXT("[2.e3]"),
     "line 1, column 4: expected a digit after the decimal point, found 'e'"                                                                                          },
    {"2.e+3",                                             TEXT("[2.e+3]"),
     "line 1, column 4: expected a digit after the decimal point, found 'e'"                                                                                          },
    {"2.e-3",                                             TEXT("[2.e-3]"),
     "line 1, column 4: expected a digit after the decimal point, found 'e'"                                                                                          },
    {"-.123",                                             TEXT("[-.123]"),                     "line 1, column 3: expected a digit, found '.'"                        },
    {".5",                                                TEXT("[.5]"),                        "line 1, column 2: expected a value, found '.'"                        },
    {"a plus sign",                                       TEXT("[+1]"),                        "line 1, column 2: expected a value, found '+'"                        },
    {"a lone minus",                                      TEXT("[-]"),                         "line 1, column 3: expected a digit, found ']'"                        },
    {"an empty exponent",                                 TEXT("[1e]"),
     "line 1, column 4: expected a digit in the exponent, found ']'"                                                                                                  },
    {"an exponent of a sign only",                        TEXT("[1e+]"),
     "line 1, column 5: expected a digit in the exponent, found ']'"                                                                                                  },
    {"a hexadecimal number",                              TEXT("[0x1]"),                       "line 1, column 3: expected ',' or ']', found 'x'"                     },
    {"NaN",                                               TEXT("[NaN]"),                       "line 1, column 2: expected a value, found 'N'"                        },
    {"Infinity",                                          TEXT("[Infinity]"),                  "line 1, column 2: expected a value, found 'I'"                        },
    {"-Infinity",                                         TEXT("[-Infinity]"),                 "line 1, column 3: expected a digit, found 'I'"                        },
    {"1e400",                                             TEXT("[1e400]"),                     "line 1, column 2: the number is too large"                            },
    {"-1e400",                                            TEXT("[-1e400]"),                    "line 1, column 2: the number is too large"                            },
    {"single quotes",                                     TEXT("{'a':0}"),
     "line 1, column 2: expected a key in double quotes or '}', found '''"                                                                                            },
    {"a key without quotes",                              TEXT("{a:0}"),
     "line 1, column 2: expected a key in double quotes or '}', found 'a'"                                                                                            },
    {"a number as key",                                   TEXT("{1:0}"),
     "line 1, column 2: expected a key in double quotes or '}', found '1'"                                                                                            },
    {"a raw newline in a string",                         TEXT("[\"a\nb\"]"),
     "line 1, column 4: a control character inside a text must be written as an escape"                                                                               },
    {"a raw tab in a string",                             TEXT("[\"\t\"]"),
     "line 1, column 3: a control character inside a text must be written as an escape"                                                                               },
    {"a raw 0x01 in a string",                            TEXT("[\"\x01\"]"),
     "line 1, column 3: a control character inside a text must be written as an escape"                                                                               },
    {"a raw NUL in a string",                             TEXT("[\"\0\"]"),
     "line 1, column 3: a control character inside a text must be written as an escape"                                                                               },
    {"a string without an end",                           TEXT("[\"a"),
     "line 1, column 4: expected the closing quote of the text, found the end of the text"                                                                            },
    {"an escape without an end",                          TEXT("\"\\"),
     "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, found the end of "
     "the text"                                                                                                                                                       },
    {"an unknown escape",                                 TEXT("\"\\x41\""),
     "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, found 'x'"                                                                             },
    {"an escaped NUL byte",                               TEXT("\"\\\0\""),
     "line 1, column 3: expected one of \" \\ / b f n r t u after a backslash, found byte 0x00"                                                                       },
    {"a short \\u",                                       TEXT("\"\\u12\""),
     "line 1, column 6: expected four hexadecimal digits after \\u, found '\"'"                                                                                       },
    {"a \\u with a letter that is no digit",              TEXT("\"\\u00g0\""),
     "line 1, column 6: expected four hexadecimal digits after \\u, found 'g'"                                                                                        },
    {"a lone high surrogate",                             TEXT("\"\\ud800\""),
     "line 1, column 2: half of a surrogate pair stands alone"                                                                                                        },
    {"a lone low surrogate",                              TEXT("\"\\udc00\""),
     "line 1, column 2: half of a surrogate pair stands alone"                                                                                                        },
    {"a high surrogate before a letter",                  TEXT("\"\\ud800a\""),
     "line 1, column 2: half of a surrogate pair stands alone"                                                                                                        },
    {"two high surrogates",                               TEXT("\"\\ud800\\ud800\""),
     "line 1, column 2: half of a surrogate pair stands alone"                                                                                                        },
    {"overlong UTF-8",                                    TEXT("\"\xc0\xaf\""),
     "line 1, column 2: the bytes of this character are not valid UTF-8"                                                                                              },
    {"a surrogate in UTF-8",                              TEXT("\"\xed\xa0\x80\""),
     "line 1, column 2: the bytes of this character are not valid UTF-8"                                                                                              },
    {"UTF-8 above U+10FFFF",                              TEXT("\"\xf4\x90\x80\x80\""),
     "line 1, column 2: the bytes of this character are not valid UTF-8"                                                                                              },
    {"a lone continuation byte",                          TEXT("\"\x80\""),
     "line 1, column 2: the bytes of this character are not valid UTF-8"                                                                                              },
    {"UTF-8 cut by the quote",                            TEXT("\"\xe2\x82\""),
     "line 1, column 2: the bytes of this character are not valid UTF-8"                                                                                              },
    {"UTF-8 cut by the end",                              TEXT("\"\xf0\x9f\x9a"),
     "line 1, column 2: the bytes of this character are not valid UTF-8"                                                                                              },
    {"a bad character after good ones counts characters", TEXT("[\"h\xc3\xa9\xc3\xa9\xff\"]"),
     "line 1, column 6: the bytes of this character are not valid UTF-8"                                                                                              },
    {"a byte order mark",                                 TEXT("\xef\xbb\xbf{}"),
     "line 1, column 1: expected a value, found byte 0xef"                                                                                                            },
    {"a duplicate key",                                   TEXT("{\"a\":1,\"b\":2,\"a\":3}"),
     "line 1, column 14: the key \"a\" stands twice in one object"                                                                                                    },
    {"a duplicate key after unescaping",                  TEXT("{\"a\":1,\n \"\\u0061\":2}"),
     "line 2, column 2: the key \"a\" stands twice in one object"                                                                                                     },
    {"a duplicate empty key",                             TEXT("{\"\":1,\"\":2}"),
     "line 1, column 7: the key stands twice in one object"                                                                                                           },
    {"a duplicate key beside an inner object",            TEXT("{\"a\":{\"a\":{}},\"a\":3}"),
     "line 1, column 15: the key \"a\" stands twice in one object"                                                                                                    },
    {"U+0000 in a key",                                   TEXT("{\"role\\u0000x\":1}"),
     "line 1, column 2: a key must not hold the character U+0000"                                                                                                     },
    {"a second value after a NUL",                        TEXT("{\"a\":1}\0{\"evil\":1}"),
     "line 1, column 8: expected the end of the text, found byte 0x00"                                                                                                },
    {"a second value",                                    TEXT("{} []"),                       "line 1, column 4: expected the end of the text, found '['"            },
    {"a comma at the end of an array",                    TEXT("[1,]"),
     "line 1, column 4: expected a value, found ']'"                                                                                                                  },
    {"a comma at the end of an object",                   TEXT("{\"a\":1,}"),
     "line 1, column 8: expected a key in double quotes, found '}'"                                                                                                   },
    {"two commas",                                        TEXT("[1,,2]"),                      "line 1, column 4: expected a value, found ','"                        },
    {"a comma at the start",                              TEXT("[,1]"),                        "line 1, column 2: expected a value, found ','"                        },
    {"no comma",                                          TEXT("[1 2]"),                       "line 1, column 4: expected ',' or ']', found '2'"                     },
    {"no comma between members",                          TEXT("{\"a\":1\n\"b\":2}"),
     "line 2, column 1: expected ',' or '}', found '\"'"                                                                                                              },
    {"no colon",                                          TEXT("{\"a\" 1}"),                   "line 1, column 6: expected ':' after the key, found '1'"              },
    {"no value",                                          TEXT("{\"a\":}"),                    "line 1, column 6: expected a value, found '}'"                        },
    {"the wrong bracket",                                 TEXT("[1}"),                         "line 1, column 3: expected ',' or ']', found '}'"                     },
    {"the wrong brace",                                   TEXT("{\"a\":1]"),                   "line 1, column 7: expected ',' or '}', found ']'"                     },
    {"an array without an end",                           TEXT("[[]"),
     "line 1, column 4: expected ',' or ']', found the end of the text"                                                                                               },
    {"a closing bracket alone",                           TEXT("]"),                           "line 1, column 1: expected a value, found ']'"                        },
    {"a comment",                                         TEXT("[1 /* one */]"),               "line 1, column 4: expected ',' or ']', found '/'"                     },
    {"a word cut short",                                  TEXT("[tru]"),                       "line 1, column 2: expected a value, found 't'"                        },
    {"a word in capitals",                                TEXT("[TRUE]"),                      "line 1, column 2: expected a value, found 'T'"                        },
    {"a word too long",                                   TEXT("[nullx]"),                     "line 1, column 6: expected ',' or ']', found 'x'"                     },
    {"a vertical tab as space",                           TEXT("[\v1]"),
     "line 1, column 2: expected a value, found byte 0x0b"                                                                                                            },
    {"a no-break space as space",                         TEXT("[\xc2\xa0]"),
     "line 1, column 2: expected a value, found byte 0xc2"                                                                                                            },
};

START_TEST(everything_else_is_refused_with_line_column_and_reason)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct error error = {0};
        struct json *json = NULL;

        ck_assert_msg(json_scan(refused[i].text, NULL, &error) == -EPROTO, "%s", refused[i].name);
        ck_assert_int_eq(error.code, ERROR_BAD_JSON);
        ck_assert_msg(strcmp(error.message, refused[i].message) == 0, "%s: %s", refused[i].name,
                      error.message);
        ck_assert_msg(json_parse(refused[i].text, NULL, &json, NULL) == -EPROTO, "%s",
                      refused[i].name);
        ck_assert_ptr_null(json);
    }
}
END_TEST

START_TEST(arrays_and_objects_go_as_deep_as_the_limit)
{
    static const struct {
        size_t depth;
        int result;
    } rows[] = {
        {32,     0      },
        {33,     -EPROTO},
        {100000, -EPROTO}
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error error = {0};
        struct buf text;

        buf_init(&text, 1 << 20);
        for (size_t n = 0; n < rows[i].depth; n++)
            buf_add_text(&text, n % 2 ? "{\"a\":" : "[");
        if (rows[i].depth % 2 == 0)
            buf_add_text(&text, "0");
        for (size_t n = rows[i].depth; n > 0; n--)
            buf_add_char(&text, n % 2 ? ']' : '}');
        ck_assert_msg(json_scan(buf_span(&text), NULL, &error) == rows[i].result, "%zu: %s",
                      rows[i].depth, error.message);
        if (rows[i].result < 0)
            ck_assert_ptr_nonnull(strstr(error.message, "inside each other"));
        buf_deinit(&text);
    }
}
END_TEST

START_TEST(a_text_over_the_limit_is_refused_unread)
{
    struct json_limits limits = {.max_bytes = 4, .max_depth = 1};
    struct error error = {0};

    ck_assert_int_eq(json_scan(SPAN("[10]"), &limits, &error), 0);
    ck_assert_int_eq(json_scan(SPAN("[100]"), &limits, &error), -EPROTO);
    ck_assert_str_eq(error.message, "the text is longer than 4 bytes");
}
END_TEST

START_TEST(many_keys_with_escapes_are_compared_as_what_they_mean)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_add_char(&text, '{');
    for (int i = 0; i < 5000; i++)
        buf_addf(&text, "\"k\\u0065y %d\":%d,", i, i);
    size_t n = text.n;
    buf_add_text(&text, "\"key 5000\":0}");
    ck_assert_int_eq(json_scan(buf_span(&text), NULL, NULL), 0);
    text.n = n;
    buf_add_text(&text, "\"\\u006bey 4321\":0}");
    ck_assert_int_eq(json_scan(buf_span(&text), NULL, NULL), -EPROTO);
    buf_deinit(&text);
}
END_TEST

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    struct error error = {0};

    ck_assert_msg(json_parse(span_of(text), NULL, &json, &error) == 0, "%s: %s", text,
                  error.message);
    return json;
}

START_TEST(values_are_written_as_the_shortest_text_that_reads_back_equal)
{
    static const struct {
        const char *text, *written;
    } rows[] = {
        {"[ 1, 2.50 ,1e3 ]",                        "[1,2.5,1000]"                            },
        {"0.1",                                     "0.1"                                     },
        {"0.30000000000000004",                     "0.30000000000000004"                     },
        {"1.7976931348623157e308",                  "1.7976931348623157e+308"                 },
        {"2.2250738585072014e-308",                 "2.2250738585072014e-308"                 },
        {"1e-400",                                  "0"                                       },
        {"-0",                                      "-0"                                      },
        {"9223372036854775807",                     "9223372036854775807"                     },
        {"-9223372036854775808",                    "-9223372036854775808"                    },
        {"9223372036854775808",                     "9.223372036854776e+18"                   },
        {"18446744073709551616",                    "1.8446744073709552e+19"                  },
        {"{\"b\":1,\"a\":{},\"c\":[]}",             "{\"b\":1,\"a\":{},\"c\":[]}"             },
        {"\"a\\/\\u00e9\\ud83d\\ude00\\u0000\\n\"", "\"a/\xc3\xa9\xf0\x9f\x98\x80\\u0000\\n\""},
        {"[null,true,false]",                       "[null,true,false]"                       },
        {"null",                                    "null"                                    },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *json = parse(rows[i].text);
        CLEANUP(charp_freep) char *text = json_text(json);
        CLEANUP(json_freep) struct json *again = parse(text);

        ck_assert_str_eq(text, rows[i].written);
        ck_assert_msg(json_equal(json, again), "%s", rows[i].text);
    }
}
END_TEST

START_TEST(doubles_survive_the_way_out_and_in)
{
    uint64_t bits = 1;

    for (int i = 0; i < 20000; i++) {
        double value;

        bits = bits * 6364136223846793005U + 1442695040888963407U;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        CLEANUP(json_freep) struct json *json = json_new_number(value);
        CLEANUP(charp_freep) char *text = json_text(json);
        CLEANUP(json_freep) struct json *again = parse(text);
        ck_assert_msg(json_number(again) == value, "%s", text);
    }
}
END_TEST

START_TEST(readers_give_the_zero_of_their_kind_for_anything_else)
{
    CLEANUP(json_freep)
    struct json *json = parse("{\"s\":\"x\",\"i\":3,\"w\":4.0,\"d\":1.5,\"b\":true,\"n\":null}");

    ck_assert_int_eq(json_type(NULL), JSON_NULL);
    ck_assert_uint_eq(json_string(NULL).n, 0);
    ck_assert_uint_eq(json_length(json_get(json, "s")), 0);
    ck_assert_ptr_null(json_at(json, 0));
    ck_assert_ptr_null(json_get(json_get(json, "s"), "x"));
    ck_assert_int_eq(json_get_integer(json, "i", 9), 3);
    ck_assert_int_eq(json_get_integer(json, "w", 9), 4);
    ck_assert_int_eq(json_get_integer(json, "d", 9), 9);
    ck_assert_int_eq(json_get_integer(json, "s", 9), 9);
    ck_assert(json_get_number(json, "i", 9) == 3.0);
    ck_assert(json_get_number(json, "b", 9) == 9.0);
    ck_assert(json_get_bool(json, "b", false));
    ck_assert(!json_get_bool(json, "i", false));
    ck_assert(span_equal(json_get_string(json, "s", "y"), SPAN("x")));
    ck_assert(span_equal(json_get_string(json, "i", "y"), SPAN("y")));
    ck_assert_ptr_null(json_get_string(json, "none", NULL).at);
    ck_assert(json_has(json, "n") && !json_has(json, "m"));
    ck_assert(json_is(json_get(json, "i"), JSON_NUMBER) &&
              json_is(json_get(json, "i"), JSON_INTEGER));
    ck_assert(!json_is(json_get(json, "d"), JSON_INTEGER));
}
END_TEST

START_TEST(numbers_beyond_int64_are_numbers_and_not_whole)
{
    static const struct {
        const char *text;
        bool integer, whole;
        int64_t value;
    } rows[] = {
        {"9223372036854775807",  true,  true,  INT64_MAX          },
        {"-9223372036854775808", true,  true,  INT64_MIN          },
        {"9223372036854775808",  false, false, 0                  },
        {"1e18",                 false, true,  1000000000000000000},
        {"-0",                   false, true,  0                  },
        {"0.5",                  false, false, 0                  },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *json = parse(rows[i].text);

        ck_assert_msg(json_is(json, JSON_INTEGER) == rows[i].integer, "%s", rows[i].text);
        ck_assert_msg(json_is_whole(json) == rows[i].whole, "%s", rows[i].text);
        ck_assert_int_eq(json_integer(json), rows[i].value);
    }
}
END_TEST

START_TEST(equality_is_by_value)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}",   true },
        {"9007199254740993",    "9007199254740992.0",      false},
        {"1",                   "true",                    false},
        {"{\"a\":null}",        "{\"b\":null}",            false},
        {"[1,2]",               "[2,1]",                   false},
        {"[1,2]",               "[1]",                     false},
        {"\"a\\u0000b\"",       "\"a\\u0000c\"",           false},
        {"9223372036854775808", "9.223372036854775808e18", true },
        {"null",                "null",                    true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *a = parse(rows[i].a);
        CLEANUP(json_freep) struct json *b = parse(rows[i].b);
        CLEANUP(json_freep) struct json *copy = json_copy(a);

        ck_assert_msg(json_equal(a, b) == rows[i].equal, "%s", rows[i].a);
        ck_assert_msg(json_equal(b, a) == rows[i].equal, "%s", rows[i].b);
        ck_assert(json_equal(a, copy));
    }
}
END_TEST

static bool note_key(const char *key, const struct json *value, void *arg)
{
    (void)value;
    buf_addf(arg, "%s ", key);
    return strcmp(key, "c") != 0;
}

START_TEST(values_are_built_in_the_order_they_are_set)
{
    CLEANUP(json_freep) struct json *object = json_object();
    struct json *array = json_array();
    struct buf out;

    json_set_text(object, "b", "caf\xc3\xa9 \xff\xe2\x82|");
    json_set_integer(object, "a", -5);
    json_set_number(object, "c", (double)NAN);
    json_set(object, "d", array);
    json_append(array, json_new_null());
    json_append(array, json_new_bool(true));
    json_append(array, json_new_number(0.25));
    json_set_bool(object, "a", false);
    buf_init(&out, 1000);
    json_write_members(object, &out);
    ck_assert_str_eq(out.at,
                     "\"b\":\"caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\",\"a\":false,"
                     "\"c\":null,\"d\":[null,true,0.25]");
    buf_clear(&out);
    json_each(object, note_key, &out);
    ck_assert_str_eq(out.at, "b a c ");
    buf_deinit(&out);
}
END_TEST

TEST_MAIN("json", what_rfc_8259_allows_is_taken,
          everything_else_is_refused_with_line_column_and_reason,
          arrays_and_objects_go_as_deep_as_the_limit, a_text_over_the_limit_is_refused_unread,
          many_keys_with_escapes_are_compared_as_what_they_mean,
          values_are_written_as_the_shortest_text_that_reads_back_equal,
          doubles_survive_the_way_out_and_in, readers_give_the_zero_of_their_kind_for_anything_else,
          numbers_beyond_int64_are_numbers_and_not_whole, equality_is_by_value,
          values_are_built_in_the_order_they_are_set)
