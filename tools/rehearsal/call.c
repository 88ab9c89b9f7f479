/* One call: waits for its first byte's time, then speaks at its pace, then ends; or does what its
 * rule says.
 *
 * A call is owned by its exchange's user pointer: it frees itself when it ends the exchange or when
 * the exchange tells that the caller left. `next` is what its one timer does; a call that hangs
 * has no timer and lives until the caller leaves. When a piece is due follows from when the first
 * was given, not from the piece before it, so that a busy process does not slow the stream down.
 * Every end passes through finish(), which closes the row of the bill. */
#include "call.h"

#include <stdio.h>
#include <stdlib.h>

#include "bill.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "loop.h"
#include "script.h"
#include "speech.h"
#include "text.h"
#include "wire.h"

/* Events are bundled like the real providers do; the worker bundles further. */
#define TOKENS_PER_PIECE 4
#define MAX_TOKEN_BYTES 8
#define MAX_ANSWER_BYTES (1U << 20)
#define NEVER INT64_MAX
/* In a script's text: becomes the time at which it is given. */
#define TIME_MARK "@@@@@@@@"
#define TIME_MARK_WRAPS 100000000

struct call {
    const struct stage *stage;      /* borrowed from main */
    struct http_exchange *exchange; /* borrowed from the server; NULL once it ended */
    struct ask ask;
    struct answer answer;
    struct json *rule; /* owned; NULL = none */
    uint64_t row;      /* of the bill */
    struct loop_timer timer;
    void (*next)(struct call *call);
    struct buf unsent; /* refused by the engine, waits for the drain */
    double tokens_per_second;
    int64_t first_us;                           /* when the first piece was given */
    int64_t n_pieces;                           /* given so far */
    struct span rest;                           /* of the answer's text, not given yet */
    int64_t hang_after, cut_after, break_after; /* pieces; NEVER = not */
    int64_t flood;                              /* bytes of it not given yet */
};

static void call_free(void *arg)
{
    struct call *call = arg;

    loop_timer_clear(&call->timer);
    json_free(call->rule);
    ask_deinit(&call->ask);
    buf_deinit(&call->answer.text);
    buf_deinit(&call->unsent);
    free(call);
}

/* The exchange has been ended by us, or by the caller. */
static void finish(struct call *call, enum call_end end)
{
    call->exchange = NULL;
    loop_timer_clear(&call->timer);
    bill_end(call->stage->bill, call->row, call->ask.provider, end);
    loop_free_later(call->stage->loop, call, call_free);
}

static void on_caller_left(void *user)
{
    finish(user, CALL_LEFT);
}

static void on_timer(void *arg)
{
    struct call *call = arg;

    call->next(call);
}

static void at(struct call *call, int64_t ms, void (*next)(struct call *call))
{
    call->next = next;
    loop_timer_set(&call->timer, ms > 0 ? ms : 0);
}

static void speak(struct call *call);

static void on_drain(void *user)
{
    struct call *call = user;

    call->next(call);
}

/* Sends the bytes that wait; false when they still have to. */
static bool send_unsent(struct call *call)
{
    if (call->unsent.n == 0)
        return true;
    if (http_stream_write(call->exchange, buf_span(&call->unsent)) == SIZE_MAX) {
        http_stream_on_drain(call->exchange, on_drain);
        return false;
    }
    buf_clear(&call->unsent);
    return true;
}

/* One token: a word with the space after it, long words in pieces that keep UTF-8 whole. */
static size_t token_length(struct span rest)
{
    size_t n = 0;

    while (n < rest.n && n < MAX_TOKEN_BYTES && rest.at[n] != ' ' && rest.at[n] != '\n')
        n++;
    while (n < rest.n && ((unsigned char)rest.at[n] & 0xc0) == 0x80)
        n++;
    while (n < rest.n && (rest.at[n] == ' ' || rest.at[n] == '\n'))
        n++;
    return n;
}

static struct span next_piece(struct call *call)
{
    struct span piece = {call->rest.at, 0};

    for (int i = 0; i < TOKENS_PER_PIECE; i++)
        piece.n += token_length((struct span){piece.at + piece.n, call->rest.n - piece.n});
    call->rest.at += piece.n;
    call->rest.n -= piece.n;
    return piece;
}

/* Puts the monotonic clock, in units of 100 us, in the place of the marks in a piece. */
static struct span with_times(struct span piece, struct buf *copy)
{
    char digits[16];

    if (!text_contains(piece, TIME_MARK))
        return piece;
    buf_add_span(copy, piece);
    (void)snprintf(digits, sizeof(digits), "%08lld",
                   (long long)(clock_monotonic_us() / 100 % TIME_MARK_WRAPS));
    for (char *mark = strstr(copy->at, TIME_MARK); mark; mark = strstr(mark, TIME_MARK))
        memcpy(mark, digits, sizeof(TIME_MARK) - 1);
    return buf_span(copy);
}

