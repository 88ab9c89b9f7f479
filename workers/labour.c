/* Work of a run on a thread of its own, beside the loop, which never waits for it.
 *
 * The thread touches nothing of the run but what its work was given, and rings a bell: when it has
 * news, and when it is over. The loop joins it after that ring, so no join waits for work. A run
 * that ended stays until its labour is over (it counts among the run's writes), and only then its
 * state, which the work uses, is freed. A labour belongs to the answer that waits for it. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "bell.h"
#include "run_private.h"

struct run_compute run_compute(const struct run *run)
{
    struct run_compute compute = run->host->compute;
    cpu_set_t processors;

    if (compute.n_threads == 0 && sched_getaffinity(0, sizeof(processors), &processors) == 0)
        compute.n_threads = (unsigned)CPU_COUNT(&processors);
    compute.n_threads += compute.n_threads == 0;
    return compute;
}

struct labour {
    struct answer *answer;
    struct run_labour how;
    struct bell bell;
    pthread_t thread;
    bool over;    /* set by the thread, by an atomic operation, before its last ring */
    bool stopped; /* it was told */
};

static void *labour_main(void *arg)
{
    struct labour *labour = arg;

    labour->how.work(labour, labour->how.arg);
    __atomic_store_n(&labour->over, true, __ATOMIC_RELEASE);
    bell_ring(&labour->bell);
    return NULL;
}

void labour_news(const struct labour *labour)
{
    bell_ring(&labour->bell);
}

void labour_stop(struct labour *labour)
{
    if (!labour || labour->stopped)
        return;
    labour->stopped = true;
    labour->how.stop(labour->how.arg);
}

struct labour *labour_free(struct labour *labour)
{
    if (!labour)
        return NULL;
    (void)pthread_join(labour->thread, NULL);
    bell_clear(&labour->bell);
    free(labour);
    return NULL;
}

static void on_bell(void *arg)
{
    struct labour *labour = arg;
    struct answer *answer = labour->answer;
    struct run *run = answer->run;

    if (!__atomic_load_n(&labour->over, __ATOMIC_ACQUIRE)) {
        run_wake(run);
        return;
    }
    answer->labour = labour_free(labour);
    if (!run->over)
        run_answered(answer, NULL);
    run_replied(run);
}

/* Signals are for the loop's thread, but for those that a fault raises in its own. */
static void block_signals(sigset_t *ret_before)
{
    static const int faults[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    sigset_t blocked;

    (void)sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
        (void)sigdelset(&blocked, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, ret_before);
}

static struct labour *labour_start(struct answer *answer, const struct run_labour *how)
{
    struct labour *labour = xcalloc(1, sizeof(*labour));
    sigset_t before;

    labour->answer = answer;
    labour->how = *how;
    bell_init(&labour->bell, answer->run->host->loop, on_bell, labour);
    block_signals(&before);
    if (pthread_create(&labour->thread, NULL, labour_main, labour) != 0)
        abort();
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    answer->run->n_writes++;
    return labour;
}

bool run_labour(struct run *run, const char *key, const struct run_labour *how)
{
    struct answer *answer = run_find(run, key);

    if (!answer) {
        answer = run_add(run, key, ANSWER_ASKING);
        answer->labour = labour_start(answer, how);
    }
    return answer->state == ANSWER_KNOWN;
}
