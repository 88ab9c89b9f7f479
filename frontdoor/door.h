#pragma once
/* The front door as one object: what its parts share. main.c makes one; tests may make several. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "address.h"
#include "figures.h"
#include "loop.h"
#include "service.h"

struct auth;
struct cors;
struct error;
struct feeds;
struct fleet;
struct http_server;
struct policies;
struct presence;
struct redis;
struct scrape;
struct visit;
struct wait;
struct watches;

/* Filled from the environment (main.c), kept by the caller as long as the door. */
struct door_config {
    char *listen; /* host:port; port 0 = any free one */
    char *redis;  /* path of a unix socket, or host:port */
    struct service_log log;
    char *cors_origins;    /* pages that may use the door; NULL = none but its own host's */
    char *trusted_proxies; /* networks whose X-Forwarded-For is believed; NULL = none */
    char *pepper;          /* API keys are checked with it; NULL = there are none */
    char *port_file;       /* the port is written there once the door listens; NULL = nowhere */
    char *metrics_listen;  /* host:port where /metrics is for everybody; NULL = nowhere */
    int64_t queue_cap, tenant_cap;
    int64_t max_connections, address_connections;
    int64_t max_head_bytes, max_unsent_bytes;
    int64_t head_ms, body_ms, idle_ms, write_ms;
    int64_t address_rate; /* submissions a second of one address; 0 = no limit */
    int64_t idempotency_ttl_ms;
    int64_t disconnect_ms; /* how long a job that depends on its readers goes on without one */
    int64_t drain_ms;      /* what is still open that long after SIGTERM is cut */
    bool reuse_port;       /* others may listen on the same address (SO_REUSEPORT) */
    int listen_fd;         /* >= 0: an already listening socket instead of `listen` */
};

/* With no keys configured there is one tenant (product.md 2, "Access"). */
#define DOOR_TENANT "default"

/* Open to the parts of the door; each member is owned by door.c. */
struct door {
    const struct door_config *config; /* borrowed from main */
    struct loop *loop;                /* borrowed from main */
    struct redis *commands, *subscriptions;
    struct auth *auth;
    struct cors *cors;
    struct networks trusted;
    struct policies *policies;
    struct presence *presence;
    struct feeds *feeds;
    struct fleet *fleet;
    struct watches *watches;
    struct http_server *server;          /* NULL before door_listen() */
    struct scrape *scrape;               /* the same; NULL without an address for it */
    LIST_HEAD(visit_list, visit) visits; /* owned: requests that wait for Redis */
    LIST_HEAD(wait_list, wait) waits;    /* borrowed: those that wait for a job's end */
    struct loop_timer probe, cut;
    struct figures figures;
    int64_t started_ms;  /* monotonic */
    int64_t answered_ms; /* monotonic, when Redis last answered the probe; 0 = never */
    uint64_t n_lost;     /* established connections to Redis that were lost */
    bool probing, draining;
};

/* Begins to connect to Redis. -EINVAL and error when a schema does not load. */
int door_new(struct loop *loop, const struct door_config *config, struct door **ret_door,
             struct error *error) MUST_CHECK;
struct door *door_free(struct door *door);
DEFINE_FREEP(door)

/* Turns the loop until Redis can be used, at most max_ms: a door that is started by socket
 * activation leaves its first clients in the socket's queue meanwhile instead of refusing them. */
void door_await_redis(struct door *door, int64_t max_ms);
/* Accepts from here on. -errno and error when the address cannot be bound. */
int door_listen(struct door *door, struct error *error) MUST_CHECK;
/* Stops accepting, tells the readers where to go on, and stops the loop when the last client is
 * gone: requests that still come on open connections are served. Called again: at once. */
void door_drain(struct door *door);
