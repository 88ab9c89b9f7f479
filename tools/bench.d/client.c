/* A client of the benchmarks: HTTP/1.1 over a non-blocking socket, the answer a chunked SSE stream.
 *
 * It reads just enough of HTTP to be cheap beside the servers it loads, which share the machine's
 * cores with it: a status line that must say 200, a head that must say chunked, and the chunks, by
 * a machine of one state a byte. Anything else ends the job with a fault, and the owner reconnects.
 */
#include "client.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

#define HEAD_MAX_BYTES 8192
#define EVENT_MAX_BYTES (1u << 20)
#define READ_BYTES 65536

enum state { IDLE, HEAD, CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_END, TRAILER };

/* ---- life ---- */

static int open_socket(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int client_init(struct client *client, const struct client_plan *plan)
{
    *client = (struct client){.plan = plan};
    buf_init(&client->head, HEAD_MAX_BYTES);
    sse_reader_init(&client->sse, EVENT_MAX_BYTES);
    client->fd = open_socket(plan->port);
    return client->fd < 0 ? client->fd : 0;
}

void client_deinit(struct client *client)
{
    if (client->fd > 0)
        close(client->fd);
    buf_deinit(&client->head);
    sse_reader_deinit(&client->sse);
    *client = (struct client){0};
}

int client_reconnect(struct client *client)
{
    const struct client_plan *plan = client->plan;

    client_deinit(client);
    return client_init(client, plan);
}

static void fail(struct client *client, const char *fault)
{
    client->job.fault = fault;
    client->state = IDLE;
    client->busy = false;
}

void client_post(struct client *client)
{
    struct span request = client->plan->request;

    assert(!client->busy);
    buf_clear(&client->head);
    client->busy = true;
    client->state = HEAD;
    client->job = (struct client_job){.posted_us = clock_monotonic_us()};
    /* Nothing else is on the wire, so the socket has room. */
    if (send(client->fd, request.at, request.n, MSG_NOSIGNAL) != (ssize_t)request.n)
        fail(client, "the request could not be sent");
}

/* ---- events ---- */

/* The number behind "done": looked for as text, because parsing would cost more than some servers
 * spend on the event. */
static uint64_t done_of(struct span data)
{
    static const char key[] = "\"done\":";
    const char *at = memmem(data.at, data.n, key, sizeof(key) - 1);
    uint64_t done = 0;

    if (!at)
        return 0;
    for (at += sizeof(key) - 1; at < data.at + data.n && *at >= '0' && *at <= '9'; at++)
        done = done * 10 + (uint64_t)(*at - '0');
    return done;
}

static int on_event(struct span event, struct span data, void *arg)
{
    struct client_job *job = &((struct client *)arg)->job;
    const struct client_plan *plan = ((struct client *)arg)->plan;
    int64_t now_us = clock_monotonic_us();

    if (!job->first_us)
        job->first_us = now_us;
    if (job->done_us) {
        job->disorder = true;
    } else if (span_equal(event, span_of(plan->end))) {
        job->done_us = now_us;
    } else if (span_equal(event, span_of(plan->progress))) {
        if (!job->progress_us)
            job->progress_us = now_us;
        if (done_of(data) != ++job->n_progress)
            job->disorder = true;
    }
    return 0;
}

bool client_job_complete(const struct client *client)
{
    const struct client_job *job = &client->job;

    return !job->fault && job->done_us && !job->disorder &&
           job->n_progress == client->plan->n_expected;
}

/* ---- HTTP ---- */

static void check_head(struct client *client)
{
    char *head = client->head.at;

    if (strncmp(head, "HTTP/1.1 200", 12) != 0) {
        head[strcspn(head, "\r\n")] = '\0';
        (void)snprintf(client->fault_text, sizeof(client->fault_text), "%.70s", head);
        fail(client, client->fault_text);
    } else if (!strcasestr(head, "\r\ntransfer-encoding: chunked\r\n")) {
        fail(client, "the answer is not chunked");
    } else {
        client->state = CHUNK_SIZE;
        client->chunk_left = 0;
    }
}

static size_t read_head(struct client *client, struct span bytes)
{
    size_t before = client->head.n;

    buf_add_span(&client->head, bytes);
    if (!buf_ok(&client->head)) {
        fail(client, "the head of the answer is too long");
        return bytes.n;
    }
    const char *end = strstr(client->head.at, "\r\n\r\n");
    if (!end)
        return bytes.n;
    size_t n_head = (size_t)(end - client->head.at) + 4;
    check_head(client);
    return n_head - before;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t read_chunk(struct client *client, struct span bytes)
{
    size_t n = bytes.n < client->chunk_left ? bytes.n : (size_t)client->chunk_left;

    if (sse_read(&client->sse, (struct span){bytes.at, n}, on_event, client) != 0)
        fail(client, "an event is too long");
    client->chunk_left -= n;
    if (client->chunk_left == 0 && client->busy)
        client->state = CHUNK_END;
    return n;
}

static void on_line_end(struct client *client)
{
    if (client->state == CHUNK_END) {
        client->state = CHUNK_SIZE;
    } else if (client->state == TRAILER) {
        client->state = IDLE;
        client->busy = false;
    } else {
        /* The last chunk is empty; trailers nobody sends are not understood. */
        client->state = client->chunk_left > 0 ? CHUNK_DATA : TRAILER;
    }
}

/* A byte outside of the data of chunks. */
static void read_framing(struct client *client, char c)
{
    if (c == '\n') {
        on_line_end(client);
    } else if (c == ';') {
        client->state = CHUNK_EXTENSION;
    } else if (c != '\r' && client->state != CHUNK_EXTENSION) {
        int digit = client->state == CHUNK_SIZE ? hex_digit(c) : -1;

        if (digit < 0 || client->chunk_left > UINT32_MAX)
            fail(client, "the chunks are broken");
        else
            client->chunk_left = client->chunk_left * 16 + (uint64_t)digit;
    }
}

static void read_bytes(struct client *client, struct span bytes)
{
    while (bytes.n > 0 && client->busy) {
        size_t n = 1;

        if (client->state == HEAD)
            n = read_head(client, bytes);
        else if (client->state == CHUNK_DATA)
            n = read_chunk(client, bytes);
        else
            read_framing(client, *bytes.at);
        bytes.at += n;
        bytes.n -= n;
    }
}

void client_read(struct client *client)
{
    char bytes[READ_BYTES];
    ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0 && client->busy)
        read_bytes(client, (struct span){bytes, (size_t)n});
    else if (n >= 0 || errno != EAGAIN)
        fail(client, "the connection was cut");
}
