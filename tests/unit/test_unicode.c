/* Folding: what is the same text for us, over all characters there are. */
#include <check.h>

#include "buf.h"
#include "main.h"
#include "text.h"
#include "unicode.h"

typedef void fold_fn(struct span text, struct buf *out);

static char *folded(fold_fn *fold, struct span text)
{
    struct buf out;

    buf_init(&out, 4096);
    fold(text, &out);
    return buf_steal(&out);
}

START_TEST(spellings_of_one_text_fold_to_it)
{
    static const struct {
        const char *text, *fold, *bare;
    } rows[] = {
        {"OpenAI",                                           "openai",                   "openai"                  },
        {"\xef\xbc\xaf\xef\xbd\x90\xef\xbd\x85\xef\xbd\x8e", "open",                     "open"                    },
        {"Stra\xc3\x9f"
         "e",                                       "strasse",                  "strasse"                 },
        {"Soci\xc3\xa9t\xc3\xa9",                            "soci\xc3\xa9t\xc3\xa9",    "societe"                 },
        {"Socie\xcc\x81te\xcc\x81",                          "soci\xc3\xa9t\xc3\xa9",    "societe"                 },
        {"\xc3\x98rsted",                                    "\xc3\xb8rsted",            "orsted"                  },
        {"a\xe2\x80\x8b"
         "b",                                       "ab",                       "ab"                      },
        {"a\xc2\xa0"
         "b",                                       "a b",                      "a b"                     },
        {"a\xe2\x80\x94"
         "b",                                       "a-b",                      "a-b"                     },
        {"\xe2\x80\x9cq\xe2\x80\x9d",                        "\"q\"",                    "\"q\""                   },
        {"a\tb\n",                                           "a b ",                     "a b "                    },
        {"\xef\xac\x81ne",                                   "fine",                     "fine"                    },
        {"10\xc2\xb2",                                       "102",                      "102"                     },
        {"\xe2\x91\xa0",                                     "1",                        "1"                       },
        {"\xd0\x9f\xd0\xa0\xd0\x98",                         "\xd0\xbf\xd1\x80\xd0\xb8", "\xd0\xbf\xd1\x80\xd0\xb8"},
        {"\xff",                                             "\xef\xbf\xbd",             "\xef\xbf\xbd"            },
        {"",                                                 "",                         ""                        },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(charp_freep) char *fold = folded(unicode_fold, span_of(rows[i].text));
        CLEANUP(charp_freep) char *bare = folded(unicode_bare, span_of(rows[i].text));
        ck_assert_msg(strcmp(fold, rows[i].fold) == 0, "%s -> %s", rows[i].text, fold);
        ck_assert_msg(strcmp(bare, rows[i].bare) == 0, "%s -> %s", rows[i].text, bare);
    }
}
END_TEST

static size_t encode(uint32_t code, char out[4])
{
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = n; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(n == 1 ? code : (0xf00U >> n & 0xf0U) | code);
    return n;
}

/* Each character, alone and behind a letter that it may compose with. */
START_TEST(folding_twice_changes_nothing)
{
    for (uint32_t code = 1; code < 0x30000; code += code < 0x11000 ? 1 : 7) {
        char text[8] = "e";
        if (code >= 0xd800 && code < 0xe000)
            continue;
        size_t n = encode(code, text + 1);
        CLEANUP(charp_freep) char *once = folded(unicode_fold, (struct span){text, n + 1});
        CLEANUP(charp_freep) char *twice = folded(unicode_fold, span_of(once));
        ck_assert_msg(text_is_utf8(span_of(once)), "U+%04X", code);
        ck_assert_msg(strcmp(once, twice) == 0, "U+%04X: %s, %s", code, once, twice);
    }
}
END_TEST

TEST_MAIN("unicode", spellings_of_one_text_fold_to_it, folding_twice_changes_nothing)