static void give(struct call *call, struct span piece)
{
    struct buf copy CLEANUP(buf_deinit);

    buf_init(&copy, MAX_ANSWER_BYTES);
    wire_of(&call->ask)->piece(&call->ask, &call->answer, with_times(piece, &copy), &call->unsent);
    call->n_pieces++;
}

/* What the script wants instead of the next piece. true: the stream is over or hangs. */
static bool acted(struct call *call)
{
    if (call->n_pieces >= call->hang_after)
        return true;
    if (call->n_pieces >= call->cut_after) {
        http_cut(call->exchange);
        finish(call, CALL_CUT);
        return true;
    }
    if (call->n_pieces >= call->break_after) {
        wire_of(&call->ask)->broken(&call->unsent);
        (void)http_stream_write(call->exchange, buf_span(&call->unsent));
        http_stream_end(call->exchange);
        finish(call, CALL_ERROR);
        return true;
    }
    return false;
}

/* Microseconds after the first piece at which piece i is due. */
static int64_t due_us(const struct call *call, int64_t i)
{
    if (call->tokens_per_second <= 0)
        return 0;
    return (int64_t)((double)i * TOKENS_PER_PIECE * 1e6 / call->tokens_per_second);
}

static bool is_stopping_piece(const struct call *call)
{
    return call->n_pieces >= call->hang_after || call->n_pieces >= call->cut_after ||
           call->n_pieces >= call->break_after;
}

/* Gives the pieces that are due. */
static void speak(struct call *call)
{
    int64_t now_us = clock_monotonic_us() - call->first_us;

    if (!send_unsent(call))
        return;
    while (call->rest.n > 0 && !is_stopping_piece(call) && due_us(call, call->n_pieces) <= now_us)
        give(call, next_piece(call));
    if (!send_unsent(call) || acted(call))
        return;
    if (call->rest.n > 0) {
        int64_t wait_us = due_us(call, call->n_pieces) - (clock_monotonic_us() - call->first_us);
        at(call, (wait_us + 999) / 1000, speak);
        return;
    }
    wire_of(&call->ask)->end(&call->ask, &call->answer, &call->unsent);
    (void)http_stream_write(call->exchange, buf_span(&call->unsent));
    http_stream_end(call->exchange);
    finish(call, CALL_FINISHED);
}

#define SAYS_REHEARSAL "X-Rehearsal: true\r\n"

static void open_stream(struct call *call)
{
    http_stream_begin(call->exchange, 200, "text/event-stream; charset=utf-8",
                      SAYS_REHEARSAL "Cache-Control: no-cache\r\n");
    wire_of(&call->ask)->begin(&call->ask, &call->answer, &call->unsent);
    call->first_us = clock_monotonic_us();
    call->next = speak;
    speak(call);
}

static void answer_whole(struct call *call)
{
    wire_of(&call->ask)->whole(&call->ask, &call->answer, &call->unsent);
    http_respond(call->exchange, 200, "application/json", SAYS_REHEARSAL, buf_span(&call->unsent));
    finish(call, CALL_FINISHED);
}

static const char *content_type(const struct call *call, const char *usual)
{
    const struct json *type = json_get(call->rule, "content_type");

    return type ? json_string(type).at : usual;
}

static void answer_garbage(struct call *call)
{
    struct span bytes = json_get_string(call->rule, "garbage", "");

    if (bytes.n == 0)
        bytes = SPAN("\x00\xff\xfe{data: \x80\x80 event:\r\r\n]]}not a stream\x01\n\n");
    http_stream_begin(call->exchange, 200, content_type(call, "text/event-stream"), SAYS_REHEARSAL);
    (void)http_stream_write(call->exchange, bytes);
    http_stream_end(call->exchange);
    finish(call, CALL_ERROR);
}

static void pour(struct call *call)
{
    static const char piece[16384] = "data: ";

    while (send_unsent(call)) {
        size_t n = call->flood < (int64_t)sizeof(piece) ? (size_t)call->flood : sizeof(piece);

        if (n == 0) {
            http_stream_end(call->exchange);
            finish(call, CALL_ERROR);
            return;
        }
        buf_add(&call->unsent, piece, n);
        call->flood -= (int64_t)n;
    }
}

static void answer_flood(struct call *call)
{
    http_stream_begin(call->exchange, 200, content_type(call, "text/event-stream"), SAYS_REHEARSAL);
    call->next = pour;
    pour(call);
}

static bool add_header(const char *key, const struct json *value, void *arg)
{
    struct buf *lines = arg;

    /* A line end inside would make two fields; such a rule is a mistake and loses its field. */
    if (json_is(value, JSON_STRING) && !text_contains(json_string(value), "\n") &&
        !text_contains(span_of(key), "\n"))
        buf_addf(lines, "%s: %s\r\n", key, json_string(value).at);
    return true;
}

