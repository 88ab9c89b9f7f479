#pragma once
/* Answers to identical questions, kept in Redis for a while: cache:<tenant>:<hash>. A job asks for
 * it; what comes from here costs nothing. */

#include "base.h"

struct llm_question;
struct redis;
struct reply;

#define CACHE_KEY_BYTES 256

/* Everything an answer depends on is in the key, and the tenant: nobody reads another's. */
void cache_key(const char *tenant, const struct llm_question *question, char out[CACHE_KEY_BYTES]);
/* fn as of redis_command(): nothing is there when the reply is no string. */
void cache_get(struct redis *redis, const char *key,
               void (*fn)(const struct reply *reply, void *arg), void *arg);
void cache_put(struct redis *redis, const char *key, struct span answer, int64_t ttl_ms);
