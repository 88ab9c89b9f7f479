/* One connection to Redis (hiredis' reply reader over our own socket).
 *
 * A command is in exactly one list: `waiting` (not written) or `sent` (written, its reply
 * outstanding, in the server's order). When the connection is lost, sent REPEAT commands go back to
 * the front of `waiting`, the others learn that their outcome is unknown. A timed-out command keeps
 * its place in `sent` without its callback, so that replies stay aligned. */
#include "redis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "id.h"
#include "log.h"
#include "loop.h"
#include "redis_private.h"
#include "text.h"

#define ONCE_DEADLINE_MS 900
#define STALL_MS 2000 /* nothing heard while something is owed: the connection is dead */
#define TICK_MS 50
#define PING_MS 1000 /* of a connection with subscriptions */
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000
#define MAX_OUT_BYTES (64u << 20)
#define BATCH_BYTES (256u << 10) /* written ahead of the socket */
#define READ_BYTES (64u << 10)
/* hiredis moves what is left in its buffer with almost every reply: little at a time. */
#define FEED_BYTES 4096

struct command {
    TAILQ_ENTRY(command) link;
    unsigned mode;
    int64_t deadline_ms; /* REDIS_ONCE */
    int64_t begun_us;
    redis_reply_fn *fn;
    void *arg;
    size_t n;
    char text[]; /* kept while it may have to be sent again */
};

/* ---- commands ---- */

static void free_command(struct redis *redis, struct command *command)
{
    redis->n_pending--;
    if (command->mode & REDIS_OWN)
        free(command->arg);
    free(command);
}

/* A command that timed out before was counted then. */
static void count(struct redis *redis, const struct command *command, const struct reply *reply)
{
    struct redis_tally *tally = &redis->tally;

    if (command->deadline_ms == INT64_MAX)
        return;
    if (!reply) {
        tally->commands[REDIS_UNANSWERED]++;
        return;
    }
    tally->commands[reply->type == REPLY_ERROR ? REDIS_REFUSED : REDIS_ANSWERED]++;
    histogram_add(&tally->seconds, clock_monotonic_us() - command->begun_us);
}

static void answer(struct redis *redis, struct command *command, const struct reply *reply)
{
    count(redis, command, reply);
    if (command->fn)
        command->fn(reply, command->arg);
    free_command(redis, command);
}

static void connection_lost(struct redis *redis, const char *why);

/* Moves commands into the output and writes as much as the socket takes. */
static void flush(void *arg)
{
    struct redis *redis = arg;
    struct command *command;

    if (redis->state < STATE_PREPARING)
        return;
    for (;;) {
        while (redis->out.n < BATCH_BYTES && (command = TAILQ_FIRST(&redis->waiting))) {
            if (redis->state == STATE_PREPARING && !redis->last_first)
                break;
            if (command == redis->last_first)
                redis->last_first = NULL;
            TAILQ_REMOVE(&redis->waiting, command, link);
            if (TAILQ_EMPTY(&redis->sent))
                redis->heard_ms = clock_monotonic_ms();
            buf_add(&redis->out, command->text, command->n);
            TAILQ_INSERT_TAIL(&redis->sent, command, link);
        }
        if (redis->out.n == 0)
            return;
        ssize_t n = write(redis->fd, redis->out.at, redis->out.n);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            connection_lost(redis, strerror(errno));
            return;
        }
        if (n > 0)
            buf_drop(&redis->out, (size_t)n);
        if (redis->out.n > 0) {
            (void)event_add(&redis->writable, NULL);
            return;
        }
    }
}

