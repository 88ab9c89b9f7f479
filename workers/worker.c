/* The worker: which jobs run here, and the promises it keeps to Redis for them.
 *
 * Work is claimed whenever there is room: at start, on a hint, when a job ended, and once a second
 * in case a hint was lost. The beat is the truth about what this worker owns; the channel
 * w:<worker> carries hints only. After a lost connection the next beat lists everything, so that a
 * claim whose reply was lost goes back to the queue. Before anybody's jobs are taken over, the paid
 * answers their worker left on this host are sent to Redis. The worker owns its runs, both
 * connections, the fetcher and the spool. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>

#include "crash.h"
#include "ends.h"
#include "error.h"
#include "failpoint.h"
#include "fetch.h"
#include "figures.h"
#include "id.h"
#include "json.h"
#include "kind.h"
#include "kinds.h"
#include "lease.h"
#include "llm.h"
#include "llm_count.h"
#include "log.h"
#include "loop.h"
#include "provider.h"
#include "redis.h"
#include "run_host.h"
#include "slots.h"
#include "spool.h"
#include "text.h"
#include "upkeep.h"

#define REAP_MS 1000
#define RESYNC_MS 100 /* between tries of the first beat after a lost connection */
#define MAX_CONCURRENCY 1000
#define MAX_NAME_BYTES 100

struct policy {
    int64_t deadline_ms, concurrency;
    struct retry_policy retry;
};

struct worker {
    const struct worker_options *options;
    struct loop *loop; /* borrowed from main */
    struct redis *redis, *hints;
    struct redis_channel *channel;
    struct fetcher *fetcher;
    struct slots *slots;
    struct run_host host;
    struct run_counts counts;
    struct policy policy;
    struct run **runs;
    size_t n_runs, max_runs;
    bool claiming, claim_again;
    size_t n_wanted; /* by the last claim */
    bool hungry;     /* it got fewer: Redis will wake us for the next job */
    struct loop_later refill;
    bool ready, resync, beating, draining, leaving;
    struct loop_timer beat, reap, drain;
    struct upkeep upkeep;
    char *last_words; /* path, NULL = none */
};

/* ---- claiming ---- */

static void claim(struct worker *worker);

static void on_claimed(struct lease *lease, const struct reply *remembered, void *arg)
{
    struct worker *worker = arg;

    FAILPOINT("job.claimed");
    worker->runs[worker->n_runs++] =
        run_new(&worker->host, worker->options->kind, lease, remembered);
}

static void leave_when_idle(struct worker *worker);

static void on_claim_done(int n, void *arg)
{
    struct worker *worker = arg;

    worker->claiming = false;
    if (n >= 0 && !worker->ready) {
        worker->ready = true;
        worker->options->on_ready(worker->options->arg);
    }
    worker->hungry = n >= 0 && (size_t)n < worker->n_wanted;
    if (worker->claim_again || (!worker->hungry && n > 0))
        claim(worker);
    leave_when_idle(worker);
}

static void claim(struct worker *worker)
{
    worker->claim_again = worker->claiming;
    if (worker->claiming || worker->draining || worker->n_runs == worker->max_runs)
        return;
    worker->claiming = true;
    worker->n_wanted = worker->max_runs - worker->n_runs;
    lease_claim(&worker->host.site, worker->n_wanted, worker->n_runs, on_claimed, on_claim_done,
                worker);
}

/* What became free in one turn is filled with one claim. */
static void refill(void *arg)
{
    claim(arg);
}

static void on_over(struct run *run, void *arg)
{
    struct worker *worker = arg;

    for (size_t i = 0; i < worker->n_runs; i++) {
        if (worker->runs[i] == run) {
            worker->runs[i] = worker->runs[--worker->n_runs];
            break;
        }
    }
    run_free(run);
    if (!worker->hungry)
        loop_later_set(&worker->refill, worker->loop);
    leave_when_idle(worker);
}

