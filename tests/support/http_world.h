#pragma once
/* An HTTP server and its clients on loopback sockets, for the tests of the engine: one loop turns
 * both sides until a condition holds.
 *
 * Paths: /echo… answers with the body or the path, /none with 204, /query with parameter b, /later
 * leaves the exchange in `pending`, /stream begins a stream there, /cut cuts, /free frees the
 * server. */

#include <check.h>

#include "buf.h"
#include "clock.h"
#include "http.h"
#include "loop.h"

#define HOST "Host: a\r\n\r\n" /* and the end of the head */
#define WAIT_MS 5000
/* Of all paths but /none (0) and /later (1 MiB). */
#define MAX_BODY_BYTES 1000

/* The server and what its handler saw. */
struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_exchange *pending[8]; /* of /later and /stream, in order */
    size_t n_pending, n_requests, n_closed, n_drained;
    bool server_drained;
    char id[64]; /* of the last request */
};

struct client { /* of a test */
    struct world *world;
    int fd;
    bool eof;
    struct buf in;
};

void on_drain(void *user);         /* counts */
void on_server_drained(void *arg); /* notes */

/* The handler, the limits and, when missing, the address are set here. */
void world_start(struct world *world, struct http_options options);
void world_stop(struct world *world);

void client_open(struct client *client, struct world *world);
/* from: an address of the loopback network. */
void client_open_from(struct client *client, struct world *world, const char *from);
void client_close(struct client *client);
void client_send(struct client *client, struct span bytes);
/* Sends everything, turning the loop when the socket is full. */
void client_send_all(struct client *client, struct span bytes);
void client_read(struct client *client);
size_t count_text(const struct client *client, const char *text);
/* These two read first. */
bool has_text(struct client *client, const char *text);
bool is_closed(struct client *client);

/* Turns the loop until the condition holds; the test fails when it does not in time. */
#define UNTIL(world, condition)                                                                    \
    do {                                                                                           \
        int64_t end_ms_ = clock_monotonic_ms() + WAIT_MS;                                          \
        while (!(condition)) {                                                                     \
            ck_assert_msg(clock_monotonic_ms() < end_ms_, "waited in vain for: " #condition);      \
            loop_turn((world)->loop, 5);                                                           \
        }                                                                                          \
    } while (0)
