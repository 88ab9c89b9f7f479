/* bench-slots: what the provider limiter loses between two calls.
 *
 * Some worker processes, each with a real end of the limiter (workers/slots.c), share four
 * providers with limits 20, 20, 50 and 50 over a real Redis. A call is a timer: what is measured is
 * the time from the end of one call to the beginning of the next one in its slot, not curl and not
 * a provider. Each process has a number of calls wanted at any time, eight to a flow, and asks for
 * the next when one ends. Every call's times go into memory the processes share; the parent adds
 * them up: how many were open at once at most, and on average while at least one was waiting. One
 * line of JSON. */
#include <errno.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "job.h"
#include "loop.h"
#include "provider.h"
#include "redis.h"
#include "slots.h"
#include "text.h"

#define N_PROVIDERS 4
#define MAX_CALLS 1000000
#define MAX_WORKERS 64
#define CALLS_A_FLOW 8
#define READY_POLL_MS 1

static const struct {
    const char *name, *key, *limit_key, *limit_text;
    unsigned limit;
} providers[N_PROVIDERS] = {
    {"anthropic", "ANTHROPIC_API_KEY", "PARLEY_ANTHROPIC_CONCURRENCY", "20", 20},
    {"openai",    "OPENAI_API_KEY",    "PARLEY_OPENAI_CONCURRENCY",    "20", 20},
    {"groq",      "GROQ_API_KEY",      "PARLEY_GROQ_CONCURRENCY",      "50", 50},
    {"xai",       "XAI_API_KEY",       "PARLEY_XAI_CONCURRENCY",       "50", 50},
};

struct options {
    const char *redis;
    uint64_t n_calls, call_ms, n_workers, n_wanted;
};

struct record {
    unsigned provider;
    int64_t asked_us, begun_us, ended_us;
};

/* Shared by all processes. */
struct board {
    atomic_uint n_ready;
    atomic_ulong n_taken;
    struct record records[];
};

struct worker {
    const struct options *options;
    struct board *board;
    struct loop *loop;
    struct redis *redis, *hints;
    struct redis_channel *channel;
    struct slots *slots;
    struct loop_timer poll;
    uint64_t n_open, n_asked;
    bool counted;
};

struct call {
    struct worker *worker;
    struct record *record;
    struct slot *slot;
    struct loop_timer timer;
};

/* ---- a worker ---- */

static void ask_next(struct worker *worker);

static void on_ended(void *arg)
{
    struct call *call = arg;
    struct worker *worker = call->worker;

    call->record->ended_us = clock_monotonic_us();
    call->slot = slots_release(call->slot, SLOT_OK, -1, 0);
    loop_timer_clear(&call->timer);
    free(call);
    worker->n_open--;
    ask_next(worker);
    if (worker->n_open == 0 && redis_pending(worker->redis) == 0)
        loop_stop(worker->loop);
    else if (worker->n_open == 0)
        loop_timer_set(&worker->poll, READY_POLL_MS);
}

static void on_granted(void *arg)
{
    struct call *call = arg;

    call->record->begun_us = clock_monotonic_us();
    loop_timer_set(&call->timer, (int64_t)call->worker->options->call_ms);
}

static void on_lost(void *arg)
{
    (void)arg;
    fprintf(stderr, "bench-slots: a slot was lost: Redis is too slow for this\n");
    exit(EXIT_FAILURE);
}

static const struct slot_ops slot_ops = {on_granted, NULL, on_lost};

/* Providers by turns in the proportion of their limits, so that all have work to the end. */
static unsigned provider_of(uint64_t n)
{
    static const unsigned turn[] = {2, 3, 0, 2, 3, 1, 2, 3, 0, 2, 3, 1, 2, 3};

    return turn[n % ARRAY_SIZE(turn)];
}

