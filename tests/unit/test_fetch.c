/* The fetch contract, against a scripted server on loopback: what each end of a transfer is called,
 * which deadline speaks, and what callbacks may do. */
#include "fetch.h"

#include <check.h>
#include <errno.h>

#include "main.h"
#include "script_server.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

static struct loop *loop;
static struct fetcher *fetcher;
static struct script_server server;

/* What the callbacks saw. */
struct seen {
    struct fetch *fetch;
    struct buf body;
    int n_heads, n_done;
    int status;
    char type[64];
    struct fetch_result result;
    bool cancel_at_head, cancel_at_data, start_at_done;
    struct seen *next; /* of start_at_done */
    char url[64];
};

static void serve(const struct script_answer *answers, size_t n_answers)
{
    loop = loop_new();
    fetcher = fetcher_new(loop);
    script_server_init(&server, loop, answers, n_answers);
}

static void tear_down(void)
{
    script_server_deinit(&server);
    fetcher = fetcher_free(fetcher);
    loop = loop_free(loop);
}

static void start(struct seen *seen, struct fetch_request request);

static void on_head(struct fetch *fetch, int status, void *arg)
{
    struct seen *seen = arg;
    struct span type = fetch_header(fetch, "content-type");

    seen->n_heads++;
    seen->status = status;
    (void)snprintf(seen->type, sizeof(seen->type), "%.*s", (int)type.n, type.at);
    if (seen->cancel_at_head)
        seen->fetch = fetch_cancel(fetch);
}

static void on_data(struct fetch *fetch, struct span bytes, void *arg)
{
    struct seen *seen = arg;

    ck_assert_int_eq(seen->n_heads, 1);
    ck_assert_ptr_eq(fetch, seen->fetch);
    buf_add_span(&seen->body, bytes);
    if (seen->cancel_at_data)
        seen->fetch = fetch_cancel(fetch);
}

static void on_done(struct fetch *fetch, const struct fetch_result *result, void *arg)
{
    struct seen *seen = arg;

    ck_assert_ptr_eq(fetch, seen->fetch);
    seen->n_done++;
    seen->result = *result;
    ck_assert_ptr_null(fetch_cancel(fetch));
    seen->fetch = NULL;
    if (seen->start_at_done)
        start(seen->next, (struct fetch_request){.method = "GET", .url = seen->url});
}

static const struct fetch_ops ops = {on_head, on_data, on_done};

static void start(struct seen *seen, struct fetch_request request)
{
    struct seen before;

    buf_init(&seen->body, 1 << 20);
    if (!request.url[0]) {
        (void)snprintf(seen->url, sizeof(seen->url), "http://127.0.0.1:%u/a", server.port);
        request.url = seen->url;
    }
    before = *seen;
    seen->fetch = fetch_start(fetcher, &request, &ops, seen);
    ck_assert_int_eq(seen->n_heads + seen->n_done, before.n_heads + before.n_done);
}

static void run(struct seen *seen, struct fetch_request request)
{
    start(seen, request);
    TURN_UNTIL(loop, seen->n_done > 0);
}

static void check_body(const struct seen *seen, const char *expected)
{
    ck_assert_msg(span_equal(buf_span(&seen->body), span_of(expected)), "body: %s",
                  seen->body.at ? seen->body.at : "");
}

