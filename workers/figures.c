/* The figures of a worker process: of each of its workers by kind, of providers over all of them.
 *
 * Runs, calls and connections count for themselves; here it is added up when the page is asked for.
 * A new figure is a member there and a row here. */
#include "figures.h"

#include <assert.h>

#include "kind.h"
#include "llm_count.h"
#include "provider.h"
#include "redis.h"
#include "worker.h"

#define MAX_THINGS 16
#define MICRO 1000000

#define X(name, wire) wire,
static const char *const ending_names[] = {FIGURES_ENDINGS(X)};
static const char *const try_names[] = {LLM_ENDINGS(X)};
#undef X

static const char *const token_names[] = {"input", "output", "cached"};
_Static_assert(ARRAY_SIZE(token_names) == LLM_TOKEN_COUNT_, "a sort of tokens has no name");

// clang-format off
static const struct metric_label
    by_ending  = {"outcome", ending_names,        ARRAY_SIZE(ending_names)},
    by_try     = {"outcome", try_names,           ARRAY_SIZE(try_names)},
    by_token   = {"sort",    token_names,         ARRAY_SIZE(token_names)},
    by_outcome = {"outcome", redis_outcome_names, REDIS_OUTCOME_COUNT_};

#define JOB(name, type, member, label, help) \
    {name, help, METRIC_##type, 1, offsetof(struct run_counts, member), {label, NULL}}
static const struct metric_row job_rows[] = {
    JOB("parley_jobs_claimed_total",   COUNTER, claimed, NULL,       "Jobs claimed."),
    JOB("parley_attempts_ended_total", COUNTER, ended,   &by_ending, "Attempts at jobs that ended, by outcome."),
    JOB("parley_fenced_writes_total",  COUNTER, fenced,  NULL,       "Writes refused because somebody else had the job."),
    JOB("parley_jobs_running",         GAUGE,   running, NULL,       "Jobs that run here."),
    JOB("parley_job_places",           GAUGE,   places,  NULL,       "Jobs that may run here at once."),
};

#define CALL(name, per, member, label, help) \
    {name, help, METRIC_COUNTER, per, offsetof(struct llm_count, member), {label, NULL}}
static const struct metric_row call_rows[] = {
    CALL("parley_provider_calls_total",    1,     tries,          &by_try,   "Calls sent to a provider, by how they ended."),
    CALL("parley_provider_retries_total",  1,     retries,        NULL,      "Calls that were sent again."),
    CALL("parley_provider_tokens_total",   1,     tokens,         &by_token, "Tokens used; cached ones are in input too."),
    CALL("parley_provider_cost_usd_total", MICRO, cost_micro_usd, NULL,      "Dollars spent, by our price table."),
};

struct page {
    struct histogram slot_wait, call_seconds, lag;
    struct redis_tally redis;
    uint64_t redis_pending;
};
#define ROW(name, type, member, label, help) \
    {name, help, METRIC_##type, 1, offsetof(struct page, member), {label, NULL}}
static const struct metric_row rows[] = {
    ROW("parley_slot_wait_seconds",      HISTOGRAM, slot_wait,       NULL,        "How long calls waited for a slot of their provider."),
    ROW("parley_call_seconds",           HISTOGRAM, call_seconds,    NULL,        "How long calls to providers took."),
    ROW("parley_redis_commands_total",   COUNTER,   redis.commands,  &by_outcome, "Commands to Redis; unanswered: lost, or not in time."),
    ROW("parley_redis_command_seconds",  HISTOGRAM, redis.seconds,   NULL,        "From a command to its reply."),
    ROW("parley_redis_connects_total",   COUNTER,   redis.connects,  NULL,        "Connections made to Redis; more than 2 a kind are reconnects."),
    ROW("parley_redis_pending_commands", GAUGE,     redis_pending,   NULL,        "Commands that wait for a reply."),
    ROW("parley_loop_lag_seconds",       HISTOGRAM, lag,             NULL,        "How late the event loop came to a timer."),
};
// clang-format on

static void write_jobs(const struct worker_view *views, size_t n, struct buf *out)
{
    struct metric_thing things[MAX_THINGS];
    struct run_counts counts[MAX_THINGS];

    for (size_t i = 0; i < n; i++) {
        counts[i] = *views[i].counts;
        counts[i].running = views[i].n_runs;
        counts[i].places = views[i].max_runs;
        things[i] = (struct metric_thing){span_of(views[i].kind->name), &counts[i]};
    }
    metrics_write_each(job_rows, ARRAY_SIZE(job_rows), "kind", things, n, out);
}

static void add_count(struct llm_count *sum, const struct llm_count *more)
{
    for (size_t i = 0; i < ARRAY_SIZE(sum->tries); i++)
        sum->tries[i] += more->tries[i];
    for (size_t i = 0; i < ARRAY_SIZE(sum->tokens); i++)
        sum->tokens[i] += more->tokens[i];
    sum->retries += more->retries;
    sum->cost_micro_usd += more->cost_micro_usd;
}

static void write_calls(const struct worker_view *views, size_t n, struct buf *out)
{
    struct metric_thing things[MAX_THINGS];
    struct llm_count counts[MAX_THINGS] = {0};
    const struct provider *provider;
    size_t n_providers = 0;

    while (n_providers < MAX_THINGS && (provider = provider_at(views->providers, n_providers))) {
        struct llm_count *count = &counts[n_providers];

        for (size_t i = 0; i < n; i++)
            add_count(count, &views[i].calls->providers[n_providers]);
        things[n_providers++] = (struct metric_thing){span_of(provider->name), count};
    }
    metrics_write_each(call_rows, ARRAY_SIZE(call_rows), "provider", things, n_providers, out);
}

void figures_write(struct worker *const *workers, size_t n, const struct histogram *lag,
                   struct buf *out)
{
    struct worker_view views[MAX_THINGS];
    struct page page = {.lag = *lag};

    assert(n > 0 && n <= MAX_THINGS);
    for (size_t i = 0; i < n; i++) {
        worker_look(workers[i], &views[i]);
        histogram_merge(&page.slot_wait, &views[i].calls->slot_wait);
        histogram_merge(&page.call_seconds, &views[i].calls->seconds);
        for (size_t j = 0; j < ARRAY_SIZE(views[i].connections); j++) {
            redis_add_tally(views[i].connections[j], &page.redis);
            page.redis_pending += redis_pending(views[i].connections[j]);
        }
    }
    write_jobs(views, n, out);
    write_calls(views, n, out);
    metrics_write(rows, ARRAY_SIZE(rows), &page, out);
    metrics_write_process("parley-worker", out);
}
