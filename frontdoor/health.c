/* Whether this door lives, and whether it can take jobs.
 *
 * /health depends on nothing but the loop. /ready repeats what a probe found, so that a hundred
 * balancers cost Redis two questions a second. The probe reads the log of a job that cannot exist:
 * an answer proves the connection, the server and our functions in it. A door that could take jobs
 * but tell nobody of their events, or that refuses everybody for want of a pepper, is not ready. */
#include "health.h"

#include "answer.h"
#include "auth.h"
#include "buf.h"
#include "clock.h"
#include "door.h"
#include "feed.h"
#include "http.h"
#include "job.h"
#include "redis.h"
#include "watch.h"

#define PROBE_MS 500
#define FRESH_MS 2000
#define BODY_MAX_BYTES 1024
/* The id of the zeroth millisecond. */
#define NO_JOB "00000000000000000000000000"

void health_live(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    struct buf body;

    (void)match;
    buf_init(&body, BODY_MAX_BYTES);
    buf_addf(&body,
             "{\"status\":\"%s\",\"version\":\"%s\",\"uptime_s\":%lld,\"draining\":%s,"
             "\"connections\":%zu,\"streams\":%zu,\"watched_jobs\":%zu}",
             door->draining ? "draining" : "ok", PARLEY_VERSION,
             (long long)((clock_monotonic_ms() - door->started_ms) / 1000),
             door->draining ? "true" : "false", http_server_connections(door->server),
             watches_count(door->watches), feeds_count(door->feeds));
    answer_json(exchange, 200, NULL, buf_span(&body));
    buf_deinit(&body);
}

static bool door_ready(const struct door *door)
{
    return redis_connected(door->commands) && redis_connected(door->subscriptions) &&
           auth_knows(door->auth) && door->answered_ms > 0 &&
           clock_monotonic_ms() - door->answered_ms <= FRESH_MS;
}

void health_ready(struct door *door, struct http_exchange *exchange,
                  const struct route_match *match)
{
    (void)match;
    if (door->draining)
        answer_error(exchange, ERROR_DRAINING, "this door is shutting down");
    else if (auth_locked(door->auth))
        auth_answer_locked(exchange);
    else if (!door_ready(door))
        answer_unavailable(exchange);
    else
        answer_json(exchange, 200, NULL, SPAN("{\"status\":\"ready\"}"));
}

static void on_probed(const struct job_log *log, void *arg)
{
    struct door *door = arg;

    door->probing = false;
    if (!log->unavailable)
        door->answered_ms = clock_monotonic_ms();
}

static void on_probe(void *arg)
{
    struct door *door = arg;

    loop_timer_set(&door->probe, PROBE_MS);
    if (door->probing)
        return;
    door->probing = true;
    job_read_log(door->commands, NO_JOB, DOOR_TENANT, 0, 1, on_probed, door);
}

void health_begin(struct door *door)
{
    loop_timer_init(&door->probe, door->loop, on_probe, door);
    on_probe(door);
}