START_TEST(each_end_of_a_transfer_has_its_name)
{
    static const struct {
        const char *name;
        struct script_answer answer;
        size_t max_bytes;
        int outcome, status;
        const char *body;
    } rows[] = {
        {"an answer with its length",
         {HEAD "Content-Length: 5\r\n\r\nhello", false},
         0,                                                                                             0,
         200,                                                                                                             "hello"},
        {"a chunked answer with a trailer",
         {HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n", false},
         0,                                                                                             0,
         200,                                                                                                             "hello"},
        {"an answer ended by the connection", {HEAD "\r\nhello", true},                              0, 0,           200, "hello"},
        {"an error status is an answer",
         {"HTTP/1.1 529 \r\nContent-Length: 2\r\n\r\n{}", false},
         0,                                                                                             0,
         529,                                                                                                             "{}"   },
        {"a redirect is not followed",
         {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
          false},
         0,                                                                                             0,
         302,                                                                                                             ""     },
        {"100 and 103 come before the head",
         {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Type: no\r\n\r\n" HEAD
          "Content-Length: 1\r\n\r\nx",
          false},
         0,                                                                                             0,
         200,                                                                                                             "x"    },
        {"cut in the body",
         {HEAD "Content-Length: 50\r\n\r\nhel", true},
         0,                                                                                             -ECONNRESET,
         200,                                                                                                             "hel"  },
        {"cut in a chunked body",
         {HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", true},
         0,                                                                                             -ECONNRESET,
         200,                                                                                                             "hel"  },
        {"cut between chunks",
         {HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", true},
         0,                                                                                             -ECONNRESET,
         200,                                                                                                             "hel"  },
        {"closed without a word",             {"", true},                                            0, -ECONNRESET, 0,   ""     },
        {"more than allowed, announced",
         {HEAD "Content-Length: 50\r\n\r\nhello", false},
         10,                                                                                            -E2BIG,
         200,                                                                                                             ""     },
        {"more than allowed, chunked",
         {HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n9\r\n123456789\r\n0\r\n\r\n", false},
         10,                                                                                            -E2BIG,
         200,                                                                                                             "hel"  },
        {"as much as allowed",                {HEAD "Content-Length: 5\r\n\r\nhello", false},        5, 0,           200, "hello"},
        {"no HTTP",                           {"SSH-2.0-OpenSSH_9.2\r\n", true},                     0, -EPROTO,     0,   ""     },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct seen seen = {0};

        serve(&rows[i].answer, 1);
        run(&seen,
            (struct fetch_request){.method = "GET", .url = "", .max_bytes = rows[i].max_bytes});
        ck_assert_msg(seen.result.outcome == rows[i].outcome, "%s: %d, %s", rows[i].name,
                      seen.result.outcome, seen.result.error.message);
        ck_assert_msg(seen.result.status == rows[i].status, "%s: status %d", rows[i].name,
                      seen.result.status);
        ck_assert_msg(span_equal(buf_span(&seen.body), span_of(rows[i].body)), "%s: body %s",
                      rows[i].name, seen.body.at ? seen.body.at : "");
        ck_assert_msg((seen.result.error.message[0] != '\0') == (rows[i].outcome != 0), "%s",
                      rows[i].name);
        ck_assert(seen.result.sent);
        ck_assert_int_eq(seen.n_done, 1);
        buf_deinit(&seen.body);
        tear_down();
    }
}
END_TEST

START_TEST(header_fields_of_the_answer_are_found_in_any_case)
{
    static const struct script_answer answers[] = {
        {"HTTP/1.1 200 OK\r\nContent-TYPE:  text/event-stream \r\nX-A: 1\r\nx-a: "
         "2\r\nContent-Length: 0\r\n\r\n", false},
    };
    struct seen seen = {0};

    serve(answers, 1);
    run(&seen, (struct fetch_request){.method = "GET", .url = ""});
    ck_assert_int_eq(seen.status, 200);
    ck_assert_str_eq(seen.type, "text/event-stream");
    buf_deinit(&seen.body);
    tear_down();
}
END_TEST

START_TEST(what_is_sent_is_what_was_asked_and_nothing_of_curls_own)
{
    static const struct script_answer answers[] = {
        {HEAD "Content-Length: 0\r\n\r\n", false}
    };
    static const struct fetch_header headers[] = {
        {"content-type", "application/json"},
        {"x-api-key",    "k1"              }
    };
    struct seen seen = {0};

    (void)setenv("http_proxy", "http://127.0.0.1:1", 1);
    serve(answers, 1);
    run(&seen, (struct fetch_request){.method = "POST",
                                      .url = "",
                                      .headers = headers,
                                      .n_headers = 2,
                                      .body = SPAN("{\"a\":1}")});
    ck_assert_int_eq(seen.result.outcome, 0);
    ck_assert(text_contains(buf_span(&server.requests), "POST /a HTTP/1.1\r\n"));
    ck_assert(text_contains(buf_span(&server.requests), "\r\nx-api-key: k1\r\n"));
    ck_assert(text_contains(buf_span(&server.requests), "\r\n\r\n{\"a\":1}"));
    ck_assert(!text_contains(buf_span(&server.requests), "Accept-Encoding"));
    ck_assert(!text_contains(buf_span(&server.requests), "Expect"));
    ck_assert(!text_contains(buf_span(&server.requests), "urlencoded"));
    (void)unsetenv("http_proxy");
    buf_deinit(&seen.body);
    tear_down();
}
END_TEST

START_TEST(each_deadline_speaks_for_itself)
{
    static const struct {
        const char *name;
        struct script_answer answer;
        struct fetch_request request;
        const char *message;
        int status;
    } rows[] = {
        {"nothing comes",                     {NULL, false}, {.first_byte_ms = 50}, "no answer within 50 ms", 0  },
        {"nothing more comes after the head",
         {HEAD "Content-Length: 5\r\n\r\n", false},
         {.idle_ms = 50},
         "no further byte within 50 ms",                                                                      200},
        {"nothing more comes after a part",
         {HEAD "Content-Length: 5\r\n\r\nhe", false},
         {.idle_ms = 50},
         "no further byte within 50 ms",                                                                      200},
        {"the whole takes too long",
         {HEAD "Content-Length: 5\r\n\r\nhe", false},
         {.total_ms = 50},
         "not finished within 50 ms",                                                                         200},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct seen seen = {0};
        struct fetch_request request = rows[i].request;

        serve(&rows[i].answer, 1);
        request.method = "GET";
        request.url = "";
        run(&seen, request);
        ck_assert_msg(seen.result.outcome == -ETIMEDOUT, "%s: %d", rows[i].name,
                      seen.result.outcome);
        ck_assert_str_eq(seen.result.error.message, rows[i].message);
        ck_assert_int_eq(seen.result.status, rows[i].status);
        ck_assert(seen.result.sent);
        TURN_UNTIL(loop, server.n_closed_by_client == 1);
        buf_deinit(&seen.body);
        tear_down();
    }
}
END_TEST

/* A listening socket whose queue is full: connecting to it hangs. */
START_TEST(the_connect_deadline_means_nothing_was_sent)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    struct seen seen = {0};

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, n), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &n), 0);
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, n);
    }
    serve(NULL, 0);
    (void)snprintf(seen.url, sizeof(seen.url), "http://127.0.0.1:%u/", ntohs(address.sin_port));
    run(&seen, (struct fetch_request){.method = "POST", .url = seen.url, .connect_ms = 80});
    ck_assert_int_eq(seen.result.outcome, -ETIMEDOUT);
    ck_assert(!seen.result.sent);
    ck_assert_int_eq(seen.n_heads, 0);
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
        (void)close(fillers[i]);
    (void)close(listener);
    buf_deinit(&seen.body);
    tear_down();
}
END_TEST

