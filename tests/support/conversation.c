/* Conversations with parley.lua. */
#include "conversation.h"

#include <check.h>

#include "job.h"
#include "loop.h"
#include "redis.h"
#include "server.h"
#include "talk.h"

static void on_connect(struct redis *redis, void *arg)
{
    (void)arg;
    job_prepare(redis);
}

void converse(const struct line *lines, size_t n)
{
    struct server server;
    struct loop *loop = loop_new();

    server_start(&server);
    struct redis *redis = redis_new(loop, server.socket);
    redis_on_connect(redis, on_connect, NULL);
    for (size_t i = 0; i < n; i++) {
        const char *answer = talk(loop, redis, lines[i].say);
        if (lines[i].expect)
            ck_assert_msg(strcmp(answer, lines[i].expect) == 0, "%s\n  expected %s\n  got      %s",
                          lines[i].say, lines[i].expect, answer);
    }
    redis_free(redis);
    loop_free(loop);
    server_stop(&server);
}
