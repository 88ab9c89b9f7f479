/* The front door as one object.
 *
 * It holds nothing a restart could lose: accepted jobs are in Redis, readers come back with a
 * cursor. Two connections to Redis, one for commands and one for subscriptions. Order of the end:
 * the server first (its clients' objects detach from feeds), then Redis (no callback after that),
 * then what was still waiting for its callbacks. */
#include "door.h"

#include <errno.h>
#include <stdlib.h>

#include "account.h"
#include "answer.h"
#include "auth.h"
#include "clock.h"
#include "cors.h"
#include "error.h"
#include "feed.h"
#include "fleet.h"
#include "health.h"
#include "http.h"
#include "job.h"
#include "log.h"
#include "policy.h"
#include "presence.h"
#include "redis.h"
#include "routes.h"
#include "scrape.h"
#include "visit.h"
#include "wait.h"
#include "watch.h"

#define TURN_MS 20

/* ---- Redis ---- */

/* CONFIG GET answers name, value. What the durability of accepted jobs rests on. */
static void on_setting(const struct reply *reply, void *arg)
{
    const char *wanted = arg;

    if (!reply || reply->type != REPLY_ARRAY || reply->n != 2)
        return;
    if (!span_equal(reply->items[1]->text, span_of(wanted)))
        log_warn("event=redis.setting name=%s value=%s wanted=%s effect=\"accepted jobs can be "
                 "lost in a crash\"",
                 reply->items[0]->text.at, reply->items[1]->text.at, wanted);
}

static void check_settings(struct redis *redis)
{
    static char always[] = "always", noeviction[] = "noeviction";

    redis_commandf(redis, REDIS_ONCE, on_setting, always, "CONFIG GET appendfsync");
    redis_commandf(redis, REDIS_ONCE, on_setting, noeviction, "CONFIG GET maxmemory-policy");
}

static void on_connect(struct redis *redis, void *arg)
{
    const struct door *door = arg;

    job_prepare(redis);
    check_settings(redis);
    auth_check(door->auth);
    log_info("event=redis.connected");
}

static void on_lost(struct redis *redis, void *arg)
{
    struct door *door = arg;

    (void)redis;
    door->n_lost++;
    log_warn("event=redis.lost");
}

/* ---- life ---- */

static void on_cut(void *arg)
{
    struct door *door = arg;

    log_warn("event=drain.cut connections=%zu",
             door->server ? http_server_connections(door->server) : 0);
    loop_stop(door->loop);
}

int door_new(struct loop *loop, const struct door_config *config, struct door **ret_door,
             struct error *error)
{
    CLEANUP(door_freep) struct door *door = xcalloc(1, sizeof(*door));

    door->config = config;
    door->loop = loop;
    door->started_ms = clock_monotonic_ms();
    LIST_INIT(&door->visits);
    LIST_INIT(&door->waits);
    loop_timer_init(&door->cut, loop, on_cut, door);
    door->commands = redis_new(loop, config->redis);
    door->subscriptions = redis_new(loop, config->redis);
    door->auth = auth_new(door, config->pepper);
    door->presence = presence_new(door);
    door->feeds = feeds_new(door);
    door->watches = watches_new(door);
    door->fleet = fleet_new(door);
    redis_on_connect(door->commands, on_connect, door);
    redis_on_lost(door->commands, on_lost, door);
    health_begin(door);
    loop_measure_lag(loop, &door->figures.loop_lag, clock_monotonic_us);
    int r = policies_new(&door->policies, error);
    if (r == 0)
        r = cors_new(config->cors_origins, &door->cors, error);
    if (r == 0)
        r = networks_parse(config->trusted_proxies, &door->trusted, error);
    if (r < 0)
        return r;
    *ret_door = STEAL(door);
    return 0;
}

struct door *door_free(struct door *door)
{
    if (!door)
        return NULL;
    door->scrape = scrape_free(door->scrape);
    door->server = http_server_free(door->server);
    loop_timer_clear(&door->probe);
    loop_timer_clear(&door->cut);
    door->commands = redis_free(door->commands);
    while (!LIST_EMPTY(&door->visits))
        visit_abandon(LIST_FIRST(&door->visits));
    door->feeds = feeds_free(door->feeds);
    door->auth = auth_free(door->auth);
    door->subscriptions = redis_free(door->subscriptions);
    door->presence = presence_free(door->presence);
    door->watches = watches_free(door->watches);
    door->fleet = fleet_free(door->fleet);
    door->policies = policies_free(door->policies);
    door->cors = cors_free(door->cors);
    free(door);
    return NULL;
}

void door_await_redis(struct door *door, int64_t max_ms)
{
    int64_t until_ms = clock_monotonic_ms() + max_ms;

    while (!(redis_connected(door->commands) && auth_knows(door->auth)) &&
           clock_monotonic_ms() < until_ms && !door->draining)
        loop_turn(door->loop, TURN_MS);
}

static void on_head(const struct http_exchange *exchange, int status, struct buf *head, void *arg)
{
    const struct door *door = arg;

    (void)status;
    cors_head(door->cors, exchange, head);
}

static bool is_counted(const struct sockaddr_storage *peer, void *arg)
{
    const struct door *door = arg;
    struct address address;

    address_of(peer, &address);
    return !address_is_loopback(&address) && !networks_have(&door->trusted, &address);
}

static void write_figures(struct buf *out, void *arg)
{
    figures_write(arg, out);
}

static int show_figures(struct door *door, struct error *error)
{
    int r = scrape_new(door->loop, door->config->metrics_listen, write_figures, door, &door->scrape,
                       error);

    if (r < 0)
        return r;
    log_info("event=metrics.listening port=%u", (unsigned)scrape_port(door->scrape));
    if (!scrape_is_local(door->scrape))
        log_warn("event=metrics.public reason=\"whoever reaches PARLEY_METRICS_LISTEN may read the "
                 "figures: keep the internet out\"");
    return 0;
}

int door_listen(struct door *door, struct error *error)
{
    const struct door_config *config = door->config;
    const struct http_options options = {
        .listen = config->listen,
        .listen_fd = config->listen_fd,
        .reuse_port = config->reuse_port,
        .max_connections = (size_t)config->max_connections,
        .max_per_address = (size_t)config->address_connections,
        .is_counted = is_counted,
        .max_head_bytes = (size_t)config->max_head_bytes,
        .max_unsent_bytes = (size_t)config->max_unsent_bytes,
        .head_ms = config->head_ms,
        .body_ms = config->body_ms,
        .idle_ms = config->idle_ms,
        .write_ms = config->write_ms,
        .on_request = routes_serve,
        .max_body = routes_max_body,
        .on_error = answer_engine_error,
        .on_head = on_head,
        .on_end = account_end,
        .arg = door,
    };

    int r = http_server_new(door->loop, &options, &door->server, error);
    return r == 0 && config->metrics_listen ? show_figures(door, error) : r;
}

static void on_drained(void *arg)
{
    struct door *door = arg;

    loop_stop(door->loop);
}

void door_drain(struct door *door)
{
    if (door->draining || !door->server) {
        door->draining = true;
        loop_stop(door->loop);
        return;
    }
    door->draining = true;
    log_info("event=drain.begin connections=%zu streams=%zu", http_server_connections(door->server),
             watches_count(door->watches));
    loop_timer_set(&door->cut, door->config->drain_ms);
    /* First: whoever is sent away must not come back on the same connection. */
    http_server_drain(door->server, on_drained, door);
    watches_drain(door->watches);
    waits_drain(door);
}
