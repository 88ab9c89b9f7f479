/* Conversations with Redis, through our own client. */
#include "talk.h"

#include <check.h>

#include "buf.h"
#include "clock.h"
#include "loop.h"
#include "redis.h"

static void flatten(struct buf *out, const struct reply *reply)
{
    switch (reply->type) {
    case REPLY_NIL: buf_add_char(out, '-'); break;
    case REPLY_ERROR: buf_add_char(out, '!'); __attribute__((fallthrough));
    case REPLY_STATUS:
    case REPLY_STRING: buf_add_span(out, reply->text); break;
    case REPLY_INTEGER: buf_addf(out, "%lld", (long long)reply->integer); break;
    case REPLY_ARRAY:
        buf_add_char(out, '[');
        for (size_t i = 0; i < reply->n; i++) {
            if (i > 0)
                buf_add_char(out, ' ');
            flatten(out, reply->items[i]);
        }
        buf_add_char(out, ']');
        break;
    }
}

static struct {
    struct buf text;
    int done;
} last = {.text = {.max_bytes = 1 << 24}};

static void on_reply(const struct reply *reply, void *arg)
{
    (void)arg;
    if (reply)
        flatten(&last.text, reply);
    else
        buf_add_char(&last.text, '?');
    last.done = 1;
}

void wait_for(struct loop *loop, const int *flag)
{
    int64_t until_ms = clock_monotonic_ms() + 20000;

    while (!*flag && clock_monotonic_ms() < until_ms)
        loop_turn(loop, 100);
    ck_assert_msg(*flag, "nothing happened for 20 s");
}

const char *talk(struct loop *loop, struct redis *redis, const char *command)
{
    struct span argv[64], rest = span_of(command);
    size_t argc = 0;

    while (rest.at && argc < ARRAY_SIZE(argv)) {
        const char *end = rest.n > 0 ? memchr(rest.at, ' ', rest.n) : NULL;
        argv[argc] = (struct span){rest.at, end ? (size_t)(end - rest.at) : rest.n};
        if (span_equal(argv[argc], SPAN("''")))
            argv[argc].n = 0;
        argc++;
        rest = end ? (struct span){end + 1, rest.n - (size_t)(end + 1 - rest.at)}
                   : (struct span){NULL, 0};
    }
    buf_clear(&last.text);
    last.done = 0;
    redis_command(redis, REDIS_ONCE, on_reply, NULL, argc, argv);
    wait_for(loop, &last.done);
    return buf_span(&last.text).at;
}
