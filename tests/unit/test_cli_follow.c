/* Following a job over connections that break: every event once, in order, and the right exit
 * status. The door here is our HTTP engine on the same loop with a job of N_EVENTS that it cuts as
 * each case says. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "cli/cli.h"
#include "error.h"
#include "fetch.h"
#include "http.h"
#include "loop.h"
#include "main.h"
#include "text.h"

#define ID "01jd3v8k2m0000000000000000"
#define N_EVENTS 6

struct stage {
    struct cli cli;
    struct http_server *server;
    char *url;
    /* what the door does */
    uint64_t events_a_connection;
    bool finished;          /* a reader at the end gets 204 */
    int refuse;             /* status instead of the stream */
    unsigned n_unavailable; /* so many 503 first */
    bool say_nothing_first; /* the first connection ends without an answer's body */
    const char *last_type;
    /* what it saw */
    unsigned n_posts, n_gets;
    char first_key[64];
    bool same_key;
};

static void write_event(const struct stage *stage, struct buf *out, uint64_t seq)
{
    buf_addf(out, "{\"type\":\"%s\",\"seq\":%ju,\"job\":\"" ID "\"}\n",
             seq == N_EVENTS ? stage->last_type : "job.progress", (uintmax_t)seq);
}

static void stream_from(const struct stage *stage, struct http_exchange *exchange, uint64_t after)
{
    struct buf out;
    uint64_t last = after + stage->events_a_connection;

    buf_init(&out, 4096);
    /* A heartbeat is an empty line; a cut leaves half an event. */
    buf_add_text(&out, "\n");
    for (uint64_t seq = after + 1; seq <= last && seq <= N_EVENTS; seq++)
        write_event(stage, &out, seq);
    if (last < N_EVENTS)
        buf_add_text(&out, "{\"type\":\"job.pro");
    http_stream_begin(exchange, 200, "application/x-ndjson", "Job-Id: " ID "\r\n");
    (void)http_stream_write(exchange, buf_span(&out));
    http_stream_end(exchange);
    buf_deinit(&out);
}

static void note_post(struct stage *stage, struct http_exchange *exchange)
{
    struct span key = http_header(exchange, "Idempotency-Key");

    if (stage->n_posts++ == 0)
        (void)snprintf(stage->first_key, sizeof(stage->first_key), "%.*s", (int)key.n, key.at);
    stage->same_key = span_equal(key, span_of(stage->first_key));
}

static void on_request(struct http_exchange *exchange, void *arg)
{
    struct stage *stage = arg;
    const struct http_request *request = http_request(exchange);
    char after[32] = "0";
    uint64_t cursor = 0;
    bool present;

    if (span_equal(request->method, SPAN("POST")))
        note_post(stage, exchange);
    else
        stage->n_gets++;
    (void)http_query(exchange, "after", after, sizeof(after), &present);
    ck_assert_int_eq(text_to_u64(span_of(after), N_EVENTS, &cursor), 0);
    if (span_equal(request->path, SPAN("/v1/jobs/" ID)))
        http_respond(exchange, 200, "application/json", NULL, SPAN("{\"status\":\"succeeded\"}"));
    else if (stage->n_unavailable > 0 && stage->n_unavailable--)
        http_respond(exchange, 503, "application/problem+json", "Retry-After: 1\r\n", SPAN("{}"));
    else if (stage->refuse)
        http_respond(exchange, stage->refuse, "application/problem+json", NULL,
                     SPAN("{\"title\":\"no\",\"code\":\"unknown_job\"}"));
    else if (stage->finished && cursor == N_EVENTS)
        http_respond(exchange, 204, NULL, NULL, SPAN(""));
    else if (stage->say_nothing_first && stage->n_posts == 1 && stage->n_gets == 0) {
        http_stream_begin(exchange, 200, "application/x-ndjson", NULL);
        http_stream_end(exchange);
    } else
        stream_from(stage, exchange, cursor);
}

static char *follow(struct stage *stage, const struct follow *what, int *ret_exit)
{
    CLEANUP(loop_freep) struct loop *loop = loop_new();
    CLEANUP(fetcher_freep) struct fetcher *fetcher = fetcher_new(loop);
    struct error error;
    struct http_options options = {
        .listen = "127.0.0.1:0",
        .listen_fd = -1,
        .on_request = on_request,
        .arg = stage,
    };
    char *printed = NULL;
    size_t n = 0;

    ck_assert_int_eq(http_server_new(loop, &options, &stage->server, &error), 0);
    stage->url = xprintf("http://127.0.0.1:%u", http_server_port(stage->server));
    stage->cli = (struct cli){
        .loop = loop,
        .fetcher = fetcher,
        .url = stage->url,
        .out = open_memstream(&printed, &n),
        .json = true,
        .width = 80,
    };
    *ret_exit = cli_follow(&stage->cli, what);
    ck_assert_int_eq(fclose(stage->cli.out), 0);
    stage->server = http_server_free(stage->server);
    free(stage->url);
    return printed;
}

