/* Events of jobs for readers.
 *
 * The invariant: a reader is given event cursor+1 and nothing else, whoever brings it, a live
 * message or a page of the log; what is older is dropped, what is newer is only remembered as
 * `seen`, and as long as seen > cursor the log is read. So the order in which messages,
 * acknowledgements and replies arrive does not matter. After each acknowledgement of the
 * subscription (also after a reconnect) every reader reads the log once more (`stale`), unless a
 * live message shows at once that it missed nothing.
 *
 * The first page is asked for at once, not after the acknowledgement: a finished job needs no
 * subscription, and the second reading that follows makes it safe. Live messages are given out at
 * the end of the turn, all of them in one call. A feed lives while it has readers and is given up
 * at the end of the turn. */
#include "feed.h"

#include <stdlib.h>

#include "buf.h"
#include "door.h"
#include "event.h"
#include "id.h"
#include "job.h"
#include "log.h"
#include "loop.h"
#include "presence.h"
#include "redis.h"

#define PAGE_EVENTS 128
#define PAGE_LEAST 16
#define RETRY_MS 200
#define PATIENCE_MS 2
#define LIVE_EVENTS 64
#define LIVE_BYTES (64u << 10)
#define LIVE_MAX_BYTES (64u << 20)

LIST_HEAD(reader_list, feed_reader);

/* What was published on one channel in one turn of the loop. */
struct live {
    struct buf text;
    size_t n;
    struct {
        uint64_t seq;
        size_t at, n, type_at, type_n; /* in text */
    } parts[LIVE_EVENTS];
};

struct feed {
    char id[ID_TEXT_BYTES];
    struct feeds *feeds; /* borrowed: owns this */
    struct redis_channel *channel;
    struct reader_list readers;   /* borrowed: each owned by its user */
    struct presence_job *counted; /* owned; NULL: the job does not depend on its readers */
    bool settled;                 /* of the last reader that left */
    struct live *live;            /* NULL: nothing was published in this turn */
    struct loop_later upkeep;
    struct loop_timer *patience; /* of readers that were started, with the subscription; or NULL */
    LIST_ENTRY(feed) link;
};

/* A reading under way: outlives its reader, since Redis cannot be told to forget it. */
struct feed_read {
    struct feed_reader *reader; /* NULL: detached meanwhile */
    LIST_ENTRY(feed_read) link;
};

struct feeds {
    struct door *door; /* borrowed: owns this */
    size_t n;
    LIST_HEAD(, feed) all;
    LIST_HEAD(, feed_read) reads;
    struct loop_timer retry;
};

static struct live *live_new(void)
{
    /* Not zeroed: parts are many, and only n of them are looked at. */
    struct live *live = xrealloc(NULL, sizeof(*live));

    live->n = 0;
    buf_init(&live->text, LIVE_MAX_BYTES);
    return live;
}

static struct live *live_free(struct live *live)
{
    if (!live)
        return NULL;
    buf_deinit(&live->text);
    free(live);
    return NULL;
}

/* type lies within text. */
static void live_add(struct live *live, struct span text, struct span type, uint64_t seq)
{
    size_t at = live->text.n;

    buf_add_span(&live->text, text);
    if (!buf_ok(&live->text))
        return; /* a gap: the log is read */
    live->parts[live->n].seq = seq;
    live->parts[live->n].at = at;
    live->parts[live->n].n = text.n;
    live->parts[live->n].type_at = at + (size_t)(type.at - text.at);
    live->parts[live->n].type_n = type.n;
    live->n++;
}

static void live_events(const struct live *live, struct feed_event events[LIVE_EVENTS])
{
    for (size_t i = 0; i < live->n; i++) {
        struct span type = {live->text.at + live->parts[i].type_at, live->parts[i].type_n};
        events[i] = (struct feed_event){
            .seq = live->parts[i].seq,
            .type = type,
            .json = {live->text.at + live->parts[i].at, live->parts[i].n},
            .terminal = event_is_terminal(type),
        };
    }
}

static void reader_pump(struct feed_reader *reader);

/* ---- giving events to one reader ---- */

static bool verdict_is_on(struct feed_reader *reader, enum feed_verdict verdict)
{
    if (verdict == FEED_PAUSE) {
        reader->paused = true;
        /* What it could not take of the page is read again. */
        if (reader->page > PAGE_LEAST)
            reader->page /= 2;
    }
    return verdict == FEED_ON;
}

static bool reader_check(struct feed_reader *reader, const struct job_log *log)
{
    if (!verdict_is_on(reader, reader->use->on_log(reader, log)))
        return false;
    reader->checked = true;
    return true;
}

