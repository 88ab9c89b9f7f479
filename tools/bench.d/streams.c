/* bench-streams: opens many SSE streams of jobs at one server, appends events to the jobs in Redis
 * as a worker would have it done, and tells how late each came and what the streams cost the
 * server.
 *
 * The jobs are given by a file of ids; reader i reads job i % jobs. An event is XADD to the log,
 * the job's new seq, and PUBLISH: what a server must do about it is its own affair. Each carries
 * the time at which it was sent to Redis, so reader and appender are this one process. The appends
 * of a second are spread over TICKS of it. Memory of the server: before, with all streams silent,
 * and after the window. Prints one line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "figures.h"
#include "json.h"
#include "options.h"
#include "text.h"

#define READERS_MAX 100000
#define TICKS 100
#define TAIL_BYTES 32
/* So many streams may be on their way to their first byte. */
#define OPENING_MAX 256
#define SETTLE_MS 1500
#define MARK "\"us\":"

struct reader {
    int fd;
    bool open; /* its head has come */
    uint8_t n_tail;
    char tail[TAIL_BYTES]; /* the end of what came, where a mark may have begun */
};

struct bench {
    uint64_t port, n_readers, window_ms, rate, text_bytes, pid;
    const char *jobs_file, *redis_path;
    bool stalled;
    struct buf jobs; /* the file */
    struct span *ids;
    uint64_t *seqs;
    size_t n_jobs, n_open, n_asked, next_job;
    struct reader *readers;
    int epoll, redis;
    struct buf commands;
    uint64_t n_events;
    struct samples late;
    struct cpu_meter cpu;
    bool counting;
    const char *fault;
};

/* ---- memory of the server ---- */

static int64_t rss_kb(const struct bench *bench)
{
    char *path CLEANUP(charp_freep) = xprintf("/proc/%d/status", (int)bench->pid);
    FILE *file = fopen(path, "re");
    char line[256];
    long kb = 0;

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    if (file)
        fclose(file);
    return kb;
}

/* ---- readers ---- */

static void take_marks(struct bench *bench, const char *at, const char *end)
{
    int64_t now_us = clock_monotonic_us();
    const char *mark;

    while ((mark = memmem(at, (size_t)(end - at), MARK, sizeof(MARK) - 1))) {
        at = mark + sizeof(MARK) - 1;
        const char *close = memchr(at, '}', (size_t)(end - at));
        if (!close)
            return;
        if (bench->counting)
            samples_add(&bench->late, now_us - strtoll(at, NULL, 10));
        at = close;
    }
}

/* The piece of a mark that came last waits in the tail for its rest. */
static void take_bytes(struct bench *bench, struct reader *reader, const char *bytes, size_t n)
{
    char whole[TAIL_BYTES + 65536 + 1];

    memcpy(whole, reader->tail, reader->n_tail);
    memcpy(whole + reader->n_tail, bytes, n);
    n += reader->n_tail;
    whole[n] = '\0';
    take_marks(bench, whole, whole + n);
    const char *last = memrchr(whole, '}', n);
    size_t rest = last ? (size_t)(whole + n - last - 1) : n;
    reader->n_tail = (uint8_t)(rest < TAIL_BYTES ? rest : TAIL_BYTES);
    memcpy(reader->tail, whole + n - reader->n_tail, reader->n_tail);
}

static void read_on(struct bench *bench, struct reader *reader)
{
    char bytes[65536];
    ssize_t n = recv(reader->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        bench->fault = "a stream was cut";
        return;
    }
    if (!reader->open) {
        if (!text_starts((struct span){bytes, (size_t)n}, "HTTP/1.1 200"))
            bench->fault = "an answer is no stream";
        reader->open = true;
        bench->n_open++;
        if (bench->stalled)
            (void)epoll_ctl(bench->epoll, EPOLL_CTL_DEL, reader->fd, NULL);
    }
    take_bytes(bench, reader, bytes, (size_t)n);
}

static bool ask(struct bench *bench, struct reader *reader, struct span id)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)bench->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = reader};
    const int small = 4096;
    char *request CLEANUP(charp_freep) =
        xprintf("GET /v1/jobs/%.*s/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                "Accept: text/event-stream\r\n\r\n",
                (int)id.n, id.at);

    reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (reader->fd >= 0 && bench->stalled)
        (void)setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    return reader->fd >= 0 &&
           connect(reader->fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           send(reader->fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request) &&
           epoll_ctl(bench->epoll, EPOLL_CTL_ADD, reader->fd, &event) == 0;
}

static void turn(struct bench *bench, int64_t max_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(bench->epoll, events, ARRAY_SIZE(events), max_ms > 0 ? (int)max_ms : 0);

    for (int i = 0; i < n && !bench->fault; i++)
        read_on(bench, events[i].data.ptr);
}

