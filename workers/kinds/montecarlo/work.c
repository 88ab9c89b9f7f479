/* The engine on a labour. The labour owns the simulation until it is over; between the threads are
 * only the notes, under a lock, and the order to stop, which the engine obeys within some blocks of
 * trials. Where it stops to note something is a matter of counts, never of time: the same job makes
 * the same notes. */
#include "work.h"

#include <stdlib.h>

#include "json.h"
#include "sim/sim.h"

/* A checkpoint larger than this is none. */
#define BYTES_MAX (16u << 20)

struct note *note_free(struct note *note)
{
    if (!note)
        return NULL;
    json_free(note->partial);
    json_free(note->so_far);
    buf_deinit(&note->bytes);
    free(note);
    return NULL;
}

void work_init(struct work *work, struct sim *sim)
{
    *work = (struct work){.sim = sim, .n_threads = 1};
    (void)pthread_mutex_init(&work->lock, NULL);
}

void work_deinit(struct work *work)
{
    if (!work->sim)
        return;
    while (work->first)
        note_free(work_note(work));
    work->sim = sim_free(work->sim);
    work->result = json_free(work->result);
    faults_deinit(&work->faults);
    (void)pthread_mutex_destroy(&work->lock);
}

/* ---- notes ---- */

void note_bytes(struct note *note, const struct sim *sim)
{
    buf_init(&note->bytes, BYTES_MAX);
    sim_write(sim, &note->bytes);
    if (!buf_ok(&note->bytes))
        buf_deinit(&note->bytes);
}

static void add_note(struct work *work, struct note *note)
{
    note->done = sim_done(work->sim);
    (void)pthread_mutex_lock(&work->lock);
    if (work->last)
        work->last->next = note;
    else
        work->first = note;
    work->last = note;
    (void)pthread_mutex_unlock(&work->lock);
    if (work->labour)
        labour_news(work->labour);
}

struct note *work_note(struct work *work)
{
    (void)pthread_mutex_lock(&work->lock);
    struct note *note = work->first;
    if (note)
        work->first = note->next;
    if (!work->first)
        work->last = NULL;
    (void)pthread_mutex_unlock(&work->lock);
    return note;
}

/* Of the engine, at each look. */
static void on_look(struct sim *sim, void *arg)
{
    struct work *work = arg;
    struct note *note;

    if (sim_over(sim))
        return;
    note = xcalloc(1, sizeof(*note));
    note->partial = sim_partial(sim);
    if (work->labour && sim_done(sim) >= work->so_far_from)
        note->so_far = sim_result(sim);
    add_note(work, note);
}

/* ---- computing ---- */

static bool is_there(const struct work *work)
{
    return sim_over(work->sim) || (work->until > 0 && sim_done(work->sim) >= work->until);
}

static void compute(struct work *work)
{
    struct sim_how how = {.n_threads = work->n_threads,
                          .stop = &work->stop,
                          .on_look = work->looks ? on_look : NULL,
                          .arg = work};

    while (!is_there(work)) {
        how.until = work->until;
        if (work->stride > 0) {
            uint64_t next = (sim_done(work->sim) / work->stride + 1) * work->stride;
            how.until = work->until > 0 && work->until < next ? work->until : next;
        }
        if (!sim_run(work->sim, &how, &work->faults))
            return;
        if (work->stride > 0 && !sim_over(work->sim)) {
            struct note *note = xcalloc(1, sizeof(*note));
            note_bytes(note, work->sim);
            add_note(work, note);
        }
    }
    if (work->reports)
        work->result = sim_result(work->sim);
    work->good = true;
}

static void on_labour(struct labour *labour, void *arg)
{
    struct work *work = arg;

    work->labour = labour;
    compute(work);
    work->labour = NULL;
}

static void on_stop(void *arg)
{
    struct work *work = arg;

    __atomic_store_n(&work->stop, true, __ATOMIC_RELAXED);
}

bool work_go(struct work *work, struct run *run, const char *key)
{
    return run_labour(run, key, &(struct run_labour){on_labour, on_stop, work});
}

void work_here(struct work *work)
{
    compute(work);
}
