#pragma once
/* One connection to Redis: commands in a pipeline, or subscriptions; never both.
 *
 * It connects by itself, reconnects with jitter (50 ms to 1 s), and gives every command a deadline.
 * What is written in one turn of the loop goes out in one write. Only redis.c knows hiredis, and of
 * it only the reply reader. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "metrics.h"

struct loop;
struct redis;

enum reply_type { REPLY_NIL, REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_STRING, REPLY_ARRAY };

/* Valid only inside the callback that gets it. */
struct reply {
    enum reply_type type;
    int64_t integer;
    struct span text; /* status, error, string; NUL-terminated */
    size_t n;         /* array */
    struct reply **items;
};

/* reply NULL: the outcome is unknown (no connection, or the deadline passed). An error reply is a
 * reply. Runs exactly once, unless the redis is freed before. */
typedef void redis_reply_fn(const struct reply *reply, void *arg);

/* address: "/path/to.sock" or "host:port" (numeric host or localhost). Nothing is connected before
 * the loop runs. */
struct redis *redis_new(struct loop *loop, const char *address);
struct redis *redis_free(struct redis *redis); /* drops what is pending without calling back */
DEFINE_FREEP(redis)

/* Called after each successful connect. Until redis_ready() only commands of redis_first() are
 * sent, so that fn can load functions before anything needs them. Without an on_connect the
 * connection is ready at once. */
typedef void redis_event_fn(struct redis *redis, void *arg);
void redis_on_connect(struct redis *redis, redis_event_fn *fn, void *arg);
void redis_ready(struct redis *redis);
/* Called each time an established connection is lost. */
void redis_on_lost(struct redis *redis, redis_event_fn *fn, void *arg);
/* Connected and ready. */
bool redis_connected(const struct redis *redis);
/* Closes and reconnects, as after a network failure (for tests and for READONLY). */
void redis_reset(struct redis *redis);

/* How long a command is meant. REDIS_OWN goes with either. */
enum redis_mode {
    /* Deadline 0.9 s: then, or when the connection is lost after sending, reply is NULL. While
     * Redis has been away for longer than that, the reply is NULL at once. */
    REDIS_ONCE = 0,
    REDIS_REPEAT = 1, /* idempotent: repeated, in order, over reconnects until it is answered */
    REDIS_OWN = 2, /* arg is the command's: free()d after fn, or with a command that is dropped */
};

/* Arguments are copied. fn may be NULL. */
void redis_command(struct redis *redis, unsigned mode, redis_reply_fn *fn, void *arg, size_t argc,
                   const struct span *argv);
/* The same for short commands: words are split at single spaces, and each %s (the only conversion)
 * is one whole argument whatever it holds. */
void redis_commandf(struct redis *redis, unsigned mode, redis_reply_fn *fn, void *arg,
                    const char *format, ...) PRINTF_LIKE(5, 6);
/* As REDIS_ONCE, put before everything queued: only from the on_connect callback. */
void redis_first(struct redis *redis, redis_reply_fn *fn, void *arg, size_t argc,
                 const struct span *argv);
size_t redis_pending(const struct redis *redis); /* commands without a reply yet */

/* What became of the commands so far. */
enum redis_outcome {
    REDIS_ANSWERED,
    REDIS_REFUSED,    /* an error reply */
    REDIS_UNANSWERED, /* no connection, lost, or too late */
    REDIS_OUTCOME_COUNT_
};
extern const char *const redis_outcome_names[REDIS_OUTCOME_COUNT_];

struct redis_tally {
    uint64_t commands[REDIS_OUTCOME_COUNT_];
    uint64_t connects;
    struct histogram seconds; /* from the call to the reply */
};
/* Adds the connection's to *sum. */
void redis_add_tally(const struct redis *redis, struct redis_tally *sum);

/* Subscriptions, on a connection used for nothing else. on_ready runs each time the server has
 * acknowledged the subscription: the first time and after every reconnect (what was published in
 * between is lost: read the log again). */
struct redis_channel;
typedef void redis_ready_fn(void *arg);
typedef void redis_message_fn(struct span message, void *arg);
struct redis_channel *redis_subscribe(struct redis *redis, const char *channel,
                                      redis_ready_fn *on_ready, redis_message_fn *on_message,
                                      void *arg);
/* The arg of the channel's subscriber; NULL when there is none. */
void *redis_subscriber(struct redis *redis, const char *channel);
/* No callback of the channel runs after this. One subscriber a channel name and connection. */
struct redis_channel *
redis_unsubscribe(struct redis_channel *channel); /* accepts NULL, returns NULL */