static void turn_for(struct bench *bench, int64_t ms)
{
    int64_t end_ms = clock_monotonic_ms() + ms;

    /* Once also when it is late: what came must not wait for what is to be sent. */
    do
        turn(bench, end_ms - clock_monotonic_ms());
    while (!bench->fault && clock_monotonic_ms() < end_ms);
}

static void open_all(struct bench *bench)
{
    int64_t end_ms = clock_monotonic_ms() + 60000;

    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    bench->readers = xcalloc(bench->n_readers, sizeof(*bench->readers));
    while (bench->n_open < bench->n_readers && !bench->fault) {
        while (bench->n_asked < bench->n_readers && bench->n_asked - bench->n_open < OPENING_MAX &&
               !bench->fault) {
            if (!ask(bench, &bench->readers[bench->n_asked],
                     bench->ids[bench->n_asked % bench->n_jobs]))
                bench->fault = strerror(errno);
            bench->n_asked++;
        }
        turn(bench, 10);
        if (clock_monotonic_ms() > end_ms)
            bench->fault = "not all streams opened within a minute";
    }
}

/* ---- events ---- */

static void add_word(struct buf *out, struct span word)
{
    buf_addf(out, "$%zu\r\n%.*s\r\n", word.n, (int)word.n, word.at);
}

