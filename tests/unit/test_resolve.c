/* Names to addresses, against a name server of the test's own on the same loop, and what a fetch
 * makes of them. */
#include "resolve.h"

#include <check.h>
#include <errno.h>

#include "error.h"
#include "fetch.h"
#include "main.h"
#include "script_server.h"

#define TYPE_A 1
#define TYPE_AAAA 28
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* What is said about a name; the first row whose name fits. */
struct record {
    const char *name;
    int code; /* RCODE; -1: silence */
    const char *a, *aaaa;
    int ttl_s;
};

static struct {
    struct loop *loop;
    struct resolver *resolver;
    int fd;
    struct event *event;
    const struct record *records;
    size_t n_records;
    int n_asked;
    char servers[64];
} world;

struct seen {
    struct lookup *lookup;
    int n_done, outcome;
    char addresses[256], reason[128];
    struct seen *cancels;
};

/* ---- the name server ---- */

static const struct record *find_record(const char *name)
{
    for (size_t i = 0; i < world.n_records; i++)
        if (strcasecmp(world.records[i].name, name) == 0)
            return &world.records[i];
    return NULL;
}

/* Labels at `at` as a dotted name; returns the bytes they take. */
static size_t read_name(const unsigned char *at, char *name)
{
    size_t i = 0, n = 0;

    while (at[i] > 0) {
        if (n > 0)
            name[n++] = '.';
        memcpy(name + n, at + i + 1, at[i]);
        n += at[i];
        i += at[i] + 1U;
    }
    name[n] = '\0';
    return i + 1;
}

static size_t add_answer(unsigned char *out, int type, int ttl_s, const char *address)
{
    size_t n_data = type == TYPE_A ? 4 : 16;
    const unsigned char head[] = {0xc0,
                                  12,
                                  0,
                                  (unsigned char)type,
                                  0,
                                  1,
                                  0,
                                  0,
                                  (unsigned char)(ttl_s >> 8),
                                  (unsigned char)ttl_s,
                                  0,
                                  (unsigned char)n_data};

    memcpy(out, head, sizeof(head));
    ck_assert_int_eq(inet_pton(type == TYPE_A ? AF_INET : AF_INET6, address, out + sizeof(head)),
                     1);
    return sizeof(head) + n_data;
}

static void on_question(evutil_socket_t fd, short what, void *arg)
{
    unsigned char packet[1024];
    struct sockaddr_storage from;
    socklen_t n_from = sizeof(from);
    char name[256];
    ssize_t n_got = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from, &n_from);

    (void)what;
    (void)arg;
    ck_assert_int_gt(n_got, 17);
    size_t n = 12 + read_name(packet + 12, name);
    int type = packet[n + 1];
    const struct record *record = find_record(name);
    const char *address = !record ? NULL : type == TYPE_A ? record->a : record->aaaa;
    world.n_asked++;
    if (record && record->code < 0)
        return;
    n += 4;
    packet[2] = 0x81;
    packet[3] = (unsigned char)(0x80 | (record ? record->code : 3));
    packet[7] = address && !record->code;
    memset(packet + 8, 0, 4);
    if (packet[7])
        n += add_answer(packet + n, type, record->ttl_s, address);
    (void)sendto(fd, packet, n, 0, (struct sockaddr *)&from, n_from);
}

static void set_up(const struct record *records, size_t n_records)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    struct error error = {0};

    world.loop = loop_new();
    world.records = records;
    world.n_records = n_records;
    world.n_asked = 0;
    world.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(world.fd, (struct sockaddr *)&address, n), 0);
    ck_assert_int_eq(getsockname(world.fd, (struct sockaddr *)&address, &n), 0);
    world.event =
        event_new(loop_base(world.loop), world.fd, EV_READ | EV_PERSIST, on_question, NULL);
    ck_assert_int_eq(event_add(world.event, NULL), 0);
    (void)snprintf(world.servers, sizeof(world.servers), "127.0.0.1:%u", ntohs(address.sin_port));
    world.resolver = resolver_new(world.loop);
    ck_assert_int_eq(resolver_servers(world.resolver, world.servers, &error), 0);
}

static void tear_down(void)
{
    world.resolver = resolver_free(world.resolver);
    event_free(world.event);
    (void)close(world.fd);
    world.loop = loop_free(world.loop);
}

/* ---- those who ask ---- */

static void on_done(const struct resolved *resolved, void *arg)
{
    struct seen *seen = arg;

    seen->lookup = NULL;
    seen->n_done++;
    seen->outcome = resolved->outcome;
    (void)snprintf(seen->addresses, sizeof(seen->addresses), "%.*s", (int)resolved->addresses.n,
                   resolved->addresses.at);
    (void)snprintf(seen->reason, sizeof(seen->reason), "%s",
                   resolved->reason ? resolved->reason : "");
    if (seen->cancels)
        seen->cancels->lookup = lookup_cancel(seen->cancels->lookup);
}