static struct run *find(struct worker *worker, struct span id)
{
    for (size_t i = 0; i < worker->n_runs; i++)
        if (span_equal(id, span_of(run_id(worker->runs[i]))))
            return worker->runs[i];
    return NULL;
}

static void on_hint(struct span message, void *arg)
{
    struct worker *worker = arg;
    struct span rest = message, verb = {0}, id = {0};

    (void)text_next(&rest, ' ', &verb);
    if (span_equal(verb, SPAN("claim"))) {
        worker->hungry = false;
        claim(worker);
    } else if (span_equal(verb, SPAN("cancel")) && text_next(&rest, ' ', &id)) {
        struct run *run = find(worker, id);
        if (run)
            run_cancel(run);
    } else if (span_equal(verb, SPAN("slot")) && text_next(&rest, ' ', &id)) {
        slots_hint(worker->slots, id, rest);
    } else if (span_equal(verb, SPAN("child")) && text_next(&rest, ' ', &id)) {
        run_poll(find(worker, id));
    }
}

/* What was published while we were deaf is lost: ask. */
static void on_hints_ready(void *arg)
{
    struct worker *worker = arg;

    worker->hungry = false;
    slots_beat(worker->slots);
    claim(worker);
}

/* ---- leases ---- */

static void on_verdict(const char *id, bool lost, void *arg)
{
    struct run *run = find(arg, span_of(id));

    if (run && lost)
        run_lost(run);
    else if (run)
        run_cancel(run);
}

static void on_beaten(bool answered, void *arg)
{
    struct worker *worker = arg;

    worker->beating = false;
    if (!answered)
        return;
    if (worker->resync) {
        worker->resync = false;
        worker->hungry = false;
        claim(worker);
    }
    loop_timer_set(&worker->beat, worker->options->lease_ms / 3);
    for (size_t i = 0; i < worker->n_runs; i++)
        run_poll(worker->runs[i]);
}

static void on_beat(void *arg)
{
    struct worker *worker = arg;
    struct lease *leases[MAX_CONCURRENCY];

    loop_timer_set(&worker->beat, worker->resync ? RESYNC_MS : worker->options->lease_ms / 3);
    slots_beat(worker->slots);
    /* A claim under way would look lost to a beat that lists everything. */
    if (worker->beating || (worker->resync && worker->claiming) ||
        (!worker->resync && worker->n_runs == 0))
        return;
    for (size_t i = 0; i < worker->n_runs; i++)
        leases[i] = run_lease(worker->runs[i]);
    worker->beating = true;
    lease_beat(&worker->host.site, worker->resync, leases, worker->n_runs, on_verdict, on_beaten,
               worker);
}

static void on_redis_lost(struct redis *redis, void *arg)
{
    struct worker *worker = arg;

    (void)redis;
    worker->resync = true;
    loop_timer_set(&worker->beat, RESYNC_MS);
}

static void on_redis_connect(struct redis *redis, void *arg)
{
    (void)arg;
    job_prepare(redis);
}

static void on_reaped(int n, void *arg)
{
    (void)n; /* requeued jobs come with a hint; this asks in case it was lost */
    claim(arg);
}

static void reap(void *arg)
{
    struct worker *worker = arg;

    if (!worker->draining)
        lease_reap(&worker->host.site, worker->options->lease_ms, worker->policy.retry.max_attempts,
                   NULL, on_reaped, worker);
}

static void on_reap(void *arg)
{
    struct worker *worker = arg;
    uint32_t word;

    id_random(&word, sizeof(word));
    loop_timer_set(&worker->reap, REAP_MS / 2 + word % REAP_MS);
    slots_reap(worker->slots);
    if (!worker->draining)
        spool_adopt(worker->host.spool, &worker->host.site, reap, worker);
}

/* At start: the jobs of our own past under this name go back to the front at once. */
static void reap_own_past(void *arg)
{
    struct worker *worker = arg;

    lease_reap(&worker->host.site, 0, worker->policy.retry.max_attempts, worker->options->name,
               on_reaped, worker);
}

