/* parley why: one line that says why a job is not running, or not done.
 *
 * Redis gives the facts in one consistent look (views.lua); the table below is gone through from
 * the top, and the first row that holds is the reason. A new reason is a row, and a fact in
 * views.lua. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/page.h"
#include "clock.h"
#include "job.h"
#include "json.h"
#include "redis.h"
#include "text.h"

#define MAX_LINE_BYTES (64U << 10)

static const char *text_of(const struct json *facts, const char *name)
{
    return json_get_string(facts, name, "").at;
}

static int64_t number_of(const struct json *facts, const char *name)
{
    return json_get_integer(facts, name, 0);
}

static bool is_state(const struct json *facts, const char *state)
{
    return span_equal(json_get_string(facts, "state", ""), span_of(state));
}

static void add_duration(struct buf *out, int64_t ms)
{
    char text[PAGE_DURATION_BYTES];

    buf_add_text(out, page_duration(ms, text));
}

/* "3 workers", "1 worker" */
static void add_count(struct buf *out, int64_t n, const char *what)
{
    buf_addf(out, "%" PRId64 " %s%s", n, what, n == 1 ? "" : "s");
}

/* ---- ended ---- */

static bool is_dead(const struct json *facts)
{
    return json_has(facts, "dead");
}

static void add_error(const struct json *facts, struct buf *out)
{
    const struct json *error = json_get(facts, "error");

    if (error)
        buf_addf(out, ": %s: %s", text_of(error, "code"), text_of(error, "message"));
}

static void say_dead(const struct json *facts, struct buf *out)
{
    const struct json *dead = json_get(facts, "dead");

    buf_add_text(out, "is dead: given up after ");
    add_count(out, number_of(dead, "tries"), "try");
    buf_addf(out, " (%s), the last on %s at %s", text_of(dead, "reason"), text_of(dead, "worker"),
             text_of(facts, "ended_at"));
    if (*text_of(dead, "signal"))
        buf_addf(out, ", signal %s", text_of(dead, "signal"));
    if (*text_of(dead, "step"))
        buf_addf(out, ", in step %s", text_of(dead, "step"));
    add_error(facts, out);
}

static bool has_ended(const struct json *facts)
{
    enum job_state state;

    return job_state_parse(json_get_string(facts, "state", ""), &state) == 0 &&
           job_state_finished(state);
}

static void say_ended(const struct json *facts, struct buf *out)
{
    buf_addf(out, "has ended: %s at %s", text_of(facts, "state"), text_of(facts, "ended_at"));
    add_error(facts, out);
}

/* ---- with a worker ---- */

static bool has_worker(const struct json *facts)
{
    return is_state(facts, "running") || is_state(facts, "cancelling");
}

static bool is_silent(const struct json *facts)
{
    return has_worker(facts) && !json_get_bool(facts, "worker_alive", true);
}

static void say_silent(const struct json *facts, struct buf *out)
{
    buf_addf(out, "was running on %s, which is not heard any more (its last sign ",
             text_of(facts, "worker"));
    add_duration(out, number_of(facts, "silent_ms"));
    buf_add_text(out, " ago): another worker takes it over when its lease has run out");
}

static bool is_cancelling(const struct json *facts)
{
    return is_state(facts, "cancelling");
}

static void say_cancelling(const struct json *facts, struct buf *out)
{
    buf_addf(out, "is being cancelled: %s closes its calls", text_of(facts, "worker"));
}

static void add_steps(const struct json *facts, struct buf *out)
{
    const struct json *steps = json_get(facts, "steps"), *progress = json_get(facts, "progress");
    size_t n = json_length(steps);

    if (n > 0)
        buf_addf(out, ", in step %s", json_string(json_at(steps, 0)).at);
    if (n > 1)
        buf_addf(out, " and %zu more", n - 1);
    if (progress)
        buf_addf(out, ", %" PRId64 " of %" PRId64 " %s done", number_of(progress, "done"),
                 number_of(progress, "total"), text_of(progress, "unit"));
}

static bool waits_for_pause(const struct json *facts)
{
    return has_worker(facts) && number_of(json_get(facts, "slot"), "paused_ms") > 0;
}

