/* montecarlo: runs an mc/1 model (domain.md A3) with the engine of sim/.
 *
 * prepare() reads the model; what is wrong with it is kept as a list and told by the first step,
 * all at once: as the errors of a step.failed event and in the job's error. Then blocks of trials
 * are run in slices of a few milliseconds. Snapshots go out at 4,096 x 2^k trials, never by the
 * clock, so that the same job emits the same events. Nothing is remembered: a run taken over by
 * another worker starts again and finds the same numbers. */
#include "buf.h"
#include "clock.h"
#include "json.h"
#include "kind.h"
#include "run.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/sim.h"

#define SLICE_US 5000
#define FIRST_LOOK 4096
#define ERROR_TEXT_BYTES 4096

struct montecarlo {
    struct mc *mc; /* NULL when there are faults */
    struct sim *sim;
    struct faults faults;
    uint64_t next_look;
};

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct montecarlo *state = xcalloc(1, sizeof(*state));

    (void)run;
    (void)error;
    state->mc = mc_new(request, &state->faults);
    state->next_look = FIRST_LOOK;
    *ret_state = state;
    return 0;
}

static void free_state(void *arg)
{
    struct montecarlo *state = arg;

    if (!state)
        return;
    state->sim = sim_free(state->sim);
    state->mc = mc_free(state->mc);
    faults_deinit(&state->faults);
    free(state);
}

static enum step_result fail(struct run *run, const char *step)
{
    struct montecarlo *state = run_state(run);
    struct json *members = json_object();
    struct buf text;

    json_set_text(members, "step", step);
    json_set(members, "errors", faults_json(&state->faults));
    json_set_bool(members, "will_retry", false);
    run_emit(run, "model/errors", EVENT_STEP_FAILED, members);
    buf_init(&text, ERROR_TEXT_BYTES);
    faults_text(&state->faults, &text);
    enum step_result result = run_fail(run, ERROR_INVALID, "%.480s", text.at ? text.at : "");
    buf_deinit(&text);
    return result;
}

static enum step_result compile(struct run *run)
{
    struct montecarlo *state = run_state(run);

    if (!state->mc)
        return fail(run, "compile");
    state->sim = sim_new(state->mc, state->mc->trials);
    return STEP_NEXT;
}

/* A snapshot at fixed counts; the last one is the result. */
static void look(struct run *run)
{
    struct montecarlo *state = run_state(run);
    uint64_t done = sim_done(state->sim), trials = sim_trials(state->sim);

    if (done == trials)
        run_progress(run, done, trials, "trial");
    if (done != state->next_look)
        return;
    state->next_look *= 2;
    if (done == trials)
        return;
    run_progress(run, done, trials, "trial");
    run_emit(run, run_key("partial/%llu", (unsigned long long)done), EVENT_JOB_PARTIAL,
             sim_partial(state->sim));
}

static enum step_result simulate(struct run *run)
{
    struct montecarlo *state = run_state(run);
    int64_t end = clock_monotonic_us() + SLICE_US;

    /* The clock decides only where a slice ends, never what is computed. */
    while (sim_done(state->sim) < sim_trials(state->sim)) {
        if (clock_monotonic_us() >= end)
            return STEP_AGAIN;
        if (!sim_block(state->sim, &state->faults))
            return fail(run, "simulate");
        look(run);
    }
    return STEP_NEXT;
}

static enum step_result report(struct run *run)
{
    struct montecarlo *state = run_state(run);

    run_set_result(run, sim_result(state->sim));
    return STEP_NEXT;
}

static const struct step steps[] = {
    {"compile",  compile },
    {"simulate", simulate},
    {"report",   report  },
    {NULL,       NULL    },
};

const struct kind kind_montecarlo = {"montecarlo", steps, prepare, free_state};