static void on_delayed(int64_t ms, void *arg)
{
    struct worker *worker = arg;

    upkeep_due(&worker->upkeep, ms);
}

/* ---- the end ---- */

static void on_left(int n, void *arg)
{
    struct worker *worker = arg;

    (void)n;
    worker->options->on_drained(worker->options->arg);
}

static void leave_when_idle(struct worker *worker)
{
    if (!worker->draining || worker->n_runs > 0 || worker->claiming || worker->leaving)
        return;
    worker->leaving = true;
    slots_leave(worker->slots);
    lease_leave(&worker->host.site, on_left, worker);
}

static void give_back_all(void *arg)
{
    struct worker *worker = arg;

    for (size_t i = 0; i < worker->n_runs; i++)
        run_give_back(worker->runs[i]);
}

void worker_drain(struct worker *worker)
{
    log_info("event=worker.draining running=%zu", worker->n_runs);
    loop_timer_set(&worker->drain, worker->draining ? 0 : worker->options->drain_ms);
    worker->draining = true;
    upkeep_end(&worker->upkeep);
    leave_when_idle(worker);
}

/* ---- life ---- */

static int read_policy(const struct kind *kind, struct policy *policy, struct error *error)
{
    const struct embedded *file = kind_schema(span_of(kind->name));
    struct json *schema CLEANUP(json_freep) = NULL;

    if (!file)
        return error_set(error, ERROR_CONFIG, -ENOENT, "kind %s has no schema", kind->name);
    int r = json_parse(file->text, NULL, &schema, error);
    if (r < 0)
        return r;
    policy->deadline_ms = json_get_integer(schema, "x-deadline_s", 600) * 1000;
    policy->retry = (struct retry_policy){
        .max_attempts = json_get_integer(schema, "x-max_attempts", 3),
        .base_ms = json_get_integer(schema, "x-retry_base_ms", 1000),
        .per_minute = json_get_integer(schema, "x-retry_per_min", 60),
    };
    policy->concurrency = json_get_integer(schema, "x-concurrency", 64);
    return 0;
}

static void connect_redis(struct worker *worker)
{
    const struct worker_options *options = worker->options;
    char *channel CLEANUP(charp_freep) = xprintf("w:%s", options->name);

    worker->redis = redis_new(worker->loop, options->redis);
    worker->hints = redis_new(worker->loop, options->redis);
    redis_on_connect(worker->redis, on_redis_connect, worker);
    redis_on_lost(worker->redis, on_redis_lost, worker);
    worker->channel = redis_subscribe(worker->hints, channel, on_hints_ready, on_hint, worker);
    worker->host.site.redis = worker->redis;
    worker->host.site.worker = options->name;
    job_stream_key(options->kind->name, worker->host.site.stream);
    worker->host.site.ends = ends_new(worker->loop, &worker->host.site);
}

/* The name stands in channels, permits and file names, between separators of ours. */
static int check_name(const char *name, struct error *error)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@-");

    if (n > 0 && n <= MAX_NAME_BYTES && name[n] == '\0')
        return 0;
    return error_set(
        error, ERROR_CONFIG, -EINVAL,
        "PARLEY_WORKER_NAME must be 1 to %d letters, digits and . _ : @ -, not \"%.*s\"",
        MAX_NAME_BYTES, MAX_NAME_BYTES + 1, name);
}

int worker_new(struct loop *loop, const struct worker_options *options, struct worker **ret_worker,
               struct error *error)
{
    struct worker *worker CLEANUP(worker_freep) = xcalloc(1, sizeof(*worker));