static void ask_next(struct worker *worker)
{
    struct board *board = worker->board;
    char flow[64];

    while (worker->n_open < worker->options->n_wanted) {
        uint64_t n = atomic_fetch_add(&board->n_taken, 1);
        if (n >= worker->options->n_calls)
            return;
        struct call *call = xcalloc(1, sizeof(*call));
        call->worker = worker;
        call->record = &board->records[n];
        call->record->provider = provider_of(n);
        call->record->asked_us = clock_monotonic_us();
        loop_timer_init(&call->timer, worker->loop, on_ended, call);
        (void)snprintf(flow, sizeof(flow), "%d-%llu", getpid(),
                       (unsigned long long)(worker->n_asked++ / CALLS_A_FLOW));
        call->slot = slots_acquire(worker->slots, providers[call->record->provider].name, flow, 1,
                                   &slot_ops, call);
        worker->n_open++;
    }
}

/* Waits for the others at the start, and at the end until all was given back. */
static void on_poll(void *arg)
{
    struct worker *worker = arg;

    if (worker->n_asked > 0 && worker->n_open == 0 && redis_pending(worker->redis) == 0)
        loop_stop(worker->loop);
    else if (worker->n_asked == 0 &&
             atomic_load(&worker->board->n_ready) == worker->options->n_workers)
        ask_next(worker);
    if (worker->n_asked == 0 || worker->n_open == 0)
        loop_timer_set(&worker->poll, READY_POLL_MS);
}

static void on_hints_ready(void *arg)
{
    struct worker *worker = arg;

    slots_beat(worker->slots);
    if (!worker->counted)
        atomic_fetch_add(&worker->board->n_ready, 1);
    worker->counted = true;
    loop_timer_set(&worker->poll, READY_POLL_MS);
}

static void on_hint(struct span message, void *arg)
{
    const struct worker *worker = arg;
    struct span rest = message, verb = {0}, provider = {0};

    if (text_next(&rest, ' ', &verb) && text_next(&rest, ' ', &provider))
        slots_hint(worker->slots, provider, rest);
}

static void on_connect(struct redis *redis, void *arg)
{
    (void)arg;
    job_prepare(redis);
}

static int work(const struct options *options, struct board *board, unsigned n)
{
    struct provider_set *set CLEANUP(provider_set_freep) = NULL;
    char *name CLEANUP(charp_freep) = xprintf("bench:%u", n);
    char *channel CLEANUP(charp_freep) = xprintf("w:%s", name);
    struct worker worker = {.options = options, .board = board, .loop = loop_new()};

    if (provider_set_new(&set) < 0)
        return EXIT_FAILURE;
    worker.redis = redis_new(worker.loop, options->redis);
    worker.hints = redis_new(worker.loop, options->redis);
    redis_on_connect(worker.redis, on_connect, NULL);
    worker.slots = slots_new(worker.loop, worker.redis, name, set);
    worker.channel = redis_subscribe(worker.hints, channel, on_hints_ready, on_hint, &worker);
    loop_timer_init(&worker.poll, worker.loop, on_poll, &worker);
    loop_run(worker.loop);
    loop_timer_clear(&worker.poll);
    redis_unsubscribe(worker.channel);
    redis_free(worker.hints);
    slots_free(worker.slots);
    redis_free(worker.redis);
    loop_free(worker.loop);
    return EXIT_SUCCESS;
}

/* ---- adding up ---- */

struct change {
    int64_t at_us;
    int open, waiting;
};

static int compare_changes(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->open - y->open; /* ends before beginnings of the same microsecond */
}

struct sum {
    int most_open;
    int64_t waited_us; /* time in which a call waited */
    double open_us;    /* calls open in it, times its length */
    double idle_us;    /* per call, from an end to the next beginning in a slot */
    uint64_t n_calls;
};

static void add_up(const struct options *options, const struct board *board, unsigned provider,
                   struct sum *sum)
{
    struct change *changes = xcalloc(options->n_calls * 3, sizeof(*changes));
    int open = 0, waiting = 0;
    size_t n = 0;

