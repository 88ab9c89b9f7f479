/* bench-poststream: posts jobs over N keep-alive connections, each one job at a time, and reads the
 * events of each to its end. Knows nothing of the server but a port, a path and the names of two
 * events, so that the same program loads Parley and whatever it is compared with.
 *
 * First a warm-up that counts for nothing, then the window: latencies, jobs and CPU time of the
 * processes named are those of jobs that ended in it. Streams open at its end are read on, so that
 * one that loses its end is seen. Prints one line of JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client.h"
#include "clock.h"
#include "figures.h"
#include "json.h"
#include "options.h"
#include "text.h"

#define CLIENTS_MAX 4096
#define ERRORS_MAX 100
/* How often streams that hang are looked for. */
#define LOOK_MS 100

struct bench {
    struct client_plan plan;
    struct buf request;
    const char *path, *body;
    uint64_t port, n_clients, warmup_ms, window_ms, stall_ms;
    struct cpu_meter cpu;
    /* the run */
    int epoll;
    struct client *clients;
    bool counting, closing;
    int64_t begun_us, ended_us;
    struct samples first, progress, done;
    uint64_t n_missed, n_errors;
    const char *fault; /* why the run cannot go on */
};

/* ---- the run ---- */

static void enlist(struct bench *bench, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

    if (epoll_ctl(bench->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
        bench->fault = "epoll_ctl failed";
}

static void replace(struct bench *bench, struct client *client)
{
    if (client_reconnect(client) < 0)
        bench->fault = "cannot connect";
    else
        enlist(bench, client);
}

static void count(struct bench *bench, const struct client *client)
{
    const struct client_job *job = &client->job;

    if (job->fault) {
        if (bench->n_errors++ == 0)
            fprintf(stderr, "bench-poststream: %s\n", job->fault);
        if (bench->n_errors == ERRORS_MAX)
            bench->fault = "too many errors";
        return;
    }
    if (!bench->counting && !bench->closing)
        return;
    if (!client_job_complete(client))
        bench->n_missed++;
    if (bench->closing || !job->done_us)
        return;
    samples_add(&bench->first, job->first_us - job->posted_us);
    samples_add(&bench->done, job->done_us - job->posted_us);
    if (job->progress_us)
        samples_add(&bench->progress, job->progress_us - job->posted_us);
}

/* The answer is over, for better or worse. */
static void go_on(struct bench *bench, struct client *client)
{
    count(bench, client);
    if (client->job.fault)
        replace(bench, client);
    if (!bench->closing && !bench->fault)
        client_post(client);
}

/* A stream that lost its end would wait for ever. */
static void drop_stalled(struct bench *bench)
{
    int64_t limit_us = clock_monotonic_us() - (int64_t)bench->stall_ms * 1000;

    for (uint64_t i = 0; i < bench->n_clients && !bench->fault; i++) {
        struct client *client = &bench->clients[i];

        if (client->busy && client->job.posted_us < limit_us) {
            client->busy = false;
            count(bench, client);
            replace(bench, client);
            if (!bench->closing && !bench->fault)
                client_post(client);
        }
    }
}

static bool any_busy(const struct bench *bench)
{
    for (uint64_t i = 0; i < bench->n_clients; i++)
        if (bench->clients[i].busy)
            return true;
    return false;
}

static void turn(struct bench *bench, int64_t max_ms)
{
    struct epoll_event events[64];
    int n = epoll_wait(bench->epoll, events, ARRAY_SIZE(events),
                       (int)(max_ms < LOOK_MS ? max_ms : LOOK_MS));

    for (int i = 0; i < n && !bench->fault; i++) {
        struct client *client = events[i].data.ptr;

        client_read(client);
        if (!client->busy)
            go_on(bench, client);
    }
}

static void run_for(struct bench *bench, uint64_t ms, bool (*wanted)(const struct bench *))
{
    int64_t end_ms = clock_monotonic_ms() + (int64_t)ms, looked_ms = clock_monotonic_ms();

    while (!bench->fault && (!wanted || wanted(bench))) {
        int64_t now_ms = clock_monotonic_ms();

        if (now_ms >= end_ms)
            return;
        turn(bench, end_ms - now_ms);
        if (now_ms - looked_ms >= LOOK_MS) {
            drop_stalled(bench);
            looked_ms = now_ms;
        }
    }
}

static void connect_all(struct bench *bench)
{
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    bench->clients = xcalloc(bench->n_clients, sizeof(*bench->clients));
    for (uint64_t i = 0; i < bench->n_clients && !bench->fault; i++) {
        if (client_init(&bench->clients[i], &bench->plan) < 0)
            bench->fault = "cannot connect";
        else
            enlist(bench, &bench->clients[i]);
    }
    for (uint64_t i = 0; i < bench->n_clients && !bench->fault; i++) {
        client_post(&bench->clients[i]);
        if (!bench->clients[i].busy)
            go_on(bench, &bench->clients[i]);
    }
}

static void run(struct bench *bench)
{
    connect_all(bench);
    run_for(bench, bench->warmup_ms, NULL);
    if (cpu_meter_begin(&bench->cpu) < 0)
        bench->fault = "a process named by --pid is not there";
    bench->counting = true;
    bench->begun_us = clock_monotonic_us();
    run_for(bench, bench->window_ms, NULL);
    bench->ended_us = clock_monotonic_us();
    if (cpu_meter_end(&bench->cpu) < 0)
        bench->fault = "a process named by --pid has ended";
    bench->counting = false;
    bench->closing = true;
    run_for(bench, bench->stall_ms + 2 * LOOK_MS, any_busy);
}

static void print(struct bench *bench)
{
    CLEANUP(json_freep) struct json *json = json_object();
    double seconds = (double)(bench->ended_us - bench->begun_us) / 1e6;
    size_t n_jobs = bench->done.n;

    json_set_integer(json, "clients", (int64_t)bench->n_clients);
    json_set_integer(json, "jobs", (int64_t)n_jobs);
    json_set_number(json, "seconds", seconds);
    json_set_number(json, "jobs_per_s", (double)n_jobs / seconds);
    json_set(json, "first_event_ms", samples_json(&bench->first));
    json_set(json, "first_progress_ms", samples_json(&bench->progress));
    json_set(json, "done_ms", samples_json(&bench->done));
    json_set(json, "cpu_ms_per_job", cpu_meter_json(&bench->cpu, n_jobs));
    json_set_integer(json, "missed", (int64_t)bench->n_missed);
    json_set_integer(json, "errors", (int64_t)bench->n_errors);
    char *text CLEANUP(charp_freep) = json_text(json);
    puts(text);
}

/* ---- the command line ---- */

static const char usage[] =
    "usage: bench-poststream --port PORT [OPTION…]\n\n"
    "  --port PORT         of the server on 127.0.0.1\n"
    "  --path PATH         to post to (default /v1/jobs/probe)\n"
    "  --body JSON         what to post (default {\"events\":5,\"delay_ms\":0})\n"
    "  --progress NAME     event that is counted (default job.progress); its \"done\" counts from "
    "1\n"
    "  --events N          how many of them a stream must have (default 5)\n"
    "  --end NAME          event that ends a stream (default job.succeeded)\n"
    "  --clients N         connections (default 1)\n"
    "  --warmup-ms N       not measured (default 1000)\n"
    "  --window-ms N       measured (default 5000)\n"
    "  --stall-ms N        a stream not over by then has lost its end (default 5000)\n"
    "  --pid NAME=PID      measure the CPU time of this process; may be repeated\n";

#define ROW(name, type, member, max)                                                               \
    {                                                                                              \
        name, type, offsetof(struct bench, member), max                                            \
    }
static const struct option_row rows[] = {
    ROW("--port", OPTION_NUMBER, port, UINT16_MAX),
    ROW("--path", OPTION_TEXT, path, 0),
    ROW("--body", OPTION_TEXT, body, 0),
    ROW("--progress", OPTION_TEXT, plan.progress, 0),
    ROW("--events", OPTION_NUMBER, plan.n_expected, 10000),
    ROW("--end", OPTION_TEXT, plan.end, 0),
    ROW("--clients", OPTION_NUMBER, n_clients, CLIENTS_MAX),
    ROW("--warmup-ms", OPTION_NUMBER, warmup_ms, 3600000),
    ROW("--window-ms", OPTION_NUMBER, window_ms, 3600000),
    ROW("--stall-ms", OPTION_NUMBER, stall_ms, 3600000),
    ROW("--pid", OPTION_PID, cpu, 0),
};

static void write_request(struct bench *bench)
{
    bench->plan.port = (uint16_t)bench->port;
    buf_init(&bench->request, 1u << 20);
    buf_addf(&bench->request,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: text/event-stream\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             bench->path, (unsigned)bench->port, strlen(bench->body), bench->body);
    bench->plan.request = buf_span(&bench->request);
}

static void clear(struct bench *bench)
{
    for (uint64_t i = 0; bench->clients && i < bench->n_clients; i++)
        client_deinit(&bench->clients[i]);
    free(bench->clients);
    buf_deinit(&bench->request);
    samples_deinit(&bench->first);
    samples_deinit(&bench->progress);
    samples_deinit(&bench->done);
    cpu_meter_deinit(&bench->cpu);
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .plan = {.progress = "job.progress", .end = "job.succeeded", .n_expected = 5},
        .path = "/v1/jobs/probe",
        .body = "{\"events\":5,\"delay_ms\":0}",
        .n_clients = 1,
        .warmup_ms = 1000,
        .window_ms = 5000,
        .stall_ms = 5000
    };

    if (!options_read(rows, ARRAY_SIZE(rows), &bench, argc, argv) || bench.port == 0 ||
        bench.n_clients == 0) {
        fputs(usage, stderr);
        return 2;
    }
    write_request(&bench);
    run(&bench);
    if (bench.fault)
        fprintf(stderr, "bench-poststream: %s\n", bench.fault);
    else
        print(&bench);
    clear(&bench);
    return bench.fault ? EXIT_FAILURE : EXIT_SUCCESS;
}
