/* Follows a job's events to the terminal one, over as many connections as it takes.
 *
 * One struct following lives for the call. Each event is one line of NDJSON; `after` is the number
 * of the last one printed, and every new connection asks for what comes behind it, so nothing is
 * lost or seen twice whatever breaks. Until the job's id is known the submission itself is
 * repeated: its idempotency key makes that the same job. It gives up when no event and no heartbeat
 * came for GIVE_UP_MS, at once when the very first connection is refused, and when the door
 * refuses. Ctrl-C leaves the job running. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/view.h"
#include "clock.h"
#include "event.h"
#include "fetch.h"
#include "id.h"
#include "json.h"
#include "loop.h"

#define GIVE_UP_MS 120000
#define FIRST_PAUSE_MS 100
#define MAX_PAUSE_MS 5000
/* The door sends something every 10 s. */
#define SILENCE_MS 35000
#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)
#define MAX_LINE_BYTES (16U << 20)

struct following {
    struct cli *cli;
    const struct follow *what;
    struct view *view;
    struct loop_timer pause;
    struct fetch *fetch;
    struct buf line;        /* the bytes behind the last line feed */
    struct buf error;       /* body of an answer that is no stream */
    char id[ID_TEXT_BYTES]; /* "" until known */
    uint64_t after;
    int status; /* of the connection under way */
    bool got_anything;
    int64_t pause_ms, alive_ms;
    int exit; /* -1 while following */
};

static void connect_again(void *arg);

static void stop(struct following *following, int status)
{
    following->exit = status;
    loop_stop(following->cli->loop);
}

static void take_event(struct following *following, const struct json *event, struct span line)
{
    int64_t seq = json_get_integer(event, "seq", 0);
    struct span type = json_get_string(event, "type", "");
    struct span id = json_get_string(event, "job", "");

    if (!following->id[0] && id_valid(id))
        (void)snprintf(following->id, sizeof(following->id), "%s", id.at);
    if (seq > 0 && (uint64_t)seq <= following->after)
        return;
    if (seq > 0)
        following->after = (uint64_t)seq;
    if (following->cli->json)
        fprintf(following->cli->out, "%.*s\n", (int)line.n, line.at);
    else
        view_event(following->view, event);
    /* Who read it has left: head(1) has seen enough. */
    if (fflush(following->cli->out) != 0)
        stop(following, CLI_INTERRUPTED);
    else if (event_is_terminal(type))
        stop(following, span_equal(type, SPAN("job.succeeded")) ? CLI_OK : CLI_NOT_OK);
}

static void take_line(struct following *following, struct span line)
{
    CLEANUP(json_freep) struct json *event = NULL;

    if (line.n == 0 || following->exit >= 0)
        return;
    if (json_parse(line, NULL, &event, NULL) == 0 && json_is(event, JSON_OBJECT)) {
        take_event(following, event, line);
        return;
    }
    fprintf(stderr, "parley: the server sent a line that is no event\n");
    stop(following, CLI_FAILED);
}

static void on_head(struct fetch *fetch, int status, void *arg)
{
    struct following *following = arg;
    struct span id = fetch_header(fetch, "Job-Id");

    following->status = status;
    if (status == 200 && id_valid(id))
        (void)snprintf(following->id, sizeof(following->id), "%.*s", (int)id.n, id.at);
}

static void on_data(struct fetch *fetch, struct span bytes, void *arg)
{
    struct following *following = arg;
    const char *end;
    size_t from = 0;

    (void)fetch;
    following->alive_ms = clock_monotonic_ms();
    following->got_anything = true;
    following->pause_ms = FIRST_PAUSE_MS;
    if (following->status != 200) {
        buf_add_span(&following->error, bytes);
        return;
    }
    buf_add_span(&following->line, bytes);
    while (following->line.n > from &&
           (end = memchr(following->line.at + from, '\n', following->line.n - from))) {
        size_t n = (size_t)(end - following->line.at) - from;

        take_line(following, (struct span){following->line.at + from, n});
        from += n + 1;
    }
    buf_drop(&following->line, from);
}

/* The log has no more to give, so the job had ended before: its record says how. */
static int how_it_ended(struct following *following)
{
    CLEANUP(charp_freep) char *path = xprintf("/v1/jobs/%s", following->id);
    struct answer answer;
    int r = cli_call(following->cli, &(struct call){.method = "GET", .path = path}, &answer);

    if (r == CLI_OK) {
        struct span status = json_get_string(answer.json, "status", "");

        if (!following->cli->json)
            fprintf(following->cli->out, "%s has ended: %s\n", following->id, status.at);
        r = span_equal(status, SPAN("succeeded")) ? CLI_OK : CLI_NOT_OK;
    }
    answer_deinit(&answer);
    return r;
}

