/* parley top: queues, workers and provider slots as they are now, again each second.
 *
 * On a terminal it draws over the last picture until it is interrupted; anywhere else, with --once
 * or --json it prints one. A Redis that is away for a while does not end it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/page.h"
#include "clock.h"
#include "json.h"
#include "kinds.h"
#include "loop.h"
#include "redis.h"
#include "text.h"

#define MAX_KINDS 32
#define EVERY_MS 1000
/* Other screen, no cursor, lines are cut at the right edge; and back. */
#define SCREEN_ON "\033[?1049h\033[?25l\033[?7l"
#define SCREEN_OFF "\033[?7h\033[?25h\033[?1049l"

struct top {
    struct cli *cli;
    struct redis *redis;
    struct json *queues, *limits; /* the last answers; NULL = none yet */
    int64_t at_ms;                /* when they came; 0 = never */
    int64_t before_ms;            /* when the ones before came; 0 = there were none */
    struct json *before;          /* queues then */
    struct loop_timer timer;
    bool due, stopped;
};

/* ---- asking ---- */

static int ask_queues(struct top *top, struct json **ret_queues)
{
    const char *words[4 + MAX_KINDS] = {"FCALL_RO", "parley1_top"};
    char streams[MAX_KINDS][64], count[8];
    size_t n = 0;

    for (const struct embedded *file = schema_files; file->name && n < MAX_KINDS; file++, n++) {
        (void)snprintf(streams[n], sizeof(streams[n]), "%s.requests", file->name);
        words[3 + n] = streams[n];
    }
    (void)snprintf(count, sizeof(count), "%zu", n);
    words[2] = count;
    return cli_ask(top->cli, top->redis, words, ret_queues);
}

static int look(struct top *top)
{
    const char *const words[] = {"FCALL_RO", "parley1_limits", "0", NULL};
    CLEANUP(json_freep) struct json *queues = NULL, *limits = NULL;
    int r = ask_queues(top, &queues);

    if (r == CLI_OK)
        r = cli_ask(top->cli, top->redis, words, &limits);
    if (r != CLI_OK)
        return r;
    json_free(top->before);
    top->before = STEAL(top->queues);
    top->before_ms = top->at_ms;
    top->at_ms = clock_monotonic_ms();
    top->queues = STEAL(queues);
    json_free(top->limits);
    top->limits = STEAL(limits);
    return CLI_OK;
}

/* ---- drawing ---- */

static bool add_one(const char *key, const struct json *value, void *arg)
{
    (void)key;
    *(int64_t *)arg += json_integer(value);
    return true;
}

static int64_t n_ended(const struct json *queue)
{
    int64_t n = 0;

    json_each(json_get(queue, "ended"), add_one, &n);
    return n;
}

static void draw_queue(const struct top *top, const struct page *page, size_t i)
{
    const struct json *queue = json_at(top->queues, i), *ended = json_get(queue, "ended");
    int64_t open = json_get_integer(queue, "open", 0);
    int64_t running = json_get_integer(queue, "running", 0);
    int64_t delayed = json_get_integer(queue, "delayed", 0);
    struct buf row;

    buf_init(&row, 1024);
    buf_addf(&row, "%-14s %7" PRId64 " %7" PRId64, json_get_string(queue, "kind", "").at, open,
             open - running - delayed);
    buf_addf(&row, " %7" PRId64 " %7" PRId64, running, delayed);
    buf_addf(&row, " %7" PRId64 " %9" PRId64, json_get_integer(queue, "dead", 0),
             json_get_integer(ended, "succeeded", 0));
    buf_addf(&row, " %7" PRId64, json_get_integer(ended, "failed", 0));
    if (top->before_ms > 0)
        buf_addf(&row, " %8.1f",
                 1000.0 * (double)(n_ended(queue) - n_ended(json_at(top->before, i))) /
                     (double)(top->at_ms - top->before_ms));
    else
        buf_addf(&row, " %8s", "-");
    page_row(page, (struct margin){0}, PAGE_PLAIN, buf_span(&row));
    buf_deinit(&row);
}

static const char *worker_state(const struct json *worker)
{
    if (!json_get_bool(worker, "alive", false))
        return "not heard";
    if (json_get_integer(worker, "jobs", 0) == 0)
        return "free";
    return json_get_bool(worker, "hungry", false) ? "working" : "full";
}

