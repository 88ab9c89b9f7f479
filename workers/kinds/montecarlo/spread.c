/* The rest of a large simulation, in parts: jobs of the kind montecarlo_part, each a range of
 * trials, done by any worker in any order and merged here in the order of their trials. So the
 * result is the one that a single worker finds, to the bit.
 *
 * Parts end at the looks (4,096 x 2^k trials), so that partial results and stop rules see the very
 * counts they see in one process. At most WINDOW of them are asked for at a time: that, and the
 * checkpoint which takes the place of every answer that is merged, bounds what Redis holds. With a
 * stop rule nothing is asked for behind the next look, since it may be the last. */
#include <stdlib.h>

#include "base64.h"
#include "error.h"
#include "json.h"
#include "montecarlo.h"
#include "run.h"
#include "sim/mc.h"
#include "sim/sim.h"

#define WINDOW 16

struct range {
    uint64_t from, to;
};

static uint64_t next_look(uint64_t done)
{
    uint64_t look = FIRST_LOOK;

    while (look <= done)
        look *= 2;
    return look;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The part that begins at `from`, which is where another one ends. */
static struct range part_at(const struct montecarlo *state, uint64_t from)
{
    uint64_t to = (from / state->part_trials + 1) * state->part_trials;

    return (struct range){from, least(least(to, next_look(from)), state->mc->trials)};
}

static const char *key_of(struct range range)
{
    return run_key("part/%015llu-%llu", (unsigned long long)range.from,
                   (unsigned long long)range.to);
}

static struct json *build(struct run *run, const void *arg)
{
    const struct montecarlo *state = run_state(run);
    const struct range *range = arg;
    struct json *request = json_object();

    json_set(request, "model", json_copy(state->request));
    json_set_integer(request, "from", (int64_t)range->from);
    json_set_integer(request, "to", (int64_t)range->to);
    return request;
}

/* Asks for what may be asked for. The answer of the first part that is not merged yet, NULL when it
 * is not there. */
static const struct run_answer *ask(struct run *run)
{
    const struct montecarlo *state = run_state(run);
    uint64_t done = sim_done(state->work.sim), end = state->mc->trials;
    const struct run_answer *first = NULL;

    if (state->mc->n_rules > 0)
        end = least(end, next_look(done));
    for (size_t i = 0; i < WINDOW && done < end; i++) {
        struct range range = part_at(state, done);
        const struct run_answer *answer = run_spawn(run, key_of(range), PART_KIND, build, &range);
        if (i == 0)
            first = answer;
        done = range.to;
    }
    return first;
}

static bool merge_bytes(struct sim *sim, struct span text, struct error *error)
{
    size_t n = 0;
    unsigned char *bytes = base64_bytes(text, &n);
    bool merged = bytes && sim_merge(sim, (struct span){(char *)bytes, n}, error) == 0;

    free(bytes);
    return merged;
}

static enum step_result merge(struct run *run, const struct run_answer *answer)
{
    struct montecarlo *state = run_state(run);
    struct sim *sim = state->work.sim;
    const struct json *result = json_get(answer->json, "result");
    const struct json *errors = json_get(result, "errors");
    struct range range = part_at(state, sim_done(sim));
    struct error error = {0};
    const char *key = key_of(range);

    if (answer->failed)
        return run_fail(run, ERROR_INTERNAL, "the part from trial %llu on failed: %.300s",
                        (unsigned long long)range.from,
                        json_get_string(json_get(answer->json, "error"), "message", "").at);
    if (errors)
        return montecarlo_fail(run, "simulate", errors);
    if (!merge_bytes(sim, json_get_string(result, "found", ""), &error))
        return run_fail(run, ERROR_INTERNAL, "the part from trial %llu on does not fit: %.300s",
                        (unsigned long long)range.from, error.message);
    struct note *note = xcalloc(1, sizeof(*note));
    note->done = sim_done(sim);
    if (sim_is_look(note->done) && !sim_over(sim))
        note->partial = sim_partial(sim);
    note_bytes(note, sim);
    montecarlo_look(run, note, &key, 1);
    return STEP_AGAIN;
}

enum step_result montecarlo_spread(struct run *run)
{
    struct montecarlo *state = run_state(run);
    struct work *work = &state->work;

    if (!state->split)
        return STEP_NEXT;
    state->merging = !work->reports;
    if (state->merging && !sim_over(work->sim)) {
        const struct run_answer *answer = ask(run);
        return answer ? merge(run, answer) : STEP_WAIT;
    }
    state->merging = false;
    work->reports = true;
    return work_go(work, run, "report") ? STEP_NEXT : STEP_WAIT;
}
