/* Taking a job in: parley1_enqueue, or, where rates count, parley1_enqueue_rated, which puts its
 * buckets before the same words. What a call needs until the reply is one small heap object, which
 * the command owns. */
#include <assert.h>
#include <stdlib.h>

#include "job.h"
#include "job_private.h"
#include "log.h"
#include "redis.h"
#include "text.h"

struct enqueue_call {
    job_enqueue_fn *fn;
    void *arg;
};

/* The words behind the first two that parley1_enqueue_rated says of a bucket. */
static bool read_rate(const struct reply *reply, struct job_rate_state *state)
{
    uint64_t numbers[5];

    if (reply->n != 2 + ARRAY_SIZE(numbers))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        if (text_to_u64(reply->items[2 + i]->text, INT64_MAX, &numbers[i]) < 0)
            return false;
    *state = (struct job_rate_state){(size_t)numbers[0], (int64_t)numbers[1], (int64_t)numbers[2],
                                     (int64_t)numbers[3], (int64_t)numbers[4]};
    return true;
}

static void on_enqueued(const struct reply *reply, void *arg)
{
    static const struct {
        const char *word;
        enum job_enqueue_outcome outcome;
    } words[] = {
        {"OK",        JOB_ENQUEUE_OK       },
        {"DUPLICATE", JOB_ENQUEUE_DUPLICATE},
        {"REUSED",    JOB_ENQUEUE_REUSED   },
        {"FULL",      JOB_ENQUEUE_FULL     },
        {"LIMIT",     JOB_ENQUEUE_LIMIT    },
        {"RATE",      JOB_ENQUEUE_RATE     },
    };
    const struct enqueue_call *call = arg;
    enum job_enqueue_outcome outcome = reply ? JOB_ENQUEUE_REFUSED : JOB_ENQUEUE_UNKNOWN;
    struct job_rate_state rate;
    const char *id = "";
    bool rated = false;

    if (reply && reply->type == REPLY_ARRAY && reply->n >= 2) {
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
            if (span_equal(reply->items[0]->text, span_of(words[i].word)))
                outcome = words[i].outcome;
        id = reply->items[1]->text.at;
        rated = read_rate(reply, &rate);
    } else if (reply) {
        log_debug("event=enqueue.refused error=\"%s\"", reply->text.at ? reply->text.at : "");
    }
    call->fn(outcome, id, rated ? &rate : NULL, call->arg);
}

/* The call's name and keys as far as the rates go; returns how many words. */
static size_t add_rate_keys(const struct job_enqueue *in, size_t n_keys, struct span *argv,
                            char count[NUMBER_BYTES])
{
    size_t n = 0;

    argv[n++] = SPAN("FCALL");
    argv[n++] = in->n_rates > 0 ? SPAN("parley1_enqueue_rated") : SPAN("parley1_enqueue");
    argv[n++] = number((int64_t)(n_keys + in->n_rates), count);
    for (size_t i = 0; i < in->n_rates; i++)
        argv[n++] = span_of(in->rates[i].key);
    return n;
}

static size_t add_rates(const struct job_enqueue *in, struct span *argv,
                        char numbers[1 + 2 * JOB_MAX_RATES][NUMBER_BYTES])
{
    size_t n = 0;

    if (in->n_rates > 0)
        argv[n++] = number((int64_t)in->n_rates, numbers[0]);
    for (size_t i = 0; i < in->n_rates; i++) {
        argv[n++] = number(in->rates[i].interval_us, numbers[1 + 2 * i]);
        argv[n++] = number(in->rates[i].burst, numbers[2 + 2 * i]);
    }
    return n;
}

void job_enqueue(struct redis *redis, const struct job_enqueue *in, job_enqueue_fn *fn, void *arg)
{
    char stream[JOB_KEY_BYTES], key[JOB_KEY_BYTES], at[CLOCK_TEXT_BYTES], numbers[7][NUMBER_BYTES];
    char *tenant CLEANUP(charp_freep) = xprintf("tenant:%s", in->tenant);
    char *record CLEANUP(charp_freep) =
        xprintf("idem:%s:%.*s", in->tenant, (int)in->idempotency_key.n,
                in->idempotency_key.n > 0 ? in->idempotency_key.at : "");
    struct enqueue_call *call = xcalloc(1, sizeof(*call));
    bool keyed = in->idempotency_key.n > 0;
    char not_before_at[CLOCK_TEXT_BYTES] = "", count[NUMBER_BYTES];
    char rates[1 + 2 * JOB_MAX_RATES][NUMBER_BYTES];
    struct span argv[40];
    size_t n;

    assert(in->n_rates <= JOB_MAX_RATES);

    job_stream_key(in->kind, stream);
    job_key(in->id, key);
    now_text(at);
    if (in->not_before_ms > 0)
        clock_text(in->not_before_ms, not_before_at);
    *call = (struct enqueue_call){fn, arg};
    n = add_rate_keys(in, keyed ? 4 : 3, argv, count);
    argv[n++] = span_of(stream);
    argv[n++] = span_of(key);
    argv[n++] = span_of(tenant);
    if (keyed)
        argv[n++] = span_of(record);
    n += add_rates(in, argv + n, rates);
    argv[n++] = span_of(in->id);
    argv[n++] = span_of(in->tenant);
    argv[n++] = span_of(in->kind);
    argv[n++] = span_of(at);
    argv[n++] = in->payload;
    argv[n++] = span_of(in->body_hash);
    argv[n++] = number(in->idempotency_ttl_ms, numbers[0]);
    argv[n++] = number(in->queue_cap, numbers[1]);
    argv[n++] = number(in->tenant_cap, numbers[2]);
    argv[n++] = number(in->deadline_ms, numbers[3]);
    argv[n++] = in->priority ? span_of(in->priority) : SPAN("normal");
    argv[n++] = number(in->not_before_ms, numbers[4]);
    argv[n++] = span_of(not_before_at);
    argv[n++] = in->cancel_on_disconnect ? SPAN("cancel") : SPAN("continue");
    argv[n++] = number(in->kind_deadline_ms, numbers[5]);
    if (in->max_log_bytes > 0 || in->trace || in->watched)
        argv[n++] = in->max_log_bytes > 0 ? number(in->max_log_bytes, numbers[6]) : SPAN("");
    if (in->trace || in->watched)
        argv[n++] = span_of(in->trace ? in->trace : "");
    if (in->watched)
        argv[n++] = SPAN("watched");
    redis_command(redis, REDIS_ONCE | REDIS_OWN, on_enqueued, call, n, argv);
}
