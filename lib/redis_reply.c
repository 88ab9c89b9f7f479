/* Replies: hiredis' reader calls these functions for each piece it reads, so that our own tree is
 * built directly. A tree lies in the blocks of the connection's reply_memory; it is read from one
 * end to the other, looked at, and forgotten as a whole before the next one begins. */
#include <stdlib.h>

#include "redis_private.h"

#define BLOCK_BYTES 16384
#define ALIGNMENT 16

struct reply_block {
    struct reply_block *next;
    size_t n, size; /* of bytes */
    _Alignas(ALIGNMENT) char bytes[];
};

static struct reply_block *add_block(struct reply_memory *memory, size_t n)
{
    size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;
    struct reply_block *block = xrealloc(NULL, sizeof(*block) + size);

    *block = (struct reply_block){.next = memory->newest, .size = size};
    memory->newest = block;
    return block;
}

static void *take(struct reply_memory *memory, size_t n)
{
    struct reply_block *block = memory->newest;

    n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!block || block->size - block->n < n)
        block = add_block(memory, n);
    void *bytes = block->bytes + block->n;
    block->n += n;
    return bytes;
}

/* One block of the usual size stays. */
void reply_memory_clear(struct reply_memory *memory)
{
    struct reply_block *block;

    while ((block = memory->newest) && (block->next || block->size > BLOCK_BYTES)) {
        memory->newest = block->next;
        free(block);
    }
    if (block)
        block->n = 0;
}

void reply_memory_deinit(struct reply_memory *memory)
{
    struct reply_block *block;

    while ((block = memory->newest)) {
        memory->newest = block->next;
        free(block);
    }
}

static struct reply *create(const redisReadTask *task, enum reply_type type, size_t text_bytes)
{
    struct reply *reply = take(task->privdata, sizeof(*reply) + text_bytes);

    *reply = (struct reply){.type = type};
    if (task->parent) {
        struct reply *parent = task->parent->obj;
        parent->items[task->idx] = reply;
    }
    return reply;
}

static void *create_text(const redisReadTask *task, char *text, size_t n)
{
    struct reply *reply = create(task,
                                 task->type == REDIS_REPLY_ERROR    ? REPLY_ERROR
                                 : task->type == REDIS_REPLY_STATUS ? REPLY_STATUS
                                                                    : REPLY_STRING,
                                 n + 1);

    char *copy = memcpy(reply + 1, text, n);
    copy[n] = '\0';
    reply->text = (struct span){copy, n};
    return reply;
}

static void *create_array(const redisReadTask *task, int n)
{
    struct reply *reply = create(task, REPLY_ARRAY, 0);

    reply->n = n > 0 ? (size_t)n : 0;
    reply->items = n > 0 ? take(task->privdata, (size_t)n * sizeof(struct reply *)) : NULL;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct reply *reply = create(task, REPLY_INTEGER, 0);

    reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return create(task, REPLY_NIL, 0);
}

/* The memory is forgotten as a whole. */
static void free_nothing(void *reply)
{
    (void)reply;
}

static redisReplyObjectFunctions reply_functions = {
    .createString = create_text,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_nothing,
};

redisReader *reply_reader_new(struct reply_memory *memory)
{
    redisReader *reader = redisReaderCreateWithFunctions(&reply_functions);

    if (!reader)
        abort();
    reader->maxbuf = 0; /* keep the buffer between replies */
    reader->privdata = memory;
    return reader;
}
