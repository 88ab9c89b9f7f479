/* Answers that wait for a job's end.
 *
 * A wait reads the job's feed like any other reader, but looks only for the terminal event. Then,
 * or when its time is up, it asks for the record once and answers from that; what Redis does not
 * tell any more by then does not make an accepted job a refused one: the answer is a 202 with what
 * is known. */
#include "wait.h"

#include <stdlib.h>

#include "answer.h"
#include "door.h"
#include "feed.h"
#include "http.h"
#include "id.h"
#include "job.h"
#include "jobs.h"
#include "keyring.h"
#include "visit.h"

struct wait {
    struct visit visit;
    struct feed_reader reader;
    struct loop_timer timer;
    char id[ID_TEXT_BYTES];
    char *kind, *headers, *known;
    const struct caller *caller; /* borrowed: lives as long as the door */
    const struct policy_media *media;
    int64_t created_ms;
    bool object; /* of a reader; then `known` may be set */
    bool asked;  /* for the record; the reader is detached */
    LIST_ENTRY(wait) link;
};

static void free_wait(struct visit *visit)
{
    struct wait *wait = CONTAINER_OF(visit, struct wait, visit);

    feed_detach(&wait->reader);
    loop_timer_clear(&wait->timer);
    LIST_REMOVE(wait, link);
    free(wait->kind);
    free(wait->headers);
    free(wait->known);
    free(wait);
}

static void answer_reader(const struct wait *wait, const struct job_record *record,
                          bool unavailable)
{
    struct http_exchange *exchange = wait->visit.exchange;

    if (unavailable)
        answer_unavailable(exchange);
    else if (!record || !span_equal(record->tenant, span_of(wait->caller->tenant)))
        jobs_answer_none(exchange);
    else
        jobs_answer_shown(exchange, record, wait->known, wait->headers);
}

static void on_record(const struct job_record *record, bool unavailable, void *arg)
{
    struct wait *wait = arg;
    struct http_exchange *exchange = wait->visit.exchange;
    enum job_state state = JOB_QUEUED;

    if (!visit_heard(&wait->visit))
        return;
    if (record && job_state_parse(record->state, &state) < 0)
        state = JOB_QUEUED;
    if (wait->object)
        answer_reader(wait, record, unavailable);
    else if (!record)
        jobs_answer_fresh(exchange, wait->id, wait->kind, wait->created_ms, wait->headers);
    else if (job_state_finished(state))
        jobs_answer_outcome(exchange, record, wait->media, wait->headers);
    else
        jobs_answer_accepted(exchange, record, wait->headers);
    visit_over(&wait->visit);
}

static void ask_for_record(struct wait *wait)
{
    if (wait->asked)
        return;
    wait->asked = true;
    feed_detach(&wait->reader);
    loop_timer_clear(&wait->timer);
    visit_asked(&wait->visit);
    job_load(wait->visit.door->commands, wait->id, wait->caller->tenant, on_record, wait);
}

static void on_timer(void *arg)
{
    struct wait *wait = arg;

    wait->reader.settled = true; /* answered with a 202: nobody has left */
    ask_for_record(wait);
}

static enum feed_verdict on_log(struct feed_reader *reader, const struct job_log *log)
{
    struct wait *wait = CONTAINER_OF(reader, struct wait, reader);

    if (log->unavailable || (log->exists && !log->purged && !log->finished))
        return FEED_ON;
    ask_for_record(wait);
    return FEED_GONE;
}

static enum feed_verdict on_events(struct feed_reader *reader, struct feed_event *events, size_t n)
{
    struct wait *wait = CONTAINER_OF(reader, struct wait, reader);

    reader->cursor = events[n - 1].seq;
    if (!events[n - 1].terminal && !wait->known)
        return FEED_ON;
    ask_for_record(wait);
    return FEED_GONE;
}

static const struct feed_use use = {on_log, on_events};

void wait_begin(struct door *door, struct http_exchange *exchange, const struct wait_for *what)
{
    struct wait *wait = xcalloc(1, sizeof(*wait));

    visit_init(&wait->visit, door, exchange, free_wait);
    (void)snprintf(wait->id, sizeof(wait->id), "%s", what->id);
    wait->kind = xstrdup(what->kind);
    wait->headers = xstrdup(what->headers);
    wait->known = what->known ? xstrdup(what->known) : NULL;
    wait->object = what->object;
    wait->caller = what->caller;
    wait->media = what->media;
    wait->created_ms = what->created_ms;
    wait->reader =
        (struct feed_reader){.use = &use, .cursor = what->after, .tenant = what->caller->tenant};
    LIST_INSERT_HEAD(&door->waits, wait, link);
    loop_timer_init(&wait->timer, door->loop, on_timer, wait);
    if (door->draining) {
        ask_for_record(wait);
        return;
    }
    loop_timer_set(&wait->timer, what->wait_ms);
    feed_attach(door->feeds, &wait->reader, wait->id, false);
}

void waits_drain(struct door *door)
{
    struct wait *wait;

    LIST_FOREACH(wait, &door->waits, link)
    ask_for_record(wait);
}
