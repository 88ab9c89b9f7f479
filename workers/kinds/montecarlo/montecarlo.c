/* montecarlo: runs an mc/1 model (domain.md A3) with the engine of sim/.
 *
 * prepare() reads the model; what is wrong with it is kept as a list and told by the first step,
 * all at once. A small model is computed on the spot. Any other is computed by a labour on threads
 * of its own; one that costs more than a worker should do alone is computed here only up to its
 * first segment, and then in parts by whoever serves montecarlo_part (spread.c). Looks are taken at
 * fixed counts of trials, never by the clock, so that the same job emits the same events and ends
 * at the same trial; the result is the same however it was computed.
 *
 * What the engine has found so far is kept as the job's checkpoint, from which another attempt goes
 * on. A job that is cut short has the result so far as its result, flagged partial. */
#include "montecarlo.h"

#include "buf.h"
#include "json.h"
#include "log.h"
#include "run.h"
#include "sim/mc.h"
#include "sim/sim.h"

#define ERROR_TEXT_BYTES 4096
/* Up to so much is computed between two turns of the loop: some milliseconds. */
#define SMALL_UNITS 4000000
/* From so much work on a job that is cut short has something to show. */
#define SO_FAR_UNITS 100000000
/* A checkpoint, or a part, is about a second's work, or a quarter of what is done alone. */
#define STRIDE_UNITS 2000000000
/* Of a split job: some MB a checkpoint, and a few hundred KB an output in the answer of a part. */
#define SPLIT_OUTPUTS_MAX 12
#define SPLIT_COLUMNS_MAX 28

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct montecarlo *state = xcalloc(1, sizeof(*state));

    (void)run;
    (void)error;
    state->request = request;
    state->mc = mc_new(request, &state->faults);
    *ret_state = state;
    return 0;
}

static void free_state(void *arg)
{
    struct montecarlo *state = arg;

    if (!state)
        return;
    work_deinit(&state->work);
    state->so_far = json_free(state->so_far);
    state->mc = mc_free(state->mc);
    faults_deinit(&state->faults);
    free(state);
}

/* "E_NAME /outputs/x: there is no …; E_…": what fits. */
static void add_texts(struct buf *out, const struct json *errors)
{
    for (size_t i = 0; i < json_length(errors); i++) {
        const struct json *error = json_at(errors, i);
        buf_addf(out, "%s%s %s: %s", i > 0 ? "; " : "", json_get_string(error, "code", "").at,
                 json_get_string(error, "path", "").at, json_get_string(error, "message", "").at);
    }
}

enum step_result montecarlo_fail(struct run *run, const char *step, const struct json *errors)
{
    struct json *members = json_object();
    struct buf text;

    json_set_text(members, "step", step);
    json_set(members, "errors", json_copy(errors));
    json_set_bool(members, "will_retry", false);
    run_emit(run, "model/errors", EVENT_STEP_FAILED, members);
    buf_init(&text, ERROR_TEXT_BYTES);
    add_texts(&text, errors);
    enum step_result result = run_fail(run, ERROR_INVALID, "%.480s", text.at ? text.at : "");
    buf_deinit(&text);
    return result;
}

static enum step_result fail(struct run *run, const char *step, const struct faults *faults)
{
    struct json *errors CLEANUP(json_freep) = faults_json(faults);

    return montecarlo_fail(run, step, errors);
}

void montecarlo_look(struct run *run, struct note *note, const char *const *keys, size_t n)
{
    struct montecarlo *state = run_state(run);

    run_progress(run, note->done, state->mc->trials, "trial");
    if (note->partial)
        run_emit(run, run_key("partial/%llu", (unsigned long long)note->done), EVENT_JOB_PARTIAL,
                 STEAL(note->partial));
    if (note->bytes.n > 0)
        run_checkpoint(run, buf_span(&note->bytes), keys, n);
    if (note->so_far) {
        json_free(state->so_far);
        state->so_far = STEAL(note->so_far);
    }
    note_free(note);
}

static void hear(struct run *run)
{
    struct montecarlo *state = run_state(run);
    struct note *note;

    while ((note = work_note(&state->work)))
        montecarlo_look(run, note, NULL, 0);
}

