/* One question to the door and its whole answer.
 *
 * What is safe to repeat (a GET, a cancel, a submission with its idempotency key) is repeated while
 * the door cannot be reached or says 503, for RETRY_MS in all: a restart of the door is not worth a
 * user's attention. A connection that was refused at the very first attempt is reported at once:
 * there is no server. */
#include <errno.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "clock.h"
#include "error.h"
#include "fetch.h"
#include "json.h"
#include "loop.h"

#define RETRY_MS 10000
#define RETRY_PAUSE_MS 500

struct waiting {
    struct cli *cli;
    struct answer *answer;
    struct fetch_result result;
    bool done;
};

void answer_deinit(struct answer *answer)
{
    buf_deinit(&answer->body);
    answer->json = json_free(answer->json);
}

char *cli_bearer(const struct cli *cli)
{
    return cli->api_key ? xprintf("Bearer %s", cli->api_key) : NULL;
}

void cli_print_body(const struct cli *cli, const struct answer *answer)
{
    struct span body = buf_span(&answer->body);

    fwrite(body.at, 1, body.n, cli->out);
    if (body.n == 0 || body.at[body.n - 1] != '\n')
        fputc('\n', cli->out);
}

static void on_data(struct fetch *fetch, struct span bytes, void *arg)
{
    struct waiting *waiting = arg;

    (void)fetch;
    buf_add_span(&waiting->answer->body, bytes);
}

static void on_done(struct fetch *fetch, const struct fetch_result *result, void *arg)
{
    struct waiting *waiting = arg;

    (void)fetch;
    waiting->result = *result;
    waiting->done = true;
}

static void on_pause_over(void *arg)
{
    bool *over = arg;

    *over = true;
}

static void pause_ms(struct loop *loop, int64_t ms)
{
    struct loop_timer timer;
    bool over = false;

    loop_timer_init(&timer, loop, on_pause_over, &over);
    loop_timer_set(&timer, ms);
    while (!over)
        loop_turn(loop, -1);
    loop_timer_clear(&timer);
}

static void ask_once(struct cli *cli, const struct call *call, struct waiting *waiting)
{
    static const struct fetch_ops ops = {.on_data = on_data, .on_done = on_done};
    CLEANUP(charp_freep) char *url = xprintf("%s%s", cli->url, call->path);
    CLEANUP(charp_freep) char *bearer = cli_bearer(cli);
    struct fetch_header headers[4] = {
        {"Accept", "application/json"}
    };
    size_t n_headers = 1;

    if (bearer)
        headers[n_headers++] = (struct fetch_header){"Authorization", bearer};
    if (call->body.n > 0)
        headers[n_headers++] = (struct fetch_header){"Content-Type", "application/json"};
    if (call->idempotency_key)
        headers[n_headers++] = (struct fetch_header){"Idempotency-Key", call->idempotency_key};
    buf_clear(&waiting->answer->body);
    waiting->done = false;
    (void)fetch_start(cli->fetcher,
                      &(struct fetch_request){
                          .method = call->method,
                          .url = url,
                          .headers = headers,
                          .n_headers = n_headers,
                          .body = call->body,
                      },
                      &ops, waiting);
    while (!waiting->done)
        loop_turn(cli->loop, -1);
}

/* Says the members of a problem (RFC 9457) a person can use, each sentence once. */
static void say_problem(const struct json *problem, int status)
{
    const struct json *errors = json_get(problem, "errors");
    struct span title = json_get_string(problem, "title", "refused");
    struct span detail = json_get_string(problem, "detail", "");

    fprintf(stderr, "parley: %s (%d %s)\n", title.at, status,
            json_get_string(problem, "code", "").at);
    if (detail.n > 0 && !span_equal(detail, title))
        fprintf(stderr, "  %s\n", detail.at);
    for (size_t i = 0; i < json_length(errors); i++) {
        struct span pointer = json_get_string(json_at(errors, i), "pointer", "");
        struct span message = json_get_string(json_at(errors, i), "message", "");

        if (!span_equal(message, detail))
            fprintf(stderr, "  %s%s%s\n", pointer.at, pointer.n > 0 ? ": " : "", message.at);
    }
}

int cli_refused(const struct cli *cli, int status, struct span body)
{
    CLEANUP(json_freep) struct json *problem = NULL;
    int r = json_parse(body, NULL, &problem, NULL);

    if (cli->json && r == 0)
        fprintf(stderr, "%.*s\n", (int)body.n, body.at);
    else if (r == 0 && json_is(problem, JSON_OBJECT))
        say_problem(problem, status);
    else
        fprintf(stderr, "parley: %s answered with status %d\n", cli->url, status);
    if (status == 503)
        return CLI_UNREACHABLE;
    return status >= 400 && status < 500 ? CLI_REFUSED : CLI_FAILED;
}

static bool worth_repeating(const struct call *call, const struct fetch_result *result, bool first)
{
    bool safe = call->idempotency_key || strcmp(call->method, "GET") == 0;

    if (result->outcome == -ECONNREFUSED)
        return !first;
    return safe && (result->outcome != 0 || result->status == 503);
}

int cli_call(struct cli *cli, const struct call *call, struct answer *ret_answer)
{
    struct waiting waiting = {.cli = cli, .answer = ret_answer};
    int64_t until_ms = clock_monotonic_ms() + RETRY_MS;

    *ret_answer = (struct answer){0};
    buf_init(&ret_answer->body, 16U << 20);
    for (bool first = true;; first = false) {
        ask_once(cli, call, &waiting);
        if (!worth_repeating(call, &waiting.result, first) || clock_monotonic_ms() > until_ms)
            break;
        pause_ms(cli->loop, RETRY_PAUSE_MS);
    }
    if (waiting.result.outcome != 0) {
        fprintf(stderr, "parley: %s cannot be reached: %s\n", cli->url,
                waiting.result.error.message);
        return CLI_UNREACHABLE;
    }
    ret_answer->status = waiting.result.status;
    if (ret_answer->status < 200 || ret_answer->status > 299)
        return cli_refused(cli, ret_answer->status, buf_span(&ret_answer->body));
    if (json_parse(buf_span(&ret_answer->body), NULL, &ret_answer->json, NULL) != 0) {
        fprintf(stderr, "parley: %s answered with something that is not JSON\n", cli->url);
        return CLI_FAILED;
    }
    return CLI_OK;
}
