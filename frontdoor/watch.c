/* Readers of a job's events over HTTP.
 *
 * A watch is born in one of two ways: opened (GET: the first reading of the log decides between a
 * stream and an error answer) or prepared (POST: its job is known to be new, so the stream begins
 * before anything is read). From watch_begin() on it belongs to its exchange and ends with it:
 * after the terminal event, when the door drains, or when the client leaves. The cursor moves only
 * over events the engine has taken; a refused write pauses the reader, and the log is read again
 * from the cursor when the client has caught up. So a slow client costs at most the engine's limit
 * of unsent bytes. One that takes nothing at all for as long as the engine's write deadline is hung
 * up with stream.closed{lagged} and its cursor.
 *
 * Heartbeats: BEAT_SLOTS lists, one visited each BEAT_MS / BEAT_SLOTS; a watch stays in one slot.
 */
#include "watch.h"

#include <errno.h>
#include <stdlib.h>

#include "answer.h"
#include "buf.h"
#include "door.h"
#include "event.h"
#include "feed.h"
#include "http.h"
#include "id.h"
#include "job.h"
#include "keyring.h"
#include "text.h"
#include "wire.h"
#include "ws.h"

#define BEAT_MS 10000
#define BEAT_SLOTS 100
/* Several events go out in one write up to this. */
#define WRITE_BYTES (16u << 10)
#define FRAME_MAX_BYTES (16u << 20)
#define HEADERS_MAX_BYTES 2048
#define GAP_MAX_BYTES (128 + ID_TEXT_BYTES + 2 * 20) /* the words, the job, two numbers */

struct watch {
    struct door *door;              /* borrowed */
    struct http_exchange *exchange; /* NULL before it begins and after it ended */
    struct feed_reader reader;
    const struct caller *caller; /* borrowed: lives as long as the door */
    enum terms_format format : 8;
    bool begun;
    uint32_t types;                 /* what is wanted; 0 = all */
    char *headers;                  /* only while opening */
    struct ws *ws;                  /* owned; what a WebSocket's client says */
    watch_accepted_fn *on_accepted; /* only while prepared */
    void *arg;
    LIST_ENTRY(watch) link; /* in its slot, once begun */
};
LIST_HEAD(watch_list, watch);

struct watches {
    struct door *door; /* borrowed */
    struct watch_list slots[BEAT_SLOTS];
    size_t slot, n;
    struct loop_timer beat;
    struct buf frames[FEED_WIRES], batch; /* scratch, of one call */
};

/* ---- forms ---- */

static size_t frame_index(const struct watch *watch)
{
    return (size_t)watch->format - 1;
}

/* A job's end is told to everybody: without it no reader would know that nothing more comes. */
static bool wants(const struct watch *watch, const struct feed_event *event)
{
    return watch->types == 0 || event->terminal || event_types_have(watch->types, event->type);
}

/* Made once for all readers of the event on that wire. */
static struct span frame_one(struct watch *watch, struct feed_event *event)
{
    size_t at = frame_index(watch);

    if (!wants(watch, event))
        return SPAN("");
    if (!event->frames[at].at) {
        struct buf *frame = &watch->door->watches->frames[at];
        buf_clear(frame);
        wire_event(watch->format, event, frame);
        event->frames[at] = buf_span(frame);
    }
    return event->frames[at];
}

/* ---- life ---- */

static void free_now(void *object)
{
    free(object);
}

struct watch *watch_free(struct watch *watch)
{
    if (!watch)
        return NULL;
    feed_detach(&watch->reader);
    if (watch->begun) {
        LIST_REMOVE(watch, link);
        watch->door->watches->n--;
        watch->door->figures.streams[watch->format]--;
        watch->begun = false;
    }
    free(watch->headers);
    watch->headers = NULL;
    watch->ws = ws_free(watch->ws);
    watch->exchange = NULL;
    /* A write of ours may be on the call stack. */
    loop_free_later(watch->door->loop, watch, free_now);
    return NULL;
}

static void on_close(void *user)
{
    struct watch *watch = user;

    if (watch->begun)
        figures_closed(&watch->door->figures, "left");
    watch_free(watch);
}