static void reader_take_page(struct feed_reader *reader, const struct job_log *log)
{
    struct feed_event events[PAGE_EVENTS];
    size_t n = 0;

    for (size_t i = 0; i < log->n && n < PAGE_EVENTS; i++) {
        struct feed_event event = {.json = log->events[i]};
        if (event_head(event.json, &event.type, &event.seq) < 0) {
            log_error("event=log.unreadable job=%s", reader->feed->id);
            continue;
        }
        if (event.seq <= reader->cursor)
            continue;
        event.terminal = event_is_terminal(event.type);
        events[n++] = event;
    }
    if (log->last_seq > reader->seen)
        reader->seen = log->last_seq;
    /* What this page should have held and the log has not will not be there on asking again. */
    if (log->n == 0 && reader->seen <= log->last_seq)
        reader->seen = reader->cursor;
    if (n == 0 || verdict_is_on(reader, reader->use->on_events(reader, events, n))) {
        if (n == reader->page && n < PAGE_EVENTS)
            reader->page = (uint8_t)(2 * n);
        reader_pump(reader);
    }
}

static void on_log(const struct job_log *log, void *arg)
{
    struct feed_read *read = arg;
    struct feed_reader *reader = read->reader;

    LIST_REMOVE(read, link);
    free(read);
    if (!reader)
        return;
    reader->read = NULL;
    if (log->cancel_on_disconnect && !log->finished)
        feed_count(reader);
    if (!reader_check(reader, log))
        return;
    if (log->unavailable) {
        reader->retry = true;
        loop_timer_set(&reader->feed->feeds->retry, RETRY_MS);
        return;
    }
    reader_take_page(reader, log);
}

/* Reads the log when there is a reason to and nothing against it. */
static void reader_pump(struct feed_reader *reader)
{
    struct feeds *feeds = reader->feed->feeds;

    if (reader->held || reader->paused || reader->read || reader->retry)
        return;
    if (!reader->stale && reader->seen <= reader->cursor)
        return;
    reader->stale = false;
    reader->read = xcalloc(1, sizeof(*reader->read));
    reader->read->reader = reader;
    LIST_INSERT_HEAD(&feeds->reads, reader->read, link);
    job_read_log(feeds->door->commands, reader->feed->id, reader->tenant, reader->cursor,
                 reader->page, on_log, reader->read);
}

/* Events that were published, in order. */
static void reader_offer(struct feed_reader *reader, struct feed_event *events, size_t n)
{
    size_t first = 0;

    if (events[n - 1].seq > reader->seen)
        reader->seen = events[n - 1].seq;
    while (first < n && events[first].seq <= reader->cursor)
        first++;
    size_t end = first;
    while (end < n && events[end].seq == reader->cursor + 1 + (end - first))
        end++;
    /* The first event of a job that was about to be enqueued: so it is. */
    if (reader->held && end > first && events[first].seq == 1)
        reader->held = false;
    if (reader->checked && !reader->held && !reader->paused && end > first) {
        /* The subscription brings the next one: nothing before it was missed, the log can wait. */
        reader->stale = false;
        if (!verdict_is_on(reader, reader->use->on_events(reader, events + first, end - first)))
            return;
    }
    reader_pump(reader);
}

/* ---- the subscription ---- */

/* Gives what was published in this turn to every reader: one write for each, not one an event. */
static void feed_deliver(struct feed *feed)
{
    struct live *live = STEAL(feed->live);
    struct feed_event events[LIVE_EVENTS];
    struct feed_reader *next;

    if (!live || live->n == 0) {
        live_free(live);
        return;
    }
    live_events(live, events);
    for (struct feed_reader *reader = LIST_FIRST(&feed->readers); reader; reader = next) {
        next = LIST_NEXT(reader, link);
        reader_offer(reader, events, live->n);
    }
    live_free(live);
}

static void pump(struct feed *feed)
{
    struct feed_reader *reader;

    feed_deliver(feed);
    LIST_FOREACH(reader, &feed->readers, link)
    reader_pump(reader);
}

static void free_timer(void *timer)
{
    free(timer);
}

static void patience_end(struct feed *feed)
{
    if (!feed->patience)
        return;
    loop_timer_clear(feed->patience);
    /* It may be its own callback that is running. */
    loop_free_later(feed->feeds->door->loop, STEAL(feed->patience), free_timer);
}

static void on_patience(void *arg)
{
    patience_end(arg);
    pump(arg);
}

static void patience_begin(struct feed *feed)
{
    if (!feed->patience) {
        feed->patience = xcalloc(1, sizeof(*feed->patience));
        loop_timer_init(feed->patience, feed->feeds->door->loop, on_patience, feed);
    }
    loop_timer_set(feed->patience, PATIENCE_MS);
}

/* The messages that come with the acknowledgement go first: with them, whoever waits for the first
 * event of a new job needs no reading of the log at all. */
static void on_ready(void *arg)
{
    struct feed *feed = arg;
    struct feed_reader *reader;

    LIST_FOREACH(reader, &feed->readers, link)
    reader->stale = true;
    loop_later_set(&feed->upkeep, feed->feeds->door->loop);
}

static void feed_take(struct feed *feed, struct span text)
{
    struct span type;
    uint64_t seq;

    if (event_head(text, &type, &seq) < 0) {
        log_error("event=message.unreadable job=%s", feed->id);
        return;
    }
    if (feed->live && (feed->live->n == LIVE_EVENTS || feed->live->text.n > LIVE_BYTES))
        feed_deliver(feed);
    if (!feed->live)
        feed->live = live_new();
    live_add(feed->live, text, type, seq);
    loop_later_set(&feed->upkeep, feed->feeds->door->loop);
}