/* What an earlier attempt left. */
static void resume(struct run *run)
{
    struct montecarlo *state = run_state(run);
    struct span checkpoint = run_last_checkpoint(run);
    struct error error = {0};

    if (checkpoint.n == 0)
        return;
    if (sim_merge(state->work.sim, checkpoint, &error) < 0) {
        /* of another version of the engine: from the start, then */
        log_warn("event=checkpoint.foreign job=%s reason=\"%s\", ignoring", run_id(run),
                 error.message);
        return;
    }
    state->began = sim_done(state->work.sim);
    log_info("event=simulation.resumed job=%s trials=%llu", run_id(run),
             (unsigned long long)state->began);
}

static uint64_t units_each(const struct mc *mc)
{
    return mc->cost_units / mc->trials + 1;
}

/* A power of two of segments, so that the parts meet at the looks. */
static uint64_t stride_of(const struct mc *mc, uint64_t split_units)
{
    uint64_t stride = SEGMENT_TRIALS, each = units_each(mc);
    uint64_t units = split_units / 4 < STRIDE_UNITS ? split_units / 4 : STRIDE_UNITS;

    while (stride * each < units && stride < mc->trials)
        stride *= 2;
    return stride;
}

/* Only what the engine counts in bins can be passed around: where it keeps every value, there are
 * so few trials that they are better computed in one place. And what is passed around is bounded.
 */
static bool can_split(const struct mc *mc)
{
    return mc->trials > SEGMENT_TRIALS && mc_n_outputs(mc) <= SPLIT_OUTPUTS_MAX &&
           mc->n_variables + 2 * mc_n_outputs(mc) <= SPLIT_COLUMNS_MAX &&
           mc->trials * mc_n_outputs(mc) > MC_KEPT_MAX;
}

static enum step_result compile(struct run *run)
{
    struct montecarlo *state = run_state(run);
    struct run_compute compute = run_compute(run);
    const struct mc *mc = state->mc;

    if (!mc)
        return fail(run, "compile", &state->faults);
    if (mc->dry_run) {
        run_set_result(run, mc_dry_run(mc));
        return STEP_NEXT;
    }
    work_init(&state->work, sim_new(mc));
    state->work.n_threads = compute.n_threads;
    state->part_trials = stride_of(mc, compute.split_units);
    state->split = mc->cost_units > compute.split_units && can_split(mc);
    state->work.looks = true;
    state->work.stride = state->part_trials;
    state->work.so_far_from = SO_FAR_UNITS / units_each(mc);
    state->work.until = state->split ? SEGMENT_TRIALS : 0;
    state->work.reports = !state->split;
    resume(run);
    return STEP_NEXT;
}

static enum step_result simulate(struct run *run)
{
    struct montecarlo *state = run_state(run);
    struct work *work = &state->work;

    if (state->mc->dry_run)
        return STEP_NEXT;
    if (state->mc->cost_units <= SMALL_UNITS) {
        work->n_threads = 1;
        work->stride = 0;
        work_here(work);
    } else if (!work_go(work, run, "simulate")) {
        hear(run);
        return STEP_WAIT;
    }
    hear(run);
    log_info("event=simulation.computed job=%s from=%llu to=%llu", run_id(run),
             (unsigned long long)state->began, (unsigned long long)sim_done(work->sim));
    return work->good ? STEP_NEXT : fail(run, "simulate", &work->faults);
}

static enum step_result report(struct run *run)
{
    struct montecarlo *state = run_state(run);

    if (state->mc->dry_run)
        return STEP_NEXT;
    run_progress(run, sim_done(state->work.sim), sim_done(state->work.sim), "trial");
    run_set_result(run, STEAL(state->work.result));
    return STEP_NEXT;
}

/* Cancelled, or out of time: what was found so far, a prefix of the whole run. */
static void cut_short(struct run *run)
{
    struct montecarlo *state = run_state(run);

    if (!state->work.sim)
        return;
    hear(run);
    if (state->merging)
        state->so_far = sim_result(state->work.sim);
    if (!state->so_far)
        return;
    json_set_bool(state->so_far, "partial", true);
    run_set_result(run, STEAL(state->so_far));
}

static const struct step steps[] = {
    {"compile",  compile          },
    {"simulate", simulate         },
    {"spread",   montecarlo_spread},
    {"report",   report           },
    {NULL,       NULL             },
};

const struct kind kind_montecarlo = {
    .name = "montecarlo",
    .steps = steps,
    .prepare = prepare,
    .free_state = free_state,
    .cut_short = cut_short,
    .also = PART_KIND,
};
