/* Subscriptions of a connection: a tree by channel name.
 *
 * They are numbered: acknowledgements come in order, so the n-th one belongs to the n-th SUBSCRIBE,
 * whatever was unsubscribed meanwhile, and a channel that was left and entered again is ready only
 * by its own. */
#include <assert.h>
#include <search.h>
#include <stdlib.h>

#include "redis_private.h"

static int compare_channels(const void *a, const void *b)
{
    const struct redis_channel *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* name: of a reply, so it ends with a NUL. */
static struct redis_channel *find_channel(struct redis *redis, struct span name)
{
    struct redis_channel wanted = {.name = (char *)(uintptr_t)name.at};
    struct redis_channel **found = tfind(&wanted, &redis->channels, compare_channels);

    return found ? *found : NULL;
}

/* Subscription commands are answered by pushed arrays, not by replies in order: they bypass the
 * lists. */
static void push(struct redis *redis, const char *verb, const char *name)
{
    const struct span words[] = {span_of(verb), span_of(name)};
    char *room = buf_room(&redis->out, request_max_bytes(2, words));

    if (room)
        buf_grew(&redis->out, request_write(room, 2, words));
    loop_later_set(&redis->flush, redis->loop);
}

static void send_subscribe(struct redis *redis, struct redis_channel *channel)
{
    channel->ticket = ++redis->n_subscribes;
    channel->ready = false;
    push(redis, "SUBSCRIBE", channel->name);
}

struct redis_channel *redis_subscribe(struct redis *redis, const char *name,
                                      redis_ready_fn *on_ready, redis_message_fn *on_message,
                                      void *arg)
{
    size_t n = strlen(name) + 1;
    struct redis_channel *channel = xcalloc(1, sizeof(*channel) + n);

    *channel = (struct redis_channel){
        .redis = redis,
        .name = channel->text,
        .on_ready = on_ready,
        .on_message = on_message,
        .arg = arg,
    };
    memcpy(channel->text, name, n);
    struct redis_channel **at = tsearch(channel, &redis->channels, compare_channels);
    assert(at && *at == channel);
    redis->n_channels++;
    if (redis->state == STATE_READY)
        send_subscribe(redis, channel);
    return channel;
}

struct redis_channel *redis_unsubscribe(struct redis_channel *channel)
{
    if (!channel)
        return NULL;
    struct redis *redis = channel->redis;

    (void)tdelete(channel, &redis->channels, compare_channels);
    redis->n_channels--;
    if (redis->state == STATE_READY)
        push(redis, "UNSUBSCRIBE", channel->name);
    free(channel);
    return NULL;
}

void *redis_subscriber(struct redis *redis, const char *name)
{
    const struct redis_channel *channel = find_channel(redis, span_of(name));

    return channel ? channel->arg : NULL;
}

static void subscribe_again(const void *node, VISIT visit, void *arg)
{
    struct redis_channel *const *channel = node;

    if (visit == postorder || visit == leaf)
        send_subscribe(arg, *channel);
}

void channels_take(struct redis *redis, const struct reply *reply)
{
    if (reply->n < 2 || reply->items[0]->type != REPLY_STRING)
        return;
    struct span verb = reply->items[0]->text;
    bool acknowledged = span_equal(verb, SPAN("subscribe"));

    if (acknowledged)
        redis->n_acknowledged++;
    else if (!span_equal(verb, SPAN("message")))
        return;
    struct redis_channel *channel = find_channel(redis, reply->items[1]->text);
    if (!channel)
        return;
    if (acknowledged && channel->ticket == redis->n_acknowledged) {
        channel->ready = true;
        channel->on_ready(channel->arg);
    } else if (!acknowledged && channel->ready && reply->n == 3) {
        channel->on_message(reply->items[2]->text, channel->arg);
    }
}

void channels_subscribe(struct redis *redis)
{
    twalk_r(redis->channels, subscribe_again, redis);
}

void channels_free(struct redis *redis)
{
    tdestroy(redis->channels, free);
}