START_TEST(what_cannot_be_started_is_reported_by_the_loop)
{
    static const struct fetch_header broken[] = {
        {"x-api-key", "a\r\nevil: 1"}
    };
    static const struct {
        const char *name;
        struct fetch_request request;
        int outcome;
    } rows[] = {
        {"nobody listens",              {.method = "GET", .url = "http://127.0.0.1:1/"},          -ECONNREFUSED},
        {"no such host",                {.method = "GET", .url = "http://no-such-host.invalid/"}, -ECONNREFUSED},
        {"another protocol",            {.method = "GET", .url = "file:///etc/passwd"},           -EPROTO      },
        {"no address",                  {.method = "GET", .url = "http://"},                      -EPROTO      },
        {"a line break in the address",
         {.method = "GET", .url = "http://127.0.0.1:1/\r\na"},
         -EPROTO                                                                                               },
        {"a user in the address",
         {.method = "GET", .url = "http://user:word@127.0.0.1:1/"},
         -EPROTO                                                                                               },
        {"a line break in a header",
         {.method = "GET", .url = "http://127.0.0.1:1/", .headers = broken, .n_headers = 1},
         -EPROTO                                                                                               },
    };

    serve(NULL, 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct seen seen = {0};

        run(&seen, rows[i].request);
        ck_assert_msg(seen.result.outcome == rows[i].outcome, "%s: %d %s", rows[i].name,
                      seen.result.outcome, seen.result.error.message);
        ck_assert(!seen.result.sent);
        ck_assert_int_eq(seen.result.status, 0);
        ck_assert_msg(!strstr(seen.result.error.message, "evil"), "%s", seen.result.error.message);
        buf_deinit(&seen.body);
    }
    tear_down();
}
END_TEST

