#pragma once
/* Taking in a job. */

struct door;
struct http_exchange;
struct route_match;

/* Checks the request, enqueues it with one call to Redis, and answers in the form the client asked
 * for. */
void submit(struct door *door, struct http_exchange *exchange, const struct route_match *match);