static void say_pause(const struct json *facts, struct buf *out)
{
    const struct json *slot = json_get(facts, "slot");
    int64_t paused_ms = number_of(slot, "paused_ms");
    char until[CLOCK_TEXT_BYTES];

    clock_text(number_of(facts, "now_ms") + paused_ms, until);
    buf_addf(out, "waits for %s, which is paused for ", text_of(slot, "provider"));
    add_duration(out, paused_ms);
    buf_addf(out, " (until %s); it runs on %s", until, text_of(facts, "worker"));
    add_steps(facts, out);
}

static bool waits_for_slot(const struct json *facts)
{
    return has_worker(facts) && json_has(facts, "slot");
}

static void say_slot(const struct json *facts, struct buf *out)
{
    const struct json *slot = json_get(facts, "slot");

    buf_addf(out,
             "waits for a slot of %s: %" PRId64 " of %" PRId64 " in use, %" PRId64
             " ahead of its worker; it runs on %s",
             text_of(slot, "provider"), number_of(slot, "in_use"), number_of(slot, "limit"),
             number_of(slot, "ahead"), text_of(facts, "worker"));
    add_steps(facts, out);
}

static bool waits_for_money(const struct json *facts)
{
    return has_worker(facts) &&
           span_equal(json_get_string(json_get(facts, "waiting"), "reason", ""), SPAN("budget"));
}

static void say_money(const struct json *facts, struct buf *out)
{
    const struct json *waiting = json_get(facts, "waiting");

    buf_addf(
        out,
        "waits for money: of the %s's budget of %.4f USD %.4f are spent and %.4f reserved, its "
        "next call may cost %.4f; it runs on %s",
        text_of(waiting, "budget"), json_get_number(waiting, "cap_usd", 0),
        json_get_number(waiting, "spent_usd", 0), json_get_number(waiting, "reserved_usd", 0),
        json_get_number(waiting, "needed_usd", 0), text_of(facts, "worker"));
    add_steps(facts, out);
}

/* Whatever else the newest job.waiting says. */
static bool waits_otherwise(const struct json *facts)
{
    return has_worker(facts) && json_has(facts, "waiting");
}

static void say_otherwise(const struct json *facts, struct buf *out)
{
    buf_addf(out, "waits (%s); it runs on %s", text_of(json_get(facts, "waiting"), "reason"),
             text_of(facts, "worker"));
    add_steps(facts, out);
}

static void say_running(const struct json *facts, struct buf *out)
{
    buf_addf(out, "is running on %s", text_of(facts, "worker"));
    if (number_of(facts, "attempt") > 1)
        buf_addf(out, " for the %" PRId64 ". time", number_of(facts, "attempt"));
    add_steps(facts, out);
}

/* ---- in the queue ---- */

static bool is_delayed(const struct json *facts)
{
    return json_has(facts, "delayed_ms");
}

static void say_delayed(const struct json *facts, struct buf *out)
{
    int64_t delayed_ms = number_of(facts, "delayed_ms"), attempt = number_of(facts, "attempt");
    char until[CLOCK_TEXT_BYTES];

    clock_text(number_of(facts, "now_ms") + delayed_ms, until);
    if (attempt > 0)
        buf_addf(out, "failed in its %" PRId64 ". try and is tried again in ", attempt);
    else
        buf_add_text(out, "is not to begin before its time, in ");
    add_duration(out, delayed_ms);
    buf_addf(out, " (at %s)", until);
    if (attempt > 0)
        add_error(facts, out);
}

static bool has_no_workers(const struct json *facts)
{
    return number_of(facts, "workers") == 0;
}

static void say_no_workers(const struct json *facts, struct buf *out)
{
    buf_addf(out, "waits for a worker: none of kind %s is alive", text_of(facts, "kind"));
    if (json_has(facts, "position"))
        buf_addf(out, "; it is number %" PRId64 " of %" PRId64 " of tenant %s",
                 number_of(facts, "position"), number_of(facts, "of_tenant"),
                 text_of(facts, "tenant"));
}

static bool is_capped(const struct json *facts)
{
    int64_t cap = number_of(facts, "tenant_cap");

    return json_has(facts, "position") && cap > 0 && number_of(facts, "tenant_running") >= cap;
}

