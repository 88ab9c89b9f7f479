#pragma once
/* One keep-alive connection that posts a job, reads its events to the end of the answer, and posts
 * the next one. */

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "sse.h"

/* What to send and what to expect; shared by all clients, which only borrow it. */
struct client_plan {
    uint16_t port; /* on 127.0.0.1 */
    struct span request;
    const char *progress, *end; /* names of events */
    uint64_t n_expected;        /* progress events, numbered from 1 by their "done" member */
};

/* One POST and what came of it. Times are monotonic; 0: has not happened. */
struct client_job {
    int64_t posted_us, first_us, progress_us, done_us;
    uint64_t n_progress;
    bool disorder;     /* a progress event out of turn */
    const char *fault; /* not an answer at all: why */
};

struct client {
    int fd;
    bool busy; /* posted, answer not read to its end */
    struct client_job job;
    /* private */
    const struct client_plan *plan;
    int state;
    uint64_t chunk_left;
    struct buf head;
    struct sse_reader sse;
    char fault_text[80];
};

/* Connects; -errno. */
int client_init(struct client *client, const struct client_plan *plan) MUST_CHECK;
void client_deinit(struct client *client);
/* In place of a connection that went wrong. */
int client_reconnect(struct client *client) MUST_CHECK;

void client_post(struct client *client);
/* Reads what is there. The answer is over when `busy` is false afterwards. */
void client_read(struct client *client);
/* Every progress event in turn, then the end. */
bool client_job_complete(const struct client *client);