static void draw_worker(const struct page *page, const struct json *queue,
                        const struct json *worker)
{
    char idle[PAGE_DURATION_BYTES];
    struct buf row;

    buf_init(&row, 1024);
    buf_addf(&row, "%-32s %-14s", json_get_string(worker, "name", "").at,
             json_get_string(queue, "kind", "").at);
    buf_addf(&row, " %6" PRId64 " %9s  %s", json_get_integer(worker, "jobs", 0),
             json_has(worker, "idle_ms")
                 ? page_duration(json_get_integer(worker, "idle_ms", 0), idle)
                 : "-",
             worker_state(worker));
    page_row(page, (struct margin){0},
             json_get_bool(worker, "alive", false) ? PAGE_PLAIN : PAGE_RED, buf_span(&row));
    buf_deinit(&row);
}

static void draw(const struct top *top, FILE *out)
{
    const struct page page = {out, top->cli->colour, top->cli->width};
    char head[128];

    (void)snprintf(head, sizeof(head), "%-14s %7s %7s %7s %7s %7s %9s %7s %8s", "KIND", "OPEN",
                   "WAITING", "RUNNING", "DELAYED", "DEAD", "SUCCEEDED", "FAILED", "ENDS/S");
    page_row(&page, (struct margin){0}, PAGE_BOLD, span_of(head));
    for (size_t i = 0; i < json_length(top->queues); i++)
        draw_queue(top, &page, i);
    (void)snprintf(head, sizeof(head), "%-32s %-14s %6s %9s  %s", "WORKER", "KIND", "JOBS", "IDLE",
                   "STATE");
    fputc('\n', out);
    page_row(&page, (struct margin){0}, PAGE_BOLD, span_of(head));
    for (size_t i = 0; i < json_length(top->queues); i++) {
        const struct json *queue = json_at(top->queues, i), *workers = json_get(queue, "workers");
        for (size_t j = 0; j < json_length(workers); j++)
            draw_worker(&page, queue, json_at(workers, j));
    }
    fputc('\n', out);
    limits_print(&page, top->limits);
}

static void print_json(const struct top *top)
{
    CLEANUP(json_freep) struct json *object = json_object();

    json_set(object, "queues", json_copy(top->queues));
    json_set(object, "providers", json_copy(top->limits));
    CLEANUP(charp_freep) char *text = json_text(object);
    fprintf(top->cli->out, "%s\n", text);
}

static size_t screen_height(FILE *out)
{
    struct winsize size;

    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : 24;
}

/* Over the last picture, without a moment of emptiness. */
static void redraw(const struct top *top)
{
    FILE *out = top->cli->out;
    char *text = NULL;
    size_t n = 0, n_lines = screen_height(out) - 1;
    FILE *memory = open_memstream(&text, &n);

    if (!memory)
        return;
    draw(top, memory);
    (void)fclose(memory);
    struct span rest = {text, n}, line;
    fputs("\033[H", out);
    while (n_lines-- > 0 && rest.n > 0 && text_next(&rest, '\n', &line))
        fprintf(out, "%.*s\033[K\n", (int)line.n, line.at);
    fputs("\033[J", out);
    free(text);
}

/* ---- the command ---- */

static void on_due(void *arg)
{
    struct top *top = arg;

    top->due = true;
}

static void on_stop(void *arg)
{
    struct top *top = arg;

    top->stopped = true;
}

static int live(struct top *top)
{
    FILE *out = top->cli->out;

    loop_on_signal(top->cli->loop, on_stop, top);
    loop_timer_init(&top->timer, top->cli->loop, on_due, top);
    fputs(SCREEN_ON "\033[2J", out);
    while (!top->stopped) {
        loop_timer_set(&top->timer, EVERY_MS);
        top->due = false;
        if (look(top) == CLI_OK)
            redraw(top);
        if (fflush(out) != 0)
            break;
        while (!top->due && !top->stopped)
            loop_turn(top->cli->loop, -1);
    }
    loop_timer_clear(&top->timer);
    fputs(SCREEN_OFF, out);
    return CLI_OK;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    struct top top = {.cli = cli, .redis = redis_new(cli->loop, cli->redis)};
    bool once = arguments->values[CLI_OPTION_ONCE] || cli->json || !isatty(fileno(cli->out));
    int r = once ? look(&top) : live(&top);

    if (r == CLI_OK && cli->json)
        print_json(&top);
    else if (r == CLI_OK && once)
        draw(&top, cli->out);
    json_free(top.queues);
    json_free(top.before);
    json_free(top.limits);
    top.redis = redis_free(top.redis);
    return r;
}

const struct command command_top = {
    .name = "top",
    .operands = "",
    .options = 1U << CLI_OPTION_ONCE,
    .summary = "Show queues, workers and provider slots, live",
    .help =
        "Reads Redis itself (PARLEY_REDIS), again each second until it is interrupted; once where "
        "standard\n"
        "output is no terminal, with --once and with --json. ENDS/S is how many jobs ended a "
        "second. IDLE is\n"
        "since the worker last took or kept a job; one that is not heard has lost its connection "
        "or is dead.\n",
    .run = run,
};