static void answer_status(struct call *call)
{
    int status = (int)json_get_integer(call->rule, "status", 500);
    const struct json *body = json_get(call->rule, "body");
    struct buf lines;

    buf_init(&lines, 16 << 10);
    buf_add_text(&lines, SAYS_REHEARSAL);
    json_each(json_get(call->rule, "headers"), add_header, &lines);
    if (json_is(body, JSON_STRING))
        buf_add_span(&call->unsent, json_string(body));
    else if (body)
        json_write(body, &call->unsent);
    else
        wire_of(&call->ask)->fault(status, NULL, "The rehearsal's script says so", &call->unsent);
    http_respond(call->exchange, status, content_type(call, "application/json"), lines.at,
                 buf_span(&call->unsent));
    buf_deinit(&lines);
    finish(call, status >= 400 ? CALL_ERROR : CALL_FINISHED);
}

static void refuse(struct call *call, const struct error *error)
{
    wire_of(&call->ask)->fault(400, call->ask.error_type, error->message, &call->unsent);
    http_respond(call->exchange, 400, "application/json", SAYS_REHEARSAL, buf_span(&call->unsent));
    finish(call, CALL_ERROR);
}

static void prepare_answer(struct call *call)
{
    struct answer *answer = &call->answer;
    struct span text = json_get_string(call->rule, "text", "");
    int64_t max_tokens = call->ask.max_tokens > 0 ? call->ask.max_tokens : NEVER;

    answer->created_s = clock_wall_ms() / 1000;
    answer->input_tokens = 4 + (int64_t)(call->ask.system.n + call->ask.prompt.n + 3) / 4;
    if (json_get(call->rule, "text"))
        buf_add_span(&answer->text, text);
    else if (call->ask.format != ASK_EMBEDDINGS)
        speech_write(&call->ask, json_get(call->rule, "member"), &answer->text);
    struct span rest = buf_span(&answer->text);
    while (rest.n > 0 && answer->output_tokens < max_tokens) {
        size_t n = token_length(rest);
        rest.at += n;
        rest.n -= n;
        answer->output_tokens++;
    }
    answer->truncated = rest.n > 0;
    call->rest = buf_span(&answer->text);
    call->rest.n -= rest.n;
    answer->text.n -= rest.n;
    bill_tokens(call->stage->bill, call->row, answer->input_tokens, answer->output_tokens);
}

static int64_t pieces_of(const struct call *call, const char *action)
{
    return json_get_integer(call->rule, action, NEVER);
}

/* When and what: the pace, and the first thing the timer does. */
static void schedule(struct call *call)
{
    const struct stage *stage = call->stage;
    int64_t first_ms =
        stage->first_byte_ms >= 0 ? stage->first_byte_ms : 30 + (int64_t)(call->ask.seed % 31);

    first_ms = json_get_integer(call->rule, "first_byte_ms", first_ms);
    call->tokens_per_second =
        json_get_number(call->rule, "tokens_per_second", stage->tokens_per_second);
    call->hang_after = pieces_of(call, "hang_after_chunks");
    call->cut_after = pieces_of(call, "cut_after_chunks");
    call->break_after = pieces_of(call, "error_after_chunks");
    if (json_get_bool(call->rule, "hang", false))
        return;
    if (json_get(call->rule, "status")) {
        at(call, first_ms, answer_status);
        return;
    }
    call->flood = json_get_integer(call->rule, "flood_bytes", 0);
    if (call->flood > 0) {
        at(call, first_ms, answer_flood);
        return;
    }
    const struct json *garbage = json_get(call->rule, "garbage");
    if (json_is(garbage, JSON_STRING) || json_bool(garbage)) {
        at(call, first_ms, answer_garbage);
        return;
    }
    prepare_answer(call);
    if (call->ask.stream) {
        at(call, first_ms, open_stream);
        return;
    }
    if (call->tokens_per_second > 0)
        first_ms += (int64_t)((double)call->answer.output_tokens * 1000 / call->tokens_per_second);
    at(call, first_ms, answer_whole);
}

void call_begin(const struct stage *stage, enum ask_format format, const char *provider,
                struct http_exchange *exchange)
{
    struct call *call = xcalloc(1, sizeof(*call));
    struct error error = {0};

    call->stage = stage;
    call->exchange = exchange;
    buf_init(&call->unsent, 8 * MAX_ANSWER_BYTES);
    buf_init(&call->answer.text, MAX_ANSWER_BYTES);
    loop_timer_init(&call->timer, stage->loop, on_timer, call);
    int r = ask_init(&call->ask, format, provider, exchange, &error);
    call->row = bill_begin(stage->bill, &call->ask);
    if (r < 0) {
        refuse(call, &error);
        return;
    }
    http_set_user(exchange, call, on_caller_left);
    call->rule = script_rule(stage->script, &call->ask, http_request(exchange)->body);
    schedule(call);
}
