#pragma once
/* Whether this door lives, and whether it can take jobs. */

struct door;
struct http_exchange;
struct route_match;

void health_live(struct door *door, struct http_exchange *exchange,
                 const struct route_match *match);
void health_ready(struct door *door, struct http_exchange *exchange,
                  const struct route_match *match);
/* Asks Redis every half second; from door_new() on. */
void health_begin(struct door *door);