static void say_capped(const struct json *facts, struct buf *out)
{
    buf_addf(out,
             "waits because tenant %s runs as many jobs as it may (%" PRId64 " of %" PRId64
             "); it is number %" PRId64 " of %" PRId64 " of that tenant",
             text_of(facts, "tenant"), number_of(facts, "tenant_running"),
             number_of(facts, "tenant_cap"), number_of(facts, "position"),
             number_of(facts, "of_tenant"));
}

static bool is_in_line(const struct json *facts)
{
    return json_has(facts, "position");
}

static void say_in_line(const struct json *facts, struct buf *out)
{
    int64_t tenants = number_of(facts, "tenants_ahead"), n_free = number_of(facts, "workers_free");

    buf_addf(out, "waits in the queue: number %" PRId64 " of %" PRId64 " of tenant %s, ",
             number_of(facts, "position"), number_of(facts, "of_tenant"), text_of(facts, "tenant"));
    if (!json_has(facts, "tenants_ahead"))
        buf_add_text(out, "which has no turn now; ");
    else if (tenants == 0)
        buf_add_text(out, "whose turn is next; ");
    else
        buf_addf(out, "%" PRId64 " tenant%s before it (next: %s); ", tenants,
                 tenants == 1 ? "" : "s", text_of(facts, "next_tenant"));
    add_count(out, number_of(facts, "workers"), "worker");
    buf_addf(out, ", %" PRId64 " free", n_free);
}

static bool always(const struct json *facts)
{
    (void)facts;
    return true;
}

static void say_state(const struct json *facts, struct buf *out)
{
    buf_addf(out, "is %s and stands in no queue at this moment: ask again",
             text_of(facts, "state"));
}

// clang-format off
static const struct {
    const char *reason; /* for scripts */
    bool (*holds)(const struct json *facts);
    void (*say)(const struct json *facts, struct buf *out);
} reasons[] = {
    {"dead",            is_dead,         say_dead      },
    {"ended",           has_ended,       say_ended     },
    {"worker_silent",   is_silent,       say_silent    },
    {"cancelling",      is_cancelling,   say_cancelling},
    {"provider_paused", waits_for_pause, say_pause     },
    {"provider_limit",  waits_for_slot,  say_slot      },
    {"budget",          waits_for_money, say_money     },
    {"waiting",         waits_otherwise, say_otherwise },
    {"running",         has_worker,      say_running   },
    {"not_before",      is_delayed,      say_delayed   },
    {"no_worker",       has_no_workers,  say_no_workers},
    {"tenant_limit",    is_capped,       say_capped    },
    {"queue",           is_in_line,      say_in_line   },
    {"unknown",         always,          say_state     },
};
// clang-format on

static void explain(const struct cli *cli, struct json *facts)
{
    const struct page page = {cli->out, cli->colour, cli->width};
    struct buf line;
    size_t i = 0;

    while (!reasons[i].holds(facts))
        i++;
    buf_init(&line, MAX_LINE_BYTES);
    buf_addf(&line, "%s ", text_of(facts, "id"));
    reasons[i].say(facts, &line);
    if (!cli->json) {
        page_row(&page, (struct margin){0}, PAGE_PLAIN, buf_span(&line));
    } else {
        json_set_text(facts, "reason", reasons[i].reason);
        json_set_string(facts, "text", buf_span(&line));
        CLEANUP(charp_freep) char *text = json_text(facts);
        fprintf(cli->out, "%s\n", text);
    }
    buf_deinit(&line);
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    CLEANUP(redis_freep) struct redis *redis = redis_new(cli->loop, cli->redis);
    CLEANUP(json_freep) struct json *facts = NULL;
    const char *id = arguments->operands[0];
    char key[JOB_KEY_BYTES];

    if (!cli_is_id("why", id))
        return CLI_USAGE;
    job_key(id, key);
    int r = cli_ask(cli, redis, (const char *const[]){"FCALL_RO", "parley1_why", "1", key, NULL},
                    &facts);
    if (r != CLI_OK)
        return r;
    if (!facts) {
        fprintf(stderr, "parley why: there is no job %s (any more)\n", id);
        return CLI_REFUSED;
    }
    explain(cli, facts);
    return CLI_OK;
}

const struct command command_why = {
    .name = "why",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "Say in one line why a job is not running or not done",
    .help = "Reads Redis itself (PARLEY_REDIS). With --json the facts it is said from, \"reason\" "
            "and \"text\".\n",
    .run = run,
};