static struct command *new_command(struct redis *redis, unsigned mode, redis_reply_fn *fn,
                                   void *arg, size_t argc, const struct span *argv)
{
    struct command *command = xrealloc(NULL, sizeof(*command) + request_max_bytes(argc, argv));
    int64_t now_us = clock_monotonic_us(), now_ms = now_us / 1000;

    *command = (struct command){.mode = mode, .fn = fn, .arg = arg, .begun_us = now_us};
    command->n = request_write(command->text, argc, argv);
    bool away = redis->state < STATE_PREPARING && redis->down_since_ms != 0 &&
                now_ms - redis->down_since_ms > ONCE_DEADLINE_MS;
    command->deadline_ms = away ? now_ms : now_ms + ONCE_DEADLINE_MS;
    redis->n_pending++;
    if (redis->idle) {
        redis->idle = false;
        redis->heard_ms = now_ms;
        loop_timer_set(&redis->tick, TICK_MS);
    }
    return command;
}

void redis_command(struct redis *redis, unsigned mode, redis_reply_fn *fn, void *arg, size_t argc,
                   const struct span *argv)
{
    struct command *command = new_command(redis, mode, fn, arg, argc, argv);

    TAILQ_INSERT_TAIL(&redis->waiting, command, link);
    loop_later_set(&redis->flush, redis->loop);
}

void redis_first(struct redis *redis, redis_reply_fn *fn, void *arg, size_t argc,
                 const struct span *argv)
{
    struct command *command = new_command(redis, REDIS_ONCE, fn, arg, argc, argv);

    if (redis->last_first)
        TAILQ_INSERT_AFTER(&redis->waiting, redis->last_first, command, link);
    else
        TAILQ_INSERT_HEAD(&redis->waiting, command, link);
    redis->last_first = command;
    loop_later_set(&redis->flush, redis->loop);
}

void redis_commandf(struct redis *redis, unsigned mode, redis_reply_fn *fn, void *arg,
                    const char *format, ...)
{
    struct span argv[32], rest = span_of(format);
    size_t argc = 0;
    va_list args;

    va_start(args, format);
    while (argc < ARRAY_SIZE(argv) && text_next(&rest, ' ', &argv[argc])) {
        if (span_equal(argv[argc], SPAN("%s")))
            argv[argc] = span_of(va_arg(args, const char *));
        argc++;
    }
    va_end(args);
    redis_command(redis, mode, fn, arg, argc, argv);
}

size_t redis_pending(const struct redis *redis)
{
    return redis->n_pending;
}

/* ---- the connection ---- */

static void schedule_reconnect(struct redis *redis)
{
    uint32_t word;

    id_random(&word, sizeof(word));
    redis->backoff_ms =
        redis->backoff_ms * 2 < BACKOFF_MIN_MS ? BACKOFF_MIN_MS : redis->backoff_ms * 2;
    if (redis->backoff_ms > BACKOFF_MAX_MS)
        redis->backoff_ms = BACKOFF_MAX_MS;
    loop_timer_set(&redis->reconnect, redis->backoff_ms / 2 + word % (redis->backoff_ms / 2 + 1));
}

/* The outcome of what was sent is unknown: repeat it, or say so. */
static void give_up_sent(struct redis *redis)
{
    struct command_list lost = TAILQ_HEAD_INITIALIZER(lost);
    struct command *command;

    while ((command = TAILQ_LAST(&redis->sent, command_list))) {
        TAILQ_REMOVE(&redis->sent, command, link);
        if (command->mode & REDIS_REPEAT)
            TAILQ_INSERT_HEAD(&redis->waiting, command, link);
        else
            TAILQ_INSERT_HEAD(&lost, command, link);
    }
    while ((command = TAILQ_FIRST(&lost))) {
        TAILQ_REMOVE(&lost, command, link);
        answer(redis, command, NULL);
    }
}

/* Once an outage: the next attempts have the same to say. */
static void log_unreachable(struct redis *redis, const char *why)
{
    if (!redis->unreachable)
        log_info("event=redis.unreachable address=%s why=\"%s\"", redis->address, why);
    redis->unreachable = true;
}