START_TEST(a_connection_is_used_again_from_inside_on_done)
{
    static const struct script_answer answers[] = {
        {HEAD "Content-Length: 1\r\n\r\na", false},
        {HEAD "Content-Length: 1\r\n\r\nb", false},
    };
    struct seen second = {0}, first = {.start_at_done = true, .next = &second};

    serve(answers, 2);
    run(&first, (struct fetch_request){.method = "GET", .url = ""});
    TURN_UNTIL(loop, second.n_done > 0);
    check_body(&first, "a");
    check_body(&second, "b");
    ck_assert_uint_eq(server.n_connections, 1);
    buf_deinit(&first.body);
    buf_deinit(&second.body);
    tear_down();
}
END_TEST

START_TEST(a_fetch_may_be_cancelled_anywhere_and_calls_back_no_more)
{
    static const struct script_answer answers[] = {
        {HEAD "Content-Length: 50\r\n\r\nhe", false},
        {HEAD "Content-Length: 50\r\n\r\nhe", false},
        {HEAD "Content-Length: 1\r\n\r\nz",   false},
    };
    struct seen at_head = {.cancel_at_head = true}, at_data = {.cancel_at_data = true}, early = {0},
                last = {0};

    serve(answers, 3);
    start(&early, (struct fetch_request){.method = "GET", .url = ""});
    early.fetch = fetch_cancel(early.fetch);
    start(&at_head, (struct fetch_request){.method = "GET", .url = ""});
    TURN_UNTIL(loop, !at_head.fetch);
    start(&at_data, (struct fetch_request){.method = "GET", .url = ""});
    TURN_UNTIL(loop, !at_data.fetch);
    run(&last, (struct fetch_request){.method = "GET", .url = ""});
    TURN_UNTIL(loop, server.n_closed_by_client == 2);
    ck_assert_int_eq(early.n_heads + early.n_done, 0);
    ck_assert_int_eq(at_head.n_done, 0);
    ck_assert_uint_eq(at_head.body.n, 0);
    ck_assert_int_eq(at_data.n_done, 0);
    check_body(&at_data, "he");
    check_body(&last, "z");
    buf_deinit(&at_head.body);
    buf_deinit(&at_data.body);
    buf_deinit(&last.body);
    tear_down();
}
END_TEST

START_TEST(freeing_the_fetcher_ends_what_is_under_way_silently)
{
    static const struct script_answer answers[] = {
        {NULL, false}
    };
    struct seen seen = {0};

    serve(answers, 1);
    start(&seen, (struct fetch_request){.method = "GET", .url = ""});
    TURN_UNTIL(loop, server.n_requests == 1);
    fetcher = fetcher_free(fetcher);
    TURN_UNTIL(loop, server.n_closed_by_client == 1);
    ck_assert_int_eq(seen.n_done, 0);
    buf_deinit(&seen.body);
    tear_down();
}
END_TEST

TEST_MAIN("fetch", each_end_of_a_transfer_has_its_name,
          header_fields_of_the_answer_are_found_in_any_case,
          what_is_sent_is_what_was_asked_and_nothing_of_curls_own, each_deadline_speaks_for_itself,
          the_connect_deadline_means_nothing_was_sent,
          what_cannot_be_started_is_reported_by_the_loop,
          a_connection_is_used_again_from_inside_on_done,
          a_fetch_may_be_cancelled_anywhere_and_calls_back_no_more,
          freeing_the_fetcher_ends_what_is_under_way_silently)