    for (size_t i = 0; i < options->n_calls; i++) {
        const struct record *record = &board->records[i];
        if (record->provider != provider)
            continue;
        changes[n++] = (struct change){record->asked_us, 0, 1};
        changes[n++] = (struct change){record->begun_us, 1, -1};
        changes[n++] = (struct change){record->ended_us, -1, 0};
        sum->n_calls++;
    }
    qsort(changes, n, sizeof(*changes), compare_changes);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && waiting > 0) {
            sum->waited_us += changes[i].at_us - changes[i - 1].at_us;
            sum->open_us += (double)open * (double)(changes[i].at_us - changes[i - 1].at_us);
        }
        open += changes[i].open;
        waiting += changes[i].waiting;
        if (open > sum->most_open)
            sum->most_open = open;
    }
    free(changes);
}

/* Share of all slots in use, weighted by the slots. */
static void print(const struct options *options, const struct board *board)
{
    struct rusage usage = {0};
    double open = 0, possible = 0;

    printf("{\"providers\":[");
    for (unsigned i = 0; i < N_PROVIDERS; i++) {
        struct sum sum = {0};
        add_up(options, board, i, &sum);
        open += sum.open_us;
        possible += (double)sum.waited_us * providers[i].limit;
        printf(
            "%s{\"provider\":\"%s\",\"limit\":%u,\"calls\":%llu,\"most_open\":%d,\"average\":%.2f}",
            i ? "," : "", providers[i].name, providers[i].limit, (unsigned long long)sum.n_calls,
            sum.most_open, sum.waited_us ? sum.open_us / (double)sum.waited_us : 0);
    }
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    double cpu_us = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("],\"in_use\":%.4f,\"worker_us_a_call\":%.1f}\n", possible > 0 ? open / possible : 0,
           cpu_us / (double)options->n_calls);
}

/* ---- the entry ---- */

static int run(const struct options *options)
{
    size_t n_bytes = sizeof(struct board) + options->n_calls * sizeof(struct record);
    struct board *board =
        mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[MAX_WORKERS];
    bool good = board != MAP_FAILED;

    for (unsigned i = 0; good && i < options->n_workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(work(options, board, i));
    }
    for (unsigned i = 0; good && i < options->n_workers; i++) {
        int status = 0;
        good = waitpid(pids[i], &status, 0) == pids[i] && status == 0;
    }
    if (!good) {
        fprintf(stderr, "bench-slots: a worker failed\n");
        return EXIT_FAILURE;
    }
    print(options, board);
    return EXIT_SUCCESS;
}

static int read_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    if (text_to_u64(span_of(text), max, ret_number) == 0 && *ret_number > 0)
        return 0;
    fprintf(stderr, "bench-slots: not a number from 1 to %llu: %s\n", (unsigned long long)max,
            text);
    return -EINVAL;
}

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option rows[] = {
        {"redis",            required_argument, NULL, 'r'},
        {"calls",              required_argument, NULL, 'c'},
        {"ms",                  required_argument, NULL, 'm'},
        {"workers",required_argument, NULL, 'w'},
        {"wanted",               required_argument, NULL, 'n'},
        {0              },
    };
    int c, r = 0;

    while (r == 0 && (c = getopt_long(argc, argv, "", rows, NULL)) != -1) {
        switch (c) {
        case 'r': options->redis = optarg; break;
        case 'c': r = read_number(optarg, MAX_CALLS, &options->n_calls); break;
        case 'm': r = read_number(optarg, 60000, &options->call_ms); break;
        case 'w': r = read_number(optarg, MAX_WORKERS, &options->n_workers); break;
        case 'n': r = read_number(optarg, 10000, &options->n_wanted); break;
        default: r = -EINVAL; break;
        }
    }
    return r == 0 && options->redis ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    struct options options = {.n_calls = 5000, .call_ms = 20, .n_workers = 4, .n_wanted = 128};

    if (parse(argc, argv, &options) < 0)
        return 2;
    for (size_t i = 0; i < N_PROVIDERS; i++) {
        (void)setenv(providers[i].key, "none", 1);
        (void)setenv(providers[i].limit_key, providers[i].limit_text, 1);
    }
    return run(&options);
}