static void connection_lost(struct redis *redis, const char *why)
{
    enum state was = redis->state;

    if (was == STATE_DOWN)
        return;
    if (was < STATE_PREPARING)
        log_unreachable(redis, why);
    else
        log_debug("event=redis.lost address=%s why=\"%s\"", redis->address, why);
    redis->state = STATE_DOWN;
    if (redis->down_since_ms == 0)
        redis->down_since_ms = clock_monotonic_ms();
    if (redis->fd >= 0) {
        (void)event_del(&redis->readable);
        (void)event_del(&redis->writable);
        (void)close(redis->fd);
    }
    redis->fd = -1;
    buf_clear(&redis->out);
    redisReaderFree(redis->reader);
    redis->reader = NULL;
    redis->last_first = NULL;
    schedule_reconnect(redis);
    give_up_sent(redis);
    if (was >= STATE_PREPARING && redis->on_lost)
        redis->on_lost(redis, redis->lost_arg);
}

static void take_reply(struct redis *redis, struct reply *reply)
{
    struct command *command = TAILQ_FIRST(&redis->sent);

    if (reply->type == REPLY_ARRAY && redis->n_subscribes > 0) {
        channels_take(redis, reply);
    } else if (command) {
        TAILQ_REMOVE(&redis->sent, command, link);
        answer(redis, command, reply);
    } else if (reply->type == REPLY_ERROR) {
        connection_lost(redis, reply->text.at);
    }
}

static void take_bytes(struct redis *redis, const char *bytes, size_t n)
{
    void *reply = NULL;

    if (redisReaderFeed(redis->reader, bytes, n) != REDIS_OK) {
        connection_lost(redis, redis->reader->errstr);
        return;
    }
    while (redis->reader) {
        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            connection_lost(redis, redis->reader->errstr);
            return;
        }
        if (!reply)
            return;
        take_reply(redis, reply);
        reply_memory_clear(&redis->reply_memory);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    static char bytes[READ_BYTES];
    struct redis *redis = arg;

    (void)what;
    ssize_t n = read(fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        connection_lost(redis, n == 0 ? "closed by the server" : strerror(errno));
        return;
    }
    redis->heard_ms = clock_monotonic_ms();
    for (size_t at = 0; at < (size_t)n && redis->reader; at += FEED_BYTES) {
        size_t left = (size_t)n - at;

        take_bytes(redis, bytes + at, left < FEED_BYTES ? left : FEED_BYTES);
    }
}

void redis_ready(struct redis *redis)
{
    if (redis->state != STATE_PREPARING)
        return;
    redis->state = STATE_READY;
    redis->backoff_ms = 0;
    redis->down_since_ms = 0;
    channels_subscribe(redis);
    loop_later_set(&redis->flush, redis->loop);
}

static void connected(struct redis *redis)
{
    redis->state = STATE_PREPARING;
    redis->unreachable = false;
    redis->tally.connects++;
    redis->heard_ms = redis->pinged_ms = clock_monotonic_ms();
    redis->n_subscribes = redis->n_acknowledged = 0;
    reply_memory_clear(&redis->reply_memory);
    redis->reader = reply_reader_new(&redis->reply_memory);
    (void)event_add(&redis->readable, NULL);
    log_debug("event=redis.connected address=%s", redis->address);
    if (redis->on_connect)
        redis->on_connect(redis, redis->connect_arg);
    else
        redis_ready(redis);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct redis *redis = arg;
    int problem = 0;
    socklen_t n = sizeof(problem);

    (void)what;
    if (redis->state != STATE_CONNECTING) {
        flush(redis);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &n) < 0 || problem != 0)
        connection_lost(redis, strerror(problem));
    else
        connected(redis);
}

static void start_connect(void *arg)
{
    struct redis *redis = arg;
    struct event_base *base = loop_base(redis->loop);

    redis->state = STATE_CONNECTING;
    redis->heard_ms = clock_monotonic_ms();
    redis->fd = redis_open_socket(redis->address);
    if (redis->fd < 0) {
        connection_lost(redis, redis->fd == -EINVAL
                                   ? "neither a numeric host with a port nor a path of a socket"
                                   : strerror(-redis->fd));
        return;
    }
    (void)event_assign(&redis->readable, base, redis->fd, EV_READ | EV_PERSIST, on_readable, redis);
    (void)event_assign(&redis->writable, base, redis->fd, EV_WRITE, on_writable, redis);
    (void)event_add(&redis->writable, NULL);
}