/* Gives the exchange up and ends the watch; for answers that are no stream. */
static struct http_exchange *watch_yield(struct watch *watch)
{
    struct http_exchange *exchange = watch->exchange;

    http_set_user(exchange, NULL, NULL);
    watch_free(watch);
    return exchange;
}

/* Ends it behind its last words, to which the wire adds its own. No limit refuses them: also a
 * reader that is behind learns where to go on. */
static void watch_hang_up(struct watch *watch, const char *reason, struct buf *words)
{
    figures_closed(&watch->door->figures, reason);
    wire_hang_up(watch->format, reason, words);
    http_stream_finish(watch_yield(watch), buf_span(words));
}

/* The last words of a stream whose job goes on: not numbered, so that a reader's cursor stays. */
static void watch_say_closed(struct watch *watch, const char *reason)
{
    const char *id = feed_job(&watch->reader);
    struct buf json, out;

    buf_init(&json, 512);
    buf_init(&out, 1024);
    buf_addf(&json,
             "{\"type\":\"stream.closed\",\"job\":\"%s\",\"reason\":\"%s\",\"after\":%llu,"
             "\"resume\":\"/v1/jobs/%s/events?after=%llu\"}",
             id, reason, (unsigned long long)watch->reader.cursor, id,
             (unsigned long long)watch->reader.cursor);
    wire_note(watch->format, "stream.closed", buf_span(&json), &out);
    watch_hang_up(watch, reason, &out);
    buf_deinit(&json);
    buf_deinit(&out);
}

static void watch_done(struct watch *watch)
{
    struct buf out;

    buf_init(&out, 64);
    watch_hang_up(watch, "done", &out);
    buf_deinit(&out);
}

/* ---- events ---- */

/* The log was trimmed: what the reader has not had and never will. */
static void watch_say_gap(struct watch *watch, uint64_t to, struct buf *out)
{
    char json[GAP_MAX_BYTES];
    int n = snprintf(json, sizeof(json),
                     "{\"type\":\"stream.gap\",\"job\":\"%s\",\"reason\":\"trimmed\","
                     "\"from\":%llu,\"to\":%llu}",
                     feed_job(&watch->reader), (unsigned long long)watch->reader.cursor + 1,
                     (unsigned long long)to);

    wire_note(watch->format, "stream.gap", (struct span){json, (size_t)n}, out);
}

static void on_drain(void *user)
{
    struct watch *watch = user;

    feed_resume(&watch->reader);
}

/* The bytes of n events, and the last event they stand for. */
static enum feed_verdict watch_write(struct watch *watch, struct span bytes, size_t n,
                                     const struct feed_event *last)
{
    size_t unsent = http_stream_write(watch->exchange, bytes);

    if (!watch->begun)
        return FEED_GONE;
    if (unsent == SIZE_MAX) {
        http_stream_on_drain(watch->exchange, on_drain);
        return FEED_PAUSE;
    }
    watch->reader.cursor = last->seq;
    watch->door->figures.events[watch->format] += n;
    if (!last->terminal)
        return FEED_ON;
    watch_done(watch);
    return FEED_GONE;
}

static enum feed_verdict on_events(struct feed_reader *reader, struct feed_event *events, size_t n)
{
    struct watch *watch = CONTAINER_OF(reader, struct watch, reader);
    struct buf *batch = &watch->door->watches->batch;
    enum feed_verdict verdict = FEED_ON;

    if (!watch->begun) {
        watch->on_accepted(watch->arg);
        if (!watch->begun)
            return FEED_GONE;
    }
    bool gap = events->seq > reader->cursor + 1;
    if (n == 1 && !gap)
        return watch_write(watch, frame_one(watch, events), wants(watch, events), events);
    buf_clear(batch);
    if (gap)
        watch_say_gap(watch, events->seq - 1, batch);
    for (size_t i = 0, n_batch = 0; i < n && verdict == FEED_ON; i++) {
        if (wants(watch, &events[i])) {
            wire_event(watch->format, &events[i], batch);
            n_batch++;
        }
        if (batch->n < WRITE_BYTES && i + 1 < n)
            continue;
        verdict = watch_write(watch, buf_span(batch), n_batch, &events[i]);
        buf_clear(batch);
        n_batch = 0;
    }
    return verdict;
}

/* ---- beginning ---- */

