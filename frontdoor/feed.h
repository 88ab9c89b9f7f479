#pragma once
/* Events of jobs for readers: the log from a cursor, then live, each event once and in order.
 *
 * One subscription a job however many readers. Subscribed first, acknowledged, then the log is read
 * (design.md 6); a gap in the live numbers or a lost connection means: read the log again. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base.h"

struct door;
struct feed;
struct feed_read;
struct feed_reader;
struct feeds;
struct job_log;

#define FEED_WIRES 3

struct feed_event {
    uint64_t seq;
    struct span type, json;
    bool terminal;
    struct span frames[FEED_WIRES]; /* the event as on each wire, made by its first reader */
};

enum feed_verdict {
    FEED_ON,    /* what was given is taken */
    FEED_PAUSE, /* nothing more until feed_resume() */
    FEED_GONE,  /* the reader is detached; it may not be touched again */
};

/* What a sort of readers does with what it gets. */
struct feed_use {
    /* Each reply to a reading of the log, before its events. */
    enum feed_verdict (*on_log)(struct feed_reader *reader, const struct job_log *log);
    /* New events in order. The owner sets `cursor` to the last one it took. */
    enum feed_verdict (*on_events)(struct feed_reader *reader, struct feed_event *events, size_t n);
};

/* Embedded in its owner, who fills the first three members. There are many: keep it small. */
struct feed_reader {
    const struct feed_use *use;
    uint64_t cursor;
    const char *tenant; /* who reads; lives as long as the reader */
    /* private */
    struct feed *feed;
    struct feed_read *read; /* under way */
    uint64_t seen;          /* the highest number known to exist */
    uint8_t page;           /* events to read at once */
    bool held, paused, checked, stale, retry;
    bool settled; /* set by the owner before it detaches: whoever read has what he wanted */
    LIST_ENTRY(feed_reader) link;
};

struct feeds *feeds_new(struct door *door);
struct feeds *
feeds_free(struct feeds *feeds); /* after every reader was detached and Redis is gone */
DEFINE_FREEP(feeds)
size_t feeds_count(const struct feeds *feeds); /* jobs with a subscription */

/* Starts reading after reader->cursor. held: only the subscription is opened now, for a job that
 * does not exist yet; feed_start() then lets events through. */
void feed_attach(struct feeds *feeds, struct feed_reader *reader, const char *id, bool held);
void feed_start(struct feed_reader *reader);
/* The id of the job it is attached to. */
const char *feed_job(const struct feed_reader *reader);
/* The job is to be cancelled when nobody reads it. Needed only for readers that were held; others
 * learn it from the log. */
void feed_count(struct feed_reader *reader);
void feed_resume(struct feed_reader *reader);
void feed_detach(struct feed_reader *reader); /* no-op when not attached */
/* The connection for commands is back: readings that failed are tried again at once. */
void feeds_retry(struct feeds *feeds);