/* The lines of events first..N_EVENTS as the door writes them. */
static char *expected(const struct stage *stage, uint64_t first)
{
    struct buf out;

    buf_init(&out, 4096);
    for (uint64_t seq = first; seq <= N_EVENTS; seq++)
        write_event(stage, &out, seq);
    return buf_steal(&out);
}

START_TEST(every_event_comes_once_wherever_the_stream_is_cut)
{
    for (uint64_t each = 1; each <= N_EVENTS; each++) {
        struct stage stage = {.events_a_connection = each, .last_type = "job.succeeded"};
        const struct follow what = {.id = ID};
        int status;
        CLEANUP(charp_freep) char *printed = follow(&stage, &what, &status);
        CLEANUP(charp_freep) char *wanted = expected(&stage, 1);

        ck_assert_str_eq(printed, wanted);
        ck_assert_int_eq(status, CLI_OK);
        ck_assert_uint_eq(stage.n_gets, (N_EVENTS + each - 1) / each);
    }
}
END_TEST

START_TEST(after_begins_behind_an_event)
{
    struct stage stage = {.events_a_connection = 2, .last_type = "job.failed"};
    const struct follow what = {.id = ID, .after = 3};
    int status;
    CLEANUP(charp_freep) char *printed = follow(&stage, &what, &status);
    CLEANUP(charp_freep) char *wanted = expected(&stage, 4);

    ck_assert_str_eq(printed, wanted);
    ck_assert_int_eq(status, CLI_NOT_OK);
}
END_TEST

START_TEST(a_submission_is_repeated_with_its_key_until_the_job_is_known)
{
    struct stage stage = {
        .events_a_connection = 4,
        .n_unavailable = 1,
        .last_type = "job.succeeded",
    };
    const struct follow what = {.kind = "probe", .body = SPAN("{}"), .idempotency_key = "k1"};
    int status;
    CLEANUP(charp_freep) char *printed = follow(&stage, &what, &status);
    CLEANUP(charp_freep) char *wanted = expected(&stage, 1);

    ck_assert_str_eq(printed, wanted);
    ck_assert_int_eq(status, CLI_OK);
    ck_assert_uint_eq(stage.n_posts, 2);
    ck_assert_uint_eq(stage.n_gets, 1);
    ck_assert_str_eq(stage.first_key, "k1");
    ck_assert(stage.same_key);
}
END_TEST

START_TEST(an_answer_that_breaks_before_the_id_came_repeats_the_submission)
{
    struct stage stage = {
        .events_a_connection = N_EVENTS,
        .say_nothing_first = true,
        .last_type = "job.succeeded",
    };
    const struct follow what = {.kind = "probe", .body = SPAN("{}"), .idempotency_key = "k2"};
    int status;
    CLEANUP(charp_freep) char *printed = follow(&stage, &what, &status);
    CLEANUP(charp_freep) char *wanted = expected(&stage, 1);

    ck_assert_str_eq(printed, wanted);
    ck_assert_int_eq(status, CLI_OK);
    ck_assert_uint_eq(stage.n_posts, 2);
    ck_assert(stage.same_key);
}
END_TEST

START_TEST(a_job_that_had_ended_is_asked_how)
{
    struct stage stage = {.finished = true, .last_type = "job.succeeded"};
    const struct follow what = {.id = ID, .after = N_EVENTS};
    int status;
    CLEANUP(charp_freep) char *printed = follow(&stage, &what, &status);

    ck_assert_str_eq(printed, "");
    ck_assert_int_eq(status, CLI_OK);
    ck_assert_uint_eq(stage.n_gets, 2);
}
END_TEST

START_TEST(a_refusal_ends_it)
{
    struct stage stage = {.refuse = 404, .last_type = "job.succeeded"};
    const struct follow what = {.id = ID};
    int status;
    CLEANUP(charp_freep) char *printed = follow(&stage, &what, &status);

    ck_assert_str_eq(printed, "");
    ck_assert_int_eq(status, CLI_REFUSED);
    ck_assert_uint_eq(stage.n_gets, 1);
}
END_TEST

START_TEST(no_server_is_said_at_once)
{
    CLEANUP(loop_freep) struct loop *loop = loop_new();
    CLEANUP(fetcher_freep) struct fetcher *fetcher = fetcher_new(loop);
    /* Port 1 of loopback: nobody listens there. */
    struct cli cli = {
        .loop = loop, .fetcher = fetcher, .url = "http://127.0.0.1:1", .out = stdout, .json = true};

    ck_assert_int_eq(cli_follow(&cli, &(struct follow){.id = ID}), CLI_UNREACHABLE);
}
END_TEST

TEST_MAIN("cli_follow", every_event_comes_once_wherever_the_stream_is_cut,
          after_begins_behind_an_event,
          a_submission_is_repeated_with_its_key_until_the_job_is_known,
          an_answer_that_breaks_before_the_id_came_repeats_the_submission,
          a_job_that_had_ended_is_asked_how, a_refusal_ends_it, no_server_is_said_at_once)
