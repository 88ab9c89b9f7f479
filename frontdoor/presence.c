/* Who reads.
 *
 * Redis holds one time a job, at which it is cancelled; each door that has a reader of it moves
 * that time on, three times a grace. So no door has to count the others' readers, and one that is
 * killed is forgotten by itself. When the last reader at this door leaves, the time is set once
 * more: the grace begins then. Workers look at these times in their upkeep; the door looks too, in
 * case no worker of the kind is there. */
#include "presence.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "door.h"
#include "embedded.h"
#include "id.h"
#include "job.h"
#include "policy.h"

#define LATE_MS 50 /* after the grace, when this door looks */

struct presence_job {
    struct presence *presence; /* borrowed: owns this */
    char id[ID_TEXT_BYTES];
    LIST_ENTRY(presence_job) link;
};

struct presence {
    struct door *door; /* borrowed: owns this */
    LIST_HEAD(, presence_job) jobs;
    struct loop_timer beat, due;
    bool left_again; /* since `due` was armed */
};

static void on_beat(void *arg)
{
    struct presence *presence = arg;
    const char *ids[JOB_MAX_ATTEND];
    struct presence_job *job;
    size_t n = 0;

    LIST_FOREACH(job, &presence->jobs, link)
    {
        ids[n++] = job->id;
        if (n == ARRAY_SIZE(ids)) {
            job_attend(presence->door->commands, ids, n, presence->door->config->disconnect_ms);
            n = 0;
        }
    }
    job_attend(presence->door->commands, ids, n, presence->door->config->disconnect_ms);
    if (!LIST_EMPTY(&presence->jobs))
        loop_timer_set(&presence->beat, presence->door->config->disconnect_ms / 3);
}

static void on_due(void *arg)
{
    struct presence *presence = arg;
    struct door *door = presence->door;

    for (const struct embedded *kind = schema_files; kind->name; kind++) {
        const struct policy *policy = policy_find(door->policies, span_of(kind->name));
        if (policy)
            job_tick(door->commands, kind->name, policy->deadline_ms, NULL, NULL);
    }
    if (presence->left_again)
        loop_timer_set(&presence->due, door->config->disconnect_ms);
    presence->left_again = false;
}

struct presence *presence_new(struct door *door)
{
    struct presence *presence = xcalloc(1, sizeof(*presence));

    presence->door = door;
    LIST_INIT(&presence->jobs);
    loop_timer_init(&presence->beat, door->loop, on_beat, presence);
    loop_timer_init(&presence->due, door->loop, on_due, presence);
    return presence;
}

struct presence *presence_free(struct presence *presence)
{
    struct presence_job *job;

    if (!presence)
        return NULL;
    loop_timer_clear(&presence->beat);
    loop_timer_clear(&presence->due);
    while ((job = LIST_FIRST(&presence->jobs))) {
        LIST_REMOVE(job, link);
        free(job);
    }
    free(presence);
    return NULL;
}

static void say(const struct presence_job *job, int64_t grace_ms)
{
    const char *id = job->id;

    if (job->presence->door->commands)
        job_attend(job->presence->door->commands, &id, 1, grace_ms);
}

struct presence_job *presence_come(struct presence *presence, const char *id)
{
    struct presence_job *job = xcalloc(1, sizeof(*job));

    job->presence = presence;
    (void)snprintf(job->id, sizeof(job->id), "%s", id);
    LIST_INSERT_HEAD(&presence->jobs, job, link);
    say(job, presence->door->config->disconnect_ms);
    if (!loop_timer_armed(&presence->beat))
        loop_timer_set(&presence->beat, presence->door->config->disconnect_ms / 3);
    return job;
}

struct presence_job *presence_leave(struct presence_job *job, bool settled)
{
    struct presence *presence = job ? job->presence : NULL;

    if (!job)
        return NULL;
    say(job, settled ? 0 : presence->door->config->disconnect_ms);
    presence->left_again = loop_timer_armed(&presence->due);
    if (!presence->left_again)
        loop_timer_set(&presence->due, presence->door->config->disconnect_ms + LATE_MS);
    LIST_REMOVE(job, link);
    free(job);
    return NULL;
}
