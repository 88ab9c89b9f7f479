/* Replies: hiredis' reader calls these functions for each piece it reads, so that our own tree is
 * built directly. A reply owns its items; the text of a string stands behind its struct. */
#include <stdlib.h>

#include "redis_private.h"

void reply_free(void *object)
{
    struct reply *reply = object;

    if (!reply)
        return;
    for (size_t i = 0; reply->items && i < reply->n; i++)
        reply_free(reply->items[i]);
    free(reply->items);
    free(reply);
}

static void *attach(const redisReadTask *task, struct reply *reply)
{
    if (task->parent) {
        struct reply *parent = task->parent->obj;
        parent->items[task->idx] = reply;
    }
    return reply;
}

static void *create_text(const redisReadTask *task, char *text, size_t n)
{
    struct reply *reply = xcalloc(1, sizeof(*reply) + n + 1);
    char *copy = (char *)(reply + 1);

    memcpy(copy, text, n);
    reply->type = task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
                  : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
                                                     : REPLY_STRING;
    reply->text = (struct span){copy, n};
    return attach(task, reply);
}

static void *create_array(const redisReadTask *task, int n)
{
    struct reply *reply = xcalloc(1, sizeof(*reply));

    reply->type = REPLY_ARRAY;
    reply->n = n > 0 ? (size_t)n : 0;
    reply->items = n > 0 ? xcalloc((size_t)n, sizeof(struct reply *)) : NULL;
    return attach(task, reply);
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct reply *reply = xcalloc(1, sizeof(*reply));

    reply->type = REPLY_INTEGER;
    reply->integer = value;
    return attach(task, reply);
}

static void *create_nil(const redisReadTask *task)
{
    return attach(task, xcalloc(1, sizeof(struct reply)));
}

static redisReplyObjectFunctions reply_functions = {
    .createString = create_text,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = reply_free,
};

redisReader *reply_reader_new(void)
{
    redisReader *reader = redisReaderCreateWithFunctions(&reply_functions);

    if (!reader)
        abort();
    reader->maxbuf = 0; /* keep the buffer between replies */
    return reader;
}
