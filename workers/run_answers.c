/* What the steps of a run wait for, by key: model answers and sleeps.
 *
 * The run owns its answers, a tree by key. An answer becomes known only when Redis has it on disk;
 * before it is sent there it stands in the spool, so that what was paid for outlives the process.
 */
#include <assert.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>

#include "failpoint.h"
#include "json.h"
#include "llm.h"
#include "log.h"
#include "redis.h"
#include "run_private.h"
#include "spool.h"

#define MAX_KEY_BYTES 96
#define N_KEYS 8
#define MAX_DELTA_BYTES (8u << 20)

const char *run_key(const char *format, ...)
{
    static char keys[N_KEYS][MAX_KEY_BYTES];
    static unsigned next;
    char *key = keys[next++ % N_KEYS];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(key, MAX_KEY_BYTES, format, args);
    va_end(args);
    return key;
}

static int compare_answers(const void *a, const void *b)
{
    const struct answer *x = a, *y = b;

    return strcmp(x->key, y->key);
}

struct answer *run_find(const struct run *run, const char *key)
{
    const struct answer wanted = {.key = (char *)(uintptr_t)key};
    struct answer *const *found = tfind(&wanted, &run->answers, compare_answers);

    return found ? *found : NULL;
}

struct answer *run_add(struct run *run, const char *key, enum answer_state state)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));

    answer->run = run;
    answer->key = xstrdup(key);
    answer->state = state;
    buf_init(&answer->delta, MAX_DELTA_BYTES);
    if (!tsearch(answer, &run->answers, compare_answers))
        abort();
    if (state != ANSWER_KNOWN)
        run->n_waiting++;
    return answer;
}

void answer_stop(struct answer *answer)
{
    answer->call = llm_cancel(answer->call);
    labour_stop(answer->labour);
    reading_stop(answer->reading);
    loop_timer_clear(&answer->timer);
}

void answer_free(void *node)
{
    struct answer *answer = node;

    answer_stop(answer);
    answer->labour = labour_free(answer->labour);
    answer->reading = reading_free(answer->reading);
    cached_free(answer->cached);
    json_free(answer->json);
    buf_deinit(&answer->delta);
    free(answer->title);
    free(answer->key);
    free(answer);
}

void run_drop(struct run *run, struct answer *answer)
{
    assert(answer->state == ANSWER_KNOWN);
    (void)tdelete(answer, &run->answers, compare_answers);
    answer_free(answer);
}

void answer_view(struct answer *answer)
{
    const struct json *json = answer->json;

    answer->view = (struct run_answer){
        .json = json,
        .text = json_get_string(json, "text", ""),
        .failed = json_has(json, "error"),
    };
}

void run_answered(struct answer *answer, struct json *json)
{
    assert(answer->state != ANSWER_KNOWN);
    answer->state = ANSWER_KNOWN;
    answer->json = json;
    answer_view(answer);
    answer->run->n_waiting--;
    run_wake(answer->run);
}

static void on_kept(struct span kept, void *arg)
{
    struct answer *answer = arg;
    struct json *json = NULL;

    FAILPOINT("answer.remembered");
    spool_done(answer->run->host->spool);
    run_replied(answer->run);
    if (answer->run->over)
        return;
    if (kept.n == 0 || json_parse(kept, NULL, &json, NULL) < 0) {
        run_lost(answer->run); /* the job is over: somebody else ended it */
        return;
    }
    run_answered(answer, json);
}

void run_keep(struct answer *answer, const struct json *json)
{
    struct run *run = answer->run;
    char *text CLEANUP(charp_freep) = json_text(json);

    run->n_writes++;
    answer->state = ANSWER_REMEMBERING;
    FAILPOINT("answer.got");
    spool_put(run->host->spool, run->lease.id, answer->key, span_of(text));
    FAILPOINT("answer.spooled");
    lease_remember(&run->host->site, run->lease.id, answer->key, span_of(text), on_kept, answer);
}

const struct run_answer *run_note(struct run *run, const char *key, const struct json *value)
{
    struct answer *answer = run_find(run, key);

    if (!answer && value)
        run_keep(run_add(run, key, ANSWER_ASKING), value);
    return answer && answer->state == ANSWER_KNOWN ? &answer->view : NULL;
}

static void on_slept(void *arg)
{
    run_answered(arg, NULL);
}

bool run_sleep(struct run *run, const char *key, int64_t ms)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        answer = run_add(run, key, ANSWER_ASKING);
        loop_timer_init(&answer->timer, run->host->loop, on_slept, answer);
        loop_timer_set(&answer->timer, ms);
    }
    return answer->state == ANSWER_KNOWN;
}

struct sum {
    int64_t calls, input_tokens, output_tokens;
    double cost_usd;
};

static void add_usage(const void *node, VISIT visit, void *arg)
{
    const struct answer *answer = *(struct answer *const *)node;
    const struct json *usage = json_get(answer->json, "usage");
    struct sum *sum = arg;

    if ((visit != postorder && visit != leaf) || !usage)
        return;
    sum->calls += json_get_integer(usage, "calls", 1); /* a child says how many it was */
    sum->input_tokens += json_get_integer(usage, "input_tokens", 0);
    sum->output_tokens += json_get_integer(usage, "output_tokens", 0);
    sum->cost_usd += json_get_number(usage, "cost_usd", 0);
}

void run_usage(const struct run *run, struct buf *out)
{
    struct sum sum = {0};

    twalk_r(run->answers, add_usage, &sum);
    buf_addf(out, "{\"calls\":%lld,\"input_tokens\":%lld,\"output_tokens\":%lld,\"cost_usd\":%.8g}",
             (long long)sum.calls, (long long)sum.input_tokens, (long long)sum.output_tokens,
             sum.cost_usd);
}
