/* A run's end of money.lua.
 *
 * A reservation is made with the slot in hand, so that no money is held back while a call queues
 * for one; the write goes out in the turn in which the call is sent at the earliest, before it.
 * Where neither the job nor its tenant has a budget the call does not wait for the answer: the
 * reservation then only says that the call was made, should we die. That a tenant has none is
 * believed for FREE_MS. Of the calls that wait for money one asks again, at once when another one
 * has settled, else now and then; the next follows when it got some. */
#include "budget.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>

#include "clock.h"
#include "failpoint.h"
#include "id.h"
#include "json.h"
#include "llm.h"
#include "log.h"
#include "money.h"
#include "redis.h"
#include "run_private.h"
#include "text.h"

#define FREE_MS 1000
#define POLL_SPENT_MS 5000 /* until the day is over or somebody raises the budget */
#define POLL_HELD_MS 500   /* other jobs' calls hold the money */
#define SETTLED_MS 5       /* one of ours has just settled, or got money: so may the next */
#define NUMBER_BYTES 24

static struct span number(int64_t value, char out[NUMBER_BYTES])
{
    int n = snprintf(out, NUMBER_BYTES, "%lld", (long long)value);

    return (struct span){out, (size_t)n};
}

/* At that time or, if that is set, earlier. */
static void poll_in(struct run *run, int64_t ms)
{
    struct budget *budget = &run->budget;
    int64_t at_ms = clock_monotonic_ms() + ms;

    if (loop_timer_armed(&budget->poll) && budget->poll_at_ms <= at_ms)
        return;
    budget->poll_at_ms = at_ms;
    loop_timer_set(&budget->poll, ms);
}

void budget_settle(struct answer *answer, enum budget_end how, const struct llm_usage *usage)
{
    static const char *const names[] = {[BUDGET_DONE] = "done",
                                        [BUDGET_MORE] = "more",
                                        [BUDGET_DOUBT] = "doubt",
                                        [BUDGET_DROP] = "drop"};
    _Static_assert(ARRAY_SIZE(names) == BUDGET_END_COUNT_, "an end has no name");
    struct run *run = answer->run;
    char *tenant CLEANUP(charp_freep) = xprintf("tenant:%s", run->lease.tenant);
    char job[JOB_KEY_BYTES], numbers[3][NUMBER_BYTES];

    if (!answer->reserved)
        return;
    answer->reserved = how == BUDGET_MORE;
    job_key(run->lease.id, job);
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_money_settle"),
        SPAN("2"),
        span_of(job),
        span_of(tenant),
        span_of(run->lease.fence),
        span_of(answer->key),
        number(money_of_usd(usage->cost_usd), numbers[0]),
        number(usage->input_tokens, numbers[1]),
        number(usage->output_tokens, numbers[2]),
        span_of(names[how]),
    };
    run->n_writes++;
    redis_command(run->host->site.redis, REDIS_REPEAT, run_noted, run, ARRAY_SIZE(argv), argv);
    if (run->budget.n_held > 0)
        poll_in(run, SETTLED_MS);
}

struct settling {
    struct run *run;
    enum budget_end how;
};

static void settle_one(const void *node, VISIT visit, void *arg)
{
    struct answer *answer = *(struct answer *const *)node;
    const struct settling *settling = arg;
    struct llm_usage usage = {0};

    if ((visit != postorder && visit != leaf) || !answer->call)
        return;
    bool sent = llm_spent(answer->call, &usage);
    budget_settle(answer, sent ? settling->how : BUDGET_DROP, &usage);
}

void budget_settle_all(struct run *run, enum budget_end how)
{
    struct settling settling = {run, how};

    twalk_r(run->answers, settle_one, &settling);
}

/* ---- refused ---- */

struct waking {
    struct answer *answer; /* NULL until one was found */
};

static void find_held(const void *node, VISIT visit, void *arg)
{
    struct answer *answer = *(struct answer *const *)node;
    struct waking *waking = arg;

    if ((visit == postorder || visit == leaf) && answer->held && !waking->answer)
        waking->answer = answer;
}

/* One call asks again for all that wait: a slot taken in vain counts against the provider's rates.
 */
static void on_poll(void *arg)
{
    struct run *run = arg;
    struct waking waking = {NULL};

    twalk_r(run->answers, find_held, &waking);
    if (!waking.answer)
        return;
    waking.answer->held = false;
    if (--run->budget.n_held > 0)
        poll_in(run, POLL_SPENT_MS);
    if (waking.answer->call)
        llm_again(waking.answer->call);
}

static void hold(struct answer *answer, int64_t poll_ms)
{
    struct budget *budget = &answer->run->budget;
    uint32_t word;

    id_random(&word, sizeof(word));
    if (!answer->held)
        budget->n_held++;
    answer->held = true;
    poll_in(answer->run, poll_ms + word % (uint32_t)poll_ms / 2);
    llm_hold(answer->call);
}

static int64_t reply_amount(const struct reply *reply)
{
    return reply->type == REPLY_INTEGER ? reply->integer : 0;
}

static void tell_waiting(struct answer *answer, const struct reply *reply)
{
    struct json *members = json_object();

    json_set_text(members, "reason", "budget");
    json_set_string(members, "budget", reply->items[1]->text);
    json_set_number(members, "cap_usd", (double)reply_amount(reply->items[2]) / MONEY_USD);
    json_set_number(members, "spent_usd", (double)reply_amount(reply->items[3]) / MONEY_USD);
    json_set_number(members, "reserved_usd", (double)reply_amount(reply->items[4]) / MONEY_USD);
    json_set_number(members, "needed_usd", (double)answer->worst / MONEY_USD);
    run_waiting(answer->run, members);
}