    worker->options = options;
    worker->loop = loop;
    loop_timer_init(&worker->beat, loop, on_beat, worker);
    loop_timer_init(&worker->reap, loop, on_reap, worker);
    loop_later_init(&worker->refill, refill, worker);
    loop_timer_init(&worker->drain, loop, give_back_all, worker);
    int r = options->companion ? 0 : check_name(options->name, error);
    if (r < 0)
        return r;
    r = read_policy(options->kind, &worker->policy, error);
    if (r < 0)
        return r;
    if (options->kind->load && options->kind->load(options->personas, &worker->host.library) < 0)
        return error_set(error, ERROR_CONFIG, -EINVAL, "what it was to read is wrong, see above");
    r = spool_new(options->state_dir, options->name, &worker->host.spool);
    if (r < 0)
        return error_set(error, ERROR_CONFIG, r, "cannot write in %s: %s", options->state_dir,
                         strerror(-r));
    worker->last_words = options->companion ? NULL : spool_last_words(worker->host.spool);
    r = crash_begin(worker->last_words);
    if (r < 0)
        return error_set(error, ERROR_CONFIG, r, "cannot write in %s: %s", options->state_dir,
                         strerror(-r));
    worker->max_runs =
        (size_t)(options->concurrency > 0 ? options->concurrency : worker->policy.concurrency);
    worker->max_runs = worker->max_runs < MAX_CONCURRENCY ? worker->max_runs : MAX_CONCURRENCY;
    worker->runs = xcalloc(worker->max_runs, sizeof(struct run *));
    worker->fetcher = fetcher_new(loop);
    if (options->name_servers) {
        r = fetcher_name_servers(worker->fetcher, options->name_servers, error);
        if (r < 0)
            return r;
    }
    connect_redis(worker);
    worker->slots = slots_new(loop, worker->redis, options->name, options->providers);
    worker->host.loop = loop;
    worker->host.counts = &worker->counts;
    worker->host.llm = llm_new(loop, worker->fetcher, options->providers, worker->slots);
    worker->host.deadline_ms = worker->policy.deadline_ms;
    worker->host.compute = options->compute;
    worker->host.tenant_budget = options->tenant_budget;
    worker->host.free_tenants = xcalloc(BUDGET_FREE_TENANTS, sizeof(struct budget_free));
    worker->host.retry = worker->policy.retry;
    worker->host.on_delayed = on_delayed;
    worker->host.on_over = on_over;
    worker->host.arg = worker;
    loop_timer_set(&worker->beat, options->lease_ms / 3);
    loop_timer_set(&worker->reap, REAP_MS);
    upkeep_begin(&worker->upkeep, loop, &worker->host.site, options->kind->name,
                 worker->policy.deadline_ms, options->ghost_ms);
    spool_adopt(worker->host.spool, &worker->host.site, reap_own_past, worker);
    *ret_worker = STEAL(worker);
    return 0;
}

void worker_look(const struct worker *worker, struct worker_view *ret_view)
{
    *ret_view = (struct worker_view){
        .kind = worker->options->kind,
        .counts = &worker->counts,
        .calls = llm_counts(worker->host.llm),
        .providers = worker->options->providers,
        .connections = {worker->redis, worker->hints},
        .n_runs = worker->n_runs,
        .max_runs = worker->max_runs
    };
}

struct worker *worker_free(struct worker *worker)
{
    if (!worker)
        return NULL;
    loop_timer_clear(&worker->beat);
    loop_timer_clear(&worker->reap);
    loop_timer_clear(&worker->drain);
    loop_later_clear(&worker->refill);
    upkeep_end(&worker->upkeep);
    redis_unsubscribe(worker->channel);
    redis_free(worker->hints);
    for (size_t i = 0; i < worker->n_runs; i++)
        run_free(worker->runs[i]);
    free(worker->runs);
    free(worker->host.free_tenants);
    llm_free(worker->host.llm);
    slots_free(worker->slots);
    ends_free(worker->host.site.ends);
    redis_free(worker->redis); /* after those that still give something back through it */
    fetcher_free(worker->fetcher);
    spool_free(worker->host.spool);
    if (worker->last_words)
        crash_end(worker->last_words);
    free(worker->last_words);
    if (worker->host.library)
        worker->options->kind->unload(worker->host.library);
    free(worker);
    return NULL;
}
