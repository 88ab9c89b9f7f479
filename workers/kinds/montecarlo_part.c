/* montecarlo_part: a range of trials of a montecarlo job, for that job alone (montecarlo/spread.c).
 * Its result is what the engine keeps of them, or the fault of the first bad trial. It keeps no
 * checkpoint: another attempt begins again, and that is a second's work. */
#include <errno.h>

#include "base64.h"
#include "json.h"
#include "kind.h"
#include "log.h"
#include "montecarlo/montecarlo.h"
#include "run.h"
#include "sim/mc.h"
#include "sim/sim.h"

#define FOUND_MAX_BYTES (6u << 20) /* base64 of it fits into a job's result */

struct part {
    struct mc *mc;
    struct faults faults;
    struct work work;
    uint64_t from, to;
};

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct part *part = xcalloc(1, sizeof(*part));
    int64_t from = json_get_integer(request, "from", 0), to = json_get_integer(request, "to", 0);

    *ret_state = part;
    part->mc = mc_new(json_get(request, "model"), &part->faults);
    if (!part->mc || from < 0 || to <= from || (uint64_t)to > part->mc->trials ||
        (uint64_t)from % SEGMENT_TRIALS != 0)
        return error_set(error, ERROR_INVALID, -EINVAL, "this is no part of a model");
    part->from = (uint64_t)from;
    part->to = (uint64_t)to;
    work_init(&part->work, sim_new_part(part->mc, part->from / SEGMENT_TRIALS,
                                        (part->to - part->from - 1) / SEGMENT_TRIALS + 1));
    part->work.n_threads = run_compute(run).n_threads;
    return 0;
}

static void free_state(void *arg)
{
    struct part *part = arg;

    if (!part)
        return;
    work_deinit(&part->work);
    part->mc = mc_free(part->mc);
    faults_deinit(&part->faults);
    free(part);
}

static struct json *found(const struct work *work)
{
    struct json *json = json_object();
    struct buf bytes;

    buf_init(&bytes, FOUND_MAX_BYTES);
    sim_write(work->sim, &bytes);
    CLEANUP(charp_freep) char *text = base64_text(buf_span(&bytes));
    json_set_text(json, "found", text);
    buf_deinit(&bytes);
    return json;
}

static struct json *bad(const struct work *work)
{
    struct json *json = json_object();

    json_set(json, "errors", faults_json(&work->faults));
    return json;
}

static enum step_result simulate(struct run *run)
{
    struct part *part = run_state(run);
    struct work *work = &part->work;

    if (!work_go(work, run, "simulate"))
        return STEP_WAIT;
    log_info("event=part.computed job=%s from=%llu to=%llu", run_id(run),
             (unsigned long long)part->from, (unsigned long long)part->to);
    run_set_result(run, work->good ? found(work) : bad(work));
    return STEP_NEXT;
}

static const struct step steps[] = {
    {"simulate", simulate},
    {NULL,       NULL    },
};

const struct kind kind_montecarlo_part = {
    .name = PART_KIND,
    .steps = steps,
    .prepare = prepare,
    .free_state = free_state,
};
