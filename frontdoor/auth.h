#pragma once
/* Who asks, and whether that is allowed. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct auth;
struct caller;
struct door;
struct http_exchange;
struct route_match;

/* pepper NULL: no keys are configured; everybody who reaches the door is the tenant DOOR_TENANT. */
struct auth *auth_new(struct door *door, const char *pepper);
struct auth *auth_free(struct auth *auth); /* before Redis, without a turn between */
DEFINE_FREEP(auth)
/* To be called after each connect: a door without a pepper must not serve a Redis that has keys. */
void auth_check(struct auth *auth);

/* false: nobody is served yet, since without a pepper Redis must first say that there are no keys.
 */
bool auth_knows(const struct auth *auth);
/* There are keys, and this door cannot check them. */
bool auth_locked(const struct auth *auth);
void auth_answer_locked(struct http_exchange *exchange);

/* Runs the route's function with match->caller set, at once or when Redis has told who that is; or
 * answers 401, 403 or 503. The one way to a route for every form in which a key can come. */
void auth_admit(struct door *door, struct http_exchange *exchange, struct route_match *match);

/* A token that opens the job's events for ttl_s to whoever has it, as the caller. NULL: no keys are
 * configured, none is needed. */
char *auth_token(struct auth *auth, const struct caller *caller, struct span job, int64_t ttl_s);
