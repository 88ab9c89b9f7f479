/* API keys and stream tokens: what is one, and what only looks like one. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "apikey.h"
#include "main.h"
#include "text.h"

static const char pepper_text[] = "0123456789abcdef0123456789abcdef";

START_TEST(hmac_is_that_of_rfc_4231)
{
    static const struct {
        struct span secret, data;
        const char *mac;
    } rows[] = {
        {SPAN_INIT(
             "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"),
         SPAN_INIT("Hi There"),                                                                                                                       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {SPAN_INIT("Jefe"),                                                                                SPAN_INIT("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"                                                                                                                                             },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(hmac_freep) struct hmac *hmac = hmac_new(rows[i].secret);
        unsigned char mac[SHA256_BYTES];
        char text[SHA256_TEXT_BYTES];

        for (int again = 0; again < 2; again++) {
            hmac_of(hmac, rows[i].data, mac);
            text_hex(mac, sizeof(mac), text);
            ck_assert_str_eq(text, rows[i].mac);
        }
    }
}
END_TEST

START_TEST(a_new_key_is_whole_has_its_id_and_is_never_the_same)
{
    char id[APIKEY_ID_BYTES], key[APIKEY_TEXT_BYTES], other[APIKEY_TEXT_BYTES],
        found[APIKEY_ID_BYTES];

    apikey_new(id, key);
    apikey_new(found, other);
    ck_assert_str_ne(key, other);
    ck_assert_uint_eq(strlen(key), APIKEY_TEXT_BYTES - 1);
    ck_assert_int_eq(apikey_parse(span_of(key), found), 0);
    ck_assert_str_eq(found, id);
    ck_assert(apikey_id_valid(span_of(id)));
    ck_assert(text_starts(span_of(key), "parley_"));
}
END_TEST

START_TEST(any_other_letter_makes_a_key_none)
{
    char id[APIKEY_ID_BYTES], key[APIKEY_TEXT_BYTES], found[APIKEY_ID_BYTES] = "untouched";

    apikey_new(id, key);
    for (size_t i = 0; i < strlen(key); i++) {
        for (char c = 1; c < 127; c++) {
            char was = key[i];

            if (c == was)
                continue;
            key[i] = c;
            ck_assert_msg(apikey_parse(span_of(key), found) == -EINVAL, "%s", key);
            key[i] = was;
        }
        ck_assert_int_eq(apikey_parse((struct span){key, i}, found), -EINVAL);
    }
    ck_assert_str_eq(found, "untouched");
}
END_TEST

START_TEST(a_hash_depends_on_the_pepper_and_on_the_key)
{
    CLEANUP(hmac_freep) struct hmac *a = hmac_new(span_of(pepper_text));
    CLEANUP(hmac_freep) struct hmac *b = hmac_new(SPAN("another pepper of thirty-two bytes"));
    unsigned char hashes[3][SHA256_BYTES];

    apikey_hash(a, SPAN("key"), hashes[0]);
    apikey_hash(b, SPAN("key"), hashes[1]);
    apikey_hash(a, SPAN("kez"), hashes[2]);
    ck_assert(!secret_equal(hashes[0], hashes[1], SHA256_BYTES));
    ck_assert(!secret_equal(hashes[0], hashes[2], SHA256_BYTES));
    apikey_hash(a, SPAN("key"), hashes[1]);
    ck_assert(secret_equal(hashes[0], hashes[1], SHA256_BYTES));
}
END_TEST

START_TEST(a_token_opens_its_job_until_its_time_and_nothing_else)
{
    CLEANUP(hmac_freep) struct hmac *pepper = hmac_new(span_of(pepper_text));
    CLEANUP(hmac_freep) struct hmac *other = hmac_new(SPAN("another pepper of thirty-two bytes"));
    const char *id = "0123456789ab";
    char token[APIKEY_TOKEN_BYTES], found[APIKEY_ID_BYTES] = "";
    struct span job = SPAN("01k9zzzzzzzzzzzzzzzzzzzzzz"),
                neighbour = SPAN("01k9zzzzzzzzzzzzzzzzzzzzzy");

    apikey_token(pepper, id, job, 1000, token);
    ck_assert_int_eq(apikey_token_parse(pepper, span_of(token), job, 999, found), 0);
    ck_assert_str_eq(found, id);
    ck_assert_int_eq(apikey_token_parse(pepper, span_of(token), job, 1000, found), -EINVAL);
    ck_assert_int_eq(apikey_token_parse(pepper, span_of(token), neighbour, 999, found), -EINVAL);
    ck_assert_int_eq(apikey_token_parse(other, span_of(token), job, 999, found), -EINVAL);
    for (size_t i = 0; i < strlen(token); i++) {
        char was = token[i];

        token[i] = was == '1' ? '2' : '1';
        ck_assert_msg(apikey_token_parse(pepper, span_of(token), job, 999, found) == -EINVAL, "%s",
                      token);
        token[i] = was;
        ck_assert_int_eq(apikey_token_parse(pepper, (struct span){token, i}, job, 999, found),
                         -EINVAL);
    }
}
END_TEST

START_TEST(scopes_are_a_list_of_known_names)
{
    static const struct {
        const char *text;
        int result;
        unsigned scopes;
    } rows[] = {
        {"submit",                     0,       1U << APIKEY_SUBMIT                    },
        {"read, cancel",               0,       1U << APIKEY_READ | 1U << APIKEY_CANCEL},
        {"submit,read,cancel,metrics", 0,       15                                     },
        {"read,read",                  0,       1U << APIKEY_READ                      },
        {"",                           -EINVAL, 0                                      },
        {"read,",                      -EINVAL, 0                                      },
        {"admin",                      -EINVAL, 0                                      },
        {"READ",                       -EINVAL, 0                                      },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned scopes = 0;

        ck_assert_msg(apikey_scopes_parse(span_of(rows[i].text), &scopes) == rows[i].result, "%s",
                      rows[i].text);
        ck_assert_uint_eq(scopes, rows[i].scopes);
    }
}
END_TEST

START_TEST(a_tenant_s_name_can_be_part_of_a_key_in_redis)
{
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"acme",                                                              true },
        {"a",                                                                 true },
        {"acme-2.eu_west",                                                    true },
        {"",                                                                  false},
        {"-acme",                                                             false},
        {"Acme",                                                              false},
        {"ac me",                                                             false},
        {"ac:me",                                                             false},
        {"ac{me}",                                                            false},
        {"acm\xc3\xa9",                                                       false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",  true },
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(apikey_tenant_valid(span_of(rows[i].name)) == rows[i].valid, "%s",
                      rows[i].name);
}
END_TEST

TEST_MAIN("apikey", hmac_is_that_of_rfc_4231, a_new_key_is_whole_has_its_id_and_is_never_the_same,
          any_other_letter_makes_a_key_none, a_hash_depends_on_the_pepper_and_on_the_key,
          a_token_opens_its_job_until_its_time_and_nothing_else, scopes_are_a_list_of_known_names,
          a_tenant_s_name_can_be_part_of_a_key_in_redis)
