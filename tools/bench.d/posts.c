/* bench-posts: posts the same body over N kept connections, one request at a time each, and counts
 * the answers. Knows nothing of the server but a port and a path, so that the same program loads
 * Parley and whatever it is compared with.
 *
 * First a warm-up that counts for nothing, then the window. An answer must have a Content-Length
 * and the wanted status; anything else is a fault, and the first fault ends the run. Prints one
 * line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
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

#define CLIENTS_MAX 4096
#define ANSWER_MAX_BYTES 16384
#define TURN_MS 100
#define STATUS_AT 9 /* behind "HTTP/1.1 " */

struct client {
    int fd;
    int64_t posted_us;
    struct buf in;
};

struct bench {
    uint64_t port, n_clients, warmup_ms, window_ms, status;
    const char *path, *body;
    struct buf request;
    struct client *clients;
    struct cpu_meter cpu;
    struct samples done;
    int epoll;
    bool counting;
    int64_t begun_us, ended_us;
    const char *fault;
    char fault_text[200];
};

/* ---- one connection ---- */

static void post(struct bench *bench, struct client *client)
{
    struct span request = buf_span(&bench->request);

    buf_clear(&client->in);
    client->posted_us = clock_monotonic_us();
    if (send(client->fd, request.at, request.n, MSG_NOSIGNAL) != (ssize_t)request.n)
        bench->fault = "a request could not be sent";
}

/* Length of the whole answer, 0 as long as its head is not there. */
static size_t answer_length(struct span in)
{
    static const char end[] = "\r\n\r\n", field[] = "\r\ncontent-length: ";
    const char *body = memmem(in.at, in.n, end, sizeof(end) - 1);
    uint64_t n = 0;

    if (!body)
        return 0;
    for (const char *at = in.at; at + sizeof(field) < body; at++) {
        if (strncasecmp(at, field, sizeof(field) - 1) != 0)
            continue;
        for (at += sizeof(field) - 1; *at >= '0' && *at <= '9'; at++)
            n = n * 10 + (uint64_t)(*at - '0');
        break;
    }
    return (size_t)(body - in.at) + sizeof(end) - 1 + n;
}

static void take_answer(struct bench *bench, struct client *client)
{
    struct span in = buf_span(&client->in);

    if (strtoul(in.at + STATUS_AT, NULL, 10) != bench->status) {
        (void)snprintf(bench->fault_text, sizeof(bench->fault_text), "an answer begins with %.150s",
                       in.at);
        bench->fault = bench->fault_text;
        return;
    }
    if (bench->counting)
        samples_add(&bench->done, clock_monotonic_us() - client->posted_us);
    post(bench, client);
}

static void read_on(struct bench *bench, struct client *client)
{
    char bytes[4096];
    ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        bench->fault = "a connection was cut";
        return;
    }
    buf_add(&client->in, bytes, (size_t)n);
    size_t length = answer_length(buf_span(&client->in));
    if (length > 0 && client->in.n >= length)
        take_answer(bench, client);
}

static bool begin(struct bench *bench, struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)bench->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    const int one = 1;

    buf_init(&client->in, ANSWER_MAX_BYTES);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
        epoll_ctl(bench->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
        return false;
    post(bench, client);
    return true;
}

/* ---- the run ---- */

static void run_for(struct bench *bench, uint64_t ms)
{
    int64_t end_ms = clock_monotonic_ms() + (int64_t)ms;

    while (!bench->fault && clock_monotonic_ms() < end_ms) {
        struct epoll_event events[64];
        int n = epoll_wait(bench->epoll, events, ARRAY_SIZE(events), TURN_MS);

        for (int i = 0; i < n && !bench->fault; i++)
            read_on(bench, events[i].data.ptr);
    }
}

static void run(struct bench *bench)
{
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    bench->clients = xcalloc(bench->n_clients, sizeof(*bench->clients));
    for (size_t i = 0; i < bench->n_clients && !bench->fault; i++)
        if (!begin(bench, &bench->clients[i]))
            bench->fault = "cannot connect";
    run_for(bench, bench->warmup_ms);
    if (cpu_meter_begin(&bench->cpu) < 0)
        bench->fault = "a process named by --pid is not there";
    bench->counting = true;
    bench->begun_us = clock_monotonic_us();
    run_for(bench, bench->window_ms);
    bench->ended_us = clock_monotonic_us();
    if (cpu_meter_end(&bench->cpu) < 0)
        bench->fault = "a process named by --pid has ended";
}

static void print(struct bench *bench)
{
    CLEANUP(json_freep) struct json *json = json_object();
    double seconds = (double)(bench->ended_us - bench->begun_us) / 1e6;

    json_set_integer(json, "requests", (int64_t)bench->done.n);
    json_set_number(json, "requests_per_s", (double)bench->done.n / seconds);
    json_set(json, "done_ms", samples_json(&bench->done));
    json_set(json, "cpu_ms_per_request", cpu_meter_json(&bench->cpu, bench->done.n));
    char *text CLEANUP(charp_freep) = json_text(json);
    puts(text);
}

/* ---- the command line ---- */

static const char usage[] =
    "usage: bench-posts --port PORT --path PATH --body JSON [OPTION…]\n\n"
    "  --status N          of every answer (default 202)\n"
    "  --clients N         connections (default 64)\n"
    "  --warmup-ms N       not measured (default 1000)\n"
    "  --window-ms N       measured (default 5000)\n"
    "  --pid NAME=PID      measure the CPU time of this process; may be repeated\n";

#define ROW(name, type, member, max)                                                               \
    {                                                                                              \
        name, type, offsetof(struct bench, member), max                                            \
    }
static const struct option_row rows[] = {
    ROW("--port", OPTION_NUMBER, port, UINT16_MAX),
    ROW("--path", OPTION_TEXT, path, 0),
    ROW("--body", OPTION_TEXT, body, 0),
    ROW("--status", OPTION_NUMBER, status, 599),
    ROW("--clients", OPTION_NUMBER, n_clients, CLIENTS_MAX),
    ROW("--warmup-ms", OPTION_NUMBER, warmup_ms, 3600000),
    ROW("--window-ms", OPTION_NUMBER, window_ms, 3600000),
    ROW("--pid", OPTION_PID, cpu, 0),
};

int main(int argc, char **argv)
{
    struct bench bench = {
        .n_clients = 64, .warmup_ms = 1000, .window_ms = 5000, .status = 202, .epoll = -1};

    if (!options_read(rows, ARRAY_SIZE(rows), &bench, argc, argv) || bench.port == 0 ||
        bench.n_clients == 0 || !bench.path || !bench.body) {
        fputs(usage, stderr);
        return 2;
    }
    buf_init(&bench.request, 1u << 20);
    buf_addf(&bench.request,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             bench.path, (unsigned)bench.port, strlen(bench.body), bench.body);
    run(&bench);
    if (bench.fault)
        fprintf(stderr, "bench-posts: %s\n", bench.fault);
    else
        print(&bench);
    for (size_t i = 0; bench.clients && i < bench.n_clients; i++)
        buf_deinit(&bench.clients[i].in);
    free(bench.clients);
    buf_deinit(&bench.request);
    samples_deinit(&bench.done);
    cpu_meter_deinit(&bench.cpu);
    return bench.fault ? EXIT_FAILURE : EXIT_SUCCESS;
}