/* The job ends with the reason, or it goes on without the answer. */
static void refuse(struct answer *answer, const struct reply *reply)
{
    struct error error = {0};
    char cap[MONEY_TEXT_BYTES], spent[MONEY_TEXT_BYTES], worst[MONEY_TEXT_BYTES];
    bool whole_tenant = span_equal(reply->items[1]->text, SPAN("tenant"));

    money_text(reply_amount(reply->items[2]), cap);
    money_text(reply_amount(reply->items[3]), spent);
    money_text(answer->worst, worst);
    (void)error_set(&error, ERROR_BUDGET, -EDQUOT,
                    "%s of %s USD does not allow the next call: %s USD are spent, and it may cost "
                    "%s USD",
                    whole_tenant ? "the tenant's budget of the day" : "the job's budget", cap,
                    spent, worst);
    if (answer->run->budget.go_on)
        answer_break_off(answer, &error);
    else
        run_break(answer->run, error.code, "%s", error.message);
}

static void refused(struct answer *answer, const struct reply *reply)
{
    bool spent = span_equal(reply->items[0]->text, SPAN("SPENT"));

    log_info("event=budget.refused job=%s whose=%.*s spent=%d", answer->run->lease.id,
             (int)reply->items[1]->text.n, reply->items[1]->text.at, spent);
    if (spent && !answer->run->budget.wait) {
        refuse(answer, reply);
        return;
    }
    tell_waiting(answer, reply);
    hold(answer, spent ? POLL_SPENT_MS : POLL_HELD_MS);
}

/* ---- reserving ---- */

/* What was learnt of tenants, by a hash of the name; a collision only costs a wait. */
static struct budget_free *free_of(const struct run *run)
{
    size_t hash = 5381;

    for (const char *at = run->lease.tenant; *at; at++)
        hash = hash * 33 + (unsigned char)*at;
    return &run->host->free_tenants[hash % BUDGET_FREE_TENANTS];
}

static bool is_free(const struct run *run)
{
    const struct budget_free *known = free_of(run);

    return run->budget.cap < 0 && strcmp(known->tenant, run->lease.tenant) == 0 &&
           clock_monotonic_ms() < known->until_ms;
}

static void note_free(const struct run *run, bool is_free)
{
    struct budget_free *known = free_of(run);

    if (!is_free && strcmp(known->tenant, run->lease.tenant) != 0)
        return;
    known->until_ms = is_free ? clock_monotonic_ms() + FREE_MS : 0;
    (void)snprintf(known->tenant, sizeof(known->tenant), "%s", run->lease.tenant);
}

static void on_reserved(const struct reply *reply, void *arg)
{
    struct answer *answer = arg;
    struct run *run = answer->run;

    run_noted(reply, run);
    if (run->over || !answer->call)
        return;
    FAILPOINT("money.reserved");
    if (reply->type == REPLY_ARRAY && reply->n == 2) {
        if (run->budget.cap < 0)
            note_free(run, reply->items[1]->integer == 0);
        llm_send(answer->call);
        if (run->budget.n_held > 0)
            poll_in(run, SETTLED_MS);
    } else if (reply->type == REPLY_ARRAY && reply->n == 5) {
        note_free(run, false);
        refused(answer, reply);
    } else if (reply->type == REPLY_ERROR && text_starts(reply->text, "FENCED")) {
        run_lost(run);
    } else {
        log_error("event=redis.refused error=\"%s\"", reply->text.at ? reply->text.at : "");
        hold(answer, POLL_SPENT_MS);
    }
}

void budget_reserve(struct answer *answer, double worst_usd)
{
    struct run *run = answer->run;
    char *tenant CLEANUP(charp_freep) = xprintf("tenant:%s", run->lease.tenant);
    char job[JOB_KEY_BYTES], numbers[3][NUMBER_BYTES];
    bool sent = is_free(run);

    answer->worst = money_of_usd(worst_usd);
    answer->reserved = true;
    job_key(run->lease.id, job);
    struct span argv[] = {
        SPAN("FCALL"),
        SPAN("parley1_money_reserve"),
        SPAN("2"),
        span_of(job),
        span_of(tenant),
        span_of(run->lease.fence),
        span_of(answer->key),
        number(answer->worst, numbers[0]),
        run->budget.cap < 0 ? SPAN("") : number(run->budget.cap, numbers[1]),
        number(run->host->tenant_budget, numbers[2]),
        sent ? SPAN("1") : SPAN("0"),
    };
    run->n_writes++;
    redis_command(run->host->site.redis, REDIS_REPEAT, on_reserved, answer, ARRAY_SIZE(argv), argv);
    if (sent)
        llm_send(answer->call);
}

/* ---- life ---- */

void budget_init(struct run *run)
{
    const struct json *budget = json_get(run->request, "budget");
    const struct json *usd = json_get(budget, "usd");

    loop_timer_init(&run->budget.poll, run->host->loop, on_poll, run);
    run->budget.cap = usd ? money_of_usd(json_number(usd)) : -1;
    struct span how =
        json_get_string(budget, "on_exceeded", run->kind->without_model ? "rules" : "fail");
    run->budget.wait = span_equal(how, SPAN("wait"));
    run->budget.go_on = span_equal(how, SPAN("rules"));
}

void budget_deinit(struct run *run)
{
    loop_timer_clear(&run->budget.poll);
}