static void start(struct seen *seen, const char *host)
{
    int before = seen->n_done;

    seen->lookup = lookup_start(world.resolver, host, on_done, seen);
    ck_assert_int_eq(seen->n_done, before);
}

static void ask(struct seen *seen, const char *host)
{
    *seen = (struct seen){0};
    start(seen, host);
    TURN_UNTIL(world.loop, seen->n_done > 0);
}

START_TEST(a_name_has_its_addresses_or_a_reason)
{
    static const struct record records[] = {
        {"both.example",   0, "192.0.2.1", "2001:db8::1", 60},
        {"four.example",   0, "192.0.2.4", NULL,          60},
        {"six.example",    0, NULL,        "2001:db8::6", 60},
        {"empty.example",  0, NULL,        NULL,          60},
        {"broken.example", 2, NULL,        NULL,          60},
    };
    static const struct {
        const char *host;
        int outcome;
        const char *first, *second;
    } rows[] = {
        {"both.example",   0,       "192.0.2.1",     "[2001:db8::1]"},
        {"four.example",   0,       "192.0.2.4",     ""             },
        {"six.example",    0,       "[2001:db8::6]", ""             },
        {"FOUR.Example",   0,       "192.0.2.4",     ""             },
        {"empty.example",  -ENOENT, "",              ""             },
        {"none.example",   -ENOENT, "",              ""             },
        {"broken.example", -EAGAIN, "",              ""             },
        {"a..b",           -ENOENT, "",              ""             },
        {"localhost",      0,       "127.0.0.1",     ""             },
    };

    set_up(records, ARRAY_SIZE(records));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct seen seen;

        ask(&seen, rows[i].host);
        ck_assert_msg(seen.outcome == rows[i].outcome, "%s: %d (%s)", rows[i].host, seen.outcome,
                      seen.reason);
        ck_assert_msg(strstr(seen.addresses, rows[i].first) &&
                          strstr(seen.addresses, rows[i].second),
                      "%s: %s", rows[i].host, seen.addresses);
        ck_assert_int_eq(seen.outcome == 0, seen.addresses[0] != '\0');
        ck_assert(seen.outcome == 0 || seen.reason[0]);
    }
    tear_down();
}
END_TEST

START_TEST(a_name_is_asked_for_once_however_many_wait_and_then_remembered)
{
    static const struct record records[] = {
        {"host.example", 0, "192.0.2.1", NULL, 60}
    };
    struct seen seen[5] = {{0}}, later;

    set_up(records, ARRAY_SIZE(records));
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
        start(&seen[i], "host.example");
    /* One leaves, one is sent away by another while all are told. */
    seen[1].lookup = lookup_cancel(seen[1].lookup);
    seen[0].cancels = &seen[3];
    TURN_UNTIL(world.loop, seen[4].n_done > 0);
    ck_assert_int_eq(seen[0].n_done + seen[2].n_done + seen[4].n_done, 3);
    ck_assert_int_eq(seen[1].n_done + seen[3].n_done, 0);
    int n_asked = world.n_asked;
    ask(&later, "host.example");
    ck_assert_str_eq(later.addresses, "192.0.2.1");
    ck_assert_int_eq(world.n_asked, n_asked);
    tear_down();
}
END_TEST

START_TEST(an_old_answer_serves_when_no_server_knows)
{
    static const struct record good[] =
        {
            {"host.example", 0, "192.0.2.1", NULL, 1}
    },
                               broken[] = {{"host.example", 2, NULL, NULL, 1}},
                               gone[] = {{"other.example", 0, NULL, NULL, 1}};
    struct seen seen;

    set_up(good, 1);
    ask(&seen, "host.example");
    ck_assert_int_eq(seen.outcome, 0);
    world.records = broken;
    int n_asked = world.n_asked;
    TURN_UNTIL(world.loop, (ask(&seen, "host.example"), world.n_asked > n_asked));
    ck_assert_int_eq(seen.outcome, 0);
    ck_assert_str_eq(seen.addresses, "192.0.2.1");
    /* But a name that is said not to exist is gone. */
    world.records = gone;
    TURN_UNTIL(world.loop, (ask(&seen, "host.example"), seen.outcome == -ENOENT));
    tear_down();
}
END_TEST

