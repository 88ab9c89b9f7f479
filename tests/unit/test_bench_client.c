/* The load client of tools/bench: what it must not overlook in an answer, however the bytes arrive.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.d/client.h"
#include "main.h"

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EVENT(done) "event: p\ndata: {\"total\":2,\"done\":" #done "}\n\n"
#define END "event: end\ndata: {}\n\n"

struct row {
    const char *name, *head;
    const char *chunks[6]; /* NULL ends them */
    bool cut;              /* the server hangs up instead of sending the last chunk */
    bool fault, complete;
};

// clang-format off
static const struct row rows[] = {
    {"every event in turn, then the end",     HEAD, {EVENT(1), EVENT(2), END}, false, false, true},
    {"events may share a chunk",              HEAD, {EVENT(1) EVENT(2) END}, false, false, true},
    {"an event may span chunks",              HEAD, {EVENT(1) "event: p\nda", "ta: {\"done\":2}\n\n" END}, false, false, true},
    {"other events and comments do not count", HEAD, {": hello\n\n", "event: job.queued\ndata: {}\n\n", EVENT(1), EVENT(2), END}, false, false, true},
    {"an event is missing",                   HEAD, {EVENT(1), END}, false, false, false},
    {"the first event is missing",            HEAD, {EVENT(2), END}, false, false, false},
    {"events in the wrong order",             HEAD, {EVENT(2), EVENT(1), END}, false, false, false},
    {"an event comes twice",                  HEAD, {EVENT(1), EVENT(1), EVENT(2), END}, false, false, false},
    {"an event after the end",                HEAD, {EVENT(1), EVENT(2), END, EVENT(3)}, false, false, false},
    {"the end is missing",                    HEAD, {EVENT(1), EVENT(2)}, false, false, false},
    {"an event without its blank line",       HEAD, {EVENT(1), EVENT(2), "event: end\ndata: {}\n"}, false, false, false},
    {"the connection is cut",                 HEAD, {EVENT(1), EVENT(2), END}, true, true, false},
    {"an answer that is not 200",             "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n", {NULL}, false, true, false},
    {"an answer that is not chunked",         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", {NULL}, false, true, false},
};
// clang-format on

static int listen_any(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, n), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void write_answer(const struct row *row, struct buf *out)
{
    buf_add_text(out, row->head);
    for (size_t i = 0; row->chunks[i]; i++)
        buf_addf(out, "%zx\r\n%s\r\n", strlen(row->chunks[i]), row->chunks[i]);
    if (!row->cut)
        buf_add_text(out, "0\r\n\r\n");
}

static void read_some(struct client *client)
{
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};

    ck_assert_msg(poll(&readable, 1, 10000) == 1, "nothing comes");
    client_read(client);
}

static void send_pieces(int fd, struct client *client, struct span bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.n; at += piece) {
        size_t n = bytes.n - at < piece ? bytes.n - at : piece;

        ck_assert_int_eq(send(fd, bytes.at + at, n, MSG_NOSIGNAL), (ssize_t)n);
        if (client->busy)
            read_some(client);
    }
}

static void check_row(const struct row *row, size_t piece)
{
    uint16_t port;
    int listener = listen_any(&port), fd;
    struct client_plan plan = {
        .port = port, .request = SPAN("POST"), .progress = "p", .end = "end", .n_expected = 2};
    struct client client;
    struct buf answer;

    buf_init(&answer, 4096);
    write_answer(row, &answer);
    ck_assert_int_eq(client_init(&client, &plan), 0);
    fd = accept(listener, NULL, NULL);
    client_post(&client);
    send_pieces(fd, &client, buf_span(&answer), piece);
    close(fd);
    while (client.busy)
        read_some(&client);
    ck_assert_msg((client.job.fault != NULL) == row->fault, "%s (%zu): %s", row->name, piece,
                  client.job.fault ? client.job.fault : "no fault");
    ck_assert_msg(client_job_complete(&client) == row->complete, "%s (%zu)", row->name, piece);
    client_deinit(&client);
    buf_deinit(&answer);
    close(listener);
}

START_TEST(sees_what_an_answer_lacks)
{
    static const size_t pieces[] = {4096, 1, 7};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t k = 0; k < ARRAY_SIZE(pieces); k++)
            check_row(&rows[i], pieces[k]);
}
END_TEST

START_TEST(times_are_in_order)
{
    uint16_t port;
    int listener = listen_any(&port);
    struct client_plan plan = {
        .port = port, .request = SPAN("POST"), .progress = "p", .end = "end", .n_expected = 2};
    struct client client;
    struct buf answer;

    buf_init(&answer, 4096);
    write_answer(&rows[0], &answer);
    ck_assert_int_eq(client_init(&client, &plan), 0);
    int fd = accept(listener, NULL, NULL);
    client_post(&client);
    send_pieces(fd, &client, buf_span(&answer), 1);
    ck_assert_int_gt(client.job.posted_us, 0);
    ck_assert_int_ge(client.job.first_us, client.job.posted_us);
    ck_assert_int_ge(client.job.progress_us, client.job.first_us);
    ck_assert_int_ge(client.job.done_us, client.job.progress_us);
    client_deinit(&client);
    buf_deinit(&answer);
    close(fd);
    close(listener);
}
END_TEST

TEST_MAIN("bench_client", sees_what_an_answer_lacks, times_are_in_order)
