/* parley.lua on its way into Redis, with the parts that stand behind it (slots, money, upkeep, …):
 * one library, in the order of meson's list.
 *
 * Its build is the hash of its text and one of its functions, so that a connection finds out with
 * one question whether Redis has this very version. All of it happens before the connection is
 * ready. */
#include <stdlib.h>

#include "buf.h"
#include "embedded.h"
#include "job.h"
#include "job_private.h"
#include "log.h"
#include "redis.h"
#include "sha256.h"

#define MAX_KINDS 64
#define MAX_FUNCTIONS_BYTES (256u << 10)

/* The .lua files as one library, and one function more that names this very text. */
static char *functions_text(char build[SHA256_TEXT_BYTES])
{
    struct buf text;

    buf_init(&text, MAX_FUNCTIONS_BYTES);
    for (const struct embedded *file = lua_files; file->name; file++)
        buf_add_span(&text, file->text);
    sha256_text(buf_span(&text), build);
    buf_addf(&text,
             "redis.register_function{function_name='parley1_build',"
             "callback=function() return '%s' end,flags={'no-writes'}}\n",
             build);
    return buf_steal(&text);
}

static void on_greeted(const struct reply *reply, void *arg)
{
    struct redis *redis = arg;

    if (reply && reply->type != REPLY_ERROR) {
        redis_ready(redis);
        return;
    }
    log_debug("event=functions.hello error=\"%s\"", reply ? reply->text.at : "no answer");
    redis_reset(redis);
}

/* A server that restarted must not grant provider slots before their holders have spoken
 * (slots.lua). */
static void on_groups(const struct reply *reply, void *arg)
{
    struct span argv[] = {SPAN("FCALL"), SPAN("parley1_slots_hello"), SPAN("0")};

    if (reply && reply->type != REPLY_ERROR) {
        redis_first(arg, on_greeted, arg, ARRAY_SIZE(argv), argv);
        return;
    }
    log_debug("event=functions.groups error=\"%s\"", reply ? reply->text.at : "no answer");
    redis_reset(arg);
}

static void make_groups(struct redis *redis)
{
    char keys[MAX_KINDS][JOB_KEY_BYTES], count[NUMBER_BYTES];
    struct span argv[3 + MAX_KINDS] = {SPAN("FCALL"), SPAN("parley1_prepare")};
    size_t n = 0;

    for (const struct embedded *kind = schema_files; kind->name && n < MAX_KINDS; kind++, n++) {
        job_stream_key(kind->name, keys[n]);
        argv[3 + n] = span_of(keys[n]);
    }
    argv[2] = number((int64_t)n, count);
    redis_first(redis, on_groups, redis, 3 + n, argv);
}

static void on_loaded(const struct reply *reply, void *arg)
{
    if (reply && reply->type != REPLY_ERROR) {
        make_groups(arg);
        return;
    }
    log_debug("event=functions.load error=\"%s\"", reply ? reply->text.at : "no answer");
    redis_reset(arg);
}

static void on_build(const struct reply *reply, void *arg)
{
    char build[SHA256_TEXT_BYTES];
    char *text CLEANUP(charp_freep) = functions_text(build);
    struct span argv[] = {SPAN("FUNCTION"), SPAN("LOAD"), SPAN("REPLACE"), span_of(text)};

    if (!reply)
        redis_reset(arg);
    else if (reply->type == REPLY_STRING && span_equal(reply->text, span_of(build)))
        make_groups(arg);
    else
        redis_first(arg, on_loaded, arg, ARRAY_SIZE(argv), argv);
}

void job_prepare(struct redis *redis)
{
    struct span argv[] = {SPAN("FCALL"), SPAN("parley1_build"), SPAN("0")};

    redis_first(redis, on_build, redis, ARRAY_SIZE(argv), argv);
}
