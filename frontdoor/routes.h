#pragma once
/* Which address does what. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct caller;
struct door;
struct http_exchange;
struct http_request;
struct route_match;

typedef void route_fn(struct door *door, struct http_exchange *exchange,
                      const struct route_match *match);

/* For everybody who reaches the door. */
#define ROUTE_PUBLIC (-1)
#define ROUTE_NO_WAIT 0
#define ROUTE_WAIT_OF_KIND (-1) /* x-wait_default_s of the kind's schema */

/* What a request is counted as; ROUTE_OTHER also stands for addresses without a row. */
enum route_class {
    ROUTE_OTHER,
    ROUTE_SUBMIT,
    ROUTE_READ,
    ROUTE_EVENTS,
    ROUTE_CANCEL,
    ROUTE_HEALTH,
    ROUTE_CLASS_COUNT_
};

struct route {
    enum route_class class;
    const char *method; /* GET serves HEAD too */
    const char *path;   /* {kind} and {id} match one segment */
    route_fn *fn;
    const char *kind; /* of submitting routes; NULL: taken from the path */
    const char
        *preset;       /* members put into the request when it lacks them, a JSON object; or NULL */
    bool preset_binds; /* another value for such a member is refused */
    int64_t wait_s;    /* how long a client waits who does not say */
    int scope;         /* enum apikey_scope that a key needs, or ROUTE_PUBLIC */
    bool takes_token;  /* a stream token of the job opens it too */
};

struct route_match {
    const struct route *route;
    struct span kind, id;        /* from the path, or the row's kind */
    const struct caller *caller; /* set when the route's function runs */
};

/* http_options.on_request and .max_body; arg is the door. */
void routes_serve(struct http_exchange *exchange, void *arg);
size_t routes_max_body(const struct http_request *request, void *arg);
