/* Retries: full jitter over an exponential ceiling, so that jobs which failed together do not come
 * back together.
 *
 * Only errors whose row says so are tried again; what a provider refuses for good (400, no credit)
 * has no such row. Answers that were such failures are forgotten with the retry: the next attempt
 * asks again, and is not told the old failure. Redis decides, in the call that ends the attempt: it
 * knows the kind's budget of retries. */
#include "retry.h"

#include <search.h>
#include <stdlib.h>

#include "error.h"
#include "id.h"
#include "json.h"
#include "log.h"
#include "run_private.h"
#include "text.h"

#define MAX_PAUSE_MS 60000
#define MAX_DOUBLINGS 16

bool retry_helps(const struct run *run)
{
    return error_retryable(run->error.code);
}

static int64_t pause_ms(const struct retry_policy *policy, uint64_t attempt)
{
    uint64_t doublings = attempt > 0 ? attempt - 1 : 0, word;
    int64_t most_ms = policy->base_ms << (doublings < MAX_DOUBLINGS ? doublings : MAX_DOUBLINGS);

    if (most_ms > MAX_PAUSE_MS)
        most_ms = MAX_PAUSE_MS;
    id_random(&word, sizeof(word));
    return 1 + (int64_t)(word % (uint64_t)(most_ms > 0 ? most_ms : 1));
}

struct forget {
    const char *keys[LEASE_MAX_FORGET];
    size_t n;
};

static void add_failure(const void *node, VISIT visit, void *arg)
{
    const struct answer *answer = *(struct answer *const *)node;
    struct forget *forget = arg;
    enum error_code code;

    if ((visit != postorder && visit != leaf) || !answer->view.failed ||
        forget->n == LEASE_MAX_FORGET)
        return;
    const struct json *error = json_get(answer->json, "error");
    if (error_parse(json_get_string(error, "code", ""), &code) == 0 && error_retryable(code))
        forget->keys[forget->n++] = answer->key;
}

size_t retry_write(struct run *run, const struct lease_end *end, lease_fn *fn)
{
    const struct retry_policy *policy = &run->host->retry;
    struct forget forget = {.n = 0};
    uint64_t attempt = 1;

    (void)!text_to_u64(span_of(run->lease.attempt), UINT64_MAX, &attempt);
    twalk_r(run->answers, add_failure, &forget);
    const struct lease_again again = {
        .delay_ms = pause_ms(policy, attempt),
        .max_attempts = policy->max_attempts,
        .per_minute = policy->per_minute,
        .forget = forget.keys,
        .n_forget = forget.n,
    };
    log_info("event=attempt.failed job=%s attempt=%s code=%s pause_ms=%lld forgets=%zu trace=%s",
             run->lease.id, run->lease.attempt, error_name(run->error.code),
             (long long)again.delay_ms, forget.n, run->lease.trace.id);
    run->host->on_delayed(again.delay_ms, run->host->arg);
    return lease_retry(&run->host->site, &run->lease, &run->events, end, &again, fn, run);
}