static void on_client(struct span bytes, void *user)
{
    struct watch *watch = user;

    if (!watch->ws)
        watch->ws = ws_new(watch->exchange, WS_MAX_MESSAGE_BYTES, NULL, NULL);
    int r = ws_take(watch->ws, bytes);
    if (r < 0)
        figures_closed(&watch->door->figures, "left");
    if (r == -ECONNABORTED)
        http_cut(watch_yield(watch));
    else if (r < 0)
        http_stream_end(watch_yield(watch));
}

static void on_stall(void *user)
{
    struct watch *watch = user;

    watch_say_closed(watch, "lagged");
}

static void list_watch(struct watch *watch)
{
    struct watches *watches = watch->door->watches;

    watch->begun = true;
    http_stream_on_stall(watch->exchange, on_stall);
    LIST_INSERT_HEAD(&watches->slots[watches->slot], watch, link);
    watches->n++;
    watch->door->figures.streams[watch->format]++;
    if (!loop_timer_armed(&watches->beat))
        loop_timer_set(&watches->beat, BEAT_MS / BEAT_SLOTS);
}

/* false: the exchange was answered. */
static bool socket_begin(struct watch *watch)
{
    struct buf headers;
    struct error error;

    buf_init(&headers, HEADERS_MAX_BYTES);
    bool fine = ws_handshake(watch->exchange, &headers, &error) == 0;
    if (fine)
        buf_addf(&headers, "Job-Id: %s\r\n", feed_job(&watch->reader));
    else
        answer_error_with(watch_yield(watch), error.code, "Sec-WebSocket-Version: 13\r\n",
                          error.message);
    if (fine && !http_upgrade(watch->exchange, headers.at, on_client)) {
        answer_error(watch_yield(watch), ERROR_BAD_REQUEST,
                     "nothing may be sent before the handshake is answered");
        fine = false;
    }
    if (fine)
        list_watch(watch);
    buf_deinit(&headers);
    return fine;
}

static char *stream_headers(const struct watch *watch, const char *more)
{
    const char *id = feed_job(&watch->reader);

    return xprintf("Location: /v1/jobs/%s/events\r\nJob-Id: %s\r\n"
                   "Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n"
                   "%s",
                   id, id, more ? more : "");
}

static void stream_begin(struct watch *watch, const char *headers)
{
    char *all CLEANUP(charp_freep) = stream_headers(watch, headers);

    http_stream_begin(watch->exchange, 200, terms_media_type(watch->format), all);
    if (wire_greeting(watch->format).n > 0)
        (void)http_stream_write(watch->exchange, wire_greeting(watch->format));
    list_watch(watch);
}

/* What the first reading says instead of a stream. false: the exchange was answered. */
static bool watch_admit(struct watch *watch, const struct job_log *log)
{
    uint64_t after = watch->reader.cursor;

    if (log->unavailable) {
        answer_unavailable(watch_yield(watch));
    } else if (log->purged) {
        answer_error(watch_yield(watch), ERROR_GONE,
                     "the job has ended and its log is no longer kept");
    } else if (!log->exists) {
        answer_error(watch_yield(watch), ERROR_UNKNOWN_JOB, "there is no such job");
    } else if (after > log->last_seq) {
        answer_error(watch_yield(watch), ERROR_CURSOR_AHEAD,
                     "the cursor is %llu, but the job's last event is %llu",
                     (unsigned long long)after, (unsigned long long)log->last_seq);
    } else if (log->finished && after == log->last_seq) {
        answer_empty(watch_yield(watch), 204, NULL);
    } else if (span_equal(http_request(watch->exchange)->method, SPAN("HEAD"))) {
        char *headers CLEANUP(charp_freep) = stream_headers(watch, watch->headers);
        const char *media_type = terms_media_type(watch->format);
        http_stream_head(watch_yield(watch), 200, media_type, headers);
    } else {
        return true;
    }
    return false;
}

static enum feed_verdict on_log(struct feed_reader *reader, const struct job_log *log)
{
    struct watch *watch = CONTAINER_OF(reader, struct watch, reader);