static struct command *first_expired(struct command_list *list, int64_t now_ms)
{
    struct command *command;

    TAILQ_FOREACH(command, list, link)
    if (!(command->mode & REDIS_REPEAT) && now_ms >= command->deadline_ms)
        return command;
    return NULL;
}

static void expire(struct redis *redis, int64_t now_ms)
{
    struct command *command;

    while ((command = first_expired(&redis->sent, now_ms))) {
        redis_reply_fn *fn = command->fn;

        count(redis, command, NULL);
        command->fn = NULL; /* its reply may still come: keep the place */
        command->deadline_ms = INT64_MAX;
        if (fn)
            fn(NULL, command->arg);
    }
    while ((command = first_expired(&redis->waiting, now_ms))) {
        if (command == redis->last_first)
            redis->last_first = NULL;
        TAILQ_REMOVE(&redis->waiting, command, link);
        answer(redis, command, NULL);
    }
}

static void on_tick(void *arg)
{
    struct redis *redis = arg;
    int64_t now_ms = clock_monotonic_ms();

    expire(redis, now_ms);
    redis->idle = redis->n_pending == 0 && redis->state == STATE_READY;
    loop_timer_set(&redis->tick, redis->idle ? PING_MS : TICK_MS);
    if (redis->state == STATE_DOWN)
        return;
    if ((!redis->idle || redis->n_channels > 0) && now_ms - redis->heard_ms > STALL_MS) {
        connection_lost(redis, "no sign of life");
    } else if (redis->n_channels > 0 && redis->state == STATE_READY &&
               now_ms - redis->pinged_ms >= PING_MS) {
        redis->pinged_ms = now_ms;
        buf_add_text(&redis->out, "*1\r\n$4\r\nPING\r\n");
        loop_later_set(&redis->flush, redis->loop);
    }
}

struct redis *redis_new(struct loop *loop, const char *address)
{
    struct redis *redis = xcalloc(1, sizeof(*redis));

    redis->loop = loop;
    redis->address = xstrdup(address);
    redis->fd = -1;
    buf_init(&redis->out, MAX_OUT_BYTES);
    TAILQ_INIT(&redis->waiting);
    TAILQ_INIT(&redis->sent);
    loop_later_init_last(&redis->flush, flush, redis);
    loop_timer_init(&redis->tick, loop, on_tick, redis);
    loop_timer_init(&redis->reconnect, loop, start_connect, redis);
    loop_timer_set(&redis->tick, TICK_MS);
    loop_timer_set(&redis->reconnect, 0);
    return redis;
}

static void free_list(struct redis *redis, struct command_list *list)
{
    struct command *command;

    while ((command = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, command, link);
        free_command(redis, command);
    }
}

struct redis *redis_free(struct redis *redis)
{
    if (!redis)
        return NULL;
    loop_timer_clear(&redis->tick);
    loop_timer_clear(&redis->reconnect);
    loop_later_clear(&redis->flush);
    if (redis->fd >= 0) {
        (void)event_del(&redis->readable);
        (void)event_del(&redis->writable);
        (void)close(redis->fd);
    }
    redisReaderFree(redis->reader);
    reply_memory_deinit(&redis->reply_memory);
    free_list(redis, &redis->waiting);
    free_list(redis, &redis->sent);
    channels_free(redis);
    buf_deinit(&redis->out);
    free(redis->address);
    free(redis);
    return NULL;
}

void redis_on_connect(struct redis *redis, redis_event_fn *fn, void *arg)
{
    redis->on_connect = fn;
    redis->connect_arg = arg;
}

void redis_on_lost(struct redis *redis, redis_event_fn *fn, void *arg)
{
    redis->on_lost = fn;
    redis->lost_arg = arg;
}

bool redis_connected(const struct redis *redis)
{
    return redis->state == STATE_READY;
}

void redis_reset(struct redis *redis)
{
    connection_lost(redis, "reset");
}
