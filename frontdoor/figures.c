/* The door's figures in Prometheus' format.
 *
 * Parts of the door count into struct figures; what others keep already (connections, Redis'
 * tallies) is copied when the page is made. A new figure is a member, a row here, and a line where
 * it happens. Who may read the page is the route's business: a key with the scope `metrics`, or
 * whoever reaches a door without keys. */
#include "figures.h"

#include "answer.h"
#include "buf.h"
#include "door.h"
#include "feed.h"
#include "fleet.h"
#include "http.h"
#include "redis.h"

#define US_PER_S 1000000

static const char *const class_names[] = {"other", "submit", "read", "events", "cancel", "health"};
_Static_assert(ARRAY_SIZE(class_names) == ROUTE_CLASS_COUNT_, "a class of routes has no name");

static const char *const status_names[] = {"none", "2xx", "3xx", "4xx", "5xx"};
_Static_assert(ARRAY_SIZE(status_names) == FIGURES_STATUS_CLASSES, "a status has no name");

#define X(name, wire) wire,
static const char *const refusal_names[] = {FIGURES_REFUSALS(X)};
#undef X
#define X(wire) wire,
static const char *const closing_names[] = {FIGURES_CLOSINGS(X)};
#undef X

static const char *const wire_names[] = {"sse", "ndjson", "ws"};
_Static_assert(ARRAY_SIZE(wire_names) == TERMS_FORMAT_COUNT_ - TERMS_SSE, "a wire has no name");

static const char *const pause_names[] = {"busy", "descriptors"};

// clang-format off
static const struct metric_label
    by_class   = {"route",   class_names,   ARRAY_SIZE(class_names)},
    by_status  = {"status",  status_names,  ARRAY_SIZE(status_names)},
    by_refusal = {"reason",  refusal_names, ARRAY_SIZE(refusal_names)},
    by_closing = {"reason",  closing_names, ARRAY_SIZE(closing_names)},
    by_pause   = {"reason",  pause_names,   ARRAY_SIZE(pause_names)},
    by_wire    = {"wire",    wire_names,    ARRAY_SIZE(wire_names)},
    by_outcome = {"outcome", redis_outcome_names, REDIS_OUTCOME_COUNT_};
// clang-format on

struct page {
    struct figures counted;
    struct http_counts clients;
    struct redis_tally redis;
    uint64_t connections, held_bytes, subscriptions, redis_pending,
        accept_pauses[ARRAY_SIZE(pause_names)];
};