START_TEST(those_who_wait_are_not_told_when_the_resolver_goes)
{
    static const struct record records[] = {
        {"silent.example", -1, NULL, NULL, 0}
    };
    struct seen seen = {0};

    set_up(records, ARRAY_SIZE(records));
    start(&seen, "silent.example");
    TURN_UNTIL(world.loop, world.n_asked > 0);
    tear_down();
    ck_assert_int_eq(seen.n_done, 0);
}
END_TEST

START_TEST(a_list_of_servers_is_checked)
{
    struct error error = {0};

    set_up(NULL, 0);
    ck_assert_int_eq(resolver_servers(world.resolver, "nameserver.example", &error), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.message, "nameserver.example"));
    ck_assert_int_eq(resolver_servers(world.resolver, "192.0.2.1,[2001:db8::1]:53", &error), 0);
    tear_down();
}
END_TEST

/* ---- a fetch ---- */

struct answer {
    int n_done;
    struct fetch_result result;
};

static void on_fetched(struct fetch *fetch, const struct fetch_result *result, void *arg)
{
    struct answer *answer = arg;

    (void)fetch;
    answer->n_done++;
    answer->result = *result;
}

static const struct fetch_ops fetch_ops = {.on_done = on_fetched};

static void fetch_url(struct fetcher *fetcher, const char *url, struct answer *answer)
{
    struct fetch_request request = {.method = "GET", .url = url, .connect_ms = 300};

    *answer = (struct answer){0};
    (void)fetch_start(fetcher, &request, &fetch_ops, answer);
    TURN_UNTIL(world.loop, answer->n_done > 0);
}

START_TEST(a_fetch_goes_where_its_host_s_name_says)
{
    static const struct record records[] = {
        {"models.example", 0,  "127.0.0.1", NULL, 60},
        {"silent.example", -1, NULL,        NULL, 0 }
    };
    static const struct script_answer answers[] = {
        {OK, false},
        {OK, false}
    };
    struct script_server server;
    struct error error = {0};
    struct answer answer;

    set_up(records, ARRAY_SIZE(records));
    CLEANUP(fetcher_freep) struct fetcher *fetcher = fetcher_new(world.loop);
    ck_assert_int_eq(fetcher_name_servers(fetcher, world.servers, &error), 0);
    script_server_init(&server, world.loop, answers, ARRAY_SIZE(answers));
    char *url CLEANUP(charp_freep) = xprintf("http://models.example:%u/a", server.port);
    for (int i = 0; i < 2; i++) {
        fetch_url(fetcher, url, &answer);
        ck_assert_int_eq(answer.result.outcome, 0);
        ck_assert_int_eq(answer.result.status, 200);
    }
    ck_assert_uint_eq(server.n_connections, 1);
    ck_assert_ptr_nonnull(strstr(server.requests.at, "Host: models.example:"));
    fetch_url(fetcher, "http://none.example/", &answer);
    ck_assert_int_eq(answer.result.outcome, -ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(answer.result.error.message, "none.example"));
    ck_assert(!answer.result.sent);
    script_server_deinit(&server);
    fetcher = fetcher_free(fetcher);
    tear_down();
}
END_TEST

static int n_ticks;

static void tick(void *arg)
{
    struct loop_timer *timer = arg;

    n_ticks++;
    loop_timer_set(timer, 5);
}

START_TEST(a_silent_name_server_ends_a_fetch_at_its_deadline_and_holds_up_nobody)
{
    static const struct record records[] = {
        {"silent.example", -1, NULL, NULL, 0}
    };
    struct loop_timer timer;
    struct error error = {0};
    struct answer answer;

    set_up(records, ARRAY_SIZE(records));
    CLEANUP(fetcher_freep) struct fetcher *fetcher = fetcher_new(world.loop);
    ck_assert_int_eq(fetcher_name_servers(fetcher, world.servers, &error), 0);
    n_ticks = 0;
    loop_timer_init(&timer, world.loop, tick, &timer);
    loop_timer_set(&timer, 5);
    fetch_url(fetcher, "http://silent.example/", &answer);
    ck_assert_int_eq(answer.result.outcome, -ETIMEDOUT);
    ck_assert(!answer.result.sent);
    ck_assert_int_gt(n_ticks, 3);
    loop_timer_clear(&timer);
    fetcher = fetcher_free(fetcher);
    tear_down();
}
END_TEST

TEST_MAIN("resolve", a_name_has_its_addresses_or_a_reason,
          a_name_is_asked_for_once_however_many_wait_and_then_remembered,
          an_old_answer_serves_when_no_server_knows,
          those_who_wait_are_not_told_when_the_resolver_goes, a_list_of_servers_is_checked,
          a_fetch_goes_where_its_host_s_name_says,
          a_silent_name_server_ends_a_fetch_at_its_deadline_and_holds_up_nobody)
