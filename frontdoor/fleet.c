/* The fleet's figures, read from Redis in the background.
 *
 * A page never waits for Redis: it has what was read last, at most OLD_MS old, and says that
 * somebody looks. Then Redis is asked every REFRESH_MS, until nobody has looked for WANTED_MS. The
 * first page after a quiet time has no figures of the fleet; one call (views.lua, gauges) brings
 * them all. */
#include "fleet.h"

#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "door.h"
#include "embedded.h"
#include "job.h"
#include "json.h"
#include "kinds.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "redis.h"

#define REFRESH_MS 5000
#define WANTED_MS 120000
#define OLD_MS 30000
#define MAX_KINDS 64
/* A misconfigured fleet may have more; their figures would be too many. */
#define MAX_PROVIDERS 8
#define MS_PER_S 1000

static const char *const state_names[] = {"waiting", "running", "delayed", "dead"};
static const char *const slot_names[] = {"in_use", "limit", "max", "waiting"};

struct queue {
    uint64_t jobs[ARRAY_SIZE(state_names)], oldest_ms;
};

struct provider {
    uint64_t slots[ARRAY_SIZE(slot_names)], paused_ms;
};

struct fleet {
    struct door *door; /* borrowed: owns this */
    struct loop_timer refresh;
    struct json *read; /* of the last reply; NULL: none yet. The names below are its */
    int64_t read_ms, wanted_ms;
    bool asking;
    size_t n_queues, n_providers;
    struct queue queues[MAX_KINDS];
    struct provider providers[MAX_PROVIDERS];
    struct metric_thing kinds[MAX_KINDS], names[MAX_PROVIDERS];
};

// clang-format off
static const struct metric_label by_state = {"state", state_names, ARRAY_SIZE(state_names)},
                                 by_slot  = {"slots", slot_names,  ARRAY_SIZE(slot_names)};

static const struct metric_row queue_rows[] = {
    {"parley_queue_jobs",           "Open jobs of the fleet and dead letters, by kind.",       METRIC_GAUGE, 1,        offsetof(struct queue, jobs),      {&by_state, NULL}},
    {"parley_queue_oldest_seconds", "How long the oldest job that could run has waited.",      METRIC_GAUGE, MS_PER_S, offsetof(struct queue, oldest_ms), {NULL, NULL}},
};
static const struct metric_row provider_rows[] = {
    {"parley_provider_slots",          "Calls at a provider, over the fleet: under way, allowed now, allowed at most, waiting.", METRIC_GAUGE, 1,        offsetof(struct provider, slots),     {&by_slot, NULL}},
    {"parley_provider_paused_seconds", "How long the provider is still paused; 0 = it is not.",                                  METRIC_GAUGE, MS_PER_S, offsetof(struct provider, paused_ms), {NULL, NULL}},
};
// clang-format on

static uint64_t count_of(const struct json *object, const char *key)
{
    int64_t value = json_get_integer(object, key, 0);

    return value > 0 ? (uint64_t)value : 0;
}

static void read_queue(struct fleet *fleet, const struct json *json)
{
    struct queue *queue = &fleet->queues[fleet->n_queues];

    for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
        queue->jobs[i] = count_of(json, state_names[i]);
    queue->oldest_ms = count_of(json, "oldest_ms");
    fleet->kinds[fleet->n_queues++] =
        (struct metric_thing){json_get_string(json, "kind", ""), queue};
}

static void read_provider(struct fleet *fleet, const struct json *json)
{
    struct provider *provider = &fleet->providers[fleet->n_providers];

    for (size_t i = 0; i < ARRAY_SIZE(slot_names); i++)
        provider->slots[i] = count_of(json, slot_names[i]);
    provider->paused_ms = count_of(json, "paused_ms");
    fleet->names[fleet->n_providers++] =
        (struct metric_thing){json_get_string(json, "provider", ""), provider};
}

static void take(struct fleet *fleet, struct json *json)
{
    const struct json *queues = json_get(json, "queues"), *providers = json_get(json, "providers");

    json_free(fleet->read);
    fleet->read = json;
    fleet->read_ms = clock_monotonic_ms();
    fleet->n_queues = fleet->n_providers = 0;
    for (size_t i = 0; i < json_length(queues) && i < MAX_KINDS; i++)
        read_queue(fleet, json_at(queues, i));
    for (size_t i = 0; i < json_length(providers) && i < MAX_PROVIDERS; i++)
        read_provider(fleet, json_at(providers, i));
}

static void on_gauges(const struct reply *reply, void *arg)
{
    struct fleet *fleet = arg;
    struct json *json = NULL;

    fleet->asking = false;
    if (reply && reply->type == REPLY_STRING && json_parse(reply->text, NULL, &json, NULL) == 0)
        take(fleet, json);
    else
        log_debug("event=fleet.unread error=\"%s\"", reply ? reply->text.at : "no answer");
    if (clock_monotonic_ms() - fleet->wanted_ms < WANTED_MS)
        loop_timer_set(&fleet->refresh, REFRESH_MS);
}

static void ask(void *arg)
{
    struct fleet *fleet = arg;
    struct span argv[3 + MAX_KINDS] = {SPAN("FCALL_RO"), SPAN("parley1_gauges")};
    char streams[MAX_KINDS][JOB_KEY_BYTES], n_streams[16];
    size_t n = 0;

    for (const struct embedded *file = schema_files; file->name && n < MAX_KINDS; file++) {
        job_stream_key(file->name, streams[n]);
        argv[3 + n] = span_of(streams[n]);
        n++;
    }
    (void)snprintf(n_streams, sizeof(n_streams), "%zu", n);
    argv[2] = span_of(n_streams);
    fleet->asking = true;
    redis_command(fleet->door->commands, REDIS_ONCE, on_gauges, fleet, 3 + n, argv);
}

void fleet_write(struct fleet *fleet, struct buf *out)
{
    fleet->wanted_ms = clock_monotonic_ms();
    if (!fleet->asking && !loop_timer_armed(&fleet->refresh))
        ask(fleet);
    if (!fleet->read || fleet->wanted_ms - fleet->read_ms > OLD_MS)
        return;
    metrics_write_each(queue_rows, ARRAY_SIZE(queue_rows), "kind", fleet->kinds, fleet->n_queues,
                       out);
    metrics_write_each(provider_rows, ARRAY_SIZE(provider_rows), "provider", fleet->names,
                       fleet->n_providers, out);
}

struct fleet *fleet_new(struct door *door)
{
    struct fleet *fleet = xcalloc(1, sizeof(*fleet));

    fleet->door = door;
    loop_timer_init(&fleet->refresh, door->loop, ask, fleet);
    return fleet;
}

struct fleet *fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return NULL;
    loop_timer_clear(&fleet->refresh);
    json_free(fleet->read);
    free(fleet);
    return NULL;
}