// clang-format off
#define ROW(name, type, per, member, a, b, help) \
    {name, help, METRIC_##type, per, offsetof(struct page, member), {a, b}}
static const struct metric_row rows[] = {
    ROW("parley_door_requests_total",         COUNTER,   1, counted.requests,             &by_class,   &by_status, "Requests that are over; status none: the client left before an answer."),
    ROW("parley_door_request_seconds",        HISTOGRAM, 1, counted.request_seconds,      NULL,        NULL,       "From the whole request to its answer; streams are not in it, waiting for a job is."),
    ROW("parley_door_sent_bytes_total",       COUNTER,   1, counted.sent_bytes,           NULL,        NULL,       "Bytes of answers and streams that are over."),
    ROW("parley_door_refused_total",          COUNTER,   1, counted.refused,              &by_refusal, NULL,       "Requests refused, by reason."),
    ROW("parley_door_connections",            GAUGE,     1, connections,                  NULL,        NULL,       "Clients connected."),
    ROW("parley_door_accepted_total",         COUNTER,   1, clients.accepted,             NULL,        NULL,       "Connections accepted."),
    ROW("parley_door_address_refused_total",  COUNTER,   1, clients.over_address,         NULL,        NULL,       "Connections closed at once, because their address had all it may have."),
    ROW("parley_door_made_room_total",        COUNTER,   1, clients.made_room,            NULL,        NULL,       "Idle or slow connections closed for new ones."),
    ROW("parley_door_accept_pauses_total",    COUNTER,   1, accept_pauses,                &by_pause,   NULL,       "Times that accepting paused: every connection busy, or no file descriptor left."),
    ROW("parley_door_stalled_total",          COUNTER,   1, clients.stalled,              NULL,        NULL,       "Connections closed because the client took nothing for too long."),
    ROW("parley_door_held_bytes",             GAUGE,     1, held_bytes,                   NULL,        NULL,       "Bytes in private buffers: requests that arrive, answers that are not taken."),
    ROW("parley_door_streams",                GAUGE,     1, counted.streams[TERMS_SSE],   &by_wire,    NULL,       "Streams of events that are open."),
    ROW("parley_door_events_total",           COUNTER,   1, counted.events[TERMS_SSE],    &by_wire,    NULL,       "Events given to streams."),
    ROW("parley_door_streams_closed_total",   COUNTER,   1, counted.closings,             &by_closing, NULL,       "Streams that ended, by reason."),
    ROW("parley_door_subscriptions",          GAUGE,     1, subscriptions,                NULL,        NULL,       "Jobs whose events this door is subscribed to."),
    ROW("parley_redis_commands_total",        COUNTER,   1, redis.commands,               &by_outcome, NULL,       "Commands to Redis; unanswered: lost, or not in time."),
    ROW("parley_redis_command_seconds",       HISTOGRAM, 1, redis.seconds,                NULL,        NULL,       "From a command to its reply."),
    ROW("parley_redis_connects_total",        COUNTER,   1, redis.connects,               NULL,        NULL,       "Connections made to Redis; more than 2 are reconnects."),
    ROW("parley_redis_pending_commands",      GAUGE,     1, redis_pending,                NULL,        NULL,       "Commands that wait for a reply."),
    ROW("parley_loop_lag_seconds",            HISTOGRAM, 1, counted.loop_lag,             NULL,        NULL,       "How late the event loop came to a timer."),
};
// clang-format on

/* An upgrade (101) went well, as a 2xx does. */
static size_t status_class(int status)
{
    size_t class = status < 200 ? (status > 0) : (size_t)status / 100 - 1;

    return class < FIGURES_STATUS_CLASSES ? class : FIGURES_STATUS_CLASSES - 1;
}

void figures_count(struct figures *figures, enum route_class class,
                   const struct http_ending *ending)
{
    figures->requests[class][status_class(ending->status)]++;
    figures->sent_bytes += ending->bytes;
    if (!ending->stream && ending->status > 0)
        histogram_add(&figures->request_seconds, ending->us);
}

void figures_closed(struct figures *figures, const char *reason)
{
    for (size_t i = 0; i < ARRAY_SIZE(closing_names); i++)
        if (strcmp(reason, closing_names[i]) == 0)
            figures->closings[i]++;
}

void figures_write(struct door *door, struct buf *out)
{
    const struct http_counts *clients = http_server_counts(door->server);
    struct page page = {
        .counted = door->figures,
        .clients = *clients,
        .held_bytes = clients->held_bytes,
        .accept_pauses = {clients->no_room, clients->no_descriptor},
        .connections = http_server_connections(door->server),
        .subscriptions = feeds_count(door->feeds)
    };

    redis_add_tally(door->commands, &page.redis);
    redis_add_tally(door->subscriptions, &page.redis);
    metrics_write(rows, ARRAY_SIZE(rows), &page, out);
    fleet_write(door->fleet, out);
    metrics_write_process("parley-door", out);
}

void figures_show(struct door *door, struct http_exchange *exchange,
                  const struct route_match *match)
{
    struct buf out;

    (void)match;
    buf_init(&out, METRICS_MAX_BYTES);
    figures_write(door, &out);
    answer_text(exchange, 200, METRICS_CONTENT_TYPE, buf_span(&out));
    buf_deinit(&out);
}
