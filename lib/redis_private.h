#pragma once
/* What the files of the connection to Redis share: redis.c (connection, commands), redis_channel.c
 * (subscriptions), redis_request.c (commands' bytes), redis_reply.c (replies). */

#include <hiredis.h>

#include "buf.h"
#include "loop.h"
#include "redis.h"

enum state { STATE_DOWN, STATE_CONNECTING, STATE_PREPARING, STATE_READY };

TAILQ_HEAD(command_list, command);

/* Where the reply being read lies. */
struct reply_memory {
    struct reply_block *newest;
};

struct redis_channel {
    struct redis *redis; /* borrowed from the subscriber */
    const char *name;    /* its text */
    uint64_t ticket;     /* number of its SUBSCRIBE on this connection */
    bool ready;
    redis_ready_fn *on_ready;
    redis_message_fn *on_message;
    void *arg;
    char text[];
};

struct redis {
    struct loop *loop; /* borrowed from main */
    char *address;
    enum state state;
    int fd;
    struct event readable, writable;
    struct loop_later flush;
    struct loop_timer tick, reconnect;
    redisReader *reader;
    struct reply_memory reply_memory;
    struct buf out;
    struct command_list waiting, sent;
    struct command *last_first; /* where the next redis_first() goes behind */
    size_t n_pending;
    struct redis_tally tally;
    bool idle;        /* nothing is owed: the tick is slow */
    bool unreachable; /* and that was logged */
    int64_t down_since_ms, heard_ms, pinged_ms, backoff_ms;
    redis_event_fn *on_connect, *on_lost;
    void *connect_arg, *lost_arg;
    void *channels; /* tsearch tree of struct redis_channel */
    size_t n_channels;
    uint64_t n_subscribes, n_acknowledged;
};

/* How much request_write() writes at most. */
size_t request_max_bytes(size_t argc, const struct span *argv);
/* Returns the bytes written. */
size_t request_write(char *out, size_t argc, const struct span *argv);

/* A reader that builds struct reply in `memory` (borrowed). */
redisReader *reply_reader_new(struct reply_memory *memory);
/* Forgets the reply that was read. */
void reply_memory_clear(struct reply_memory *memory);
void reply_memory_deinit(struct reply_memory *memory);

/* The connection is ready: asks for every subscription again. */
void channels_subscribe(struct redis *redis);
/* A pushed array: an acknowledgement or a message. */
void channels_take(struct redis *redis, const struct reply *reply);
void channels_free(struct redis *redis);

/* A socket that is connecting to the address; -errno when there is none to be had. */
int redis_open_socket(const char *address);
