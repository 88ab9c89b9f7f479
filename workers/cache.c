/* The response cache. It is a help, never a promise: without Redis nothing is found and nothing is
 * kept, and the question is asked as if there were no cache. */
#include "cache.h"

#include <stdio.h>

#include "buf.h"
#include "json.h"
#include "llm.h"
#include "redis.h"
#include "sha256.h"

#define QUESTION_BYTES ((size_t)17 << 20)

/* A text with its length, so that no two lists of texts look alike. */
static void add(struct buf *out, const char *text)
{
    buf_addf(out, "%zu:%s", span_of(text).n, text ? text : "");
}

void cache_key(const char *tenant, const struct llm_question *question, char out[CACHE_KEY_BYTES])
{
    CLEANUP(charp_freep) char *schema = question->schema ? json_text(question->schema) : NULL;
    const char *const texts[] = {question->provider, question->fallback, question->model,
                                 question->system,   question->prompt,   schema};
    char hash[SHA256_TEXT_BYTES];
    struct buf all;

    buf_init(&all, QUESTION_BYTES);
    buf_addf(&all, "%lld", (long long)question->max_tokens);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        add(&all, texts[i]);
    sha256_text(buf_span(&all), hash);
    buf_deinit(&all);
    (void)snprintf(out, CACHE_KEY_BYTES, "cache:%.150s:%s", tenant, hash);
}

void cache_get(struct redis *redis, const char *key,
               void (*fn)(const struct reply *reply, void *arg), void *arg)
{
    redis_commandf(redis, REDIS_ONCE, fn, arg, "GET %s", key);
}

void cache_put(struct redis *redis, const char *key, struct span answer, int64_t ttl_ms)
{
    char ms[24];

    (void)snprintf(ms, sizeof(ms), "%lld", (long long)ttl_ms);
    struct span argv[] = {SPAN("SET"), span_of(key), answer, SPAN("PX"), span_of(ms)};
    redis_command(redis, REDIS_ONCE, NULL, NULL, ARRAY_SIZE(argv), argv);
}