    if (!watch->begun) {
        if (!watch_admit(watch, log) || (watch->format == TERMS_WS && !socket_begin(watch)))
            return FEED_GONE;
        if (watch->format != TERMS_WS)
            stream_begin(watch, watch->headers);
        free(watch->headers);
        watch->headers = NULL;
    } else if (!log->unavailable && (log->purged || !log->exists)) {
        watch_say_closed(watch, "gone");
        return FEED_GONE;
    }
    if (watch->door->draining) {
        watch_say_closed(watch, "draining");
        return FEED_GONE;
    }
    return FEED_ON;
}

static const struct feed_use use = {on_log, on_events};

static struct watch *watch_new(struct door *door, const struct watch_for *what)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));

    watch->door = door;
    watch->caller = what->caller;
    watch->format = what->format;
    watch->types = what->types;
    watch->reader =
        (struct feed_reader){.use = &use, .cursor = what->after, .tenant = what->caller->tenant};
    return watch;
}

void watch_open(struct door *door, struct http_exchange *exchange, const struct watch_for *what,
                const char *headers)
{
    struct watch *watch = watch_new(door, what);

    watch->exchange = exchange;
    watch->headers = headers ? xstrdup(headers) : NULL;
    http_set_user(exchange, watch, on_close);
    feed_attach(door->feeds, &watch->reader, what->id, false);
}

struct watch *watch_prepare(struct door *door, const struct watch_for *what, watch_accepted_fn *fn,
                            void *arg)
{
    struct watch *watch = watch_new(door, what);

    watch->on_accepted = fn;
    watch->arg = arg;
    feed_attach(door->feeds, &watch->reader, what->id, true);
    return watch;
}

void watch_count(struct watch *watch)
{
    feed_count(&watch->reader);
}

void watch_begin(struct watch *watch, struct http_exchange *exchange, const char *headers)
{
    watch->exchange = exchange;
    http_set_user(exchange, watch, on_close);
    stream_begin(watch, headers);
    if (!watch->begun)
        return;
    if (watch->door->draining)
        watch_say_closed(watch, "draining");
    else
        feed_start(&watch->reader);
}

/* ---- all of them ---- */

static void on_beat(void *arg)
{
    struct watches *watches = arg;
    struct watch *next;

    watches->slot = (watches->slot + 1) % BEAT_SLOTS;
    for (struct watch *watch = LIST_FIRST(&watches->slots[watches->slot]); watch; watch = next) {
        next = LIST_NEXT(watch, link);
        (void)http_stream_write(watch->exchange, wire_heartbeat(watch->format));
    }
    if (watches->n > 0)
        loop_timer_set(&watches->beat, BEAT_MS / BEAT_SLOTS);
}

struct watches *watches_new(struct door *door)
{
    struct watches *watches = xcalloc(1, sizeof(*watches));

    watches->door = door;
    for (size_t i = 0; i < BEAT_SLOTS; i++)
        LIST_INIT(&watches->slots[i]);
    for (size_t i = 0; i < ARRAY_SIZE(watches->frames); i++)
        buf_init(&watches->frames[i], FRAME_MAX_BYTES);
    buf_init(&watches->batch, FRAME_MAX_BYTES);
    loop_timer_init(&watches->beat, door->loop, on_beat, watches);
    return watches;
}

struct watches *watches_free(struct watches *watches)
{
    if (!watches)
        return NULL;
    loop_timer_clear(&watches->beat);
    for (size_t i = 0; i < ARRAY_SIZE(watches->frames); i++)
        buf_deinit(&watches->frames[i]);
    buf_deinit(&watches->batch);
    free(watches);
    return NULL;
}

size_t watches_count(const struct watches *watches)
{
    return watches->n;
}

void watches_revoke(struct watches *watches, const struct caller *caller)
{
    struct watch *next;

    for (size_t i = 0; i < BEAT_SLOTS; i++)
        for (struct watch *watch = LIST_FIRST(&watches->slots[i]); watch; watch = next) {
            next = LIST_NEXT(watch, link);
            if (watch->caller == caller)
                watch_say_closed(watch, "revoked");
        }
}

void watches_drain(struct watches *watches)
{
    for (size_t i = 0; i < BEAT_SLOTS; i++)
        while (!LIST_EMPTY(&watches->slots[i]))
            watch_say_closed(LIST_FIRST(&watches->slots[i]), "draining");
}