/* One event a line: what was appended to the log at once is published at once. */
static void on_message(struct span message, void *arg)
{
    const char *end;

    while ((end = memchr(message.at, '\n', message.n))) {
        size_t n = (size_t)(end - message.at);

        feed_take(arg, (struct span){message.at, n});
        message = (struct span){end + 1, message.n - n - 1};
    }
    feed_take(arg, message);
}

static void feed_free(struct feed *feed)
{
    struct feeds *feeds = feed->feeds;

    feed->counted = presence_leave(feed->counted, feed->settled);
    feed->channel = redis_unsubscribe(feed->channel);
    live_free(feed->live);
    loop_later_clear(&feed->upkeep);
    patience_end(feed);
    LIST_REMOVE(feed, link);
    feeds->n--;
    free(feed);
}

static void on_upkeep(void *arg)
{
    struct feed *feed = arg;

    pump(feed);
    if (LIST_EMPTY(&feed->readers))
        feed_free(feed);
}

static struct feed *feed_new(struct feeds *feeds, const char *id)
{
    struct feed *feed = xcalloc(1, sizeof(*feed));
    char channel[JOB_KEY_BYTES];

    (void)snprintf(feed->id, sizeof(feed->id), "%s", id);
    feed->feeds = feeds;
    LIST_INIT(&feed->readers);
    loop_later_init(&feed->upkeep, on_upkeep, feed);
    LIST_INSERT_HEAD(&feeds->all, feed, link);
    feeds->n++;
    job_channel(feed->id, channel);
    feed->channel =
        redis_subscribe(feeds->door->subscriptions, channel, on_ready, on_message, feed);
    return feed;
}

static struct feed *feed_get(struct feeds *feeds, const char *id)
{
    char channel[JOB_KEY_BYTES];

    /* Who is subscribed is found by its channel: there is no other list of feeds by job. */
    job_channel(id, channel);
    struct feed *feed = redis_subscriber(feeds->door->subscriptions, channel);
    return feed ? feed : feed_new(feeds, id);
}

/* ---- public ---- */

static void on_retry(void *arg)
{
    feeds_retry(arg);
}

struct feeds *feeds_new(struct door *door)
{
    struct feeds *feeds = xcalloc(1, sizeof(*feeds));

    feeds->door = door;
    LIST_INIT(&feeds->all);
    LIST_INIT(&feeds->reads);
    loop_timer_init(&feeds->retry, door->loop, on_retry, feeds);
    return feeds;
}

struct feeds *feeds_free(struct feeds *feeds)
{
    if (!feeds)
        return NULL;
    while (!LIST_EMPTY(&feeds->all))
        feed_free(LIST_FIRST(&feeds->all));
    while (!LIST_EMPTY(&feeds->reads)) {
        struct feed_read *read = LIST_FIRST(&feeds->reads);
        LIST_REMOVE(read, link);
        free(read);
    }
    loop_timer_clear(&feeds->retry);
    free(feeds);
    return NULL;
}

size_t feeds_count(const struct feeds *feeds)
{
    return feeds->n;
}

void feed_attach(struct feeds *feeds, struct feed_reader *reader, const char *id, bool held)
{
    reader->feed = feed_get(feeds, id);
    reader->read = NULL;
    reader->seen = 0;
    reader->page = PAGE_EVENTS;
    reader->held = reader->checked = held;
    reader->paused = reader->retry = false;
    reader->stale = true;
    LIST_INSERT_HEAD(&reader->feed->readers, reader, link);
    reader_pump(reader);
}

const char *feed_job(const struct feed_reader *reader)
{
    return reader->feed->id;
}

void feed_start(struct feed_reader *reader)
{
    if (!reader->held)
        return;
    reader->held = false;
    /* The reply to an enqueue and the first event come over two connections. */
    patience_begin(reader->feed);
}

void feed_count(struct feed_reader *reader)
{
    struct feed *feed = reader->feed;

    if (!feed->counted)
        feed->counted = presence_come(feed->feeds->door->presence, feed->id);
}

void feed_resume(struct feed_reader *reader)
{
    reader->paused = false;
    reader->stale = true;
    reader_pump(reader);
}

void feed_detach(struct feed_reader *reader)
{
    struct feed *feed = reader->feed;

    if (!feed)
        return;
    LIST_REMOVE(reader, link);
    if (reader->read)
        reader->read->reader = NULL;
    reader->read = NULL;
    reader->feed = NULL;
    feed->settled = reader->settled;
    if (LIST_EMPTY(&feed->readers))
        loop_later_set(&feed->upkeep, feed->feeds->door->loop);
}

void feeds_retry(struct feeds *feeds)
{
    struct feed_reader *next;

    for (struct feed *feed = LIST_FIRST(&feeds->all); feed; feed = LIST_NEXT(feed, link))
        for (struct feed_reader *reader = LIST_FIRST(&feed->readers); reader; reader = next) {
            next = LIST_NEXT(reader, link);
            if (!reader->retry)
                continue;
            reader->retry = false;
            reader->stale = true;
            reader_pump(reader);
        }
}
