/* Last words of a worker.
 *
 * The file is opened at the start and stays empty; the handler only writes what is already in
 * memory, with write(2), and lets the signal take its course (SA_RESETHAND: a second fault inside
 * it kills at once). It has a stack of its own, for the case that the stack is what overflowed. The
 * text is the signal's name and then a line a job, "<id> <step>". Who adopts the dead worker's
 * spool reads it and tells Redis; kill -9 leaves an empty file, which says as much. The table is
 * the process's own: a signal handler can be given nothing else. */
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "id.h"
#include "lease.h"
#include "log.h"
#include "text.h"

#define MAX_JOBS 1024
#define STACK_BYTES 16384
#define MAX_TEXT_BYTES (MAX_JOBS * 128u)

struct crash_job {
    char id[ID_TEXT_BYTES]; /* "" = free */
    const char *step;
};

static struct crash_job jobs[MAX_JOBS];
static size_t n_jobs; /* the first so many may be in use */
static int last_fd = -1;
static char stack[STACK_BYTES];

static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGSEGV, "SIGSEGV"},
    {SIGABRT, "SIGABRT"},
    {SIGBUS,  "SIGBUS" },
    {SIGFPE,  "SIGFPE" },
    {SIGILL,  "SIGILL" },
};

static void say(const char *text)
{
    (void)!write(last_fd, text, strlen(text));
}

static void on_fault(int number)
{
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (signals[i].number == number)
            say(signals[i].name);
    say("\n");
    for (size_t i = 0; i < n_jobs; i++) {
        if (!jobs[i].id[0])
            continue;
        say(jobs[i].id);
        say(" ");
        say(jobs[i].step ? jobs[i].step : "");
        say("\n");
    }
    (void)raise(number); /* the default action, once this handler has returned */
}

int crash_begin(const char *path)
{
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};

    if (!path)
        return 0;
    last_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (last_fd < 0 || sigaltstack(&other, NULL) < 0)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (sigaction(signals[i].number, &action, NULL) < 0)
            return -errno;
    return 0;
}

void crash_end(const char *path)
{
    if (last_fd < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        (void)signal(signals[i].number, SIG_DFL);
    (void)close(last_fd);
    last_fd = -1;
    (void)unlink(path);
}

struct crash_job *crash_enter(const char *id)
{
    size_t i = 0;

    while (i < n_jobs && jobs[i].id[0])
        i++;
    if (i == MAX_JOBS)
        return NULL;
    if (i == n_jobs)
        n_jobs++;
    jobs[i].step = NULL;
    (void)snprintf(jobs[i].id, sizeof(jobs[i].id), "%s", id);
    return &jobs[i];
}

void crash_step(struct crash_job *job, const char *step)
{
    if (job)
        job->step = step;
}

struct crash_job *crash_leave(struct crash_job *job)
{
    if (job)
        job->id[0] = '\0';
    while (n_jobs > 0 && !jobs[n_jobs - 1].id[0])
        n_jobs--;
    return NULL;
}

/* ---- of another worker ---- */

static void tell_jobs(struct span text, const char *worker, const struct lease_site *site)
{
    struct span name, line;

    if (!text_next(&text, '\n', &name) || name.n == 0)
        return;
    char *signal_name CLEANUP(charp_freep) = xspandup(name);
    while (text_next(&text, '\n', &line)) {
        struct span id, step = {"", 0};
        if (!text_next(&line, ' ', &id) || !id_valid(id))
            continue;
        (void)text_next(&line, '\n', &step);
        char *id_text CLEANUP(charp_freep) = xspandup(id),
                      *step_text CLEANUP(charp_freep) = xspandup(step);
        lease_evidence(site, worker, id_text, signal_name, step_text);
    }
    log_warn("event=worker.crashed worker=%s signal=%s", worker, signal_name);
}

void crash_tell(const char *path, const char *worker, const struct lease_site *site)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text CLEANUP(charp_freep) = fd >= 0 ? xcalloc(MAX_TEXT_BYTES, 1) : NULL;
    ssize_t n = fd >= 0 ? read(fd, text, MAX_TEXT_BYTES) : -1;

    if (fd >= 0)
        (void)close(fd);
    if (n > 0)
        tell_jobs((struct span){text, (size_t)n}, worker, site);
    (void)unlink(path);
}
