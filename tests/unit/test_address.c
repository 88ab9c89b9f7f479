/* Whose address a request counts for, whatever its fields say. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "address.h"
#include "error.h"
#include "http.h"
#include "main.h"

static struct address address_from(const char *text)
{
    struct address address = {0};

    ck_assert_msg(address_parse(span_of(text), &address) == 0, "%s", text);
    return address;
}

START_TEST(networks_have_the_addresses_within_them)
{
    static const struct {
        const char *networks, *address;
        bool within;
    } rows[] = {
        {"10.0.0.0/8",                 "10.255.1.2",         true },
        {"10.0.0.0/8",                 "11.0.0.0",           false},
        {"10.1.2.3",                   "10.1.2.3",           true },
        {"10.1.2.3",                   "10.1.2.4",           false},
        {"192.168.4.0/22",             "192.168.7.255",      true },
        {"192.168.4.0/22",             "192.168.8.0",        false},
        {"0.0.0.0/0",                  "203.0.113.9",        true },
        {"0.0.0.0/0",                  "2001:db8::1",        false},
        {"::/0",                       "2001:db8::1",        true },
        {"2001:db8::/33",              "2001:db8:7fff::1",   true },
        {"2001:db8::/33",              "2001:db8:8000::1",   false},
        {"::1",                        "::1",                true },
        {"10.0.0.0/8",                 "::ffff:10.1.1.1",    true },
        {"127.0.0.0/8, ::1, 10.0.0.1", "10.0.0.1",           true },
        {"10.0.0.0/8",                 "10.0.0.1:4711",      true },
        {"2001:db8::/32",              "[2001:db8::1]:4711", true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct networks networks;
        struct address address = address_from(rows[i].address);

        ck_assert_int_eq(networks_parse(rows[i].networks, &networks, NULL), 0);
        ck_assert_msg(networks_have(&networks, &address) == rows[i].within, "%s in %s",
                      rows[i].address, rows[i].networks);
    }
}
END_TEST

START_TEST(what_is_no_network_is_named)
{
    static const char *const rows[] = {
        "10.0.0.0/33", "10.0.0.0/",         "10.0.0/8", "example.com", "2001:db8::/129",
        "10.0.0.1,",   "10.0.0.1 10.0.0.2", "/8",       "10.0.0.0/-1"};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct networks networks;
        struct error error = {0};

        ck_assert_msg(networks_parse(rows[i], &networks, &error) == -EINVAL, "%s", rows[i]);
        ck_assert_int_eq(error.code, ERROR_CONFIG);
    }
}
END_TEST

START_TEST(the_client_is_the_nearest_address_no_trusted_proxy_stands_for)
{
    static const struct {
        const char *name, *peer, *fields[2], *client;
    } rows[] = {
        {"nobody forwards",                "192.0.2.1", {NULL},                              "192.0.2.1"  },
        {"a stranger's field is not read", "192.0.2.1", {"203.0.113.9"},                     "192.0.2.1"  },
        {"a proxy says whom it serves",    "10.0.0.1",  {"203.0.113.9"},                     "203.0.113.9"},
        {"a chain of proxies",             "10.0.0.1",  {"203.0.113.9, 10.0.0.3, 10.0.0.2"}, "203.0.113.9"},
        {"what stands before is invented",
         "10.0.0.1",                                    {"198.51.100.1, 203.0.113.9"},
         "203.0.113.9"                                                                                    },
        {"two fields are one list",        "10.0.0.1",  {"203.0.113.9", "10.0.0.2"},         "203.0.113.9"},
        {"the last field counts first",    "10.0.0.1",  {"198.51.100.1", "203.0.113.9"},     "203.0.113.9"},
        {"a proxy that says nothing",      "10.0.0.1",  {NULL},                              "10.0.0.1"   },
        {"an empty field",                 "10.0.0.1",  {""},                                "10.0.0.1"   },
        {"words end the search",           "10.0.0.1",  {"203.0.113.9, unknown, 10.0.0.2"},  "10.0.0.2"   },
        {"only proxies",                   "10.0.0.1",  {"10.0.0.3, 10.0.0.2"},              "10.0.0.3"   },
        {"IPv6 with a port",               "10.0.0.1",  {"[2001:db8::9]:443"},               "2001:db8::9"},
    };
    struct networks trusted;

    ck_assert_int_eq(networks_parse("10.0.0.0/8", &trusted, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct http_header headers[2];
        struct http_request request = {.headers = headers};
        struct address peer = address_from(rows[i].peer), client = {0},
                       expected = address_from(rows[i].client);

        for (size_t n = 0; n < 2 && rows[i].fields[n]; n++)
            headers[request.n_headers++] =
                (struct http_header){SPAN("X-Forwarded-For"), span_of(rows[i].fields[n])};
        address_of_client(&trusted, &peer, &request, &client);
        ck_assert_msg(memcmp(&client, &expected, sizeof(client)) == 0, "%s", rows[i].name);
    }
}
END_TEST

START_TEST(an_ipv6_customer_is_its_network)
{
    static const struct {
        const char *address, *text;
        bool loopback;
    } rows[] = {
        {"192.0.2.1",         "192.0.2.1",         false},
        {"127.9.9.9",         "127.9.9.9",         true },
        {"::ffff:127.0.0.1",  "127.0.0.1",         true },
        {"2001:db8:1:2:3::4", "2001:db8:1:2::/64", false},
        {"::1",               "::/64",             true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct address address = address_from(rows[i].address);
        char text[ADDRESS_TEXT_BYTES];

        address_text(&address, text);
        ck_assert_str_eq(text, rows[i].text);
        ck_assert(address_is_loopback(&address) == rows[i].loopback);
    }
}
END_TEST

TEST_MAIN("address", networks_have_the_addresses_within_them, what_is_no_network_is_named,
          the_client_is_the_nearest_address_no_trusted_proxy_stands_for,
          an_ipv6_customer_is_its_network)
