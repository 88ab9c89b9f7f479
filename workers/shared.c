/* What jobs share by name in Redis: values that the first of them writes and all others find, and
 * values that change with time, which a job pins (shared.lua).
 *
 * Reading and writing are answers a step waits for, like a model's. A recorded value stays the same
 * for its life, so it is not remembered with the job: another attempt finds it again. A published
 * one changes, so what is pinned is remembered in the very call that reads it. Redis refusing is
 * the same as nothing found; the reason is logged. */
#include "failpoint.h"
#include "job.h"
#include "json.h"
#include "llm_call.h"
#include "log.h"
#include "provider.h"
#include "redis.h"
#include "run_private.h"

#define NUMBER_BYTES 24

static struct json *json_of(const struct reply *reply)
{
    struct json *json = NULL;

    if (reply && reply->type == REPLY_ERROR)
        log_warn("event=shared.refused error=\"%s\", ignoring", reply->text.at);
    if (!reply || reply->type != REPLY_STRING || json_parse(reply->text, NULL, &json, NULL) < 0)
        return NULL;
    return json;
}

static void settle(struct answer *answer, struct json *json)
{
    struct run *run = answer->run;

    if (run->over)
        json_free(json);
    else
        run_answered(answer, json);
    run_replied(run);
}

static void on_recalled(const struct reply *reply, void *arg)
{
    settle(arg, json_of(reply));
}

const struct run_answer *run_recall(struct run *run, const char *key, const char *name)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        answer = run_add(run, key, ANSWER_ASKING);
        run->n_writes++;
        redis_commandf(run->host->site.redis, REDIS_REPEAT, on_recalled, answer, "GET %s", name);
    }
    return answer->state == ANSWER_KNOWN ? &answer->view : NULL;
}

/* A record under way: what counts when nobody was first. */
struct record {
    struct answer *answer;
    struct json *value; /* owned */
};

static void on_recorded(const struct reply *reply, void *arg)
{
    struct record *record = arg;
    struct json *first = json_of(reply);

    settle(record->answer, first ? first : STEAL(record->value));
    json_free(record->value);
    free(record);
}

const struct run_answer *run_record(struct run *run, const char *key, const char *name,
                                    const struct json *value, int64_t seconds)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        CLEANUP(charp_freep) char *text = json_text(value);
        char lifetime[NUMBER_BYTES];
        struct record *record = xcalloc(1, sizeof(*record));
        (void)snprintf(lifetime, sizeof(lifetime), "%lld", (long long)seconds);
        answer = run_add(run, key, ANSWER_ASKING);
        *record = (struct record){answer, json_copy(value)};
        run->n_writes++;
        redis_commandf(run->host->site.redis, REDIS_REPEAT, on_recorded, record,
                       "SET %s %s NX GET EX %s", name, text, lifetime);
    }
    return answer->state == ANSWER_KNOWN ? &answer->view : NULL;
}

/* ---- what changes with time ---- */

/* Nothing: the job is over, somebody else ended it. */
static void on_pinned(const struct reply *reply, void *arg)
{
    struct answer *answer = arg;

    FAILPOINT("shared.pinned");
    if (reply && reply->type == REPLY_NIL && !answer->run->over)
        run_lost(answer->run);
    if (reply && reply->type == REPLY_NIL)
        run_replied(answer->run);
    else
        settle(answer, json_of(reply));
}

const struct run_answer *run_pin(struct run *run, const char *key, const char *name)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        char job[JOB_KEY_BYTES], steps[JOB_KEY_BYTES];
        answer = run_add(run, key, ANSWER_ASKING);
        job_key(run->lease.id, job);
        job_steps_key(run->lease.id, steps);
        run->n_writes++;
        redis_commandf(run->host->site.redis, REDIS_REPEAT, on_pinned, answer,
                       "FCALL parley1_pin 3 %s %s %s %s", job, steps, name, key);
    }
    return answer->state == ANSWER_KNOWN ? &answer->view : NULL;
}

const struct run_answer *run_publish(struct run *run, const char *key, const char *name,
                                     const char *rank, const struct json *value)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        CLEANUP(charp_freep) char *text = json_text(value);
        answer = run_add(run, key, ANSWER_ASKING);
        run->n_writes++;
        redis_commandf(run->host->site.redis, REDIS_REPEAT, on_recalled, answer,
                       "FCALL parley1_publish 1 %s %s %s", name, rank, text);
    }
    return answer->state == ANSWER_KNOWN ? &answer->view : NULL;
}

bool run_has_embeddings(const struct run *run)
{
    return provider_embeddings(run->host->llm->providers, NULL) != NULL;
}

bool run_has_model(const struct run *run)
{
    return provider_find(run->host->llm->providers, NULL, NULL) != NULL;
}