static void add_command(struct buf *out, size_t n, const struct span *words)
{
    buf_addf(out, "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++)
        add_word(out, words[i]);
}

static void append(struct bench *bench, size_t job)
{
    struct span id = bench->ids[job];
    uint64_t seq = ++bench->seqs[job];
    char *text CLEANUP(charp_freep) = xcalloc(bench->text_bytes + 1, 1);

    memset(text, 'x', bench->text_bytes);
    char *log CLEANUP(charp_freep) = xprintf("job:%.*s:events", (int)id.n, id.at);
    char *key CLEANUP(charp_freep) = xprintf("job:%.*s", (int)id.n, id.at);
    char *channel CLEANUP(charp_freep) = xprintf("ev:%.*s", (int)id.n, id.at);
    char *number CLEANUP(charp_freep) = xprintf("%llu", (unsigned long long)seq);
    char *entry CLEANUP(charp_freep) = xprintf("%s-0", number);
    char *event CLEANUP(charp_freep) = xprintf(
        "{\"type\":\"step.delta\",\"seq\":%s,\"job\":\"%.*s\",\"at\":\"2026-01-01T00:00:00Z\","
        "\"attempt\":1,\"step\":\"blind/cfo\",\"text\":\"%s\"," MARK "%lld}",
        number, (int)id.n, id.at, text, (long long)clock_monotonic_us());

    add_command(&bench->commands, 5,
                (const struct span[]){SPAN("XADD"), span_of(log), span_of(entry), SPAN("e"),
                                      span_of(event)});
    add_command(&bench->commands, 4,
                (const struct span[]){SPAN("HSET"), span_of(key), SPAN("seq"), span_of(number)});
    add_command(&bench->commands, 3,
                (const struct span[]){SPAN("PUBLISH"), span_of(channel), span_of(event)});
}

static bool open_redis(struct bench *bench)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    bench->redis = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bench->redis < 0 || strlen(bench->redis_path) >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, bench->redis_path, strlen(bench->redis_path));
    return connect(bench->redis, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

/* Its replies are read away; what Redis does not take at once is sent on, as long as it takes. */
static void send_commands(struct bench *bench)
{
    char replies[65536];
    struct span rest = buf_span(&bench->commands);

    while (rest.n > 0 && !bench->fault) {
        ssize_t n = send(bench->redis, rest.at, rest.n, MSG_NOSIGNAL);

        if (n < 0)
            bench->fault = "Redis hung up";
        else
            rest = (struct span){rest.at + n, rest.n - (size_t)n};
    }
    buf_clear(&bench->commands);
    while (recv(bench->redis, replies, sizeof(replies), MSG_DONTWAIT) > 0)
        continue;
}

/* Each job gets `rate` events a second. */
static void append_for(struct bench *bench, uint64_t ms)
{
    int64_t begun_ms = clock_monotonic_ms();
    uint64_t sent = 0;

    for (uint64_t tick = 1; tick <= ms * TICKS / 1000 && !bench->fault; tick++) {
        uint64_t due = bench->n_jobs * bench->rate * tick / TICKS;

        for (; sent < due; sent++) {
            append(bench, bench->next_job);
            bench->next_job = (bench->next_job + 1) % bench->n_jobs;
        }
        send_commands(bench);
        turn_for(bench, begun_ms + (int64_t)(tick * 1000 / TICKS) - clock_monotonic_ms());
    }
    bench->n_events = sent;
}

/* ---- the run ---- */

static bool read_jobs(struct bench *bench)
{
    buf_init(&bench->jobs, 64u << 20);
    buf_init(&bench->commands, 64u << 20);
    if (buf_add_file(&bench->jobs, bench->jobs_file) < 0)
        return false;
    bench->ids = xcalloc(bench->jobs.n + 1, sizeof(*bench->ids));
    struct span rest = buf_span(&bench->jobs);
    for (const char *end; (end = memchr(rest.at, '\n', rest.n)) != NULL;) {
        size_t n = (size_t)(end - rest.at);
        bench->ids[bench->n_jobs++] = (struct span){rest.at, n};
        rest = (struct span){end + 1, rest.n - n - 1};
    }
    bench->seqs = xcalloc(bench->n_jobs + 1, sizeof(*bench->seqs));
    /* Of jobs that wait for their time: they were queued, and wait. */
    for (size_t i = 0; i < bench->n_jobs; i++)
        bench->seqs[i] = 2;
    return bench->n_jobs > 0;
}

static void run(struct bench *bench, struct json *json)
{
    int64_t before_kb = rss_kb(bench);

    if (!read_jobs(bench) || !open_redis(bench)) {
        bench->fault = "no jobs, or no Redis";
        return;
    }
    open_all(bench);
    turn_for(bench, SETTLE_MS);
    int64_t idle_kb = rss_kb(bench);
    if (cpu_meter_begin(&bench->cpu) < 0)
        bench->fault = "a process named by --pid is not there";
    bench->counting = true;
    int64_t begun_ms = clock_monotonic_ms();
    append_for(bench, bench->window_ms);
    int64_t took_ms = clock_monotonic_ms() - begun_ms;
    turn_for(bench, SETTLE_MS);
    if (cpu_meter_end(&bench->cpu) < 0)
        bench->fault = "a process named by --pid has ended";
    uint64_t wanted = bench->n_events * (bench->n_readers / bench->n_jobs);
    json_set_integer(json, "streams", (int64_t)bench->n_readers);
    json_set_integer(json, "rss_before_kb", before_kb);
    json_set_integer(json, "rss_idle_kb", idle_kb);
    json_set_integer(json, "rss_end_kb", rss_kb(bench));
    json_set_number(json, "kb_a_stream", (double)(idle_kb - before_kb) / (double)bench->n_readers);
    json_set_integer(json, "wanted", (int64_t)wanted);
    json_set_integer(json, "came", (int64_t)bench->late.n);
    json_set_number(json, "events_per_s", (double)wanted * 1e3 / (double)took_ms);
    json_set(json, "cpu_ms_per_event", cpu_meter_json(&bench->cpu, wanted));
    json_set(json, "late_ms", samples_json(&bench->late));
}

/* ---- the command line ---- */

static const char usage[] =
    "usage: bench-streams --port PORT --jobs FILE --redis SOCKET --server PID [OPTION…]\n\n"
    "  --readers N         streams (default 10000)\n"
    "  --stalled           they take nothing after their first bytes\n"
    "  --rate N            events a second to each job (default 1)\n"
    "  --text-bytes N      of each event (default 120)\n"
    "  --window-ms N       measured (default 5000)\n"
    "  --pid NAME=PID      measure the CPU time of this process; may be repeated\n";

#define ROW(name, type, member, max)                                                               \
    {                                                                                              \
        name, type, offsetof(struct bench, member), max                                            \
    }
static const struct option_row rows[] = {
    ROW("--port", OPTION_NUMBER, port, UINT16_MAX),
    ROW("--jobs", OPTION_TEXT, jobs_file, 0),
    ROW("--redis", OPTION_TEXT, redis_path, 0),
    ROW("--server", OPTION_NUMBER, pid, INT32_MAX),
    ROW("--readers", OPTION_NUMBER, n_readers, READERS_MAX),
    ROW("--stalled", OPTION_FLAG, stalled, 0),
    ROW("--rate", OPTION_NUMBER, rate, 1000),
    ROW("--text-bytes", OPTION_NUMBER, text_bytes, 1u << 20),
    ROW("--window-ms", OPTION_NUMBER, window_ms, 3600000),
    ROW("--pid", OPTION_PID, cpu, 0),
};

static void raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct bench bench = {.n_readers = 10000, .rate = 1, .text_bytes = 120, .window_ms = 5000};
    CLEANUP(json_freep) struct json *json = json_object();

    if (!options_read(rows, ARRAY_SIZE(rows), &bench, argc, argv) || bench.port == 0 ||
        bench.pid == 0 || bench.n_readers == 0 || !bench.jobs_file || !bench.redis_path) {
        fputs(usage, stderr);
        return 2;
    }
    raise_files();
    run(&bench, json);
    char *text CLEANUP(charp_freep) = json_text(json);
    if (bench.fault)
        fprintf(stderr, "bench-streams: %s (%zu of %llu streams open)\n", bench.fault, bench.n_open,
                (unsigned long long)bench.n_readers);
    else
        puts(text);
    free(bench.readers);
    free(bench.ids);
    free(bench.seqs);
    buf_deinit(&bench.jobs);
    buf_deinit(&bench.commands);
    samples_deinit(&bench.late);
    cpu_meter_deinit(&bench.cpu);
    return bench.fault ? EXIT_FAILURE : EXIT_SUCCESS;
}
