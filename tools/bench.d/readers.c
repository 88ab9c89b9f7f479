/* bench-readers: posts one job a connection and reads its events to the end; texts of the rehearsal
 * provider that carry the time at which they were given (script.h) tell how long they took from the
 * provider to here.
 *
 * The clock is the machine's monotonic one, in units of 100 us, so provider and reader must share a
 * machine. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "figures.h"
#include "json.h"
#include "options.h"
#include "text.h"

#define MARK_BYTES 8
#define MARK_WRAPS 100000000
/* A mark older than that is another number of eight digits. */
#define OLDEST_MARK 600000
#define MAX_LINE_BYTES (1U << 20)
#define READERS_MAX 4096

struct reader {
    int fd; /* -1: over */
    struct buf in;
};

struct bench {
    uint64_t port, n_readers, limit_s;
    const char *path, *body;
    struct reader *readers;
    int epoll;
    size_t n_open, n_succeeded, n_deltas;
    struct samples late, done;
    int64_t begun_us;
};

/* ---- what a line says ---- */

static bool is_mark(const char *at, const char *end)
{
    if (end - at <= MARK_BYTES)
        return false;
    for (int i = 0; i < MARK_BYTES; i++)
        if (at[i] < '0' || at[i] > '9')
            return false;
    return at[MARK_BYTES] == ' ';
}

static void take_marks(struct bench *bench, struct span line)
{
    int64_t now = clock_monotonic_us() / 100 % MARK_WRAPS;
    const char *end = line.at + line.n;

    for (const char *at = line.at; at < end; at++) {
        if (!is_mark(at, end))
            continue;
        int64_t late = (now - strtol(at, NULL, 10) + MARK_WRAPS) % MARK_WRAPS;
        if (late < OLDEST_MARK)
            samples_add(&bench->late, late * 100);
        at += MARK_BYTES;
    }
}

static void take_line(struct bench *bench, struct span line)
{
    if (text_contains(line, "\"type\":\"step.delta\"")) {
        bench->n_deltas++;
        take_marks(bench, line);
    } else if (text_contains(line, "\"type\":\"job.succeeded\"")) {
        bench->n_succeeded++;
        samples_add(&bench->done, clock_monotonic_us() - bench->begun_us);
    }
}

/* ---- the connections ---- */

static void hang_up(struct bench *bench, struct reader *reader)
{
    close(reader->fd);
    reader->fd = -1;
    bench->n_open--;
}

static void read_on(struct bench *bench, struct reader *reader)
{
    char bytes[65536];
    ssize_t n = recv(reader->fd, bytes, sizeof(bytes), 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(bench, reader);
        return;
    }
    buf_add(&reader->in, bytes, (size_t)n);
    struct span rest = buf_span(&reader->in);
    for (const char *end; (end = memchr(rest.at, '\n', rest.n)) != NULL;) {
        struct span line = {rest.at, (size_t)(end - rest.at)};
        take_line(bench, line);
        /* The chunk that ends the answer; the connection would stay. */
        if (span_equal(line, SPAN("0\r"))) {
            hang_up(bench, reader);
            return;
        }
        rest = (struct span){end + 1, rest.n - line.n - 1};
    }
    buf_drop(&reader->in, reader->in.n - rest.n);
}

static bool begin(struct bench *bench, struct reader *reader)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)bench->port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = reader};
    struct buf request CLEANUP(buf_deinit);

    buf_init(&request, MAX_LINE_BYTES);
    buf_init(&reader->in, MAX_LINE_BYTES);
    buf_addf(&request,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             bench->path, strlen(bench->body), bench->body);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (reader->fd < 0 || connect(reader->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return false;
    if (send(reader->fd, request.at, request.n, MSG_NOSIGNAL) != (ssize_t)request.n)
        return false;
    bench->n_open++;
    return epoll_ctl(bench->epoll, EPOLL_CTL_ADD, reader->fd, &event) == 0;
}

static bool run(struct bench *bench)
{
    int64_t end_us;

    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    bench->readers = xcalloc(bench->n_readers, sizeof(*bench->readers));
    bench->begun_us = clock_monotonic_us();
    end_us = bench->begun_us + (int64_t)bench->limit_s * 1000000;
    for (size_t i = 0; i < bench->n_readers; i++)
        if (!begin(bench, &bench->readers[i]))
            return false;
    while (bench->n_open > 0 && clock_monotonic_us() < end_us) {
        struct epoll_event events[64];
        int n = epoll_wait(bench->epoll, events, ARRAY_SIZE(events), 100);
        for (int i = 0; i < n; i++)
            read_on(bench, events[i].data.ptr);
    }
    return true;
}

static void print(struct bench *bench)
{
    CLEANUP(json_freep) struct json *json = json_object();

    json_set_integer(json, "readers", (int64_t)bench->n_readers);
    json_set_integer(json, "succeeded", (int64_t)bench->n_succeeded);
    json_set_integer(json, "deltas", (int64_t)bench->n_deltas);
    json_set_integer(json, "marks", (int64_t)bench->late.n);
    json_set(json, "late_ms", samples_json(&bench->late));
    json_set(json, "done_ms", samples_json(&bench->done));
    json_set_number(json, "seconds", (double)(clock_monotonic_us() - bench->begun_us) / 1e6);
    char *text CLEANUP(charp_freep) = json_text(json);
    puts(text);
}

#define ROW(name, type, member, max)                                                               \
    {                                                                                              \
        name, type, offsetof(struct bench, member), max                                            \
    }
static const struct option_row rows[] = {
    ROW("--port", OPTION_NUMBER, port, UINT16_MAX),
    ROW("--path", OPTION_TEXT, path, 0),
    ROW("--body", OPTION_TEXT, body, 0),
    ROW("--readers", OPTION_NUMBER, n_readers, READERS_MAX),
    ROW("--limit-s", OPTION_NUMBER, limit_s, 3600),
};

int main(int argc, char **argv)
{
    struct bench bench = {.path = "/v1/boardroom", .body = "{}", .n_readers = 1, .limit_s = 120};

    if (!options_read(rows, ARRAY_SIZE(rows), &bench, argc, argv) || bench.port == 0 ||
        bench.n_readers == 0) {
        fputs("usage: bench-readers --port PORT [--path PATH] [--body JSON] [--readers N] "
              "[--limit-s N]\n",
              stderr);
        return 2;
    }
    bool done = run(&bench);
    if (done)
        print(&bench);
    else
        fprintf(stderr, "bench-readers: cannot connect: %s\n", strerror(errno));
    for (size_t i = 0; bench.readers && i < bench.n_readers; i++)
        buf_deinit(&bench.readers[i].in);
    free(bench.readers);
    samples_deinit(&bench.late);
    samples_deinit(&bench.done);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
