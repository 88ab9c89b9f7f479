/* probe: emits as many events as it is asked for, at once or with a delay before each, and ends.
 * The operators' canary, and the benchmarks' job that does no work of its own. */
#include "json.h"
#include "kind.h"
#include "run.h"

struct probe {
    uint64_t events;
    int64_t delay_ms;
};

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct probe *probe = xcalloc(1, sizeof(*probe));

    (void)run;
    (void)error;
    probe->events = (uint64_t)json_get_integer(request, "events", 5);
    probe->delay_ms = json_get_integer(request, "delay_ms", 0);
    *ret_state = probe;
    return 0;
}

static void emit_one(struct run *run, uint64_t done, uint64_t total)
{
    struct json *members = json_object();

    json_set_integer(members, "done", (int64_t)done);
    json_set_integer(members, "total", (int64_t)total);
    json_set_text(members, "unit", "event");
    run_emit(run, run_key("event/%llu", (unsigned long long)done), EVENT_JOB_PROGRESS, members);
}

static enum step_result emit(struct run *run)
{
    const struct probe *probe = run_state(run);

    /* Called again after each delay: what was emitted is known by its key. */
    for (uint64_t i = 1; i <= probe->events; i++) {
        if (probe->delay_ms > 0 &&
            !run_sleep(run, run_key("delay/%llu", (unsigned long long)i), probe->delay_ms))
            return STEP_WAIT;
        emit_one(run, i, probe->events);
    }
    return STEP_NEXT;
}

static enum step_result report(struct run *run)
{
    const struct probe *probe = run_state(run);
    struct json *result = json_object();

    json_set_integer(result, "events", (int64_t)probe->events);
    run_set_result(run, result);
    return STEP_NEXT;
}

static const struct step steps[] = {
    {"emit",   emit  },
    {"report", report},
    {NULL,     NULL  },
};

const struct kind kind_probe = {"probe", steps, prepare, free};