static void on_done(struct fetch *fetch, const struct fetch_result *result, void *arg)
{
    struct following *following = arg;
    int64_t silent_ms = clock_monotonic_ms() - following->alive_ms;

    (void)fetch;
    following->fetch = NULL;
    if (following->exit >= 0)
        return;
    if (result->outcome == 0 && result->status == 204) {
        stop(following, CLI_OK);
        return;
    }
    if (result->outcome == 0 && result->status != 200 && result->status != 503) {
        stop(following, cli_refused(following->cli, result->status, buf_span(&following->error)));
        return;
    }
    if ((result->outcome == -ECONNREFUSED && !following->got_anything) || silent_ms > GIVE_UP_MS) {
        fprintf(stderr, "parley: %s cannot be reached: %s\n", following->cli->url,
                result->outcome ? result->error.message : "unavailable");
        stop(following, CLI_UNREACHABLE);
        return;
    }
    loop_timer_set(&following->pause, following->pause_ms);
    following->pause_ms =
        following->pause_ms * 2 < MAX_PAUSE_MS ? following->pause_ms * 2 : MAX_PAUSE_MS;
}

static void connect_again(void *arg)
{
    static const struct fetch_ops ops = {
        .on_head = on_head, .on_data = on_data, .on_done = on_done};
    struct following *following = arg;
    bool submit = !following->id[0];
    CLEANUP(charp_freep)
    char *url = submit ? xprintf("%s/v1/jobs/%s", following->cli->url, following->what->kind)
                       : xprintf("%s/v1/jobs/%s/events?after=%ju", following->cli->url,
                                 following->id, (uintmax_t)following->after);
    CLEANUP(charp_freep) char *bearer = cli_bearer(following->cli);
    struct fetch_header headers[4] = {
        {"Accept", "application/x-ndjson"}
    };
    size_t n_headers = 1;

    if (bearer)
        headers[n_headers++] = (struct fetch_header){"Authorization", bearer};
    if (submit) {
        headers[n_headers++] = (struct fetch_header){"Content-Type", "application/json"};
        headers[n_headers++] =
            (struct fetch_header){"Idempotency-Key", following->what->idempotency_key};
    }

    buf_clear(&following->line);
    buf_clear(&following->error);
    following->status = 0;
    following->fetch = fetch_start(following->cli->fetcher,
                                   &(struct fetch_request){
                                       .method = submit ? "POST" : "GET",
                                       .url = url,
                                       .headers = headers,
                                       .n_headers = n_headers,
                                       .body = submit ? following->what->body : SPAN(""),
                                       .idle_ms = SILENCE_MS,
                                       .total_ms = WEEK_MS,
                                       .max_bytes = SIZE_MAX / 2,
                                   },
                                   &ops, following);
}

static void on_interrupt(void *arg)
{
    struct following *following = arg;

    if (following->id[0])
        fprintf(stderr, "\nparley: the job goes on; to see the rest: parley watch %s --after %ju\n",
                following->id, (uintmax_t)following->after);
    stop(following, CLI_INTERRUPTED);
}

int cli_follow(struct cli *cli, const struct follow *what)
{
    struct following following = {
        .cli = cli,
        .what = what,
        .view = view_new(cli->out, cli->colour, cli->width),
        .after = what->after,
        .pause_ms = FIRST_PAUSE_MS,
        .alive_ms = clock_monotonic_ms(),
        .exit = -1,
    };

    if (what->id)
        (void)snprintf(following.id, sizeof(following.id), "%s", what->id);
    buf_init(&following.line, MAX_LINE_BYTES);
    buf_init(&following.error, 1U << 20);
    loop_timer_init(&following.pause, cli->loop, connect_again, &following);
    loop_on_signal(cli->loop, on_interrupt, &following);
    connect_again(&following);
    loop_run(cli->loop);
    following.fetch = fetch_cancel(following.fetch);
    loop_timer_clear(&following.pause);
    if (following.exit == CLI_OK && following.status == 204)
        following.exit = how_it_ended(&following);
    buf_deinit(&following.line);
    buf_deinit(&following.error);
    following.view = view_free(following.view);
    return following.exit;
}
